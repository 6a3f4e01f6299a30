package cluster

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/why"
)

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return clean(line)
}

// longest is how much of a line is kept.
const longest = 600

// clean is a text that may be shown: without secrets, and not endless.
func clean(text string) string {
	text = redact.Text(strings.TrimRight(text, "\r\n "))
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// sortEvidence puts what came in any order into a fixed one.
func sortEvidence(e *why.Evidence) {
	slices.Sort(e.Unseen)
	e.Unseen = slices.Compact(e.Unseen)
	slices.SortFunc(e.Tries, func(a, b why.Try) int { return cmp.Or(a.Need-b.Need, cmp.Compare(a.From, b.From)) })
	slices.SortFunc(e.Lookups, func(a, b why.Lookup) int { return cmp.Or(a.Need-b.Need, cmp.Compare(a.From, b.From)) })
	c := e.InCluster
	slices.SortFunc(c.Services, func(a, b why.Service) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.References, func(a, b why.Reference) int {
		return cmp.Or(cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key), cmp.Compare(a.For, b.For))
	})
	slices.SortFunc(c.Providers, func(a, b why.Provider) int { return a.Need - b.Need })
	slices.SortFunc(c.Nodes, func(a, b why.Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Claims, func(a, b why.Claim) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(c.Events, func(a, b why.Event) int { return b.At.Compare(a.At) })
}
