package grafanatest

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Database is the kind of database that a Grafana keeps its things in. They
// differ in what they take for the same, in how long a text may be, and in what
// becomes of two writers at the same time.
type Database string

// The databases that Grafana can use. MySQL is like MariaDB.
const (
	SQLite   Database = "SQLite"
	Postgres Database = "Postgres"
	MariaDB  Database = "MariaDB"
)

// setting is how the server's settings name it.
func (d Database) setting() string {
	return map[Database]string{SQLite: "sqlite3", Postgres: "postgres", MariaDB: "mysql"}[d]
}

// same says whether the database takes two texts for the same.
func (d Database) same(a, b string) bool {
	return a == b || d == MariaDB && fold(a) == fold(b)
}

// fold takes away what MariaDB (utf8mb4_unicode_ci) does not look at: case,
// accents, what cannot be seen, which kana and which emoji it is, and blanks at
// the end.
func fold(text string) string {
	bare := strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Cf):
			return -1
		case r > 0xFFFF:
			return unicode.ReplacementChar
		case 'ァ' <= r && r <= 'ヶ':
			return r - 'ァ' + 'ぁ'
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(text))
	return strings.TrimRight(strings.NewReplacer("ß", "ss", "œ", "oe").Replace(bare), " ")
}

// found is the row of a table whose key the database takes for this one.
func found[T any](d Database, rows map[string]*T, key string) *T {
	if row := rows[key]; row != nil || d != MariaDB {
		return row
	}
	for other, row := range rows {
		if d.same(other, key) {
			return row
		}
	}
	return nil
}

func (o *org) dashboard(uid string) *dashboard { return found(o.database, o.dashboards, uid) }
func (o *org) folder(uid string) *folder       { return found(o.database, o.folders, uid) }
func (o *org) source(uid string) *dataSource   { return found(o.database, o.sources, uid) }

// How many characters a column has.
const (
	nameLength  = 190 // names and logins that are unique
	textLength  = 255 // other texts
	titleLength = 189 // of dashboards and folders in the old storage
)

// fits puts a text into a column: SQLite keeps all of it, a new Grafana has
// MariaDB cut it silently, and everywhere else what is too long is refused.
func (c *call) fits(text *string, length int) bool {
	database := c.server.opts.Database
	characters := []rune(*text)
	if database == SQLite || len(characters) <= length {
		return true
	}
	if database != MariaDB || !c.quirks.cutsTexts {
		return false
	}
	*text = string(characters[:length])
	return true
}

// allFit is fits for texts of the same length.
func (c *call) allFit(length int, texts ...*string) bool {
	for _, text := range texts {
		if !c.fits(text, length) {
			return false
		}
	}
	return true
}
