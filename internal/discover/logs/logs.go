// Package logs reads the configuration of what moves logs and metrics of hosts: Logstash, Beats, Fluentd and Fluent
// Bit, rsyslog and syslog-ng, Vector, Promtail, and the appenders of Logback and Log4j. It says where each sends what
// it has, what it reads from, and the ports it accepts logs on. Filters and formats are left alone.
package logs

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format reads all of them; which one a file is for is told from its name and content.
func Format() discover.Format {
	return discover.Format{Name: "logs", Wants: wants, Claims: claims, ReadFile: readFile}
}

func wants(p string) bool {
	base := path.Base(p)
	switch path.Ext(base) {
	case ".conf", ".yml", ".yaml", ".toml", ".cfg":
		return true
	case ".xml", ".properties":
		return strings.HasPrefix(base, "log")
	case ".erb", ".j2", ".tmpl", ".template":
		return strings.Contains(base, ".conf") || strings.Contains(base, "beat") || strings.Contains(base, "log")
	}
	return false
}

// dialect reads one sort of file.
type dialect struct {
	is   func(discover.File) bool
	read func(*page, discover.File)
}

// dialects are tried in order; files of other extensions are tried as text.
var (
	dialects = map[string][]dialect{
		".xml":        {{isLoggingXML, (*page).loggingXML}},
		".properties": {{isLog4jProperties, (*page).log4jProperties}},
		".toml":       {{isVector, (*page).vector}},
		".yml":        yamlDialects,
		".yaml":       yamlDialects,
	}
	yamlDialects = []dialect{
		{isBeats, (*page).beats},
		{isPromtail, (*page).promtail},
		{isVector, (*page).vector},
		{isFluentBitYAML, (*page).fluentBitYAML},
	}
	textDialects = []dialect{
		{isBeats, (*page).beats},
		{isFluentBit, (*page).fluentBit},
		{isFluentd, (*page).fluentd},
		{isSyslogNG, (*page).syslogNG},
		{isRsyslog, (*page).rsyslog},
		{isLogstash, (*page).logstash},
	}
)

// dialectOf is the sort of file f is; false when it is none of them.
func dialectOf(f discover.File) (dialect, bool) {
	candidates, ok := dialects[f.Ext()]
	if !ok {
		candidates = textDialects
	}
	for _, d := range candidates {
		if d.is(f) {
			return d, true
		}
	}
	return dialect{}, false
}

func claims(f discover.File) discover.Claim {
	if _, ok := dialectOf(f); ok {
		return discover.Owns
	}
	return discover.No
}

func readFile(f discover.File, r *discover.Report) {
	if d, ok := dialectOf(f); ok {
		d.read(&page{file: f.Path, report: r}, f)
	}
}

// page is one file on its way to sightings.
type page struct {
	file   string
	report *discover.Report
}

func (p *page) see(s estate.Sighting, line int) {
	s.Subject, s.Place = estate.At(path.Dir(p.file)), estate.Place{File: p.file, Line: line}
	p.report.See(s)
}

// link says that logs go to, or come from, target. Addresses a template fills in are doubts.
func (p *page) link(why, target, layer string, line int) {
	p.linkUnder("", why, target, layer, line)
}

// linkUnder is link for a part of the file that holds under one profile only.
func (p *page) linkUnder(profile, why, target, layer string, line int) {
	target = strings.TrimSpace(target)
	switch {
	case target == "" || strings.HasPrefix(target, "unix:") || strings.HasPrefix(target, "/"):
	case strings.Contains(target, "{{") || strings.Contains(target, "<%"):
		p.report.Doubt(estate.Unresolved, estate.Place{File: p.file, Line: line}, "a template fills in this address of "+layer+"; add the rendered file to the sources, or name the target in the workspace")
	default:
		p.see(estate.Sighting{Fact: estate.Links, Key: why, Value: target, Layer: layer, Profile: profile}, line)
	}
}

// links is link for a scalar or a list of them.
func (p *page) links(why string, n syntax.Node, layer string) {
	if n.Kind == syntax.Scalar {
		for _, target := range strings.Split(n.Value, ",") {
			p.link(why, target, layer, n.Line)
		}
	}
	for _, item := range n.Items {
		if item.Kind == syntax.Scalar {
			p.link(why, item.Value, layer, item.Line)
		}
	}
}

// listens notes the port of a number or of an address such as "0.0.0.0:5140".
func (p *page) listens(address, protocol string, line int) {
	port := address[strings.LastIndexByte(address, ':')+1:]
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return
	}
	if protocol != "udp" {
		protocol = ""
	}
	p.see(estate.Sighting{Fact: estate.Listens, Key: "container", Value: port, Profile: protocol}, line)
}

// join makes host:port; a port of its own in host stays, an empty host stays empty.
func join(host, port string) string {
	if host == "" || port == "" || strings.Contains(strings.TrimPrefix(host, "${"), ":") && !strings.HasSuffix(host, "}") {
		return host
	}
	return host + ":" + port
}

// startsLine reports whether one of the lines starts with the key.
func startsLine(data []byte, key string) bool {
	return bytes.HasPrefix(data, []byte(key)) || bytes.Contains(data, []byte("\n"+key))
}

// yaml parses a YAML file; what is broken becomes a doubt.
func (p *page) yaml(f discover.File) []syntax.Node {
	docs, err := syntax.YAML(f.Data)
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	return docs
}

func isYAML(f discover.File) bool { return f.Ext() == ".yml" || f.Ext() == ".yaml" }

// eachLine calls do with every line, trimmed, and its number.
func eachLine(data []byte, do func(line string, n int)) {
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		do(string(bytes.TrimSpace(line)), n)
	}
}
