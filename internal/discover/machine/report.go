package machine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/chef"
	"example.org/caravan/internal/estate"
)

// About is what the one who asked knows of a machine.
type About struct {
	Source      string // name of the live source: the first part of every place
	Host        string // as the estate calls it
	Address     netip.Addr
	Environment estate.EnvironmentName
	At          time.Time // when it was asked
}

// Reader is the name under which facts of what runs are seen.
const Reader estate.ReaderName = "live"

// reporter turns what a machine said into sightings.
type reporter struct {
	About
	*Machine
	report *discover.Report
	inside map[netip.Addr]string // address of a container → the container
}

// Report tells what a machine said. Names are those of the world outside that were looked up there, with their addresses.
func (m Machine) Report(a About, names map[string][]netip.Addr, r *discover.Report) {
	rep := &reporter{About: a, Machine: &m, report: r, inside: map[netip.Addr]string{}}
	rep.machine()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, at := range names[name] {
			rep.see("names", estate.Sighting{Fact: estate.Holds, Subject: estate.In(estate.NameSpace, name), Key: estate.HeldName, Value: at.String()})
		}
	}
	rep.listeners()
	rep.connections()
	rep.namespaces()
	rep.units()
	for _, p := range m.Packages {
		rep.see("packages", estate.Sighting{Fact: estate.Sets, Key: "package." + p.Name, Value: p.Version, Layer: "installed"})
	}
	for i, f := range m.Chef {
		rep.node(i, f)
	}
	rep.missing()
}

func (r *reporter) place(part string) estate.Place {
	return estate.Place{File: r.Source + "/" + r.Host + "/" + part}
}

// see adds a fact, about the machine unless it is about somebody else.
func (r *reporter) see(part string, s estate.Sighting) {
	if s.Subject == (estate.Subject{}) {
		s.Subject = estate.In(estate.LivePrefix+string(r.Environment), r.Host)
	}
	s.Environment, s.At, s.Place = r.Environment, r.At, r.place(part)
	r.report.See(s)
}

// machine tells its names and addresses. Only the address at which it was reached is a name of it: another may be a virtual one that
// it has for now.
func (r *reporter) machine() {
	r.see("addresses", estate.Sighting{Fact: estate.Runs, Key: "host"})
	r.see("addresses", estate.Sighting{Fact: estate.Called, Key: estate.NameNode, Value: r.Host})
	if r.Name != "" && r.Name != r.Host {
		r.see("addresses", estate.Sighting{Fact: estate.Called, Key: estate.NameHostname, Value: r.Name})
	}
	if r.Address.IsValid() {
		r.see("addresses", estate.Sighting{Fact: estate.Called, Key: estate.NameAddress, Value: r.Address.String()})
	}
	for _, a := range r.Addresses {
		r.see("addresses", estate.Sighting{Fact: estate.Holds, Key: estate.HeldAddress, Value: a.String()})
	}
	if len(r.Listeners)+len(r.Open) > 0 {
		r.see("connections", estate.Sighting{Fact: estate.Looked, Key: "connections"})
	}
}

// process is what a socket's process is called: its container or unit, or its program when it is in neither. False for those that serve
// the machine alone.
func (r *reporter) process(s Socket) (string, bool) {
	p := r.Processes[s.PID]
	switch {
	case s.PID == 0:
		return "", true
	case p.Container != "":
		return r.container(p.Container), true
	case p.Unit != "" && !shell(p.Unit):
		return p.Unit, !ofMachine(p.Unit)
	}
	program := cmp.Or(p.Program, s.Program)
	return program, !ofMachine(program)
}

func (r *reporter) container(id string) string {
	if c, ok := r.Containers[id]; ok {
		return c.Name
	}
	return "container-" + id[:12]
}

// shell tells units in which people start what they like.
func shell(unit string) bool {
	name, _, _ := strings.Cut(unit, "@")
	return slices.Contains([]string{"ssh", "sshd", "cron", "crond", "user", "getty", "serial-getty", "atd", "rc-local"}, name)
}

// ofMachine tells units and programs that belong to the machine rather than to the estate.
func ofMachine(name string) bool {
	name, _, _ = strings.Cut(name, "@")
	for _, prefix := range []string{"systemd", "cloud-", "NetworkManager", "google-", "snap", "(sd-", "amazon-ssm", "walinuxagent", "open-vm-tools"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"ssh", "sshd", "sshd-session", "cron", "crond", "dbus", "dbus-broker", "rsyslog", "rsyslogd", "chrony", "chronyd", "ntp", "ntpd", "ntpsec", "docker", "dockerd", "docker-proxy", "containerd", "podman", "chef-client", "cinc-client",
		"getty", "user", "networking", "postfix", "exim4", "master", "rpcbind", "polkit", "udev", "unattended-upgrades", "keepalived", "epmd", "init", "agetty", "apt-daily", "dhclient", "dhcpcd", "auditd", "acpid", "qemu-guest-agent",
	}, name)
}

// listeners tells who waits for connections where. What serves the machine alone is nobody's dependency, but keeps others from being
// taken for it.
func (r *reporter) listeners() {
	for _, s := range r.Listeners {
		process, service := r.process(s)
		if !service {
			if r.Processes[s.PID].Program == "docker-proxy" {
				continue // a container's: which one, Docker knows
			}
			process = ""
		}
		r.see("listeners", estate.Sighting{Fact: estate.Hears, Key: process, Value: s.Local.String(), Layer: r.Processes[s.PID].Program})
	}
	for _, n := range r.Namespaces {
		if n.Process.Container == "" || n.Process.Pod != "" {
			continue
		}
		for _, s := range slices.Concat(n.Waiting, n.Sockets) {
			if a := s.Local.Addr(); !a.IsLoopback() && !a.IsUnspecified() {
				r.inside[a] = r.container(n.Process.Container)
			}
		}
	}
}

// ends are what connections are counted by.
type ends struct {
	process string
	remote  string // ip:port they lead to, or the ip they came from
	port    uint16 // they came in at; 0 for those that led away
}

// connections tells who is connected to whom. Who opened a connection is who does not listen at its own end.
func (r *reporter) connections() {
	known := map[[2]netip.AddrPort]bool{}
	count := map[ends]int{}
	add := func(s Socket) {
		pair := [2]netip.AddrPort{s.Local, s.Peer}
		if known[pair] {
			return
		}
		known[pair] = true
		process, service := r.process(s)
		if !service {
			return
		}
		if !Incoming(s, r.Listeners) {
			count[ends{process: process, remote: r.remote(s.Peer).String()}]++
			return
		}
		if s.Peer.Addr() == s.Local.Addr() || s.Peer.Addr().IsLoopback() {
			return // the other end is here, and tells who opened it
		}
		if l, ok := r.listener(s); ok && private(s.Peer.Addr()) {
			count[ends{process: l, remote: s.Peer.Addr().String(), port: s.Local.Port()}]++
		}
	}
	slices.SortStableFunc(r.Open, func(a, b Socket) int { return cmp.Compare(b.PID, a.PID) }) // those whose process is told first
	for _, s := range r.Open {
		add(s)
	}
	for _, s := range r.Closed {
		add(s)
	}
	r.tell(estate.Subject{}, count)
}

// private tells addresses that may be the estate's. The whole world may come in at its edge.
func private(a netip.Addr) bool {
	return a.IsPrivate() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}

// listener is the process that waits at a connection's own end; false for one that serves the machine alone.
func (r *reporter) listener(s Socket) (string, bool) {
	for _, l := range r.Listeners {
		if l.Local.Port() == s.Local.Port() && (l.Local.Addr() == s.Local.Addr() || l.Local.Addr().IsUnspecified()) {
			return r.process(l)
		}
	}
	return "", false
}

// remote is where a connection leads to; to a container of this machine, as if it were the machine's own.
func (r *reporter) remote(at netip.AddrPort) netip.AddrPort {
	if r.inside[at.Addr()] != "" {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return at
}

// mostFlows bounds what is told of one machine or pod.
const mostFlows = 5_000

func (r *reporter) tell(subject estate.Subject, count map[ends]int) {
	all := slices.SortedFunc(maps.Keys(count), func(a, b ends) int {
		return cmp.Or(cmp.Compare(a.process, b.process), cmp.Compare(a.remote, b.remote), cmp.Compare(a.port, b.port))
	})
	if len(all) > mostFlows {
		r.report.Doubt(estate.Unreadable, r.place("connections"), fmt.Sprintf("connected in %d ways, of which %d are taken in; it is looked at again by the next scan", len(all), mostFlows))
		all = all[:mostFlows]
	}
	for _, e := range all {
		s := estate.Sighting{Fact: estate.Connects, Subject: subject, Key: e.process, Value: e.remote, Count: count[e]}
		if e.port > 0 {
			s.Fact, s.Profile = estate.Accepts, strconv.Itoa(int(e.port))
		}
		r.see("connections", s)
	}
}

// namespaces tells the connections of containers and pods, which have networks of their own.
func (r *reporter) namespaces() {
	for _, n := range r.Namespaces {
		subject, process := estate.Subject{}, ""
		switch {
		case n.Process.Pod != "":
			subject = estate.In(estate.PodSpace, n.Process.Pod)
			r.see("pods", estate.Sighting{Fact: estate.Looked, Subject: subject, Key: "connections"})
		case n.Process.Container != "":
			process = r.container(n.Process.Container)
			for _, l := range n.Waiting {
				r.see("containers", estate.Sighting{Fact: estate.Hears, Key: process, Value: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), l.Local.Port()).String(), Layer: n.Process.Program})
			}
		default:
			continue
		}
		r.tell(subject, counted(n.Sockets, n.Waiting, process, r.remote))
	}
}

// Pod tells the connections of a pod from its own tables, /proc/net/tcp and tcp6 one after the other, as a container in it reads them.
func Pod(a About, uid string, tables []byte, report *discover.Report) {
	r := &reporter{About: a, Machine: &Machine{}, report: report}
	subject := estate.In(estate.PodSpace, uid)
	r.see("connections", estate.Sighting{Fact: estate.Looked, Subject: subject, Key: "connections"})
	open, listening := Tables(tables)
	r.tell(subject, counted(open, listening, "", func(at netip.AddrPort) netip.AddrPort { return at }))
}

// counted counts the connections of one container or pod by where they lead to or come from; those within it are nobody's concern.
func counted(open, listening []Socket, process string, remote func(netip.AddrPort) netip.AddrPort) map[ends]int {
	out := map[ends]int{}
	for _, s := range open {
		switch {
		case s.Peer.Addr().IsLoopback():
		case !Incoming(s, listening):
			out[ends{process: process, remote: remote(s.Peer).String()}]++
		case private(s.Peer.Addr()):
			out[ends{process: process, remote: s.Peer.Addr().String(), port: s.Local.Port()}]++
		}
	}
	return out
}

// units tells how the estate's units are started and kept, and asks about those that failed.
func (r *reporter) units() {
	for _, u := range r.Units {
		if ofMachine(u.Name) || shell(u.Name) {
			continue
		}
		if u.Active == "failed" {
			r.report.Doubt(estate.Conflicting, r.place("units/"+u.Name), "the unit is there and has failed; mend it, or take it away")
		}
		layer := "unit[" + u.Name + "]"
		r.see("units/"+u.Name, estate.Sighting{Fact: estate.Process, Key: estate.ProcessUnit, Value: template(u.Name), Layer: layer})
		for _, t := range u.Settings {
			r.see("units/"+u.Name, estate.Sighting{Fact: estate.Process, Key: t.Key, Value: t.Value, Layer: layer})
		}
		r.see("units/"+u.Name, estate.Sighting{Fact: estate.Process, Key: estate.ProcessState, Value: u.Active + " (" + u.State + ")", Layer: layer})
		if u.Restarts > 0 {
			r.see("units/"+u.Name, estate.Sighting{Fact: estate.Process, Key: estate.ProcessRestarts, Value: strconv.Itoa(u.Restarts), Layer: layer})
		}
	}
}

// template is a unit without its instance: "orders@" of "orders@1".
func template(unit string) string {
	if name, _, ok := strings.Cut(unit, "@"); ok {
		return name + "@"
	}
	return unit
}

// noTree is a tree without further files.
type noTree struct{}

func (noTree) Exists(string) bool         { return false }
func (noTree) Open(string) ([]byte, bool) { return nil, false }

// node reads node data as the reader of Chef repositories does. What it misses of the repository is not this machine's to say.
func (r *reporter) node(i int, f NodeFile) {
	data, ok := r.whole(f.Data)
	if !ok {
		r.report.Doubt(estate.Unparsable, r.place("chef"), "the node data in "+f.Path+" is not whole JSON; run Chef there once more")
		return
	}
	own := discover.NewReport(Reader)
	file := discover.File{Path: r.Source + "/" + r.Host + "/chef" + strconv.Itoa(i) + "/nodes/" + r.Host + ".json", Data: data}
	chef.Format().ReadTree([]discover.File{file}, noTree{}, own)
	for _, s := range own.Sightings {
		s.Place = r.place("chef" + f.Path)
		s.At = r.At
		s.Environment = cmp.Or(s.Environment, r.Environment)
		r.report.See(s)
	}
}

// whole makes a node of attributes alone, as chef-client -j is given them, and calls it like the machine.
func (r *reporter) whole(data []byte) ([]byte, bool) {
	var n map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&n); err != nil {
		return nil, false
	}
	if inner, ok := n["node"]; ok && n["run_list"] == nil { // what a run that failed leaves behind
		if err := json.Unmarshal(inner, &n); err != nil {
			return nil, false
		}
	}
	levels := []string{"automatic", "normal", "default", "override"}
	if !slices.ContainsFunc(levels, func(l string) bool { return n[l] != nil }) {
		attributes := maps.Clone(n)
		delete(attributes, "run_list")
		inner, err := json.Marshal(attributes)
		if err != nil {
			return nil, false
		}
		n = map[string]json.RawMessage{"normal": inner, "run_list": n["run_list"]}
		if n["run_list"] == nil {
			n["run_list"] = json.RawMessage("[]")
		}
	}
	quoted := func(text string) json.RawMessage { return json.RawMessage(strconv.Quote(text)) }
	n["name"] = quoted(r.Host)
	if n["chef_environment"] == nil || string(n["chef_environment"]) == `"_default"` {
		n["chef_environment"] = quoted(string(r.Environment))
	}
	out, err := json.Marshal(n)
	return out, err == nil
}

// missing asks about what could not be seen.
func (r *reporter) missing() {
	for _, part := range r.Missing {
		switch part {
		case "sockets":
			r.report.Doubt(estate.Unreadable, r.place("connections"), "its connections could not be listed; install iproute2, or let the account read /proc/net/tcp")
		case "units":
			r.report.Doubt(estate.Unreadable, r.place("units"), "its units could not be listed, so processes go by their programs' names; is systemd what started it?")
		case "addresses":
			r.report.Doubt(estate.Unreadable, r.place("addresses"), "its addresses could not be listed; install iproute2")
		case "end":
			r.report.Doubt(estate.Unreadable, r.place(""), "it said only a part of what it was asked; the answer was cut off")
		}
	}
	for _, s := range r.Listeners {
		if s.PID == 0 && s.Program == "" {
			r.report.Doubt(estate.Unreadable, r.place("listeners"), "which process listens at a port is not told to this account; let it run the look as root (sudo without a password)")
			return
		}
	}
}
