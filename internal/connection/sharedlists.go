package connection

import (
	"context"
	"maps"
	"slices"
	"time"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// Age is how old a list may be that somebody goes by.
type Age int

const (
	// Now is a list that begins after it was asked for.
	Now Age = iota
	// Due is one for those whose resync is due, which they all are at once.
	Due
	// Recent is one of some seconds, for what people change in Grafana and what no write depends on but for its time.
	Recent
)

// of is how old that is at most. Without a session nobody would notice that the database is another one by now.
func (a Age) of(c *Conn) time.Duration {
	if c.SessionID() == "" {
		return asOfNow
	}
	return a.life()
}

// life is how old it is at most, whatever the database.
func (a Age) life() time.Duration {
	switch a {
	case Due:
		return dueListLife
	case Recent:
		return listLife
	}
	return asOfNow
}

// everybody is the key of the list of all who can log in.
var everybody = listKey{}

// ListOfUsers lists the people who can log in, or brings the list that others have just made. What is written does not
// go by it.
func (c *Conn) ListOfUsers(ctx context.Context, age Age) ([]grafana.ListedUser, error) {
	all, _, err := c.userLists.get(ctx, c, everybody, age.of(c), func() ([]grafana.ListedUser, error) {
		return c.SearchUsers(ctx, "")
	})
	return all, err
}

// ForgetUsers has them listed anew: somebody was changed or removed, or may have been.
func (c *Conn) ForgetUsers() { c.userLists.forget(c, everybody) }

// ListOfTeams lists the teams of an organization, or brings the list that others have just made.
func (c *Conn) ListOfTeams(ctx context.Context, org *grafana.OrgClient, age Age) ([]grafana.Team, error) {
	all, _, err := c.teamLists.get(ctx, c, listKey{org: org.ID()}, age.of(c), func() ([]grafana.Team, error) {
		return org.Teams(ctx)
	})
	return all, err
}

// ForgetTeams has the teams of an organization listed anew: some were deleted, or may have been made or changed.
func (c *Conn) ForgetTeams(org int64) { c.teamLists.forget(c, listKey{org: org}) }

// NoteTeam has the list show a team as the operator has just made or changed it.
func (c *Conn) NoteTeam(org int64, now grafana.Team) {
	c.teamLists.note(c, listKey{org: org}, func(all []grafana.Team) []grafana.Team {
		return put(all, func(t grafana.Team) bool { return t.ID == now.ID }, now)
	})
}

// ListOfLibraryPanels lists the library panels of an organization by their uids, or brings the list that others have
// just made.
func (c *Conn) ListOfLibraryPanels(
	ctx context.Context, org *grafana.OrgClient, age Age,
) (map[string]grafana.LibraryPanel, error) {
	found, _, err := c.panelLists.get(ctx, c, listKey{org: org.ID()}, age.of(c),
		func() (map[string]grafana.LibraryPanel, error) {
			all, err := org.LibraryPanels(ctx)
			byUID := make(map[string]grafana.LibraryPanel, len(all))
			for _, p := range all {
				byUID[p.UID] = p
			}
			return byUID, err
		})
	return found, err
}

// ForgetLibraryPanels has the library panels of an organization listed anew: some may have been made, changed or
// deleted.
func (c *Conn) ForgetLibraryPanels(org int64) { c.panelLists.forget(c, listKey{org: org}) }

// NoteLibraryPanel has the list show a library panel as the operator has just made or changed it.
func (c *Conn) NoteLibraryPanel(org int64, now grafana.LibraryPanel) {
	now.Model = nil
	c.panelLists.note(c, listKey{org: org}, func(all map[string]grafana.LibraryPanel) map[string]grafana.LibraryPanel {
		all = maps.Clone(all)
		all[now.UID] = now
		return all
	})
}

// NoteNoLibraryPanel has the list show none with this uid any more, as the operator has just deleted it.
func (c *Conn) NoteNoLibraryPanel(org int64, uid string) {
	c.panelLists.note(c, listKey{org: org}, func(all map[string]grafana.LibraryPanel) map[string]grafana.LibraryPanel {
		all = maps.Clone(all)
		delete(all, uid)
		return all
	})
}

// ListOfAccounts lists the service accounts of an organization, or brings the list that others have just made. It does
// not tell when they were created.
func (c *Conn) ListOfAccounts(
	ctx context.Context, org *grafana.OrgClient, age Age,
) ([]grafana.ServiceAccount, error) {
	all, _, err := c.accountLists.get(ctx, c, listKey{org: org.ID()}, age.of(c),
		func() ([]grafana.ServiceAccount, error) { return org.SearchServiceAccounts(ctx, "") })
	return all, err
}

// KnownAccounts is the last list, if there is one of late, with what the operator has made and changed since. It asks
// nobody.
func (c *Conn) KnownAccounts(org int64) (accounts []grafana.ServiceAccount, known bool) {
	return c.accountLists.peek(c, listKey{org: org}, dueListLife)
}

// ForgetAccounts has the service accounts of an organization listed anew: some were deleted, or may have been made or
// changed.
func (c *Conn) ForgetAccounts(org int64) { c.accountLists.forget(c, listKey{org: org}) }

// NoteAccount has the list show a service account as the operator has just made or changed it.
func (c *Conn) NoteAccount(org int64, now grafana.ServiceAccount) {
	c.accountLists.note(c, listKey{org: org}, func(all []grafana.ServiceAccount) []grafana.ServiceAccount {
		return put(all, func(a grafana.ServiceAccount) bool { return a.ID == now.ID }, now)
	})
}

// ListOfTokens lists the tokens of a service account, or brings the list that others have just made; then it is not
// fresh.
func (c *Conn) ListOfTokens(
	ctx context.Context, org *grafana.OrgClient, account int64, age Age,
) ([]grafana.Token, bool, error) {
	return c.tokenLists.get(ctx, c, listKey{org.ID(), account}, age.of(c), func() ([]grafana.Token, error) {
		return org.Tokens(ctx, account)
	})
}

// KnownTokens is the list of some seconds ago, if there is one. It asks nobody.
func (c *Conn) KnownTokens(org, account int64) (tokens []grafana.Token, known bool) {
	return c.tokenLists.peek(c, listKey{org, account}, listLife)
}

// ForgetTokens has the tokens of a service account listed anew: some were revoked, or may have been made.
func (c *Conn) ForgetTokens(org, account int64) { c.tokenLists.forget(c, listKey{org, account}) }

// NoteToken has the list show a token that the operator has just made.
func (c *Conn) NoteToken(org, account int64, made grafana.Token) {
	c.tokenLists.note(c, listKey{org, account}, func(all []grafana.Token) []grafana.Token {
		if slices.ContainsFunc(all, func(t grafana.Token) bool { return t.ID == made.ID }) {
			return all // as Grafana tells of it
		}
		return append(slices.Clone(all), made)
	})
}
