package store

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store/pgtest"
)

// accessPromises are what every database must keep about who comes in. Each gets an empty store.
var accessPromises = []struct {
	name  string
	check func(t *testing.T, s *Store)
}{
	{"a session is its person's until it ends, is idle or is left", sessionEnds},
	{"a session begins with the end of the one before", sessionTakesPlace},
	{"what the provider said last counts in all sessions", lastWordCounts},
	{"who is expelled loses sessions and tokens", expels},
	{"a token is good until it expires or is revoked", tokenEnds},
	{"a name is one token's at a time", tokenNames},
	{"signing in and out and tokens are in the audit, and no secret is", accessAudited},
}

func TestDatabasesKeepTheirPromisesAboutAccess(t *testing.T) {
	for _, p := range accessPromises {
		t.Run("SQLite: "+p.name, func(t *testing.T) {
			t.Parallel()
			p.check(t, open(t, Options{Path: filepath.Join(t.TempDir(), "caravan.db")}))
		})
	}
	cluster := pgtest.Start(t)
	for _, p := range accessPromises {
		t.Run("PostgreSQL: "+p.name, func(t *testing.T) { p.check(t, open(t, Options{Database: cluster.Database(t)})) })
	}
}

const via = "https://sso.example.org"

func ani(teams ...estate.TeamName) rights.Person {
	return rights.Person{Name: "Ani", Mail: "ani@example.org", Subject: "17", Role: rights.Member, Teams: teams}
}

func enter(t *testing.T, s *Store, hash string, p rights.Person, at time.Time, before string) {
	t.Helper()
	if err := s.Enter(t.Context(), Session{Hash: hash, Via: via, Began: at, Ends: at.Add(12 * time.Hour)}, p, before, at.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func isIn(t *testing.T, s *Store, hash string, at time.Time) (rights.Person, bool) {
	t.Helper()
	p, err := s.InSession(t.Context(), hash, via, at, at.Add(-2*time.Hour))
	if err != nil {
		wantKind(t, err, fault.NotFound, "sign in again")
	}
	return p, err == nil
}

func sessionEnds(t *testing.T, s *Store) {
	enter(t, s, "a", ani("orders"), noon, "")
	p, ok := isIn(t, s, "a", noon.Add(time.Hour))
	if !ok || p.Who() != "ani@example.org" || p.Role != rights.Member || !slices.Equal(p.Teams, []estate.TeamName{"orders"}) || p.Name != "Ani" {
		t.Fatalf("%v %+v", ok, p)
	}
	if _, ok := isIn(t, s, "a", noon.Add(150*time.Minute)); !ok {
		t.Error("being seen does not keep a session")
	}
	if _, ok := isIn(t, s, "a", noon.Add(5*time.Hour)); ok {
		t.Error("an idle session goes on")
	}
	enter(t, s, "b", ani("orders"), noon, "")
	for at := noon; at.Before(noon.Add(12 * time.Hour)); at = at.Add(time.Hour) {
		if _, ok := isIn(t, s, "b", at); !ok {
			t.Fatalf("over after %s", at.Sub(noon))
		}
	}
	if _, ok := isIn(t, s, "b", noon.Add(12*time.Hour)); ok {
		t.Error("a session outlives its end")
	}
	enter(t, s, "c", ani("orders"), noon, "")
	if err := s.Leave(t.Context(), "c", ani(), noon); err != nil {
		t.Fatal(err)
	}
	if _, ok := isIn(t, s, "c", noon); ok {
		t.Error("a session that was left goes on")
	}
	if err := s.Leave(t.Context(), "c", ani(), noon); err != nil {
		t.Errorf("left twice: %v", err)
	}
	enter(t, s, "d", ani("orders"), noon, "")
	if _, err := s.InSession(t.Context(), "d", "https://other.example.org", noon, noon.Add(-time.Hour)); err == nil {
		t.Error("a session of another provider counts")
	}
	wantKind(t, s.Enter(t.Context(), Session{Hash: "e", Via: via, Began: noon, Ends: noon.Add(time.Hour)}, rights.Person{Subject: "1"}, "", noon), fault.Internal)
}

func sessionTakesPlace(t *testing.T, s *Store) {
	enter(t, s, "a", ani("orders"), noon, "")
	enter(t, s, "b", ani("orders"), noon, "a")
	if _, ok := isIn(t, s, "a", noon); ok {
		t.Error("the session before goes on")
	}
	if _, ok := isIn(t, s, "b", noon); !ok {
		t.Error("the new one did not begin")
	}
}

func lastWordCounts(t *testing.T, s *Store) {
	enter(t, s, "a", ani("orders"), noon, "")
	enter(t, s, "b", ani("payments"), noon.Add(time.Minute), "")
	if p, _ := isIn(t, s, "a", noon.Add(2*time.Minute)); !slices.Equal(p.Teams, []estate.TeamName{"payments"}) {
		t.Errorf("of %v", p.Teams)
	}
	people, err := s.People(t.Context(), via)
	if err != nil || len(people) != 1 || people[0].Sessions != 2 || !people[0].Seen.Equal(noon.Add(time.Minute)) || people[0].Mail != "ani@example.org" {
		t.Errorf("%+v %v", people, err)
	}
	if p, err := s.KnownAs(t.Context(), via, "17"); err != nil || p.Name != "Ani" {
		t.Errorf("%+v %v", p, err)
	}
	_, err = s.KnownAs(t.Context(), via, "18")
	wantKind(t, err, fault.NotFound, "has not signed in")
}

func tokenOf(name, hash string) Token {
	return Token{Hash: hash, Name: name, Owner: "ani@example.org", Scopes: []rights.Scope{{Right: rights.Agree, Team: "orders"}}, Created: noon, Expires: noon.Add(24 * time.Hour), Via: via, Subject: "17"}
}

func expels(t *testing.T, s *Store) {
	admin := rights.Person{Mail: "dewi@example.org"}
	enter(t, s, "a", ani("orders"), noon, "")
	if err := s.KeepToken(t.Context(), tokenOf("ci", "h")); err != nil {
		t.Fatal(err)
	}
	sessions, tokens, err := s.Expel(t.Context(), via, "ani@example.org", admin, noon)
	if err != nil || sessions != 1 || tokens != 1 {
		t.Fatalf("%d sessions, %d tokens: %v", sessions, tokens, err)
	}
	if _, ok := isIn(t, s, "a", noon); ok {
		t.Error("the session goes on")
	}
	_, err = s.UseToken(t.Context(), "h", noon)
	wantKind(t, err, fault.NotFound, "revoked")
	for _, who := range []string{"nobody@example.org", ""} {
		_, _, err := s.Expel(t.Context(), via, who, admin, noon)
		wantKind(t, err, fault.NotFound, "caravan people")
	}
}

func tokenEnds(t *testing.T, s *Store) {
	if err := s.KeepToken(t.Context(), tokenOf("ci", "h")); err != nil {
		t.Fatal(err)
	}
	got, err := s.UseToken(t.Context(), "h", noon.Add(time.Hour))
	if err != nil || got.Name != "ci" || got.Owner != "ani@example.org" || got.Subject != "17" || got.Scopes[0].String() != "agree:orders" {
		t.Fatalf("%+v %v", got, err)
	}
	list, err := s.Tokens(t.Context(), "ani@example.org")
	if err != nil || len(list) != 1 || !list[0].Used.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v %v", list, err)
	}
	_, err = s.UseToken(t.Context(), "h", noon.Add(24*time.Hour))
	wantKind(t, err, fault.NotFound, "token ci expired on 2026-03-02")
	_, err = s.UseToken(t.Context(), "other", noon)
	wantKind(t, err, fault.NotFound, "no such token")
	if err := s.RevokeToken(t.Context(), "ani@example.org", "ci", ani(), noon); err != nil {
		t.Fatal(err)
	}
	_, err = s.UseToken(t.Context(), "h", noon)
	wantKind(t, err, fault.NotFound, "token ci was revoked")
	wantKind(t, s.RevokeToken(t.Context(), "ani@example.org", "ci", ani(), noon), fault.NotFound, "no token ci")
}

func tokenNames(t *testing.T, s *Store) {
	keep := func(tok Token) error { return s.KeepToken(t.Context(), tok) }
	if err := keep(tokenOf("ci", "1")); err != nil {
		t.Fatal(err)
	}
	wantKind(t, keep(tokenOf("ci", "2")), fault.Conflict, "has a token ci already")
	other := tokenOf("ci", "3")
	other.Owner = "budi@example.org"
	later := tokenOf("ci", "4")
	later.Created, later.Expires = noon.Add(48*time.Hour), noon.Add(72*time.Hour)
	for _, tok := range []Token{other, later} {
		if err := keep(tok); err != nil {
			t.Errorf("the name is taken by another's, or by one that has expired: %v", err)
		}
	}
	all, err := s.Tokens(t.Context(), "")
	if err != nil || len(all) != 3 {
		t.Errorf("%+v %v", all, err)
	}
	much := tokenOf("new", "5")
	much.Created, much.Expires = noon.Add(tokensKept+30*24*time.Hour), noon.Add(tokensKept+60*24*time.Hour)
	if err := keep(much); err != nil {
		t.Fatal(err)
	}
	if all, err = s.Tokens(t.Context(), ""); err != nil || len(all) != 1 {
		t.Errorf("what expired long ago is kept: %+v %v", all, err)
	}
}

func accessAudited(t *testing.T, s *Store) {
	enter(t, s, "secret-hash", ani("orders"), noon, "")
	if err := s.KeepToken(t.Context(), tokenOf("ci", "secret-token-hash")); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeToken(t.Context(), "ani@example.org", "ci", rights.Person{Mail: "dewi@example.org", Token: "admin"}, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Leave(t.Context(), "secret-hash", ani(), noon); err != nil {
		t.Fatal(err)
	}
	lines, err := s.Audit(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range lines {
		said = append(said, e.By+" "+e.What+" "+e.Subject+" "+e.Why)
	}
	want := []string{"ani@example.org signed out  ", "dewi@example.org (token admin) token revoked ci of ani@example.org ", `ani@example.org token made ci ["agree:orders"]`, "ani@example.org signed in  "}
	if !slices.Equal(said, want) || strings.Contains(strings.Join(said, ""), "secret") {
		t.Errorf("%q", said)
	}
}
