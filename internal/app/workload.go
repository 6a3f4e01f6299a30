package app

import (
	"context"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

// Workload is what is known, or written, about how a service is run.
type Workload struct {
	Service   estate.ServiceName  `json:"service"`
	File      string              `json:"file" doc:"Where its team keeps it."`
	Own       bool                `json:"own" doc:"Its team has written it; else it is proposed from what was seen."`
	Text      string              `json:"text" doc:"Score v1b1, as YAML."`
	Questions []workload.Question `json:"questions" doc:"What only its owners know."`
}

// Workload is the file of a service: its team's own where there is one, else a proposal from what was seen in an environment;
// from the one environment expansions take as their example when that is left empty. NotFound when no service is called so.
func (a *App) Workload(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName) (Workload, error) {
	if err := a.inWorkspace(); err != nil {
		return Workload{}, err
	}
	in, _, err := a.planInput(ctx)
	if err != nil {
		return Workload{}, err
	}
	out := Workload{Service: service, File: workspace.WorkloadFile(service)}
	if own, ok := in.Workloads[service]; ok {
		out.Own, out.Text = true, string(workload.Format(own, workload.Notes{}))
		return out, nil
	}
	if in.Expansion.Source, err = a.example(from); err != nil {
		return Workload{}, err
	}
	seen := expansion.Seen(in)
	i := slices.IndexFunc(seen, func(s workload.Seen) bool { return s.Component.Name == service })
	if i < 0 {
		return Workload{}, fault.Newf(fault.NotFound, "no service %q runs in %s; caravan map lists what does", service, in.Expansion.Source)
	}
	p := workload.Propose(seen[i])
	out.Text, out.Questions = string(workload.Format(p.Workload, workload.Notes{Questions: p.Questions, Origins: p.Origins})), p.Questions
	return out, nil
}

// BeginWorkload writes a proposal where the team will keep it. Conflict when there is one.
func (a *App) BeginWorkload(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName) (Workload, error) {
	w, err := a.Workload(ctx, service, from)
	if err != nil {
		return w, err
	}
	return w, workspace.WriteWorkload(a.dir, service, []byte(w.Text))
}

// example is the environment workloads are proposed from: the one that is asked for, or the only one expansions start from.
func (a *App) example(from estate.EnvironmentName) (estate.EnvironmentName, error) {
	if from != "" {
		if !slices.ContainsFunc(a.declared.Environments, func(e workspace.Environment) bool { return e.Name == from }) {
			return "", fault.Newf(fault.NotFound, "no environment %q is declared in caravan.yaml", from)
		}
		return from, nil
	}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return "", err
	}
	var sources []estate.EnvironmentName
	for _, name := range names {
		if e, err := workspace.Expansion(a.dir, name); err == nil && !slices.Contains(sources, e.Source) {
			sources = append(sources, e.Source)
		}
	}
	if len(sources) != 1 {
		return "", fault.Newf(fault.Usage, "from which environment? name it with --from; expansions start from %d", len(sources))
	}
	return sources[0], nil
}
