package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A recording has no secret in it, keys keep their form, and the same one is always replaced by the same.
func TestRecordingTellsNoSecret(t *testing.T) {
	const key, forged, password, session = "glsa_aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB_", "glsa_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz_00000000", "topmost-secret", "0123456789abcdef-session"
	issued := key + checksum(strings.TrimSuffix(key, "_"))
	grafana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/login":
			http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: session, Path: "/"})
		case strings.HasSuffix(r.URL.Path, "/tokens"):
			_, _ = w.Write([]byte(`{"id":1,"key":"` + issued + `"}`))
		}
	}))
	defer grafana.Close()
	to, err := url.Parse(grafana.URL)
	if err != nil {
		t.Fatal(err)
	}
	tape := newTape(to, "the-admin's")
	proxy := httptest.NewServer(tape)
	defer proxy.Close()
	send := func(method, path, body, authorization, cookie string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, proxy.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization)
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: sessionCookie, Value: cookie})
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	send("POST", "/login", `{"user":"admin","password":"the-admin's"}`, "", "")
	send("POST", "/api/admin/users", `{"login":"jane","password":"`+password+`"}`, "", session)
	send("POST", "/api/serviceaccounts/1/tokens", `{"name":"t"}`, "", session)
	send("GET", "/api/org", "", "Bearer "+issued, "")
	send("GET", "/api/org", "", "Bearer "+forged, "")
	file := filepath.Join(t.TempDir(), "x.jsonl")
	if _, err := tape.write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{issued, forged, password, session, "the-admin's"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the recording has %q in it:\n%s", secret, text)
		}
	}
	for _, form := range []string{
		`"request":"{\\"password\\":\\"admin\\",\\"user\\":\\"admin\\"}"`, `"definesSession":"session-1"`, `"session":"session-1"`,
		`"definesToken":"token-1"`, `"auth":"token-1"`, `"Authorization":"Bearer glsa_0{31}2_0{8}"`, `\\"password-1\\"`,
	} {
		if !regexp.MustCompile(form).Match(text) {
			t.Errorf("the recording lacks %s:\n%s", form, text)
		}
	}
}
