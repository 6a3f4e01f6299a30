package chef

import (
	"cmp"
	"net/netip"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/discover/process"
	"example.org/caravan/internal/estate"
)

// maxSettings bounds the attributes reported for one node.
const maxSettings = 20_000

// emit reports everything one repository says.
func (r *repo) emit() {
	slices.SortStableFunc(r.nodes, func(a, b *node) int { return a.place.Compare(b.place) })
	for _, n := range r.nodes {
		r.emitNode(n)
	}
	for _, name := range sortedKeys(r.roles) {
		r.emitRole(r.roles[name])
	}
	for _, name := range sortedKeys(r.policies) {
		r.emitRole(r.policies[name])
	}
	for _, name := range sortedKeys(r.environments) {
		e := r.environments[name]
		r.recordsOnly(e.attributes.byDefault, name)
		r.recordsOnly(e.attributes.override, name)
	}
	for _, b := range r.bagFiles {
		r.emitItem(b)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// recordsOnly reports the tables of names among attributes.
func (r *repo) recordsOnly(v *value, env string) {
	v.each("", func(key string, v *value) bool { return r.emitRecords(key, v, env) }, func(string, *value) {})
}

func (b *bearer) see(s estate.Sighting) {
	s.Subject = b.subject
	s.Environment = estate.EnvironmentName(b.env)
	b.repo.report.See(s)
}

func (r *repo) emitNode(n *node) {
	own, list, env := n.attributes, n.runList, n.environment
	var policy *role
	if n.policy != "" {
		if policy = r.policies[n.policy]; policy != nil {
			own.byDefault = merge(own.byDefault, policy.attributes.byDefault, joinLists)
			own.override = merge(own.override, policy.attributes.override, joinLists)
			list = append(slices.Clone(policy.runList), list...)
		}
		if env == "" {
			env = r.groups[n.policy]
		}
	}
	b := r.newBearer(estate.In(r.space, n.name), n.name, env, own, list)
	b.see(estate.Sighting{Fact: estate.Runs, Key: "host", Place: n.place})
	b.emitNames(n)
	if n.policy != "" {
		b.see(estate.Sighting{Fact: estate.Hosts, Key: "role", Value: n.policy, Place: n.place})
	}
	b.emitHosted()
	b.emitSettings()
	b.emitFacts()
	b.emitWritten()
}

// emitRole reports a role's name and, in a repository without nodes, what a host with nothing but this role would
// have: one that no other role includes, once for each environment.
func (r *repo) emitRole(role *role) {
	subject := estate.In(r.space, role.kind+":"+role.name)
	r.report.See(estate.Sighting{Fact: estate.Called, Subject: subject, Key: estate.NameRole, Value: role.name, Place: role.place})
	if len(r.nodes) > 0 {
		r.recordsOnly(role.attributes.byDefault, "")
		r.recordsOnly(role.attributes.override, "")
		return
	}
	if r.includedElsewhere(role.name) {
		return
	}
	r.report.See(estate.Sighting{Fact: estate.Runs, Subject: subject, Key: "service", Place: role.place})
	envs := sortedKeys(r.environments)
	if len(envs) == 0 {
		envs = []string{r.groups[role.name]}
	}
	for _, env := range envs {
		own := levels{}
		if role.kind == "policy" {
			own = role.attributes
		}
		list := role.runList
		if role.kind == "role" {
			list = []entry{{kind: "role", name: role.name, place: role.place}}
		}
		b := r.newBearer(subject, role.name, env, own, list)
		if role.kind == "role" {
			b.entries = b.entries[1:]
		}
		b.emitHosted()
		b.emitSettings()
		b.emitFacts()
	}
}

func (r *repo) includedElsewhere(name string) bool {
	for _, other := range r.roles {
		for _, e := range other.runList {
			if e.kind == "role" && e.name == name && other.name != name {
				return true
			}
		}
	}
	return false
}

// emitCookbook reports what a cookbook that nothing runs says, about its own folder.
func (r *repo) emitCookbook(book *cookbook) {
	var list []entry
	for _, name := range sortedKeys(book.recipes) {
		list = append(list, entry{kind: "recipe", name: book.name + "::" + name, place: estate.Place{File: book.recipes[name].file, Line: 1}})
	}
	b := r.newBearer(estate.At(book.dir), book.name, "", levels{}, list)
	b.emitSettings()
	b.emitFacts()
}

// emitHosted reports the expanded run list.
func (b *bearer) emitHosted() {
	for _, e := range b.entries {
		b.see(estate.Sighting{Fact: estate.Hosts, Key: e.kind, Value: e.name, Place: e.place})
	}
}

// nameAttributes are attributes that name the node itself.
var nameAttributes = [][]string{
	{"fqdn"}, {"hostname"}, {"machinename"}, {"ipaddress"}, {"ip6address"}, {"set_fqdn"}, {"knife_zero", "host"},
	{"cloud", "public_hostname"}, {"cloud", "local_hostname"}, {"cloud", "public_ipv4"}, {"cloud", "local_ipv4"}, {"cloud", "public_ips"},
	{"cloud", "private_ips"}, {"cloud", "public_ipv4_addrs"}, {"cloud", "local_ipv4_addrs"}, {"cloud_v2", "public_hostname"}, {"cloud_v2", "local_hostname"},
	{"cloud_v2", "public_ipv4"}, {"cloud_v2", "local_ipv4"},
	{"ec2", "public_hostname"}, {"ec2", "local_hostname"}, {"ec2", "public_ipv4"}, {"ec2", "local_ipv4"}, {"gce", "instance", "hostname"},
	{"private_ip"}, {"public_ip"}, {"private_ipaddress"}, {"public_ipaddress"},
}

func (b *bearer) emitNames(n *node) {
	b.see(estate.Sighting{Fact: estate.Called, Key: estate.NameNode, Value: n.name, Place: n.place})
	b.called(n.name, n.place, strings.Contains(n.name, "."))
	for _, p := range nameAttributes {
		v := b.all.at(p...)
		if v == nil || v.shape == leaf && !strings.HasPrefix(v.layer, "node ") {
			continue // what a role or environment says would name all its nodes alike
		}
		for _, s := range v.words() {
			b.called(s, v.place, true)
		}
	}
	interfaces := b.all.at("network", "interfaces")
	if interfaces == nil {
		return
	}
	for _, name := range interfaces.keys {
		b.interfaceAddresses(name, interfaces.at(name, "addresses"))
	}
}

// called reports an address, or a host name if it may be one.
func (b *bearer) called(s string, at estate.Place, host bool) {
	switch {
	case isAddress(s):
		if !loopback(s) {
			b.see(estate.Sighting{Fact: estate.Called, Key: estate.NameAddress, Value: s, Place: at})
		}
	case host && nameLike(s) && !strings.HasPrefix(s, "localhost"):
		b.see(estate.Sighting{Fact: estate.Called, Key: estate.NameHostname, Value: s, Place: at})
	}
}

func loopback(s string) bool {
	return strings.HasPrefix(s, "127.") || s == "::1" || s == "0.0.0.0" || s == "::" || strings.HasPrefix(strings.ToLower(s), "fe80:")
}

// innerInterfaces have addresses that every machine has alike.
var innerInterfaces = []string{"lo", "docker", "br-", "virbr", "veth", "cni", "flannel", "cali", "kube-", "dummy", "tunl"}

func (b *bearer) interfaceAddresses(name string, addresses *value) {
	if addresses == nil || addresses.shape != table {
		return
	}
	for _, inner := range innerInterfaces {
		if strings.HasPrefix(name, inner) {
			return
		}
	}
	for _, address := range addresses.keys {
		b.called(address, addresses.fields[address].place, false)
		b.subnet(address, addresses.fields[address])
	}
}

// subnet reports the range an interface is in, as far as Ohai noted how long its prefix is.
func (b *bearer) subnet(address string, noted *value) {
	length := noted.at("prefixlen")
	if length == nil || loopback(address) {
		return
	}
	for _, bits := range length.words() {
		if prefix, err := netip.ParsePrefix(address + "/" + bits); err == nil && prefix.Bits() > 0 && !prefix.IsSingleIP() {
			b.repo.report.See(estate.Sighting{Fact: estate.Spans, Key: cmp.Or(b.env, "chef"), Value: prefix.Masked().String(), Environment: estate.EnvironmentName(b.env), Place: length.place})
		}
	}
}

// emitSettings reports every attribute as the node sees it, but for what the platform says of itself, tables of names
// and the attributes of cookbooks that only lend their code.
func (b *bearer) emitSettings() {
	left := maxSettings
	var see func(key string, v *value)
	skip := func(key string, v *value) bool {
		return key != "" && b.repo.emitRecords(key, v, b.env)
	}
	depth := 0
	see = func(key string, v *value) {
		if left--; left < 0 || v.shape != leaf || noise(key, v.layer) || b.lentBy(v.layer) {
			return
		}
		if to := b.follow(v); to.shape > leaf && depth < maxRefs {
			depth++
			to.each(key, skip, func(k string, part *value) {
				moved := *part
				moved.place, moved.layer = v.place, v.layer
				see(k, &moved)
			})
			depth--
			return
		}
		s, _ := b.text(v)
		if strings.Contains(s, "-----BEGIN") {
			return
		}
		b.see(estate.Sighting{Fact: estate.Sets, Key: key, Value: s, Layer: v.layer, Place: v.place})
		b.emitVirtual(key, s, v)
	}
	b.all.each("", skip, see)
	if left < 0 {
		b.repo.report.doubt(estate.Unsupported, b.firstPlace(), "more attributes than are read for one node; the rest was left out, so split them by role")
	}
}

func (b *bearer) firstPlace() estate.Place {
	if len(b.entries) > 0 {
		return b.entries[0].place
	}
	return estate.Place{File: path.Join(b.repo.root, b.name)}
}

// lentBy reports whether a layer is that of a cookbook of which the node runs no recipe.
func (b *bearer) lentBy(layer string) bool {
	name, ok := strings.CutPrefix(layer, "cookbook[")
	if !ok {
		return false
	}
	name, _, _ = strings.Cut(name, "]")
	return !b.books[name]
}

// automaticKept are the words in an automatic attribute's key that make it worth keeping.
var automaticKept = map[string]bool{
	"fqdn": true, "hostname": true, "machinename": true, "domain": true, "ipaddress": true, "ip6address": true, "port": true, "ports": true,
	"services": true, "service": true, "public_ipv4": true, "local_ipv4": true, "public_hostname": true, "local_hostname": true, "listen": true,
}

// platformNoise are the sections in which the platform describes itself.
var platformNoise = map[string]bool{
	"kernel": true, "packages": true, "languages": true, "filesystem": true, "filesystem2": true, "cpu": true, "memory": true, "block_device": true,
	"network": true, "counters": true, "etc": true, "sysconf": true, "dmi": true, "virtualization": true, "chef_packages": true, "command": true,
	"roles": true, "recipes": true, "keys": true, "init_package": true, "lsb": true, "ohai": true, "ssh": true, "shard_seed": true,
}

func noise(key, layer string) bool {
	if !strings.HasSuffix(layer, " automatic") {
		return false
	}
	words := strings.FieldsFunc(key, func(c rune) bool { return c == '.' || c == '[' || c == ']' })
	if len(words) == 0 || platformNoise[words[0]] {
		return true
	}
	return !slices.ContainsFunc(words, func(w string) bool { return automaticKept[w] })
}

// virtualSections are the programs that hold virtual addresses.
var virtualSections = []string{"keepalived", "haproxy", "vrrp", "heartbeat", "pacemaker", "corosync", "ucarp"}

// emitVirtual reports a virtual address that the node itself holds. One that a whole environment is told is an
// address to use.
func (b *bearer) emitVirtual(key, s string, v *value) {
	if strings.HasPrefix(v.layer, "environment[") || !virtualKey(strings.ToLower(key)) {
		return
	}
	s, _, _ = strings.Cut(s, "/")
	s, _, _ = strings.Cut(s, " ")
	if isAddress(s) && !loopback(s) {
		b.see(estate.Sighting{Fact: estate.Called, Key: estate.NameVirtual, Value: s, Layer: v.layer, Place: v.place})
	}
}

func virtualKey(key string) bool {
	if strings.Contains(key, "virtual_ip") || strings.Contains(key, "virtual_address") {
		return true
	}
	if !slices.ContainsFunc(virtualSections, func(s string) bool { return strings.Contains(key, s) }) {
		return false
	}
	words := strings.FieldsFunc(key, func(c rune) bool { return c == '.' || c == '_' || c == '[' || c == ']' || c == '-' })
	return slices.ContainsFunc(words, func(w string) bool { return w == "vip" || w == "vips" || w == "floating" })
}

// emitFacts reports what the recipes say, now that every attribute is known.
func (b *bearer) emitFacts() {
	seen := map[string]bool{}
	for _, f := range b.facts {
		switch f.kind {
		case runsUnit:
			b.emitHostedFact("unit", f)
		case hasPackage:
			b.emitHostedFact("package", f)
		case searches:
			b.emitSearch(f)
		case sets:
			b.emitSet(f.key, f.value)
		case refersTo:
			b.emitReference(f, seen)
		case rendersFile:
			b.emitTemplate(f)
		case definesUnit:
			b.emitUnit(f)
		case namesHost:
			b.emitHostsLine(f)
		}
	}
}

func (b *bearer) emitHostedFact(key string, f fact) {
	for _, s := range b.texts(f.value) {
		b.see(estate.Sighting{Fact: estate.Hosts, Key: key, Value: strings.TrimSuffix(s, ".service"), Place: f.place})
	}
}

// texts are the known texts of a leaf or a list of leaves.
func (b *bearer) texts(v *value) []string {
	v = b.follow(v)
	items := []*value{v}
	if v != nil && v.shape == list {
		items = v.items
	}
	var out []string
	for _, item := range items {
		if s, ok := b.text(item); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (b *bearer) emitSearch(f fact) {
	query, whole := b.text(f.value)
	sought := soughtBy(query)
	if len(sought) == 0 && !whole {
		b.repo.report.doubt(estate.Unresolved, f.place, "this search is put together in Ruby, so which nodes it finds is unknown; say in the workspace what this recipe uses")
	}
	for _, name := range sought {
		if strings.Contains(name, "#{") {
			b.repo.report.doubt(estate.Unresolved, f.place, "this search looks for a name computed in Ruby; say in the workspace what this recipe uses")
			continue
		}
		b.see(estate.Sighting{Fact: estate.Links, Key: estate.LinkDeclared, Value: name, Place: f.place})
	}
}

func (b *bearer) emitSet(key string, v *value) {
	s, _ := b.text(v)
	if s == "" || strings.Contains(s, "-----BEGIN") {
		return
	}
	b.see(estate.Sighting{Fact: estate.Sets, Key: key, Value: s, Layer: "file", Place: v.place})
}

// emitReference reports an address that a whole environment is told, for a node whose recipe really reads it.
func (b *bearer) emitReference(f fact, seen map[string]bool) {
	b.find(f.path).each(strings.Join(f.path, "."), isRecords, func(k string, v *value) {
		if seen[k] {
			return
		}
		seen[k] = true
		if s, ok := b.text(v); ok && strings.HasPrefix(v.layer, "environment[") && (isEndpoint(s) || nameLike(s) && strings.Contains(s, ".")) {
			b.see(estate.Sighting{Fact: estate.Sets, Key: k, Value: s, Layer: "file", Place: v.place})
		}
	})
}

func (b *bearer) emitHostsLine(f fact) {
	address, ok := b.text(b.follow(f.value))
	if !ok || !isAddress(address) {
		return
	}
	for _, name := range b.texts(f.vars["names"]) {
		if b.repo.report.once("record " + name + " " + address + " " + f.place.String()) {
			b.repo.report.See(estate.Sighting{Fact: estate.Resolves, Key: name, Value: address, Place: f.place})
		}
	}
}

// serviceBags are the names of data bags whose items are services.
var serviceBags = map[string]bool{
	"apps": true, "app": true, "applications": true, "application": true, "services": true, "service": true, "microservices": true, "deployments": true,
	"sites": true, "webapps": true, "projects": true, "daemons": true, "workers": true,
}

// serviceKeys are fields that only the item of a service has; two of them make one in a bag of any name.
var serviceKeys = []string{"port", "hosts", "owner", "team", "repository", "repo", "deploy_to", "server_roles", "servers", "healthcheck", "depends_on"}

func isService(b bag) bool {
	if b.item == nil {
		return false
	}
	if serviceBags[strings.ToLower(b.name)] {
		return true
	}
	n := 0
	for _, key := range serviceKeys {
		if b.item.has(key) {
			n++
		}
	}
	return n > 1 && (b.item.has("owner") || b.item.has("team") || b.item.has("port"))
}

// emitItem reports a data bag item: its tables of names, and a service if it describes one.
func (r *repo) emitItem(b bag) {
	r.emitBagRecords(b)
	if !isService(b) {
		return
	}
	subject := estate.In(r.space, "bag:"+b.name+"/"+b.id)
	at := estate.Place{File: b.file, Line: 1}
	if id := b.item.at("id"); id != nil {
		at = id.place
	}
	see := func(s estate.Sighting) {
		s.Subject = subject
		r.report.See(s)
	}
	see(estate.Sighting{Fact: estate.Runs, Key: "service", Place: at})
	see(estate.Sighting{Fact: estate.Called, Key: estate.NameCatalog, Value: b.id, Place: at})
	if v := ownerOf(b.item); v != nil {
		see(estate.Sighting{Fact: estate.Owns, Key: "catalog", Value: v.word(), Place: v.place})
	}
	if v := b.item.at("port"); v.word() != "" {
		see(estate.Sighting{Fact: estate.Listens, Key: "container", Value: v.word(), Place: v.place})
	}
	b.item.each("", func(key string, v *value) bool { return key != "" && len(recordsIn(b.name+"."+key, v)) > 0 }, func(key string, v *value) {
		s, ok := v.literal()
		if !ok || key == "id" || key == "chef_type" || strings.Contains(s, "-----BEGIN") {
			return
		}
		env, rest, nested := strings.Cut(key, ".")
		if !nested || r.environments[env] == nil {
			env, rest = "", key
		}
		if t, ok := process.OfField(rest, s); ok {
			see(estate.Sighting{Fact: estate.Process, Key: t.Key, Value: t.Value, Environment: estate.EnvironmentName(env), Place: v.place})
		}
		see(estate.Sighting{Fact: estate.Sets, Key: rest, Value: s, Layer: "data_bag[" + b.name + "]", Environment: estate.EnvironmentName(env), Place: v.place})
	})
}

// ownerOf is the field that names the owning team. An "owner" beside a "group", or one that is a system's user, owns
// files.
func ownerOf(item *value) *value {
	for _, key := range []string{"team", "owned_by", "owner"} {
		v := item.at(key)
		s := v.word()
		if s == "" || strings.Contains(s, " ") || key == "owner" && (item.has("group") || systemUsers[s] || s == item.at("id").word()) {
			continue
		}
		return v
	}
	return nil
}

var systemUsers = map[string]bool{"root": true, "www-data": true, "deploy": true, "nobody": true, "apache": true, "nginx": true, "ubuntu": true}

// emitBagRecords reads tables of names in an item. The bag's name is part of the key: data_bags/dns/example.json.
func (r *repo) emitBagRecords(b bag) {
	if b.item == nil {
		return
	}
	if tableNamed(b.name) {
		if one := recordOf(b.item, "", true); one != nil && !b.item.has("records") {
			lone := &value{shape: list, items: []*value{b.item}, place: b.item.place}
			r.emitRecords(b.name, lone, "")
			return
		}
	}
	b.item.each(b.name, func(key string, v *value) bool { return r.emitRecords(key, v, "") }, func(string, *value) {})
}
