package app

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/workspace"
)

// route is how the addresses of a datastore are reached: directly, over SSH to the machine that has the address, or through the API server of the
// cluster that runs the pod that has it. It keeps connections.
type route struct {
	dial     dialer
	put      func(ctx context.Context, address, file, text string) error // writes a whole file beside the instance at an address; nil where that cannot be
	mu       sync.Mutex
	machines map[string]*host.Machine
	dialling map[string]*sync.Mutex // one for each address: a machine that does not answer holds up nobody who wants another
	options  host.Options
}

func (a *App) routeOf(k workspace.Kept) *route {
	r := &route{machines: map[string]*host.Machine{}, dialling: map[string]*sync.Mutex{}}
	t, _ := a.declared.TargetOf(k.Environment)
	switch {
	case k.Through == "machines" && t.Machines != nil:
		r.options = a.overSSH(*t.Machines)
		r.dial, r.put = r.overSSH, r.onMachine
	case k.InCluster() && t.Cluster != nil:
		o := a.clusterOf(k)
		r.dial = func(ctx context.Context, _, address string) (net.Conn, error) { return kube.Dial(ctx, o, address) }
		if k.Preference != nil {
			r.put = func(ctx context.Context, address, file, text string) error {
				_, err := kube.Exec(ctx, o, address, k.Preference.Container, strings.NewReader(text), "sh", "-c", putFile, "put", file, strconv.Itoa(len(text)))
				return err
			}
		}
	default:
		r.dial = (&net.Dialer{}).DialContext
	}
	return r
}

// clusterOf is the cluster that a datastore runs in.
func (a *App) clusterOf(k workspace.Kept) kube.Options {
	t, _ := a.declared.TargetOf(k.Environment)
	if t.Cluster == nil {
		return kube.Options{}
	}
	return kube.Options{Kubeconfig: a.declared.Within(t.Cluster.Kubeconfig), Context: t.Cluster.Context}
}

// hostOf is the host of an address, host:port or that of a web page; "" of what is neither.
func hostOf(address string) string {
	if _, rest, web := strings.Cut(address, "://"); web {
		address = rest
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return host
}

// overSSH dials an address from the machine that has it.
func (r *route) overSSH(ctx context.Context, network, address string) (net.Conn, error) {
	at, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%q is no address; write host:port", address)
	}
	return r.dialFrom(ctx, at, network, address)
}

// dialFrom dials an address from a machine.
func (r *route) dialFrom(ctx context.Context, machine, network, address string) (net.Conn, error) {
	m, err := r.machine(ctx, machine)
	if err != nil {
		return nil, err
	}
	conn, err := m.Dial(ctx, network, address)
	if err != nil && m.Lost(ctx) { // the connection died since; a new one may not
		r.forget(machine, m)
		if m, err = r.machine(ctx, machine); err == nil {
			conn, err = m.Dial(ctx, network, address)
		}
	}
	return conn, err
}

// putFile is a script that writes its input, of so many bytes, into a file, in one go, and follows no link that somebody else put there. A connection that ends
// early looks like the end of the input.
const putFile = `set -euC; umask 022; next="$1.caravan"; rm -f "$next"; cat >"$next"; [ "$(wc -c <"$next")" -eq "$2" ] || { rm -f "$next"; echo "only a part of it arrived" >&2; exit 1; }; mv -T "$next" "$1"`

func (r *route) onMachine(ctx context.Context, address, file, text string) error {
	at, _, err := net.SplitHostPort(address)
	if err != nil {
		return fault.Newf(fault.Invalid, "%q is no address; write host:port", address)
	}
	m, err := r.machine(ctx, at)
	if err != nil {
		return err
	}
	got, err := m.Run(ctx, strings.NewReader(text), "sh", "-c", putFile, "put", file, strconv.Itoa(len(text)))
	if err != nil && m.Lost(ctx) {
		r.forget(at, m)
	}
	if err == nil && got.Code != 0 {
		err = fault.Newf(fault.Conflict, "%s: %s was not written: %s", m.Name, file, strings.TrimSpace(string(got.Stderr)))
	}
	return err
}

func (r *route) machine(ctx context.Context, address string) (*host.Machine, error) {
	r.mu.Lock()
	one := r.dialling[address]
	if one == nil {
		one = &sync.Mutex{}
		r.dialling[address] = one
	}
	r.mu.Unlock()
	one.Lock()
	defer one.Unlock()
	r.mu.Lock()
	m := r.machines[address]
	r.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := host.Connect(ctx, r.options, address, address)
	if err == nil {
		r.mu.Lock()
		r.machines[address] = m
		r.mu.Unlock()
	}
	return m, err
}

func (r *route) forget(address string, m *host.Machine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.machines[address] == m {
		delete(r.machines, address)
		_ = m.Close()
	}
}

func (r *route) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, m := range r.machines {
		_ = m.Close()
		delete(r.machines, at)
	}
}
