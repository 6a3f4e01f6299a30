// Package client knows what a client library on a build path says about a service: which technology it speaks to,
// where it goes when nobody configures an address, which keys say otherwise and which switch it off. A build coordinate
// goes in ("maven:org.springframework.boot:spring-boot-starter-amqp"), what it means comes out.
package client

import "strings"

// Library is one thing a build coordinate means.
type Library struct {
	// Capability is what the service can do with it: "config-client", "registry-client", "admin-client", "identity-client",
	// "store", "broker", "tracing", "log-shipper", "coordination", "mail"; or what it makes of the service: "config-server",
	// "registry-server", "admin-server", "identity-server", "gateway", "tracing-server", "dashboard".
	Capability string
	Technology string // as package technology names it; "" when the library does not decide
	// DefaultAddress is where the framework documents that it connects when nothing is configured; "" when it then
	// does not connect at all.
	DefaultAddress string
	Keys           []string // configuration keys that set another address
	Switch         string   // configuration key that turns the client off when "false"
}

// Of lists what a coordinate means, nothing when it is no client library that is known.
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
		if n == name || ecosystem == "go" && strings.HasPrefix(name, n+"/") {
			return true
		}
	}
	return false
}

// row says what each of some names means.
type row struct {
	is    Library
	names []string
}

func means(is Library, names ...string) row { return row{is, names} }

func store(technology string, names ...string) row {
	return row{Library{Capability: "store", Technology: technology}, names}
}

func broker(technology string, names ...string) row {
	return row{Library{Capability: "broker", Technology: technology}, names}
}
