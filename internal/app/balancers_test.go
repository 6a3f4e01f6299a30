package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/why"
)

func TestBalancersOfAnotherEnvironmentAreNotAsked(t *testing.T) {
	lb := depmap.Service{Name: "lb", Kind: estate.Service, Technology: "haproxy", Hosts: []estate.ServiceName{"my-lb1", "sg-lb1", "unknown"}}
	e := how.Estate{
		Graph: depmap.Graph{
			Services: []depmap.Service{lb, {Name: "shop", Kind: estate.Service}},
			Edges:    []depmap.Edge{{From: "lb", To: "shop", Evidence: []depmap.Evidence{{Environments: []estate.EnvironmentName{"production-sg", "production-my"}}}}},
		},
		Components: []estate.Component{
			{Name: "my-lb1", Kind: estate.Host, Environments: []estate.EnvironmentName{"production-my"}},
			{Name: "sg-lb1", Kind: estate.Host, Environments: []estate.EnvironmentName{"production-sg"}},
		},
	}
	got := balancersOf(e, depmap.Service{Name: "shop"}, "production-sg")
	if diff := cmp.Diff([]why.Host{{Name: "sg-lb1", Address: "sg-lb1"}, {Name: "unknown", Address: "unknown"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
