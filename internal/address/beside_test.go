package address

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// live are the leases of a country that was moved.
var live = []Lease{
	{Holder: "id", Parent: "pool:p", Prefix: prefix("10.64.0.0/20"), Purpose: ForCountry, State: Live},
	{Holder: "id/prod", Parent: "id", Prefix: prefix("10.64.0.0/24"), Purpose: ForEnvironment, State: Live},
	{Holder: "id/prod/machines", Parent: "id/prod", Prefix: prefix("10.64.0.0/26"), Purpose: ForMachines, State: Live},
	{Holder: "id/prod/machines/web-1", Parent: "id/prod/machines", Prefix: prefix("10.64.0.2/32"), Purpose: ForMachine, State: Live},
	{Holder: "my/gone", Parent: "pool:p", Prefix: prefix("10.64.32.0/24"), Purpose: InUse, State: Quarantined},
}

func used(network string, prefixes ...string) []Used {
	var out []Used
	for _, p := range prefixes {
		out = append(out, Used{Network: network, Prefix: prefix(p)})
	}
	return out
}

func TestALeaseAtWorkIsNotInUseBesideIt(t *testing.T) {
	for name, c := range map[string]struct {
		seen []Used
		want string
	}{
		"the network that was made of the range of an environment":     {used("vpc", "10.64.0.0/24"), "[]"},
		"a subnet of a zone, inside the range of machines":             {used("a", "10.64.0.32/27"), "[]"},
		"a machine with its own address":                               {used("prod", "10.64.0.2/32"), "[]"},
		"a machine nobody gave an address to":                          {used("prod", "10.64.0.9/32"), "[10.64.0.9/32]"},
		"a subnet inside the range of an environment, without a lease": {used("db", "10.64.0.128/25"), "[10.64.0.128/25]"},
		"a network that is wider than what it was given":               {used("vpc", "10.64.0.0/18"), "[10.64.0.0/18]"},
		"what is still used although its range was given back":         {used("vpc", "10.64.32.0/24"), "[10.64.32.0/24]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := []string{}
			for _, u := range Beside(live, c.seen) {
				got = append(got, u.Prefix.String())
			}
			if diff := cmp.Diff(c.want, fmt.Sprint(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnEnvironmentGrowsInTheNetworkThatWasMadeForIt(t *testing.T) {
	pools := []Pool{{Name: "p", Prefix: prefix("10.64.0.0/10"), Countries: 16}}
	wants := []Want{{Holder: "id/prod/machines/web-2", Parent: "id/prod/machines", Purpose: ForMachine, Addresses: 1}}
	seen := append(used("vpc", "10.64.0.0/24", "10.64.0.0/26"), used("prod", "10.64.0.2/32", "10.64.0.3/32")...)
	got, err := Plan(pools, live[:4], seen, wants)
	if err != nil || got[0].Prefix != prefix("10.64.0.4/32") {
		t.Errorf("%v, %v; want the first that no machine has", got, err)
	}
}
