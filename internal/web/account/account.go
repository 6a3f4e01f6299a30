// Package account is the pages about who is signed in: the one where people come in, and the one of their tokens. It shows what it is given and decides nothing.
package account

import (
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web/shell"
)

// SignIn is the page where people come in.
type SignIn struct {
	Provider string // who signs people in; "" when nobody does
	Back     string // where they wanted to go
	Left     bool   // they have just signed out
	Error    string
	Known    string // who is signed in already
}

// host is the provider's name as people know it.
func (s SignIn) host() string {
	_, rest, _ := strings.Cut(s.Provider, "://")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// Tokens is the page of a person's tokens.
type Tokens struct {
	List   []Token
	Offer  []string // scopes that can be chosen
	Secret string   // of the one just made; shown this once
	Made   string   // its name
	Name   string   // as it was filled in
	Error  string
}

// Token is one of them.
type Token struct {
	Name    string
	Scopes  []string
	Created shell.Moment
	Used    shell.Moment
	Expires string
	State   string // "good", "expired", "revoked"
}

// Offer is what a person's token can be for, beside reading.
func Offer(p rights.Person) []string {
	var out []string
	for _, right := range rights.Grantable() {
		teams := []estate.TeamName{""}
		if right.OfTeams() && !p.EveryTeam && !(right == rights.Decide && p.Role.Reaches(rights.Platform)) {
			teams = p.Teams
		}
		for _, team := range teams {
			if right != rights.Read && rights.May(p, right, team) == nil || p.EveryTeam && right.OfTeams() {
				out = append(out, rights.Scope{Right: right, Team: team}.String())
			}
		}
	}
	return out
}
