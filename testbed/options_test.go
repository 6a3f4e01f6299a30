package testbed

import (
	"strings"
	"testing"
)

func TestNodesOfAClusterHavePlacesOfTheirOwn(t *testing.T) {
	c := Clusters(2)[1]
	c.Nodes = 3
	for i, want := range []string{"c2 10.90.2.1/16 10.92.0.0/24", "c2-2 10.90.2.2/16 10.92.1.0/24", "c2-3 10.90.2.3/16 10.92.2.0/24"} {
		if got := c.nodeName(i) + " " + c.nodeAt(i).String() + " " + c.nodePods(i).String(); got != want {
			t.Errorf("node %d: %s, want %s", i, got, want)
		}
	}
	if err := (Options{Clusters: []ClusterAt{c}, Machines: Machines(2)}).validate(); err != nil {
		t.Error(err)
	}
	taken := Machines(1)
	taken[0].Address = c.nodeAt(1)
	if err := (Options{Clusters: []ClusterAt{c}, Machines: taken}).validate(); err == nil || !strings.Contains(err.Error(), "overlaps") {
		t.Errorf("a machine at a node's address: %v", err)
	}
	c.Nodes = mostNodes + 1
	if err := (Options{Clusters: []ClusterAt{c}}).validate(); err == nil || !strings.Contains(err.Error(), "6 nodes; a cluster has at most 5") {
		t.Errorf("too many nodes: %v", err)
	}
}
