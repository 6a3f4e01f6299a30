package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// cleaning is how long what must be done after something went wrong may take, also when whoever asked has gone.
const cleaning = 30 * time.Second

// pair is the two ends of a cut, each commanded over one connection, so in one process of it.
type pair struct {
	old, comer Instance
	from, to   *link
}

func (p pair) close() {
	_ = p.from.close()
	_ = p.to.close()
}

// cut has the new primary lead in place of the old one. In this order:
//
//  1. every Sentinel of the old side is told to fail nothing over, and what leads clients is seen to be able to;
//  2. the old one holds writes, for a bounded time;
//  3. the new one is waited for until it has all that the old one took;
//  4. the old one becomes a replica of the new one and writes that down, in one transaction that says at which offset it stands still;
//  5. the new one, still the same process, has that offset: it is promoted, and writes that down;
//  6. clients are led to it.
//
// Between 4 and 5 nobody leads; at no time do two. That writes are held only makes 3 short: when they are not any more, 5 finds that the new
// one lacks some, and the old one goes on.
func (c *course) cut(ctx context.Context, old Instance) error {
	set, side := c.from()
	if err := c.hold(ctx, set, side); err != nil {
		return c.backOff(ctx, err)
	}
	still, err := leaderOf(set, set.glance(ctx, c.Now))
	if err != nil || still != old {
		return c.backOff(ctx, fault.Newf(fault.Unavailable, "%s: another instance leads than a moment ago; it is followed first", setName(set)))
	}
	p, err := c.open(ctx, old)
	if err != nil {
		return c.backOff(ctx, err)
	}
	defer p.close()
	if err := c.ready(ctx); err != nil {
		return c.backOff(ctx, err)
	}
	if err := c.enter(standby.RedisCutting); err != nil {
		return err
	}
	begun := c.Now()
	if err := c.pause(ctx, p); err != nil {
		return c.backOff(ctx, err)
	}
	stands, err := c.fence(ctx, p)
	if err != nil {
		return c.backOff(ctx, err)
	}
	if err := c.complete(ctx, p, stands); err != nil {
		return c.backOff(ctx, err)
	}
	if err := c.promote(ctx, p.to); err != nil {
		return err // it may have been: whoever goes on asks both
	}
	return c.led(ctx, p, begun)
}

// open reaches both ends and keeps which processes they are.
func (c *course) open(ctx context.Context, old Instance) (pair, error) {
	from, side := c.from()
	to, _ := c.to()
	comer, err := c.comer()
	if err != nil {
		return pair{}, err
	}
	p := pair{old: old, comer: comer}
	if p.from, err = from.connect(ctx, old); err != nil {
		return pair{}, err
	}
	if p.to, err = to.connect(ctx, comer); err != nil {
		_ = p.from.close()
		return pair{}, err
	}
	if err := c.identify(ctx, p, side); err != nil {
		p.close()
		return pair{}, err
	}
	return p, nil
}

func (c *course) identify(ctx context.Context, p pair, side *standby.RedisSide) error {
	a, err := p.from.facts(ctx, p.old)
	if err != nil {
		return err
	}
	if a.Priority == nil || a.MinReplicas == nil || a.Announces == nil {
		return fault.Newf(fault.Denied, "%s: its settings cannot be read; give the account CONFIG GET", p.old.Name)
	}
	side.Leader, side.Priority, side.MinReplicas, side.Announces = p.old.Name, a.Priority, a.MinReplicas, a.Announces
	if c.state.Old, err = p.from.process(ctx, p.old); err != nil {
		return err
	}
	c.state.New, err = p.to.process(ctx, p.comer)
	return err
}

// process is which process a connection is to.
func (c *link) process(ctx context.Context, i Instance) (standby.RedisProcess, error) {
	f, err := c.standing(ctx, i)
	if err != nil {
		return standby.RedisProcess{}, err
	}
	id, err := c.do(ctx, "CLIENT", "ID")
	return standby.RedisProcess{Instance: i.Name, Run: f.Run, Client: id.text, Replication: f.Replication}, err
}

// pause holds writes at the old primary and waits until the new one has all it took.
func (c *course) pause(ctx context.Context, p pair) error {
	return c.inTime(ctx, p, func(ctx context.Context) error {
		if _, err := p.from.do(ctx, "CLIENT", "PAUSE", strconv.FormatInt(c.Options.Pause.Milliseconds(), 10), "WRITE"); err != nil {
			return err
		}
		a, err := p.from.standing(ctx, p.old)
		if err != nil {
			return err
		}
		return c.reach(ctx, p, a.Offset)
	})
}

// inTime does something for as long as writes may be held.
func (c *course) inTime(ctx context.Context, p pair, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.Options.Pause)
	defer cancel()
	err := do(ctx)
	if err != nil && ctx.Err() != nil {
		return fault.Newf(fault.Unavailable, "writes had been held for %s, and %s did not have all of them: they go on at %s, nothing has changed; try again when less is written", c.Options.Pause, p.comer.Name, p.old.Name)
	}
	return err
}

// reach waits until the new primary, as the process it was, has an offset of the old one's history.
func (c *course) reach(ctx context.Context, p pair, offset int64) error {
	const soon = 2 * time.Millisecond
	tick := time.NewTicker(soon)
	defer tick.Stop()
	for {
		b, err := p.to.standing(ctx, p.comer)
		if err != nil {
			return err
		}
		if b.Run != c.state.New.Run || b.Role != standby.Standby || b.Replication != c.state.Old.Replication {
			return fault.Newf(fault.Unavailable, "%s does not follow %s any more", p.comer.Name, p.old.Name)
		}
		if b.Offset >= offset {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// fence makes the old primary a replica of the new one, on disk too, and returns the offset at which it stands still. It may have been done though
// there is an error.
func (c *course) fence(ctx context.Context, p pair) (int64, error) {
	to, _ := c.to()
	commands := slices.Concat(hidden(), login(to.Replication), replicaOf(p.comer.peer()), written(), [][]string{{"INFO"}})
	done, err := p.from.together(ctx, commands...)
	if err != nil {
		return 0, err
	}
	f := parseInfo(done[len(done)-1].text).facts(p.old)
	if f.Role != standby.Standby || f.Run != c.state.Old.Run {
		return 0, fault.Newf(fault.Internal, "%s leads though it was fenced", p.old.Name)
	}
	return f.Offset, nil
}

// complete waits for what was still on its way when the old primary was fenced; it is all that comes.
func (c *course) complete(ctx context.Context, p pair, stands int64) error {
	return c.inTime(ctx, p, func(ctx context.Context) error { return c.reach(ctx, p, stands) })
}

func (c *course) promote(ctx context.Context, conn *link) error {
	from, _ := c.from()
	to, side := c.to()
	comer, err := c.comer()
	if err != nil {
		return err
	}
	_, err = conn.together(ctx, slices.Concat(shown(*side, comer), own(to, from), noOne(), written())...)
	return err
}

// led leads clients to the new primary, and lets go of those that wait at the old one.
func (c *course) led(ctx context.Context, p pair, begun time.Time) error {
	if err := c.redirect(ctx); err != nil {
		c.tell("%v", err)
	}
	c.state.Pause = c.Now().Sub(begun)
	c.tell("%s leads; writes were held for %s", p.comer.Name, c.state.Pause.Round(time.Millisecond))
	if _, err := p.from.each(ctx, sendAway()...); err != nil {
		c.tell("%s: clients that wait there are not sent away yet: %v", p.old.Name, err)
	}
	return c.enter(standby.RedisLed)
}

// sendAway ends the connections of clients, whose writes were held and never done, so that they come again by the way they are now led.
func sendAway() [][]string {
	return [][]string{{"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}, {"CLIENT", "KILL", "TYPE", "pubsub"}, {"CLIENT", "UNPAUSE"}}
}

// backOff gives the old primary all its rights back, after a cut in which the new one was certainly not promoted, and returns the cause.
func (c *course) backOff(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	if err := c.goBack(ctx); err != nil {
		return fmt.Errorf("%w; and then: %w", cause, err)
	}
	return cause
}

// goBack lets the old primary lead on, as far as it can be asked, and its Sentinels fail over again.
func (c *course) goBack(ctx context.Context) error {
	set, side := c.from()
	if err := c.unfence(ctx, set); err != nil {
		c.tell("%s cannot be asked: %v", c.state.Old.Instance, err)
		c.state.Loose = append(slices.DeleteFunc(c.state.Loose, func(p standby.RedisProcess) bool { return p.Instance == c.state.Old.Instance }), c.state.Old)
	} else {
		c.calm(ctx, set)
	}
	c.release(ctx, set, side)
	return c.enter(standby.RedisFollowing)
}

// unfence has the old primary lead. Outside of a cut another may do so by now.
func (c *course) unfence(ctx context.Context, set Set) error {
	if c.state.Phase != standby.RedisCutting {
		return nil
	}
	old, err := set.of(c.state.Old.Instance)
	if err != nil {
		return err
	}
	if err := c.forgetClient(ctx, set, old, c.state.Old); err != nil {
		return err
	}
	f := set.ask(ctx, old, (*link).standing)
	if f.Unreachable != "" {
		return fault.Newf(fault.Unavailable, "%s", f.Unreachable)
	}
	if c.fenced(f) {
		return c.thaw(ctx, old)
	}
	return c.command(ctx, set, old, []string{"CLIENT", "UNPAUSE"})
}

// thaw makes a fenced instance lead again. Its Sentinels must be held, and the new one must not have been promoted.
func (c *course) thaw(ctx context.Context, i Instance) error {
	set, side := c.from()
	to, _ := c.to()
	c.tell("%s leads again", i.Name)
	return c.command(ctx, set, i, slices.Concat(shown(*side, i), own(set, to), noOne(), needing(*side), written(), [][]string{{"CLIENT", "UNPAUSE"}})...)
}

// resume goes on with a cut that was broken off somewhere, by what both ends say.
func (c *course) resume(ctx context.Context) error {
	from, _ := c.from()
	to, _ := c.to()
	old, err := from.of(c.state.Old.Instance)
	if err != nil {
		return err
	}
	comer, err := c.comer()
	if err != nil {
		return err
	}
	older, newer := c.settledFacts(ctx, from, old, c.state.Old), c.settledFacts(ctx, to, comer, c.state.New)
	verdict, why := standby.JudgeRedisCut(c.state, older, newer)
	c.tell("the cut was broken off: %s: %s", verdict, why)
	switch verdict {
	case standby.RedisDone:
		for i := range c.state.Led { // whether clients were led, nobody has kept
			c.state.Led[i].Begun = c.state.Led[i].Begun || c.state.Led[i].Back == c.state.Back
		}
		return c.enter(standby.RedisLed)
	case standby.RedisGoBack, standby.RedisRelease:
		return c.goBack(ctx)
	case standby.RedisGoOn:
		return c.goOn(ctx, pair{old: old, comer: comer})
	}
	return fault.Newf(fault.Unavailable, "nobody leads until it can be told who shall: %s; start what does not answer, then go on", why)
}

// settledFacts is what an instance says after it can carry out nothing any more that it was told before.
func (c *course) settledFacts(ctx context.Context, set Set, i Instance, p standby.RedisProcess) standby.RedisFacts {
	if err := c.forgetClient(ctx, set, i, p); err != nil {
		return unreachable(i, err)
	}
	return set.ask(ctx, i, (*link).facts)
}

// goOn ends a cut whose old primary is fenced: the new one is asked once more, over the connection that promotes it.
func (c *course) goOn(ctx context.Context, p pair) error {
	from, _ := c.from()
	to, _ := c.to()
	var err error
	if p.from, err = from.connect(ctx, p.old); err != nil {
		return err
	}
	if p.to, err = to.connect(ctx, p.comer); err != nil {
		_ = p.from.close()
		return err
	}
	defer p.close()
	older, err := p.from.facts(ctx, p.old)
	if err != nil {
		return err
	}
	again, err := p.to.process(ctx, p.comer)
	if err != nil {
		return err
	}
	newer, err := p.to.standing(ctx, p.comer)
	if err != nil {
		return err
	}
	if verdict, why := standby.JudgeRedisCut(c.state, older, newer); verdict != standby.RedisGoOn {
		return fault.Newf(fault.Unavailable, "%s; go on once more", why)
	}
	c.state.New.Client = again.Client
	if err := c.enter(standby.RedisCutting); err != nil {
		return err
	}
	begun := c.Now()
	if err := c.promote(ctx, p.to); err != nil {
		return err
	}
	return c.led(ctx, p, begun)
}
