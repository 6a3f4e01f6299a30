package app

import (
	"fmt"
	"net"
	"strings"

	"example.org/caravan/internal/standby"
)

// unreached are the instances of a move's ends whose addresses are names that their own cluster alone knows, where the other end, which is to
// follow them, is not in it. Nothing tells it later: what leads by then cannot be followed.
func (a *App) unreached(ends [2]*end) []standby.Check {
	var out []standby.Check
	for i, e := range ends {
		other := ends[1-i]
		if a.together(e, other) {
			continue
		}
		for _, m := range e.topology.Members {
			if e.Peers[m.Name] == "" && ofCluster(m.Address) {
				out = append(out, standby.Check{Blocking: true, Subject: m.Name, What: fmt.Sprintf("%s is a name that only the cluster of %s knows, and %s in %s is to follow it", m.Address, e.Environment, other.Name, other.Environment), Mend: fmt.Sprintf("name the address at which %s reaches it under peers of %s in %s, in caravan.yaml", other.Environment, e.Name, e.Environment)})
			}
		}
	}
	return out
}

// together reports whether both ends are in one cluster.
func (a *App) together(x, y *end) bool {
	if !x.InCluster() || !y.InCluster() {
		return false
	}
	one, another := a.clusterOf(x.Kept), a.clusterOf(y.Kept)
	return one.Kubeconfig == another.Kubeconfig && one.Context == another.Context
}

// ofCluster reports whether an address, host:port, is a name of a cluster's Service or of a pod.
func ofCluster(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && strings.Contains(host+".", ".svc.")
}
