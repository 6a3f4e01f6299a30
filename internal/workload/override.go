package workload

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// override makes sure that the process is told where a provider is in its new place: a file of its release that holds the
// old address is overruled by a variable, where the framework or the code says by which. Else it is asked for.
func (p *proposer) override(u Use) {
	for _, e := range p.evidence(u) {
		s, ok := p.settingAt(e)
		if name, value, found := strings.Cut(e.Value, "="); !ok && found && e.Key == "fallback" && variableName.MatchString(name) {
			p.setVariable(name, value, e.Place)
		}
		if ok && s.By != "compose" && depmap.ProfileIn(s.Profile, p.Environment) {
			p.overrule(u, s)
		}
	}
	if !p.covered(u) {
		p.askDeveloper(u)
	}
	if !p.covered(u) && u.Moves {
		p.askAbout(u)
	}
}

// overrule sets the variable that overrules a setting, and those for what stands beside it.
func (p *proposer) overrule(u Use, s estate.Setting) {
	if name := overruling(s); name != "" {
		p.setVariable(name, Default(s.Value), s.Place)
	}
	p.beside(u, s)
}

// askDeveloper looks for the name of a variable in a Compose file of those who develop it. What production's own
// configuration has in its place counts more.
func (p *proposer) askDeveloper(u Use) {
	for _, e := range p.evidence(u) {
		s, ok := p.settingAt(e)
		if !ok || s.By != "compose" || !variableName.MatchString(s.Key) {
			continue
		}
		i := slices.IndexFunc(p.Component.Settings, func(o estate.Setting) bool {
			return o.By != "compose" && p.counts(o) && overruling(o) == s.Key
		})
		if i >= 0 {
			p.overrule(u, p.Component.Settings[i])
			continue
		}
		p.setVariable(s.Key, s.Value, s.Place)
		p.productionDatabase(u, s.Key)
	}
}

// productionDatabase puts the database that production uses in the place of the one developers do.
func (p *proposer) productionDatabase(u Use, variable string) {
	r, value := p.resources[u.resource()], p.container.Variables[variable]
	if r.Params["database"] == nil {
		return
	}
	for _, form := range []*regexp.Regexp{databaseInURL, databaseWord} {
		if found := form.FindStringSubmatchIndex(value); found != nil {
			p.container.Variables[variable] = value[:found[2]] + property(u.resource(), "database") + value[found[3]:]
			return
		}
	}
}

// evidence is what proves that a provider is used where the service is taken from, what can be overruled first.
func (p *proposer) evidence(u Use) []depmap.Evidence {
	var out []depmap.Evidence
	for _, e := range u.Evidence {
		if len(e.Environments) == 0 && e.Address() || slices.Contains(e.Environments, p.Environment) && e.Address() || e.Shipped() {
			out = append(out, e)
		}
	}
	profiled := func(e depmap.Evidence) int {
		if s, ok := p.settingAt(e); ok && s.Profile != "" && depmap.ProfileIn(s.Profile, p.Environment) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b depmap.Evidence) int { return cmp.Compare(profiled(a), profiled(b)) })
	return out
}

func (p *proposer) settingAt(e depmap.Evidence) (estate.Setting, bool) {
	i := slices.IndexFunc(p.Component.Settings, func(s estate.Setting) bool { return s.Place == e.Place && s.Key == e.Key })
	if i < 0 {
		return estate.Setting{}, false
	}
	return p.Component.Settings[i], true
}

// covered reports whether some variable tells where a provider is.
func (p *proposer) covered(u Use) bool {
	for _, value := range p.container.Variables {
		if strings.Contains(value, property(u.resource(), "host")) {
			return true
		}
	}
	return false
}

// askAbout asks how a process can be told where a provider is.
func (p *proposer) askAbout(u Use) {
	found := p.evidence(u)
	if len(found) == 0 {
		return
	}
	e := found[0]
	if e.Shipped() {
		return
	}
	at := p.in("variables")
	if _, ok := p.settingAt(e); ok {
		p.ask("address", at, e.Place, "%s holds the address of %s; say which variable overrules it, or mount the file with ${resources.%s.host} in it; as it is until then", e.Key, u.Name, u.resource())
		return
	}
	p.ask("address", at, e.Place, "the way to %s is in the release (%s); give the service a variable for it; as it is until then", u.Name, e.Why)
}

// withDefault is a value with a variable that overrules it: ${CONFIG_URL:http://config}, ${CONFIG_URL:-http://config}.
var withDefault = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-?([^}]*))?\}$`)

// overruling is the variable that overrules a setting in a file of the release; "" when none is known.
func overruling(s estate.Setting) string {
	if found := withDefault.FindStringSubmatch(s.Value); found != nil {
		return found[1]
	}
	switch s.By {
	case "spring":
		return relaxed(s.Key)
	case "dotnet":
		return indexed.ReplaceAllString(strings.NewReplacer(".", "__", ":", "__").Replace(s.Key), "__$1")
	}
	return ""
}

// Default is the text of a value that a variable may overrule: http://config of ${CONFIG_URL:http://config}, and of
// CONFIG_URL=http://config, as defaults in source code are noted.
func Default(value string) string {
	if found := withDefault.FindStringSubmatch(value); found != nil {
		return found[2]
	}
	if name, rest, ok := strings.Cut(value, "="); ok && shouted.MatchString(name) {
		return rest
	}
	return value
}

var indexed = regexp.MustCompile(`\[(\d+)\]`)

// relaxed is the variable that Spring Boot binds to a property: dots become underscores, dashes go, letters are upper
// case (Spring Boot reference, Externalized Configuration, Binding From Environment Variables).
func relaxed(key string) string {
	key = indexed.ReplaceAllString(key, "_$1")
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "").Replace(key))
}

// What a setting beside an address is, by the last word of its name.
var besides = map[string]string{
	"username": "username", "user": "username", "login": "username",
	"password": "password", "pass": "password", "pwd": "password",
	"port": "port",
}

// databaseNames are last words of the names of settings that name a database.
var databaseNames = []string{"database", "dbname", "db", "name", "vhost"}

// beside overrules what stands beside an address in the same file: who logs in, and the port.
func (p *proposer) beside(u Use, address estate.Setting) {
	base, _ := lastWord(address.Key)
	for _, form := range []*regexp.Regexp{databaseInURL, databaseWord} {
		if found := form.FindStringSubmatch(address.Value); found != nil {
			p.setDatabase(u.resource(), found[1])
		}
	}
	for _, s := range p.Component.Settings {
		under, last := lastWord(strings.Replace(s.Key, "virtual-host", "vhost", 1)) // as Spring calls it
		if s.Place.File != address.Place.File || under != base || s.Profile != address.Profile {
			continue
		}
		if slices.Contains(databaseNames, last) {
			p.setDatabase(u.resource(), s.Value)
		}
		if what := besides[last]; what == "port" || what != "" && logsIn(u.Type) {
			p.put(overruling(s), property(u.resource(), what), s.Place)
		}
	}
}

// put gives a variable a value that is made of placeholders already.
func (p *proposer) put(name, value string, at estate.Place) {
	if name != "" {
		p.container.Variables[name] = value
		p.seenAt(p.in("variables."+name), at)
	}
}

// credentials makes variables beside an address what the provider has: REPORTS_DB_PASSWORD beside REPORTS_DB_HOST.
func (p *proposer) credentials() {
	for _, name := range sorted(p.container.Variables) {
		base, last := lastWord(name)
		what := besides[last]
		if what == "" {
			if slices.Contains(databaseNames, last) {
				if u, ok := p.addressedBy(base); ok {
					p.setDatabase(u.resource(), p.container.Variables[name])
				}
			}
			continue
		}
		if u, ok := p.addressedBy(base); ok && (what == "port" || logsIn(u.Type)) {
			p.container.Variables[name] = property(u.resource(), what)
		}
	}
	if r, ok := p.resources[secrets]; ok && r.Type == Secret && !p.uses(secrets) {
		delete(p.resources, secrets)
	}
}

// addressedBy is the provider whose host alone stands in the variable of a base: REPORTS_DB_HOST for REPORTS_DB.
func (p *proposer) addressedBy(base string) (Use, bool) {
	for _, last := range []string{"HOST", "HOSTNAME", "ADDRESS", "ADDR", "SERVER"} {
		value := p.container.Variables[base+"_"+last]
		for _, u := range p.Uses {
			if value == property(u.resource(), "host") {
				return u, true
			}
		}
	}
	return Use{}, false
}

// uses reports whether a variable holds a placeholder of a resource.
func (p *proposer) uses(resource string) bool {
	for _, value := range p.container.Variables {
		if strings.Contains(value, "${resources."+resource+".") {
			return true
		}
	}
	return false
}

// lastWord splits a key at its last separator; the word is lower case.
func lastWord(key string) (base, word string) {
	i := strings.LastIndexAny(key, "._-:")
	return key[:max(i, 0)], strings.ToLower(key[i+1:])
}
