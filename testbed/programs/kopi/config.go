package main

import (
	"cmp"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// given is all the text a service is configured with: values of its environment, and the files its command line names.
func given(environ, args []string) []string {
	var out []string
	for _, v := range environ {
		if name, value, ok := strings.Cut(v, "="); ok && !strings.HasPrefix(name, "KUBERNETES_") && !strings.Contains(name, "_SERVICE_") && !strings.Contains(name, "_PORT") {
			out = append(out, value)
		}
	}
	for _, a := range args {
		a = a[strings.LastIndexByte(a, '=')+1:]
		if info, err := os.Stat(a); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		if data, err := os.ReadFile(a); err == nil {
			out = append(out, strings.Split(string(data), "\n")...)
		}
	}
	return out
}

var (
	address = regexp.MustCompile(`(?:jdbc:)?(https?|postgres(?:ql)?|rediss?|amqps?)://[^\s"'<>]+`)
	words   = regexp.MustCompile(`(?i)\bhost=(\S+)(?:\s+port=(\d+))?`)
)

// needsOf are the addresses in what a service is given, each once, in order.
func needsOf(texts []string) []need {
	var out []need
	for _, text := range texts {
		for _, found := range address.FindAllString(text, -1) {
			u, err := url.Parse(strings.TrimPrefix(found, "jdbc:"))
			if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "${") {
				continue
			}
			out = append(out, need{kind: kindOf(u.Scheme), host: u.Hostname(), port: cmp.Or(u.Port(), ports[kindOf(u.Scheme)]), url: u})
		}
		if found := words.FindStringSubmatch(text); found != nil {
			out = append(out, need{kind: "postgres", host: found[1], port: cmp.Or(found[2], ports["postgres"]), words: text})
		}
	}
	slices.SortStableFunc(out, func(a, b need) int { return cmp.Compare(a.String(), b.String()) })
	return slices.CompactFunc(out, func(a, b need) bool { return a.String() == b.String() })
}

var ports = map[string]string{"http": "80", "https": "443", "postgres": "5432", "redis": "6379", "amqp": "5672"}

func kindOf(scheme string) string {
	switch scheme {
	case "postgresql":
		return "postgres"
	case "rediss", "amqps":
		return strings.TrimSuffix(scheme, "s")
	}
	return scheme
}

// need is something a service uses.
type need struct {
	kind, host, port string
	url              *url.URL
	words            string // a connection string in words
}

func (n need) String() string { return n.kind + "://" + net.JoinHostPort(n.host, n.port) }

// own are the ports the company's services listen on.
var own = map[string]string{
	"shop": "3000", "mobile-gateway": "8200", "partner-gateway": "8205", "orders": "8210", "inventory": "8215", "pricing": "8220", "loyalty": "8230", "search": "8240",
	"accounts": "8250", "delivery": "8260", "notifications": "8270", "sms-relay": "8275", "payments": "8300", "invoicing": "8310", "reports": "8320", "legacy-sync": "8390",
	"config": "8888", "logs": "5044",
}

func listen(service string) string { return ":" + cmp.Or(os.Getenv("KOPI_PORT"), own[service], "8080") }
