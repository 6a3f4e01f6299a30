package chef

import (
	"encoding/base64"
	"net/netip"
	"path"
	"strings"

	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// parseEntry reads "role[web]", "recipe[nginx::server@1.2.0]", "nginx", "nginx::default".
func parseEntry(s string, at estate.Place) (entry, bool) {
	kind, name := "recipe", strings.TrimSpace(s)
	if before, rest, ok := strings.Cut(name, "["); ok {
		kind, name = before, strings.TrimSuffix(rest, "]")
	}
	if kind == "recipe" {
		name, _, _ = strings.Cut(name, "@")
		name = strings.TrimSuffix(name, "::default")
	}
	if name == "" || kind != "role" && kind != "recipe" || strings.Contains(name, "#{") {
		return entry{}, false
	}
	return entry{kind: kind, name: name, place: at}, true
}

func (r *reporter) runList(v *value) []entry {
	if v == nil {
		return nil
	}
	if v.shape == leaf {
		v = &value{shape: list, items: []*value{v}}
	}
	var out []entry
	for _, item := range v.items {
		if item.shape == list {
			out = append(out, r.runList(item)...)
			continue
		}
		e, ok := parseEntry(item.word(), item.place)
		if !ok {
			r.doubt(estate.Unsupported, item.place, "this entry of the run list is neither role[…] nor recipe[…]; write it out")
			continue
		}
		out = append(out, e)
	}
	return out
}

func (r *reporter) envLists(v *value) map[string][]entry {
	out := map[string][]entry{}
	if v != nil && v.shape == table {
		for _, env := range v.keys {
			out[env] = r.runList(v.fields[env])
		}
	}
	return out
}

// sourceOf reads the attribute tables of a JSON object under any of Chef's names for them.
func sourceOf(n syntax.Node, file, layer string) levels {
	under := func(level string, keys ...string) *value {
		for _, key := range keys {
			if v := n.Get(key); v.Kind == syntax.Map {
				return fromNode(v, file, layer+" "+level)
			}
		}
		return nil
	}
	return levels{
		byDefault: under("default", "default_attributes", "default"),
		normal:    under("normal", "normal_attributes", "normal", "attributes"),
		override:  under("override", "override_attributes", "override"),
		automatic: under("automatic", "automatic"),
	}
}

// role reads a role, or a policy, which has the same parts.
func (d document) role(kind, name string, rep *reporter) *role {
	if d.isJSON() {
		if n := d.json.Get("name"); n.Value != "" {
			name = n.Value
		}
		all := fromNode(d.json, d.file, "")
		return &role{
			name: name, kind: kind, place: estate.Place{File: d.file, Line: max(1, d.json.Get("name").Line)},
			runList: rep.runList(all.at("run_list")), envLists: rep.envLists(all.at("env_run_lists")),
			attributes: sourceOf(d.json, d.file, kind+"["+name+"]"),
		}
	}
	dsl := readDSL(d, kind, name, rep)
	return &role{name: dsl.name, kind: kind, place: dsl.place, runList: rep.runList(dsl.get("run_list")), envLists: rep.envLists(dsl.get("env_run_lists")), attributes: dsl.attributes}
}

func (d document) environment(name string, rep *reporter) *environment {
	if d.isJSON() {
		if n := d.json.Get("name"); n.Value != "" {
			name = n.Value
		}
		return &environment{name: name, place: estate.Place{File: d.file, Line: max(1, d.json.Get("name").Line)}, attributes: sourceOf(d.json, d.file, "environment["+name+"]")}
	}
	dsl := readDSL(d, "environment", name, rep)
	return &environment{name: dsl.name, place: dsl.place, attributes: dsl.attributes}
}

// dsl is what the Ruby of a role, an environment or a Policyfile says.
type dsl struct {
	name       string
	place      estate.Place
	said       map[string]*value
	attributes levels
}

func (d dsl) get(word string) *value { return d.said[word] }

func readDSL(doc document, kind, name string, rep *reporter) dsl {
	out := dsl{name: name, place: estate.Place{File: doc.file, Line: 1}, said: map[string]*value{}}
	for _, e := range doc.ruby {
		if e.Kind == ruby.Call && e.Recv == nil && e.Text == "name" && len(e.Args) == 1 && e.Args[0].Text != "" {
			out.name, out.place.Line = e.Args[0].Text, e.Line
		}
	}
	in := &interpreter{file: doc.file, owner: kind + "[" + out.name + "]", report: rep, locals: map[string]*value{}, budget: maxSteps}
	in.declare = func(word string, v *value) { out.said[word] = v }
	in.run(doc.ruby)
	out.attributes = in.written
	for word, level := range map[string]**value{"default_attributes": &out.attributes.byDefault, "override_attributes": &out.attributes.override, "normal_attributes": &out.attributes.normal} {
		if v := out.said[word]; v != nil {
			*level = merge(*level, v, joinLists)
		}
	}
	return out
}

// ownKeys of a node's JSON are not attributes when the file has no section for those.
var ownKeys = map[string]bool{
	"name": true, "run_list": true, "chef_environment": true, "environment": true, "chef_type": true, "json_class": true, "default": true,
	"normal": true, "override": true, "automatic": true, "policy_name": true, "policy_group": true, "id": true, "recipes": true,
	"default_attributes": true, "override_attributes": true, "normal_attributes": true, "attributes": true,
}

// addNode reads a node object, or a file of chef-solo, whose attributes stand beside the run list.
func (r *repo) addNode(doc document) {
	j, layer := doc.json, "node"
	n := &node{environment: firstWord(j, "chef_environment", "environment"), policy: firstWord(j, "policy_name"), attributes: sourceOf(j, doc.file, layer)}
	if group := firstWord(j, "policy_group"); group != "" {
		n.environment = group
	}
	if n.environment == "_default" {
		n.environment = ""
	}
	all := fromNode(j, doc.file, layer+" normal")
	n.runList = r.report.runList(all.at("run_list"))
	if len(n.runList) == 0 {
		n.runList = r.report.runList(all.at("recipes"))
	}
	beside := newTable(all.place, layer+" normal")
	for _, key := range all.keys {
		if !ownKeys[key] {
			beside.put(key, all.fields[key])
		}
	}
	n.attributes.normal = merge(beside, n.attributes.normal, joinLists)
	n.name, n.place = nodeName(doc, n)
	r.nodes = append(r.nodes, n)
}

func firstWord(n syntax.Node, keys ...string) string {
	for _, key := range keys {
		if v := n.Get(key); v.Kind == syntax.Scalar && v.Value != "" {
			return v.Value
		}
	}
	return ""
}

// nodeName is what the file says, else its own name, unless that is one of chef-solo's common names; then the
// machine's host name or the folder.
func nodeName(doc document, n *node) (string, estate.Place) {
	at := estate.Place{File: doc.file, Line: 1}
	for _, key := range []string{"name", "id"} {
		if v := doc.json.Get(key); v.Kind == syntax.Scalar && v.Value != "" {
			at.Line = v.Line
			return v.Value, at
		}
	}
	if base := path.Base(doc.file); !soloNames[base] {
		return stem(base), at
	}
	for _, key := range []string{"fqdn", "hostname", "set_fqdn"} {
		if v := n.attributes.normal.at(key); v.word() != "" {
			at.Line = v.place.Line
			return v.word(), at
		}
	}
	if dir := path.Base(path.Dir(doc.file)); dir != "." && dir != "/" {
		return dir, at
	}
	return stem(doc.file), at
}

func (r *repo) addPolicy(doc document) {
	name := stem(doc.file)
	if strings.HasSuffix(doc.file, ".lock.json") {
		name = stem(name)
	}
	if name == "Policyfile" {
		name = path.Base(path.Dir(doc.file))
	}
	p := doc.role("policy", name, r.report)
	if known := r.policies[p.name]; known != nil && doc.isJSON() {
		return // the Policyfile itself has the lines people wrote
	}
	r.policies[p.name] = p
}

// addGroup reads which policies a policy group holds: its environment.
func (r *repo) addGroup(doc document) {
	for _, p := range doc.json.Get("policies").Pairs {
		if _, twice := r.groups[p.Key]; twice {
			r.groups[p.Key] = ""
			continue
		}
		r.groups[p.Key] = stem(doc.file)
	}
}

// addItem keeps a data bag item, unless it is encrypted or holds people, keys or certificates.
func (r *repo) addItem(doc document) {
	name := path.Base(path.Dir(doc.file))
	id := firstWord(doc.json, "id")
	if id == "" {
		id = stem(doc.file)
	}
	if strings.HasSuffix(id, "_keys") {
		return
	}
	item := fromNode(doc.json, doc.file, "data_bag["+name+"]")
	if encrypted(doc.json) {
		item = nil
	}
	if r.bags[name] == nil {
		r.bags[name] = map[string]*value{}
	}
	r.bags[name][id] = item
	r.bagFiles = append(r.bagFiles, bag{name: name, id: id, file: doc.file, item: item})
}

var privateWords = map[string]bool{
	"user": true, "admin": true, "ssh": true, "key": true, "cert": true, "certificate": true, "ssl": true, "tls": true,
	"secret": true, "vault": true, "password": true, "credential": true, "token": true,
}

func privateBag(name string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return c == '_' || c == '-' || c == '.' }) {
		if privateWords[strings.TrimSuffix(word, "s")] || privateWords[word] {
			return true
		}
	}
	return false
}

// encrypted reports whether any field is one of Chef's encrypted values, or all are of the oldest kind.
func encrypted(n syntax.Node) bool {
	if n.Has("encrypted_data") && (n.Has("cipher") || n.Has("iv") || n.Has("version")) {
		return true
	}
	ciphers, plain := 0, 0
	for _, p := range n.Pairs {
		switch {
		case encrypted(p.Value):
			return true
		case p.Key == "id" || p.Value.Kind == syntax.Null:
		case p.Value.Kind == syntax.Scalar && base64Block(p.Value.Value):
			ciphers++
		default:
			plain++
		}
	}
	return ciphers > 0 && plain == 0
}

// base64Block reports whether a string is what Chef's oldest encryption leaves: base64 in whole blocks, line ends included.
func base64Block(s string) bool {
	s = strings.ReplaceAll(s, "\n", "")
	if len(s) < 24 || len(s)%4 != 0 {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(s)
	return err == nil && len(raw)%16 == 0
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}
