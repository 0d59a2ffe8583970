// Package admission does with objects of our kinds what the API server does by their CRDs before it takes them.
package admission

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"grafana-tenancy.dev/operator/config/crd"
)

// Definition is what the API server does with objects of a kind before it takes them.
type Definition struct {
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// Definitions of our kinds, by kind.
func Definitions() (map[string]*Definition, error) {
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, err
	}
	all := map[string]*Definition{}
	for _, name := range files {
		text, err := crd.Bases.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var d apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if all[d.Spec.Names.Kind], err = definitionOf(&d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, nil
}

func definitionOf(d *apiextensionsv1.CustomResourceDefinition) (*Definition, error) {
	var props apiextensions.JSONSchemaProps
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		d.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil)
	if err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(&props)
	if err != nil {
		return nil, err
	}
	schema, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, err
	}
	return &Definition{structural, schema, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// Fill fills in what an object leaves out.
func (d *Definition) Fill(obj map[string]any) { defaulting.Default(obj, d.structural) }

// Admit fills in what an object leaves out, and says why it would not be taken. was is the object that it changes; nil:
// it is a new one.
func (d *Definition) Admit(ctx context.Context, obj, was map[string]any) error {
	unknown := pruning.PruneWithOptions(obj, d.structural, true, structuralschema.UnknownFieldPathOptions{
		TrackUnknownFieldPaths: true,
	})
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("unknown fields: %s", strings.Join(unknown, ", "))
	}
	errs := d.Refused(ctx, obj, was)
	if len(errs) == 0 {
		return nil
	}
	texts := make([]string, 0, len(errs))
	for _, e := range errs {
		texts = append(texts, e.Error())
	}
	return fmt.Errorf("%s", strings.Join(texts, "; "))
}

// Refused fills in what an object leaves out, and says what of it would not be taken, without the values. was is the
// object that it changes; nil: it is a new one.
func (d *Definition) Refused(ctx context.Context, obj, was map[string]any) field.ErrorList {
	defaulting.PruneNonNullableNullsWithoutDefaults(obj, d.structural) // a null says nothing
	d.Fill(obj)
	errs := validation.ValidateCustomResource(nil, obj, d.schema)
	if was != nil {
		errs = validation.ValidateCustomResourceUpdate(nil, obj, was, d.schema)
	}
	if len(errs) == 0 && d.rules != nil { // rules go by what the schema says
		var old any
		if was != nil {
			old = was
		}
		var broken field.ErrorList
		broken, _ = d.rules.Validate(ctx, nil, d.structural, obj, old, celconfig.RuntimeCELCostBudget)
		errs = append(errs, broken...)
	}
	for _, e := range errs {
		e.BadValue = field.OmitValueType{} // which can be anything, a secret too
	}
	return errs
}
