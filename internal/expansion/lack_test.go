package expansion

import (
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// lacksOf is what an edge lacks in a plan of the shop in which pricing calls loyalty from its source code.
func lacksOf(t *testing.T, decision, peering string, own *workload.Workload, change func(*Input)) string {
	t.Helper()
	text := strings.Replace(wish("[pricing]", decide(decision)), "kind: kubernetes}", "kind: kubernetes"+peering+"}", 1)
	in := estateOf(t, text)
	for i, e := range in.Graph.Edges {
		if e.From == "pricing" {
			in.Graph.Edges[i].Evidence = []depmap.Evidence{{Place: e.Evidence[0].Place, Value: "http://loyalty.shop.internal:8082", Why: "client in source code"}}
		}
	}
	if own != nil {
		in.Workloads = map[estate.ServiceName]workload.Workload{"pricing": *own}
	}
	if change != nil {
		change(&in)
	}
	p, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Cuts) != 1 {
		t.Fatalf("%+v", p.Cuts)
	}
	if listed := len(p.NotInEffect()) == 1; listed != (p.Cuts[0].Lacks != "") {
		t.Errorf("listed among those not in effect: %v", listed)
	}
	return p.Cuts[0].Lacks
}

func told() *workload.Workload {
	return &workload.Workload{Metadata: workload.Metadata{Name: "pricing"}, Containers: map[string]workload.Container{"pricing": {
		Image: ".", Files: map[string]workload.File{"/etc/pricing.toml": {Content: "url = http://${resources.loyalty.host}"}},
	}}, Resources: map[string]workload.Resource{"loyalty": {Type: workload.Peer}}}
}

func TestADecisionIsNotInEffectWhileTheConsumerIsNotTold(t *testing.T) {
	for _, c := range []struct {
		name, decision, peering string
		own                     *workload.Workload
		change                  func(*Input)
		want                    string // "" when nothing lacks
	}{
		{name: "the address is in the release", decision: "to: loyalty, decide: stub", want: "goes on calling the old address (pricing.yml:1): run caravan workload pricing --write"},
		{name: "the team's own workload says where", decision: "to: loyalty, decide: stub", own: told()},
		{name: "the team's own workload does not", decision: "to: loyalty, decide: drop", own: &workload.Workload{Metadata: workload.Metadata{Name: "pricing"}}, want: "put ${resources.loyalty.host} into services/pricing/score.yaml"},
		{name: "calls back have no way", decision: "to: loyalty, decide: call-back, through: vpn", own: told(), want: "id is not joined to production-sg"},
		{name: "calls back have a way", decision: "to: loyalty, decide: call-back, through: vpn", own: told(), peering: ", peerings: [{with: production-sg, kind: vpn}]"},
		{name: "calls back have a way over another network", decision: "to: loyalty, decide: call-back, through: vpn", own: told(), peering: ", peerings: [{with: staging, kind: vpn}]",
			change: func(in *Input) {
				in.Joined = []Joined{{A: "production-sg", B: "staging", RoundTrip: time.Millisecond}}
			}},
		{name: "both lack", decision: "to: loyalty, decide: call-back, through: vpn", want: "in expansions/indonesia.yaml; pricing goes on calling"},
		{name: "what only machines ship is no address of the consumer's", decision: "to: loyalty, decide: drop",
			change: func(in *Input) {
				for i, e := range in.Graph.Edges {
					if e.From == "pricing" {
						in.Graph.Edges[i].Evidence[0].Why = "log or metric destination"
					}
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lacksOf(t, c.decision, c.peering, c.own, c.change)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("lacks %q", got)
			}
		})
	}
}
