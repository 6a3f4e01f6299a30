// Package spring reads the configuration of Spring Boot and its kin (Quarkus, Micronaut): application and bootstrap
// files and those a configuration server hands out by service name. Keys come out in one canonical form, each value
// under the profile expression of its document or file; placeholders are left as written. Which profile is active and who
// reads a shared file is decided later.
package spring

import (
	"bytes"
	"cmp"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of Spring configuration.
func Format() discover.Format {
	return discover.Format{Name: "spring", Wants: wants, Claims: claims, ReadFile: read}
}

func wants(p string) bool {
	switch path.Ext(p) {
	case ".yml", ".yaml", ".properties":
		return !strings.Contains(p, "src/test/")
	}
	return false
}

func claims(f discover.File) discover.Claim {
	if standard(f.Path) || tells(f.Data) {
		return discover.Owns
	}
	return discover.No
}

// standard reports whether a file has a name that Spring loads by itself.
func standard(p string) bool {
	stem := stemOf(p)
	for _, name := range []string{"application", "bootstrap"} {
		if stem == name || strings.HasPrefix(stem, name+"-") {
			return true
		}
	}
	return false
}

func stemOf(p string) string {
	b := path.Base(p)
	return strings.TrimSuffix(b, path.Ext(b))
}

// sections are keys that only files of Spring, Quarkus and Micronaut begin lines with.
var sections = []string{
	"spring", "eureka", "zuul", "management", "feign", "ribbon", "hystrix", "server", "logging.level", "security", "quarkus", "micronaut", "resilience4j", "turbine",
}

// tells reports whether a line at the left edge begins with one of the sections. Some other formats have a "security"
// of their own and begin with what they are.
func tells(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	for len(data) > 0 {
		line := data
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = nil
		}
		if len(line) == 0 || line[0] == ' ' || line[0] == '#' || line[0] == '-' {
			continue
		}
		if bytes.HasPrefix(line, []byte("openapi:")) || bytes.HasPrefix(line, []byte("swagger:")) || bytes.HasPrefix(line, []byte("asyncapi:")) {
			return false
		}
		if isSection(line) {
			return true
		}
	}
	return false
}

func isSection(line []byte) bool {
	if line[0] == '%' { // Quarkus: %prod.quarkus.…
		if i := bytes.IndexByte(line, '.'); i > 0 {
			line = line[i+1:]
		}
	}
	for _, s := range sections {
		if len(line) > len(s) && line[0] == s[0] && string(line[:len(s)]) == s && strings.IndexByte(":.= \t", line[len(s)]) >= 0 {
			return true
		}
	}
	return false
}

func read(f discover.File, r *discover.Report) {
	settings, err := parse(f)
	if err != nil {
		r.Broken(f, syntax.LineOf(err), err)
	}
	for _, s := range settings {
		at := estate.Place{File: f.Path, Line: s.Line}
		s.Key = Canonical(s.Key)
		r.See(estate.Sighting{Fact: estate.Sets, Subject: estate.At(f.Dir()), Key: s.Key, Value: s.Value, Profile: s.profile, Place: at})
		meaning(r, f, s, at)
	}
	repositories(r, f, settings)
}

// meaning adds what a few keys say about the application itself.
func meaning(r *discover.Report, f discover.File, s setting, at estate.Place) {
	see := func(fact estate.Fact, k, v string) {
		r.See(estate.Sighting{Fact: fact, Subject: estate.At(f.Dir()), Key: k, Value: v, Place: at})
	}
	switch s.Key {
	case "spring.application.name", "quarkus.application.name", "micronaut.application.name":
		if name := defaultOf(s.Value); isName(name) {
			see(estate.Called, estate.NameApplication, name)
		}
	case "eureka.instance.hostname":
		if name := defaultOf(s.Value); isName(name) && name != "localhost" {
			see(estate.Called, estate.NameSelf, name)
		}
	case "server.port", "quarkus.http.port", "micronaut.server.port", "management.server.port", "grpc.server.port", "spring.grpc.server.port",
		"quarkus.grpc.server.port", "grpc.port", "spring.rsocket.server.port":
		if port, err := strconv.Atoi(defaultOf(s.Value)); err == nil && port > 0 && port < 1<<16 {
			see(estate.Listens, "container", strconv.Itoa(port))
		}
	}
}

// isName refuses what a build or a deployment has yet to fill in: @project.artifactId@, ${HOST}-orders.
func isName(s string) bool {
	return s != "" && !strings.ContainsAny(s, "@${}<> \t")
}

// defaultOf is a value without its placeholder: ${PORT:8083} is 8083, ${PORT} is nothing.
func defaultOf(v string) string {
	for range syntax.MaxDepth {
		v = strings.TrimSpace(v)
		if !strings.HasPrefix(v, "${") || !strings.HasSuffix(v, "}") {
			return v
		}
		_, v, _ = strings.Cut(v[2:len(v)-1], ":")
	}
	return ""
}

const server = "spring.cloud.config.server."

// repositories tells which folders and URLs a configuration server takes its files from.
func repositories(r *discover.Report, f discover.File, settings []setting) {
	for _, s := range settings {
		key, ok := strings.CutPrefix(Canonical(s.Key), server)
		if !ok {
			continue
		}
		var found []string
		switch {
		case strings.Contains(key, "native.search-locations"):
			found = folders(f.Dir(), s.Value)
		case strings.HasSuffix(key, "search-paths") || strings.Contains(key, "search-paths["):
			found = searchPaths(s.Value)
		case strings.HasSuffix(key, ".uri") && !strings.Contains(key, "vault"):
			found = uri(s.Value)
		}
		for _, value := range found {
			r.See(estate.Sighting{Fact: estate.Repository, Subject: estate.At(f.Dir()), Value: value, Place: estate.Place{File: f.Path, Line: s.Line}})
		}
	}
}

// folders are the native locations inside the tree. A path that is not on the class path is relative to wherever the
// server is started; that is the root more often than not.
func folders(dir, value string) []string {
	var out []string
	for _, location := range strings.Split(value, ",") {
		location, _, _ = strings.Cut(defaultOf(location), "{")
		rest, classpath := strings.CutPrefix(location, "classpath:")
		switch {
		case strings.Contains(rest, "$"):
		case classpath:
			out = add(out, path.Join(dir, rest), strings.Trim(rest, "/"))
		default:
			rest = strings.TrimLeft(strings.TrimPrefix(rest, "file:"), "./")
			out = add(out, path.Clean("/" + rest)[1:], strings.Trim(rest, "./"))
		}
	}
	return out
}

// add appends a folder unless nothing remains of the path it is made from.
func add(out []string, folder, remains string) []string {
	if remains == "" {
		return out
	}
	return append(out, folder)
}

// searchPaths are folders inside the repository a server reads, which is often the very one that holds the server.
func searchPaths(value string) []string {
	var out []string
	for _, p := range strings.Split(value, ",") {
		p, _, _ = strings.Cut(defaultOf(p), "{")
		p = strings.Trim(p, "/ '\"")
		if p != "" && !strings.ContainsAny(p, "$*.") {
			out = append(out, p)
		}
	}
	return out
}

// uri is the address of a Git repository, or the folder when it is a relative path.
func uri(value string) []string {
	value = cmp.Or(defaultOf(value), value)
	local := strings.TrimPrefix(value, "file:")
	if strings.HasPrefix(local, "./") || strings.HasPrefix(local, "../") {
		return folders(".", local)
	}
	return []string{value}
}
