package app

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// quarantine is how long a range that was given back is kept from others: caches, firewalls and partners forget slowly.
const quarantine = 7 * 24 * time.Hour

// pools are the ranges of the workspace that may be divided.
func (a *App) pools() []address.Pool {
	const usualCountries = 16
	out := make([]address.Pool, 0, len(a.declared.Pools))
	for _, p := range a.declared.Pools {
		prefix, err := netip.ParsePrefix(p.Range)
		if err != nil {
			continue // Open refused it
		}
		countries := p.Countries
		if countries == 0 {
			countries = usualCountries
		}
		out = append(out, address.Pool{Name: p.Name, Prefix: prefix, Countries: countries})
	}
	return out
}

// used are the ranges that are in use without a lease: those the workspace declares and the addresses that were scanned.
func (a *App) used(ctx context.Context) ([]address.Used, error) {
	var out []address.Used
	for _, r := range workspace.Ranges(a.declared) {
		out = append(out, address.Used{Network: r.Network, Prefix: r.Prefix, Place: r.Place})
	}
	last, err := a.keeper.List(ctx, 1)
	if err != nil || len(last) == 0 {
		return out, err
	}
	s, err := a.snapshotOf(ctx, last[0])
	if err != nil {
		return nil, err
	}
	return address.Import(out, address.Seen(s)), nil
}

// obstacles are the ranges that a new part of parent must keep clear of: what is in use and no lease accounts for. For a part of
// a pool that is all that is in use: what has a lease is not free there anyway, and there may be very many.
func (a *App) obstacles(ctx context.Context, parent string) ([]address.Used, error) {
	used, err := a.used(ctx)
	if err != nil || strings.HasPrefix(parent, address.OfPool("")) {
		return used, err
	}
	leases, err := a.store.Leases(ctx, "")
	return address.Beside(leases, used), err
}

// machinesNeedPools reports machines that no address can be given to.
func machinesNeedPools(p expansion.Proposal) error {
	for _, env := range p.Environments {
		if len(p.Hosts(env)) > 0 {
			return fault.Newf(fault.Invalid, "the machines of %s need addresses, and caravan.yaml declares no pool; add pools: [{name: countries, range: 10.64.0.0/10}]", env.Name)
		}
	}
	return nil
}

// withAddresses gives a proposal its ranges: those it has, new ones for the rest. They are reserved when that is asked for.
// When another plan took one of them meanwhile, it is made anew.
func (a *App) withAddresses(ctx context.Context, e expansion.Expansion, p expansion.Proposal, reserve bool) (expansion.Proposal, error) {
	pools := a.pools()
	if len(pools) == 0 {
		return p, machinesNeedPools(p)
	}
	used, err := a.used(ctx)
	if err != nil {
		return p, err
	}
	wants := e.Ranges(p)
	const attempts = 5
	for attempt := 1; ; attempt++ {
		leases, err := a.store.Leases(ctx, "")
		if err != nil {
			return p, err
		}
		planned, err := address.Plan(pools, leases, used, wants)
		if err != nil {
			return p, err
		}
		if reserve {
			err = a.reserve(ctx, pools, planned, p.Expansion)
		}
		if fault.KindOf(err) == fault.Conflict && attempt < attempts {
			continue
		}
		return p.WithAddresses(planned), err
	}
}

func (a *App) reserve(ctx context.Context, pools []address.Pool, planned []address.Lease, name string) error {
	n := a.leaseNote(ctx, "plan "+name)
	if err := a.store.Declare(ctx, pools, n); err != nil {
		return err
	}
	if _, err := a.store.Reap(ctx, n); err != nil {
		return err
	}
	return a.store.TakeAll(ctx, planned, n)
}

// leaseNote says who changes leases, and why; the program itself where nobody asks.
func (a *App) leaseNote(ctx context.Context, why string) store.LeaseNote {
	return store.LeaseNote{At: a.now(), By: cmp.Or(rights.Of(ctx).By(), "caravan"), Reason: why}
}

// Addresses is the space of private ranges at one time.
type Addresses struct {
	Pools    []PoolState       `json:"pools"`
	Leases   []address.Lease   `json:"leases"` // by holder
	Used     []address.Used    `json:"used"`   // without a lease
	Clashes  []address.Clash   `json:"clashes"`
	Findings []finding.Finding `json:"findings"`
	At       time.Time         `json:"at"`
}

// PoolState is how full a pool is.
type PoolState struct {
	address.Pool
	Taken   float64      `json:"taken"`            // addresses, quarantine and what is in use included
	Size    float64      `json:"size"`             // addresses
	InUse   float64      `json:"inUse"`            // addresses without a lease: nobody can be given them
	Largest netip.Prefix `json:"largest,omitzero"` // free block
}

// Addresses tells what is taken of the private ranges, what clashes, and what will be full soon.
func (a *App) Addresses(ctx context.Context) (Addresses, error) {
	out := Addresses{At: a.now().UTC(), Leases: []address.Lease{}, Used: []address.Used{}, Clashes: []address.Clash{}, Findings: []finding.Finding{}}
	if err := a.inWorkspace(); err != nil {
		return out, err
	}
	leases, err := a.store.Leases(ctx, "")
	if err != nil {
		return out, err
	}
	out.Leases = append(out.Leases, leases...)
	used, err := a.used(ctx)
	if err != nil {
		return out, err
	}
	out.Used = append(out.Used, address.Beside(leases, used)...)
	for _, p := range a.pools() {
		state := poolState(p, leases, out.Used)
		out.Pools = append(out.Pools, state)
		history, err := a.store.LeaseHistory(ctx, address.OfPool(p.Name))
		if err != nil {
			return out, err
		}
		out.Findings = append(out.Findings, address.Judge("pool "+p.Name, history, state.Size-state.InUse, out.At)...)
	}
	out.Findings = append(out.Findings, a.podFindings()...)
	out.Clashes = append(out.Clashes, address.Clashes(holdings(leases, used), a.joints(ctx))...)
	for _, c := range out.Clashes {
		out.Findings = append(out.Findings, finding.Finding{Check: "address-overlap", Subject: c.One.Holder, Severity: finding.Critical, What: c.String(),
			Advice: "give one of them another range before they are joined, or take the joint away"})
	}
	return out, nil
}

// podFindings judges the clusters that exist.
func (a *App) podFindings() []finding.Finding {
	var out []finding.Finding
	for _, e := range a.declared.Environments {
		if e.Pods == nil {
			continue
		}
		prefix, err := netip.ParsePrefix(e.Pods.Range)
		if err != nil {
			continue // Open refused it
		}
		out = append(out, address.JudgePods(address.PodSpace{Environment: string(e.Name), Range: prefix, Block: e.Pods.Block, PerNode: e.Pods.PerNode, Nodes: e.Pods.Nodes, Place: workspace.FileName})...)
	}
	return out
}

func poolState(p address.Pool, leases []address.Lease, used []address.Used) PoolState {
	s := address.NewSpace(p.Prefix)
	for _, l := range leases {
		if l.Parent == address.OfPool(p.Name) {
			address.Take(s, l.Prefix)
		}
	}
	free := s.FreeCount()
	for _, u := range used {
		if u.Prefix.Overlaps(p.Prefix) {
			address.Take(s, narrower(u.Prefix, p.Prefix))
		}
	}
	state := PoolState{Pool: p, Size: address.Count(p.Prefix), InUse: free - s.FreeCount()}
	state.Taken = state.Size - s.FreeCount()
	state.Largest, _ = s.Largest()
	return state
}

// narrower is the smaller of two ranges that overlap.
func narrower(a, b netip.Prefix) netip.Prefix {
	if a.Bits() < b.Bits() {
		return b
	}
	return a
}

// holdings are all ranges by the network they are in: leases that are not divided, by their environment, and what is in
// use. What an environment uses of its own leases is told by those.
func holdings(leases []address.Lease, used []address.Used) []address.Holding {
	divided, leasedIn, usedIn := map[string]bool{}, map[string][]address.Lease{}, map[string][]address.Used{}
	for _, l := range leases {
		divided[l.Parent] = true
		leasedIn[networkOf(l.Holder)] = append(leasedIn[networkOf(l.Holder)], l)
	}
	for _, u := range used {
		usedIn[u.Network] = append(usedIn[u.Network], u)
	}
	var out []address.Holding
	for _, l := range leases {
		if l.State != address.Quarantined && !divided[l.Holder] {
			out = append(out, address.Holding{Network: networkOf(l.Holder), Prefix: l.Prefix, Holder: l.Holder})
		}
	}
	for _, network := range slices.Sorted(maps.Keys(usedIn)) {
		for _, u := range address.Beside(leasedIn[network], usedIn[network]) {
			out = append(out, address.Holding{Network: network, Prefix: u.Prefix, Holder: network, Place: u.Place})
		}
	}
	return out
}

// networkOf is the environment in a holder: "indonesia/production-id/pods" is in production-id.
func networkOf(holder string) string {
	parts := strings.Split(holder, "/")
	return parts[min(1, len(parts)-1)]
}

// joints are the peerings of the workspace and of its expansions, as far as those can be read.
func (a *App) joints(context.Context) []address.Joint {
	var out []address.Joint
	for _, p := range a.declared.Peerings {
		out = append(out, address.Joint{A: p.Between[0], B: p.Between[1], Kind: p.Kind})
	}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return out
	}
	for _, name := range names {
		e, err := workspace.Expansion(a.dir, name)
		if err != nil {
			continue
		}
		for _, env := range e.Environments {
			for _, p := range env.Peerings {
				out = append(out, address.Joint{A: string(env.Name), B: p.With, Kind: p.Kind})
			}
		}
	}
	return out
}

// LeaseRequest asks for a part of a range.
type LeaseRequest struct {
	Holder  string `json:"holder" doc:"Who it is for; asking again gives the same."`
	Parent  string `json:"parent" doc:"Holder of the range it is to be a part of, or pool:NAME."`
	Bits    int    `json:"bits" minimum:"0" maximum:"128" doc:"Prefix length."`
	Purpose string `json:"purpose,omitempty" doc:"What it is for, in a word."`
}

// Lease gives a holder a part of a range: the one it has, else the best that is free.
func (a *App) Lease(ctx context.Context, r LeaseRequest) (address.Lease, error) {
	if err := a.inWorkspace(); err != nil {
		return address.Lease{}, err
	}
	switch {
	case r.Holder == "" || strings.ContainsFunc(r.Holder, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return address.Lease{}, fault.Newf(fault.Invalid, "%q cannot hold a range; write a name such as indonesia/vpn", r.Holder)
	case r.Parent == "":
		return address.Lease{}, fault.Newf(fault.Invalid, "of which range is not said; name the holder of one, or pool:NAME (--of)")
	}
	n := a.leaseNote(ctx, "asked for")
	if err := a.store.Declare(ctx, a.pools(), n); err != nil {
		return address.Lease{}, err
	}
	if _, err := a.store.Reap(ctx, n); err != nil {
		return address.Lease{}, err
	}
	used, err := a.obstacles(ctx, r.Parent)
	if err != nil {
		return address.Lease{}, err
	}
	purpose := address.Purpose(r.Purpose)
	if purpose == "" {
		purpose = address.InUse
	}
	return a.store.Allocate(ctx, address.Want{Holder: r.Holder, Parent: r.Parent, Purpose: purpose, Bits: r.Bits}, n, used...)
}

// ReleaseLease gives back what a holder and those below it have, and says what that was. Conflict while something runs there.
func (a *App) ReleaseLease(ctx context.Context, holder string) ([]address.Lease, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	leases, err := a.store.Leases(ctx, holder)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(leases, func(l address.Lease) bool { return l.State == address.Live }); holder != "" && i >= 0 {
		name, _, _ := strings.Cut(holder, "/")
		return nil, fault.Newf(fault.Conflict, "%s of %s is live: a move brought something there; take it back with caravan undo %s, which gives its ranges back, too", leases[i].Prefix, leases[i].Holder, name)
	}
	return a.store.Release(ctx, holder, a.now().Add(quarantine), a.leaseNote(ctx, "released"))
}

// LeaseChanges is what became of the leases of a holder and those below it, the last change first.
func (a *App) LeaseChanges(ctx context.Context, holder string, limit int) ([]store.LeaseChange, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	return a.store.LeaseChanges(ctx, holder, limit)
}
