package grafana

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Org is an organization.
type Org struct {
	ID      int64   `json:"id"`
	Name    string  `json:"name"`
	Address Address `json:"address"`
}

func (o Org) complete() bool { return o.ID > 0 }

// Address is an organization's postal address, which Grafana shows nowhere.
type Address struct {
	Address1 string `json:"address1"`
	Address2 string `json:"address2"`
	City     string `json:"city"`
	ZipCode  string `json:"zipCode"`
	State    string `json:"state"`
	Country  string `json:"country"`
}

// OrgName is an organization in a list.
type OrgName struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

func (o OrgName) complete() bool { return o.ID > 0 }

// OrgMembership is an organization that the login is a member of.
type OrgMembership struct {
	OrgID int64  `json:"orgId"`
	Name  string `json:"name"`
	// Role is None, Viewer, Editor or Admin.
	Role string `json:"role"`
}

func (o OrgMembership) complete() bool { return o.OrgID > 0 }

// Quota is a limit on how many of something an organization may have.
type Quota struct {
	// Target is what is limited: "dashboard", "org_user", "data_source", …
	Target string `json:"target"`
	// Limit is the largest number allowed. -1: any.
	Limit int64 `json:"limit"`
	// Used is how many there are.
	Used int64 `json:"used"`
}

func (q Quota) complete() bool { return q.Target != "" }

// CurrentOrg returns the organization that the credential acts in by itself; for a token the only one.
//
// GET /api/org
func (c *Client) CurrentOrg(ctx context.Context) (Org, error) {
	return do[Org](ctx, c, get("/api/org"))
}

// MyOrgs lists the organizations that the login is a member of. A token is a member of none, and is not asked:
// some versions answer it 304, others 403.
//
// GET /api/user/orgs
func (c *Client) MyOrgs(ctx context.Context) ([]OrgMembership, error) {
	if c.cfg.Token != "" {
		return nil, nil
	}
	return do[list[OrgMembership]](ctx, c, get("/api/user/orgs"))
}

type createdOrg struct {
	OrgID int64 `json:"orgId"`
}

func (o createdOrg) complete() bool { return o.OrgID > 0 }

// CreateOrg makes an organization, with the login as its Admin, and returns its id. The name must be
// new to this Grafana (IsTaken).
//
// POST /api/orgs
func (c *Client) CreateOrg(ctx context.Context, name string) (int64, error) {
	created, err := do[createdOrg](ctx, c, post(map[string]string{"name": name}, "/api/orgs"))
	return created.OrgID, err
}

// OrgByID returns the organization with this id.
//
// GET /api/orgs/:id
func (c *Client) OrgByID(ctx context.Context, id int64) (Org, error) {
	return do[Org](ctx, c, get("/api/orgs/:id", id))
}

// OrgByName returns the organization that keeps others from having this name; nil if there is none. It may be
// called something else: MySQL and MariaDB mind neither case nor accents nor blanks at the end.
//
// GET /api/orgs?name=, GET /api/orgs/:id
func (c *Client) OrgByName(ctx context.Context, name string) (*Org, error) {
	found, err := do[list[OrgName]](ctx, c, get("/api/orgs").with("name", name))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	holder := found[max(0, slices.IndexFunc(found, func(o OrgName) bool { return o.Name == name }))]
	org, err := c.OrgByID(ctx, holder.ID)
	if IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &org, nil
}

// ListOrgs lists all organizations. It asks for one large page, since Grafana does not sort them and so
// pages overlap.
//
// GET /api/orgs
func (c *Client) ListOrgs(ctx context.Context) ([]OrgName, error) {
	return do[list[OrgName]](ctx, c, get("/api/orgs").with("perpage", wholeList))
}

// RenameOrg gives the organization another name, which must be free (IsTaken). For an organization that
// does not exist Grafana answers 500.
//
// PUT /api/orgs/:id
func (c *Client) RenameOrg(ctx context.Context, id int64, name string) error {
	return exec(ctx, c, put(map[string]string{"name": name}, "/api/orgs/:id", id))
}

// SetOrgAddress sets those fields of the address that are not empty; Grafana cannot blank a field. It
// does not tell if the organization does not exist.
//
// PUT /api/orgs/:id/address
func (c *Client) SetOrgAddress(ctx context.Context, id int64, address Address) error {
	return exec(ctx, c, put(address, "/api/orgs/:id/address", id))
}

// DeleteOrg deletes the organization and all that is in it. It may take minutes.
//
// DELETE /api/orgs/:id
func (c *Client) DeleteOrg(ctx context.Context, id int64) error {
	other, err := c.otherOrg(ctx, id)
	if err != nil {
		return err
	}
	r := del("/api/orgs/:id", id)
	r.long = true
	return exec(ctx, c.Org(other), r)
}

// CannotDeleteOrgs reports whether the failure of DeleteOrg is that of a version of Grafana that cannot delete
// organizations: 12.0.0 and 12.0.1 answer 500, 13.1 and 13.2 500 or 405. In any other version a 500 may pass.
func CannotDeleteOrgs(err error, version string) bool {
	var e *Error
	if !errors.As(err, &e) ||
		e.shape != ownShape { // a proxy that does not let a DELETE through says nothing about Grafana
		return false
	}
	if e.Status == http.StatusMethodNotAllowed {
		return true
	}
	bad := []string{"12.0.0", "12.0.1", "13.1.", "13.2."}
	return e.Status == http.StatusInternalServerError &&
		slices.ContainsFunc(bad, func(b string) bool { return strings.HasPrefix(version, b) })
}

// otherOrg chooses an organization to stand in while another is deleted: Grafana refuses to delete the
// one that a request acts in, and fails if the login is not a member of that.
func (c *Client) otherOrg(ctx context.Context, id int64) (int64, error) {
	orgs, err := c.MyOrgs(ctx)
	if err != nil {
		return 0, err
	}
	other := int64(0)
	for _, org := range orgs {
		if org.OrgID != id && (other == 0 || org.OrgID < other) {
			other = org.OrgID
		}
	}
	if other == 0 {
		return 0, errors.New(
			"Grafana deletes an organization only for a member of another one; make the login a member of one " +
				"that stays",
		)
	}
	return other, nil
}

// IsQuotasDisabled reports whether the failure of OrgQuotas says that this Grafana has quotas switched off.
func IsQuotasDisabled(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusInternalServerError && e.shape == ownShape
}

// OrgQuotas lists the organization's quotas. Where quotas are switched off, Grafana answers 500.
//
// GET /api/orgs/:id/quotas
func (c *Client) OrgQuotas(ctx context.Context, id int64) ([]Quota, error) {
	return do[list[Quota]](ctx, c, get("/api/orgs/:id/quotas", id))
}

// SetOrgQuota sets one quota. Where quotas are switched off or the target is unknown, Grafana answers 500.
//
// PUT /api/orgs/:id/quotas/:target
func (c *Client) SetOrgQuota(ctx context.Context, id int64, target string, limit int64) error {
	return exec(ctx, c, put(map[string]int64{"limit": limit}, "/api/orgs/:id/quotas/:target", id, target))
}

// SetOwnAddress is SetOrgAddress for a credential that reaches one organization only.
//
// PUT /api/org/address
func (o *OrgClient) SetOwnAddress(ctx context.Context, address Address) error {
	return exec(ctx, o, put(address, "/api/org/address"))
}
