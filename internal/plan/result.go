package plan

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/plan/draft"
)

// parentOf is what contains an object; the zero key: nothing does.
func (w *worker) parentOf(obj lifecycle.Object) subjectKey {
	at := slices.IndexFunc(w.controllers, func(c lifecycle.Controller) bool { return c.Name == lifecycle.NameOf(obj) })
	return subjectKey{w.controllers[at].In, w.controllers[at].Parent(obj)}
}

// above follows what contains an object up to one of a kind; the zero key: it leads to none.
func (w *worker) above(obj lifecycle.Object, kind string) client.ObjectKey {
	if lifecycle.NameOf(obj) == kind {
		return client.ObjectKeyFromObject(obj)
	}
	for range 4 {
		parent := w.parentOf(obj)
		if parent.kind == kind || parent.kind == "" {
			return parent.key
		}
		next, there := w.find(parent)
		if !there {
			return client.ObjectKey{}
		}
		obj = next
	}
	return client.ObjectKey{}
}

// find is an object as it would be, or, if it is gone by then, as it was.
func (w *worker) find(k subjectKey) (lifecycle.Object, bool) {
	if obj, there := w.store.objects[k.kind][k.key]; there {
		return obj.(lifecycle.Object), true
	}
	if v := w.subjects[k]; v != nil && v.object != nil {
		return v.object, true
	}
	return nil, false
}

func (w *worker) instanceOf(obj lifecycle.Object) client.ObjectKey { return w.above(obj, "Instance") }

// organizationOf is the Organization that an object is in or stands for; of others, the Instance.
func (w *worker) organizationOf(obj lifecycle.Object) client.ObjectKey {
	switch obj.(type) {
	case *v1alpha1.Instance, *v1alpha1.User:
		return w.instanceOf(obj)
	}
	return w.above(obj, "Organization")
}

// plan puts together what was found out.
func (w *worker) plan() *Plan {
	p := &Plan{Instances: []*Instance{}, Summary: map[Action]int{}}
	instances, organizations := map[client.ObjectKey]*Instance{}, map[client.ObjectKey]*Organization{}
	for _, v := range w.turn() {
		if v.kind == "Instance" {
			i := &Instance{Object: w.resultOf(v)}
			if v.shown || !i.Ready {
				instances[v.key] = i
				p.Instances = append(p.Instances, i)
			}
		}
	}
	for _, v := range w.turn() {
		if !v.shown || v.kind == "Instance" || !v.given && !v.pruned && w.resultOf(v).Action == None {
			continue
		}
		w.enter(p, v, instances, organizations)
	}
	p.each(func(o *Object) {
		if o.Given || o.Pruned || o.Action != None { // what others are in is only named
			p.Summary[o.Action]++
		}
	})
	return p
}

// enter puts an object where it belongs in the plan.
func (w *worker) enter(
	p *Plan, v *subject, instances map[client.ObjectKey]*Instance, organizations map[client.ObjectKey]*Organization,
) {
	result := w.resultOf(v)
	obj, there := w.find(v.subjectKey)
	if !there { // it was refused: nothing tells where it would be
		p.Others = append(p.Others, &result)
		return
	}
	key := w.instanceOf(obj)
	if key.Name == "" {
		p.Others = append(p.Others, &result)
		return
	}
	i := instances[key]
	if i == nil {
		i = &Instance{}
		i.Object = Object{Kind: "Instance", Namespace: key.Namespace, Name: key.Name, Action: None, Ready: true}
		if err := w.Hidden["Instance "+key.String()]; err != nil {
			i.Action, i.Ready, i.Message = Unknown, false, err.Error()
		} else if _, there := w.find(subjectKey{"Instance", key}); !there {
			i.Action, i.Ready, i.Message = Blocked, false, "it does not exist"
		}
		instances[key] = i
		p.Instances = append(p.Instances, i)
	}
	if v.kind == "User" {
		i.Objects = append(i.Objects, &result)
		return
	}
	at := w.organizationOf(obj)
	o := organizations[at]
	if o == nil {
		o = &Organization{Object: Object{
			Kind: "Organization", Namespace: at.Namespace, Name: at.Name, Action: None, Ready: true,
		}}
		if org, there := w.find(subjectKey{"Organization", at}); there {
			o.Label = org.(*v1alpha1.Organization).WantedName()
		}
		organizations[at] = o
		i.Organizations = append(i.Organizations, o)
	}
	if v.kind == "Organization" {
		label := o.Label
		o.Object = result
		o.Label = label
		return
	}
	o.Objects = append(o.Objects, &result)
}

// resultOf is what the plan says of an object.
func (w *worker) resultOf(v *subject) Object {
	o := Object{
		Kind: v.kind, Namespace: v.key.Namespace, Name: v.key.Name, Given: v.given, Pruned: v.pruned,
		Ready: v.last.Ready == metav1.ConditionTrue || v.gone, Reason: v.last.Reason, Message: v.last.Message,
	}
	for _, r := range v.writes {
		if request := r.Method + " " + r.Route; !slices.Contains(o.Requests, request) {
			o.Requests = append(o.Requests, request)
		}
	}
	switch {
	case v.refused != "":
		o.Action, o.Ready, o.Reason, o.Message = Blocked, false, "Invalid", v.refused
		return o
	case v.last.Suspended:
		o.Ready, o.Reason = true, v1alpha1.ReasonSuspended
		o.Message = "spec.suspend is set: nothing is written to Grafana"
	case v.visits == 0 && v.last.Message == "":
		o.Message = "it is not in Grafana, and nothing has to be deleted"
	}
	if o.Action = w.actionOf(v); o.Action == None || o.Ready && v.last.Reason == v1alpha1.ReasonInSync {
		o.Reason, o.Message = clean(o)
	}
	if why := w.withheldAbove(v); why != "" && o.Action == Unknown {
		o.Reason, o.Message = ReasonCredentialWithheld, why
	}
	if slices.Contains([]Action{Change, Adopt, Blocked}, o.Action) && v.has(v1alpha1.EventCreated) == nil {
		o.Fields = v.fieldsToTell()
	}
	o.Notes = append(v.notes(), w.dueLater(v)...)
	return o.withoutDraftedIDs()
}

// settings is the field of a data source that has the mark in it.
const settings = "jsonData"

// fieldsToTell are the fields that would be put right. Of a data source whose settings are as they should be, but for
// the mark in them, it is the mark.
func (v *subject) fieldsToTell() []string {
	at := slices.Index(v.fields, settings)
	writes := slices.DeleteFunc(slices.Clone(v.writes), func(r draft.Write) bool {
		return r.Route != "/api/datasources/uid/:uid"
	})
	other := slices.ContainsFunc(writes, func(r draft.Write) bool { return !r.MarksOnly })
	if v.kind != "DataSource" || at < 0 || len(writes) == 0 || other {
		return v.fields
	}
	return slices.Replace(slices.Clone(v.fields), at, at+1, "mark")
}

// withoutDraftedIDs is an object of the plan without ids that only the draft has given.
func (o Object) withoutDraftedIDs() Object {
	o.Message = draft.WithoutIDs(o.Message)
	for _, texts := range [][]string{o.Notes, o.Requests} {
		for i := range texts {
			texts[i] = draft.WithoutIDs(texts[i])
		}
	}
	return o
}

// clean drops what goes without saying.
func clean(o Object) (reason, message string) {
	if o.Reason == v1alpha1.ReasonInSync || o.Reason == "" {
		return "", o.Message[:0]
	}
	return o.Reason, o.Message
}

// has is the first event of a reason.
func (v *subject) has(reasons ...string) *lifecycle.Event {
	for i := range v.events {
		if slices.Contains(reasons, v.events[i].Reason) {
			return &v.events[i]
		}
	}
	return nil
}

// notes are the events that say more than the action does.
func (v *subject) notes() (notes []string) {
	for _, e := range v.events {
		own := e != lifecycle.EventCreated && !slices.Contains(
			[]string{v1alpha1.EventUpdated, v1alpha1.EventFound, v1alpha1.EventDeleted}, e.Reason)
		if own && !slices.Contains(notes, e.Message) {
			notes = append(notes, e.Message)
		}
	}
	return notes
}

// dueLater says what will be done by and by, since time passes.
func (w *worker) dueLater(v *subject) (notes []string) {
	token, is := w.store.objects[v.kind][v.key].(*v1alpha1.ServiceAccountToken)
	if !is {
		return nil
	}
	for _, old := range token.Status.Superseded {
		notes = append(notes, "the key before it works until "+old.RevokedAfter.UTC().Format(time.RFC3339)+
			", and is revoked then")
	}
	return notes
}

// actionOf says what the operator would do for an object.
func (w *worker) actionOf(v *subject) Action {
	deleting := v.pruned || v.object != nil && v.object.GetDeletionTimestamp() != nil
	wrote := len(v.writes) > 0
	switch {
	case v.unseen && !wrote, v.unseen && deleting && !v.gone, w.isCutOff(v):
		return Unknown
	case deleting:
		return v.ending(wrote)
	case v.has(v1alpha1.EventCreated) != nil:
		return Create
	case v.has(v1alpha1.EventFound) != nil:
		return Adopt
	case v.has(v1alpha1.EventRotated, v1alpha1.EventReissued, v1alpha1.EventUpdated) != nil, wrote && len(v.fields) > 0:
		return Change
	case wrote:
		return Create
	case v.last.Suspended, v.last.Ready == metav1.ConditionTrue, !w.foresees(v.kind) && !v.changed:
		return None
	case v.last.Tried, v.last.Ready == "": // nothing came of the visit
		return Unknown
	}
	return Blocked
}

// ending says what becomes of an object that is being deleted.
func (v *subject) ending(wrote bool) Action {
	switch {
	case v.has(v1alpha1.EventOrphaned, v1alpha1.EventAbandoned) != nil:
		return Release
	case wrote && !v.last.Stalled: // what was written before it is refused is no deletion
		return Delete
	case v.gone || v.visits == 0:
		return None
	case v.last.Tried:
		return Unknown
	}
	return Blocked
}

// isCutOff reports whether the Grafana that an object is in could not be asked.
func (w *worker) isCutOff(v *subject) bool {
	if len(v.writes) > 0 || v.gone || v.visits == 0 {
		return false
	}
	obj, there := w.find(v.subjectKey)
	if !there {
		return false
	}
	i := w.subjects[subjectKey{"Instance", w.instanceOf(obj)}]
	return i != nil && i.visits > 0 && i.last.Ready != metav1.ConditionTrue && i.last.Tried
}
