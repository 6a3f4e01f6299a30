package workload

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// seenVariable is an environment variable as a reader saw it.
type seenVariable struct {
	value string
	rank  int // what is nearer to the running process counts more
	place estate.Place
}

// environment gives the process its variables: those it has where it runs today, and those with which an address in a file
// of its release is told otherwise.
func (p *proposer) environment() {
	found := p.variables()
	p.container.Variables = map[string]string{}
	for _, name := range sorted(found) {
		p.setVariable(name, found[name].value, found[name].place)
	}
	for _, u := range p.Uses {
		p.override(u)
	}
	p.credentials()
	if len(p.container.Variables) == 0 {
		p.container.Variables = nil
	}
}

// setVariable gives a variable a value in which the addresses of providers are placeholders. One that has a value keeps it.
func (p *proposer) setVariable(name, value string, at estate.Place) {
	if _, taken := p.container.Variables[name]; taken {
		return
	}
	if strings.Contains(value, "#{") || strings.Contains(value, "<%") {
		p.ask("variables", p.in("variables."+name), at, "%s is computed when it is deployed; it is left out until its value is written", name)
		return
	}
	p.container.Variables[name] = p.fill(name, value)
	p.seenAt(p.in("variables."+name), at)
}

// variables are the environment variables of the process in the environment it is taken from.
func (p *proposer) variables() map[string]seenVariable {
	out := map[string]seenVariable{}
	deployed := p.deployed()
	for _, s := range p.Component.Settings {
		if s.By == "compose" && deployed || !p.counts(s) {
			continue
		}
		name, rank := variableOf(s)
		if name == "" {
			continue
		}
		if old, ok := out[name]; !ok || rank > old.rank || rank == old.rank && s.Place.Compare(old.place) < 0 {
			out[name] = seenVariable{s.Value, rank, s.Place}
		}
	}
	return out
}

// counts reports whether a setting holds in the environment the service is taken from.
func (p *proposer) counts(s estate.Setting) bool {
	return (s.Environment == "" || s.Environment == p.Environment) && depmap.ProfileIn(s.Profile, p.Environment)
}

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	shouted      = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$|__`)
	// attributes of Chef that are handed to a process as they are: kopi.orders.env.LOG_LEVEL
	attribute = regexp.MustCompile(`(?:^|\.)(?:env|environment|env_vars|env_variables|environment_variables)\.([A-Za-z_][A-Za-z0-9_]*)$`)
)

// Ranks of readers: a file beside the code counts least, what a machine is configured with most.
const (
	rankCompose = iota
	rankLocal
	rankFile
	rankUnit
	rankManifest
	rankAttribute
)

// VariableOf is the environment variable that a setting is; "" for one in a file the process reads by itself, or that no process is given.
func VariableOf(s estate.Setting) string {
	name, _ := variableOf(s)
	return name
}

// RankOf orders settings that give a process the same variable: the nearer to the running process, the higher. Those in files are all the same.
func RankOf(s estate.Setting) int {
	_, rank := variableOf(s)
	return rank
}

// variableOf is the environment variable that a setting is; "" for one in a file the process reads by itself.
func variableOf(s estate.Setting) (name string, rank int) {
	file := path.Base(s.Place.File)
	switch s.By {
	case "compose":
		return only(variableName, s.Key), rankCompose
	case "kube":
		return only(variableName, s.Key), rankManifest
	case "systemd":
		if strings.HasSuffix(file, ".service") || strings.HasSuffix(file, ".conf") {
			return only(shouted, s.Key), rankUnit
		}
		return only(variableName, s.Key), rankUnit
	case "chef":
		if found := attribute.FindStringSubmatch(s.Key); found != nil {
			return found[1], rankAttribute + precedence(s.Layer)
		}
	case "settings":
		if strings.HasSuffix(file, ".env") && file != ".env" {
			return only(variableName, s.Key), rankFile
		}
		if strings.HasPrefix(file, ".env") {
			return only(variableName, s.Key), rankLocal
		}
	}
	return "", 0
}

func only(form *regexp.Regexp, key string) string {
	if form.MatchString(key) && variableName.MatchString(key) {
		return key
	}
	return ""
}

// levels are Chef's attribute levels, the weakest first, and for each where it may be set: docs.chef.io/attribute_precedence.
var levels = []struct {
	level  string
	places []string
}{
	{"default", []string{"cookbook", "recipe", "environment", "role"}},
	{"force_default", nil},
	{"normal", nil},
	{"override", []string{"cookbook", "recipe", "role", "environment"}},
	{"force_override", nil},
}

// precedence of the layer an attribute was set in; what is in a file alone is told by another layer too.
func precedence(layer string) int {
	const width = 10
	where, level, ok := strings.Cut(layer, "] ")
	if !ok {
		return 0
	}
	for i, l := range levels {
		if l.level == level {
			kind, _, _ := strings.Cut(where, "[")
			return (i+1)*width + slices.Index(l.places, kind)
		}
	}
	return 1
}
