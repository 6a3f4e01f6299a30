package vm

import (
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// thing is something that is put on machines: a service, datastore or stub, the load balancer, the agent it asks.
type thing struct {
	name     estate.ServiceName
	about    string // in a few words, for people
	team     estate.TeamName
	wave     int // 0 when it comes before all waves
	hosts    []string
	called   bool     // others call it by its name
	users    []string // accounts it needs on its machines
	packages []string // of Debian
	content  []file
	start    []string // units, in order
	reloads  bool     // they take changed files in while they run
	fresh    []string // command that has what its package started anew, once it is configured
	quiet    []string // units that its packages start and that must not run
	without  []string // files of its packages that must not be there
	health   []string // command that ends with 0 when it is well
	patience int      // seconds it is given for that
	drain    int      // seconds that requests under way are given when it is taken out of balance
	keeps    []string // folders of what it was given to keep
	claims   []claim  // ports it listens on
	behind   *behind  // what spreads calls over its machines; nil when its name leads straight to them
	pool     *pool    // PgBouncer on the load balancers' machines; nil when there is none
	secrets  []string // what must be put on its machines by hand: paths
}

// file is a rendered file and the place on a machine that it is for.
type file struct {
	render.File
	at     string // path on the machine; "" when it is for people
	only   string // the one machine it is for; "" for all that the thing is on
	base64 bool
	units  []string // that read it when they start
}

// on tells whether a file is put on a host of its thing.
func (f file) on(host string) bool { return f.at != "" && (f.only == "" || f.only == host) }

// claim is a port of a machine. Port 5432 over TCP is another one than 5432 over UDP.
type claim struct {
	protocol string // "TCP" or "UDP"
	port     int
}

// apart refuses two things on one port: of a machine, or of the load balancers, where a name and a port are told apart by port
// alone. It also refuses machines the site does not have.
func (e environment) apart(things []thing) error {
	const balancers = "the load balancers"
	type seat struct {
		host string
		claim
	}
	taken := map[seat]estate.ServiceName{}
	take := func(host string, c claim, name estate.ServiceName) error {
		at := seat{host, c}
		if other, ok := taken[at]; ok {
			return fault.Newf(fault.Invalid, "%s: %s and %s both listen on port %d (%s) of %s; give one of them another port or another machine",
				e.Environment, other, name, c.port, c.protocol, host)
		}
		taken[at] = name
		return nil
	}
	if slices.ContainsFunc(things, func(t thing) bool { return t.behind != nil && len(t.behind.public) > 0 }) {
		taken[seat{balancers, claim{"TCP", publicHTTP}}], taken[seat{balancers, claim{"TCP", publicHTTPS}}] = "public", "public"
	}
	for _, t := range things {
		for _, host := range t.hosts {
			if _, ok := e.addresses[host]; !ok {
				return fault.Newf(fault.Invalid, "%s: %s is placed on %s, which is no machine of it; add the machine or place %s elsewhere", e.Environment, t.name, host, t.name)
			}
			for _, c := range t.claims {
				if err := take(host, c, t.name); err != nil {
					return err
				}
			}
		}
		for _, port := range t.spreads() {
			if err := take(balancers, claim{"TCP", port}, t.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// spreads lists the ports the load balancers take for a thing.
func (t thing) spreads() []int {
	if t.behind == nil {
		return nil
	}
	out := make([]int, len(t.behind.listens))
	for i, l := range t.behind.listens {
		out[i] = l.port
	}
	if t.pool != nil {
		out = append(out, t.pool.port)
	}
	return out
}

// hasHost tells whether a thing is placed on a machine.
func (t thing) hasHost(name string) bool { return slices.Contains(t.hosts, name) }
