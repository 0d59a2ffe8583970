package controllers_test

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

// hostileFloods are inputs that are too much. They have succeeded if the victim's next change does not get through.
func hostileFloods() []attempt {
	n := 0
	works := func(s *scene) string {
		n++
		change(s.world, s.board, func() { s.board.Spec.Source.JSON = new(fmt.Sprintf(`{"title": "Board %d"}`, n)) })
		ready(s.world, s.board)
		s.before = s.snapshot()
		return ""
	}
	source := func(name, text string) attempt {
		return attempt{name: name, fence: byBounds, succeeded: works, try: func(s *scene) {
			judged(s, s.hostileDashboard("", "mine", text, func(o *v1alpha1.Dashboard) { o.GenerateName = "flood-" }))
		}}
	}
	return []attempt{
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
		{name: "a template that works as hard as it can", fence: byBounds, succeeded: works, try: func(s *scene) {
			hard := v1alpha1.TemplateText(`{{ $x := indent 60000 "x" }}` + strings.Repeat(`{{ $y := upper $x }}`, 800))
			all := map[string]v1alpha1.TemplateText{}
			for i := range 16 {
				all[fmt.Sprintf("x%d", i)] = hard
			}
			for i := range 4 {
				s.hostileToken(
					fmt.Sprintf("hard-%d", i),
					"basis",
					func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Template = all },
				)
			}
		}},
		{name: "twenty rotations at once, with keys that stay", fence: byBounds, succeeded: works, try: func(s *scene) {
			k := s.hostileToken("spinning", "basis", func(o *v1alpha1.ServiceAccountToken) {
				o.Spec.Rotation = &v1alpha1.TokenRotation{Overlap: &metav1.Duration{Duration: 99999 * time.Hour}}
			})
			for i := range 20 {
				change(
					s.world,
					k,
					func() { k.Annotations = map[string]string{v1alpha1.AnnotationRotate: fmt.Sprint(i)} },
				)
			}
			ready(s.world, k)
		}},
		{name: "a wish for a rotation of 200 KiB", fence: byBounds, succeeded: works, try: func(s *scene) {
			judged(s, s.hostileToken("wishing", "basis", func(o *v1alpha1.ServiceAccountToken) {
				o.Annotations = map[string]string{v1alpha1.AnnotationRotate: strings.Repeat("x", 200<<10)}
			}))
		}},
		{name: "a ConfigMap of nothing but braces", fence: byBounds, succeeded: works, try: func(s *scene) {
			placed(
				s,
				&corev1.ConfigMap{
					ObjectMeta: metav1.ObjectMeta{Name: "braces"},
					BinaryData: map[string][]byte{"json": []byte(strings.Repeat(`{"a":`, 40_000))},
				},
				nil,
			)
			judged(
				s,
				placed(
					s,
					&v1alpha1.Dashboard{ObjectMeta: metav1.ObjectMeta{Name: "braces"}, Spec: v1alpha1.DashboardSpec{
						OrganizationRef: s.of(
							"mine",
						),
						Source: v1alpha1.DashboardSource{
							ConfigMapRef: &v1alpha1.KeyReference{Name: "braces", Key: "json"},
						},
					}},
					nil,
				),
			)
		}},
		{name: "forty objects that nobody lets in", fence: byBounds, succeeded: works, try: func(s *scene) {
			for i := range 40 {
				s.hostileDashboard(fmt.Sprintf("many-%d", i), "victim", overview)
			}
		}},
	}
}

func manyFields(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"f%d":%d`, i, i)
	}
	return text.String()
}
