package vm

import (
	"cmp"
	"path"
	"slices"

	"example.org/caravan/internal/render"
)

// files are a thing's files, each with its place, and what else its machines need for it.
func (e environment) files(t thing) ([]render.File, error) {
	var out []render.File
	for _, f := range t.content {
		hosts := t.hosts
		if f.only != "" {
			hosts = []string{f.only}
		}
		f.Subject = t.name
		f.Placed = &render.Placement{Hosts: e.at(hosts), Path: f.at, Base64: f.base64, Units: f.units}
		out = append(out, f.File)
	}
	install, err := e.install(t).File(path.Join(path.Dir(t.content[0].Path), render.InstallName))
	install.Placed = &render.Placement{Hosts: e.at(t.hosts)}
	return append(out, install), err
}

// at are machines with their addresses, in the site's order.
func (e environment) at(names []string) []render.Host {
	var out []render.Host
	for _, h := range e.Hosts {
		if slices.Contains(names, h.Name) {
			out = append(out, h)
		}
	}
	return out
}

// install is what a thing's machines need besides files.
func (e environment) install(t thing) render.Install {
	i := render.Install{
		Name: t.name, Hosts: e.at(t.hosts), Packages: t.packages, Users: t.users, Without: t.without, Quiet: t.quiet, Secrets: t.secrets,
		Health: t.health, Patience: cmp.Or(t.patience, usualPatience), Data: t.keeps, Shared: e.shared(t),
		Private: []string{e.secretFolder()},
	}
	for _, name := range t.start {
		i.Units = append(i.Units, render.Unit{Name: name, Reload: t.reloads})
	}
	for _, f := range t.content {
		if path.Base(f.Path) == "secrets.md" && len(t.secrets) > 0 {
			i.Document = f.Path
		}
	}
	i.Balance = e.balance(t)
	return i
}

// shared are the organisation's own folders above what a thing keeps.
func (e environment) shared(t thing) []string {
	var out []string
	for _, dir := range []string{path.Join("/srv", e.org), path.Join("/var/lib", e.org)} {
		if slices.ContainsFunc(t.keeps, func(k string) bool { return path.Dir(k) == dir }) {
			out = append(out, dir)
		}
	}
	return out
}

// usualPatience is how many seconds what says nothing of its own is given to start.
const usualPatience = 60

// balance is how calls come to the machines of a service. Those of a datastore go to the one that is its primary, which nobody but
// the datastore decides.
func (e environment) balance(t thing) *render.Balance {
	if t.behind == nil || !t.behind.listens[0].agent {
		return nil
	}
	b := render.Balance{Hosts: e.balancers, Socket: balancerSocket, Drain: t.drain}
	for _, l := range t.behind.listens {
		b.Backends = append(b.Backends, l.name)
	}
	return &b
}

// commands are what cloud-init runs on a new machine before it starts a thing's units.
func (t thing) commands() [][]string {
	var out [][]string
	if len(t.without) > 0 {
		out = append(out, slices.Concat([]string{"rm", "-f"}, t.without))
	}
	if len(t.quiet) > 0 {
		out = append(out, slices.Concat([]string{"systemctl", "disable", "--now"}, t.quiet))
	}
	if len(t.fresh) > 0 {
		out = append(out, t.fresh)
	}
	return out
}
