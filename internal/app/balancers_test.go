package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/why"
)

func TestOnlyBalancersOfTheEnvironmentAreAsked(t *testing.T) {
	e := how.Estate{
		Graph: depmap.Graph{
			Services: []depmap.Service{{Name: "lb", Technology: "haproxy", Hosts: []estate.ServiceName{"my-lb1", "sg-lb1", "spare"}}, {Name: "orders"}},
			Edges:    []depmap.Edge{{From: "lb", To: "orders", Evidence: []depmap.Evidence{{}}}},
		},
		Components: []estate.Component{
			{Name: "my-lb1", Kind: estate.Host, Environments: []estate.EnvironmentName{"my"}},
			{Name: "sg-lb1", Kind: estate.Host, Environments: []estate.EnvironmentName{"sg"}},
			{Name: "spare", Kind: estate.Host},
		},
	}
	for _, tt := range []struct {
		name string
		env  estate.EnvironmentName
		want []why.Host
	}{
		{"in one environment", "sg", []why.Host{{Name: "sg-lb1", Address: "sg-lb1"}, {Name: "spare", Address: "spare"}}},
		{"anywhere", "", []why.Host{{Name: "my-lb1", Address: "my-lb1"}, {Name: "sg-lb1", Address: "sg-lb1"}, {Name: "spare", Address: "spare"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, balancersOf(e, depmap.Service{Name: "orders"}, tt.env)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
