package grafana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// DashboardVersion is one save of a dashboard.
type DashboardVersion struct {
	Version int64  `json:"version"`
	Message string `json:"message"`
	// CreatedBy is the login that saved it; empty where the list does not tell logins.
	CreatedBy string    `json:"createdBy"`
	Created   time.Time `json:"created"`
}

// The first page of a history is for those who ask for the newest only.
const (
	firstVersions = 1
	moreVersions  = 10
)

// DashboardVersions goes through the saves of the dashboard that Grafana keeps, the newest first, in small
// pages: whoever has seen enough asks for no more. No content is kept in memory. apiVersion is what
// DashboardAPIVersions found: through it the list comes without content, with the message of the first
// version, and may have a version several times, once for each message that it had. If it is empty, or
// does not work here, each version comes with its content, which is passed over. If there is no such
// dashboard, there is nothing in the list, or the error is IsNotFound.
//
// GET /apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards,
// GET /api/dashboards/uid/:uid/versions, GET /api/dashboards/uid/:uid/versions/:version
func (o *OrgClient) DashboardVersions(ctx context.Context, uid, apiVersion string) iter.Seq2[DashboardVersion, error] {
	return func(yield func(DashboardVersion, error) bool) {
		err := errNoHistory
		if apiVersion != "" {
			err = o.resourceVersions(ctx, uid, apiVersion, yield)
		}
		if errors.Is(err, errNoHistory) {
			err = o.classicVersions(ctx, uid, yield)
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(DashboardVersion{}, err)
		}
	}
}

var (
	errNoHistory = errors.New("no history through /apis")
	errEnough    = errors.New("enough was seen")
)

// resourceVersions goes through the history that /apis has.
func (o *OrgClient) resourceVersions(
	ctx context.Context, uid, apiVersion string, yield func(DashboardVersion, error) bool,
) error {
	namespace, err := o.namespace(ctx)
	if IsNoList(err) {
		return errNoHistory
	}
	if err != nil {
		return err
	}
	r := get("/apis/dashboard.grafana.app/:version/namespaces/:namespace/dashboards", apiVersion, namespace).
		with("labelSelector", "grafana.app/get-history=true").with("fieldSelector", "metadata.name="+uid)
	r.accept, r.spare = metadataOnly, true
	for limit, token := firstVersions, ""; ; limit = moreVersions {
		r = r.with("limit", strconv.Itoa(limit))
		page, err := do[resourcePage[metadata]](ctx, o, r)
		if token == "" && (IsNoList(err) || answered(err, http.StatusBadRequest, http.StatusNotImplemented)) {
			return errNoHistory
		}
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			m := item.Metadata
			if m.Name != uid { // a database that does not heed case has found another
				continue
			}
			at := m.Annotations.Updated.Time
			if at.IsZero() {
				at = m.Created.Time
			}
			if !yield(DashboardVersion{Version: m.Generation, Message: m.Annotations.Message, Created: at}, nil) {
				return errEnough
			}
		}
		if page.Metadata.Continue == "" || page.Metadata.Continue == token {
			return nil
		}
		token = page.Metadata.Continue
		r = r.with("continue", token)
	}
}

// listedVersion is a version as the list of versions tells it.
type listedVersion struct {
	DashboardVersion
	ParentVersion int64 `json:"parentVersion"`
}

// versionPage is a plain list before Grafana 11.1, and within an object since.
type versionPage struct {
	versions []listedVersion
	token    string // where the next page begins; empty: it is not told
}

func (p *versionPage) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, &p.versions)
	}
	var page struct {
		Token    string           `json:"continueToken"`
		Versions *[]listedVersion `json:"versions"`
	}
	if err := json.Unmarshal(data, &page); err != nil {
		return err
	}
	if page.Versions == nil {
		return errors.New("no versions")
	}
	p.versions, p.token = *page.Versions, page.Token
	return nil
}

// classicVersions goes through the history that every Grafana has. It heeds both ways to the next page: the
// token, and where none comes, the number of those seen.
func (o *OrgClient) classicVersions(ctx context.Context, uid string, yield func(DashboardVersion, error) bool) error {
	r := get("/api/dashboards/uid/:uid/versions", uid)
	r.without = "data"
	last := listedVersion{DashboardVersion: DashboardVersion{Version: -1}, ParentVersion: -1} // none yet
	for limit, seen, token := firstVersions, 0, ""; ; limit = moreVersions {
		page, err := do[versionPage](ctx, o, r.with("limit", strconv.Itoa(limit)))
		if isEndOfVersions(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if seen > 0 && token == "" && len(page.versions) > 0 && page.versions[0].Version >= last.Version {
			return nil // the list begins again: it has no pages
		}
		for _, v := range page.versions {
			if last, err = o.said(ctx, uid, v, last); err != nil {
				return err
			}
			if !yield(last.DashboardVersion, nil) {
				return errEnough
			}
		}
		seen += len(page.versions)
		if last.ParentVersion == 0 { // there is none before the first
			return nil
		}
		switch {
		case page.token != "" && page.token != token:
			token = page.token
			r = r.with("continueToken", token)
		case page.token != "" || token != "" || len(page.versions) < limit:
			return nil
		default:
			r = r.with("start", strconv.Itoa(seen))
		}
	}
}

// isEndOfVersions reports whether an older Grafana says that there are no versions, or no more of them. Of the
// dashboard that says nothing.
func isEndOfVersions(err error) bool {
	var e *Error
	return errors.As(err, &e) && !e.isForeign() && e.Status == http.StatusNotFound &&
		strings.HasPrefix(e.Message, "No versions found")
}

// said completes a version with what was said when it was saved: the list hides that of the first behind
// "Initial save".
func (o *OrgClient) said(ctx context.Context, uid string, v, before listedVersion) (listedVersion, error) {
	if v.ParentVersion != 0 {
		return v, nil
	}
	if before.Version == v.Version {
		v.Message = before.Message
		return v, nil
	}
	r := get("/api/dashboards/uid/:uid/versions/:version", uid, v.Version)
	r.without = "data"
	first, err := do[DashboardVersion](ctx, o, r)
	v.Message = first.Message
	return v, err
}
