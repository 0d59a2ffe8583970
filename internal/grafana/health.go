package grafana

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// Health is how a Grafana says it is.
type Health struct {
	// Version and Commit are empty where Grafana is set to hide them.
	Version string `json:"version"`
	Commit  string `json:"commit"`
	// Database is "ok" or "failing".
	Database string `json:"database"`
}

func (h Health) complete() bool { return h.Database != "" }

// Settings is what Grafana tells everyone who is signed in about itself.
type Settings struct {
	Version string
	// Edition is "Open Source" or "Enterprise".
	Edition string
	// Namespace is what /apis calls the organization that was asked: "default", "org-N", or "stacks-N" in Grafana
	// Cloud.
	Namespace      string
	FeatureToggles map[string]bool
	// Alerting is false where Grafana says that it is switched off.
	Alerting bool
	// PasswordsFixed is true where Grafana changes nobody's password, since its login form is switched off: who is made
	// keeps the one that they are made with.
	PasswordsFixed bool
}

// NestedFolders reports whether folders can be in folders: always since Grafana 11, before only behind a
// feature toggle. A version that is hidden or cannot be read counts as an older one, since that puts a
// folder in the wrong place without a word.
func (s Settings) NestedFolders() bool {
	major, _ := s.version()
	return s.FeatureToggles["nestedFolders"] || major >= 11
}

// KeepsUsedPanels reports whether Grafana refuses to delete a library panel that a dashboard uses: 10.4.3 does, 12.4.0
// does not. A version that is hidden or cannot be read counts as one that does not.
func (s Settings) KeepsUsedPanels() bool {
	major, _ := s.version()
	return major > 0 && major < 11
}

// UniquePanelNames reports whether a folder cannot have two library panels of one name, as before 12.3. A version that
// is hidden or cannot be read counts as one that allows it.
func (s Settings) UniquePanelNames() bool {
	major, minor := s.version()
	return major > 0 && major < 12 || major == 12 && minor < 3
}

// version has the first two numbers of the version; 0: it is hidden, or cannot be read.
func (s Settings) version() (major, minor int) {
	first, rest, _ := strings.Cut(s.Version, ".")
	second, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0
	}
	minor, _ = strconv.Atoi(second)
	return major, minor
}

// Health asks how the Grafana is, without a credential. If its database fails, both the Health and an
// error (IsUnavailable) are returned.
//
// GET /api/health
func (c *Client) Health(ctx context.Context) (Health, error) {
	r := get("/api/health")
	r.as = &credential{}
	a, err := c.call(ctx, r)
	if err != nil {
		return Health{}, err
	}
	health, err := decode[Health](a)
	if err == nil {
		c.setClock(a)
	}
	if a.status != http.StatusOK {
		return health, a.asError()
	}
	return health, err
}

type frontendSettings struct {
	BuildInfo struct {
		Version string `json:"version"`
		Edition string `json:"edition"`
	} `json:"buildInfo"`
	Namespace      string         `json:"namespace"`
	FeatureToggles map[string]any `json:"featureToggles"`
	Alerting       *bool          `json:"unifiedAlertingEnabled"`
	NoLoginForm    bool           `json:"disableLoginForm"`
	Auth           struct {
		NoLogin bool `json:"disableLogin"`
	} `json:"auth"`
}

func (s frontendSettings) complete() bool {
	return s.BuildInfo.Version != "" || s.BuildInfo.Edition != ""
}

// Settings asks which Grafana this is.
//
// GET /api/frontend/settings
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	answer, err := do[frontendSettings](ctx, c, get("/api/frontend/settings"))
	if err != nil {
		return Settings{}, err
	}
	toggles := make(map[string]bool, len(answer.FeatureToggles))
	for name, value := range answer.FeatureToggles {
		toggles[name], _ = value.(bool)
	}
	return Settings{
		Version:        answer.BuildInfo.Version,
		Edition:        answer.BuildInfo.Edition,
		Namespace:      answer.Namespace,
		FeatureToggles: toggles,
		Alerting:       answer.Alerting == nil || *answer.Alerting,
		PasswordsFixed: answer.NoLoginForm || answer.Auth.NoLogin,
	}, nil
}

type apiGroup struct {
	Kind     string `json:"kind"`
	Versions []struct {
		Version string `json:"version"`
	} `json:"versions"`
	PreferredVersion struct {
		Version string `json:"version"`
	} `json:"preferredVersion"`
}

func (g apiGroup) complete() bool { return g.Kind == "APIGroup" }

// DashboardAPIVersions finds out in which versions /apis has the dashboards, such as "v1beta1": the first is the one to
// ask for their list. None: they cannot be had there, because this Grafana (before 12) has none, or the credential may
// not ask, or a proxy does not let it through. It is a convenience, so that anybody's refusal will do for that.
//
// GET /apis/dashboard.grafana.app
func (c *Client) DashboardAPIVersions(ctx context.Context) ([]string, error) {
	r := get("/apis/dashboard.grafana.app")
	r.spare = true
	group, err := do[apiGroup](ctx, c, r)
	switch VerdictOf(err) {
	case Done:
	case NoAnswer, Untrusted, Failing, RateLimited, Unauthorized, Other:
		return nil, err
	default:
		return nil, nil
	}
	preferred := group.PreferredVersion.Version
	if preferred == "" {
		return nil, nil
	}
	versions := []string{preferred}
	for _, v := range group.Versions {
		if v.Version != preferred {
			versions = append(versions, v.Version)
		}
	}
	return versions, nil
}
