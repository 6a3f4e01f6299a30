package compose

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/containerfile"
	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

func (p *project) subject(name string) estate.Subject { return estate.In("compose:"+p.dir, name) }

func (p *project) see(s *service, fact estate.Fact, key, value string, place estate.Place) {
	p.report.See(estate.Sighting{Fact: fact, Subject: p.subject(s.name), Key: key, Value: value, Place: place})
}

// emit reports all there is to say about one service.
func (p *project) emit(s *service) {
	p.runs(s)
	p.names(s)
	p.folders(s)
	p.listens(s)
	p.settings(s)
	p.declared(s)
	p.commands(s)
	p.process(s)
}

func (p *project) runs(s *service) {
	// Another file of the folder says what the service is; this one only adds to it.
	if s.image.value == "" && s.context.value == "" && s.extends.value == "" && p.runnable[p.dir+"/"+s.name] > 0 {
		return
	}
	key, value := "service", ""
	if t, ok := p.technology(s); ok {
		value = t.Name
		if t.Kind == estate.Datastore {
			key = "datastore"
		}
	}
	p.report.See(estate.Sighting{Fact: estate.Runs, Subject: p.subject(s.name), Key: key, Value: value, Profile: s.profile(), Place: s.place})
}

// technology looks at the image, and for what is built here at what its Dockerfile starts from: that makes a datastore or
// a part of the infrastructure, while a proxy's image is also the base of many a web application.
func (p *project) technology(s *service) (technology.Technology, bool) {
	if t, ok := technology.OfWorkload(s.name, s.image.value); ok || s.context.value == "" {
		return t, ok
	}
	data, ok := p.tree.Open(s.dockerfilePath())
	if !ok {
		return technology.Technology{}, false
	}
	t, ok := technology.OfImage(containerfile.Base(containerfile.Parse(data)))
	return t, ok && (t.Kind == estate.Datastore || t.Infrastructure)
}

func (s *service) dockerfilePath() string {
	if s.dockerfile.value == "" {
		return path.Join(s.context.value, "Dockerfile")
	}
	return path.Join(s.context.value, s.dockerfile.value)
}

// profile says under which condition the service runs at all.
func (s *service) profile() string {
	if s.switchedOff {
		return "replicas=0"
	}
	return strings.Join(s.profiles, ",")
}

func (p *project) names(s *service) {
	p.see(s, estate.Called, estate.NameCompose, s.name, s.place)
	if s.container.value != "" {
		p.see(s, estate.Called, estate.NameContainer, s.container.value, s.container.place)
	}
	if s.hostname.value != "" {
		p.see(s, estate.Called, estate.NameHostname, s.hostname.value, s.hostname.place)
		if s.domain != "" {
			p.see(s, estate.Called, estate.NameHostname, s.hostname.value+"."+s.domain, s.hostname.place)
		}
	}
	for _, alias := range s.aliases {
		p.see(s, estate.Called, estate.NameHostname, alias.value, alias.place)
	}
	for _, address := range s.addresses {
		p.see(s, estate.Called, estate.NameAddress, address.value, address.place)
	}
	if s.image.value != "" {
		p.see(s, estate.Called, estate.NameImage, s.image.value, s.image.place)
	}
	for _, h := range s.hosts {
		if !h.inherited && !strings.HasPrefix(h.value, "host-gateway") {
			p.report.See(estate.Sighting{Fact: estate.Resolves, Subject: estate.Subject{Space: "compose:" + p.dir}, Key: h.key, Value: h.value, Place: h.place})
		}
	}
}

// folders reports what the service is built from and which files it is given.
func (p *project) folders(s *service) {
	seen := map[string]bool{}
	build := func(folder string, place estate.Place) {
		if folder = path.Clean(folder); !seen[folder] && !strings.HasPrefix(folder, "..") && !path.IsAbs(folder) {
			seen[folder] = true
			p.see(s, estate.Called, estate.NameBuild, folder, place)
		}
	}
	if s.context.value != "" {
		file := path.Dir(s.dockerfilePath())
		if file == s.context.value || !p.sharedContext(s) {
			build(s.context.value, s.context.place)
			if above, ok := aboveOutput(s.context.value); ok {
				build(above, s.context.place)
			}
		}
		build(file, s.context.place)
		for _, arg := range s.args { // one Dockerfile for many modules is told the module's folder
			if folder := path.Join(s.context.value, arg.value); !arg.inherited && isFolderName(arg.value) && p.tree.Exists(folder) {
				build(folder, arg.place)
			}
		}
	}
	for _, mount := range s.mounts {
		p.mount(s, mount.text)
	}
	for _, name := range s.configs {
		if f, ok := p.files[name.value]; ok {
			p.mount(s, text{f.value, name.place})
		}
	}
}

func isFolderName(value string) bool {
	return value != "" && value != "." && value != "/" && !strings.ContainsAny(value, " :$=") && !path.IsAbs(value)
}

// sharedContext reports whether other services are built in the same folder, which then says nothing about one.
func (p *project) sharedContext(s *service) bool {
	return slices.ContainsFunc(p.services, func(o *service) bool { return o.name != s.name && o.context.value == s.context.value })
}

// aboveOutput is the folder above the one a build writes to, when the context lies there.
func aboveOutput(folder string) (string, bool) {
	parts := strings.Split(folder, "/")
	for i := len(parts) - 1; i > 0 && i >= len(parts)-3; i-- {
		switch parts[i] {
		case "target", "build", "dist", "out":
			above := strings.Join(parts[:i], "/")
			return above, strings.Trim(above, "./") != ""
		}
	}
	return "", false
}

// mount reports a file or folder of the tree bound into the container. The folder of the whole project says nothing.
func (p *project) mount(s *service, m text) {
	if strings.HasPrefix(m.value+"/", "../") || p.dir == m.value || m.value == "." || strings.HasPrefix(p.dir, m.value+"/") || !p.tree.Exists(m.value) {
		return
	}
	p.see(s, estate.Called, estate.NameMounts, m.value, m.place)
}

func (p *project) listens(s *service) {
	for _, port := range s.ports {
		p.report.See(estate.Sighting{Fact: estate.Listens, Subject: p.subject(s.name), Key: port.via, Value: strconv.Itoa(port.number), Profile: port.protocol, Place: port.place})
	}
}

func (p *project) settings(s *service) {
	for _, e := range mergeSettings(p.fromFiles(s), s.environment) {
		if e.inherited {
			e.value = p.vars.plain(e.key)
		}
		p.see(s, estate.Sets, e.key, e.value, e.place)
		if name, ok := p.vars.unsetIn(addressPart(e.key, e.value)); ok {
			p.unset(name, e.key+" of "+s.name, e.place)
		}
	}
	for _, l := range s.labels {
		p.see(s, estate.Sets, "label."+l.key, l.value, l.place)
	}
	for _, a := range s.args {
		if !a.inherited {
			p.see(s, estate.Sets, "build-arg."+a.key, a.value, a.place)
		}
	}
}

// fromFiles reads the service's env files; a later file wins.
func (p *project) fromFiles(s *service) []setting {
	var out []setting
	for _, f := range s.envFiles {
		name, entries, ok := p.envEntries(f.value)
		if !ok && !f.optional {
			if key := f.place.String() + f.value; !p.doubted[key] {
				p.doubted[key] = true
				p.report.Doubt(estate.Unresolved, f.place, "the env file "+f.value+" is not in the tree; add it, or an example of it called "+path.Base(f.value)+".example")
			}
		}
		own := p.vars.with(maps.Clone(p.vars.values))
		for _, e := range entries {
			own.values[e.Key] = e.Value
		}
		var settings []setting
		for _, e := range entries {
			settings = append(settings, setting{key: e.Key, text: text{own.expand(e.Value), estate.Place{File: name, Line: e.Line}}})
		}
		out = mergeSettings(out, settings)
	}
	return out
}

// addressPart is the part of a value that says where something is: hosts and ports of URLs, whole values of keys named
// for an address. Passwords and paths are left out.
func addressPart(key, value string) string {
	if !strings.Contains(value, "${") {
		return ""
	}
	if scheme, rest, ok := strings.Cut(value, "://"); ok && scheme != "" {
		authority, _, _ := strings.Cut(rest, "/")
		return authority[strings.LastIndexByte(authority, '@')+1:]
	}
	key = strings.ToUpper(key)
	for _, secret := range []string{"PASS", "SECRET", "TOKEN", "CREDENTIAL"} {
		if strings.Contains(key, secret) {
			return ""
		}
	}
	for _, suffix := range []string{"HOST", "HOSTS", "HOSTNAME", "URL", "URLS", "URI", "URIS", "ADDR", "ADDRESS", "ADDRESSES", "PORT", "ENDPOINT", "SERVER", "SERVERS", "BROKER", "BROKERS", "DSN", "UPSTREAM"} {
		if strings.HasSuffix(key, suffix) {
			return value
		}
	}
	return ""
}

// declared reports links and start order. The alias of a link is one more name of what it leads to.
func (p *project) declared(s *service) {
	for _, l := range s.links {
		p.see(s, estate.Links, l.why, l.target, l.place)
		switch {
		case l.alias == "" || l.alias == l.target || l.why == estate.LinkVolume:
		case l.external:
			p.report.See(estate.Sighting{Fact: estate.Resolves, Subject: estate.Subject{Space: "compose:" + p.dir}, Key: l.alias, Value: l.target, Place: l.place})
		default:
			p.report.See(estate.Sighting{Fact: estate.Called, Subject: p.subject(l.target), Key: estate.NameHostname, Value: l.alias, Place: l.place})
		}
	}
}

// commands reads the command line the container is started with.
func (p *project) commands(s *service) {
	pieces := slices.Concat(s.entrypoint, s.command)
	if len(pieces) == 0 {
		return
	}
	said := commandline.Read(append(words(s.entrypoint), words(s.command)...))
	for _, flag := range said.Flags {
		place := placeOf(pieces, flag.Value)
		p.see(s, estate.Sets, flag.Key, flag.Value, place)
		if target, ok := p.naming(s, flag.Value); ok {
			p.see(s, estate.Links, estate.LinkCommand, target, place)
		}
	}
	for _, address := range said.Addresses {
		p.see(s, estate.Links, estate.LinkCommand, address, placeOf(pieces, address))
	}
	for _, wait := range said.Waits {
		p.see(s, estate.Links, estate.LinkWait, wait, placeOf(pieces, strings.TrimSuffix(wait, ":")))
	}
}

// words joins the list form as it is and splits the string form like a shell.
func words(list []text) []string {
	var out []string
	if len(list) == 1 {
		return commandline.Words(list[0].value)
	}
	for _, t := range list {
		out = append(out, t.value)
	}
	return out
}

// placeOf is the line of the piece that holds a value.
func placeOf(pieces []text, value string) estate.Place {
	host := value
	if found := endpoint.Parse(value); len(found) > 0 {
		host = found[0].Host
	}
	for _, look := range []string{value, host} {
		for _, t := range pieces {
			if strings.Contains(t.value, look) {
				return t.place
			}
		}
	}
	return pieces[0].place
}

// naming reports the other service of the project that a flag's value names: alone, or as host:port or URL.
func (p *project) naming(s *service, value string) (string, bool) {
	found := endpoint.Parse(value)
	if len(found) == 0 {
		return "", false
	}
	for _, o := range p.services {
		if o.name != s.name && (o.name == found[0].Host || o.container.value == found[0].Host || o.hostname.value == found[0].Host) {
			return value, true
		}
	}
	return "", false
}
