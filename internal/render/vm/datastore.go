package vm

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// datastore is a datastore with its configuration. One whose technology is not known here is left to people: its page says what
// they have to set up.
func (e environment) datastore(d render.Datastore) (thing, error) {
	if d.Port < 1 || d.Port > 65535 {
		return thing{}, fault.Newf(fault.Invalid, "%s listens on port %d; write a number from 1 to 65535", d.Name, d.Port)
	}
	memory, ok := render.Amount(d.Memory, false)
	if !ok {
		return thing{}, fault.Newf(fault.Invalid, "%s: %q is no amount of memory; write one as 4Gi", d.Name, d.Memory)
	}
	s := store{Datastore: d, label: workload.NameOf(string(d.Name)), memory: memory}
	t := thing{
		name: d.Name, about: strings.TrimSpace(d.Technology + " " + d.Version), team: d.Team, wave: d.Wave, hosts: d.Hosts, called: true,
		claims: []claim{{"TCP", d.Port}}, patience: storePatience,
	}
	if len(d.Hosts) == 0 {
		return thing{}, fault.Newf(fault.Invalid, "%s is placed on no machine; give it at least one", d.Name)
	}
	switch d.Technology {
	case "postgres", "postgresql":
		if err := e.postgres(&t, s); err != nil {
			return thing{}, err
		}
	case "redis", "valkey":
		e.redis(&t, s)
	case "rabbitmq":
		e.rabbitmq(&t, s)
	default:
		e.other(&t, s)
	}
	return t, nil
}

// storePatience is how many seconds a datastore may take until it answers: a new standby first copies what the primary has.
const storePatience = 300

// store is a datastore with what is asked of it again and again.
type store struct {
	render.Datastore
	label  string // its name on machines
	memory int64  // of each instance, in bytes; 0 when it is not said
}

// part of a datastore's folder.
func (e environment) part(s store, name, text, at, only string) file {
	return file{File: render.File{Path: e.in("datastores", s.label, name), Text: text, Mode: 0o644}, at: at, only: only}
}

// read says which unit reads a file when it starts.
func (f file) read(unit string) file {
	f.units = []string{unit}
	return f
}

// sources lists the ranges a datastore sees connections from: those of callers, and the load balancers where they lie between.
func (e environment) sources(callers []render.Peer) []string {
	var out []netip.Prefix
	add := func(p netip.Prefix) {
		if !slices.ContainsFunc(out, func(o netip.Prefix) bool { return o.Bits() <= p.Bits() && o.Contains(p.Addr()) }) {
			out = append(out, p)
		}
	}
	for _, c := range callers {
		for _, r := range c.Ranges {
			if p, err := netip.ParsePrefix(r); err == nil {
				add(p.Masked())
			}
		}
	}
	through := e.balancers
	if len(through) == 0 && len(out) == 0 {
		through = e.Hosts
	}
	for _, h := range through {
		add(single(h.Address))
	}
	texts := make([]string, len(out))
	for i, p := range out {
		texts[i] = p.String()
	}
	slices.Sort(texts)
	return texts
}

// single is an address as a range of one.
func single(address string) netip.Prefix {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{} // Render has refused it before
	}
	return netip.PrefixFrom(a, a.BitLen())
}

// packagesOf are the packages of what Debian has and nothing here configures.
func packagesOf(technology string) []string {
	switch technology {
	case "mysql", "mariadb":
		return []string{"mariadb-server"}
	case "memcached":
		return []string{"memcached"}
	}
	return nil
}

// other is a datastore that people set up.
func (e environment) other(t *thing, s store) {
	t.packages = packagesOf(s.Technology)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s (%s)\n\nNothing here configures %s: it is set up by hand on %s.\n\n", s.Name, t.about, cmp.Or(s.Technology, "this technology"), hostList(s.Hosts))
	fmt.Fprintf(&b, "- packages: %s\n- port: %d\n", cmp.Or(strings.Join(t.packages, ", "), "not in Debian; its maker's"), s.Port)
	if size := sizes(s); size != "" {
		fmt.Fprintf(&b, "- size of each instance: %s\n", size)
	}
	fmt.Fprintf(&b, "- callers: %s, from %s\n- content: %s\n", cmp.Or(names(s.Callers), "none"), strings.Join(e.sources(s.Callers), ", "), cmp.Or(s.Content, "empty"))
	for _, d := range s.Databases {
		fmt.Fprintf(&b, "- database %s belongs to account %s\n", cmp.Or(d.Name, "–"), d.Owner)
	}
	for _, a := range s.accounts() {
		fmt.Fprintf(&b, "- the password of account %s is in the secret `%s`\n", a.name, a.secret)
	}
	if len(s.Open) > 0 {
		fmt.Fprintf(&b, "- without a password: %s\n", joined(s.Open))
	}
	t.content = []file{e.part(s, "README.md", b.String(), "", "")}
	e.behindOne(t, s, spot{checks: []string{"option tcp-check"}})
}

func sizes(s store) string {
	var out []string
	for _, v := range []struct{ what, text string }{{"storage", s.Storage}, {"memory", s.Memory}, {"processors", s.CPU}} {
		if v.text != "" {
			out = append(out, v.text+" "+v.what)
		}
	}
	return strings.Join(out, ", ")
}

// behindOne puts a datastore's port behind the load balancers, if there are any.
func (e environment) behindOne(t *thing, s store, at spot) {
	if len(e.balancers) == 0 {
		return
	}
	at.name, at.about, at.port, at.target, at.callers = s.label, t.about, s.Port, s.Port, s.Callers
	t.behind = &behind{listens: []spot{at}}
}

// secretsAtStore is where a datastore's secrets must be put on its machines.
func (e environment) secretsAtStore(s store, suffix string) string {
	return path.Join(e.secretFolder(), s.label+suffix)
}

// starting says how the data gets there.
func starting(content string) string {
	switch content {
	case "", "empty":
		return "It starts empty."
	case "seeded":
		return "It starts with the seed its team keeps: load it after the roles are made, before the services of its wave."
	case "replica":
		return "It starts as a copy of the source environment's: restore that before the services of its wave, then follow it until the switch-over."
	}
	return "It starts with an " + content + " copy of the source environment's: load it after the roles are made, before the services of its wave."
}
