package grafanatest

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
)

func namespaceOf(orgID int64) string {
	if orgID == 1 {
		return "default"
	}
	return fmt.Sprintf("org-%d", orgID)
}

func (o *org) show() obj {
	return obj{"id": o.id, "name": o.name, "address": o.address}
}

func (db *database) orgNamed(name string) *org {
	for _, o := range db.orgs {
		if db.kind.same(o.name, name) {
			return o
		}
	}
	return nil
}

// bindName reads a body of which only the name counts.
func (c *call) bindName() (string, bool) {
	var body struct{ Name string }
	return body.Name, c.bind(&body) && body.Name != ""
}

func createOrg(c *call) *answer {
	name, good := c.bindName()
	if !good {
		return badData()
	}
	if c.who.user.serviceAccount {
		return fail(http.StatusForbidden, "Only users can create organizations")
	}
	if other := c.db.orgNamed(name); other != nil {
		return c.taken(
			other.made,
			fail(http.StatusConflict, "Organization name taken"),
			"Failed to create organization",
		)
	}
	if c.orgQuotaReached() {
		return fail(http.StatusForbidden, "org Quota reached")
	}
	if !c.fits(&name, nameLength) || c.db.orgNamed(name) != nil { // cut, it may be another's
		return fail(http.StatusInternalServerError, "Failed to create organization")
	}
	o := c.db.addOrg(name)
	o.members[c.who.user.id] = roleAdmin
	return ok(obj{"message": "Organization created", "orgId": o.id})
}

// listOrgs answers in the order of the index on names, as SQLite does.
func listOrgs(c *call) *answer {
	size := c.number("perpage", 1000)
	if size <= 0 {
		size = 1000
	}
	name, prefix := c.query.Get("name"), c.folded(c.query.Get("query"))
	rows := []obj{}
	for _, o := range sorted(c.db.orgs, func(a, b *org) int { return strings.Compare(a.name, b.name) }) {
		if (name == "" || c.db.kind.same(o.name, name)) && like(c.folded(o.name), prefix+"%") {
			rows = append(rows, obj{"id": o.id, "name": o.name})
		}
	}
	return ok(page(rows, size, c.number("page", 0)))
}

func orgByName(c *call) *answer {
	if c.params["name"] == "" {
		return denied(c, "")
	}
	return showOrg(c.db.orgNamed(c.params["name"]))
}

func orgByID(c *call) *answer { return showOrg(c.db.orgs[c.id("org")]) }

func currentOrg(c *call) *answer { return showOrg(c.org()) }

func showOrg(o *org) *answer {
	if o == nil {
		return fail(http.StatusNotFound, "Organization not found")
	}
	return ok(o.show())
}

func renameOrg(c *call) *answer        { return c.rename(c.db.orgs[c.id("org")]) }
func renameCurrentOrg(c *call) *answer { return c.rename(c.org()) }

func (c *call) rename(o *org) *answer {
	name, good := c.bindName()
	if !good {
		return badData()
	}
	if other := c.db.orgNamed(name); other != nil && other != o {
		return fail(http.StatusBadRequest, "Organization name taken")
	}
	if o == nil || !c.fits(&name, nameLength) {
		return fail(http.StatusInternalServerError, "Failed to update organization")
	}
	if other := c.db.orgNamed(name); other != nil && other != o { // cut, it is another's
		return fail(http.StatusInternalServerError, "Failed to update organization")
	}
	o.name = name
	return done("Organization updated")
}

func setOrgAddress(c *call) *answer     { return c.setAddress(c.db.orgs[c.id("org")]) }
func setCurrentAddress(c *call) *answer { return c.setAddress(c.org()) }

// setAddress changes the fields that are given; none can be blanked. That
// there is no such org is not noticed.
func (c *call) setAddress(o *org) *answer {
	var body Address
	if !c.bind(&body) {
		return badData()
	}
	if !c.allFit(textLength, &body.Address1, &body.Address2, &body.City, &body.State, &body.Country) {
		return fail(http.StatusInternalServerError, "Failed to update org address")
	}
	if o != nil {
		a := &o.address
		set(&a.Address1, body.Address1)
		set(&a.Address2, body.Address2)
		set(&a.City, body.City)
		set(&a.ZipCode, body.ZipCode)
		set(&a.State, body.State)
		set(&a.Country, body.Country)
	}
	return done("Address updated")
}

func set(field *string, value string) {
	if value != "" {
		*field = value
	}
}

func deleteOrg(c *call) *answer {
	id := c.id("org")
	if id == c.who.orgID {
		return fail(http.StatusBadRequest, c.quirks.ownOrgMessage)
	}
	if failure := c.quirks.orgDeletion; failure != nil { // it fails at the contents, before it looks for the org
		return fail(failure.status, failure.message)
	}
	if c.quirks.unified && c.org() == nil {
		return fail(http.StatusInternalServerError, "Failed to delete organization")
	}
	if c.db.orgs[id] == nil {
		return fail(http.StatusNotFound, "Failed to delete organization. ID not found")
	}
	delete(c.db.orgs, id)
	maps.DeleteFunc(c.db.tokens, func(_ int64, t *token) bool { return t.orgID == id })
	return done("Organization deleted")
}

// members of an org who are people, by login.
func (c *call) members(o *org) []*user {
	if o == nil {
		return nil
	}
	return c.db.people(func(u *user) bool { return o.members[u.id] != "" })
}
