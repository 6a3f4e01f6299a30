package compose

import (
	"strings"

	"example.org/caravan/internal/containerfile"
	"example.org/caravan/internal/discover/process"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// keeping is what a file says of how a service's process is kept, as written.
type keeping struct {
	user, directory, memory, cpus, replicas, stop text
	check                                         []text // the health check's test
}

// keeping reads one service. What the deploy section says is newer than the keys beside it.
func (p parser) keeping(n syntax.Node) keeping {
	first := func(nodes ...syntax.Node) text {
		for _, n := range nodes {
			if n.Kind == syntax.Scalar {
				return p.text(n)
			}
		}
		return text{}
	}
	limits := n.At("deploy", "resources", "limits")
	k := keeping{
		user:      first(n.Get("user")),
		directory: first(n.Get("working_dir")),
		memory:    first(limits.Get("memory"), n.Get("mem_limit")),
		cpus:      first(limits.Get("cpus"), n.Get("cpus")),
		replicas:  first(n.At("deploy", "replicas"), n.Get("scale")),
		stop:      first(n.Get("stop_grace_period")),
	}
	if health := n.Get("healthcheck"); health.Get("disable").Value != "true" {
		k.check = p.texts(health.Get("test"))
	}
	return k
}

// merged is k with over laid on top.
func (k keeping) merged(over keeping) keeping {
	for _, f := range []struct {
		into *text
		from text
	}{{&k.user, over.user}, {&k.directory, over.directory}, {&k.memory, over.memory}, {&k.cpus, over.cpus}, {&k.replicas, over.replicas}, {&k.stop, over.stop}} {
		if f.from.value != "" {
			*f.into = f.from
		}
	}
	if len(over.check) > 0 {
		k.check = over.check
	}
	return k
}

// process reports how the service's process is started and kept.
func (p *project) process(s *service) {
	p.commandLine(s)
	for _, f := range []struct {
		key string
		text
		read func(string) (string, bool)
	}{
		{estate.ProcessUser, s.kept.user, process.Account},
		{estate.ProcessDirectory, s.kept.directory, process.Directory},
		{estate.ProcessMemory, s.kept.memory, process.Bytes},
		{estate.ProcessCPU, s.kept.cpus, process.Cores},
		{estate.ProcessReplicas, s.kept.replicas, process.Count},
		{estate.ProcessStop, s.kept.stop, process.Seconds},
	} {
		if v, ok := f.read(f.value); ok {
			p.see(s, estate.Process, f.key, v, f.place)
		}
	}
	if health, ok := process.Probe(words(s.kept.check)); ok {
		p.see(s, estate.Process, estate.ProcessHealth, health, s.kept.check[0].place)
	}
	for _, m := range s.mounts {
		if target, ok := process.File(m.target); ok && p.isFile(m.value) {
			p.see(s, estate.Process, estate.ProcessFile, target, m.place)
		}
	}
}

func (p *project) isFile(name string) bool {
	_, ok := p.tree.Open(name)
	return ok
}

// commandLine reports the command line the container is started with. A command without an entrypoint is only the
// arguments of the image's own program when its Dockerfile says so, or when it starts with a flag.
func (p *project) commandLine(s *service) {
	pieces := s.entrypoint
	lines := []string{written(s.entrypoint), written(s.command)}
	if len(s.entrypoint) == 0 {
		lines[0] = p.imageEntrypoint(s)
		pieces = s.command
	}
	line := strings.Join(lines, " ")
	if line, ok := process.OneLine(line); ok && len(pieces) > 0 && !strings.HasPrefix(line, "-") {
		p.see(s, estate.Process, estate.ProcessCommand, line, pieces[0].place)
	}
}

// imageEntrypoint is the ENTRYPOINT of the Dockerfile a service is built with, if that takes arguments.
func (p *project) imageEntrypoint(s *service) string {
	if s.context.value == "" {
		return ""
	}
	data, _ := p.tree.Open(s.dockerfilePath())
	var entry containerfile.Instruction
	for _, in := range containerfile.Parse(data) {
		switch in.Name {
		case "FROM":
			entry = containerfile.Instruction{}
		case "ENTRYPOINT":
			entry = in
		}
	}
	list, _ := entry.List()
	return process.Line(list)
}

// written is the string form as it stands, the list form as one line.
func written(list []text) string {
	if len(list) != 1 {
		return process.Line(words(list))
	}
	line, _ := process.OneLine(list[0].value)
	return line
}
