package main

// vanishedMutants forget what was deleted past its finalizer, or take for that what was not.
var vanishedMutants = []mutant{
	{
		name: "what was deleted past its finalizer left in Grafana",
		file: "internal/lifecycle/setup.go",
		old:  "		k.deleted(e.Object)\n",
		new:  "",
		test: "TestWatchTellsWhatHasVanished", tests: "internal/lifecycle",
	},
	{
		name: "what a watch has missed taken for vanished",
		file: "internal/lifecycle/setup.go",
		old:  "	if !e.DeleteStateUnknown {\n",
		new:  "	if true {\n",
		test: "TestWatchThatHasMissedADeletionTellsNothing", tests: "internal/lifecycle",
	},
	{
		name: "what was released taken for vanished",
		file: "internal/lifecycle/vanished.go",
		old:  "	if !last.GetDeletionTimestamp().IsZero() || ",
		new:  "	if ",
		test: "TestWhatHasNotVanishedIsLetBe", tests: "internal/lifecycle",
	},
	{
		name: "what is still there taken for vanished",
		file: "internal/lifecycle/vanished.go",
		old:  "		if there, err := r.isThere(ctx, obj); there || err != nil {\n",
		new:  "		if there, err := r.isThere(ctx, obj); there && err != nil {\n",
		test: "TestWhatHasNotVanishedIsLetBe", tests: "internal/lifecycle",
	},
	{
		name: "what has vanished hidden by its successor",
		file: "internal/lifecycle/vanished.go",
		old:  "	if _, before := r.vanished[key]; !before {",
		new:  "	if true {",
		test: "TestWhatVanishesIsNotForgottenForItsSuccessor", tests: "internal/lifecycle",
	},
	{
		name: "successor made beside what has vanished",
		file: "internal/lifecycle/vanished.go",
		old:  "	return err == nil && !more, result, err\n",
		new:  "	return more || err == nil, result, err\n",
		test: "TestWhatVanishesGoesBeforeItsSuccessor", tests: "internal/lifecycle",
	},
	{
		name: "what may still land of what has vanished not awaited",
		file: "internal/lifecycle/shard.go",
		old:  "		return p.obj.GetDeletionTimestamp()\n",
		new:  "		return nil\n",
		test: "TestWhatVanishesIsAwaited", tests: "internal/lifecycle",
	},
	{
		name: "nobody visited when what has vanished is removed",
		file: "internal/lifecycle/vanished.go",
		old:  "		p.visitConcerned(ctx, p.entry, p.obj)\n",
		new:  "",
		test: "TestWhomItConcernsIsVisitedWhenWhatVanishedIsRemoved", tests: "internal/lifecycle",
	},
	{
		name: "what has vanished looked at again at its resync only",
		file: "internal/lifecycle/vanished.go",
		old:  "{RequeueAfter: max(p.backoff(client.ObjectKeyFromObject(p.obj), true), v.after)}\n",
		new:  "{RequeueAfter: p.nextVisit(v)}\n",
		test: "TestWhatVanishesIsTriedAgain", tests: "internal/lifecycle",
	},
	{
		name: "what has vanished tried for ever, since nobody decides",
		file: "internal/lifecycle/vanished.go",
		old:  "	left := v.stalled && v.after == 0\n",
		new:  "	left := false\n",
		test: "TestWhatVanishesAndIsNotRemovedForGoodIsSaidToBeLeft", tests: "internal/lifecycle",
	},
	{
		name: "what has vanished given up, since a proxy refuses for now",
		file: "internal/lifecycle/vanished.go",
		old:  "	left := v.stalled && v.after == 0\n",
		new:  "	left := v.stalled\n",
		test: "TestWhatVanishesIsTriedAgain", tests: "internal/lifecycle",
	},
	{
		name: "dashboard that has vanished looked for in its successor's source",
		file: "controllers/dashboard_source.go",
		old:  "		return nil, apierrors.NewNotFound(resource, obj.Name)\n",
		new:  "		return nil, apierrors.NewConflict(resource, obj.Name, errors.New(\"another\"))\n",
		test: "TestWhatVanishesLeavesNothingInGrafana",
	},
}
