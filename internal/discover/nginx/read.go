package nginx

import (
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
)

// value is something a variable may hold, with the line that says so.
type value struct {
	text string
	line int
}

// collect notes the upstreams and variables a file declares, wherever in it.
func (p *page) collect(body []directive) {
	for _, d := range body {
		switch d.name {
		case "upstream":
			p.declared = append(p.declared, strings.ToLower(d.arg(0)))
		case "set":
			p.assign(d.arg(0), d.arg(1), d.line)
		case "map", "split_clients", "geo":
			if len(d.args) > 0 {
				p.collectMap(d)
			}
			continue
		}
		p.collect(d.body)
	}
}

// collectMap notes what a map may yield: the last word of each entry, for its last argument.
func (p *page) collectMap(d directive) {
	for _, entry := range d.body {
		if len(entry.args) > 0 {
			p.assign(d.args[len(d.args)-1], entry.args[len(entry.args)-1], entry.line)
		}
	}
}

func (p *page) assign(name, text string, line int) {
	if held := p.variables[strings.TrimPrefix(name, "$")]; strings.HasPrefix(name, "$") && text != "" && len(held) < maxValues {
		p.variables[name[1:]] = append(held, value{text, line})
	}
}

// read turns the parsed file into sightings.
func (p *page) read() {
	whole := 0
	p.walk(p.body, &whole)
	if whole > 0 && p.server != "." && !filledElsewhere(p.file) {
		p.report.See(estate.Sighting{Fact: estate.Runs, Subject: estate.At(p.server), Key: "service", Value: "nginx", Place: p.place(whole)})
	}
}

// filledElsewhere reports whether the file is a template of a configuration manager, which runs nothing where it lies.
func filledElsewhere(file string) bool {
	ext := path.Ext(file)
	return ext == ".erb" || ext == ".j2" || ext == ".ctmpl"
}

// walk reads directives in file order. whole becomes the line of the first block that makes a server.
func (p *page) walk(body []directive, whole *int) {
	for _, d := range body {
		switch d.name {
		case "http", "server", "upstream", "stream":
			if *whole == 0 && d.body != nil {
				*whole = d.line
			}
		}
		switch d.name {
		case "upstream":
			p.upstream(d)
			continue
		case "map", "geo", "split_clients", "types":
			continue // tables, not statements
		}
		p.statement(d)
		p.walk(d.body, whole)
	}
}

func (p *page) statement(d directive) {
	switch {
	case d.name == "listen":
		p.listen(d)
	case d.name == "server_name":
		p.names(d)
	case d.name == "access_log" || d.name == "error_log":
		p.log(d)
	case d.name == "resolver":
		p.resolver(d)
	case strings.HasSuffix(d.name, "_pass"):
		p.pass(d, estate.LinkUpstream)
	case d.name == "mirror" && strings.Contains(d.arg(0), "://"):
		p.pass(d, estate.LinkUpstream)
	case d.name == "zipkin_collector_host" || d.name == "endpoint" || d.name == "jaeger_agent_host":
		p.pass(d, estate.LinkShip)
	}
}

// upstream links to each server of a named group.
func (p *page) upstream(d directive) {
	for _, s := range d.body {
		if s.name != "server" || slices.Contains(s.args, "down") {
			continue
		}
		p.target(value{s.arg(0), s.line}, estate.LinkUpstream, "upstream "+d.arg(0))
	}
}

// pass links to wherever a directive sends requests; variables are replaced by all they may hold.
func (p *page) pass(d directive, why string) {
	if d.arg(0) == "" {
		return
	}
	for _, v := range p.expand(value{d.arg(0), d.line}, 4) {
		if host := hostOf(v.text); p.isUpstream(host) {
			continue // its servers are linked where the group is declared
		}
		p.target(v, why, d.name)
	}
}

// Bounds of what variables expand to: one of them, and all in one file.
const (
	maxValues     = 64
	maxExpansions = 100_000
)

// expand replaces variables the file sets. What a request brings along stays as it is.
func (p *page) expand(v value, depth int) []value {
	start, stop, name := variable(v.text)
	if depth == 0 || name == "" || len(p.variables[name]) == 0 || p.expanded > maxExpansions {
		return []value{v}
	}
	var out []value
	for _, filled := range p.variables[name] {
		p.expanded++
		next := value{v.text[:start] + filled.text + v.text[stop:], filled.line}
		out = append(out, p.expand(next, depth-1)...)
		if len(out) > maxValues {
			return out[:maxValues]
		}
	}
	return out
}

// variable finds the first $name or ${name} in text.
func variable(text string) (start, stop int, name string) {
	start = strings.IndexByte(text, '$')
	if start < 0 || start+1 == len(text) {
		return 0, 0, ""
	}
	rest := text[start+1:]
	if rest[0] == '{' {
		if i := strings.IndexByte(rest, '}'); i > 0 {
			return start, start + 1 + i + 1, rest[1:i]
		}
		return 0, 0, ""
	}
	n := 0
	for n < len(rest) && (rest[n] == '_' || isAlnum(rest[n])) {
		n++
	}
	return start, start + 1 + n, rest[:n]
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// target links to one address, or doubts when it is only known while nginx runs.
func (p *page) target(v value, why, layer string) {
	address := v.text
	if address == "" || strings.HasPrefix(address, "unix:") || strings.Contains(address, "://unix:") || strings.HasPrefix(address, "/") {
		return
	}
	scheme, authority, path := split(address)
	authority = cutRequestPath(authority)
	if i := strings.IndexByte(path, '$'); i >= 0 {
		path = path[:i]
	}
	link := link{why, scheme + authority + path, v.line}
	if p.linked[link] {
		return
	}
	p.linked[link] = true
	switch {
	case strings.Contains(authority, "{{") || strings.Contains(authority, "<%"):
		p.report.Doubt(estate.Unresolved, p.place(v.line), "a template fills in this "+layer+" address; add the rendered file to the sources, or name the target in the workspace")
	case hasRequestVariable(authority):
		p.report.Doubt(estate.Unresolved, p.place(v.line), "the "+layer+" address is put together while nginx runs; name its targets in the workspace")
	case scheme == "" && why == estate.LinkUpstream && !strings.ContainsAny(authority, ":.$") && path != "":
		// a path of this server
	default:
		p.see(estate.Links, why, link.target, layerOf(layer), v.line)
	}
}

// layerOf keeps the group a link came from; that a directive linked is plain from the place.
func layerOf(layer string) string {
	if strings.HasPrefix(layer, "upstream ") {
		return layer
	}
	return ""
}

// split takes an address apart: "http://", "host:port", "/path".
func split(address string) (scheme, authority, path string) {
	if i := strings.Index(address, "://"); i >= 0 {
		scheme, address = address[:i+3], address[i+3:]
	}
	if i := strings.IndexByte(address, '/'); i >= 0 && !strings.Contains(address[:i], "<%") && !strings.Contains(address[:i], "{{") {
		return scheme, address[:i], address[i:]
	}
	return scheme, address, ""
}

func hostOf(address string) string {
	_, authority, _ := split(address)
	host, _, _ := strings.Cut(authority, ":")
	return strings.ToLower(host)
}

// requestPaths are variables that stand for the path of a request; before them the host is complete.
var requestPaths = []string{"$request_uri", "$uri", "$document_uri", "$is_args", "$args", "$1", "$2"}

func cutRequestPath(authority string) string {
	for _, v := range requestPaths {
		if i := strings.Index(authority, v); i > 0 {
			authority = authority[:i]
		}
	}
	return authority
}

// hasRequestVariable reports a variable that the environment does not fill in: names of those are upper case.
func hasRequestVariable(authority string) bool {
	for {
		_, stop, name := variable(authority)
		if stop == 0 {
			return strings.Contains(authority, "$")
		}
		if name == "" || name != strings.ToUpper(name) || name[0] >= '0' && name[0] <= '9' {
			return true
		}
		if authority = authority[stop:]; !strings.Contains(authority, "$") {
			return false
		}
	}
}

// listen notes the port of a listen directive.
func (p *page) listen(d directive) {
	address := d.arg(0)
	port := address[strings.LastIndexByte(address, ':')+1:]
	n, err := strconv.Atoi(port)
	if _, addrErr := netip.ParseAddr(address); err != nil && addrErr == nil {
		n, err = 80, nil
	}
	if strings.HasPrefix(address, "unix:") || err != nil || n <= 0 || n > 65535 {
		return
	}
	s := estate.Sighting{Fact: estate.Listens, Subject: estate.At(path.Dir(p.file)), Key: "container", Value: strconv.Itoa(n), Place: p.place(d.line)}
	if slices.Contains(d.args, "udp") {
		s.Profile = "udp"
	}
	p.report.See(s)
}

// names notes the full names requests come in for. A single label could be any machine's and proves nothing.
func (p *page) names(d directive) {
	for _, name := range d.args {
		if strings.ContainsAny(name, "*$~{}<>%^\\ ") || !strings.Contains(strings.Trim(name, "."), ".") || strings.HasPrefix(name, ".") {
			continue
		}
		if _, err := netip.ParseAddr(name); err == nil {
			continue
		}
		p.see(estate.Called, estate.NameDNS, strings.ToLower(name), "", d.line)
	}
}

// log links to the syslog server of access_log and error_log.
func (p *page) log(d directive) {
	rest, ok := strings.CutPrefix(d.arg(0), "syslog:server=")
	if !ok {
		return
	}
	address, _, _ := strings.Cut(rest, ",")
	for _, v := range p.expand(value{address, d.line}, 4) {
		p.target(v, estate.LinkShip, d.name)
	}
}

// resolver links to name servers other than the machine's or the container runtime's own.
func (p *page) resolver(d directive) {
	for _, a := range d.args {
		if strings.Contains(a, "=") || strings.HasPrefix(a, "127.") || strings.HasPrefix(a, "local") || strings.HasPrefix(a, "$") {
			continue
		}
		p.target(value{a, d.line}, estate.LinkDeclared, d.name)
	}
}
