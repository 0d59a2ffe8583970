package draft

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"strings"
	"time"
)

// createAccount makes a service account, whose login Grafana makes of its name.
func createAccount(c *call) (*answer, error) {
	id := c.next()
	login := "sa-" + text(c.orgOf()) + "-" + strings.ToLower(strings.Join(strings.Fields(text(c.body["name"])), "-"))
	fields := merged(only(c.body, "name", "role", "isDisabled"), object{
		"id": id, "login": login, "orgId": c.orgOf(), "createdAt": c.stamp(), "updatedAt": c.stamp(),
	})
	c.make(c.place("account", id), fields)
	return reply(http.StatusCreated, fields), nil
}

// tokenPlace is where a token is kept.
func (c *call) tokenPlace(id any) place {
	return place{text(c.orgOf()) + "/" + c.params["account"], "token", text(id)}
}

func listTokens(c *call) (*answer, error) {
	if c.known(c.place("account", c.params["account"])).made {
		return ok(c.laidOver(c.tokenPlace(""), nil, "id", nil)), nil
	}
	return c.list(c.tokenPlace(""), "", "id", nil)
}

// createToken makes a token, whose key opens nothing.
func createToken(c *call) (*answer, error) {
	id := c.next()
	fields := object{"id": id, "name": c.body["name"], "created": c.stamp(), "hasExpired": false, "isRevoked": false}
	if ttl := number(c.body["secondsToLive"]); ttl > 0 {
		fields["expiration"] = c.Now().Add(time.Duration(ttl) * time.Second).UTC().Format(time.RFC3339)
	}
	c.make(c.tokenPlace(id), fields)
	key := fmt.Sprintf("glsa_draft%027d", id)
	var sum [4]byte
	binary.LittleEndian.PutUint32(sum[:], crc32.ChecksumIEEE([]byte(key)))
	return ok(object{"id": id, "name": c.body["name"], "key": key + "_" + hex.EncodeToString(sum[:])}), nil
}

func deleteToken(c *call) (*answer, error) {
	c.remove(c.tokenPlace(c.params["token"]))
	return done(), nil
}

// knock says that a key works. Nobody else's key is tried for a draft: Grafana would note that it was used.
func knock(*call) (*answer, error) {
	return reply(http.StatusUnauthorized, object{
		"messageId": "api-key.organization-mismatch", "message": "drafted", "statusCode": http.StatusUnauthorized,
	}), nil
}
