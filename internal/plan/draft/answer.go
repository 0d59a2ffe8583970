package draft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// answer is what goes back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) response(req *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, Header: a.header,
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}
}

func reply(status int, v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		return &answer{status: http.StatusInternalServerError, header: http.Header{}, body: []byte(err.Error())}
	}
	return &answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

func ok(v any) *answer { return reply(http.StatusOK, v) }

// done says that it was done.
func done() *answer { return ok(object{"message": "drafted"}) }

func fail(status int, message string) *answer { return reply(status, object{"message": message}) }

// notFound says, as Grafana does, that what a path names is not there.
func notFound(path string) *answer {
	for _, of := range []struct{ prefix, kind string }{
		{"/api/orgs/", "Organization"}, {"/api/serviceaccounts", "service account"}, {"/api/dashboards", "Dashboard"},
		{"/api/folders", "folder"}, {"/api/teams", "Team"}, {"/api/datasources", "Data source"}, {"/api/users", "user"},
		{"/api/library-elements", "library element"},
		{"/apis/dashboard", "dashboard"}, {"/apis/folder", "folder"},
	} {
		if strings.HasPrefix(path, of.prefix) {
			return fail(http.StatusNotFound, of.kind+" not found")
		}
	}
	return fail(http.StatusNotFound, "Not found")
}

// number reads an id from whatever it is written as; 0: it is none.
func number(v any) int64 {
	n, _ := strconv.ParseInt(text(v), 10, 64)
	return n
}

// text is a string or a number as it is written; empty: it is neither.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number, int64, int:
		return fmt.Sprint(v)
	}
	return ""
}

// merged lays fields over others.
func merged(of, over object) object {
	all := object{}
	for _, part := range []object{of, over} {
		for name, value := range part {
			all[name] = value
		}
	}
	return all
}

// only are the fields of these names.
func only(of object, names ...string) object {
	some := object{}
	for _, name := range names {
		if value, there := of[name]; there {
			some[name] = value
		}
	}
	return some
}
