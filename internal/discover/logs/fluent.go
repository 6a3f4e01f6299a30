package logs

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// element is a block of a Fluentd or Fluent Bit configuration: its settings and the blocks inside.
type element struct {
	name  string // "source", "match", "server"; lower case
	line  int
	pairs []syntax.Entry
	inner []element
}

func (e element) get(keys ...string) syntax.Entry {
	for _, key := range keys {
		for _, pair := range e.pairs {
			if strings.EqualFold(pair.Key, key) {
				return pair
			}
		}
	}
	return syntax.Entry{Line: e.line}
}

// isFluentd recognises the classic syntax of Fluentd.
func isFluentd(f discover.File) bool {
	return (startsLine(f.Data, "<source>") || startsLine(f.Data, "<match") || bytes.Contains(f.Data, []byte("  <match "))) && bytes.Contains(f.Data, []byte("type "))
}

// parseFluentd reads blocks in angle brackets. On an error it returns what it understood so far.
func parseFluentd(data []byte) ([]element, error) {
	stack := []element{{}}
	var failed error
	eachLine(data, func(line string, n int) {
		switch {
		case failed != nil || line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "</"):
			if len(stack) == 1 {
				failed = &syntax.Error{Line: n, Text: "a closing tag closes nothing; remove it"}
				return
			}
			stack = closeElement(stack)
		case strings.HasPrefix(line, "<") && !strings.HasPrefix(line, "<%"):
			if len(stack) > syntax.MaxDepth {
				failed = &syntax.Error{Line: n, Text: "blocks nest too deep; split the file"}
				return
			}
			name, _, _ := strings.Cut(strings.Trim(line, "<> \t"), " ")
			stack = append(stack, element{name: strings.ToLower(name), line: n})
		default:
			top := &stack[len(stack)-1]
			top.pairs = append(top.pairs, entry(line, n))
		}
	})
	if failed == nil && len(stack) > 1 {
		failed = &syntax.Error{Line: stack[len(stack)-1].line, Text: "a block is not closed; add its closing tag"}
	}
	for len(stack) > 1 {
		stack = closeElement(stack)
	}
	return stack[0].inner, failed
}

func closeElement(stack []element) []element {
	top := stack[len(stack)-1]
	stack = stack[:len(stack)-1]
	around := &stack[len(stack)-1]
	around.inner = append(around.inner, top)
	return stack
}

// entry splits "key value" and takes quotes off the value.
func entry(line string, n int) syntax.Entry {
	key, value := line, ""
	if i := strings.IndexAny(line, " \t"); i > 0 {
		key, value = line[:i], strings.TrimSpace(line[i:])
	}
	return syntax.Entry{Key: key, Value: fromEnvironment(strings.Trim(value, `"'`)), Line: n}
}

// fromEnvironment writes the Ruby expression for an environment variable, #{ENV['X'] || 'y'}, as ${X:y}.
func fromEnvironment(value string) string {
	i := strings.Index(value, "#{ENV[")
	if i < 0 {
		return value
	}
	stop := strings.IndexByte(value[i:], '}')
	if stop < 0 {
		return value
	}
	inner := value[i+len("#{ENV[") : i+stop]
	name, fallback, _ := strings.Cut(inner, "||")
	name = strings.Trim(name, " '\"]")
	if fallback = strings.Trim(fallback, " '\""); fallback != "" {
		name += ":" + fallback
	}
	return value[:i] + "${" + name + "}" + value[i+stop+1:]
}

func (p *page) fluentd(f discover.File) {
	blocks, err := parseFluentd(f.Data)
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	for _, b := range blocks {
		p.fluentdBlock(b)
	}
}

func (p *page) fluentdBlock(b element) {
	kind := b.get("@type", "type")
	switch b.name {
	case "source":
		if port := b.get("port"); port.Value != "" {
			p.listens(port.Value, protocolOf(kind.Value), port.Line)
		}
		p.hosts(b, estate.LinkDeclared, "source "+kind.Value)
	case "match", "store", "server", "secondary":
		p.hosts(b, estate.LinkShip, strings.TrimSpace(b.name+" "+kind.Value))
	}
	for _, inner := range b.inner {
		p.fluentdBlock(inner)
	}
}

// hosts links to every address a block names.
func (p *page) hosts(b element, why, layer string) {
	port := b.get("port").Value
	if host := b.get("host", "remote_syslog", "server"); host.Value != "" && host.Value != "0.0.0.0" {
		p.link(why, join(host.Value, port), layer, host.Line)
	}
	for _, key := range []string{"hosts", "brokers", "url", "endpoint", "endpoint_url", "hec_host", "bootstrap.servers"} {
		value := b.get(key)
		for _, target := range addresses(key, value.Value) {
			p.link(why, target, layer, value.Line)
		}
	}
}

// isFluentBit recognises the classic syntax of Fluent Bit.
func isFluentBit(f discover.File) bool {
	return (startsLine(f.Data, "[OUTPUT]") || startsLine(f.Data, "[INPUT]") || startsLine(f.Data, "[SERVICE]")) && bytes.Contains(f.Data, []byte("ame"))
}

// fluentBit reads sections in square brackets whose lines are a key and a value.
func (p *page) fluentBit(f discover.File) {
	var section element
	eachLine(f.Data, func(line string, n int) {
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "@"):
		case strings.HasPrefix(line, "["):
			p.fluentBitSection(section)
			section = element{name: strings.ToLower(strings.Trim(line, "[] \t")), line: n}
		default:
			section.pairs = append(section.pairs, entry(line, n))
		}
	})
	p.fluentBitSection(section)
}

func (p *page) fluentBitSection(s element) {
	name := s.get("name").Value
	switch s.name {
	case "output":
		p.hosts(s, estate.LinkShip, "output "+name)
	case "input":
		switch port := s.get("port"); strings.ToLower(name) {
		case "forward", "tcp", "udp", "syslog", "http", "statsd", "opentelemetry", "elasticsearch", "splunk":
			p.listens(port.Value, protocolOf(strings.ToLower(name)), port.Line)
		default:
			p.hosts(s, estate.LinkScrape, "input "+name)
		}
	case "service":
		if port := s.get("http_port"); strings.EqualFold(s.get("http_server").Value, "on") {
			p.listens(port.Value, "tcp", port.Line)
		}
	}
}

// isFluentBitYAML recognises the newer syntax: a pipeline of inputs and outputs.
func isFluentBitYAML(f discover.File) bool {
	return isYAML(f) && startsLine(f.Data, "pipeline:") && bytes.Contains(f.Data, []byte("outputs:"))
}

func (p *page) fluentBitYAML(f discover.File) {
	for _, doc := range p.yaml(f) {
		for _, part := range []string{"input", "output"} {
			for _, item := range doc.At("pipeline", part+"s").Items {
				p.fluentBitSection(element{name: part, line: item.Line, pairs: item.Flatten()})
			}
		}
	}
}
