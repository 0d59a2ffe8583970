package grafanatest

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
)

// Source is a data source.
type Source struct {
	ID, Version                int64
	UID, Name, Type, Access    string
	URL                        string `json:"url"`
	User, Database             string
	BasicAuth, WithCredentials bool
	BasicAuthUser              string
	IsDefault, ReadOnly        bool
	JSONData                   map[string]any    `json:"jsonData"`
	Secrets                    map[string]string `json:"-"` // a real Grafana tells the names only
	SecureFields               map[string]bool   `json:"secureJsonFields"`
}

// Sources returns an organization's data sources, by uid.
func (s *Server) Sources(orgID int64) []Source {
	if s.real != nil {
		return s.real.sources(orgID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.db.orgs[orgID]
	if o == nil {
		return nil
	}
	var out []Source
	for _, d := range sorted(o.sources, func(a, b *dataSource) int { return strings.Compare(a.uid, b.uid) }) {
		shown := Source{
			ID: d.id, Version: d.version, UID: d.uid, Name: d.name, Type: d.plugin().id, Access: d.body.Access,
			URL: d.body.URL, User: d.body.User, Database: d.body.Database, BasicAuth: d.body.BasicAuth,
			WithCredentials: d.body.WithCredentials, BasicAuthUser: d.body.BasicAuthUser, IsDefault: d.isDefault,
			ReadOnly: d.provisioned, JSONData: maps.Clone(d.body.JSONData), Secrets: map[string]string{},
			SecureFields: map[string]bool{},
		}
		for name, value := range d.body.SecureJSONData {
			if value != "" {
				shown.Secrets[name], shown.SecureFields[name] = value, true
			}
		}
		out = append(out, shown)
	}
	return out
}

// Source returns the data source of a uid; nil if the organization has none.
func (s *Server) Source(orgID int64, uid string) *Source {
	return first(s.Sources(orgID), func(d Source) bool { return d.UID == uid })
}

// Provision has a data source come from a file, so that it can be changed there only.
func (s *Server) Provision(orgID int64, uid string) {
	s.memoryOnly("a file is put onto the server")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db.orgs[orgID].source(uid).provisioned = true
}

func (r *real) sources(org int64) (all []Source) {
	var found []Source
	r.look("/api/datasources", org, &found)
	for _, f := range found {
		var whole Source
		if r.look(fmt.Sprintf("/api/datasources/uid/%s", url.PathEscape(f.UID)), org, &whole) {
			all = append(all, whole)
		}
	}
	return all
}
