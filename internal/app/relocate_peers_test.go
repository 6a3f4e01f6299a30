package app

import (
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

func TestAnInstanceThatTheOtherEndCannotReachStandsInTheWay(t *testing.T) {
	a := &App{declared: workspace.Workspace{Targets: []workspace.Target{
		{Environment: "id", Cluster: &workspace.Cluster{Context: "one"}}, {Environment: "sg", Cluster: &workspace.Cluster{Context: "two"}}, {Environment: "shop", Cluster: &workspace.Cluster{Context: "one"}},
	}}}
	at := func(env estate.EnvironmentName, through, address string, peers map[string]string) *end {
		return &end{
			Kept:     workspace.Kept{Name: "sessions", Environment: env, Through: through, Peers: peers},
			topology: standby.Topology{Members: []standby.Member{{Name: "sessions-0", Address: address}}},
		}
	}
	const pod = "sessions-0.sessions-nodes.platform.svc:6379"
	machines := at("vm", "", "10.20.0.4:6379", nil)
	for _, c := range []struct {
		name string
		ends [2]*end
		what string
	}{
		{"a pod by its name, from machines", [2]*end{machines, at("id", "cluster", pod, nil)}, "sessions-0.sessions-nodes.platform.svc:6379 is a name that only the cluster of id knows, and sessions in vm is to follow it"},
		{"the other way", [2]*end{at("id", "cluster", strings.Replace(pod, ".svc", ".svc.cluster.local", 1), nil), machines}, "only the cluster of id knows"},
		{"with an address for the others", [2]*end{machines, at("id", "cluster", pod, map[string]string{"sessions-0": "10.66.8.4:6379"})}, ""},
		{"by its address", [2]*end{machines, at("id", "cluster", "10.66.8.4:6379", nil)}, ""},
		{"in the same cluster", [2]*end{at("shop", "cluster", pod, nil), at("id", "cluster", pod, nil)}, ""},
		{"in two clusters", [2]*end{at("sg", "cluster", pod, map[string]string{"sessions-0": "10.66.8.4:6379"}), at("id", "cluster", pod, nil)}, "only the cluster of id knows"},
	} {
		got := a.unreached(c.ends)
		if c.what == "" && len(got) > 0 || c.what != "" && (len(got) != 1 || !got[0].Blocking || !strings.Contains(got[0].What, c.what)) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
