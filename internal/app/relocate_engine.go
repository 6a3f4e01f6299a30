package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/patroni"
	"example.org/caravan/internal/postgres/transfer"
	"example.org/caravan/internal/redis"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

// engine moves one datastore. What it does is kept as it goes, so another one goes on where it was.
type engine interface {
	look(ctx context.Context, into *Relocation) error
	follow(ctx context.Context) error // the new place follows the old
	cut(ctx context.Context) error    // clients are led to the new place
	verify(ctx context.Context, kind journey.Kind) error
	back(ctx context.Context) error                    // clients are led back
	undo(ctx context.Context) error                    // what was made is taken away
	shut(ctx context.Context, note func() error) error // it can go back no more; noted before
	close()
}

// engine opens what moves a datastore. A run gives what is begun anew its name.
func (a *App) engine(ctx context.Context, r relocation, run string, tell func(string)) (engine, error) {
	ends := [2]*end{}
	for i, k := range []workspace.Kept{r.from, r.to} {
		open := a.endOf
		if i == 0 && r.fromGone {
			open = a.goneEnd
		}
		e, err := open(ctx, k)
		if err != nil {
			for _, opened := range ends[:i] {
				opened.route.close()
			}
			return nil, err
		}
		ends[i] = e
	}
	if r.from.Technology == "redis" {
		return a.redisEngine(ctx, r, ends, tell)
	}
	return a.postgresEngine(ctx, r, ends, run, tell)
}

// end is one side of a move, with all that it takes to reach it.
type end struct {
	workspace.Kept
	route    *route
	topology standby.Topology
}

// endOf asks who is who at one end.
func (a *App) endOf(ctx context.Context, k workspace.Kept) (*end, error) {
	w := a.tend(k, WarmOptions{})
	e := &end{Kept: k, route: w.route}
	t := w.topology(ctx)
	if k.Technology == "postgres" && t.Keeper == standby.Nobody {
		w.warm(ctx, &t, a.now(), &Warming{})
	}
	if w.warmer != nil {
		w.warmer.Close()
	}
	e.topology = t
	if len(t.Members) == 0 {
		e.route.close()
		return nil, fault.Newf(fault.Unavailable, "%s in %s: %s", k.Name, k.Environment, cmp.Or(strings.Join(t.Doubts, "; "), "no instance is known"))
	}
	return e, nil
}

// goneEnd is one that nobody answers for any more. Conflict when somebody does.
func (a *App) goneEnd(ctx context.Context, k workspace.Kept) (*end, error) {
	e, _ := a.endOf(ctx, k) // that nobody knows it any more is what is expected
	if e == nil {
		return &end{Kept: k, route: a.routeOf(k)}, nil
	}
	if i := slices.IndexFunc(e.topology.Members, func(m standby.Member) bool { return m.Unreachable == "" }); i >= 0 {
		e.route.close()
		return nil, fault.Newf(fault.Conflict, "%s in %s is not gone: %s answers; close the window without saying so", k.Name, k.Environment, e.topology.Members[i].Name)
	}
	return e, nil
}

// accounts are the names of those that are declared for Caravan and for the other side.
func (e *end) accounts() []string {
	out := []string{cmp.Or(e.User, standby.Account)}
	for _, a := range []*workspace.Account{e.Admin, e.Replication} {
		if a != nil {
			out = append(out, a.User)
		}
	}
	return out
}

// leader is the one instance that leads; of one alone, that.
func (e *end) leader() (standby.Member, error) {
	leaders := e.topology.Primaries()
	if len(leaders) == 0 && len(e.topology.Members) == 1 {
		leaders = e.topology.Members
	}
	if len(leaders) == 0 {
		var why []string
		for _, m := range e.topology.Members {
			if m.Unreachable != "" {
				why = append(why, m.Unreachable)
			}
		}
		why = append(why, e.topology.Doubts...)
		if len(why) > 0 {
			return standby.Member{}, fault.Newf(fault.Unavailable, "%s in %s: it is not known who is primary: %s; caravan standby status %[1]s says what mends it", e.Name, e.Environment, strings.Join(slices.Compact(why), "; "))
		}
	}
	if len(leaders) != 1 {
		return standby.Member{}, fault.Newf(fault.Conflict, "%s in %s: %d instances say that they are primary; caravan standby status %s", e.Name, e.Environment, len(leaders), e.Name)
	}
	return leaders[0], nil
}

// postgresMove moves databases of PostgreSQL.
type postgresMove struct {
	app     *App
	r       relocation
	ends    [2]*end
	mover   transfer.Mover
	clients held
	state   standby.Transfer
}

func (a *App) postgresEngine(ctx context.Context, r relocation, ends [2]*end, run string, tell func(string)) (engine, error) {
	m := &postgresMove{app: a, r: r, ends: ends}
	servers := [2]transfer.Server{}
	for i, e := range ends {
		var err error
		if i == 0 && r.fromGone {
			servers[i].Name = string(e.Environment)
			continue
		}
		if servers[i], err = a.serverOf(e); err != nil {
			m.close()
			return nil, err
		}
	}
	holder, err := a.holders(r, ends)
	if err != nil {
		m.close()
		return nil, err
	}
	m.clients = holder
	name := relocationName(r.StoreMove)
	m.mover = transfer.Mover{
		Source: servers[0], Target: servers[1], Holder: holder, Most: a.held, Say: tell, Now: a.now, SourceGone: r.fromGone,
		Save: func(t standby.Transfer) error {
			return a.store.KeepTransfer(context.WithoutCancel(ctx), name, t, a.now())
		},
		Load: func(t *standby.Transfer) (bool, error) { return a.store.Transfer(ctx, name, t) },
	}
	found, err := a.store.Transfer(ctx, name, &m.state)
	if err == nil && (!found || (m.state.Phase == standby.Undone || m.state.Phase == standby.Closed) && run != "" && !strings.HasSuffix(m.state.ID, shortID(run))) {
		m.state = standby.Transfer{ID: "m" + shortID(run), Method: standby.Logical, Phase: standby.Planned, Databases: slices.Clone(r.Databases)}
	}
	if err != nil {
		m.close()
	}
	return m, err
}

// shortID names what a run makes on servers, after a letter.
func shortID(run string) string {
	const digits = 8
	sum := sha256.Sum256([]byte(run))
	return hex.EncodeToString(sum[:])[:digits]
}

func (a *App) serverOf(e *end) (transfer.Server, error) {
	leader, err := e.leader()
	if err != nil {
		return transfer.Server{}, err
	}
	at, err := addressOf(leader.Address, e.TLS)
	if err != nil {
		return transfer.Server{}, err
	}
	s := transfer.Server{Name: string(e.Environment), Address: at, Dial: e.route.dial}
	if text := e.Peers[leader.Name]; text != "" {
		if s.Peer, err = addressOf(text, e.TLS); err != nil {
			return s, err
		}
	}
	for from, into := range map[*workspace.Account]*transfer.Login{e.Admin: &s.Login, e.Replication: &s.PeerUser} {
		if from == nil {
			continue
		}
		user, password, err := a.loginOf(e.Kept, *from)
		if err != nil {
			return s, err
		}
		*into = transfer.Login{User: user, Password: transfer.Password(password)}
	}
	return s, nil
}

func addressOf(text, tls string) (transfer.Address, error) {
	at, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil {
		return transfer.Address{}, fault.Newf(fault.Invalid, "%q is no address; write host:port", text)
	}
	return transfer.Address{Host: at, Port: uint16(n), TLS: tls}, nil
}

// held are several things between clients and servers as one.
type held []transfer.Holder

// Check looks at what would keep any of them from leading clients to a server.
func (h held) Check(ctx context.Context, to transfer.Server) error {
	return h.each(func(x transfer.Holder) error { return x.Check(ctx, to) })
}

// Hold holds clients of all.
func (h held) Hold(ctx context.Context) error {
	return h.each(func(x transfer.Holder) error { return x.Hold(ctx) })
}

// Redirect leads clients of all to a server.
func (h held) Redirect(ctx context.Context, to transfer.Server) error {
	return h.each(func(x transfer.Holder) error { return x.Redirect(ctx, to) })
}

// Release lets clients of all go on.
func (h held) Release(ctx context.Context) error {
	var all error // one that cannot be told keeps nobody else waiting
	for _, x := range h {
		all = errors.Join(all, x.Release(ctx))
	}
	return all
}

func (h held) each(do func(transfer.Holder) error) error {
	for _, x := range h {
		if err := do(x); err != nil {
			return err
		}
	}
	return nil
}

// holders are what stands between clients and the servers of a move.
func (a *App) holders(r relocation, ends [2]*end) (held, error) {
	var out held
	for _, w := range r.Clients {
		if p := w.PgBouncer; p != nil {
			one, err := a.pooler(*p, ends[0])
			if err != nil {
				return nil, err
			}
			out = append(out, one)
			continue
		}
		h := w.HAProxy
		if len(h.Servers) == 0 {
			return nil, fault.Newf(fault.Invalid, "HAProxy at %s holds clients of PostgreSQL at its servers; write them under standby.moves", h.Socket)
		}
		out = append(out, transfer.HAProxy{
			Name: "HAProxy at " + h.Socket, Most: h.Most, Backend: h.Backend, Servers: h.Servers,
			Dial: func(ctx context.Context) (net.Conn, error) {
				network, at, dial := a.socket(*h, ends[0])
				return dial(ctx, network, at)
			},
		})
	}
	return out, nil
}

// socket is where the socket of HAProxy's administrator is, a path or an address, and how it is reached.
func (a *App) socket(h workspace.HAProxy, from *end) (network, at string, dial dialer) {
	network, at, dial = "tcp", h.Socket, (&net.Dialer{}).DialContext
	if strings.Contains(at, "/") {
		network = "unix"
	}
	switch {
	case h.Through == "machines":
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return from.route.dialFrom(ctx, h.Machine, network, address)
		}
	case network == "unix":
		at = a.declared.Within(at)
	}
	return network, at, dial
}

func (a *App) pooler(p workspace.PgBouncer, from *end) (transfer.PgBouncer, error) {
	at, err := addressOf(p.Console, "disable")
	if err != nil {
		return transfer.PgBouncer{}, err
	}
	password, err := a.uncover(p.Password, "PgBouncer at "+p.Console)
	out := transfer.PgBouncer{
		Name: "PgBouncer at " + p.Console, Admin: at, Login: transfer.Login{User: p.User, Password: transfer.Password(password)}, Databases: p.Databases,
		Edit: func(_ context.Context, change func(string) (string, error)) error {
			return rewrite(a.declared.Within(p.File), change)
		},
	}
	if p.Through == "machines" {
		machine := cmp.Or(p.Machine, at.Host)
		out.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return from.route.dialFrom(ctx, machine, network, address)
		}
		out.Edit = func(ctx context.Context, change func(string) (string, error)) error {
			m, err := from.route.machine(ctx, machine)
			if err != nil {
				return err
			}
			return rewriteOn(ctx, m, p.File, change)
		}
	}
	return out, err
}

// rewrite changes a file of this machine in one go; its mode and owner stay.
func rewrite(name string, change func(string) (string, error)) error {
	before, err := os.ReadFile(name)
	if err != nil {
		return fault.Newf(fault.NotFound, "%s cannot be read: %w; name PgBouncer's file under standby.moves", name, err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fault.Newf(fault.Denied, "%s cannot be written: %w", name, err)
	}
	_ = f.Close()
	// Its folder may be another account's: the new file is one that nobody had put there.
	next, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fault.Newf(fault.Denied, "%s cannot be written anew: %w", name, err)
	}
	defer func() {
		_ = next.Close()
		_ = os.Remove(next.Name()) // it is in its place by now, or not wanted
	}()
	after, err := change(string(before))
	if err != nil || after == string(before) {
		return err
	}
	if _, err := next.WriteString(after); err != nil {
		return err
	}
	if err := errors.Join(next.Chmod(info.Mode().Perm()), sameOwner(next, info)); err != nil {
		return err
	}
	return os.Rename(next.Name(), name)
}

// rewriteOn changes a file of a machine in one go; its mode and owner stay.
func rewriteOn(ctx context.Context, m *host.Machine, name string, change func(string) (string, error)) error {
	before, err := m.Run(ctx, nil, "cat", name)
	if err != nil {
		return err
	}
	if before.Code != 0 {
		return fault.Newf(fault.NotFound, "%s: %s", m.Name, strings.TrimSpace(string(before.Stderr)))
	}
	after, err := change(string(before.Stdout))
	if err != nil || after == string(before.Stdout) {
		return err
	}
	put, err := m.Run(ctx, strings.NewReader(after), "sh", "-c", `set -e; next=$(mktemp "$1.XXXXXXXX"); trap 'rm -f "$next"' EXIT; cat >"$next"; [ "$(wc -c <"$next")" -eq "$2" ]; chmod --reference="$1" "$next"; chown --reference="$1" "$next"; mv "$next" "$1"`, "rewrite", name, strconv.Itoa(len(after)))
	if err == nil && put.Code != 0 {
		err = fault.Newf(fault.Unavailable, "%s: %s was not written: %s", m.Name, name, strings.TrimSpace(string(put.Stderr)))
	}
	return err
}

func (m *postgresMove) look(ctx context.Context, into *Relocation) error {
	into.Phase, into.Pauses, into.Until = string(m.state.Phase), m.state.Pauses(), m.state.Until(m.r.Window)
	into.Method = string(cmp.Or(m.state.Method, standby.Logical))
	if underWay(into.Phase) {
		m.lag(ctx, into)
		return nil
	}
	databases, err := m.databases(ctx)
	if err != nil {
		return err
	}
	facts, err := m.mover.Facts(ctx, databases)
	if err != nil {
		return err
	}
	for _, e := range m.ends {
		for _, own := range e.accounts() { // of each end, whatever the other has by that name
			if facts.Target.Roles[own] != "" {
				delete(facts.Source.Roles, own)
			}
		}
	}
	into.Checks = append(into.Checks, standby.TransferChecks(facts)...)
	if len(m.r.Clients) == 0 {
		into.Checks = append(into.Checks, standby.Check{Blocking: true, Subject: string(m.r.Datastore), What: "nothing is declared that holds its clients during the cut", Mend: "name PgBouncer or HAProxy under clients of standby.moves"})
	}
	into.Checks = append(into.Checks, m.forgetful(ctx, databases)...)
	for _, one := range m.clients {
		if err := errors.Join(one.Check(ctx, m.mover.Target), one.Check(ctx, m.mover.Source)); err != nil {
			text, _, _ := strings.Cut(err.Error(), "\n")
			into.Checks = append(into.Checks, standby.Check{Blocking: true, Subject: string(m.r.Datastore), What: text, Mend: "see to it, or mend clients of standby.moves in caravan.yaml"})
		}
	}
	into.Checks = append(into.Checks, m.app.unreached(m.ends)...)
	if err := m.mover.CheckPeers(ctx); err != nil {
		into.Checks = append(into.Checks, standby.Check{Blocking: true, Subject: string(m.r.Datastore), What: err.Error(), Mend: "mend replication of the datastore in caravan.yaml, or the account"})
	}
	return nil
}

// forgetful tells of Patronis that would drop the slots by which one side follows the other.
func (m *postgresMove) forgetful(ctx context.Context, databases []string) []standby.Check {
	var out []standby.Check
	for _, e := range m.ends {
		if len(e.Patroni) == 0 {
			continue
		}
		where, what := patroni.Where{Addresses: e.Patroni, Dial: e.route.dial}, ""
		for _, name := range databases {
			keeps, err := patroni.KeepsSlots(ctx, where, name)
			if err != nil {
				what = fmt.Sprintf("whether Patroni in %s leaves slots alone that it did not make cannot be read: %s", e.Environment, fault.Cause(err))
			} else if !keeps {
				what = fmt.Sprintf("Patroni in %s drops slots that it did not make as soon as nobody is connected to them, and with them the copy, or the way back", e.Environment)
			}
			if what != "" {
				out = append(out, standby.Check{Subject: string(m.r.Datastore), What: what, Mend: "patronictl edit-config, and write ignore_slots: [{type: logical, plugin: pgoutput}]"})
				break
			}
		}
	}
	return out
}

// lag adds how far the side that follows is behind, while one does and can be asked: what is under way is shown without it, too.
func (m *postgresMove) lag(ctx context.Context, into *Relocation) {
	if behind, err := m.mover.Lag(ctx, m.state); err == nil {
		into.Lag = &behind
	}
}

// databases are those that move.
func (m *postgresMove) databases(ctx context.Context) ([]string, error) {
	if len(m.r.Databases) > 0 {
		return m.r.Databases, nil
	}
	facts, err := m.mover.Facts(ctx, nil)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(facts.Source.Databases), func(name string) bool { return name == "postgres" || strings.HasPrefix(name, "template") }), nil
}

func movedAlready(r relocation) error {
	text := fmt.Sprintf("%s is in %s already; caravan standby back %[1]s leads it back", r.Datastore, r.To)
	if r.from.Technology != "redis" { // which has no window
		text += fmt.Sprintf(", caravan standby close %s ends the way back", r.Datastore)
	}
	return fault.Newf(fault.Conflict, "%s", text)
}

func (m *postgresMove) follow(ctx context.Context) (err error) {
	switch m.state.Phase {
	case standby.Cutting, standby.Moved:
		return nil // it followed, and its cut or the proof goes on
	case standby.Proven:
		return movedAlready(m.r)
	}
	if len(m.state.Databases) == 0 {
		if m.state.Databases, err = m.databases(ctx); err != nil {
			return err
		}
	}
	m.state, err = m.mover.Follow(ctx, m.state)
	return err
}

func (m *postgresMove) cut(ctx context.Context) (err error) {
	err = m.still(ctx, func() (err error) {
		m.state, err = m.mover.Cut(ctx, m.state)
		return err
	})
	if n := len(m.state.Cuts); err == nil && n > 0 {
		m.mover.Say(fmt.Sprintf("clients were held for %s; %d tables have the same rows", m.state.Cuts[n-1].Pause.Round(time.Millisecond), len(m.state.Cuts[n-1].Proof)))
	}
	return err
}

// still has Patroni fail nothing over, at both ends, while something is done: who is primary there shall not change in the middle of a cut. What others
// paused stays so; whom we told is kept, so that who goes on after a kill tells them the contrary.
func (m *postgresMove) still(ctx context.Context, do func() error) error {
	var ours []*end
	err := m.stilled(ctx, func(told []string) []string {
		for _, e := range m.ends {
			ourselves := slices.Contains(told, string(e.Environment))
			if len(e.Patroni) == 0 || e.topology.Paused && !ourselves {
				continue
			}
			ours = append(ours, e)
			if !ourselves {
				told = append(told, string(e.Environment))
			}
		}
		return told
	})
	if err != nil {
		return err
	}
	if len(ours) == 0 {
		return do()
	}
	for _, e := range ours {
		if err == nil {
			err = patroni.Pause(ctx, patroni.Where{Addresses: e.Patroni, Dial: e.route.dial}, true)
		}
	}
	if err == nil {
		err = do()
	}
	if errors.Is(err, transfer.ErrTaken) {
		return err // who works at it is in the middle of what shall not be disturbed
	}
	return errors.Join(err, m.stir(context.WithoutCancel(ctx), ours))
}

// stilled changes whom we are kept to have told to fail nothing over. All else stays as it is kept: another program may have carried the move on since it was read.
func (m *postgresMove) stilled(ctx context.Context, change func([]string) []string) error {
	ctx = context.WithoutCancel(ctx)
	name, kept := relocationName(m.r.StoreMove), standby.Transfer{}
	found, err := m.app.store.Transfer(ctx, name, &kept)
	if err != nil {
		return err
	}
	if !found {
		kept = m.state
	}
	if kept.ID != m.state.ID {
		return fault.Newf(fault.Conflict, "the move of %s was undone meanwhile, or begun anew; caravan standby move %[1]s --dry-run shows how it stands", m.r.Datastore)
	}
	before := kept.Stilled
	kept.Stilled = change(slices.Clone(before))
	m.state.Stilled = kept.Stilled
	if slices.Equal(before, kept.Stilled) {
		return nil
	}
	return m.app.store.KeepTransfer(ctx, name, kept, m.app.now())
}

// stirAgain is stir of the ends that were told to fail nothing over, and not yet the contrary.
func (m *postgresMove) stirAgain(ctx context.Context) error {
	if len(m.state.Stilled) == 0 {
		return nil
	}
	told := slices.DeleteFunc(slices.Clone(m.ends[:]), func(e *end) bool { return !slices.Contains(m.state.Stilled, string(e.Environment)) })
	return m.stir(ctx, told)
}

// stir has Patroni fail over again.
func (m *postgresMove) stir(ctx context.Context, ours []*end) error {
	var err error
	for _, e := range ours {
		err = errors.Join(err, patroni.Pause(ctx, patroni.Where{Addresses: e.Patroni, Dial: e.route.dial}, false))
	}
	if err == nil {
		err = m.stilled(ctx, func([]string) []string { return nil })
	}
	return err
}

func (m *postgresMove) verify(_ context.Context, kind journey.Kind) error {
	if kind == journey.CutOver && m.state.Phase != standby.Proven {
		return fault.Newf(fault.Unavailable, "the move of %s is %s, and its rows were not proven equal", m.r.Datastore, m.state.Phase)
	}
	return nil
}

func (m *postgresMove) back(ctx context.Context) error {
	before := []standby.Phase{"", standby.Planned, standby.Preparing, standby.Prepared, standby.Following, standby.Undoing, standby.Undone}
	if slices.Contains(before, m.state.Phase) { // there is nothing to lead back; whoever was killed before the cut may have told Patroni to keep still for it
		return m.stirAgain(ctx)
	}
	return m.still(ctx, func() (err error) {
		m.state, err = m.mover.Back(ctx, m.state)
		return err
	})
}

func (m *postgresMove) undo(ctx context.Context) (err error) {
	if m.state.Phase != standby.Planned {
		m.state, err = m.mover.Undo(ctx, m.state)
	}
	return err
}

func (m *postgresMove) shut(ctx context.Context, note func() error) (err error) {
	if m.state.Phase == standby.Proven || m.state.Phase == standby.Closing { // of the others it is refused, or was done
		if err := note(); err != nil {
			return err
		}
	}
	m.state, err = m.mover.Close(ctx, m.state)
	return err
}

func (m *postgresMove) close() {
	for _, e := range m.ends {
		e.route.close()
	}
}

// redisMove moves a Redis.
type redisMove struct {
	app   *App
	r     relocation
	ends  [2]*end
	move  redis.Move
	state standby.RedisMove
}

func (a *App) redisEngine(ctx context.Context, r relocation, ends [2]*end, tell func(string)) (engine, error) {
	m := &redisMove{app: a, r: r, ends: ends}
	sets := [2]redis.Set{}
	for i, e := range ends {
		var err error
		if sets[i], err = a.setOf(e); err != nil {
			m.close()
			return nil, err
		}
	}
	name := relocationName(r.StoreMove)
	m.move = redis.Move{
		Name: string(r.Datastore), Source: sets[0], Target: sets[1], Options: redis.Options{Accounts: r.Accounts, Pause: a.held}, Tell: tell, Now: a.now,
		Save: func(s standby.RedisMove) error {
			return a.store.KeepTransfer(context.WithoutCancel(ctx), name, s, a.now())
		},
	}
	for _, w := range r.Clients {
		if w.HAProxy == nil {
			m.close()
			return nil, fault.Newf(fault.Invalid, "clients of a Redis come by HAProxy, not by PgBouncer; correct standby.moves")
		}
		network, at, dial := a.socket(*w.HAProxy, ends[0])
		named := [2][]string{w.HAProxy.Servers[string(r.From)], w.HAProxy.Servers[string(r.To)]}
		m.move.Ways = append(m.move.Ways, redis.HAProxy{Network: network, Address: at, Backend: w.HAProxy.Backend, Servers: named, Dial: dial})
	}
	_, err := a.store.Transfer(ctx, name, &m.state)
	if err != nil {
		m.close()
		return m, err
	}
	m.move.Lead = leads(ends[1], m.state)
	return m, nil
}

// leads is the instance of the target that is to lead: whoever leads there, else whoever an earlier move had lead; "" when nobody did.
func leads(to *end, begun standby.RedisMove) string {
	if leader, err := to.leader(); err == nil {
		return leader.Name
	}
	if _, known := to.topology.Member(begun.Target.Leader); known {
		return begun.Target.Leader
	}
	return ""
}

// setOf is one end of a move of a Redis.
func (a *App) setOf(e *end) (redis.Set, error) {
	s := redis.Set{Sentinels: e.Sentinels, Dial: e.route.dial}
	if len(e.Sentinels) > 0 {
		s.Master = cmp.Or(e.Master, string(e.Name))
	}
	for _, m := range e.topology.Members {
		s.Instances = append(s.Instances, redis.Instance{Name: m.Name, Address: m.Address, Peer: e.Peers[m.Name]})
	}
	slices.SortStableFunc(s.Instances, func(x, y redis.Instance) int { return cmp.Compare(x.Name, y.Name) })
	for from, into := range map[*workspace.Account]*redis.Login{e.Admin: &s.Login, e.Replication: &s.Replication, e.Watch: &s.SentinelLogin, e.Watched: &s.MasterLogin} {
		if from == nil {
			continue
		}
		user, password, err := a.loginOf(e.Kept, *from)
		if err != nil {
			return s, err
		}
		*into = redis.Login{User: user, Password: password}
	}
	return s, nil
}

func (m *redisMove) look(ctx context.Context, into *Relocation) error {
	into.Phase, into.Method, into.Pauses = string(m.state.Shown()), "replica", m.state.Pauses()
	if underWay(into.Phase) {
		return nil
	}
	p, err := m.move.Preview(ctx)
	for _, b := range p.Blocks {
		into.Checks = append(into.Checks, standby.Check{Blocking: true, Subject: string(m.r.Datastore), What: b.What, Mend: b.Mend})
	}
	into.Checks = append(into.Checks, m.app.unreached(m.ends)...)
	for _, f := range slices.Concat(p.Source.Instances, p.Target.Instances) {
		if f.Untried && len(f.Lacks) == 0 {
			into.Checks = append(into.Checks, standby.Check{Subject: string(m.r.Datastore), What: fmt.Sprintf("what the account %s may do at %s cannot be read: it is Redis %s", f.Account, f.Instance, f.Version), Mend: "let it read that (ACL SETUSER " + f.Account + " +acl|getuser +acl|cat), or see that it may do what a move takes"})
		}
	}
	if p.NoWay != "" {
		into.Checks = append(into.Checks, standby.Check{Subject: string(m.r.Datastore), What: p.NoWay, Mend: "know it before it moves"})
	}
	for _, w := range m.r.Clients {
		for _, env := range slices.Sorted(maps.Keys(w.HAProxy.Servers)) {
			if e := estate.EnvironmentName(env); e != m.r.From && e != m.r.To {
				into.Checks = append(into.Checks, standby.Check{Blocking: true, Subject: string(m.r.Datastore), What: fmt.Sprintf("servers of HAProxy at %s are named for %s, and it moves from %s to %s", w.HAProxy.Socket, env, m.r.From, m.r.To), Mend: "correct servers under clients of the move, in caravan.yaml"})
			}
		}
	}
	if len(m.r.Clients) == 0 {
		into.Checks = append(into.Checks, standby.Check{Subject: string(m.r.Datastore), What: "nothing is declared that leads its clients", Mend: "name HAProxy under clients of standby.moves, or lead them by hand"})
	}
	if len(p.Steps) > 0 {
		into.Steps = p.Steps
	}
	return err
}

func (m *redisMove) follow(context.Context) error { return nil }

func (m *redisMove) cut(ctx context.Context) (err error) {
	if m.state.Phase == standby.RedisUndone {
		m.state = m.state.Again()
	}
	m.state, err = m.move.Do(ctx, m.state)
	return err
}

func (m *redisMove) verify(ctx context.Context, _ journey.Kind) (err error) {
	m.state, err = m.move.Verify(ctx, m.state)
	return err
}

func (m *redisMove) back(ctx context.Context) (err error) {
	m.state, err = m.move.Undo(ctx, m.state)
	return err
}

func (m *redisMove) undo(context.Context) error { return nil }

func (m *redisMove) shut(context.Context, func() error) error {
	if m.state.Phase != standby.RedisMoved {
		return fault.Newf(fault.Conflict, "%s has not moved to %s, so nothing is to be closed", m.r.Datastore, m.r.To)
	}
	return fault.Newf(fault.Conflict, "what %s left is a replica of it; stop it when it is needed no more: nothing else is to be closed", m.r.Datastore)
}

func (m *redisMove) close() {
	for _, e := range m.ends {
		e.route.close()
	}
}

// redisEnds are the moves that a Redis is an end of, as they were last kept.
func (a *App) redisEnds(ctx context.Context, k workspace.Kept) ([]standby.RedisEnd, error) {
	var out []standby.RedisEnd
	for _, m := range a.declared.Standbys.Moves {
		if m.Datastore != k.Name || k.Environment != m.From && k.Environment != m.To {
			continue
		}
		e := standby.RedisEnd{Target: k.Environment == m.To, Other: m.To}
		if e.Target {
			e.Other = m.From
		}
		if _, err := a.store.Transfer(ctx, relocationName(m), &e.Move); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// knownRedis are the instances of a Redis that is declared by its Sentinels: those that they tell of and, where a move had them forget, or watch again a moment ago, those
// that were there then.
func knownRedis(ctx context.Context, s redis.Set, ends []standby.RedisEnd, now time.Time) ([]redis.Instance, error) {
	out, err := s.Known(ctx)
	for _, e := range ends {
		if err == nil && !e.Recent(now) {
			continue
		}
		for _, x := range e.Side().Instances {
			if !slices.ContainsFunc(out, func(i redis.Instance) bool { return i.Address == x.Address }) {
				out = append(out, redis.Instance{Name: x.Name, Address: x.Address})
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	return nil, err
}

// askRedis asks the instances of a Redis, and the Sentinels there are, who is who; and finds what is wrong, beside what they said the last time and what a move of it explains.
func (w *tender) askRedis(ctx context.Context) (standby.Topology, error) {
	e := &end{Kept: w.kept, route: w.route, topology: membersOf(w.kept.Members)}
	s, err := w.app.setOf(e)
	if err != nil {
		return standby.Topology{}, err
	}
	ends, err := w.app.redisEnds(ctx, w.kept)
	if err == nil && len(s.Instances) == 0 {
		s.Instances, err = knownRedis(ctx, s, ends, w.app.now())
	}
	if err != nil {
		return standby.Topology{}, err
	}
	look := s.Look(ctx, w.app.now)
	look.Datastore, look.Environment, look.Team = w.kept.Name, w.kept.Environment, w.kept.Team
	before, err := w.lookedBefore(ctx)
	if err != nil {
		return look.Topology(), err
	}
	if slices.ContainsFunc(ends, func(e standby.RedisEnd) bool { return e.Copied(before.At) }) {
		before = standby.RedisLook{} // what was copied since says nothing
	}
	without := look.Without(ends...)
	told := look
	told.Sentinels = without.Sentinels
	t := told.Topology()
	for _, e := range ends {
		if said := e.Said(w.kept.Name, look); said != "" {
			t.Doubts = append(t.Doubts, said)
		}
	}
	t.Redis, t.Found = &look, standby.JudgeRedis(without, before, standby.RedisOutage)
	return t, nil
}

// lookedBefore is what the instances of a Redis said the last time; empty when nobody asked.
func (w *tender) lookedBefore(ctx context.Context) (standby.RedisLook, error) {
	known, err := w.app.store.Topologies(ctx)
	if err != nil {
		return standby.RedisLook{}, err
	}
	i := slices.IndexFunc(known, func(k standby.Topology) bool {
		return k.Datastore == w.kept.Name && k.Environment == w.kept.Environment
	})
	if i < 0 || known[i].Redis == nil {
		return standby.RedisLook{}, nil
	}
	return *known[i].Redis, nil
}
