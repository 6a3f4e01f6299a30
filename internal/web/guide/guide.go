// Package guide shows how people do to a service what they did to it on machines: an action each, closed until it is asked for,
// and in it the command lines of each environment side by side. It arranges what a how.Guide says and adds nothing.
package guide

import (
	"cmp"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
)

// View is everything that can be done to one service.
type View struct{ how.Guide }

// production reports whether an answer warns of a change anywhere.
func production(a how.Answer) bool {
	return slices.ContainsFunc(a.Recipes, func(r how.Recipe) bool { return r.Warning != "" })
}

// sides are an answer's recipes for machines and those for clusters, which stand beside each other; one when all are of one kind.
func sides(a how.Answer) [][]how.Recipe {
	var out [][]how.Recipe
	for _, clusters := range []bool{false, true} {
		side := slices.DeleteFunc(slices.Clone(a.Recipes), func(r how.Recipe) bool { return (r.Kind == "kubernetes") != clusters })
		if len(side) > 0 {
			out = append(out, side)
		}
	}
	return out
}

// named is an environment for people.
func named(env estate.EnvironmentName) string { return cmp.Or(string(env), "today") }

// kind is what an environment is made of, for people.
func kind(r how.Recipe) string {
	switch r.Kind {
	case "kubernetes":
		return "Kubernetes"
	case "vm":
		return "machines"
	}
	return "unknown kind"
}

// anchor is the part of the page that an action is. It is inside of what is closed, so that a link to it opens that.
func anchor(a how.Action) string { return "how-" + string(a) }
