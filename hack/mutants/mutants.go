package main

// mutant is one bug: a piece of a file, which must be there exactly once, and what stands in its place.
type mutant struct {
	name, file, old, new string
	// scenarios is a regular expression of those that find it soonest; empty: all are played.
	scenarios string
}

var mutants = []mutant{
	{
		name: "no intent before a create",
		file: "controllers/lifecycle.go",
		old:  "	if err := p.writeStatus(ctx); err != nil {\n		return err\n	}\n	var err error\n	if p.have, err = p.ext.Create(ctx); err == nil {",
		new:  "	var err error\n	if p.have, err = p.ext.Create(ctx); err == nil {",
	},
	{
		name: "finalizer after the create",
		file: "controllers/lifecycle.go",
		old:  "	if err := p.addFinalizer(ctx); err != nil {\n		return err\n	}\n	leave, err := p.connect(ctx)",
		new:  "	defer func() { _ = p.addFinalizer(ctx) }()\n	leave, err := p.connect(ctx)",
	},
	{
		name: "written over a newer object",
		file: "controllers/status.go",
		old:  "	return client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})\n",
		new:  "	return client.MergeFrom(base)\n",
	},
	{
		name: "a lost answer taken for a refusal",
		file: "controllers/lifecycle.go",
		old:  "	if !grafana.IsUnsure(err) && !p.mayStillLand(earlier) {",
		new:  "	if _ = grafana.IsUnsure; !p.mayStillLand(earlier) {",
	},
	{
		name: "finalizer released while a create may land",
		file: "controllers/lifecycle.go",
		old:  "	if left <= 0 {\n		return nil\n	}\n",
		new:  "	if left >= 0 {\n		return nil\n	}\n",
	},
	{
		name: "delete errors swallowed",
		file: "controllers/lifecycle.go",
		old:  "		if err := p.ext.Delete(ctx, p.have); err != nil {\n			return fmt.Errorf(\"deleting: %w\", err)\n		}\n		var err error\n		if p.have, err = p.find(ctx); err != nil {\n			return err\n		}\n",
		new:  "		_ = p.ext.Delete(ctx, p.have)\n		p.have = nil\n",
	},
	{
		name: "id forgotten after a failed delete",
		file: "controllers/lifecycle.go",
		old:  "			return fmt.Errorf(\"deleting: %w\", err)\n",
		new:  "			p.ext.Record(nil)\n			p.have = nil\n			return p.release(ctx, v1alpha1.EventDeleted, \"Deleted in Grafana\")\n",
	},
	{
		name: "an error of looking taken for absence",
		file: "controllers/lifecycle.go",
		old:  "	if p.have, err = p.find(ctx); err != nil {\n		return err\n	}\n	if p.have == nil && !p.mayStillLand",
		new:  "	p.have, _ = p.find(ctx)\n	if p.have == nil && !p.mayStillLand",
	},
	{
		name: "parents go before their children",
		file: "controllers/lifecycle.go",
		old:  "	going, staying := map[string]int{}, map[string]int{}\n	for _, d := range dependents {",
		new:  "	going, staying := map[string]int{}, map[string]int{}\n	for _, d := range dependents[:0] {",
	},
	{
		name: "Orphan deletes",
		file: "controllers/lifecycle.go",
		old:  "	if p.obj.CommonSpec().DeletionPolicy == v1alpha1.DeletionOrphan {",
		new:  "	if p.obj.CommonSpec().DeletionPolicy == \"\" && false {",
	},
	{
		name: "intent kept when nothing can come of it",
		file: "controllers/lifecycle.go",
		old:  "		p.obj.CommonStatus().CreateStarted = nil // children go by it: nothing of it is there, or can come\n",
		new:  "",
	},
	{
		name: "organization adopted by name",
		file: "controllers/organization.go",
		old:  "			if m := readMark(org.Address); m == x.mark || x.mark.predecessor(m) {\n",
		new:  "			if true {\n",
	},
	{
		name: "organization found by id alone",
		file: "controllers/organization.go",
		old:  "	if x.owned(org) {\n		return x.load(ctx, org)\n	}\n	if readMark",
		new:  "	if true {\n		return x.load(ctx, org)\n	}\n	if readMark",
	},
	{
		name: "organization renamed before it is marked",
		file: "controllers/organization.go",
		old:  "{x.setMark, x.setName, x.join, x.deleteStrays}",
		new:  "{x.setName, x.join, x.deleteStrays}",
	},
	{
		name: "birth names not looked for",
		file: "controllers/organization.go",
		old:  "		if len(born) > 0 {\n			return x.load(ctx, born[0])\n		}\n",
		new:  "		_ = born\n",
	},
	{
		name: "late organizations not swept up",
		file: "controllers/organization.go",
		old:  "		have.strays = slices.DeleteFunc(born, func(o grafana.Org) bool { return o.ID == org.ID })\n",
		new:  "		_ = born\n",
	},
	{
		name: "released organization keeps the mark",
		file: "controllers/organization.go",
		old:  "	return absent(x.conn.SetOrgAddress(ctx, have.ID, withoutMark(have.Address)))",
		new:  "	return nil",
	},
	{
		name: "organization not proven",
		file: "controllers/connection.go",
		old:  "	case org.ID != id, readMark(org.Address) != want:\n",
		new:  "	case org.ID != id:\n",
	},
	{
		name: "foreign accounts deleted with the organization",
		file: "controllers/organization.go",
		old:  "		found = append(found, fmt.Sprintf(\"service account %q\", a.Name))\n",
		new:  "		_ = a\n",
	},
	{
		name: "service account found by id alone",
		file: "controllers/serviceaccount.go",
		old:  "	if !x.owned(have) {\n		return nil, nil\n	}\n	return &have, nil",
		new:  "	return &have, nil",
	},
	{
		name: "service account adopted by name",
		file: "controllers/serviceaccount.go",
		old:  "	return strings.HasSuffix(a.Login, \"-\"+uid8(x.obj)) && (a.OrgID == 0 || a.OrgID == x.org.ID())",
		new:  "	return strings.HasSuffix(a.Login, \"-\"+uid8(x.obj)) || a.Name == x.obj.WantedName()",
	},
	{
		name: "lost service account not searched for",
		file: "controllers/serviceaccount.go",
		old:  "		if x.owned(found[i]) {\n			return &found[i], nil\n		}\n",
		new:  "		_ = i\n",
	},
	{
		name: "foreign Secret overwritten",
		file: "controllers/tokensecret.go",
		old:  "	case metav1.IsControlledBy(&secret, obj):\n",
		new:  "	case err == nil:\n",
	},
	{
		name: "full list of tokens trusted",
		file: "controllers/token.go",
		old:  "const maxListed = 300\n",
		new:  "const maxListed = 30000\n",
	},
	{
		name: "failed Secret write ignored",
		file: "controllers/token.go",
		old:  "	if err != nil {\n		return nil, x.revokeUnwritten(ctx, made, err)\n	}\n	x.secret, x.revision = written, revision\n	have, err := x.Get(ctx)\n	if have == nil && err == nil {\n		err = &problem{Reason: v1alpha1.ReasonCreating, Message: \"the token that was just made is not in Grafana's list: looking again\", Retry: true}\n	}\n	return have, err",
		new:  "	x.secret, x.revision = written, revision\n	return &tokenState{secret: written, live: &grafana.Token{ID: made.ID, Name: made.Name}}, nil",
	},
	{
		name: "unwritten token not revoked",
		file: "controllers/token.go",
		old:  "		default:\n			have.stale = append(have.stale, t)\n",
		new:  "		default:\n",
	},
	{
		name: "dead key left in the Secret",
		file: "controllers/token.go",
		old:  "		case t.ID == record.tokenID && x.usable(t, record):\n			have.live = &list[i]\n",
		new:  "		case false:\n		case t.ID == record.tokenID:\n			have.live = &list[i]\n",
	},
	{
		name: "Secret trusted without Grafana",
		file: "controllers/token.go",
		old:  "	case !x.obj.DeletionTimestamp.IsZero(), have.live != nil:\n",
		new:  "	case !x.obj.DeletionTimestamp.IsZero(), have.live != nil, x.secret != nil:\n",
	},
	{
		name: "tokens left behind on delete",
		file: "controllers/token.go",
		old:  "	if err := x.revoke(ctx, &all); err != nil {\n		return err\n	}\n	return x.env.deleteSecret",
		new:  "	_ = all\n	return x.env.deleteSecret",
	},
	{
		name: "released Secret's token revoked",
		file: "controllers/tokensecret.go",
		old:  "	case !obj.DeletionTimestamp.IsZero() && obj.Spec.DeletionPolicy == v1alpha1.DeletionOrphan && metav1.GetControllerOf(&secret) == nil:\n		return &secret, nil // let go of already: it still says which token must live\n",
		new:  "",
	},
	{
		name: "dashboard created by overwriting",
		file: "controllers/dashboard.go",
		old:  "		Model: model, FolderUID: x.folder(),\n",
		new:  "		Model: model, FolderUID: x.folder(), Overwrite: true,\n",
	},
	{
		name: "dashboard's history not asked",
		file: "controllers/dashboard.go",
		old:  "	h := history{ours: x.uid == string(x.obj.UID)}\n",
		new:  "	h := history{ours: true}\n",
	},
	{
		name: "dashboard saved without its mark",
		file: "controllers/dashboard.go",
		old:  "x.obj.Namespace, x.obj.Name, x.markText()),",
		new:  "x.obj.Namespace, x.obj.Name, \"\"),",
	},
	{
		name: "dashboard saved without its folder",
		file: "controllers/dashboard.go",
		old:  "		Model: model, FolderUID: x.folder(),\n",
		new:  "		Model: model,\n",
	},
	{
		name: "wrong credential never given up",
		file: "controllers/instance.go",
		old:  "	if x.conn == nil || x.conn.fingerprint != settings.fingerprint {",
		new:  "	if x.conn == nil {",
	},
}
