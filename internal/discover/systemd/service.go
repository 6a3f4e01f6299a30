package systemd

import (
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/discover/process"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// service reports one service unit.
func (r *reader) service(u *unit) {
	place := estate.Place{File: u.file}
	vars := r.environment(u)
	if !u.partial {
		r.runs(u, place)
	}
	r.see(u, estate.Called, estate.NameWorkload, u.name, place)
	r.see(u, estate.Process, estate.ProcessUnit, u.full, place)
	if u.instance != "" {
		r.see(u, estate.Called, estate.NameWorkload, u.name+"@"+u.instance, place)
	}
	for _, alias := range u.all("Install", "Alias") {
		name, _, _ := identify(alias.value)
		r.see(u, estate.Called, estate.NameWorkload, name, alias.place)
	}
	for _, v := range vars {
		r.see(u, estate.Sets, v.key, v.value, v.place)
	}
	for _, key := range []string{"WorkingDirectory", "User"} {
		if d := u.last("Service", key); d.value != "" {
			r.see(u, estate.Sets, key, d.value, d.place)
		}
	}
	r.process(u)
	r.requires(u)
	for _, key := range []string{"ExecStartPre", "ExecStart", "ExecStartPost"} {
		for _, d := range u.all("Service", key) {
			r.command(u, d, vars)
		}
	}
}

// runs says what the unit is: a job when a timer starts it, a datastore when its name or program is known as one.
func (r *reader) runs(u *unit, place estate.Place) {
	key, value := "service", ""
	if t, ok := u.technology(); ok {
		value = t.Name
		if t.Kind == estate.Datastore {
			key = "datastore"
		}
	}
	if r.timed[path.Join(u.dir, u.name)] {
		key = "job"
	}
	r.see(u, estate.Runs, key, value, place)
}

func (u *unit) technology() (technology.Technology, bool) {
	if t, ok := technology.OfName(u.name); ok {
		return t, true
	}
	program := ""
	if w := words(u.last("Service", "ExecStart").value); len(w) > 0 {
		program = path.Base(strings.TrimLeft(w[0], "@-:+!"))
		if c, ok := containerOf(w); ok {
			return technology.OfWorkload(u.name, c.image)
		}
	}
	if t, ok := technology.OfName(program); ok {
		return t, true
	}
	return technology.OfName(strings.TrimSuffix(program, "d"))
}

// process reports how the unit's process is kept. Of two names for one limit, the newer one holds; of a unit that runs a
// container only the container's flags count, for the rest is about the program that starts it.
func (r *reader) process(u *unit) {
	start := u.all("Service", "ExecStart")
	for _, d := range start {
		if c, ok := containerOf(words(d.value)); ok {
			r.traits(u, c.process(), d)
			return
		}
	}
	for _, names := range [][]string{{"User"}, {"WorkingDirectory"}, {"MemoryMax", "MemoryLimit"}, {"CPUQuota"}, {"TimeoutStopSec", "TimeoutSec"}} {
		for _, key := range names {
			if d := u.last("Service", key); d.value != "" {
				start = append(start, d)
				break
			}
		}
	}
	for _, d := range append(start, u.all("Service", "EnvironmentFile")...) {
		r.traits(u, process.OfUnit(d.key, d.value), d)
	}
}

func (r *reader) traits(u *unit, traits []process.Trait, d directive) {
	for _, t := range traits {
		r.see(u, estate.Process, t.Key, t.Value, d.place)
	}
}

// requires reports the other services a unit is tied to. Those every machine has say nothing.
func (r *reader) requires(u *unit) {
	seen := map[string]bool{}
	for _, key := range []string{"Requires", "BindsTo", "Requisite", "Wants", "After", "PartOf"} {
		for _, d := range u.all("Unit", key) {
			for _, name := range strings.Fields(d.value) {
				target, _, kind := identify(name)
				if kind != "service" || target == u.name || seen[target] || isBasic(target) {
					continue
				}
				seen[target] = true
				r.see(u, estate.Links, estate.LinkRequires, target, d.place)
			}
		}
	}
}

// isBasic tells services that belong to the machine rather than to the estate.
func isBasic(name string) bool {
	if strings.HasPrefix(name, "systemd-") || strings.HasPrefix(name, "cloud-") || strings.HasPrefix(name, "NetworkManager") || strings.HasPrefix(name, "google-") || strings.HasPrefix(name, "snap") {
		return true
	}
	return slices.Contains([]string{"network", "networking", "syslog", "rsyslog", "dbus", "docker", "containerd", "podman", "chronyd", "chrony", "ntp", "ntpd", "ntpdate", "sshd", "ssh", "firewalld", "iptables", "ip6tables", "nftables", "auditd", "crond", "cron", "getty", "user", "remote-fs", "local-fs", "rpcbind", "nfs-client", "autofs", "sssd", "nscd", "polkit", "udev", "apparmor", "irqbalance", "tuned"}, name)
}

// command reads one Exec line.
func (r *reader) command(u *unit, d directive, vars []variable) {
	line := words(strings.TrimLeft(d.value, "@-:+!"))
	for i := range line {
		line[i] = expand(line[i], vars)
	}
	if c, ok := containerOf(line); ok {
		r.container(u, c, d)
		line = c.command
	}
	said := commandline.Read(line)
	for _, flag := range said.Flags {
		r.see(u, estate.Sets, flag.Key, flag.Value, d.place)
	}
	for _, address := range said.Addresses {
		r.see(u, estate.Links, estate.LinkCommand, address, d.place)
	}
	for _, wait := range said.Waits {
		r.see(u, estate.Links, estate.LinkWait, wait, d.place)
	}
}

// words splits a value at blanks; systemd knows quotes, but no operators.
func words(value string) []string {
	var out []string
	for _, w := range commandline.Words(value) {
		if w != ";" {
			out = append(out, w)
		}
	}
	return out
}

// maxExpanded bounds a word with its variables filled in: values that repeat each other must not grow without end.
const maxExpanded = 4 << 10

// expand fills in ${NAME} and a word that is $NAME.
func expand(word string, vars []variable) string {
	if !strings.Contains(word, "$") {
		return word
	}
	for _, v := range vars {
		if word == "$"+v.key {
			return v.value
		}
		if len(word)+len(v.value) < maxExpanded {
			word = strings.ReplaceAll(word, "${"+v.key+"}", v.value)
		}
	}
	return word
}

// container is what `docker run` or `podman run` starts.
type container struct {
	image, name string
	settings    []string // NAME=value
	ports       []string // host:container
	links       []string
	kept        []process.Trait // what its flags say of its process
	command     []string
}

// containerOf reads a command line that runs a container.
func containerOf(line []string) (container, bool) {
	if len(line) < 3 {
		return container{}, false
	}
	program := path.Base(strings.TrimLeft(line[0], "@-:+!"))
	at := slices.Index(line, "run")
	if program != "docker" && program != "podman" || at < 0 {
		return container{}, false
	}
	var c container
	for i := at + 1; i < len(line); i++ {
		flag, value, assigned := strings.Cut(line[i], "=")
		if !strings.HasPrefix(flag, "-") {
			c.image, c.command = line[i], line[i+1:]
			break
		}
		if !assigned && takesValue(flag) && i+1 < len(line) {
			i++
			value = line[i]
		}
		c.keep(flag, value)
		switch flag {
		case "-e", "--env":
			c.settings = append(c.settings, value)
		case "-p", "--publish":
			c.ports = append(c.ports, value)
		case "--name":
			c.name = value
		case "--link":
			c.links = append(c.links, value)
		}
	}
	return c, c.image != ""
}

// limits are the flags of `docker run` that say how the process is kept.
var limits = map[string]struct {
	key  string
	read func(string) (string, bool)
}{
	"-u": {estate.ProcessUser, process.Account}, "--user": {estate.ProcessUser, process.Account},
	"-w": {estate.ProcessDirectory, process.Directory}, "--workdir": {estate.ProcessDirectory, process.Directory},
	"-m": {estate.ProcessMemory, process.Bytes}, "--memory": {estate.ProcessMemory, process.Bytes},
	"--cpus": {estate.ProcessCPU, process.Cores}, "--stop-timeout": {estate.ProcessStop, process.Seconds},
}

func (c *container) keep(flag, value string) {
	limit, ok := limits[flag]
	if !ok {
		return
	}
	if v, ok := limit.read(value); ok {
		c.kept = append(c.kept, process.Trait{Key: limit.key, Value: v})
	}
}

// process is what the command line says of the process inside. One that starts with a flag is only arguments of a program
// that the image knows.
func (c *container) process() []process.Trait {
	if command := process.Line(c.command); process.Whole(command) && !strings.HasPrefix(command, "-") {
		return append(slices.Clone(c.kept), process.Trait{Key: estate.ProcessCommand, Value: command})
	}
	return c.kept
}

// takesValue tells the flags of `docker run` that stand alone from the others.
func takesValue(flag string) bool {
	switch flag {
	case "--rm", "-d", "--detach", "-i", "-t", "-it", "-ti", "--interactive", "--tty", "--privileged", "--init", "--read-only", "-P", "--publish-all", "--sig-proxy", "--no-healthcheck", "--oom-kill-disable", "-dit", "-di", "-td", "--replace", "--quiet", "-q":
		return false
	}
	return true
}

func (r *reader) container(u *unit, c container, d directive) {
	r.see(u, estate.Called, estate.NameImage, c.image, d.place)
	if c.name != "" {
		r.see(u, estate.Called, estate.NameContainer, c.name, d.place)
	}
	for _, s := range c.settings {
		if key, value, ok := strings.Cut(s, "="); ok {
			r.see(u, estate.Sets, key, value, d.place)
		}
	}
	for _, l := range c.links {
		target, _, _ := strings.Cut(l, ":")
		r.see(u, estate.Links, estate.LinkLink, target, d.place)
	}
	for _, p := range c.ports {
		parts := strings.Split(strings.TrimSuffix(p, "/tcp"), ":")
		for i, via := range []string{"container", "published"} {
			if n := len(parts) - 1 - i; n >= 0 && parts[n] != "" && strings.Trim(parts[n], "0123456789") == "" {
				r.see(u, estate.Listens, via, parts[n], d.place)
			}
		}
	}
}
