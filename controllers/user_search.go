package controllers

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/mark"
)

// Find finds the user whom status records, else one who carries the mark, or whom the object may take over.
func (x *user) Find(ctx context.Context) (*userState, error) {
	deleting := !x.obj.DeletionTimestamp.IsZero()
	if have := x.echoed(); have != nil {
		return have, nil
	}
	have, err := x.listed(ctx)
	if have == nil && err == nil {
		have, err = x.recorded(ctx)
	}
	for _, login := range slices.Compact([]string{x.obj.Status.Login, x.obj.WantedLogin()}) {
		if have == nil && err == nil && login != "" {
			have, err = x.marked(ctx, login)
		}
	}
	if have == nil && err == nil && !deleting {
		have, err = x.adopt(ctx)
	}
	if have != nil {
		have.password = x.password
	}
	return have, err
}

// seenUser is a login as a pass has left it, and the session that it was in.
type seenUser struct {
	grafana.User
	session string
}

// echoed is the recorded user as the pass before has left them, if that has just written the Secret, which brings this
// visit, and nothing has to be done. The Secret is read all the same.
func (x *user) echoed() *userState {
	seen, echo := x.echoes.take(x.obj, x.env.Now())
	status := x.obj.Status
	if !echo || x.due || seen.session == "" || seen.session != x.conn.SessionID() || seen.ID != status.ID ||
		status.CreateStarted != nil || !x.obj.DeletionTimestamp.IsZero() || x.password.problem != nil ||
		!meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
		return nil
	}
	return x.atRest(seen.User)
}

// atRest is the recorded user, if Grafana has them as they are asked for.
func (x *user) atRest(u grafana.User) *userState {
	have := &userState{User: u, adopted: x.obj.Status.Adopted, password: x.password}
	if len(x.Diff(have)) > 0 || x.untouchable(have) != nil {
		return nil
	}
	return have
}

// listed is the recorded user as the list shows them that serves all, if nothing has to be done.
func (x *user) listed(ctx context.Context) (*userState, error) {
	status := x.obj.Status
	if !x.due || status.ID == 0 || status.CreateStarted != nil || !x.obj.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	all, err := x.conn.ListOfUsers(ctx, connection.Due)
	if err != nil {
		return nil, err
	}
	for _, u := range all {
		if u.ID != status.ID {
			continue
		}
		return x.atRest(grafana.User{
			ID: u.ID, Login: u.Login, Email: u.Email, Name: u.Name, IsGrafanaAdmin: u.IsAdmin, IsDisabled: u.IsDisabled,
			UID: status.UID, CreatedAt: status.CreatedAt, AuthLabels: u.AuthLabels,
		}), nil
	}
	return nil, nil
}

// recorded reads the user whom status records, if it is still the same.
func (x *user) recorded(ctx context.Context) (*userState, error) {
	status := x.obj.Status
	if status.ID == 0 {
		return nil, nil
	}
	u, err := x.conn.Org(1).UserByID(ctx, status.ID)
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	proven := status.UID != "" && u.UID == status.UID || status.UID == "" && status.CreatedAt != "" &&
		u.CreatedAt == status.CreatedAt
	if !proven && !x.isMarked(u) {
		return nil, nil
	}
	return &userState{User: u, adopted: status.Adopted}, nil
}

// isMarked reports whether somebody has the display name that the login was created under. People can give themselves
// any name, but not the login as well.
func (x *user) isMarked(u grafana.User) bool {
	return strings.HasSuffix(u.Name, mark.BirthSuffix(x.obj)) && !x.isOperator(u) &&
		(sameLogin(u.Login, x.obj.Status.Login) || sameLogin(u.Login, x.obj.WantedLogin()))
}

// marked is who has the login, if they carry the mark and a request of ours may have made them: people can give
// themselves any name. Others are noted.
func (x *user) marked(ctx context.Context, login string) (*userState, error) {
	u, err := x.conn.Org(1).LookupUser(ctx, login)
	switch {
	case err != nil:
		return nil, grafana.IgnoreNotFound(err)
	case x.obj.Status.CreateStarted == nil || !x.isMarked(u):
		if login == x.obj.WantedLogin() {
			x.stranger = &u
		}
		return nil, nil
	}
	return x.whole(ctx, u.ID)
}

// whole reads all of a user, of which a look-up does not tell everything.
func (x *user) whole(ctx context.Context, id int64) (*userState, error) {
	u, err := x.conn.Org(1).UserByID(ctx, id)
	if err != nil {
		return nil, grafana.IgnoreNotFound(err)
	}
	return &userState{User: u}, nil
}

// adopt takes over who has the login, if they are nobody's and both sides consent.
func (x *user) adopt(ctx context.Context) (*userState, error) {
	if x.stranger == nil || x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt ||
		!sameLogin(x.stranger.Login, x.obj.WantedLogin()) { // a look-up brings addresses and alike, too
		return nil, nil
	}
	if err := x.checkStranger(ctx); err != nil {
		return nil, err
	}
	if x.instance.Spec.Adoption != v1alpha1.AdoptionAllow {
		return nil, lifecycle.Stalled(
			v1alpha1.ReasonAdoptionNotPermitted,
			"%q exists in Grafana, and the Instance does not allow that they are adopted: set its spec.adoption to "+
				"Allow, or choose another login",
			x.stranger.Login,
		)
	}
	have, err := x.whole(ctx, x.stranger.ID)
	if have == nil || err != nil {
		return nil, err
	}
	if err := x.untouchable(have); err != nil {
		return nil, err
	}
	have.adopted = true
	return have, nil
}

// CheckConflict fails if somebody has the login or the address, another object is to have it, or there is no password
// for it. An address that is somebody's login Grafana would take, and then let only the new one in under it.
func (x *user) CheckConflict(ctx context.Context) error {
	if err := x.checkStranger(ctx); err != nil {
		return err
	}
	if x.stranger != nil {
		return x.taken(x.obj.WantedLogin(), *x.stranger)
	}
	if x.password.problem != nil {
		return x.password.problem
	}
	email := x.obj.Spec.Email
	return x.checkFree(ctx, &userState{}, email, email != "" && !sameLogin(email, x.obj.WantedLogin()))
}

// checkStranger fails if another User has the login, or asked for it earlier.
func (x *user) checkStranger(ctx context.Context) error {
	var list v1alpha1.UserList
	if err := x.env.ListChildren(ctx, &list, x.conn.Server); err != nil {
		return err
	}
	for i := range list.Items {
		o := &list.Items[i]
		holds := x.stranger != nil && o.Status.ID == x.stranger.ID
		claims := sameLogin(o.WantedLogin(), x.obj.WantedLogin()) && o.Status.ID == 0 && older(o, x.obj) &&
			!o.Spec.Suspend && o.DeletionTimestamp.IsZero()
		if o.UID != x.obj.UID && (holds || claims) {
			return lifecycle.Stalled(
				v1alpha1.ReasonNameConflict,
				"the login %q belongs to User %s: give this one another login",
				x.obj.WantedLogin(), o.Name,
			)
		}
	}
	return nil
}

// taken says that somebody has a login or an address, and whether they could be taken over.
func (x *user) taken(name string, by grafana.User) error {
	cure := "ask for another one, or delete or rename that user in Grafana"
	switch {
	case x.isOperator(by):
		cure = "it is the login of the operator itself, which is never touched: ask for another one"
	case x.obj.Status.ID == 0 && x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt &&
		sameLogin(by.Login, x.obj.WantedLogin()):
		cure += ", or have this object take it over with adoptionPolicy: Adopt"
	}
	return lifecycle.Stalled(
		v1alpha1.ReasonAlreadyExists,
		"somebody in Grafana has the login or address %q (id %d), and is not this object's: %s",
		name, by.ID, cure,
	)
}

// sameLogin reports whether two logins or addresses are one to Grafana, which keeps them in lower case. Some letters
// are in no fold with their lower case, as İ.
func sameLogin(a, b string) bool { return strings.EqualFold(strings.ToLower(a), strings.ToLower(b)) }

// isOperator reports whether somebody is the operator's own login.
func (x *user) isOperator(u grafana.User) bool { return x.conn.IsOperator(u.ID, u.Login, u.Email) }

// untouchable says why nothing of a login is changed; nil: it can be.
func (x *user) untouchable(have *userState) error {
	switch {
	case x.isOperator(have.User):
		return x.taken(have.Login, have.User)
	case isExternal(have):
		return lifecycle.Stalled(
			v1alpha1.ReasonManagedExternally,
			"%q comes by an identity provider, which decides about them: have it changed there, and delete this "+
				"object with deletionPolicy: Orphan, or choose another login",
			have.Login,
		)
	}
	return nil
}

// isExternal reports whether somebody has come by an identity provider.
func isExternal(have *userState) bool { return have.IsExternallySynced || len(have.AuthLabels) > 0 }
