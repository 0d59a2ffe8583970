package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"regexp"
	"strings"
)

// sessionCookie is the name of Grafana's.
const sessionCookie = "grafana_session"

// veil puts something else in the place of each secret, always the same for the same one.
type veil struct {
	passwords, keys  map[string]string
	sessions, tokens map[string]string // secret → name
}

func newVeil(admin string) *veil {
	return &veil{
		passwords: map[string]string{admin: "admin"}, keys: map[string]string{},
		sessions: map[string]string{}, tokens: map[string]string{},
	}
}

// tokenKey is the key of a service account token.
var tokenKey = regexp.MustCompile(`glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}`)

// text is a text without keys.
func (v *veil) text(text string) string {
	return tokenKey.ReplaceAllStringFunc(text, v.key)
}

// key stands for a key. Its checksum is right if that of the key is.
func (v *veil) key(key string) string {
	if v.keys[key] == "" {
		stem := fmt.Sprintf("glsa_%032d", len(v.keys)+1)
		sum := checksum(stem)
		if !strings.HasSuffix(key, "_"+checksum(key[:len(stem)])) {
			sum = strings.Repeat("0", len(sum))
		}
		v.keys[key] = stem + "_" + sum
	}
	return v.keys[key]
}

// checksum is the last part of a key: the CRC32 of the rest, little-endian.
func checksum(text string) string {
	return hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}

// password stands for a password. One that Grafana finds too short opens nothing, and stays as short as it is.
func (v *veil) password(password string) string {
	if len(password) < 4 {
		return password
	}
	if v.passwords[password] == "" {
		v.passwords[password] = fmt.Sprintf("password-%d", len(v.passwords))
	}
	return v.passwords[password]
}

// body is the body of a request without its secrets.
func (v *veil) body(r *http.Request, body string) string {
	body = v.text(body)
	if r.URL.Path != "/login" && !strings.HasPrefix(r.URL.Path, "/api/admin/users") {
		return body
	}
	var fields map[string]json.RawMessage
	var password string
	if json.Unmarshal([]byte(body), &fields) != nil || json.Unmarshal(fields["password"], &password) != nil {
		return body
	}
	veiled, err := json.Marshal(v.password(password))
	if err != nil {
		return ""
	}
	fields["password"] = veiled
	clean, err := json.Marshal(fields)
	if err != nil {
		return ""
	}
	return string(clean)
}

// credential names what authorized a request.
func (v *veil) credential(x *exchange, r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		x.Session = v.sessions[cookie.Value]
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return
	}
	if login, password, ok := r.BasicAuth(); ok {
		if login == "admin" && v.password(password) == "admin" {
			x.Auth = "admin"
			return
		}
		x.Auth = "header"
		x.Headers["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString(
			[]byte(login+":"+v.password(password)),
		)
		return
	}
	key := strings.TrimPrefix(header, "Bearer ")
	if x.Auth = v.tokens[key]; x.Auth == "" {
		x.Auth = "header"
		x.Headers["Authorization"] = v.text(header)
	}
}

// made names the sessions and tokens that an answer brings.
func (v *veil) made(x *exchange, r *http.Request, resp *http.Response, body []byte) {
	for _, cookie := range resp.Cookies() {
		value := cookie.Value
		if cookie.Name == sessionCookie && value != "" {
			if v.sessions[value] == "" {
				v.sessions[value] = fmt.Sprintf("session-%d", len(v.sessions)+1)
			}
			x.DefinesSession = v.sessions[value]
		}
	}
	for _, header := range resp.Header.Values("Set-Cookie") {
		name, rest, _ := strings.Cut(header, "=")
		value, attributes, _ := strings.Cut(rest, ";")
		if known := v.sessions[value]; known != "" {
			value = known
		}
		x.SetCookie = append(x.SetCookie, name+"="+value+";"+attributes)
	}
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/tokens") || resp.StatusCode > 299 {
		return
	}
	var token struct{ Key string }
	if json.Unmarshal(body, &token) == nil && token.Key != "" {
		v.tokens[token.Key] = fmt.Sprintf("token-%d", len(v.tokens)+1)
		x.DefinesToken = v.tokens[token.Key]
	}
}
