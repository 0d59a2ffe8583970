package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// DataSource is a data source of an organization.
type DataSource struct {
	ID   int64  `json:"id,omitempty"`
	UID  string `json:"uid"`
	Name string `json:"name"`
	// Type is the plugin's id, where the plugin is there: "postgres" comes back as
	// "grafana-postgresql-datasource".
	Type string `json:"type"`
	// Access is proxy or direct.
	Access   string `json:"access"`
	URL      string `json:"url"`
	User     string `json:"user"`
	Database string `json:"database"`
	// BasicAuth says that BasicAuthUser counts; Grafana keeps that where it does not. A list has no BasicAuthUser.
	BasicAuth     bool   `json:"basicAuth"`
	BasicAuthUser string `json:"basicAuthUser"`
	// WithCredentials is not told by a list.
	WithCredentials bool `json:"withCredentials"`
	// IsDefault is of at most one data source of an organization.
	IsDefault bool `json:"isDefault"`
	// JSONData is an object; everybody who is signed in can read it.
	JSONData json.RawMessage `json:"jsonData"`
	// SecureFields names the secrets that are set. A list does not tell.
	SecureFields map[string]bool `json:"secureJsonFields,omitempty"`
	// Version goes up with a change that names one, and begins at 1 again with one that does not. A list does not tell.
	Version int64 `json:"version,omitempty"`
	// ReadOnly is what comes from a file on Grafana's server, and can be changed there only.
	ReadOnly bool `json:"readOnly,omitempty"`
}

func (d DataSource) complete() bool { return d.UID != "" }

// DataSourceHealth is what a data source's plugin finds when it tries it.
type DataSourceHealth struct {
	OK      bool
	Message string
}

// DataSources lists the data sources of the organization.
//
// GET /api/datasources
func (o *OrgClient) DataSources(ctx context.Context) ([]DataSource, error) {
	return do[list[DataSource]](ctx, o, get("/api/datasources"))
}

// DataSource returns the data source with this uid, or, on MySQL and MariaDB, with one that differs from it in case.
//
// GET /api/datasources/uid/:uid
func (o *OrgClient) DataSource(ctx context.Context, uid string) (DataSource, error) {
	return do[DataSource](ctx, o, get("/api/datasources/uid/:uid", uid))
}

type sourceAnswer struct {
	DataSource DataSource `json:"datasource"`
}

func (s sourceAnswer) complete() bool { return s.DataSource.complete() }

// sourceBody is a data source as it is sent.
type sourceBody struct {
	DataSource
	SecureFields   *struct{}         `json:"secureJsonFields,omitempty"` // only Grafana tells
	ReadOnly       *struct{}         `json:"readOnly,omitempty"`
	ID             *struct{}         `json:"id,omitempty"`
	SecureJSONData map[string]string `json:"secureJsonData,omitempty"`
}

func bodyOf(d DataSource, secrets map[string]Key) sourceBody {
	body := sourceBody{DataSource: d, SecureJSONData: map[string]string{}}
	for name, value := range secrets {
		body.SecureJSONData[name] = value.Reveal()
	}
	return body
}

// CreateDataSource makes a data source. Name and UID must be free (IsTaken). The first of an organization becomes its
// default, whatever IsDefault; a later one that is to be the default takes that from the one that was.
//
// POST /api/datasources
func (o *OrgClient) CreateDataSource(
	ctx context.Context,
	d DataSource,
	secrets map[string]Key,
) (DataSource, error) {
	d.Version = 0
	made, err := do[sourceAnswer](ctx, o, post(bodyOf(d, secrets), "/api/datasources"))
	return made.DataSource, err
}

// UpdateDataSource replaces what is under d's UID, if that has d's Version still (IsVersionMismatch), and returns what
// Grafana has made of it. An empty URL or BasicAuthUser leaves the one that is there. Secrets that are not named stay;
// an empty one is removed.
//
// PUT /api/datasources/uid/:uid
func (o *OrgClient) UpdateDataSource(
	ctx context.Context,
	d DataSource,
	secrets map[string]Key,
) (DataSource, error) {
	changed, err := do[sourceAnswer](ctx, o, put(bodyOf(d, secrets), "/api/datasources/uid/:uid", d.UID))
	return changed.DataSource, err
}

// DeleteDataSource deletes the data source.
//
// DELETE /api/datasources/uid/:uid
func (o *OrgClient) DeleteDataSource(ctx context.Context, uid string) error {
	return exec(ctx, o, del("/api/datasources/uid/:uid", uid))
}

type healthAnswer struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (h healthAnswer) complete() bool { return h.Status == "OK" }

// CheckDataSource has Grafana try the data source. Where the plugin cannot be asked, the error says so. What is there
// may be what it was five seconds ago: so long does Grafana remember it.
//
// GET /api/datasources/uid/:uid/health
func (o *OrgClient) CheckDataSource(ctx context.Context, uid string) (DataSourceHealth, error) {
	found, err := do[healthAnswer](ctx, o, get("/api/datasources/uid/:uid/health", uid))
	var answer *Error
	if errors.As(err, &answer) && answer.Status == http.StatusBadRequest && answer.shape == ownShape &&
		(answer.MessageID == "ERROR" || answer.MessageID == "UNKNOWN") {
		return DataSourceHealth{Message: answer.Message}, nil
	}
	return DataSourceHealth{OK: err == nil, Message: found.Message}, err
}
