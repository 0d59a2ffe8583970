package grafana

import (
	"io"
	"net/http"
)

// foreign is what something between the operator and Grafana answers by itself.
type foreign struct {
	name              string
	status            int
	contentType, body string
	header            headers
	want              string // the predicates that hold
}

func (f foreign) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", f.contentType)
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, f.body)
}

type headers map[string]string

const (
	asJSON = "application/json"
	asText = "text/plain"
	asHTML = "text/html"
)

// failure begins what an API server of Kubernetes refuses with.
const failure = `{"kind":"Status","apiVersion":"v1","status":"Failure","message":`

// others are the answers of intermediaries of many makes.
var others = []foreign{
	{"nginx, too large", 413, asHTML,
		"<html><head><title>413 Request Entity Too Large</title></head></html>", nil, "tooLarge"},
	{"nginx, no such page", 404, asHTML,
		"<html><center><h1>404 Not Found</h1></center><hr><center>nginx</center></html>", nil, "notGrafana"},
	{"nginx, not allowed", 405, asHTML, "<html>405 Not Allowed</html>", nil, "notGrafana"},
	{"nginx, password", 401, asHTML,
		"<html>401</html>", headers{"WWW-Authenticate": `Basic realm="x"`}, "notGrafana"},
	{"nginx, no gateway", 502, asHTML, "<html>502 Bad Gateway</html>", nil, "unavailable unsure"},
	{"ingress, default backend", 404, asText, "default backend - 404", nil, "notGrafana"},
	{"Traefik, no route", 404, asText, "404 page not found\n", nil, "notGrafana"},
	{"Kong, no route", 404, asJSON,
		`{"message":"no Route matched with those values","request_id":"a1"}`, nil, "notGrafana"},
	{"Kong, no key", 401, asJSON,
		`{"message":"No API key found in request"}`, headers{"WWW-Authenticate": `Key realm="kong"`}, "notGrafana"},
	{"Kong, no upstream", 503, asJSON,
		`{"message":"failure to get a peer from the ring-balancer"}`, nil, "unavailable unsure"},
	{"AWS API Gateway, no route", 404, asJSON, `{"message":"Not Found"}`, nil, "notGrafana"},
	{"AWS API Gateway, no token", 401, asJSON,
		`{"message":"Unauthorized"}`, headers{"WWW-Authenticate": "Bearer"}, "notGrafana"},
	{"AWS API Gateway, REST", 403, asJSON, `{"message":"Missing Authentication Token"}`, nil, "forbidden"},
	{"AWS ALB, fixed response", 404, asText, "Not Found", nil, "notGrafana"},
	{"AWS WAF", 403, asHTML, "<html><head><title>403 Forbidden</title></head></html>", nil, "notGrafana"},
	{"Cloudflare, blocked", 403, asHTML,
		"<!DOCTYPE html><title>Attention Required! | Cloudflare</title>", nil, "notGrafana"},
	{"Cloudflare, origin down", 522, asHTML, "<html>522</html>", nil, "unavailable unsure"},
	{"Cloudflare Access", 302, "", "", headers{"Location": "https://team.cloudflareaccess.com/x"}, "notGrafana"},
	{"Envoy, no healthy upstream", 503, asText, "no healthy upstream", nil, "unavailable unsure"},
	{"Istio, access denied", 403, asText, "RBAC: access denied", nil, "notGrafana"},
	{"Envoy, JWT", 401, asText, "Jwt is missing", headers{"WWW-Authenticate": `Bearer realm="x"`}, "notGrafana"},
	{"Envoy, no route", 404, "", "", nil, "notGrafana"},
	{"oauth2-proxy, sign in", 403, asHTML, "<!DOCTYPE html><html>Sign in</html>", nil, "notGrafana"},
	{"oauth2-proxy, API", 401, asJSON, `{}`, nil, "notGrafana"},
	{"Authelia", 302, "", "", headers{"Location": "https://auth.example.org/?rd=x"}, "notGrafana"},
	{"Azure Application Gateway", 403, asHTML,
		"<html>Microsoft-Azure-Application-Gateway/v2</html>", nil, "notGrafana"},
	{"Azure API Management", 401, asJSON,
		`{"statusCode":401,"message":"Access denied due to missing subscription key."}`,
		headers{"WWW-Authenticate": "AzureApiManagementKey"}, "notGrafana"},
	{"Azure API Management, no route", 404, asJSON,
		`{"statusCode":404,"message":"Resource not found"}`, nil, "notGrafana"},
	{"Google Cloud", 404, asJSON,
		`{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}`, nil, "notGrafana"},
	{"HAProxy, no server", 503, asHTML,
		"<html><body><h1>503 Service Unavailable</h1></body></html>", nil, "unavailable unsure"},
	{"HAProxy, denied", 403, asHTML, "<html><body><h1>403 Forbidden</h1></body></html>", nil, "notGrafana"},
	{"Varnish", 503, asHTML, "<?xml?><!DOCTYPE html><html>Backend fetch failed</html>", nil, "unavailable unsure"},
	{"Squid", 403, asHTML, "<!DOCTYPE html><title>ERROR: Access Denied</title>", nil, "notGrafana"},
	{"APISIX, no route", 404, asJSON, `{"error_msg":"404 Route Not Found"}`, nil, "notGrafana"},
	{"Tyk", 403, asJSON, `{"error":"Access to this API has been disallowed"}`, nil, "notGrafana"},
	{"Fastify", 404, asJSON,
		`{"message":"Route GET:/api/org not found","error":"Not Found","statusCode":404}`, nil, "notGrafana"},
	{"Express", 404, asHTML, "<pre>Cannot GET /api/org</pre>", nil, "notGrafana"},
	{"Spring", 404, asJSON,
		`{"timestamp":"x","status":404,"error":"Not Found","path":"/api/org"}`, nil, "notGrafana"},
	{"a backend of that name", 404, asJSON,
		`{"message":"backend dashboard not found for /grafana/"}`, nil, "notGrafana"},
	{"FastAPI", 404, asJSON, `{"detail":"Not Found"}`, nil, "notGrafana"},
	{"Kubernetes, service gone", 404, asJSON,
		failure + `"services \"organization\" not found","reason":"NotFound","code":404}`,
		nil, "notGrafana"},
	{"Kubernetes, not ready", 503, asJSON,
		failure + `"no endpoints available for service \"grafana\"","reason":"ServiceUnavailable","code":503}`,
		nil, "unavailable unsure"},
	{"Kubernetes, who", 401, asJSON,
		failure + `"Unauthorized","reason":"Unauthorized","code":401}`,
		nil, "notGrafana"},
	{"Grafana, no such route", 404, asJSON, `{"message":"Not found"}`, nil, "notGrafana"},
	{"another object's absence", 404, asJSON, `{"message":"plugin not found"}`, nil, "notGrafana"},
	{"a gateway's conflict", 409, asJSON, `{"message":"Conflict"}`, nil, "notGrafana"},
	{"a gateway's conflict, in other JSON", 409, asJSON, `{"error":"already exists"}`, nil, "notGrafana"},
	{"a gateway's precondition", 412, asJSON, `{"message":"Precondition Failed"}`, nil, "notGrafana"},
	{"a gateway's precondition, as a page", 412, asHTML, "<html>412</html>", nil, "notGrafana"},
	{"gone", 410, asHTML, "<html>410</html>", nil, "notGrafana"},
	{"not acceptable", 406, asHTML, "<html>406 Not Acceptable: ModSecurity</html>", nil, "notGrafana"},
	{"not implemented", 501, asHTML, "<html>501</html>", nil, "unavailable unsure"},
	{"a limit, as a conflict", 409, asJSON,
		`{"message":"The organization already has the most tokens, dashboards and users that it can have"}`,
		nil, "notGrafana"},
	{"a managed service's limit", 400, asJSON, `{"message":"at most 100 tokens"}`, nil, ""},
	{"cached", 304, "", "", nil, "notGrafana"},
	{"no content", 204, "", "", nil, "notGrafana unsure"},
	{"reset content", 205, "", "", nil, "notGrafana unsure"},
	{"accepted by a queue", 202, asJSON, `{"status":"queued"}`, nil, "notGrafana unsure"},
	{"captive portal", 200, asHTML, html, nil, "notGrafana unsure"},
	{"null", 200, asJSON, `null`, nil, "notGrafana unsure"},
	{"an empty object", 200, asJSON, `{}`, nil, "notGrafana unsure"},
	{"an object of something else", 200, asJSON, `{"ok":true}`, nil, "notGrafana unsure"},
	{"a list of something else", 200, asJSON, `[{"ok":true}]`, nil, "notGrafana unsure"},
	{"a text", 200, asJSON, `"ok"`, nil, "notGrafana unsure"},
	{"text that says ok", 200, asText, "OK", nil, "notGrafana unsure"},
	{"half an answer", 200, asJSON, `{"id":1`, headers{"Content-Length": "900"}, "unavailable unsure"},
	{"half a refusal", 404, asJSON,
		`{"message":"Organization not fo`, headers{"Content-Length": "900"}, "notGrafana"},
	{"no gzip at all", 200, asJSON, `{"id":1}`, headers{"Content-Encoding": "gzip"}, "unavailable unsure"},
	{"a coding that nobody asked for", 200, asJSON,
		"\x1b\x03", headers{"Content-Encoding": "br"}, "notGrafana unsure"},
}
