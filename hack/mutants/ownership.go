package main

// ownershipMutants break the rules of adoption, of what is found again, and of what may be deleted.
var ownershipMutants = []mutant{
	{
		name: "reset database not noticed",
		file: "controllers/instance_reset.go",
		old:  "		case !seen:\n",
		new:  "		case !seen && false:\n", scenarios: "reset, and held",
	},
	{
		name: "reset database filled again unasked",
		file: "controllers/instance_reset.go",
		old:  "	if x.obj.Spec.OnReset != v1alpha1.ResetRebuild && x.obj",
		new:  "	if false && x.obj", scenarios: "reset, and held",
	},
	{
		name: "database not known by its identity",
		file: "controllers/instance_reset.go",
		old:  "	if id == \"\" || id != x.obj.Status.DatabaseID {\n",
		new:  "	if true {\n", scenarios: "disguised",
	},
	{
		name: "another database taken for the same",
		file: "controllers/instance_reset.go",
		old:  "	if id == \"\" || id != x.obj.Status.DatabaseID {\n",
		new:  "	if id == \"\" {\n", scenarios: "reset, and held",
	},
	{
		name: "new identity of the database not noted",
		file: "controllers/instance_reset.go",
		old:  "	x.conn.RememberDatabase(ctx, id)\n	if !untold {\n		x.identify(id)\n	}\n",
		new:  "	x.conn.RememberDatabase(ctx, x.obj.Status.DatabaseID)\n", scenarios: "login made again",
	},
	{
		name: "what the operator has marked since it read the marks forgotten",
		file: "controllers/organization_search.go",
		old:  "append(x.conn.Carriers(x.mark), read)",
		new:  "[]int64{read}", scenarios: "status lost",
	},
	{
		name: "organization of the same id and name taken without knowing the database",
		file: "controllers/organization_ownership.go",
		old:  "	if recorded && !x.conn.KnowsDatabase() {",
		new:  "	if recorded && false {", scenarios: "same id and name",
	},
	{
		name: "reset forgotten by those whose copy of the Instance is behind",
		file: "controllers/organization.go",
		old:  "	instance.Status.Resets = max(instance.Status.Resets, conn.Resets.Load()) //",
		new:  "	//", scenarios: "same id and name",
	},
	{
		name: "absence in somebody else's organization believed",
		file: "internal/lifecycle/remove.go",
		old: "	if err := p.prove(ctx, false); !errors.Is(err, ErrLost) {\n" +
			"		return err\n	}\n	return nil\n",
		new:       "	return nil\n",
		scenarios: "under another id, and account",
	},
	{
		name: "no token listed taken for no token",
		file: "controllers/token_state.go",
		old:  "&&\n		!x.seenAny { //",
		new:  "&& false { //", scenarios: "under another id, and its",
	},
	{
		name: "id under which there is nothing any more kept at a create",
		file: "controllers/organization.go",
		old:  "	x.obj.Status.OrgID = 0\n	return lifecycle.EventCreated\n",
		new:  "	return lifecycle.EventCreated\n", scenarios: "restored from before",
	},
	{
		name: "connection made from versions of Secrets",
		file: "controllers/instance_connection.go",
		old:  "	return r.use(field, key, secret.Data[key]), secret.ResourceVersion, nil\n",
		new: "	r.use(field, secret.ResourceVersion, nil)\n" +
			"	return r.use(field, key, secret.Data[key]), secret.ResourceVersion, nil\n",
		test: "TestFinalizerOnCredentialCostsNoLogin",
	},
	{
		name: "refused credential tried again as often as its Secret is touched",
		file: "controllers/instance.go",
		old:  "	case x.unchanged:\n",
		new:  "	case false:\n", test: "TestRefusedCredentialTriedAgain",
	},
	{
		name: "objects in an Instance that is held stay Ready",
		file: "controllers/organization.go",
		old:  "	if isHeld(instance) && errors.As(err, &p) {\n",
		new:  "	if isHeld(instance) && false && errors.As(err, &p) {\n", test: "TestAPIDatabaseResetHeld$",
	},
	{
		name: "organization that was adopted in an earlier life taken for a created one",
		file: "internal/mark/mark.go",
		old:  "			return m[1] == returned\n",
		new:  "			return m[1] == returned+released\n",
		test: "TestWhatWasAdoptedStaysAlsoInASecondLife",
	},
	{
		name: "restored organization of an earlier life not taken over",
		file: "controllers/organization_ownership.go",
		old: "	case x.mark.Predecessor(m), m == (mark.Mark{}) && " +
			"x.mark.Predecessor(mark.ReadReleased(org.Address)):\n",
		new:       "	case false:\n",
		scenarios: "applied again",
	},
	{
		name: "organization not searched for when status is lost",
		file: "controllers/organization_search.go",
		old: "	if have, err := x.findMarked(\n		ctx,\n	); have != nil ||\n" +
			"		err != nil { // status may be lost",
		new: "	if have, err := x.findMarked(ctx); false && (have != nil || err != nil) { // " +
			"status may be lost",
		scenarios: "status lost|and a rename",
	},
	{
		name: "restored organization left behind that another recorded",
		file: "controllers/organization_search.go",
		old:  "	if !free {\n		return nil, x.copiedMark(org)\n	}\n",
		new:  "	if !free {\n		return nil, nil\n	}\n",
		test: "TestPeaceWhereAnotherRecordsTheRestoredID", tests: "internal/testing/crash",
	},
	{
		name: "organization adopted without the Instance's consent",
		file: "controllers/organization_search.go",
		old:  "	if x.instance.Spec.Adoption != v1alpha1.AdoptionAllow {\n",
		new:  "	if false {\n", scenarios: "adoption without",
	},
	{
		name: "organization adopted that another object records",
		file: "controllers/organization_search.go",
		old:  "	if holder, err := x.holder(ctx, *x.named); holder != nil || err != nil {\n",
		new:  "	if holder, err := x.holder(ctx, *x.named); err != nil {\n", scenarios: "recorded as another's",
	},
	{
		name: "organization that never had a mark taken for ours",
		file: "controllers/organization_ownership.go",
		old:  "&& !status.Adopted && org.Address.Address2 == \"\"\n",
		new:  " && status.Adopted && org.Address.Address2 == \"\"\n", scenarios: "others have made after a restore",
	},
	{
		name: "the mark's word that it was adopted believed over status",
		file: "controllers/organization_ownership.go",
		old:  "	if x.conn.Login != \"\" && x.obj.Status.OrgID == org.ID && !x.fromBefore() {\n",
		new:  "	if false {\n", scenarios: "says that it was adopted",
	},
	{
		name: "organization adopted unasked",
		file: "controllers/organization_search.go",
		old:  "|| !x.adoptable(*x.named) || x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt {",
		new:  " || !x.adoptable(*x.named) {", scenarios: "nobody asked",
	},
	{
		name: "service account adopted above the ceiling",
		file: "controllers/serviceaccount_adoption.go",
		old:  "	case adopted && roleRank[v1alpha1.Role(whole.Role)] > roleRank[x.highestRole()]:\n",
		new:  "	case false:\n", scenarios: "above the ceiling",
	},
	{
		name: "service account's role not limited",
		file: "controllers/serviceaccount.go",
		old:  "roleRank[obj.Spec.Role] > roleRank[highest] {",
		new:  "roleRank[obj.Spec.Role] > roleRank[highest] && false {", scenarios: "ceiling lowered",
	},
	{
		name: "service account of an earlier life not found",
		file: "controllers/serviceaccount_adoption.go",
		old:  "	return at >= 0 && shortUID.",
		new:  "	return false && at >= 0 && shortUID.", scenarios: "applied again",
	},
	{
		name: "contents deleted with the organization unasked",
		file: "controllers/organization_deletion.go",
		old:  "	return x.refuseContents(ctx, org)\n",
		new:  "	return nil\n", scenarios: "panel|folder|somebody else's deleted",
	},
	{
		name: "operator stays in an organization that it let go",
		file: "controllers/organization_deletion.go",
		old:  "	if !x.obj.Status.Joined {\n",
		new:  "	if true {\n", scenarios: "adopted, and let go",
	},
	{
		name: "children left alone while a deletion is blocked",
		file: "internal/lifecycle/parents.go",
		old:  "	if !e.Holds(obj) {\n",
		new:  "	if problem != nil {\n", test: "TestAPIBlockedDeletionKeepsChildrenUp",
	},
	{
		name: "contents found late taken for those that were found before",
		file: "controllers/organization_deletion.go",
		old:  " || !strings.Contains(was.Message, start) {\n",
		new:  " || start == \"\" {\n", test: "TestWhatKeepsAnOrganizationIsSoonLookedAtAgain",
	},
	{
		name: "names that a database takes for one made at once",
		file: "controllers/organization_name.go",
		old:  "	return mark.MayCollide(",
		new:  "	return false && mark.MayCollide(", test: "TestAPINamesThatSomeDatabasesTakeForOne",
	},
	{
		name: "older claim forgotten between the making of an organization and its rename",
		file: "controllers/organization_name.go",
		old:  "	return mark.MayCollide(",
		new:  "	return o.WantedName() != x.obj.WantedName() && mark.MayCollide(",
		test: "TestAPIOldestClaimBeforeItsRename",
	},
	{
		name: "name that was taken in the last moment called foreign unseen",
		file: "controllers/organization_name.go",
		old:  "if x.named, err = x.conn.OrgByName(ctx, name); err != nil || x.named == nil {",
		new:  "if x.named, err = &(grafana.Org{Name: name}), nil; err != nil {", test: "TestAPINameTakenMeanwhile",
	},
	{
		name: "what a database takes for the wanted name adopted",
		file: "controllers/organization_search.go",
		old:  "	return org.Name == x.obj.WantedName() &&",
		new:  "	return ", test: "TestAPINameThatTheDatabaseTakesForAnother",
	},
	{
		name: "login longer than a database keeps",
		file: "controllers/serviceaccount_adoption.go",
		old:  "name[:min(len(name), maxNameInLogin)]",
		new:  "name[:min(len(name), 250)]", test: "TestAPILongNamesKeepTheirMarks",
	},
	{
		name: "home dashboard sent with the other preferences",
		file: "controllers/organization_settings.go",
		old:  "	change.HomeDashboardUID = \"\"\n",
		new:  "	home = grafana.Preferences{}\n", test: "TestAPIHomeDashboardByUIDComesLater",
	},
	{
		name: "a raised quota leaves the refused waiting",
		file: "controllers/organization_settings.go",
		old:  "	if raised {\n",
		new:  "	if raised && false {\n", test: "TestARaisedQuotaHasTheRefusedLookedAt",
	},
}
