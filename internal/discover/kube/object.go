package kube

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// reader gathers every object of the tree before it reports any, because they refer to each other.
type reader struct {
	tree           discover.Tree
	report         *discover.Report
	objects        []*object
	kustomizations []*kustomization
	workloads      []*workload
	configMaps     map[string][]*configMap // by "namespace/name"; overlays give one name several times
	services       []*object
	secrets        map[string]*object     // by "namespace/name"
	byLabel        map[string][]*workload // "namespace/label=value"
	taken          map[string]bool        // "namespace/name" of workloads and Services
	doubted        map[string]bool
}

// object is one object of a manifest.
type object struct {
	group, kind string
	name        string
	namespace   string // as written, or given by the one kustomization that says so; "default" when nobody does
	node        syntax.Node
	file        string
	source      *source
	patch       bool // lays something on another object, and is none itself
	variants    []variant
	patches     []*patch
	images      []renamed
	served      bool // a Service that selects a workload of the tree
}

// variant is an object as an overlay calls it.
type variant struct {
	name, namespace string
	place           estate.Place
}

func (o *object) space() string { return "kube:" + o.namespace }

func (o *object) subject() estate.Subject { return estate.In(o.space(), o.name) }

// place is a line of the object's file; 0 stands for the object's name.
func (o *object) place(line int) estate.Place {
	if line == 0 {
		line = cmp.Or(o.node.At("metadata", "name").Line, o.node.Line)
	}
	return estate.Place{File: o.file, Line: line}
}

// manifest adds the objects of a file.
func (r *reader) manifest(f discover.File) {
	docs, err := syntax.YAML(f.Data)
	from := &source{data: f.Data}
	for _, doc := range docs {
		r.document(doc, f.Path, from, 0)
	}
	if err != nil {
		r.report.Broken(f, syntax.LineOf(err), errors.New("not read to its end as a manifest; mend the YAML or render the template it is: "+err.Error()))
	}
}

// document adds one object, or those of a List.
func (r *reader) document(doc syntax.Node, file string, from *source, depth int) {
	kind := doc.Get("kind").Value
	if doc.Kind == syntax.List && depth < 2 { // a JSON file may hold several
		for _, item := range doc.Items {
			r.document(item, file, from, depth+1)
		}
		return
	}
	if strings.HasSuffix(kind, "List") && doc.Get("items").Kind == syntax.List && depth < 2 {
		for _, item := range doc.Get("items").Items {
			r.document(item, file, from, depth+1)
		}
		return
	}
	if o := newObject(doc, file, from); o != nil {
		r.objects = append(r.objects, o)
	}
}

func newObject(doc syntax.Node, file string, from *source) *object {
	o := &object{kind: doc.Get("kind").Value, name: doc.At("metadata", "name").Value, namespace: doc.At("metadata", "namespace").Value, node: doc, file: file, source: from}
	group, _, ok := strings.Cut(doc.Get("apiVersion").Value, "/")
	if ok {
		o.group = group
	}
	if o.name == "" {
		o.name = strings.TrimSuffix(doc.At("metadata", "generateName").Value, "-")
	}
	if o.kind == "" || o.name == "" {
		return nil
	}
	return o
}

// index sorts the objects by what others look up, and lets Services find their workloads.
func (r *reader) index() {
	r.byLabel, r.taken, r.configMaps = map[string][]*workload{}, map[string]bool{}, map[string][]*configMap{}
	r.secrets = map[string]*object{}
	r.objects = slices.DeleteFunc(r.objects, func(o *object) bool { return o.patch })
	for _, o := range r.objects {
		if o.namespace == "" {
			o.namespace = "default"
		}
		switch {
		case o.kind == "ConfigMap" && o.group == "":
			key := o.namespace + "/" + o.name
			r.configMaps[key] = append(r.configMaps[key], newConfigMap(o))
		case o.kind == "Secret" && o.group == "":
			r.secrets[o.namespace+"/"+o.name] = o
		case o.kind == "Service" && o.group == "":
			r.services = append(r.services, o)
		case podSpec(o).Kind == syntax.Map:
			r.workloads = append(r.workloads, newWorkload(o))
		}
	}
	for _, k := range r.kustomizations {
		r.generated(k)
	}
	for _, w := range r.workloads {
		r.taken[w.namespace+"/"+w.name] = true
		for _, p := range w.labels.Pairs {
			key := w.namespace + "/" + p.Key + "=" + p.Value.Value
			r.byLabel[key] = append(r.byLabel[key], w)
		}
	}
	for _, s := range r.services {
		r.taken[s.namespace+"/"+s.name] = true
		for _, w := range r.selected(s.namespace, s.node.At("spec", "selector")) {
			w.services = append(w.services, s)
			s.served = true
		}
	}
}

// selected are the workloads of a namespace whose pods a selector means.
func (r *reader) selected(namespace string, selector syntax.Node) []*workload {
	candidates := r.workloads
	labels := selector
	if selector.Has("matchLabels") {
		labels = selector.Get("matchLabels")
	}
	if len(labels.Pairs) > 0 && labels.Pairs[0].Value.Kind == syntax.Scalar {
		candidates = r.byLabel[namespace+"/"+labels.Pairs[0].Key+"="+labels.Pairs[0].Value.Value]
	}
	var out []*workload
	for _, w := range candidates {
		if w.namespace == namespace && matches(selector, w.labels) {
			out = append(out, w)
		}
	}
	return out
}

// podTemplate is where a workload keeps what its pods look like; null for other objects.
func podTemplate(o *object) syntax.Node {
	spec := o.node.Get("spec")
	switch o.kind {
	case "Pod":
		return o.node
	case "CronJob", "ScheduledJob":
		return spec.At("jobTemplate", "spec", "template")
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Rollout", "DeploymentConfig", "CloneSet":
		return spec.Get("template")
	case "Service", "Configuration":
		if o.group == "serving.knative.dev" {
			return spec.Get("template")
		}
	}
	return syntax.Node{}
}

func podSpec(o *object) syntax.Node { return podTemplate(o).Get("spec") }

// object reports what is no workload.
func (r *reader) object(o *object) {
	switch o.kind {
	case "Service":
		if o.group == "" {
			r.service(o)
		}
	case "Endpoints":
		r.endpoints(o)
	case "EndpointSlice":
		r.endpointSlice(o)
	case "Ingress", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute", "VirtualService", "IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "HTTPProxy", "Route":
		r.route(o)
	case "NetworkPolicy":
		r.policy(o)
	case "Node":
		r.node(o)
	default:
		if at, ok := ranges[o.kind]; ok {
			r.rangesOf(o, at)
			return
		}
		r.operated(o)
	}
}

func (r *reader) see(o *object, fact estate.Fact, key, value string, line int) {
	r.report.See(estate.Sighting{Fact: fact, Subject: o.subject(), Key: key, Value: value, Place: o.place(line)})
}

// doubtOnce asks a question that many lines would raise only at the first of them.
func (r *reader) doubtOnce(key string, place estate.Place, text string) {
	if !r.doubted[key] {
		r.doubted[key] = true
		r.report.Doubt(estate.Unresolved, place, text)
	}
}

// matches reports whether labels satisfy a selector of labels, or of labels and expressions. An empty selector matches nothing
// here: it names nobody.
func matches(selector syntax.Node, labels syntax.Node) bool {
	expressions := selector.Get("matchExpressions")
	if selector.Has("matchLabels") || expressions.Kind == syntax.List {
		selector = selector.Get("matchLabels")
	}
	if len(selector.Pairs) == 0 && len(expressions.Items) == 0 {
		return false
	}
	for _, p := range selector.Pairs {
		if !labels.Has(p.Key) || labels.Get(p.Key).Value != p.Value.Value {
			return false
		}
	}
	for _, e := range expressions.Items {
		label, has := labels.Get(e.Get("key").Value), labels.Has(e.Get("key").Value)
		in := has && slices.Contains(e.Get("values").Strings(), label.Value)
		switch e.Get("operator").Value {
		case "In":
			has = in
		case "NotIn":
			has = !in
		case "DoesNotExist":
			has = !has
		}
		if !has {
			return false
		}
	}
	return true
}

// source is a file's content, which tells block text from plain.
type source struct {
	data  []byte
	lines [][]byte // cut when first asked for
}

// line is one line, counted from 1; empty when there is none.
func (s *source) line(number int) []byte {
	if s.lines == nil {
		s.lines = bytes.Split(s.data, []byte("\n"))
	}
	if number < 1 || number > len(s.lines) {
		return nil
	}
	return s.lines[number-1]
}

// isBlock reports whether a text begins on the line after its key, as in `key: |`.
func (o *object) isBlock(n syntax.Node) bool {
	if !strings.Contains(n.Value, "\n") {
		return false
	}
	line := bytes.TrimRight(o.source.line(n.Line), " \t\r0123456789+-")
	return bytes.HasSuffix(line, []byte("|")) || bytes.HasSuffix(line, []byte(">"))
}

// firstLine is the line on which the text of a scalar begins.
func (o *object) firstLine(n syntax.Node) int {
	if o.isBlock(n) {
		return n.Line + 1
	}
	return n.Line
}
