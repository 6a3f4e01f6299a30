package depmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// nameTable answers who is meant by a name, an address or a local port.
type nameTable struct {
	nodes   []node
	byName  map[string][]int // normalised name → nodes
	byIP    map[string][]int
	byPort  map[int][]int // port reachable on a machine's own address → nodes
	ownPort map[int][]int // port a process listens on → nodes
	records map[string][]estate.Record
	domains map[string]bool // domains that components' own names lie in
	stems   map[string][]int
	onHost  map[estate.ServiceName][]int // host → what runs there
	namesOf map[string][]recordedName    // address → names that lead to it, in the records' order
	cache   map[string][]int
}

type recordedName struct {
	host string
	env  estate.EnvironmentName
}

func newNameTable(nodes []node, records []estate.Record) nameTable {
	t := nameTable{nodes: nodes, byName: map[string][]int{}, byIP: map[string][]int{}, byPort: map[int][]int{}, ownPort: map[int][]int{},
		records: map[string][]estate.Record{}, domains: map[string]bool{}, stems: map[string][]int{}, onHost: map[estate.ServiceName][]int{}, namesOf: map[string][]recordedName{}, cache: map[string][]int{}}
	for i := range nodes {
		t.enter(i)
	}
	for _, r := range records {
		key := strings.ToLower(strings.TrimSuffix(r.Name, "."))
		t.records[key] = append(t.records[key], r)
		t.namesOf[r.Target] = append(t.namesOf[r.Target], recordedName{key, r.Environment})
		t.addDomain(key)
	}
	return t
}

func (t *nameTable) enter(i int) {
	n := &t.nodes[i]
	add := func(name string) {
		key := estate.Norm(name)
		if key != "" && !slices.Contains(t.byName[key], i) {
			t.byName[key] = append(t.byName[key], i)
		}
	}
	add(string(n.Name))
	for _, a := range n.Names {
		switch a.Kind {
		case estate.NameAddress, estate.NameVirtual:
			t.byIP[a.Value] = append(t.byIP[a.Value], i)
		case estate.NameBuild, estate.NameMounts, estate.NameImage:
		case estate.NameModule:
			add(a.Value[strings.LastIndexAny(a.Value, ":/")+1:])
		default:
			add(a.Value)
			if strings.Contains(a.Value, ".") {
				t.addDomain(strings.ToLower(a.Value))
			}
		}
	}
	for _, l := range n.Listens {
		if l.Via != "container" && !slices.Contains(t.byPort[l.Port], i) {
			t.byPort[l.Port] = append(t.byPort[l.Port], i)
		}
		if !slices.Contains(t.ownPort[l.Port], i) {
			t.ownPort[l.Port] = append(t.ownPort[l.Port], i)
		}
	}
	for _, h := range n.Hosts {
		t.onHost[h] = append(t.onHost[h], i)
	}
	if s := stem(string(n.Name)); s != "" {
		t.stems[s] = append(t.stems[s], i)
	}
}

func (t *nameTable) addDomain(name string) {
	if _, domain, ok := strings.Cut(name, "."); ok && strings.Contains(name, ".") {
		t.domains[domain] = true
	}
}

// stem is a name without the words that only say it is a service.
func stem(name string) string {
	n := estate.Norm(name)
	for _, w := range []string{"microservice", "webservice", "service", "server", "svc", "api", "app", "ms"} {
		if cut, ok := strings.CutSuffix(n, w); ok && len(cut) > 2 {
			return cut
		}
	}
	return n
}

// inClusterSuffixes are what discovery systems add to a service's name.
var inClusterSuffixes = []string{".svc.cluster.local", ".svc", ".service.consul", ".service.dc1.consul", ".local", ".localdomain", ".docker", ".weave.local", ".marathon.mesos", ".internal"}

// named finds the nodes a host name means in an environment, nearest reading first.
func (t *nameTable) named(host string, env estate.EnvironmentName) []int {
	key := string(env) + "\x00" + host
	if got, ok := t.cache[key]; ok {
		return got
	}
	got := t.lookUp(host, env, 0)
	t.cache[key] = got
	return got
}

const maxAliases = 8

func (t *nameTable) lookUp(host string, env estate.EnvironmentName, depth int) []int {
	if found := t.byName[estate.Norm(host)]; len(found) > 0 {
		return found
	}
	label, domain, dotted := strings.Cut(host, ".")
	internal := dotted && (t.domains[domain] || !strings.Contains(domain, ".") && !publicSuffix(domain))
	if internal {
		if found := t.byName[estate.Norm(label)]; len(found) > 0 {
			return found
		}
	}
	if found := t.viaRecord(host, env, depth); len(found) > 0 {
		return found
	}
	for _, suffix := range inClusterSuffixes {
		cut, ok := strings.CutSuffix(host, suffix)
		if !ok {
			continue
		}
		if found := t.byName[estate.Norm(cut)]; len(found) > 0 {
			return found
		}
		first, _, _ := strings.Cut(cut, ".")
		return t.byName[estate.Norm(first)]
	}
	return nil
}

// viaRecord follows the name records of an environment.
func (t *nameTable) viaRecord(host string, env estate.EnvironmentName, depth int) []int {
	if depth >= maxAliases {
		return nil
	}
	var out []int
	for _, r := range t.records[host] {
		if r.Environment != "" && env != "" && r.Environment != env {
			continue
		}
		target := strings.ToLower(strings.TrimSuffix(r.Target, "."))
		found := t.byIP[target]
		if len(found) == 0 {
			found = t.lookUp(target, env, depth+1)
		}
		for _, i := range found {
			if !slices.Contains(out, i) {
				out = append(out, i)
			}
		}
	}
	return out
}

// publicSuffix reports whether a top-level domain is one of the public internet's usual ones.
func publicSuffix(tld string) bool {
	switch tld {
	case "com", "org", "net", "io", "dev", "app", "co", "eu", "de", "uk", "cn", "ru", "fr", "br", "in", "jp", "info", "cloud", "me", "ai", "gov", "edu", "us", "nl", "sg", "my", "id", "au", "ca":
		return true
	}
	return false
}

// provider is who answers at an address.
type provider struct {
	name           estate.ServiceName
	node           *node // nil for what lies outside the estate
	kind           EdgeKind
	port           int
	infrastructure bool
	confidence     float64 // how surely the address means this provider
}

// question is an address to resolve, with what its setting says beside it.
type question struct {
	from  *node
	e     endpoint.Endpoint
	key   string
	place estate.Place
	env   estate.EnvironmentName
	// strict asks for components only: no outside node and no doubt comes of an unknown name.
	strict bool
	// abroad lets a strict question name hosts of the public internet.
	abroad bool
}

// resolve finds who answers, or records why nobody can be named.
func (b *builder) resolve(q question) (provider, bool) {
	if q.e.Unresolved() {
		b.doubtPlaceholder(q)
		return provider{}, false
	}
	if q.e.IsLocal() {
		return b.resolveLocal(q)
	}
	if q.e.IsMetadata() {
		return provider{}, false
	}
	found, sure := b.names.named(q.e.Host, q.env), 1.0
	if q.e.IsIP() {
		found = b.names.byIP[q.e.Host]
		if len(found) == 0 {
			found = b.viaRecords(q.e.Host, q.env)
		}
		if len(found) == 0 && q.e.Port > 0 && privateIP(q.e.Host) {
			found, sure = b.names.byPort[q.e.Port], 0.5 // a container engine's own address: who publishes the port
			if len(found) != 1 {
				found = nil
			}
		}
	}
	found = b.runningThere(found, q)
	if n, ok := b.choose(found, q); ok {
		return b.provider(n, q, sure), true
	}
	if len(found) > 1 {
		b.doubtAmbiguous(q, found)
		return provider{}, false
	}
	return b.unknown(q)
}

// viaRecords follows an address back through the name records that lead to it.
func (b *builder) viaRecords(ip string, env estate.EnvironmentName) []int {
	for _, name := range b.names.namesOf[ip] {
		if name.env != "" && env != "" && name.env != env {
			continue
		}
		if found := b.names.byName[estate.Norm(name.host)]; len(found) > 0 {
			return found
		}
		label, _, _ := strings.Cut(name.host, ".")
		if found := b.names.byName[estate.Norm(label)]; len(found) > 0 {
			return found
		}
	}
	return nil
}

// runningThere replaces a host by the service on it that answers at the port, when one does.
func (b *builder) runningThere(found []int, q question) []int {
	var out []int
	for _, i := range found {
		host := &b.nodes[i]
		if host.Kind != estate.Host {
			out = append(out, i)
			continue
		}
		out = append(out, b.serviceOn(host, i, q))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (b *builder) serviceOn(host *node, i int, q question) int {
	on := b.names.onHost[host.Name]
	byTechnology := -1
	wanted, sort := wantedTechnology(q), wantedSort(q.key)
	for _, s := range on {
		if q.e.Port > 0 && slices.ContainsFunc(b.nodes[s].Listens, func(l estate.Listen) bool { return l.Port == q.e.Port }) {
			return s
		}
		if t := b.nodes[s].technology; t != "" && (t == wanted || wanted == "" && sort[t]) {
			byTechnology = s
		}
	}
	if byTechnology >= 0 {
		return byTechnology
	}
	if len(on) == 1 {
		return on[0]
	}
	return i
}

// choose picks the one meant: the only one, else the one nearest to the asker.
func (b *builder) choose(found []int, q question) (*node, bool) {
	switch len(found) {
	case 0:
		return nil, false
	case 1:
		return &b.nodes[found[0]], true
	}
	best, bestScore, tie := -1, -1, false
	for _, i := range found {
		score := nearness(q.from, &b.nodes[i], q)
		switch {
		case score > bestScore:
			best, bestScore, tie = i, score, false
		case score == bestScore:
			tie = true
		}
	}
	if tie || bestScore <= 0 {
		return nil, false
	}
	return &b.nodes[best], true
}

// nearness counts how much two components are deployed together.
func nearness(a, b *node, q question) int {
	score := 0
	if q.env != "" && slices.Contains(b.Environments, q.env) {
		score += 8
	}
	if w := wantedTechnology(q); w != "" && b.technology == w {
		score += 4
	}
	if q.e.Host != "" && estate.Norm(string(b.Name)) == estate.Norm(q.e.Host) {
		score++ // its own name, not one it shares
	}
	for _, p := range a.Places {
		if slices.ContainsFunc(b.Places, func(o estate.Place) bool { return o.File == p.File }) {
			return score + 3
		}
	}
	for _, p := range a.Places {
		if slices.ContainsFunc(b.Places, func(o estate.Place) bool { return dirOf(o.File) == dirOf(p.File) }) {
			return score + 2
		}
	}
	return score
}

func dirOf(file string) string {
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		return file[:i]
	}
	return ""
}

// resolveLocal finds who listens on a port of the machine itself.
func (b *builder) resolveLocal(q question) (provider, bool) {
	if q.e.Port == 0 {
		return provider{}, false
	}
	if slices.ContainsFunc(q.from.Listens, func(l estate.Listen) bool { return l.Port == q.e.Port }) {
		return provider{}, false
	}
	if q.e.IsUnspecified() {
		if n, ok := b.meantByKey(q, b.names.ownPort[q.e.Port]); ok {
			return b.provider(n, q, 0.6), true
		}
		return provider{}, false // where the process itself listens
	}
	for _, table := range []map[int][]int{b.names.byPort, b.names.ownPort} {
		found := table[q.e.Port]
		if n, ok := b.choose(found, q); ok {
			return b.provider(n, q, 0.8), true
		}
		if n, ok := b.meantByKey(q, found); ok {
			return b.provider(n, q, 0.7), true
		}
		if len(found) > 1 {
			b.doubtAmbiguous(q, found)
			return provider{}, false
		}
	}
	if w := wantedTechnology(q); w != "" {
		if n, ok := b.only(w); ok {
			return b.provider(n, q, 0.6), true
		}
		return provider{}, false // a store beside the process itself
	}
	if n, ok := b.meantByKey(q, nil); ok {
		return b.provider(n, q, 0.6), true
	}
	return provider{}, false
}

// only is the one component of a technology in the estate.
func (b *builder) only(tech string) (*node, bool) {
	var found *node
	for i := range b.nodes {
		if b.nodes[i].technology != tech {
			continue
		}
		if found != nil {
			return nil, false
		}
		found = &b.nodes[i]
	}
	return found, found != nil
}

// meantByKey finds the component that the words of the key name: service.product.url means product-service.
func (b *builder) meantByKey(q question, among []int) (*node, bool) {
	words := keyWords(q.key)
	for size := min(3, len(words)); size > 0; size-- {
		for start := 0; start+size <= len(words); start++ {
			joined := strings.Join(words[start:start+size], "")
			if len(joined) < 3 || plainWord[joined] {
				continue
			}
			found := b.names.stems[stem(joined)]
			if len(found) != 1 || among != nil && !slices.Contains(among, found[0]) {
				continue
			}
			if n := &b.nodes[found[0]]; n.index != q.from.index {
				return n, true
			}
		}
	}
	return nil, false
}

// plainWord are words of keys that say nothing about who is meant.
var plainWord = map[string]bool{
	"url": true, "uri": true, "host": true, "port": true, "service": true, "server": true, "client": true, "api": true, "base": true, "http": true,
	"address": true, "addr": true, "endpoint": true, "config": true, "spring": true, "default": true, "cloud": true, "app": true, "web": true,
}

// wantedTechnology is what the scheme, port or key of a question asks for; "" when it could be anything.
func wantedTechnology(q question) string {
	if t, ok := technology.OfScheme(q.e.Scheme); ok && q.e.Scheme != "" {
		return t.Name
	}
	if q.e.Port > 0 {
		if t, ok := technology.OfPort(q.e.Port); ok {
			return t.Name
		}
	}
	for _, w := range keyWords(q.key) {
		if t, ok := technology.OfName(w); ok && !plainWord[w] {
			return t.Name
		}
	}
	return ""
}

// Sorts of store that a key may ask for without naming the technology.
var (
	databases = map[string]bool{"postgres": true, "mysql": true, "mariadb": true, "sqlserver": true, "oracle": true, "mongodb": true, "cockroachdb": true}
	caches    = map[string]bool{"redis": true, "valkey": true, "memcached": true, "hazelcast": true}
	queues    = map[string]bool{"rabbitmq": true, "kafka": true, "nats": true, "activemq": true, "pulsar": true}
)

// wantedSort is what a key such as REPORTS_DB_HOST asks for; nil when it does not say.
func wantedSort(key string) map[string]bool {
	for _, w := range keyWords(key) {
		switch w {
		case "db", "database", "jdbc", "sql", "datasource":
			return databases
		case "cache", "session", "sessions":
			return caches
		case "mq", "queue", "broker", "amqp", "messaging", "events":
			return queues
		}
	}
	return nil
}

// keyWords splits a key into lower-case words: SPRING_DATA_MONGODB_HOST, orderServiceUrl and order-service.url alike.
func keyWords(key string) []string {
	var words []string
	start := 0
	cut := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(key[start:end]))
		}
	}
	for i := 0; i < len(key); i++ {
		c := key[i]
		switch {
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
		case c >= 'A' && c <= 'Z':
			if i > 0 && key[i-1] >= 'a' && key[i-1] <= 'z' {
				cut(i)
				start = i
			}
		default:
			cut(i)
			start = i + 1
		}
	}
	cut(len(key))
	return words
}

// provider is a component as the far end of an edge.
func (b *builder) provider(n *node, q question, sure float64) provider {
	return provider{name: n.Name, node: n, kind: kindOf(n, q), port: q.e.Port, infrastructure: n.infrastructure, confidence: sure}
}

// unknown handles an address that nobody in the estate has: the public internet becomes an external, a private name a doubt too.
func (b *builder) unknown(q question) (provider, bool) {
	host := q.e.Host
	public := strings.Contains(host, ".") && !q.e.IsIP() && publicSuffix(host[strings.LastIndexByte(host, '.')+1:]) && !b.internal(host)
	if q.e.Bare || q.strict && !(q.abroad && public) {
		return provider{}, false
	}
	if !public {
		b.doubt(q, host, estate.Doubt{Topic: estate.Unresolved, Place: q.place, About: q.from.Name, By: "map",
			Text: fmt.Sprintf("%s names %s, which nothing here answers to; add its source, an alias in caravan.yaml, or declare it external", cmp.Or(q.key, "a link"), host)})
	}
	name := estate.ServiceName(host)
	s := b.outside[host]
	if s == nil {
		s = &Service{Name: name, Kind: estate.External, External: true, Places: []estate.Place{q.place}}
		if t, ok := technology.OfName(wantedTechnology(q)); ok {
			s.Technology, s.Role = t.Name, t.Role
		}
		b.outside[host] = s
	}
	if q.e.Port > 0 && !slices.Contains(s.Ports, q.e.Port) {
		s.Ports = append(s.Ports, q.e.Port)
		slices.Sort(s.Ports)
	}
	return provider{name: name, kind: kindOf(&node{technology: s.Technology, role: s.Role, Component: &estate.Component{}}, q), port: q.e.Port, confidence: 0.9}, true
}

// internal reports whether a host lies in a domain of the estate's own.
func (b *builder) internal(host string) bool {
	_, domain, _ := strings.Cut(host, ".")
	return b.names.domains[domain]
}

func privateIP(host string) bool {
	for _, p := range []string{"10.", "192.168.", "172.1", "172.2", "172.3"} {
		if strings.HasPrefix(host, p) {
			return true
		}
	}
	return false
}

// doubt asks the same once, where it is written first.
func (b *builder) doubt(q question, about string, d estate.Doubt) {
	if b.first(q, about) {
		b.doubts = append(b.doubts, d)
	}
}

// first reports whether a question is new: it was put neither about the same component, nor about another that the same
// line is for.
func (b *builder) first(q question, about string) bool {
	same, line := asked{q.from.Name, about}, asked{"", q.place.String() + " " + about}
	if b.asked[same] || b.asked[line] {
		return false
	}
	b.asked[same], b.asked[line] = true, true
	return true
}

// ask puts a question that another file may answer.
func (b *builder) ask(q question, about string, d estate.Doubt) {
	if b.first(q, about) {
		b.unsure = append(b.unsure, unsure{asked{q.from.Name, about}, d})
	}
}

// open are the questions nothing else answered: a key that leads somewhere in one file need not do so in all.
func (b *builder) open() []estate.Doubt {
	for _, o := range b.unsure {
		if !b.answered[o.asked] {
			b.doubts = append(b.doubts, o.Doubt)
		}
	}
	return b.doubts
}

func (b *builder) doubtPlaceholder(q question) {
	if q.strict || q.key != "" && strings.Contains(strings.ToLower(q.e.Host), strings.ToLower("${"+q.key)) {
		return
	}
	b.ask(q, cmp.Or(q.key, q.e.Host), estate.Doubt{Topic: estate.Unresolved, Place: q.place, About: q.from.Name, By: "map",
		Text: fmt.Sprintf("%s depends on a value set elsewhere; add the file that sets it, or say in caravan.yaml who is meant", cmp.Or(q.key, "an address"))})
}

func (b *builder) doubtAmbiguous(q question, found []int) {
	if q.strict {
		return
	}
	names := make([]string, 0, len(found))
	for _, i := range found {
		names = append(names, string(b.nodes[i].Name))
	}
	slices.Sort(names)
	if len(names) > 5 {
		names = append(names[:5], "…")
	}
	b.ask(q, cmp.Or(q.key, q.e.Host), estate.Doubt{Topic: estate.Ambiguous, Place: q.place, About: q.from.Name, By: "map",
		Text: fmt.Sprintf("%s could mean %s; name the one in the configuration, or give it an alias in caravan.yaml", cmp.Or(q.key, "an address"), strings.Join(names, " or "))})
}
