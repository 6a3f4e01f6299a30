// Package outbox sends what waits in the store: it claims a letter, so that no other program sends it, gives it to the courier of its channel, and
// records what became of it. What fails is tried again, later each time, and given up in the end, which is shown. It writes no messages and does not
// know what they say.
//
// A letter is sent at least once. It is sent twice only when a program dies, or loses the store for long, between the sending and the record; the
// copy has the same id.
package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/store"
)

// Courier sends a letter over one channel, once, and gives what the channel gave for it. An error of kind Unavailable makes sense to try again, not
// before a message.Later says; any other does not.
type Courier interface {
	Send(ctx context.Context, l message.Letter) (receipt string, err error)
}

// Options of an outbox. Store and Now are required.
type Options struct {
	Store    *store.Store
	Couriers map[message.Channel]Courier
	Timing   message.Timing
	Now      func() time.Time
	// Collect puts into the store what there is to tell at a moment; nil when others do.
	Collect func(ctx context.Context, now time.Time) error
}

const (
	look    = 5 * time.Second // between two looks
	lease   = 3 * time.Minute // in which a letter is one program's; longer than round and any courier take together
	round   = time.Minute     // after which no letter is claimed by the time of the look
	atOnce  = 200             // letters of one channel in one look
	mostWhy = 300             // letters of an error that are kept
)

// Outbox sends. Close ends it.
type Outbox struct {
	Options
	worker string
	nudge  chan struct{}
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// New makes an outbox that sends when it is told to.
func New(o Options) *Outbox {
	return &Outbox{Options: o, worker: rand.Text(), nudge: make(chan struct{}, 1), stop: func() {}}
}

// Start makes it send what is due, again and again, until Close.
func (o *Outbox) Start(ctx context.Context) {
	ctx, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	o.done.Go(func() {
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			_ = o.RunOnce(ctx, o.Now()) // the store may be away for a while; how each letter fares is kept in it
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-o.nudge:
			}
		}
	})
}

// Close ends sending. A letter that is being sent is broken off, and sent by another program or later.
func (o *Outbox) Close() {
	o.stop()
	o.done.Wait()
}

// Hurry has it look now.
func (o *Outbox) Hurry() {
	select {
	case o.nudge <- struct{}{}:
	default:
	}
}

// RunOnce collects what there is to tell at a moment and sends what is due then. People are told nothing in quiet hours.
func (o *Outbox) RunOnce(ctx context.Context, now time.Time) error {
	var collected error
	if o.Collect != nil {
		collected = o.Collect(ctx, now) // what could not be collected keeps nothing else waiting
	}
	return errors.Join(collected, o.send(ctx, now, o.Timing.Quiet(now)))
}

// Flush sends what is due at a moment, in quiet hours too.
func (o *Outbox) Flush(ctx context.Context, now time.Time) error { return o.send(ctx, now, false) }

// send sends over all channels at once, so that none waits for another.
func (o *Outbox) send(ctx context.Context, now time.Time, quiet bool) error {
	var mu sync.Mutex
	var all []error
	var channels sync.WaitGroup
	for channel, courier := range o.Couriers {
		if quiet && channel != message.Webhook {
			continue
		}
		channels.Go(func() {
			err := o.drain(ctx, now, channel, courier)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, err)
		})
	}
	channels.Wait()
	return errors.Join(all...)
}

// drain sends what is due over a channel, until nothing is left or the channel does not answer.
func (o *Outbox) drain(ctx context.Context, now time.Time, channel message.Channel, courier Courier) error {
	began := o.Now()
	for n := 0; n < atOnce && o.Now().Sub(began) < round; n++ {
		l, err := o.Store.Claim(ctx, o.worker, []message.Channel{channel}, now, now.Add(lease))
		if err != nil || l.ID == "" {
			return err
		}
		again, err := o.deliver(ctx, now, l, courier)
		if err != nil || again {
			return err
		}
	}
	return nil
}

// deliver sends one letter and records what became of it; again when it is to be tried once more.
func (o *Outbox) deliver(ctx context.Context, now time.Time, l message.Letter, courier Courier) (again bool, err error) {
	receipt, failed := courier.Send(ctx, l)
	if failed != nil && ctx.Err() != nil {
		return true, ctx.Err() // the program ends; the next one tries it when the lease is over
	}
	ctx = context.WithoutCancel(ctx)
	if failed == nil {
		return false, o.patiently(func() error { return o.Store.MarkSent(ctx, l.ID, o.worker, receipt, now) })
	}
	next := time.Time{}
	if again = fault.KindOf(failed) == fault.Unavailable; again && l.Attempt < message.MostAttempts {
		next = now.Add(pause(failed, l.Attempt))
	}
	return again, o.patiently(func() error { return o.Store.MarkFailed(ctx, l.ID, o.worker, why(failed), now, next) })
}

// pause is how long to wait for the next attempt: as long as was asked for, and no less than it would be anyway.
func pause(err error, attempts int) time.Duration {
	var later *message.Later
	if errors.As(err, &later) {
		return max(later.After, message.Pause(attempts))
	}
	return message.Pause(attempts)
}

// why is an error as it is kept: one short line, without secrets.
func why(err error) string {
	text := []rune(redact.Text(strings.Join(strings.Fields(err.Error()), " ")))
	if len(text) > mostWhy {
		return string(text[:mostWhy-1]) + "…"
	}
	return string(text)
}

const (
	attempts   = 6
	firstPause = 100 * time.Millisecond
)

// patiently tries again while the store is away: what was sent is to be recorded.
func (o *Outbox) patiently(try func() error) error {
	pause := firstPause
	for n := 1; ; n++ {
		err := try()
		if err == nil || fault.KindOf(err) != fault.Unavailable || n == attempts {
			return err
		}
		<-time.After(pause)
		pause *= 2
	}
}
