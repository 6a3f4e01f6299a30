package conformance

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// machine is what a bundle makes of the machines of an environment: what cloud-init writes onto those with services, and what
// the load balancers are told.
type machine struct {
	files   map[string]written // by path on the machine
	started []string           // units, in order
	proxy   []section
	pages   map[string]string // secrets.md, by service
	readme  string
}

type written struct{ text, mode string }

func machineOf(t judge, b render.Bundle) machine {
	t.Helper()
	m := machine{files: map[string]written{}, pages: map[string]string{}}
	for _, f := range b.Files {
		switch {
		case strings.HasSuffix(f.Path, "hosts/app-1/cloud-init.yaml"):
			m.install(t, f.Text)
		case strings.HasSuffix(f.Path, "haproxy.cfg"):
			m.proxy = sections(f.Text)
		case strings.HasSuffix(f.Path, "id-vm/README.md"):
			m.readme = f.Text
		case strings.HasSuffix(f.Path, "/secrets.md"):
			m.pages[path.Base(path.Dir(f.Path))] = f.Text
		}
	}
	if len(m.files) == 0 {
		t.Fatal("no machine is made")
	}
	return m
}

// install does what cloud-init does.
func (m *machine) install(t judge, text string) {
	t.Helper()
	var config struct {
		WriteFiles []struct{ Path, Permissions, Encoding, Content string } `yaml:"write_files"`
		RunCmd     [][]string
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	for _, f := range config.WriteFiles {
		if f.Encoding == "b64" {
			raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(f.Content))
			if err != nil {
				t.Fatal(err)
			}
			f.Content = string(raw)
		}
		m.files[f.Path] = written{f.Content, f.Permissions}
	}
	for _, words := range config.RunCmd {
		if len(words) == 4 && words[2] == "--now" {
			m.started = append(m.started, words[3])
		}
	}
}

// order lists services as they are started.
func (m machine) order(services []render.Service) []string {
	var out []string
	for _, unit := range m.started {
		name := strings.TrimSuffix(unit, ".service")
		if slices.ContainsFunc(services, func(s render.Service) bool { return string(s.Name) == name }) {
			out = append(out, name)
		}
	}
	return out
}

func (m machine) read(t judge, s render.Service) lived {
	t.Helper()
	name := workload.NameOf(string(s.Name))
	main := m.unit(t, name)
	out := lived{Processes: map[string]process{}, Low: main.has("AmbientCapabilities", "CAP_NET_BIND_SERVICE")}
	for key := range s.Workload.Containers {
		unit := name
		if key != s.MainContainer() {
			unit = workload.NameOf(name + "-" + key)
		}
		out.Processes[key] = m.process(t, m.unit(t, unit), name)
	}
	for key, p := range out.Processes {
		if _, said := s.Workload.Metadata.Annotations[workload.AnnotationFolder]; !said || key != s.MainContainer() {
			p.Folder = ""
		}
		out.Processes[key] = p
	}
	if post := main.words("ExecStartPost"); len(post) > 0 {
		out.Asked = m.asked(t, post[0])
		out.Start = (number(t, post[2]) + kubeletStep - 1) / kubeletStep * kubeletStep
	}
	stop := main.words("ExecStop")
	out.Drain, out.Stop = number(t, stop[1]), number(t, stop[2])
	if last := number(t, main.one("TimeoutStopSec")); last < out.Drain+out.Stop {
		t.Errorf("systemd ends the process after %d s already", last)
	}
	m.balance(t, name, &out)
	return out
}

func number(t judge, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// process is what systemd starts for a unit.
func (m machine) process(t judge, u unit, service string) process {
	t.Helper()
	p := process{
		Words: u.words("ExecStart"), Variables: map[string]string{}, Files: map[string]file{}, Volumes: map[string]string{},
		Folder: u.one("WorkingDirectory"), Memory: bytesOf(t, u.one("MemoryMax")), CPU: thousandthsOf(t, u.one("CPUQuota")),
		Ends: u.one("Type") == "oneshot",
	}
	marks := m.marks(service)
	for _, at := range u.all("EnvironmentFile") {
		text := m.files[at].text
		if strings.Contains(at, "/secrets/") {
			text = m.asksFor(at, service)
		}
		if text == "" {
			t.Errorf("%s is not on the machine, and is asked for nowhere", at)
		}
		for name, value := range environmentFile(text) {
			if strings.Contains(at, "/secrets/") {
				value = marks.Replace(value)
			}
			p.Variables[name] = value
		}
	}
	for _, bind := range u.all("BindReadOnlyPaths") {
		from, at, _ := strings.Cut(bind, ":")
		f, here := m.files[from]
		switch {
		case strings.HasPrefix(from, "/var/lib/"):
			p.Volumes[at] = "read only"
		case here:
			p.Files[at] = file{Text: f.text, Mode: strings.TrimLeft(f.mode, "0")}
		case strings.Contains(from, "/secrets/") && strings.Contains(m.pages[service], "`"+from+"`"):
			p.Files[at] = file{Hidden: true}
		case !strings.HasPrefix(from, "/srv/"): // a release brings those
			t.Errorf("%s is not on the machine, and is asked for nowhere", from)
		}
	}
	for _, bind := range u.all("BindPaths") {
		_, at, _ := strings.Cut(bind, ":")
		p.Volumes[at] = "writable"
	}
	return p
}

// asksFor is what a service's page about secrets says a file must hold.
func (m machine) asksFor(at, service string) string {
	_, rest, _ := strings.Cut(m.pages[service], "Put a file `"+at+"`")
	_, rest, _ = strings.Cut(rest, "```\n")
	text, _, _ := strings.Cut(rest, "\n```\n")
	return text
}

var markRow = regexp.MustCompile("(?m)^\\| `(<.*>)` \\| `(.*)` \\| `(.*)` \\|$")

// marks says what the marks of a service's page stand for.
func (m machine) marks(service string) *strings.Replacer {
	var pairs []string
	for _, row := range markRow.FindAllStringSubmatch(m.pages[service], -1) {
		pairs = append(pairs, row[1], "<"+row[2]+"/"+row[3]+">")
	}
	return strings.NewReplacer(pairs...)
}

// asked runs a health script with programs that only tell how they were called.
func (m machine) asked(t judge, script string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "health")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	at, told := filepath.Join(dir, "health"), filepath.Join(dir, "told")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(at, m.files[script].text)
	for _, program := range []string{"curl", "nc", "check-queue"} {
		write(filepath.Join(dir, program), fmt.Sprintf("#!/bin/sh\nfor w in %s \"$@\"; do printf '%%s\\0' \"$w\"; done >>%s\n", program, told))
	}
	cmd := exec.Command("sh", at)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	said, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSuffix(string(said), "\x00"), "\x00")
	switch words[0] {
	case "curl":
		return request(words)
	case "nc":
		return "connection " + words[len(words)-1]
	}
	return strings.Join(words, " ")
}

// request is a call of curl in short.
func request(words []string) string {
	var headers []string
	for i, w := range words {
		if w == "--header" {
			headers = append(headers, " "+words[i+1])
		}
	}
	scheme, rest, _ := strings.Cut(words[len(words)-1], "://127.0.0.1:")
	return strings.ToUpper(scheme) + " " + rest + strings.Join(headers, "")
}

// balance reads what the load balancers do for a service.
func (m machine) balance(t judge, name string, out *lived) {
	t.Helper()
	for _, s := range m.proxy {
		if s.kind != "frontend" || s.name != name && !strings.HasPrefix(s.name, name+"-") {
			continue
		}
		back := m.backend(s.one("default_backend"))
		_, target, _ := strings.Cut(back.one("server"), ":")
		target, _, _ = strings.Cut(target, " ")
		out.Listens = append(out.Listens, strings.TrimPrefix(s.one("bind"), ":")+" to "+target+"/TCP")
		if s.name == name {
			out.Balanced = back.question(target, name)
		}
		_, from, _ := strings.Cut(s.one("tcp-request"), "{ src ")
		for _, r := range strings.Fields(strings.TrimSuffix(from, "}")) {
			out.Callers = append(out.Callers, r+" to "+target+"/TCP")
		}
		if s.one("tcp-request") == "" {
			t.Errorf("everybody is let in at %s", s.name)
		}
	}
	for _, s := range m.proxy {
		if s.kind == "frontend" && s.name == "public" {
			out.Public = m.public(s)
		}
	}
	if len(out.Listens) == 0 { // no load balancer stands between
		row := regexp.MustCompile(`(?m)^\| \d+ \| ` + regexp.QuoteMeta(name) + ` \(service\) \| .* \| (.*) \| .* \|$`).FindStringSubmatch(m.readme)
		for _, p := range regexp.MustCompile(`(\d+)(/udp)?`).FindAllStringSubmatch(row[1], -1) {
			protocol := "TCP"
			if p[2] != "" {
				protocol = "UDP"
			}
			out.Listens = append(out.Listens, p[1]+" to "+p[1]+"/"+protocol)
		}
	}
	slices.Sort(out.Listens)
	slices.Sort(out.Callers)
	out.Callers = slices.Compact(out.Callers)
}

func (m machine) backend(name string) section {
	i := slices.IndexFunc(m.proxy, func(s section) bool { return s.kind == "backend" && s.name == name })
	return m.proxy[i]
}

var hostOf = regexp.MustCompile(`host_only -i (\S+) }`)
var pathOf = regexp.MustCompile(`{ path (\S+) }`)

// public lists the routes of people outside.
func (m machine) public(s section) []string {
	var out []string
	for _, rule := range s.settings["use_backend"] {
		to, _, _ := strings.Cut(rule, " ")
		_, target, _ := strings.Cut(m.backend(to).one("server"), ":")
		below := "/"
		if p := pathOf.FindStringSubmatch(rule); p != nil {
			below = p[1]
		}
		out = append(out, hostOf.FindStringSubmatch(rule)[1]+below+" to "+strings.Fields(target)[0])
	}
	return out
}

// section of HAProxy's configuration.
type section struct {
	kind, name string
	settings   map[string][]string // by first word
}

func sections(text string) []section {
	var out []section
	for line := range strings.Lines(text) {
		first, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case first == "" || first[0] == '#':
		case line[0] != ' ':
			out = append(out, section{first, rest, map[string][]string{}})
		default:
			last := out[len(out)-1]
			last.settings[first] = append(last.settings[first], rest)
		}
	}
	return out
}

func (s section) one(setting string) string {
	if len(s.settings[setting]) == 0 {
		return ""
	}
	return s.settings[setting][0]
}

// question is how a load balancer asks after a machine's health.
func (s section) question(target, own string) string {
	server := " " + s.one("server") + " "
	if !slices.Contains(s.settings["option"], "httpchk") {
		return "connection " + target
	}
	port := target
	if _, other, ok := strings.Cut(server, " port "); ok {
		port, _, _ = strings.Cut(other, " ")
	}
	scheme := "HTTP "
	if strings.Contains(server, " check-ssl ") {
		scheme = "HTTPS "
	}
	out, host := scheme+port, ""
	words := proxyWords(s.one("http-check"))
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "uri":
			out += words[i+1]
		case "hdr":
			value := strings.ReplaceAll(words[i+2], "%%", "%")
			if words[i+1] != "Host" {
				out += " " + words[i+1] + ": " + value
			} else if value != own { // HTTP 1.1 asks for a host, written or not
				host = " Host: " + value
			}
		}
	}
	return out + host
}

// proxyWords splits a line by HAProxy's rules (configuration manual, "Quoting and escaping").
func proxyWords(line string) []string {
	var out []string
	var word strings.Builder
	strong := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			strong = !strong
		case c == '\\' && !strong && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case c == ' ' && !strong:
			out = append(out, word.String())
			word.Reset()
		default:
			word.WriteByte(c)
		}
	}
	return append(out, word.String())
}
