package controllers

import (
	"slices"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/grafana"
)

// planRemovals decides about those whom this object has added and does not list any more.
func (x *membership) planRemovals(s *membershipState) {
	deleting := !x.obj.DeletionTimestamp.IsZero()
	for _, a := range x.recorded() {
		if _, listed := s.seen[a.UserID]; listed {
			continue
		}
		i := slices.IndexFunc(s.list, func(m grafana.Member) bool { return m.UserID == a.UserID })
		switch {
		case i < 0 && x.obj.Status.CreateStarted == nil:
			continue
		case i < 0: // a request may still add them
		case !x.asLeft(a, s.list[i]):
			continue
		case s.wanted(s.list[i]):
			if s.held(x.org.ID(), s.list[i]) ||
				deleting && x.env.Now().Sub(x.obj.DeletionTimestamp.Time) > handingTime {
				continue
			}
			s.handing = true
		default:
			s.remove = append(s.remove, removal{a.UserID, asMember(a).Who()})
		}
		s.added = append(s.added, a)
	}
}

// asLeft reports whether somebody is still what this object has made them.
func (x *membership) asLeft(a v1alpha1.AddedMember, m grafana.Member) bool {
	return gave(a, m.Role) && is(asMember(a), m.Login, m.Email) && !m.IsExternallySynced &&
		!x.conn.IsOperator(m.UserID, m.Login, m.Email)
}

// wanted reports whether another Membership lists somebody and will have them.
func (s *membershipState) wanted(m grafana.Member) bool {
	return slices.ContainsFunc(s.others, func(o sibling) bool {
		return o.alive && !o.Spec.Suspend && o.lists(m)
	})
}

// held reports whether another Membership has somebody already.
func (s *membershipState) held(org int64, m grafana.Member) bool {
	return slices.ContainsFunc(s.others, func(o sibling) bool { return hasAdded(addedTo(o.Membership, org), m) != nil })
}

// planExclusion decides about those whom nobody lists. Who has a role that may not be given here stays.
func (x *membership) planExclusion(s *membershipState) {
	highest := roleRank[x.highestRole(x.object.Spec.MaxMemberRole, x.obj.Namespace)]
	var strangers []removal
	for _, m := range s.list {
		_, mine := s.seen[m.UserID]
		others := slices.ContainsFunc(s.others, func(o sibling) bool { return o.lists(m) })
		going := slices.ContainsFunc(s.remove, func(r removal) bool { return r.id == m.UserID })
		if !mine && !others && !going && !s.held(x.org.ID(), m) && !m.IsExternallySynced &&
			!x.conn.IsOperator(m.UserID, m.Login, m.Email) && roleRank[v1alpha1.Role(m.Role)] <= highest {
			strangers = append(strangers, removal{m.UserID, m.Login})
		}
	}
	if len(strangers) > 0 && x.object.Spec.Adoption != v1alpha1.AdoptionAllow {
		s.refuse(x.noAdoption("%d people are in the organization whom nobody lists", len(strangers)))
		return
	}
	s.remove = append(s.remove, strangers...)
}
