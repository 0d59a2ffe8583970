package main

import "cmp"

// mutant is one bug: a piece of a file, which must be there exactly once, and what stands in its place.
type mutant struct {
	name, file, old, new string
	// scenarios is a regular expression of those of the crash matrix that find it soonest; empty: all are played.
	scenarios string
	// test is a regular expression of tests that find it where the crash matrix cannot. They are played instead.
	test string
	// tests is the package that it is in; "controllers" unless said.
	tests string
}

func (m mutant) testsIn() string {
	return cmp.Or(m.tests, "controllers")
}

var mutants = []mutant{
	{
		name: "no intent before a create",
		file: "internal/lifecycle/apply.go",
		old:  "	if err := p.writeIntent(ctx); err != nil {\n",
		new:  "	if err := error(nil); err != nil {\n",
	},
	{
		name: "finalizer after the create",
		file: "internal/lifecycle/metadata.go",
		old:  "	if !p.obj.GetDeletionTimestamp().IsZero() {\n		return nil\n	}\n	base",
		new:  "	if !p.obj.GetDeletionTimestamp().IsZero() || !p.kind.Held(p.obj) { // it was let in\n		return nil\n	}\n	base",
	},
	{
		name: "written over a newer object",
		file: "internal/lifecycle/metadata.go",
		old:  "	return client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})\n",
		new:  "	return client.MergeFrom(base)\n",
	},
	{
		name: "a lost answer taken for a refusal",
		file: "internal/lifecycle/apply.go",
		old:  "	left := grafana.IsUnsure(err) ||",
		new:  "	left :=", scenarios: "deleted while it is created",
	},
	{
		name: "finalizer released while a create may land",
		file: "internal/lifecycle/inflight.go",
		old:  "	if left <= 0 {\n		return nil\n	}\n",
		new:  "	if left >= 0 {\n		return nil\n	}\n", scenarios: "deleted while it is created",
	},
	{
		name:      "delete errors swallowed",
		file:      "internal/lifecycle/remove.go",
		old:       "		if err := p.write(ctx, func() error { return p.ext.Delete(ctx, p.have) }); err != nil {\n			return fmt.Errorf(\"deleting: %w\", err)\n		}\n		var err error\n		if p.have, err = p.ext.Find(ctx); err != nil {\n			return err\n		}\n",
		new:       "		_ = p.ext.Delete(ctx, p.have)\n		p.have = nil\n",
		scenarios: "deleted at once",
	},
	{
		name:      "id forgotten after a failed delete",
		file:      "internal/lifecycle/remove.go",
		old:       "			return fmt.Errorf(\"deleting: %w\", err)\n",
		new:       "			p.ext.Record(nil)\n			p.have = nil\n			return p.release(ctx, Event{Reason: v1alpha1.EventDeleted, Message: \"Deleted in Grafana\"})\n",
		scenarios: "deleted at once",
	},
	{
		name:      "an error of looking taken for absence",
		file:      "internal/lifecycle/remove.go",
		old:       "	if p.have, err = p.ext.Find(ctx); err != nil {\n		return err\n	}\n	if err := p.proveAbsence(",
		new:       "	p.have, _ = p.ext.Find(ctx)\n	if err := p.proveAbsence(",
		scenarios: "deleted at once",
	},
	{
		name: "an error of looking taken for absence before a create",
		file: "internal/lifecycle/apply.go",
		old:  "	if p.have, err = p.ext.Find(ctx); err != nil {\n		return err\n	}\n	if err := p.waitForEarlier(",
		new:  "	p.have, _ = p.ext.Find(ctx)\n	if err := p.waitForEarlier(",
	},
	{
		name: "a visit that only waited taken for a look",
		file: "internal/lifecycle/conditions.go",
		old:  "	if p.searched || !p.entry.statusLost(p.obj) {\n",
		new:  "	if true {\n", scenarios: "wiped",
	},
	{
		name: "what lost its status let go unasked",
		file: "internal/lifecycle/remove.go",
		old:  "	return held || p.kind.Parent == nil || !StatusWritten(p.obj)\n",
		new:  "	return held || p.kind.Parent == nil\n", scenarios: "wiped",
	},
	{
		name:      "child that lost its status holds up nobody",
		file:      "internal/lifecycle/engine.go",
		old:       "	return k.held != nil && k.held(obj) || k.statusLost(obj) && k.parentOf(obj).Namespace == obj.GetNamespace()\n",
		new:       "	return k.held != nil && k.held(obj)\n",
		scenarios: "wiped",
	},
	{
		name: "intent forgotten too early",
		file: "internal/lifecycle/inflight.go",
		old:  "	if status := p.obj.CommonStatus(); !p.mayBeInFlight(status.CreateStarted) {\n",
		new:  "	if status := p.obj.CommonStatus(); true {\n",
	},
	{
		name:      "finalizer dropped when a create fails",
		file:      "internal/lifecycle/apply.go",
		old:       "err == nil {\n		p.events = append(p.events, created)\n	}\n",
		new:       "err == nil {\n		p.events = append(p.events, created)\n	} else if rerr := p.release(ctx, Event{}); rerr != nil {\n		return rerr\n	}\n",
		scenarios: "uid is taken",
	},
	{
		name:      "finalizer dropped while the way there is blocked",
		file:      "internal/lifecycle/remove.go",
		old:       "	case isGone(err):\n",
		new:       "	case isGone(err), err != nil && !errors.Is(err, connection.ErrQueued):\n",
		scenarios: "deleted at once",
	},
	{
		name:      "deletion in an organization that is gone never ends",
		file:      "controllers/scope.go",
		old:       "		return nil, lifecycle.ErrGone // the organization is not in Grafana any more, and nothing in it\n",
		new:       "		return nil, lifecycle.Waiting(v1alpha1.ReasonParentNotAvailable, \"waiting for Organization %s, to delete it there\", key)\n",
		scenarios: "the rebuild cut off",
	},
	{
		name: "failed status write ignored",
		file: "internal/lifecycle/reconciler.go",
		old:  "	if werr := p.keepStatus(ctx); client.IgnoreNotFound(werr) != nil {\n",
		new:  "	if werr := p.keepStatus(ctx); client.IgnoreNotFound(werr) != nil && apierrors.IsConflict(werr) {\n",
	},
	{
		name: "status says when the operator last looked",
		file: "internal/lifecycle/verdict.go",
		old:  "message:   p.inSync(),",
		new:  "message: p.inSync() + \" at \" + p.Now().String(),",
	},
	{
		name: "copy behind our own last write trusted",
		file: "internal/lifecycle/reconciler.go",
		old:  "	if behind {\n",
		new:  "	if false {\n", test: "TestCopyBehindOurOwnWrite",
	},
	{
		name:      "request sent again when its answer is lost",
		file:      "internal/grafana/request.go",
		old:       "	err = c.exchange(req, r, &a)\n",
		new:       "	err = c.exchange(req, r, &a)\n	if err != nil && a.method == http.MethodPost {\n		if req, err = c.build(traced, r, as); err == nil {\n			err = c.exchange(req, r, &a)\n		}\n	}\n",
		scenarios: "id is nobody's",
	},
	{
		name:      "parents go before their children",
		file:      "internal/lifecycle/remove.go",
		old:       "	going, staying := map[string]int{}, map[string]int{}\n	for _, d := range dependents {",
		new:       "	going, staying := map[string]int{}, map[string]int{}\n	for _, d := range dependents[:0] {",
		scenarios: "deleted at once",
	},
	{
		name: "Orphan deletes",
		file: "internal/lifecycle/remove.go",
		old:  "	if p.obj.Stays() {\n",
		new:  "	if p.obj.Stays() && false {\n", scenarios: "orphaned",
	},
	{
		name:      "intent kept when nothing can come of it",
		file:      "internal/lifecycle/remove.go",
		old:       "		p.obj.CommonStatus().CreateStarted = nil // children go by it: nothing of it is there, or can come\n",
		new:       "",
		scenarios: "the rebuild cut off",
	},
	{
		name:      "intent kept when what contained the object is gone",
		file:      "internal/lifecycle/remove.go",
		old:       "		p.searched, p.obj.CommonStatus().CreateStarted = true, nil\n",
		new:       "		p.searched = true\n",
		scenarios: "its organization gone",
	},
	{
		name:      "organization adopted by name",
		file:      "controllers/organization_ownership.go",
		old:       "	m := mark.Read(org.Address)\n	switch {\n	case m == x.mark:\n",
		new:       "	m := mark.Read(org.Address)\n	switch {\n	case m == x.mark, true:\n",
		scenarios: "organization's name is taken",
	},
	{
		name:      "organization found by id alone",
		file:      "controllers/organization_search.go",
		old:       "	ours, err := x.owned(ctx, org)\n	switch {\n	case err != nil:\n		return nil, err\n	case ours:\n		return x.load",
		new:       "	ours, err := x.owned(ctx, org)\n	switch {\n	case err != nil:\n		return nil, err\n	case ours, true:\n		return x.load",
		scenarios: "id is another",
	},
	{
		name: "organization renamed before it is marked",
		file: "controllers/organization.go",
		old:  "{\"marking the organization\", x.setMark}, ",
		new:  "",
	},
	{
		name: "birth names not looked for",
		file: "controllers/organization_search.go",
		old:  "		if len(born) > 0 {\n			return x.load(ctx, born[0])\n		}\n",
		new:  "		_ = born\n",
	},
	{
		name: "late organizations not swept up",
		file: "controllers/organization_search.go",
		old:  "		have.duplicates = slices.DeleteFunc(born, func(o grafana.Org) bool { return o.ID == org.ID })\n",
		new:  "		_ = born\n",
	},
	{
		name:      "released organization keeps the mark",
		file:      "controllers/organization_deletion.go",
		old:       "	if mark.Read(have.Address) != (mark.Mark{}) {\n		address := mark.Release(",
		new:       "	if mark.Read(have.Address).UID == \"-\" {\n		address := mark.Release(",
		scenarios: "organization orphaned",
	},
	{
		name: "organization not proven",
		file: "internal/connection/proofs.go",
		old:  "	case org.ID != id, mark.Read(org.Address) != want:\n",
		new:  "	case org.ID != id:\n", scenarios: "id is another",
	},
	{
		name: "foreign accounts deleted with the organization",
		file: "controllers/organization_deletion.go",
		old:  "		found = append(found, fmt.Sprintf(\"service account %q\", a.Name))\n",
		new:  "		_ = a\n", scenarios: "somebody else's deleted",
	},
	{
		name: "dashboard created by overwriting",
		file: "controllers/dashboard_save.go",
		old:  "		Model: model, FolderUID: x.folder, Message: message,\n",
		new:  "		Model: model, FolderUID: x.folder, Message: message, Overwrite: true,\n", scenarios: "dashboard",
	},
	{
		name: "dashboard's history not asked",
		file: "controllers/dashboard_proof.go",
		old:  "	h.ours = x.uid == string(x.obj.UID)\n",
		new:  "	h.ours = true\n", scenarios: "dashboard",
	},
	{
		name: "dashboard saved without its mark",
		file: "controllers/dashboard_save.go",
		old:  "	message := x.signature(version+1, adopted).String()\n",
		new:  "	message := x.signature(version+1, adopted).String()[:0]\n", scenarios: "dashboard",
	},
	{
		name: "dashboard saved without its folder",
		file: "controllers/dashboard_save.go",
		old:  "		Model: model, FolderUID: x.folder, Message: message,\n",
		new:  "		Model: model, Message: message,\n", scenarios: "dashboard moved",
	},
	{
		name: "wrong credential never given up",
		file: "controllers/instance.go",
		old:  "	if !x.unchanged {\n",
		new:  "	if x.conn == nil {\n", scenarios: "credentials changed",
	},
	{
		name: "folder born under its title, without a mark",
		file: "controllers/folder.go",
		old:  "	if !x.isDerived() {\n		title = mark.BirthName(title, x.obj)\n	}\n",
		new:  "	_ = mark.BirthName\n", scenarios: "folder created under a uid",
	},
	{
		name: "folder of a uid known by that alone",
		file: "controllers/folder.go",
		old:  "		(recorded || x.isDerived() || strings.HasSuffix(f.Title, mark.BirthSuffix(x.obj)))\n",
		new:  "		(recorded || x.isDerived() || strings.HasSuffix(f.Title, mark.BirthSuffix(x.obj)) || true)\n",
		test: "TestAPIFolderReplaced",
	},
	{
		name: "folder deleted with what others put into it",
		file: "controllers/folder_deletion.go",
		old:  "	case withContents:\n",
		new:  "	case withContents || len(staying) > 0:\n", test: "TestAPIFolderDeletionBlocked",
	},
	{
		name: "folder deleted with what objects of ours have in it",
		file: "controllers/folder_deletion.go",
		old:  "	case len(owned) > 0:\n",
		new:  "	case len(owned) > 0 && !withContents:\n", test: "TestAPIFolderDeletionKeepsWhatObjectsHaveInIt",
	},
	{
		name: "names of another namespace's objects told by a folder",
		file: "controllers/folder_deletion.go",
		old:  "	if owner.GetNamespace() == x.obj.Namespace {\n",
		new:  "	if owner != nil {\n", test: "TestAPIFolderDeletionKeepsWhatObjectsHaveInIt",
	},
	{
		name: "permissions of a folder by an old list of people",
		file: "controllers/folder_permissions.go",
		old:  "	if err := x.resolve(ctx, true); err != nil {\n",
		new:  "	if err := x.resolve(ctx, false); err != nil {\n", test: "TestFolderPermissionsGoToWhoHasTheNameNow",
	},
	{
		name: "permissions of a folder for whoever has a service account's id",
		file: "controllers/folder_permissions.go",
		old:  "	case a.Login != status.Login,",
		new:  "	case", test: "TestAPIFolderPermissionsForAnotherAccount",
	},
	{
		name: "permissions in a folder taken off a service account that is not known at the moment",
		file: "controllers/folder_permissions.go",
		old:  "(x.accountMissing && account ||",
		new:  "(x.untold && account ||", test: "TestAPIFolderPermissionsWhileAServiceAccountIsUnknown",
	},
	{
		name: "folder that a person has put in the place of ours taken for it",
		file: "controllers/folder.go",
		old:  "	return f.ID\n",
		new:  "	return f.ID * 0\n", test: "TestFolderReplacedByOneThatIsJustLikeIt",
	},
	{
		name: "contents of a folder's folders not looked at",
		file: "controllers/folder_deletion.go",
		old:  "				within[f.UID], more = true, true\n",
		new:  "				more = false\n", test: "TestAPIFolderDeletionBlocked",
	},
	{
		name: "library panels of a folder not looked at",
		file: "controllers/folder_deletion.go",
		old:  "		case !within[p.FolderUID]:\n",
		new:  "		case true:\n", test: "TestAPIFolderWithPanelsInUse",
	},
	{
		name: "folder left with the permissions it was born with",
		file: "controllers/folder_permissions.go",
		old:  "		(have.permissions == nil ||\n",
		new:  "		(have.permissions != nil &&\n", scenarios: "folder created with permissions",
	},
	{
		name: "the operator's own permission taken for drift",
		file: "controllers/folder_permissions.go",
		old:  "		if !i.Inherited && !x.conn.IsOperator(i.UserID, i.UserLogin, \"\") {\n",
		new:  "		if !i.Inherited {\n", test: "TestAPIFolderPermissionsRefused",
	},
}
