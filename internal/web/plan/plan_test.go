package plan

import (
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
)

func TestAnchorsTellEdgesApartAndAreWordsForSelectors(t *testing.T) {
	seen := map[string][2]estate.ServiceName{}
	for _, edge := range [][2]estate.ServiceName{
		{"orders", "loyalty"}, {"loyalty", "orders"}, {"a-b", "c"}, {"a", "b-c"}, {"a.b", "c"}, {"a_b", "c"},
		{"orders", "api.cards.example.org"}, {"orders", `"><script>`}, {"orders", "\u202etxt"}, {"orders", estate.ServiceName(strings.Repeat("long", 60))}, {"orders", ""},
	} {
		got := Anchor(edge[0], edge[1])
		if other, taken := seen[got]; taken {
			t.Errorf("%v and %v are both at %s", edge, other, got)
		}
		seen[got] = edge
		if strings.Map(plain, got) != got || len(got) > 100 {
			t.Errorf("%v is at %q", edge, got)
		}
	}
}

func TestTheFormOffersWhatWasTriedElseWhatIsDecided(t *testing.T) {
	cut := expansion.Cut{From: "orders", To: "loyalty", Forbidden: map[expansion.Fate]string{expansion.CallBack: "it may not leave"}}
	decided := cut
	decided.Decision = &expansion.Decision{From: "orders", To: "loyalty", Decide: expansion.StubOut, By: "shop"}
	tried := Attempt{Anchor: Anchor("orders", "loyalty"), Decision: expansion.Decision{Decide: expansion.CallBack, By: "roastery"}, Error: "no"}
	for _, tt := range []struct {
		name    string
		view    View
		cut     expansion.Cut
		by      string
		chosen  expansion.Fate
		message string
	}{
		{"an undecided edge begins with nothing", View{}, cut, "", "", ""},
		{"who decided last is offered", View{By: "shop"}, cut, "shop", "", ""},
		{"a decided edge begins with its decision", View{By: "platform"}, decided, "shop", expansion.StubOut, ""},
		{"what was tried stays, but nothing forbidden is chosen", View{Attempt: tried}, decided, "roastery", "", "no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.view.formOf(tt.cut)
			chosen := expansion.Fate("")
			for _, c := range f.choices() {
				if c.chosen {
					chosen = c.fate
				}
			}
			if f.decision.By != tt.by || chosen != tt.chosen || f.error != tt.message || f.open != (tt.message != "") {
				t.Errorf("by %q, chosen %q, error %q, open %t", f.decision.By, chosen, f.error, f.open)
			}
		})
	}
}

func TestManyEdgesAreShownInPart(t *testing.T) {
	v := View{}
	for range most + 7 {
		v.Proposal.Cuts = append(v.Proposal.Cuts, expansion.Cut{From: "orders", To: "loyalty"})
	}
	v.Proposal.Cuts = append(v.Proposal.Cuts, expansion.Cut{From: "payments", To: "Wallet"})
	if shown, more := v.undecided(); len(shown) != most || more != 8 {
		t.Errorf("%d are shown and %d more, want %d and 8", len(shown), more, most)
	}
	v.Attempt = Attempt{Anchor: Anchor("payments", "Wallet"), Error: "no"}
	if shown, _ := v.undecided(); shown[0].From != "payments" {
		t.Error("the edge whose decision was not taken is out of sight")
	}
	v.Edge = "pay wallet"
	if shown, more := v.undecided(); len(shown) != 1 || more != 0 {
		t.Errorf("asked for one edge: %d are shown and %d more", len(shown), more)
	}
	v.Attempt.Anchor = Anchor("orders", "gone")
	if !v.stray() {
		t.Error("an error about an edge that is gone is said nowhere")
	}
}
