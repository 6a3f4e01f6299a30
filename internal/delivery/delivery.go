// Package delivery knows how one version of a service gets to every environment the service lives in: in which order, what is done next,
// where it stops and what goes back. It knows what runs where afterwards, whether the worlds differ on purpose, and from when on a
// difference is a finding.
//
// It deploys nothing and has no clock: how everything stands goes in, the next thing to do comes out.
package delivery

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
)

// World is what an environment is made of.
type World string

// The worlds, as a release's state names them.
const (
	Machines   World = "vm"
	Kubernetes World = "kubernetes"
)

// String is the world as people call it.
func (w World) String() string {
	if w == Machines {
		return "VM"
	}
	return "Kubernetes"
}

// Build is a version of a service as it is run: the same image for all worlds, of which machines take one layer.
type Build struct {
	Number  int    `json:"number,omitempty"` // of the release that brought it first; 0 for what others brought
	Version string `json:"version"`
	Image   string `json:"image,omitempty"`  // by its digest; "" for what others brought
	Layer   string `json:"layer,omitempty"`  // digest of the release's layer; "" when Caravan did not make the image
	Folder  string `json:"folder,omitempty"` // where the release is in it
	Name    string `json:"name,omitempty"`   // of its folder on machines
}

// Is reports whether two builds are the same thing.
func (b Build) Is(other Build) bool {
	if b.Image != "" || other.Image != "" {
		return b.Image == other.Image
	}
	return b.Version == other.Version && b.Name == other.Name
}

// String is the build as people call it.
func (b Build) String() string {
	if b.Version == "" {
		return "what was there before"
	}
	return b.Version
}

// ID names a release: "orders-3".
type ID string

// Way is what a release does.
type Way string

// The ways.
const (
	Forth Way = "deploy"
	Back  Way = "back" // to the builds that were there before
)

// Release is one version on its way to the environments of a service, or its way back.
type Release struct {
	ID           ID                 `json:"id"`
	Number       int                `json:"number"` // counts up, for each service
	Service      estate.ServiceName `json:"service"`
	Team         estate.TeamName    `json:"team,omitempty"`
	Way          Way                `json:"way"`
	Version      string             `json:"version,omitempty"` // "" on the way back, where each environment has its own
	AllOrNothing bool               `json:"allOrNothing,omitempty"`
	Force        bool               `json:"force,omitempty"` // over what somebody edited
	By           string             `json:"by"`
	Why          string             `json:"why,omitempty"`
	Until        time.Time          `json:"until,omitzero"` // how long a difference that it makes is intended
	State        State              `json:"state"`
	Reason       string             `json:"reason,omitempty"` // why it failed
	Kind         string             `json:"kind,omitempty"`   // of that: "unavailable" …
	Started      time.Time          `json:"started"`
	Ended        time.Time          `json:"ended,omitzero"`
	Deliveries   []Delivery         `json:"deliveries"`          // in the order in which they are done
	Elsewhere    []Elsewhere        `json:"elsewhere,omitempty"` // environments that it does not go to
}

// State is how a release stands.
type State string

// The states. All but the first are ends.
const (
	Running  State = "running"
	Finished State = "finished"
	Failed   State = "failed"
	Replaced State = "replaced" // by another, after the program that carried it out was gone
)

// Elsewhere is an environment of the service that a release does not go to.
type Elsewhere struct {
	Environment estate.EnvironmentName `json:"environment"`
	World       World                  `json:"world"`
	Because     string                 `json:"because"`
}

// Delivery is a release in one environment.
type Delivery struct {
	Environment estate.EnvironmentName `json:"environment"`
	World       World                  `json:"world"`
	State       Step                   `json:"state"`
	To          Build                  `json:"to"`
	Before      Build                  `json:"before,omitzero"` // what ran there when it was begun
	Running     int                    `json:"running"`         // instances that run it
	All         int                    `json:"all"`             // instances there are
	Says        string                 `json:"says,omitempty"`  // the last thing that was told
	Error       string                 `json:"error,omitempty"`
	Kind        string                 `json:"kind,omitempty"`
	Began       time.Time              `json:"began,omitzero"`
	Ended       time.Time              `json:"ended,omitzero"`
}

// Step is how a delivery stands.
type Step string

// The steps.
const (
	Waiting   Step = "waiting"
	Doing     Step = "doing"
	Done      Step = "done"
	GoingBack Step = "going back"
	WentBack  Step = "went back" // it was not well, or another was not and all go back
	Stuck     Step = "stuck"     // it was not well, and going back failed, too
	HeldBack  Step = "held back" // the environment is paused
	Untouched Step = "untouched" // an earlier one failed
)

// ended reports whether nothing more is done about a delivery by itself.
func (s Step) ended() bool { return s != Waiting && s != Doing && s != GoingBack }

// failed reports whether a delivery ended otherwise than it was meant to.
func (s Step) failed() bool { return s == WentBack || s == Stuck }

// Act is the next thing to do about a release.
type Act string

// The acts.
const (
	Deliver Act = "deliver"
	Return  Act = "return"
	Skip    Act = "skip" // an environment that is not touched any more
	End     Act = "end"
)

// Next is what is to be done next, and to which delivery. What was begun is gone on with first; after a failure nothing else is begun, and what
// was done goes back, the last first, when all or nothing was asked for.
func (r Release) Next() (Act, int) {
	for i, d := range r.Deliveries {
		switch d.State {
		case Doing:
			return Deliver, i
		case GoingBack:
			return Return, i
		}
	}
	failed := slices.ContainsFunc(r.Deliveries, func(d Delivery) bool { return d.State.failed() })
	if failed && r.AllOrNothing {
		for i, d := range slices.Backward(r.Deliveries) {
			if d.State == Done {
				return Return, i
			}
		}
	}
	for i, d := range r.Deliveries {
		if d.State == Waiting && failed {
			return Skip, i
		}
		if d.State == Waiting {
			return Deliver, i
		}
	}
	return End, -1
}

// Verdict is how a release ends: the first delivery that failed says why.
func (r Release) Verdict() (s State, reason, kind string) {
	for _, d := range r.Deliveries {
		if d.State.failed() && d.Error != "" {
			return Failed, string(d.Environment) + ": " + d.Error, d.Kind
		}
	}
	return Finished, "", ""
}

// Same reports whether another release would do exactly this.
func (r Release) Same(other Release) bool {
	return r.Service == other.Service && r.Way == other.Way && r.Version == other.Version && r.AllOrNothing == other.AllOrNothing && r.Force == other.Force &&
		slices.EqualFunc(r.Deliveries, other.Deliveries, func(a, b Delivery) bool {
			return a.Environment == b.Environment && a.To.Is(b.To)
		})
}

// Text is how far a release is: "VM 2/2, Kubernetes 1/3", instances that run it of those there are, by world.
func (r Release) Text() string {
	return counted(func(yield func(World, int, int)) {
		for _, d := range r.Deliveries {
			yield(d.World, d.Running, d.All)
		}
	})
}

// counted adds instances up by world.
func counted(each func(func(w World, running, all int))) string {
	type sum struct{ running, all int }
	sums := map[World]sum{}
	each(func(w World, running, all int) {
		s := sums[w]
		sums[w] = sum{s.running + running, s.all + all}
	})
	var out []string
	for _, w := range []World{Machines, Kubernetes} {
		if s, ok := sums[w]; ok {
			out = append(out, fmt.Sprintf("%s %d/%d", w, s.running, s.all))
		}
	}
	return strings.Join(out, ", ")
}

// Sort gives environments in the agreed order: by the first of some names or globs that fits each, what fits none last, as it came.
func Sort[T any](all []T, order []string, name func(T) estate.EnvironmentName) []T {
	place := func(x T) int {
		i := slices.IndexFunc(order, func(glob string) bool {
			ok, err := path.Match(glob, string(name(x)))
			return ok && err == nil
		})
		if i < 0 {
			return len(order)
		}
		return i
	}
	return slices.SortedStableFunc(slices.Values(all), func(x, y T) int { return place(x) - place(y) })
}
