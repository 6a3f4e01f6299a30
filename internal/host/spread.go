package host

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// Debian's package has HAProxy's runtime API there.
const usualSocket = "/run/haproxy/admin.sock"

// usualDrain is how many seconds requests under way are given where nobody says.
const usualDrain = 10

// Spread asks load balancers that nobody rendered through which servers of theirs calls come to a service's machines: those that have their
// address and one of the service's ports. Requests under way are given so many seconds, the usual for 0. Nil, which is told, when one of them cannot be asked or has none: nobody is taken out of balance then.
func (t *Target) Spread(ctx context.Context, p Program, balancers []render.Host, ports []int, drain int, tell journey.Tell) (*render.Balance, error) {
	b := &render.Balance{Hosts: balancers, Socket: usualSocket, Servers: map[string]string{}, Drain: cmp.Or(drain, usualDrain)}
	for _, lb := range balancers {
		var found []spread
		err := t.on(ctx, lb, func(m *Machine) (err error) {
			found, err = m.spreads(ctx, usualSocket, p.Hosts, ports)
			return err
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil || len(found) == 0 {
			why := "it passes nothing on to them"
			if err != nil {
				why = err.Error()
			}
			tell(fmt.Sprintf("machines of %s are not taken out of balance while they are renewed: %s: %s", p.Service, lb.Name, why))
			return nil, nil
		}
		for _, s := range found {
			if !slices.Contains(b.Backends, s.backend) {
				b.Backends = append(b.Backends, s.backend)
			}
			b.Servers[s.machine] = s.server
		}
	}
	return b, nil
}

// spread is a server of a backend that leads to a machine.
type spread struct{ backend, server, machine string }

// spreads are the servers of a load balancer that lead to machines.
func (m *Machine) spreads(ctx context.Context, socket string, hosts []render.Host, ports []int) ([]spread, error) {
	answer, runs, err := m.command(ctx, socket, "show stat")
	if err != nil || !runs {
		return nil, err
	}
	return serversTo(answer, m.Name, hosts, ports)
}

// serversTo finds servers in the answer to "show stat", which is CSV with a line of names above. Unavailable when it is none.
func serversTo(answer, at string, hosts []render.Host, ports []int) ([]spread, error) {
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fault.Newf(fault.Unavailable, "%s: HAProxy's answer to \"show stat\" is none; see what answers there", at)
	}
	backend, server, address := slices.Index(rows[0], "pxname"), slices.Index(rows[0], "svname"), slices.Index(rows[0], "addr")
	if backend < 0 || server < 0 || address < 0 {
		return nil, fault.Newf(fault.Unavailable, "%s: HAProxy does not say the addresses of its servers; let whoever asks be an operator or admin on its socket", at)
	}
	var out []spread
	for _, r := range rows[1:] {
		host, port, err := net.SplitHostPort(r[address])
		if err != nil {
			continue
		}
		n, _ := strconv.Atoi(port)
		i := slices.IndexFunc(hosts, func(h render.Host) bool { return h.Address == host })
		if i >= 0 && slices.Contains(ports, n) {
			out = append(out, spread{r[backend], r[server], hosts[i].Name})
		}
	}
	return out, nil
}
