package depmap

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
)

// fromSettings draws an edge for every setting whose value is the address of somebody, whatever its key.
func (b *builder) fromSettings(n *node) {
	for i := range n.settings.list {
		s := &n.settings.list[i]
		if s.full == "" || aboutItself(s.Key) || n.role == "proxy" && strings.HasSuffix(s.Key, "vip") {
			continue
		}
		for _, e := range endpoint.Parse(s.full) {
			b.fromAddress(n, s, e)
		}
	}
}

func (b *builder) fromAddress(n *node, s *resolved, e endpoint.Endpoint) {
	if e.Bare && !hostKey(s.Key) {
		return
	}
	if e.Port == 0 && (e.Bare || e.IsIP()) {
		e.Port = n.siblingPort(s.Key)
	}
	if e.Bare && e.Port > 0 {
		e.Bare = false // a port beside it: surely a host
	}
	if embedded(e) || n.switchedOff(s.Key) || b.meantForOthers(n, s) {
		return
	}
	q := question{from: n, e: e, key: s.Key, place: s.Place, env: s.Environment, strict: s.Shared && n.Kind == estate.Host || s.By == chefReader && b.forEverybody(s.Place) || strings.Contains(s.full, "\n") || proseKey(s.Key)}
	p, ok := b.resolve(q)
	if !ok {
		return
	}
	why := whyAddress
	switch {
	case p.kind == Route:
		why = whyRoute
	case s.Shared:
		why = whyShared
	}
	if s.Shared && !n.usesShared(p, s.Key) {
		return
	}
	b.connect(n, p, Evidence{Place: s.Place, Key: s.Key, Value: s.Value, Reader: s.By, Why: why, Environments: only(s.Environment)}, Configured, strength[why])
}

// usesShared reports whether a key that several services share concerns this one: it sets keys of the same family
// itself, or its build says that it can speak to the provider. Everybody speaks HTTP; without a build manifest only what
// all clients of a configuration server use is believed.
func (n *node) usesShared(p provider, key string) bool {
	if p.node == nil || n.Kind == estate.Host {
		return false // everything an environment sets is seen by every host in it
	}
	if n.setsFamily(key) {
		return true
	}
	switch p.node.role {
	case "registry", "config":
		return len(n.libraries) == 0 || n.hasLibraryFor(p.node.technology) || p.node.technology == ""
	case "store", "broker", "tracing", "logging", "mail", "coordination":
		return n.hasLibraryFor(p.node.technology)
	case "identity":
		return n.hasCapability("identity-client")
	case "monitoring":
		return n.hasCapability("admin-client")
	}
	return true
}

// setsFamily reports whether the component has a setting of its own beside a shared one: spring.rabbitmq.username beside
// spring.rabbitmq.host.
func (n *node) setsFamily(key string) bool {
	parts := strings.SplitN(key, ".", 3)
	if len(parts) < 3 {
		return false
	}
	family := parts[0] + "." + parts[1] + "."
	for i := range n.settings.list {
		if s := &n.settings.list[i]; !s.Shared && strings.HasPrefix(s.Key, family) && family != "spring.cloud." && family != "eureka.client." {
			return true
		}
	}
	return false
}

func (n *node) hasCapability(capability string) bool {
	for _, l := range n.libraries {
		if l.Capability == capability {
			return true
		}
	}
	return false
}

// switchedOff reports whether the feature a key belongs to is disabled beside it.
func (n *node) switchedOff(key string) bool {
	for at := len(key); ; {
		i := strings.LastIndexByte(key[:at], '.')
		if i <= 0 {
			return false
		}
		if v, ok := n.settings.value(key[:i] + ".enabled"); ok && v == "false" && strings.Count(key[:i], ".") > 0 {
			return true
		}
		at = i
	}
}

// proseKey reports whether a setting is what was found in a text handed to a component as a file: a licence named in it is
// no dependency.
func proseKey(key string) bool {
	name, ok := strings.CutPrefix(key, "file:")
	if !ok {
		return false
	}
	switch path.Ext(name) {
	case ".sql", ".html", ".md", ".txt", ".json", ".sh":
		return true
	}
	return false
}

// embedded reports whether an address is that of a database inside the process.
func embedded(e endpoint.Endpoint) bool {
	switch e.Scheme {
	case "h2", "hsqldb", "derby", "sqlite", "file", "classpath", "mem":
		return true
	}
	return false
}

// siblingPort is the value of the port key beside a host key.
func (n *node) siblingPort(key string) int {
	lower := strings.ToLower(key)
	for _, w := range []string{"hostname", "host", "server", "address", "addr", "ip", "ipaddress"} {
		if cut, ok := strings.CutSuffix(lower, w); ok {
			if v, ok := n.settings.value(cut+"port", cut+"port_number"); ok {
				port, err := strconv.Atoi(v)
				if err == nil && port > 0 && port < 65536 {
					return port
				}
			}
		}
	}
	return 0
}

// hostKeys end the keys whose value names somebody although it is a lone word.
var hostKeys = []string{
	"host", "hosts", "hostname", "hostnames", "server", "servers", "addr", "address", "addresses", "url", "urls", "uri", "uris", "endpoint", "endpoints",
	"serviceid", "upstream", "upstreams", "target", "targets", "backend", "backends", "broker", "brokers", "nodes", "contactpoints", "bootstrapservers",
	"destination", "servicename", "fqdn", "ip", "ipaddress", "master", "primary", "replica", "slave", "appconfig", "instance", "vip", "quorum",
}

// hostKey reports whether a key's last word asks for a host.
func hostKey(key string) bool {
	if i := strings.LastIndexByte(key, '['); i > 0 && strings.HasSuffix(key, "]") {
		key = key[:i]
	}
	k := estate.Norm(key)
	if k == "h" {
		return true
	}
	for _, w := range hostKeys {
		if strings.HasSuffix(k, w) {
			return true
		}
	}
	return false
}

// selfParts are parts of keys whose address is the reader's own, that of who may come in, or no address of a service at all:
// no dependency either way.
var selfParts = []string{
	"eureka.instance", "instance.hostname", "discovery.hostname", "discovery.host-name", "server.address", "server.host", "schema-location", "logging.level",
	"management.server", "self-uri", "home-page", "external-url", "external_url", "public-url", "public_url", "label.org.", "dockerfile.from", "content-security-policy", "hostname-verif",
	"repository.url", "no_proxy", "no-proxy", "known_hosts", "ssh_", "bugs.url", "$schema", "server_name", "relabel_configs", "$$hashkey", "dashboard.links",
	"annotations.", "labels.", "interfaces.", "sources.list", "chef_server_url", ".html.", "motd",
	"kafka.binder.zk", // what the binder has long ceased to read
}

// selfWords say the same as whole words of a key; one that ends in * as the beginning of a word.
var selfWords = []string{
	"advertis*", "listen", "listener*", "bind", "allow*", "whitelist*", "trusted", "cors", "origin", "origins", "redirect*", "callback*", "swagger*", "springdoc",
	"homepage", "documentation", "audience", "noproxy", "jmx", "rmi", "xmlns", "nameserver*", "dns", "fallbackdns", "servername",
}

// selfNouns do so too, but not in an environment variable: what IMAGE_HOST names is the image service.
var selfNouns = []string{"license", "contact", "health", "package*", "mirror", "mirrors", "image", "publish", "published", "example", "repository"}

func aboutItself(key string) bool {
	if strings.HasPrefix(key, "[") {
		return true // a list of records is data: a configuration names its values
	}
	lower := strings.ToLower(key)
	if strings.HasPrefix(lower, "info.") || strings.HasPrefix(lower, "applications[") && strings.HasSuffix(lower, "].host") {
		return true // the second is where a Cloud Foundry manifest puts the application itself
	}
	for _, p := range selfParts {
		if strings.Contains(lower, p) {
			return true
		}
	}
	hasWord := func(w string) bool { return containsWord(key, lower, w) }
	return slices.ContainsFunc(selfWords, hasWord) || key != strings.ToUpper(key) && slices.ContainsFunc(selfNouns, hasWord)
}

// containsWord finds a word in a key of any spelling: bind in BIND_ADDR, server.bind and bindAddress, but not in binder.
func containsWord(key, lower, word string) bool {
	word, open := strings.CutSuffix(word, "*")
	for at := 0; ; {
		i := strings.Index(lower[at:], word)
		if i < 0 || len(lower) != len(key) {
			return false
		}
		start, end := at+i, at+i+len(word)
		if startsWord(key, start) && (open || end == len(key) || !isLetter(key[end]) || startsWord(key, end)) {
			return true
		}
		at = end
	}
}

// startsWord reports whether a word begins at a byte of a key.
func startsWord(key string, i int) bool {
	return i == 0 || !isLetter(key[i-1]) || key[i] >= 'A' && key[i] <= 'Z' && key[i-1] >= 'a'
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
