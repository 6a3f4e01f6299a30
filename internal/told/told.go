// Package told reads what a process is told while it runs: on a machine the variables that its unit gives it, as the process has them, and
// the files that it reads, as it sees them. Secrets are among it: what it gives is compared, and never kept or shown. It changes nothing.
package told

import (
	"context"
	_ "embed"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/config"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/syntax"
)

//go:embed look.sh
var script string

// Wanted says which process is meant, and what of it is read.
type Wanted struct {
	Service string
	Units   []string      // that may be its, with ".service"; the first that is there counts
	Ports   []int         // that it may listen on: whose unit that is counts when none of those is there
	Forms   []config.Form // how it takes keys in
	Private string        // folder in which its secrets are kept once it was switched
}

// Process is what runs of a service on a machine.
type Process struct {
	config.Told
	Unit string
}

// OnMachine reads what the process of a service on a machine is told. NotFound when no unit is its, Unavailable when it does not run, Invalid when
// a file that it reads is not of its form.
func OnMachine(ctx context.Context, m *host.Machine, w Wanted) (Process, error) {
	argv := append([]string{"sh", "-s", "--"}, w.Units...)
	argv = append(argv, ":")
	for _, port := range w.Ports {
		argv = append(argv, strconv.Itoa(port))
	}
	argv = append(argv, ":")
	for _, f := range w.Forms {
		if f.Path != "" && !slices.Contains(argv, f.Path) {
			argv = append(argv, f.Path)
		}
	}
	said, err := m.Run(ctx, strings.NewReader(script), argv...)
	if err != nil {
		return Process{}, err
	}
	p, err := read(string(said.Stdout), m.Name, w)
	p.Instance = m.Name
	return p, err
}

// part is a part of the script's answer.
type part struct {
	name  string
	lines []string
}

func parts(answer string) []part {
	var out []part
	for line := range strings.Lines(answer) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "@@ "); ok {
			out = append(out, part{name: name})
		} else if len(out) > 0 {
			out[len(out)-1].lines = append(out[len(out)-1].lines, line)
		}
	}
	return out
}

// bytes are what a part holds.
func (p part) bytes() ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(strings.Join(p.lines, ""))
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "the answer was cut off; try again")
	}
	return data, nil
}

// read makes a process of the script's answer.
func read(answer, machine string, w Wanted) (Process, error) {
	p := Process{Told: config.Told{Values: map[config.Slot]string{}, Hidden: map[config.Slot]bool{}}}
	all := parts(answer)
	if len(all) == 0 {
		return p, fault.Newf(fault.NotFound, "%s: no unit of %s is there, and nothing listens on its port; name the unit in an annotation of its workload, or start it", machine, w.Service)
	}
	given := map[string]bool{}
	unit := all[0]
	p.Unit = strings.TrimPrefix(unit.name, "unit ")
	for _, line := range unit.lines {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "Environment":
			for _, word := range commandline.Words(value) {
				name, _, _ := strings.Cut(word, "=")
				given[name] = true
			}
		case "PassEnvironment":
			for _, name := range strings.Fields(value) {
				given[name] = true
			}
		case "DropInPaths":
			p.Ours = slices.ContainsFunc(strings.Fields(value), func(at string) bool { return strings.HasSuffix(at, "/90-caravan.conf") })
		}
	}
	if all[len(all)-1].name != "end" {
		return p, fault.Newf(fault.Unavailable, "%s: %s does not run, so nothing is known of what it is told; start it, and try again", machine, p.Unit)
	}
	variables := map[string]string{}
	for _, part := range all[1:] {
		data, err := part.bytes()
		if err != nil {
			return p, err
		}
		kind, at, _ := strings.Cut(part.name, " ")
		switch kind {
		case "environ":
			for entry := range strings.SplitSeq(string(data), "\x00") {
				if name, value, ok := strings.Cut(entry, "="); ok {
					variables[name] = value
				}
			}
		case "given":
			entries, _ := syntax.Env(data, syntax.EnvSystemd) // systemd passes over what it cannot read, too
			for _, e := range entries {
				given[e.Key] = true
				p.Hidden[config.Slot{Key: e.Key}] = w.Private != "" && strings.HasPrefix(at, w.Private+"/")
			}
		case "file":
			if err := p.file(machine, at, data, w); err != nil {
				return p, err
			}
		}
	}
	for name := range given {
		if value, ok := variables[name]; ok {
			p.Values[config.Slot{Key: name}] = value
		}
	}
	return p, nil
}

// file takes in a file as the process sees it.
func (p *Process) file(machine, at string, data []byte, w Wanted) error {
	i := slices.IndexFunc(w.Forms, func(f config.Form) bool { return f.Path == at })
	if i < 0 {
		return nil
	}
	values, err := config.Read(w.Forms[i].As, string(data))
	if err != nil {
		return fault.Newf(fault.Invalid, "%s: %s: %w; correct how %s reads it, or the file", machine, at, err, w.Service)
	}
	for key, value := range values {
		p.Values[config.Slot{Key: key, File: at}] = value
	}
	return nil
}
