// Package lifecycle makes Grafana what objects say, whatever their kind: it knows of finalizers, conditions, the intent
// that is written before anything is created, backoff and resyncs, dependents, watches, events and metrics. A kind is
// described by a Kind and supplies the small verbs of External; the lifecycle knows no kind by name.
//
// A visit to an object is a pass. Reconcile reads the object and has the pass apply it or, in a deletion, remove it;
// what came of that is judged, and the verdict put into conditions, events and the time of the next visit.
package lifecycle
