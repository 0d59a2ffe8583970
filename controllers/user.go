package controllers

import (
	"cmp"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
	"grafana-tenancy.dev/operator/internal/token"
)

// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=users,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=grafana-tenancy.dev,resources=users/status,verbs=patch

type userKind struct {
	*Env
	made   *token.ReissueLimiter // of passwords
	echoes *echoes[seenUser]
}

func newUserKind(e *Env) userKind {
	return userKind{Env: e, made: token.NewReissueLimiter(), echoes: &echoes[seenUser]{}}
}

// userState is what was seen of a login, and the password that it is to have.
type userState struct {
	grafana.User
	adopted  bool
	password password
}

// user is a User on its Instance. Its mark is the display name that it is born with; from then on it is what Grafana
// drew for it, which is in status before the name changes.
type user struct {
	lifecycle.Entrance
	secretKeeper
	env      *Env
	made     *token.ReissueLimiter
	echoes   *echoes[seenUser]
	obj      *v1alpha1.User
	instance *v1alpha1.Instance
	conn     *connection.Conn

	due      bool
	stranger *grafana.User // who has the login, and is not ours
	password password      // that it is to have; none as it goes
	wrote    bool          // its Secret, in this pass
}

func (k userKind) describe() lifecycle.Kind[*v1alpha1.User, userState] {
	return lifecycle.Kind[*v1alpha1.User, userState]{
		List:       &v1alpha1.UserList{},
		Connect:    k.Connect,
		Held:       k.Held,
		In:         &v1alpha1.Instance{},
		Parent:     instanceOf,
		References: []lifecycle.Reference[*v1alpha1.User]{{To: &corev1.Secret{}, Names: passwordSecretNames}},
		Abandon:    k.Abandon,
		Forget:     k.echoes.forget,
	}
}

// instanceOf names the Instance of a User.
func instanceOf(obj *v1alpha1.User) types.NamespacedName {
	return types.NamespacedName{Namespace: obj.Namespace, Name: obj.Spec.InstanceRef.Name}
}

// Held reports whether a User may have a login in Grafana.
func (k userKind) Held(obj *v1alpha1.User) bool {
	return obj.Status.ID != 0 || obj.Status.CreateStarted != nil
}

func (k userKind) Connect(ctx context.Context, obj *v1alpha1.User) (lifecycle.External[userState], error) {
	key, deleting := instanceOf(obj), !obj.DeletionTimestamp.IsZero()
	var instance v1alpha1.Instance
	switch err := k.Get(ctx, key, &instance); {
	case apierrors.IsNotFound(err) && deleting:
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonParentGone,
			"cannot delete it in Grafana: Instance %s does not exist. Create it again",
			key,
		)
	case apierrors.IsNotFound(err):
		return nil, lifecycle.Waiting(v1alpha1.ReasonParentNotFound, "Instance %s does not exist yet", key)
	case err != nil:
		return nil, err
	}
	in, err := k.Enter(obj, &instance)
	if err != nil {
		return nil, err
	}
	conn, err := k.connectionTo(ctx, key)
	if err != nil {
		return nil, whileHeld(&instance, err)
	}
	x := &user{
		Entrance: in, env: k.Env, made: k.made, echoes: k.echoes, obj: obj, instance: &instance, conn: conn,
	}
	x.secretKeeper = secretKeeper{env: k.Env, obj: obj, field: "spec.password.secret", values: x.values}
	if s := obj.MadePassword(); s != nil {
		x.spec = v1alpha1.TokenSecret(*s)
	}
	if conn.Login == "" {
		return x, lifecycle.Stalled(
			v1alpha1.ReasonInvalidSpec,
			"the operator has a service account token on Instance %s, with which it can manage no logins",
			key,
		)
	}
	if !deleting {
		x.password = x.readPassword(ctx)
	}
	return x, nil
}

// Settled reports whether the login that status speaks of is the one that is asked for and not the operator's, and
// Grafana took the password that there is.
func (x *user) Settled() bool {
	status := x.obj.Status
	return status.ID != 0 && sameLogin(status.Login, x.obj.WantedLogin()) &&
		!x.conn.IsOperator(status.ID, status.Login, x.obj.Spec.Email) &&
		x.password.problem == nil && len(x.passwordDiff(x.password)) == 0
}

// Connection and the group that the object's calls are fair among.
func (x *user) Connection() (*connection.Conn, string) {
	return x.conn, "users of " + x.conn.Server.String()
}

// birthName is the display name that the login is created under.
func (x *user) birthName() string { return mark.BirthName(x.obj.WantedName(), x.obj) }

// Prepare notes the login under which one is about to be created, and forgets what was known of the one before.
func (x *user) Prepare() lifecycle.Event {
	common, login := x.obj.Status.CommonStatus, x.birthLogin()
	x.obj.Status = v1alpha1.UserStatus{CommonStatus: common, Login: login, SecretName: x.obj.Status.SecretName}
	return lifecycle.EventCreated
}

// birthLogin is the one that an earlier request, which may still land, was sent with. It is changed afterwards.
func (x *user) birthLogin() string {
	if s := x.obj.Status; s.CreateStarted != nil && s.ID == 0 && s.Login != "" {
		return s.Login
	}
	return x.obj.WantedLogin()
}

// Create has the password in its Secret before Grafana gets it.
func (x *user) Create(ctx context.Context) (*userState, error) {
	defer x.conn.ForgetUsers()
	if err := x.keepPassword(ctx, &x.password); err != nil {
		return nil, err
	}
	login := x.obj.Status.Login
	made, err := x.conn.CreateUser(ctx, grafana.NewUser{
		Login: login, Email: x.obj.Spec.Email, Name: x.birthName(), Password: x.password.key,
	})
	if grafana.IsTaken(err) {
		return x.notMade(ctx, login, err)
	} else if err != nil {
		return nil, err
	}
	x.obj.Status.PasswordVersion = x.password.version
	have := &userState{password: x.password}
	have.ID, have.UID, have.Login, have.Name = made.ID, made.UID, login, x.birthName()
	have.Email = cmp.Or(x.obj.Spec.Email, login)
	if have.UID == "" { // old versions tell it only who asks
		if u, err := x.conn.Org(1).UserByID(ctx, made.ID); err == nil && x.isMarked(u) { // else it is another's by now
			have.User = u
		}
	}
	return have, nil
}

// notMade tells an earlier request that took effect after all from somebody else who has the login or the address.
func (x *user) notMade(ctx context.Context, login string, err error) (*userState, error) {
	have, ferr := x.marked(ctx, login)
	if have != nil {
		have.password = x.password
	}
	if have != nil || ferr != nil {
		return have, ferr
	}
	return nil, lifecycle.Stalled(
		v1alpha1.ReasonAlreadyExists,
		"somebody in Grafana has the login %q or the address %q: %v. Ask for another one, or delete or rename that "+
			"user in Grafana",
		login, x.obj.Spec.Email, err,
	)
}

func (x *user) Record(have *userState) bool {
	status := &x.obj.Status
	if have == nil {
		*status = v1alpha1.UserStatus{CommonStatus: status.CommonStatus, SecretName: status.SecretName}
		return false
	}
	unproven := status.UID == "" && status.CreatedAt == ""
	fresh := status.ID != have.ID || unproven && (have.UID != "" || have.CreatedAt != "")
	status.ID, status.Login, status.Adopted = have.ID, have.Login, have.adopted
	if sameLogin(have.Login, x.obj.WantedLogin()) {
		status.Login = x.obj.WantedLogin()
	}
	status.UID, status.CreatedAt = have.UID, ""
	if have.UID == "" {
		status.CreatedAt = have.CreatedAt
	}
	if x.obj.DeletionTimestamp.IsZero() && have.password.problem == nil {
		status.SecretName = ""
		if held := have.password.secrets.Held(); held != nil {
			status.SecretName = held.Name
		}
	}
	return fresh
}

func (x *user) Diff(have *userState) []string {
	var diff []string
	add := func(what string, differs bool) {
		if differs {
			diff = append(diff, what)
		}
	}
	if x.untouchable(have) != nil {
		return nil
	}
	spec, p := x.obj.Spec, x.profile(have)
	add("login", !sameLogin(p.Login, have.Login))
	add("e-mail", !sameLogin(p.Email, have.Email))
	add("name", p.Name != have.Name)
	lets := have.password.problem == nil || x.hasPassword()
	add("disabled", spec.Disabled != have.IsDisabled && (spec.Disabled || lets))
	add("server admin", spec.GrafanaAdmin != have.IsGrafanaAdmin && (!spec.GrafanaAdmin || lets))
	if have.password.problem == nil {
		diff = append(diff, x.passwordDiff(have.password)...)
	}
	return diff
}

// profile is what login, address and name shall be. While an earlier request may still create the login that it was
// sent with, that stays taken.
func (x *user) profile(have *userState) grafana.Profile {
	p := grafana.Profile{Login: x.obj.WantedLogin(), Email: x.obj.Spec.Email, Name: x.obj.WantedName()}
	if x.obj.Status.CreateStarted != nil {
		p.Login = have.Login
	}
	if p.Email == "" {
		p.Email = have.Email
		if sameLogin(have.Email, have.Login) { // nobody gave one
			p.Email = p.Login
		}
	}
	return p
}

// Check says what keeps the login from being as it is asked for.
func (x *user) Check(ctx context.Context, have *userState) error {
	if err := x.untouchable(have); err != nil {
		return err
	}
	if have.password.problem == nil && have.password.secrets.Taken != nil {
		return conflict(have.password.secrets, x.obj)
	}
	if have.password.problem == nil && !sameLogin(have.Login, x.obj.WantedLogin()) {
		return x.loginHeld()
	}
	if x.wrote && have.password.problem == nil {
		x.echoes.expect(x.obj, x.env.Now(), seenUser{have.User, x.conn.SessionSeen(ctx)})
	}
	return have.password.problem
}

// loginHeld says that the login is changed later.
func (x *user) loginHeld() error {
	p := &lifecycle.Problem{
		Reason: v1alpha1.ReasonCreating, RetryAfter: 30 * time.Second,
		Message: "the login is changed once a request to create it, whose answer was lost, can no longer take effect",
	}
	if x.obj.Status.CreateStarted == nil {
		p.RetryAfter = time.Second // since this visit
	}
	return p
}

// ResyncSlot is the same for all Users of an Instance.
func (x *user) ResyncSlot() string { return "users of " + x.conn.Server.String() }

// ResyncDue lets one list serve all of them.
func (x *user) ResyncDue() { x.due = true }
