// Package compose reads Compose files, of every version and of Swarm stacks, into sightings: what runs, under which
// names, on which ports, with which settings and declared dependencies, and how its process is kept. Files are merged,
// extended, included and interpolated as Compose does it, with the .env file beside them; a variable set nowhere stays
// written as ${NAME}. It does not decide who depends on whom, and it does not read the files that are mounted.
package compose

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of Compose files.
func Format() discover.Format {
	return discover.Format{Name: "compose", Wants: wants, Claims: claims, ReadTree: readTree}
}

func wants(p string) bool {
	return strings.HasSuffix(p, ".yml") || strings.HasSuffix(p, ".yaml")
}

// claims takes a file called like a Compose file, or one whose content can be nothing else.
func claims(f discover.File) discover.Claim {
	named := strings.Contains(strings.ToLower(f.Base()), "compose")
	top := topLevel(f.Data, "services")
	if named && (top || topLevel(f.Data, "include")) {
		return discover.Owns
	}
	if topLevel(f.Data, "apiVersion") || !bytes.Contains(f.Data, []byte("image:")) && !bytes.Contains(f.Data, []byte("build:")) && !bytes.Contains(f.Data, []byte("extends:")) {
		return discover.No
	}
	if !top && !onlySections(f.Data) {
		return discover.No
	}
	docs, err := syntax.YAML(f.Data)
	if err != nil && named {
		return discover.Owns
	}
	if len(docs) == 1 && isCompose(docs[0]) {
		return discover.Owns
	}
	return discover.No
}

// topLevel reports whether a key stands at the start of a line.
func topLevel(data []byte, key string) bool {
	return bytes.HasPrefix(data, []byte(key+":")) || bytes.Contains(data, []byte("\n"+key+":"))
}

// onlySections reports whether every top-level line opens a section, as in a first-version file. It spares most files the parser.
func onlySections(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimRight(line, " \t\r\n")
		if len(line) == 0 || line[0] == ' ' || line[0] == '\t' || line[0] == '#' || bytes.HasPrefix(line, []byte("---")) {
			continue
		}
		_, rest, ok := bytes.Cut(line, []byte(":"))
		rest = bytes.TrimSpace(rest)
		if !ok || len(rest) > 0 && rest[0] != '&' && rest[0] != '#' {
			return false
		}
	}
	return true
}

// isCompose reports whether a document has the shape of a Compose file.
func isCompose(doc syntax.Node) bool {
	if doc.Has("apiVersion") || doc.Kind != syntax.Map {
		return false
	}
	if services := doc.Get("services"); services.Kind == syntax.Map {
		for _, p := range services.Pairs {
			if p.Value.Kind == syntax.Map && runnable(p.Value) {
				return true
			}
		}
		return false
	}
	return isFirstVersion(doc)
}

// isFirstVersion recognises files without services: every entry is a service and has only keys of a service.
func isFirstVersion(doc syntax.Node) bool {
	if len(doc.Pairs) == 0 || doc.Has("services") {
		return false
	}
	for _, p := range doc.Pairs {
		if p.Value.Kind != syntax.Map || !runnable(p.Value) {
			return false
		}
		for _, key := range p.Value.Pairs {
			if !serviceKeys[key.Key] {
				return false
			}
		}
	}
	return true
}

func runnable(service syntax.Node) bool {
	return service.Get("image").Kind == syntax.Scalar || service.Has("build") || service.Has("extends")
}

// serviceKeys are the keys a service may have in a first-version file.
var serviceKeys = map[string]bool{
	"image": true, "build": true, "extends": true, "dockerfile": true, "ports": true, "expose": true, "links": true,
	"external_links": true, "environment": true, "env_file": true, "volumes": true, "volumes_from": true, "command": true,
	"entrypoint": true, "container_name": true, "hostname": true, "domainname": true, "restart": true, "net": true,
	"network_mode": true, "labels": true, "log_driver": true, "log_opt": true, "logging": true, "mem_limit": true,
	"memswap_limit": true, "cpu_shares": true, "cpuset": true, "cap_add": true, "cap_drop": true, "devices": true,
	"dns": true, "dns_search": true, "extra_hosts": true, "pid": true, "privileged": true, "read_only": true,
	"security_opt": true, "stdin_open": true, "tty": true, "ulimits": true, "user": true, "working_dir": true,
	"volume_driver": true, "mac_address": true, "ipc": true, "cgroup_parent": true, "depends_on": true, "networks": true,
	"autorestart": true, "deploy": true, "healthcheck": true, "stop_signal": true, "scale": true,
}

// rank orders the files of one folder: the main file, then its override, then the others.
func rank(base string) (stem string, override bool) {
	stem = strings.TrimSuffix(base, path.Ext(base))
	if main, ok := strings.CutSuffix(stem, ".override"); ok {
		return main, true
	}
	return stem, false
}

func isDefault(stem string) bool { return stem == "docker-compose" || stem == "compose" }
