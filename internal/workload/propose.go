package workload

import (
	"cmp"
	"fmt"
	"slices"

	"example.org/caravan/internal/estate"
)

// Propose makes a workload of what was seen of a service on machines. The address of a provider it needs becomes a
// placeholder; what is unknown is left out, and asked for. Equal input gives equal output.
func Propose(s Seen) Proposal {
	p := &proposer{
		Seen: s, name: NameOf(string(s.Component.Name)),
		annotations: map[string]string{}, resources: map[string]Resource{}, origins: map[string]estate.Place{},
	}
	p.needs()
	p.build()
	p.start()
	p.listen()
	p.probe()
	p.environment()
	p.bound()
	p.files()
	slices.SortStableFunc(p.questions, func(a, b Question) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), a.Place.Compare(b.Place), cmp.Compare(a.Text, b.Text))
	})
	return Proposal{Workload: p.workload(), Questions: slices.Compact(p.questions), Origins: p.origins}
}

// proposer fills a workload in, part by part.
type proposer struct {
	Seen
	name        string
	container   Container
	service     *Service
	annotations map[string]string
	resources   map[string]Resource
	questions   []Question
	origins     map[string]estate.Place
}

func (p *proposer) workload() Workload {
	p.annotate(AnnotationTeam, string(p.Team), estate.Place{})
	w := Workload{
		APIVersion: Version, Metadata: Metadata{Name: p.name}, Service: p.service,
		Containers: map[string]Container{p.name: p.container},
	}
	if len(p.annotations) > 0 {
		w.Metadata.Annotations = p.annotations
	}
	if len(p.resources) > 0 {
		w.Resources = p.resources
	}
	return w
}

// in is the path of a field of the one container.
func (p *proposer) in(field string) string { return "containers." + p.name + "." + field }

func (p *proposer) ask(topic, path string, at estate.Place, format string, args ...any) {
	p.questions = append(p.questions, Question{
		Service: p.Component.Name, Topic: topic, Path: path, Place: at, Text: fmt.Sprintf(format, args...),
	})
}

func (p *proposer) annotate(key, value string, at estate.Place) {
	if value == "" {
		return
	}
	p.annotations[key] = value
	p.seenAt("metadata.annotations."+key, at)
}

func (p *proposer) seenAt(path string, at estate.Place) {
	if at != (estate.Place{}) {
		p.origins[path] = at
	}
}

// needs makes a resource of every provider. Of several whose names a workload cannot tell apart, only the first is one.
func (p *proposer) needs() {
	p.Uses = slices.Clone(p.Uses)
	first := map[string]estate.ServiceName{}
	p.Uses = slices.DeleteFunc(p.Uses, func(u Use) bool {
		other, taken := first[u.resource()]
		if taken {
			p.ask("names", "resources", estate.Place{}, "%s and %s would both be called %s; rename one of them under services in caravan.yaml; the address of %s stays as it is until then", other, u.Name, u.resource(), u.Name)
			return true
		}
		first[u.resource()] = u.Name
		return false
	})
	for _, u := range p.Uses {
		r := Resource{Type: u.Type}
		if logsIn(u.Type) {
			r.ID = u.resource() // one for all who name it: nobody gets a store of their own
		}
		if u.Port != 0 {
			r.Params = map[string]any{"port": u.Port}
		}
		p.resources[u.resource()] = r
		if len(u.Evidence) > 0 {
			p.seenAt("resources."+u.resource(), u.Evidence[0].Place)
		}
	}
}

// resource is what a workload calls a provider.
func (u Use) resource() string { return NameOf(string(u.Name)) }

// setDatabase notes which database of a provider is used, or which virtual host of a broker. The first that is found counts.
func (p *proposer) setDatabase(resource, name string) {
	r := p.resources[resource]
	param := DatabaseParam(r.Type)
	if _, given := r.Params[param]; given || name == "" || param == "" {
		return
	}
	params := map[string]any{param: name}
	for k, v := range r.Params {
		params[k] = v
	}
	r.Params = params
	p.resources[resource] = r
}

// DatabaseParam is the parameter of a type of resource that says which part of a server a workload uses; "" when it uses all of it.
func DatabaseParam(resourceType string) string {
	switch resourceType {
	case Postgres, MySQL, MongoDB:
		return "database"
	case RabbitMQ:
		return "vhost"
	}
	return ""
}
