package journey

import (
	"slices"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
)

// RunID names a run.
type RunID string

// Run is a journey being carried out, or taken back.
type Run struct {
	ID        RunID         `json:"id"`
	Expansion string        `json:"expansion"`
	Way       Way           `json:"way"`
	Journey   estate.Digest `json:"journey"`
	State     RunState      `json:"state"`
	By        string        `json:"by"`               // who asked for it
	Why       string        `json:"why,omitempty"`    // in their words
	Reason    string        `json:"reason,omitempty"` // why it stopped
	Kind      string        `json:"kind,omitempty"`   // of that: "denied", "unavailable" …
	Started   time.Time     `json:"started"`
	Ended     time.Time     `json:"ended,omitzero"`
	Steps     []StepRun     `json:"steps"` // in the journey's order
}

// Way is the direction of a run.
type Way string

// The ways.
const (
	Forth Way = "move"
	Back  Way = "undo"
)

// RunState is how a run stands.
type RunState string

// The states. A run that is stopped or paused goes on where it was; the others have ended.
const (
	Running   RunState = "running"
	Paused    RunState = "paused"  // by a person: what began is finished, nothing else begins
	Stopped   RunState = "stopped" // by a failure, or because a green light is missing
	Finished  RunState = "finished"
	Cancelled RunState = "cancelled"
)

// Open reports whether a run may still go on.
func (s RunState) Open() bool { return s == Running || s == Paused || s == Stopped }

// StepRun is how a step stands in a run.
type StepRun struct {
	Step    StepID        `json:"step"`
	Digest  estate.Digest `json:"digest"`
	Wave    int           `json:"wave"`
	State   StepState     `json:"state"`
	Attempt int           `json:"attempt"`          // from 1; counts those that were interrupted
	Worker  string        `json:"worker,omitempty"` // program that does it
	Began   time.Time     `json:"began,omitzero"`
	Ended   time.Time     `json:"ended,omitzero"`
	Error   string        `json:"error,omitempty"`
	Kind    string        `json:"kind,omitempty"` // of the error
	Changes []Change      `json:"changes,omitempty"`
}

// StepState is how a step stands.
type StepState string

// The states of a step.
const (
	Waiting StepState = "waiting"
	Doing   StepState = "doing"
	Done    StepState = "done"
	Failed  StepState = "failed"
)

// Start is a new run of a journey, with every step waiting.
func Start(j Journey, way Way) Run {
	r := Run{Expansion: j.Expansion, Way: way, Journey: j.Digest, State: Running}
	for _, s := range j.Steps {
		r.Steps = append(r.Steps, StepRun{Step: s.ID, Digest: s.Digest, Wave: s.Wave, State: Waiting, Attempt: 1})
	}
	return r
}

// Next are the steps that may begin now, in the order they are to: of the first wave that is not done, what needs nothing that
// is not done; of a run back, of the last wave, what nothing needs that is still there. None when the run does not run.
func (r Run) Next(j Journey) []StepID {
	if r.State != Running || slices.ContainsFunc(r.Steps, func(s StepRun) bool { return s.State == Failed }) {
		return nil
	}
	first := needs(j)
	if r.Way == Back {
		first = inverse(first)
	}
	wave, done := r.front(), map[StepID]bool{}
	for _, s := range r.Steps {
		done[s.Step] = s.State == Done
	}
	var out []StepID
	for _, s := range r.Steps {
		if s.Wave == wave && s.State == Waiting && !slices.ContainsFunc(first[s.Step], func(id StepID) bool { return !done[id] }) {
			out = append(out, s.Step)
		}
	}
	if r.Way == Back {
		slices.Reverse(out)
	}
	return out
}

// front is the wave that is being done: the first that is not done, or the last of a run back; 0 when all are done.
func (r Run) front() int {
	front := 0
	for _, s := range r.Steps {
		switch {
		case s.State == Done:
		case front == 0, r.Way == Forth && s.Wave < front, r.Way == Back && s.Wave > front:
			front = s.Wave
		}
	}
	return front
}

// Opens reports whether a step is in a wave of which nothing has begun yet.
func (r Run) Opens(id StepID) bool {
	i := slices.IndexFunc(r.Steps, func(s StepRun) bool { return s.Step == id })
	return i >= 0 && !slices.ContainsFunc(r.Steps, func(s StepRun) bool { return s.Wave == r.Steps[i].Wave && !s.Began.IsZero() })
}

// Over reports whether every step is done.
func (r Run) Over() bool {
	return !slices.ContainsFunc(r.Steps, func(s StepRun) bool { return s.State != Done })
}

// Count is how many steps are in a state.
func (r Run) Count(state StepState) int {
	n := 0
	for _, s := range r.Steps {
		if s.State == state {
			n++
		}
	}
	return n
}

// needs are what each step needs first.
func needs(j Journey) map[StepID][]StepID {
	out := make(map[StepID][]StepID, len(j.Steps))
	for _, s := range j.Steps {
		out[s.ID] = s.Needs
	}
	return out
}

// inverse are those that need each step.
func inverse(needs map[StepID][]StepID) map[StepID][]StepID {
	out := make(map[StepID][]StepID, len(needs))
	for id, first := range needs {
		for _, f := range first {
			out[f] = append(out[f], id)
		}
	}
	return out
}

// Course is a journey with the files its steps put in place, all that is needed to carry it out.
type Course struct {
	Journey Journey       `json:"journey"`
	Files   []render.File `json:"files"` // by path
}

// FilesOf are the files of a step, in its order.
func (c Course) FilesOf(s Step) []render.File {
	out := make([]render.File, 0, len(s.Files))
	for _, w := range s.Files {
		if i, ok := slices.BinarySearchFunc(c.Files, w.Path, byPath); ok {
			out = append(out, c.Files[i])
		}
	}
	return out
}

// In are the files of all steps in an environment.
func (c Course) In(env estate.EnvironmentName) []render.File {
	var out []render.File
	for _, s := range c.Journey.Steps {
		if s.Environment == env {
			out = append(out, c.FilesOf(s)...)
		}
	}
	return out
}

// Only is a run in which every step but one is done already: it does that one again.
func (r Run) Only(id StepID) Run {
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		if r.Steps[i].Step != id {
			r.Steps[i].State = Done
		}
	}
	return r
}

// Mends reports whether a run does again only some of what is done already.
func (r Run) Mends() bool {
	return slices.ContainsFunc(r.Steps, func(s StepRun) bool { return s.State == Done && s.Began.IsZero() })
}
