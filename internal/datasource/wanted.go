package datasource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/template"
)

// Facts are what templates can say of an Organization.
type Facts struct {
	OrgID  int64
	Name   string
	Labels map[string]string
	// Object is the namespace and name of the Organization, for people.
	Object string
}

const (
	// maxName and maxText are how many bytes Grafana's columns hold, and maxJSON those of jsonData on every database.
	maxName = 190
	maxText = 255
	maxJSON = 60000
)

// Wanted is what an object asks for, but for its secrets, who it belongs to, and whether it is the default. An error
// says what is wrong with the spec.
func Wanted(obj *v1alpha1.DataSource, facts Facts) (grafana.DataSource, error) {
	spec := obj.Spec
	d := grafana.DataSource{
		Name: obj.WantedName(), Type: spec.Type, Access: string(spec.Access), URL: spec.URL, User: spec.User,
		Database: spec.Database, WithCredentials: spec.WithCredentials,
	}
	if spec.BasicAuth != nil {
		d.BasicAuth, d.BasicAuthUser = true, spec.BasicAuth.User
	}
	if len(d.Name) > maxName {
		return d, fmt.Errorf("the name has %d bytes, and Grafana keeps %d: give a shorter one in spec.name",
			len(d.Name), maxName)
	}
	for _, text := range []struct {
		field string
		value *string
	}{{"url", &d.URL}, {"user", &d.User}, {"database", &d.Database}, {"basicAuth.user", &d.BasicAuthUser}} {
		filled, err := facts.fill("spec."+text.field, *text.value)
		if err != nil {
			return d, err
		}
		if len(filled) > maxText {
			return d, fmt.Errorf("spec.%s has %d bytes, and Grafana keeps %d", text.field, len(filled), maxText)
		}
		*text.value = filled
	}
	if err := checkURL(d.Type, d.URL); err != nil {
		return d, err
	}
	data, err := jsonData(obj, facts)
	d.JSONData = data
	return d, err
}

// fill fills a template in.
func (f Facts) fill(field, text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	values := map[string]any{"orgID": f.OrgID, "orgName": f.Name, "labels": f.Labels}
	filled, err := template.Render(map[string]v1alpha1.TemplateText{field: v1alpha1.TemplateText(text)}, values)
	if missing := new(template.MissingLabel); errors.As(err, &missing) {
		err = fmt.Errorf("%s: Organization %s has no label %q: give it one", field, f.Object, missing.Key)
	}
	if err != nil {
		return "", fmt.Errorf(`%w. A literal {{ is written {{ "{{" }}`, err)
	}
	return string(filled[field]), nil
}

// jsonData is spec.jsonData, filled in, with the names of the headers.
func jsonData(obj *v1alpha1.DataSource, facts Facts) (json.RawMessage, error) {
	data := map[string]any{}
	if raw := obj.Spec.JSONData; raw != nil && len(raw.Raw) > 0 {
		if len(raw.Raw) > maxJSON {
			return nil, tooLong(len(raw.Raw))
		}
		var err error
		if data, err = Settings(raw.Raw); err != nil {
			return nil, fmt.Errorf("spec.jsonData is no object: %w", err)
		}
	}
	for name := range data {
		switch {
		case name == OwnerField, name == SealField, name == "teamHttpHeaders":
			return nil, fmt.Errorf("spec.jsonData cannot have %s: take it out", name)
		case strings.HasPrefix(name, "httpHeaderName") && len(obj.Spec.Headers) > 0:
			return nil, fmt.Errorf("spec.jsonData has %s, and there are spec.headers: put all of them there", name)
		}
	}
	left := maxJSON
	if _, err := facts.fillAll("spec.jsonData", data, &left); err != nil {
		return nil, err
	}
	for i, h := range obj.Spec.Headers {
		data[headerName(i)] = h.Name
	}
	text, err := json.Marshal(data)
	if len(text) > maxJSON {
		return nil, tooLong(len(text))
	}
	return text, err
}

// Settings reads jsonData. It leaves numbers as they are written: a float64 has not room for every id.
func Settings(text []byte) (data map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err = d.Decode(&data); data == nil { // of null
		data = map[string]any{}
	}
	return data, err
}

func tooLong(n int) error {
	return fmt.Errorf("spec.jsonData has %d bytes, and not every database of Grafana's keeps more than %d", n, maxJSON)
}

func headerName(i int) string  { return fmt.Sprintf("httpHeaderName%d", i+1) }
func headerValue(i int) string { return fmt.Sprintf("httpHeaderValue%d", i+1) }

// fillAll fills in all texts of a JSON value, in place where it has fields or elements. So many bytes are left for
// them.
func (f Facts) fillAll(field string, value any, left *int) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		text, err := f.fill(field, v)
		if *left -= len(text); err == nil && *left < 0 {
			err = tooLong(maxJSON - *left)
		}
		return text, err
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if text, is := v[name].(string); is && text != "" && namesSecret(name) {
				return nil, fmt.Errorf("%s.%s: everybody in the organization can read jsonData: put it into "+
					"secureJsonData, from a Secret", field, name)
			}
			if v[name], err = f.fillAll(field+"."+name, v[name], left); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = f.fillAll(fmt.Sprintf("%s[%d]", field, i), v[i], left); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// secretNames are what plugins and people call secrets, in lower case and without what stands between words.
var secretNames = []string{
	"password", "basicauthpassword", "passphrase", "token", "accesstoken", "apitoken", "authtoken", "bearertoken",
	"refreshtoken", "secret", "clientsecret", "azureclientsecret", "oauth2clientsecret", "secretkey",
	"secretaccesskey", "sigv4secretkey", "accesskey", "sigv4accesskey", "apikey", "privatekey", "tlsclientkey",
	"serviceaccountjson",
}

// namesSecret reports whether what stands under a name in jsonData is a secret.
func namesSecret(name string) bool {
	plain := strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(name))
	return slices.Contains(secretNames, plain) || strings.HasPrefix(plain, "httpheadervalue")
}

// Secret is one entry of secureJsonData: from somewhere, or a text that is no secret.
type Secret struct {
	Name  string
	Field string // of the spec
	From  v1alpha1.ValueSource
	Text  string
}

// Secrets are all entries of an object's secureJsonData, by name.
func Secrets(obj *v1alpha1.DataSource, facts Facts) ([]Secret, error) {
	var all []Secret
	if basic := obj.Spec.BasicAuth; basic != nil {
		from := v1alpha1.ValueSource{SecretKeyRef: &basic.PasswordSecretRef}
		all = append(all, Secret{Name: "basicAuthPassword", Field: "spec.basicAuth.passwordSecretRef", From: from})
	}
	for name, from := range obj.Spec.SecureJSONData {
		all = append(all, Secret{Name: name, Field: "spec.secureJsonData." + name, From: from})
	}
	for i, h := range obj.Spec.Headers {
		s := Secret{Name: headerValue(i), Field: fmt.Sprintf("spec.headers[%d]", i)}
		if h.ValueFrom != nil {
			s.From = *h.ValueFrom
		} else {
			text, err := facts.fill(s.Field+".value", h.Value)
			if err == nil &&
				(text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })) {
				err = fmt.Errorf("%s.value comes out as %q, which no header can have", s.Field, text)
			}
			if err != nil {
				return nil, err
			}
			s.Text = text
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Secret) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
