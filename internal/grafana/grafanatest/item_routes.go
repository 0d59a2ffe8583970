package grafanatest

import (
	"maps"
	"net/http"
)

// showItems is a list of permissions as the routes of one thing show it, with
// what every entry says of that thing.
func (c *call) showItems(items []item, of obj) *answer {
	out := []obj{}
	for _, i := range items {
		shown := maps.Clone(of)
		maps.Copy(shown, obj{
			"created": stamp(
				i.at,
			),
			"updated":        stamp(i.at),
			"userId":         i.user,
			"userLogin":      "",
			"userEmail":      "",
			"userAvatarUrl":  avatarURL,
			"teamId":         0,
			"teamEmail":      "",
			"teamAvatarUrl":  "",
			"team":           "",
			"permission":     i.level,
			"permissionName": levelNames[i.level],
			"inherited":      false,
		})
		if c.quirks.newUserFields {
			shown["userUid"], shown["teamUid"] = "", ""
		}
		if i.role != "" {
			shown["role"] = i.role
		}
		if u := c.db.users[i.user]; u != nil {
			shown["userLogin"], shown["userEmail"] = u.login, u.email
			if c.quirks.newUserFields && of["isFolder"] == true {
				shown["userUid"] = u.uid
			}
		}
		if t := c.org().teams[i.team]; t != nil {
			shown["teamId"], shown["team"], shown["teamEmail"], shown["teamAvatarUrl"] = t.id, t.name, t.email, avatarURL
			if c.quirks.newUserFields {
				shown["teamUid"] = t.uid
			}
		}
		out = append(out, shown)
	}
	return ok(out)
}

// bindItems reads a list of permissions.
func (c *call) bindItems() ([]item, *answer) {
	var body struct {
		Items []struct {
			UserID, TeamID int64
			Role           *string
			Permission     int
		}
	}
	if !c.bind(&body) {
		return nil, badData()
	}
	var items []item
	for _, i := range body.Items {
		wanted := item{user: i.UserID, team: i.TeamID, level: i.Permission, at: c.now}
		if i.Role != nil {
			wanted.role = *i.Role
		}
		if _, known := rank[wanted.role]; !known && wanted.role != "" {
			return nil, badData()
		}
		if wanted.role != "" && (i.UserID != 0 || i.TeamID != 0) {
			return nil, fail(http.StatusBadRequest, "permissions cannot have both a user and team")
		}
		if wanted.role == "" && !c.isSubject(wanted) || wanted.role == roleNone {
			return nil, fail(http.StatusInternalServerError, "Failed to create permission")
		}
		items = append(items, wanted)
	}
	return c.numbered(items), nil
}

// isSubject reports whether there is such a user, or such a team in the organization.
func (c *call) isSubject(i item) bool {
	if i.team != 0 {
		return i.user == 0 && c.org().teams[i.team] != nil
	}
	return c.db.users[i.user] != nil
}

func dashboardItems(c *call) *answer {
	d, a := c.dashboard("dashboards.permissions:read")
	if a != nil {
		return a
	}
	of := obj{
		"dashboardId": d.id,
		"uid":         d.uid,
		"title":       d.title,
		"slug":        c.quirks.slug(d.title),
		"isFolder":    false,
		"url":         c.dashboardURL(d),
	}
	if f := c.org().folder(d.folder); f != nil && !c.quirks.unified {
		of["folderId"] = f.id
	}
	return c.showItems(d.items, of)
}

func setDashboardItems(c *call) *answer {
	d, a := c.dashboard("dashboards.permissions:write")
	if a != nil {
		return a
	}
	items, a := c.bindItems()
	if a != nil {
		return a
	}
	d.items = replaced(d.items, items)
	return done("Dashboard permissions updated")
}

func folderItems(c *call) *answer {
	if c.params["uid"] == "general" {
		return ok([]obj{})
	}
	f, a := c.adminOfFolder("folders.permissions:read")
	if a != nil {
		return a
	}
	of := obj{"folderId": f.id, "uid": f.uid, "title": f.title, "slug": "", "isFolder": true, "url": c.folderURL(f)}
	if f.parent != "" && c.quirks.unified {
		of["folderUid"] = f.parent
	}
	return c.showItems(f.items, of)
}

func setFolderItems(c *call) *answer {
	f, a := c.adminOfFolder("folders.permissions:write")
	if a != nil {
		return a
	}
	items, a := c.bindItems()
	if a != nil {
		return a
	}
	f.items = replaced(f.items, items)
	return done("Folder permissions updated")
}

// adminOfFolder finds the folder of the path for who may change who may what.
func (c *call) adminOfFolder(action string) (*folder, *answer) {
	f := c.folder()
	if f == nil && c.role(c.who.orgID) == roleAdmin {
		return nil, noFolder()
	}
	if f == nil || c.folderLevel(f) < mayAdmin {
		return nil, denied(c, action)
	}
	return f, nil
}
