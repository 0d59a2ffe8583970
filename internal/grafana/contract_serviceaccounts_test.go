package grafana_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

func (k contract) testServiceAccounts(t *testing.T) {
	o, other := k.org(t), k.org(t)
	for _, role := range []string{"None", "Viewer", "Editor", "Admin"} {
		made := have(o.CreateServiceAccount(t.Context(),
			grafana.ServiceAccount{Name: "SA " + role, Role: role, IsDisabled: role == "Editor"}))(t)
		got := have(o.ServiceAccountByID(t.Context(), made.ID))(t)
		if time.Since(got.CreatedAt).Abs() > time.Hour {
			t.Errorf("created at %v", got.CreatedAt)
		}
		want := grafana.ServiceAccount{
			ID:         made.ID,
			UID:        got.UID,
			Name:       "SA " + role,
			Login:      fmt.Sprintf("sa-%d-sa-%s", o.ID(), strings.ToLower(role)),
			Role:       role,
			OrgID:      o.ID(),
			IsDisabled: role == "Editor",
			CreatedAt:  got.CreatedAt,
		}
		same(t, "got", want, got)
		want.CreatedAt = time.Time{}
		same(t, "made", want, made)
	}
	_, err := o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "sa-NONE", Role: "Viewer"})
	expect(t, "a name with the same login", err, grafana.IsTaken)
	_, err = o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "king", Role: "King"})
	expect(t, "unknown role", err, isStatus(400))
	k.account(t, other, "SA None", "None") // the same name in another organization

	first := have(o.SearchServiceAccounts(t.Context(), "SA None"))(t)[0]
	disabled, editor := true, "Editor"
	must(t, o.UpdateServiceAccount(t.Context(), first.ID,
		grafana.ServiceAccountPatch{Role: &editor, IsDisabled: &disabled}))
	got := have(o.ServiceAccountByID(t.Context(), first.ID))(t)
	if got.Role != editor || !got.IsDisabled || got.Name != "SA None" {
		t.Errorf("after the change: %+v", got)
	}
	_, err = other.ServiceAccountByID(t.Context(), first.ID)
	expect(t, "getting it in another organization", err, grafana.IsNotFound)
	expect(t, "changing it in another organization",
		other.UpdateServiceAccount(t.Context(), first.ID, grafana.ServiceAccountPatch{Role: &editor}),
		grafana.IsNotFound)

	must(t, o.DeleteServiceAccount(t.Context(), first.ID))
	_, err = o.ServiceAccountByID(t.Context(), first.ID)
	expect(t, "getting it when it is deleted", err, grafana.IsNotFound)
	expect(t, "deleting it again", o.DeleteServiceAccount(t.Context(), first.ID),
		func(err error) bool { return err == nil || grafana.IsNotFound(err) })
	k.account(t, o, "SA None", "Viewer")
}

func (k contract) testServiceAccountMark(t *testing.T) {
	o := k.org(t)
	mark := unique("")[1:9]
	made := k.account(t, o, "ci-"+mark, "Viewer")
	k.account(t, o, "unrelated", "Viewer")
	name := "CI"
	must(t, o.UpdateServiceAccount(t.Context(), made.ID, grafana.ServiceAccountPatch{Name: &name}))
	found := have(o.SearchServiceAccounts(t.Context(), mark))(t)
	if len(found) != 1 || found[0].ID != made.ID || found[0].Name != "CI" || found[0].Login != made.Login {
		t.Errorf("by the mark: %+v", found)
	}
	same(t, "how many it finds by something else", 0,
		len(have(o.SearchServiceAccounts(t.Context(), unique("nosuch")))(t)))
	same(t, "how many there are", 2, len(have(o.SearchServiceAccounts(t.Context(), ""))(t)))
	if loose := have(o.SearchServiceAccounts(t.Context(), "c_-"+mark[:4]+"%"))(t); len(loose) != 1 {
		t.Errorf("by a pattern: %+v", loose)
	}
	_, err := o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: "ci-" + mark, Role: "Viewer"})
	expect(t, "the birth name stays taken", err, grafana.IsTaken)
	second := k.account(t, o, "CI", "Viewer") // the name it bears now does not
	if second.Login == made.Login {
		t.Errorf("two have the login %s", made.Login)
	}
	same(t, "how many bear the name", 2, len(have(o.SearchServiceAccounts(t.Context(), "CI"))(t)))
}

func (k contract) account(t *testing.T, o *grafana.OrgClient, name, role string) grafana.ServiceAccount {
	t.Helper()
	return have(o.CreateServiceAccount(t.Context(), grafana.ServiceAccount{Name: name, Role: role}))(t)
}
