package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// Update locks out first, and lets in last. What Grafana refuses of it holds up nothing else.
func (x *user) Update(ctx context.Context, have *userState) error {
	if x.obj.Status.UID == "" && x.obj.Status.CreatedAt == "" { // only its name says whose it is, which goes with it
		return &lifecycle.Problem{
			Reason: v1alpha1.ReasonCreating, Retry: true,
			Message: "the login was just made, and Grafana has not shown it yet: looking again",
		}
	}
	defer x.conn.ForgetUsers()
	spec := x.obj.Spec
	var refused, failed []error
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"disabling the login", func() error { return x.setDisabled(ctx, have, spec.Disabled || have.IsDisabled) }},
		{"taking the server admin's rights", func() error {
			return x.setAdmin(ctx, have, spec.GrafanaAdmin && have.IsGrafanaAdmin)
		}},
		{"setting the password", func() error { return x.setPassword(ctx, have) }},
		{"changing login, address and name", func() error { return x.setProfile(ctx, have) }},
		{"giving the server admin's rights", func() error {
			return x.setAdmin(ctx, have, spec.GrafanaAdmin && (have.IsGrafanaAdmin || x.hasPassword()))
		}},
		{"enabling the login", func() error {
			return x.setDisabled(ctx, have, spec.Disabled || have.IsDisabled && !x.hasPassword())
		}},
	} {
		err := step.do()
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s: %w", step.what, err)
		switch {
		case grafana.IsUnavailable(err):
			return err
		case lifecycle.Classify(err, x.conn.Server).Stalled:
			refused = append(refused, err)
		default:
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 { // and is tried again soon: what somebody has to change is told then
		return errors.Join(failed...)
	}
	return errors.Join(refused...)
}

func (x *user) setDisabled(ctx context.Context, have *userState, to bool) error {
	if have.IsDisabled == to {
		return nil
	}
	if to {
		if err := x.checkAdmins(ctx, have, v1alpha1.ReasonRefused); err != nil {
			return err
		}
	}
	err := x.conn.SetUserDisabled(ctx, have.ID, to)
	if err == nil {
		have.IsDisabled = to
	}
	return err
}

func (x *user) setAdmin(ctx context.Context, have *userState, to bool) error {
	if have.IsGrafanaAdmin == to {
		return nil
	}
	if err := x.checkAdmins(ctx, have, v1alpha1.ReasonRefused); err != nil {
		return err
	}
	err := x.conn.SetServerAdmin(ctx, have.ID, to)
	if err == nil {
		have.IsGrafanaAdmin = to
	}
	return err
}

// setProfile looks first whether login and address are free: who has them Grafana does not say.
func (x *user) setProfile(ctx context.Context, have *userState) error {
	p := x.profile(have)
	login, email := !sameLogin(p.Login, have.Login), !sameLogin(p.Email, have.Email)
	if !login && !email && p.Name == have.Name {
		return nil
	}
	if err := errors.Join(x.checkFree(ctx, have, p.Login, login), x.checkFree(ctx, have, p.Email, email)); err != nil {
		return err
	}
	if err := x.conn.UpdateUser(ctx, have.ID, p); err != nil {
		return err
	}
	have.Login, have.Email, have.Name = p.Login, p.Email, p.Name
	return nil
}

// checkFree fails if somebody else has a login or address that is to change, whichever of the two it is to them.
func (x *user) checkFree(ctx context.Context, have *userState, name string, changes bool) error {
	if !changes {
		return nil
	}
	other, err := x.conn.Org(1).LookupUser(ctx, name)
	if err == nil && other.ID != have.ID && (have.ID != 0 || !x.isMarked(other)) { // which Create finds
		return x.taken(name, other)
	}
	return grafana.IgnoreNotFound(err)
}

// Delete deletes the login, unless Grafana needs it.
func (x *user) Delete(ctx context.Context, have *userState) error {
	defer x.conn.ForgetUsers()
	if err := x.mayGo(ctx, have); err != nil {
		return err
	}
	if err := x.ownSecrets(ctx); err != nil {
		return err
	}
	return grafana.IgnoreNotFound(x.conn.DeleteUser(ctx, have.ID))
}

// mayGo fails if the login cannot be deleted or disabled.
func (x *user) mayGo(ctx context.Context, have *userState) error {
	if x.isOperator(have.User) {
		return lifecycle.Stalled(
			v1alpha1.ReasonDeletionBlocked,
			"%q is the login of the operator itself: give the Instance another credential first, or set "+
				"deletionPolicy: Orphan",
			have.Login,
		)
	}
	if isExternal(have) {
		return lifecycle.Stalled(
			v1alpha1.ReasonDeletionBlocked,
			"%q comes by an identity provider by now: set deletionPolicy: Orphan to leave them as they are, or delete "+
				"them in Grafana",
			have.Login,
		)
	}
	return x.checkAdmins(ctx, have, v1alpha1.ReasonDeletionBlocked)
}

// checkAdmins fails if a login is the only server admin who can log in.
func (x *user) checkAdmins(ctx context.Context, have *userState, reason string) error {
	if !have.IsGrafanaAdmin || have.IsDisabled {
		return nil
	}
	all, err := x.conn.SearchUsers(ctx, "")
	if err != nil || slices.ContainsFunc(all, func(u grafana.ListedUser) bool {
		return u.ID != have.ID && u.IsAdmin && !u.IsDisabled
	}) {
		return err
	}
	return lifecycle.Stalled(
		reason,
		"%q is the last server admin of this Grafana: make somebody else one first",
		have.Login,
	)
}

// Release leaves the login, locked out if that is asked for. The Secret stays only if the login works.
func (x *user) Release(ctx context.Context, have *userState) error {
	if x.obj.Spec.DeletionPolicy == v1alpha1.UserDisable && !have.IsDisabled {
		defer x.conn.ForgetUsers()
		if err := x.mayGo(ctx, have); err != nil {
			return err
		}
		if err := x.conn.SetUserDisabled(ctx, have.ID, true); grafana.IgnoreNotFound(err) != nil {
			return err
		}
	}
	if !x.obj.SecretStays() {
		return x.ownSecrets(ctx)
	}
	return userKind{Env: x.env}.Abandon(ctx, x.obj)
}
