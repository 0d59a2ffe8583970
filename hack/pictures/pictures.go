package main

// kinds shows what refers to what, and who owns it.
func kinds() *picture {
	p := &picture{
		name:   "kinds",
		width:  900,
		height: 520,
		title:  "The kinds: the platform team owns Instance, Organization and User; tenants own what is in an organization",
	}
	p.area(10, 10, 240, 500, "platform team")
	p.area(365, 10, 525, 500, "tenant")

	p.box("box", 35, 60, 190, 56, "Organization", "one tenant's place")
	p.box("box", 35, 190, 190, 56, "Instance", "a Grafana and its credential")
	p.box("box", 35, 320, 190, 56, "User", "a login on that Grafana")
	p.box("kept", 35, 430, 190, 56, "Secret", "with its password")
	p.arrow(130, 116, 130, 190)
	p.text("small left", 137, 158, "instanceRef")
	p.arrow(130, 320, 130, 246)
	p.text("small left", 137, 288, "instanceRef")
	p.arrow(130, 376, 130, 430)

	for i, child := range [][2]string{
		{"ServiceAccount", "a machine's account"},
		{"Folder", "and who may do what in it"},
		{"Dashboard", "from JSON, files, urls"},
		{"DataSource", "with secrets from Secrets"},
		{"Team", "and who is in it"},
		{"Membership", "who is in the organization"},
	} {
		y := 60 + 75*i
		p.box("box", 385, y, 190, 56, child[0], child[1])
		p.line(385, y+28, 307, y+28)
	}
	p.line(307, 463, 307, 88)
	p.arrow(307, 88, 225, 88)
	p.text("small", 307, 482, "organizationRef")

	p.box("box", 690, 60, 185, 56, "ServiceAccountToken", "one live key")
	p.arrow(690, 88, 575, 88)
	p.text("small", 633, 80, "serviceAccountRef")
	p.box("kept", 690, 190, 185, 56, "Secret", "with the key")
	p.arrow(782, 116, 782, 190)
	p.text("small left", 790, 158, "keeps it in")
	p.arrow(480, 210, 480, 191)
	p.text("small left", 488, 205, "folder.ref")
	p.box("box", 690, 300, 185, 56, "DashboardSet", "one for many organizations")
	p.arrow(690, 328, 632, 328, 632, 238, 575, 238)
	p.text("small left", 640, 290, "makes")
	p.box("box", 690, 375, 185, 56, "DataSourceSet", "one for many organizations")
	p.arrow(690, 403, 610, 403, 610, 313, 575, 313)
	return p
}

// tokenLife shows two keys of a ServiceAccountToken, one after the other.
func tokenLife() *picture {
	p := &picture{
		name: "token-life", width: 860, height: 340,
		title: "A token's life: the next key is in the Secret before the last one expires, and both work for a while",
	}
	p.text("bold left", 20, 30, "How a key is made")
	steps := [][]string{
		{"rehearse", "may the Secret", "be written?"},
		{"create", "the token in Grafana,", "under its mark"},
		{"keep", "the key in the Secret,", "in one write"},
		{"prove", "ask Grafana", "with the key"},
	}
	for i, step := range steps {
		x := 20 + 212*i
		p.box("box", x, 45, 180, 66, step[0], step[1:]...)
		if i > 0 {
			p.arrow(x-32, 78, x, 78)
		}
	}
	p.text("small left", 20, 134, "Killed on the way, the next run finds the token by its mark: "+
		"one that no Secret holds is revoked, and another one is made.")

	p.text("bold left", 20, 180, "How keys follow each other")
	p.text("small", 660, 184, "rotation.before")
	p.line(560, 190, 760, 190)
	p.line(560, 184, 560, 196)
	p.line(760, 184, 760, 196)
	p.box("kept", 120, 205, 440, 34, "key 1 in the Secret")
	p.box("held", 560, 205, 90, 34, "overlap")
	p.box("kept", 560, 250, 280, 34, "key 2 in the Secret")
	p.text("small", 60, 227, "works in")
	p.text("small", 60, 243, "Grafana")
	for _, mark := range []struct {
		x    int
		text string
	}{{120, "made"}, {560, "rotated"}, {650, "key 1 revoked"}, {760, "key 1 would expire"}} {
		p.line(mark.x, 295, mark.x, 309)
		p.text("small", mark.x, 326, mark.text)
	}
	p.arrow(120, 302, 850, 302)
	return p
}

// ownership shows how the operator tells what is its own.
func ownership() *picture {
	p := &picture{
		name: "ownership", width: 1060, height: 390,
		title: "Ownership: an id proves nothing; only what carries the object's mark in Grafana is changed or deleted",
	}
	questions := [][]string{
		{"Is it there", "under the id", "in status?"},
		{"Does anything", "carry the mark", "of this object?"},
		{"Is the name", "or uid taken?"},
	}
	for i, q := range questions {
		x := 20 + 290*i
		p.box("box", x, 30, 190, 80, q[0], q[1:]...)
		if i > 0 {
			p.arrow(x-100, 70, x, 70)
			p.text("small", x-50, 62, "no")
		}
	}
	for i := range questions {
		x := 115 + 290*i
		p.arrow(x, 110, x, 160)
		p.text("small left", x+8, 140, "yes")
	}
	p.box("box", 20, 160, 190, 66, "Has it the mark?", "or another proof")
	p.box("kept", 310, 160, 190, 66, "Ours", "of an earlier life,", "or an answer was lost")
	p.box("box", 600, 160, 190, 66, "Do both sides", "let it be adopted?")
	p.arrow(115, 226, 115, 300)
	p.text("small left", 123, 266, "yes")
	p.arrow(210, 193, 260, 193, 260, 333, 310, 333)
	p.text("small", 235, 185, "no")
	p.arrow(695, 226, 695, 300)
	p.text("small left", 703, 266, "yes")
	p.arrow(600, 193, 550, 193, 550, 333, 500, 333)
	p.text("small", 575, 185, "no")
	p.arrow(790, 70, 880, 70)
	p.text("small", 835, 62, "no")
	p.box("kept", 880, 30, 160, 80, "Created", "with the mark", "from birth on")
	p.box("kept", 20, 300, 190, 66, "Ours", "changed and deleted")
	p.box("held", 310, 300, 190, 66, "Left alone", "Stalled, and the", "message says why")
	p.box("kept", 600, 300, 190, 66, "Adopted", "stays in Grafana when", "the object is deleted")
	return p
}
