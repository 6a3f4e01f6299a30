package rights

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

func of(role Role, teams ...estate.TeamName) Person {
	return Person{Name: "Ani", Mail: "ani@example.org", Role: role, Teams: teams}
}

// The table of docs/guides/signin.md: who may do what for orders.
func TestWhoMayDoWhat(t *testing.T) {
	people := []struct {
		who string
		Person
	}{
		{"nobody", Person{}},
		{"a viewer", of(Viewer)},
		{"a member of orders", of(Member, "orders")},
		{"a member of payments", of(Member, "payments")},
		{"platform, of no team", of(Platform)},
		{"platform, of orders", of(Platform, "orders")},
		{"an admin of platform", of(Admin, "platform")},
		{"whoever runs it where nobody signs in", Person{Name: "ani", Role: Admin, EveryTeam: true}},
		{"a token to read", Person{Mail: "ani@example.org", Role: Admin, Teams: []estate.TeamName{"orders"}, Token: "ci"}},
		{"a token for orders' yes", Person{Mail: "ani@example.org", Role: Member, Teams: []estate.TeamName{"orders", "payments"}, Token: "ci", Scopes: []Scope{{Agree, "orders"}}}},
		{"a token for payments' yes", Person{Mail: "ani@example.org", Role: Member, Teams: []estate.TeamName{"orders", "payments"}, Token: "ci", Scopes: []Scope{{Agree, "payments"}}}},
		{"a token to operate of somebody who no longer may", Person{Mail: "ani@example.org", Role: Member, Teams: []estate.TeamName{"orders"}, Token: "ci", Scopes: []Scope{{Operate, ""}}}},
		{"a role there is none of", of("root", "orders")},
	}
	for right, want := range map[Right]string{ // in the order of people
		Anyone:     "+++++++++++++",
		Read:       "-+++++++++++-",
		Tokens:     "-+++++++-----",
		Agree:      "--+--+-+-+---",
		Drill:      "--+--+-+-----",
		Decide:     "--+-++++-----",
		Deploy:     "--+-++++---+-",
		Scan:       "----++++-----",
		Plan:       "----++++-----",
		Operate:    "----++++-----",
		Administer: "------++-----",
		"fly":      "-------------",
	} {
		for i, p := range people {
			err := May(p.Person, right, "orders")
			if (err == nil) != (want[i] == '+') {
				t.Errorf("%s, %s for orders: %v", p.who, right, err)
			}
			if err != nil && (fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s, %s: %v", p.who, right, err)
			}
		}
	}
	if len(rules) != 10 {
		t.Errorf("%d rights, of which the table does not have all", len(rules))
	}
}

func TestWithoutATeamItIsAskedWhetherTheyMayForAny(t *testing.T) {
	for _, c := range []struct {
		who  string
		p    Person
		r    Right
		want bool
	}{
		{"a member", of(Member, "orders"), Agree, true},
		{"platform of no team", of(Platform), Agree, false},
		{"platform of no team", of(Platform), Decide, true},
		{"a token for one team", Person{Role: Member, Teams: []estate.TeamName{"orders"}, Token: "ci", Scopes: []Scope{{Agree, "orders"}}}, Agree, true},
		{"a viewer", of(Viewer), Agree, false},
	} {
		if err := May(c.p, c.r, ""); (err == nil) != c.want {
			t.Errorf("%s, %s: %v", c.who, c.r, err)
		}
	}
}

func TestARefusalSaysWhoWhatWhatItTakesAndWhomToAsk(t *testing.T) {
	for _, c := range []struct {
		p    Person
		r    Right
		team estate.TeamName
		want string
	}{
		{Person{}, Read, "", "sign in to look at this"},
		{Person{Role: Viewer}, Operate, "", "sign in to carry anything out"},
		{Person{Role: Viewer}, Tokens, "", "sign in to have tokens"},
		{of(Member, "orders"), Operate, "", "ani@example.org may not carry anything out: that takes the role platform, and theirs is member; ask somebody who has it"},
		{of(Platform, "platform"), Agree, "orders", "ani@example.org may not say yes or no for orders: that takes a person of orders, and they are of platform; ask somebody of orders"},
		{of(Platform), Agree, "orders", "ani@example.org may not say yes or no for orders: that takes a person of orders, and they are of no team; ask somebody of orders"},
		{Person{Mail: "ani@example.org", Role: Admin, Token: "ci", Scopes: []Scope{{Plan, ""}}}, Operate, "", "the token ci may not carry anything out: it is for plan, read alone; make one with --scope operate"},
		{Person{Mail: "ani@example.org", Role: Admin, Token: "ci"}, Tokens, "", "the token ci may not have tokens: it is for read alone; sign in yourself"},
	} {
		if err := May(c.p, c.r, c.team); err == nil || err.Error() != c.want {
			t.Errorf("%v, not %q", err, c.want)
		}
	}
}

func TestScopesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]bool{
		"read": true, "operate": true, "agree": true, "agree:orders": true, "decide:orders": true, "plan": true,
		"": false, "agree:": false, "operate:orders": false, "tokens": false, "administer": false, "anyone": false, "READ": false, "agree:a,b": false, "fly": false,
	} {
		s, err := ParseScope(text)
		if (err == nil) != want || err != nil && fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: %v", text, err)
		}
		if want && s.String() != text {
			t.Errorf("%q became %q", text, s)
		}
	}
	data, err := json.Marshal([]Scope{{Agree, "orders"}})
	var back []Scope
	if err != nil || string(data) != `["agree:orders"]` || json.Unmarshal(data, &back) != nil || back[0] != (Scope{Agree, "orders"}) {
		t.Errorf("%s %v %v", data, back, err)
	}
	if json.Unmarshal([]byte(`["fly"]`), &back) == nil {
		t.Error("a scope there is none of is read")
	}
}

func TestATokenNeverReachesFurtherThanWhoMakesIt(t *testing.T) {
	for _, c := range []struct {
		what   string
		p      Person
		scopes []Scope
		want   bool
	}{
		{"a viewer to read", of(Viewer), []Scope{{Read, ""}}, true},
		{"a member for the own team", of(Member, "orders"), []Scope{{Agree, "orders"}}, true},
		{"a member for another team", of(Member, "orders"), []Scope{{Agree, "payments"}}, false},
		{"a member to operate", of(Member, "orders"), []Scope{{Read, ""}, {Operate, ""}}, false},
		{"an admin for a team they are not of", of(Admin), []Scope{{Agree, "orders"}}, false},
		{"a token", Person{Role: Admin, Token: "ci", Scopes: []Scope{{Read, ""}}}, []Scope{{Read, ""}}, false},
		{"nobody", Person{}, nil, false},
	} {
		if err := MayGrant(c.p, c.scopes); (err == nil) != c.want {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func TestGroupsBecomeTeamsAndRoles(t *testing.T) {
	declared := []estate.TeamName{"orders", "payments", "platform"}
	plain := Groups{Declared: declared, Platform: []string{"platform"}, Admins: []string{"it-admins"}}
	mapped := Groups{Declared: declared, Teams: map[string]estate.TeamName{"kopi-orders": "orders", "gone": "nobody-declared-it"}, Viewers: []string{"staff"}}
	for _, c := range []struct {
		what   string
		g      Groups
		groups []string
		role   Role
		teams  []estate.TeamName
	}{
		{"a group called as its team", plain, []string{"payments", "orders", "orders", "football"}, Member, []estate.TeamName{"orders", "payments"}},
		{"no group at all, where everybody may look", plain, nil, Viewer, nil},
		{"platform", plain, []string{"platform"}, Platform, []estate.TeamName{"platform"}},
		{"an admin of no team", plain, []string{"it-admins"}, Admin, nil},
		{"admin goes before platform", plain, []string{"platform", "it-admins"}, Admin, []estate.TeamName{"platform"}},
		{"a group that is mapped", mapped, []string{"kopi-orders"}, Member, []estate.TeamName{"orders"}},
		{"a group called as a team, where groups are mapped", mapped, []string{"payments"}, "", nil},
		{"a group mapped to a team there is none of", mapped, []string{"gone"}, "", nil},
		{"somebody who may only look", mapped, []string{"staff"}, Viewer, nil},
		{"somebody with no business here", mapped, nil, "", nil},
	} {
		if role, teams := c.g.Of(c.groups); role != c.role || !slices.Equal(teams, c.teams) {
			t.Errorf("%s: %s of %v", c.what, role, teams)
		}
	}
}

func TestWhoIsTheMailElseTheSubject(t *testing.T) {
	for want, p := range map[string]Person{
		"ani@example.org": {Name: "Ani", Mail: "ani@example.org", Subject: "17"},
		"17":              {Name: "Ani", Subject: "17"},
		"ani":             {Name: "ani"},
	} {
		if p.Who() != want || p.By() != want {
			t.Errorf("%q and %q, not %q", p.Who(), p.By(), want)
		}
	}
	if p := (Person{Mail: "ani@example.org", Token: "ci"}); p.Who() != "ani@example.org" || p.By() != "ani@example.org (token ci)" {
		t.Errorf("a token is %q, and did what it did as %q", p.Who(), p.By())
	}
}

func TestAContextSaysWhoAsks(t *testing.T) {
	if p := Of(context.Background()); p.Role != "" || p.Who() != "" {
		t.Errorf("%+v asks, out of nowhere", p)
	}
	if p := Of(With(context.Background(), of(Viewer))); p.Who() != "ani@example.org" {
		t.Errorf("%+v", p)
	}
}
