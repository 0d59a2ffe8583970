package controllers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"grafana-tenancy.dev/operator/api/v1alpha1"
	"grafana-tenancy.dev/operator/internal/connection"
	"grafana-tenancy.dev/operator/internal/lifecycle"
	"grafana-tenancy.dev/operator/internal/testing/crash"
	"grafana-tenancy.dev/operator/internal/testing/suite"
)

// twoPanels is a dashboard that carries two library panels.
var twoPanels = crash.WithPanels("Requests", "one", "first", "two", "second")

func sharing(content string, changes ...func(*v1alpha1.Dashboard)) func(*crash.World) {
	return func(w *crash.World) { w.Create(crash.Organization("Tenant"), crash.Sharing(content, changes...)) }
}

func called(name string) func(*v1alpha1.Dashboard) {
	return func(d *v1alpha1.Dashboard) { d.Name = name }
}

// twoSharing are two Dashboards that carry the same library panel, the first with a text and the second with another.
func twoSharing(first, second string) func(*crash.World) {
	return func(w *crash.World) {
		crash.WithOrg(w)
		w.Create(crash.Sharing(crash.WithPanels("Requests", "one", first)))
		w.Create(crash.Sharing(crash.WithPanels("Errors", "one", second), called("second")))
	}
}

func changeOf(name, content string) func(*crash.World) {
	return func(w *crash.World) { crash.Edit(w, crash.Sharing("", called(name)), withText(content)) }
}

// panelsAre fails unless the organization has exactly these library panels, by name.
func panelsAre(names ...string) func(*crash.World) error {
	return func(w *crash.World) error {
		var have []string
		for _, p := range w.Grafana.LibraryPanels(3) {
			have = append(have, p.Name)
		}
		if !slices.Equal(have, names) {
			return fmt.Errorf("the library panels are %q, not %q", have, names)
		}
		return nil
	}
}

// panelHas fails unless the library panel has a text in it.
func panelHas(given, text string) func(*crash.World) error {
	return func(w *crash.World) error {
		model := string(w.Grafana.LibraryPanelModel(3, crash.PanelUID(crash.Sharing(""), given)))
		if !strings.Contains(model, text) {
			return fmt.Errorf("library panel %q is %s", given, model)
		}
		return nil
	}
}

// resyncs has everything looked at as at a resync, with nothing remembered.
func resyncs(w *crash.World) {
	w.Clock = w.Clock.Add(lifecycle.DefaultResync + 2*connection.ProofLife)
	w.Everybody()
}

// panelEdited is what a person does to a library panel.
func panelEdited(w *crash.World, given string, body map[string]any) {
	uid := crash.PanelUID(crash.Sharing(""), given)
	body["kind"], body["version"] = 1, panelVersion(w, uid)
	w.Grafana.Do(http.MethodPatch, "/api/library-elements/"+uid, 3, body)
	resyncs(w)
}

func panelVersion(w *crash.World, uid string) int {
	_, body := w.Grafana.Do(http.MethodGet, "/api/library-elements/"+uid, 3, nil)
	var answer struct{ Result struct{ Version int } }
	if err := json.Unmarshal(body, &answer); err != nil {
		w.TB.Fatal(err)
	}
	return answer.Result.Version
}

// theirUseInSchema2 is a person's dashboard in schema v2 that uses a library panel of ours, of which Grafana does not
// tell when it is asked who uses it.
func theirUseInSchema2(w *crash.World, given string) {
	w.Grafana.Do(http.MethodPost, "/apis/dashboard.grafana.app/v2beta1/namespaces/org-3/dashboards", 3,
		crash.Schema2Using("Foreign dashboard", crash.PanelUID(crash.Sharing(""), given)))
}

// isTold fails unless the Dashboard's Drifted condition has these words in it.
func isTold(words string) func(*crash.World) error {
	return func(w *crash.World) error {
		d := crash.Sharing("")
		w.Get(d)
		if c := conditionOf(d, v1alpha1.ConditionDrifted); c == nil || !strings.Contains(c.Message, words) {
			return fmt.Errorf("the condition Drifted is %+v", c)
		}
		return nil
	}
}

func inFolderUID(uid string) func(*v1alpha1.Dashboard) {
	return func(d *v1alpha1.Dashboard) { d.Spec.Folder = &v1alpha1.DashboardFolder{UID: uid} }
}

// withFolders makes two folders of people.
func withFolders(w *crash.World) {
	crash.WithOrg(w)
	w.MustRest()
	for _, uid := range []string{"team", "theirs"} {
		w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": uid, "title": "Folder " + uid})
	}
}

// panelMoved is what a person does who moves a library panel to the folder theirs.
func panelMoved(w *crash.World, dashboard *v1alpha1.Dashboard) {
	uid := crash.PanelUID(dashboard, "one")
	w.Grafana.Do(http.MethodPatch, "/api/library-elements/"+uid, 3,
		map[string]any{"kind": 1, "version": panelVersion(w, uid), "folderUid": "theirs"})
	resyncs(w)
}

// theirUse is a person's dashboard that uses a library panel of ours.
func theirUse(w *crash.World, given string) {
	w.Grafana.Do(http.MethodPost, "/api/dashboards/db", 3, map[string]any{"dashboard": map[string]any{
		"uid": "theirs", "title": "Foreign dashboard", "panels": []any{map[string]any{
			"id": 1, "libraryPanel": map[string]any{"uid": crash.PanelUID(crash.Sharing(""), given)},
		}},
	}})
}

func panelScenarios() []crash.Scenario {
	return slices.Concat(keptPanelScenarios(), sharedPanelScenarios(), strangersPanelScenarios(), leftPanelScenarios())
}

func keptPanelScenarios() []crash.Scenario {
	return []crash.Scenario{
		{
			Name: "library panel created", Before: crash.WithOrg,
			Act:   func(w *crash.World) { w.Create(crash.Sharing(twoPanels)) },
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel created in a folder that is made", Before: crash.WithOrg,
			Act:   func(w *crash.World) { w.Create(crash.Sharing(twoPanels, path("Team"))) },
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel changed", Before: sharing(twoPanels),
			Act:   changeOf("dashboard", crash.WithPanels("Requests", "one", "changed", "two", "second")),
			After: panelHas("one", "changed"),
		},
		{
			Name: "library panel dropped from the source", Before: sharing(twoPanels),
			Act:   changeOf("dashboard", crash.WithPanels("Requests", "two", "second", "three", "third")),
			After: panelsAre("Shared three", "Shared two"),
		},
		{
			Name: "library panel deleted with its dashboard", Before: sharing(twoPanels),
			Act:   func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After: panelsAre(),
		},
		{
			Name: "library panel of a dashboard whose panels come to be managed",
			Before: sharing(twoPanels, func(d *v1alpha1.Dashboard) {
				d.Spec.LibraryPanels = v1alpha1.LibraryPanelsInline
			}),
			Act: func(w *crash.World) {
				crash.Edit(w, crash.Sharing(""), func(d *v1alpha1.Dashboard) {
					d.Spec.LibraryPanels = v1alpha1.LibraryPanelsManage
				})
			},
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel put into the dashboard", Before: sharing(twoPanels),
			Act: func(w *crash.World) {
				crash.Edit(w, crash.Sharing(""), func(d *v1alpha1.Dashboard) {
					d.Spec.LibraryPanels = v1alpha1.LibraryPanelsInline
				})
			},
			After: panelsAre(),
		},
		{
			Name: "library panel of a dashboard that moves", Before: func(w *crash.World) {
				crash.WithOrg(w)
				w.MustRest()
				w.Grafana.Do(http.MethodPost, "/api/folders", 3, map[string]any{"uid": "team", "title": "Team"})
				w.Create(crash.Sharing(twoPanels))
			},
			Act: func(w *crash.World) {
				crash.Edit(w, crash.Sharing(""), func(d *v1alpha1.Dashboard) {
					d.Spec.Folder = &v1alpha1.DashboardFolder{UID: "team"}
				})
			},
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel of a tenant that is deleted", Before: sharing(twoPanels, path("Team")),
			Act: func(w *crash.World) {
				w.Delete(crash.Sharing(""))
				w.Delete(crash.Organization("Tenant"))
			},
		},
		{
			Name: "library panel in a Folder that is deleted", Before: func(w *crash.World) {
				w.Create(crash.Organization("Tenant"), newFolder(""), crash.Sharing(twoPanels, inRef))
			},
			Act: func(w *crash.World) {
				w.Delete(crash.Sharing(""))
				w.Delete(newFolder(""))
			},
			After: panelsAre(),
		},
	}
}

func sharedPanelScenarios() []crash.Scenario {
	return []crash.Scenario{
		{
			Name: "library panel shared by two", Before: crash.WithOrg,
			Act: func(w *crash.World) {
				w.Create(crash.Sharing(twoPanels))
				w.Create(crash.Sharing(strings.Replace(twoPanels, "Requests", "Errors", 1), called("second")))
			},
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel of two, one of which goes", Before: twoSharing("same", "same"),
			Act:   func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After: panelsAre("Shared one"),
		},
		{
			Name: "library panel of two that both go", Before: twoSharing("same", "same"),
			Act: func(w *crash.World) {
				w.Delete(crash.Sharing(""))
				w.Delete(crash.Sharing("", called("second")))
			},
			After: panelsAre(),
		},
		{
			Name: "library panel of two that both drop it", Before: twoSharing("same", "same"),
			Act: func(w *crash.World) {
				changeOf("dashboard", crash.WithPanels("Requests"))(w)
				changeOf("second", crash.WithPanels("Errors"))(w)
			},
			After: panelsAre(),
		},
		{
			Name: "library panel of two, one of which drops it", Before: twoSharing("same", "same"),
			Act:   changeOf("dashboard", crash.WithPanels("Requests")),
			After: panelsAre("Shared one"),
		},
		{
			Name: "library panel changed in two sources", Before: twoSharing("same", "same"),
			Act: func(w *crash.World) {
				changeOf("second", crash.WithPanels("Errors", "one", "changed"))(w)
				changeOf("dashboard", crash.WithPanels("Requests", "one", "changed"))(w)
			},
			After: panelHas("one", "changed"),
		},
		{
			Name: "library panel that an older dashboard has otherwise is left by it", Before: twoSharing("old", "new"),
			Act:   func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After: panelHas("one", "new"),
		},
	}
}

func strangersPanelScenarios() []crash.Scenario {
	return []crash.Scenario{
		{
			Name: "library panel edited by a person", Before: sharing(twoPanels),
			Act: func(w *crash.World) {
				panelEdited(w, "one", map[string]any{"name": "Theirs", "model": map[string]any{"type": "stat"}})
			},
			After: panelHas("one", "first"),
		},
		{
			Name: "library panel deleted by a person", Before: sharing(twoPanels),
			Act: func(w *crash.World) {
				w.Grafana.Do(http.MethodDelete, "/api/dashboards/uid/"+string(crash.UIDFor(crash.Sharing(""))), 3, nil)
				w.Grafana.Do(
					http.MethodDelete,
					"/api/library-elements/"+crash.PanelUID(crash.Sharing(""), "one"),
					3,
					nil,
				)
				resyncs(w)
			},
			After: panelHas("one", "first"),
		},
		{
			Name: "library panel of a deleted dashboard that a person's uses", Before: func(w *crash.World) {
				sharing(twoPanels)(w)
				w.MustRest()
				theirUse(w, "one")
			},
			Act:   func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After: panelsAre("Shared one"),
		},
		{
			Name: "library panel of a deleted dashboard that a person's in schema v2 uses", Only: "12.4.0",
			Before: func(w *crash.World) {
				sharing(twoPanels)(w)
				w.MustRest()
				theirUseInSchema2(w, "one")
			},
			Act:   func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After: panelsAre("Shared one"),
		},
		{
			Name: "library panel moved by a person", Before: func(w *crash.World) {
				withFolders(w)
				w.Create(crash.Sharing(twoPanels, inFolderUID("team")))
			},
			Act:   func(w *crash.World) { panelMoved(w, crash.Sharing("", inFolderUID("team"))) },
			After: panelsAre("Shared one", "Shared two"),
		},
		{
			Name: "library panel moved by a person out of none", Before: func(w *crash.World) {
				withFolders(w)
				w.Create(crash.Sharing(twoPanels))
			},
			Act:   func(w *crash.World) { panelMoved(w, crash.Sharing("")) },
			After: isTold(`library panel "Shared one" was moved in Grafana into folder "theirs"`),
		},
		{
			Name: "library panel of a person beside ours", Before: func(w *crash.World) {
				crash.WithOrg(w)
				w.MustRest()
				w.Grafana.Do(http.MethodPost, "/api/library-elements", 3, map[string]any{
					"uid": "one", "name": "Foreign panel", "kind": 1, "model": map[string]any{"type": "stat"},
				})
				w.Create(crash.Sharing(twoPanels))
			},
			Act:   func(w *crash.World) { w.Delete(crash.Sharing("")) },
			After: panelsAre("Foreign panel"),
		},
		{
			Name: "library panel whose name another of ours has", Only: "10.4.3",
			Before: sharing(crash.WithPanels("Errors", "one", "first"), called("other")),
			Act: func(w *crash.World) {
				w.Create(crash.Sharing(strings.ReplaceAll(
					crash.WithPanels("Requests", "two", "second"), "Shared two", "Shared one")))
			},
			Stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists}, Kept: true,
			After: func(w *crash.World) error {
				d := crash.Sharing("")
				w.Get(d)
				if message := suite.MessageOf(d); !strings.Contains(message, "another name in its source") {
					return fmt.Errorf("it is told: %s", message)
				}
				return nil
			},
		},
		{
			Name: "library panel whose name a person's has", Only: "10.4.3", Before: func(w *crash.World) {
				crash.WithOrg(w)
				w.MustRest()
				w.Grafana.Do(http.MethodPost, "/api/library-elements", 3, map[string]any{
					"uid": "theirs", "name": "Shared one", "kind": 1, "model": map[string]any{"type": "stat"},
				})
			},
			Act:     func(w *crash.World) { w.Create(crash.Sharing(twoPanels)) },
			Stalled: map[string]string{"Dashboard": v1alpha1.ReasonAlreadyExists}, Kept: true,
			After: func(w *crash.World) error {
				if d := w.Grafana.Dashboards(3); len(d) > 0 {
					return fmt.Errorf("there is %+v", d)
				}
				return nil
			},
		},
	}
}
