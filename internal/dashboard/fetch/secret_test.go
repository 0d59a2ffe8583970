package fetch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretsAreNeverPrinted(t *testing.T) {
	const secret = "ruq60iCcfTdlt6"
	r := Request{URL: "https://example.com/x?token=" + secret, Headers: map[string]Secret{"Authorization": secret}}
	q := NewQueue(New(Options{}).Fetch, 1, 1)
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%t"} {
		printed[verb] = fmt.Sprintf(verb, Secret(secret))
		printed[verb+" in a map"] = fmt.Sprintf(verb, r.Headers)
		printed[verb+" in a request"] = fmt.Sprintf(verb, r)
		printed[verb+" by pointer"] = fmt.Sprintf(verb, &r)
	}
	for name, value := range map[string]any{"secret": Secret(secret), "map": r.Headers, "request": r, "pointer": &r} {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed["json of "+name] = string(data)
	}
	var text, structured bytes.Buffer
	slog.New(
		slog.NewTextHandler(&text, nil),
	).Info("x", "secret", Secret(secret), "headers", r.Headers, "request", r, "queue", q)
	slog.New(
		slog.NewJSONHandler(&structured, nil),
	).Info("x", "secret", Secret(secret), "headers", r.Headers, "request", r)
	printed["slog text"], printed["slog json"] = text.String(), structured.String()
	for how, out := range printed {
		if strings.Contains(out, "ruq60") || strings.Contains(strings.ToLower(out), fmt.Sprintf("%x", secret)[4:14]) {
			t.Errorf("%s gives the secret away: %s", how, out)
		}
		if !strings.Contains(out, "***") && !strings.Contains(out, "https://example.com/x") {
			t.Errorf("%s shows nothing: %s", how, out)
		}
	}
	if Secret(secret).Reveal() != secret {
		t.Error("Reveal does not")
	}
	if got := fmt.Sprint(Request{URL: "http://u:" + secret + "@x/"}); got != "no URL" {
		t.Errorf("a bad URL prints as %q", got)
	}
}
