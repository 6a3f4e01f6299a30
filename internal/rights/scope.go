package rights

import (
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Scope is one thing a token is for: a right, maybe for one team alone.
type Scope struct {
	Right Right
	Team  estate.TeamName
}

// Grantable are the rights a token can have. Tokens make no tokens, and look after nobody.
func Grantable() []Right { return []Right{Read, Agree, Drill, Decide, Deploy, Scan, Plan, Operate} }

// ParseScope reads "read", "operate", "agree" or "agree:orders". Usage when it is none.
func ParseScope(text string) (Scope, error) {
	right, team, named := strings.Cut(text, ":")
	s := Scope{Right: Right(right), Team: estate.TeamName(team)}
	for _, r := range Grantable() {
		switch {
		case s.Right != r:
		case named && (!r.OfTeams() || team == "" || strings.ContainsAny(team, ", \t\n")):
			return s, fault.Newf(fault.Usage, "scope %q: write %s, as in %s", text, forms(r), r)
		default:
			return s, nil
		}
	}
	return s, fault.Newf(fault.Usage, "scope %q: it is one of %s", text, all())
}

func forms(r Right) string {
	if r.OfTeams() {
		return string(r) + " or " + string(r) + ":TEAM"
	}
	return string(r) + " without a team"
}

func all() string {
	var out []string
	for _, r := range Grantable() {
		text := string(r)
		if r.OfTeams() {
			text += "[:TEAM]"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// String is the scope as people write it.
func (s Scope) String() string {
	if s.Team == "" {
		return string(s.Right)
	}
	return string(s.Right) + ":" + string(s.Team)
}

// MarshalText is the scope as people write it.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a scope as people write it.
func (s *Scope) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScope(string(text))
	return err
}

// covers reports whether a scope is for a right and a team; any team for "". What may carry anything out may deploy.
func (s Scope) covers(r Right, team estate.TeamName) bool {
	return (s.Right == r || s.Right == Operate && r == Deploy) && (s.Team == "" || team == "" || s.Team == team)
}

// MayGrant says why a person may not make a token for some scopes: a token never reaches further than who makes it.
func MayGrant(p Person, scopes []Scope) error {
	if p.Token != "" {
		return fault.Newf(fault.Denied, "the token %s may not make tokens: sign in to make one", p.Token)
	}
	if err := May(p, Tokens, ""); err != nil {
		return err
	}
	for _, s := range scopes {
		if err := May(p, s.Right, s.Team); err != nil {
			return err
		}
	}
	return nil
}
