package grafanatest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// look asks the real Grafana as somebody in charge and reads the answer; false if there is no such thing.
// Tests wait for what they want to see, so what cannot be seen is not there.
func (r *real) look(path string, org int64, out any) bool {
	u, err := url.Parse(path)
	if err != nil {
		panic("grafanatest: " + err.Error())
	}
	h := http.Header{}
	h.Set("X-Grafana-Org-Id", fmt.Sprint(org))
	a := r.serveInCharge(inbound{ctx: r.tb.Context(), method: http.MethodGet, url: u, header: h})
	return a.status < 300 && json.Unmarshal(a.body, out) == nil
}

// isMember reports whether the world's admin is in an organization.
func (r *real) isMember(org int64) bool {
	return slices.ContainsFunc(r.members(org), func(m Member) bool { return m.UserID == r.admin })
}

func (r *real) members(org int64) []Member {
	var members []Member
	a := r.do(http.MethodGet, fmt.Sprintf("/api/orgs/%d/users", org), 1, nil)
	if a.status > 299 || json.Unmarshal(a.body, &members) != nil {
		return nil
	}
	return slices.DeleteFunc(members, func(m Member) bool { return org == 1 && m.UserID != r.admin }) // others' tests
}

// ownOrgs lists the ids of the organizations that are the world's, besides the main one.
func (r *real) ownOrgs() (ids []int64, err error) {
	var all []struct {
		ID   int64
		Name string
	}
	if err := r.ask(http.MethodGet, "/api/orgs?perpage=1000000", 1, nil, &all); err != nil {
		return nil, err
	}
	for _, o := range all {
		if strings.HasPrefix(o.Name, r.names.prefix) {
			ids = append(ids, o.ID)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (r *real) allOrgs() (all []Org) {
	ids, err := r.ownOrgs()
	if err != nil {
		r.tb.Errorf("looking at the organizations: %v", err)
	}
	for _, id := range append([]int64{1}, ids...) {
		if o := r.orgByID(id); o != nil {
			all = append(all, *o)
		}
	}
	return all
}

func (r *real) orgByID(id int64) *Org {
	var found struct {
		ID      int64
		Name    string
		Address Address
	}
	if !r.look(fmt.Sprintf("/api/orgs/%d", id), 1, &found) {
		return nil
	}
	o := &Org{ID: id, Name: found.Name, Address: found.Address, Members: r.members(id)}
	if slices.ContainsFunc(o.Members, func(m Member) bool { return m.UserID == r.admin }) {
		r.look("/api/org/preferences", id, &o.Preferences)
	}
	var quotas []struct {
		Target string
		Limit  int64
	}
	if r.quotas && r.look(fmt.Sprintf("/api/orgs/%d/quotas", id), 1, &quotas) {
		o.Quotas = map[string]int64{}
		for _, q := range quotas {
			o.Quotas[q.Target] = q.Limit
		}
	}
	return o
}

type realAccount struct {
	ID                int64
	Name, Login, Role string
	IsDisabled        bool
	UID               string
	CreatedAt         time.Time
}

func (a realAccount) shown() SA {
	return SA{
		ID:       a.ID,
		UID:      a.UID,
		Name:     a.Name,
		Login:    a.Login,
		Role:     a.Role,
		Disabled: a.IsDisabled,
		Created:  a.CreatedAt,
	}
}

func (r *real) accounts(org int64) (all []SA) {
	for page := 1; ; page++ {
		var found struct {
			TotalCount      int
			ServiceAccounts []realAccount
		}
		if !r.look(fmt.Sprintf("/api/serviceaccounts/search?perpage=1000&page=%d", page), org, &found) {
			return all
		}
		for _, a := range found.ServiceAccounts {
			all = append(all, a.shown())
		}
		if len(found.ServiceAccounts) == 0 || len(all) >= found.TotalCount {
			slices.SortFunc(all, func(a, b SA) int { return cmp.Compare(a.ID, b.ID) })
			return all
		}
	}
}

func (r *real) account(org, id int64) *SA {
	var found realAccount
	if !r.look(fmt.Sprintf("/api/serviceaccounts/%d", id), org, &found) {
		return nil
	}
	shown := found.shown()
	return &shown
}

func (r *real) tokens(org int64) (all []Tok) {
	for _, account := range r.accounts(org) {
		var found []struct {
			ID         int64
			Name       string
			Created    time.Time
			Expiration *time.Time
			IsRevoked  bool
		}
		r.look(fmt.Sprintf("/api/serviceaccounts/%d/tokens", account.ID), org, &found)
		for _, t := range found {
			all = append(
				all,
				Tok{
					ID:      t.ID,
					Name:    t.Name,
					SAID:    account.ID,
					Created: t.Created,
					Expires: t.Expiration,
					Revoked: t.IsRevoked,
				},
			)
		}
	}
	slices.SortFunc(all, func(a, b Tok) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// dashboards are found by a list that no index lags behind.
func (r *real) dashboards(org int64) (all []Dash) {
	var uids []string
	if strings.HasPrefix(r.version, "10.") {
		var hits []struct{ UID string }
		r.look("/api/search?type=dash-db&limit=5000", org, &hits)
		for _, h := range hits {
			uids = append(uids, h.UID)
		}
	} else {
		var list struct {
			Items []struct{ Metadata struct{ Name string } }
		}
		r.look(
			"/apis/dashboard.grafana.app/v1beta1/namespaces/"+namespaceOf(org)+"/dashboards?limit=5000", org, &list,
		)
		for _, item := range list.Items {
			uids = append(uids, item.Metadata.Name)
		}
	}
	slices.Sort(uids)
	for _, uid := range uids {
		if d := r.dashboard(org, uid); d != nil {
			all = append(all, *d)
		}
	}
	return all
}

// lookInSchema2 reads a dashboard that is stored in schema v2 in that.
func (r *real) lookInSchema2(org int64, d *Dash) {
	if strings.HasPrefix(r.version, "10.") {
		return
	}
	stored := "v1beta1" // in which nobody stores anything here, so that it tells the truth of the others
	for range 2 {
		var found struct {
			Spec   json.RawMessage
			Status struct {
				Conversion struct{ StoredVersion string }
			}
		}
		r.look("/apis/dashboard.grafana.app/"+stored+"/namespaces/"+namespaceOf(org)+"/dashboards/"+d.UID, org, &found)
		if isSchema2(stored) {
			d.API, d.Model = stored, found.Spec
		}
		if stored = found.Status.Conversion.StoredVersion; !isSchema2(stored) {
			return
		}
	}
}

func (r *real) dashboard(org int64, uid string) *Dash {
	var found struct {
		Dashboard json.RawMessage
		Meta      struct {
			Version   int64
			FolderUID string
			IsFolder  bool
		}
	}
	path := "/api/dashboards/uid/" + url.PathEscape(uid)
	if !r.look(path, org, &found) || found.Meta.IsFolder {
		return nil
	}
	var content struct{ UID, Title string }
	if json.Unmarshal(found.Dashboard, &content) != nil || content.UID != uid {
		return nil // some databases do not mind the case
	}
	d := &Dash{
		UID:       uid,
		Title:     content.Title,
		FolderUID: found.Meta.FolderUID,
		Version:   found.Meta.Version,
		Model:     found.Dashboard,
		Messages:  r.messages(org, path),
	}
	r.lookInSchema2(org, d)
	return d
}

type realVersion struct {
	Version int64
	Message string
}

// messages are those of all versions, oldest first. Versions before Grafana 11 are a plain list.
func (r *real) messages(org int64, path string) (messages []string) {
	var raw json.RawMessage
	if !r.look(path+"/versions?limit=1000", org, &raw) {
		return nil
	}
	var page struct{ Versions []realVersion }
	if json.Unmarshal(raw, &page) != nil {
		_ = json.Unmarshal(raw, &page.Versions)
	}
	slices.SortStableFunc(page.Versions, func(a, b realVersion) int { return cmp.Compare(a.Version, b.Version) })
	page.Versions = slices.CompactFunc(page.Versions, func(a, b realVersion) bool { return a.Version == b.Version })
	for _, v := range page.Versions {
		messages = append(messages, v.Message)
	}
	return messages
}

func (r *real) folders(org int64) (all []Folder) {
	parents := []string{""}
	for len(parents) > 0 {
		var found []struct{ UID, Title string }
		r.look("/api/folders?limit=1000&parentUid="+url.QueryEscape(parents[0]), org, &found)
		for _, f := range found {
			if slices.ContainsFunc(all, func(known Folder) bool { return known.UID == f.UID }) {
				continue // a Grafana without nested folders ignores the parent
			}
			all = append(all, Folder{UID: f.UID, Title: f.Title, ParentUID: parents[0]})
			parents = append(parents, f.UID)
		}
		parents = parents[1:]
	}
	slices.SortFunc(all, func(a, b Folder) int { return cmp.Compare(a.UID, b.UID) })
	return all
}

// alive asks with the key itself.
func (r *real) alive(key string) (orgID, saID, tokenID int64, ok bool) {
	r.mu.Lock()
	i := slices.IndexFunc(r.keys, func(k realKey) bool { return k.key == key })
	var known realKey
	if i >= 0 {
		known = r.keys[i]
	}
	r.mu.Unlock()
	if i < 0 {
		return 0, 0, 0, false
	}
	u := &url.URL{Path: "/api/org", RawQuery: "forceLogin=true"}
	h := http.Header{}
	h.Set("Authorization", "Bearer "+key)
	a, err := r.send(inbound{ctx: r.tb.Context(), method: http.MethodGet, url: u, header: h})
	return known.orgID, known.saID, known.tokenID, err == nil && a.status == http.StatusOK
}

func (r *real) allKeys() (keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys {
		keys = append(keys, k.key)
	}
	return keys
}
