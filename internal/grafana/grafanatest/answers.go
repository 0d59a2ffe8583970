package grafanatest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// answer is what goes back: a status, headers and a body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// obj is a JSON object.
type obj = map[string]any

// reply answers with v as JSON.
func reply(status int, v any) *answer {
	return raw(status, "application/json; charset=UTF-8", mustJSON(v))
}

func mustJSON(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("grafanatest: " + err.Error())
	}
	return body
}

// raw answers with a body as it is.
func raw(status int, contentType string, body []byte) *answer {
	h := http.Header{}
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	return &answer{status: status, header: h, body: body}
}

func ok(v any) *answer { return reply(http.StatusOK, v) }

// done answers 200 with a message.
func done(message string) *answer { return ok(obj{"message": message}) }

// fail answers with a status and a message.
func fail(status int, message string) *answer { return reply(status, obj{"message": message}) }

// failID answers with an error that has a messageId.
func failID(status int, id, message string) *answer {
	return reply(status, obj{"statusCode": status, "messageId": id, "message": message})
}

// failStatus answers with an error that has a status word, as dashboards' do.
func failStatus(status int, word, message string) *answer {
	return reply(status, obj{"status": word, "message": message})
}

func notFound() *answer { return fail(http.StatusNotFound, "Not found") }

// badData is what Grafana says of a body that it cannot bind.
func badData() *answer { return fail(http.StatusBadRequest, "bad request data") }

// denied is what access control says.
func denied(c *call, needed string) *answer {
	return reply(http.StatusForbidden, obj{
		"accessErrorId": c.server.db.accessErrorID(),
		"message":       "You'll need additional permissions to perform this action. Permissions needed: " + needed,
		"title":         "Access denied",
	})
}

// unauthorized is a 401 with a messageId.
func unauthorized(id, message string) *answer {
	return reply(http.StatusUnauthorized, obj{
		"extra": nil, "message": message, "messageId": id, "statusCode": http.StatusUnauthorized, "traceID": "",
	})
}

// unauthorizedPlain is a 401 of a credential that is simply not known.
func unauthorizedPlain() *answer {
	return reply(http.StatusUnauthorized, obj{"message": "Unauthorized", "traceID": ""})
}

func isJSON(contentType string) bool {
	return strings.Contains(contentType, "json")
}
