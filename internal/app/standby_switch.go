package app

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/patroni"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// SwitchOver asks for another primary.
type SwitchOver struct {
	To    string `json:"to,omitempty" doc:"Instance that is to be primary; the one that best takes over when left out."`
	Why   string `json:"why,omitempty" doc:"Reason, for the audit; needed with force."`
	Force bool   `json:"force,omitempty" doc:"Do it although the gate refuses; it is on record with what the gate said."`
	Dry   bool   `json:"dry,omitempty" doc:"Say what would be done, and do nothing."`
}

// Handover is what came of a switch-over, or would.
type Handover struct {
	From     string           `json:"from"`
	To       string           `json:"to"`
	Refusals []string         `json:"refusals,omitempty"` // what the gate says against it
	Gate     standby.Gate     `json:"gate,omitzero"`      // what it asks
	Heir     standby.Member   `json:"heir,omitzero"`      // who is to be primary, as it stood when it was asked
	ByHand   []string         `json:"byHand,omitempty"`   // what people do, in this order, where Caravan can tell nobody
	Done     bool             `json:"done,omitempty"`
	Took     time.Duration    `json:"took,omitempty"` // from the word until the new primary said that it is one
	After    standby.Topology `json:"after,omitzero"`
}

// SwitchOver makes another instance of a datastore primary, by way of its keeper: refused by the gate, with the figures, unless it lags little and is warm
// (Denied). Forced, it is on record what the gate said. Conflict where nobody keeps the datastore.
func (a *App) SwitchOver(ctx context.Context, q StandbyQuery, req SwitchOver, by rights.Person) (Handover, error) {
	k, err := a.keptOne(ctx, q)
	if err != nil {
		return Handover{}, err
	}
	if err := a.mayOf(by, rights.Decide, k.Team); err != nil {
		return Handover{}, err
	}
	if req.Force && strings.TrimSpace(req.Why) == "" {
		return Handover{}, fault.Newf(fault.Invalid, "switch %s over: no reason is given for passing the gate; say why with --why", k.Name)
	}
	w := a.tend(k, WarmOptions{})
	defer w.close()
	t, err := w.once(ctx, a.now())
	if err != nil {
		return Handover{}, err
	}
	out, err := gated(t, a.limits().Gate, req, a.now())
	if err == nil {
		var moving []string
		moving, err = a.movesOf(ctx, k)
		out.Refusals = append(out.Refusals, moving...)
	}
	if err == nil && req.Dry {
		out.ByHand = byHand(k, t, out)
	}
	if err != nil || req.Dry {
		return out, err
	}
	if len(out.Refusals) > 0 && !req.Force {
		return out, fault.Newf(fault.Denied, "%s is not switched over to %s: %s; wait for that, or pass the gate with --force --why", k.Name, out.To, strings.Join(out.Refusals, "; "))
	}
	return w.switchOver(ctx, out, req, by)
}

// movesOf are the moves of a datastore that are under way, each with how far it is: while one is, another primary at either end may lack what the move relies
// on there, as slots and fences.
func (a *App) movesOf(ctx context.Context, k workspace.Kept) ([]string, error) {
	var out []string
	for _, m := range a.declared.Standbys.Moves {
		if m.Datastore != k.Name || k.Environment != m.From && k.Environment != m.To {
			continue
		}
		phase, open, err := a.phaseOf(ctx, m, k.Technology)
		if err != nil {
			return nil, err
		}
		if open {
			out = append(out, fmt.Sprintf("its move from %s to %s is %s: neither side shall have another primary until it is closed or undone", m.From, m.To, phase))
		}
	}
	return out, nil
}

// gated says who would be primary, and what the gate says against it.
func gated(t standby.Topology, g standby.Gate, req SwitchOver, now time.Time) (Handover, error) {
	leaders := t.Primaries()
	if len(leaders) != 1 {
		why := ""
		if len(leaders) == 0 && len(t.Doubts) > 0 {
			why = " (" + strings.Join(t.Doubts, "; ") + ")"
		}
		return Handover{}, fault.Newf(fault.Conflict, "%s: %d instances say that they are primary%s, so there is nothing to switch over; caravan standby status %s", t.Datastore, len(leaders), why, t.Datastore)
	}
	out := Handover{From: leaders[0].Name, To: req.To}
	if out.To == "" {
		best, ok := t.Preferred()
		if !ok {
			return out, fault.Newf(fault.Conflict, "%s has no healthy standby that may be primary", t.Datastore)
		}
		out.To = best.Name
	}
	heir, ok := t.Member(out.To)
	if !ok {
		var names []string
		for _, m := range t.Members {
			names = append(names, m.Name)
		}
		return out, fault.Newf(fault.NotFound, "%s has no instance %q, only %s", t.Datastore, out.To, strings.Join(names, ", "))
	}
	if out.To == out.From {
		return out, fault.Newf(fault.Conflict, "%s is the primary of %s already", out.To, t.Datastore)
	}
	out.Refusals, out.Gate, out.Heir = g.Refusals(t, out.To, now), g, heir
	return out, nil
}

// byHand are the steps of a switch-over for people, with addresses; none where a keeper is told.
func byHand(k workspace.Kept, t standby.Topology, h Handover) []string {
	switch keeper := keeperOf(k); {
	case keeper == standby.Patroni || keeper == standby.CloudNativePG:
		return nil
	case keeper == standby.Stolon:
		return []string{"stop the keeper of " + addressed(t, h.From) + ": Stolon makes another primary, and has no planned switch-over"}
	case keeper == standby.Sentinel:
		return []string{"redis-cli -p 26379 SENTINEL FAILOVER " + cmp.Or(k.Master, string(k.Name))}
	case k.Technology == "redis":
		return redisByHand(t, h)
	}
	at, port, _ := net.SplitHostPort(h.Heir.Address)
	conninfo := fmt.Sprintf("primary_conninfo with host=%s port=%s", at, port)
	steps := []string{
		"hold clients, and stop " + addressed(t, h.From) + " on its machine: pg_ctl stop -m fast",
		fmt.Sprintf("once %s has replayed all of it, promote it on its machine: pg_ctl promote", addressed(t, h.To)),
		"lead clients to " + h.Heir.Address,
	}
	for _, m := range t.Members {
		if m.Name != h.From && m.Name != h.To {
			steps = append(steps, fmt.Sprintf("let %s follow it: %s, then pg_ctl reload", addressed(t, m.Name), conninfo))
		}
	}
	return append(steps, fmt.Sprintf("let %s follow it: pg_rewind when it has more than was replayed, standby.signal in its folder, %s, then pg_ctl start", addressed(t, h.From), conninfo))
}

// redisByHand are the steps of a switch-over of a Redis that nobody keeps.
func redisByHand(t standby.Topology, h Handover) []string {
	at := func(name string) string {
		m, _ := t.Member(name)
		host, port, _ := net.SplitHostPort(m.Address)
		return fmt.Sprintf("redis-cli -h %s -p %s", host, port)
	}
	host, port, _ := net.SplitHostPort(h.Heir.Address)
	steps := []string{
		fmt.Sprintf("hold clients, and wait until %s has all that %s has: both say the same master_repl_offset (INFO replication)", addressed(t, h.To), addressed(t, h.From)),
		fmt.Sprintf("let %s lead: %s REPLICAOF NO ONE, then CONFIG REWRITE", h.To, at(h.To)),
	}
	for _, m := range t.Members {
		if m.Name != h.To {
			steps = append(steps, fmt.Sprintf("let %s follow it: %s REPLICAOF %s %s, then CONFIG REWRITE", m.Name, at(m.Name), host, port))
		}
	}
	return append(steps, "lead clients to "+h.Heir.Address)
}

// addressed is an instance with its address, where that is known.
func addressed(t standby.Topology, name string) string {
	m, _ := t.Member(name)
	if m.Address == "" {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, m.Address)
}

// switchOver has the keeper switch over and waits until the new primary says that it is one.
func (w *tender) switchOver(ctx context.Context, s Handover, req SwitchOver, by rights.Person) (Handover, error) {
	change, err := w.changer()
	if err != nil {
		return s, err
	}
	why := req.Why
	if len(s.Refusals) > 0 {
		why += " (the gate said: " + strings.Join(s.Refusals, "; ") + ")"
	}
	began := w.app.now()
	if err := w.app.store.AddEntry(ctx, store.Entry{At: began, By: by.By(), What: switchWord(s), Subject: string(w.kept.Name) + ": " + s.From + " to " + s.To, Why: why}); err != nil {
		return s, err
	}
	if err := change(ctx, s.From, s.To); err != nil {
		return s, err
	}
	for {
		t := w.topology(ctx)
		if err := w.meet(t.Members); err == nil {
			w.warm(ctx, &t, began, &Warming{})
		}
		if m, ok := t.Member(s.To); ok && m.Role == standby.Primary && len(t.Primaries()) == 1 {
			s.Done, s.Took, s.After = true, w.app.now().Sub(began), t
			return s, w.app.store.KeepTopology(ctx, t)
		}
		if w.app.now().Sub(began) > handedOver {
			return s, fault.Newf(fault.Unavailable, "%s: the word was given, and %s is not primary after %s; see caravan standby status %s", w.kept.Name, s.To, handedOver, w.kept.Name)
		}
		if err := pause(ctx, time.Second/2); err != nil {
			return s, err
		}
	}
}

// handedOver is how long a switch-over may take until the new primary says that it is one.
const handedOver = 2 * time.Minute

func switchWord(s Handover) string {
	if len(s.Refusals) > 0 {
		return "switched over past the gate"
	}
	return "switched over"
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// changer is what has the keeper make another instance primary.
func (w *tender) changer() (func(ctx context.Context, from, to string) error, error) {
	switch keeperOf(w.kept) {
	case standby.Patroni:
		return func(ctx context.Context, from, to string) error {
			return patroni.SwitchOver(ctx, patroni.Where{Addresses: w.kept.Patroni, Dial: w.route.dial}, from, to)
		}, nil
	case standby.CloudNativePG:
		return func(ctx context.Context, _, to string) error {
			return kube.Promote(ctx, w.app.clusterOf(w.kept), w.kept.CNPG.Namespace, w.kept.CNPG.Name, to, w.app.now())
		}, nil
	case standby.Stolon:
		return nil, fault.Newf(fault.Conflict, "%s is kept by Stolon, which has no planned switch-over; stop its primary's keeper, and the gate has said who takes over well", w.kept.Name)
	case standby.Sentinel:
		return nil, fault.Newf(fault.Conflict, "%s is a Redis, which Sentinel switches over: redis-cli -p 26379 SENTINEL FAILOVER %s", w.kept.Name, cmp.Or(w.kept.Master, string(w.kept.Name)))
	}
	return nil, fault.Newf(fault.Conflict, "nobody keeps %s, so nobody can be told; caravan standby switch %[1]s -e %[2]s --dry-run says what people do", w.kept.Name, w.kept.Environment)
}
