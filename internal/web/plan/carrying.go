package plan

import (
	"cmp"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/web/shell"
)

// path is how a member was come to: from something wanted.
func path(names []estate.ServiceName) string { return strings.Join(shell.Texts(names), " → ") }

// size says how large a datastore is.
func size(d expansion.Datastore) string {
	parts := []string{shell.Count(d.Instances, "instance")}
	if d.Memory != "" {
		parts = append(parts, d.Memory+" memory")
	}
	if d.Storage != "" {
		parts = append(parts, d.Storage+" disk")
	}
	return strings.Join(parts, ", ")
}

// databases lists the databases of a server with whom they are for.
func databases(d expansion.Datastore) string {
	var out []string
	for _, one := range d.Databases {
		out = append(out, one.Name+" for "+string(one.For))
	}
	return strings.Join(out, ", ")
}

func placed(p expansion.Placement) string {
	if p.Kind == "kubernetes" {
		return "Runs in the cluster"
	}
	return "Runs on machines"
}

func side(kind string) string {
	if kind == "kubernetes" {
		return "cluster"
	}
	return "machines"
}

// stepAnchor is where a step is on the page.
func stepAnchor(id journey.StepID) string { return anchor("step", string(id)) }

// subject is what a step is about: a service, or the whole environment.
func subject(s journey.Step) string {
	return cmp.Or(string(s.Subject), string(s.Environment))
}

// tally says what a wave is made of: "2 datastores, 1 stub".
func tally(wave []journey.Step) string {
	var out []string
	for _, k := range journey.Kinds() {
		of := slices.DeleteFunc(slices.Clone(wave), func(s journey.Step) bool { return s.Kind != k })
		switch {
		case len(of) == 0:
		case k == journey.Addresses, k == journey.Access:
			out = append(out, kindWord(k)+" of "+shell.Count(len(of), "environment"))
		case k == journey.Configuration, k == journey.Switch, k == journey.Traffic:
			out = append(out, kindWord(k)+" of "+shell.Number(len(of)))
		default:
			out = append(out, shell.Count(len(of), kindWord(k)))
		}
	}
	return strings.Join(out, ", ")
}
