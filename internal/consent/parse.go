package consent

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Zones finds a time zone by its name in the IANA database, as time.LoadLocation does.
type Zones func(name string) (*time.Location, error)

// Bounds of a policy, so that judging a step takes a moment whatever is written.
const (
	maxRules     = 50
	maxWindows   = 50 // of all rules
	maxApprovers = 20
	firstYear    = 2000      // of a time somebody means
	leastWait    = time.Hour // before a reminder or an escalation; more often is a flood
)

// Section takes in the section of a document that holds the policy: conditions are compiled, windows and zones are read, and
// what is wrong is noted with its line.
func Section(into *Policy, zones Zones) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		r.Object(n, at, []document.Field{
			document.Optional("zone", document.Text(&into.Zone)),
			document.Optional("unowned", document.Text(&into.Unowned)),
			document.Optional("production", document.Texts(&into.Production)),
			document.Optional("contact", document.Text(&into.Contact)),
			document.Optional("rules", document.List(&into.Rules, rule)),
		})
		s := settler{r, zones}
		s.policy(into, at)
	}
}

func rule(r *document.Reader, n syntax.Node, at string) (v Rule) {
	r.Object(n, at, []document.Field{
		document.Required("name", document.Text(&v.Name)),
		document.Optional("when", document.Text(&v.When)),
		document.Optional("approvers", document.Integer(&v.Approvers, 1, maxApprovers)),
		document.Optional("teams", document.List(&v.Teams, team)),
		document.Optional("freeze", document.List(&v.Freeze, window)),
		document.Optional("remind", document.Duration(&v.Remind)),
		document.Optional("escalate", document.List(&v.Escalate, escalation)),
		document.Optional("delegates", document.List(&v.Delegates, delegate)),
	})
	return v
}

func team(r *document.Reader, n syntax.Node, at string) (v estate.TeamName) {
	document.Text(&v)(r, n, at)
	return v
}

func window(r *document.Reader, n syntax.Node, at string) (v Window) {
	r.Object(n, at, []document.Field{
		document.Required("from", calendar(&v.From)),
		document.Required("until", calendar(&v.Until)),
		document.Optional("zone", document.Text(&v.Zone)),
		document.Optional("because", document.Text(&v.Because)),
	})
	return v
}

func escalation(r *document.Reader, n syntax.Node, at string) (v Escalation) {
	r.Object(n, at, []document.Field{
		document.Required("after", document.Duration(&v.After)),
		document.Required("to", document.NonEmpty(document.Texts(&v.To))),
	})
	return v
}

func delegate(r *document.Reader, n syntax.Node, at string) (v Delegate) {
	r.Object(n, at, []document.Field{
		document.Required("team", document.Text(&v.Team)),
		document.Required("for", document.Text(&v.For)),
		document.Required("by", document.Text(&v.By)),
		document.Optional("from", calendar(&v.From)),
		document.Optional("until", calendar(&v.Until)),
	})
	return v
}

// calendar takes in a text that may be a date without quotes.
func calendar(into *string) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		if n.Kind == syntax.Scalar && n.Tag == "timestamp" {
			n.Tag = "str"
		}
		document.Text(into)(r, n, at)
	}
}

// settler makes of what was read what can be judged, and notes what cannot.
type settler struct {
	*document.Reader
	zones Zones
}

func (s settler) policy(p *Policy, at string) {
	p.zone = s.zone(p.Zone, at+".zone", time.UTC)
	for i, glob := range p.Production {
		if _, err := path.Match(glob, ""); err != nil {
			s.At(fmt.Sprintf("%s.production[%d]", at, i), "%q is not a glob; write a name or a pattern such as production-*", glob)
		}
	}
	if len(p.Rules) > maxRules {
		s.At(at+".rules", "%d rules, where %d are allowed; join those that ask for the same", len(p.Rules), maxRules)
		return
	}
	names := make([]string, len(p.Rules))
	for i := range p.Rules {
		names[i] = p.Rules[i].Name
		s.rule(&p.Rules[i], fmt.Sprintf("%s.rules[%d]", at, i), p.zone)
	}
	s.Unique("rule", at+".rules", names)
	s.conditions(p.Rules, at)
	if n := windows(p.Rules); n > maxWindows {
		s.At(at+".rules", "%d freeze windows, where %d are allowed; take out those that are over", n, maxWindows)
	}
}

func windows(rules []Rule) int {
	n := 0
	for _, r := range rules {
		n += len(r.Freeze)
	}
	return n
}

// asking are the keys by which a rule asks for something.
var asking = []string{"approvers", "teams", "freeze", "remind", "escalate", "delegates"}

func (s settler) rule(v *Rule, at string, zone *time.Location) {
	if v.Name != "" && !slices.ContainsFunc(asking, func(key string) bool { return s.Line(at+"."+key) > 0 }) {
		s.At(at, "%s asks for nothing; add %s", called(v.Name), strings.Join(asking, ", "))
	}
	s.wait(v.Remind, at+".remind")
	for i, e := range v.Escalate {
		s.wait(e.After, fmt.Sprintf("%s.escalate[%d].after", at, i))
	}
	for i := range v.Freeze {
		s.window(&v.Freeze[i], fmt.Sprintf("%s.freeze[%d]", at, i), zone)
	}
	for i := range v.Delegates {
		s.delegate(&v.Delegates[i], fmt.Sprintf("%s.delegates[%d]", at, i), zone)
	}
}

func called(name string) string {
	if name == "" {
		return "the rule"
	}
	return "rule " + name
}

// wait notes what would be said too often. Zero is what was not given, or noted already.
func (s settler) wait(d time.Duration, at string) {
	if d > 0 && d < leastWait {
		s.At(at, "%s is too often; write an hour or more", d)
	}
}

// zone finds a time zone, or notes that there is none of the name.
func (s settler) zone(name, at string, otherwise *time.Location) *time.Location {
	if name == "" {
		return otherwise
	}
	zone, err := s.zones(name)
	if err != nil || name == "Local" { // which is another one on every machine
		s.At(at, "%q is not a time zone; write it as Asia/Jakarta", name)
		return otherwise
	}
	return zone
}

func (s settler) window(w *Window, at string, zone *time.Location) {
	w.zone = s.zone(w.Zone, at+".zone", zone)
	if w.From == "" || w.Until == "" { // noted already
		return
	}
	begin, weekly := weekTime(w.From)
	end, also := weekTime(w.Until)
	switch {
	case weekly && also && begin == end:
		s.At(at, "from %s until %s is a whole week without a gap; give it an end", w.From, w.Until)
	case weekly && also:
		w.weekly, w.begin, w.end = true, begin, end
	case weekly || also:
		s.At(at, "from %s until %s is once and every week at a time; write both as Friday 16:00, or both as 2026-12-20 16:00", w.From, w.Until)
	default:
		w.first, w.last = s.span(w.From, w.Until, at, w.zone)
	}
}

func (s settler) delegate(d *Delegate, at string, zone *time.Location) {
	if d.For != "" && person(d.For) == person(d.By) {
		s.At(at+".by", "%s cannot stand in for themselves; name somebody else", d.By)
	}
	d.from, d.until = s.span(d.From, d.Until, at, zone)
}

// span reads two days or times, either of which may be left out, and notes those that are none or in the wrong order.
func (s settler) span(from, until, at string, zone *time.Location) (first, last time.Time) {
	first = s.moment(from, at+".from", zone)
	last = s.moment(until, at+".until", zone)
	if !first.IsZero() && !last.IsZero() && !first.Before(last) {
		s.At(at+".until", "%s is not after %s; write the later one as until", until, from)
	}
	return first, last
}

func (s settler) moment(text, at string, zone *time.Location) time.Time {
	if text == "" {
		return time.Time{}
	}
	moment, ok := dayTime(text, zone)
	if !ok || moment.Year() < firstYear {
		s.At(at, "%q is no time; write 2026-12-20 or 2026-12-20 16:00 for once, or Friday 16:00 for every week of a freeze", text)
		return time.Time{}
	}
	return moment
}

// conditions compiles every condition there is.
func (s settler) conditions(rules []Rule, at string) {
	var in *cel.Env
	for i := range rules {
		if rules[i].When == "" {
			continue
		}
		path := fmt.Sprintf("%s.rules[%d].when", at, i)
		var err error
		if in == nil {
			if in, err = language(); err != nil {
				s.At(path, "conditions cannot be read: %s", oneLine(err.Error()))
				return
			}
		}
		if rules[i].condition, err = compile(in, rules[i].When); err != nil {
			s.At(path, "%s: the condition %s", called(rules[i].Name), err)
		}
	}
}
