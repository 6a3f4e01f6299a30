// Package vm writes an environment of virtual machines. A render.Site goes in; out comes a bundle of files below vm/ENVIRONMENT:
// a systemd unit, variables and small scripts for each service, the configuration of the load balancers and of the datastores
// that are placed there, and a cloud-init for each machine that puts all of it where it belongs.
//
// The order in which a process is started, put into balance, taken out of it and stopped is the one of Kubernetes. A secret
// is a reference here too: the text of its variable is asked for in secrets.md and read from a file nobody rendered.
//
// It touches no machine: files are values until somebody carries them there.
package vm

import (
	"cmp"
	"net/netip"
	"path"
	"slices"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// Render writes out a site, of kind "vm". Invalid, naming the service and the mend, when what it says cannot run: two processes on
// one port of one machine, a placeholder nothing answers, a name, number or quantity that is none.
func Render(s render.Site) (render.Bundle, error) {
	e, err := environmentOf(s)
	if err != nil {
		return render.Bundle{}, err
	}
	things, err := e.things()
	if err != nil {
		return render.Bundle{}, err
	}
	files := [][]render.File{{e.namesFile(things), e.readme(things)}}
	for _, t := range things {
		placed, err := e.files(t)
		if err != nil {
			return render.Bundle{}, err
		}
		files = append(files, placed)
	}
	for _, h := range e.Hosts {
		files = append(files, []render.File{e.cloudInit(h, things)})
	}
	b := render.Pack(files...)
	return b, once(b.Files)
}

// once refuses two files of one path, which two names that differ only in what a machine's name cannot hold would give.
func once(files []render.File) error {
	for i := 1; i < len(files); i++ {
		if files[i].Path == files[i-1].Path {
			return fault.Newf(fault.Invalid, "%s and another component are both written to %s; rename one of them", files[i].Subject, files[i].Path)
		}
	}
	return nil
}

// environment is a site with what is looked up in it again and again.
type environment struct {
	render.Site
	org       string            // organisation as the name of a folder
	addresses map[string]string // of machines
	balancers []render.Host     // machines on which nothing else runs
}

func environmentOf(s render.Site) (environment, error) {
	e := environment{Site: s, org: "estate", addresses: make(map[string]string, len(s.Hosts))}
	if s.Organisation != "" {
		e.org = workload.NameOf(s.Organisation)
	}
	for _, h := range s.Hosts {
		if h.Name != workload.NameOf(h.Name) {
			return environment{}, fault.Newf(fault.Invalid, "%s: %q cannot be a machine's name; use lower-case letters, digits and hyphens", s.Environment, h.Name)
		}
		if _, err := netip.ParseAddr(h.Address); err != nil {
			return environment{}, fault.Newf(fault.Invalid, "%s: machine %s has the address %q; give it an IP address", s.Environment, h.Name, h.Address)
		}
		e.addresses[h.Name] = h.Address
	}
	busy := e.busy()
	for _, h := range s.Hosts {
		if !busy[h.Name] {
			e.balancers = append(e.balancers, h)
		}
	}
	return e, nil
}

// busy tells the machines that something is placed on.
func (e environment) busy() map[string]bool {
	out := map[string]bool{}
	mark := func(hosts []string) {
		for _, h := range hosts {
			out[h] = true
		}
	}
	for i := range e.Services {
		mark(e.Services[i].Hosts)
	}
	for i := range e.Datastores {
		mark(e.Datastores[i].Hosts)
	}
	for i := range e.Stubs {
		mark(e.Stubs[i].Hosts)
	}
	return out
}

// things lists all that is put on machines, in the order in which it is started: by wave and name, the load balancers last,
// so that a name leads nowhere before something answers to it.
func (e environment) things() ([]thing, error) {
	var out []thing
	add := func(t thing, err error) error {
		out = append(out, t)
		return err
	}
	for i := range e.Datastores {
		if err := add(e.datastore(e.Datastores[i])); err != nil {
			return nil, err
		}
	}
	for i := range e.Services {
		if err := add(e.service(e.Services[i])); err != nil {
			return nil, err
		}
	}
	for i := range e.Stubs {
		if err := add(e.stub(e.Stubs[i])); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b thing) int { return cmp.Or(cmp.Compare(a.wave, b.wave), cmp.Compare(a.name, b.name)) })
	if a := e.agent(); len(e.balancers) > 0 && len(a.hosts) > 0 {
		out = slices.Concat([]thing{a}, out)
	}
	if err := e.apart(out); err != nil {
		return nil, err
	}
	if len(e.balancers) > 0 {
		out = append(out, e.balancer(out))
	}
	return out, nil
}

// in is a path of the bundle.
func (e environment) in(words ...string) string {
	return path.Join("vm", string(e.Environment), path.Join(words...))
}
