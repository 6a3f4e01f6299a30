package app

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/workspace"
)

// MoveRequest says how to carry a journey out.
type MoveRequest struct {
	Out   string `json:"out,omitempty" doc:"Folder to write into, below the workspace; rendered/NAME when left out."`
	Force bool   `json:"force,omitempty" doc:"Overwrite and remove what was edited since it was written."`
	Why   string `json:"why,omitempty" doc:"Reason, for the audit."`
}

// Moved is what a move did, or would do.
type Moved struct {
	Expansion string           `json:"expansion"`
	Proposal  estate.Digest    `json:"proposal"`
	Folder    string           `json:"folder"`          // of environments without a target
	Where     []Where          `json:"where,omitempty"` // by environment
	Steps     []StepResult     `json:"steps"`
	Removed   []journey.Change `json:"removed,omitempty"`   // files of an earlier proposal that are no longer part of it
	GivenBack []address.Lease  `json:"givenBack,omitempty"` // by an undo; quarantined before anybody else is given them
	ToDo      ToDo             `json:"toDo,omitzero"`
}

// ToDo is what is left to people when everything is written.
type ToDo struct {
	NotInEffect []expansion.Cut `json:"notInEffect,omitempty"`
	Questions   int             `json:"questions"`
}

// StepResult is what one step did.
type StepResult struct {
	Step    journey.StepID   `json:"step"`
	Wave    int              `json:"wave"`
	Kind    journey.Kind     `json:"kind"`
	Changes []journey.Change `json:"changes,omitempty"`
}

// renderedFolder is where expansions are written in a workspace.
const renderedFolder = "rendered"

// kept are the workspace's own folders: nothing is rendered into them.
var kept = []string{".", ".caravan", ".git", "config", "expansions", "services"}

// folder is the directory a move writes into. Only the very person at this machine may name one outside the workspace.
func (a *App) folder(name, out string, anywhere bool) (string, error) {
	if err := expansion.CheckName(name); err != nil {
		return "", err
	}
	if out == "" {
		return filepath.Join(a.dir, renderedFolder, name), nil
	}
	full := out
	if !filepath.IsAbs(out) {
		full = filepath.Join(a.dir, out)
	}
	below, err := filepath.Rel(a.dir, full)
	if err != nil || !filepath.IsLocal(below) {
		if !anywhere {
			return "", fault.Newf(fault.Denied, "%q is outside the workspace; name a folder below it", out)
		}
		return filepath.Clean(full), nil
	}
	if !anywhere && leavesBySymlink(a.dir, below) {
		return "", fault.Newf(fault.Denied, "%q leads out of the workspace over a link; name a folder below it", out)
	}
	if first, _, _ := strings.Cut(filepath.ToSlash(below), "/"); slices.Contains(kept, first) {
		return "", fault.Newf(fault.Denied, "%q is the workspace's own; name a folder of its own, such as %s/%s", out, renderedFolder, name)
	}
	return full, nil
}

// aside refuses a folder that a target's environment is carried out in, or one below or above it: what is written there takes green lights.
func (a *App) aside(out string) error {
	if out == "" {
		return nil // its own
	}
	full := settled(a.declared.Within(out))
	for _, t := range a.declared.Targets {
		if t.Folder != "" && (inside(settled(a.declared.Within(t.Folder)), full) || inside(full, settled(a.declared.Within(t.Folder)))) {
			return fault.Newf(fault.Denied, "%q is where %s is carried out, which takes green lights; name a folder of its own", out, t.Environment)
		}
	}
	return nil
}

// settled is a path without links in what there is of it.
func settled(path string) string {
	if plain, err := filepath.EvalSymlinks(path); err == nil {
		return plain
	}
	if dir := filepath.Dir(path); dir != path {
		return filepath.Join(settled(dir), filepath.Base(path))
	}
	return path
}

// inside reports whether a path is a folder or lies below it.
func inside(dir, path string) bool {
	below, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(below)
}

// leavesBySymlink reports whether some part of a path below a directory is a link.
func leavesBySymlink(dir, below string) bool {
	for part := range strings.SplitSeq(filepath.ToSlash(below), "/") {
		dir = filepath.Join(dir, part)
		if info, err := os.Lstat(dir); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// PreviewMove says what a move would change, and refuses what a move would.
func (a *App) PreviewMove(ctx context.Context, name string, req MoveRequest, anywhere bool) (Moved, error) {
	plan, err := a.readyPlan(ctx, name, true)
	if err != nil {
		return Moved{}, err
	}
	dir, err := a.folder(name, req.Out, anywhere)
	if err != nil {
		return Moved{}, err
	}
	if err := a.aside(req.Out); err != nil {
		return Moved{}, err
	}
	c, err := a.courseOf(ctx, plan)
	if err != nil {
		return Moved{}, err
	}
	return a.dryMove(ctx, plan, c, a.optionsOf(c, dir, req.Force))
}

// readyPlan plans, and refuses what may not be carried out.
func (a *App) readyPlan(ctx context.Context, name string, dry bool) (Plan, error) {
	plan, err := a.Plan(ctx, name, PlanRequest{Dry: dry})
	if err != nil {
		return Plan{}, err
	}
	return plan, ready(plan.Proposal)
}

func (p Plan) moved(dir string) Moved {
	return Moved{
		Expansion: p.Proposal.Expansion, Proposal: p.Proposal.Digest, Folder: dir,
		ToDo: p.toDo(),
	}
}

func (p Plan) toDo() ToDo {
	return ToDo{NotInEffect: p.Proposal.NotInEffect(), Questions: len(p.Proposal.Questions)}
}

// ready refuses what may not be carried out: Denied, while edges are undecided or marked data would still leave the country.
func ready(p expansion.Proposal) error {
	if open := p.Undecided(); len(open) > 0 {
		return fault.Newf(fault.Denied, "%s: %s; decide with caravan decide %s, then move again", p.Expansion, undecidedText(open), p.Expansion)
	}
	for _, c := range p.NotInEffect() {
		if c.Cost.Residency != "" {
			return fault.Newf(fault.Denied, "%s → %s: data would still leave the country (%s): %s", c.From, c.To, c.Cost.Residency, c.Lacks)
		}
	}
	return nil
}

func undecidedText(open []expansion.Cut) string {
	words := make([]string, 0, len(open))
	for _, c := range open {
		words = append(words, fmt.Sprintf("%s → %s", c.From, c.To))
	}
	if len(words) == 1 {
		return "1 edge is undecided: " + words[0]
	}
	return fmt.Sprintf("%d edges are undecided: %s", len(words), strings.Join(words, ", "))
}

// dryMove says what carrying a plan out would change. Conflict when something is in the way, as a move has it.
func (a *App) dryMove(ctx context.Context, plan Plan, c course, o runOptions) (Moved, error) {
	m, force := plan.moved(o.Folder), o.Force
	m.Where = a.where(c, o)
	live, err := a.previewLive(ctx, c, o)
	if err != nil {
		return m, err
	}
	there, err := a.there(ctx, c, o)
	if err != nil {
		return m, err
	}
	old := make(map[string]journey.Found, len(there))
	var edited []string
	for _, f := range there {
		old[f.Path] = f
	}
	for _, s := range plan.Journey.Steps {
		r := StepResult{Step: s.ID, Wave: s.Wave, Kind: s.Kind}
		for _, w := range s.Files {
			ch, asked := live[w.Path]
			if !asked {
				ch = journey.Change{Path: w.Path, What: change(old, w)}
				if f := old[w.Path]; f.Edited && ch.What == journey.Updated {
					edited = append(edited, w.Path)
				}
			}
			r.Changes = append(r.Changes, ch)
			delete(old, w.Path)
		}
		m.Steps = append(m.Steps, r)
	}
	for _, f := range there {
		if _, left := old[f.Path]; left {
			m.Removed = append(m.Removed, journey.Change{Path: f.Path, What: removal(f, force)})
		}
	}
	if len(edited) > 0 && !force {
		slices.Sort(edited)
		return m, fault.Newf(fault.Conflict, "edited since they were written, so a move would stop: %s; move the changes into services/ or expansions/, or use --force to lose them", strings.Join(edited, ", "))
	}
	return m, nil
}

// change is what putting a file in place would do.
func change(old map[string]journey.Found, w journey.Written) journey.What {
	switch f, there := old[w.Path]; {
	case !there:
		return journey.Created
	case f.Written != w:
		return journey.Updated
	}
	return journey.Unchanged
}

// PreviewUndo says what an undo would take away and give back.
func (a *App) PreviewUndo(ctx context.Context, name string, req MoveRequest, anywhere bool) (Moved, error) {
	back, err := a.goingBack(ctx, name, req, anywhere)
	m := Moved{Expansion: name, Folder: back.options.Folder, Where: a.where(back.course, back.options)}
	if err != nil {
		return m, err
	}
	for _, f := range back.there {
		m.Removed = append(m.Removed, journey.Change{Path: f.Path, What: removal(f, req.Force)})
	}
	m.GivenBack, err = a.store.Leases(ctx, name)
	return m, err
}

// back is what an undo is about to do.
type back struct {
	course  course
	options runOptions
	there   []journey.Found
}

// goingBack is what an undo would do, if it may.
func (a *App) goingBack(ctx context.Context, name string, req MoveRequest, anywhere bool) (b back, err error) {
	if err := a.inWorkspace(); err != nil {
		return b, err
	}
	dir, err := a.folder(name, req.Out, anywhere)
	if err != nil {
		return b, err
	}
	if b.course, err = a.wayBack(ctx, name, dir); err != nil {
		return b, err
	}
	if b.options, err = a.optionsBack(ctx, b.course, dir, req.Force); err != nil {
		return b, err
	}
	if b.there, err = a.there(ctx, b.course, b.options); err != nil {
		return b, err
	}
	return b, a.mayUndo(ctx, name, b, req.Force)
}

// optionsBack are where a course is taken back from: where it was last put, whatever the workspace says by now.
func (a *App) optionsBack(ctx context.Context, c course, dir string, force bool) (runOptions, error) {
	o := a.optionsOf(c, dir, force)
	runs, err := a.store.Runs(ctx, c.Journey.Expansion, 0)
	if err != nil {
		return o, err
	}
	i := slices.IndexFunc(runs, func(r journey.Run) bool { return r.Way == journey.Forth })
	if i < 0 {
		return o, nil
	}
	_, text, err := a.store.Run(ctx, runs[i].ID)
	if err != nil {
		return o, err
	}
	before, err := readOptions(runs[i].ID, text)
	o.Targets = before.Targets
	return o, err
}

// removal is what becomes of a file that is no longer wanted.
func removal(f journey.Found, force bool) journey.What {
	if f.Edited && !force {
		return journey.Kept
	}
	return journey.Removed
}

// mayUndo refuses what would give back ranges that are not the expansion's, or that are live because it was moved into another
// folder than the one nothing is in.
func (a *App) mayUndo(ctx context.Context, name string, b back, force bool) error {
	if len(b.there) > 0 {
		return nil
	}
	if err := a.wasPlanned(ctx, name); err != nil {
		return err
	}
	leases, err := a.store.Leases(ctx, name)
	if err != nil {
		return err
	}
	if !force && slices.ContainsFunc(leases, func(l address.Lease) bool { return l.State == address.Live }) {
		return fault.Newf(fault.Conflict, "nothing of %s is in %s, and its ranges are live; name the folder it was moved into with --out, or give them back with --force", name, b.options.Folder)
	}
	return nil
}

// wasPlanned is NotFound for what is no expansion and never was.
func (a *App) wasPlanned(ctx context.Context, name string) error {
	_, _, missing := workspace.ExpansionText(a.dir, name)
	if fault.KindOf(missing) != fault.NotFound {
		return missing
	}
	kept, err := a.store.Proposals(ctx, name, 1)
	if err != nil || len(kept) > 0 {
		return err
	}
	return missing
}

// Standing is how what is in place compares with what is planned now.
type Standing struct {
	Expansion string          `json:"expansion"`
	Proposal  estate.Digest   `json:"proposal"` // planned now
	Folder    string          `json:"folder"`
	Where     []Where         `json:"where"` // of each environment
	Steps     []StepStanding  `json:"steps"`
	Edited    []string        `json:"edited,omitempty"` // paths of files that were changed by others since they were written
	Looked    []Looked        `json:"looked,omitempty"` // at environments that had to be asked
	Undecided []expansion.Cut `json:"undecided,omitempty"`
	ToDo      ToDo            `json:"toDo,omitzero"`
	Run       *journey.Run    `json:"run,omitempty"` // the last
}

// StepStanding is how far one step is.
type StepStanding struct {
	Step    journey.StepID   `json:"step"`
	Wave    int              `json:"wave"`
	Kind    journey.Kind     `json:"kind"`
	Team    estate.TeamName  `json:"team,omitempty"`
	State   string           `json:"state" enum:"written,failed,outdated,edited,partly,open,unknown"` // failed: all of it is there, and it does not run as the last move says; outdated: something else is planned now; edited: by others, since it was written; unknown: its environment could not be asked
	InPlace int              `json:"inPlace"`                                                         // files as planned
	Files   int              `json:"files"`
	Idle    string           `json:"idle,omitempty"`    // why it does not run though it is written: what it waits for was not brought yet
	Verdict *consent.Verdict `json:"verdict,omitempty"` // who must agree and who has, when it is carried out for real
}

// Status says how far the journey of an expansion is.
func (a *App) Status(ctx context.Context, name string, req MoveRequest, anywhere bool) (Standing, error) {
	if service, env, ok := switchOf(name); ok {
		return Standing{}, fault.Newf(fault.Usage, "%s is a switch; caravan config shadow %s -e %s says how it stands", name, service, env)
	}
	if store, env, ok := relocationOf(name); ok {
		return Standing{}, fault.Newf(fault.Usage, "%s is the move of a datastore; caravan standby move %s --to %s --dry-run says how it stands", name, store, env)
	}
	plan, err := a.Plan(ctx, name, PlanRequest{Dry: true})
	if err != nil {
		return Standing{}, err
	}
	return a.standing(ctx, plan, req.Out, anywhere)
}

// standing compares a plan with what is in place.
func (a *App) standing(ctx context.Context, plan Plan, out string, anywhere bool) (Standing, error) {
	standing, _, err := a.look(ctx, plan, out, anywhere)
	return standing, err
}

// look is standing, and the course whose steps stand so.
func (a *App) look(ctx context.Context, plan Plan, out string, anywhere bool) (Standing, course, error) {
	name := plan.Proposal.Expansion
	dir, err := a.folder(name, out, anywhere)
	if err != nil {
		return Standing{}, course{}, err
	}
	c, err := a.courseOf(ctx, plan)
	if err != nil {
		return Standing{}, course{}, err
	}
	run, err := a.lastRun(ctx, name) // before what is in place is looked at: when it says that it is finished, all of it is there
	if err != nil {
		return Standing{}, course{}, err
	}
	o := a.optionsOf(c, dir, false)
	there, looked, err := a.glance(ctx, c, o, run)
	if err != nil {
		return Standing{}, course{}, err
	}
	consents, err := a.consents(ctx, c)
	if err != nil {
		return Standing{}, course{}, err
	}
	standing := Standing{Expansion: name, Proposal: plan.Proposal.Digest, Folder: dir, Where: a.where(c, o), Undecided: plan.Proposal.Undecided(), ToDo: plan.toDo(), Run: run, Looked: looked}
	for i, s := range c.Journey.Steps {
		step := standingOf(s, there, runOf(run, s.ID, s.Digest))
		if slices.ContainsFunc(looked, func(l Looked) bool { return l.Environment == s.Environment && l.Failed != "" }) {
			step.State = "unknown"
		}
		if consents.Steps[i].Asked {
			step.Verdict = &consents.Steps[i].Verdict
		}
		standing.Steps = append(standing.Steps, step)
	}
	for _, f := range there {
		if f.Edited {
			standing.Edited = append(standing.Edited, f.Path)
		}
	}
	return standing, c, nil
}

// Written counts the steps that are in place as planned.
func (s Standing) Written() int {
	n := 0
	for _, step := range s.Steps {
		if step.State == "written" {
			n++
		}
	}
	return n
}

// standingOf is how a step stands of which that is there, and which went like that in the move that is open.
func standingOf(s journey.Step, there []journey.Found, went journey.StepRun) StepStanding {
	out := StepStanding{Step: s.ID, Wave: s.Wave, Kind: s.Kind, Team: s.Team, Files: len(s.Files), State: "open"}
	if s.Kind == journey.Removal {
		if !slices.ContainsFunc(there, func(f journey.Found) bool { return slices.Contains(s.Gone, f.Path) }) {
			out.State = "written"
		}
		return out
	}
	edited, outdated := false, false
	for _, f := range s.Files {
		i, ok := slices.BinarySearchFunc(there, f.Path, func(found journey.Found, path string) int { return strings.Compare(found.Path, path) })
		switch {
		case !ok:
		case there[i].Written == f:
			out.InPlace++
			out.Idle = cmp.Or(out.Idle, there[i].Idle)
		case there[i].Edited:
			edited = true
		default:
			outdated = true
		}
	}
	switch {
	case edited:
		out.State = "edited"
	case outdated:
		out.State = "outdated"
	case went.State == journey.Failed && out.InPlace == out.Files:
		out.State = "failed"
	case out.InPlace == out.Files && len(there) > 0:
		out.State = "written"
	case out.InPlace > 0:
		out.State = "partly"
	}
	return out
}
