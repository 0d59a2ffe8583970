package lifecycle_test

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// from says who may refer to an object.
func from(f v1alpha1.From, labels map[string]string) v1alpha1.AllowedNamespaces {
	allowed := v1alpha1.AllowedNamespaces{From: f}
	if labels != nil {
		allowed.Selector = &metav1.LabelSelector{MatchLabels: labels}
	}
	return allowed
}

// unreadable is a label that no selector can have.
var unreadable = map[string]string{"a b": "c"}

func keyIn(ns, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: ns, Name: name}
}

func TestConsent(t *testing.T) {
	label := map[string]string{"team": "a"}
	for name, test := range map[string]struct {
		allowed v1alpha1.AllowedNamespaces
		from    string
		hidden  bool
		want    bool
	}{
		"own namespace":                 {from("", nil), namespace, false, true},
		"another namespace":             {from("", nil), "labelled", false, false},
		"Same":                          {from(v1alpha1.FromSame, nil), "labelled", false, false},
		"All":                           {from(v1alpha1.FromAll, nil), "labelled", false, true},
		"selector that matches":         {from(v1alpha1.FromSelector, label), "labelled", false, true},
		"selector that does not match":  {from(v1alpha1.FromSelector, label), "plain", false, false},
		"selector, namespace is gone":   {from(v1alpha1.FromSelector, label), "nowhere", false, false},
		"selector, namespaces hidden":   {from(v1alpha1.FromSelector, label), "labelled", true, false},
		"selector that is not there":    {from(v1alpha1.FromSelector, nil), "labelled", false, false},
		"selector that cannot be read":  {from(v1alpha1.FromSelector, unreadable), "labelled", false, false},
		"selector, and own namespace":   {from(v1alpha1.FromSelector, nil), namespace, true, true},
		"All, although hidden":          {from(v1alpha1.FromAll, nil), "labelled", true, true},
		"selector that matches anybody": {from(v1alpha1.FromSelector, map[string]string{}), "plain", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(w *world) { w.hidden = test.hidden })
			create(w, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "labelled", Labels: label}})
			create(w, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "plain"}})
			got, err := w.engine.Permits(t.Context(), test.allowed, namespace, test.from)
			if err != nil || got != test.want {
				t.Errorf("%v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestSelectorThatCannotBeUsedIsTheProblemOfItsObject(t *testing.T) {
	for name, test := range map[string]struct {
		allowed v1alpha1.AllowedNamespaces
		hidden  bool
		problem string
	}{
		"none":       {from(v1alpha1.FromAll, nil), true, ""},
		"a good one": {from(v1alpha1.FromSelector, map[string]string{"a": "b"}), false, ""},
		"hidden":     {from(v1alpha1.FromSelector, map[string]string{"a": "b"}), true, "may not read their labels"},
		"a bad one":  {from(v1alpha1.FromSelector, unreadable), false, "spec.allowedNamespaces.selector: "},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(w *world) { w.hidden = test.hidden })
			err := w.engine.CheckSelector(test.allowed)
			var p *lifecycle.Problem
			switch {
			case test.problem == "" && err == nil:
			case !errors.As(err, &p), !p.Stalled, p.Reason != v1alpha1.ReasonInvalidSpec,
				!strings.Contains(p.Message, test.problem):
				t.Errorf("%v", err)
			}
		})
	}
}

func TestReferenceToAnObject(t *testing.T) {
	for name, test := range map[string]struct {
		key    types.NamespacedName
		reason string
	}{
		"in the same namespace":                {key("server"), ""},
		"not there yet":                        {key("nobody"), v1alpha1.ReasonParentNotFound},
		"in one that allows it":                {keyIn("open", "server"), ""},
		"in one that does not":                 {keyIn("closed", "server"), v1alpha1.ReasonReferenceNotPermitted},
		"not there, in one that does not tell": {keyIn("closed", "nobody"), v1alpha1.ReasonReferenceNotPermitted},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server()
			for ns, allowed := range map[string]v1alpha1.From{"open": v1alpha1.FromAll, "closed": v1alpha1.FromSame} {
				o := &Server{toy("server", "")}
				o.Namespace, o.Spec.Allowed.From = ns, allowed
				create(w, o)
			}
			var got Server
			err := w.engine.ReadParent(t.Context(), test.key, namespace, &got)
			var p *lifecycle.Problem
			switch {
			case test.reason == "":
				if err != nil || got.Namespace != test.key.Namespace {
					t.Errorf("%v, %v", got.Namespace, err)
				}
			case !errors.As(err, &p) || p.Reason != test.reason || p.Stalled || p.Retry:
				t.Errorf("%v", err)
			}
		})
	}
}

func TestParentThatCannotBeReadIsNoRefusal(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("no cache")
	w.fail("read", broken)
	if err := w.engine.ReadParent(t.Context(), key("server"), namespace, &Server{}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestRefusalDoesNotTellWhetherTheObjectExists(t *testing.T) {
	w := newWorld(t)
	o := &Server{toy("server", "")}
	o.Namespace = "closed"
	create(w, o)
	said := func(name string) string {
		err := w.engine.ReadParent(
			t.Context(),
			keyIn("closed", name),
			namespace,
			&Server{},
		)
		return strings.ReplaceAll(err.Error(), name, "?")
	}
	if is, isNot := said("server"), said("nobody"); is != isNot {
		t.Errorf("%q where it exists, %q where it does not", is, isNot)
	}
}

func TestKindThatSaysNothingIsNotReferredToFromElsewhere(t *testing.T) {
	w := newWorld(t)
	o := &Shelf{toy("shelf", "server")}
	o.Namespace, o.Spec.Allowed = "others", from(v1alpha1.FromAll, nil)
	create(w, o)
	if err := w.engine.ReadParent(
		t.Context(),
		keyIn("others", "shelf"),
		namespace,
		&Shelf{},
	); err == nil {
		t.Error("it is let in")
	}
}

func TestReferenceWithoutANamespaceIsToTheObjectsOwn(t *testing.T) {
	ref := v1alpha1.ObjectReference{Name: "server"}
	if got := lifecycle.ParentKey(ref, namespace); got != key("server") {
		t.Error(got)
	}
	ref.Namespace = "others"
	if got := lifecycle.ParentKey(ref, namespace); got.Namespace != "others" {
		t.Error(got)
	}
}
