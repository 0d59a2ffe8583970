package template

import (
	"strings"
	"testing"
	"unicode/utf8"

	"grafana-tenancy.dev/operator/api/v1alpha1"
)

const sampleKey = "glsa_0123456789abcdefghijABCDEFGHIJxy_0a1b2c3d"

// templateValues are what a template gets to see.
func templateValues() map[string]any {
	return map[string]any{
		"token": sampleKey, "expiresAt": "2026-01-02T03:04:05Z", "login": "sa-2-ci-0a1b2c3d",
		"url": "https://grafana.example.com/sub", "orgID": int64(7), "orgName": `The "A&B" Team`,
	}
}

// renderOne fills in one template.
func renderOne(text string) (string, error) {
	data, err := Render(map[string]v1alpha1.TemplateText{"file": v1alpha1.TemplateText(text)}, templateValues())
	return string(data["file"]), err
}

func TestTemplateRenders(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		"no template":         "no template",
		"{{/* a comment */}}": "",
		"{{ .token }}":        sampleKey,
		"{{ .url }} {{ .orgID }} {{ .orgName }} {{ .login }} {{ .expiresAt }}": `https://grafana.example.com/sub 7 The "A&B" Team sa-2-ci-0a1b2c3d 2026-01-02T03:04:05Z`,
		"a\n  {{- .orgID -}}  \nb":                                             "a7b",
		"{{ $x := .login }}{{ $x }}{{ $x = `y` }}{{ $x }}":                     "sa-2-ci-0a1b2c3dy",
		"{{ if .expiresAt }}until{{ else }}never{{ end }}":                     "until",
		"{{ if eq .orgID 1 }}a{{ else if eq .orgID 7 }}b{{ end }}":             "b",
		"{{ with .login }}{{ . }}{{ end }}":                                    "sa-2-ci-0a1b2c3d",
		"{{ with `` }}x{{ else with .orgID }}{{ . }}{{ end }}":                 "7",
		"{{ with $ }}{{ .orgID }}{{ end }}":                                    "7",
		"{{ and .orgID (or `` .login) }}":                                      "sa-2-ci-0a1b2c3d",
		"{{ not .token }} {{ ne .login `x` }} {{ eq .orgID 6 7 }}":             "false true true",
		"{{ default `never` .expiresAt }} {{ `` | default `never` }}":          "2026-01-02T03:04:05Z never",
		"{{ .orgName | quote }}":                                               `"The \"A\u0026B\" Team"`,
		"{{ toJson .orgID }} {{ toJson true }} {{ toJson nil }}":               "7 true null",
		"{{ b64enc .login }}":                                                  "c2EtMi1jaS0wYTFiMmMzZA==",
		"{{ urlquery .orgName }}":                                              "The+%22A%26B%22+Team",
		"{{ lower .orgName }} {{ upper .login }}":                              `the "a&b" team SA-2-CI-0A1B2C3D`,
		"{{ trimPrefix `https://` .url }}":                                     "grafana.example.com/sub",
		"{{ .url | trimSuffix `/sub` | trimPrefix `https://` }}":               "grafana.example.com",
		"{{ indent 2 `a\nb` }}":                                                "  a\n  b",
		"x:{{ nindent 4 `a` }}":                                                "x:\n    a",
		"{{ .login | b64enc | urlquery | lower | quote | toJson | indent 1 }}": ` "\"c2etmi1jas0wytfimmmzza%3d%3d\""`,
		strings.Repeat("x", 16<<10):                                            strings.Repeat("x", 16<<10),
	} {
		if got, err := renderOne(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	all, err := renderOne("{{ toJson . }}")
	if err != nil || !strings.Contains(all, `"token":"`+sampleKey+`"`) || !strings.Contains(all, `"orgID":7`) {
		t.Errorf("the whole of it: %s, %v", all, err)
	}
}

func TestTemplatesByName(t *testing.T) {
	data, err := Render(map[string]v1alpha1.TemplateText{"a": "{{ .orgID }}", "b.env": "x", "c": ""}, templateValues())
	if err != nil || len(data) != 3 || string(data["a"]) != "7" || string(data["b.env"]) != "x" || len(data["c"]) != 0 {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := Render(nil, templateValues()); err != nil || data == nil {
		t.Errorf("none: %v, %v", data, err)
	}
	_, err = Render(map[string]v1alpha1.TemplateText{"good": "x", "bad": "{{ .nothing }}"}, templateValues())
	if err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("the error does not say which: %v", err)
	}
}

// refusedTemplates with a word that each refusal must have.
var refusedTemplates = map[string]string{
	"{{ .token":                         "unclosed action",
	"{{ if .token }}":                   "unexpected EOF",
	"{{ end }}":                         "unexpected {{end}}",
	"{{ .nothing }}":                    "nothing",
	"{{ .token.nothing }}":              "nothing",
	"{{ $.nothing }}":                   "nothing",
	"{{ $x }}":                          "undefined variable",
	"{{ .token .url }}":                 "token",
	"{{ nil }}":                         "nil",
	"{{ indent .token .token }}":        "wrong type",
	"{{ quote .orgID }}":                "wrong type",
	"{{ lower nil }}":                   "cannot assign nil",
	"{{ eq .token .orgID }}":            "incompatible types",
	"{{ range . }}x{{ end }}":           "cannot be used here",
	"{{ range 9 }}{{ break }}{{ end }}": "cannot be used here",
	"{{ if .token }}{{ range . }}{{ end }}{{ end }}":             "cannot be used here",
	"{{ if .token }}{{ else }}{{ range . }}{{ end }}{{ end }}":   "cannot be used here",
	"{{ with .token }}{{ range $ }}{{ end }}{{ end }}":           "cannot be used here",
	"{{ with .token }}{{ else }}{{ range . }}{{ end }}{{ end }}": "cannot be used here",
	"{{ template `file` }}":                                      "cannot be used here",
	"{{ template `file` . }}":                                    "cannot be used here",
	"{{ if .token }}{{ template `file` . }}{{ end }}":            "cannot be used here",
	"{{ define `other` }}x{{ end }}y":                            "cannot define others",
	"{{ block `other` . }}x{{ end }}":                            "cannot define others",
	"{{ define `file` }}{{ template `file` . }}{{ end }}":        "cannot be used here",
	"{{ printf `%9999999d` 1 }}":                                 "printf cannot be used here",
	"{{ print .token }}":                                         "print cannot be used here",
	"{{ println .token }}":                                       "println cannot be used here",
	"{{ html .token }}":                                          "html cannot be used here",
	"{{ js .token }}":                                            "js cannot be used here",
	"{{ len .token }}":                                           "len cannot be used here",
	"{{ index . `token` }}":                                      "expected map[string]string",
	"{{ slice .token 1 2 }}":                                     "slice cannot be used here",
	"{{ call .token }}":                                          "call cannot be used here",
	"{{ lt 1 2 }}":                                               "lt cannot be used here",
	"{{ if (len .token) }}x{{ end }}":                            "len cannot be used here",
	"{{ with $x := (printf `a`) }}x{{ end }}":                    "printf cannot be used here",
	"{{ $x := print 1 }}":                                        "print cannot be used here",
	"{{ .token | printf `%s` }}":                                 "printf cannot be used here",
	"{{ (index . `token`).x }}":                                  "expected map[string]string",
	"{{ env `HOME` }}":                                           `"env" not defined`,
	"{{ indent -1 .token }}":                                     "longer than 64 KiB",
	"{{ indent 65537 `` }}":                                      "longer than 64 KiB",
	"{{ nindent 65537 `` }}":                                     "longer than 64 KiB",
	"{{ indent 9223372036854775807 `a\nb` }}":                    "longer than 64 KiB",
	"{{ nindent 4611686018427387904 `a\nb\nc\nd` }}":             "longer than 64 KiB",
	"{{ $x := indent 60000 .token }}{{ $x }}{{ $x }}":            "longer than 64 KiB",
	"{{ indent 50000 .token | b64enc }}":                         "longer than 64 KiB",
	"{{ indent 30000 .token | urlquery | urlquery | urlquery }}": "longer than 64 KiB",
}

func TestTemplateRefusals(t *testing.T) {
	for text, word := range refusedTemplates {
		got, err := renderOne(text)
		if err == nil {
			t.Errorf("%q is %.100q", text, got)
			continue
		}
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is refused without %q: %v", text, word, err)
		}
		tellsNothing(t, text, err)
	}
}

// tellsNothing fails if an error holds a value of the data that the template itself does not.
func tellsNothing(t *testing.T, text string, err error) {
	t.Helper()
	for name, value := range templateValues() {
		if s, ok := value.(string); ok && strings.Contains(err.Error(), s) && !strings.Contains(text, s) {
			t.Errorf("the error of %q tells .%s", text, name)
		}
	}
	if len(err.Error()) > 2*len(text)+1000 {
		t.Errorf("the error of a template of %d bytes has %d bytes", len(text), len(err.Error()))
	}
}

// No nesting makes text that grows without bound: not by with, not by variables, not by escapes that are escaped again.
func TestTemplateIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"escapes of escapes":     "{{ .orgName" + strings.Repeat(" | toJson", 100) + " }}",
		"escapes of percents":    "{{ .orgName" + strings.Repeat(" | urlquery", 100) + " }}",
		"base64 of base64":       "{{ .token" + strings.Repeat(" | b64enc", 100) + " }}",
		"indents of indents":     "{{ .token" + strings.Repeat(" | nindent 99", 100) + " }}",
		"with in with":           strings.Repeat("{{ with toJson $ | toJson }}{{ . }}{{ . }}{{ . }}", 50) + strings.Repeat("{{ end }}", 50),
		"with of itself":         "{{ with $x := .token }}" + strings.Repeat("{{ $x = $x | nindent 99 | nindent 99 }}{{ $x }}", 50) + "{{ end }}",
		"everything, many times": "{{ $x := toJson . | indent 9999 }}" + strings.Repeat("{{ $x }}", 1900),
	} {
		if len(text) > 16<<10 {
			t.Fatalf("%s: the template has %d bytes, more than a spec can hold", name, len(text))
		}
		got, err := renderOne(text)
		if err == nil && len(got) > maxRendered || err != nil && !strings.Contains(err.Error(), "longer than 64 KiB") {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := renderOne(
		"{{ .login" + strings.Repeat(" | lower", 100) + " }}",
	); err != nil ||
		got != "sa-2-ci-0a1b2c3d" {
		t.Errorf("100 functions: %q, %v", got, err)
	}
	for _, text := range []string{"{{ .login" + strings.Repeat(" | lower", 101) + " }}", strings.Repeat("{{ if not .url }}{{ .url | lower }}{{ end }}", 51)} {
		if _, err := renderOne(text); err == nil || !strings.Contains(err.Error(), "more than 100 functions") {
			t.Errorf("more than 100 functions: %v", err)
		}
	}
	exactly := "{{ indent 65535 `x` }}"
	if got, err := renderOne(exactly); err != nil || len(got) != maxRendered {
		t.Errorf("exactly 64 KiB: %d bytes, %v", len(got), err)
	}
}

// FuzzTemplate looks for a template that panics, that makes more than it may, or whose error tells the key.
func FuzzTemplate(f *testing.F) {
	for text := range refusedTemplates {
		f.Add(text)
	}
	f.Add(
		"{{ with .expiresAt }}{{ . | quote | b64enc }}{{ else }}{{ default `x` .login | upper | trimPrefix `SA` " +
			"}}{{ end }}",
	)
	f.Add("{{ $x := toJson . }}{{ if and $x (not (eq .orgID 1)) }}{{ nindent 3 $x }}{{ end }}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 || !utf8.ValidString(text) {
			return
		}
		got, err := renderOne(text)
		if err == nil && len(got) > maxRendered {
			t.Errorf("%q makes %d bytes", text, len(got))
		}
		if err != nil {
			tellsNothing(t, text, err)
		}
	})
}

// What is not there is said in the words of whoever writes the template.
func TestTemplateOfWhatIsNotThere(t *testing.T) {
	for text, want := range map[string]string{
		"{{ .tokn }}": "file: there is no .tokn to fill in, but .expiresAt, .login, .orgID, .orgName, .token, .url",
		"{{ .labels.a_label_that_has_a_long_name }}": "file: there is no .labels to fill in",
	} {
		if _, err := renderOne(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	long := "a_label_that_has_a_long_name"
	values := map[string]any{"labels": map[string]string{}}
	for _, text := range []string{"{{ .labels." + long + " }}", "{{ index .labels `" + long + "` }}"} {
		_, err := Render(map[string]v1alpha1.TemplateText{"file": v1alpha1.TemplateText(text)}, values)
		if err == nil || err.Error() != `file: there is no label "`+long+`"` {
			t.Errorf("%q: %v", text, err)
		}
	}
}
