package workspace

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Live is something that runs and is looked at by every scan, beside what is configured. Exactly one of Cluster and Machines is given.
type Live struct {
	Name        string                 `json:"name" jsonschema:"pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$" jsonschema_description:"Short name; the first part of the places of what is seen."`
	Environment estate.EnvironmentName `json:"environment" jsonschema_description:"Environment that it is."`
	Cluster     *Cluster               `json:"cluster,omitempty" jsonschema:"oneof_required=cluster" jsonschema_description:"Kubernetes cluster whose API server is asked."`
	Namespaces  []string               `json:"namespaces,omitempty" jsonschema_description:"Names or globs of the cluster's namespaces; all but kube-* when left out."`
	Connections bool                   `json:"connections,omitempty" jsonschema_description:"True to read the open connections of pods, by running cat in one container of each. Needs the right to create pods/exec."`
	Machines    *Machines              `json:"machines,omitempty" jsonschema:"oneof_required=machines" jsonschema_description:"How the environment's machines are reached over SSH."`
	Hosts       []string               `json:"hosts,omitempty" jsonschema_description:"Machines, as name=address or an address alone; when left out, those of the environment whose addresses the configuration says."`
	Inventory   string                 `json:"inventory,omitempty" jsonschema_description:"File with more of them, one a line; relative to this file."`
	Watch       time.Duration          `json:"watch,omitempty" jsonschema:"type=string" jsonschema_description:"How long connections of machines are watched, such as 5s, so that short ones are seen, too; at most 60s. One look when left out."`
}

// LiveHost is a machine to look at.
type LiveHost struct {
	Name    string // its address when nothing else is known
	Address netip.Addr
}

func live(r *document.Reader, n syntax.Node, at string) (l Live) {
	r.Object(n, at, []document.Field{
		document.Required("name", document.Text(&l.Name)),
		document.Required("environment", document.Text(&l.Environment)),
		document.Optional("cluster", func(r *document.Reader, n syntax.Node, at string) { l.Cluster = cluster(r, n, at) }),
		document.Optional("namespaces", document.Texts(&l.Namespaces)),
		document.Optional("connections", document.Boolean(&l.Connections)),
		document.Optional("machines", func(r *document.Reader, n syntax.Node, at string) { l.Machines = machines(r, n, at) }),
		document.Optional("hosts", document.Texts(&l.Hosts)),
		document.Optional("inventory", document.Text(&l.Inventory)),
		document.Optional("watch", document.Duration(&l.Watch)),
	})
	return l
}

// longestWatch is how long one machine may be watched within a scan.
const longestWatch = time.Minute

// checkLive reports live sources that lead nowhere or to two things, and words that are for the other sort.
func checkLive(r *document.Reader, w Workspace) {
	declared := names(w.Environments, func(e Environment) string { return string(e.Name) })
	r.Unique("live source", "live", names(w.Live, func(l Live) string { return l.Name }))
	sources := names(w.Sources, func(s Source) string { return s.Name })
	for i, l := range w.Live {
		at := fmt.Sprintf("live[%d]", i)
		reference(r, at+".environment", "environment", string(l.Environment), declared)
		if l.Name != "" && !sourceName.MatchString(l.Name) {
			r.At(at+".name", "live source name %q would not do as the first part of a place; use letters, digits, dots and dashes", l.Name)
		}
		for _, s := range sources {
			if s == l.Name {
				r.At(at+".name", "%q is a source of files, too; give each a name of its own, so that places tell them apart", l.Name)
			}
		}
		if (l.Cluster == nil) == (l.Machines == nil) {
			r.At(at, "a live source is a cluster or machines; write exactly one")
			continue
		}
		checkLiveWords(r, at, l)
	}
}

func checkLiveWords(r *document.Reader, at string, l Live) {
	for j, glob := range l.Namespaces {
		if _, err := path.Match(glob, ""); err != nil {
			r.At(fmt.Sprintf("%s.namespaces[%d]", at, j), "%q is not a glob; write a name or a pattern such as shop-*", glob)
		}
	}
	for _, misplaced := range []struct {
		key     string
		written bool
		cluster bool
	}{
		{"namespaces", len(l.Namespaces) > 0, true}, {"connections", l.Connections, true},
		{"hosts", len(l.Hosts) > 0, false}, {"inventory", l.Inventory != "", false}, {"watch", l.Watch != 0, false},
	} {
		if misplaced.written && misplaced.cluster != (l.Cluster != nil) {
			r.At(at+"."+misplaced.key, "%s is a word of %s; take it out", misplaced.key, map[bool]string{true: "clusters", false: "machines"}[misplaced.cluster])
		}
	}
	if l.Watch < 0 || l.Watch > longestWatch {
		r.At(at+".watch", "%s is not a time to watch for; write at most %s", l.Watch, longestWatch)
	}
	taken := map[string]string{}
	for j, text := range l.Hosts {
		here := fmt.Sprintf("%s.hosts[%d]", at, j)
		h, ok := ParseLiveHost(text)
		if !ok {
			r.At(here, "%q is no machine; write name=address, such as app1=10.0.0.7", text)
			continue
		}
		if first, twice := taken[h.Name]; twice {
			r.At(here, "%s is there already, in line %d; give each machine one address", h.Name, r.Line(first))
		}
		taken[h.Name] = here
	}
}

// ParseLiveHost reads name=address, or an address alone.
func ParseLiveHost(text string) (LiveHost, bool) {
	name, address, named := strings.Cut(strings.TrimSpace(text), "=")
	if !named {
		address = name
	}
	a, err := netip.ParseAddr(strings.TrimSpace(address))
	name = strings.TrimSpace(name)
	return LiveHost{Name: name, Address: a}, err == nil && sourceName.MatchString(strings.ReplaceAll(name, ":", "-"))
}
