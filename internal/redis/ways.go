package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Way leads clients to whoever leads. As a text it is what people know it by, and what a move remembers it by.
type Way interface {
	fmt.Stringer
	// Check lists what would keep it from leading clients somewhere. It changes nothing.
	Check(ctx context.Context, l Leading) []standby.RedisBlock
	// Prepare does what leading clients takes and they do not notice, and names the servers that leading them takes out of use. Doing it twice changes nothing more.
	Prepare(ctx context.Context, l Leading) (out []string, err error)
	// Redirect leads clients. Doing it twice changes nothing more. Begun reports whether some may be led there by now, also with an error.
	Redirect(ctx context.Context, l Leading) (begun bool, err error)
}

// Leading is where clients are led, by the addresses they reach instances at.
type Leading struct {
	To    string
	Away  []string // instances of the side that is left: clients are led to none of them
	Back  bool     // from the target to the source
	Again []string // servers that leading clients the other way took out of use
}

// leads is where a way leads clients, the way the move goes now.
func (c *course) leads(w Way) (Leading, error) {
	from, _ := c.from()
	comer, err := c.comer()
	if err != nil {
		return Leading{}, err
	}
	l := Leading{To: comer.Address, Away: from.addresses(), Back: c.state.Back}
	if led := c.state.LedBy(w.String(), !l.Back); led != nil {
		l.Again = led.Out
	}
	return l, nil
}

func (s Set) addresses() []string {
	out := make([]string, len(s.Instances))
	for i, x := range s.Instances {
		out[i] = x.Address
	}
	return out
}

// ready sees, before writes are held, that clients can be led. A way that led nobody to the target has nobody to lead back either.
func (c *course) ready(ctx context.Context) error {
	c.state.Led = slices.DeleteFunc(slices.Clone(c.state.Led), func(l standby.RedisLedBy) bool { return l.Back == c.state.Back })
	for _, w := range c.Ways {
		l, err := c.leads(w)
		if err != nil {
			return err
		}
		if blocks := w.Check(ctx, l); len(blocks) > 0 {
			if c.idle(w) {
				continue
			}
			return fault.Newf(fault.Conflict, "writes are not held, as clients could not be led to %s: %s", l.To, lines(blocks))
		}
		if err := c.prepare(ctx, w, l); err != nil {
			return err
		}
	}
	return nil
}

// prepare prepares a way, and has the move remember that it may lead clients.
func (c *course) prepare(ctx context.Context, w Way, l Leading) error {
	out, err := w.Prepare(ctx, l)
	if err == nil && c.state.LedBy(w.String(), l.Back) == nil {
		c.state.Led = append(c.state.Led, standby.RedisLedBy{Way: w.String(), Back: l.Back, Out: out})
	}
	return err
}

// idle reports whether a way has led nobody to the target, so that it still leads them where they are led back to.
func (c *course) idle(w Way) bool {
	led := c.state.LedBy(w.String(), false)
	return c.state.Back && (led == nil || !led.Begun)
}

// redirect leads clients to the new primary by every way, also when one fails. The error says who leads, and where that way still leads them.
func (c *course) redirect(ctx context.Context) error {
	var failed error
	for _, w := range c.Ways {
		if err := c.redirectBy(ctx, w); err != nil {
			failed = firstError(failed, c.unled(w, err))
		}
	}
	return failed
}

func (c *course) redirectBy(ctx context.Context, w Way) error {
	l, err := c.leads(w)
	if err != nil {
		return err
	}
	if c.state.LedBy(w.String(), l.Back) == nil { // it was not there when writes were held
		blocks := w.Check(ctx, l)
		if len(blocks) > 0 && c.idle(w) {
			c.tell("%s led nobody to %s, so it leads nobody back: %s", w, c.state.Target.Leader, lines(blocks))
			return nil
		}
		if len(blocks) > 0 {
			return fault.Newf(fault.Conflict, "%s", lines(blocks))
		}
		if err := c.prepare(ctx, w, l); err != nil {
			return err
		}
	}
	begun, err := w.Redirect(ctx, l)
	if err != nil && !begun && c.idle(w) {
		c.tell("%s led nobody to %s, so it leads nobody back: %v", w, c.state.Target.Leader, err)
		return nil
	}
	if led := c.state.LedBy(w.String(), l.Back); begun && !led.Begun {
		led.Begun = true
		err = firstError(err, c.Save(c.state))
	}
	return err
}

// unled is the error of a way that does not lead clients to the new primary yet.
func (c *course) unled(w Way, err error) error {
	_, from := c.from()
	_, to := c.to()
	name := c.Name
	if name == "" {
		name = setName(c.Source)
	}
	then := fmt.Sprintf("caravan standby move %s goes on, or caravan standby back %s goes back", name, name)
	if c.state.Back {
		then = fmt.Sprintf("caravan standby back %s goes on", name)
	}
	return fault.Newf(fault.KindOf(err), "%s leads now, but %s still leads clients to %s, which takes no writes: %w; mend that, or correct clients of the move in caravan.yaml, then %s", to.Leader, w, from.Leader, err, then)
}

// lines are blocks as one line.
func lines(blocks []standby.RedisBlock) string {
	out := make([]string, len(blocks))
	for i, b := range blocks {
		out[i] = b.What + ": " + b.Mend
	}
	return strings.Join(out, "; ")
}

// wayBlocks is what would keep clients from being led to an instance of the target.
func (m Move) wayBlocks(ctx context.Context, lead Instance) []standby.RedisBlock {
	var out []standby.RedisBlock
	for _, w := range m.Ways {
		out = slices.Concat(out, w.Check(ctx, Leading{To: lead.Address, Away: m.Source.addresses()}))
	}
	return out
}
