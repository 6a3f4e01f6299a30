package code

import (
	"regexp"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

var (
	urlLiteral = regexp.MustCompile(`(?:jdbc:|r2dbc:)?([a-zA-Z][a-zA-Z0-9+.-]*(?::[a-z0-9]+)?)://([^\s"'` + "`" + `<>|\\]{1,300})`)
	ownObject  = regexp.MustCompile(`^(?:this\b|self\b|[A-Z])`)
	listedURL  = regexp.MustCompile(`,\s*([a-z][a-z+]*://)`)
	joinedURL  = regexp.MustCompile(`["'` + "`" + `]([a-z][a-z+]*)://["'` + "`" + `]\s*(?:\+|\.|<>|\|\||<<)\s*([A-Za-z_$][\w.$>-]*)(?:\(\))?(?:\s*(?:\+|\.|<>)\s*["'](:\d{2,5}))?`)
	quotedPort = regexp.MustCompile(`["'` + "`" + `]([A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]):(\d{2,5})(?:/[^"'` + "`" + `]*)?["'` + "`" + `]`)
	twoParts   = regexp.MustCompile(`\(\s*["']([A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9])["']\s*,\s*(\d{2,5})\b`)
	mysqlName  = regexp.MustCompile(`@tcp\(([\w.-]+(?::\d+)?)\)`)
	hostField  = regexp.MustCompile(`(?i)\b\w*(?:host|hostname|server|broker)["']?\s*(?:=>|[:=])\s*["'` + "`" + `]([a-z][a-z0-9-]*[a-z0-9](?:\.[a-z0-9-]+)*)["'` + "`" + `]`)
	dialling   = regexp.MustCompile(`(?i)connect|dial|addr|host|broker|bootstrap|server|url|uri|endpoint|channel|client|target|nats|redis|jedis|kafka|amqp|rabbit|mongo|memcache|upstream|service|publisher|consumer`)
	routing    = regexp.MustCompile(`\b[Tt]arget["']?\s*[:=]|\broute\(|\bproxy\w*\(`)
)

// addresses finds the hosts a line names.
func (s *source) addresses(text string, found mark) {
	if found&marksURL != 0 {
		s.urls(text)
	}
	if found&(marksPort|marksHost|marksCall) == 0 || found&marksCall != 0 && s.lookUps(text) {
		return
	}
	for _, g := range mysqlName.FindAllStringSubmatch(text, 2) {
		s.see(estate.CodeURL, "mysql://"+g[1])
	}
	if !strings.ContainsAny(text, "\"'`") || !dialling.MatchString(text) {
		return
	}
	for _, g := range quotedPort.FindAllStringSubmatch(text, 8) {
		if plausible(g[1], g[2]) {
			s.see(s.addressKey(text), s.dialScheme(text)+g[1]+":"+g[2])
		}
	}
	for _, g := range twoParts.FindAllStringSubmatch(text, 4) {
		if plausible(g[1], g[2]) {
			s.see(s.addressKey(text), s.dialScheme(text)+g[1]+":"+g[2])
		}
	}
	if found&marksHost != 0 {
		for _, g := range hostField.FindAllStringSubmatch(text, 4) {
			s.see(estate.CodeURL, "tcp://"+strings.ToLower(g[1]))
		}
	}
}

var dialsGRPC = regexp.MustCompile(`grpc|_channel\(|ManagedChannel|forTarget|ServiceClient\(`)

// dialScheme is what to put before an address that gRPC dials, nothing for others.
func (s *source) dialScheme(text string) string {
	if dialsGRPC.MatchString(text) {
		return "grpc://"
	}
	return ""
}

func (s *source) addressKey(text string) string {
	if dialsGRPC.MatchString(text) {
		return estate.CodeClient
	}
	return estate.CodeURL
}

// plausible reports whether a name and a number look like a host and its port rather than an image and its version.
func plausible(host, port string) bool {
	n, err := strconv.Atoi(port)
	if err != nil || n > 65535 || strings.HasSuffix(host, ".go") || strings.HasSuffix(host, ".js") || strings.HasSuffix(host, ".py") || strings.HasSuffix(host, ".java") {
		return false
	}
	switch n {
	case 25, 53, 80, 81, 88, 389, 443, 465, 514, 587, 636:
		return true
	}
	return n >= 1000
}

// urls finds the URLs of a line, those put together from constants included.
func (s *source) urls(text string) {
	key := estate.CodeURL
	if routing.MatchString(text) {
		key = estate.CodeRoute
	}
	for _, g := range joinedURL.FindAllStringSubmatch(text, 4) {
		if value, ok := s.constant(g[2]); ok && speaks(g[1]) {
			s.see(key, g[1]+"://"+authority(value)+g[3])
		}
	}
	if strings.Count(text, "://") > 1 {
		text = listedURL.ReplaceAllString(text, " $1")
	}
	for _, g := range urlLiteral.FindAllStringSubmatch(text, 8) {
		scheme := strings.ToLower(g[1])
		host, ok := s.host(g[2])
		if !ok || !speaks(scheme) || isWeb(scheme) && public(host) {
			continue
		}
		if scheme == "lb" && strings.Contains(text, ".uri(") {
			key = estate.CodeRoute
		}
		s.see(key, plainScheme(scheme)+"://"+host)
	}
}

// host is the authority of what follows a scheme, with constants put in; false when it cannot be known.
func (s *source) host(rest string) (string, bool) {
	host := s.fill(authority(rest))
	switch {
	case host == "", host[0] == '/', host[0] == '.', host[0] == '*', host[0] == '%', host == "localhost", host == "127.0.0.1":
		return "", false
	case strings.ContainsAny(host, "()[]=%^~!&;"):
		return "", false
	}
	return host, true
}

// authority is host[:port] of what follows a scheme. Placeholders may hold any sign.
func authority(rest string) string {
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case depth > 0:
		case c == '/' || c == '?' || c == '#' && !strings.HasPrefix(rest[i:], "#{") || c == ';' || c == '&' || c == ')' || c == '}' || c == ' ':
			rest = rest[:i]
		}
	}
	return strings.TrimSuffix(rest[strings.LastIndexByte(rest, '@')+1:], ":")
}

var placeholder = regexp.MustCompile(`[$#]?\{\{?\s*([^{}]*?)\s*\}?\}|\$([A-Za-z_]\w*)`)

// fill puts constants into the placeholders of a text. What shells and Spring fill in later stays; for what nobody knows
// the whole is given up.
func (s *source) fill(text string) string {
	if !strings.ContainsAny(text, "{$") {
		return text
	}
	unknown := false
	filled := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		g := placeholder.FindStringSubmatch(p)
		name := g[1] + g[2]
		if value, ok := s.constant(name); ok {
			return value
		}
		if env, ok := environmentName(name); ok {
			return "${" + env + "}"
		}
		if s.filledLater(p, name) {
			return "${" + name + "}"
		}
		unknown = true
		return p
	})
	if unknown {
		return ""
	}
	return filled
}

// filledLater reports whether a placeholder is one of configuration: a shell's variable, a Spring key in a Java text.
func (s *source) filledLater(p, name string) bool {
	switch s.lexer.language {
	case shell:
		return true
	case javaLike:
		return strings.HasPrefix(p, "${") && (strings.ContainsAny(name, ".-:") || s.ext == ".java")
	}
	return false
}

var inEnvironment = regexp.MustCompile(`^(?:process\.env\.|import\.meta\.env\.|ENV\[["']|os\.environ\[["'])(\w+)`)

func environmentName(expression string) (string, bool) {
	if g := inEnvironment.FindStringSubmatch(expression); g != nil {
		return g[1], true
	}
	return "", false
}

// constant is the text a name stands for in this file. Of a dotted name the last word counts, if the rest is the object
// at hand or a class, or if it is written as constants are.
func (s *source) constant(name string) (string, bool) {
	name = strings.TrimPrefix(strings.TrimSuffix(name, "."), "$")
	if i := strings.LastIndexAny(name, ".>:"); i >= 0 {
		owner := name[:i]
		name = name[i+1:]
		if !capital(name) && !ownObject.MatchString(owner) {
			return "", false
		}
	}
	value := s.constants[name]
	return value, value != ""
}

// spoken are the schemes of services that no single technology has.
var spoken = map[string]bool{
	"http": true, "https": true, "ws": true, "wss": true, "lb": true, "grpc": true, "grpcs": true, "tcp": true, "tls": true, "ssl": true, "dns": true, "udp": true, "stork": true,
	"dubbo": true, "thrift": true, "discovery": true, "xds": true, "smtp": true, "smtps": true, "ldap": true, "ldaps": true, "mqtt": true, "mqtts": true, "stomp": true, "failover": true,
	"https+http": true, "http+https": true, "service": true, "jdbc": true, "rmi": true, "iiop": true, "t3": true, "sftp": true, "ftp": true, "srv": true,
}

// speaks reports whether a scheme is one that services are called by.
func speaks(scheme string) bool {
	if spoken[scheme] {
		return true
	}
	_, ok := technology.OfScheme(scheme)
	return ok
}

// plainScheme is a scheme without what only some client libraries add to it.
func plainScheme(scheme string) string {
	switch scheme {
	case "https+http", "http+https":
		return "http"
	}
	return scheme
}

func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }
