package expansion

import (
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

// configure gives every member what configuration says in its environments. Invalid, with a line for each, for what cannot be given.
func (p *planner) configure() error {
	var problems []string
	for _, name := range p.order {
		m := p.members[name]
		for _, in := range m.In {
			given, wrong := p.given(m, in)
			for _, w := range wrong {
				problems = append(problems, w.String())
			}
			if len(given.Origins) > 0 || len(given.Unset) > 0 {
				m.Given = append(m.Given, given)
			}
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return fault.Newf(fault.Invalid, "%s", strings.Join(slices.Compact(problems), "\n"))
}

func (p *planner) given(m *Member, in estate.EnvironmentName) (Given, []config.Problem) {
	out := Given{In: in}
	at := config.Spot{Service: m.Name, Environment: in, Country: p.Expansion.Country}
	for _, e := range p.Expansion.Environments {
		if e.Name == in {
			at.Kind = e.Kind
		}
	}
	effective, problems := config.Compute(p.Config, at)
	delivered, more := config.Deliver(effective, workload.OwnSecret(string(m.Name)))
	out.Variables, out.Files, out.Unset = delivered.Variables, delivered.Files, effective.Unset
	for _, e := range effective.Entries {
		if out.Origins == nil {
			out.Origins = map[string]estate.Place{}
		}
		out.Origins[e.Key] = e.Place()
	}
	return out, append(problems, more...)
}

// configured is a member's workload with what configuration says of it in an environment, and the variables it is given there.
func (m *Member) configured(in estate.EnvironmentName, main string) (workload.Workload, map[string]string) {
	w, values := m.Workload, map[string]string{}
	for _, g := range m.Given {
		if g.In == in {
			w = g.apply(w, main)
			maps.Copy(values, g.Variables)
		}
	}
	for name, v := range m.Variables {
		values[name] = v.Value
	}
	return w, values
}

// apply takes variables away from a workload, and gives its main container files.
func (g Given) apply(w workload.Workload, main string) workload.Workload {
	w.Containers = maps.Clone(w.Containers)
	for name, c := range w.Containers {
		c.Variables = maps.Clone(c.Variables)
		for _, key := range g.Unset {
			delete(c.Variables, key)
		}
		if name == main && len(g.Files) > 0 {
			files := map[string]workload.File{}
			maps.Copy(files, c.Files)
			for path, content := range g.Files {
				files[path] = workload.File{Mode: files[path].Mode, Content: content}
			}
			c.Files = files
		}
		w.Containers[name] = c
	}
	return w
}
