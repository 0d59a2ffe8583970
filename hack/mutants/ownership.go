package main

// ownershipMutants break the rules of adoption, of what is found again, and of what may be deleted.
var ownershipMutants = []mutant{
	{
		name: "reset database not noticed",
		file: "controllers/instance_reset.go",
		old:  "		} else if !seen {\n",
		new:  "		} else if !seen && false {\n", scenarios: "reset, and held",
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
		old:  "	x.conn.rememberDatabase(id)\n	x.identify(id)\n",
		new:  "	x.conn.rememberDatabase(x.obj.Status.DatabaseID)\n", scenarios: "login made again",
	},
	{
		name: "what the operator has marked since it read the marks forgotten",
		file: "controllers/organization.go",
		old:  "append(x.conn.carriers(x.mark), read)",
		new:  "[]int64{read}", scenarios: "status lost",
	},
	{
		name: "organization of the same id and name taken without knowing the database",
		file: "controllers/organization.go",
		old:  "	if recorded && !x.conn.knowsDatabase() {",
		new:  "	if recorded && false {", scenarios: "same id and name",
	},
	{
		name: "reset forgotten by those whose copy of the Instance is behind",
		file: "controllers/organization.go",
		old:  "	instance.Status.Resets = max(instance.Status.Resets, conn.resets.Load()) //",
		new:  "	//", scenarios: "same id and name",
	},
	{
		name: "absence in somebody else's organization believed",
		file: "controllers/lifecycle.go",
		old:  "	if err := p.ext.Prove(ctx, false); !errors.Is(err, errLost) {\n		return err\n	}\n	return nil\n",
		new:  "	return nil\n", scenarios: "under another id, and account",
	},
	{
		name: "no token listed taken for no token",
		file: "controllers/token.go",
		old:  "&& !x.met { //",
		new:  "&& false { //", scenarios: "under another id, and its",
	},
	{
		name: "id under which there is nothing any more kept at a create",
		file: "controllers/organization.go",
		old:  "	x.obj.Status.OrgID = 0\n	return eventCreated\n",
		new:  "	return eventCreated\n", scenarios: "restored from before",
	},
	{
		name: "connection made from versions of Secrets",
		file: "controllers/settings.go",
		old:  "	return r.use(field, key, secret.Data[key]), secret.ResourceVersion, nil\n",
		new:  "	r.use(field, secret.ResourceVersion, nil)\n	return r.use(field, key, secret.Data[key]), secret.ResourceVersion, nil\n", test: "TestFinalizerOnCredentialCostsNoLogin",
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
		name: "restored organization of an earlier life not taken over",
		file: "controllers/organization.go",
		old:  "	case x.mark.predecessor(m), m == (mark{}) && x.mark.predecessor(releasedMark(org.Address)):\n",
		new:  "	case false:\n", scenarios: "applied again",
	},
	{
		name: "organization not searched for when status is lost",
		file: "controllers/organization.go",
		old:  "	if have, err := x.findMarked(ctx); have != nil || err != nil { // status may be lost",
		new:  "	if have, err := x.findMarked(ctx); false && (have != nil || err != nil) { // status may be lost", scenarios: "status lost|and a rename",
	},
	{
		name: "organization adopted without the Instance's consent",
		file: "controllers/organization.go",
		old:  "	if x.instance.Spec.Adoption != v1alpha1.AdoptionAllow {\n",
		new:  "	if false {\n", scenarios: "adoption without",
	},
	{
		name: "organization adopted unasked",
		file: "controllers/organization.go",
		old:  "x.named == nil || x.obj.Spec.AdoptionPolicy != v1alpha1.AdoptionAdopt || !x.obj",
		new:  "x.named == nil || !x.obj", scenarios: "nobody asked",
	},
	{
		name: "service account adopted above the ceiling",
		file: "controllers/serviceaccount_adoption.go",
		old:  "	case roleRank[v1alpha1.Role(a.Role)] > roleRank[x.highestRole()]:\n",
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
		old:  "		if born.MatchString(found[i].Login) {\n",
		new:  "		if born.MatchString(found[i].Login) && false {\n", scenarios: "applied again",
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
}
