package main

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A picture is drawn on a plain ground, in colours that can be read on a light page and on a dark one.
type picture struct {
	name, title   string
	width, height int
	body          strings.Builder
	faults        []string
}

const style = `
text { font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; text-anchor: middle; }
.small { font-size: 12px; fill: #59636e; }
.left { text-anchor: start; }
.bold { font-weight: 600; }
.box { fill: #ddf4ff; stroke: #0969da; }
.kept { fill: #dafbe1; stroke: #1a7f37; }
.held { fill: #fff8c5; stroke: #9a6700; }
.area { fill: none; stroke: #818b98; stroke-dasharray: 4 4; }
.line { fill: none; stroke: #59636e; stroke-width: 1.5; }
.head { fill: #59636e; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .small { fill: #9198a1; }
  .box { fill: #121d2f; stroke: #4493f8; }
  .kept { fill: #12261e; stroke: #3fb950; }
  .held { fill: #272115; stroke: #d29922; }
  .line { stroke: #9198a1; }
  .head { fill: #9198a1; }
}
`

// String is the whole file.
func (p *picture) String() string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<!-- Made by make pictures: see hack/pictures. -->
<title>%s</title>
<style>%s</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">`+
		`<path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>
%s</svg>
`, p.width, p.height, p.width, p.height, escape(p.title), style, p.body.String())
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// place notes what would stand outside of the picture, or would not fit.
func (p *picture) place(x, y, w, h int, what string) {
	if x < 0 || y < 0 || x+w > p.width || y+h > p.height {
		p.faults = append(p.faults, fmt.Sprintf("%s: %q is outside", p.name, what))
	}
}

// wide is about how wide a text is, in the widest of the fonts.
func wide(text string, perLetter float64) int {
	return int(float64(utf8.RuneCountInString(text)) * perLetter)
}

// box is a frame with a name in it, and lines in small letters below that.
func (p *picture) box(class string, x, y, w, h int, name string, lines ...string) {
	p.place(x, y, w, h, name)
	fmt.Fprintf(&p.body, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/>`+"\n", class, x, y, w, h)
	top := y + h/2 - 8*len(lines) + 5
	p.text("bold", x+w/2, top, name)
	for i, line := range lines {
		if wide(line, 6.6) > w {
			p.faults = append(p.faults, fmt.Sprintf("%s: %q does not fit into its box", p.name, line))
		}
		p.text("small", x+w/2, top+18+16*i, line)
	}
}

// area is a dashed frame around boxes, with its name above them.
func (p *picture) area(x, y, w, h int, name string) {
	p.place(x, y, w, h, name)
	fmt.Fprintf(&p.body, `<rect class="area" x="%d" y="%d" width="%d" height="%d" rx="10"/>`+"\n", x, y, w, h)
	p.text("bold", x+w/2, y+24, name)
}

func (p *picture) text(class string, x, y int, text string) {
	p.place(x, y, 0, 0, text)
	fmt.Fprintf(&p.body, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, escape(text))
}

// arrow leads through points, given as x, y, x, y, and has its head at the last.
func (p *picture) arrow(points ...int) { p.path(` marker-end="url(#head)"`, points) }

// line is an arrow without a head.
func (p *picture) line(points ...int) { p.path("", points) }

func (p *picture) path(end string, points []int) {
	var d strings.Builder
	for i := 0; i < len(points); i += 2 {
		p.place(points[i], points[i+1], 0, 0, "a line")
		fmt.Fprintf(&d, "%c%d %d", "ML"[min(i, 1)], points[i], points[i+1])
	}
	fmt.Fprintf(&p.body, `<path class="line" d="%s"%s/>`+"\n", d.String(), end)
}
