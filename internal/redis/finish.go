package redis

import (
	"context"
	"fmt"
	"slices"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// untold are the Sentinels that do not do yet what a move wants of them.
func untold(from, to standby.RedisSide) []string {
	var out []string
	for _, w := range from.Watches {
		if !w.Gone {
			out = append(out, w.Sentinel)
		}
	}
	for _, w := range to.Watches {
		out = append(out, w.Sentinel)
	}
	return out
}

// finish does all that comes after the new primary leads. What cannot be reached stays with the move, and Verify does it later: an old instance is
// a replica by its own configuration by now, a Sentinel was told to fail nothing over.
func (c *course) finish(ctx context.Context) error {
	if err := c.ensureLed(ctx); err != nil {
		return err
	}
	return c.conclude(ctx, c.redirect(ctx))
}

// conclude fences and tells everybody, and ends the move unless its clients could not be led.
func (c *course) conclude(ctx context.Context, redirected error) error {
	c.fenceAll(ctx)
	from, fromSide := c.from()
	c.forget(ctx, from, fromSide)
	to, toSide := c.to()
	if allGone(*fromSide) {
		c.release(ctx, to, toSide)
	}
	if err := firstError(redirected, c.need(ctx)); err != nil {
		return err
	}
	end := standby.RedisMoved
	if c.state.Back {
		end = standby.RedisUndone
	}
	return c.enter(end)
}

// ensureLed sees that the new primary leads, and has written that down. Where its Sentinels have chosen another since, that one does.
func (c *course) ensureLed(ctx context.Context) error {
	from, _ := c.from()
	to, side := c.to()
	look := to.glance(ctx, c.Now)
	if f, leads := look.Leader(); leads && f.Instance != side.Leader {
		c.tell("%s leads by now, in place of %s", f.Instance, side.Leader)
		side.Leader = f.Instance
		return c.Save(c.state)
	}
	f := look.Of(side.Leader)
	if _, left := from.at(f.Master); f.Role == standby.Standby && !left {
		return fault.Newf(fault.Unavailable, "%s follows %s: wait until its Sentinels have failed over", f.Instance, f.Master)
	}
	comer, err := c.comer()
	if err != nil {
		return err
	}
	conn, err := to.connect(ctx, comer)
	if err != nil {
		return err
	}
	defer func() { _ = conn.close() }()
	return c.promote(ctx, conn)
}

// need gives the new primary its condition for writes back, once enough replicas follow it.
func (c *course) need(ctx context.Context) error {
	to, side := c.to()
	if side.MinReplicas == nil || *side.MinReplicas == 0 {
		return nil
	}
	comer, err := c.comer()
	if err != nil {
		return err
	}
	err = until(ctx, settled, func(ctx context.Context) error {
		f := to.ask(ctx, comer, (*link).standing)
		online := slices.DeleteFunc(f.Replicas, func(r standby.RedisReplica) bool { return r.State != "online" })
		if len(online) < *side.MinReplicas {
			return fault.Newf(fault.Unavailable, "%s is to take writes only while %d replicas follow it, and %d do: start its replicas, then go on", comer.Name, *side.MinReplicas, len(online))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.command(ctx, to, comer, slices.Concat(needing(*side), written())...)
}

// fenceAll makes the old primary a replica of the new one wherever it is not, and the old replicas stay its own. Who does not answer is kept.
func (c *course) fenceAll(ctx context.Context) {
	from, side := c.from()
	comer, err := c.comer()
	if err != nil {
		return
	}
	c.state.Fence = nil
	for _, i := range from.Instances {
		f := from.ask(ctx, i, (*link).facts)
		err := c.fenceOne(ctx, from, i, f, side, comer)
		if err != nil {
			c.tell("%s is fenced when it answers: %v", i.Name, err)
			c.state.Fence = append(c.state.Fence, i.Name)
		}
	}
}

// fenceOne also shows again what an earlier cut hid and its Sentinels have put another in place of since.
func (c *course) fenceOne(ctx context.Context, from Set, i Instance, f standby.RedisFacts, side *standby.RedisSide, comer Instance) error {
	if f.Unreachable != "" {
		return fault.Newf(fault.Unavailable, "%s", f.Unreachable)
	}
	master, err := from.of(side.Leader)
	if err != nil {
		return err
	}
	to, _ := c.to()
	follow, with := master.Address, login(from.Replication)
	_, done := from.at(f.Master)
	switch {
	case i.Name == side.Leader:
		follow, with = comer.peer(), slices.Concat(hidden(), login(to.Replication))
		done = f.Master == follow
	case f.Hidden() || c.fenced(f):
		with = slices.Concat(shown(*side, i), own(from, to))
		done = false
	}
	if f.Role == standby.Standby && done {
		return nil
	}
	if f.Role == standby.Primary {
		c.tell("%s led, and is made a replica", i.Name)
	}
	return c.command(ctx, from, i, slices.Concat(with, replicaOf(follow), written(), sendAway())...)
}

// verify looks once more at all of it.
func (c *course) verify(ctx context.Context) error {
	to, side := c.to()
	leader, err := leaderOf(to, to.glance(ctx, c.Now))
	if err != nil {
		return err
	}
	if leader.Name != side.Leader {
		c.tell("%s leads by now, in place of %s", leader.Name, side.Leader)
		side.Leader = leader.Name
	}
	if err := c.retell(ctx); err != nil {
		return err
	}
	return until(ctx, settled, func(ctx context.Context) error { return c.follows(ctx, leader) })
}

// retell fences and tells whoever could not be reached before.
func (c *course) retell(ctx context.Context) error {
	from, fromSide := c.from()
	to, toSide := c.to()
	if c.state.Phase == standby.RedisUndone && !c.state.Back {
		c.release(ctx, from, fromSide)
		c.release(ctx, to, toSide)
		return c.missing(*fromSide, *toSide, true)
	}
	c.fenceAll(ctx)
	c.forget(ctx, from, fromSide)
	if allGone(*fromSide) { // one that is not would be heard by those of the new side
		c.release(ctx, to, toSide)
	}
	return c.missing(*fromSide, *toSide, false)
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// missing keeps what could not be done yet, and says so.
func (c *course) missing(from, to standby.RedisSide, dismissed bool) error {
	sentinels := untold(from, to)
	if err := c.Save(c.state); err != nil {
		return err
	}
	if len(c.state.Fence) == 0 && len(sentinels) == 0 {
		return nil
	}
	what := "instances are replicas by their own configuration, Sentinels of the old side were told to fail nothing over, and those of the new side watch once they have forgotten"
	if dismissed {
		what = "these Sentinels fail nothing over until they are told"
	}
	return fault.Newf(fault.Unavailable, "%v cannot be reached: %s; start them, then check again", fmt.Sprint(slices.Concat(c.state.Fence, sentinels)), what)
}

// follows is nil when the old primary follows the new one.
func (c *course) follows(ctx context.Context, comer Instance) error {
	from, side := c.from()
	old, err := from.of(side.Leader)
	if err != nil {
		return err
	}
	f := from.ask(ctx, old, (*link).standing)
	if f.Unreachable != "" || f.Role != standby.Standby || !f.Link || f.Master != comer.peer() {
		return fault.Newf(fault.Unavailable, "%s does not follow %s yet: going back would lose what it lacks; see its log", old.Name, comer.Name)
	}
	return nil
}
