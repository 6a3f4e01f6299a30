// Package technology knows well-known software by its container images, names, ports and URL schemes: what it is
// called, whether it keeps data and what part it plays. A reference or name goes in, a Technology comes out; nothing
// is guessed from a mere part of a name, so an image of one's own called payment-redis-adapter is not Redis.
package technology

import (
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
)

// Technology is one piece of well-known software.
type Technology struct {
	Name string      // canonical: "postgres", "rabbitmq", "nginx"
	Kind estate.Kind // Datastore when it keeps data or messages for others, else Service
	// Role is the part it plays: "store", "broker", "proxy", "registry", "config", "tracing", "logging",
	// "monitoring", "dashboard", "identity", "mail", "coordination", "workflow".
	Role string
	// Infrastructure marks what serves the running of services rather than the services: observability, discovery,
	// configuration.
	Infrastructure bool
	// Ports are those that point to this technology by convention. Ports everybody uses, such as 80, are not among them.
	Ports []int
}

// OfName finds a technology by its canonical name or a common spelling of it ("PostgreSQL", "mongo", "es").
func OfName(name string) (Technology, bool) {
	name = strings.ToLower(name)
	for _, e := range table {
		if e.Name == name || slices.Contains(e.names, name) {
			return e.Technology, true
		}
	}
	return Technology{}, false
}

// OfPort finds the technology a port belongs to by convention.
func OfPort(port int) (Technology, bool) {
	for _, e := range table {
		if slices.Contains(e.Ports, port) {
			return e.Technology, true
		}
	}
	return Technology{}, false
}

// OfScheme finds the technology a URL scheme speaks to: "amqp", "mongodb+srv", "jdbc:postgresql".
func OfScheme(scheme string) (Technology, bool) {
	scheme = strings.ToLower(strings.TrimSuffix(scheme, "://"))
	scheme = strings.TrimPrefix(strings.TrimPrefix(scheme, "jdbc:"), "r2dbc:")
	scheme, _, _ = strings.Cut(scheme, ":")
	scheme, driver, _ := strings.Cut(scheme, "+")
	for _, e := range table {
		if slices.Contains(e.schemes, scheme) {
			return e.Technology, true
		}
	}
	if driver != "" && driver != "srv" {
		return OfScheme(driver)
	}
	return Technology{}, false
}

// OfImage finds the technology a container image holds, whoever packed it: "postgres:16", "bitnami/postgresql",
// "confluentinc/cp-kafka", "gcr.io/acme/redis". The whole last part of the reference must be a known name.
func OfImage(ref string) (Technology, bool) {
	repository := Repository(ref)
	for _, e := range table {
		if slices.ContainsFunc(e.repositories, func(r string) bool { return repository == r || strings.HasSuffix(repository, "/"+r) }) {
			return e.Technology, true
		}
	}
	last := repository[strings.LastIndexByte(repository, '/')+1:]
	for _, e := range table {
		if slices.Contains(e.images, last) {
			return e.Technology, true
		}
	}
	return Technology{}, false
}

// OfWorkload is OfImage, and besides recognises a datastore packed under a name of one's own when the workload and
// its image agree about it: "auth-mongodb" running "acme/shop-mongodb".
func OfWorkload(name, image string) (Technology, bool) {
	if t, ok := OfImage(image); ok {
		return t, true
	}
	byName, ok := OfName(lastWord(name))
	if !ok || byName.Kind != estate.Datastore {
		return Technology{}, false
	}
	byImage, ok := OfName(lastWord(Repository(image)))
	return byImage, ok && byImage.Name == byName.Name
}

// Repository is an image reference without tag and digest, in lower case.
func Repository(ref string) string {
	ref, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(ref)), "@")
	slash := strings.LastIndexByte(ref, '/')
	if colon := strings.IndexByte(ref[slash+1:], ':'); colon >= 0 {
		ref = ref[:slash+1+colon]
	}
	return ref
}

func lastWord(name string) string {
	return name[strings.LastIndexAny(name, "-_./")+1:]
}
