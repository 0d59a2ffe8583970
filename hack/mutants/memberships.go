package main

// membershipMutants are bugs in what is particular to the people in an organization.
var membershipMutants = []mutant{
	{
		name: "people added without an intent",
		file: "controllers/membership.go",
		old:  "	x.Record(x.joining)\n	var names",
		new:  "	var names", scenarios: "membership deleted while|membership changed while",
	},
	{
		name: "who was added in between taken for the operator's own",
		file: "controllers/membership.go",
		old:  "			if slices.ContainsFunc(x.tried, sameID(s.added[entry])) {\n",
		new:  "			if len(x.tried) == 0 {\n", test: "TestAPIMembershipOfWhoIsAddedInBetween",
	},
	{
		name:      "who was there before taken for the operator's own",
		file:      "controllers/membership_plan.go",
		old:       "	ours := hasAdded(x.recorded(), m)\n",
		new:       "	ours := &v1alpha1.AddedMember{UserID: m.UserID, Login: want.Login, Email: want.Email, Role: want.Role}\n",
		scenarios: "there before|adopted, then deleted",
	},
	{
		name: "role changed by removing and adding",
		file: "controllers/membership.go",
		old:  "		if err := x.conn.SetMemberRole(ctx, x.org.ID(), c.id, string(c.want.Role)); err != nil {\n",
		new: "		if err := errors.Join(x.conn.RemoveMember(ctx, x.org.ID(), c.id),\n" +
			"			x.conn.JoinOrg(ctx, x.org.ID(), c.want.Who(), string(c.want.Role))); err != nil {\n",
		scenarios: "membership's role",
	},
	{
		name: "role of who was there before changed unasked",
		file: "controllers/membership_plan.go",
		old:  "	case ours == nil && !takesOver:\n",
		new:  "	case ours == nil && !takesOver && false:\n", test: "TestAPIMembershipOfWhoWasThereBefore",
	},
	{
		name: "role of who was there before changed without the Organization's consent",
		file: "controllers/membership_plan.go",
		old:  "	case ours == nil && x.object.Spec.Adoption != v1alpha1.AdoptionAllow:\n",
		new:  "	case ours == nil && x.object.Spec.Adoption == \"\":\n", test: "TestAPIMembershipOfWhoWasThereBefore",
	},
	{
		name: "an Admin lowered by who may give less",
		file: "controllers/membership_plan.go",
		old:  "	case ours == nil && roleRank[v1alpha1.Role(m.Role)] > roleRank[highest]:\n",
		new:  "	case ours == nil && roleRank[v1alpha1.Role(m.Role)] > roleRank[highest]+3:\n",
		test: "TestAPIMembershipThatIsExclusive",
	},
	{
		name: "a role above the ceiling given to people",
		file: "controllers/membership.go",
		old:  "	if m := x.tooHigh(obj); m != nil && obj.",
		new:  "	if m := x.tooHigh(obj); m != nil && !obj.", test: "TestAPIMembershipThatCannotBe",
	},
	{
		name: "the operator taken for one of the people",
		file: "controllers/membership_plan.go",
		old:  "	case x.isOperator(there.Login, there.Email): // nobody",
		new:  "	case there.UserID == 0: // nobody", test: "TestAPIMembershipOfTheOperator",
	},
	{
		name: "somebody of a similar login added",
		file: "controllers/membership_plan.go",
		old:  "	case user.ID == 0, !is(want, user.Login, user.Email), x.is",
		new:  "	case user.ID == 0, x.is", test: "TestAPIMembershipByAnotherName",
	},
	{
		name: "people of an identity provider added",
		file: "controllers/membership_plan.go",
		old:  "	case user.IsExternallySynced:\n",
		new:  "	case user.IsExternallySynced && user.ID == 0:\n", test: "TestAPIMembershipOfTheManaged",
	},
	{
		name: "a look-up believed about identity providers",
		file: "controllers/membership_plan.go",
		old:  "	case user.AuthLabels != nil && len(user.AuthLabels) == 0:\n",
		new:  "	case user.ID > 0:\n", test: "TestAPIMembershipOfTheManaged",
	},
	{
		name: "people of an identity provider thrown out",
		file: "controllers/membership_plan.go",
		old:  "&& !s.held(x.org.ID(), m) && !m.IsExternallySynced &&\n",
		new:  "&& !s.held(x.org.ID(), m) &&\n", test: "TestAPIMembershipOfTheManaged",
	},
	{
		name: "people of another Membership thrown out",
		file: "controllers/membership_plan.go",
		old:  "		if !mine && !others && !going && !s.held(x.org.ID(), m) &&",
		new:  "		if !mine && (!others || others) && !going &&", scenarios: "membership made exclusive",
	},
	{
		name: "people thrown out without the Organization's consent",
		file: "controllers/membership_plan.go",
		old:  "	if len(strangers) > 0 && x.object.Spec.Adoption != v1alpha1.AdoptionAllow {\n",
		new:  "	if len(strangers) > 0 && x.object.Spec.Adoption == \"\" {\n",
		test: "TestAPIMembershipThatIsExclusive",
	},
	{
		name: "people above the ceiling thrown out",
		file: "controllers/membership_plan.go",
		old:  "!x.isOperator(m.Login, m.Email) && roleRank[v1alpha1.Role(m.Role)] <= highest {\n",
		new:  "!x.isOperator(m.Login, m.Email) && roleRank[v1alpha1.Role(m.Role)] <= highest+3 {\n",
		test: "TestAPIMembershipThatIsExclusive",
	},
	{
		name:      "two Memberships pull at one person",
		file:      "controllers/membership_plan.go",
		old:       "	if rival := x.rival(s, want, there); rival != \"\" {\n",
		new:       "	if rival := x.rival(s, want, there); rival != \"\" && there == nil {\n",
		scenarios: "somebody else's member",
	},
	{
		name: "somebody handed over removed first",
		file: "controllers/membership_plan.go",
		old:  "		case s.wanted(s.list[i]):\n",
		new:  "		case s.wanted(s.list[i]) && !deleting:\n", test: "TestAPIMembershipConflict",
	},
	{
		name: "somebody whose addition may still land forgotten",
		file: "controllers/membership_plan.go",
		old:  "		case i < 0 && x.obj.Status.CreateStarted == nil:\n",
		new:  "		case i < 0:\n", scenarios: "membership changed while",
	},
	{
		name: "somebody who was changed since removed on delete",
		file: "controllers/membership_plan.go",
		old:  "	left := m.Role == string(a.Role)\n",
		new:  "	left := m.Role != \"\"\n", test: "TestAPIMembership",
	},
	{
		name:      "people removed by the route that deletes accounts",
		file:      "internal/grafana/members.go",
		old:       "	return exec(ctx, c, del(\"/api/orgs/:id/users/:user\", id, userID))\n",
		new:       "	return exec(ctx, c.Org(id), del(\"/api/org/users/:user\", userID))\n",
		scenarios: "^membership deleted$",
	},
}
