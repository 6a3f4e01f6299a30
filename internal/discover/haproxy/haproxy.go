// Package haproxy reads HAProxy and keepalived configurations and templates of them: which servers a backend has, on
// which ports and virtual addresses requests arrive, which path shows a server to be healthy, and where logs go. Files
// go in, sightings of whoever owns their folder, and of who answers at a server's address, come out. Which request goes
// to which backend is not asked: every backend counts.
package haproxy

import (
	"bytes"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// Format reads haproxy.cfg and keepalived.conf, under whatever name.
func Format() discover.Format {
	return discover.Format{Name: "haproxy", Wants: wants, Claims: claims, ReadFile: readFile}
}

func wants(p string) bool {
	base := path.Base(p)
	switch path.Ext(base) {
	case ".cfg", ".conf":
		return true
	case ".erb", ".j2", ".tmpl", ".tpl", ".ctmpl", ".template":
		return strings.Contains(base, ".cfg") || strings.Contains(p, "haproxy") || strings.Contains(base, "keepalived")
	}
	return false
}

func claims(f discover.File) discover.Claim {
	if isKeepalived(f.Data) {
		return discover.Owns
	}
	has := func(s string) bool { return bytes.Contains(f.Data, []byte(s)) }
	starts := func(s string) bool { return bytes.HasPrefix(f.Data, []byte(s)) || has("\n"+s) }
	routes := starts("backend ") || starts("listen ") || starts("frontend ")
	if routes && (has("\tserver") || has(" server") || has("bind ") || has("default_backend")) && !has(";\n") {
		return discover.Owns
	}
	if strings.Contains(f.Base(), "haproxy") && (starts("global") || starts("defaults")) {
		return discover.Owns
	}
	return discover.No
}

func readFile(f discover.File, r *discover.Report) {
	p := page{file: f.Path, report: r, ports: map[string]bool{}}
	if isKeepalived(f.Data) {
		p.keepalived(f.Data)
		return
	}
	for _, s := range parse(f.Data) {
		p.section(s)
	}
	if p.whole > 0 && p.folder() != "." && !filledElsewhere(f.Path) {
		p.see(estate.Runs, "service", "haproxy", "", p.whole)
	}
}

// filledElsewhere reports whether the file is a template of a configuration manager, which runs nothing where it lies.
func filledElsewhere(file string) bool {
	ext := path.Ext(file)
	return ext == ".erb" || ext == ".j2" || ext == ".ctmpl"
}

// page is one file on its way to sightings.
type page struct {
	file   string
	whole  int             // the line of the first section that makes a server
	ports  map[string]bool // noted already, by the way they are reached
	report *discover.Report
}

func (p *page) folder() string { return path.Dir(p.file) }

func (p *page) place(line int) estate.Place { return estate.Place{File: p.file, Line: line} }

func (p *page) see(fact estate.Fact, key, value, layer string, line int) {
	p.report.See(estate.Sighting{Fact: fact, Subject: estate.At(p.folder()), Key: key, Value: value, Layer: layer, Place: p.place(line)})
}

func (p *page) section(s section) {
	layer := strings.TrimSpace(s.kind + " " + s.name)
	switch s.kind {
	case "backend", "listen", "frontend":
		if p.whole == 0 {
			p.whole = s.line
		}
	}
	for _, l := range s.lines {
		p.statement(l, layer)
	}
	p.health(s, layer)
}

func (p *page) statement(s statement, layer string) {
	switch s.word(0) {
	case "server":
		if !s.has("disabled") {
			p.target(s.word(2), estate.LinkUpstream, layer, s.line)
		}
	case "server-template":
		p.target(s.word(3), estate.LinkUpstream, layer, s.line)
	case "nameserver", "peer", "mailer":
		p.target(s.word(2), estate.LinkDeclared, layer, s.line)
	case "log":
		p.log(s, layer)
	case "bind", "dgram-bind":
		p.bind(s)
	case "stats":
		if s.word(1) == "bind" {
			p.bind(statement{s.words[1:], s.line})
		}
	}
}

// target links to a server. Sockets and addresses of this machine's own kernel are not servers.
func (p *page) target(address, why, layer string, line int) {
	address = trimFamily(address)
	switch {
	case address == "" || strings.HasPrefix(address, "/") || strings.HasPrefix(address, "@") || strings.HasPrefix(address, "*") || strings.HasPrefix(address, "0.0.0.0"):
		return
	case strings.HasPrefix(address, "unix@") || strings.HasPrefix(address, "abns@") || strings.HasPrefix(address, "fd@") || strings.HasPrefix(address, "sockpair@") || strings.HasPrefix(address, "rhttp@"):
		return
	case strings.Contains(address, "<%") || strings.Contains(address, "{{"):
		p.report.Doubt(estate.Unresolved, p.place(line), "a template fills in this server of "+layer+"; add the rendered file to the sources, or name the server in the workspace")
		return
	case why == estate.LinkDeclared && strings.HasPrefix(address, "127."):
		return
	}
	p.see(estate.Links, why, trimOffset(address), layer, line)
}

// trimFamily drops the address family that may stand before an address.
func trimFamily(address string) string {
	for _, family := range []string{"ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@", "udp@", "udp4@", "udp6@", "quic4@", "quic6@"} {
		if rest, ok := strings.CutPrefix(address, family); ok {
			return rest
		}
	}
	return address
}

// trimOffset drops a port that is relative to the one the client came in on.
func trimOffset(address string) string {
	if i := strings.LastIndexAny(address, "+-"); i > 0 && address[i-1] == ':' {
		return address[:i-1]
	}
	return address
}

// log links to a log server on another machine.
func (p *page) log(s statement, layer string) {
	address := trimFamily(s.word(1))
	switch {
	case address == "global" || address == "stdout" || address == "stderr" || strings.HasPrefix(address, "127.") || strings.HasPrefix(address, "localhost"):
		return
	case strings.Contains(address, "@"): // ring@, backend@, fd@: inside this process
		return
	}
	p.target(address, estate.LinkShip, layer, s.line)
}

// maxPorts bounds how many ports of a range are noted.
const maxPorts = 16

// bind notes the ports and virtual addresses requests arrive on.
func (p *page) bind(s statement) {
	for _, address := range strings.Split(s.word(1), ",") {
		address = trimFamily(address)
		i := strings.LastIndexByte(address, ':')
		if i < 0 || strings.HasPrefix(address, "/") || strings.Contains(address, "@") {
			continue
		}
		via := "container"
		if ip := virtual(address[:i]); ip != "" {
			via = "vip"
			p.see(estate.Called, estate.NameVirtual, ip, "", s.line)
		}
		first, last, isRange := strings.Cut(address[i+1:], "-")
		from, err := strconv.Atoi(first)
		to := from
		if isRange {
			to, _ = strconv.Atoi(last)
		}
		if err != nil || from < 1 || to > 65535 {
			continue
		}
		for port := from; port <= to && port < from+maxPorts; port++ {
			if value := strconv.Itoa(port); !p.ports[via+value] {
				p.ports[via+value] = true
				p.see(estate.Listens, via, value, "", s.line)
			}
		}
	}
}

// virtual is the address when it is one of its own, rather than every address of the machine or its loopback.
func virtual(host string) string {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || ip.IsUnspecified() || ip.IsLoopback() {
		return ""
	}
	return ip.String()
}
