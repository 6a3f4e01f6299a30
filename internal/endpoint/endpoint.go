// Package endpoint finds the addresses in a configuration value: URLs, host:port pairs, lists of them and the
// connection strings of databases and brokers. It knows how addresses are written, not who answers at them.
package endpoint

import (
	"net/netip"
	"strconv"
	"strings"
)

// Endpoint is one address. Host is lower case; it may be an IP address, a name, or hold an unresolved placeholder.
type Endpoint struct {
	Scheme string // "http", "amqp", "postgresql" (without "jdbc:"), "lb" …; "" for host:port and bare names
	Host   string
	Port   int // 0 when not written
	Path   string
	Bare   bool // a lone word that is a host only if somebody is called so
}

// maxValue bounds how much of a value is looked at; no address list is longer.
const maxValue = 16 << 10

// Parse returns the addresses in a value, in order, nothing when there are none. A lone word comes back as Bare.
func Parse(value string) []Endpoint {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > maxValue {
		return nil
	}
	if e, ok := goMySQL(value); ok {
		return []Endpoint{e}
	}
	if strings.Contains(value, "=") && !strings.Contains(value, "://") {
		if out := keywords(value); len(out) > 0 {
			return out
		}
	}
	if i := strings.Index(value, "://"); i > 0 {
		return urls(value)
	}
	if rest, ok := cutPrefixFold(value, "jdbc:oracle:thin:@"); ok {
		return pairs(oracle(rest), "oracle")
	}
	return pairs(value, "")
}

// urls reads every scheme://… in the value. A comma list after a scheme continues it: mongodb://a:1,b:2/db.
func urls(value string) []Endpoint {
	var out []Endpoint
	for {
		i := strings.Index(value, "://")
		if i < 0 {
			return out
		}
		scheme := schemeBefore(value[:i])
		rest := value[i+3:]
		authority, tail := cutAuthority(rest)
		path := ""
		if strings.HasPrefix(tail, "/") {
			path = pathOf(tail)
		}
		for _, e := range pairs(afterUser(authority), scheme) {
			e.Path, e.Bare = path, false
			out = append(out, e)
		}
		value = rest[len(rest)-len(tail):]
	}
}

func schemeBefore(s string) string {
	start := len(s)
	for start > 0 && isSchemeByte(s[start-1]) {
		start--
	}
	scheme := strings.ToLower(s[start:])
	if i := strings.LastIndexByte(scheme, ':'); i >= 0 {
		scheme = scheme[i+1:]
	}
	if i := strings.IndexByte(scheme, '+'); i >= 0 && scheme[:i] != "mongodb" {
		scheme = scheme[:i] // postgresql+psycopg2, redis+sentinel
	}
	return strings.TrimSuffix(scheme, "+srv")
}

func isSchemeByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.' || c == ':'
}

// cutAuthority splits after user@host:port[,host:port…]; braces of placeholders hide their content.
func cutAuthority(s string) (authority, tail string) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case depth > 0:
		case c == ',':
			// A comma either goes on with this list of hosts or starts the next URL.
			if next := s[i+1:]; strings.Contains(headWord(next), "://") {
				return s[:i], s[i:]
			}
		case c == '/' || c == '?' || c == '#' || c == ';' || c == ' ' || c == '"' || c == '\'' || c == ')' || c == ']' && !strings.Contains(s[:i], "[") || c == '\n' || c == '<' || c == '>' || c == '|' || c == '`':
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func headWord(s string) string {
	if i := strings.IndexByte(s, ','); i >= 0 {
		return s[:i]
	}
	return s
}

func afterUser(authority string) string {
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		return authority[i+1:]
	}
	return authority
}

func pathOf(tail string) string {
	if i := strings.IndexAny(tail, "?#;, \"'\n"); i >= 0 {
		return tail[:i]
	}
	return tail
}

// maxItems bounds a list of addresses; a longer list is something else.
const maxItems = 64

// pairs reads host[:port] items separated by commas or semicolons, or, when all carry a port, by blanks.
func pairs(list, scheme string) []Endpoint {
	items := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ';' || r == '\n' })
	blanks := len(items) == 1 && strings.ContainsAny(strings.TrimSpace(items[0]), " \t")
	if blanks {
		items = strings.Fields(items[0])
	}
	if len(items) > maxItems {
		return nil
	}
	var out []Endpoint
	for _, item := range items {
		e, ok := pair(unwrap(strings.TrimSpace(item)), scheme)
		switch {
		case ok && !(blanks && e.Bare):
			out = append(out, e)
		case len(items) > 1 && scheme == "":
			return nil // prose, not a list of addresses
		}
	}
	return out
}

// unwrap takes off the quotes and brackets of a list written in another language; an IPv6 address keeps its own.
func unwrap(item string) string {
	item = strings.Trim(item, "\"'()")
	if strings.Contains(item, "::") {
		return item
	}
	return strings.Trim(item, "[]\"'")
}

func pair(s, scheme string) (Endpoint, bool) {
	s = strings.TrimPrefix(s, "//")
	s = afterUser(s)
	if strings.HasPrefix(s, "[") || strings.Count(s, ":") > 1 && !strings.Contains(s, "{") {
		return ipv6(s, scheme)
	}
	host, port, path := s, "", ""
	if i := pathStart(host); i >= 0 {
		host, path = host[:i], host[i:]
	}
	if i := lastColon(host); i >= 0 {
		host, port = host[:i], host[i+1:]
	}
	if isBlank(host) {
		host = "${" + host + "}"
	}
	e := Endpoint{Scheme: scheme, Host: strings.ToLower(strings.TrimSuffix(host, ".")), Path: path}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil && !portBlank(port) || n < 0 || n > 65535 {
			return Endpoint{}, false
		}
		e.Port = n
	}
	e.Bare = scheme == "" && port == "" && !isIP(e.Host)
	if scheme == "" && isIP(e.Host) && isBits(path) {
		return Endpoint{}, false // a range, not an address
	}
	if path != "" && e.Bare {
		return Endpoint{}, false // a relative path
	}
	return e, isHost(e.Host)
}

// portBlank reports whether a port is a placeholder that may well be filled by one.
func portBlank(port string) bool {
	return strings.HasPrefix(port, "${") && !strings.Contains(strings.ToLower(port), "dir") && !strings.Contains(strings.ToLower(port), "path")
}

// isBlank reports whether a host is a blank to be filled in by hand or by sed: DB_HOST, INSTANCE_IP.
func isBlank(host string) bool {
	return strings.Contains(host, "_") && !strings.Contains(host, "{") && host == strings.ToUpper(host) && host != strings.ToLower(host)
}

// isBits reports whether a path is the length of a network prefix: /24.
func isBits(path string) bool {
	bits, err := strconv.Atoi(strings.TrimPrefix(path, "/"))
	return path != "" && err == nil && bits >= 0 && bits <= 128
}

func pathStart(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '/':
			if depth <= 0 {
				return i
			}
		}
	}
	return -1
}

// lastColon is the colon before the port: the last one outside a placeholder.
func lastColon(s string) int {
	depth := 0
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case '}':
			depth++
		case '{':
			depth--
		case ':':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

func ipv6(s, scheme string) (Endpoint, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return Endpoint{Scheme: scheme, Host: ap.Addr().String(), Port: int(ap.Port())}, true
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return Endpoint{Scheme: scheme, Host: a.String()}, true
	}
	return Endpoint{}, false
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// IsIP reports whether the endpoint names an IP address.
func (e Endpoint) IsIP() bool { return isIP(e.Host) }

// IsLocal reports whether the endpoint is on the machine that reads it.
func (e Endpoint) IsLocal() bool {
	switch e.Host {
	case "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "host.docker.internal", "docker.for.mac.localhost", "localhost.localdomain":
		return true
	}
	return strings.HasPrefix(e.Host, "127.")
}

// IsUnspecified reports whether the endpoint stands for all addresses of the machine: somewhere to listen, not to call.
func (e Endpoint) IsUnspecified() bool { return e.Host == "0.0.0.0" || e.Host == "::" }

// IsMetadata reports whether the endpoint is link-local: a cloud's metadata service, which every machine has.
func (e Endpoint) IsMetadata() bool {
	return strings.HasPrefix(e.Host, "169.254.") || e.Host == "metadata.google.internal"
}

// Unresolved reports whether the host still holds a placeholder.
func (e Endpoint) Unresolved() bool { return strings.ContainsAny(e.Host, "${}<>%#") }

// isHost accepts names of letters, digits, dots, dashes and underscores, and anything with a placeholder.
func isHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	if strings.Contains(s, "${") || strings.Contains(s, "#{") || strings.Contains(s, "<%") {
		return true
	}
	letters := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z':
			letters = true
		case c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_':
		default:
			return false
		}
	}
	return (letters || isIP(s)) && s[0] != '.' && s[0] != '-' && !strings.Contains(s, "..")
}

// keywords reads "Server=sql,1433;Database=x", "Host=pg;Port=5432", "host=pg port=5432", "redis:6379,password=x".
func keywords(value string) []Endpoint {
	sep := ";"
	if !strings.Contains(value, ";") {
		sep = " "
		if !strings.Contains(value, " ") {
			sep = ","
		}
	}
	host, port := "", 0
	var out []Endpoint
	for _, field := range strings.Split(value, sep) {
		key, v, ok := strings.Cut(strings.TrimSpace(field), "=")
		if !ok {
			if e, good := pair(key, ""); good && !e.Bare && sep == "," {
				out = append(out, e)
			}
			continue
		}
		v = strings.Trim(strings.TrimSpace(v), `"'`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "server", "data source", "datasource", "host", "hostname", "addr", "address", "network address", "hostaddr", "endpoint", "hosts", "servers", "configuration":
			if host == "" {
				host = v
			}
		case "port":
			port, _ = strconv.Atoi(v)
		}
	}
	if host == "" {
		return out
	}
	host = strings.TrimPrefix(strings.TrimPrefix(host, "tcp:"), "Endpoint=")
	host, rest, ok := strings.Cut(strings.Replace(host, `\`, ",", 1), ",")
	if ok && port == 0 {
		port, _ = strconv.Atoi(strings.TrimSpace(rest))
	}
	e, good := pair(host, "")
	if !good {
		return out
	}
	if port > 0 {
		e.Port = port
	}
	e.Bare = false
	return append(out, e)
}

// goMySQL reads user:password@tcp(host:3306)/db.
func goMySQL(value string) (Endpoint, bool) {
	i := strings.Index(value, "@tcp(")
	if i < 0 {
		return Endpoint{}, false
	}
	inner, _, ok := strings.Cut(value[i+len("@tcp("):], ")")
	if !ok {
		return Endpoint{}, false
	}
	e, ok := pair(inner, "mysql")
	return e, ok
}

// oracle turns host:1521:sid and //host:1521/service into host:1521.
func oracle(rest string) string {
	rest = strings.TrimPrefix(rest, "//")
	rest, _, _ = strings.Cut(rest, "/")
	if parts := strings.Split(rest, ":"); len(parts) > 2 {
		rest = parts[0] + ":" + parts[1]
	}
	return rest
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
