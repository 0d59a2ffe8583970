package controllers_test

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/testing/hostile"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// hostileFloods are inputs that are too much. They have succeeded if the victim's next change does not get through.
func hostileFloods() []hostile.Attempt {
	n := 0
	works := func(s *hostile.Scene) string {
		n++
		suite.Change(
			s.World,
			s.Board,
			func() { s.Board.Spec.Source.JSON = new(fmt.Sprintf(`{"title": "Board %d"}`, n)) },
		)
		suite.Ready(s.World, s.Board)
		s.Before = s.Snapshot()
		return ""
	}
	source := func(name, text string) hostile.Attempt {
		return hostile.Attempt{Name: name, Fence: hostile.ByBounds, Succeeded: works, Try: func(s *hostile.Scene) {
			hostile.Judged(
				s,
				s.MyDashboard("", "mine", text, func(o *v1alpha1.Dashboard) { o.GenerateName = "flood-" }),
			)
		}}
	}
	return []hostile.Attempt{
		source(
			"JSON nested without end",
			`{"title": "x", "x": `+strings.Repeat("[", 50_000)+strings.Repeat("]", 50_000)+`}`,
		),
		source("JSON with a number beyond all numbers", `{"title": "x", "x": 1e999999999, "y": -1e999999999}`),
		source("JSON with a number of 100,000 digits", `{"title": "x", "x": `+strings.Repeat("9", 100_000)+`}`),
		source("JSON of ten thousand fields", `{"title": "x"`+manyFields(10_000)+`}`),
		source("JSON that is no Unicode", "{\"title\": \"x\", \"x\": \"\\ud800\\udfff\\ud800\"}"),
		source("a title of 100 KB", `{"title": "`+strings.Repeat("x", 100_000)+`"}`),
		source("a title that breaks lines and headers", `{"title": "x\r\nX-Grafana-Org-Id: 1\r\n\r\n"}`),
		{
			Name:      "a template that works as hard as it can",
			Fence:     hostile.ByBounds,
			Succeeded: works,
			Try: func(s *hostile.Scene) {
				hard := v1alpha1.TemplateText(
					`{{ $x := indent 60000 "x" }}` + strings.Repeat(`{{ $y := upper $x }}`, 800),
				)
				all := map[string]v1alpha1.TemplateText{}
				for i := range 16 {
					all[fmt.Sprintf("x%d", i)] = hard
				}
				for i := range 4 {
					s.MyToken(
						fmt.Sprintf("hard-%d", i),
						"basis",
						func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Template = all },
					)
				}
			},
		},
		{
			Name:      "twenty rotations at once, with keys that stay",
			Fence:     hostile.ByBounds,
			Succeeded: works,
			Try: func(s *hostile.Scene) {
				k := s.MyToken("spinning", "basis", func(o *v1alpha1.ServiceAccountToken) {
					o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{Duration: 99999 * time.Hour}}
				})
				for i := range 20 {
					suite.Change(
						s.World,
						k,
						func() { k.Annotations = map[string]string{v1alpha1.AnnotationRotate: fmt.Sprint(i)} },
					)
				}
				suite.Ready(s.World, k)
			},
		},
		{
			Name:      "a wish for a rotation of 200 KiB",
			Fence:     hostile.ByBounds,
			Succeeded: works,
			Try: func(s *hostile.Scene) {
				hostile.Judged(s, s.MyToken("wishing", "basis", func(o *v1alpha1.ServiceAccountToken) {
					o.Annotations = map[string]string{v1alpha1.AnnotationRotate: strings.Repeat("x", 200<<10)}
				}))
			},
		},
		{
			Name:      "a ConfigMap of nothing but braces",
			Fence:     hostile.ByBounds,
			Succeeded: works,
			Try: func(s *hostile.Scene) {
				hostile.Placed(
					s,
					&corev1.ConfigMap{
						ObjectMeta: metav1.ObjectMeta{Name: "braces"},
						BinaryData: map[string][]byte{"json": []byte(strings.Repeat(`{"a":`, 40_000))},
					},
					nil,
				)
				hostile.Judged(
					s,
					hostile.Placed(
						s,
						&v1alpha1.Dashboard{ObjectMeta: metav1.ObjectMeta{Name: "braces"}, Spec: v1alpha1.DashboardSpec{
							OrganizationRef: s.Of(
								"mine",
							),
							Source: v1alpha1.DashboardSource{
								ConfigMapRef: &v1alpha1.KeyReference{Name: "braces", Key: "json"},
							},
						}},
						nil,
					),
				)
			},
		},
		{
			Name:      "forty objects that nobody lets in",
			Fence:     hostile.ByBounds,
			Succeeded: works,
			Try: func(s *hostile.Scene) {
				for i := range 40 {
					s.MyDashboard(fmt.Sprintf("many-%d", i), "victim", overview)
				}
			},
		},
	}
}

func manyFields(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"f%d":%d`, i, i)
	}
	return text.String()
}
