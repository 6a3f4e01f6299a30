package consul

import (
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isNomad recognises a job with tasks.
func isNomad(f discover.File) bool {
	return (f.Ext() == ".nomad" || f.Ext() == ".hcl") && holds(f, "job ", "task ") && holds(f, "{")
}

func (p *page) nomad(f discover.File) {
	for _, job := range p.parse(f).Get("job").Items {
		groups := job.Get("group").Items
		if tasks := job.Get("task").Items; len(tasks) > 0 {
			groups = append(groups, syntax.Node{Kind: syntax.Map, Pairs: job.Pairs})
		}
		for _, g := range groups {
			p.group(label(job), g)
		}
	}
}

// label is the name after a block's keyword.
func label(n syntax.Node) string { return n.Get(labelKey).Value }

// group reads the tasks that run together. What the group registers belongs to its main task, the first.
func (p *page) group(job string, g syntax.Node) {
	for i, task := range g.Get("task").Items {
		subject := estate.In("nomad:"+job, label(task))
		p.task(subject, task)
		services := task.Get("service").Items
		if i == 0 {
			services = append(services, g.Get("service").Items...)
			for _, network := range g.Get("network").Items {
				p.network(subject, network)
			}
		}
		for _, s := range services {
			p.taskService(subject, s)
		}
	}
}

func (p *page) task(subject estate.Subject, task syntax.Node) {
	p.runs(subject, "service", task.Line)
	p.see(subject, estate.Called, estate.NameWorkload, label(task), task.Line)
	for _, config := range task.Get("config").Items {
		image := config.Get("image")
		p.see(subject, estate.Called, estate.NameImage, image.Value, image.Line)
	}
	for _, env := range each(task.Get("env")) {
		for _, pair := range env.Pairs {
			if pair.Value.Kind == syntax.Scalar && pair.Key != labelKey {
				p.report.See(estate.Sighting{Fact: estate.Sets, Subject: subject, Key: pair.Key, Value: pair.Value.Value, Place: p.place(pair.Line)})
			}
		}
	}
	for _, t := range task.Get("template").Items {
		p.template(subject, t)
	}
}

// network notes the fixed ports of a group.
func (p *page) network(subject estate.Subject, network syntax.Node) {
	for _, port := range network.Get("port").Items {
		p.port(subject, port.Get("to"))
		if static := port.Get("static"); static.Value != "" {
			p.see(subject, estate.Listens, "published", static.Value, static.Line)
		}
	}
}

func (p *page) taskService(subject estate.Subject, s syntax.Node) {
	name := s.Get("name")
	if name.Value == "" || strings.Contains(name.Value, "${") {
		return
	}
	p.registered(subject, name)
	p.port(subject, s.Get("port"))
	for _, connect := range s.Get("connect").Items {
		for _, sidecar := range connect.Get("sidecar_service").Items {
			for _, proxy := range sidecar.Get("proxy").Items {
				p.upstreams(subject, proxy)
			}
		}
	}
}

// template reads the services a template looks up, and, if it makes environment variables, the plain ones.
func (p *page) template(subject estate.Subject, t syntax.Node) {
	data := t.Get("data")
	for i, line := range strings.Split(data.Value, "\n") {
		at := data.Line + i
		p.see(subject, estate.Links, estate.LinkDeclared, lookedUp(line), at)
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && t.Get("env").Value == "true" && !strings.Contains(line, "{{") {
			p.report.See(estate.Sighting{Fact: estate.Sets, Subject: subject, Key: key, Value: strings.Trim(value, `"`), Place: p.place(at)})
		}
	}
}

// lookedUp is the name in {{ range service "orders" }}, without its tag.
func lookedUp(line string) string {
	for _, call := range []string{`service "`, `nomadService "`, `connect "`} {
		_, rest, ok := strings.Cut(line, call)
		if !ok || !strings.Contains(line, "{{") {
			continue
		}
		name, _, _ := strings.Cut(rest, `"`)
		name, _, _ = strings.Cut(name, "@")
		return name[strings.LastIndexByte(name, '.')+1:]
	}
	return ""
}
