package kube

import (
	"net/netip"
	"path"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// node reports a machine of a cluster, as `kubectl get nodes -o yaml` writes it: its addresses and those of its pods.
func (r *reader) node(o *object) {
	r.see(o, estate.Runs, "host", estate.TechnologyNode, 0)
	r.see(o, estate.Called, estate.NameHostname, o.name, 0)
	for _, a := range o.node.At("status", "addresses").Items {
		if kind := a.Get("type").Value; kind == "InternalIP" || kind == "ExternalIP" {
			r.see(o, estate.Called, estate.NameAddress, a.Get("address").Value, a.Get("address").Line)
		}
	}
	ranges := o.node.At("spec", "podCIDRs").Items
	if len(ranges) == 0 {
		ranges = []syntax.Node{o.node.At("spec", "podCIDR")}
	}
	r.spans(o, ranges)
}

// ranges are where objects that stand for ranges of addresses keep them, by kind.
var ranges = map[string][]string{
	"ServiceCIDR": {"spec", "cidrs"},            // networking.k8s.io
	"IPPool":      {"spec", "cidr"},             // projectcalico.org
	"CiliumNode":  {"spec", "ipam", "podCIDRs"}, // cilium.io
}

// spans reports ranges of addresses of a cluster, which is called like the file when nothing says of which environment it is.
func (r *reader) spans(o *object, values []syntax.Node) {
	network := strings.TrimSuffix(path.Base(o.file), path.Ext(o.file))
	for _, v := range values {
		if prefix, err := netip.ParsePrefix(v.Value); err == nil && prefix.Bits() > 0 {
			r.report.See(estate.Sighting{Fact: estate.Spans, Key: network, Value: prefix.Masked().String(), Place: o.place(v.Line)})
		}
	}
}

func (r *reader) rangesOf(o *object, at []string) {
	found := o.node.At(at...)
	if found.Kind == syntax.List {
		r.spans(o, found.Items)
		return
	}
	r.spans(o, []syntax.Node{found})
}
