package why

import "fmt"

// fine is what was looked at and found well.
func (v view) fine() []string {
	out := []string{}
	if v.InCluster != nil && !v.gone() {
		out = append(out, v.fineCluster()...)
	}
	for _, m := range v.OnMachines {
		out = append(out, v.fineMachine(m)...)
	}
	for i, n := range v.Needs {
		if t, ok := v.try(i); ok && t.Result == Reached {
			out = append(out, fmt.Sprintf("%s answers at %s (%d ms, from %s)", called(n), n.Address(), t.Took.Milliseconds(), t.From))
		} else if p, ok := v.provider(i); ok && p.Ready > 0 && p.HasPort && !v.fails(i) {
			out = append(out, fmt.Sprintf("%s is there: Service %s leads to %s", called(n), p.Service, ready(p.Ready)))
		}
	}
	return append(out, v.Looked...)
}

func ready(n int) string {
	if n == 1 {
		return "1 pod that is ready"
	}
	return fmt.Sprintf("%d pods that are ready", n)
}

func (v view) fineCluster() []string {
	var out []string
	c := v.InCluster
	if v.enough() {
		out = append(out, fmt.Sprintf("%d of %d pods are ready", c.Rollout.Ready, c.Rollout.Wanted))
	}
	there := 0
	for _, r := range c.References {
		if r.There && r.HasKey {
			there++
		}
	}
	if there > 0 && there == len(c.References) {
		out = append(out, fmt.Sprintf("all %s to Secrets and ConfigMaps lead to something", count(there, "reference")))
	}
	for _, s := range c.Services {
		if s.Ready > 0 {
			out = append(out, fmt.Sprintf("Service %s leads to %s", s.Name, ready(s.Ready)))
		}
	}
	bound := 0
	for _, p := range c.Claims {
		if p.Phase == "Bound" {
			bound++
		}
	}
	if bound > 0 && bound == len(c.Claims) {
		out = append(out, count(bound, "disk")+" bound")
	}
	if c.DNS != nil && c.DNS.Ready > 0 {
		out = append(out, fmt.Sprintf("the cluster's DNS runs (%d of %d)", c.DNS.Ready, c.DNS.Pods))
	}
	for _, n := range c.Nodes {
		if n.Runs && n.Ready && !n.Cordoned {
			out = append(out, "node "+n.Name+" is ready")
		}
	}
	return out
}

func (v view) fineMachine(m OnMachine) []string {
	var out []string
	for _, u := range m.Units {
		if u.well() {
			out = append(out, fmt.Sprintf("%s runs on %s", u.Name, m.Host.Name))
		}
	}
	room := len(m.Disks) > 0
	for _, d := range m.Disks {
		room = room && !d.Full()
	}
	if room {
		out = append(out, "disks of "+m.Host.Name+" have room")
	}
	for _, b := range m.Backends {
		if b.Status == "UP" {
			out = append(out, fmt.Sprintf("HAProxy on %s sends requests to %s", m.Host.Name, b.Server))
		}
	}
	return out
}
