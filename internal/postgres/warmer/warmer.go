// Package warmer keeps the buffers of standbys like those of their primary: it looks at both, and has what a standby lacks read into
// its buffers, the hottest first, at a pace that leaves its disk to others. It finds out by itself who is primary, so it does
// not matter who keeps them.
package warmer

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/standby"
)

// Options say how hard a warmer works.
type Options struct {
	Share float64 // of the time during which a standby reads for us; the rest its disk is others'. UsualShare when 0
	Now   func() time.Time
}

// What is usual: buffers change in minutes, so a round each ten seconds loses little; half of what a disk can do is left to replay and to readers.
const (
	Usual      = 10 * time.Second
	UsualShare = 0.5
)

// Warmer warms the standbys of one datastore. It keeps connections between rounds.
type Warmer struct {
	o        Options
	members  []postgres.Where
	mu       sync.Mutex
	servers  map[string]*postgres.Server // by member and database
	nothing  map[standby.Relation]bool   // of which standbys have nothing: unlogged
	sized    time.Time                   // when the primary was last asked how large it is
	patience time.Duration               // for how long it may think about that
	pace     pace
	last     map[string]known // of each standby
}

// pace is when the primary is asked for its buffers next.
type pace struct {
	primary string    // who it holds for
	looked  time.Time // when it was asked last
	took    time.Duration
	seldom  int // looks are so many times as far apart as one takes
}

// A look that takes long is made seldom: what it takes is felt by whoever asks the primary meanwhile. As long as a standby is cold, or has just begun, for a
// fiftieth of the time at most; while all are warm, for ever less, down to so little that not even one query in a hundred meets one, unless what was found would
// be too old by then.
const (
	busy    = 50
	calm    = 400
	isWarm  = 0.9              // share of the hot blocks
	tooOld  = 90 * time.Second // less than the gate of a switch-over takes for old
	afterNo = time.Minute      // when a look fails
)

// due is when to look next; anew is whether a standby is there of which nothing is known.
func (p pace) due(anew bool) time.Time {
	if p.took == 0 {
		return p.looked.Add(afterNo)
	}
	if anew {
		return p.looked.Add(busy * p.took)
	}
	return p.looked.Add(min(time.Duration(p.seldom)*p.took, max(tooOld, busy*p.took)))
}

// after a look.
func (p pace) after(out Round, looked time.Time, failed bool) pace {
	cold := slices.ContainsFunc(out.Members, func(r Report) bool {
		return follows(r) && (r.Warmth == nil || r.Warmth.Share < isWarm)
	})
	switch {
	case failed:
		return pace{out.Primary, looked, 0, busy}
	case cold || p.primary != out.Primary || p.took == 0:
		return pace{out.Primary, looked, out.Looked, busy}
	}
	return pace{out.Primary, looked, out.Looked, min(2*p.seldom, calm)}
}

// known is what the last look said of a standby, and when that had begun to run: one that begins anew has nothing in its buffers.
type known struct {
	warmth *standby.Warmth
	began  time.Time
}

// New is a warmer of a datastore's instances, whichever of them is primary.
func New(members []postgres.Where, o Options) *Warmer {
	o.Share = cmp.Or(o.Share, UsualShare)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Warmer{o: o, members: members, servers: map[string]*postgres.Server{}, nothing: map[standby.Relation]bool{}, patience: sizingLongest}
}

// Close ends all connections.
func (w *Warmer) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, s := range w.servers {
		_ = s.Close()
		delete(w.servers, key)
	}
}

// Round is what came of looking at all instances once.
type Round struct {
	At      time.Time
	Primary string        // "" when none was found
	Looked  time.Duration // that the primary took to tell what is in its buffers; 0 when it was not asked
	Size    *int64        // bytes of all databases; nothing when that was asked of late
	Members []Report      // by name
}

// Report is what came of one instance.
type Report struct {
	Name     string
	Standing postgres.Standing
	Version  string
	Lag      *int64 // bytes behind the primary, of a standby
	// Synchronous is whether the primary waits for it before it confirms a write.
	Synchronous bool
	Warmth      *standby.Warmth // of a standby, before it was warmed; of an earlier round when nobody looked in this one
	Lacking     int             // blocks that were to be read or used
	Read        int             // of them in this round
	Disk        *standby.Disk   // of a standby: what reading what it lacked took; nothing when nothing was read
	Doubts      []string        // what could not be done, and why
	Err         error           // why it could not be asked
}

// Once looks at all instances and their buffers, and warms the standbys until a moment, or until they lack nothing; with no time left for that, it asks each
// database whether it could be. What fails for one instance is in its report.
func (w *Warmer) Once(ctx context.Context, until time.Time) Round {
	w.pace = pace{}
	return w.Next(ctx, until)
}

// Next is one of many rounds: it looks at all instances, and at their buffers as often as the primary can bear.
func (w *Warmer) Next(ctx context.Context, until time.Time) Round {
	out := Round{At: w.o.Now(), Members: make([]Report, len(w.members))}
	w.each(func(i int) { out.Members[i] = w.ask(ctx, w.members[i]) })
	leader := slices.IndexFunc(out.Members, func(r Report) bool { return r.Err == nil && r.Standing.Role == standby.Primary })
	if leader >= 0 && slices.IndexFunc(out.Members[leader+1:], func(r Report) bool { return r.Err == nil && r.Standing.Role == standby.Primary }) < 0 {
		w.lead(ctx, &out, leader, until)
	}
	slices.SortFunc(out.Members, func(x, y Report) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// each does something for all members at once.
func (w *Warmer) each(do func(i int)) {
	var all sync.WaitGroup
	for i := range w.members {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// answering is how long an instance may take for one answer. One that hangs holds nobody else up for longer.
const answering = time.Minute

func (w *Warmer) ask(ctx context.Context, where postgres.Where) Report {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	r := Report{Name: where.Name}
	s, err := w.server(ctx, where, where.Database)
	if err != nil {
		r.Err = err
		return r
	}
	r.Version = s.Version()
	r.Standing, r.Err = s.Standing(ctx)
	return r
}

// server is a connection to a database of a member, kept from before if it still lives.
func (w *Warmer) server(ctx context.Context, where postgres.Where, database string) (*postgres.Server, error) {
	key := where.Name + "\x00" + database
	w.mu.Lock()
	s := w.servers[key]
	w.mu.Unlock()
	if s != nil && !s.Dead() {
		return s, nil
	}
	where.Database = database
	s, err := postgres.Connect(ctx, where)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.servers[key] = s
	w.mu.Unlock()
	return s, nil
}

// lead learns from the primary how its standbys stand, and warms them when it is time to look at buffers.
func (w *Warmer) lead(ctx context.Context, out *Round, leader int, until time.Time) {
	primary := &out.Members[leader]
	out.Primary = primary.Name
	s, err := w.server(ctx, w.members[leader], w.members[leader].Database)
	if err != nil {
		primary.Err = err
		return
	}
	asked, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	w.size(asked, s, out)
	if s, err = w.server(asked, w.members[leader], w.members[leader].Database); err != nil { // an answer that took too long ended the connection
		primary.Err = err
		return
	}
	followers, err := s.Followers(asked)
	if err != nil {
		primary.Err = err
		return
	}
	anew := false
	for i := range out.Members {
		r := &out.Members[i]
		r.Synchronous = slices.ContainsFunc(followers, func(f postgres.Follower) bool { return f.Synchronous && f.Name == r.Name })
		if follows(*r) {
			lag := max(primary.Standing.Position-r.Standing.Position, 0)
			r.Lag = &lag
			if k, ok := w.last[r.Name]; ok && k.began.Equal(r.Standing.Started) {
				r.Warmth = k.warmth
			} else {
				anew = true
			}
		}
	}
	if !slices.ContainsFunc(out.Members, follows) {
		return
	}
	if began := w.o.Now(); w.pace.primary != out.Primary || !began.Before(w.pace.due(anew)) {
		primary.Err = w.warm(ctx, s, out, until)
		w.pace = w.pace.after(*out, began, primary.Err != nil)
	}
}

// follows reports whether an instance is a standby that answers.
func follows(r Report) bool { return r.Err == nil && r.Standing.Role == standby.Standby }

// warm looks at the primary's buffers and brings those of all standbys closer to them.
func (w *Warmer) warm(ctx context.Context, s *postgres.Server, out *Round, until time.Time) error {
	asked, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	began := w.o.Now()
	hot, err := s.Buffers(asked, 1)
	out.Looked = w.o.Now().Sub(began)
	if err != nil {
		return err
	}
	names, err := s.Databases(asked)
	if err != nil {
		return err
	}
	w.mu.Lock()
	maps.DeleteFunc(hot.Pages, func(r standby.Relation, _ []standby.Page) bool {
		_, used := names[r.Database]
		return w.nothing[r] || !used && r.Database != 0
	})
	w.mu.Unlock()
	w.each(func(i int) {
		if r := &out.Members[i]; follows(*r) {
			r.Warmth = nil
			one := warming{Warmer: w, where: w.members[i], names: names, report: r}
			r.Err = one.work(ctx, hot, until)
		}
	})
	w.last = map[string]known{}
	for _, r := range out.Members {
		if follows(r) {
			w.last[r.Name] = known{r.Warmth, r.Standing.Started}
		}
	}
	return nil
}

// sizing is how often a primary is asked how large it is, for which it looks at each of its files, and how long that may take.
const (
	sizing        = 10 * time.Minute
	sizingLongest = 20 * time.Second
)

// size asks how large the primary is. One that does not say it in time is asked again later, and warmed meanwhile.
func (w *Warmer) size(ctx context.Context, s *postgres.Server, out *Round) {
	now := w.o.Now()
	if !w.sized.IsZero() && now.Sub(w.sized) < sizing {
		return
	}
	w.sized = now
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	if bytes, err := s.Size(ctx); err == nil {
		out.Size = &bytes
	}
}

// warming is the work on one standby in one round.
type warming struct {
	*Warmer
	where  postgres.Where
	names  map[uint32]string // of databases
	report *Report
	doubts map[string]bool
}

func (w warming) work(ctx context.Context, hot standby.Buffers, until time.Time) error {
	s, err := w.server(ctx, w.where, w.where.Database)
	if err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	have, err := s.Buffers(asked, 0)
	if err != nil {
		return err
	}
	warmth := standby.Measure(hot, have, w.o.Now())
	w.report.Warmth = &warmth
	plan := standby.Plan(hot, have)
	for _, x := range plan {
		w.report.Lacking += x.Len()
	}
	if !w.o.Now().Before(until) {
		return w.prepared(asked)
	}
	if *w.report.Lag > restful {
		w.report.Doubts = append(w.report.Doubts, w.where.Name+" lags "+standby.Bytes(*w.report.Lag)+": its disk is left to replay")
		return nil
	}
	w.doubts = map[string]bool{}
	for batch := range standby.Batches(plan, batchBlocks) {
		if ctx.Err() != nil || !w.o.Now().Before(until) {
			break
		}
		if err := w.batch(ctx, batch); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// prepared notes which databases could not be warmed, where there is no time to try.
func (w warming) prepared(ctx context.Context) error {
	for _, database := range slices.Sorted(maps.Values(w.names)) {
		s, err := w.server(ctx, w.where, database)
		if err == nil {
			err = s.Prepared(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			w.report.Doubts = append(w.report.Doubts, err.Error())
		}
	}
	return nil
}

// restful is how far a standby may lag, in bytes, before nothing is read on it any more.
const restful = 64 << 20

// batchBlocks is how many blocks are asked for at once: half a megabyte, so that a lock on a relation, which replay may wait for, is held for moments.
const batchBlocks = 64

// batch has a few blocks of one file read, and rests for as long as others shall have the disk.
func (w warming) batch(ctx context.Context, batch []standby.Stretch) error {
	database := w.names[batch[0].Database]
	if batch[0].Database == 0 { // what all databases share is read from any
		database = w.where.Database
	}
	if w.doubts[database] {
		return nil
	}
	began := w.o.Now()
	s, err := w.server(ctx, w.where, database)
	if err == nil {
		var n int
		var took time.Duration
		asked, cancel := context.WithTimeout(ctx, answering)
		n, took, err = s.Warm(asked, batch)
		cancel()
		w.timed(batch, n, took)
		w.report.Read += max(n, 0)
		if n == postgres.Unlogged {
			w.mu.Lock()
			w.nothing[batch[0].Relation] = true
			w.mu.Unlock()
		}
	}
	if k := fault.KindOf(err); err != nil && ctx.Err() == nil && (s == nil || k == fault.NotFound || k == fault.Denied) { // that one database says no more of the instance
		w.doubts[database] = true
		w.report.Doubts = append(w.report.Doubts, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	w.rest(ctx, w.o.Now().Sub(began))
	return nil
}

// atOnce is how long a block takes at most that its machine had in its page cache, or the disk had read ahead: a copy of 8 KiB and a system call.
const atOnce = 20 * time.Microsecond

// timed notes how long a batch took that a standby lacked.
func (w warming) timed(batch []standby.Stretch, blocks int, took time.Duration) {
	if blocks <= 0 || batch[0].There {
		return
	}
	if w.report.Disk == nil {
		w.report.Disk = &standby.Disk{}
	}
	if d := w.report.Disk; took/time.Duration(blocks) <= atOnce {
		d.Cached += int64(blocks)
	} else {
		d.Blocks, d.Took = d.Blocks+int64(blocks), d.Took+took
	}
}

func (w warming) rest(ctx context.Context, took time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(float64(took) * (1/w.o.Share - 1))):
	}
}
