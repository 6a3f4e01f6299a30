package compose

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// text is a value with its place.
type text struct {
	value string
	place estate.Place
}

// setting is one entry of environment, labels or build arguments. An inherited one has no value of its own.
type setting struct {
	key string
	text
	inherited bool
}

// link is a declared use of another service.
type link struct {
	why, target, alias string
	external           bool
	place              estate.Place
}

type port struct {
	number        int
	via, protocol string
	place         estate.Place
}

// service is one service of a project, as one file says it or as several together do.
type service struct {
	name        string
	place       estate.Place
	image       text
	container   text
	hostname    text
	domain      string
	context     text // root-relative
	dockerfile  text // as written
	args        []setting
	aliases     []text
	addresses   []text
	hosts       []setting // extra_hosts
	ports       []port
	environment []setting
	envFiles    []envFile
	labels      []setting
	mounts      []mount
	configs     []text // names of configs and secrets
	links       []link
	entrypoint  []text
	command     []text
	profiles    []string
	switchedOff bool // no replicas
	kept        keeping
	extends     extension
}

// mount is a file or folder bound into the container.
type mount struct {
	text          // the source, root-relative
	target string // absolute path in the container
}

type envFile struct {
	text
	optional bool
}

type extension struct {
	text
	file string
}

// parser turns one file's nodes into services. Relative paths count from dir.
type parser struct{ file, dir string }

func (p parser) text(n syntax.Node) text {
	return text{value: n.Value, place: estate.Place{File: p.file, Line: n.Line}}
}

func (p parser) texts(n syntax.Node) []text {
	if n.Kind == syntax.Scalar {
		return []text{p.text(n)}
	}
	var out []text
	for _, item := range n.Items {
		if item.Kind == syntax.Scalar {
			out = append(out, p.text(item))
		}
	}
	return out
}

// path is a path of the file made root-relative.
func (p parser) path(written string) string {
	return path.Join(p.dir, written)
}

// service reads one service.
func (p parser) service(name syntax.Pair) *service {
	n := name.Value
	s := &service{
		name:        name.Key,
		place:       estate.Place{File: p.file, Line: name.Line},
		image:       p.text(n.Get("image")),
		container:   p.text(n.Get("container_name")),
		hostname:    p.text(n.Get("hostname")),
		domain:      n.Get("domainname").Value,
		environment: p.settings(n.Get("environment")),
		envFiles:    p.envFiles(n.Get("env_file")),
		labels:      append(p.settings(n.Get("labels")), p.settings(n.At("deploy", "labels"))...),
		hosts:       p.extraHosts(n.Get("extra_hosts")),
		ports:       append(p.published(n.Get("ports")), p.exposed(n.Get("expose"))...),
		mounts:      p.mounts(n.Get("volumes")),
		configs:     append(p.sources(n.Get("configs")), p.sources(n.Get("secrets"))...),
		links:       p.links(n),
		entrypoint:  p.texts(n.Get("entrypoint")),
		command:     p.texts(n.Get("command")),
		profiles:    n.Get("profiles").Strings(),
		switchedOff: n.At("deploy", "replicas").Value == "0" || n.Get("scale").Value == "0",
		kept:        p.keeping(n),
	}
	p.build(n, s)
	p.networks(n.Get("networks"), s)
	p.extends(n.Get("extends"), s)
	return s
}

func (p parser) build(n syntax.Node, s *service) {
	build := n.Get("build")
	if build.Kind == syntax.Scalar {
		s.context = p.text(build)
	} else if build.Kind == syntax.Map {
		s.context = p.text(build.Get("context"))
		if s.context.value == "" {
			s.context = text{value: ".", place: estate.Place{File: p.file, Line: build.Line}}
		}
		s.dockerfile = p.text(build.Get("dockerfile"))
		s.args = p.settings(build.Get("args"))
	}
	if d := n.Get("dockerfile"); d.Kind == syntax.Scalar {
		s.dockerfile = p.text(d)
	}
	if isRemote(s.context.value) {
		s.context = text{}
	}
	if s.context.value != "" {
		s.context.value = p.path(s.context.value)
	}
}

func isRemote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}

func (p parser) networks(n syntax.Node, s *service) {
	for _, network := range n.Pairs {
		s.aliases = append(s.aliases, p.texts(network.Value.Get("aliases"))...)
		if ip := network.Value.Get("ipv4_address"); ip.Value != "" {
			s.addresses = append(s.addresses, p.text(ip))
		}
	}
}

func (p parser) extends(n syntax.Node, s *service) {
	switch n.Kind {
	case syntax.Scalar:
		s.extends = extension{text: p.text(n)}
	case syntax.Map:
		s.extends = extension{text: p.text(n.Get("service"))}
		if file := n.Get("file").Value; file != "" {
			s.extends.file = p.path(file)
		}
	}
}

// settings reads a map, or a list of KEY=VALUE where KEY alone is inherited.
func (p parser) settings(n syntax.Node) []setting {
	var out []setting
	for _, pair := range n.Pairs {
		place := estate.Place{File: p.file, Line: pair.Line}
		switch pair.Value.Kind {
		case syntax.Scalar:
			out = append(out, setting{key: pair.Key, text: text{pair.Value.Value, place}})
		case syntax.Null:
			out = append(out, setting{key: pair.Key, text: text{place: place}, inherited: true})
		}
	}
	for _, item := range p.texts(n) {
		key, value, ok := strings.Cut(item.value, "=")
		if key = strings.TrimSpace(key); key != "" {
			out = append(out, setting{key: key, text: text{value, item.place}, inherited: !ok})
		}
	}
	return out
}

func (p parser) envFiles(n syntax.Node) []envFile {
	var out []envFile
	for _, item := range p.texts(n) {
		out = append(out, envFile{text: text{p.path(item.value), item.place}})
	}
	for _, item := range n.Items {
		if file := item.Get("path"); file.Kind == syntax.Scalar {
			f := p.text(file)
			f.value = p.path(f.value)
			out = append(out, envFile{text: f, optional: item.Get("required").Value == "false"})
		}
	}
	return out
}

func (p parser) extraHosts(n syntax.Node) []setting {
	out := p.settings(n)
	for i := range out {
		if out[i].inherited {
			name, address, ok := strings.Cut(out[i].key, ":")
			out[i].key, out[i].value, out[i].inherited = name, address, !ok
		}
	}
	return out
}

// mounts lists the files and folders of the host that are bound into the container.
func (p parser) mounts(n syntax.Node) []mount {
	var out []mount
	for _, item := range n.Items {
		source, target := item, item.Get("target").Value
		if item.Kind == syntax.Map {
			if item.Get("type").Value != "bind" {
				continue
			}
			source = item.Get("source")
		}
		t := p.text(source)
		from, to, short := strings.Cut(t.value, ":")
		if short {
			target, _, _ = strings.Cut(to, ":")
		}
		if !strings.Contains(from, "/") && from != "." && !strings.HasPrefix(from, "./") || path.IsAbs(from) || strings.HasPrefix(from, "~") {
			continue
		}
		t.value = p.path(from)
		out = append(out, mount{t, target})
	}
	return out
}

// sources lists the names of the configs or secrets a service is given.
func (p parser) sources(n syntax.Node) []text {
	out := p.texts(n)
	for _, item := range n.Items {
		if source := item.Get("source"); source.Kind == syntax.Scalar {
			out = append(out, p.text(source))
		}
	}
	return out
}

func (p parser) links(n syntax.Node) []link {
	var out []link
	add := func(why string, external bool, list []text) {
		for _, item := range list {
			target, alias, _ := strings.Cut(item.value, ":")
			out = append(out, link{why: why, target: target, alias: alias, external: external, place: item.place})
		}
	}
	depends := n.Get("depends_on")
	for _, pair := range depends.Pairs {
		add(estate.LinkDependsOn, false, []text{{pair.Key, estate.Place{File: p.file, Line: pair.Line}}})
	}
	add(estate.LinkDependsOn, false, p.texts(depends))
	add(estate.LinkLink, false, p.texts(n.Get("links")))
	add(estate.LinkLink, true, p.texts(n.Get("external_links")))
	for _, item := range p.texts(n.Get("volumes_from")) {
		item.value, _, _ = strings.Cut(strings.TrimPrefix(item.value, "container:"), ":")
		add(estate.LinkVolume, false, []text{item})
	}
	for _, key := range []string{"network_mode", "net"} {
		mode := p.text(n.Get(key))
		if target, ok := strings.CutPrefix(mode.value, "service:"); ok {
			add(estate.LinkDependsOn, false, []text{{target, mode.place}})
		}
	}
	return out
}

func (p parser) exposed(n syntax.Node) []port {
	var out []port
	for _, item := range p.texts(n) {
		numbers, protocol, _ := strings.Cut(item.value, "/")
		out = append(out, ports(numbers, "container", protocol, item.place)...)
	}
	return out
}

// published reads `ports`: [address:][published:]container[/protocol], or the long form.
func (p parser) published(n syntax.Node) []port {
	var out []port
	for _, item := range p.texts(n) {
		written, protocol, _ := strings.Cut(item.value, "/")
		parts := splitPorts(written)
		out = append(out, ports(parts[len(parts)-1], "container", protocol, item.place)...)
		if len(parts) > 1 {
			out = append(out, ports(parts[len(parts)-2], "published", protocol, item.place)...)
		}
	}
	for _, item := range n.Items {
		if item.Kind == syntax.Map {
			place := estate.Place{File: p.file, Line: item.Get("target").Line}
			protocol := item.Get("protocol").Value
			out = append(out, ports(item.Get("target").Value, "container", protocol, place)...)
			out = append(out, ports(item.Get("published").Value, "published", protocol, place)...)
		}
	}
	return out
}

// splitPorts cuts at colons outside braces, so that a ${PORT:-80} without a value stays whole.
func splitPorts(s string) []string {
	var out []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ':':
			if depth == 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

// maxRange bounds how many ports of a range are listed.
const maxRange = 32

func ports(written, via, protocol string, place estate.Place) []port {
	if protocol == "tcp" {
		protocol = ""
	}
	first, last, isRange := strings.Cut(written, "-")
	from, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return nil
	}
	to := from
	if isRange {
		if to, err = strconv.Atoi(strings.TrimSpace(last)); err != nil {
			return nil
		}
	}
	var out []port
	for n := from; n <= min(to, from+maxRange-1); n++ {
		if n > 0 && n <= 65535 {
			out = append(out, port{n, via, protocol, place})
		}
	}
	return out
}

// merged is s with over laid on top, as Compose lays one file on another.
func (s *service) merged(over *service) *service {
	out := *s
	out.name, out.place = over.name, over.place
	for _, f := range []struct {
		into *text
		from text
	}{{&out.image, over.image}, {&out.container, over.container}, {&out.hostname, over.hostname}, {&out.context, over.context}, {&out.dockerfile, over.dockerfile}} {
		if f.from.value != "" {
			*f.into = f.from
		}
	}
	if over.domain != "" {
		out.domain = over.domain
	}
	if len(over.command) > 0 {
		out.command = over.command
	}
	if len(over.entrypoint) > 0 {
		out.entrypoint = over.entrypoint
	}
	if len(over.profiles) > 0 {
		out.profiles = over.profiles
	}
	out.switchedOff = out.switchedOff || over.switchedOff
	out.args = mergeSettings(s.args, over.args)
	out.environment = mergeSettings(s.environment, over.environment)
	out.labels = mergeSettings(s.labels, over.labels)
	out.hosts = mergeSettings(s.hosts, over.hosts)
	out.aliases = slices.Concat(s.aliases, over.aliases)
	out.addresses = slices.Concat(s.addresses, over.addresses)
	out.ports = slices.Concat(s.ports, over.ports)
	out.envFiles = slices.Concat(s.envFiles, over.envFiles)
	out.mounts = slices.Concat(s.mounts, over.mounts)
	out.configs = slices.Concat(s.configs, over.configs)
	out.links = slices.Concat(s.links, over.links)
	out.kept = s.kept.merged(over.kept)
	out.extends = over.extends
	return &out
}

// mergeSettings keeps base's order; a key set again takes the later value and place.
func mergeSettings(base, over []setting) []setting {
	out := make([]setting, 0, len(base)+len(over))
	index := map[string]int{}
	for _, s := range slices.Concat(base, over) {
		if i, ok := index[s.key]; ok {
			out[i] = s
			continue
		}
		index[s.key] = len(out)
		out = append(out, s)
	}
	return out
}
