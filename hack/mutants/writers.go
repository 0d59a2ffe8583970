package main

// writerMutants are bugs in how many may write at once, and in what is done alone all the same.
var writerMutants = []mutant{
	{
		name: "several writers on SQLite",
		file: "internal/connection/database.go",
		old:  "	case !known, name == grafana.SQLite:\n",
		new:  "	case !known:\n",
		test: "TestAsManyWriteAsTheDatabaseTakes", tests: "internal/connection",
	},
	{
		name: "unknown database taken for PostgreSQL",
		file: "internal/connection/database.go",
		old:  "	case !known, name == grafana.SQLite:\n",
		new:  "	case !known:\n		return defaultWriters, c.origin()\n	case name == grafana.SQLite:\n",
		test: "TestOneWritesUntilTheDatabaseIsKnown", tests: "internal/connection",
	},
	{
		name: "kind of the database kept over another session",
		file: "internal/connection/database.go",
		old:  "k == nil || k.origin != c.origin() ||",
		new:  "k == nil ||",
		test: "TestOneWritesUntilTheDatabaseIsKnown", tests: "internal/connection",
	},
	{
		name: "kind of the database kept over an outage",
		file: "internal/connection/probe.go",
		old:  "		c.databaseKind.Store(nil)\n",
		new:  "",
		test: "TestOneWritesUntilTheDatabaseIsKnown", tests: "internal/connection",
	},
	{
		name: "a hidden kind of database asked for at each probe",
		file: "internal/connection/database.go",
		old:  "	if grafana.IsUnavailable(err) ||",
		new:  "	if err != nil ||",
		test: "TestWritersOfADatabaseThatIsHidden", tests: "internal/connection",
	},
	{
		name: "two of an organization write at once",
		file: "internal/connection/sends.go",
		old:  " || g.sends.now[s.group] {\n",
		new:  " {\n",
		test: "TestGateWritersOfAnOrganizationGoOneByOne", tests: "internal/connection",
	},
	{
		name: "one organization fills all places",
		file: "internal/connection/limiter.go",
		old:  "l.each > 0 && l.inside[group] >= l.each",
		new:  "l.each > l.inside[group] && l.slots == 0",
		test: "TestGateWritersOfAnOrganizationGoOneByOne", tests: "internal/connection",
	},
	{
		name: "writers of an earlier connection not counted",
		file: "internal/connection/pool.go",
		old:  "		conn.Limiter = s.limiter\n",
		new:  "",
		test: "TestAnotherConnectionHasTheSameTurns", tests: "internal/connection",
	},
	{
		name: "failures not compared with those from before",
		file: "internal/connection/tuner.go",
		old:  "t.before.fails*t.seen+tolerated*windowSize",
		new:  "tolerated*windowSize",
		test: "TestWhatAlwaysFailsChangesNothing", tests: "internal/connection",
	},
	{
		name: "a trial goes on while it fails",
		file: "internal/connection/tuner.go",
		old:  "	if t.stage == trying && t.failsMore() {\n",
		new:  "	if false {\n",
		test: "TestATrialEndsWhenItFails", tests: "internal/connection",
	},
	{
		name: "writers counted while nobody waits",
		file: "internal/connection/tuner.go",
		old:  "	if !demand || t.number() > most {",
		new:  "	if t.number() > most {",
		test: "TestOnlyWhatIsDoneUnderDemandCounts", tests: "internal/connection",
	},
}
