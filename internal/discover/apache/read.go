package apache

import (
	"bytes"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// page is one file on its way to sightings.
type page struct {
	file    string
	report  *discover.Report
	defined map[string]string // Define NAME value
	linked  map[string]bool   // targets seen, because ProxyPassReverse repeats those of ProxyPass
	proxy   string            // the <Proxy balancer://…> around
	whole   int               // the line of the first directive that makes a server
}

func (p *page) folder() string { return path.Dir(p.file) }

func (p *page) place(line int) estate.Place { return estate.Place{File: p.file, Line: line} }

func (p *page) see(fact estate.Fact, key, value, layer string, line int) {
	p.report.See(estate.Sighting{Fact: fact, Subject: estate.At(p.folder()), Key: key, Value: value, Layer: layer, Place: p.place(line)})
}

func (p *page) read(d directive) {
	for i, a := range d.args {
		d.args[i] = p.fill(a)
	}
	switch d.name {
	case "define":
		p.defined[d.arg(0)] = d.arg(1)
	case "<virtualhost":
		p.serves(d)
		for _, address := range d.args {
			p.listens(address, d.line)
		}
	case "listen":
		p.serves(d)
		p.listens(d.arg(0), d.line)
	case "servername", "serveralias":
		p.names(d)
	default:
		p.passes(d)
	}
}

func (p *page) serves(d directive) {
	if p.whole == 0 {
		p.whole = d.line
	}
}

// passes reads the directives that send requests on.
func (p *page) passes(d directive) {
	switch d.name {
	case "proxypass", "proxypassmatch", "proxypassreverse":
		p.serves(d)
		if i := slices.IndexFunc(d.args, isURL); i >= 0 {
			p.target(d.args[i], estate.LinkUpstream, "", d.line)
		}
	case "<proxy":
		p.proxy = strings.TrimSuffix(strings.TrimPrefix(d.arg(0), "balancer://"), "/")
	case "</proxy":
		p.proxy = ""
	case "balancermember":
		if i := slices.IndexFunc(d.args, isURL); i >= 0 {
			p.target(d.args[i], estate.LinkUpstream, strings.TrimSpace("balancer "+p.proxy), d.line)
		}
	case "rewriterule":
		if hasFlag(d.arg(2), "p", "proxy") {
			p.target(d.arg(1), estate.LinkUpstream, "", d.line)
		}
	case "sethandler":
		if rest, ok := strings.CutPrefix(d.arg(0), "proxy:"); ok {
			p.target(rest, estate.LinkUpstream, "", d.line)
		}
	case "proxyremote", "proxyremotematch":
		p.target(d.arg(1), estate.LinkUpstream, "", d.line)
	case "authldapurl", "oidcprovidermetadataurl", "oidcrediscacheserver", "casloginurl", "casvalidateurl", "oidcoauthintrospectionendpoint":
		p.target(d.arg(0), estate.LinkDeclared, "", d.line)
	}
}

func isURL(s string) bool { return strings.Contains(s, "://") }

// hasFlag reports whether a rewrite rule's [flags] include one of the names.
func hasFlag(flags string, names ...string) bool {
	for _, f := range strings.Split(strings.ToLower(strings.Trim(flags, "[]")), ",") {
		if slices.Contains(names, strings.TrimSpace(f)) {
			return true
		}
	}
	return false
}

// fill replaces ${NAME} by what the file defines; names of the environment stay.
func (p *page) fill(text string) string {
	for name, at := p.nextDefined(text); name != ""; name, at = p.nextDefined(text) {
		text = text[:at] + p.defined[name] + text[at+len(name)+3:]
		if len(text) > 4096 {
			break // a definition that grows on itself
		}
	}
	return text
}

// nextDefined finds the first ${name} whose definition is known and does not hold another placeholder.
func (p *page) nextDefined(text string) (name string, at int) {
	for from := 0; ; {
		i := strings.Index(text[from:], "${")
		if i < 0 {
			return "", 0
		}
		at = from + i
		n := strings.IndexByte(text[at:], '}')
		if n < 0 {
			return "", 0
		}
		name = text[at+2 : at+n]
		if value, ok := p.defined[name]; ok && !strings.Contains(value, "${") {
			return name, at
		}
		from = at + 2
	}
}

// target links to an address. Balancers are linked through their members.
func (p *page) target(address, why, layer string, line int) {
	if i := strings.LastIndexByte(address, '|'); i >= 0 {
		address = address[:i] // a socket, then a name that only routes
	}
	if address == "" || strings.HasPrefix(address, "unix:") || strings.HasPrefix(address, "balancer:") || strings.HasPrefix(address, "/") {
		return
	}
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	authority, tail := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 && !strings.ContainsAny(rest[:i], "<{") {
		authority, tail = rest[:i], rest[i:]
	}
	switch {
	case strings.Contains(authority, "<%") || strings.Contains(authority, "{{"):
		p.report.Doubt(estate.Unresolved, p.place(line), "a template fills in the address requests are passed on to; add the rendered file to the sources, or name the target in the workspace")
		return
	case strings.Contains(authority, "%{") || hostFromRequest(authority):
		p.report.Doubt(estate.Unresolved, p.place(line), "requests are passed on to an address put together from themselves; name the targets in the workspace")
		return
	}
	authority = cutBackReference(authority)
	if i := strings.IndexAny(tail, "$%"); i >= 0 {
		tail = tail[:i]
	}
	if key := why + scheme + authority; !p.linked[key] {
		p.linked[key] = true
		p.see(estate.Links, why, scheme+authority+tail, layer, line)
	}
}

// hostFromRequest reports a host that starts with a part of the request: $1 or %1.
func hostFromRequest(authority string) bool {
	return strings.HasPrefix(authority, "$") && !strings.HasPrefix(authority, "${") || strings.HasPrefix(authority, "%")
}

// cutBackReference drops the $1 that stands for the path behind a host: http://orders:8080$1.
func cutBackReference(authority string) string {
	for i := 0; i+1 < len(authority); i++ {
		if authority[i] == '$' && authority[i+1] >= '0' && authority[i+1] <= '9' {
			return authority[:i]
		}
	}
	return authority
}

// listens notes the port of Listen or of a virtual host.
func (p *page) listens(address string, line int) {
	port := address[strings.LastIndexByte(address, ':')+1:]
	if n, err := strconv.Atoi(port); err == nil && n > 0 && n < 65536 {
		p.see(estate.Listens, "container", port, "", line)
	}
}

// names notes the full names requests come in for. A single label could be any machine's and proves nothing.
func (p *page) names(d directive) {
	for _, name := range d.args {
		if _, rest, ok := strings.Cut(name, "://"); ok {
			name = rest
		}
		name, _, _ = strings.Cut(name, ":")
		if strings.ContainsAny(name, "*?${}<>%") || !strings.Contains(name, ".") {
			continue
		}
		if _, err := netip.ParseAddr(name); err == nil {
			continue
		}
		p.see(estate.Called, estate.NameDNS, strings.ToLower(name), "", d.line)
	}
}

// workers reads the workers.properties of mod_jk: worker.NAME.host and worker.NAME.port.
func (p *page) workers(data []byte) {
	type worker struct {
		host, port string
		line       int
	}
	workers := map[string]*worker{}
	var order []string
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		key, value, ok := strings.Cut(string(line), "=")
		parts := strings.Split(strings.TrimSpace(key), ".")
		if !ok || len(parts) != 3 || parts[0] != "worker" {
			continue
		}
		w := workers[parts[1]]
		if w == nil {
			w = &worker{}
			workers[parts[1]] = w
			order = append(order, parts[1])
		}
		switch parts[2] {
		case "host":
			w.host, w.line = strings.TrimSpace(value), n
		case "port":
			w.port = strings.TrimSpace(value)
		}
	}
	for _, name := range order {
		w := workers[name]
		if w.host == "" {
			continue
		}
		address := "ajp://" + w.host
		if w.port != "" {
			address += ":" + w.port
		}
		p.see(estate.Links, estate.LinkUpstream, address, "worker "+name, w.line)
	}
}
