package crash

import (
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// telling prints what happens in a life.
var telling = os.Getenv("CRASH_TELL") != ""

// note adds to the tale.
func (w *World) note(format string, args ...any) {
	line := w.Clock.Format("15:04:05.000000 ") + fmt.Sprintf(format, args...) + "\n"
	_, _ = io.WriteString(w.tale, line)
	if telling {
		fmt.Print(line)
	}
}

// noteVisit tells what came of a visit.
func (w *World) noteVisit(f *flight) {
	if w.note("visited %s: again after %s, %v", f.key, withoutJitter(f.result.RequeueAfter), f.err); !telling {
		return
	}
	for _, obj := range w.objects() {
		if KindOf(obj)+" "+client.ObjectKeyFromObject(obj).String() == f.key {
			ready := meta.FindStatusCondition(obj.CommonStatus().Conditions, v1alpha1.ConditionReady)
			fmt.Printf("\t%+v\n", ready)
		}
	}
}
