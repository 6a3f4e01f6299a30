package draw

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Measures of the page, in pixels.
const (
	margin     = 32.0
	headHeight = 64.0
	boxHeight  = 44.0
	mostLabel  = 220.0
	nameSize   = 13.0
	noteSize   = 10.5
	narrowest  = 820.0 // what the legend needs
	unsure     = 0.5   // connections less sure than this are dashed
)

// style holds the picture's looks. Colours are light on purpose: the file is for documents and printing.
const style = `
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1c1917}
.title{font-size:20px;font-weight:600}.sub,.note,.legend{fill:#57534e}.sub{font-size:12px}.legend{font-size:11px}
.name{font-size:13px;font-weight:600}.note{font-size:10.5px}
.box{stroke-width:1.5;stroke:#44403c}.datastore .box{stroke:#0f6b5c}.external .box{stroke:#6d4aa5;stroke-dasharray:5 3}.host .box{stroke:#8a5a14}
.infra .box{stroke:#a8a29e}.infra .name{fill:#57534e;font-weight:500}
.line{fill:none;stroke:#78716c;stroke-width:1.3}.line.circle{stroke:#b4480f;stroke-width:1.8}.line.unsure{stroke-dasharray:5 4}.line.infra{stroke:#d6d3d1;stroke-width:1}.line.between{stroke-opacity:.45}
`

// SVG draws the graph as one picture with title and legend. Every service and connection is in it, each with its
// facts as a tool tip; above Options.CollapseAbove services it shows clusters and their strongest connections instead.
func SVG(g depmap.Graph, o Options) []byte {
	d := choose(g, o)
	boxes, links := measured(d)
	width, height := placed(d, boxes, links)
	legend := legendOf(d)
	width = max(width, textWidth(o.title(), 20), narrowest)
	var b bytes.Buffer
	w, h := width+2*margin, headHeight+height+2*margin+36+float64(20*len(legend)-20)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, w, h, w, h, text(o.title()))
	fmt.Fprintf(&b, "\n<style>%s</style>\n<defs>%s%s%s</defs>\n", style, arrow("end", "#78716c"), arrow("circle", "#b4480f"), arrow("infra", "#d6d3d1"))
	fmt.Fprintf(&b, "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n<text class=\"title\" x=\"%.0f\" y=\"42\">%s</text>\n<text class=\"sub\" x=\"%.0f\" y=\"62\">%s</text>\n",
		margin, text(o.title()), margin, text(facts(d, o, g.Digest)))
	fmt.Fprintf(&b, "<g transform=\"translate(%.0f %.0f)\">\n", margin, headHeight+margin)
	for i, l := range d.lines {
		writeLine(&b, d, l, links[i])
	}
	for i, n := range d.nodes {
		writeNode(&b, d, n, boxes[i])
	}
	b.WriteString("</g>\n")
	for i, entry := range legend {
		fmt.Fprintf(&b, "<g transform=\"translate(%.0f %.1f)\">%s</g>\n", margin, headHeight+margin+height+36+float64(20*i), entry)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func heading(d drawing, o Options, digest estate.Digest) string {
	return o.title() + ": " + facts(d, o, digest)
}

func facts(d drawing, o Options, digest estate.Digest) string {
	out := counted(d.services, "service") + " · " + counted(d.edges, "edge")
	if d.cluster {
		out += " · " + counted(len(d.nodes), "group")
	}
	if d.dropped > 0 {
		out += fmt.Sprintf(" · the strongest %d of %d connections between groups", len(d.lines), len(d.lines)+d.dropped)
	}
	if o.HideInfrastructure {
		out += " · without infrastructure"
	}
	if o.ReadAt != "" {
		out += " · read " + o.ReadAt
	}
	if digest != "" {
		out += " · " + string(digest)[:min(19, len(digest))]
	}
	return out
}

// measured gives each node a box its text fits into.
func measured(d drawing) ([]box, []link) {
	boxes := make([]box, len(d.nodes))
	for i, n := range d.nodes {
		w := max(textWidth(fitted(n.label, nameSize), nameSize), textWidth(fitted(n.note, noteSize), noteSize))
		boxes[i] = box{w: max(96, w+28), h: boxHeight}
	}
	links := make([]link, len(d.lines))
	for i, l := range d.lines {
		links[i] = link{from: l.from, to: l.to}
	}
	return boxes, links
}

// placed lays out what is connected in layers, and below it, in rows, what stands alone.
func placed(d drawing, boxes []box, links []link) (width, height float64) {
	connected := make([]bool, len(boxes))
	for _, l := range links {
		connected[l.from], connected[l.to] = true, true
	}
	var some []box
	index := make([]int, len(boxes))
	for i, b := range boxes {
		if connected[i] {
			index[i] = len(some)
			some = append(some, b)
		}
	}
	for i := range links {
		links[i].from, links[i].to = index[links[i].from], index[links[i].to]
	}
	width, height = arrange(some, links)
	if d.cluster && width > 4*height {
		width, height = tiled(some, links, d.lines)
	}
	for i := range boxes {
		if connected[i] {
			boxes[i] = some[index[i]]
		}
	}
	return rows(boxes, connected, max(width, narrowest), width, height)
}

func rows(boxes []box, connected []bool, room, width, height float64) (float64, float64) {
	x, y := 0.0, height
	if height > 0 {
		y += 2 * rowGap
	}
	alone := false
	for i := range boxes {
		if connected[i] {
			continue
		}
		if x > 0 && x+boxes[i].w > room {
			x, y = 0, y+boxHeight+rowGap
		}
		boxes[i].x, boxes[i].y = x+boxes[i].w/2, y+boxHeight/2
		x += boxes[i].w + rowGap
		width, alone = max(width, x-rowGap), true
	}
	if alone {
		height = y + boxHeight
	}
	return width, height
}

func writeNode(b *bytes.Buffer, d drawing, n node, at box) {
	class := string(n.kind)
	if n.infra {
		class += " infra"
	}
	fill := "#ffffff"
	for i, team := range d.teams {
		if team == n.team {
			fill = tint(i)
		}
	}
	attribute := "data-service"
	if d.cluster {
		attribute, fill = "data-group", "#fafaf9"
	}
	fmt.Fprintf(b, "<g class=\"node %s\" %s=\"%s\" data-box=\"%.1f %.1f %.1f %.1f\"><title>%s</title>", text(class), attribute, text(n.id),
		at.x-at.w/2, at.y-at.h/2, at.w, at.h, text(joined(n.label, n.note)))
	b.WriteString(shape(n, at, fill))
	middle := at.y
	if n.kind == estate.Datastore {
		middle += 3 // below the lid
	}
	label, note := fitted(n.label, nameSize), fitted(n.note, noteSize)
	if note == "" {
		fmt.Fprintf(b, "<text class=\"name\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text></g>\n", at.x, middle+4.5, text(label))
		return
	}
	fmt.Fprintf(b, "<text class=\"name\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>", at.x, middle-1.5, text(label))
	fmt.Fprintf(b, "<text class=\"note\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text></g>\n", at.x, middle+12, text(note))
}

// shape tells kinds apart without colour: service rounded, datastore a drum, external cut at the corners, host square
// with a double side; a cluster is a pile.
func shape(n node, at box, fill string) string {
	x, y, w, h := at.x-at.w/2, at.y-at.h/2, at.w, at.h
	switch {
	case n.members > 0:
		return fmt.Sprintf(`<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8" fill="#f5f5f4"/><rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8" fill="%s"/>`,
			x+4, y+4, w-4, h-4, x, y, w-4, h-4, fill)
	case n.kind == estate.Datastore:
		return fmt.Sprintf(`<path class="box" fill="%s" d="M%.1f %.1fv%.1fc0 6 %.1f 6 %.1f 0v-%.1fc0 -6 -%.1f -6 -%.1f 0c0 6 %.1f 6 %.1f 0"/>`,
			fill, x, y+4, h-8, w, w, h-8, w, w, w, w)
	case n.kind == estate.External:
		return fmt.Sprintf(`<path class="box" fill="%s" d="M%.1f %.1fh%.1fl8 8v%.1fl-8 8h-%.1fl-8 -8v-%.1fz"/>`, fill, x+8, y, w-16, h-16, w-16, h-16)
	case n.kind == estate.Host:
		return fmt.Sprintf(`<path class="box" fill="%s" d="M%.1f %.1fh%.1fv%.1fh-%.1fzM%.1f %.1fv%.1f"/>`, fill, x, y, w, h, w, x+6, y, h)
	}
	return fmt.Sprintf(`<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8" fill="%s"/>`, x, y, w, h, fill)
}

func writeLine(b *bytes.Buffer, d drawing, l line, at link) {
	class, marker := "line", "end"
	if l.circle {
		class, marker = class+" circle", "circle"
	}
	if l.infra {
		class, marker = class+" infra", "infra"
	}
	if l.confidence < unsure {
		class += " unsure"
	}
	if len(at.points) == 2 {
		class += " between"
	}
	from, to := d.nodes[l.from], d.nodes[l.to]
	side := "end"
	if at.back {
		side = "start"
	}
	thick := ""
	if l.count > 1 && d.cluster {
		thick = fmt.Sprintf(` stroke-width="%.1f" style="stroke-width:%.1fpx"`, min(6, 1+float64(l.count)/12), min(6, 1+float64(l.count)/12))
	}
	tip := fmt.Sprintf("%s needs %s: %s, sure to %.0f %%", from.label, to.label, strings.Join(l.kinds, ", "), l.confidence*100)
	if d.cluster {
		tip = fmt.Sprintf("%s needs %s: %s", from.label, to.label, counted(l.count, "edge"))
	}
	fmt.Fprintf(b, "<path class=\"%s\"%s data-from=\"%s\" data-to=\"%s\" d=\"%s\" marker-%s=\"url(#%s)\"><title>%s</title></path>\n",
		class, thick, text(from.id), text(to.id), curve(at.points), side, marker, text(tip))
}

// curve joins the points: level across columns, an S between them.
func curve(points []point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%.1f %.1f", points[0].x, points[0].y)
	if len(points) == 2 {
		fmt.Fprintf(&b, "L%.1f %.1f", points[1].x, points[1].y)
		return b.String()
	}
	for i := 1; i < len(points); i++ {
		p, q := points[i-1], points[i]
		if i%2 == 1 {
			if q.x-p.x > 0.05 {
				fmt.Fprintf(&b, "H%.1f", q.x)
			}
			continue
		}
		middle := (p.x + q.x) / 2
		fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", middle, p.y, middle, q.y, q.x, q.y)
	}
	return b.String()
}

func arrow(id, colour string) string {
	return fmt.Sprintf(`<marker id="%s" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0.5 8 4 0 7.5z" fill="%s"/></marker>`, id, colour)
}

// legendOf explains the shapes and lines, then the tints of the teams, eight to a row.
func legendOf(d drawing) []string {
	if d.cluster {
		return []string{`<text class="legend">A box is a group of services. The thicker a line, the more edges it stands for; an arrow points at what is needed.</text>`}
	}
	var first strings.Builder
	x := 0.0
	add := func(drawn, label string) {
		fmt.Fprintf(&first, `<g transform="translate(%.0f 0)">%s<text class="legend" x="32">%s</text></g>`, x, drawn, label)
		x += 32 + textWidth(label, 11) + 18
	}
	for _, kind := range []estate.Kind{estate.Service, estate.Datastore, estate.External, estate.Host} {
		at := box{w: 24, h: 14, x: 12, y: -4}
		if kind == estate.Datastore {
			at.h = 16
		}
		add(fmt.Sprintf(`<g class="%s">%s</g>`, kind, shape(node{kind: kind}, at, "#ffffff")), string(kind))
	}
	for _, l := range [][2]string{{"line", "needs"}, {"line circle", "in a circle"}, {"line unsure", "less sure"}, {"line infra", "infrastructure"}} {
		add(fmt.Sprintf(`<path class="%s" d="M0 -4H24"/>`, l[0]), l[1])
	}
	return append([]string{first.String()}, teamLegend(d.teams)...)
}

func teamLegend(teams []string) []string {
	var out []string
	var row strings.Builder
	x := 0.0
	for i, team := range teams {
		label := fitted(team, 11)
		fmt.Fprintf(&row, `<g transform="translate(%.0f 0)"><rect x="0" y="-10" width="14" height="14" rx="3" fill="%s" stroke="#a8a29e"/><text class="legend" x="20">%s</text></g>`, x, tint(i), text(label))
		x += 20 + textWidth(label, 11) + 16
		if x > 560 || i == len(teams)-1 {
			out = append(out, row.String())
			row.Reset()
			x = 0
		}
	}
	return out
}

// tint is the fill of the i-th team. After ten teams the tints come again; the team's name is in each box as well.
func tint(i int) string {
	tints := [...]string{"#fdf0d5", "#dcefe3", "#dfeaf7", "#f6e1e7", "#ebe4f5", "#e3f0f1", "#f3ead9", "#e9edd6", "#f9e4d4", "#e6e6ea"}
	return tints[i%len(tints)]
}

// text escapes s for XML text and attributes; what XML cannot hold becomes the replacement character.
func text(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}
