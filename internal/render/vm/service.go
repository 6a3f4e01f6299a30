package vm

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// workloadName is a service's name as files, units and machines have it.
func workloadName(s render.Service) string { return workload.NameOf(string(s.Name)) }

// service is a service with its files.
func (e environment) service(s render.Service) (thing, error) {
	programs, err := e.programs(s)
	if err != nil {
		return thing{}, err
	}
	name := workloadName(s)
	t := thing{
		name: s.Name, about: "service", team: s.Team, wave: s.Wave, hosts: s.Hosts, called: true,
		users: []string{programs[0].user}, packages: []string{"curl", "netcat-openbsd"},
	}
	folder := e.in("services", name)
	for _, p := range programs {
		t.content = append(t.content, e.programFiles(folder, p)...)
		t.start = append(t.start, p.name+".service")
		if p.secrets() {
			t.secrets = append(t.secrets, e.secretsAt(p))
		}
	}
	slices.Reverse(t.start) // the main one last: it waits for the others
	main := programs[0]
	t.health, t.patience, t.drain = []string{e.script(main, "health")}, main.times.Start+slack, main.times.Drain
	t.keeps = []string{main.root, path.Join("/var/lib", e.org, name)}
	for _, v := range []struct{ name, text string }{{"health", e.health(main)}, {"drain", e.drain(main)}, {"release", e.release(main)}} {
		t.content = append(t.content, file{File: render.File{Path: path.Join(folder, v.name), Text: v.text, Mode: 0o755}, at: e.script(main, v.name)})
	}
	t.content = append(t.content, file{File: render.File{Path: path.Join(folder, "secrets.md"), Text: e.secretsPage(s, programs), Mode: 0o644}})
	return t, e.opens(&t, main)
}

// programFiles are a process's unit, variables and documents.
func (e environment) programFiles(folder string, p program) []file {
	out := []file{{File: render.File{Path: path.Join(folder, p.name+".service"), Text: e.unit(p), Mode: 0o644}, at: "/etc/systemd/system/" + p.name + ".service", units: []string{p.name + ".service"}}}
	if p.plain() {
		out = append(out, file{File: render.File{Path: path.Join(folder, p.name+".env"), Text: e.variablesText(p), Mode: 0o644}, at: e.variablesAt(p), units: []string{p.name + ".service"}})
	}
	for _, d := range p.files {
		if !d.given || d.hidden() {
			continue
		}
		f := file{File: render.File{Path: path.Join(folder, "files", d.at), Text: render.Form(d.pieces), Mode: d.mode}, at: d.from, base64: d.base64, units: []string{p.name + ".service"}}
		if d.base64 {
			f.Path += ".base64"
		}
		out = append(out, f)
	}
	return out
}

// variablesAt is where a process's plain variables are on a machine.
func (e environment) variablesAt(p program) string { return path.Join("/etc", e.org, p.name+".env") }

// secretsAt is where its secret ones must be put.
func (e environment) secretsAt(p program) string {
	return path.Join(e.secretFolder(), p.name+".env")
}

func (e environment) variablesText(p program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Variables of %s\n# %s\n", unitComment(e.about(p)), e.origin())
	for _, v := range p.variables {
		if !v.Hidden() {
			b.WriteString(assignment(v.Name, v.Text()))
		}
	}
	return b.String()
}

// opens notes the ports a service takes on its machines, and those at which the load balancers take calls for it.
func (e environment) opens(t *thing, p program) error {
	for _, l := range p.listens {
		if c := (claim{protocol: l.Protocol, port: l.Target}); !slices.Contains(t.claims, c) {
			t.claims = append(t.claims, c)
		}
	}
	straight := len(e.balancers) == 0 || slices.ContainsFunc(p.listens, func(l render.Listen) bool { return l.Protocol != "TCP" })
	if !straight && len(p.listens) > 0 {
		t.behind = e.spread(p)
		return nil
	}
	for _, l := range p.listens {
		if l.Port != l.Target {
			return fault.Newf(fault.Invalid, "%s: port %s is called at %d and listened on at %d, and no load balancer stands between (HAProxy passes no UDP); give both the same number",
				t.name, l.Name, l.Port, l.Target)
		}
	}
	return nil
}
