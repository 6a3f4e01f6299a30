package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/patroni"
	"example.org/caravan/internal/pgbackrest"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// BackUpRequest asks for a backup.
type BackUpRequest struct {
	Type pgbackrest.Kind `json:"type,omitempty" enum:"full,diff,incr" doc:"What it copies: everything, what changed since the last full one, or since the last one; incr when left out."`
}

// BackUp makes a backup of a datastore now, and says how its backups stand. Conflict where it declares none.
func (a *App) BackUp(ctx context.Context, q StandbyQuery, req BackUpRequest, by rights.Person) (standby.Backup, error) {
	b, err := a.backupFor(ctx, q, by)
	if err != nil {
		return standby.Backup{}, err
	}
	kind := cmp.Or(req.Type, pgbackrest.Incremental)
	return lasting(ctx, a, func(ctx context.Context) (standby.Backup, error) {
		defer b.close()
		if err := a.store.AddEntry(ctx, store.Entry{At: a.now(), By: by.By(), What: "backup begun", Subject: string(b.kept.Name) + ": " + string(kind)}); err != nil {
			return standby.Backup{}, err
		}
		tool, err := b.making(ctx)
		if err != nil {
			return standby.Backup{}, err
		}
		info, err := tool.BackUp(ctx, kind)
		if err != nil {
			return standby.Backup{}, err
		}
		return b.with(ctx, info)
	})
}

// DrillBackup restores the newest backup of a datastore beside it, checks it and takes it away again. What is wrong with the backup is in Failed; the error
// is for drills that say nothing about it.
func (a *App) DrillBackup(ctx context.Context, q StandbyQuery, by rights.Person) (standby.Drill, error) {
	b, err := a.backupFor(ctx, q, by)
	if err != nil {
		return standby.Drill{}, err
	}
	return lasting(ctx, a, func(ctx context.Context) (standby.Drill, error) {
		defer b.close()
		return b.drill(ctx, by.By())
	})
}

func (a *App) backupFor(ctx context.Context, q StandbyQuery, by rights.Person) (*backups, error) {
	k, err := a.keptOne(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := a.mayOf(by, rights.Decide, k.Team); err != nil {
		return nil, err
	}
	switch {
	case k.Technology == "redis":
		return nil, fault.Newf(fault.Conflict, "%s is a Redis, of which Caravan makes no backups: copy its file of data (dbfilename, or appenddirname) from an instance", k.Name)
	case k.Backup == nil:
		return nil, fault.Newf(fault.Conflict, "%s declares no backup, so nobody knows where it is kept; write backup under it in standby.datastores", k.Name)
	}
	return a.backupsOf(k), nil
}

// lasting does what takes long: it goes on when whoever asked has gone, and ends with the program.
func lasting[T any](ctx context.Context, a *App, do func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	a.wg.Go(func() {
		value, err := do(a.ctx)
		answers <- answer{value, err}
	})
	select {
	case got := <-answers:
		return got.value, got.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// backups are those of one datastore. It keeps how they are reached.
type backups struct {
	app     *App
	kept    workspace.Kept
	route   *route
	members *route // to Patroni; nil until it is asked
	last    standby.Backup
	asked   time.Time
	failed  error // asking, the last time
}

func (a *App) backupsOf(k workspace.Kept) *backups {
	r := a.routeOf(workspace.Kept{})
	if t, _ := a.declared.TargetOf(k.Environment); t.Machines != nil {
		r.options = a.overSSH(*t.Machines)
	}
	return &backups{app: a, kept: k, route: r}
}

func (b *backups) close() {
	b.route.close()
	if b.members != nil {
		b.members.close()
	}
}

// backupAccount is whom pgBackRest and servers of PostgreSQL run as (Debian).
const backupAccount = "postgres"

// primary is the instance that leads, as Patroni says.
func (b *backups) primary(ctx context.Context) (standby.Member, error) {
	if b.members == nil {
		b.members = b.app.routeOf(b.kept)
	}
	t, err := patroni.Read(ctx, patroni.Where{Addresses: b.kept.Patroni, Dial: b.members.dial}, b.app.now())
	if leaders := t.Primaries(); len(leaders) == 1 {
		return leaders[0], nil
	}
	return standby.Member{}, cmp.Or(err, fault.Newf(fault.Unavailable, "%s has no primary, beside which its backups are made", b.kept.Name))
}

// making is pgBackRest where it makes backups: beside the primary, where it is asked on one of its instances' machines or in their pods.
func (b *backups) making(ctx context.Context) (pgbackrest.Tool, error) {
	d := b.kept.Backup
	instance := slices.ContainsFunc(b.kept.Patroni, func(address string) bool { return d.Machine != "" && hostOf(address) == d.Machine })
	if b.kept.Through != "machines" || !instance {
		return b.tool(ctx)
	}
	leader, err := b.primary(ctx)
	if err != nil {
		return pgbackrest.Tool{}, err
	}
	return b.on(ctx, hostOf(leader.Address))
}

// tool is pgBackRest where it says how backups stand: in the pod of the primary where a container is declared, else on the machine.
func (b *backups) tool(ctx context.Context) (pgbackrest.Tool, error) {
	d := b.kept.Backup
	if d.Container == "" {
		return b.on(ctx, d.Machine)
	}
	leader, err := b.primary(ctx)
	if err != nil {
		return pgbackrest.Tool{}, err
	}
	return pgbackrest.Tool{Stanza: d.Stanza, Config: d.Config, Where: leader.Name, Run: func(ctx context.Context, argv ...string) (pgbackrest.Output, error) {
		ran, err := kube.Run(ctx, b.app.clusterOf(b.kept), leader.Address, d.Container, nil, argv...)
		return pgbackrest.Output(ran), err
	}}, nil
}

// on is pgBackRest on a machine; this one for "".
func (b *backups) on(ctx context.Context, machine string) (pgbackrest.Tool, error) {
	d := b.kept.Backup
	t := pgbackrest.Tool{Run: pgbackrest.ThisMachine(backupAccount), Stanza: d.Stanza, Config: d.Config, Where: cmp.Or(machine, "this machine")}
	if machine == "" {
		return t, nil
	}
	m, err := b.route.machine(ctx, machine)
	if err != nil {
		return t, err
	}
	t.Run = pgbackrest.As(func(ctx context.Context, argv ...string) (pgbackrest.Output, error) {
		got, err := m.Run(ctx, nil, argv...)
		if err != nil && m.Lost(ctx) {
			b.route.forget(machine, m)
		}
		return pgbackrest.Output{Stdout: got.Stdout, Stderr: got.Stderr, Code: got.Code}, err
	}, backupAccount)
	return t, nil
}

func (b *backups) drill(ctx context.Context, by string) (standby.Drill, error) {
	tool, err := b.on(ctx, b.kept.Backup.Machine)
	if err != nil {
		return standby.Drill{}, err
	}
	superuser := ""
	if b.kept.Admin != nil {
		superuser = b.kept.Admin.User
	}
	got, err := tool.Drill(ctx, pgbackrest.Drill{Scratch: b.kept.Backup.Scratch, Superuser: superuser}, b.app.now)
	if b.kept.Backup.Container != "" && fault.KindOf(err) == fault.NotFound {
		err = fault.Newf(fault.NotFound, "%w; a database in a cluster is drilled where Caravan runs, once pgBackRest knows its repository there: docs/guides/backups.md", err)
	}
	if err != nil {
		return got, err
	}
	return got, b.app.store.KeepBackupDrill(ctx, b.kept.Name, b.kept.Environment, got, by)
}

// with adds what drills found to what pgBackRest says.
func (b *backups) with(ctx context.Context, info pgbackrest.Info) (standby.Backup, error) {
	last, good, err := b.app.store.BackupDrills(ctx, b.kept.Name, b.kept.Environment)
	return info.Standing().With(last, good), err
}

// How often pgBackRest is asked while a datastore is looked at, and how soon again when it could not be: an attempt may take a minute itself.
const (
	askBackups      = 5 * time.Minute
	askBackupsAgain = time.Minute
)

// standing is how the backups stand, as asked of late.
func (b *backups) standing(ctx context.Context) (standby.Backup, error) {
	every := askBackups
	if b.failed != nil {
		every = askBackupsAgain
	}
	if b.asked.IsZero() || b.app.now().Sub(b.asked) >= every {
		b.failed = b.ask(ctx)
		b.asked = b.app.now()
	}
	return b.last, b.failed
}

// ask asks pgBackRest how the backups stand.
func (b *backups) ask(ctx context.Context) error {
	tool, err := b.tool(ctx)
	if err != nil {
		return err
	}
	info, err := tool.Info(ctx)
	if err != nil {
		return err
	}
	b.last, err = b.with(ctx, info)
	return err
}

// backup adds how the backups stand, where they are declared. What could not be asked is a doubt, and not that there is none.
func (w *tender) backup(ctx context.Context, t *standby.Topology) {
	if w.backups == nil {
		return
	}
	b, err := w.backups.standing(ctx)
	if err != nil {
		t.Doubts = append(t.Doubts, err.Error())
	}
	if !b.At.IsZero() || err == nil {
		t.Backup = &b
	}
}

// itself is whom the audit names for what is done by schedule.
const itself = "caravan"

// lookForDrills is how often it is looked whether a drill is due.
const lookForDrills = 10 * time.Minute

// keepDrilling restores backups as often as is declared, one at a time, until the program ends.
func (a *App) keepDrilling(ctx context.Context) {
	tick := time.NewTicker(lookForDrills)
	defer tick.Stop()
	for {
		a.drillDue(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// drillDue does the drills that are due. One that could not be done, maybe since another program is at it, is due again the next time.
func (a *App) drillDue(ctx context.Context) {
	for _, k := range a.declared.Standbys.Datastores {
		if k.Backup == nil || k.Backup.Drill == 0 {
			continue
		}
		last, _, err := a.store.BackupDrills(ctx, k.Name, k.Environment)
		if err != nil || !standby.Due(last, k.Backup.Drill, a.now()) {
			continue
		}
		b := a.backupsOf(k)
		_, _ = b.drill(ctx, itself) // what is wrong with a backup is kept; what is in the way shows when it is looked at
		b.close()
	}
}

// drills reports whether backups are declared to be restored now and then.
func (a *App) drills() bool {
	return slices.ContainsFunc(a.declared.Standbys.Datastores, func(k workspace.Kept) bool { return k.Backup != nil && k.Backup.Drill > 0 })
}
