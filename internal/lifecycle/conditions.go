package lifecycle

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// applyVerdict writes the verdict into the object's conditions.
func (p *pass[T, R]) applyVerdict(v *verdict) {
	if v.suspended {
		c := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown}
		if was := meta.FindStatusCondition(p.obj.CommonStatus().Conditions, v1alpha1.ConditionReady); was != nil {
			c = *was // it speaks of the generation that it spoke of
		}
		c.Reason, c.Message = v1alpha1.ReasonSuspended, "spec.suspend is set: nothing is written to Grafana"
		meta.SetStatusCondition(&p.obj.CommonStatus().Conditions, c)
		return
	}
	if p.searched || !p.entry.statusLost(p.obj) {
		p.obj.CommonStatus().ObservedGeneration = p.obj.GetGeneration()
	}
	p.set(v1alpha1.ConditionReady, v.ready, v.reason, v.message)
	p.setWhile(v1alpha1.ConditionReconciling, v.reconciling, v.reason, v.message)
	p.setWhile(v1alpha1.ConditionStalled, v.stalled, v.reason, v.message)
	p.setWhile(v1alpha1.ConditionDrifted, v.drifted != "", v1alpha1.ReasonDrifted, v.drifted)
	if v.available != "" && p.isUsed(p.entry) {
		p.set(v1alpha1.ConditionAvailable, v.available, v.reason, v.message)
	}
}

// announce says in the conditions of a new object what the pass is about to do. On one that the conditions speak of
// already, their last word stands until there is a new one: a key that is rotated works all the time.
func (p *pass[T, R]) announce(reason, message string) {
	if was := meta.FindStatusCondition(
		p.obj.CommonStatus().Conditions,
		v1alpha1.ConditionReady,
	); was != nil &&
		was.Status != metav1.ConditionUnknown {
		return
	}
	p.set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
	p.setWhile(v1alpha1.ConditionReconciling, true, reason, message)
	p.setWhile(v1alpha1.ConditionStalled, false, "", "")
}

func (p *pass[T, R]) set(kind string, status metav1.ConditionStatus, reason, message string) {
	message = Truncate(message)
	meta.SetStatusCondition(&p.obj.CommonStatus().Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: p.obj.GetGeneration(),
		LastTransitionTime: *p.now(), // in whole seconds, as it comes back: keepStatus compares it with what is there
	})
}

// setWhile keeps a condition that is only there while it is True.
func (p *pass[T, R]) setWhile(kind string, on bool, reason, message string) {
	if on {
		p.set(kind, metav1.ConditionTrue, reason, message)
	} else {
		meta.RemoveStatusCondition(&p.obj.CommonStatus().Conditions, kind)
	}
}

// maxMessage keeps a long answer of Grafana's from filling the object.
const maxMessage = 1000

// Truncate cuts a message that is too long, at a rune's boundary.
func Truncate(s string) string {
	n := maxMessage
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
