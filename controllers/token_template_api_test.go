package controllers_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana/grafanatest"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

const env = `GRAFANA_URL={{ .url }}
GRAFANA_SERVICE_ACCOUNT_TOKEN={{ .token }}
GRAFANA_ORG_ID={{ .orgID }}
GRAFANA_ORG={{ .orgName | quote }}
GRAFANA_LOGIN={{ .login }}
{{ with .expiresAt }}UNTIL={{ . }}{{ else }}FOREVER=yes{{ end }}
`

// A template is filled in with what the key is for, follows it, and is mended when somebody edits what it made.
func TestAPITokenTemplate(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
			".env": env, "basic": "{{ .token | b64enc }}", "empty": "",
			"provider.tf": "provider \"grafana\" {\n  url  = {{ .url | quote }}\n  auth = {{ quote .token }}\n}\n",
		}
	})
	org, account := suite.Get(
		w,
		&v1alpha1.Organization{ObjectMeta: w.Named("team")},
	), suite.Get(
		w,
		&v1alpha1.ServiceAccount{ObjectMeta: w.Named("robot")},
	)
	key := w.Key("ci")
	expected := func(name string) map[string]string {
		return map[string]string{
			"token": key,
			"basic": base64.StdEncoding.EncodeToString([]byte(key)),
			"empty": "",
			".env": fmt.Sprintf(
				"GRAFANA_URL=%s\nGRAFANA_SERVICE_ACCOUNT_TOKEN=%s\nGRAFANA_ORG_ID=%d\nGRAFANA_ORG=%q\nGRAFANA_LOGIN=%s\nFOREVER=yes\n",
				w.Grafana.URL,
				key,
				org.Status.OrgID,
				name,
				account.Status.Login,
			),
			"provider.tf": fmt.Sprintf("provider \"grafana\" {\n  url  = %q\n  auth = %q\n}\n", w.Grafana.URL, key),
		}
	}
	holds := func(what string, want map[string]string) {
		t.Helper()
		w.Eventually(what, func() error {
			if diff := cmp.Diff(want, texts(w.Secret("ci").Data)); diff != "" {
				return fmt.Errorf("data (-want +got):\n%s", strings.ReplaceAll(diff, key, "***"))
			}
			return nil
		})
	}
	holds("the data", expected("team"))
	secret := w.Secret("ci")
	suite.Change(w, secret, func() { secret.Data[".env"] = []byte("mine") })
	holds("mended data", expected("team"))
	secret = w.Secret("ci")
	suite.Change(w, secret, func() { delete(secret.Data, "basic"); delete(secret.Data, "empty") })
	holds("data again", expected("team"))
	suite.Change(w, org, func() { org.Spec.Name = `The "Team"` })
	holds("the organization's new name", expected(`The "Team"`))
	rests(w, token, 1)
	suite.Change(w, token, func() {
		token.Spec.Secret.Template = map[string]v1alpha1.TemplateText{"until": "{{ .expiresAt | default `never` }}"}
	})
	holds("another template", map[string]string{"token": key, "until": "never"})
	suite.Change(w, token, func() { token.Spec.Secret.Template = nil })
	holds("no template", map[string]string{"token": key})
	suite.Ready(w, token)
	rests(w, token, 1)
}

func texts(data map[string][]byte) map[string]string {
	out := map[string]string{}
	for k, v := range data {
		out[k] = string(v)
	}
	return out
}

// The data of a key that expires follow it when it is rotated.
func TestAPITokenTemplateRotated(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	token := tokenOf(w, func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.TTL = duration(time.Hour)
		o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{"until": "{{ .expiresAt }}", "copy": "{{ .token }}"}
	})
	for revision := int64(2); revision <= 3; revision++ {
		s := w.Secret("ci")
		until, err := time.Parse(time.RFC3339, string(s.Data["until"]))
		if late := until.Sub(
			token.Status.ExpiresAt.Time,
		); err != nil || late > 3*time.Second || late < -time.Minute ||
			string(s.Data["copy"]) != w.Key("ci") {
			t.Errorf(
				"it is said to expire at %s, %s after it does (%v); the same key: %v",
				until,
				late,
				err,
				string(s.Data["copy"]) == w.Key("ci"),
			)
		}
		rotate(w, token, fmt.Sprint(revision))
		revised(w, token, revision)
	}
}

// badTemplates are refused, each with a word on why.
var badTemplates = map[string]struct {
	template v1alpha1.TemplateText
	words    string
}{
	"that does not parse":           {"{{ .token", "unclosed action"},
	"with a loop":                   {"{{ range . }}x{{ end }}", "cannot be used here"},
	"with a loop inside":            {"{{ if .token }}{{ range . }}x{{ end }}{{ end }}", "cannot be used here"},
	"that calls another":            {`{{ template "x" }}`, "x"},
	"that defines another":          {`{{ define "x" }}{{ end }}y`, "cannot define others"},
	"with a field that is not":      {"{{ .password }}", "password"},
	"with a field of a text":        {"{{ .token.length }}", "length"},
	"with a function off the list":  {"{{ env `HOME` }}", `function "env" not defined`},
	"with a builtin off the list":   {"{{ printf `%99999d` 1 }}", "printf cannot be used here"},
	"that is too long":              {"{{ indent 70000 .token }}", "longer than 64 KiB"},
	"that needs another type":       {"{{ indent .token .token }}", "wrong type"},
	"that is too long with the key": {v1alpha1.TemplateText(strings.Repeat("{{.token}}", 1500)), "longer than 64 KiB"},
}

// A template that cannot work is found out before anything is minted, and of one that there is already the key stays as
// it is.
func TestAPITokenBadTemplate(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	suite.Ready(w, w.Account("robot", "team"))
	good := suite.Ready(w, w.Token("good", "robot"))
	for name, bad := range badTemplates {
		t.Run(name, func(t *testing.T) {
			w := &suite.World{Cluster: w.Cluster, T: t, NS: w.NS, Grafana: w.Grafana}
			keys := len(w.Grafana.Keys())
			broken := map[string]v1alpha1.TemplateText{".env": bad.template}
			token := w.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) { o.Spec.Secret.Template = broken })
			suite.Stalled(w, token, v1alpha1.ReasonInvalidSpec, "spec.secret.template: ", ".env", bad.words)
			if now := len(w.Grafana.Keys()); now != keys {
				t.Errorf("%d keys were made", now-keys)
			}
			w.Delete(token)
			w.Gone(token)

			secret, revision := w.Secret("good"), good.Status.Revision
			suite.Change(w, good, func() {
				good.Spec.Secret.Template = broken
				metav1.SetMetaDataAnnotation(&good.ObjectMeta, v1alpha1.AnnotationRotate, name)
			})
			suite.Stalled(w, good, v1alpha1.ReasonInvalidSpec, bad.words)
			unwritten(w, secret)
			if now := len(w.Grafana.Keys()); now != keys || !alive(w, string(secret.Data["token"])) {
				t.Errorf(
					"%d keys were made; the one that there was works: %v",
					now-keys,
					alive(w, string(secret.Data["token"])),
				)
			}
			suite.Change(w, good, func() { good.Spec.Secret.Template = nil })
			revised(w, good, revision+1)
		})
	}
}

// A template that works with any key but the real one, which only a person who wants trouble writes, leaves no key
// alive that is in no Secret.
func TestAPITokenTemplateThatFailsLate(t *testing.T) {
	t.Parallel()
	w := suite.New(t, grafanatest.Options{})
	w.Organization("team")
	suite.Ready(w, w.Account("robot", "team"))
	token := w.Token("ci", "robot", func(o *v1alpha1.ServiceAccountToken) {
		o.Spec.Secret.Template = map[string]v1alpha1.TemplateText{
			"x": "{{ if eq .token `rehearsal` }}ok{{ else }}{{ .trouble }}{{ end }}",
		}
	})
	suite.Stalled(w, token, v1alpha1.ReasonInvalidSpec, "trouble")
	looks(w, token)
	w.Eventually("no key that is in no Secret", func() error {
		if left := w.Grafana.Tokens(orgOf(w, "team")); len(left) > 0 {
			return fmt.Errorf("%d tokens are left: %+v", len(left), left)
		}
		return nil
	})
}
