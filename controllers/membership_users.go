package controllers

import (
	"context"
	"errors"
	"strings"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// usersAmong are the names of the Users that a Membership names.
func usersAmong(obj *v1alpha1.Membership) (names []string) {
	for _, m := range obj.Spec.Members {
		names = append(names, nameOf(m.UserRef)...)
	}
	return names
}

// naming are the Memberships that name a User.
func (k membershipKind) naming(ctx context.Context, user client.Object) []ctrl.Request {
	return k.Requests(ctx, &v1alpha1.MembershipList{}, namedIn(byUser, user)...)
}

// named are the people of a Membership by login and address alone.
type named struct {
	*v1alpha1.Membership                          // with the present logins of Users, in spec and record
	users                map[string]v1alpha1.User // by login, in lower case
	missing              []string                 // Users that are not there yet
	unknown              map[string]bool          // the names of these, and of those that are no good
	problems             []*lifecycle.Problem
	listed               roll // whom it names
}

// byLogin has a Membership name those by their logins whom it names by User.
func (x *membership) byLogin(ctx context.Context, obj *v1alpha1.Membership) (named, error) {
	n := named{Membership: obj.DeepCopy(), users: map[string]v1alpha1.User{}, unknown: map[string]bool{}}
	n.Spec.Members = nil
	for _, m := range obj.Spec.Members {
		if m.UserRef == nil {
			n.Spec.Members = append(n.Spec.Members, m)
			continue
		}
		user, err := x.env.userNamed(ctx, x.orgScope, obj, m.UserRef.Name)
		n.unknown[m.UserRef.Name] = user == nil
		var invalid *lifecycle.Problem
		switch {
		case errors.As(err, &invalid):
			n.problems = append(n.problems, invalid)
		case err != nil:
			return n, err
		case user == nil:
			n.missing = append(n.missing, m.Who())
		default:
			n.users[strings.ToLower(user.Status.Login)] = *user
			n.Spec.Members = append(n.Spec.Members, v1alpha1.Member{Login: user.Status.Login, Role: m.Role})
		}
	}
	n.listed = newRoll()
	for i, m := range n.Spec.Members {
		if m.Login != "" {
			n.listed.enter(m.Login, "", i)
		} else {
			n.listed.enter("", m.Email, i)
		}
	}
	return n, x.renameAdded(ctx, n)
}

// renameAdded has the record name those by their present logins who were added as Users.
func (x *membership) renameAdded(ctx context.Context, n named) error {
	for i := range n.Status.Added {
		a := &n.Status.Added[i]
		if a.User == "" {
			continue
		}
		user, err := x.env.userNamed(ctx, x.orgScope, n, a.User)
		if err != nil && !lifecycle.IsStalled(err) {
			return err
		}
		if user != nil && user.Status.ID == a.UserID {
			a.Login = user.Status.Login
		}
	}
	return nil
}

// userOf is the User by whom somebody is named; nil: they are named by themselves.
func (n named) userOf(m v1alpha1.Member) *v1alpha1.User {
	if user, ok := n.users[strings.ToLower(m.Login)]; ok {
		return &user
	}
	return nil
}

// isAnother reports whether an id is not that of the User by whom somebody is named.
func (n named) isAnother(m v1alpha1.Member, id int64) bool {
	user := n.userOf(m)
	return user != nil && user.Status.ID != id
}

// asUser has a record say by which User somebody was named.
func (n named) asUser(m v1alpha1.Member, a v1alpha1.AddedMember) v1alpha1.AddedMember {
	if a.User = ""; n.userOf(m) != nil {
		a.User = n.userOf(m).Name
	}
	return a
}
