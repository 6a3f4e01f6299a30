package workload

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/syntax"
)

// Parse takes in a workload's file. The name is only for messages. Invalid, with a line for each problem, for everything
// the schema of Score v1b1 refuses, and for what it cannot tell: placeholders of resources that are not declared, types
// of resource that nobody provides, ports given twice.
func Parse(data []byte, name string) (Workload, error) {
	var w Workload
	r := document.NewReader(name, "the workload")
	root, ok := r.Parse(data, "write a workload, as https://docs.score.dev shows")
	if !ok {
		return w, r.Err()
	}
	r.Object(root, "", []document.Field{
		document.Required("apiVersion", document.OneOf(&w.APIVersion, Version)),
		document.Required("metadata", metadata(&w.Metadata)),
		document.Optional("service", service(&w.Service)),
		document.Required("containers", containers(&w.Containers)),
		document.Optional("resources", entries(&w.Resources, labelled, resource)),
	})
	check(r, w)
	return w, r.Err()
}

var (
	labelForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$`)
	typeForm       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]$`)
	idForm         = regexp.MustCompile(`^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$`)
	annotationForm = regexp.MustCompile(`^(([a-z0-9][a-z0-9-]{0,61}[a-z0-9])(\.[a-z0-9][a-z0-9-]{0,61}[a-z0-9])*/)?[A-Za-z0-9][A-Za-z0-9._-]{0,61}[A-Za-z0-9]$`)
	memoryForm     = regexp.MustCompile(`^(0\.\d+|[1-9]\d*(\.\d+)?)(K|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$`)
	cpuForm        = regexp.MustCompile(`^\d+(?:m|\.\d+)?$`)
	modeForm       = regexp.MustCompile(`^0?[0-7]{3}$`)
	headerForm     = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// Longest names that Score takes.
const (
	longestName       = 63
	longestAnnotation = 316
	lastPort          = 65535
)

// key says what the keys of a map must look like.
type key struct {
	form    *regexp.Regexp
	longest int
	as      string // to write it as
}

var (
	labelled  = key{labelForm, longestName, "lower case letters, digits and dashes, two or more"}
	annotated = key{annotationForm, longestAnnotation, "a name such as example.org/team"}
	variable  = key{regexp.MustCompile(`^[^=]+$`), 1 << 20, "a name without ="}
	anything  = key{regexp.MustCompile(``), 1 << 20, ""}
)

// entries takes in a map whose keys are the file's own.
func entries[V any](into *map[string]V, k key, item func(*document.Reader, syntax.Node, string) V) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		if n.Kind == syntax.Null {
			r.At(path, "%s is empty; fill it in, or leave it out", path)
			return
		}
		*into = map[string]V{}
		r.Entries(n, path, func(name string, v syntax.Node, at string) {
			if !k.form.MatchString(name) || len(name) > k.longest {
				r.At(at, "%q cannot be a name in %s; write %s", name, path, k.as)
				return
			}
			(*into)[name] = item(r, v, at)
		})
	}
}

// text takes in any text, of any number of lines.
func text(into *string) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		switch {
		case n.Kind == syntax.Scalar && n.Tag == "str":
			*into = n.Value
		case n.Kind == syntax.Scalar:
			r.At(path, "%s is a %s; put the text in quotes", path, n.Tag)
		default:
			r.At(path, "%s is no text; write one, in quotes when it is empty", path)
		}
	}
}

func textItem(r *document.Reader, n syntax.Node, path string) (s string) {
	text(&s)(r, n, path)
	return s
}

// formed takes in a text of a form.
func formed(into *string, form *regexp.Regexp, longest int, as string) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		var given string
		text(&given)(r, n, path)
		if n.Kind == syntax.Scalar && n.Tag == "str" && (!form.MatchString(given) || len(given) > longest) {
			r.At(path, "%s is %q; write %s", path, given, as)
			return
		}
		*into = given
	}
}

func nonEmpty(into *string) document.Taker {
	return formed(into, regexp.MustCompile(`(?s).`), 1<<20, "a text that is not empty")
}

// list takes in a list that may be empty, though not left blank.
func list[T any](into *[]T, item func(*document.Reader, syntax.Node, string) T) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		if n.Kind == syntax.Null {
			r.At(path, "%s is empty; write a list, or leave it out", path)
			return
		}
		document.List(into, item)(r, n, path)
	}
}

// object takes in a map of known keys.
func object(r *document.Reader, n syntax.Node, path string, fields ...document.Field) {
	r.Object(n, path, fields)
}

func metadata(m *Metadata) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		object(r, without(n, "name", "annotations"), path,
			document.Required("name", formed(&m.Name, labelForm, longestName, labelled.as)),
			document.Optional("annotations", entries(&m.Annotations, annotated, textItem)),
		)
	}
}

// without leaves out the keys of a map that Score lets people add for themselves.
func without(n syntax.Node, known ...string) syntax.Node {
	if n.Kind != syntax.Map {
		return n
	}
	kept := n
	kept.Pairs = nil
	for _, p := range n.Pairs {
		for _, k := range known {
			if p.Key == k {
				kept.Pairs = append(kept.Pairs, p)
			}
		}
	}
	return kept
}

func service(into **Service) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		*into = &Service{}
		object(r, n, path, document.Optional("ports", entries(&(*into).Ports, labelled, port)))
	}
}

func port(r *document.Reader, n syntax.Node, path string) (p Port) {
	object(r, n, path,
		document.Required("port", document.Integer(&p.Port, 1, lastPort)),
		document.Optional("protocol", document.OneOf(&p.Protocol, "TCP", "UDP")),
		document.Optional("targetPort", document.Integer(&p.TargetPort, 1, lastPort)),
	)
	return p
}

func containers(into *map[string]Container) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		entries(into, labelled, container)(r, n, path)
		if n.Kind == syntax.Map && len(n.Pairs) == 0 {
			r.At(path, "containers is empty; add one")
		}
	}
}

func container(r *document.Reader, n syntax.Node, path string) (c Container) {
	object(r, n, path,
		document.Required("image", nonEmpty(&c.Image)),
		document.Optional("command", list(&c.Command, textItem)),
		document.Optional("args", list(&c.Args, textItem)),
		document.Optional("variables", entries(&c.Variables, variable, textItem)),
		document.Optional("files", targets(&c.Files, file)),
		document.Optional("volumes", targets(&c.Volumes, volume)),
		document.Optional("before", entries(&c.Before, labelled, before)),
		document.Optional("resources", compute(&c.Resources)),
		document.Optional("livenessProbe", probe(&c.LivenessProbe)),
		document.Optional("readinessProbe", probe(&c.ReadinessProbe)),
	)
	return c
}

func before(r *document.Reader, n syntax.Node, path string) (b Before) {
	object(r, n, path, document.Required("ready", document.OneOf(&b.Ready, "started", "healthy", "complete")))
	return b
}

// targets takes in a map of target paths, or the older form: a list whose items name their target.
func targets[V any](into *map[string]V, item func(r *document.Reader, n syntax.Node, path string, target *string) V) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		if n.Kind != syntax.List {
			entries(into, anything, func(r *document.Reader, n syntax.Node, at string) V { return item(r, n, at, nil) })(r, n, path)
			return
		}
		*into = map[string]V{}
		for i, v := range n.Items {
			var target string
			one := item(r, v, fmt.Sprintf("%s[%d]", path, i), &target)
			if target == "" {
				r.Problem(max(v.Line, 1), "%s[%d] has no target; name the path it is found at", path, i)
				continue
			}
			(*into)[target] = one
		}
	}
}

func withTarget(target *string, fields []document.Field) []document.Field {
	if target == nil {
		return fields
	}
	return append(fields, document.Optional("target", nonEmpty(target)))
}

func file(r *document.Reader, n syntax.Node, path string, target *string) (f File) {
	fields := []document.Field{
		document.Optional("mode", formed(&f.Mode, modeForm, len("0777"), "an octal mode in quotes, as \"0644\"")),
		document.Optional("source", nonEmpty(&f.Source)),
		document.Optional("content", text(&f.Content)),
		document.Optional("binaryContent", text(&f.BinaryContent)),
		document.Optional("noExpand", document.Boolean(&f.NoExpand)),
	}
	object(r, n, path, withTarget(target, fields)...)
	if n.Kind == syntax.Map {
		oneSource(r, n, path)
		if _, err := base64.StdEncoding.DecodeString(f.BinaryContent); err != nil {
			r.At(path+".binaryContent", "%s.binaryContent is not base64; encode the file with base64 -w0", path)
		}
	}
	return f
}

// oneSource wants exactly one of the keys that say what is in a file.
func oneSource(r *document.Reader, n syntax.Node, path string) {
	given := 0
	for _, p := range n.Pairs {
		if p.Key == "source" || p.Key == "content" || p.Key == "binaryContent" {
			given++
		}
	}
	if given != 1 {
		r.Problem(max(n.Line, 1), "%s has %d of source, content and binaryContent; give exactly one", path, given)
	}
}

func volume(r *document.Reader, n syntax.Node, path string, target *string) (v Volume) {
	object(r, n, path, withTarget(target, []document.Field{
		document.Required("source", text(&v.Source)),
		document.Optional("path", text(&v.Path)),
		document.Optional("readOnly", document.Boolean(&v.ReadOnly)),
	})...)
	return v
}

func compute(into **Compute) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		*into = &Compute{}
		object(r, n, path, document.Optional("limits", quantity(&(*into).Limits)), document.Optional("requests", quantity(&(*into).Requests)))
	}
}

func quantity(q *Quantity) document.Taker {
	const longest = 40
	return func(r *document.Reader, n syntax.Node, path string) {
		object(r, n, path,
			document.Optional("memory", formed(&q.Memory, memoryForm, longest, "an amount such as 512Mi or 2G")),
			document.Optional("cpu", formed(&q.CPU, cpuForm, longest, "an amount such as 500m or \"2\"")),
		)
	}
}

func probe(into **Probe) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		p := &Probe{}
		*into = p
		object(r, n, path, document.Optional("httpGet", httpGet(&p.HTTPGet)), document.Optional("exec", exec(&p.Exec)))
		if n.Kind == syntax.Map && len(n.Pairs) == 0 {
			r.At(path, "%s asks nothing; give it httpGet or exec", path)
		}
	}
}

func exec(into **Exec) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		*into = &Exec{}
		object(r, n, path, document.Required("command", list(&(*into).Command, textItem)))
	}
}

func httpGet(into **HTTPGet) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		h := &HTTPGet{}
		*into = h
		object(r, n, path,
			document.Required("path", text(&h.Path)),
			document.Required("port", document.Integer(&h.Port, 1, lastPort)),
			document.Optional("host", nonEmpty(&h.Host)),
			document.Optional("scheme", document.OneOf(&h.Scheme, "HTTP", "HTTPS")),
			document.Optional("httpHeaders", list(&h.HTTPHeaders, header)),
		)
	}
}

func header(r *document.Reader, n syntax.Node, path string) (h Header) {
	const longest = 1000
	object(r, n, path,
		document.Required("name", formed(&h.Name, headerForm, longest, "letters, digits, dashes and underscores")),
		document.Required("value", nonEmpty(&h.Value)),
	)
	return h
}

func resource(r *document.Reader, n syntax.Node, path string) (v Resource) {
	object(r, n, path,
		document.Required("type", formed(&v.Type, typeForm, longestName, "a type such as postgres")),
		document.Optional("class", formed(&v.Class, typeForm, longestName, "letters, digits and dashes, two or more")),
		document.Optional("id", formed(&v.ID, idForm, longestName, "lower case words joined with dashes or dots")),
		document.Optional("metadata", func(r *document.Reader, n syntax.Node, path string) {
			object(r, without(n, "annotations"), path, document.Optional("annotations", entries(&v.Metadata.Annotations, annotated, textItem)))
		}),
		document.Optional("params", entries(&v.Params, anything, func(_ *document.Reader, n syntax.Node, _ string) any { return plain(n) })),
	)
	return v
}

// plain is a value of YAML as Go has it.
func plain(n syntax.Node) any {
	switch n.Kind {
	case syntax.Map:
		out := map[string]any{}
		for _, p := range n.Pairs {
			out[p.Key] = plain(p.Value)
		}
		return out
	case syntax.List:
		out := make([]any, len(n.Items))
		for i, v := range n.Items {
			out[i] = plain(v)
		}
		return out
	case syntax.Null:
		return nil
	}
	return plainScalar(n)
}

func plainScalar(n syntax.Node) any {
	switch n.Tag {
	case "int":
		if v, err := strconv.Atoi(n.Value); err == nil {
			return v
		}
	case "float":
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return v
		}
	case "bool":
		return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	}
	return n.Value
}
