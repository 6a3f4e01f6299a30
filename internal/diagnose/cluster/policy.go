package cluster

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"example.org/caravan/internal/why"
)

// policies finds needs outside the cluster that the NetworkPolicies of the subject let nothing through to. Of needs inside it nothing is
// said: that takes the labels of pods in other namespaces.
func (l *look) policies(ctx context.Context) {
	list, err := l.client.NetworkingV1().NetworkPolicies(l.space).List(ctx, metav1.ListOptions{})
	if err != nil {
		l.unseen("network policies", err)
		return
	}
	var holding []networkingv1.NetworkPolicy
	for _, p := range list.Items {
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err == nil && selector.Matches(labels.Set(l.release.template.Labels)) && slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
			holding = append(holding, p)
		}
	}
	if len(holding) == 0 {
		return
	}
	var names []string
	for _, p := range holding {
		names = append(names, p.Name)
	}
	for i, n := range l.s.Needs {
		addresses := l.addressesOf(i)
		inside := slices.ContainsFunc(l.seen.Providers, func(p why.Provider) bool { return p.Need == i })
		if len(addresses) == 0 || inside || slices.ContainsFunc(holding, func(p networkingv1.NetworkPolicy) bool { return lets(p, addresses, n.Port) }) {
			continue
		}
		l.note(func() {
			l.seen.Refusals = append(l.seen.Refusals, why.Refusal{Need: i, Policy: strings.Join(names, ", ")})
		})
	}
}

// addressesOf are the addresses of a need, as far as they are known.
func (l *look) addressesOf(need int) []netip.Addr {
	var out []netip.Addr
	if a, err := netip.ParseAddr(l.s.Needs[need].Host); err == nil {
		return []netip.Addr{a}
	}
	for _, f := range l.e.Lookups {
		if f.Need != need {
			continue
		}
		for _, text := range f.Answers {
			if a, err := netip.ParseAddr(text); err == nil {
				out = append(out, a)
			}
		}
	}
	return out
}

// lets reports whether a policy lets anything through to one of the addresses.
func lets(p networkingv1.NetworkPolicy, addresses []netip.Addr, port int) bool {
	return slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
		return letsPort(r.Ports, port) && (len(r.To) == 0 || slices.ContainsFunc(r.To, func(to networkingv1.NetworkPolicyPeer) bool { return covers(to.IPBlock, addresses) }))
	})
}

func letsPort(ports []networkingv1.NetworkPolicyPort, port int) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		if p.Protocol != nil && *p.Protocol != "TCP" {
			return false
		}
		first := 0
		if p.Port != nil {
			first = p.Port.IntValue()
		}
		return first == 0 || first == port || p.EndPort != nil && first <= port && port <= int(*p.EndPort)
	})
}

func covers(b *networkingv1.IPBlock, addresses []netip.Addr) bool {
	if b == nil {
		return false
	}
	in := func(cidr string, a netip.Addr) bool {
		p, err := netip.ParsePrefix(cidr)
		return err == nil && p.Contains(a)
	}
	return slices.ContainsFunc(addresses, func(a netip.Addr) bool {
		return in(b.CIDR, a) && !slices.ContainsFunc(b.Except, func(e string) bool { return in(e, a) })
	})
}
