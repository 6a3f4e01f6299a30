package logs

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isLoggingXML recognises logback.xml and log4j2.xml, and their variants for Spring profiles.
func isLoggingXML(f discover.File) bool {
	return f.Ext() == ".xml" && bytes.Contains(bytes.ToLower(f.Data[:min(len(f.Data), 4096)]), []byte("<configuration"))
}

// node is an XML element with what the readers of appenders ask for.
type node struct {
	name  string
	attrs map[string]string // lower-case names
	text  string
	line  int
	inner []node
}

// parseXML reads an element tree. On an error it returns what it understood so far.
func parseXML(data []byte) (node, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	stack := []node{{}}
	for {
		token, err := dec.Token()
		if err != nil {
			for len(stack) > 1 {
				stack = closeNode(stack)
			}
			if errors.Is(err, io.EOF) {
				return stack[0], nil
			}
			line, _ := dec.InputPos()
			return stack[0], &syntax.Error{Line: line, Text: "not valid XML; check it with a validator"}
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(stack) > syntax.MaxDepth {
				line, _ := dec.InputPos()
				return stack[0], &syntax.Error{Line: line, Text: "elements nest too deep; this is no logging configuration"}
			}
			line, _ := dec.InputPos()
			stack = append(stack, startNode(t, line))
		case xml.EndElement:
			if len(stack) > 1 {
				stack = closeNode(stack)
			}
		case xml.CharData:
			if top := &stack[len(stack)-1]; len(top.text) < 4096 {
				top.text += string(bytes.TrimSpace(t))
			}
		}
	}
}

func startNode(t xml.StartElement, line int) node {
	n := node{name: t.Name.Local, line: line, attrs: map[string]string{}}
	for _, a := range t.Attr {
		n.attrs[strings.ToLower(a.Name.Local)] = a.Value
	}
	return n
}

func closeNode(stack []node) []node {
	top := stack[len(stack)-1]
	stack = stack[:len(stack)-1]
	around := &stack[len(stack)-1]
	around.inner = append(around.inner, top)
	return stack
}

// child is the value of a property, whether an element of its own or an attribute.
func (n node) child(names ...string) (string, int) {
	for _, name := range names {
		if v := n.attrs[strings.ToLower(name)]; v != "" {
			return v, n.line
		}
		for _, c := range n.inner {
			if strings.EqualFold(c.name, name) && c.text != "" {
				return c.text, c.line
			}
		}
	}
	return "", n.line
}

// appenders collects what a logging configuration declares and refers to.
type appenders struct {
	page       *page
	properties map[string]string
	used       map[string]bool // names appender-refs name; nil when there are none at all
}

// loggingXML links to where the appenders that are in use send their events.
func (p *page) loggingXML(f discover.File) {
	tree, err := parseXML(f.Data)
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	a := &appenders{page: p, properties: map[string]string{}, used: map[string]bool{}}
	a.collect(tree)
	a.walk(tree, "")
}

func (a *appenders) collect(n node) {
	switch strings.ToLower(n.name) {
	case "property", "variable":
		value := n.attrs["value"]
		if value == "" {
			value = n.text
		}
		a.properties[n.attrs["name"]] = value
	case "springproperty":
		source := n.attrs["source"]
		if fallback := n.attrs["defaultvalue"]; fallback != "" {
			source += ":" + fallback
		}
		a.properties[n.attrs["name"]] = "${" + source + "}"
	case "appender-ref", "appenderref":
		a.used[n.attrs["ref"]] = true
	}
	for _, c := range n.inner {
		a.collect(c)
	}
}

// walk reads every appender; what is inside a springProfile holds under that profile only.
func (a *appenders) walk(n node, profile string) {
	if n.name == "springProfile" {
		profile = n.attrs["name"]
	}
	for _, c := range n.inner {
		if isAppender(n, c) && a.used[c.attrs["name"]] {
			a.appender(c, profile)
		}
		a.walk(c, profile)
	}
}

// isAppender knows Logback's <appender> and Log4j's children of <Appenders>.
func isAppender(parent, n node) bool {
	return n.name == "appender" || strings.EqualFold(parent.name, "appenders")
}

// hostKeys pair the properties of appenders that name a host with those that name its port.
var hostKeys = []struct{ host, port string }{
	{"remoteHost", "port"}, {"syslogHost", "port"}, {"graylogHost", "graylogPort"}, {"host", "port"}, {"hostname", "port"}, {"fluentHost", "port"},
}

func (a *appenders) appender(n node, profile string) {
	layer := "appender " + n.attrs["name"]
	for _, c := range n.inner {
		switch strings.ToLower(c.name) {
		case "destination", "destinations", "url", "endpoint", "gelfurl", "lokiurl":
			for _, target := range strings.Split(c.text, ",") {
				a.link(target, layer, profile, c.line)
			}
		case "http": // Loki's sender
			url, line := c.child("url")
			a.link(url, layer, profile, line)
		case "producerconfig":
			if rest, ok := strings.CutPrefix(c.text, "bootstrap.servers="); ok {
				a.link(rest, layer, profile, c.line)
			}
		case "property":
			if c.attrs["name"] == "bootstrap.servers" {
				value, line := c.child("value")
				if value == "" {
					value = c.text
				}
				a.link(value, layer, profile, line)
			}
		}
	}
	if url := n.attrs["url"]; url != "" {
		a.link(url, layer, profile, n.line)
	}
	for _, key := range hostKeys {
		if host, line := n.child(key.host); host != "" {
			port, _ := n.child(key.port)
			a.link(join(afterProtocol(a.fill(host)), port), layer, profile, line)
			return
		}
	}
}

// afterProtocol drops the transport that GELF appenders write before a host: tcp:graylog, udp:graylog.
func afterProtocol(host string) string {
	for _, transport := range []string{"tcp:", "udp:", "http:", "https:"} {
		if rest, ok := strings.CutPrefix(host, transport); ok && !strings.HasPrefix(rest, "//") {
			return rest
		}
	}
	return host
}

func (a *appenders) link(target, layer, profile string, line int) {
	a.page.linkUnder(profile, estate.LinkShip, a.fill(target), layer, line)
}

// fill replaces ${name} by the file's own properties, once for each name; what the environment holds stays.
func (a *appenders) fill(text string) string {
	for range 8 {
		name, placeholder := a.known(text)
		if placeholder == "" {
			return text
		}
		text = strings.Replace(text, placeholder, a.properties[name], 1)
	}
	return text
}

// known finds a placeholder the file itself defines, not by itself.
func (a *appenders) known(text string) (name, placeholder string) {
	for rest := text; ; {
		i := strings.Index(rest, "${")
		if i < 0 {
			return "", ""
		}
		rest = rest[i:]
		stop := strings.IndexByte(rest, '}')
		if stop < 0 {
			return "", ""
		}
		name, _, _ = strings.Cut(rest[2:stop], ":")
		if value, ok := a.properties[name]; ok && !strings.Contains(value, "${"+name) {
			return name, rest[:stop+1]
		}
		rest = rest[2:]
	}
}

// isLog4jProperties recognises the configuration of Log4j 1 and 2 as properties.
func isLog4jProperties(f discover.File) bool {
	return f.Ext() == ".properties" && strings.HasPrefix(f.Base(), "log4j")
}

// log4jProperties links to the hosts of appenders: log4j.appender.NAME.RemoteHost and appender.NAME.host.
func (p *page) log4jProperties(f discover.File) {
	type target struct {
		host, port string
		line       int
	}
	targets := map[string]*target{}
	var order []string
	eachLine(f.Data, func(line string, n int) {
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimPrefix(strings.TrimSpace(key), "log4j.")
		i := strings.LastIndexByte(key, '.')
		if !ok || i < 0 || !strings.HasPrefix(key, "appender.") {
			return
		}
		name := key[:i]
		t := targets[name]
		if t == nil {
			t = &target{}
			targets[name] = t
			order = append(order, name)
		}
		switch strings.ToLower(key[i+1:]) {
		case "host", "remotehost", "sysloghost", "grayloghost", "url", "brokerlist":
			t.host, t.line = strings.TrimSpace(value), n
		case "port":
			t.port = strings.TrimSpace(value)
		}
	})
	for _, name := range order {
		t := targets[name]
		p.link(estate.LinkShip, join(t.host, t.port), name, t.line)
	}
}
