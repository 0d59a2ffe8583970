package datasource

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// content is what lists tell of a data source too, but for whether it is the default.
type content struct {
	Name, Type, Access, URL, User, Database string
	BasicAuth                               bool
	JSONData                                json.RawMessage
}

func contentOf(d grafana.DataSource) content {
	return content{d.Name, d.Type, d.Access, d.URL, d.User, d.Database, d.BasicAuth, canonical(d.JSONData)}
}

// canonical writes JSON in one way, without what Grafana Enterprise alone can change in it, and without the seal, which
// is another in each version.
func canonical(data json.RawMessage) json.RawMessage {
	fields, err := Settings(data)
	if err != nil {
		return data
	}
	inOneForm(fields)
	delete(fields, "teamHttpHeaders")
	delete(fields, SealField)
	text, err := json.Marshal(fields)
	if err != nil {
		return data
	}
	return text
}

// inOneForm writes numbers in one way: whole ones with all their digits, the others as a float64 has them.
func inOneForm(value any) any {
	switch v := value.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(string(v), ".eE") {
			return f
		}
	case []any:
		for i := range v {
			v[i] = inOneForm(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = inOneForm(v[key])
		}
	}
	return value
}

// Hash is of all that a list tells of a data source, but for whether it is the default.
func Hash(d grafana.DataSource) string {
	text, _ := json.Marshal(contentOf(d)) // strings and valid JSON
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Differences names the fields of that in which two data sources differ.
func Differences(a, b grafana.DataSource) (diff []string) {
	x, y := contentOf(a), contentOf(b)
	for _, field := range []struct {
		name    string
		differs bool
	}{
		{"name", x.Name != y.Name},
		{"type", x.Type != y.Type},
		{"access", x.Access != y.Access},
		{"url", x.URL != y.URL},
		{"user", x.User != y.User},
		{"database", x.Database != y.Database},
		{"basicAuth", x.BasicAuth != y.BasicAuth},
		{"jsonData", !bytes.Equal(x.JSONData, y.JSONData)},
	} {
		if field.differs {
			diff = append(diff, field.name)
		}
	}
	return diff
}
