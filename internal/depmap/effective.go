package depmap

import (
	"slices"
	"strings"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
)

// effective are the settings of a component that count: placeholders filled in, dead profiles and overridden
// values left out.
type effective struct {
	list  []resolved
	byKey map[string][]int // normalised key → indexes into list
}

// resolved is a setting with its placeholders filled in.
type resolved struct {
	estate.Setting
	full string
}

// environmentReaders see what a process is given when it starts, which overrules its own files.
var environmentReaders = map[estate.ReaderName]bool{"compose": true, "kube": true, "systemd": true}

// A component whose deployment names no profile runs under those that are usual in the estate, and its own default.
func effectiveSettings(c *estate.Component, usual []string) effective {
	raw := map[string][]int{}
	for i, s := range c.Settings {
		raw[normKey(s.Key)] = append(raw[normKey(s.Key)], i)
	}
	active := activeProfiles(c, raw, true)
	if len(active) == 0 && len(usual) > 0 && knowsProfiles(c) {
		active = slices.Concat(usual, activeProfiles(c, raw, false))
	}
	e := effective{byKey: make(map[string][]int, len(raw))}
	for i := range c.Settings {
		s := c.Settings[i]
		key := normKey(s.Key)
		if !counts(c, raw[key], i, active) {
			continue
		}
		e.byKey[key] = append(e.byKey[key], len(e.list))
		e.list = append(e.list, resolved{Setting: s, full: fill(c, raw, s.Value, 0)})
	}
	return e
}

// knowsProfiles reports whether a component is deployed and of a framework whose profiles an estate shares.
func knowsProfiles(c *estate.Component) bool {
	deployed, framework := false, false
	for i := range c.Settings {
		by := c.Settings[i].By
		deployed = deployed || environmentReaders[by]
		framework = framework || by == "spring" || by == "dotnet"
	}
	return deployed && framework
}

// normKey is the form in which keys of different spellings compare: SPRING_RABBITMQ_HOST is spring.rabbitmq.host.
func normKey(key string) string { return estate.Norm(key) }

// counts decides whether a setting takes effect beside the others of the same key.
func counts(c *estate.Component, same []int, i int, active []string) bool {
	s := c.Settings[i]
	if deadProfile(s.Profile) || s.Profile != "" && len(active) > 0 && !profileActive(s.Profile, active) {
		return false
	}
	for _, j := range same {
		o := c.Settings[j]
		if j == i || o.Environment != s.Environment && o.Environment != "" {
			continue
		}
		if environmentReaders[o.By] && !environmentReaders[s.By] {
			return false
		}
		if environmentReaders[s.By] {
			continue
		}
		if isLocal(s.Value) && !isLocal(o.Value) && !deadProfile(o.Profile) && o.Value != "" {
			return false // a named host says more than localhost
		}
		if s.Profile == "" && o.Profile != "" && profileActive(o.Profile, active) {
			return false
		}
	}
	return true
}

func isLocal(value string) bool {
	found := endpoint.Parse(value)
	return len(found) > 0 && !slices.ContainsFunc(found, func(e endpoint.Endpoint) bool { return !e.IsLocal() })
}

// deadProfile reports whether a profile is only for tests or for another profile's absence.
func deadProfile(profile string) bool {
	p := strings.ToLower(profile)
	for _, word := range []string{"test", "junit", "integration-test", "it", "ci", "mock"} {
		if p == word {
			return true
		}
	}
	return strings.HasPrefix(p, "!") || strings.HasSuffix(p, "-test") || strings.HasPrefix(p, "test-")
}

func profileActive(profile string, active []string) bool {
	for _, word := range strings.FieldsFunc(profile, func(r rune) bool { return strings.ContainsRune(" ,&|()", r) }) {
		if word == "default" || slices.Contains(active, strings.ToLower(word)) {
			return true
		}
	}
	return false
}

// profileKeys switch profiles on.
var profileKeys = []string{"springprofilesactive", "aspnetcoreenvironment", "dotnetenvironment", "quarkusprofile", "micronautenvironments"}

// UsualProfiles are the profiles that any deployment of the estate switches on.
func UsualProfiles(components []estate.Component) []string {
	var out []string
	for i := range components {
		c := &components[i]
		raw := map[string][]int{}
		for j := range c.Settings {
			if key := normKey(c.Settings[j].Key); slices.Contains(profileKeys, key) {
				raw[key] = append(raw[key], j)
			}
		}
		out = append(out, activeProfiles(c, raw, true)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// activeProfiles are the profiles a component's deployment switches on, or its own files propose; none when they do not say.
func activeProfiles(c *estate.Component, raw map[string][]int, deployed bool) []string {
	var out []string
	for _, key := range profileKeys {
		for _, i := range raw[key] {
			s := c.Settings[i]
			if environmentReaders[s.By] != deployed {
				continue // what a file proposes is overruled when it is deployed
			}
			value := fill(c, raw, s.Value, 0)
			if strings.Contains(value, "$") {
				return nil
			}
			for _, p := range strings.Split(value, ",") {
				out = append(out, strings.ToLower(strings.TrimSpace(p)))
			}
		}
	}
	return out
}

// maxFill bounds how deep placeholders may lead to placeholders.
const maxFill = 8

// fill replaces ${key} and ${key:default} by what the component is configured with. What cannot be replaced stays.
func fill(c *estate.Component, raw map[string][]int, value string, depth int) string {
	start := strings.Index(value, "${")
	if start < 0 || depth > maxFill {
		return value
	}
	end := closing(value, start+2)
	if end < 0 {
		return value
	}
	inner := value[start+2 : end]
	key, def, hasDefault := cutDefault(inner)
	replaced := value[start : end+1]
	if v, ok := lookUp(c, raw, key); ok && !strings.Contains(v, "${"+key) {
		replaced = fill(c, raw, v, depth+1)
	} else if hasDefault {
		replaced = fill(c, raw, def, depth+1)
	}
	return value[:start] + replaced + fill(c, raw, value[end+1:], depth+1)
}

func closing(s string, from int) int {
	depth := 1
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// cutDefault splits key:default, and the shell's key:-default.
func cutDefault(inner string) (key, def string, ok bool) {
	key, def, ok = strings.Cut(inner, ":")
	return key, strings.TrimPrefix(def, "-"), ok
}

// lookUp finds a key's value, what the process is given before what its files say.
func lookUp(c *estate.Component, raw map[string][]int, key string) (string, bool) {
	best := -1
	for _, i := range raw[normKey(key)] {
		if best < 0 || environmentReaders[c.Settings[i].By] && !environmentReaders[c.Settings[best].By] {
			best = i
		}
	}
	if best < 0 {
		return "", false
	}
	return c.Settings[best].Value, true
}

// value is the first effective value of any of the keys.
func (e effective) value(keys ...string) (string, bool) {
	for _, k := range keys {
		for _, i := range e.byKey[normKey(k)] {
			return e.list[i].full, true
		}
	}
	return "", false
}

// sets reports whether any of the keys is set.
func (e effective) sets(keys ...string) bool {
	_, ok := e.value(keys...)
	return ok
}
