package depmap

import (
	"fmt"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
)

// Diff lists what changed from old to new, in the order of the graphs. Evidence that only moved to another line is
// no change; evidence that came or went is.
func Diff(old, new Graph) Difference {
	d := Difference{Old: old.Digest, New: new.Digest}
	diffSorted(old.Services, new.Services, func(s Service) string { return string(s.Name) },
		func(s Service) { d.ServicesRemoved = append(d.ServicesRemoved, s) },
		func(s Service) { d.ServicesAdded = append(d.ServicesAdded, s) },
		func(a, b Service) { d.ServicesChanged = append(d.ServicesChanged, serviceChanges(a, b)...) })
	diffSorted(old.Edges, new.Edges, edgeID,
		func(e Edge) { d.EdgesRemoved = append(d.EdgesRemoved, e) },
		func(e Edge) { d.EdgesAdded = append(d.EdgesAdded, e) },
		func(a, b Edge) { d.EdgesChanged = append(d.EdgesChanged, edgeChanges(a, b)...) })
	return d
}

// Empty reports whether nothing changed.
func (d Difference) Empty() bool {
	return len(d.ServicesAdded)+len(d.ServicesRemoved)+len(d.ServicesChanged)+len(d.EdgesAdded)+len(d.EdgesRemoved)+len(d.EdgesChanged) == 0
}

func edgeID(e Edge) string { return string(e.From) + "\x00" + string(e.To) + "\x00" + string(e.Kind) }

// diffSorted walks two lists that are sorted by id and reports what only one has, and what both have.
func diffSorted[T any](old, new []T, id func(T) string, removed, added func(T), both func(a, b T)) {
	i, j := 0, 0
	for i < len(old) || j < len(new) {
		switch {
		case j == len(new) || i < len(old) && id(old[i]) < id(new[j]):
			removed(old[i])
			i++
		case i == len(old) || id(new[j]) < id(old[i]):
			added(new[j])
			j++
		default:
			both(old[i], new[j])
			i, j = i+1, j+1
		}
	}
}

func serviceChanges(a, b Service) []Change {
	what := "service " + string(a.Name)
	return changes(what, []field{
		{"kind", string(a.Kind), string(b.Kind)},
		{"technology", a.Technology, b.Technology},
		{"role", a.Role, b.Role},
		{"team", string(a.Team), string(b.Team)},
		{"environments", join(a.Environments), join(b.Environments)},
		{"hosts", join(a.Hosts), join(b.Hosts)},
		{"ports", fmt.Sprint(a.Ports), fmt.Sprint(b.Ports)},
		{"names", aliasText(a.Names), aliasText(b.Names)},
	})
}

func edgeChanges(a, b Edge) []Change {
	what := fmt.Sprintf("edge %s → %s (%s)", a.From, a.To, a.Kind)
	return changes(what, []field{
		{"port", strconv.Itoa(a.Port), strconv.Itoa(b.Port)},
		{"confidence", fmt.Sprintf("%.2f", a.Confidence), fmt.Sprintf("%.2f", b.Confidence)},
		{"origin", string(a.Origin), string(b.Origin)},
		{"seen", seenText(a), seenText(b)},
		{"evidence", evidenceText(a.Evidence), evidenceText(b.Evidence)},
	})
}

type field struct{ name, old, new string }

func changes(what string, fields []field) []Change {
	var out []Change
	for _, f := range fields {
		if f.old != f.new {
			out = append(out, Change{What: what, Field: f.name, Old: f.old, New: f.new})
		}
	}
	return out
}

func join[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

func aliasText(names []estate.Alias) string {
	var words []string
	for _, a := range names {
		words = append(words, a.Kind+" "+a.Value)
	}
	return strings.Join(words, ", ")
}

// seenText leaves out times: a connection is seen at another one in every snapshot.
func seenText(e Edge) string {
	if e.Seen == nil {
		return ""
	}
	return string(e.Seen.State)
}

// evidenceText leaves out line numbers, for a line that only moved is the same evidence, and single connections.
func evidenceText(list []Evidence) string {
	var words []string
	for _, e := range list {
		if e.Observed() {
			continue
		}
		words = append(words, e.Place.File+" "+e.Key+"="+e.Value)
	}
	return strings.Join(words, "; ")
}
