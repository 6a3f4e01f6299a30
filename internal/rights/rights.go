// Package rights knows who may do what: people with their teams and role, what each role may, and what a token is limited to. A person and
// what they want to do go in; a reason against it comes out, or none. It is the only place that decides this, for commands, API and pages alike.
//
// It does not know how somebody proved who they are, and keeps nothing.
package rights

import (
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Role is how far a person's rights reach. Each role may all that those below it may, except that nobody speaks for another's team.
type Role string

// The roles, the least first. Somebody without any may nothing.
const (
	Viewer   Role = "viewer"
	Member   Role = "member"
	Platform Role = "platform"
	Admin    Role = "admin"
)

// Roles are all roles, the least first.
func Roles() []Role { return []Role{Viewer, Member, Platform, Admin} }

// Reaches reports whether a role may what another may.
func (r Role) Reaches(other Role) bool {
	return slices.Contains(Roles(), r) && slices.Index(Roles(), r) >= slices.Index(Roles(), other)
}

// Right is something that may be done.
type Right string

// The rights. Every route of the API and of the portal asks for one of them.
const (
	Anyone     Right = "anyone"     // what needs no right: to sign in, to ask whether the program answers
	Read       Right = "read"       // look at everything
	Tokens     Right = "tokens"     // make, list and revoke one's own tokens
	Agree      Right = "agree"      // give a team's green light, take it back, veto
	Drill      Right = "drill"      // keep that a team practised something
	Decide     Right = "decide"     // say what becomes of a cut edge
	Deploy     Right = "deploy"     // bring a version of a team's service to its environments, hold it back, go back
	Scan       Right = "scan"       // read the estate anew
	Plan       Right = "plan"       // begin expansions and workloads, keep proposals, lease ranges
	Operate    Right = "operate"    // move, undo, pause, resume, cancel
	Administer Right = "administer" // see and end the sessions and tokens of others
)

// rule is what a right asks for.
type rule struct {
	right Right
	least Role
	own   Role   // up to this role only for own teams; "" where teams do not matter
	words string // after "may not"
}

// rules is the whole of what roles may.
var rules = []rule{
	{Read, Viewer, "", "look at this"},
	{Tokens, Viewer, "", "have tokens"},
	{Agree, Member, Admin, "say yes or no"},
	{Drill, Member, Admin, "keep a drill"},
	{Decide, Member, Member, "decide for it"},
	{Deploy, Member, Member, "deploy"},
	{Scan, Platform, "", "scan"},
	{Plan, Platform, "", "plan"},
	{Operate, Platform, "", "carry anything out"},
	{Administer, Admin, "", "look after other people's sessions and tokens"},
}

// Known reports whether a right is one of the list.
func (r Right) Known() bool { return r == Anyone || ruleOf(r) != nil }

// OfTeams reports whether a right is exercised for a team.
func (r Right) OfTeams() bool { return ruleOf(r) != nil && ruleOf(r).own != "" }

func ruleOf(r Right) *rule {
	i := slices.IndexFunc(rules, func(one rule) bool { return one.right == r })
	if i < 0 {
		return nil
	}
	return &rules[i]
}

// Person is somebody, or a token of theirs. The zero Person is nobody.
type Person struct {
	Name      string            `json:"name,omitempty" doc:"As people call them."`
	Mail      string            `json:"mail,omitempty"`
	Subject   string            `json:"subject,omitempty" doc:"What the provider knows them by."`
	Role      Role              `json:"role,omitempty" doc:"viewer, member, platform or admin."`
	Teams     []estate.TeamName `json:"teams,omitempty"`
	EveryTeam bool              `json:"everyTeam,omitempty" doc:"Speaks for any team: whoever runs the program where nobody signs in."`
	Token     string            `json:"token,omitempty" doc:"Name of the token, when it is one that asks."`
	Scopes    []Scope           `json:"scopes,omitempty" doc:"All the token is for, beside reading."`
}

// Who is what is kept of a person beside what they did: mail address, else what the provider knows them by, else the name.
func (p Person) Who() string {
	who := p.Name
	switch {
	case p.Mail != "":
		who = p.Mail
	case p.Subject != "":
		who = p.Subject
	}
	return who
}

// By is who did something, and with which token. For what people are counted by, as those who agree are, take Who: somebody and their token are
// one person.
func (p Person) By() string {
	if p.Token != "" {
		return p.Who() + " (token " + p.Token + ")"
	}
	return p.Who()
}

// IsOf reports whether a person speaks for a team.
func (p Person) IsOf(team estate.TeamName) bool {
	return team != "" && (p.EveryTeam || slices.Contains(p.Teams, team))
}

// May says why a person may not do something for a team, as a Denied error; nil when they may. With no team, whether they may for any.
func May(p Person, r Right, team estate.TeamName) error {
	need := ruleOf(r)
	switch {
	case r == Anyone:
		return nil
	case need == nil:
		return fault.Newf(fault.Denied, "nobody may %q: it is no right", string(r))
	case p.Role == "" || p.Who() == "" && (r == Tokens || !p.Role.Reaches(need.least)): // nobody has tokens: they are somebody's
		return fault.Newf(fault.Denied, "sign in to %s", need.words)
	case !p.Role.Reaches(need.least):
		return fault.Newf(fault.Denied, "%s may not %s: that takes the role %s, and theirs is %s; ask somebody who has it", p.Who(), need.words, need.least, p.Role)
	}
	if need.own.Reaches(p.Role) {
		if err := need.ofOwn(p, team); err != nil {
			return err
		}
	}
	return need.inScope(p, team)
}

// ofOwn wants the team to be one of the person's.
func (n *rule) ofOwn(p Person, team estate.TeamName) error {
	switch {
	case p.EveryTeam || p.IsOf(team) || team == "" && len(p.Teams) > 0:
		return nil
	case team == "":
		return fault.Newf(fault.Denied, "%s may not %s: that takes a person of the team, and they are of none; ask the team", p.Who(), n.words)
	}
	return fault.Newf(fault.Denied, "%s may not %s for %s: that takes a person of %s, and they are of %s; ask somebody of %s", p.Who(), n.words, team, team, list(p.Teams), team)
}

func list(teams []estate.TeamName) string {
	if len(teams) == 0 {
		return "no team"
	}
	texts := make([]string, len(teams))
	for i, t := range teams {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

// inScope wants a token to be for what is done. All may read.
func (n *rule) inScope(p Person, team estate.TeamName) error {
	if p.Token == "" || n.right == Read || slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.covers(n.right, team) }) {
		return nil
	}
	texts := []string{string(Read)}
	for _, s := range p.Scopes {
		texts = append(texts, s.String())
	}
	slices.Sort(texts)
	mend := "sign in yourself"
	if slices.Contains(Grantable(), n.right) {
		mend = "make one with --scope " + Scope{n.right, team}.String()
	}
	return fault.Newf(fault.Denied, "the token %s may not %s: it is for %s alone; %s", p.Token, n.words, strings.Join(slices.Compact(texts), ", "), mend)
}
