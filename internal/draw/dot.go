package draw

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// DOT draws every service and connection for Graphviz, teams as clusters.
func DOT(g depmap.Graph, o Options) []byte {
	d := prepare(g, o)
	var b bytes.Buffer
	fmt.Fprintf(&b, "digraph caravan {\n  label=%s; labelloc=t; rankdir=LR; fontname=\"Helvetica\";\n", dotText(heading(d, o, g.Digest)))
	b.WriteString("  node [fontname=\"Helvetica\", fontsize=11, style=filled, fillcolor=white];\n  edge [color=\"#57534e\"];\n")
	for i, team := range d.teams {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s; style=\"rounded,filled\"; color=\"#d6d3d1\"; fillcolor=%q;\n", i, dotText(team), tint(i))
		for _, n := range d.nodes {
			if n.team == team {
				fmt.Fprintf(&b, "    %s\n", dotNode(n))
			}
		}
		b.WriteString("  }\n")
	}
	for _, n := range d.nodes {
		if n.team == "" {
			fmt.Fprintf(&b, "  %s\n", dotNode(n))
		}
	}
	for _, l := range d.lines {
		fmt.Fprintf(&b, "  %s -> %s [tooltip=%s%s];\n", dotText(d.nodes[l.from].id), dotText(d.nodes[l.to].id), dotText(strings.Join(l.kinds, ", ")), dotLine(l))
	}
	b.WriteString("}\n")
	return b.Bytes()
}

func dotNode(n node) string {
	shape := map[estate.Kind]string{estate.Datastore: "cylinder", estate.External: "octagon", estate.Host: "box3d"}[n.kind]
	if shape == "" {
		shape = "box"
	}
	return fmt.Sprintf("%s [label=%s, tooltip=%s, shape=%s];", dotText(n.id), dotText(n.label), dotText(n.note), shape)
}

func dotLine(l line) string {
	var b strings.Builder
	if l.infra {
		b.WriteString(`, color="#d6d3d1"`)
	} else if l.circle {
		b.WriteString(`, color="#b4480f"`)
	}
	if l.confidence < unsure {
		b.WriteString(", style=dashed")
	}
	return b.String()
}

// dotText quotes s. Backslashes are doubled, as labels give "\N" and the like a meaning.
func dotText(s string) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
