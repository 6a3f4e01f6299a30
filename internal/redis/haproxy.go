package redis

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// HAProxy leads clients by the servers of one backend, over the socket of its administrator (stats socket … level admin). What it is told lasts until
// it is started anew or reads its configuration again: a backend that checks for role:master then finds the same by itself.
type HAProxy struct {
	Network string // unix or tcp
	Address string // of the socket
	Backend string
	Servers [2][]string // names of servers that lead to the source, and to the target; those at the instances' addresses are known without
	Dial    Dial
}

// String is what people know it by.
func (h HAProxy) String() string { return "backend " + h.Backend + " of HAProxy at " + h.Address }

// ours is the name of the server that a backend is given where it has none at an address that clients are led to.
const ours = "caravan"

// declared is where a person corrects what HAProxy was said to be.
const declared = "of haproxy under clients of the move, in caravan.yaml"

// serverOf is one server of a backend.
type serverOf struct {
	name  string
	at    []string // host:port, in digits and as it is written
	maint bool     // it was put into maintenance
	check bool     // its health is checked
}

func (s serverOf) isAt(addresses ...string) bool {
	return slices.ContainsFunc(s.at, func(a string) bool { return slices.Contains(addresses, a) })
}

// backend is the servers of a backend by what they are to a move.
type backend struct {
	all   []serverOf
	comer *serverOf  // at the instance that clients are led to
	old   []serverOf // at those they are led away from
}

// has is the server of a name.
func (b backend) has(name string) *serverOf {
	if i := slices.IndexFunc(b.all, func(s serverOf) bool { return s.name == name }); i >= 0 {
		return &b.all[i]
	}
	return nil
}

func (b backend) String() string {
	out := make([]string, len(b.all))
	for i, s := range b.all {
		out[i] = s.name + " at " + s.at[0]
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// named are the servers that were named for the side clients are led to, and for the other.
func (h HAProxy) named(l Leading) (to, from []string) {
	if l.Back {
		return h.Servers[0], h.Servers[1]
	}
	return h.Servers[1], h.Servers[0]
}

// ask is a backend as HAProxy knows it now.
func (h HAProxy) ask(ctx context.Context, l Leading) (backend, error) {
	all, err := h.servers(ctx)
	if err != nil {
		return backend{}, err
	}
	b := backend{all: all}
	to, from := h.named(l)
	for i, s := range all {
		if s.isAt(l.To) && b.comer == nil {
			b.comer = &all[i]
		}
	}
	if b.comer == nil && len(to) == 1 {
		b.comer = b.has(to[0])
	}
	for _, s := range all {
		if s.isAt(l.Away...) || slices.Contains(from, s.name) {
			if b.comer == nil || s.name != b.comer.name {
				b.old = append(b.old, s)
			}
		}
	}
	return b, nil
}

// Check lists what would keep it from leading clients: a socket that does not answer or may not, a backend or a server that is not there.
func (h HAProxy) Check(ctx context.Context, l Leading) []standby.RedisBlock {
	b, err := h.ask(ctx, l)
	if fault.KindOf(err) == fault.Unavailable {
		return block(err.Error(), "start it with a line `stats socket … level admin`, or correct socket "+declared)
	}
	if err != nil {
		return block(err.Error(), "correct backend "+declared)
	}
	level, err := h.say(ctx, "show cli level")
	if err != nil || level == "operator" || level == "user" {
		return block(fmt.Sprintf("HAProxy at %s lets no servers be changed over this socket: its level is %q", h.Address, level), "write `level admin` after its stats socket, or name another as socket "+declared)
	}
	if out := h.missing(b, l); len(out) > 0 {
		return out
	}
	if b.comer == nil {
		return h.mayIntroduce(ctx, b, l.To)
	}
	return nil
}

// missing lists servers that are named and not there, or of the other side; or that there are none at all.
func (h HAProxy) missing(b backend, l Leading) []standby.RedisBlock {
	var out []standby.RedisBlock
	to, from := h.named(l)
	for _, name := range slices.Concat(to, from) {
		if b.has(name) == nil {
			out = append(out, block(fmt.Sprintf("%s has no server %s: it has %s", h, name, b), "correct servers "+declared)...)
		}
	}
	for _, name := range to {
		if s := b.has(name); s != nil && s.isAt(l.Away...) {
			out = append(out, block(fmt.Sprintf("server %s of %s is named as one that leads to %s, and is at %s", name, h, l.To, s.at[0]), "correct servers "+declared)...)
		}
	}
	if len(out) == 0 && b.comer == nil && len(b.old) == 0 {
		out = block(fmt.Sprintf("%s has no server of this Redis: it has %s", h, b), "correct backend "+declared+", or name its servers there, by the environment that they lead to")
	}
	return out
}

func block(what, mend string) []standby.RedisBlock {
	return []standby.RedisBlock{{What: what, Mend: mend}}
}

// mayIntroduce says why a backend could not be given a server at an address.
func (h HAProxy) mayIntroduce(ctx context.Context, b backend, to string) []standby.RedisBlock {
	host, _, err := net.SplitHostPort(to)
	if err != nil || net.ParseIP(host) == nil {
		return block(fmt.Sprintf("%s has no server at %s, and takes one only by its address in digits: it has %s", h, to, b), "write one into its configuration, or name it under servers "+declared)
	}
	if b.has(ours) != nil {
		return nil
	}
	const since = "2.5"
	if v, err := h.version(ctx); err == nil && standby.RedisVersion(v, since) < 0 {
		return block(fmt.Sprintf("%s has no server at %s, and takes none before it is HAProxy %s: it is %s, and has %s", h, to, since, v, b), "write one into its configuration, in maintenance or checked for role:master")
	}
	return nil
}

// version is HAProxy's own.
func (h HAProxy) version(ctx context.Context) (string, error) {
	said, err := h.say(ctx, "show info")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(said) {
		if v, found := strings.CutPrefix(line, "Version: "); found {
			return strings.TrimSpace(v), nil
		}
	}
	return "", fault.Newf(fault.Conflict, "HAProxy at %s does not say its version", h.Address)
}

// Prepare gives a backend that knows no server at the new address one, which nobody is led to yet; this takes HAProxy 2.5.
func (h HAProxy) Prepare(ctx context.Context, l Leading) (out []string, err error) {
	b, err := h.ask(ctx, l)
	if err != nil {
		return nil, err
	}
	for _, s := range b.old {
		if !s.maint {
			out = append(out, s.name)
		}
	}
	if b.comer != nil || b.has(ours) != nil { // ours may lead clients elsewhere until they are led
		return out, nil
	}
	return out, h.introduce(ctx, b, l.To)
}

// Redirect has the backend use the server at one address, at once whatever its checks said last, and puts those at others into
// maintenance; whoever is connected to them is cut off and comes again. Servers that leading clients the other way took out of use are in use again, by their checks.
func (h HAProxy) Redirect(ctx context.Context, l Leading) (begun bool, err error) {
	b, err := h.ask(ctx, l)
	if err != nil {
		return false, err
	}
	comer := ours
	if b.comer != nil {
		comer = b.comer.name
	} else if err := h.introduce(ctx, b, l.To); err != nil {
		return false, err
	}
	at := func(server string) string { return h.Backend + "/" + server }
	commands := []string{"set server " + at(comer) + " state ready", "set server " + at(comer) + " health up"}
	for _, s := range b.old {
		if s.name != comer {
			commands = append(commands, "set server "+at(s.name)+" state maint")
		}
	}
	for _, s := range b.old {
		if s.name != comer {
			commands = append(commands, "shutdown sessions server "+at(s.name))
		}
	}
	for _, name := range l.Again {
		if s := b.has(name); s != nil && s.maint && name != comer {
			back := "set server " + at(name) + " state ready"
			if s.check { // it is used once its check says so
				back += "; set server " + at(name) + " health down"
			}
			commands = append(commands, back)
		}
	}
	for _, command := range commands {
		if err := h.change(ctx, command); err != nil {
			return true, err
		}
	}
	return true, nil
}

// change gives a command that is answered by nothing when it was done.
func (h HAProxy) change(ctx context.Context, command string) error {
	said, err := h.say(ctx, command)
	// A server that is not checked is always up.
	if err == nil && said != "" && !strings.Contains(said, "checks are not enabled") {
		err = fault.Newf(fault.Conflict, "HAProxy at %s: %s: %s", h.Address, command, said)
	}
	return err
}

// introduce gives a backend a server of ours at an address, or has the one it was given before be there.
func (h HAProxy) introduce(ctx context.Context, b backend, to string) error {
	command, done := "add server "+h.Backend+"/"+ours+" "+to, "registered"
	if b.has(ours) != nil {
		host, port, err := net.SplitHostPort(to)
		if err != nil {
			return fault.Newf(fault.Invalid, "%q is no address; write host:port", to)
		}
		command, done = "set server "+h.Backend+"/"+ours+" addr "+host+" port "+port, "changed"
	}
	said, err := h.say(ctx, command)
	if err == nil && !strings.Contains(said, done) {
		err = fault.Newf(fault.Conflict, "%s has no server at %s and takes none: %s; write one into its configuration, in maintenance or checked for role:master", h, to, said)
	}
	return err
}

// servers are those of the backend. Columns are those of "show servers state", version 1 (HAProxy Management Guide, 9.3).
func (h HAProxy) servers(ctx context.Context) ([]serverOf, error) {
	const name, address, admin, check, written, port, least = 3, 4, 6, 13, 17, 18, 19
	const forced, enabled = 1, 4 // bits of srv_admin_state and srv_check_state
	said, err := h.say(ctx, "show servers state "+h.Backend)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(said, "\n")
	if lines[0] != "1" {
		return nil, fault.Newf(fault.Conflict, "HAProxy at %s has no backend %s: %s", h.Address, h.Backend, lines[0])
	}
	var out []serverOf
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		if len(f) < least || strings.HasPrefix(line, "#") {
			continue
		}
		s := serverOf{name: f[name], at: []string{net.JoinHostPort(f[address], f[port])}, maint: bit(f[admin], forced), check: bit(f[check], enabled)}
		if f[written] != "-" {
			s.at = append(s.at, net.JoinHostPort(f[written], f[port]))
		}
		out = append(out, s)
	}
	return out, nil
}

// bit reports whether a number has a bit.
func bit(word string, of int) bool {
	n, err := strconv.Atoi(word)
	return err == nil && n&of != 0
}

// say gives one command and returns the answer, without the empty lines around it.
func (h HAProxy) say(ctx context.Context, command string) (string, error) {
	dial := h.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := dial(ctx, h.Network, h.Address)
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "HAProxy at %s does not answer: %w", h.Address, err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", fault.Newf(fault.Unavailable, "HAProxy at %s does not answer: %w", h.Address, err)
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", fault.Newf(fault.Unavailable, "HAProxy at %s does not answer: %w", h.Address, err)
	}
	const most = 1 << 20
	said, err := io.ReadAll(io.LimitReader(bufio.NewReader(conn), most))
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "HAProxy at %s does not answer: %w", h.Address, err)
	}
	return strings.TrimSpace(string(said)), nil
}
