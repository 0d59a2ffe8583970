package main

// tokenMutants break the rules of the token protocol.
var tokenMutants = []mutant{
	// Which token is live: the Secret says it, and Grafana whether it works.
	{
		name: "dead key left in the Secret",
		file: "controllers/token_state.go",
		old:  "case works && t.ID == held.TokenID &&",
		new:  "case t.ID == held.TokenID &&", scenarios: "revoked|expired",
	},
	{
		name: "live token known by its id alone",
		file: "controllers/token_state.go",
		old:  "t.ID == held.TokenID && revision == held.Revision && x.usable(held):",
		new:  "t.ID == held.TokenID && x.usable(held):", scenarios: "restored",
	},
	{
		name: "live token's key not looked at",
		file: "controllers/token_state.go",
		old:  "t.ID == held.TokenID && revision == held.Revision && x.usable(held):",
		new:  "t.ID == held.TokenID && revision == held.Revision:", scenarios: "^token's key",
	},
	{
		name: "edited key not noticed",
		file: "internal/token/record.go",
		old:  "r.Key != \"\" && r.Digest == r.sum() &&",
		new:  "r.Key != \"\" &&", scenarios: "^token's key edited",
	},
	{
		name: "Secret trusted without Grafana",
		file: "controllers/token_state.go",
		old:  "x.have.live != nil && x.dueFor(x.have) == \"\":\n		return x.have, nil",
		new: "x.have.live != nil && x.dueFor(x.have) == \"\", x.have.secrets.Held() != nil && x.have.live == " +
			"nil:\n" +
			"		return x.have, nil",
		scenarios: "deleted by a person|revoked by",
	},
	{
		name: "status trusted instead of the Secret",
		file: "controllers/token_state.go",
		old:  "	held := token.ReadRecord(secrets.Held())\n",
		new: "	held := token.ReadRecord(secrets.Held())\n" +
			"	held.TokenID, held.Revision = x.obj.Status.TokenID, x.obj.Status.Revision\n",
		scenarios: "status wiped",
	},
	{
		name: "full list of tokens trusted",
		file: "controllers/token_state.go",
		old:  "	case len(list) >= maxListed:\n",
		new:  "	case false:\n", scenarios: "lists no more",
	},

	// The first writing of a key.
	{
		name: "Secret not tried before the token is made",
		file: "controllers/token_create.go",
		old:  "	if err := x.dryRun(ctx); err != nil {\n		return x.refused(ctx, err)\n	}\n",
		new:  "", scenarios: "somebody else's",
	},
	{
		name: "tokens of failed passes left",
		file: "controllers/token_state.go",
		old:  "		have.orphans = append(have.orphans, t)\n",
		new:  "		_ = t\n", scenarios: "^token",
	},
	{
		name: "expired and revoked tokens left",
		file: "controllers/token_state.go",
		old:  "		have.ended = append(have.ended, t)\n",
		new:  "		_ = t\n", scenarios: "revoked|expired",
	},
	{
		name: "lost tokens not revoked while none can be made",
		file: "controllers/token_revoke.go",
		old: "	if err := x.Prove(ctx, true); err != nil {\n		return err\n	}\n" +
			"	if err := x.revokeLost(ctx, x.have); err != nil {\n		return err\n	}\n	return cause\n",
		new:  "	return cause\n",
		test: "TestAPITokenRevokedThoughNoneIsMade",
	},
	{
		name: "key not proven",
		file: "controllers/token.go",
		old:  "	err := x.org.ProveKey(ctx, token.ReadRecord(have.secrets.Held()).Key)\n",
		new:  "	var err error\n", test: "TestAPITokenKeyRefused|TestAPITokenRotatedKeyRefused",
	},
	{
		name: "what Kubernetes says of a Secret is passed on",
		file: "controllers/redaction.go",
		old:  "	return &redacted{text: text, err: err}\n",
		new:  "	return &redacted{text: text + err.Error(), err: err}\n", test: "TestAPIRefusedSecretTellsNoKey",
	},

	{
		name: "Secret written over what others wrote",
		file: "controllers/token_secret_write.go",
		old:  "		if err := x.env.Update(unlogged(ctx), want); err != nil {\n",
		new:  "		want.ResourceVersion = \"\"\n		if err := x.env.Update(unlogged(ctx), want); err != nil {\n",
		test: "TestSecretThatAPersonWritesMeanwhile",
	},
	{
		name: "lost answer to the write of a Secret taken for a refusal",
		file: "controllers/token_secret_write.go",
		old:  "	if !errors.As(err, &status) {\n		return true\n	}\n",
		new:  "	if !errors.As(err, &status) {\n		return false\n	}\n",
		test: "TestSecretWhoseWriteWasNotAnswered",
	},
	{
		name: "tokens of the account of before left",
		file: "controllers/token_revoke.go",
		old:  "	if held.AccountID == 0 || held.AccountID == x.account.Status.ID ||",
		new:  "	if true || held.AccountID == x.account.Status.ID ||", scenarios: "another one made",
	},
	{
		name: "tokens that no status knows forgotten",
		file: "controllers/token_create.go",
		old:  "	x.obj.Status.Revision = x.revision // if",
		new:  "	_ = x.revision // if", scenarios: "key spoiled",
	},
	{
		name: "made-up revision counted",
		file: "controllers/token_state.go",
		old:  "		if n <= x.revision+maxJump {\n",
		new:  "		if n <= x.revision+token.MaxRevision {\n", scenarios: "highest number",
	},
	{
		name: "keys made without end",
		file: "internal/token/reissue.go",
		old:  "	delay := r.DelayFrom(now)\n",
		new:  "	delay := 0 * r.DelayFrom(now)\n", test: "TestKeysAreNotMadeWithoutEnd",
	},
	{
		name: "no rotation while the name is taken",
		file: "controllers/token_secret.go",
		old:  "	if s.Taken != nil {\n		s.Wanted = s.Held()\n",
		new:  "	if s.Taken != nil && false {\n		s.Wanted = s.Held()\n", scenarios: "new name is taken",
	},

	// Rotation.
	{
		name: "rotation on demand not recorded",
		file: "controllers/token_create.go",
		old:  "Rotated: cmp.Or(x.rotateRequest(), held.Rotated),",
		new:  "Rotated: cmp.Or(held.Rotated),", scenarios: "rotated on demand",
	},
	{
		name: "not rotated ahead of the expiry",
		file: "controllers/token_rotation.go",
		old:  "	case have.live.Expiration != nil && x.untilRotation(have) <= 0:\n",
		new:  "	case false:\n", scenarios: "ahead of its expiry",
	},
	{
		name: "rotation by the operator's clock",
		file: "controllers/token_rotation.go",
		old:  "have.live.Left(x.conn.Now())",
		new:  "have.live.Expiration.Sub(x.env.Now())", test: "TestAPITokenRotatedAheadOfExpiry",
	},
	{
		name: "all tokens rotated at once",
		file: "controllers/token_rotation.go",
		old:  "	part := float64(h.Sum32()%1000) / 1000\n",
		new:  "	part := float64(h.Sum32()%1) / 1000\n", test: "TestAPITokenRotationsAreSpread",
	},
	{
		name: "superseded token revoked at once",
		file: "controllers/token_state.go",
		old:  "	case works && revision < held.Revision && slices.Contains(held.Superseded, t.ID):\n",
		new:  "	case false:\n", test: "TestAPITokenRotatedOnDemand",
	},
	{
		name: "superseded token not recorded",
		file: "controllers/token_create.go",
		old:  "Superseded: x.have.outgoing()",
		new:  "Superseded: nil", test: "TestAPITokenRotatedOnDemand",
	},
	{
		name: "superseded token never revoked",
		file: "controllers/token_rotation.go",
		old:  "		if !waits && !x.conn.Now().Before(t.until) {\n",
		new:  "		if _ = waits; false {\n", scenarios: "overlap",
	},
	{
		name: "overlap reckoned from the old token's birth",
		file: "controllers/token_rotation.go",
		old:  "t.until = have.live.Created.Add(x.obj.Overlap())",
		new:  "t.until = t.Created.Add(x.obj.Overlap())", test: "TestAPITokenRotatedAheadOfExpiry",
	},
	{
		name: "superseded token revoked though Grafana has lost the live one",
		file: "controllers/token_rotation.go",
		old:  "		if !waits && !x.conn.Now().Before(t.until) {\n",
		new:  "		if _ = waits; !x.conn.Now().Before(t.until) {\n", test: "TestOldKeyOutlivesTheLossOfTheNewOne",
	},
	{
		name: "overlap's end not waited for",
		file: "controllers/token.go",
		old:  "		soonest(t.until.Sub(x.conn.Now()))\n",
		new:  "		_ = t\n", scenarios: "rotated on demand",
	},

	// The Secret's place and form.
	{
		name: "foreign Secret overwritten",
		file: "controllers/token_secret.go",
		old:  "	case wanted != nil && token.Ours(wanted, obj):\n",
		new:  "	case wanted != nil:\n", scenarios: "somebody else's",
	},
	{
		name: "Secret whose own name people have edited taken for a copy",
		file: "internal/token/secret.go",
		old:  "case !says, original == \"\" && Belongs(secret, obj):",
		new:  "case !says:", test: "TestAPITokenSecretThatSaysAnotherName",
	},
	{
		name: "key of another Secret's name made anew",
		file: "internal/token/secret.go",
		old:  "		if r.Intact() && (!have.Intact() || r.Revision > have.Revision) {\n",
		new:  "		if _ = have; r.Intact() && false {\n", scenarios: "^token's Secret renamed",
	},
	{
		name: "old Secret deleted before the new one is written",
		file: "controllers/token.go",
		old: "	if x.secretDiffers(have.secrets) {\n" +
			"		if err := x.dryRun(ctx); err != nil {\n			return err\n		}\n",
		new: "	if x.secretDiffers(have.secrets) {\n" +
			"		if err := x.dryRun(ctx); err != nil {\n			return err\n		}\n" +
			"		others := slices.Clone(have.secrets.Others)\n" +
			"		if err := x.env.deleteSecrets(ctx, &others); err != nil {\n" +
			"			return err\n		}\n",
		scenarios: "^token's Secret renamed",
	},
	{
		name: "Secret of a former name known to status alone",
		file: "controllers/token_secret.go",
		old:  "		if token.Belongs(secret, obj) {\n",
		new:  "		if false {\n", scenarios: "^token's Secret renamed",
	},
	{
		name: "data of the spec of before left in the Secret",
		file: "controllers/token_secret_write.go",
		old:  "Overlay(want.Data, was[v1alpha1.AnnotationAppliedData]+\",\"+was[v1alpha1.AnnotationTokenKey], data)",
		new:  "Overlay(want.Data, \"\", data)", scenarios: "labels and key",
	},

	// The end.
	{
		name: "tokens left behind on delete",
		file: "controllers/token.go",
		old: "	if err := x.revoke(ctx, &all); err != nil {\n		return err\n	}\n" +
			"	if err := x.revokeElsewhere",
		new:       "	_ = all\n	if err := x.revokeElsewhere",
		scenarios: "^token deleted",
	},
	{
		name: "token deleted with its Secret alone",
		file: "controllers/token_state.go",
		old:  "	case !x.obj.DeletionTimestamp.IsZero() && len(secrets.All()) == 0 && x.have.none():\n",
		new:  "	case !x.obj.DeletionTimestamp.IsZero() && len(secrets.All()) == 0:\n", scenarios: "^token.*deleted",
	},
	{
		name: "Secret of an object that is abandoned disowned too late",
		file: "internal/lifecycle/remove.go",
		old:  "		if err := p.abandon(ctx); err != nil {\n			return err\n		}\n",
		new:  "		defer func() { _ = p.abandon(ctx) }()\n", scenarios: "abandoned",
	},
	{
		name:      "released Secret's token revoked",
		file:      "internal/token/secret.go",
		old:       "	return metav1.IsControlledBy(secret, obj) || disowned\n",
		new:       "	return metav1.IsControlledBy(secret, obj) || disowned && obj.GetDeletionTimestamp().IsZero()\n",
		scenarios: "orphaned",
	},
	{
		name: "Secret that lost its owner taken for a foreign one",
		file: "internal/token/secret.go",
		old:  "	return metav1.IsControlledBy(secret, obj) || disowned\n",
		new: "	return metav1.IsControlledBy(secret, obj) || disowned && " +
			"!obj.GetDeletionTimestamp().IsZero()\n",
		scenarios: "without its owner",
	},
	{
		name: "any Secret taken for a released one",
		file: "internal/token/secret.go",
		old:  "&&\n		secret.GetAnnotations()[v1alpha1.AnnotationTokenOwner] == Owner(obj)\n",
		new:  "\n", test: "TestAPITokenOrphanedBesideAForeignSecret|TestAPITokenDeletedWithAForeignRecord",
	},
	{
		name: "live token that is not listed left behind on delete",
		file: "controllers/token.go",
		old:  "	all = append(all, unlisted(have.unlisted)...)\n",
		new:  "", scenarios: "the list is full",
	},

	// Service accounts.
	{
		name: "service account found by id alone",
		file: "controllers/serviceaccount_search.go",
		old:  "	if !x.owned(have) {\n		return nil, nil\n	}\n	state",
		new:  "	state", scenarios: "id is another|restore",
	},
	{
		name: "service account adopted by name",
		file: "controllers/serviceaccount.go",
		old:  "	return (mark.InLogin(a.Login, mark.ShortUID(x.obj)) || recorded) && x.isHere",
		new: "	return (mark.InLogin(a.Login, mark.ShortUID(x.obj)) || recorded || a.Name == x.obj.WantedName()) " +
			"&& x.isHere",
		scenarios: "name is taken",
	},
	{
		name: "blocked login tried for ever",
		file: "controllers/serviceaccount.go",
		old:  "		name = fmt.Sprintf(\"%s-%d\", x.birthName(), n)\n",
		new:  "", test: "TestAPIServiceAccountWhoseLoginIsBlocked",
	},
	{
		name: "login with a counter taken for a foreign one",
		file: "internal/mark/mark.go",
		old:  "	return !has && counter == \"\" || has && err == nil && n > 1 && n <= MaxLogins\n",
		new:  "	return !has && counter == \"\" || has && err == nil && n > MaxLogins\n",
		test: "TestAPIServiceAccountWhoseLoginIsBlocked",
	},
	{
		name: "disabled service account's token made anew",
		file: "controllers/token_state.go",
		old:  "	return r.AccountID == x.account.Status.ID &&",
		new:  "	return !x.account.Spec.Disabled && r.AccountID == x.account.Status.ID &&", scenarios: "disabled",
	},
	{
		name: "copy of a Secret taken for the operator's own",
		file: "internal/token/secret.go",
		old:  "	return name != original && name != obj.HeldSecretName()\n",
		new:  "	return name != original && name != obj.HeldSecretName() && false\n",
		test: "TestAPITokenSecretCopies",
	},
	{
		name: "a hidden proof taken for a refusal",
		file: "controllers/token.go",
		old:  "	case grafana.IsUnauthorized(err) && !grafana.IsNotGrafana(err):\n",
		new:  "	case err != nil:\n", test: "TestAPITokenProofIsHidden",
	},
	{
		name: "key proven where Grafana remembers what it sees",
		file: "internal/grafana/tokens.go",
		old:  "	_, err := do[grants](ctx, o.client.Org(o.id+1), r)\n	return err\n",
		new: "	if _, err := do[grants](ctx, o, r); err != nil {\n		return err\n	}\n" +
			"	return &Error{Status: 401, MessageID: WrongOrg}\n",
		test: "TestAPITokenSeesWhatIsMadeAfterIt",
	},
}
