package main

// setMutants are bugs in what is particular to sets: what they make, change and delete in Kubernetes.
var setMutants = []mutant{
	{
		name: "set takes for its own what has its label",
		file: "controllers/set_children.go",
		old:  "client.MatchingFields{bySet: string(p.set.GetUID())}, client",
		new:  "client.MatchingLabels{v1alpha1.LabelSet: p.set.GetName()}, client",
		test: "TestAPIDashboardSetLeavesWhatItDidNotMake",
	},
	{
		name: "set deletes a ConfigMap that it did not make",
		file: "controllers/set_content.go",
		old:  "		if needed[cm.Name] || !metav1.IsControlledBy(cm, p.set) || ",
		new:  "		if needed[cm.Name] || ",
		test: "TestAPIDashboardSetTemplateChanged",
	},
	{
		name: "set asks for nobody's consent",
		file: "controllers/set_select.go",
		old:  "c.namespace); !in || err != nil {",
		new:  "c.namespace); !in && err != nil {",
		test: "TestAPIDashboardSetConsent",
	},
	{
		name: "set deletes where consent was withdrawn",
		file: "controllers/set_prune.go",
		old:  "		if verdict != childPruned || err != nil {",
		new:  "		if verdict == childWanted || err != nil {",
		test: "TestAPIDashboardSetConsent",
	},
	{
		name: "set tells whose Instance an Organization is on",
		file: "controllers/set_select.go",
		old:  "		if c.instances[key], err = p.LetsIn(ctx, &instance, c.namespace); err != nil {",
		new:  "		if c.instances[key] = true; err != nil {",
		test: "TestAPIDashboardSetOfAnInstance",
	},
	{
		name: "roll-out without bound",
		file: "internal/rollout/rollout.go",
		old:  "			if room > len(next) && ",
		new:  "			if ",
		test: "TestNext", tests: "internal/rollout",
	},
	{
		name: "failures hold no roll-out",
		file: "controllers/set_roll.go",
		old:  "		for _, i := range rollout.Next(p.rollout(), p.maxUnavailable()) {",
		new:  "		for _, i := range rollout.Next(p.rollout(), len(p.members)) {",
		test: "TestAPIDashboardSetRollsOutInWaves",
	},
	{
		name: "wave that does not wait for the one before",
		file: "internal/rollout/rollout.go",
		old:  " && m.Wave == wave && ",
		new:  " && m.Wave >= wave && ",
		test: "TestNext", tests: "internal/rollout",
	},
	{
		name: "roll-out that is never given up",
		file: "controllers/set_roll.go",
		old:  "	if !p.isStuck() {",
		new:  "	if true {",
		test: "TestAPIDashboardSetProgressDeadline",
	},
	{
		name: "child pruned whatever it is by now",
		file: "controllers/set_prune.go",
		old: "	uid, version := child.GetUID(), child.GetResourceVersion()\n" +
			"	return client.IgnoreNotFound(p.Client.Delete(unlogged(ctx), child.DeepCopyObject().(C),\n" +
			"		client.Preconditions{UID: &uid, ResourceVersion: &version}))",
		new:  "	return client.IgnoreNotFound(p.Client.Delete(unlogged(ctx), child.DeepCopyObject().(C)))",
		test: "TestAPIDashboardSetPrunesWhatItHasRead",
	},
	{
		name: "child pruned by the policy of the set's own deletion",
		file: "controllers/set_prune.go",
		old:  "	child, err := p.withPolicy(ctx, child, p.spec.PrunePolicy)",
		new:  "	child, err := p.withPolicy(ctx, child, p.spec.DeletionPolicy)",
		test: "TestAPIDashboardSetPrunes$",
	},
	{
		name: "policy of the set's deletion left out of what is there",
		file: "controllers/set.go",
		old:  "	if p.undone = p.spreadDeletionPolicy(ctx); ",
		new:  "	if p.undone = ctx.Err(); ",
		test: "TestAPIDashboardSetDeleted",
	},
	{
		name: "what became of a child that was never let in tells of an Organization",
		file: "controllers/set_prune.go",
		old:  "	if key.Namespace != child.GetNamespace() && !parts.held {",
		new:  "	if key.Namespace == \"\" && !parts.held {",
		test: "TestHostile$",
	},
	{
		name: "paused set goes on",
		file: "controllers/set.go",
		old:  "	if p.spec.Paused {\n		return nil\n",
		new:  "	if p.spec.Paused && p.template != nil {\n		return nil\n",
		test: "TestAPIDashboardSetPaused",
	},
	{
		name: "children with all that Kubernetes notes of who wrote what",
		file: "internal/lifecycle/metadata.go",
		old:  "	if isMade(p.obj) {",
		new:  "	if isMade(p.obj) && p.kept {",
		test: "TestAPIDashboardSetForEachOrganization",
	},
}
