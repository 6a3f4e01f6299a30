package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

// NewStore asks for a datastore that is not there yet.
type NewStore struct {
	Name      estate.ServiceName     `json:"name" doc:"What it is called: lower case letters, digits and dashes."`
	Type      string                 `json:"type" enum:"postgres,redis" doc:"What it is."`
	For       estate.ServiceName     `json:"for" doc:"Service that needs it."`
	Expansion string                 `json:"expansion,omitempty" doc:"Expansion it is made in; the only one in which the service comes along when left out."`
	Placement string                 `json:"placement,omitempty" enum:"vm,kubernetes" doc:"Where it runs; planning chooses when left out."`
	In        estate.EnvironmentName `json:"in,omitempty" doc:"Environment it runs in, when there are several of its kind."`
	Storage   string                 `json:"storage,omitempty" doc:"Disk of each instance, such as 50Gi."`
	Memory    string                 `json:"memory,omitempty" doc:"Memory of each instance, such as 4Gi."`
	Instances int                    `json:"instances,omitempty" minimum:"0" maximum:"9" doc:"Primary and standbys together; three when left out."`
	Pooled    render.Pooling         `json:"pooled,omitempty" enum:"session,transaction" doc:"PostgreSQL: PgBouncer stands before the primary."`
	Why       string                 `json:"why,omitempty" doc:"Reason, which stands in the expansion."`
	Dry       bool                   `json:"dry,omitempty" doc:"Say what would be written and planned, and write nothing."`
}

// CreatedStore is what asking for a datastore wrote, or would, and what planning then says of it.
type CreatedStore struct {
	Expansion    string              `json:"expansion"`
	Team         estate.TeamName     `json:"team"` // that owns it
	Files        []ChangedFile       `json:"files"`
	Datastore    expansion.Datastore `json:"datastore"`              // as it is planned
	Agree        []estate.TeamName   `json:"agree,omitempty"`        // who is asked about its steps and those of the service; nobody where nothing runs for real
	Placeholders []string            `json:"placeholders,omitempty"` // what the service's variables may hold to be given its address and account
	Questions    []workload.Question `json:"questions,omitempty"`    // about the two
	Undecided    int                 `json:"undecided,omitempty"`    // edges of the expansion
	Written      bool                `json:"written"`
}

// ChangedFile is a file of the workspace before and after.
type ChangedFile struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
}

// CreateStore writes into the workload of a service that it needs a new datastore, and into an expansion what is wanted of it, and says how it is planned
// then. Nothing is written when that cannot be: Invalid for names and amounts that are none, NotFound for a service or expansion that is not there, Conflict
// for a name that is taken, Denied for who does not speak for the team of the service.
func (a *App) CreateStore(ctx context.Context, req NewStore, by rights.Person) (CreatedStore, error) {
	if err := a.inWorkspace(); err != nil {
		return CreatedStore{}, err
	}
	wish := expansion.StorePlan{
		Name: req.Name, Placement: req.Placement, In: req.In, Storage: req.Storage, Memory: req.Memory, Instances: req.Instances, Pooled: req.Pooled, Why: strings.TrimSpace(req.Why),
	}
	if err := wish.CheckNew(req.Type); err != nil {
		return CreatedStore{}, err
	}
	team, err := a.answersFor(ctx, req.For)
	if err != nil {
		return CreatedStore{}, err
	}
	if err := a.mayOf(by, rights.Decide, team); err != nil {
		return CreatedStore{}, err
	}
	a.creating.Lock()
	defer a.creating.Unlock()
	in, _, err := a.planInput(ctx)
	if err != nil {
		return CreatedStore{}, err
	}
	if taken, ok := expansion.Taken(in, req.Name); ok {
		return CreatedStore{}, fault.Newf(fault.Conflict, "%s is there already: %s; choose another name", req.Name, taken)
	}
	name, err := a.expansionFor(ctx, req)
	if err != nil {
		return CreatedStore{}, err
	}
	need, err := a.withNeed(ctx, name, req)
	if err != nil {
		return CreatedStore{}, err
	}
	plan, err := a.withStore(name, wish)
	if err != nil {
		return CreatedStore{}, err
	}
	out, err := a.planAsked(ctx, in, name, req, need, plan)
	if out.Team = team; err != nil || req.Dry {
		return out, err
	}
	if err := a.writeNew(req, need, plan, name); err != nil {
		return out, err
	}
	out.Written = true
	if err := a.store.AddEntry(ctx, store.Entry{At: a.now(), By: by.By(), What: "asked for a " + req.Type, Expansion: name, Subject: string(req.Name), Why: wish.Why}); err != nil {
		return out, err
	}
	_, err = a.Plan(ctx, name, PlanRequest{})
	return out, err
}

// expansionFor is the expansion a datastore is made in: the one that is asked for, or the only one in which its service comes along.
func (a *App) expansionFor(ctx context.Context, req NewStore) (string, error) {
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return "", err
	}
	if req.Expansion != "" {
		names = []string{req.Expansion}
	}
	var with []string
	for _, name := range names {
		plan, err := a.Plan(ctx, name, PlanRequest{Dry: true})
		if err != nil {
			if req.Expansion != "" {
				return "", err
			}
			continue // caravan plan says what is wrong with it
		}
		if slices.ContainsFunc(plan.Proposal.Members, func(m expansion.Member) bool { return m.Name == req.For }) {
			with = append(with, name)
		}
	}
	switch {
	case len(with) == 1:
		return with[0], nil
	case req.Expansion != "":
		return "", fault.Newf(fault.Invalid, "%s does not come along in %s, so nothing there would use %s; add it to the services of %s", req.For, req.Expansion, req.Name, expansion.FileOf(req.Expansion))
	case len(with) == 0:
		return "", fault.Newf(fault.NotFound, "%s comes along in no expansion, so there is nowhere to make %s; begin one with caravan plan NAME --new --service %s", req.For, req.Name, req.For)
	}
	return "", fault.Newf(fault.Usage, "%s comes along in %s; name one with --expansion", req.For, strings.Join(with, ", "))
}

// withNeed is the workload of a service with the need for a datastore. A service without a workload of its own begins one, from what was seen of it.
func (a *App) withNeed(ctx context.Context, name string, req NewStore) (ChangedFile, error) {
	out := ChangedFile{Path: workspace.WorkloadFile(req.For)}
	there, err := workspace.WorkloadText(a.dir, req.For)
	if err != nil {
		return out, err
	}
	out.Before = string(there)
	if there == nil {
		x, err := workspace.Expansion(a.dir, name)
		if err != nil {
			return out, err
		}
		proposed, err := a.Workload(ctx, req.For, x.Source)
		if err != nil {
			return out, err
		}
		there = []byte(proposed.Text)
	}
	text, err := workload.Ask(there, out.Path, string(req.Name), req.Type)
	out.After = string(text)
	return out, err
}

// withStore is the expansion with what is wanted of a datastore.
func (a *App) withStore(name string, wish expansion.StorePlan) (ChangedFile, error) {
	old, file, err := workspace.ExpansionText(a.dir, name)
	if err != nil {
		return ChangedFile{}, err
	}
	text, err := expansion.AddStore(old, name, file, wish)
	return ChangedFile{Path: file, Before: string(old), After: string(text)}, err
}

// planAsked plans as both files would be.
func (a *App) planAsked(ctx context.Context, in expansion.Input, name string, req NewStore, need, plan ChangedFile) (CreatedStore, error) {
	out := CreatedStore{Expansion: name, Files: []ChangedFile{need, plan}, Placeholders: workload.Placeholders(string(req.Name), req.Type)}
	own, err := workload.Parse([]byte(need.After), need.Path)
	if err != nil {
		return out, err
	}
	x, err := expansion.Parse([]byte(plan.After), name, plan.Path)
	if err != nil {
		return out, err
	}
	workloads := map[estate.ServiceName]workload.Workload{}
	maps.Copy(workloads, in.Workloads) // which are others' too
	workloads[req.For] = own
	in.Workloads = workloads
	p, err := a.proposeFrom(ctx, in, x, false)
	if err != nil {
		return out, fault.Newf(fault.KindOf(err), "nothing was written; with %s, %w", req.Name, err)
	}
	i := slices.IndexFunc(p.Datastores, func(d expansion.Datastore) bool { return d.Name == req.Name })
	if i < 0 {
		return out, fault.Newf(fault.Internal, "%s is asked for and not planned", req.Name)
	}
	out.Datastore, out.Undecided = p.Datastores[i], len(p.Undecided())
	out.Questions = slices.DeleteFunc(slices.Clone(p.Questions), func(q workload.Question) bool { return q.Service != req.Name })
	out.Agree, err = a.askedAbout(ctx, p, req.Name, req.For)
	return out, err
}

// askedAbout are the teams that must agree to the steps of some services, as they would be planned.
func (a *App) askedAbout(ctx context.Context, p expansion.Proposal, about ...estate.ServiceName) ([]estate.TeamName, error) {
	plan, err := a.lay(p)
	if err != nil {
		return nil, err
	}
	c, err := a.courseOf(ctx, plan)
	if err != nil {
		return nil, err
	}
	consents, err := a.consents(ctx, c)
	if err != nil {
		return nil, err
	}
	var out []estate.TeamName
	for _, s := range consents.Steps {
		for _, n := range s.Verdict.Needs {
			if slices.Contains(about, s.Subject) && !slices.Contains(out, n.Team) {
				out = append(out, n.Team)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// writeNew writes both files, or none: each must still be what it was when it was read. The need is first: a program that ends in between leaves what can be
// planned all the same.
func (a *App) writeNew(req NewStore, need, plan ChangedFile, name string) error {
	if err := workspace.RewriteWorkload(a.dir, req.For, []byte(need.Before), []byte(need.After)); err != nil {
		return err
	}
	err := workspace.WriteExpansion(a.dir, name, []byte(plan.Before), []byte(plan.After))
	if err == nil {
		return nil
	}
	var before []byte // none where the service had no workload of its own
	if need.Before != "" {
		before = []byte(need.Before)
	}
	return errors.Join(err, workspace.RewriteWorkload(a.dir, req.For, []byte(need.After), before))
}
