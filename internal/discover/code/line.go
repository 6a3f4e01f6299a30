package code

import (
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/estate"
)

var (
	constant   = regexp.MustCompile(`\b([A-Za-z_]\w*)\s*(?::\s*\w+\s*)?:?=\s*["'` + "`" + `]([^"'` + "`" + `\s]{3,200})["'` + "`" + `]`)
	urlLiteral = regexp.MustCompile(`\b([a-zA-Z][a-zA-Z0-9+.-]*(?::[a-z0-9]+)?)://([^\s"'` + "`" + `<>|\\)]{2,300})`)
	joined     = regexp.MustCompile(`["'` + "`" + `]([a-z]+://)["'` + "`" + `]\s*\+\s*([A-Za-z_][\w.]*)`)
	address    = regexp.MustCompile(`["'` + "`" + `]([A-Za-z][A-Za-z0-9.-]*[A-Za-z0-9]:\d{2,5})(?:/[^"'` + "`" + `]*)?["'` + "`" + `]`)
	dialling   = regexp.MustCompile(`(?i)connect|dial|addr|host|broker|bootstrap|server|url|endpoint|channel|client|target|nats|redis|kafka|amqp`)
	clientName = regexp.MustCompile(`(?:\b(?:name|value|serviceId|url|configKey|baseUri)\s*=\s*)?"([^"]+)"`)
	lookUp     = regexp.MustCompile(`(?:getInstances|\.choose|getNextServerFromEureka|getInstancesById|reconstructURI|getInstancesByVipAddress|get_service|lookupService)\(\s*["']([\w.-]+)["']`)
	route      = regexp.MustCompile(`(?:\.uri\(|target\s*:\s*|lb:)\s*["'` + "`" + `]([^"'` + "`" + `]+)["'` + "`" + `]`)
	annotation = regexp.MustCompile(`@((?:Enable\w+)|SpringBootApplication|KafkaListener|RabbitListener|StreamListener|JmsListener|SpringCloudApplication|QuarkusMain|MicronautApplication)\b`)
	listenPort = regexp.MustCompile(`(?:\.listen\(\s*|ListenAndServe(?:TLS)?\(\s*["']:|\.run\([^)]*port\s*=\s*|net\.Listen\([^,]+,\s*["']:|\.Run\(\s*["']:|bind_port\s*=\s*)(\d{2,5})`)
	hostField  = regexp.MustCompile(`(?i)\b\w*(?:host|hostname|server|broker)["']?\s*[:=]\s*["'` + "`" + `]([a-z][a-z0-9-]*[a-z0-9](?:\.[a-z0-9-]+)*)["'` + "`" + `]`)
)

// fallbacks are the ways languages read an environment variable with a default: the name first, then the default.
var fallbacks = []struct {
	hint    string
	pattern *regexp.Regexp
}{
	{"process.env", regexp.MustCompile(`process\.env(?:\.(\w+)|\[["'](\w+)["']\])(?:\s*(?:\|\||\?\?)\s*["'` + "`" + `]([^"'` + "`" + `]*)["'` + "`" + `])?`)},
	{"env", regexp.MustCompile(`(?i)\b(?:os\.)?(?:get_?env|env_?or|env_?default|get_?env_?or_?default|lookup_?env|env|get_?or_?default|getenvdefault|environ\.get|getproperty)\w*\(\s*["'](\w+)["']()\s*(?:,\s*(?:default\s*=\s*)?["'` + "`" + `]([^"'` + "`" + `]*)["'` + "`" + `])?`)},
	{"environ", regexp.MustCompile(`environ(?:\.get\(\s*|\[)\s*["'](\w+)["']()\s*(?:,\s*["']([^"']*)["'])?`)},
	{"EnvironmentVariable", regexp.MustCompile(`GetEnvironmentVariable\(\s*"(\w+)"()\s*\)(?:\s*\?\?\s*"([^"]*)")?`)},
	{"ENV", regexp.MustCompile(`ENV(?:\.fetch\(\s*|\[)["'](\w+)["']()\]?\s*(?:,|\|\|)?\s*(?:\{\s*)?(?:["']([^"']*)["'])?`)},
	{"@Value", regexp.MustCompile(`@Value\(\s*"\$\{([\w.-]+)()(?::([^}"]*))?\}`)},
	{":-", regexp.MustCompile(`\$\{(\w+)():-([^}]*)\}`)},
	{"ConfigProperty", regexp.MustCompile(`@ConfigProperty\(\s*name\s*=\s*"([\w.-]+)"()(?:\s*,\s*defaultValue\s*=\s*"([^"]*)")?`)},
}

// line looks for everything in one line of code.
func (s *source) line(text string) {
	s.remember(text)
	s.annotations(text)
	s.fallbacks(text)
	s.addresses(text)
	s.clients(text)
	s.programs(text)
}

// remember remembers string constants, from which later lines put addresses together.
func (s *source) remember(text string) {
	if !strings.ContainsAny(text, `"'`) || len(s.constants) > 500 {
		return
	}
	for _, g := range constant.FindAllStringSubmatch(text, 8) {
		s.constants[g[1]] = g[2]
	}
}

func (s *source) annotations(text string) {
	if s.annotated != "" {
		s.clientArguments(text)
		return
	}
	if !strings.Contains(text, "@") {
		return
	}
	for _, g := range annotation.FindAllStringSubmatch(text, 4) {
		s.mention(estate.CodeAnnotation, g[1])
		switch g[1] {
		case "SpringBootApplication", "SpringCloudApplication", "QuarkusMain", "MicronautApplication", "EnableEurekaServer", "EnableConfigServer", "EnableZuulProxy":
			s.runs()
		}
	}
	for _, name := range []string{"@FeignClient(", "@RibbonClient(", "@RegisterRestClient(", "@LoadBalancerClient(", "@HttpExchange("} {
		if i := strings.Index(text, name); i >= 0 {
			s.annotated = name
			s.clientArguments(text[i+len(name):])
		}
	}
}

// clientArguments reads the arguments of a declarative client, which may go on over several lines.
func (s *source) clientArguments(text string) {
	inside, _, closed := strings.Cut(text, ")")
	for _, g := range clientName.FindAllStringSubmatchIndex(inside, 8) {
		key, value := inside[g[0]:g[2]], inside[g[2]:g[3]]
		switch {
		case strings.Contains(key, "url"), strings.Contains(key, "baseUri"):
			s.mention(estate.CodeClient, value)
		case strings.HasPrefix(strings.TrimSpace(key), `"`), strings.Contains(key, "name"), strings.Contains(key, "value"), strings.Contains(key, "serviceId"):
			if !strings.HasPrefix(value, "/") && !argumentOf(inside[:g[0]], "path", "contextId", "qualifier", "primary") {
				s.mention(estate.CodeClient, "lb://"+value)
			}
		}
	}
	if !strings.Contains(inside, `"`) {
		for name, value := range s.constants {
			if strings.Contains(inside, name) && len(name) > 3 {
				s.mention(estate.CodeClient, "lb://"+value)
			}
		}
	}
	if closed {
		s.annotated = ""
	}
}

// argumentOf reports whether the text before a value ends in one of the argument names.
func argumentOf(before string, names ...string) bool {
	before = strings.TrimRight(before, " =")
	for _, n := range names {
		if strings.HasSuffix(before, n) {
			return true
		}
	}
	return false
}

func (s *source) fallbacks(text string) {
	for _, f := range fallbacks {
		if !containsFold(text, f.hint) {
			continue
		}
		for _, g := range f.pattern.FindAllStringSubmatch(text, 8) {
			name := g[1] + g[2]
			if name == "" || name == "NODE_ENV" {
				continue
			}
			s.mention(estate.CodeFallback, name+"="+g[3])
		}
	}
}

func containsFold(text, hint string) bool {
	return strings.Contains(text, hint) || hint == "env" && (strings.Contains(text, "Env") || strings.Contains(text, "ENV") || strings.Contains(text, "roperty("))
}

func (s *source) addresses(text string) {
	if strings.Contains(text, "://") {
		for _, g := range urlLiteral.FindAllStringSubmatch(text, 8) {
			if host := g[2]; !documentation(host) && !strings.HasPrefix(host, "%") {
				s.mention(estate.CodeURL, strings.ToLower(g[1])+"://"+authority(host))
			}
		}
		for _, g := range joined.FindAllStringSubmatch(text, 4) {
			if value, ok := s.constants[g[2][strings.LastIndexByte(g[2], '.')+1:]]; ok {
				s.mention(estate.CodeURL, g[1]+value)
			}
		}
	}
	if strings.Contains(text, ":") && dialling.MatchString(text) {
		for _, g := range address.FindAllStringSubmatch(text, 4) {
			s.mention(estate.CodeURL, g[1])
		}
		for _, g := range hostField.FindAllStringSubmatch(text, 2) {
			s.mention(estate.CodeURL, "tcp://"+g[1])
		}
	}
}

// authority is host[:port] of what follows a scheme.
func authority(rest string) string {
	if i := strings.IndexAny(rest, "/?#;,&"); i >= 0 && !strings.HasPrefix(rest, "$") && !strings.HasPrefix(rest, "{") {
		rest = rest[:i]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

// publicHosts are hosts that code names without speaking to them.
var publicHosts = []string{
	"w3.org", "xmlns.com", "schema.org", "apache.org", "github.com", "githubusercontent.com", "springframework.org", "java.sun.com", "oracle.com", "mozilla.org", "jquery.com", "google.com", "googleapis.com",
	"microsoft.com", "npmjs.", "nodejs.org", "stackoverflow.com", "wikipedia.org", "gnu.org", "opensource.org", "json-schema.org", "reactjs.org", "angular.io", "vuejs.org", "getbootstrap.com", "cloudflare.com",
	"jsdelivr.net", "unpkg.com", "swagger.io", "medium.com", "creativecommons.org", "ietf.org", "goo.gl", "bit.ly", "facebook.com", "twitter.com", "linkedin.com", "youtube.com", "spring.io", "docker.com",
}

func documentation(host string) bool {
	host = strings.ToLower(authority(host))
	if host == "example.com" || host == "example.org" || strings.HasPrefix(host, "www.") || strings.HasPrefix(host, "docs.") {
		return true
	}
	for _, p := range publicHosts {
		if host == p || strings.HasSuffix(host, "."+p) || strings.HasSuffix(p, ".") && strings.Contains(host, p) {
			return true
		}
	}
	return false
}

func (s *source) clients(text string) {
	for _, g := range lookUp.FindAllStringSubmatch(text, 4) {
		s.mention(estate.CodeClient, "lb://"+g[1])
	}
	if strings.Contains(text, "uri(") || strings.Contains(text, "target") || strings.Contains(text, "lb:") {
		for _, g := range route.FindAllStringSubmatch(text, 4) {
			if strings.Contains(g[1], "://") && !documentation(g[1]) {
				s.mention(estate.CodeRoute, g[1])
			}
		}
	}
}

// programs notes what makes the folder a program of its own, and the port it listens on.
func (s *source) programs(text string) {
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, "package main") && path.Ext(s.file.Path) == ".go",
		strings.Contains(text, "WebApplication.CreateBuilder("), strings.Contains(text, "Host.CreateDefaultBuilder("), strings.Contains(text, "WebHost.CreateDefaultBuilder("):
		s.runs()
	}
	for _, g := range listenPort.FindAllStringSubmatch(text, 2) {
		s.report.See(estate.Sighting{Fact: estate.Listens, Subject: estate.At(s.file.Dir()), Key: "container", Value: g[1], Place: estate.Place{File: s.file.Path, Line: s.number}})
	}
}

// runs says that the module this file is in can be started.
func (s *source) runs() {
	s.report.See(estate.Sighting{Fact: estate.Mentions, Subject: estate.At(s.file.Dir()), Key: estate.CodeAnnotation, Value: estate.CodeRuns, Place: estate.Place{File: s.file.Path, Line: s.number}})
}
