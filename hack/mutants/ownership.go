package main

// ownershipMutants break the rules of adoption, of what is found again, and of what may be deleted.
var ownershipMutants = []mutant{
	{
		name: "reset database not noticed",
		file: "controllers/instance_reset.go",
		old:  "	case seen:\n",
		new:  "	case seen, true:\n", scenarios: "reset, and held",
	},
	{
		name: "reset database filled again unasked",
		file: "controllers/instance_reset.go",
		old:  "x.obj.Spec.OnReset == v1alpha1.ResetRebuild && !doubtful,",
		new:  "true || doubtful,", scenarios: "reset, and held",
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
		old:  "	if have, err := x.findMarked(ctx); have != nil || err != nil { // status",
		new:  "	if have, err := (*orgState)(nil), error(nil); have != nil || err != nil { // status", scenarios: "status lost|and a rename",
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
