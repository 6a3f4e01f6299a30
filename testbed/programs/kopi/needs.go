package main

import (
	"cmp"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// need is something a service uses.
type need struct {
	kind, host, port string
	user, password   string
	name             string // database, or virtual host of a broker
	options          string // of the connection: "sslmode=require"
}

func (n need) String() string {
	return n.kind + "://" + net.JoinHostPort(n.host, n.port)
}

// key tells needs apart: the same server is used in more than one way.
func (n need) key() string { return n.String() + "/" + n.name + " " + n.user }

var (
	location   = regexp.MustCompile(`(?:jdbc:)?(?:https?|postgres(?:ql)?|rediss?|amqps?)://[^\s"'<>]+`)
	connection = regexp.MustCompile(`(?i)\bhost=`)
	hostOnly   = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.-]*\.[a-zA-Z0-9.-]*[a-zA-Z0-9](:\d+)?$`)
)

// needs are what the settings lead to, each once, in order.
func (s settings) needs() []need {
	var out []need
	for _, one := range s.sorted() {
		out = append(out, s.needsOf(one)...)
	}
	out = slices.DeleteFunc(out, func(n need) bool {
		ip := net.ParseIP(n.host)
		return n.host == "" || n.host == "localhost" || strings.ContainsAny(n.host, "$<") || ip != nil && (ip.IsUnspecified() || ip.IsLoopback())
	})
	out = slices.DeleteFunc(out, func(n need) bool { // a server alone, where its database is named elsewhere
		return n.kind == "postgres" && n.name == "" && slices.ContainsFunc(out, func(o need) bool { return o.name != "" && o.String() == n.String() })
	})
	slices.SortFunc(out, func(a, b need) int { return cmp.Compare(a.key(), b.key()) })
	return slices.CompactFunc(out, func(a, b need) bool { return a.key() == b.key() })
}

func (s settings) needsOf(one setting) []need {
	if strings.HasPrefix(one.name, "KUBERNETES_") { // where the cluster is
		return nil
	}
	var out []need
	for _, found := range location.FindAllString(one.value, -1) {
		if n, ok := s.located(one.name, found); ok {
			out = append(out, n)
		}
	}
	if len(out) > 0 {
		return out
	}
	if connection.MatchString(one.value) {
		return []need{described(one.value)}
	}
	value, _, _ := strings.Cut(one.value, ",") // StackExchange's options
	if last := lastWord(one.name); hostOnly.MatchString(value) && slices.Contains([]string{"host", "addr", "address", "redis", "smtp"}, last) {
		return s.hosted(one.name, value)
	}
	return nil
}

func lastWord(name string) string {
	w := words(name)
	if len(w) == 0 {
		return ""
	}
	return w[len(w)-1]
}

// located is what a URL leads to.
func (s settings) located(name, text string) (need, bool) {
	u, err := url.Parse(strings.TrimPrefix(text, "jdbc:"))
	if err != nil || u.Hostname() == "" {
		return need{}, false
	}
	kind := u.Scheme
	switch kind {
	case "postgresql":
		kind = "postgres"
	case "rediss", "amqps":
		kind = strings.TrimSuffix(kind, "s")
	}
	password, _ := u.User.Password()
	n := need{kind: kind, host: u.Hostname(), port: cmp.Or(u.Port(), ports[kind]), user: u.User.Username(), password: password, name: strings.Trim(u.Path, "/")}
	if kind == "postgres" {
		n.user, n.password = cmp.Or(n.user, s.beside(name, "user", "username")), cmp.Or(n.password, s.beside(name, "password"))
		if mode := u.Query().Get("sslmode"); mode != "" {
			n.options = "sslmode=" + mode
		}
	}
	return n, true
}

// described is the database that a connection string in words leads to: "host=db port=5432 dbname=shop" or "Host=db;Port=5432;Database=shop".
func described(text string) need {
	n := need{kind: "postgres"}
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ' ' }) {
		name, value, _ := strings.Cut(field, "=")
		switch strings.ToLower(name) {
		case "host":
			n.host = value
		case "port":
			n.port = value
		case "dbname", "database":
			n.name = value
		case "user", "username":
			n.user = value
		case "password":
			n.password = value
		case "sslmode":
			n.options = "sslmode=" + value
		}
	}
	n.port = cmp.Or(n.port, ports["postgres"])
	return n
}

// hosted is what a host and the names beside it lead to.
func (s settings) hosted(name, value string) []need {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		host, port = value, s.beside(name, "port")
	}
	n := need{
		host: host, port: port, user: s.beside(name, "user", "username"), password: s.beside(name, "password"),
		name: s.beside(name, "name", "dbname", "database", "vhost", "virtual-host"),
	}
	if n.kind = sort(words(name), port); n.kind == "" {
		return nil
	}
	n.port = cmp.Or(n.port, ports[n.kind])
	if n.kind == "redis" { // a number there, which makes no difference here
		n.name = ""
	}
	return []need{n}
}

var ports = map[string]string{"http": "80", "https": "443", "postgres": "5432", "redis": "6379", "amqp": "5672", "smtp": "587"}

// sort is what listens on a port, or else what a name speaks of; "" when neither tells.
func sort(words []string, port string) string {
	for kind, known := range map[string][]string{"postgres": {"5432", "5433"}, "redis": {"6379", "6380"}, "amqp": {"5672"}, "smtp": {"587", "25"}} {
		if slices.Contains(known, port) {
			return kind
		}
	}
	for _, w := range words {
		switch w {
		case "redis", "sessions", "cache":
			return "redis"
		case "rabbit", "rabbitmq", "amqp", "broker":
			return "amqp"
		case "smtp", "mail":
			return "smtp"
		case "db", "database", "datasource", "pg":
			return "postgres"
		}
	}
	return ""
}
