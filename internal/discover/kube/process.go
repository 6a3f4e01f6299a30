package kube

import (
	"slices"

	"example.org/caravan/internal/discover/process"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// trait is one thing a manifest says of a process, with its line.
type trait struct {
	process.Trait
	line int
}

// process reports how a workload's main process is started and kept, but for what its only overlay says otherwise.
func (r *reader) process(w *workload) {
	replaced := map[string]bool{}
	for _, p := range w.patches {
		for _, t := range p.process(w) {
			replaced[t.Key] = replaced[t.Key] || p.single && t.Key != estate.ProcessFile
		}
	}
	traits := w.process()
	r.keeps(w, slices.DeleteFunc(traits, func(t trait) bool { return replaced[t.Key] }))
}

func (r *reader) keeps(w *workload, traits []trait) {
	for _, t := range traits {
		r.report.See(estate.Sighting{Fact: estate.Process, Subject: w.subject(), Key: t.Key, Value: t.Value, Layer: w.layer, Place: w.place(t.line)})
	}
}

func (w *workload) process() []trait {
	pod, main := podSpec(w.object), w.main()
	out := kept(nil, w.node.At("spec", "replicas"), estate.ProcessReplicas, process.Count)
	out = kept(out, pod.Get("terminationGracePeriodSeconds"), estate.ProcessStop, process.Seconds)
	if !main.Get("securityContext").Has("runAsUser") {
		out = kept(out, pod.At("securityContext", "runAsUser"), estate.ProcessUser, process.Account)
	}
	return append(out, containerProcess(main, w.volumes)...)
}

// process is what a patch lays on the main container of a workload.
func (p *patch) process(w *workload) []trait {
	out := kept(nil, p.object.node.At("spec", "replicas"), estate.ProcessReplicas, process.Count)
	for _, c := range p.partial(w) {
		if c.Get("name").Value == w.main().Get("name").Value {
			out = append(out, containerProcess(c, w.volumes)...)
		}
	}
	return out
}

// containerProcess is what a container, or the part of one in a patch, says of its process.
func containerProcess(c, volumes syntax.Node) []trait {
	out := commandLine(c)
	out = kept(out, c.At("securityContext", "runAsUser"), estate.ProcessUser, process.Account)
	out = kept(out, c.Get("workingDir"), estate.ProcessDirectory, process.Directory)
	out = kept(out, c.At("resources", "limits", "memory"), estate.ProcessMemory, process.Quantity)
	out = kept(out, c.At("resources", "limits", "cpu"), estate.ProcessCPU, process.Cores)
	out = append(out, health(c)...)
	for _, m := range c.Get("volumeMounts").Items {
		if m.Get("subPath").Value != "" && holdsFiles(volumes, m.Get("name").Value) {
			out = kept(out, m.Get("mountPath"), estate.ProcessFile, process.File)
		}
	}
	return out
}

// kept appends one value of the manifest, if it is there and says something for certain.
func kept(out []trait, n syntax.Node, key string, read func(string) (string, bool)) []trait {
	if v, ok := read(n.Value); ok && n.Kind == syntax.Scalar {
		out = append(out, trait{process.Trait{Key: key, Value: v}, n.Line})
	}
	return out
}

// commandLine is command and arguments. Arguments alone belong to a program that only the image knows.
func commandLine(c syntax.Node) []trait {
	command := c.Get("command")
	line := process.Line(append(command.Strings(), c.Get("args").Strings()...))
	if len(command.Items) == 0 || !process.Whole(line) {
		return nil
	}
	return []trait{{process.Trait{Key: estate.ProcessCommand, Value: line}, command.Items[0].Line}}
}

// health is the path that the probes ask for. Readiness comes first: it is what a client cares for.
func health(c syntax.Node) []trait {
	for _, name := range []string{"readinessProbe", "livenessProbe", "startupProbe"} {
		asked := asks(c.Get(name))
		if path, ok := process.Path(asked.Value); ok {
			return []trait{{process.Trait{Key: estate.ProcessHealth, Value: path}, asked.Line}}
		}
	}
	return nil
}

// asks is the path a probe asks for, itself or by a command, with its line; empty when it asks for none.
func asks(probe syntax.Node) syntax.Node {
	get, command := probe.Get("httpGet"), probe.At("exec", "command")
	switch path := get.Get("path"); {
	case path.Value != "":
		return path
	case get.Kind == syntax.Map:
		return syntax.Node{Kind: syntax.Scalar, Value: "/", Line: get.Line}
	}
	path, _ := process.Probe(command.Strings())
	return syntax.Node{Kind: syntax.Scalar, Value: path, Line: command.Line}
}

// holdsFiles reports whether a volume's content is that of a ConfigMap or Secret.
func holdsFiles(volumes syntax.Node, name string) bool {
	return slices.ContainsFunc(volumes.Items, func(v syntax.Node) bool {
		return v.Get("name").Value == name && (v.Has("configMap") || v.Has("secret") || v.Has("projected"))
	})
}
