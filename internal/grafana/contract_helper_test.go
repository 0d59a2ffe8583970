package grafana_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grafana-tenancy.dev/operator/internal/grafana"
)

func (k contract) connect(t *testing.T, cfg grafana.Config) *grafana.Client {
	t.Helper()
	cfg.URL = k.url
	c, err := grafana.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return c
}

// org makes an organization for the test.
func (k contract) org(t *testing.T) *grafana.OrgClient {
	t.Helper()
	id, err := k.client.CreateOrg(t.Context(), unique("contract"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.empty(t, k.client.Org(id))
		if err := k.client.DeleteOrg(context.WithoutCancel(t.Context()), id); err != nil && !grafana.IsNotFound(err) {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return k.client.Org(id)
}

// empty deletes what Grafana keeps of an organization that is deleted: service accounts with their keys.
func (k contract) empty(t *testing.T, o *grafana.OrgClient) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	accounts, err := o.SearchServiceAccounts(ctx, "")
	if err != nil && !strings.Contains(err.Error(), "403") {
		t.Errorf("cleaning up: %v", err)
	}
	for _, account := range accounts {
		if err := o.DeleteServiceAccount(ctx, account.ID); err != nil && !grafana.IsNotFound(err) {
			t.Errorf("cleaning up: %v", err)
		}
	}
}

// as logs in as somebody of whom someone made a user.
func (k contract) as(t *testing.T, login string) *grafana.Client {
	t.Helper()
	return k.connect(t, grafana.Config{
		BasicAuth: &grafana.BasicAuth{Username: login, Password: grafana.Key(login), Session: true},
	})
}

// apiVersion is the version of /apis that lists dashboards; empty: there is none.
func apiVersion(t *testing.T, c *grafana.Client) string {
	t.Helper()
	for _, version := range have(c.DashboardAPIVersions(t.Context()))(t) {
		return version
	}
	return ""
}

// unique returns a name that nothing bears yet.
func unique(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:10]) }

// person does by hand what the client has no call for.
func (k contract) person(t *testing.T, method, path string, org int64, body any) (answer map[string]any) {
	t.Helper()
	data, err := json.Marshal(body)
	must(t, err)
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, k.url+path,
		bytes.NewReader(data))
	must(t, err)
	req.SetBasicAuth(k.user, k.password)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Grafana-Org-Id", strconv.FormatInt(org, 10))
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	data, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 || json.Unmarshal(data, &answer) != nil {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, data, err)
	}
	return answer
}

// someone makes a user and returns their login; the password is the same.
func (k contract) someone(t *testing.T) string {
	t.Helper()
	login := unique("user")
	made := k.person(t, "POST", "/api/admin/users", 1,
		map[string]string{"login": login, "email": login + "@example.org", "name": login, "password": login})
	t.Cleanup(func() { k.person(t, "DELETE", fmt.Sprintf("/api/admin/users/%.0f", made["id"]), 1, nil) })
	return login
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// have returns value if there was no error.
func have[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return value
	}
}

func expect(t *testing.T, what string, err error, is func(error) bool) {
	t.Helper()
	if !is(err) {
		t.Errorf("%s: got %v", what, err)
	}
}

func isStatus(statuses ...int) func(error) bool {
	return func(err error) bool {
		var e *grafana.Error
		return errors.As(err, &e) && slices.Contains(statuses, e.Status)
	}
}

func errorOf[T any](_ T, err error) error { return err }

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := gocmp.Diff(want, got, cmpopts.IgnoreFields(grafana.Folder{}, "ID", "Created", "Version"),
		cmpopts.IgnoreFields(grafana.Hit{}, "ID"),
		cmpopts.IgnoreFields(grafana.Member{}, "Email")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// eventually waits for what Grafana does with a delay: expiry, and caches.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
