package config

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/syntax"
)

// At is the document that a file of a workspace is, by its path with slashes, as far as its name says: config/base.yaml,
// config/kind/vm.yaml, config/environment/NAME.yaml, config/country/ID.yaml, and the same below services/NAME. False for any other file.
func At(file string) (Document, bool) {
	d := Document{File: file}
	rest, ok := strings.CutSuffix(file, ".yaml")
	if !ok {
		return d, false
	}
	words := strings.Split(rest, "/")
	if len(words) > 2 && words[0] == "services" {
		d.Service, words = estate.ServiceName(words[1]), words[2:]
	}
	switch {
	case len(words) == 2 && words[0] == Folder && words[1] == string(Base):
		d.Layer = Base
	case len(words) == 3 && words[0] == Folder && (words[1] == string(Kind) || words[1] == string(Environment) || words[1] == string(Country)):
		d.Layer, d.Name = Layer(words[1]), words[2]
	default:
		return d, false
	}
	return d, true
}

// File is where a workspace keeps a document: the reverse of At.
func File(service estate.ServiceName, layer Layer, name string) string {
	file := path.Join(Folder, string(layer)+".yaml")
	if layer != Base {
		file = path.Join(Folder, string(layer), name+".yaml")
	}
	if service == "" {
		return file
	}
	return path.Join("services", string(service), file)
}

var (
	keyForm      = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./:\[\]-]{0,252}$`)
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	countryForm  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// Parse takes in a document. Invalid, with a line for each problem: among others for a value in the clear whose key, or which itself, looks
// like a secret.
func Parse(data []byte, file string) (Document, error) {
	d, ok := At(file)
	if !ok {
		return d, fault.Newf(fault.Invalid, "%s: not a place for configuration; write config/base.yaml, config/kind/vm.yaml, config/environment/NAME.yaml or config/country/ID.yaml, for one service below services/NAME", file)
	}
	r := document.NewReader(file, "the configuration")
	root, ok := r.Parse(data, "write keys and values, or delete the file")
	if !ok {
		return d, r.Err()
	}
	fields := []document.Field{document.Optional("keys", keys(&d.Keys)), document.Optional("values", values(&d.Values))}
	if d.Service != "" && d.Layer == Base {
		fields = append(fields, document.Optional("reads", document.List(&d.Reads, form)))
	}
	r.Object(root, "", fields)
	d.named(r)
	for key, v := range d.Values {
		d.clear(r, key, v)
	}
	return d, r.Err()
}

// named checks what the file's name says it is about.
func (d Document) named(r *document.Reader) {
	switch {
	case d.Layer == Kind && d.Name != "vm" && d.Name != "kubernetes":
		r.Problem(1, "no environment is of kind %q; name the file vm.yaml or kubernetes.yaml", d.Name)
	case d.Layer == Country && !countryForm.MatchString(d.Name):
		r.Problem(1, "%q is no country; name the file by two letters of ISO 3166-1, such as ID.yaml", d.Name)
	}
}

// clear notes a secret that stands in the clear, without saying it again.
func (d Document) clear(r *document.Reader, key string, v Value) {
	if v.Secret != nil || v.Unset || v.Text == "" {
		return
	}
	at := "values." + key
	if d.Keys[key].Type == Secret || redact.Value(key, v.Text) != v.Text {
		r.At(at, "%s looks like a secret that stands in the clear; say where it is kept instead: {kubernetes: NAME, key: KEY}, {sops: FILE, key: KEY} or {env: VARIABLE}", key)
	}
}

func keys(into *map[string]Key) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		*into = map[string]Key{}
		r.Entries(n, path, func(name string, v syntax.Node, at string) {
			k := Key{Type: Text, Line: v.Line}
			document.Into(
				document.Optional("type", document.OneOf(&k.Type, types...)),
				document.Optional("least", bound(&k.Least)), document.Optional("most", bound(&k.Most)),
				document.Optional("oneOf", document.NonEmpty(document.Texts(&k.OneOf))),
				document.Optional("required", document.Boolean(&k.Required)),
				document.Optional("description", document.Text(&k.Description)),
			)(r, v, at)
			named(r, name, at)
			if (k.Least != nil || k.Most != nil) && k.Type != Integer && k.Type != Number {
				r.At(at, "%s has bounds and is of type %s; only integers and numbers have them", name, k.Type)
			}
			(*into)[name] = k
		})
	}
}

func named(r *document.Reader, name, at string) {
	if !keyForm.MatchString(name) {
		r.At(at, "%q cannot be a key; begin with a letter, and go on with letters, digits and . _ - / : [ ]", name)
	}
}

func bound(into **float64) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		f, ok := number(n.Value)
		if n.Kind != syntax.Scalar || !ok {
			r.At(path, "%s is no number", path)
			return
		}
		*into = &f
	}
}

func values(into *map[string]Value) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		*into = map[string]Value{}
		r.Entries(n, path, func(name string, v syntax.Node, at string) {
			named(r, name, at)
			(*into)[name] = value(r, v, name, at)
		})
	}
}

func value(r *document.Reader, n syntax.Node, name, at string) Value {
	v := Value{Line: n.Line}
	switch n.Kind {
	case syntax.Null:
		v.Unset = true
	case syntax.Scalar:
		v.Text = n.Value
		if strings.ContainsRune(v.Text, 0) {
			r.At(at, "%s has a NUL character, which no process can be given; take it out", name)
		}
	case syntax.Map:
		v.Secret = reference(r, n, at)
	default:
		r.At(at, "%s is a list; write one text, as the service reads it", name)
	}
	return v
}

func reference(r *document.Reader, n syntax.Node, at string) *Reference {
	s := &Reference{}
	document.Into(
		document.Optional("kubernetes", document.Text(&s.Kubernetes)), document.Optional("sops", document.Text(&s.SOPS)),
		document.Optional("env", document.Text(&s.Env)), document.Optional("key", document.Text(&s.Key)),
	)(r, n, at)
	given := 0
	for _, where := range []string{s.Kubernetes, s.SOPS, s.Env} {
		if where != "" {
			given++
		}
	}
	switch {
	case given != 1:
		r.At(at, "a secret is kept in one place; write {kubernetes: NAME, key: KEY}, {sops: FILE, key: KEY} or {env: VARIABLE}")
	case s.Env != "" && s.Key != "":
		r.At(at, "a variable has no keys; leave key out")
	case s.Env != "" && !variableForm.MatchString(s.Env):
		r.At(at, "%q cannot be a variable", s.Env)
	case strings.HasPrefix(s.Env, "CARAVAN_"): // a team may write this, and would be handed what the server itself is trusted with
		r.At(at, "%s is Caravan's own and is given to no service; call the service's variable something else", s.Env)
	case s.Env == "" && s.Key == "":
		r.At(at, "say which key of it is meant: key: KEY")
	case s.SOPS != "" && (path.IsAbs(s.SOPS) || strings.HasPrefix(path.Clean(s.SOPS), "..")):
		r.At(at, "%s is not within the workspace; keep it there, so that those who may read it are the same everywhere", s.SOPS)
	}
	return s
}

func form(r *document.Reader, n syntax.Node, at string) Form {
	f := Form{Line: n.Line}
	document.Into(
		document.Required("as", document.OneOf(&f.As, forms...)),
		document.Optional("path", document.Text(&f.Path)), document.Optional("keys", document.NonEmpty(document.Texts(&f.Keys))),
	)(r, n, at)
	switch {
	case f.As == AsVariables && f.Path != "":
		r.At(at, "variables have no path; leave it out, or write as: env for a file of them")
	case f.As != AsVariables && f.As != "" && (!path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path):
		r.At(at, "say where the service finds it: path, from the root of its file system")
	}
	for _, glob := range f.Keys {
		if _, err := path.Match(glob, ""); err != nil {
			r.At(at, "%q is no pattern; * stands for any text", glob)
		}
	}
	return f
}

// placeOf is where a document says something.
func (d Document) placeOf(line int) estate.Place {
	return estate.Place{File: d.File, Line: line}
}

// String says for whom a document is.
func (d Document) String() string {
	who := "everybody"
	if d.Service != "" {
		who = string(d.Service)
	}
	if d.Layer == Base {
		return who
	}
	return fmt.Sprintf("%s in %s %s", who, d.Layer, d.Name)
}
