package expansion

import (
	"cmp"
	"fmt"
	"slices"

	"example.org/caravan/internal/address"
)

// Ranges lists the ranges of addresses a proposal needs, each after the one it is a part of: the country, its environments,
// and their nodes, pods, services and machines, sized from the plan; and an address for each machine.
func (e Expansion) Ranges(p Proposal) []address.Want {
	var parts []address.Want
	country := 0
	for i, env := range e.Environments {
		own := e.environmentRanges(p, i, env)
		total := 0
		for _, w := range own {
			total += w.Size()
		}
		holder := e.Name + "/" + string(env.Name)
		parts = append(parts, address.Want{Holder: holder, Parent: e.Name, Purpose: address.ForEnvironment, Addresses: total, Place: e.place(fmt.Sprintf("environments[%d]", i)),
			Figures: "all of " + string(env.Name)})
		parts = append(parts, own...)
		parts = append(parts, machines(e.Name, env, p)...)
		country += 1 << (32 - address.BitsFor(total, 32)) // an environment takes a whole block
	}
	return append([]address.Want{{Holder: e.Name, Purpose: address.ForCountry, Addresses: country, Place: e.place("environments"), Figures: "its environments"}}, parts...)
}

// What a cluster is reckoned with when the expansion does not say.
const (
	usualNodes = 3
	usualPods  = 110
)

func (e Expansion) environmentRanges(p Proposal, i int, env Environment) []address.Want {
	want := func(purpose address.Purpose, key string, addresses, asked int, figures string) address.Want {
		return address.Want{
			Holder: Holder(e.Name, env.Name, string(purpose)), Parent: e.Name + "/" + string(env.Name), Purpose: purpose,
			Addresses: addresses, Bits: asked, Place: e.place(fmt.Sprintf("environments[%d].ranges.%s", i, key)), Figures: figures,
		}
	}
	if env.Kind == "vm" {
		n := len(p.Hosts(env))
		return []address.Want{want(address.ForMachines, "machines", address.MachineAddresses(n), env.Ranges.Machines, fmt.Sprintf("%d machines and as many again", n))}
	}
	nodes, pods := cmp.Or(env.Nodes, usualNodes), cmp.Or(env.Pods, usualPods)
	services := 0
	for _, m := range p.Members {
		if slices.Contains(m.In, env.Name) {
			services++
		}
	}
	size := address.Size(address.Cluster{Nodes: nodes, Surge: env.Surge, Pods: pods, Services: services})
	out := []address.Want{
		want(address.ForPods, "pods", size.Pods, env.Ranges.Pods, fmt.Sprintf("%d nodes at peak and as many again, with %d pods each and so a block of %d addresses,", nodes+env.Surge, pods, size.Block)),
		want(address.ForServices, "services", size.Services, env.Ranges.Services, fmt.Sprintf("%d services and those of the cluster itself", services)),
		want(address.ForNodes, "nodes", size.Nodes, env.Ranges.Nodes, fmt.Sprintf("%d nodes at peak and as many again", nodes+env.Surge)),
	}
	slices.SortStableFunc(out, func(a, b address.Want) int { return b.Addresses - a.Addresses }) // large before small leaves no gaps
	return out
}

// machines gives each machine an address of its own.
func machines(name string, env Environment, p Proposal) []address.Want {
	var out []address.Want
	for _, host := range p.Hosts(env) {
		out = append(out, address.Want{
			Holder: Holder(name, env.Name, "machines/"+host), Parent: Holder(name, env.Name, string(address.ForMachines)), Purpose: address.ForMachine, Addresses: 1,
		})
	}
	return out
}

// WithAddresses is the proposal with its ranges.
func (p Proposal) WithAddresses(leases []address.Lease) Proposal {
	p.Addresses = nil
	for _, l := range leases {
		p.Addresses = append(p.Addresses, Lease{Holder: l.Holder, Prefix: l.Prefix, Purpose: string(l.Purpose)})
	}
	slices.SortFunc(p.Addresses, func(a, b Lease) int { return cmp.Compare(a.Holder, b.Holder) })
	return p.Sealed()
}
