package grafanatest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAttempts is how many failed logins within attemptWindow lock a login out.
const (
	maxAttempts   = 5
	attemptWindow = 5 * time.Minute
	sessionCookie = "grafana_session"
)

// identity is who a request comes from, and the org it acts in.
type identity struct {
	user      *user // nil: anonymous
	session   *session
	orgID     int64
	anonymous bool
	ghost     string // the role in an org that has just been deleted
	itemsSeen int64  // the last item of a permission list that is known of
}

// memory is how long Grafana remembers what it knew of a person in an org that
// a header or path named.
const memory = 5 * time.Second

type memoryKey struct{ userID, orgID int64 }

type remembered struct {
	role string
	at   time.Time
}

// credential is what a request shows.
type credential struct {
	kind            string // as in Request.Auth
	login, password string
	key             string
	session         string
}

func readCredential(h http.Header) []credential {
	var found []credential
	scheme, value, _ := strings.Cut(h.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer") && value != "":
		found = append(found, credential{kind: "token", key: value})
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(value)
		login, password, both := strings.Cut(string(plain), ":")
		switch {
		case err != nil || !both:
		case login == "api_key":
			found = append(found, credential{kind: "token", key: password})
		default:
			found = append(found, credential{kind: "basic", login: login, password: password})
		}
	}
	if cookie := cookieOf(h); cookie != "" {
		found = append(found, credential{kind: "session", session: cookie})
	}
	return found
}

func cookieOf(h http.Header) string {
	cookie, err := (&http.Request{Header: h}).Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// nameCredential says for the log what kind of credential a request shows, and
// whose.
func (s *Server) nameCredential(h http.Header) (kind, login string) {
	found := readCredential(h)
	if len(found) == 0 {
		return "none", ""
	}
	first := found[0]
	var u *user
	switch first.kind {
	case "basic":
		return first.kind, first.login
	case "token":
		if t := s.db.tokenOf(first.key); t != nil {
			u = s.db.users[t.accountID]
		}
	case "session":
		if x := s.db.sessionOf(first.session); x != nil {
			u = s.db.users[x.userID]
		}
	}
	if u == nil {
		return first.kind, ""
	}
	return first.kind, u.login
}

// orgHeader is the org that the header names; 0 if it names none.
func orgHeader(h http.Header) int64 {
	id, err := strconv.ParseInt(strings.TrimSpace(h.Get("X-Grafana-Org-Id")), 10, 64)
	if err != nil || id < 0 {
		return 0
	}
	return id
}

// wantedOrg is the org that a request asks for; 0: none in particular.
func (c *call) wantedOrg() int64 {
	if id := apiNamespace(c.in.url.Path); id != 0 && c.quirks.unified {
		return id
	}
	if id := c.number("targetOrgId", 0); id > 0 {
		return id
	}
	return orgHeader(c.in.header)
}

// authenticate finds out who it is, or answers 401.
func (c *call) authenticate() *answer {
	if c.in.hidden {
		c.who = identity{user: c.db.somebodyInCharge(), orgID: c.orgFor(c.db.somebodyInCharge())}
		return nil
	}
	refusal := unauthorized("auth.unauthorized", "Unauthorized")
	for i, cred := range readCredential(c.in.header) {
		if cred.kind == "basic" && c.server.opts.BasicAuthDisabled {
			continue
		}
		a := c.accept(cred)
		if a == nil {
			return nil
		}
		if i == 0 {
			refusal = a
		}
	}
	if !c.server.options.anonymous {
		return refusal
	}
	if c.query.Get("forceLogin") == "true" {
		return fail(http.StatusUnauthorized, "Unauthorized")
	}
	c.who = identity{anonymous: true, orgID: 1}
	return nil
}

// accept takes a credential for good, or says what is wrong with it.
func (c *call) accept(cred credential) *answer {
	switch cred.kind {
	case "token":
		return c.acceptKey(cred.key)
	case "basic":
		u := c.db.checkPassword(cred.login, cred.password, c.now, c.quirks)
		if u == nil {
			return unauthorized("password-auth.failed", "Invalid username or password")
		}
		return c.acceptUser(u, nil)
	default:
		return c.acceptSession(cred.session)
	}
}

func (c *call) acceptUser(u *user, s *session) *answer {
	if u.disabled {
		return unauthorized("identity.disabled", "Unauthorized")
	}
	if c.now.Sub(u.seenAt) > 5*time.Minute {
		u.seenAt = c.now
	}
	c.who = identity{user: u, session: s, orgID: c.orgFor(u)}
	c.recallPermissions()
	if !u.serviceAccount && c.wantedOrg() != 0 {
		c.remember()
	}
	return nil
}

// remember keeps the caller's role in the org of a request, or recalls it if the org is gone.
func (c *call) remember() {
	c.rememberIn(c.who.orgID)
	was, known := c.db.memory[memoryKey{c.who.user.id, c.who.orgID}]
	if c.org() == nil && known && c.now.Sub(was.at) < memory {
		c.who.ghost = was.role
	}
}

// rememberIn keeps the caller's role in an org, unless it is remembered already. What a path names is looked at, too.
func (c *call) rememberIn(orgID int64) {
	if c.who.user == nil || c.who.user.serviceAccount || c.db.orgs[orgID] == nil {
		return
	}
	key := memoryKey{c.who.user.id, orgID}
	if was, known := c.db.memory[key]; !known || c.now.Sub(was.at) >= memory {
		c.db.memory[key] = remembered{c.role(orgID), c.now}
	}
}

func (c *call) acceptKey(key string) *answer {
	if !wellFormedKey(key) {
		return unauthorized("api-key.invalid", "Invalid API key")
	}
	t := c.db.tokenOf(key)
	switch {
	case t == nil:
		return unauthorizedPlain()
	case t.revoked:
		return unauthorized("api-key.revoked", "Revoked API key")
	case t.expired(c.now):
		return unauthorized("api-key.expired", "Expired API key")
	}
	if wanted := c.wantedOrg(); wanted != 0 && wanted != t.orgID {
		return unauthorized("api-key.organization-mismatch", "API key does not belong to the requested organization")
	}
	u := c.db.users[t.accountID]
	if u == nil {
		return unauthorizedPlain()
	}
	if a := c.acceptUser(u, nil); a != nil {
		return a
	}
	used := c.now
	t.used = &used
	return nil
}

func (c *call) acceptSession(secret string) *answer {
	s := c.db.sessionOf(secret)
	if s == nil {
		return unauthorizedPlain()
	}
	u := c.db.users[s.userID]
	if u == nil {
		return unauthorizedPlain()
	}
	if !s.valid(secret, c.now, c.server.opts.SessionRotation) {
		return unauthorized("session.token.rotate", "Unauthorized")
	}
	return c.acceptUser(u, s)
}

// orgFor is the org that a user acts in.
func (c *call) orgFor(u *user) int64 {
	if wanted := c.wantedOrg(); wanted != 0 && !u.serviceAccount {
		return wanted
	}
	return u.orgID
}

// wellFormedKey tells a key by its form: a service account token with the
// right checksum, or something like an old API key.
func wellFormedKey(key string) bool {
	if rest, isToken := strings.CutPrefix(key, "glsa_"); isToken {
		secret, sum, both := strings.Cut(rest, "_")
		return both && sum == checksum("glsa_"+secret)
	}
	plain, err := base64.StdEncoding.DecodeString(key)
	return err == nil && json.Valid(plain)
}

// checksum is the last part of a key: the CRC32 of the rest, little-endian.
func checksum(text string) string {
	return hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}

// checkPassword finds the user of a login or email if the password is right
// and the login is not locked out. A failure is remembered.
func (db *database) checkPassword(login, password string, now time.Time, q quirks) *user {
	if db.lockedOut(login, now) {
		return nil
	}
	u := db.person(login)
	if u != nil && password != "" && u.password == password {
		return u
	}
	if u != nil || q.countsUnknownLogins {
		db.noteAttempt(login, now)
	}
	return nil
}

func (db *database) lockedOut(login string, now time.Time) bool {
	recent := 0
	for _, at := range db.attempts[strings.ToLower(login)] {
		if now.Sub(at) < attemptWindow {
			recent++
		}
	}
	return recent >= maxAttempts
}

func (db *database) noteAttempt(login string, now time.Time) {
	login = strings.ToLower(login)
	db.attempts[login] = append(db.attempts[login], now)
}

// person finds a human user by login or email, in any case.
func (db *database) person(loginOrEmail string) *user {
	if loginOrEmail == "" {
		return nil
	}
	var byEmail, byLogin *user
	for _, u := range db.people(func(*user) bool { return true }) {
		if strings.Contains(loginOrEmail, "@") && db.samePerson(u.email, loginOrEmail) {
			byEmail = u
		}
		if db.samePerson(u.login, loginOrEmail) {
			byLogin = u
		}
	}
	return cmp.Or(byEmail, byLogin)
}

// samePerson compares logins: no database minds the case.
func (db *database) samePerson(a, b string) bool {
	return strings.EqualFold(strings.ToLower(a), strings.ToLower(b)) || db.kind.same(a, b)
}

// somebodyInCharge is the first server admin.
func (db *database) somebodyInCharge() *user {
	var first *user
	for _, u := range db.users {
		if u.serverAdmin && (first == nil || u.id < first.id) {
			first = u
		}
	}
	return first
}

func (db *database) tokenOf(key string) *token {
	for _, t := range db.tokens {
		if t.key == key {
			return t
		}
	}
	return nil
}

func (t *token) expired(now time.Time) bool { return t.expires != nil && !t.expires.After(now) }
