package logs

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isLogstash recognises a pipeline by its parts.
func isLogstash(f discover.File) bool {
	for _, part := range []string{"input", "output", "filter"} {
		for _, brace := range []string{" {", "{", " \n{", "\n{"} {
			if startsLine(f.Data, part+brace) && bytes.Contains(f.Data, []byte("=>")) {
				return true
			}
		}
	}
	return false
}

// plugin is one plugin of a Logstash pipeline with its settings.
type plugin struct {
	part     string // "input", "filter", "output"
	name     string
	line     int
	settings []setting
}

// setting is a key with all the strings of its value, those of nested lists and hashes included.
type setting struct {
	key    string
	values []string
	line   int
}

func (p plugin) get(key string) setting {
	for _, s := range p.settings {
		if s.key == key {
			return s
		}
	}
	return setting{line: p.line}
}

func (s setting) first() string {
	if len(s.values) == 0 {
		return ""
	}
	return s.values[0]
}

// parseLogstash reads a pipeline. Conditions are taken as true. On an error it returns what it understood so far.
func parseLogstash(data []byte) ([]plugin, error) {
	p := &logstashParser{data: data, line: 1}
	for {
		t := p.next()
		if t == "" {
			return p.plugins, nil
		}
		if p.next() != "{" {
			return p.plugins, &syntax.Error{Line: p.line, Text: "not a Logstash pipeline: a part must be followed by {"}
		}
		if err := p.section(t, 0); err != nil {
			return p.plugins, err
		}
	}
}

type logstashParser struct {
	data    []byte
	pos     int
	line    int
	quoted  bool // the last token was a string
	plugins []plugin
}

var errUnclosed = "a block of the pipeline is not closed; add the missing }"

// section reads plugins and conditions up to the closing brace.
func (p *logstashParser) section(part string, depth int) error {
	if depth > syntax.MaxDepth {
		return &syntax.Error{Line: p.line, Text: "conditions nest too deep; split the pipeline"}
	}
	for {
		name := p.next()
		line := p.line
		switch name {
		case "":
			return &syntax.Error{Line: p.line, Text: errUnclosed}
		case "}":
			return nil
		case "if", "else":
			if !p.skipTo("{") {
				return &syntax.Error{Line: p.line, Text: errUnclosed}
			}
			if err := p.section(part, depth+1); err != nil {
				return err
			}
		default:
			if p.next() != "{" {
				return &syntax.Error{Line: p.line, Text: "a plugin must be followed by {"}
			}
			settings, err := p.settings()
			p.plugins = append(p.plugins, plugin{part, name, line, settings})
			if err != nil {
				return err
			}
		}
	}
}

// settings reads key => value pairs up to the closing brace.
func (p *logstashParser) settings() ([]setting, error) {
	var out []setting
	for {
		key := p.next()
		if key == "" {
			return out, &syntax.Error{Line: p.line, Text: errUnclosed}
		}
		if key == "}" && !p.quoted {
			return out, nil
		}
		s := setting{key: key, line: p.line}
		if p.peek() == '=' {
			p.next()
			s.values = p.value()
		}
		out = append(out, s)
	}
}

// value reads one value: a word, a string, a list, a hash, or a codec with a block. It collects the strings.
func (p *logstashParser) value() []string {
	t := p.next()
	if !p.quoted && (t == "[" || t == "{") {
		return p.nested()
	}
	if !p.quoted && p.peek() == '{' { // codec => json { … }
		p.next()
		p.nested()
	}
	return []string{t}
}

// nested collects the strings up to the bracket that closes the one just read.
func (p *logstashParser) nested() []string {
	var out []string
	for depth := 1; depth > 0; {
		t := p.next()
		switch {
		case t == "" && !p.quoted:
			return out
		case p.quoted:
			out = append(out, t)
		case t == "[" || t == "{":
			depth++
		case t == "]" || t == "}":
			depth--
		case t != "=>" && t != ",":
			out = append(out, t)
		}
	}
	return out
}

func (p *logstashParser) skipTo(token string) bool {
	for {
		t := p.next()
		if t == token && !p.quoted {
			return true
		}
		if t == "" && !p.quoted {
			return false
		}
	}
}

// peek is the next byte that is neither blank nor comment, 0 at the end.
func (p *logstashParser) peek() byte {
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '\n':
			p.line++
			p.pos++
		case c == ' ' || c == '\t' || c == '\r' || c == ',':
			p.pos++
		case c == '#' || bytes.HasPrefix(p.data[p.pos:], []byte("<%")) && !bytes.HasPrefix(p.data[p.pos:], []byte("<%=")):
			i := bytes.IndexByte(p.data[p.pos:], '\n')
			if i < 0 {
				i = len(p.data) - p.pos
			}
			p.pos += i
		default:
			return c
		}
	}
	return 0
}

// next reads a token: a bracket, "=>", a string without its quotes, or a word. "" is the end, or an empty string.
func (p *logstashParser) next() string {
	p.quoted = false
	switch c := p.peek(); c {
	case 0:
		return ""
	case '{', '}', '[', ']':
		p.pos++
		return string(c)
	case '"', '\'':
		return p.text(c)
	}
	if bytes.HasPrefix(p.data[p.pos:], []byte("=>")) {
		p.pos += 2
		return "=>"
	}
	start := p.pos
	for p.pos++; p.pos < len(p.data); p.pos++ {
		if strings.IndexByte(" \t\r\n{}[],\"'#", p.data[p.pos]) >= 0 || bytes.HasPrefix(p.data[p.pos:], []byte("=>")) {
			break
		}
	}
	return string(p.data[start:p.pos])
}

func (p *logstashParser) text(quote byte) string {
	p.quoted = true
	var b strings.Builder
	for p.pos++; p.pos < len(p.data); p.pos++ {
		c := p.data[p.pos]
		switch {
		case c == quote:
			p.pos++
			return b.String()
		case c == '\\' && p.pos+1 < len(p.data):
			p.pos++
			c = p.data[p.pos]
		}
		if c == '\n' {
			p.line++
		}
		b.WriteByte(c)
	}
	return b.String()
}

// logstash turns a pipeline's plugins into sightings.
func (p *page) logstash(f discover.File) {
	plugins, err := parseLogstash(f.Data)
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	for _, pl := range plugins {
		why := estate.LinkShip
		if pl.part != "output" {
			why = estate.LinkDeclared
		}
		if pl.part == "input" && waits[pl.name] {
			port := pl.get("port")
			p.listens(port.first(), protocolOf(pl.name), port.line)
			continue
		}
		p.plugin(pl, why)
	}
}

// waits are the inputs that accept connections.
var waits = map[string]bool{"beats": true, "elastic_agent": true, "tcp": true, "udp": true, "syslog": true, "gelf": true, "http": true, "lumberjack": true, "collectd": true, "graphite": true, "ganglia": true, "relp": true, "snmptrap": true}

func protocolOf(name string) string {
	switch name {
	case "udp", "gelf", "collectd", "snmptrap":
		return "udp"
	}
	return "tcp"
}

// plugin links to every address a plugin names.
func (p *page) plugin(pl plugin, why string) {
	layer := pl.part + " " + pl.name
	port := pl.get("port").first()
	for _, key := range []string{"hosts", "host", "urls", "url", "uri", "bootstrap_servers", "jdbc_connection_string", "connection_string", "endpoint", "brokers", "servers"} {
		s := pl.get(key)
		for _, v := range s.values {
			for _, target := range addresses(key, v) {
				p.link(why, join(target, port), layer, s.line)
			}
		}
	}
}

// addresses splits a comma list where the setting takes one; a connection string keeps its commas.
func addresses(key, value string) []string {
	if strings.Contains(value, "://") || strings.HasPrefix(key, "jdbc") {
		return []string{value}
	}
	return strings.Split(value, ",")
}
