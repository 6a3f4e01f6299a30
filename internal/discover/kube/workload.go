package kube

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
	"example.org/caravan/internal/technology"
)

// workload is an object that runs pods.
type workload struct {
	*object
	labels     syntax.Node // of its pods
	containers []syntax.Node
	initial    []syntax.Node
	volumes    syntax.Node
	services   []*object // that select it
	layer      string    // the overlay that lays it on another, "" for the workload itself
}

func newWorkload(o *object) *workload {
	spec := podSpec(o)
	w := &workload{object: o, labels: podTemplate(o).At("metadata", "labels"), containers: spec.Get("containers").Items, initial: spec.Get("initContainers").Items, volumes: spec.Get("volumes")}
	if o.kind == "Rollout" && len(w.labels.Pairs) == 0 {
		w.labels = o.node.At("metadata", "labels")
	}
	return w
}

// workload reports one workload with everything it is told.
func (r *reader) workload(w *workload) {
	r.runs(w)
	r.names(w)
	r.owners(w.object, w.node.Get("metadata"), podTemplate(w.object).Get("metadata"))
	for _, c := range slices.Concat(w.initial, w.containers) {
		r.container(w, c)
	}
	r.process(w)
	r.mounted(w)
	for _, p := range w.patches {
		r.patched(w, p)
	}
}

func (r *reader) runs(w *workload) {
	key, value := "service", ""
	if w.kind == "Job" || w.kind == "CronJob" || w.kind == "ScheduledJob" {
		key = "job"
	}
	if t, ok := technology.OfWorkload(w.name, w.main().Get("image").Value); ok {
		value = t.Name
		if t.Kind == estate.Datastore && key == "service" {
			key = "datastore"
		}
	}
	s := estate.Sighting{Fact: estate.Runs, Subject: w.subject(), Key: key, Value: value, Place: w.place(0)}
	if w.node.At("spec", "replicas").Value == "0" {
		s.Profile = "replicas=0"
	}
	r.report.See(s)
}

// main is the container the workload is there for: the one called like it, else the first that is no usual companion.
func (w *workload) main() syntax.Node {
	for _, c := range w.containers {
		if c.Get("name").Value == w.name {
			return c
		}
	}
	for _, c := range w.containers {
		if !isCompanion(c) {
			return c
		}
	}
	if len(w.containers) > 0 {
		return w.containers[0]
	}
	return syntax.Node{}
}

// isCompanion recognises containers that serve the main one: meshes, exporters, log shippers, proxies to clouds.
func isCompanion(c syntax.Node) bool {
	name, image := c.Get("name").Value, technology.Repository(c.Get("image").Value)
	for _, word := range []string{"exporter", "istio-proxy", "linkerd-proxy", "cloud-sql-proxy", "cloudsql-proxy", "vault-agent", "fluent", "filebeat", "promtail", "sidecar", "oauth2-proxy", "jaeger-agent", "otel", "reloader", "proxyv2"} {
		if strings.Contains(name, word) || strings.Contains(image, word) {
			return true
		}
	}
	t, ok := technology.OfImage(image)
	return ok && (t.Role == "proxy" || t.Role == "logging" || t.Role == "tracing" || t.Role == "monitoring")
}

func (r *reader) names(w *workload) {
	r.see(w.object, estate.Called, estate.NameWorkload, w.name, 0)
	if image := w.main().Get("image"); image.Value != "" {
		r.see(w.object, estate.Called, estate.NameImage, image.Value, image.Line)
		for _, i := range w.images {
			if technology.Repository(i.from) == technology.Repository(image.Value) {
				r.report.See(estate.Sighting{Fact: estate.Called, Subject: w.subject(), Key: estate.NameImage, Value: i.to, Place: i.place})
			}
		}
	}
	for _, v := range w.variants {
		if v.name != w.name {
			r.report.See(estate.Sighting{Fact: estate.Called, Subject: w.subject(), Key: estate.NameWorkload, Value: v.name, Place: v.place})
		}
	}
	for _, s := range w.services {
		r.serves(w, s)
	}
	if w.kind == "Service" { // Knative gives a workload its own name on the network
		r.dnsNames(w.object, w.object)
	}
	for _, alias := range podSpec(w.object).Get("hostAliases").Items {
		for _, host := range alias.Get("hostnames").Items {
			r.report.See(estate.Sighting{Fact: estate.Resolves, Subject: estate.Subject{Space: w.space()}, Key: host.Value, Value: alias.Get("ip").Value, Place: w.place(host.Line)})
		}
	}
}

// owners reports labels and annotations that name a team, and keeps the labels that say what the object belongs to.
func (r *reader) owners(o *object, metadata ...syntax.Node) {
	seen := map[string]bool{}
	for _, m := range metadata {
		for _, p := range slices.Concat(m.Get("labels").Pairs, m.Get("annotations").Pairs) {
			key := strings.ToLower(p.Key[strings.LastIndexByte(p.Key, '/')+1:])
			switch {
			case p.Value.Value == "" || seen[p.Key+"\x00"+p.Value.Value]:
			case slices.Contains([]string{"team", "owner", "squad", "owned-by", "owning-team", "team-name"}, key):
				r.see(o, estate.Owns, "label", p.Value.Value, p.Line)
			case strings.HasPrefix(p.Key, "app.kubernetes.io/") && (key == "part-of" || key == "name" || key == "component"):
				r.see(o, estate.Sets, "label."+p.Key, p.Value.Value, p.Line)
			}
			seen[p.Key+"\x00"+p.Value.Value] = true
		}
	}
}

// container reports one container's ports, environment and command line.
func (r *reader) container(w *workload, c syntax.Node) {
	for _, p := range c.Get("ports").Items {
		r.listens(w.object, "container", p.Get("containerPort"), p.Get("protocol").Value)
		r.listens(w.object, "published", p.Get("hostPort"), p.Get("protocol").Value)
	}
	vars := r.environment(w, c)
	for _, v := range vars {
		if !w.overridden(c.Get("name").Value, v.key) {
			r.report.See(estate.Sighting{Fact: estate.Sets, Subject: w.subject(), Key: v.key, Value: v.value, Layer: w.layer, Place: v.place})
		}
	}
	r.command(w, c, vars)
}

func (r *reader) listens(o *object, via string, port syntax.Node, protocol string) {
	n, err := strconv.Atoi(port.Value)
	if err != nil || n < 1 || n > 65535 {
		return
	}
	protocol = strings.ToLower(protocol)
	if protocol == "tcp" {
		protocol = ""
	}
	r.report.See(estate.Sighting{Fact: estate.Listens, Subject: o.subject(), Key: via, Value: port.Value, Profile: protocol, Place: o.place(port.Line)})
}

// variable is one environment variable with the line that gives its value.
type variable struct {
	key, value string
	place      estate.Place
}

// environment is what a container finds set: envFrom first, then env, which may refer to what came before.
func (r *reader) environment(w *workload, c syntax.Node) []variable {
	var out []variable
	index := map[string]int{}
	set := func(v variable) {
		if i, ok := index[v.key]; ok {
			out[i] = v
			return
		}
		index[v.key] = len(out)
		out = append(out, v)
	}
	value := func(key string) (string, bool) {
		i, ok := index[key]
		if !ok {
			return "", false
		}
		return out[i].value, true
	}
	for _, from := range c.Get("envFrom").Items {
		for _, v := range r.envFrom(w, from) {
			set(v)
		}
	}
	for _, e := range c.Get("env").Items {
		if v, ok := r.variable(w, e); ok {
			v.value = references(v.value, value)
			set(v)
		}
	}
	return out
}

// variable reads one entry of env; false for what is only known inside the cluster.
func (r *reader) variable(w *workload, e syntax.Node) (variable, bool) {
	v := variable{key: e.Get("name").Value, value: e.Get("value").Value, place: w.place(e.Get("value").Line)}
	from := e.Get("valueFrom")
	switch config, secret := from.Get("configMapKeyRef"), from.Get("secretKeyRef"); {
	case config.Kind == syntax.Map:
		name, key := config.Get("name").Value, config.Get("key").Value
		v.value, v.place = "${configmap:"+name+"/"+key+"}", w.place(config.Get("key").Line)
		if m := r.lookUp(w, config); m != nil {
			if d, ok := m.entry(key); ok {
				v.value, v.place = d.value, d.place
			}
		}
	case secret.Kind == syntax.Map:
		v.value = "${secret:" + secret.Get("name").Value + "/" + secret.Get("key").Value + "}"
		v.place = w.place(secret.Get("key").Line)
	case from.Kind == syntax.Map || !e.Has("value"):
		return v, false
	}
	if v.place.Line == 0 {
		v.place = w.place(e.Get("name").Line)
	}
	return v, v.key != ""
}

// envFrom reads every entry of a ConfigMap or the keys of a Secret.
func (r *reader) envFrom(w *workload, from syntax.Node) []variable {
	prefix := from.Get("prefix").Value
	var out []variable
	if ref := from.Get("configMapRef"); ref.Kind == syntax.Map {
		if m := r.lookUp(w, ref); m != nil {
			for _, d := range m.entries {
				out = append(out, variable{prefix + d.key, d.value, d.place})
			}
		}
	}
	if ref := from.Get("secretRef"); ref.Kind == syntax.Map {
		name := ref.Get("name").Value
		if o := r.secrets[w.namespace+"/"+name]; o != nil {
			for _, p := range slices.Concat(o.node.Get("stringData").Pairs, o.node.Get("data").Pairs) {
				out = append(out, variable{prefix + p.Key, "${secret:" + name + "/" + p.Key + "}", o.place(p.Line)})
			}
		}
	}
	return out
}

// maxExpanded bounds a value with its references filled in: variables that repeat each other must not grow without end.
const maxExpanded = 4 << 10

// references fills in $(NAME); $$(NAME) is an escape.
func references(text string, value func(string) (string, bool)) string {
	if !strings.Contains(text, "$(") {
		return text
	}
	var out strings.Builder
	for out.Len() < maxExpanded {
		i := strings.Index(text, "$(")
		if i < 0 {
			break
		}
		name, rest, ok := strings.Cut(text[i+2:], ")")
		if !ok {
			break
		}
		known, found := value(name)
		switch {
		case i > 0 && text[i-1] == '$':
			out.WriteString(text[:i] + "(" + name + ")")
		case found && len(known) <= maxExpanded:
			out.WriteString(text[:i] + known)
		default:
			out.WriteString(text[:i] + "$(" + name + ")")
		}
		text = rest
	}
	return out.String() + text
}

// command reads a container's command and arguments.
func (r *reader) command(w *workload, c syntax.Node, vars []variable) {
	pieces := slices.Concat(c.Get("command").Items, c.Get("args").Items)
	if len(pieces) == 0 {
		return
	}
	value := func(key string) (string, bool) {
		i := slices.IndexFunc(vars, func(v variable) bool { return v.key == key })
		if i < 0 {
			return "", false
		}
		return vars[i].value, true
	}
	words := make([]string, len(pieces))
	for i, p := range pieces {
		words[i] = references(p.Value, value)
	}
	said := commandline.Read(words)
	at := func(value string) int { return w.lineWith(pieces, words, value) }
	for _, flag := range said.Flags {
		r.see(w.object, estate.Sets, flag.Key, flag.Value, at(flag.Value))
	}
	for _, address := range said.Addresses {
		r.see(w.object, estate.Links, estate.LinkCommand, address, at(address))
	}
	for _, wait := range said.Waits {
		r.see(w.object, estate.Links, estate.LinkWait, wait, at(wait))
	}
}

// lineWith is the line, also inside a block of text, that holds a value or at least its host.
func (w *workload) lineWith(pieces []syntax.Node, words []string, value string) int {
	look := []string{value}
	if found := endpoint.Parse(value); len(found) > 0 {
		look = append(look, found[0].Host)
	}
	for _, text := range look {
		for i, p := range pieces {
			before, _, ok := strings.Cut(words[i], text)
			if !ok {
				continue
			}
			if w.isBlock(p) {
				return p.Line + 1 + strings.Count(before, "\n")
			}
			return p.Line
		}
	}
	return pieces[0].Line
}

// serves gives a workload the names and ports of a Service that selects it.
func (r *reader) serves(w *workload, s *object) {
	r.dnsNames(w.object, s)
	for _, p := range s.node.At("spec", "ports").Items {
		protocol := p.Get("protocol").Value
		for _, port := range []struct {
			via string
			syntax.Node
		}{{"vip", p.Get("port")}, {"container", p.Get("targetPort")}, {"published", p.Get("nodePort")}} {
			if n, err := strconv.Atoi(port.Value); err == nil && n > 0 && n <= 65535 {
				r.report.See(estate.Sighting{Fact: estate.Listens, Subject: w.subject(), Key: port.via, Value: port.Value, Profile: udp(protocol), Place: s.place(port.Line)})
			}
		}
	}
	if w.kind == "StatefulSet" && w.node.At("spec", "serviceName").Value == s.name {
		r.podNames(w, s)
	}
}

func udp(protocol string) string {
	if protocol == "" || protocol == "TCP" {
		return ""
	}
	return strings.ToLower(protocol)
}

// dnsNames reports the names under which a Service is reached, in every namespace an overlay puts it in.
func (r *reader) dnsNames(o, s *object) {
	seen := map[string]bool{}
	for _, v := range append([]variant{{s.name, s.namespace, s.place(0)}}, s.variants...) {
		for _, name := range []string{v.name, v.name + "." + v.namespace, v.name + "." + v.namespace + ".svc", v.name + "." + v.namespace + ".svc.cluster.local"} {
			if !seen[name] {
				seen[name] = true
				r.report.See(estate.Sighting{Fact: estate.Called, Subject: o.subject(), Key: estate.NameService, Value: name, Place: v.place})
			}
		}
	}
}

// maxPods bounds how many pods of a StatefulSet are listed by name.
const maxPods = 9

// podNames reports the names of single pods behind a headless Service.
func (r *reader) podNames(w *workload, s *object) {
	replicas, err := strconv.Atoi(w.node.At("spec", "replicas").Value)
	if err != nil {
		replicas = 1
	}
	for i := range min(replicas, maxPods) {
		name := fmt.Sprintf("%s-%d.%s", w.name, i, s.name)
		for _, suffix := range []string{"", "." + s.namespace, "." + s.namespace + ".svc", "." + s.namespace + ".svc.cluster.local"} {
			r.see(w.object, estate.Called, estate.NameService, name+suffix, w.node.At("spec", "serviceName").Line)
		}
	}
}
