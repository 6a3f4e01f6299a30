// Package config knows how services are configured: keys with types, given their values by layers from what holds for everybody to what
// holds for one service, secrets only by reference. Documents go in; what a service is given in an environment comes out, each key with the
// layers that say so and their lines, beside whatever is wrong.
//
// It reads no file and reveals no secret: where one is kept is all that is known here.
package config

import (
	"cmp"
	"slices"

	"example.org/caravan/internal/estate"
)

// SchemaURL is where the JSON Schema of a layer's file is served, as its file may name it.
const SchemaURL = "https://caravan.example.org/schemas/config.schema.json"

// Folder is where a workspace, or within it the folder of a service, keeps its layers.
const Folder = "config"

// Layer is how far what a document says reaches.
type Layer string

// Layers, the later ones win.
const (
	Base        Layer = "base"        // everywhere
	Kind        Layer = "kind"        // in environments of a kind: "vm" or "kubernetes"
	Environment Layer = "environment" // in one environment
	Country     Layer = "country"     // in all environments of a country

	Seen         Layer = "seen"         // read from the files and machines of today
	Workload     Layer = "workload"     // a service's own workload
	Substitution Layer = "substitution" // what an expansion puts in the place of it
)

// layers are those that people write, in the order in which they win, the weakest first.
var layers = []Layer{Base, Kind, Environment, Country}

// Document is one file of a layer.
type Document struct {
	File    string             `json:"file"`
	Layer   Layer              `json:"layer"`
	Name    string             `json:"name,omitempty"`    // of the kind, environment or country; "" of the base
	Service estate.ServiceName `json:"service,omitempty"` // whose; "" for everybody's
	Keys    map[string]Key     `json:"keys,omitempty"`
	Values  map[string]Value   `json:"values,omitempty"`
	Reads   []Form             `json:"reads,omitempty"` // how the service takes it in; only in a service's base
}

// Type is what values of a key look like.
type Type string

// Types of keys.
const (
	Text     Type = "text" // anything; what is not declared is one
	Integer  Type = "integer"
	Number   Type = "number"
	Boolean  Type = "boolean"
	Duration Type = "duration" // 250ms, 30s, 4h
	Size     Type = "size"     // bytes: 512, 64Ki, 10MB
	URL      Type = "url"
	Secret   Type = "secret" // only ever a reference
)

// Types lists all types of keys.
var types = []Type{Text, Integer, Number, Boolean, Duration, Size, URL, Secret}

// Key is what is declared about a key.
type Key struct {
	Type        Type     `json:"type" jsonschema:"enum=text,enum=integer,enum=number,enum=boolean,enum=duration,enum=size,enum=url,enum=secret" jsonschema_description:"What its values look like; text when left out."`
	Least       *float64 `json:"least,omitempty" jsonschema_description:"Of integers and numbers: the least that is allowed."`
	Most        *float64 `json:"most,omitempty" jsonschema_description:"Of integers and numbers: the most that is allowed."`
	OneOf       []string `json:"oneOf,omitempty" jsonschema:"minItems=1" jsonschema_description:"All values that are allowed."`
	Required    bool     `json:"required,omitempty" jsonschema_description:"True when it has to have a value wherever this holds."`
	Description string   `json:"description,omitempty" jsonschema_description:"What it is for."`
	Line        int      `json:"line" jsonschema:"-"`
}

// Value is what a document gives a key: a text, where a secret is kept, or nothing any more.
type Value struct {
	Text   string     `json:"text,omitempty"`
	Secret *Reference `json:"secret,omitempty"`
	Unset  bool       `json:"unset,omitempty"` // takes away what weaker layers give
	Line   int        `json:"line"`
}

// Reference says where a secret is kept. Exactly one of Kubernetes, SOPS and Env is given.
type Reference struct {
	Kubernetes string `json:"kubernetes,omitempty" jsonschema_description:"Name of a Secret in the service's namespace."`
	SOPS       string `json:"sops,omitempty" jsonschema_description:"File of SOPS within the workspace."`
	Env        string `json:"env,omitempty" jsonschema:"pattern=^[A-Za-z_][A-Za-z0-9_]*$" jsonschema_description:"Variable of whoever delivers it."`
	Key        string `json:"key,omitempty" jsonschema_description:"Within the Secret; within the file, with dots between its levels."`
}

func (r Reference) String() string {
	switch {
	case r.Kubernetes != "":
		return "secret " + r.Kubernetes + ", key " + r.Key
	case r.SOPS != "":
		return r.SOPS + ", key " + r.Key
	}
	return "variable " + r.Env
}

// Form is one way in which a service takes keys in.
type Form struct {
	As   As       `json:"as" jsonschema:"enum=variables,enum=env,enum=properties,enum=yaml,enum=json" jsonschema_description:"Variables of the process, or what the file looks like."`
	Path string   `json:"path,omitempty" jsonschema:"pattern=^/" jsonschema_description:"Where the service finds the file."`
	Keys []string `json:"keys,omitempty" jsonschema:"minItems=1" jsonschema_description:"Globs of the keys in it; all that no form before it takes when left out."`
	Line int      `json:"line" jsonschema:"-"`
}

// As is what a form looks like.
type As string

// Forms of configuration.
const (
	AsVariables  As = "variables"  // of the process; how a service that says nothing takes it in
	AsEnvFile    As = "env"        // NAME=value
	AsProperties As = "properties" // of Java
	AsYAML       As = "yaml"       // nested at the dots of keys
	AsJSON       As = "json"
)

var forms = []As{AsVariables, AsEnvFile, AsProperties, AsYAML, AsJSON}

// Spot is a service in an environment.
type Spot struct {
	Service     estate.ServiceName     `json:"service"`
	Environment estate.EnvironmentName `json:"environment"`
	Kind        string                 `json:"kind"`              // "vm" or "kubernetes"
	Country     string                 `json:"country,omitempty"` // two letters
}

// Given is what a document gives a key, and where.
type Given struct {
	Layer   Layer              `json:"layer"`
	Name    string             `json:"name,omitempty"`
	Service estate.ServiceName `json:"service,omitempty"` // "" when it is said for everybody
	Value   Value              `json:"value"`
	Place   estate.Place       `json:"place"`
}

// Said is who says it, in words: "environment indonesia, own".
func (g Given) Said() string {
	out := string(g.Layer)
	if g.Name != "" {
		out += " " + g.Name
	}
	if g.Service != "" && (g.Layer == Base || g.Name != "") {
		out += ", own"
	}
	return out
}

// Entry is a key as a service has it in an environment.
type Entry struct {
	Key      string  `json:"key"`
	Declared Key     `json:"declared"`
	Given    []Given `json:"given"` // by all layers that hold there, the winning one last
	Form     Form    `json:"form"`
	Becomes  string  `json:"becomes,omitempty"` // what placeholders in the winning value make of it where it runs, secrets as <KEY of NAME>
}

// Winner is what is said by the layer that wins.
func (e Entry) Winner() Given { return e.Given[len(e.Given)-1] }

// Value is the one that wins.
func (e Entry) Value() Value { return e.Winner().Value }

// Text is what the process is given, as far as it can be shown: of a secret, where it is kept.
func (e Entry) Text() string {
	v := e.Value()
	switch {
	case e.Becomes != "":
		return e.Becomes
	case v.Secret != nil:
		return v.Secret.String()
	}
	return v.Text
}

// Place is where it is said.
func (e Entry) Place() estate.Place { return e.Winner().Place }

// Effective is all that a service is given in an environment, by key.
type Effective struct {
	Spot
	Entries []Entry  `json:"entries"`
	Unset   []string `json:"unset,omitempty"` // keys that are taken away, also from what the workload says
}

// Entry is that of a key; false when the service is not given it.
func (e Effective) Entry(key string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(e.Entries, key, func(x Entry, k string) int { return cmp.Compare(x.Key, k) })
	if !ok {
		return Entry{}, false
	}
	return e.Entries[i], true
}

// Forms are the ways in which the service takes keys in that are given, each once.
func (e Effective) Forms() []Form {
	var out []Form
	for _, x := range e.Entries {
		if !slices.ContainsFunc(out, func(f Form) bool { return f.As == x.Form.As && f.Path == x.Form.Path }) {
			out = append(out, x.Form)
		}
	}
	return out
}
