// Package spring reads the configuration of Spring Boot and its kin (Quarkus, Micronaut): application and bootstrap
// files and those a configuration server hands out by service name. Keys come out in one canonical form, each value
// under its profile; placeholders are left as written.
package spring

import (
	"bytes"
	"errors"
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

// tells are keys that only Spring, Quarkus and Micronaut files begin lines with.
var tells = [][]byte{
	[]byte("spring"), []byte("eureka"), []byte("zuul"), []byte("management"), []byte("feign"), []byte("ribbon"), []byte("hystrix"),
	[]byte("server.port"), []byte("server:"), []byte("logging.level"), []byte("security.oauth2"), []byte("security:"), []byte("quarkus."), []byte("micronaut"),
	[]byte("resilience4j"), []byte("turbine"),
}

func claims(f discover.File) discover.Claim {
	if standard(f.Path) {
		return discover.Owns
	}
	for _, t := range tells {
		if i := bytes.Index(f.Data, t); i >= 0 && (i == 0 || f.Data[i-1] == '\n') && keyEnds(f.Data[i+len(t):]) {
			return discover.Owns
		}
	}
	return discover.No
}

// keyEnds reports whether what follows a tell makes it a key.
func keyEnds(rest []byte) bool {
	return len(rest) > 0 && (rest[0] == ':' || rest[0] == '.' || rest[0] == '=' || rest[0] == '\n' || rest[0] == '\r' || rest[0] == ' ')
}

// standard reports whether a file has a name that Spring loads by itself.
func standard(p string) bool {
	b := path.Base(p)
	stem := strings.TrimSuffix(b, path.Ext(b))
	for _, name := range []string{"application", "bootstrap"} {
		if stem == name || strings.HasPrefix(stem, name+"-") {
			return true
		}
	}
	return false
}

// setting is one leaf with the profile it holds under.
type setting struct {
	syntax.Entry
	profile string
}

func read(f discover.File, r *discover.Report) {
	settings, err := parse(f)
	if err != nil {
		var se *syntax.Error
		line := 0
		if errors.As(err, &se) {
			line = se.Line
		}
		r.Broken(f, line, err)
	}
	subject := estate.At(f.Dir())
	for _, s := range settings {
		at := estate.Place{File: f.Path, Line: s.Line}
		key := Canonical(s.Key)
		r.See(estate.Sighting{Fact: estate.Sets, Subject: subject, Key: key, Value: s.Value, Profile: s.profile, Place: at})
		meaning(r, f, key, s, at)
	}
}

// meaning adds what a few keys say about the application itself.
func meaning(r *discover.Report, f discover.File, key string, s setting, at estate.Place) {
	subject := estate.At(f.Dir())
	see := func(fact estate.Fact, k, v string) {
		r.See(estate.Sighting{Fact: fact, Subject: subject, Key: k, Value: v, Place: at})
	}
	switch key {
	case "spring.application.name", "quarkus.application.name", "micronaut.application.name":
		if name := defaultOf(s.Value); name != "" {
			see(estate.Called, estate.NameApplication, name)
		}
	case "eureka.instance.hostname":
		if name := defaultOf(s.Value); name != "" && name != "localhost" {
			see(estate.Called, estate.NameSelf, name)
		}
	case "server.port", "quarkus.http.port", "micronaut.server.port":
		if port, err := strconv.Atoi(defaultOf(s.Value)); err == nil && port > 0 {
			see(estate.Listens, "container", strconv.Itoa(port))
		}
	}
	if strings.HasPrefix(key, "spring.cloud.config.server.") {
		repository(r, f, key, s, at)
	}
}

// repository tells which folder or URL a configuration server takes its files from.
func repository(r *discover.Report, f discover.File, key string, s setting, at estate.Place) {
	switch {
	case strings.Contains(key, "native.search-locations"):
		for _, location := range strings.Split(s.Value, ",") {
			if folder, ok := location2folder(f.Dir(), strings.TrimSpace(location)); ok {
				r.See(estate.Sighting{Fact: estate.Repository, Subject: estate.At(f.Dir()), Value: folder, Place: at})
			}
		}
	case strings.HasSuffix(key, ".uri"):
		r.See(estate.Sighting{Fact: estate.Repository, Subject: estate.At(f.Dir()), Value: s.Value, Place: at})
	}
}

func location2folder(dir, location string) (string, bool) {
	location, _, _ = strings.Cut(location, "{")
	if rest, ok := strings.CutPrefix(location, "classpath:"); ok {
		return path.Join(dir, rest), strings.Trim(rest, "/") != ""
	}
	rest, ok := strings.CutPrefix(location, "file:")
	if !ok || strings.Contains(rest, "$") {
		return "", false
	}
	return strings.TrimLeft(rest, "./"), strings.Trim(rest, "./") != ""
}

// defaultOf is a value without its placeholder: ${PORT:8083} is 8083, ${PORT} is nothing.
func defaultOf(v string) string {
	v = strings.TrimSpace(v)
	if !strings.HasPrefix(v, "${") {
		return v
	}
	_, def, _ := strings.Cut(strings.TrimSuffix(v[2:], "}"), ":")
	return defaultOf(def)
}

// parse reads all settings of a file, each under its document's profile.
func parse(f discover.File) ([]setting, error) {
	fileProfile := profileOfName(f.Path)
	if f.Ext() == ".properties" {
		return parseProperties(f.Data, fileProfile)
	}
	docs, err := syntax.YAML(f.Data)
	var out []setting
	for _, d := range docs {
		out = append(out, withProfile(d.Flatten(), fileProfile)...)
	}
	return out, err
}

// parseProperties splits a file at the lines that separate its documents, "#---".
func parseProperties(data []byte, fileProfile string) ([]setting, error) {
	entries, err := syntax.Properties(data)
	var out []setting
	for _, d := range splitDocuments(data, entries) {
		out = append(out, withProfile(d, fileProfile)...)
	}
	return out, err
}

func splitDocuments(data []byte, entries []syntax.Entry) [][]syntax.Entry {
	if !bytes.Contains(data, []byte("#---")) {
		return [][]syntax.Entry{entries}
	}
	var out [][]syntax.Entry
	next := 0
	for n, line := range bytes.Split(data, []byte("\n")) {
		if !bytes.HasPrefix(line, []byte("#---")) {
			continue
		}
		start := next
		for next < len(entries) && entries[next].Line <= n {
			next++
		}
		out = append(out, entries[start:next])
	}
	return append(out, entries[next:])
}

// withProfile finds the profile a document is for and gives it to its settings.
func withProfile(entries []syntax.Entry, fileProfile string) []setting {
	profile := fileProfile
	for _, e := range entries {
		switch k := Canonical(e.Key); {
		case k == "spring.config.activate.on-profile", k == "spring.profiles", strings.HasPrefix(k, "spring.profiles["), strings.HasPrefix(k, "spring.config.activate.on-profile["):
			if profile == fileProfile {
				profile = e.Value
			} else {
				profile += "," + e.Value
			}
		}
	}
	out := make([]setting, 0, len(entries))
	for _, e := range entries {
		p := profile
		if strings.HasPrefix(e.Key, "%") { // Quarkus
			if name, rest, ok := strings.Cut(e.Key[1:], "."); ok {
				p, e.Key = name, rest
			}
		}
		if p == "default" {
			p = ""
		}
		out = append(out, setting{e, p})
	}
	return out
}

// profileOfName is the profile in application-PROFILE.yml.
func profileOfName(p string) string {
	b := path.Base(p)
	stem := strings.TrimSuffix(b, path.Ext(b))
	for _, name := range []string{"application-", "bootstrap-"} {
		if rest, ok := strings.CutPrefix(stem, name); ok {
			return rest
		}
	}
	return ""
}
