package redis

import (
	"cmp"
	"context"
	"slices"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// How often it is asked whether something has come, and for how long that is waited for where all that it takes is done.
const (
	often   = 100 * time.Millisecond
	settled = 30 * time.Second
)

// until does something again and again for as long as it fails for want of something that may come yet.
func until(ctx context.Context, limit time.Duration, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(often)
	defer tick.Stop()
	var last error
	for {
		err := do(ctx)
		if err == nil || fault.KindOf(err) != fault.Unavailable {
			return err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// follow makes the new primary follow whoever leads, and waits until it has nearly all.
func (c *course) follow(ctx context.Context) (Instance, error) {
	set, side := c.to()
	if err := c.blind(ctx, set, side); err != nil {
		return Instance{}, err
	}
	comer, err := c.comer()
	if err != nil {
		return Instance{}, err
	}
	var old Instance
	err = until(ctx, c.Options.Sync, func(ctx context.Context) error {
		var err error
		if old, err = c.leading(ctx); err != nil {
			return err
		}
		if err := c.attach(ctx, comer, old); err != nil {
			return err
		}
		return c.near(ctx, comer, old)
	})
	return old, err
}

// leading is the instance of the old side that leads. One that a broken cut left fenced is given its role back.
func (c *course) leading(ctx context.Context) (Instance, error) {
	set, _ := c.from()
	if err := c.secure(ctx, set); err != nil {
		return Instance{}, err
	}
	look := set.glance(ctx, c.Now)
	leader, err := leaderOf(set, look)
	if err == nil {
		return leader, c.rejoin(ctx, set, look, leader)
	}
	for _, f := range look.Instances {
		if c.fenced(f) && !anyPrimary(look) {
			return Instance{}, c.restore(ctx, f)
		}
	}
	return Instance{}, err
}

// leaderOf is who leads by what the Sentinels and the instances say. While they do not agree, as in the middle of a failover, it is Unavailable.
func leaderOf(set Set, look standby.RedisLook) (Instance, error) {
	f, ok := look.Leader()
	if !ok {
		return Instance{}, fault.Newf(fault.Unavailable, "%s: not one instance leads; wait for its failover to end, or see that one does", setName(set))
	}
	if said := saidMaster(look); said != "" && !f.At(said) {
		return Instance{}, fault.Newf(fault.Unavailable, "%s: %s leads, and its Sentinels name %s; wait for its failover to end, or list that address", setName(set), f.Instance, said)
	}
	return set.of(f.Instance)
}

func setName(set Set) string {
	if set.Master != "" {
		return set.Master
	}
	return set.Instances[0].Name
}

// saidMaster is the master by the Sentinel that knows of the newest failover.
func saidMaster(look standby.RedisLook) string {
	said, epoch := "", -1
	for _, s := range look.Sentinels {
		if s.Master != "" && s.Epoch > epoch {
			said, epoch = s.Master, s.Epoch
		}
	}
	return said
}

func anyPrimary(look standby.RedisLook) bool {
	return slices.ContainsFunc(look.Instances, func(f standby.RedisFacts) bool { return f.Role == standby.Primary })
}

// fenced reports whether an instance of the old side follows one of the new side.
func (c *course) fenced(f standby.RedisFacts) bool {
	to, _ := c.to()
	_, follows := to.at(f.Master)
	return f.Unreachable == "" && f.Role == standby.Standby && follows
}

// restore gives a fenced instance its role back, when no other can have taken it: its Sentinels are told to fail nothing over first.
func (c *course) restore(ctx context.Context, f standby.RedisFacts) error {
	set, side := c.from()
	if err := c.hold(ctx, set, side); err != nil {
		return err
	}
	if anyPrimary(set.glance(ctx, c.Now)) {
		c.release(ctx, set, side)
		return fault.Newf(fault.Unavailable, "%s: its Sentinels have chosen another", setName(set))
	}
	i, err := set.of(f.Instance)
	if err != nil {
		return err
	}
	if err := c.thaw(ctx, i); err != nil {
		return err
	}
	c.calm(ctx, set)
	c.release(ctx, set, side)
	return fault.Newf(fault.Unavailable, "%s has just been given its role back", f.Instance)
}

// rejoin makes instances that a broken cut left fenced follow their own leader again.
func (c *course) rejoin(ctx context.Context, set Set, look standby.RedisLook, leader Instance) error {
	for _, f := range look.Instances {
		if f.Instance == leader.Name || !c.fenced(f) {
			continue
		}
		_, side := c.from()
		to, _ := c.to()
		i, err := set.of(f.Instance)
		if err != nil {
			return err
		}
		if err := c.command(ctx, set, i, slices.Concat(shown(*side, i), own(set, to), replicaOf(leader.Address), written())...); err != nil {
			return err
		}
	}
	return nil
}

// secure throws away what instances that had stopped answering may still have to read.
func (c *course) secure(ctx context.Context, set Set) error {
	var left []standby.RedisProcess
	for _, p := range c.state.Loose {
		if i, err := set.of(p.Instance); err == nil && c.forgetClient(ctx, set, i, p) != nil {
			left = append(left, p)
		}
	}
	if len(left) == len(c.state.Loose) {
		return nil
	}
	c.state.Loose = left
	return c.Save(c.state)
}

// forgetClient ends a connection at the server's end; with a process that is gone, so is its connection.
func (c *course) forgetClient(ctx context.Context, set Set, i Instance, p standby.RedisProcess) error {
	if p.Client == "" {
		return nil
	}
	conn, err := set.connect(ctx, i)
	if err != nil {
		return err
	}
	defer func() { _ = conn.close() }()
	f, err := conn.standing(ctx, i)
	if err != nil || f.Run != p.Run {
		return err
	}
	_, err = conn.do(ctx, "CLIENT", "KILL", "ID", p.Client)
	return err
}

// attach makes the new primary follow a leader, so that no Sentinel promotes it, and has it write that down.
func (c *course) attach(ctx context.Context, comer, old Instance) error {
	from, _ := c.from()
	to, side := c.to()
	conn, err := to.connect(ctx, comer)
	if err != nil {
		return err
	}
	defer func() { _ = conn.close() }()
	f, err := conn.facts(ctx, comer)
	if err != nil {
		return err
	}
	if f.Role == standby.Standby && f.Master == old.peer() && side.Priority != nil {
		return nil
	}
	if side.Priority == nil {
		if err := c.first(ctx, side, f, old); err != nil {
			return err
		}
	}
	c.tell("%s follows %s", comer.Name, old.Name)
	_, err = conn.together(ctx, slices.Concat(hidden(), login(from.Replication), replicaOf(old.peer()), written())...)
	return err
}

// first keeps how the new primary was set up, before anything of it is changed.
func (c *course) first(ctx context.Context, side *standby.RedisSide, f standby.RedisFacts, old Instance) error {
	if f.Role == standby.Primary && f.Keys > 0 {
		return fault.Newf(fault.Conflict, "%s holds %d keys, which following would wipe out: empty it when nobody needs them", f.Instance, f.Keys)
	}
	if f.Priority == nil || f.MinReplicas == nil || f.Announces == nil {
		return fault.Newf(fault.Denied, "%s: its settings cannot be read; give the account CONFIG GET", f.Instance)
	}
	if c.Options.Accounts && !c.state.Back {
		if err := c.copyAccounts(ctx, old, f.Users); err != nil {
			return err
		}
	}
	side.Priority, side.MinReplicas, side.Announces = f.Priority, f.MinReplicas, f.Announces
	if f.Hidden() { // it follows since an earlier move, which hid it
		side.Priority, side.Announces = new(usual), new(hostOf(f.Address))
		if left, known := c.state.LeftOf(f.Instance); known {
			side.Priority, side.MinReplicas, side.Announces = left.Priority, left.MinReplicas, left.Announces
		}
	}
	return c.Save(c.state)
}

// near is nil when the new primary follows, lacks little and would have what it was given after it is killed.
func (c *course) near(ctx context.Context, comer, old Instance) error {
	from, _ := c.from()
	to, _ := c.to()
	a := from.ask(ctx, old, (*link).standing)
	b := to.ask(ctx, comer, (*link).standing)
	switch lacks := a.Offset - b.Offset; {
	case a.Unreachable != "" || b.Unreachable != "":
		return fault.Newf(fault.Unavailable, "%s", cmp.Or(a.Unreachable, b.Unreachable))
	case !b.Link || b.Replication != a.Replication:
		return fault.Newf(fault.Unavailable, "%s does not follow %s yet; see its log when it never does", comer.Name, old.Name)
	case b.Log && b.Rewriting:
		return fault.Newf(fault.Unavailable, "%s has not written down yet what it was given; see its log and the room on its disk when it never does", comer.Name)
	case lacks > c.Options.Near:
		return fault.Newf(fault.Unavailable, "%s lacks %d bytes of %s", comer.Name, lacks, old.Name)
	}
	return nil
}

// dismiss takes away what was done before a cut: the new primary stops following, and is as empty as it was.
func (c *course) dismiss(ctx context.Context) error {
	from, fromSide := c.from()
	to, toSide := c.to()
	if err := c.secure(ctx, from); err != nil {
		return err
	}
	if len(c.state.Loose) > 0 {
		return fault.Newf(fault.Unavailable, "%s does not answer, and may still follow %s by what it was told before: it must answer, or be started anew, before that is emptied", c.state.Loose[0].Instance, toSide.Leader)
	}
	if c.state.Old.Run != "" {
		if err := until(ctx, settled, func(ctx context.Context) error { _, err := c.leading(ctx); return err }); err != nil {
			return err
		}
	}
	c.release(ctx, from, fromSide)
	if toSide.Priority != nil {
		if err := c.detach(ctx, to, *toSide); err != nil {
			return err
		}
	}
	c.release(ctx, to, toSide)
	return c.enter(standby.RedisUndone)
}

func (c *course) detach(ctx context.Context, set Set, side standby.RedisSide) error {
	from, _ := c.from()
	comer, err := c.comer()
	if err != nil {
		return err
	}
	conn, err := set.connect(ctx, comer)
	if err != nil {
		return err
	}
	defer func() { _ = conn.close() }()
	// What it holds is a copy; while it needs no replicas to write, it can be emptied.
	if _, err := conn.together(ctx, slices.Concat(shown(side, comer), own(set, from), noOne(), written())...); err != nil {
		return err
	}
	_, err = conn.together(ctx, slices.Concat([][]string{{"FLUSHALL"}}, needing(side), written())...)
	return err
}

// command has one instance do several things together.
func (c *course) command(ctx context.Context, set Set, i Instance, commands ...[]string) error {
	conn, err := set.connect(ctx, i)
	if err != nil {
		return err
	}
	defer func() { _ = conn.close() }()
	_, err = conn.together(ctx, commands...)
	return err
}
