package datasource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"grafana-tenancy.dev/operator/internal/grafana"
)

// SealField is the field of jsonData that says which version of a data source the operator wrote, with which secrets.
// Grafana shows no secret, and its version alone proves little: a database that was restored counts on from where it
// was, so that somebody else's change can have the number that the operator's own once had.
const SealField = "grafana-tenancy.dev/seal"

// seal is what stands in a version with secrets that are as secretsHash says.
func seal(version int64, secretsHash string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", version, secretsHash))
	return hex.EncodeToString(sum[:8])
}

// WithSeal is a data source that says so; version is the one that it becomes by being written.
func WithSeal(d grafana.DataSource, version int64, secretsHash string) grafana.DataSource {
	return withField(d, SealField, seal(version, secretsHash))
}

// Sealed reports whether the operator wrote that version of a data source, with such secrets.
func Sealed(d grafana.DataSource, version int64, secretsHash string) bool {
	return textField(d, SealField) == seal(version, secretsHash)
}

func withField(d grafana.DataSource, field, text string) grafana.DataSource {
	data := map[string]json.RawMessage{}
	_ = json.Unmarshal(d.JSONData, &data) // what Wanted makes is an object
	data[field], _ = json.Marshal(text)
	d.JSONData, _ = json.Marshal(data)
	return d
}

// textField is a text in jsonData; empty: it is none.
func textField(d grafana.DataSource, field string) (text string) {
	var data map[string]json.RawMessage
	if json.Unmarshal(d.JSONData, &data) != nil || json.Unmarshal(data[field], &text) != nil {
		return ""
	}
	return text
}
