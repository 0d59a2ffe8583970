package controllers

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Grafana's plugins come by changed settings late (10.4.3 and 12.4.0). What Grafana has read of a data source for one,
// it goes on with for settingsTTL. And it takes settings for new if they were written in another second: of two changes
// within one, the second may never be used, though Grafana says that it has it.
const (
	settingsTTL  = 5 * time.Second
	changesApart = time.Second
)

// settingsWrite is when this process last wrote a data source, and from when on Grafana is to be asked once more
// whether it works; zero: it is not.
type settingsWrite struct{ at, askAgain time.Time }

func (x *source) lastWrite() settingsWrite {
	last, _ := x.writes.Load(client.ObjectKeyFromObject(x.obj))
	known, _ := last.(settingsWrite)
	return known
}

// noteWrite notes a write that has ended, whatever came of it.
func (x *source) noteWrite() {
	x.written = true
	x.writes.Store(client.ObjectKeyFromObject(x.obj), settingsWrite{x.env.Now(), x.lastWrite().askAgain})
}

// askAgainLater has Grafana asked once more when it goes by what was just written.
func (x *source) askAgainLater() {
	now := x.env.Now()
	x.writes.Store(client.ObjectKeyFromObject(x.obj), settingsWrite{now, now.Add(settingsTTL + changesApart)})
}

// asked notes that Grafana was asked; what is due later is not done by that.
func (x *source) asked() {
	if x.isToAskAgain() {
		x.writes.Store(client.ObjectKeyFromObject(x.obj), settingsWrite{at: x.lastWrite().at})
	}
}

// isToAskAgain reports whether Grafana goes by now by what was written, and was not asked since whether that works.
func (x *source) isToAskAgain() bool {
	from := x.lastWrite().askAgain
	return !from.IsZero() && !x.env.Now().Before(from)
}

// RecheckAfter has Grafana asked again then, once.
func (x *source) RecheckAfter(*sourceState) time.Duration {
	if !x.obj.Spec.Health {
		return 0
	}
	return x.untilAskedAgain()
}

func (x *source) untilAskedAgain() time.Duration {
	return untilTime(x.lastWrite().askAgain, x.env.Now())
}

func untilTime(at, now time.Time) time.Duration { return max(at.Sub(now), 0) }

// waitForNextSecond fails if Grafana might not tell the next change from the last one. What this visit has made, nobody
// has used yet.
func (x *source) waitForNextSecond() error {
	left := untilTime(x.lastWrite().at.Add(changesApart), x.env.Now())
	if x.written || left == 0 {
		return nil
	}
	return &lifecycle.Problem{
		Message: "it was changed less than a second ago", KeepConditions: true, RetryAfter: left,
	}
}
