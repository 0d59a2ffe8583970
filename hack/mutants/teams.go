package main

// teamMutants are bugs in what is particular to teams and the people in them.
var teamMutants = []mutant{
	{
		name: "team created without a mark",
		file: "controllers/team.go",
		old:  "Name: mark.BirthName(x.obj.WantedName(), x.obj)}",
		new:  "Name: x.obj.WantedName()}", scenarios: "^team created$|^team from nothing",
	},
	{
		name:      "team renamed before its uid is in status",
		file:      "controllers/team.go",
		old:       "	fresh := status.ID != have.ID || status.OrgID != x.org.ID() || status.UID != have.UID\n",
		new:       "	fresh := false\n",
		scenarios: "^team without people created",
	},
	{
		name: "team of the recorded id taken for ours",
		file: "controllers/team_search.go",
		old:  "status.ID == t.ID && status.UID == t.UID && t.UID != \"\" &&",
		new:  "status.ID == t.ID &&", test: "TestAPITeamOfAnotherID",
	},
	{
		name:      "the operator stays in a team that it has made",
		file:      "controllers/team_members.go",
		old:       "if who = \"the operator\"; adopted {",
		new:       "if who = \"the operator\"; adopted || true {",
		scenarios: "^team created$",
	},
	{
		name:      "the operator taken out of a team that people have made",
		file:      "controllers/team_members.go",
		old:       "if who = \"the operator\"; adopted {",
		new:       "if who = \"the operator\"; adopted && false {",
		scenarios: "^team adopted$",
	},
	{
		name: "the operator's login told of a team",
		file: "controllers/team_members.go",
		old:  "if who = \"the operator\"; adopted {",
		new:  "if adopted {", test: "TestAPITeamTellsNoLogin",
	},
	{
		name: "whom people have put into an Additive team taken out",
		file: "controllers/team_members.go",
		old:  "		case ours == nil && (x.obj.Spec.Mode != v1alpha1.TeamExclusive ||",
		new:  "		case ours == nil && (false ||", scenarios: "^team adopted$|^adopted team", test: "",
	},
	{
		name: "people put into a team without an intent",
		file: "controllers/team.go",
		old:  "	x.Record(have)\n	return true\n",
		new:  "	return false\n", scenarios: "grown, and then cut again",
	},
	{
		name: "who may still be put into a team forgotten",
		file: "controllers/team_members.go",
		old:  "!p.isIn(a.UserID) && x.landing(a) > 0 {",
		new:  "!p.isIn(a.UserID) && x.landing(a) < 0 {", scenarios: "grown, and then cut again",
	},
	{
		name: "whom somebody else has put into a team taken for the operator's own",
		file: "controllers/team_update.go",
		old:  "		if !tried && err != nil &&", new: "		if !tried && !taken && err != nil &&",
		test: "TestAPITeamOfWhoIsAddedInBetween",
	},
	{
		name:      "second team of a late create left",
		file:      "controllers/team_search.go",
		old:       "	if status.CreateStarted != nil {\n		have.duplicates",
		new:       "	if false {\n		have.duplicates",
		scenarios: "^team created$|^team from nothing|^team deleted at once",
	},
	{
		name: "team adopted without the Organization's consent",
		file: "controllers/team_search.go",
		old:  "	if x.object.Spec.Adoption != v1alpha1.AdoptionAllow {\n",
		new:  "	if x.object.Spec.Adoption == \"Ask\" {\n", scenarios: "^team of a name that is taken",
	},
	{
		name: "adopted team deleted with the object",
		file: "controllers/team.go",
		old:  "x.org.ID(), have.adopted\n", new: "x.org.ID(), false\n", scenarios: "^adopted team let go",
	},
	{
		name: "another's team of the name overlooked",
		file: "controllers/team_search.go",
		old:  "	if t == nil || err != nil {\n		return err\n	}\n	return x.taken(ctx, *t)",
		new:  "	if t != nil || err != nil {\n		return err\n	}\n	return nil", test: "TestAPITeamTaken",
	},
	{
		name: "address of a team blanked where none is asked for",
		file: "controllers/team.go",
		old:  "Name: x.obj.WantedName(), Email: have.Email}",
		new:  "Name: x.obj.WantedName()}",
		test: "TestAPITeamTaken",
	},
	{
		name: "what people have set of a team's preferences dropped",
		file: "controllers/team_update.go",
		old:  "	p, spec := *have.preferences, x", new: "	p, spec := grafana.TeamPreferences{}, x",
		test: "TestAPITeamPreferences",
	},
	{
		name: "folder opened to another team that has the recorded id",
		file: "controllers/folder_teams.go",
		old:  "now.UID != t.Status.UID {", new: "now.UID == \"\" {", test: "TestAPIFolderPermissionsForAnotherTeam",
	},
	{
		name: "what a team may do taken off while its Team is unknown",
		file: "controllers/folder_permissions.go",
		old:  "x.teamMissing && team) {", new: "x.teamMissing && team && false) {",
		test: "TestAPIFolderPermissionsForATeam",
	},
	{
		name: "people's team deleted with an organization",
		file: "controllers/organization_deletion.go",
		old:  "		found = append(found, fmt.Sprintf(\"team %q\", t.Name))\n", new: "		_ = t\n",
		test: "TestAPIDeletionOfContents",
	},
	{
		name: "whom an identity provider manages taken out of a team",
		file: "controllers/team_members.go",
		old:  "len(m.Labels) > 0)", new: "false)",
		test: "TestAPITeamLeavesWhomAProviderManages",
	},
	{
		name: "team of a late create looked for on an old list",
		file: "controllers/team.go",
		old:  "	x.all = nil // from before the intent\n", new: "",
		test: "TestAPITeamOfALateCreate",
	},
}
