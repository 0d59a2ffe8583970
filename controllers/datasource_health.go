package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// tryTimeout is how long a source may take: others wait for their turn meanwhile.
const tryTimeout = 5 * time.Second

// try has Grafana try the source, if the object asks for that: at each resync, and when it, or a Secret of its, has
// changed, then once more when Grafana goes by the change.
func (x *source) try(ctx context.Context, have *sourceState) {
	conditions := &x.obj.Status.Conditions
	if !x.obj.Spec.Health {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionHealthy)
		return
	}
	was := meta.FindStatusCondition(*conditions, v1alpha1.ConditionHealthy)
	if was != nil && was.ObservedGeneration == x.obj.Generation && !x.due && !x.written && !x.isToAskAgain() {
		return
	}
	x.asked()
	limited, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	health, err := x.org.CheckDataSource(limited, have.UID)
	found := metav1.Condition{
		Type: v1alpha1.ConditionHealthy, ObservedGeneration: x.obj.Generation,
		Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonWorking, Message: health.Message,
		LastTransitionTime: metav1.NewTime(x.env.Now().UTC().Truncate(time.Second)),
	}
	switch {
	case err != nil && limited.Err() != nil:
		found.Status, found.Reason = metav1.ConditionUnknown, v1alpha1.ReasonNotTried
		found.Message = fmt.Sprintf("Grafana has not said within %s whether it works", tryTimeout)
	case err != nil:
		found.Status, found.Reason = metav1.ConditionUnknown, v1alpha1.ReasonNotTried
		found.Message = "Grafana could not be asked whether it works: " + grafana.Public(err)
	case !health.OK:
		found.Status, found.Reason = metav1.ConditionFalse, v1alpha1.ReasonNotWorking
	}
	found.Message = shortened(found.Message)
	doubt := ""
	if found.Status == metav1.ConditionFalse && x.doubt != "" {
		doubt = x.doubt
		found.Message = strings.TrimSuffix(found.Message, ".") + doubt
	}
	if was != nil && was.Status == found.Status && withoutDigits(was.Message) == withoutDigits(found.Message) &&
		strings.HasSuffix(was.Message, doubt) {
		found.Message = was.Message // ports and times are others each time
	}
	meta.SetStatusCondition(conditions, found)
}

// mostSaid is how much of a plugin's words is kept.
const mostSaid = 500

func shortened(text string) string {
	runes := []rune(strings.ToValidUTF8(text, "?"))
	if len(runes) > mostSaid {
		return string(runes[:mostSaid]) + "…"
	}
	return string(runes)
}

func withoutDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}
