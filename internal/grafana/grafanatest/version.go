package grafanatest

import (
	"net/http"
	"slices"
	"time"
)

// quirks are the differences between versions, each named for what it does.
type quirks struct {
	version, commit string

	unified         bool // dashboards and folders live in the storage behind /apis
	nestedFolders   bool // folders have parents that count
	uniqueTitles    bool // a title is unique in its folder, and overwrite takes over
	shortSlugs      bool // the slug of a long title is short, not a UUID
	viewersAnnotate bool // viewers may annotate dashboards
	limitsText      bool // dashboard titles and messages have a longest length
	rootFolder      string
	permissionTTL   time.Duration // how long what somebody may do is remembered

	accountsAtOnce     bool // a service account is made wholly or not at all
	accountsByUID      bool // service accounts have a uid, which paths accept
	accountsAreUsers   bool // service accounts have a profile, and sign what they save
	deleteMissingFails bool // deleting a missing service account is a 500
	limitNeedsExpiry   bool // a limit on tokens' life refuses those without end

	cutsTexts     bool // MariaDB cuts what is too long for a column
	newUserFields bool // uid, created and isProvisioned of users are shown
	usersAnywhere bool // users can be made while in no org
	// what is changed of a user is changed of one that is there; and a login is free before a password is short
	checksUsers         bool
	lowersUsers         bool
	checksTeams         bool // what is changed of a team is changed of one that is there
	teamsByUID          bool // paths accept a team's uid
	countsUnknownLogins bool // failed logins of nobody count, too
	rotatesFresh        bool // a session can be rotated at any age
	loginRemembers      bool // the way to the login page says where from

	keepsDeadHome   bool // preferences show a home dashboard that is gone
	keepsHomeOnPut  bool // replacing preferences keeps the home dashboard
	keepsNavbar     bool // preferences have bookmarks
	checksHomeID    bool // a home dashboard's id must exist
	checksTimezone  bool // a timezone must exist
	checksSourceUID bool // a data source's uid must be a legal one
	pluginFolder    string
	newRuleFields   bool   // keep_firing_for and record of alert rules are shown
	ownOrgMessage   string // of deleting the current org
	orgDeletion     *stuck // nil: orgs can be deleted
}

// stuck is a request that always fails.
type stuck struct {
	status  int
	message string
}

var known = map[string]quirks{
	"12.4.0": {
		version:             "12.4.0",
		commit:              "ebae266a",
		unified:             true,
		nestedFolders:       true,
		shortSlugs:          true,
		limitsText:          true,
		rootFolder:          "Dashboards",
		permissionTTL:       time.Minute,
		accountsAtOnce:      true,
		accountsByUID:       true,
		accountsAreUsers:    true,
		limitNeedsExpiry:    true,
		cutsTexts:           true,
		newUserFields:       true,
		usersAnywhere:       true,
		checksUsers:         true,
		lowersUsers:         true,
		checksTeams:         true,
		teamsByUID:          true,
		countsUnknownLogins: true,
		loginRemembers:      true,
		keepsDeadHome:       true,
		keepsHomeOnPut:      true,
		keepsNavbar:         true,
		checksHomeID:        true,
		checksTimezone:      true,
		checksSourceUID:     true,
		newRuleFields:       true,
		pluginFolder:        "public/plugins",
		ownOrgMessage:       "Cannot delete your active organization. Please switch to a different organization first.",
	},
	"10.4.3": {
		version:            "10.4.3",
		commit:             "fork",
		uniqueTitles:       true,
		viewersAnnotate:    true,
		rootFolder:         "Root",
		permissionTTL:      10 * time.Second,
		deleteMissingFails: true,
		rotatesFresh:       true,
		pluginFolder:       "public/app/plugins/datasource",
		ownOrgMessage:      "Can not delete org for current user",
	},
}

// undeletable are the versions that fail to delete organizations. There are no
// recordings of them.
var undeletable = map[string]stuck{
	"12.0.0": {http.StatusInternalServerError, "Failed to update organization"},
	"12.0.1": {http.StatusInternalServerError, "Failed to update organization"},
	"13.1.0": {http.StatusMethodNotAllowed, "Failed to delete organization"},
	"13.2.0": {http.StatusInternalServerError, "Failed to delete organization"},
}

// Versions returns the versions that recordings exist of, sorted.
func Versions() []string {
	var out []string
	for v := range known {
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

func quirksOf(version string) quirks {
	if q, recorded := known[version]; recorded {
		return q
	}
	failure, fails := undeletable[version]
	if !fails {
		panic("grafanatest: Grafana " + version + " is not modelled")
	}
	q := known["12.4.0"]
	q.version, q.orgDeletion = version, &failure
	return q
}
