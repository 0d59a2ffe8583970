package importer

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/dashboard"
	"grafana-tenancy.dev/operator/internal/datasource"
	"grafana-tenancy.dev/operator/internal/grafana"
)

func (t *tenant) readFolders(ctx context.Context) error {
	all, err := t.org.AllFolders(ctx, len(t.apis) > 0)
	if err != nil {
		return err
	}
	var objects []client.Object
	for len(all) > 0 { // those go first whose parents are known
		var later []grafana.Folder
		for _, f := range all {
			if waits := slices.ContainsFunc(all, func(p grafana.Folder) bool { return p.UID == f.ParentUID }); waits {
				later = append(later, f)
				continue
			}
			obj, err := t.folder(ctx, f)
			if err != nil {
				return fmt.Errorf("%q: %w", f.Title, err)
			}
			if obj != nil {
				t.folders[f.UID] = obj.Name
				objects = append(objects, obj)
			}
		}
		if len(later) == len(all) {
			return errors.New("folders are in each other")
		}
		all = later
	}
	t.add("folders.yaml", objects)
	return nil
}

func (t *tenant) folder(ctx context.Context, f grafana.Folder) (*v1alpha1.Folder, error) {
	parent, known := t.folders[f.ParentUID]
	switch {
	case misnamed(f.Title, maxTitle) != "":
		t.leaveOut("folder", f.Title, "a Folder cannot have this title: %s", misnamed(f.Title, maxTitle))
		return nil, nil
	case misfitUID(f.UID) != "":
		t.leaveOut("folder", f.Title, "there can be no Folder for it: %s", misfitUID(f.UID))
		return nil, nil
	case f.ParentUID != "" && !known:
		t.leaveOut("folder", f.Title, "the folder that it is in is left out")
		return nil, nil
	}
	obj := &v1alpha1.Folder{ObjectMeta: t.meta(f.UID)}
	obj.Spec = v1alpha1.FolderSpec{
		OrganizationRef: t.ref(), UID: f.UID, Title: f.Title, AdoptionPolicy: v1alpha1.AdoptionAdopt,
	}
	if known {
		obj.Spec.ParentRef = &v1alpha1.LocalObjectReference{Name: parent}
	}
	if f.Description != nil && *f.Description != "" {
		obj.Spec.Description = f.Description
	}
	items, err := t.org.FolderPermissions(ctx, f.UID)
	if err != nil {
		return nil, err
	}
	obj.Spec.Permissions = []v1alpha1.FolderPermission{}
	for _, item := range items {
		if item.Inherited || item.UserID == t.me.ID {
			continue
		}
		p, who := t.permission(item)
		if who != "" || len(obj.Spec.Permissions) == maxPermissions {
			t.leaveOut("permissions of folder", f.Title, "they cannot be written as those of a Folder, for %s; they "+
				"stay as they are", who)
			obj.Spec.Permissions = nil
			break
		}
		obj.Spec.Permissions = append(obj.Spec.Permissions, p)
	}
	slices.SortFunc(obj.Spec.Permissions, func(a, b v1alpha1.FolderPermission) int {
		return strings.Compare(subjectOf(a), subjectOf(b))
	})
	if admitted, err := t.admit(ctx, "folder", f.Title, obj); err != nil || !admitted {
		return nil, err
	}
	return obj, nil
}

func subjectOf(p v1alpha1.FolderPermission) string {
	text, _ := json.Marshal(p)
	return string(text)
}

var levels = map[int]v1alpha1.PermissionLevel{
	grafana.MayView: v1alpha1.PermissionView, grafana.MayEdit: v1alpha1.PermissionEdit,
	grafana.MayAdmin: v1alpha1.PermissionAdmin,
}

// permission is an entry of a folder's, or for whom it is if it cannot be written.
func (t *tenant) permission(item grafana.Permission) (p v1alpha1.FolderPermission, who string) {
	p.Permission = levels[item.Permission]
	member := slices.IndexFunc(t.members, func(m grafana.Member) bool { return m.UserID == item.UserID })
	switch {
	case p.Permission == "":
		return p, fmt.Sprintf("a permission %d", item.Permission)
	case item.Role == "Viewer", item.Role == "Editor":
		p.Role = item.Role
	case t.teams[item.TeamID] != "":
		p.TeamRef = &v1alpha1.LocalObjectReference{Name: t.teams[item.TeamID]}
	case t.accounts[item.UserID] != "":
		p.ServiceAccountRef = &v1alpha1.LocalObjectReference{Name: t.accounts[item.UserID]}
	case item.UserID != 0 && member >= 0 && fits(t.members[member].Login, maxLogin):
		p.User = t.members[member].Login
	default:
		return p, fmt.Sprintf("role %q, user %q, team %d", item.Role, item.UserLogin, item.TeamID)
	}
	return p, ""
}

// dashboardFile is a dashboard's content, and the ConfigMap that is made of it.
type dashboardFile struct {
	configMap string
	key, file string
	content   []byte
}

const (
	// plainSize is up to how many bytes a dashboard is kept as text: kubectl apply keeps all of an object a second
	// time, in an annotation that holds 256 KiB.
	plainSize = 200 << 10
	// maxSize is what a ConfigMap can hold of one that is compressed.
	maxSize = 700 << 10
)

func (t *tenant) readDashboards(ctx context.Context) error {
	hits, err := t.org.Search(ctx, "dash-db")
	if err != nil {
		return err
	}
	var objects []client.Object
	for _, hit := range hits {
		t.uids[hit.UID] = true
		d, err := t.readDashboard(ctx, hit.UID)
		if grafana.IsNotFound(err) {
			continue // the search lags behind
		}
		if err != nil {
			return fmt.Errorf("%q: %w", hit.Title, err)
		}
		obj, file, err := t.dashboard(d)
		if err != nil {
			t.leaveOut("dashboard", hit.Title, "%v", err)
			continue
		}
		if admitted, err := t.admit(ctx, "dashboard", hit.Title, obj); err != nil {
			return fmt.Errorf("%q: %w", hit.Title, err)
		} else if !admitted {
			continue
		}
		objects = append(objects, obj)
		t.dashboards = append(t.dashboards, file)
	}
	slices.SortFunc(t.dashboards, func(a, b dashboardFile) int { return strings.Compare(a.file, b.file) })
	t.add("dashboards.yaml", objects)
	return nil
}

// readDashboard reads a dashboard in the schema that it was saved in: in the classic model, or as a resource of v2,
// which would lose its panels in that.
func (t *tenant) readDashboard(ctx context.Context, uid string) (*grafana.Dashboard, error) {
	classic, err := t.org.Dashboard(ctx, uid)
	if err != nil || len(t.apis) == 0 {
		return classic, err
	}
	version, err := t.org.DashboardStoredAs(ctx, uid, t.apis)
	switch {
	case grafana.IsNoList(err) && !grafana.IsNotFound(err):
		return classic, nil
	case err != nil:
		return nil, err
	case version == "":
		return classic, nil
	}
	var spec json.RawMessage
	d, err := t.org.DashboardResource(ctx, version, uid, func(content []byte) { spec = content })
	if err == nil {
		d.Model, d.Provisioned, d.StoredAs = spec, classic.Provisioned, version
	}
	return d, err
}

// source is what a Dashboard has as its source for the dashboard that Grafana has.
func source(d *grafana.Dashboard) ([]byte, error) {
	if d.StoredAs == "" {
		return d.Model, nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // people read it
	err := encoder.Encode(map[string]any{
		"apiVersion": "dashboard.grafana.app/" + d.StoredAs, "kind": "Dashboard",
		"metadata": map[string]string{"name": d.UID}, "spec": d.Model,
	})
	return text.Bytes(), err
}

func (t *tenant) dashboard(d *grafana.Dashboard) (*v1alpha1.Dashboard, dashboardFile, error) {
	file := dashboardFile{}
	switch {
	case d.Provisioned:
		return nil, file, errors.New("it comes from a file on Grafana's server")
	case misfitUID(d.UID) != "":
		return nil, file, fmt.Errorf("there can be no Dashboard for it: %s", misfitUID(d.UID))
	}
	text, err := source(d)
	if err != nil {
		return nil, file, err
	}
	content, err := dashboard.Parse(text, dashboard.Wishes{})
	if err != nil {
		return nil, file, err
	}
	if content.API == "" {
		if text, err = content.Model(d.UID, 0); err != nil {
			return nil, file, err
		}
	}
	if hash, err := content.Hash(); err != nil || hash != dashboard.HashOfSpec(d.Model, content.API) {
		return nil, file, errors.New("what it has in it would change when it is applied")
	}
	obj := &v1alpha1.Dashboard{ObjectMeta: t.meta(d.UID)}
	file = dashboardFile{configMap: obj.Name, key: "dashboard.json", file: kubeName(d.UID, maxChildName) + ".json"}
	if err := file.fill(text); err != nil {
		return nil, file, err
	}
	obj.Spec = v1alpha1.DashboardSpec{
		OrganizationRef: t.ref(), UID: d.UID, AdoptionPolicy: v1alpha1.AdoptionAdopt,
		Source: v1alpha1.DashboardSource{ConfigMapRef: &v1alpha1.KeyReference{Name: file.configMap, Key: file.key}},
	}
	if folder, known := t.folders[d.FolderUID]; known {
		obj.Spec.Folder = &v1alpha1.DashboardFolder{Ref: &v1alpha1.LocalObjectReference{Name: folder}}
	} else if d.FolderUID != "" {
		obj.Spec.Folder = &v1alpha1.DashboardFolder{UID: d.FolderUID}
	}
	return obj, file, nil
}

// fill lays a dashboard out for people, or compresses it where it is large.
func (f *dashboardFile) fill(model []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, model, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	if f.content = text.Bytes(); len(f.content) <= plainSize {
		return nil
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(model); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	f.content, f.key, f.file = packed.Bytes(), f.key+".gz", f.file+".gz"
	if len(f.content) > maxSize {
		return fmt.Errorf(
			"it is too large for a ConfigMap (%d bytes, compressed): have it served by a url",
			len(f.content),
		)
	}
	return nil
}

func (t *tenant) readDataSources(ctx context.Context) error {
	all, err := t.org.DataSources(ctx)
	if err != nil {
		return err
	}
	var objects []client.Object
	for _, listed := range all {
		d, err := t.org.DataSource(ctx, listed.UID)
		if err != nil {
			return fmt.Errorf("%q: %w", listed.Name, err)
		}
		obj, err := t.dataSource(d)
		if err != nil {
			t.leaveOut("data source", d.Name, "%v", err)
			continue
		}
		if admitted, err := t.admit(ctx, "data source", d.Name, obj); err != nil {
			return fmt.Errorf("%q: %w", d.Name, err)
		} else if !admitted {
			continue
		}
		objects = append(objects, obj)
		t.noteSecrets(obj)
	}
	t.add("datasources.yaml", objects)
	return nil
}

// dataSource writes a data source, and makes sure that the operator would ask for just what is there.
func (t *tenant) dataSource(d grafana.DataSource) (*v1alpha1.DataSource, error) {
	switch {
	case d.ReadOnly:
		return nil, errors.New("it comes from a file on Grafana's server")
	case misfit(d.Name, maxLogin) != "":
		return nil, fmt.Errorf("a DataSource cannot have this name: %s", misfit(d.Name, maxLogin))
	case misfitUID(d.UID) != "":
		return nil, fmt.Errorf("there can be no DataSource for it: %s", misfitUID(d.UID))
	case d.BasicAuth != d.SecureFields["basicAuthPassword"]:
		return nil, errors.New("it has basicAuth without a password, or a password without basicAuth")
	}
	obj := &v1alpha1.DataSource{ObjectMeta: t.meta(d.UID)}
	obj.Spec.OrganizationRef = t.ref()
	obj.Spec.DataSourceSettings = v1alpha1.DataSourceSettings{
		Name: d.Name, UID: d.UID, Type: d.Type, Access: v1alpha1.DataSourceAccess(d.Access),
		URL: literal(d.URL), User: literal(d.User), Database: literal(d.Database), WithCredentials: d.WithCredentials,
		AdoptionPolicy: v1alpha1.AdoptionAdopt,
	}
	if d.IsDefault {
		obj.Spec.IsDefault = &d.IsDefault
	}
	referToSecrets(obj, d)
	var err error
	if d.JSONData, err = setSettings(obj, d.JSONData); err != nil {
		return nil, err
	}
	want, err := datasource.Wanted(obj, datasource.Facts{OrgID: t.info.ID, Name: t.info.Name})
	if err != nil {
		return nil, err
	}
	if diff := datasource.Differences(want, d); len(diff) > 0 {
		return nil, fmt.Errorf("a DataSource cannot ask for its %s", strings.Join(diff, ", "))
	}
	return obj, nil
}

// referToSecrets has a DataSource take each secret from a key of its own.
func referToSecrets(obj *v1alpha1.DataSource, d grafana.DataSource) {
	for name := range d.SecureFields {
		key := v1alpha1.KeyReference{Name: obj.Name, Key: name}
		if name == "basicAuthPassword" {
			obj.Spec.BasicAuth = &v1alpha1.DataSourceBasicAuth{User: literal(d.BasicAuthUser), PasswordSecretRef: key}
			continue
		}
		if obj.Spec.SecureJSONData == nil {
			obj.Spec.SecureJSONData = map[string]v1alpha1.ValueSource{}
		}
		obj.Spec.SecureJSONData[name] = v1alpha1.ValueSource{SecretKeyRef: &key}
	}
}

// setSettings has a DataSource ask for the jsonData that is there, and returns it without what the operator keeps in it
// and what it leaves alone.
func setSettings(obj *v1alpha1.DataSource, there json.RawMessage) (json.RawMessage, error) {
	data := map[string]any{}
	if len(there) > 0 {
		var err error
		if data, err = datasource.Settings(there); err != nil {
			return nil, err
		}
	}
	for _, own := range []string{datasource.OwnerField, datasource.SealField, "teamHttpHeaders"} {
		delete(data, own)
	}
	bare, err := json.Marshal(data)
	if err != nil || len(data) == 0 {
		return bare, err
	}
	text, err := json.Marshal(literalIn(data))
	obj.Spec.JSONData = &runtime.RawExtension{Raw: text}
	return bare, err
}

// literal writes a text so that it stands for itself where the operator fills in templates.
func literal(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

func literalIn(value any) any {
	switch v := value.(type) {
	case string:
		return literal(v)
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = literalIn(v[i])
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for name := range v {
			all[name] = literalIn(v[name])
		}
		return all
	}
	return value
}

// noteSecrets notes the Secret that a person has to make for a data source, since no secret can be read.
func (t *tenant) noteSecrets(obj *v1alpha1.DataSource) {
	secret := corev1.Secret{StringData: map[string]string{}}
	secret.Namespace, secret.Name = obj.Namespace, obj.Name
	for name := range obj.Spec.SecureJSONData {
		secret.StringData[name] = ""
	}
	if obj.Spec.BasicAuth != nil {
		secret.StringData["basicAuthPassword"] = ""
	}
	if len(secret.StringData) > 0 {
		t.secrets = append(t.secrets, secret)
	}
}
