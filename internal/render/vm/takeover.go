package vm

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// TakeOver is a service that runs on machines in a unit that others made, and is to be told what configuration has for it, in the place of
// whatever its unit tells it. Its unit, and the files that it was told by, stay as they are beneath.
type TakeOver struct {
	Environment estate.EnvironmentName
	Service     estate.ServiceName
	Unit        string        // with ".service"
	Hosts       []render.Host // in the order in which they are renewed
	Variables   map[string]string
	Secret      []string          // names of variables that come from a file of secrets
	Files       map[string]string // contents by the path where the process finds them
	Hidden      []string          // of those that hold secrets: where the process finds them
	Port        int               // it listens on; 0 when nobody knows
	Health      string            // path that answers with success when it is well; "" when nobody knows
}

// Folders on a machine with a folder for each service that is taken over: of what it is told, and of what nobody but root may look into.
const (
	TakenOver = "/etc/caravan"
	Hidden    = "/var/lib/caravan-private"
)

func (t TakeOver) configured() string {
	return path.Join(TakenOver, workload.NameOf(string(t.Service)))
}

// Private is the folder of what nobody but root may look into of a service.
func Private(service estate.ServiceName) string {
	return path.Join(Hidden, workload.NameOf(string(service)))
}

// SecretsAt is the file of its secret variables on a machine.
func (t TakeOver) SecretsAt() string { return path.Join(Private(t.Service), "variables") }

// HiddenAt is where a file with secrets is on a machine that the process finds at a path.
func (t TakeOver) HiddenAt(at string) string { return path.Join(Private(t.Service), "files", at) }

func (t TakeOver) variablesAt() string     { return path.Join(t.configured(), "variables") }
func (t TakeOver) fileAt(at string) string { return path.Join(t.configured(), "files", at) }

// Told is a file of secret variables.
func Told(variables map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		b.WriteString(assignment(name, variables[name]))
	}
	return b.String()
}

// Render writes it. Invalid when systemd would hand something over changed, or not at all.
func (t TakeOver) Render() ([]render.File, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	folder := path.Join("vm", string(t.Environment), "configuration", workload.NameOf(string(t.Service)))
	on := func(at string) *render.Placement {
		return &render.Placement{Hosts: t.Hosts, Path: at, Units: []string{t.Unit}}
	}
	out := []render.File{ // systemd reads the variables as root, and what looked like no secret may be one
		{Path: path.Join(folder, "90-caravan.conf"), Text: t.dropIn(), Mode: 0o644, Subject: t.Service, Placed: on(path.Join("/etc/systemd/system", t.Unit+".d", "90-caravan.conf"))},
		{Path: path.Join(folder, "variables"), Text: Told(t.Variables), Mode: 0o600, Subject: t.Service, Placed: on(t.variablesAt())},
	}
	for _, at := range slices.Sorted(maps.Keys(t.Files)) {
		out = append(out, render.File{Path: path.Join(folder, "files", at), Text: t.Files[at], Mode: 0o644, Subject: t.Service, Placed: on(t.fileAt(at))})
	}
	install := render.Install{
		Name: t.Service, Hosts: t.Hosts, Units: []render.Unit{{Name: t.Unit}}, Others: true, Patience: usualPatience, Health: t.health(), Secrets: t.secrets(),
	}
	file, err := install.File(path.Join(folder, render.InstallName))
	file.Placed = &render.Placement{Hosts: t.Hosts}
	return render.Pack(append(out, file)).Files, err
}

func (t TakeOver) secrets() []string {
	var out []string
	if len(t.Secret) > 0 {
		out = append(out, t.SecretsAt())
	}
	for _, at := range t.Hidden {
		out = append(out, t.HiddenAt(at))
	}
	return out
}

func (t TakeOver) check() error {
	if !isPath("/"+t.Unit) || !strings.HasSuffix(t.Unit, ".service") {
		return fault.Newf(fault.Invalid, "%s: %q is no unit that can be taken over; name a service of systemd that is not started by instance", t.Service, t.Unit)
	}
	for name, value := range t.Variables {
		if !isVariable(name) || !isValue(value) {
			return fault.Newf(fault.Invalid, "%s: systemd hands no variable named %q, or none with its value, to a process; use letters, digits and _, and text", t.Service, name)
		}
	}
	for _, at := range slices.Concat(slices.Collect(maps.Keys(t.Files)), t.Hidden) {
		if !isPath(at) {
			return fault.Newf(fault.Invalid, "%s: %q is no path for a unit; write it absolute, as /etc/app/app.conf, of letters, digits and . _ + - alone", t.Service, at)
		}
	}
	return nil
}

// dropIn tells the unit to read this instead of what its own file says. Lists begin anew after an empty setting, systemd.exec(5).
func (t TakeOver) dropIn() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What %s is told, by Caravan's configuration. Without this file it is told what its unit says.\n[Service]\nEnvironment=\nPassEnvironment=\nEnvironmentFile=\nEnvironmentFile=%s\n", unitComment(string(t.Service)), t.variablesAt())
	if len(t.Secret) > 0 {
		fmt.Fprintf(&b, "EnvironmentFile=%s\n", t.SecretsAt())
	}
	for _, at := range slices.Sorted(maps.Keys(t.Files)) {
		fmt.Fprintf(&b, "BindReadOnlyPaths=%s:%s\n", t.fileAt(at), at)
	}
	for _, at := range slices.Sorted(slices.Values(t.Hidden)) {
		fmt.Fprintf(&b, "BindReadOnlyPaths=%s:%s\n", t.HiddenAt(at), at)
	}
	return b.String()
}

// health asks over a connection of bash's own, so that the machine needs no program for it.
func (t TakeOver) health() []string {
	switch {
	case t.Port == 0: // systemd says whether it runs
		return nil
	case t.Health == "":
		return []string{"bash", "-c", `exec 3<>"/dev/tcp/127.0.0.1/$1"`, "connect", fmt.Sprint(t.Port)}
	}
	return []string{
		"bash", "-c", `exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3 && read -r _ code _ <&3 && echo "$2 answers with $code" && [ "${code:-999}" -lt 400 ]`,
		"ask", fmt.Sprint(t.Port), t.Health,
	}
}
