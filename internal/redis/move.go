package redis

import (
	"context"
	"fmt"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Move takes a Redis from the instances of one set to those of another, and back. All of its methods may be called again after they were killed at any
// moment, with the state that was saved last; they end in the same place. One process at a time carries out a move: seeing to that is its caller's part.
type Move struct {
	Name           string // of the datastore, as `caravan standby move NAME` takes it
	Source, Target Set
	Lead           string // instance of the target that is to lead; its first when empty
	Ways           []Way  // by which clients come
	Options        Options
	Save           func(standby.RedisMove) error // keeps a state for good before it returns
	Tell           func(line string)
	Now            func() time.Time
}

// Options bound a move. A zero is its default.
type Options struct {
	Pause    time.Duration // for which writes are held at most; 500 ms
	Sync     time.Duration // that the new primary may take to catch up; 1 h
	Near     int64         // bytes it may lack when the cut begins; 1 MiB
	Accounts bool          // accounts that the target lacks are copied to it, with the hashes of their passwords
}

func (o Options) orDefault() Options {
	if o.Pause <= 0 {
		o.Pause = 500 * time.Millisecond
	}
	if o.Sync <= 0 {
		o.Sync = time.Hour
	}
	if o.Near <= 0 {
		o.Near = 1 << 20
	}
	return o
}

// Validate reports what a move lacks.
func (m Move) Validate() error {
	if err := m.Source.Validate(); err != nil {
		return err
	}
	if err := m.Target.Validate(); err != nil {
		return err
	}
	for _, i := range m.Source.Instances {
		if _, twice := m.Target.at(i.Address); twice {
			return fault.Newf(fault.Invalid, "%s is at both ends of the move: a Redis is moved between different instances", i.Address)
		}
	}
	_, err := m.lead()
	return err
}

func (m Move) lead() (Instance, error) {
	if m.Lead == "" {
		return m.Target.Instances[0], nil
	}
	return m.Target.of(m.Lead)
}

// Plan is what a move would do, and what stands in its way.
type Plan struct {
	Source standby.RedisLook    `json:"source"`
	Target standby.RedisLook    `json:"target"`
	Blocks []standby.RedisBlock `json:"blocks,omitempty"`
	Steps  []string             `json:"steps"`               // none while it is not known who leads
	NoWay  string               `json:"noWayBack,omitempty"` // why it may not be undone without a loss
}

// Preview looks at both ends, changes nothing and says what Do would do.
func (m Move) Preview(ctx context.Context) (Plan, error) {
	if err := m.Validate(); err != nil {
		return Plan{}, err
	}
	lead, err := m.lead()
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Source: m.Source.Look(ctx, m.Now), Target: m.Target.Look(ctx, m.Now)}
	p.Blocks = standby.RefuseRedisMove(standby.RedisWish{
		From: p.Source, To: p.Target, Lead: lead.Name, Accounts: m.Options.Accounts, FromLogin: m.Source.Replication.Given(), ToLogin: m.Target.Replication.Given(),
		FromSentinels: len(m.Source.Sentinels), ToSentinels: len(m.Target.Sentinels),
	})
	p.Blocks = append(p.Blocks, m.wayBlocks(ctx, lead)...)
	if old, ok := p.Source.Leader(); ok {
		p.NoWay = standby.NoRedisWayBack(old.Version, p.Target.Of(lead.Name).Version)
		p.Steps = m.steps(old, lead.Name)
	}
	return p, nil
}

// steps are what Do would do, once it is known who leads.
func (m Move) steps(old standby.RedisFacts, lead string) []string {
	out := []string{
		fmt.Sprintf("%s follows %s (%d keys, %s)", lead, old.Instance, old.Keys, standby.Bytes(old.Memory)),
		fmt.Sprintf("%s holds writes, for %s at most, until %s has all of them", old.Instance, m.Options.orDefault().Pause, lead),
		fmt.Sprintf("%s becomes a replica of %s and writes that down; then %s leads", old.Instance, lead, lead),
	}
	for _, w := range m.Ways {
		out = append(out, fmt.Sprintf("%s leads clients to %s", w, lead))
	}
	if len(m.Source.Sentinels) > 0 {
		out = append(out, fmt.Sprintf("the source's Sentinels forget %s", m.Source.Master))
	}
	return append(out, fmt.Sprintf("%s follows %s until it is stopped: going back loses nothing", old.Instance, lead))
}

// course is a move under way.
type course struct {
	Move
	state standby.RedisMove
}

func (m Move) course(state standby.RedisMove) *course {
	m.Options = m.Options.orDefault()
	return &course{Move: m, state: state}
}

// Do moves. What stands in the way is a Conflict, before anything is changed; an outage is Unavailable, and the old primary leads on or, where nobody can
// tell who leads, nobody takes writes until Do is called again and both ends answer.
func (m Move) Do(ctx context.Context, state standby.RedisMove) (standby.RedisMove, error) {
	if err := m.Validate(); err != nil {
		return state, err
	}
	c := m.course(state)
	if state.Back || state.Phase == standby.RedisUndone {
		return state, fault.Newf(fault.Conflict, "this move of Redis was undone: begin another")
	}
	if state.Phase == standby.RedisBegun {
		if err := c.begin(ctx); err != nil {
			return c.state, err
		}
	}
	err := c.run(ctx)
	return c.state, err
}

func (c *course) begin(ctx context.Context) error {
	p, err := c.Preview(ctx)
	if err != nil {
		return err
	}
	if len(p.Blocks) > 0 {
		return fault.Newf(fault.Conflict, "Redis cannot be moved yet: %s", lines(p.Blocks))
	}
	lead, err := c.lead()
	if err != nil {
		return err
	}
	c.state.Target.Leader = lead.Name
	c.state.Source.Instances, c.state.Target.Instances = c.Source.places(p.Source), c.Target.places(p.Target)
	return c.enter(standby.RedisFollowing)
}

// places are the instances of a set as a look found them.
func (s Set) places(look standby.RedisLook) []standby.RedisAt {
	out := make([]standby.RedisAt, len(s.Instances))
	for i, x := range s.Instances {
		out[i] = standby.RedisAt{Name: x.Name, Address: x.Address}
		if f := look.Of(x.Name); f.Announces != nil && !f.Hidden() {
			out[i].Priority, out[i].Announces = f.Priority, f.Announces
		}
	}
	return out
}

// run goes on from wherever the move is to its end.
func (c *course) run(ctx context.Context) error {
	for {
		var err error
		switch c.state.Phase {
		case standby.RedisFollowing:
			err = c.followAndCut(ctx)
		case standby.RedisCutting:
			err = c.resume(ctx)
		case standby.RedisLed:
			err = c.finish(ctx)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c *course) followAndCut(ctx context.Context) error {
	old, err := c.follow(ctx)
	if err != nil {
		return err
	}
	return c.cut(ctx, old)
}

// enter keeps that the move is in a phase.
func (c *course) enter(p standby.RedisPhase) error {
	c.state.Phase, c.state.At = p, c.Now()
	return c.Save(c.state)
}

func (c *course) tell(format string, args ...any) {
	if c.Tell != nil {
		c.Tell(fmt.Sprintf(format, args...))
	}
}

// from and to are the two ends, the way the move goes now.
func (c *course) from() (Set, *standby.RedisSide) {
	side, _ := c.state.Sides()
	if c.state.Back {
		return c.Target, side
	}
	return c.Source, side
}

func (c *course) to() (Set, *standby.RedisSide) {
	_, side := c.state.Sides()
	if c.state.Back {
		return c.Source, side
	}
	return c.Target, side
}

// comer is the instance that is to lead.
func (c *course) comer() (Instance, error) {
	set, side := c.to()
	return set.of(side.Leader)
}

// Undo takes a move back. Before the cut, the new primary stops following and is emptied again; after it, the old primary, which followed all
// the while, leads again by the same cut, and the new one follows it.
func (m Move) Undo(ctx context.Context, state standby.RedisMove) (standby.RedisMove, error) {
	if err := m.Validate(); err != nil {
		return state, err
	}
	c := m.course(state)
	err := c.undo(ctx)
	return c.state, err
}

func (c *course) undo(ctx context.Context) error {
	if !c.state.Back && c.state.Phase == standby.RedisCutting {
		if err := c.resume(ctx); err != nil {
			return err
		}
	}
	if !c.state.Back && c.state.Phase == standby.RedisLed {
		if err := c.ensureLed(ctx); err != nil {
			return err
		}
		if err := c.conclude(ctx, nil); err != nil { // clients that are still where they go back to are not led away first
			return err
		}
	}
	switch {
	case c.state.Back:
	case c.state.Phase == standby.RedisBegun:
		return c.enter(standby.RedisUndone)
	case c.state.Phase == standby.RedisUndone:
		return c.retell(ctx)
	case c.state.Phase == standby.RedisFollowing:
		return c.dismiss(ctx)
	default:
		c.state.Back = true
		if err := c.enter(standby.RedisFollowing); err != nil {
			return err
		}
	}
	return c.run(ctx)
}

// Verify checks that one instance leads, that the old one follows it and that no Sentinel watches it any more; it fences and tells whoever
// could not be reached before. Unavailable says what is not so yet.
func (m Move) Verify(ctx context.Context, state standby.RedisMove) (standby.RedisMove, error) {
	c := m.course(state)
	if state.Phase != standby.RedisMoved && !(state.Back && state.Phase == standby.RedisUndone) {
		return state, fault.Newf(fault.Conflict, "this move of Redis is not done: it is %q", state.Phase)
	}
	err := c.verify(ctx)
	return c.state, err
}
