package main

// sessionMutants forget that another session may be in another database.
var sessionMutants = []mutant{
	{
		name: "change sent in another session than what it goes by was seen in",
		file: "internal/grafana/request.go",
		old: "	if err := c.checkSession(ctx, r, as); err != nil {\n		return answer{}, err\n	}\n" +
			"	a, err := c.send",
		new:   "	c.isHeld(ctx, as.session)\n	a, err := c.send",
		test:  "TestWorkWithinASessionChangesNothingInTheNext",
		tests: "internal/grafana",
	},
	{
		name: "change that was answered 401 sent again in the next session",
		file: "internal/grafana/request.go",
		old: "	if err := c.checkSession(ctx, r, as); err != nil {\n		return answer{}, err\n	}\n" +
			"	a, err = c.send",
		new:  "	a, err = c.send",
		test: "TestNoRequestIsSentAgainInAnotherDatabase",
	},
	{
		name: "passes that are within no session",
		file: "internal/lifecycle/reconciler.go",
		old:  "	ctx = grafana.WithinSession(ctx) // what a pass has seen holds no longer\n",
		new:  "	_ = grafana.WithinSession\n",
		test: "TestNoRequestIsSentAgainInAnotherDatabase",
	},
	{
		name: "session of a pass that its first request decides, whatever was proven before",
		file: "internal/grafana/held.go",
		old:  "		c.isHeld(ctx, id)\n",
		new:  "		_ = id\n",
		test: "TestWorkIsWithinTheSessionThatItIsTold", tests: "internal/grafana",
	},
	{
		name:  "proof that goes with the session in which it is read",
		file:  "internal/connection/proofs.go",
		old:   "at: c.Clock(), session: c.SessionSeen(ctx)}",
		new:   "at: c.Clock(), session: c.SessionID()}",
		test:  "TestWhatAnAnswerProvesGoesWithItsSession",
		tests: "internal/connection",
	},
	{
		name:  "request that was not sent beside a refusal taken for refused",
		file:  "internal/grafana/verdict.go",
		old:   "	case errors.As(err, &other): // whatever",
		new:   "	case answer == nil && !errors.As(err, &answer) && errors.As(err, &other): // whatever",
		test:  "TestRefusedBesideWhatWasNotSent",
		tests: "internal/grafana",
	},
	{
		name: "key that reached no Secret and was not revoked forgotten",
		file: "internal/lifecycle/apply.go",
		old:  " || errors.Is(err, ErrLeft)\n",
		new:  " || errors.Is(nil, ErrLeft)\n",
		test: "TestAKeyThatWasNotRevokedGoesWithItsObject",
	},
	{
		name: "person whom a request may yet put into a team off the record",
		file: "controllers/team_update.go",
		old:  "		if !tried && err != nil &&",
		new:  "		if !(taken && tried) && err != nil &&",
		test: "TestWhomATeamMayYetGetStaysOnRecord",
	},
	{
		name: "operator that stays in what it lets go, since it writes its login in another case",
		file: "controllers/organization_deletion.go",
		old:  "		if !x.conn.IsOperator(m.UserID, m.Login, m.Email) {\n			continue",
		new:  "		if m.Login != x.conn.Login {\n			continue",
		test: "TestTheOperatorLeavesHoweverItWritesItsLogin",
	},
}
