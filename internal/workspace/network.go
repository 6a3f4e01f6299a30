package workspace

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

const maxCountries = 4096 // of one pool

func pool(r *document.Reader, n syntax.Node, path string) (v Pool) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&v.Name)),
		document.Required("range", document.Text(&v.Range)),
		document.Optional("countries", document.Integer(&v.Countries, 1, maxCountries)),
	})
	return v
}

// The bounds of a cluster's addresses: a node has at least a handful, and Kubernetes is built for at most 15,000 nodes.
const (
	leastBlock, mostBlock = 8, 65536
	mostPerNode           = 1024
	mostNodes             = 15000
)

func podSpace(into **PodSpace) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		p := &PodSpace{}
		*into = p
		r.Object(n, path, []document.Field{
			document.Required("range", document.Text(&p.Range)),
			document.Optional("block", document.Integer(&p.Block, leastBlock, mostBlock)),
			document.Optional("perNode", document.Integer(&p.PerNode, 1, mostPerNode)),
			document.Optional("nodes", document.Integer(&p.Nodes, 1, mostNodes)),
		})
	}
}

func network(r *document.Reader, n syntax.Node, path string) (v Network) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&v.Name)),
		document.Required("ranges", document.NonEmpty(document.Texts(&v.Ranges))),
	})
	return v
}

func peering(r *document.Reader, n syntax.Node, path string) (v Peering) {
	r.Object(n, path, []document.Field{
		document.Required("between", document.Texts(&v.Between)),
		document.Optional("kind", document.Text(&v.Kind)),
		document.Optional("rtt", document.Duration(&v.RoundTrip)),
	})
	return v
}

func rate(r *document.Reader, n syntax.Node, path string) (v Rate) {
	r.Object(n, path, []document.Field{
		document.Required("from", document.Text(&v.From)),
		document.Required("to", document.Text(&v.To)),
		document.Required("perSecond", document.Number(&v.PerSecond)),
	})
	return v
}

// private are the ranges that may be used inside: RFC 1918, RFC 6598 and RFC 4193.
var private = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fc00::/7"),
}

// checkNetworks looks for ranges that are none, and for joints between what does not exist.
func checkNetworks(r *document.Reader, w Workspace) {
	ends := names(w.Environments, func(e Environment) string { return string(e.Name) })
	r.Unique("pool", "pools", names(w.Pools, func(p Pool) string { return p.Name }))
	for i, p := range w.Pools {
		checkPool(r, w, i, p)
	}
	for i, e := range w.Environments {
		checkRanges(r, fmt.Sprintf("environments[%d].ranges", i), e.Ranges)
		if e.Pods == nil {
			continue
		}
		at := fmt.Sprintf("environments[%d].pods", i)
		checkRange(r, at+".range", e.Pods.Range)
		if e.Kind == "vm" {
			r.At(at, "pods are a cluster's, and %s is of kind vm; leave them out", string(e.Name))
		}
	}
	for i, n := range w.Networks {
		if slices.Contains(ends, n.Name) {
			r.At(fmt.Sprintf("networks[%d].name", i), "%q is an environment already; give its ranges there", n.Name)
		}
		ends = append(ends, n.Name)
		checkRanges(r, fmt.Sprintf("networks[%d].ranges", i), n.Ranges)
	}
	r.Unique("network", "networks", names(w.Networks, func(n Network) string { return n.Name }))
	for i, p := range w.Peerings {
		checkPeering(r, fmt.Sprintf("peerings[%d]", i), p, ends)
	}
	checkPlacement(r, w)
}

// checkPool reports a pool that is not private or overlaps one before it.
func checkPool(r *document.Reader, w Workspace, i int, p Pool) {
	at := fmt.Sprintf("pools[%d].range", i)
	prefix, ok := checkRange(r, at, p.Range)
	if !ok {
		return
	}
	for j, other := range w.Pools[:i] {
		if o, err := netip.ParsePrefix(other.Range); err == nil && o.Overlaps(prefix) {
			r.At(at, "%s overlaps pool %s in line %d; give each pool a range of its own", p.Range, other.Name, r.Line(fmt.Sprintf("pools[%d].range", j)))
		}
	}
}

func checkRanges(r *document.Reader, at string, ranges []string) {
	for i, text := range ranges {
		checkRange(r, fmt.Sprintf("%s[%d]", at, i), text)
	}
}

func checkRange(r *document.Reader, at, text string) (netip.Prefix, bool) {
	if text == "" {
		return netip.Prefix{}, false
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		r.At(at, "%q is not a range; write it as 10.10.0.0/22", text)
	case prefix != prefix.Masked():
		r.At(at, "%s has bits below its length; write %s", text, prefix.Masked())
	case !slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Bits() <= prefix.Bits() && p.Contains(prefix.Addr()) }):
		r.At(at, "%s is not private; take it from RFC 1918, 100.64.0.0/10 or fc00::/7", text)
	default:
		return prefix, true
	}
	return netip.Prefix{}, false
}

func checkPeering(r *document.Reader, at string, p Peering, ends []string) {
	if len(p.Between) != 2 {
		r.At(at+".between", "a peering has two ends; write between: [one, other]")
		return
	}
	for i, end := range p.Between {
		reference(r, fmt.Sprintf("%s.between[%d]", at, i), "network", end, ends)
	}
	if p.Between[0] == p.Between[1] && p.Between[0] != "" {
		r.At(at+".between", "%q is joined to itself; name two ends", p.Between[0])
	}
}

// placements are where a datastore may run.
var placements = []string{"vm", "kubernetes"}

func checkPlacement(r *document.Reader, w Workspace) {
	for _, key := range slices.Sorted(maps.Keys(w.Placement)) {
		if !slices.Contains(placements, w.Placement[key]) {
			r.At("placement."+key, "placement.%s is %q; write vm or kubernetes", key, w.Placement[key])
		}
	}
}

// Range is a private range that is in use, with who uses it and where the workspace says so.
type Range struct {
	Network string
	Prefix  netip.Prefix
	Place   estate.Place
}

// Ranges lists the private ranges the workspace says are in use.
func Ranges(w Workspace) []Range {
	var out []Range
	add := func(network, at string, ranges []string) {
		for i, text := range ranges {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				out = append(out, Range{Network: network, Prefix: prefix, Place: w.place(fmt.Sprintf("%s[%d]", at, i))})
			}
		}
	}
	for i, e := range w.Environments {
		add(string(e.Name), fmt.Sprintf("environments[%d].ranges", i), e.Ranges)
		if e.Pods != nil {
			if prefix, err := netip.ParsePrefix(e.Pods.Range); err == nil {
				out = append(out, Range{Network: string(e.Name), Prefix: prefix, Place: w.place(fmt.Sprintf("environments[%d].pods.range", i))})
			}
		}
	}
	for i, n := range w.Networks {
		add(n.Name, fmt.Sprintf("networks[%d].ranges", i), n.Ranges)
	}
	return out
}
