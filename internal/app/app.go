// Package app turns configuration into a running program: it knows the workspace, the store and the readers, runs one
// scan at a time and answers with graphs. Faces talk to it and to nothing below.
package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/chat"
	"example.org/caravan/internal/conductor"
	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/every"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/merge"
	"example.org/caravan/internal/outbox"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// Options of a program.
type Options struct {
	// Workspace is the directory that holds caravan.yaml. Empty: there is none, Dirs are read and nothing is kept.
	Workspace string
	// Dirs are read when there is no workspace.
	Dirs []string
	// Database overrules the workspace's own.
	Database string
	Now      func() time.Time
}

// App is a running program. Close ends it.
type App struct {
	now      func() time.Time
	sources  []discover.Source
	stated   []estate.Sighting
	ignored  []estate.Place // where the workspace names what it leaves out
	label    string
	keeper   keeper
	store    *store.Store        // the keeper, when there is a workspace: it also keeps proposals and leases
	dir      string              // of the workspace; "" when there is none
	declared workspace.Workspace // what it declares
	database string              // postgres:// URL of the store; "" for SQLite
	door     *signin.Door

	glances    glances
	looking    sync.Mutex // at databases; guards when all were looked at
	creating   sync.Mutex // held while a datastore is asked for, so that no two get one name
	looked     time.Time
	held       time.Duration // for which clients are held at most while a database moves; 0 is what movers hold them for, and tests on a busy machine hold them longer
	builds     kube.Builds   // of what is rendered for clusters
	conducting sync.Mutex    // guards the conductor and the outbox, which begins with it
	conductor  *conductor.Conductor
	outbox     *outbox.Outbox
	slack      *chat.Slack // nil when none is declared

	stop   context.CancelFunc
	ctx    context.Context // ends with Close; scans run under it
	wg     sync.WaitGroup
	mu     sync.Mutex // guards what follows
	scans  map[ScanID]*scan
	latest ScanID

	lastSnapshot estate.Snapshot // as it was lastSeen
	lastSeen     seen
	laid         map[laidOut]Plan
	plans        map[string]lastPlan // by expansion
	announced    map[journey.RunID]bool
	underways    map[estate.Digest]course // of the runs that are open
	carrying     map[delivery.ID]bool     // releases that this program carries out
}

// seen is a graph at one time.
type seen struct {
	digest estate.Digest
	at     time.Time
}

// keeper remembers graphs by digest, and scans.
type keeper interface {
	Save(context.Context, store.Record) error
	Note(context.Context, store.Scan) error
	Scans(ctx context.Context, limit int) ([]store.Scan, error)
	Graph(ctx context.Context, ref string) (depmap.Graph, store.Summary, error)
	List(ctx context.Context, limit int) ([]store.Summary, error)
	Close() error
}

// New starts a program. It fails when the workspace is wrong or its store cannot be opened.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Now == nil {
		return nil, errors.New("app: no clock given")
	}
	a := &App{now: o.Now, scans: map[ScanID]*scan{}, laid: map[laidOut]Plan{}, plans: map[string]lastPlan{}, announced: map[journey.RunID]bool{}, underways: map[estate.Digest]course{}, carrying: map[delivery.ID]bool{}}
	if o.Workspace == "" {
		if err := a.useDirectories(o.Dirs); err != nil {
			return nil, err
		}
	} else if err := a.useWorkspace(ctx, o); err != nil {
		return nil, err
	}
	a.door = a.openDoor()
	a.ctx, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	return a, nil
}

func (a *App) useDirectories(dirs []string) error {
	if len(dirs) == 0 {
		return fault.Newf(fault.Usage, "nothing to read: name a directory, or make a workspace with `caravan init`")
	}
	taken := map[string]bool{}
	for _, dir := range dirs {
		full, err := filepath.Abs(dir)
		if err != nil {
			return fault.Newf(fault.Invalid, "%s: %w", dir, err)
		}
		name := filepath.Base(full)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", filepath.Base(full), n)
		}
		taken[name] = true
		a.sources = append(a.sources, discover.Source{Name: name, Dir: full})
	}
	a.label = strings.Join(dirs, ", ")
	a.keeper = &store.Memory{}
	return nil
}

func (a *App) useWorkspace(ctx context.Context, o Options) error {
	w, err := workspace.Open(o.Workspace)
	if err != nil {
		return err
	}
	a.sources, a.stated, a.label = workspace.Sources(w), workspace.Sightings(w), w.Organisation
	a.ignored = workspace.Ignored(w)
	a.dir, a.declared = o.Workspace, w
	database := o.Database
	if database == "" {
		database = w.Database
	}
	s, err := store.Open(ctx, store.Options{Database: database, Path: filepath.Join(o.Workspace, ".caravan", "caravan.db")})
	if err != nil {
		return err
	}
	a.keeper, a.store, a.database = s, s, database
	a.slack = a.newSlack()
	return nil
}

// Close cancels a running scan, waits for it and closes the store.
func (a *App) Close() error {
	a.stop()
	a.wg.Wait()
	a.conducting.Lock()
	defer a.conducting.Unlock()
	var err error
	if a.outbox != nil {
		a.outbox.Close()
	}
	if a.conductor != nil {
		err = a.conductor.Close(context.WithoutCancel(a.ctx))
	}
	return errors.Join(err, a.keeper.Close())
}

// Graph is the graph of a digest, an unambiguous prefix of one, or the newest ("" or "latest"), and when it was read.
func (a *App) Graph(ctx context.Context, ref string) (depmap.Graph, store.Summary, error) {
	return a.keeper.Graph(ctx, ref)
}

// Snapshots lists what is kept, newest first, at most limit.
func (a *App) Snapshots(ctx context.Context, limit int) ([]store.Summary, error) {
	return a.keeper.List(ctx, limit)
}

// Scans lists the scans that have ended, the last first, at most limit.
func (a *App) Scans(ctx context.Context, limit int) ([]store.Scan, error) {
	return a.keeper.Scans(ctx, limit)
}

// ScanRequest says how to scan.
type ScanRequest struct {
	ConfigOnly bool `json:"configOnly,omitempty" doc:"Leave source code alone."`
}

// read scans, merges and builds: the whole way from files to a graph.
func (a *App) read(ctx context.Context, req ScanRequest, report func(phase string, p discover.Progress)) (depmap.Graph, estate.Snapshot, error) {
	report("reading files", discover.Progress{})
	got, err := discover.Scan(ctx, a.sources, every.Formats(), discover.Options{
		ConfigOnly: req.ConfigOnly,
		Progress:   func(p discover.Progress) { report("reading files", p) },
	})
	if err != nil {
		return depmap.Graph{}, estate.Snapshot{}, err
	}
	seen, err := a.whatRuns(ctx, got, report)
	if err != nil {
		return depmap.Graph{}, estate.Snapshot{}, err
	}
	counts := discover.Progress{Files: got.Files, Read: got.Read}
	report("joining names", counts)
	snapshot := merge.Sightings(slices.Concat(got.Sightings, seen.Sightings, a.stated), slices.Concat(got.Doubts, seen.Doubts))
	snapshot.Files, snapshot.Read = got.Files, got.Read
	if snapshot, err = a.withEarlier(ctx, snapshot); err != nil {
		return depmap.Graph{}, estate.Snapshot{}, err
	}
	if err := ctx.Err(); err != nil {
		return depmap.Graph{}, estate.Snapshot{}, err
	}
	report("drawing edges", counts)
	graph, snapshot := leaveOut(snapshot, a.ignored)
	return graph, snapshot, nil
}
