package vm

import (
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// Names are what a service or datastore is called on its machines, and where Render puts what is its own. Paths are absolute.
type Names struct {
	Hosts     []string // in full, with the zone where there is one
	Units     []string // with ".service", the one that answers first
	User      string   // its processes run as; "" for a datastore
	Folder    string   // it starts in; "" for a datastore
	Current   string   // link to the release that runs; "" for a datastore
	Releases  string   // folder of all that are kept; "" for a datastore
	Variables string   // file of the variables that are no secrets; "" when it has none
	Files     []string // other files it is given, sorted
	Secrets   []string // files that are put there by hand
	Data      []string // folders it keeps things in
	Health    string   // script that asks whether it is well; "" for a datastore
	Release   string   // script that puts a release in place; "" for a datastore
	Drain     string   // mark that keeps it out of balance; "" when nothing looks for one
	Patroni   string   // configuration of Patroni; "" when nothing else than systemd keeps it
	Share     render.Share
	Listens   []render.Listen
	Bundle    string // folder of its files in the bundle
}

// NamesOf are the names of one service or datastore of a site of kind "vm", as Render writes them. NotFound when it is not
// placed there; Invalid when Render refuses it.
func NamesOf(s render.Site, name estate.ServiceName) (Names, error) {
	e, err := environmentOf(s)
	if err != nil {
		return Names{}, err
	}
	for _, v := range s.Services {
		if v.Name == name {
			return e.serviceNames(v)
		}
	}
	for _, d := range s.Datastores {
		if d.Name == name {
			return e.storeNames(d)
		}
	}
	return Names{}, fault.Newf(fault.NotFound, "%s is not placed in %s", name, s.Environment)
}

func (e environment) serviceNames(s render.Service) (Names, error) {
	t, err := e.service(s)
	if err != nil {
		return Names{}, err
	}
	programs, err := e.programs(s)
	if err != nil {
		return Names{}, err
	}
	main := programs[0]
	n := e.called(t)
	slices.Reverse(n.Units) // the main one is started last
	n.User, n.Folder, n.Current, n.Releases = main.user, main.folder, path.Join(main.root, "current"), path.Join(main.root, "releases")
	n.Health, n.Release = e.script(main, "health"), e.script(main, "release")
	n.Share, n.Listens, n.Bundle = main.share, main.listens, e.in("services", main.name)
	if main.plain() {
		n.Variables = e.variablesAt(main)
	}
	for _, d := range main.files {
		n.Files = append(n.Files, d.from)
	}
	for _, v := range main.volumes {
		n.Data = append(n.Data, path.Join("/var/lib", v.folder))
	}
	if t.behind != nil {
		n.Drain = path.Join("/run", e.org, main.name, "drain")
	}
	return n, nil
}

func (e environment) storeNames(d render.Datastore) (Names, error) {
	t, err := e.datastore(d)
	if err != nil {
		return Names{}, err
	}
	share, err := render.ShareOf(d.Name, &workload.Compute{Limits: workload.Quantity{Memory: d.Memory, CPU: d.CPU}})
	if err != nil {
		return Names{}, err
	}
	n := e.called(t)
	n.Share, n.Bundle = share, e.in("datastores", workload.NameOf(string(d.Name)))
	n.Listens = []render.Listen{{Name: d.Technology, Protocol: "TCP", Port: d.Port, Target: d.Port}}
	for _, f := range t.content {
		if f.at == "" || strings.HasSuffix(f.at, ".service") || slices.Contains(n.Files, f.at) {
			continue
		}
		n.Files = append(n.Files, f.at)
		if strings.HasPrefix(f.at, "/etc/patroni/") {
			n.Patroni = f.at
		}
	}
	if n.Patroni != "" {
		slices.Reverse(n.Units) // what tells who is primary is started first
	}
	slices.Sort(n.Files)
	n.Data = nonEmpty(e.dataOf(d))
	return n, nil
}

// dataOf is the folder a datastore keeps its data in; "" for one that people set up.
func (e environment) dataOf(d render.Datastore) string {
	switch d.Technology {
	case "postgres", "postgresql":
		return "/var/lib/postgresql"
	case "redis", "valkey":
		return path.Join("/var/lib", e.org, workload.NameOf(string(d.Name)))
	case "rabbitmq":
		return "/var/lib/rabbitmq"
	}
	return ""
}

// called is what services and datastores have alike.
func (e environment) called(t thing) Names {
	n := Names{Secrets: t.secrets, Units: slices.Clone(t.start)}
	for _, h := range t.hosts {
		if e.Zone != "" {
			h += "." + e.Zone
		}
		n.Hosts = append(n.Hosts, h)
	}
	return n
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}
