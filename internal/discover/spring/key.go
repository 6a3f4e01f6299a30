package spring

import "strings"

// Canonical is the form Spring's relaxed binding gives a key: lower case words joined with dashes. accessTokenUri,
// access_token_uri and ACCESS-TOKEN-URI are all access-token-uri. Names that somebody chose, such as a route's, stay as
// they are written, and so do the free keys that are handed on to a library.
func Canonical(key string) string {
	plain := true
	for i := 0; i < len(key) && plain; i++ {
		plain = key[i] != '_' && (key[i] < 'A' || key[i] > 'Z')
	}
	if plain {
		return key
	}
	var b strings.Builder
	b.Grow(len(key) + 8)
	at := 0
	for at < len(key) {
		end := at + strings.IndexByte(key[at:]+".", '.')
		if n := chosen(key, at); n > end {
			b.WriteString(key[at:min(n, len(key))])
			end = min(n, len(key))
		} else if n == end {
			b.WriteString(key[at:end])
		} else {
			kebab(&b, key[at:end])
		}
		if end < len(key) {
			b.WriteByte('.')
		}
		at = end + 1
	}
	return b.String()
}

// named are maps whose keys are names somebody chose: the part after them is kept.
var named = []string{
	"zuul.routes.", "ribbon.clients.", "feign.client.config.", "spring.cloud.openfeign.client.config.", "spring.cloud.stream.bindings.", "hystrix.command.",
	"spring.cloud.discovery.client.simple.instances.", "spring.security.oauth2.client.registration.", "spring.security.oauth2.client.provider.",
	"spring.cloud.config.server.git.repos.", "spring.cloud.config.server.composite.", "spring.cloud.loadbalancer.clients.", "resilience4j.circuitbreaker.instances.",
	"spring.http.services.", "spring.http.serviceclient.", "spring.grpc.client.channels.", "grpc.client.", "micronaut.http.services.", "quarkus.rest-client.",
	"quarkus.datasource.", "mp.messaging.incoming.", "mp.messaging.outgoing.", "dubbo.registries.", "turbine.aggregator.",
}

// free are maps whose keys belong to somebody else altogether.
var free = []string{
	"logging.level.", "eureka.instance.metadata-map.", "spring.jpa.properties.", "spring.kafka.properties.", "management.metrics.tags.", "info.",
}

// chosen is where the chosen name that begins at a position ends; 0 when the part there is Spring's own.
func chosen(key string, at int) int {
	if at == 0 {
		// NAME.ribbon.listOfServers: here the name comes first.
		if i := strings.Index(key, ".ribbon."); i > 0 && !strings.Contains(key[:i], ".") {
			return i
		}
		return 0
	}
	for _, f := range free {
		if at == len(f) && strings.EqualFold(key[:at], f) || at == len(f)-1 && f == "eureka.instance.metadata-map." && strings.EqualFold(key[:at], "eureka.instance.metadatamap.") {
			return len(key)
		}
	}
	for _, n := range named {
		if at == len(n) && strings.EqualFold(key[:at], n) {
			return at + nameEnd(key[at:])
		}
	}
	return 0
}

// nameEnd is where a chosen name ends: behind its closing quote or bracket, else at the next dot.
func nameEnd(rest string) int {
	closing := ""
	switch {
	case strings.HasPrefix(rest, `"`):
		closing = `"`
	case strings.HasPrefix(rest, "["):
		closing = "]"
	}
	if i := strings.Index(rest[min(1, len(rest)):], closing); closing != "" && i >= 0 {
		return i + 2
	}
	return strings.IndexByte(rest+".", '.')
}

func kebab(b *strings.Builder, part string) {
	for i := 0; i < len(part); i++ {
		c := part[i]
		switch {
		case c == '_':
			b.WriteByte('-')
		case c >= 'A' && c <= 'Z':
			if i > 0 && (part[i-1] >= 'a' && part[i-1] <= 'z' || part[i-1] >= '0' && part[i-1] <= '9') {
				b.WriteByte('-')
			}
			b.WriteByte(c + 'a' - 'A')
		default:
			b.WriteByte(c)
		}
	}
}
