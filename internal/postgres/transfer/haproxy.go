package transfer

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
)

// HAProxy holds clients of a load balancer that passes TCP on. It cannot see transactions: connections that are open are ended, so clients see
// each of theirs fail once, and whether what they were about to commit was, they do not know. New ones are queued, but for one at a time, as no fewer
// can be allowed; for no longer than its timeout queue, which is its timeout connect when not set. (Frontends have such a bound as well, but
// raising it again hangs HAProxy 2.6.) Redirecting lasts until it reads its configuration again, which is to name the new server by then.
type HAProxy struct {
	Name    string
	Dial    func(ctx context.Context) (net.Conn, error) // to its runtime socket, of level admin
	Backend string
	Most    int                 // maxconn of each server; 0 is no bound
	Servers map[string][]string // of the backend, by the name of the Server that they lead to
}

// Hold lets new connections wait, and ends those that are open.
func (h HAProxy) Hold(ctx context.Context) error {
	for _, s := range h.all() {
		if err := h.bound(ctx, s, 1); err != nil {
			return err
		}
	}
	return h.cut(ctx, "")
}

// all are the servers of its backend that it is told of.
func (h HAProxy) all() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(h.Servers)) {
		out = append(out, h.Servers[name]...)
	}
	return out
}

// boundless is more connections than anybody has. A server that is told of no bound at all (0) lets none go that queue already, and those that come later queue
// behind them (HAProxy 2.6).
const boundless = 1 << 20

// bound allows a server so many connections.
func (h HAProxy) bound(ctx context.Context, server string, most int) error {
	return h.say(ctx, fmt.Sprintf("set maxconn server %s/%s %d", h.Backend, server, most))
}

// cut ends what goes to all servers but those of one.
func (h HAProxy) cut(ctx context.Context, but string) error {
	for name, servers := range h.Servers {
		if name == but {
			continue
		}
		for _, s := range servers {
			if err := h.say(ctx, fmt.Sprintf("shutdown sessions server %s/%s", h.Backend, s)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check asks whether its socket answers, and whether its backend has all servers that it is told of, one of which leads there.
func (h HAProxy) Check(ctx context.Context, to Server) error {
	if err := h.leads(to); err != nil {
		return err
	}
	said, err := h.ask(ctx, "show servers state "+h.Backend)
	if err != nil {
		return err
	}
	const idOfBackend, nameOfServer = 0, 3 // columns, apart by spaces
	there := map[string]bool{}
	for line := range strings.Lines(said) {
		if f := strings.Fields(line); len(f) > nameOfServer && strings.Trim(f[idOfBackend], "0123456789") == "" {
			there[f[nameOfServer]] = true
		}
	}
	if len(there) == 0 {
		return fault.Newf(fault.Invalid, "%s has no backend %s with servers: %s; name one of its own under clients of standby.moves", h.Name, h.Backend, strings.Join(strings.Fields(said), " "))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Servers)) {
		for _, s := range h.Servers[name] {
			if !there[s] {
				return fault.Newf(fault.Invalid, "%s: backend %s has no server %s, which is to lead to %s; it has %s", h.Name, h.Backend, s, name, strings.Join(slices.Sorted(maps.Keys(there)), ", "))
			}
		}
	}
	return nil
}

// leads reports whether a server of its backend leads to one of ours.
func (h HAProxy) leads(to Server) error {
	if len(h.Servers[to.Name]) == 0 {
		return fault.Newf(fault.Invalid, "%s: backend %s has no server that leads to %s", h.Name, h.Backend, to.Name)
	}
	return nil
}

// socket connects to its runtime socket.
func (h HAProxy) socket(ctx context.Context) (net.Conn, error) {
	c, err := h.Dial(ctx)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "%s: its runtime socket does not answer; is there a line \"stats socket … level admin\"?", h.Name)
	}
	return c, nil
}

// Redirect puts the servers of one side to work, and takes the others out.
func (h HAProxy) Redirect(ctx context.Context, to Server) error {
	if err := h.leads(to); err != nil {
		return err
	}
	// In this order: connections that come while no server is there wait, and are not let go when one is (HAProxy 2.6).
	if err := h.put(ctx, h.Servers[to.Name], "ready"); err != nil {
		return err
	}
	for name, servers := range h.Servers {
		if name == to.Name {
			continue
		}
		if err := h.put(ctx, servers, "maint"); err != nil {
			return err
		}
	}
	return h.cut(ctx, to.Name)
}

// put brings servers into a state.
func (h HAProxy) put(ctx context.Context, servers []string, state string) error {
	for _, s := range servers {
		if err := h.say(ctx, fmt.Sprintf("set server %s/%s state %s", h.Backend, s, state)); err != nil {
			return err
		}
	}
	return nil
}

// Release lets connections through. A server that its backend has not, or no more, holds nobody.
func (h HAProxy) Release(ctx context.Context) error {
	most := h.Most
	if most == 0 {
		most = boundless
	}
	for _, s := range h.all() {
		if err := h.bound(ctx, s, most); err != nil && !strings.Contains(err.Error(), "No such server") {
			return err
		}
	}
	return nil
}

// say gives a command to the runtime socket, which answers with nothing when it was done.
func (h HAProxy) say(ctx context.Context, command string) error {
	said, err := h.ask(ctx, command)
	if text := strings.TrimSpace(said); err == nil && text != "" {
		return fault.Newf(fault.Conflict, "%s: %s: %s", h.Name, command, text)
	}
	return err
}

// ask gives a command to the runtime socket, and returns what it says.
func (h HAProxy) ask(ctx context.Context, command string) (string, error) {
	c, err := h.socket(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	until, _ := ctx.Deadline()
	if err := c.SetDeadline(until); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, command); err != nil {
		return "", fault.Newf(fault.Unavailable, "%s: %s: %w", h.Name, command, err)
	}
	const most = 1 << 20
	said, err := io.ReadAll(io.LimitReader(c, most))
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "%s: %s: %w", h.Name, command, err)
	}
	return string(said), nil
}
