package vm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/render"
)

// secretsPage says what a service needs that is in no bundle: which files, and in them key by key what is to be written.
func (e environment) secretsPage(s render.Service, programs []program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Secrets of %s\n\n", s.Name)
	asked := map[render.Piece]bool{}
	for _, p := range programs {
		e.secretVariables(&b, p, asked)
		e.secretDocuments(&b, p, asked)
	}
	if len(asked) == 0 {
		b.WriteString("None: nothing it is given has to be kept from those who read this bundle.\n")
		return b.String()
	}
	b.WriteString("## What the marks stand for\n\n| mark | secret | key |\n| --- | --- | --- |\n")
	all := slices.SortedFunc(maps.Keys(asked), func(a, b render.Piece) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Key, b.Key))
	})
	for _, p := range all {
		fmt.Fprintf(&b, "| `<%s of %s>` | `%s` | `%s` |\n", p.Key, p.Resource, p.Secret, p.Key)
	}
	return b.String()
}

func (e environment) secretVariables(b *strings.Builder, p program, asked map[render.Piece]bool) {
	if !p.secrets() {
		return
	}
	fmt.Fprintf(b, "Put a file `%s` (owner root, mode 0600) on %s, with these lines. In place of each\nmark goes what it stands for, with a `\\` before each `\"`, `\\`, `` ` `` and `$` in it.\n\n```\n",
		e.secretsAt(p), hostList(p.of.Hosts))
	for _, v := range p.variables {
		if v.Hidden() {
			b.WriteString(assignment(v.Name, v.Text()))
			note(v.Pieces, asked)
		}
	}
	b.WriteString("```\n\n")
}

func (e environment) secretDocuments(b *strings.Builder, p program, asked map[render.Piece]bool) {
	for _, d := range p.files {
		if !d.hidden() {
			continue
		}
		fmt.Fprintf(b, "Put a file `%s` (owner %s, mode 0400) on %s; the process finds it at `%s`:\n\n```\n%s\n```\n\n",
			d.from, p.user, hostList(p.of.Hosts), d.at, strings.TrimSuffix(render.Form(d.pieces), "\n"))
		note(d.pieces, asked)
	}
}

// note keeps the pieces of a value that are kept elsewhere.
func note(pieces []render.Piece, asked map[render.Piece]bool) {
	for _, p := range pieces {
		if p.Hidden() {
			asked[p] = true
		}
	}
}

// hostList names machines for people.
func hostList(hosts []string) string {
	if len(hosts) == 0 {
		return "each of its machines"
	}
	return strings.Join(hosts, ", ")
}
