package expansion

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// proposeWorkloads gives every member its workload: the team's own, else one proposed from what was seen.
func (p *planner) proposeWorkloads() {
	for _, name := range sortedNames(p.members) {
		m := p.members[name]
		own, given := p.Workloads[name]
		if given {
			m.Workload, m.Own = own, true
		} else {
			proposed := workload.Propose(p.seen(m))
			m.Workload = proposed.Workload
			p.questions = append(p.questions, proposed.Questions...)
		}
		p.annotate(m)
		p.substitute(m)
	}
	p.askAboutUnread()
	for _, name := range sortedNames(p.stores) {
		p.databases(p.stores[name])
	}
	slices.SortStableFunc(p.questions, func(a, b workload.Question) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.Place.Compare(b.Place), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Text, b.Text))
	})
}

// Seen lists what is known of every service that runs in the expansion's source environment, by name: what their workloads
// are proposed from, whoever comes along.
func Seen(in Input) []workload.Seen {
	p := newPlanner(in)
	var out []workload.Seen
	for _, name := range sortedNames(p.services) {
		if s := p.services[name]; s.Kind == estate.Service && p.runsIn(s) {
			out = append(out, p.seen(&Member{Name: name, Team: s.Team}))
		}
	}
	return out
}

// seen is what is known of a member.
func (p *planner) seen(m *Member) workload.Seen {
	s := workload.Seen{Team: m.Team, Environment: p.Expansion.Source, Component: estate.Component{Name: m.Name, Kind: estate.Service}}
	if c := p.component[m.Name]; c != nil {
		s.Component = *c
	}
	for _, v := range p.uses[m.Name] {
		if v.sparedBy(m.Routes) {
			continue
		}
		s.Uses = append(s.Uses, workload.Use{
			Name: v.to, Type: p.resourceType(v.to), Port: p.portOf(v), Names: p.namesOf(v.to), Moves: p.moves(v), Evidence: v.evidence,
		})
	}
	return s
}

// moves reports whether a provider has another address in the new place.
func (p *planner) moves(v *pair) bool {
	if p.resourceType(v.to) != workload.External {
		return true
	}
	d, _ := p.decided(v)
	return d != nil && d.Decide != CallBack
}

// annotate adds what the expansion itself says of a member.
func (p *planner) annotate(m *Member) {
	for _, w := range p.Expansion.Services {
		if w.Service != string(m.Name) {
			continue
		}
		set := func(key, value string) {
			if value != "" {
				m.Workload.Metadata.Annotations = with(m.Workload.Metadata.Annotations, key, value)
			}
		}
		set(workload.AnnotationReplicas, w.Replicas)
		set(workload.AnnotationPublic, w.Public)
	}
}

// with is a table with one more entry; the table itself stays as it is.
func with(table map[string]string, key, value string) map[string]string {
	out := make(map[string]string, len(table)+1)
	for k, v := range table {
		out[k] = v
	}
	out[key] = value
	return out
}

// substitute finds the variables of a member that differ in this country.
func (p *planner) substitute(m *Member) {
	for _, name := range m.Workload.VariableNames() {
		value := m.Workload.Variable(name)
		if to, why, ok := p.substituteFor(m.Name, name, value); ok {
			p.setVariable(m, name, to, why)
			continue
		}
		p.askAboutCountry(m, name, value)
	}
	for i, v := range p.Expansion.Substitutions.Variables {
		if p.is(v.Service, m.Name) {
			p.setVariable(m, v.Name, v.Value, p.variableReason(i))
		}
	}
	p.fallbacks(m)
}

// askAboutUnread asks about substituted variables that nothing which comes along was seen to have: a mistyped name would leave the
// source's value in place.
func (p *planner) askAboutUnread() {
	for i, v := range p.Expansion.Substitutions.Variables {
		var known []string
		read, of := false, estate.ServiceName("")
		for _, name := range sortedNames(p.members) {
			if v.Service != "" && !p.is(v.Service, name) {
				continue
			}
			m := p.members[name]
			of = name
			known = append(known, m.Workload.VariableNames()...)
			_, set := m.Variables[v.Name]
			read = read || slices.Contains(m.Workload.VariableNames(), v.Name) || set && v.Service == ""
		}
		if read {
			continue
		}
		hint := "correct the name, or leave it out"
		if near, ok := document.Nearest(v.Name, known); ok {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		who := "nothing that comes along was seen"
		if v.Service != "" {
			who = string(of) + " was not seen"
		}
		if of == "" {
			continue // that it does not come is told elsewhere
		}
		p.questions = append(p.questions, workload.Question{
			Service: v.Service, Topic: "variables", Place: p.Expansion.place(fmt.Sprintf("substitutions.variables[%d]", i)),
			Text: fmt.Sprintf("%s to have %s, which is substituted; %s", who, v.Name, hint),
		})
	}
}

func (p *planner) setVariable(m *Member, name, value string, why Reason) {
	if m.Variables == nil {
		m.Variables = map[string]Value{}
	}
	m.Variables[name] = Value{Value: value, Why: why}
}

func (p *planner) variableReason(i int) Reason {
	v := p.Expansion.Substitutions.Variables[i]
	return Reason{Text: cmp.Or(v.Why, "substitution for "+p.Expansion.Country), Place: p.Expansion.place(fmt.Sprintf("substitutions.variables[%d]", i))}
}

// habits are what a variable's name says its value is. A value that does not look like one is left alone.
var habits = []struct {
	key  string
	name *regexp.Regexp
	form *regexp.Regexp
	of   func(Substitutions) string
}{
	{"currency", regexp.MustCompile(`(?i)currency`), currencyForm, func(s Substitutions) string { return s.Currency }},
	{"timezone", regexp.MustCompile(`(?i)^tz$|_tz$|time_?zone`), timeZoneForm, func(s Substitutions) string { return s.TimeZone }},
	{"locale", regexp.MustCompile(`(?i)locale|^lang$|_lang$|language`), localeForm, func(s Substitutions) string { return s.Locale }},
}

// placeNames are variables whose value is the country, or what the company calls its market.
var placeNames = regexp.MustCompile(`(?i)country|region|market|territory`)

// substituteFor is what a variable is in this country, if it differs.
func (p *planner) substituteFor(service estate.ServiceName, name, value string) (string, Reason, bool) {
	for i, v := range p.Expansion.Substitutions.Variables {
		if v.Name == name && (v.Service == "" || p.is(v.Service, service)) {
			return v.Value, p.variableReason(i), true
		}
	}
	for _, h := range habits {
		to := h.of(p.Expansion.Substitutions)
		if to == "" || to == value || !h.name.MatchString(name) || !h.form.MatchString(value) {
			continue
		}
		return to, Reason{Text: "the " + h.key + " of " + p.Expansion.Country, Place: p.Expansion.place("substitutions." + h.key)}, true
	}
	from := p.country(p.Expansion.Source)
	if from != "" && placeNames.MatchString(name) && strings.EqualFold(value, from) && from != p.Expansion.Country {
		to := p.Expansion.Country
		if value == strings.ToLower(value) {
			to = strings.ToLower(to)
		}
		return to, Reason{Text: "the country itself", Place: p.Expansion.place("country")}, true
	}
	return "", Reason{}, false
}

// fallback is a variable with a default in a value: ${KOPI_CURRENCY:SGD}.
var fallback = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*):-?([^}]*)\}`)

// fallbacks sets variables a service reads with a default that is another country's.
func (p *planner) fallbacks(m *Member) {
	c := p.component[m.Name]
	if c == nil {
		return
	}
	for _, s := range c.Settings {
		if s.Environment != "" && s.Environment != p.Expansion.Source {
			continue
		}
		for _, found := range fallback.FindAllStringSubmatch(s.Value, -1) {
			name, value := found[1], found[2]
			if m.Workload.Variable(name) != "" {
				continue
			}
			if to, why, ok := p.substituteFor(m.Name, name, value); ok {
				p.setVariable(m, name, to, why)
			}
		}
	}
}

// askAboutCountry asks about a value that names the source's country or environment.
func (p *planner) askAboutCountry(m *Member, name, value string) {
	from := p.country(p.Expansion.Source)
	words := strings.FieldsFunc(value, func(r rune) bool { return !isWord(r) })
	if m.Own || !slices.ContainsFunc(words, func(w string) bool {
		return from != "" && strings.EqualFold(w, from) && from != p.Expansion.Country || w == string(p.Expansion.Source)
	}) {
		return
	}
	p.questions = append(p.questions, workload.Question{
		Service: m.Name, Topic: "country", Path: "variables." + name,
		Text: fmt.Sprintf("%s is %q, which names where it runs today; write its value for %s under substitutions.variables, as it is until then", name, value, p.Expansion.Country),
	})
}

func isWord(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }

// virtualHost is what a virtual host may be called to be written into commands as it is.
var virtualHost = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// databases lists the databases of a server: one for each consumer, by the name its workload gives; and the virtual hosts of a broker,
// those that workloads name.
func (p *planner) databases(s *Datastore) {
	param := workload.DatabaseParam(p.resourceType(s.Name))
	if param == "" {
		return
	}
	for _, name := range s.For {
		given, ok := p.members[name].Workload.Resources[workload.NameOf(string(s.Name))].Params[param].(string)
		switch {
		case param == "vhost":
			if ok && virtualHost.MatchString(given) && !slices.Contains(s.VirtualHosts, given) {
				s.VirtualHosts = append(s.VirtualHosts, given)
			}
		case ok:
			s.Databases = append(s.Databases, Database{Name: given, For: name})
		default:
			s.Databases = append(s.Databases, Database{Name: string(name), For: name})
		}
	}
	slices.Sort(s.VirtualHosts)
}
