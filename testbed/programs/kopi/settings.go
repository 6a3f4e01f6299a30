package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// setting is a name with its value, as a file or the environment has it.
type setting struct{ name, value string }

// settings are all that is set, by name without regard to how it is written: CLIENTS_PRICING_URL is clients.pricing.url, as Spring
// and .NET have it.
type settings map[string]setting

func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

func (s settings) set(name, value string) { s[plain(name)] = setting{name, value} }

func (s settings) get(name string) string { return s[plain(name)].value }

// merge takes in others, which win. A name keeps the form that tells most about it: that of a file.
func (s settings) merge(others settings) {
	for key, o := range others {
		if old, ok := s[key]; ok {
			o.name = old.name
		}
		s[key] = o
	}
}

// drop forgets what begins with something.
func (s settings) drop(begin string) {
	maps.DeleteFunc(s, func(key string, _ setting) bool { return strings.HasPrefix(key, begin) })
}

// flatten sets everything in a tree, under the path to it.
func (s settings) flatten(path string, tree any) {
	switch v := tree.(type) {
	case map[string]any:
		for name, inner := range v {
			s.flatten(strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		for i, inner := range v {
			s.flatten(fmt.Sprintf("%s.%d", path, i), inner)
		}
	case nil:
	default:
		s.set(path, fmt.Sprint(v))
	}
}

var reference = regexp.MustCompile(`\$\{([A-Za-z0-9_.-]+)(?::([^}]*))?\}`)

// expanded has ${NAME:default} replaced by what it stands for.
func (s settings) expanded() settings {
	out := settings{}
	for key, one := range s {
		one.value = reference.ReplaceAllStringFunc(one.value, func(text string) string {
			m := reference.FindStringSubmatch(text)
			if v := s.get(m[1]); v != "" && !strings.Contains(v, "${") {
				return v
			}
			return m[2]
		})
		out[key] = one
	}
	return out
}

// configServer is where the configuration server is, "" when the service has none.
func (s settings) configServer() string {
	all := s.expanded()
	_, imported, _ := strings.Cut(all.get("spring.config.import"), "configserver:")
	for _, at := range []string{all.get("spring.cloud.config.uri"), imported} {
		if strings.HasPrefix(at, "http") {
			return strings.TrimSuffix(at, "/")
		}
	}
	return ""
}

// sorted are the settings by name.
func (s settings) sorted() []setting {
	var out []setting
	for _, one := range s {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	return out
}

var (
	humps  = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	breaks = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// words are what a name is made of: "SPRING_RABBITMQ_HOST" of spring, rabbitmq and host.
func words(name string) []string {
	return strings.Fields(strings.ToLower(breaks.ReplaceAllString(humps.ReplaceAllString(name, "$1 $2"), " ")))
}

// beside is what is set beside a name under one of some last words: beside db.host, under user, db.user.
func (s settings) beside(name string, last ...string) string {
	w := words(name)
	for _, l := range last {
		if v := s.get(strings.Join(append(slices.Clone(w[:len(w)-1]), l), ".")); v != "" && !strings.Contains(v, "<%") {
			return v
		}
	}
	return ""
}
