package main

const (
	tokenFile    = "controllers/token.go"
	secretFile   = "controllers/tokensecret.go"
	recordFile   = "controllers/tokenrecord.go"
	rotationFile = "controllers/tokenrotation.go"
	accountFile  = "controllers/serviceaccount.go"
)

// tokenMutants break the rules of the token protocol.
var tokenMutants = []mutant{
	// Which token is live: the Secret says it, and Grafana whether it works.
	{
		name: "dead key left in the Secret",
		file: tokenFile,
		old:  "case works && t.ID == held.tokenID &&",
		new:  "case t.ID == held.tokenID &&", scenarios: "revoked|expired",
	},
	{
		name: "live token known by its id alone",
		file: tokenFile,
		old:  "t.ID == held.tokenID && revision == held.revision && x.usable(held):",
		new:  "t.ID == held.tokenID && x.usable(held):", scenarios: "restored",
	},
	{
		name: "live token's key not looked at",
		file: tokenFile,
		old:  "t.ID == held.tokenID && revision == held.revision && x.usable(held):",
		new:  "t.ID == held.tokenID && revision == held.revision:", scenarios: "^token's key",
	},
	{
		name: "edited key not noticed",
		file: recordFile,
		old:  "r.key != \"\" && r.digest == r.sum() &&",
		new:  "r.key != \"\" &&", scenarios: "^token's key edited",
	},
	{
		name: "Secret trusted without Grafana",
		file: tokenFile,
		old:  "x.have.live != nil && x.dueFor(x.have) == \"\":\n		return x.have, nil",
		new:  "x.have.live != nil && x.dueFor(x.have) == \"\", x.have.secrets.held() != nil && x.have.live == nil:\n		return x.have, nil", scenarios: "deleted by a person|revoked by",
	},
	{
		name: "status trusted instead of the Secret",
		file: tokenFile,
		old:  "	held := readRecord(secrets.held())\n",
		new:  "	held := readRecord(secrets.held())\n	held.tokenID, held.revision = x.obj.Status.TokenID, x.obj.Status.Revision\n", scenarios: "status wiped",
	},
	{
		name: "revision reckoned from the Secret alone",
		file: tokenFile,
		old:  "		numbers = append(numbers, revision)\n",
		new:  "", scenarios: "^token created",
	},
	{
		name: "full list of tokens trusted",
		file: tokenFile,
		old:  "	case len(list) >= maxListed:\n",
		new:  "	case false:\n", scenarios: "lists no more",
	},

	// The first writing of a key.
	{
		name: "Secret not tried before the token is made",
		file: tokenFile,
		old:  "	if err := x.rehearse(ctx); err != nil {\n		return x.refused(ctx, err)\n	}\n",
		new:  "", scenarios: "somebody else's",
	},
	{
		name: "tokens of failed passes left",
		file: tokenFile,
		old:  "		have.orphans = append(have.orphans, t)\n",
		new:  "		_ = t\n", scenarios: "^token",
	},
	{
		name: "expired and revoked tokens left",
		file: tokenFile,
		old:  "		have.ended = append(have.ended, t)\n",
		new:  "		_ = t\n", scenarios: "revoked|expired",
	},
	{
		name: "lost tokens not revoked while none can be made",
		file: tokenFile,
		old:  "	if err := x.Prove(ctx, true); err != nil {\n		return err\n	}\n	if err := x.revokeLost(ctx, x.have); err != nil {\n		return err\n	}\n	return cause\n",
		new:  "	return cause\n", test: "TestAPITokenRevokedThoughNoneIsMade",
	},
	{
		name: "key not proven",
		file: tokenFile,
		old:  "	err := x.org.ProveKey(ctx, readRecord(have.secrets.held()).key)\n",
		new:  "	var err error\n", test: "TestAPITokenKeyRefused|TestAPITokenRotatedKeyRefused",
	},
	{
		name: "what Kubernetes says of a Secret is passed on",
		file: secretFile,
		old:  "	return &unspoken{text: text, err: err}\n",
		new:  "	return &unspoken{text: text + err.Error(), err: err}\n", test: "TestAPIRefusedSecretTellsNoKey",
	},

	{
		name: "Secret written over what others wrote",
		file: secretFile,
		old:  "		if err := x.env.Update(quiet(ctx), want); err != nil {\n",
		new:  "		want.ResourceVersion = \"\"\n		if err := x.env.Update(quiet(ctx), want); err != nil {\n", test: "TestSecretThatAPersonWritesMeanwhile",
	},
	{
		name: "lost answer to the write of a Secret taken for a refusal",
		file: secretFile,
		old:  "	if !errors.As(err, &status) {\n		return true\n	}\n",
		new:  "	if !errors.As(err, &status) {\n		return false\n	}\n", test: "TestSecretWhoseWriteWasNotAnswered",
	},
	{
		name: "tokens of the account of before left",
		file: tokenFile,
		old:  "	if held.accountID == 0 || held.accountID == x.account.Status.ID ||",
		new:  "	if true || held.accountID == x.account.Status.ID ||", scenarios: "another one made",
	},
	{
		name: "tokens that no status knows forgotten",
		file: tokenFile,
		old:  "	x.obj.Status.Revision = x.revision // if",
		new:  "	_ = x.revision // if", scenarios: "key spoiled",
	},
	{
		name: "made-up revision counted",
		file: tokenFile,
		old:  "		if n <= x.revision+maxJump {\n",
		new:  "		if n <= x.revision+maxRevision {\n", scenarios: "highest number",
	},
	{
		name: "keys made without end",
		file: "controllers/tokenbrake.go",
		old:  "	delay := r.DelayFrom(now)\n",
		new:  "	delay := 0 * r.DelayFrom(now)\n", test: "TestKeysAreNotMadeWithoutEnd",
	},
	{
		name: "no rotation while the name is taken",
		file: secretFile,
		old:  "	if s.taken != nil {\n		s.wanted = s.held()\n",
		new:  "	if s.taken != nil && false {\n		s.wanted = s.held()\n", scenarios: "new name is taken",
	},

	// Rotation.
	{
		name: "rotation on demand not recorded",
		file: tokenFile,
		old:  "rotated: cmp.Or(x.wish(), held.rotated),",
		new:  "rotated: cmp.Or(held.rotated),", scenarios: "rotated on demand",
	},
	{
		name: "not rotated ahead of the expiry",
		file: rotationFile,
		old:  "	case have.live.Expiration != nil && x.untilRotation(have) <= 0:\n",
		new:  "	case false:\n", scenarios: "ahead of its expiry",
	},
	{
		name: "rotation by the operator's clock",
		file: rotationFile,
		old:  "have.live.Left(x.conn.Now())",
		new:  "have.live.Expiration.Sub(x.env.Now())", test: "TestAPITokenRotatedAheadOfExpiry",
	},
	{
		name: "all tokens rotated at once",
		file: rotationFile,
		old:  "	part := float64(h.Sum32()%1000) / 1000\n",
		new:  "	part := float64(h.Sum32()%1) / 1000\n", test: "TestAPITokenRotationsAreSpread",
	},
	{
		name: "superseded token revoked at once",
		file: tokenFile,
		old:  "	case works && revision < held.revision && slices.Contains(held.superseded, t.ID):\n",
		new:  "	case false:\n", test: "TestAPITokenRotatedOnDemand",
	},
	{
		name: "superseded token not recorded",
		file: tokenFile,
		old:  "superseded: x.have.outgoing(),",
		new:  "superseded: nil,", test: "TestAPITokenRotatedOnDemand",
	},
	{
		name: "superseded token never revoked",
		file: rotationFile,
		old:  "		if !waits && !x.conn.Now().Before(t.until) {\n",
		new:  "		if _ = waits; false {\n", scenarios: "overlap",
	},
	{
		name: "overlap reckoned from the old token's birth",
		file: rotationFile,
		old:  "t.until = have.live.Created.Add(x.obj.Overlap())",
		new:  "t.until = t.Created.Add(x.obj.Overlap())", test: "TestAPITokenRotatedAheadOfExpiry",
	},
	{
		name: "superseded token revoked though Grafana has lost the live one",
		file: rotationFile,
		old:  "		if !waits && !x.conn.Now().Before(t.until) {\n",
		new:  "		if _ = waits; !x.conn.Now().Before(t.until) {\n", test: "TestOldKeyOutlivesTheLossOfTheNewOne",
	},
	{
		name: "overlap's end not waited for",
		file: tokenFile,
		old:  "		soonest(t.until.Sub(x.conn.Now()))\n",
		new:  "		_ = t\n", scenarios: "rotated on demand",
	},

	// The Secret's place and form.
	{
		name: "foreign Secret overwritten",
		file: secretFile,
		old:  "	case wanted != nil && ours(wanted, obj):\n",
		new:  "	case wanted != nil:\n", scenarios: "somebody else's",
	},
	{
		name: "key of another Secret's name made anew",
		file: secretFile,
		old:  "		if r.intact() && (!have.intact() || r.revision > have.revision) {\n",
		new:  "		if _ = have; r.intact() && false {\n", scenarios: "^token's Secret renamed",
	},
	{
		name: "old Secret deleted before the new one is written",
		file: tokenFile,
		old:  "	if x.secretDiffers(have.secrets) {\n		if err := x.rehearse(ctx); err != nil {\n			return err\n		}\n",
		new:  "	if x.secretDiffers(have.secrets) {\n		if err := x.rehearse(ctx); err != nil {\n			return err\n		}\n		others := slices.Clone(have.secrets.others)\n		if err := x.env.deleteSecrets(ctx, &others); err != nil {\n			return err\n		}\n", scenarios: "^token's Secret renamed",
	},
	{
		name: "Secret of a former name known to status alone",
		file: secretFile,
		old:  "		if belongs(secret, obj) {\n",
		new:  "		if false {\n", scenarios: "^token's Secret renamed",
	},
	{
		name: "data of the spec of before left in the Secret",
		file: secretFile,
		old:  "overlay(want.Data, was[v1alpha1.AnnotationAppliedData]+\",\"+was[v1alpha1.AnnotationTokenKey], data)",
		new:  "overlay(want.Data, \"\", data)", scenarios: "labels and key",
	},

	// The end.
	{
		name: "tokens left behind on delete",
		file: tokenFile,
		old:  "	if err := x.revoke(ctx, &all); err != nil {\n		return err\n	}\n	if err := x.revokeElsewhere",
		new:  "	_ = all\n	if err := x.revokeElsewhere", scenarios: "^token deleted",
	},
	{
		name: "token deleted with its Secret alone",
		file: tokenFile,
		old:  "	case !x.obj.DeletionTimestamp.IsZero() && len(secrets.all()) == 0 && x.have.none():\n",
		new:  "	case !x.obj.DeletionTimestamp.IsZero() && len(secrets.all()) == 0:\n", scenarios: "^token.*deleted",
	},
	{
		name: "Secret of an object that is abandoned disowned too late",
		file: "controllers/lifecycle.go",
		old:  "		if err := p.Kind.Abandon(ctx, p.obj); err != nil {\n			return err\n		}\n",
		new:  "		defer func() { _ = p.Kind.Abandon(ctx, p.obj) }()\n", scenarios: "abandoned",
	},
	{
		name: "released Secret's token revoked",
		file: secretFile,
		old:  "	return metav1.IsControlledBy(secret, obj) || disowned\n",
		new:  "	return metav1.IsControlledBy(secret, obj) || disowned && obj.DeletionTimestamp.IsZero()\n", scenarios: "orphaned",
	},
	{
		name: "Secret that lost its owner taken for a foreign one",
		file: secretFile,
		old:  "	return metav1.IsControlledBy(secret, obj) || disowned\n",
		new:  "	return metav1.IsControlledBy(secret, obj) || disowned && !obj.DeletionTimestamp.IsZero()\n", scenarios: "without its owner",
	},
	{
		name: "any Secret taken for a released one",
		file: secretFile,
		old:  " && secret.GetAnnotations()[v1alpha1.AnnotationTokenOwner] == tokenOwner(obj)\n",
		new:  "\n", test: "TestAPITokenOrphanedBesideAForeignSecret|TestAPITokenDeletedWithAForeignRecord",
	},
	{
		name: "live token that is not listed left behind on delete",
		file: tokenFile,
		old:  "	all = append(all, unlisted(have.unlisted)...)\n",
		new:  "", scenarios: "the list is full",
	},

	// Service accounts.
	{
		name: "service account found by id alone",
		file: accountFile,
		old:  "	if !x.owned(have) {\n		return nil, nil\n	}\n	state",
		new:  "	state", scenarios: "id is another|restore",
	},
	{
		name: "service account adopted by name",
		file: accountFile,
		old:  "	return (markedLogin(a.Login, uid8(x.obj)) || recorded) && (",
		new:  "	return (markedLogin(a.Login, uid8(x.obj)) || recorded || a.Name == x.obj.WantedName()) && (", scenarios: "name is taken",
	},
	{
		name: "blocked login tried for ever",
		file: accountFile,
		old:  "		name = fmt.Sprintf(\"%s-%d\", x.birthName(), n)\n",
		new:  "", test: "TestAPIServiceAccountWhoseLoginIsBlocked",
	},
	{
		name: "login with a counter taken for a foreign one",
		file: accountFile,
		old:  "	return !has && counter == \"\" || has && err == nil && n > 1 && n <= maxBirths\n",
		new:  "	return !has && counter == \"\" || has && err == nil && n > maxBirths\n", test: "TestAPIServiceAccountWhoseLoginIsBlocked",
	},
	{
		name: "disabled service account's token made anew",
		file: tokenFile,
		old:  "	return r.accountID == x.account.Status.ID &&",
		new:  "	return !x.account.Spec.Disabled && r.accountID == x.account.Status.ID &&", scenarios: "disabled",
	},
	{
		name: "copy of a Secret taken for the operator's own",
		file: secretFile,
		old:  "	return name != original && name != obj.Status.SecretName\n",
		new:  "	return name != original && name != obj.Status.SecretName && false\n", test: "TestAPITokenSecretCopies",
	},
	{
		name: "a hidden proof taken for a refusal",
		file: tokenFile,
		old:  "	case grafana.IsUnauthorized(err) && !grafana.IsNotGrafana(err):\n",
		new:  "	case err != nil:\n", test: "TestAPITokenProofIsHidden",
	},
	{
		name: "key proven where Grafana remembers what it sees",
		file: "internal/grafana/tokens.go",
		old:  "	_, err := do[grants](ctx, o.client.Org(o.id+1), r)\n	return err\n",
		new:  "	if _, err := do[grants](ctx, o, r); err != nil {\n		return err\n	}\n	return &Error{Status: 401, MessageID: WrongOrg}\n", test: "TestAPITokenSeesWhatIsMadeAfterIt",
	},
}
