package web

import (
	"context"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/web/addresses"
	"example.org/caravan/internal/web/board"
	"example.org/caravan/internal/why"
)

// Backend is what the portal asks of the program around it. Its errors are faults: their kind becomes the status
// of the page and their text is shown to the reader.
type Backend interface {
	// Snapshot is the graph of that digest or unambiguous digest prefix; of the newest snapshot when digest is empty.
	// NotFound when there is none.
	Snapshot(ctx context.Context, digest string) (Snapshot, error)
	// Snapshots lists what is kept, newest first.
	Snapshots(ctx context.Context) ([]Summary, error)
	// StartScan begins a scan and returns at once; Conflict when one is running.
	StartScan(ctx context.Context) error
	// Scan tells how the running scan is doing, or how the last one ended. The zero Progress: none was started.
	Scan(ctx context.Context) (Progress, error)

	// How is everything that can be done to a service or datastore where it runs, and where it is planned to. NotFound when
	// nothing is called so.
	How(ctx context.Context, name string) (how.Guide, error)
	// WhyPlaces lists where a service runs and whether it can be looked at there. NotFound when nothing is called so.
	WhyPlaces(ctx context.Context, name string) ([]WhyPlace, error)
	// Why says why a service does not work in an environment; it takes seconds. Errors say why it cannot be looked at.
	Why(ctx context.Context, name string, env estate.EnvironmentName) (why.Diagnosis, error)
	// Configuration is how a service is configured in an environment, the first it is in when it is "". NotFound when nothing is called so.
	Configuration(ctx context.Context, name estate.ServiceName, env estate.EnvironmentName) (Configuration, error)
	// ConfigurationSwitch asks the machines of a service what its processes are told; it takes seconds. Errors say why they cannot be asked.
	ConfigurationSwitch(ctx context.Context, name estate.ServiceName, env estate.EnvironmentName) (ConfigurationSwitch, error)
	// Expansions lists the workspace's expansions by name; none when there is no workspace.
	Expansions(ctx context.Context) ([]Expansion, error)
	// Plan plans an expansion from the newest snapshot. NotFound when there is no such expansion, Invalid, with a line
	// for each problem, when it asks for what cannot be.
	Plan(ctx context.Context, name string) (Plan, error)
	// Who acts is who asks in the context (rights.Of); what they may not do is Denied.

	// Decide writes decisions into the expansion's file. Invalid when one is not allowed, Conflict when the file was
	// changed meanwhile.
	Decide(ctx context.Context, name string, decisions []expansion.Decision) error
	// Journey is how every step of an expansion stands, and who is asked about it. Errors as those of Plan.
	Journey(ctx context.Context, name string) (Journey, error)
	// Answer gives a team's green light or veto. Conflict when the plan is no longer what was shown.
	Answer(ctx context.Context, name string, a Answer) error
	// Turn begins what is planned ("move"), or turns what is under way ("pause", "resume", "cancel"). Denied, Conflict when that cannot be.
	Turn(ctx context.Context, name, what string) error
	// Addresses is the space of private ranges: pools, what is leased of them, what is in use without a lease.
	Addresses(ctx context.Context) (Addresses, error)
	// Drift is what differs between what runs and what is declared, as far as is known.
	Drift(ctx context.Context) (Drift, error)
	// LookForDrift looks at every environment now; it takes seconds.
	LookForDrift(ctx context.Context) error
	// AcceptDrift accepts a difference until a time. Invalid, Conflict when that cannot be.
	AcceptDrift(ctx context.Context, id drift.ID, why string, until time.Time) error
	// MendDrift begins to put in place again what a difference is about, and gives the expansion whose step does. Conflict when none does.
	MendDrift(ctx context.Context, id drift.ID) (expansion string, err error)
	// Standbys is how databases that keep copies of themselves stand, as last looked at.
	Standbys(ctx context.Context) (Standbys, error)
	// LookAtStandbys asks them all now; it takes seconds.
	LookAtStandbys(ctx context.Context) error
	// SwitchOver makes another instance primary. Denied, with the figures, when it lags or is cold.
	SwitchOver(ctx context.Context, name estate.ServiceName, env estate.EnvironmentName, to string) error
}

// Expansion is one line of the list of expansions.
type Expansion struct {
	Name      string
	Country   string
	Source    estate.EnvironmentName
	Services  int // that come along
	Undecided int
	Written   int // steps that are in place as planned
	Steps     int
	Problem   string // why it cannot be planned; "" when it can
}

// Plan is a proposal with everything it leads to.
type Plan struct {
	Proposal  expansion.Proposal
	Journey   journey.Journey
	Files     []render.File // of all environments, by path
	Before    []render.File // those of the proposal before this one, as far as one is kept
	MapRead   time.Time     // when what it was planned from was read
	PlannedAt time.Time     // first time exactly this was planned
	Written   int           // steps that are in place as planned
}

// Journey is a journey as its page shows it.
type Journey = board.View

// JourneyStep is a step of it, and how that stands.
type JourneyStep = board.Step

// JourneyLine is a line that a step said of itself.
type JourneyLine = board.Line

// JourneyLooked is when an environment was asked what is in place there.
type JourneyLooked = board.Looked

// JourneyTold is a message to somebody, and what became of it.
type JourneyTold = board.Told

// Answer is a team's yes or no to steps, as they were shown.
type Answer struct {
	Team    estate.TeamName
	Steps   []journey.StepID
	Journey estate.Digest // that was shown
	Veto    bool
	Reason  string // of a veto
}

// Addresses is the space of private ranges at one time.
type Addresses struct {
	Pools    []Pool
	Outside  []Part // in use, in no pool
	Findings []finding.Finding
	At       time.Time
}

// Pool is a range that may be divided, with its parts.
type Pool = addresses.Pool

// Part is a range that is taken, with what it is divided into.
type Part = addresses.Part

// Snapshot is a graph with the time it was read.
type Snapshot struct {
	Graph   depmap.Graph
	TakenAt time.Time
}

// Summary is one line of the history of snapshots.
type Summary struct {
	Digest   estate.Digest
	TakenAt  time.Time
	Services int
	Edges    int
	Doubts   int
	Files    int
}

// Progress is the state of a scan.
type Progress struct {
	Running bool
	Phase   string // what is being done, in words: "reading files", "drawing edges"
	Files   int    // seen so far
	Read    int    // opened so far
	Started time.Time
	Ended   time.Time     // zero while it runs
	Digest  estate.Digest // of the snapshot it made
	Failed  error         // why it ended without one
}
