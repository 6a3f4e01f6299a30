package web

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"example.org/caravan/internal/finding"
)

func (s shelf) Addresses(context.Context) (Addresses, error) {
	if s.failed != nil {
		return Addresses{}, s.failed
	}
	return s.space, nil
}

// smallSpace is the space of the coffee company: two countries leased, one in quarantine, networks that nobody leased.
func smallSpace(now time.Time) Addresses {
	prefix := netip.MustParsePrefix
	live := func(p, holder, purpose string, parts ...Part) Part {
		return Part{Prefix: prefix(p), Holder: holder, Purpose: purpose, State: "live", Since: now.AddDate(0, -4, 0), Parts: parts}
	}
	reserved := func(p, holder, purpose string, parts ...Part) Part {
		return Part{Prefix: prefix(p), Holder: holder, Purpose: purpose, State: "reserved", Since: now.AddDate(0, 0, -1), Parts: parts}
	}
	used := func(p, network, place string) Part {
		return Part{Prefix: prefix(p), Holder: network, Purpose: "in use", State: "in use", Place: place}
	}
	machines := live("10.66.128.0/26", "brunei/brunei-data/machines", "machines")
	for i := range 6 {
		machines.Parts = append(machines.Parts, live(fmt.Sprintf("10.66.128.%d/32", 4+i), fmt.Sprintf("brunei/brunei-data/machines/db-%d", i+1), "machine"))
	}
	return Addresses{
		At:      now,
		Outside: []Part{used("172.16.0.0/20", "office", "caravan.yaml:44")},
		Findings: []finding.Finding{
			{Check: "address-exhaustion", Subject: "brunei/brunei/pods", Severity: finding.Warning, What: "is full in 61 days at the pace of the last 90", Advice: "widen it to /17 when nodes are next replaced.", Due: now.AddDate(0, 2, 0), Evidence: []string{"10.66.0.0/18: 71 % in use, 0.5 % more each day"}},
			{Check: "address-unleased", Subject: "jakarta-vm", Severity: finding.Note, What: "uses 10.20.0.0/16 without a lease", Advice: "declare it under ranges of its environment in caravan.yaml, so that peerings are tested against it.", Evidence: []string{"chef/nodes/db-jkt-1.json:12"}},
		},
		Pools: []Pool{
			{Name: "private", Prefix: prefix("10.0.0.0/8"), Parts: []Part{
				used("10.20.0.0/16", "jakarta-vm", "chef/nodes/db-jkt-1.json:12"),
				used("10.30.0.0/16", "singapore-vm", "caravan.yaml:31"),
				reserved("10.64.0.0/15", "malaysia", "country",
					reserved("10.64.0.0/16", "malaysia/malaysia", "environment",
						reserved("10.64.0.0/17", "malaysia/malaysia/pods", "pods"),
						reserved("10.64.128.0/24", "malaysia/malaysia/services", "services"),
						reserved("10.64.192.0/20", "malaysia/malaysia/nodes", "nodes")),
					reserved("10.65.0.0/20", "malaysia/malaysia-data", "environment",
						reserved("10.65.0.0/21", "malaysia/malaysia-data/machines", "machines"))),
				live("10.66.0.0/16", "brunei", "country",
					live("10.66.0.0/17", "brunei/brunei", "environment",
						live("10.66.0.0/18", "brunei/brunei/pods", "pods"), live("10.66.64.0/24", "brunei/brunei/services", "services"), live("10.66.96.0/22", "brunei/brunei/nodes", "nodes")),
					live("10.66.128.0/20", "brunei/brunei-data", "environment", machines)),
				{Prefix: prefix("10.96.0.0/12"), Holder: "vietnam", Purpose: "country", State: "quarantined", Since: now.AddDate(-1, 0, 0), Until: now.AddDate(0, 0, 21)},
			}},
			{Name: "carrier", Prefix: prefix("100.64.0.0/10")},
			{Name: "unique-local", Prefix: prefix("fd4b:6f70:6900::/48"), Parts: []Part{live("fd4b:6f70:6900::/56", "brunei6", "country", live("fd4b:6f70:6900::/64", "brunei6/brunei/pods", "pods"))}},
		},
	}
}

// largeSpace has 24 countries of three environments each, more than three thousand leases.
func largeSpace(now time.Time) Addresses {
	pool := Pool{Name: "private", Prefix: netip.MustParsePrefix("10.0.0.0/8")}
	lease := func(base uint32, bits int, purpose, holder string) Part {
		return Part{Prefix: v4(base, bits), Holder: holder, Purpose: purpose, State: "live", Since: now.AddDate(0, -1, 0)}
	}
	for c := range uint32(24) {
		country := lease(10<<24|c<<19, 13, "country", fmt.Sprintf("country-%02d", c))
		for e := range uint32(3) {
			base := 10<<24 | c<<19 | e<<17
			env := lease(base, 15, "environment", fmt.Sprintf("%s/environment-%d", country.Holder, e))
			machines := lease(base|1<<16, 18, "machines", env.Holder+"/machines")
			for m := range uint32(38) {
				machines.Parts = append(machines.Parts, lease(base|1<<16|m+4, 32, "machine", fmt.Sprintf("%s/machine-%02d", machines.Holder, m)))
			}
			env.Parts = []Part{lease(base, 16, "pods", env.Holder+"/pods"), machines, lease(base|1<<16|1<<14, 20, "nodes", env.Holder+"/nodes"), lease(base|1<<16|1<<15, 20, "services", env.Holder+"/services")}
			country.Parts = append(country.Parts, env)
		}
		pool.Parts = append(pool.Parts, country)
	}
	return Addresses{At: now, Pools: []Pool{pool}}
}

func v4(base uint32, bits int) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], base)
	return netip.PrefixFrom(netip.AddrFrom4(b), bits)
}
