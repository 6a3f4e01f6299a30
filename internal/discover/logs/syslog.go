package logs

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// isRsyslog recognises rsyslog.conf and its parts.
func isRsyslog(f discover.File) bool {
	return strings.Contains(f.Path, "rsyslog") && f.Ext() != ".cfg" || f.Base() == "syslog.conf" || f.Ext() == ".conf" && (startsLine(f.Data, "*.* ") || startsLine(f.Data, "*.*\t") || bytes.Contains(f.Data, []byte(`type="om`)) || startsLine(f.Data, "$ModLoad") || startsLine(f.Data, "module(load="))
}

// rsyslog reads both of its syntaxes: selectors with @host, and action(…) objects, which may span lines.
func (p *page) rsyslog(f discover.File) {
	object, start := "", 0
	eachLine(f.Data, func(line string, n int) {
		if strings.HasPrefix(line, "#") {
			return
		}
		switch {
		case object != "":
			object += " " + line
		case strings.HasPrefix(line, "action(") || strings.HasPrefix(line, "input(") || strings.Contains(line, " action("):
			object, start = line, n
		default:
			p.rsyslogLine(line, n)
			return
		}
		if strings.Contains(line, ")") || len(object) > 4096 {
			p.rsyslogObject(object, start)
			object = ""
		}
	})
}

func (p *page) rsyslogLine(line string, n int) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return
	}
	switch target := words[len(words)-1]; {
	case words[0] == "$InputTCPServerRun":
		p.listens(words[1], "tcp", n)
	case words[0] == "$UDPServerRun":
		p.listens(words[1], "udp", n)
	case strings.HasPrefix(target, "@") && strings.Contains(words[0], "."):
		target, _, _ = strings.Cut(strings.TrimLeft(target, "@"), ";")
		if strings.HasPrefix(target, "(") { // options: (o)host
			target = target[strings.IndexByte(target, ')')+1:]
		}
		p.link(estate.LinkShip, target, "forward", n)
	}
}

func (p *page) rsyslogObject(object string, n int) {
	kind := parameter(object, "type")
	port := parameter(object, "port")
	if strings.HasPrefix(object, "input(") {
		protocol := "tcp"
		if kind == "imudp" {
			protocol = "udp"
		}
		p.listens(port, protocol, n)
		return
	}
	if port == "" {
		port = parameter(object, "serverport")
	}
	for _, key := range []string{"target", "server", "broker"} {
		for _, host := range strings.FieldsFunc(parameter(object, key), func(r rune) bool { return strings.ContainsRune(`[]," `, r) }) {
			p.link(estate.LinkShip, join(host, port), "action "+kind, n)
		}
	}
}

// parameter is the value of name="value", or of name=["a","b"] with its brackets and quotes.
func parameter(object, name string) string {
	lower := strings.ToLower(object)
	for from := 0; ; {
		i := strings.Index(lower[from:], name+"=")
		if i < 0 {
			return ""
		}
		at := from + i
		from = at + len(name) + 1
		if at > 0 && strings.IndexByte(" (\t,", lower[at-1]) < 0 || from >= len(object) {
			continue
		}
		rest := object[from:]
		switch rest[0] {
		case '"':
			value, _, _ := strings.Cut(rest[1:], `"`)
			return value
		case '[':
			value, _, _ := strings.Cut(rest, "]")
			return value
		}
	}
}

// isSyslogNG recognises syslog-ng by its statements.
func isSyslogNG(f discover.File) bool {
	return bytes.Contains(f.Data, []byte("destination ")) && bytes.Contains(f.Data, []byte("source")) && bytes.Contains(f.Data, []byte("};")) && !bytes.Contains(f.Data, []byte("=>"))
}

// syslogNG reads the drivers inside destination and source statements: network("host" port(514)), url("…").
func (p *page) syslogNG(f discover.File) {
	statement := ""
	eachLine(f.Data, func(line string, n int) {
		if strings.HasPrefix(line, "#") {
			return
		}
		switch word, _, _ := strings.Cut(line, " "); word {
		case "destination", "source", "log", "filter", "options", "parser", "rewrite":
			statement = word
		}
		switch statement {
		case "destination":
			p.syslogNGDestination(line, n)
		case "source":
			if port := argument(line, "port"); port != "" {
				protocol := "tcp"
				if strings.Contains(line, "udp") {
					protocol = "udp"
				}
				p.listens(port, protocol, n)
			}
		}
	})
}

func (p *page) syslogNGDestination(line string, n int) {
	for _, driver := range []string{"network", "syslog", "tcp", "udp", "tcp6", "udp6", "server", "host", "url", "bootstrap-servers", "servers"} {
		target := argument(line, driver)
		if target == "" {
			continue
		}
		p.link(estate.LinkShip, join(target, argument(line, "port")), "destination", n)
		return
	}
}

// argument is the first word inside name(…), without quotes.
func argument(line, name string) string {
	for from := 0; ; {
		i := strings.Index(line[from:], name+"(")
		if i < 0 {
			return ""
		}
		at := from + i
		from = at + len(name) + 1
		if at > 0 && strings.IndexByte(" \t{(", line[at-1]) < 0 {
			continue
		}
		word := strings.TrimLeft(line[from:], " \t")
		if stop := strings.IndexAny(word, " \t);"); stop >= 0 {
			word = word[:stop]
		}
		return strings.Trim(word, `"'`)
	}
}
