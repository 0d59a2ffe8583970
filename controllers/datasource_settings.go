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

// settingsWrite is when this process last wrote a data source, and whether Grafana is to be asked once more whether it
// works, when it goes by that.
type settingsWrite struct {
	at       time.Time
	askAgain bool
}

// usedIn is how long until Grafana goes by it.
func (w settingsWrite) usedIn(now time.Time) time.Duration {
	return max(w.at.Add(settingsTTL+changesApart).Sub(now), 0)
}

// noteWrite notes a write that has ended. What was just made Grafana uses at once, and what was refused it never does.
func (x *source) noteWrite(made bool, err error) {
	x.written = true
	x.writes.Store(client.ObjectKeyFromObject(x.obj), settingsWrite{x.env.Now(), !made && err == nil})
}

func (x *source) lastWrite() settingsWrite {
	last, _ := x.writes.Load(client.ObjectKeyFromObject(x.obj))
	known, _ := last.(settingsWrite)
	return known
}

// waitForNextSecond fails if Grafana might not tell the next change from the last one. What this visit has made, nobody
// has used yet.
func (x *source) waitForNextSecond() error {
	left := x.lastWrite().at.Add(changesApart).Sub(x.env.Now())
	if x.written || left <= 0 {
		return nil
	}
	return &lifecycle.Problem{
		Message: "it was changed less than a second ago", KeepConditions: true, RetryAfter: left,
	}
}

// isToAskAgain reports whether Grafana uses by now what was written last, and was not asked since whether that works.
func (x *source) isToAskAgain() bool {
	last := x.lastWrite()
	return last.askAgain && last.usedIn(x.env.Now()) == 0
}

// RecheckAfter has Grafana asked again then, once.
func (x *source) RecheckAfter(*sourceState) time.Duration {
	last := x.lastWrite()
	if !last.askAgain || !x.obj.Spec.Health {
		return 0
	}
	return last.usedIn(x.env.Now())
}
