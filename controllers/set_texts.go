package controllers

import (
	"fmt"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/template"
)

const (
	// maxCallsOfSet is how many functions all templates of a set may call: that is done for each Organization.
	maxCallsOfSet = 200
	// maxTexts is how many bytes the texts of one child may have, once they are filled in.
	maxTexts = 64 << 10
)

// setText is a field of a child that is filled in.
type setText struct {
	field string
	value *string
}

// setTexts are the templates of the fields of all children of a set, in the order of these; nil: nothing is filled in.
type setTexts []*template.Template

// compileTexts reads the templates.
func compileTexts(texts []setText) (setTexts, error) {
	all, calls := make(setTexts, len(texts)), 0
	for i, text := range texts {
		if !strings.Contains(*text.value, "{{") {
			continue
		}
		t, err := template.Parse(text.field, v1alpha1.TemplateText(*text.value))
		if err != nil {
			return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, `%v. A literal {{ is written {{ "{{" }}`, err)
		}
		all[i] = t
		if calls += t.Calls(); calls > maxCallsOfSet {
			return nil, lifecycle.Stalled(v1alpha1.ReasonInvalidSpec,
				"%s: with it the template calls more than %d functions", text.field, maxCallsOfSet)
		}
	}
	return all, nil
}

// fill fills the fields of a child in.
func (s setTexts) fill(texts []setText, values map[string]any) error {
	left := maxTexts
	for i, text := range texts {
		if s[i] != nil {
			filled, err := s[i].Fill(values)
			if err != nil {
				return err
			}
			*text.value = string(filled)
		}
		if left -= len(*text.value); left < 0 {
			return fmt.Errorf("%s: with it the texts have more than %d bytes", text.field, maxTexts)
		}
	}
	return nil
}
