// Package systemd reads unit files with their drop-ins and environment files into sightings: what runs on a machine,
// with which variables and command line, how its process is kept, what it requires and on which sockets it is reached.
// It does not know which units are enabled, nor what the machine's packages bring along.
package systemd

import (
	"bytes"
	"cmp"
	"errors"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of systemd units.
func Format() discover.Format {
	return discover.Format{Name: "systemd", Wants: wants, Claims: claims, ReadTree: readTree}
}

func wants(p string) bool {
	p = withoutTemplate(p)
	switch path.Ext(p) {
	case ".service", ".socket", ".timer":
		return true
	case ".conf":
		return isDropIn(p)
	}
	return false
}

func isDropIn(p string) bool {
	dir := path.Dir(p)
	return strings.HasSuffix(dir, ".service.d") || strings.HasSuffix(dir, ".socket.d") || strings.HasSuffix(dir, ".timer.d")
}

// claims leaves alone the .service files of D-Bus, Avahi and others.
func claims(f discover.File) discover.Claim {
	for _, section := range []string{"[Service]", "[Unit]", "[Socket]", "[Timer]", "[Install]"} {
		if bytes.Contains(f.Data, []byte(section)) {
			return discover.Owns
		}
	}
	return discover.No
}

// reader holds what the units of one tree share.
type reader struct {
	tree   discover.Tree
	report *discover.Report
	timed  map[string]bool // "folder/unit" a timer starts
}

func readTree(files []discover.File, tree discover.Tree, report *discover.Report) {
	r := &reader{tree: tree, report: report, timed: map[string]bool{}}
	units := gather(files)
	for _, f := range files {
		if isTemplate(f) {
			report.Doubt(estate.Unsupported, estate.Place{File: f.Path}, "a template, so read only as far as it is written out; scan the rendered unit for the rest")
		}
	}
	for _, u := range units {
		if u.kind == "timer" {
			r.timed[path.Join(u.dir, u.starts("Timer", "Unit"))] = true
		}
	}
	for _, u := range units {
		r.unit(u)
	}
}

// gather lays drop-ins on their units: those beside them, else the only unit of that name in the tree.
func gather(files []discover.File) []*unit {
	var units []*unit
	byPath, byName := map[string]*unit{}, map[string][]*unit{}
	add := func(dir, base, file string) *unit {
		u := &unit{dir: dir, file: file, full: strings.TrimSuffix(base, path.Ext(base))}
		u.name, u.instance, u.kind = identify(base)
		units = append(units, u)
		byPath[path.Join(dir, base)] = u
		byName[base] = append(byName[base], u)
		return u
	}
	for _, f := range files {
		if p := withoutTemplate(f.Path); !isDropIn(p) {
			add(f.Dir(), path.Base(p), f.Path).directives = parse(f)
		}
	}
	for _, f := range files {
		if !isDropIn(withoutTemplate(f.Path)) {
			continue
		}
		target := strings.TrimSuffix(f.Dir(), ".d")
		u := byPath[target]
		if same := byName[path.Base(target)]; u == nil && len(same) == 1 {
			u = same[0]
		}
		if u == nil {
			u = add(path.Dir(target), path.Base(target), f.Path)
			u.partial = true
		}
		u.directives = append(u.directives, parse(f)...)
	}
	return units
}

// starts is the name of the unit a timer or socket starts: its own unless it says otherwise.
func (u *unit) starts(section, key string) string {
	name, _, _ := identify(cmp.Or(u.last(section, key).value, u.name+".service"))
	return name
}

func (r *reader) unit(u *unit) {
	switch u.kind {
	case "socket":
		r.socket(u)
	case "service":
		r.service(u)
	}
}

func (r *reader) see(u *unit, fact estate.Fact, key, value string, place estate.Place) {
	r.report.See(estate.Sighting{Fact: fact, Subject: estate.In("systemd:"+u.dir, u.name), Key: key, Value: value, Place: place})
}

// socket reports where the service it starts is reached.
func (r *reader) socket(u *unit) {
	at := *u
	at.name = u.starts("Socket", "Service")
	r.listens(&at, u.all("Socket", "ListenStream"), "")
	r.listens(&at, u.all("Socket", "ListenDatagram"), "udp")
}

func (r *reader) listens(u *unit, sockets []directive, protocol string) {
	for _, d := range sockets {
		port := d.value[strings.LastIndexByte(d.value, ':')+1:]
		if port != "" && strings.Trim(port, "0123456789") == "" && len(port) <= 5 {
			r.report.See(estate.Sighting{Fact: estate.Listens, Subject: estate.In("systemd:"+u.dir, u.name), Key: "published", Value: port, Profile: protocol, Place: d.place})
		}
	}
}

// variable is one environment variable.
type variable struct {
	key, value string
	place      estate.Place
}

// environment is what the process finds set: Environment, then the files, which win.
func (r *reader) environment(u *unit) []variable {
	var out []variable
	index := map[string]int{}
	set := func(v variable) {
		if i, ok := index[v.key]; ok {
			out[i] = v
			return
		}
		index[v.key] = len(out)
		out = append(out, v)
	}
	for _, d := range u.all("Service", "Environment") {
		for _, word := range words(d.value) {
			if key, value, ok := strings.Cut(word, "="); ok && key != "" {
				set(variable{key, value, d.place})
			}
		}
	}
	for _, d := range u.all("Service", "EnvironmentFile") {
		for _, v := range r.environmentFile(u, d) {
			set(v)
		}
	}
	return out
}

// environmentFile reads a file of the machine from where the tree keeps its copy.
func (r *reader) environmentFile(u *unit, d directive) []variable {
	name, optional := strings.CutPrefix(d.value, "-")
	file, data, ok := r.locate(path.Dir(d.place.File), name)
	if !ok {
		if !optional {
			r.report.Doubt(estate.Unresolved, d.place, "the environment file "+name+" of "+u.name+" is not in the tree; add a copy under the same path")
		}
		return nil
	}
	entries, err := syntax.Env(data, syntax.EnvSystemd)
	if err != nil {
		line := 0
		if at := (*syntax.Error)(nil); errors.As(err, &at) {
			line = at.Line
		}
		r.report.Broken(discover.File{Path: file}, line, errors.New("not read to its end as an environment file; mend the line: "+err.Error()))
	}
	var out []variable
	for _, e := range entries {
		out = append(out, variable{e.Key, e.Value, estate.Place{File: file, Line: e.Line}})
	}
	return out
}

// locate finds a machine's file in the tree: under the nearest folder above the unit that holds the same path or the end
// of it, so etc/default/orders beside etc/systemd/system, or orders.env beside orders.service.
func (r *reader) locate(dir, name string) (string, []byte, bool) {
	if strings.ContainsAny(name, "*?[") {
		return "", nil, false
	}
	for {
		for suffix := strings.TrimPrefix(path.Clean(name), "/"); suffix != ""; {
			for _, ext := range []string{"", ".erb", ".j2"} {
				file := path.Join(dir, suffix) + ext
				if data, ok := r.tree.Open(file); ok {
					return file, data, true
				}
			}
			_, suffix, _ = strings.Cut(suffix, "/")
		}
		if dir == "." {
			return "", nil, false
		}
		dir = path.Dir(dir)
	}
}
