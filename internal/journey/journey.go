// Package journey knows what is done to carry a proposal out: steps, what each needs first, and the waves they are done
// in. A proposal and its rendered files go in, steps come out, each with a digest of exactly what it will do. It does
// nothing itself: a Target does, one step at a time.
package journey

import (
	"context"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/render"
)

// StepID names a step within its journey: "production-id/service/orders".
type StepID string

// Kind is the sort of a step.
type Kind string

// The kinds of step, in the order in which they are done.
const (
	Addresses     Kind = "addresses"     // the environment's ranges become live
	Access        Kind = "access"        // namespaces, quotas, rights, machines
	CreateStore   Kind = "datastore"     // a database, cache or broker
	Replicate     Kind = "replicate"     // a datastore's instances in a new place follow those it has
	CutOver       Kind = "cutover"       // clients of a datastore are led to the new place
	Stub          Kind = "stub"          // canned answers
	Configuration Kind = "configuration" // what a service is configured with
	Switch        Kind = "switch"        // a service that runs is told what configuration has for it, in the place of what told it before
	Deploy        Kind = "service"       // a service
	Traffic       Kind = "traffic"       // requests are let in
	Removal       Kind = "removal"       // what an earlier plan put there is taken away
)

// Kinds lists them in order.
func Kinds() []Kind {
	return []Kind{Addresses, Access, CreateStore, Replicate, CutOver, Stub, Configuration, Switch, Deploy, Traffic, Removal}
}

// Step is one thing that is done. Equal steps have equal digests.
type Step struct {
	ID          StepID                 `json:"id"`
	Kind        Kind                   `json:"kind"`
	Subject     estate.ServiceName     `json:"subject,omitempty"` // "" when it is the whole environment
	Team        estate.TeamName        `json:"team,omitempty"`
	Environment estate.EnvironmentName `json:"environment"`
	Target      string                 `json:"target,omitempty"` // where it is carried out for real; "" where it is only written down
	Needs       []StepID               `json:"needs,omitempty"`
	Preview     []string               `json:"preview"` // what it will do, in words
	Files       []Written              `json:"files,omitempty"`
	Places      []Place                `json:"places,omitempty"` // of those that go to machines
	Gone        []string               `json:"gone,omitempty"`   // paths that it takes away
	Digest      estate.Digest          `json:"digest"`           // of everything above
	Wave        int                    `json:"wave"`             // from 1, as the proposal counts
}

// Written is a file a step puts in place.
type Written struct {
	Path   string        `json:"path"`
	Digest estate.Digest `json:"digest"`
	Mode   uint32        `json:"mode"`
}

// Place is where a file that a step puts in place goes on machines.
type Place struct {
	Path   string           `json:"path"` // of the file, in the bundle
	Placed render.Placement `json:"placed"`
}

// Found is a file in place that a target made. Its digest is that of the file it was made from; another when it was edited.
type Found struct {
	Written
	Edited bool   `json:"edited,omitempty"` // by others since it was made, or something else is in its place
	Idle   string `json:"idle,omitempty"`   // why what it belongs to does not run though all of it is there; "" when it runs, or is nothing that would
}

// Journey is the course of an expansion: its steps in the order they are done, by wave, then kind, then name.
type Journey struct {
	Expansion string        `json:"expansion"`
	Proposal  estate.Digest `json:"proposal"`
	Digest    estate.Digest `json:"digest"` // of the steps
	Steps     []Step        `json:"steps"`
}

// Target is where the steps of one expansion are carried out in one environment. Different steps may be carried out at once,
// by several programs too; whatever a target cannot do beside others it waits with.
type Target interface {
	// Preview says what putting files in place would change, and changes nothing. Conflict, naming everything that is in the
	// way and that the target did not make.
	Preview(ctx context.Context, files []render.File) ([]Change, error)
	// Apply puts a step's files in place. It may be called again, with the same step or a newer one; what is in place
	// already stays untouched. Conflict when something is in the way that the target did not make.
	Apply(ctx context.Context, s Step, files []render.File, tell Tell) ([]Change, error)
	// Verify waits until what a step put in place does what it is for. Unavailable, with the reason, when it does not in time
	// or never will.
	Verify(ctx context.Context, s Step, tell Tell) error
	// Observe lists what the target made and is in place, as it is now, by path, and changes nothing. It waits for nobody.
	Observe(ctx context.Context) ([]Found, error)
	// Remove takes away everything in place that is not kept, and nothing that it did not make. It may be called again.
	Remove(ctx context.Context, keep func(path string) bool, tell Tell) ([]Change, error)
	// Close lets go of what the target holds; what is in place stays.
	Close() error
}

// Tell takes a line of what is being done, for people who look on.
type Tell func(line string)

// Change is one thing a target did, or would do.
type Change struct {
	Path string `json:"path"`
	What What   `json:"what"`
	Diff string `json:"diff,omitempty"` // of a preview where the target can tell, without secrets
}

// What became of a file.
type What string

// The changes.
const (
	Created   What = "created"
	Updated   What = "updated"
	Unchanged What = "unchanged"
	Removed   What = "removed"
	Kept      What = "kept" // it was edited since it was made
)

// DigestOf is the digest by which a file is known.
func DigestOf(f render.File) estate.Digest { return estate.DigestOf(f.Text) }

// belongs is the step a rendered file belongs to. What is no service's, such as load balancers that spread the requests of
// all, must be there before anything runs.
func belongs(f render.File, p expansion.Proposal) (Kind, estate.ServiceName) {
	base := path.Base(f.Path)
	_, member := p.Member(f.Subject)
	switch {
	case slices.ContainsFunc(p.Datastores, func(d expansion.Datastore) bool { return d.Name == f.Subject }):
		return CreateStore, f.Subject
	case slices.ContainsFunc(p.Stubs, func(s expansion.StubPlan) bool { return s.Name == f.Subject }):
		return Stub, f.Subject
	case !member:
		return Access, ""
	case strings.HasPrefix(base, "httproute"):
		return Traffic, f.Subject
	case strings.HasPrefix(base, "configmap"), strings.HasSuffix(base, ".env"), base == "secrets.md":
		return Configuration, f.Subject
	}
	return Deploy, f.Subject
}
