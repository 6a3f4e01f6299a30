// Package client knows what a client library on a build path says about a service: which technology it speaks to,
// where it goes when nobody configures an address, which keys say otherwise and which switch it off. A build coordinate
// goes in ("maven:org.springframework.boot:spring-boot-starter-amqp"), what it means comes out.
//
// A library that merely can speak to something has no default address: its users always write one. A default is given
// only where the framework's own documentation promises that it connects there by itself.
package client

import "strings"

// Library is one thing a build coordinate means.
type Library struct {
	// Capability is what the service can do with it, or what it makes of the service: one of the Capability constants.
	Capability string
	Technology string // as package technology names it; "" when the library does not decide
	// DefaultAddress is where the framework documents that it connects when nothing is configured; "" when it then
	// does not connect at all.
	DefaultAddress string
	Keys           []string // configuration keys that set another address
	Switch         string   // configuration key that turns the client off when "false"
}

// What a library lets a service do.
const (
	Store          = "store"
	Broker         = "broker"
	Mail           = "mail"
	Coordination   = "coordination"
	ConfigClient   = "config-client"
	RegistryClient = "registry-client"
	IdentityClient = "identity-client"
	AdminClient    = "admin-client"
	Tracing        = "tracing"
	Metrics        = "metrics"
	LogShipper     = "log-shipper"
	HTTPClient     = "http-client" // declarative clients and load balancers that ask a registry who is meant
)

// What a library makes of a service.
const (
	ConfigServer   = "config-server"
	RegistryServer = "registry-server"
	IdentityServer = "identity-server"
	AdminServer    = "admin-server"
	TracingServer  = "tracing-server"
	Gateway        = "gateway"
	Dashboard      = "dashboard"
)

// Of lists what a coordinate means, nothing when it is no client library that is known. Case does not matter. A Maven
// coordinate is known by its artifact alone, a Go one also by any package or major version below it.
func Of(coordinate string) []Library {
	ecosystem, name, ok := strings.Cut(strings.ToLower(coordinate), ":")
	if !ok {
		return nil
	}
	if ecosystem == "maven" {
		name = name[strings.LastIndexByte(name, ':')+1:]
	}
	var out []Library
	for _, r := range byEcosystem[ecosystem] {
		if matches(r.names, ecosystem, name) {
			out = append(out, r.is)
		}
	}
	return out
}

func matches(names []string, ecosystem, name string) bool {
	for _, n := range names {
		if prefix, ok := strings.CutSuffix(n, "*"); ok && strings.HasPrefix(name, prefix) {
			return true
		}
		if n == name || ecosystem == "go" && strings.HasPrefix(name, n) && name[len(n)] == '/' {
			return true
		}
	}
	return false
}

// row says what each of some names means. A name ending in * stands for all that begin so.
type row struct {
	is    Library
	names []string
}

func means(is Library, names ...string) row { return row{is, names} }

func store(technology string, names ...string) row {
	return row{Library{Capability: Store, Technology: technology}, names}
}

func broker(technology string, names ...string) row {
	return row{Library{Capability: Broker, Technology: technology}, names}
}

func tracing(technology string, names ...string) row {
	return row{Library{Capability: Tracing, Technology: technology}, names}
}

func registry(technology string, names ...string) row {
	return row{Library{Capability: RegistryClient, Technology: technology}, names}
}

func can(capability string, names ...string) row {
	return row{Library{Capability: capability}, names}
}

var byEcosystem = map[string][]row{
	"maven":    maven,
	"npm":      npm,
	"pypi":     pypi,
	"go":       golang,
	"nuget":    nuget,
	"gem":      gem,
	"cargo":    cargo,
	"composer": composer,
	"hex":      hex,
}
