// Package machine understands what a Linux machine says of itself while it runs: its addresses, the units of systemd, which process
// listens where and is connected to whom, which databases and runtimes are installed, and the node data that Chef left behind. Text of
// Script comes in, sightings go out. It logs in nowhere; environment variables of processes and contents of their environment files
// are not among what it asks for.
package machine

import (
	_ "embed"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Script is what is run on a machine, by a POSIX shell: it reads, and changes nothing. Its only argument is for how many seconds
// connections are watched.
//
//go:embed look.sh
var Script string

// NameScript tells the addresses that the names in its arguments have, seen from the machine: a line "name address" each.
//
//go:embed names.sh
var NameScript string

// Machine is what one machine said.
type Machine struct {
	Name       string
	Time       time.Time // the machine's own clock
	Addresses  []netip.Addr
	Listeners  []Socket
	Open       []Socket // established; each pair of addresses once
	Closed     []Socket // ended lately: their process is gone
	Processes  map[int]Process
	Namespaces []Namespace
	Containers map[string]Container
	Units      []Unit
	Packages   []Package
	Chef       []NodeFile
	Missing    []string // parts that the machine could not tell
}

// Socket is one end of a connection, or where one is waited for.
type Socket struct {
	Local, Peer netip.AddrPort
	PID         int // 0 when it is not told
	Program     string
}

// Process is what keeps a process.
type Process struct {
	Unit      string // "kopi-orders", "postgresql@15-main"; "" outside of all units
	Program   string // as the kernel calls it: at most 15 bytes
	Container string // id of the container it is in
	Pod       string // UID of the pod it is in
}

// Namespace is a network of its own, as containers and pods have it.
type Namespace struct {
	Process Process // one that is in it
	Sockets []Socket
	Waiting []Socket // listeners
}

// Container is a container of Docker or Podman.
type Container struct{ Name, Image string }

// Package is an installed package.
type Package struct{ Name, Version string }

// NodeFile is a file of node data that Chef left behind.
type NodeFile struct {
	Path string
	Data []byte
}

// Bounds of what is taken in.
const (
	maxSockets = 200_000
	maxUnits   = 5_000
	maxLine    = 64 << 10
)

// Parse reads the output of Script. It never fails: what is not understood is left out, and parts that are not there are in Missing.
func Parse(text string) Machine {
	parts := sections(text)
	m := Machine{Processes: map[int]Process{}, Containers: map[string]Container{}}
	m.Name = strings.TrimSpace(parts["name"])
	m.Time = seconds(parts["time"])
	m.Addresses = addresses(parts["addresses"])
	m.Processes = processes(parts["processes"])
	m.Namespaces = namespaces(parts["namespaces"])
	m.Containers = containers(parts["containers"])
	m.Units = units(parts["units"])
	m.Packages = packages(parts["packages"])
	m.Chef = nodeFiles(parts["chef"])
	m.sockets(parts)
	for _, name := range []string{"addresses", "sockets", "units"} {
		if strings.TrimSpace(parts[name]) == "" && (name != "sockets" || strings.TrimSpace(parts["proc"]) == "") {
			m.Missing = append(m.Missing, name)
		}
	}
	if !strings.Contains(text, "\n"+mark+"end\n") {
		m.Missing = append(m.Missing, "end")
	}
	return m
}

// mark begins the line before each part.
const mark = "@@ "

// sections cuts the text at its marks. A part that is there twice counts once.
func sections(text string) map[string]string {
	out := map[string]string{}
	name, start, at := "", 0, 0
	take := func(end int) {
		if _, there := out[name]; name != "" && !there {
			out[name] = text[start:end]
		}
	}
	for line := range strings.Lines(text) {
		if next, ok := strings.CutPrefix(line, mark); ok {
			take(at)
			name, start = strings.TrimSpace(next), at+len(line)
		}
		at += len(line)
	}
	take(len(text))
	return out
}

func addresses(text string) []netip.Addr {
	var out []netip.Addr
	for line := range strings.Lines(text) {
		fields := strings.Fields(line) // 2: eth0 inet 10.0.0.7/24 …
		if len(fields) < 4 || !strings.HasPrefix(fields[2], "inet") || inner(fields[1]) {
			continue
		}
		bare, _, _ := strings.Cut(fields[3], "/")
		if a, err := netip.ParseAddr(bare); err == nil && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			out = append(out, a.Unmap())
		}
	}
	return out
}

// inner tells devices whose addresses every machine has alike.
func inner(device string) bool {
	for _, prefix := range []string{"lo", "docker", "br-", "virbr", "veth", "cni", "flannel", "cali", "kube-", "dummy", "tunl", "podman", "nodelocaldns"} {
		if strings.HasPrefix(device, prefix) {
			return true
		}
	}
	return false
}

// processes reads "PID program" lines, each followed by those of its control groups.
func processes(text string) map[int]Process {
	out := map[int]Process{}
	pid, p := 0, Process{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			number, program, _ := strings.Cut(rest, " ")
			pid, p = whole(number), Process{Program: program}
			out[pid] = p
			continue
		}
		p.group(line)
		if pid > 0 {
			out[pid] = p
		}
	}
	return out
}

// group takes in one line of /proc/PID/cgroup.
func (p *Process) group(line string) {
	_, rest, _ := strings.Cut(line, ":")
	controllers, group, ok := strings.Cut(rest, ":")
	if !ok || controllers != "" && controllers != "name=systemd" {
		return
	}
	for _, part := range strings.Split(group, "/") {
		switch {
		case strings.HasSuffix(part, ".service"):
			p.Unit = strings.TrimSuffix(part, ".service")
		case strings.HasSuffix(part, ".scope"):
			id := strings.TrimSuffix(part, ".scope")
			p.Container = containerID(id[strings.LastIndexByte(id, '-')+1:], p.Container)
		case strings.Contains(part, "pod"):
			p.Pod = podUID(part, p.Pod)
		default:
			p.Container = containerID(part, p.Container)
		}
	}
}

func containerID(text, otherwise string) string {
	if len(text) == 64 && strings.Trim(text, "0123456789abcdef") == "" {
		return text
	}
	return otherwise
}

// podUID reads kubepods-burstable-pod1b4c_….slice and pod1b4c-….
func podUID(part, otherwise string) string {
	part = strings.TrimSuffix(part, ".slice")
	uid := strings.ReplaceAll(part[strings.LastIndex(part, "pod")+len("pod"):], "_", "-")
	if len(uid) == 36 && strings.Trim(uid, "0123456789abcdef-") == "" {
		return uid
	}
	return otherwise
}

func containers(text string) map[string]Container {
	out := map[string]Container{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 {
			out[f[0]] = Container{Name: f[1], Image: f[2]}
		}
	}
	return out
}

// packages keeps what is installed of what says something about an estate: stores, brokers, proxies, runtimes, agents.
func packages(text string) []Package {
	var out []Package
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 3 && strings.HasPrefix(f[2], "ii") && telling(f[0]) {
			out = append(out, Package{Name: f[0], Version: f[1]})
		}
	}
	return out
}

// telling are the packages that are reported: databases, brokers, proxies and language runtimes, in their distributions' names.
func telling(name string) bool {
	for _, known := range []string{
		"postgresql-", "pgbouncer", "patroni", "mysql-server", "mariadb-server", "redis", "valkey", "memcached", "mongodb-org-server", "rabbitmq-server", "kafka", "elasticsearch", "opensearch",
		"haproxy", "nginx", "apache2", "httpd", "envoy", "keepalived", "consul", "etcd-server", "zookeeper",
		"openjdk-", "temurin-", "java-", "nodejs", "dotnet-runtime", "aspnetcore-runtime", "python3", "ruby", "php", "golang", "erlang-base",
		"docker-ce", "docker.io", "containerd", "podman", "kubelet", "chef", "cinc", "puppet-agent", "salt-minion",
	} {
		rest, ok := strings.CutPrefix(name, known)
		if ok && (rest == "" || strings.HasSuffix(known, "-") && rest[0] >= '0' && rest[0] <= '9' && !strings.Contains(strings.TrimLeft(rest, "0123456789."), "-d") || strings.Trim(rest, "0123456789.") == "") {
			return true
		}
	}
	return false
}

// nodeFiles reads files that each follow a line with their path.
func nodeFiles(text string) []NodeFile {
	var out []NodeFile
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(line, "# "); ok {
			out = append(out, NodeFile{Path: strings.TrimSpace(path)})
		} else if len(out) > 0 {
			last := &out[len(out)-1]
			last.Data = append(last.Data, line...)
		}
	}
	return out
}

// Names reads the output of NameScript.
func Names(text string) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 {
			if a, err := netip.ParseAddr(f[1]); err == nil && !slices.Contains(out[f[0]], a) {
				out[f[0]] = append(out[f[0]], a)
			}
		}
	}
	return out
}
