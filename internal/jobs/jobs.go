// Package jobs hands the steps of journeys out to the programs that share a store, with River's queue: each of several
// replicas takes as many as it can do at once. The queue holds nothing that is not in the store too: which step is whose, and how it ended, the
// store knows; a queue that was lost is filled again.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite" // the driver of the file

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// Job is one attempt at a step.
type Job struct {
	Run     journey.RunID  `json:"run"`
	Step    journey.StepID `json:"step"`
	Attempt int            `json:"attempt"`
	By      string         `json:"by"`     // program that handed it out
	Window  int64          `json:"window"` // when, roughly: one that got lost, with a program that was killed say, can be handed out again
}

// Kind is River's name of the job.
func (Job) Kind() string { return "step" }

// InsertOpts keep a job from standing in the queue twice, and from being tried again by the queue: that is the store's to say.
func (Job) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateScheduled, rivertype.JobStateRetryable}}}
}

// Options of a queue.
type Options struct {
	Database string // postgres:// URL, the store's; empty for SQLite
	Path     string // SQLite file of the queue's own, made when it does not exist
	Most     int    // jobs at once
	Work     func(context.Context, Job)
}

// Queue is an open queue. Close ends it.
type Queue interface {
	// Put adds jobs; those that stand there already are left as they are.
	Put(ctx context.Context, all []Job) error
	// Close lets jobs that are being done end for a while, then cancels them.
	Close(ctx context.Context) error
}

// poll is how often a queue without notifications is looked at.
const poll = 50 * time.Millisecond

// Open opens the queue, makes it when there is none, and begins to do jobs. Unavailable when it cannot be reached.
func Open(ctx context.Context, o Options) (Queue, error) {
	if o.Database != "" {
		return openPostgres(ctx, o)
	}
	return openFile(ctx, o)
}

func openPostgres(ctx context.Context, o Options) (Queue, error) {
	config, err := pgxpool.ParseConfig(o.Database)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "the database is not a PostgreSQL address; write postgres://user@host/name")
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "open the queue in PostgreSQL %s at %s: no connection; start the database", config.ConnConfig.Database, config.ConnConfig.Host)
	}
	return begin[pgx.Tx](ctx, riverpgxv5.New(pool), func() error { pool.Close(); return nil }, o)
}

func openFile(ctx context.Context, o Options) (Queue, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "queue: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "queue: %w; make the path writable", err)
	}
	if err := f.Close(); err != nil {
		return nil, fault.Newf(fault.Unavailable, "queue: %w", err)
	}
	query := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(normal)"}, "_txlock": {"immediate"}}
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "queue %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // as River asks for: SQLite has one writer
	return begin[*sql.Tx](ctx, riversqlite.New(db), db.Close, o)
}

// queue is a River client with what it stands on.
type queue[T any] struct {
	client *river.Client[T]
	close  func() error
}

func begin[T any](ctx context.Context, driver riverdriver.Driver[T], done func() error, o Options) (Queue, error) {
	quiet := slog.New(slog.DiscardHandler) // what goes wrong is in the store, and said there
	if err := migrate(ctx, driver, quiet); err != nil {
		return nil, errors.Join(fault.Newf(fault.Unavailable, "prepare the queue: %w", err), done())
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{work: o.Work})
	client, err := river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: o.Most}}, Workers: workers, Logger: quiet,
		FetchCooldown: poll, FetchPollInterval: poll, JobTimeout: -1,
	})
	if err == nil {
		err = client.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		return nil, errors.Join(fault.Newf(fault.Unavailable, "start the queue: %w", err), done())
	}
	return &queue[T]{client: client, close: done}, nil
}

// migrate makes the queue's tables, or brings them up to date. Of several programs that do so at once, those that come second fail and
// find it done the next time.
func migrate[T any](ctx context.Context, driver riverdriver.Driver[T], log *slog.Logger) error {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
	if err != nil {
		return err
	}
	const attempts = 10
	for range attempts {
		if _, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil {
			return nil
		}
	}
	return err
}

// Put adds jobs.
func (q *queue[T]) Put(ctx context.Context, all []Job) error {
	if len(all) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, len(all))
	for i, j := range all {
		params[i] = river.InsertManyParams{Args: j}
	}
	if _, err := q.client.InsertMany(ctx, params); err != nil {
		return fault.Newf(fault.Unavailable, "put steps into the queue: %w; it is tried again", err)
	}
	return nil
}

// patience is how long jobs may take to end by themselves.
const patience = 2 * time.Second

// Close ends the queue.
func (q *queue[T]) Close(ctx context.Context) error {
	soft, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := q.client.Stop(soft)
	if err != nil {
		err = q.client.StopAndCancel(ctx)
	}
	return errors.Join(err, q.close())
}

// worker does jobs. It never fails one: how a step ended is in the store.
type worker struct {
	river.WorkerDefaults[Job]
	work func(context.Context, Job)
}

// Work does a job.
func (w *worker) Work(ctx context.Context, job *river.Job[Job]) error {
	w.work(ctx, job.Args)
	return nil
}
