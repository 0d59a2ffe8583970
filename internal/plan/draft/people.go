package draft

import (
	"net/http"
	"net/url"
	"strings"
)

func createUser(c *call) (*answer, error) {
	id := c.next()
	email := text(c.body["email"])
	if email == "" {
		email = text(c.body["login"])
	}
	fields := merged(only(c.body, "login", "name"), object{
		"id": id, "uid": "u" + text(id), "email": email, "createdAt": c.stamp(), "authLabels": []string{},
		"isGrafanaAdmin": false, "isDisabled": false,
	})
	c.make(place{"", "user", text(id)}, fields)
	return ok(object{"id": id, "uid": fields["uid"], "message": "User created"}), nil
}

func lookupUser(c *call) (*answer, error) {
	user, err := c.user(c.req.URL.Query().Get("loginOrEmail"))
	if err != nil || user == nil {
		return fail(http.StatusNotFound, "user not found"), err
	}
	return ok(user), nil
}

// user is whom Grafana knows, or would know, by a login or an address; nil: nobody.
func (c *call) user(name string) (object, error) {
	for p, t := range c.things {
		if p.kind == "user" && t.fields != nil &&
			(strings.EqualFold(text(t.fields["login"]), name) || strings.EqualFold(text(t.fields["email"]), name)) {
			return c.userByID(p.id)
		}
	}
	a, err := c.get(c.Path + "/api/users/lookup?forceLogin=true&loginOrEmail=" + url.QueryEscape(name))
	if err != nil {
		return nil, err
	}
	is, err := a.read("/api/users/lookup")
	if is == nil {
		return nil, err
	}
	t := c.known(place{"", "user", text(is["id"])})
	if login, renamed := t.fields["login"]; t.gone || renamed && !strings.EqualFold(text(login), name) {
		return nil, nil
	}
	return merged(is, t.fields), nil
}

func (c *call) userByID(id string) (object, error) {
	t := c.known(place{"", "user", id})
	if t.made || t.gone {
		return t.fields, nil
	}
	is, err := c.item("/api/users/" + id)
	if is == nil {
		return nil, err
	}
	return merged(is, t.fields), nil
}

func setServerAdmin(c *call) (*answer, error) {
	is := c.body["isGrafanaAdmin"]
	c.change(place{"", "user", c.params["user"]}, object{"isGrafanaAdmin": is, "isAdmin": is})
	return done(), nil
}

func setDisabled(to bool) func(*call) (*answer, error) {
	return func(c *call) (*answer, error) {
		c.change(place{"", "user", c.params["user"]}, object{"isDisabled": to})
		return done(), nil
	}
}

func createTeam(c *call) (*answer, error) {
	id := c.next()
	fields := merged(only(c.body, "name", "email"), object{"id": id, "uid": "t" + text(id), "memberCount": 0})
	c.make(c.place("team", id), fields)
	return ok(object{"teamId": id, "uid": fields["uid"], "message": "Team created"}), nil
}

// memberPlace is where somebody in a team is kept.
func (c *call) memberPlace(user any) place {
	return place{text(c.orgOf()) + "/" + c.params["team"], "in team", text(user)}
}

// listTeamMembers lists who is in a team.
func listTeamMembers(c *call) (*answer, error) {
	if c.known(c.place("team", c.params["team"])).made {
		return ok(c.laidOver(c.memberPlace(""), nil, "userId", nil)), nil
	}
	return c.list(c.memberPlace(""), "", "userId", nil)
}

func addTeamMember(c *call) (*answer, error) {
	id := c.body["userId"]
	fields := object{"userId": id, "permission": 0, "labels": []string{}}
	user, err := c.userByID(text(id))
	if err != nil {
		return nil, err
	}
	c.make(c.memberPlace(id), merged(fields, only(user, "login", "email")))
	return done(), nil
}

func changeTeamMember(c *call) (*answer, error) {
	c.change(c.memberPlace(c.params["user"]), only(c.body, "permission"))
	return done(), nil
}

func removeTeamMember(c *call) (*answer, error) {
	c.remove(c.memberPlace(c.params["user"]))
	return done(), nil
}

func getTeamPreferences(c *call) (*answer, error) {
	if c.known(c.place("team", c.params["team"])).made {
		return ok(merged(nil, c.known(c.place("team preferences", c.params["team"])).fields)), nil
	}
	return c.preferences(c.place("team preferences", c.params["team"]))
}

func setTeamPreferences(c *call) (*answer, error) {
	there, err := c.hasHome()
	if err != nil || !there {
		return fail(http.StatusNotFound, "Dashboard not found"), err
	}
	c.change(c.place("team preferences", c.params["team"]), c.body)
	return done(), nil
}
