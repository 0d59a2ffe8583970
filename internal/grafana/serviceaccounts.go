package grafana

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// ServiceAccount is a service account of an organization.
type ServiceAccount struct {
	ID int64 `json:"id,omitempty"`
	// UID is empty before Grafana 12.
	UID  string `json:"uid,omitempty"`
	Name string `json:"name"`
	// Login is derived from the name at creation (sa-<org>-<name>) and never changes.
	Login string `json:"login,omitempty"`
	// Role is None, Viewer, Editor or Admin.
	Role       string `json:"role"`
	OrgID      int64  `json:"orgId,omitempty"`
	IsDisabled bool   `json:"isDisabled"`
	// Tokens is how many it has. ServiceAccountByID does not tell.
	Tokens int64 `json:"tokens,omitempty"`
	// CreatedAt is told by ServiceAccountByID only.
	CreatedAt time.Time `json:"createdAt,omitzero"`
}

func (s ServiceAccount) complete() bool { return s.ID > 0 }

// ServiceAccountPatch is a change to a service account. What is nil stays.
type ServiceAccountPatch struct {
	Name       *string `json:"name,omitempty"`
	Role       *string `json:"role,omitempty"`
	IsDisabled *bool   `json:"isDisabled,omitempty"`
}

// CreateServiceAccount makes a service account of this Name, Role and IsDisabled. The login that
// Grafana derives from the name must be free (IsTaken).
//
// POST /api/serviceaccounts
func (o *OrgClient) CreateServiceAccount(ctx context.Context, account ServiceAccount) (ServiceAccount, error) {
	wanted := ServiceAccount{Name: account.Name, Role: account.Role, IsDisabled: account.IsDisabled}
	return do[ServiceAccount](ctx, o, post(wanted, "/api/serviceaccounts"))
}

// ServiceAccountByID returns the service account with this id, if it is in this organization.
//
// GET /api/serviceaccounts/:id
func (o *OrgClient) ServiceAccountByID(ctx context.Context, id int64) (ServiceAccount, error) {
	return do[ServiceAccount](ctx, o, get("/api/serviceaccounts/:id", id))
}

type serviceAccountPage struct {
	TotalCount      *int             `json:"totalCount"`
	ServiceAccounts []ServiceAccount `json:"serviceAccounts"`
}

func (p serviceAccountPage) complete() bool { return p.TotalCount != nil }

// SearchServiceAccounts lists the service accounts whose name, login or email contains query. Grafana
// takes % and _ in it as wildcards and does not mind the case: compare what comes back.
//
// GET /api/serviceaccounts/search
func (o *OrgClient) SearchServiceAccounts(ctx context.Context, query string) ([]ServiceAccount, error) {
	var found []ServiceAccount
	r := get("/api/serviceaccounts/search").with("query", query).with("perpage", wholeList)
	for page := 1; ; page++ {
		answer, err := do[serviceAccountPage](ctx, o, r.with("page", strconv.Itoa(page)))
		if err != nil {
			return nil, err
		}
		found = append(found, answer.ServiceAccounts...)
		if len(answer.ServiceAccounts) == 0 || len(found) >= *answer.TotalCount {
			return found, nil
		}
	}
}

// UpdateServiceAccount changes the service account. Its login stays, whatever the name.
//
// PATCH /api/serviceaccounts/:id
func (o *OrgClient) UpdateServiceAccount(ctx context.Context, id int64, change ServiceAccountPatch) error {
	return exec(ctx, o, patch(change, "/api/serviceaccounts/:id", id))
}

// DeleteServiceAccount deletes the service account and its tokens. Before 12.0.2 Grafana answers 500 if
// there is none; then its absence is success.
//
// DELETE /api/serviceaccounts/:id
func (o *OrgClient) DeleteServiceAccount(ctx context.Context, id int64) error {
	err := exec(ctx, o, del("/api/serviceaccounts/:id", id))
	if !answered(err, http.StatusInternalServerError) {
		return err
	}
	if _, gone := o.ServiceAccountByID(ctx, id); IsNotFound(gone) {
		return nil
	}
	return err
}
