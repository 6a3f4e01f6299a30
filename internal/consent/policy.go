package consent

import (
	"path"
	"time"

	"github.com/google/cel-go/cel"

	"example.org/caravan/internal/estate"
)

// Policy is what a company asks for beyond one green light of the team that owns a step. Only Section makes one whose rules
// can be judged; with the zero Policy, every step takes one green light of its team. A Policy is never changed once made.
type Policy struct {
	Zone       string          `json:"zone,omitempty" jsonschema_description:"Time zone of freeze windows and of times in messages, such as Asia/Jakarta; UTC when left out."`
	Unowned    estate.TeamName `json:"unowned,omitempty" jsonschema_description:"Team that agrees to steps no team owns: ranges of addresses, namespaces. Without it they wait."`
	Production []string        `json:"production,omitempty" jsonschema_description:"Names or globs of environments that count as production; all of them when left out."`
	Contact    string          `json:"contact,omitempty" jsonschema_description:"Whom to ask about a move, in quotes when it begins with #: a channel, a mail address, a team."`
	Rules      []Rule          `json:"rules,omitempty" jsonschema:"maxItems=50" jsonschema_description:"What is asked beyond one green light of the owning team."`

	zone *time.Location // nil for UTC
}

// Rule asks for more where its condition holds.
type Rule struct {
	Name      string            `json:"name" jsonschema_description:"Name, as messages say it."`
	When      string            `json:"when,omitempty" jsonschema_description:"Condition in CEL over kind, subject, team, wave, preview, datastore, environment.name, environment.kind, environment.country, environment.production and now; every step when left out."`
	Approvers int               `json:"approvers,omitempty" jsonschema:"minimum=1,maximum=20" jsonschema_description:"People of the owning team who must agree; 1 when left out."`
	Teams     []estate.TeamName `json:"teams,omitempty" jsonschema_description:"Teams that must agree too, one person each."`
	Freeze    []Window          `json:"freeze,omitempty" jsonschema_description:"When no such step begins, whoever agreed."`
	Remind    time.Duration     `json:"remind,omitempty" jsonschema:"type=string" jsonschema_description:"How long after it was asked a team is reminded, again and again, such as 24h."`
	Escalate  []Escalation      `json:"escalate,omitempty" jsonschema_description:"Who is told when a team stays silent. Nobody agrees in its place."`
	Delegates []Delegate        `json:"delegates,omitempty" jsonschema_description:"People whose green light counts for a team that is not theirs."`

	condition cel.Program // nil without a condition
}

// Escalation is who is told of a team's silence, and when.
type Escalation struct {
	After time.Duration `json:"after" jsonschema:"type=string" jsonschema_description:"How long after the team was asked, such as 48h."`
	To    []string      `json:"to" jsonschema:"minItems=1" jsonschema_description:"Teams or mail addresses."`
}

// Delegate is somebody who stands in for a person of a team, for as long as it says.
type Delegate struct {
	Team  estate.TeamName `json:"team" jsonschema_description:"Team it is for."`
	For   string          `json:"for" jsonschema_description:"Person of the team, as they sign in."`
	By    string          `json:"by" jsonschema_description:"Person who stands in, as they sign in."`
	From  string          `json:"from,omitempty" jsonschema_description:"First day or time, such as 2026-03-01; always when left out."`
	Until string          `json:"until,omitempty" jsonschema_description:"Day or time it ends at, such as 2026-03-15; never when left out."`

	from, until time.Time
}

// stands reports whether a green light was given by a delegate while they stood in.
func (d Delegate) stands(l GreenLight) bool {
	return d.Team == l.Team && person(d.For) == person(l.For) && person(d.By) == person(l.By) && d.holds(l.At)
}

// holds reports whether a delegate stands in at a moment.
func (d Delegate) holds(at time.Time) bool {
	return !at.Before(d.from) && (d.until.IsZero() || at.Before(d.until))
}

// StandsIn is for whom of a team somebody stands in at a moment; "" for nobody.
func (p Policy) StandsIn(by string, team estate.TeamName, at time.Time) string {
	for _, r := range p.Rules {
		for _, d := range r.Delegates {
			if d.Team == team && person(d.By) == person(by) && d.holds(at) {
				return d.For
			}
		}
	}
	return ""
}

// Location is the zone in which times are said.
func (p Policy) Location() *time.Location { return p.location() }

// owner is the team that answers for a step; "" when nobody does.
func (p Policy) owner(s Step) estate.TeamName {
	if s.Team != "" {
		return s.Team
	}
	return p.Unowned
}

// production reports whether an environment counts as production. In doubt it does.
func (p Policy) production(env estate.EnvironmentName) bool {
	for _, glob := range p.Production {
		if ok, err := path.Match(glob, string(env)); ok || err != nil {
			return true
		}
	}
	return len(p.Production) == 0
}

// location is the zone in which the policy's times are said.
func (p Policy) location() *time.Location {
	if p.zone == nil {
		return time.UTC
	}
	return p.zone
}

// said is a moment in words a person understands.
func said(at time.Time, in *time.Location) string {
	return at.In(in).Format("Monday 2 January 2006, 15:04") + " (" + in.String() + ")"
}
