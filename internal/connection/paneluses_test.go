package connection

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

func (w *listWorld) panelUsers(ctx context.Context, in func([]byte) []string) (map[string][]string, error) {
	users, _, err := w.PanelUsers(ctx, w.Org(1), in)
	return users, err
}

// Who waits while another one looks through the dashboards goes when its pass is called off.
func TestPanelUsersCalledOff(t *testing.T) {
	w := newListWorld(t)
	w.grafana.Do(http.MethodPost, "/api/dashboards/db", 1, map[string]any{"dashboard": map[string]any{"title": "One"}})
	off, cancel := context.WithCancel(t.Context())
	cancel()
	var late error
	users, err := w.panelUsers(t.Context(), func([]byte) []string {
		_, late = w.panelUsers(off, nil)
		return []string{"panel"}
	})
	if err != nil || len(users["panel"]) != 1 {
		t.Errorf("one looks: %v, %v", users, err)
	}
	if !errors.Is(late, context.Canceled) {
		t.Errorf("another waits: %v", late)
	}
}

// What was read is remembered of one database only.
func TestPanelUsersOfAnotherDatabase(t *testing.T) {
	w := newListWorld(t)
	w.SetDashboardAPIs([]string{"v1beta1"})
	w.grafana.Do(http.MethodPost, "/api/dashboards/db", 1, map[string]any{"dashboard": map[string]any{"title": "One"}})
	read := 0
	look := func() {
		t.Helper()
		if _, err := w.panelUsers(t.Context(), func([]byte) []string { read++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1, 1} {
		if look(); read != want {
			t.Errorf("%d dashboards were read, want %d", read, want)
		}
	}
	w.Resets.Add(1)
	if look(); read != 2 {
		t.Errorf("of another database %d were read", read-1)
	}
	w.grafana.EndSessions()
	w.ask(t)
	if look(); read != 3 {
		t.Errorf("in another session %d were read", read-2)
	}
}
