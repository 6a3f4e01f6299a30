package redis

import (
	"context"
	"slices"
	"strconv"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// hold tells every Sentinel of a set to fail nothing over, and waits until none does. A Sentinel that cannot be told is an error: with the others' votes it could
// promote an old instance. What they did before is kept first.
func (c *course) hold(ctx context.Context, set Set, side *standby.RedisSide) error {
	if err := c.keepWatches(ctx, set, side); err != nil {
		return err
	}
	var held []string
	for _, w := range side.Watches {
		if w.Gone {
			continue
		}
		if err := set.withSentinel(ctx, w.Sentinel, func(conn *link) error { return conn.quorum(ctx, set.Master, standby.RedisNever) }); err != nil {
			return err
		}
		held = append(held, w.Sentinel)
	}
	return until(ctx, settled, func(ctx context.Context) error { return c.still(ctx, set, held) })
}

// keepWatches keeps what every Sentinel of a set does. All of them have to answer.
func (c *course) keepWatches(ctx context.Context, set Set, side *standby.RedisSide) error {
	if len(set.Sentinels) == 0 {
		return nil
	}
	for _, address := range set.Sentinels {
		if err := set.withSentinel(ctx, address, func(conn *link) error { return c.keepWatch(ctx, conn, set, side, address) }); err != nil {
			return err
		}
	}
	return c.Save(c.state)
}

// blind has the Sentinels of the new side forget its master while that follows another: by the stream of replication they would hear what those of the old side say
// to each other, and where both watch a master of the same name, take it for theirs.
func (c *course) blind(ctx context.Context, set Set, side *standby.RedisSide) error {
	if err := c.keepWatches(ctx, set, side); err != nil {
		return err
	}
	c.forget(ctx, set, side)
	if !allGone(*side) {
		return fault.Newf(fault.Unavailable, "%s: not every Sentinel of the new side could be told to forget its master while that follows; start those that do not answer", setName(set))
	}
	return c.Save(c.state)
}

// allGone reports whether every Sentinel of a side has forgotten.
func allGone(side standby.RedisSide) bool {
	return !slices.ContainsFunc(side.Watches, func(w standby.RedisWatch) bool { return !w.Gone })
}

// calm waits until no Sentinel finds the leader of a set down. While one followed, or did not answer, they do; told to fail over again at that moment, they would put
// another beside it. Their word is at most one INFO old, which they ask for every 10 s (SENTINEL_INFO_PERIOD). Where nobody leads, there is nothing to wait for.
func (c *course) calm(ctx context.Context, set Set) {
	const longest = 15 * time.Second
	if len(set.Sentinels) == 0 || !anyPrimary(set.glance(ctx, c.Now)) {
		return
	}
	err := until(ctx, longest, func(ctx context.Context) error {
		for _, address := range set.Sentinels {
			if s := set.sentinel(ctx, address, c.Now()); slices.Contains(s.Flags, "s_down") {
				return fault.Newf(fault.Unavailable, "Sentinel %s still finds %s down", address, s.Master)
			}
		}
		return nil
	})
	if err != nil {
		c.tell("%v", err)
	}
}

func (c *link) quorum(ctx context.Context, master string, n int) error {
	_, err := c.do(ctx, "SENTINEL", "SET", master, "quorum", strconv.Itoa(n))
	return err
}

// keepWatch keeps what a Sentinel does, unless that is what a move told it.
func (c *course) keepWatch(ctx context.Context, conn *link, set Set, side *standby.RedisSide, address string) error {
	known := slices.ContainsFunc(side.Watches, func(w standby.RedisWatch) bool { return w.Sentinel == address })
	s, said, err := conn.watched(ctx, set.Master, c.Now())
	if _, to := c.to(); fault.KindOf(err) == fault.NotFound && (known || side == to) {
		return c.watchesLater(set, side, address, known)
	}
	if err != nil {
		return err
	}
	if s.Others+1 > len(set.Sentinels) {
		return fault.Newf(fault.Invalid, "Sentinel %s knows %d others, %d are listed in all: list every one, as one that is not told could promote an old instance", address, s.Others, len(set.Sentinels))
	}
	if known {
		return nil
	}
	w := standby.RedisWatch{Sentinel: address, Master: s.Master, Quorum: s.Quorum, Settings: map[string]string{}}
	if w.Quorum >= standby.RedisNever {
		w.Quorum = len(set.Sentinels)/2 + 1
	}
	for _, key := range kept() {
		w.Settings[key] = said[key]
	}
	side.Watches = append(side.Watches, w)
	return nil
}

// watchesLater keeps that a Sentinel of the new side watches nothing yet, and is to watch whoever leads; as it did before an earlier move had it forget.
func (c *course) watchesLater(set Set, side *standby.RedisSide, address string, known bool) error {
	if known {
		return nil
	}
	comer, err := c.comer()
	if err != nil {
		return err
	}
	w := standby.RedisWatch{Sentinel: address, Quorum: len(set.Sentinels)/2 + 1}
	if c.state.Left != nil {
		if i := slices.IndexFunc(c.state.Left.Watches, func(w standby.RedisWatch) bool { return w.Sentinel == address }); i >= 0 {
			w = c.state.Left.Watches[i]
		}
	}
	w.Master, w.Gone = comer.Address, true
	side.Watches = append(side.Watches, w)
	return nil
}

// still is nil when no Sentinel fails over and all name the same master.
func (c *course) still(ctx context.Context, set Set, held []string) error {
	master := ""
	for _, address := range held {
		s := set.sentinel(ctx, address, c.Now())
		switch {
		case s.Unreachable != "":
			return fault.Newf(fault.Unavailable, "Sentinel %s: %s", address, s.Unreachable)
		case s.FailingOver():
			return fault.Newf(fault.Unavailable, "Sentinel %s is failing over; wait until it is done", address)
		case s.Quorum < standby.RedisNever:
			return fault.Newf(fault.Conflict, "Sentinel %s was told by somebody else with how many to fail over: end that first", address)
		case master != "" && s.Master != master:
			return fault.Newf(fault.Unavailable, "the Sentinels name %s and %s; wait until they agree", master, s.Master)
		}
		master = s.Master
	}
	return nil
}

// release lets Sentinels fail over as before, and watch again what they were told to forget. Those that cannot be told stay with the move, and are told when
// it is gone on with.
func (c *course) release(ctx context.Context, set Set, side *standby.RedisSide) {
	var left []standby.RedisWatch
	for _, w := range side.Watches {
		err := set.withSentinel(ctx, w.Sentinel, func(conn *link) error {
			if !w.Gone {
				return conn.quorum(ctx, set.Master, w.Quorum)
			}
			return set.watch(ctx, conn, w, c.watchedAt(set, side, w))
		})
		if err != nil {
			c.tell("Sentinel %s: %v", w.Sentinel, err)
			left = append(left, w)
		}
	}
	side.Watches = left
}

// watchedAt is where a Sentinel is to watch a master again: as it knew it, or by the address of whoever leads now.
func (c *course) watchedAt(set Set, side *standby.RedisSide, w standby.RedisWatch) string {
	if i, known := set.at(w.Master); known && i.Name != side.Leader {
		if leader, err := set.of(side.Leader); err == nil {
			return leader.Address
		}
	}
	return w.Master
}

// forget has the Sentinels of the old side forget its master, so that none promotes an old instance, whatever anybody tells them later.
func (c *course) forget(ctx context.Context, set Set, side *standby.RedisSide) {
	for n := range side.Watches {
		w := &side.Watches[n]
		if w.Gone {
			continue
		}
		err := set.withSentinel(ctx, w.Sentinel, func(conn *link) error {
			_, _, err := conn.watched(ctx, set.Master, time.Time{})
			if err == nil {
				_, err = conn.do(ctx, "SENTINEL", "REMOVE", set.Master)
			}
			if fault.KindOf(err) == fault.NotFound {
				return nil
			}
			return err
		})
		if err != nil {
			c.tell("Sentinel %s is told later to forget %s: %v", w.Sentinel, set.Master, err)
			continue
		}
		w.Gone = true
	}
}
