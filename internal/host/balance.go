package host

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// out takes a machine out of balance before something on it stops answering: no new requests come, and those under way are given the
// time that the service asks for. That it is out is noted first, so that it is put back whatever happens.
//
// The load balancers ask an agent on each machine, too, whose "ready" would put it back at once; so they do not ask it meanwhile.
func (a *applying) out(ctx context.Context, h render.Host, m *Machine) error {
	b := a.install.Balance
	if b == nil {
		return nil
	}
	if err := m.change(ctx, a.o.Expansion, func(mf *manifest) {
		o := mf.Things[a.thing]
		o.Out = true
		mf.Things[a.thing] = o
	}); err != nil {
		return err
	}
	a.tell(fmt.Sprintf("%s: out of balance", h.Name))
	return a.oneByOne(ctx, b.Hosts, func(lb *Machine) error {
		for _, backend := range b.Backends {
			server := backend + "/" + b.Server(h.Name)
			if err := lb.balancer(ctx, b.Socket, "disable agent "+server, "set server "+server+" state drain"); err != nil {
				return err
			}
		}
		return lb.idle(ctx, *b, h.Name)
	})
}

// in puts it back, and waits until the load balancers have found it well: only then the next may go. Done says what is noted besides.
func (a *applying) in(ctx context.Context, h render.Host, m *Machine, done func(*outcome)) error {
	if b := a.install.Balance; b != nil {
		if err := a.oneByOne(ctx, b.Hosts, func(lb *Machine) error {
			for _, backend := range b.Backends {
				server := backend + "/" + b.Server(h.Name)
				if err := lb.balancer(ctx, b.Socket, "set server "+server+" state ready", "enable agent "+server); err != nil {
					return err
				}
			}
			return lb.up(ctx, *b, h.Name, a.install.Patience)
		}); err != nil {
			return err
		}
	}
	return m.change(ctx, a.o.Expansion, func(mf *manifest) {
		o := mf.Things[a.thing]
		o.Out = false
		done(&o)
		mf.Things[a.thing] = o
	})
}

// command asks HAProxy's runtime API on a machine, over a stream to its socket: no program is needed there. False when HAProxy does
// not run, and so sends nobody anywhere.
func (m *Machine) command(ctx context.Context, socket, line string) (string, bool, error) {
	conn, err := m.client.DialContext(ctx, "unix", socket)
	if err != nil {
		return m.noStream(ctx, socket, err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", false, m.lost(err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, mostOutput))
	if err != nil {
		return "", false, m.lost(err)
	}
	return strings.TrimSpace(string(answer)), true, nil
}

// noStream says why there was none: HAProxy does not run there, or nobody but root may ask it.
func (m *Machine) noStream(ctx context.Context, socket string, cause error) (string, bool, error) {
	units, err := m.units(ctx, "haproxy.service")
	if err != nil {
		return "", false, err
	}
	if !units["haproxy.service"].Active {
		return "", false, nil
	}
	return "", false, fault.Newf(fault.Unavailable, "%s: ask HAProxy at %s: %w; let haproxy.cfg say stats socket %[2]s, let %[4]s in there (adduser %[4]s haproxy), and sshd forward streams to sockets (AllowStreamLocalForwarding yes)",
		m.Name, socket, cause, m.user)
}

// balancer gives commands. A server that the load balancer does not know yet needs none.
func (m *Machine) balancer(ctx context.Context, socket string, commands ...string) error {
	for _, c := range commands {
		answer, runs, err := m.command(ctx, socket, c)
		switch {
		case err != nil || !runs:
			return err
		case answer == "", strings.HasPrefix(answer, "No such"), strings.Contains(answer, "not configured"), strings.Contains(answer, "Agent was not configured"):
		default:
			return fault.Newf(fault.Unavailable, "%s: HAProxy refuses %q: %s; mend that and run it again", m.Name, c, answer)
		}
	}
	return nil
}

// server is a row of HAProxy's "show stat".
type server struct {
	current int    // sessions
	status  string // "UP", "DOWN", "DRAIN", "no check" …
}

// servers are those of some backends that are called as a machine.
func (m *Machine) servers(ctx context.Context, b render.Balance, name string) ([]server, error) {
	answer, runs, err := m.command(ctx, b.Socket, "show stat")
	if err != nil || !runs {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fault.Newf(fault.Unavailable, "%s: HAProxy's answer to \"show stat\" is none; see what answers at %s", m.Name, b.Socket)
	}
	column := map[string]int{}
	for i, c := range rows[0] {
		column[c] = i
	}
	var out []server
	for _, r := range rows[1:] {
		for _, backend := range b.Backends {
			if r[column["pxname"]] == backend && r[column["svname"]] == b.Server(name) {
				n, _ := strconv.Atoi(r[column["scur"]])
				out = append(out, server{n, r[column["status"]]})
			}
		}
	}
	return out, nil
}

// idle waits until no request is under way to a machine, as long as the service asks for; those that last longer are cut off.
func (m *Machine) idle(ctx context.Context, b render.Balance, name string) error {
	calm := 0 // looks: a request may have been given to it just before it was taken out
	return m.until(ctx, b, name, b.Drain, func(s server) bool {
		if s.current > 0 {
			calm = 0
			return false
		}
		calm++
		return calm > len(b.Backends)
	})
}

// up waits until a load balancer sends requests to a machine. One that never does has been told so by its own checks: the service was
// found well where it runs, so after a while the next may go.
func (m *Machine) up(ctx context.Context, b render.Balance, name string, patience int) error {
	return m.until(ctx, b, name, patience, func(s server) bool {
		return !strings.HasPrefix(s.status, "DOWN") && !strings.HasPrefix(s.status, "DRAIN")
	})
}

func (m *Machine) until(ctx context.Context, b render.Balance, name string, patience int, ok func(server) bool) error {
	end := time.Now().Add(time.Duration(patience) * time.Second)
	for {
		all, err := m.servers(ctx, b, name)
		if err != nil {
			return err
		}
		done := true
		for _, s := range all {
			done = done && ok(s)
		}
		if done || time.Now().After(end) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(beat / 4):
		}
	}
}
