package how

import (
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
)

// Subject is a service or datastore with everywhere it runs.
type Subject struct {
	Name       estate.ServiceName
	Kind       estate.Kind
	Technology string   // of a datastore
	Places     []Place  // those of today by name, then those that are planned
	Notes      []string // why a place is missing, one line each
}

// Place is one environment that a subject runs in. Exactly one of Cluster and Machines is given, or neither when nothing tells
// of which kind the environment is.
type Place struct {
	Environment estate.EnvironmentName // "" when nothing names one
	Expansion   string                 // that plans it; "" for what runs today
	Cluster     *Cluster
	Machines    *Machines
	Callers     []estate.ServiceName
	Ports       []int    // it listens on
	Health      string   // path of the request that tells whether it is well; "" when none is known
	Names       []string // by which it calls others
	Stores      []Store  // it keeps data in; of a datastore itself
}

// Cluster is a place of kind "kubernetes". What is not known is left empty.
type Cluster struct {
	kube.Names
	Rendered bool // the names are Caravan's own, with all that is rendered beside them
}

// Machines is a place of kind "vm". What is not known is left empty.
type Machines struct {
	Hosts     []string
	Units     []Known // with ".service"
	Beside    []string
	User      Known
	Folder    Known // its process starts in
	Current   string
	Releases  string
	Files     []Known
	Variables string // file of the variables that are no secrets, one of Files
	Data      []string
	Health    string   // script that asks whether it is well
	Release   string   // script that puts a release in place
	Drain     string   // mark that keeps it out of balance
	Secrets   []string // files that are put there by hand
	Patroni   string   // configuration of Patroni
	Version   Known    // where today's release is written
	Writer    string   // what writes its files: "Chef"; "" when nothing is known to
	Share     render.Share
	Bundle    string // folder of its files in what is rendered
}

// Known is a value with the line it is from.
type Known struct {
	Value string
	Place estate.Place
}

// Store is a database, cache or broker, seen from who uses it.
type Store struct {
	Name       estate.ServiceName
	Technology string
	Host       string // by which it is called; "" when unknown
	Port       int
	Database   string
	User       string
	Secret     string   // that holds the password; "" when unknown
	Machines   []string // it runs on
	Namespace  string   // it runs in, when that is in the same cluster
}

// trial are the words by which people call environments that are not production.
var trial = []string{"dev", "development", "test", "testing", "qa", "uat", "stg", "stage", "staging", "sandbox", "demo", "preview", "preprod", "nonprod", "local", "ci", "lab"}

// production reports whether an environment is to be taken for one: its name says nothing else.
func production(name estate.EnvironmentName) bool {
	parts := strings.FieldsFunc(strings.ToLower(string(name)), func(r rune) bool { return r == '-' || r == '_' || r == '.' || r == '/' || r == ' ' })
	return !slices.ContainsFunc(parts, func(w string) bool { return slices.Contains(trial, w) })
}

// called is an environment for people.
func (p Place) called() string {
	if p.Environment == "" {
		return "the environment it runs in"
	}
	return string(p.Environment)
}

// kind of the environment: "kubernetes", "vm", or "" when unknown.
func (p Place) kind() string {
	switch {
	case p.Cluster != nil:
		return "kubernetes"
	case p.Machines != nil:
		return "vm"
	}
	return ""
}

// where it runs, for people.
func (p Place) where() string {
	switch {
	case p.Cluster != nil && p.Cluster.Namespace == "":
		return p.Cluster.Kind + "/" + p.Cluster.Name
	case p.Cluster != nil:
		return "namespace " + p.Cluster.Namespace + ", " + p.Cluster.Kind + "/" + p.Cluster.Name
	case p.Machines != nil && len(p.Machines.Hosts) > 0:
		return strings.Join(p.Machines.Hosts, ", ")
	}
	return ""
}

// mostNamed is how many callers are named before the rest is counted.
const mostNamed = 4

// callers for people; "" when there are none.
func (p Place) callers() string { return listed(p.Callers) }
