package draw

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Mermaid draws the graph for Markdown pages, teams as subgraphs; a large one by clusters, as Mermaid itself
// gives up on it.
func Mermaid(g depmap.Graph, o Options) []byte {
	d := choose(g, o)
	var b bytes.Buffer
	fmt.Fprintf(&b, "flowchart LR\n  %%%% %s\n", mermaidText(heading(d, o, g.Digest)))
	for i, team := range d.teams {
		fmt.Fprintf(&b, "  subgraph t%d[\"%s\"]\n", i, mermaidText(team))
		for j, n := range d.nodes {
			if n.team == team {
				fmt.Fprintf(&b, "    %s\n", mermaidNode(j, n))
			}
		}
		b.WriteString("  end\n")
	}
	for j, n := range d.nodes {
		if n.team == "" || d.cluster {
			fmt.Fprintf(&b, "  %s\n", mermaidNode(j, n))
		}
	}
	for _, l := range d.lines {
		arrow := "-->"
		if l.infra || l.confidence < unsure {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  n%d %s n%d\n", l.from, arrow, l.to)
	}
	return b.Bytes()
}

func choose(g depmap.Graph, o Options) drawing {
	d := prepare(g, o)
	if o.collapses(len(d.nodes)) {
		return collapse(g, o)
	}
	return d
}

func mermaidNode(i int, n node) string {
	shape := "[\"%s\"]"
	switch n.kind {
	case estate.Datastore:
		shape = "[(\"%s\")]"
	case estate.External:
		shape = "{{\"%s\"}}"
	case estate.Host:
		shape = "[[\"%s\"]]"
	}
	return fmt.Sprintf("n%d", i) + fmt.Sprintf(shape, mermaidText(n.label))
}

// mermaidText writes everything but letters, digits and a few harmless marks as Mermaid's numeric entities.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "�") {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune(" -_./:,·", r):
			b.WriteRune(r)
		case unicode.IsControl(r):
			b.WriteByte(' ')
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
