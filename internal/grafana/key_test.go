package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeyIsNeverPrinted(t *testing.T) {
	const secret = "glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f"
	token := NewToken{ID: 7, Name: "ci", Key: secret}
	c := connect(t, "http://127.0.0.1:1", withToken)
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%t"} {
		printed[verb] = fmt.Sprintf(verb, Key(secret))
		printed[verb+" in a struct"] = fmt.Sprintf(verb, token)
		printed[verb+" by pointer"] = fmt.Sprintf(verb, &token)
		printed[verb+" of the config"] = fmt.Sprintf(verb,
			Config{Token: secret, BasicAuth: &BasicAuth{Password: secret}})
		printed[verb+" of the client"] = fmt.Sprintf(verb, c)
	}
	printed["error"] = errors.Join(fmt.Errorf("bad %w %v", errors.New("x"), Key(secret))).Error()
	for name, value := range map[string]any{"key": Key(secret), "struct": token, "map": map[string]Key{"k": secret}} {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		printed["json "+name] = string(data)
	}
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "key", Key(secret), "token", token, "client", c)
	slog.New(slog.NewJSONHandler(&structured, nil)).Info("x", "key", Key(secret), "token", token, "client", c)
	printed["slog text"], printed["slog json"] = text.String(), structured.String()

	hexed := fmt.Sprintf("%x", secret)
	for how, out := range printed {
		if strings.Contains(out, "ruq60") || strings.Contains(strings.ToLower(out), hexed[10:20]) {
			t.Errorf("%s gives the key away: %s", how, out)
		}
		if !strings.Contains(out, "***") && !strings.Contains(how, "client") && !strings.Contains(how, "%t") {
			t.Errorf("%s does not show that there is a key: %s", how, out)
		}
	}
	if got := Key(secret).Reveal(); got != secret {
		t.Errorf("Reveal() = %q", got)
	}
}

func TestKeyIsReadFromJSON(t *testing.T) {
	var token NewToken
	if err := json.Unmarshal([]byte(`{"id":1,"name":"n","key":"secret"}`), &token); err != nil {
		t.Fatal(err)
	}
	if token.Key.Reveal() != "secret" {
		t.Errorf("the key is %q", token.Key.Reveal())
	}
}

func TestKeyChecksum(t *testing.T) {
	for key, want := range map[Key]bool{
		// issued by Grafana 12.4.0 and 10.4.3
		"glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f": true,
		"glsa_bBlWSG6SdiyB7aGc7VX3zpAY7O7Kdncd_4c036c14": true,
		"glsa_d": false,
		"glsa_fPRWuG7xuYblFAHxfVJvPUuD2dtFgCFR_d6866c0a":  true,
		"glsa_fPRWuG7xuYblFAHxfVJvPUuD2dtFgCFr_d6866c0a":  false, // one letter changed
		"glsa_fPRWuG7xuYblFAHxfVJvPUuD2dtFgCFR_d6866c0":   false, // cut
		"glsa_fPRWuG7xuYblFAHxfVJvPUuD2dtFgCFR_d6866c0a ": false,
		"glsa__00000000": false,
		"***":            false,
		"":               false,
	} {
		if got := key.intact(); got != want {
			t.Errorf("intact(%s) = %v", key.Reveal(), got)
		}
	}
}

func TestSecretsAreInNoError(t *testing.T) {
	secrets := []string{testPassword, testToken.Reveal(), "c2VjcmV0LWNvb2tpZQ"}
	handlers := map[string]http.HandlerFunc{
		"dropped":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"refused":  func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 401, `{"message":"Unauthorized"}`) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", 302) },
		"page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"echo": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		},
		"key instead of a page": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, `{"id":"x","key":"`+testToken.Reveal()+`"}`)
		},
		"damaged key": func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 200, `{"id":3,"name":"n","key":"`+testToken.Reveal()+`f"}`)
		},
	}
	for name, handler := range handlers {
		for kind, edit := range map[string]func(*Config){"token": withToken, "session": withSession, "basic": func(*Config) {}} {
			c := serve(t, handler, edit)
			_, err := c.Org(1).CreateToken(t.Context(), 1, "n", 0)
			if err == nil {
				t.Fatalf("%s, %s: no error", name, kind)
			}
			for _, secret := range secrets {
				if kind != "basic" && strings.Contains(err.Error(), secret) {
					t.Errorf("%s, %s: %v", name, kind, err)
				}
			}
		}
	}
}

func TestDamagedKey(t *testing.T) {
	key := "glsa_ruq60iCcfTdlt6aejKNJNjWHPNRSV2E8_c20cd10f"
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["secondsToLive"] != 2.0 {
			t.Errorf("asked for %v (%v)", body, err)
		}
		answerJSON(w, 200, `{"id":3,"name":"n","key":"`+key+`"}`)
	})
	token, err := c.Org(2).CreateToken(t.Context(), 9, "n", 1001*time.Millisecond)
	if err != nil || token.Key.Reveal() != key {
		t.Fatalf("got %v, %v", token, err)
	}
	key = key[:20] + "x" + key[21:]
	token, err = c.Org(2).CreateToken(t.Context(), 9, "n", 2*time.Second)
	if !identified(err, BadKey) || !IsUnsure(err) || IsNotGrafana(err) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(NewToken{ID: 3, Name: "n"}, token); diff != "" {
		t.Error(diff)
	}
}
