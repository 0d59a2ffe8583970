package controllers

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=instances,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=instances/status,verbs=patch

type instanceKind struct{ *Env }

// instance is an Instance and the connection made from it. It creates nothing in Grafana: to find it is to probe it.
type instance struct {
	lifecycle.ReadOnly[connection.Server]
	*Env
	obj  *v1alpha1.Instance
	key  types.NamespacedName
	conn *connection.Conn
	// credential is the resourceVersion of the Secret with the credential.
	credential string
	pause      time.Duration // until the next probe
	unchanged  bool          // all that the connection was made from, since this process last looked
	news       bool          // about its database, which must be written before anybody acts on it
}

// oldest is the oldest Grafana that is supported.
var oldest = [2]int{10, 4}

func (k instanceKind) describe() lifecycle.Kind[*v1alpha1.Instance, connection.Server] {
	return lifecycle.Kind[*v1alpha1.Instance, connection.Server]{
		List:    &v1alpha1.InstanceList{},
		Connect: k.Connect,
		Allowed: func(obj *v1alpha1.Instance) v1alpha1.AllowedNamespaces { return obj.Spec.AllowedNamespaces },
		Usability: func(obj *v1alpha1.Instance) any {
			return struct {
				resets int64
				held   bool
			}{obj.Status.Resets, isHeld(obj)}
		},
		WhenHeld: true, // its Secrets are kept for what its Organizations have in Grafana
		References: []lifecycle.Reference[*v1alpha1.Instance]{
			{To: &corev1.Secret{}, Names: instanceSecrets},
			{To: &corev1.ConfigMap{}, Names: instanceConfigMaps},
		},
		Abandon: k.Abandon,
		MayHelp: func(key types.NamespacedName) bool { // one that is known to be away is probed in its own time
			return !k.Connections.Probed(key) || k.Connections.Available(key) != nil
		},
	}
}

// Abandon ends the session and lets go of the Secrets.
func (k instanceKind) Abandon(ctx context.Context, obj *v1alpha1.Instance) error {
	k.Connections.Drop(ctx, client.ObjectKeyFromObject(obj))
	return k.holdSecrets(ctx, obj, false)
}

func (k instanceKind) Connect(
	ctx context.Context,
	obj *v1alpha1.Instance,
) (lifecycle.External[connection.Server], error) {
	x := &instance{Env: k.Env, obj: obj, key: client.ObjectKeyFromObject(obj)}
	dependents, err := k.Dependents(ctx, obj)
	if err != nil {
		return nil, err
	}
	if err := k.holdSecrets(ctx, obj, len(dependents) > 0); err != nil {
		return nil, err
	}
	if !obj.DeletionTimestamp.IsZero() && len(dependents) == 0 {
		k.Connections.Drop(ctx, x.key)
		return nil, lifecycle.ErrGone
	}
	settings, err := k.resolve(ctx, obj)
	if err != nil {
		if x.conn = k.Connections.Current(x.key); x.conn != nil && !obj.DeletionTimestamp.IsZero() {
			return x, nil // the Secret went first, as when a namespace is deleted: what we have still works
		}
		k.Connections.SetAvailable(x.key, false)
		return nil, x.down(err)
	}
	x.credential = settings.credential
	x.conn = k.Connections.Current(x.key)
	x.unchanged = x.conn != nil && x.conn.Fingerprint == settings.fingerprint
	if !x.unchanged {
		if x.conn, err = k.connect(obj, settings); err != nil {
			k.Connections.SetAvailable(x.key, false)
			return nil, x.down(lifecycle.Stalled(v1alpha1.ReasonInvalidSpec, "%v%s", err, settings.hint))
		}
		if old := k.Connections.Replace(x.key, x.conn); old != nil {
			old.Limiter.Drain()
			go func() { _ = old.Close(context.WithoutCancel(ctx)) }() // passes that still use it fail, and come again
		}
	}
	x.conn.SetResync(lifecycle.ResyncInterval(obj, nil)) // it needs no new connection
	return x, nil
}

// down says that nobody can act in the Instance.
func (x *instance) down(err error) error {
	if err == nil {
		return nil
	}
	p := *lifecycle.Classify(err, x.key)
	p.Unavailable, p.Suspect = true, nil
	switch grafana.VerdictOf(err) {
	case grafana.Untrusted:
		p.Reason, p.Stalled, p.Retry, p.RetryAfter = v1alpha1.ReasonTLSFailed, true, false, time.Minute
	case grafana.Foreign, grafana.Absent, grafana.Taken, grafana.Changed, grafana.TooLarge, grafana.Refused:
		p.Reason, p.Stalled, p.Retry, p.RetryAfter = v1alpha1.ReasonNotGrafana, true, false, time.Minute
		// A challenge may have been Grafana's word on the password, hidden behind a page: see nextLoginWait.
		if grafana.IsChallenge(err) {
			p.RetryAfter = challengeWait
		}
		p.Message += ": does spec.url name a Grafana, with the right scheme and the path that it is served under, " +
			"and does what is before it let all of it through?"
		if login := new(grafana.LoginError); errors.As(err, &login) {
			p.Message += " Where only /login is kept back, set spec.credentials.basicAuth.session to Never."
		}
	}
	return &p
}

// Find probes Grafana. Nobody is let in before Judge, when what was found out is written; there is none in a deletion,
// which makes nothing either.
func (x *instance) Find(ctx context.Context) (*connection.Server, error) {
	if have := x.justProbed(); have != nil {
		return have, nil
	}
	have, err := x.probe(ctx)
	x.conn.RememberProbe(have, err)
	if err != nil || !x.obj.DeletionTimestamp.IsZero() {
		x.conn.Resets.Store(x.obj.Status.Resets)
		x.Connections.SetAvailable(x.key, err == nil)
	}
	return have, x.down(err)
}

// probePause is how soon after a probe that went well there is no other: what wakes an Instance comes in crowds, as
// when organizations are made.
const probePause = 2 * time.Second

// justProbed is what a probe has found a moment ago, if nothing has changed since that it goes by. Then the next one
// waits until the pause is over.
func (x *instance) justProbed() *connection.Server {
	have, at := x.conn.LastProbe()
	if have == nil || !x.unchanged || x.obj.Status.ObservedGeneration != x.obj.Generation {
		return nil
	}
	if x.pause = at.Add(probePause).Sub(x.Now()); x.pause <= 0 {
		return nil
	}
	return have
}

func (x *instance) probe(ctx context.Context) (*connection.Server, error) {
	if err := x.awaitLogin(); err != nil {
		return nil, err
	}
	have, err := x.introduce(ctx)
	if err != nil {
		return nil, err
	}
	if err := x.checkRights(ctx, have); err != nil {
		return nil, x.refused(err)
	}
	if err := x.recognize(ctx); err != nil {
		return nil, x.refused(err)
	}
	versions, err := x.dashboardAPIs(ctx, have)
	if err != nil {
		return nil, x.refused(err)
	}
	x.conn.SetDashboardAPIs(versions)
	if len(versions) > 0 {
		have.Capabilities = append(have.Capabilities, v1alpha1.CapabilityBulkDashboardList)
	}
	if x.conn.SessionID() != "" {
		have.Capabilities = append(have.Capabilities, v1alpha1.CapabilitySession)
	}
	x.obj.Status.LoginFailure = nil
	return have, nil
}

// introduce finds out which Grafana this is. Managed services may hide its health, which is in its settings but for
// the database's state; gateways may hide its settings, which can be done without.
func (x *instance) introduce(ctx context.Context) (*connection.Server, error) {
	// A server that is not there shall not keep a worker for long.
	short, cancel := context.WithTimeout(ctx, min(x.conn.Timeout, healthTimeout))
	defer cancel()
	health, hidden := x.conn.Health(short)
	if hidden != nil && !isHidden(hidden) {
		return nil, hidden
	}
	if !supported(health.Version) {
		return nil, unsupported(health.Version)
	}
	settings, err := x.conn.Settings(ctx)
	switch untold := err != nil && isHidden(err) && !grafana.IsUnauthorized(err); {
	case untold && hidden != nil:
		return nil, hidden
	case untold: // its version is known, and what else it has was perhaps told before
		settings.Version, settings.Edition = health.Version, x.obj.Status.Edition
		settings.FeatureToggles = map[string]bool{"nestedFolders": x.conn.NestedFolders.Load()}
	case err != nil:
		return nil, x.refused(err)
	}
	have := &connection.Server{Health: health, Edition: settings.Edition}
	if hidden != nil {
		have.Database = "ok" // or nobody could have signed in
	}
	if have.Version == "" {
		have.Version = settings.Version
	}
	if !supported(have.Version) {
		return nil, unsupported(have.Version)
	}
	x.conn.NestedFolders.Store(settings.NestedFolders())
	x.conn.KeepsUsedPanels.Store(settings.KeepsUsedPanels())
	x.conn.UniquePanelNames.Store(settings.UniquePanelNames())
	return have, nil
}

// dashboardAPIs are the versions in which /apis has dashboards, if it has them. What the same Grafana was found to have
// stays known while the question is not let through: its lists show by themselves whether they can be had. Where that
// fails twice in a row, and all else works, it is taken to have none until a later probe says otherwise.
func (x *instance) dashboardAPIs(ctx context.Context, have *connection.Server) ([]string, error) {
	versions, err := x.conn.DashboardAPIVersions(ctx)
	failing := grafana.VerdictOf(err) == grafana.Failing
	again := x.conn.APIsFailing.Swap(failing)
	known := x.conn.DashboardAPIs()
	switch {
	case len(versions) == 0 && (err == nil || failing) && len(known) > 0 && x.obj.Status.Version == have.Version:
		return known, nil
	case failing && again:
		return nil, nil
	}
	return versions, err
}

// isHidden reports whether a question was answered, and the answer says no more than that it may not be asked.
func isHidden(err error) bool {
	return !grafana.IsUnavailable(err) && grafana.VerdictOf(err) != grafana.Other
}

// checkRights finds out whether the credential may do what its kind is for.
func (x *instance) checkRights(ctx context.Context, have *connection.Server) error {
	if x.conn.Login == "" {
		_, err := x.conn.CurrentOrg(ctx)
		return err
	}
	_, err := x.conn.OrgByName(ctx, mark.Prefix) // to look among all organizations is a server admin's right
	if grafana.IsForbidden(err) {
		return lifecycle.Stalled(
			v1alpha1.ReasonForbidden,
			"the login %q works, but is no Grafana server admin: organizations need one",
			x.conn.Login,
		)
	}
	if err != nil {
		return err
	}
	have.Capabilities = append(have.Capabilities, v1alpha1.CapabilityOrganizations)
	return nil
}

// Waits after a refused login: a locked database answers 401 too, so that one more try is soon; five within five
// minutes would lock the login out.
const (
	firstLoginWait = 30 * time.Second
	nextLoginWait  = 5 * time.Minute
	// challengeWait follows a 401 that is not Grafana's own. It counts as no refused login, and is rare enough not to
	// lock one out if it was.
	challengeWait = 2 * time.Minute
)

// awaitLogin fails while a refused credential may not be tried again.
func (x *instance) awaitLogin() error {
	failure := x.obj.Status.LoginFailure
	switch {
	case failure == nil:
		return nil
	case x.unchanged:
		// Whoever has written to the Secret left the credential as it is: the operator itself, say.
		failure.SecretResourceVersion = x.credential
	case failure.SecretResourceVersion != x.credential, x.obj.Status.ObservedGeneration != x.obj.Generation:
		x.obj.Status.LoginFailure = nil
		return nil
	}
	wait := nextLoginWait
	if failure.Attempts <= 1 {
		wait = firstLoginWait
	}
	if left := failure.Time.Add(wait).Sub(x.Now()); left > 0 {
		return x.loginProblem("it is tried again later, or as soon as the Secret changes", left)
	}
	x.conn.RetryLogin()
	return nil
}

// refused remembers that the credential was refused.
func (x *instance) refused(err error) error {
	if !grafana.IsUnauthorized(err) {
		return err
	}
	failure := x.obj.Status.LoginFailure
	if failure == nil {
		failure = &v1alpha1.LoginFailure{SecretResourceVersion: x.credential}
	}
	wait := firstLoginWait
	if failure.Attempts++; failure.Attempts > 1 {
		wait = nextLoginWait
	}
	failure.Time = metav1.NewTime(x.Now().UTC().Truncate(time.Second))
	x.obj.Status.LoginFailure = failure
	return x.loginProblem(err.Error(), wait)
}

func (x *instance) loginProblem(why string, after time.Duration) error {
	p := lifecycle.Stalled(
		v1alpha1.ReasonInvalidCredentials,
		"Grafana refuses the credential in the Secret that spec.credentials names: put it right there (%s)%s",
		why,
		x.conn.Hint,
	)
	p.RetryAfter = after + time.Second
	return p
}

// healthTimeout bounds the first question of a probe, which costs a Grafana next to nothing.
const healthTimeout = 15 * time.Second

func unsupported(version string) error {
	return lifecycle.Stalled(
		v1alpha1.ReasonUnsupportedVersion,
		"this is Grafana %s: the operator needs %d.%d or newer",
		version,
		oldest[0],
		oldest[1],
	)
}

// supported reports whether the operator knows this version. One that is hidden, or that cannot be read, is taken as
// supported.
func supported(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return true
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return errors.Join(err1, err2) != nil || major > oldest[0] || major == oldest[0] && minor >= oldest[1]
}

func (x *instance) Record(have *connection.Server) bool {
	if have != nil {
		status := &x.obj.Status
		status.Version, status.Edition, status.Database = have.Version, have.Edition, have.Database
		status.Capabilities = have.Capabilities
	}
	return x.news
}

// Check lets in those who wait.
func (x *instance) Check(ctx context.Context, _ *connection.Server) error {
	x.conn.Resets.Store(x.obj.Status.Resets)
	x.Connections.SetAvailable(x.key, true)
	x.conn.LearnWriters(ctx)
	return x.CheckSelector(x.obj.Spec.AllowedNamespaces)
}

// RecheckAfter comes back for the probe that was put off.
func (x *instance) RecheckAfter(*connection.Server) time.Duration { return max(0, x.pause) }
