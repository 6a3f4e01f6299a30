package why

import (
	"fmt"
	"slices"
	"strings"
)

// asked is a probe with the container it asks.
type asked struct {
	seen
	Probe
}

func (a asked) what() string {
	switch {
	case a.Probe.Path != "":
		return fmt.Sprintf("%s on port %d", a.Probe.Path, a.Probe.Port)
	case a.Probe.Port != 0:
		return fmt.Sprintf("port %d", a.Probe.Port)
	}
	return "its command"
}

// failing are the probes that say now that a container is not well.
func (v view) failing() []asked {
	var out []asked
	for _, p := range v.InCluster.Pods {
		for _, c := range p.Containers {
			for _, q := range c.Probes {
				kills := q.Kind != "readiness" && c.Restarts > 0
				if q.Failed != "" && (!c.Ready || kills) && v.At.Sub(q.At) < recent {
					out = append(out, asked{seen{p, c}, q})
				}
			}
		}
	}
	// one that kills explains one that only keeps requests away
	slices.SortStableFunc(out, func(a, b asked) int { return order(b.Probe.Kind != "readiness") - order(a.Probe.Kind != "readiness") })
	return out
}

// wrongProbe finds probes that ask in the wrong place.
func (v view) wrongProbe() []Cause {
	if v.gone() {
		return nil
	}
	for _, a := range v.failing() {
		var text string
		switch low := strings.ToLower(a.Failed); {
		case contains(low, "statuscode: 404", "statuscode: 405", "statuscode: 401", "statuscode: 403", "statuscode: 400"):
			text = fmt.Sprintf("the %s probe of %s asks for %s, which it answers with %s", a.Kind, v.Service, a.what(), a.Failed[strings.LastIndex(low, "statuscode: ")+len("statuscode: "):])
			if other := v.answersAt(a); other != "" {
				text += "; it answers " + other
			}
		case contains(low, "connection refused") && a.ListensKnown && len(a.Listens) > 0 && !slices.Contains(a.Listens, a.Probe.Port):
			text = fmt.Sprintf("the %s probe of %s asks port %d, where nothing listens; it listens on %s", a.Kind, v.Service, a.Probe.Port, numbers(a.Listens))
		case contains(low, "connection refused") && !a.ListensKnown && len(a.Ports) > 0 && !slices.Contains(a.Ports, a.Probe.Port):
			text = fmt.Sprintf("the %s probe of %s asks port %d, where nothing listens; its container declares %s", a.Kind, v.Service, a.Probe.Port, numbers(a.Ports))
		case contains(low, "http response to https client"), contains(low, "malformed http response"):
			text = fmt.Sprintf("the %s probe of %s asks over %s, which it does not speak on port %d", a.Kind, v.Service, a.Scheme, a.Probe.Port)
		default:
			continue
		}
		c := Cause{Line: text, Proof: v.probeProof(a), Next: []Command{next(v.kubectl("describe", v.object()), "what the probe asks; it is in the workload's file")}}
		if a.Kind != "readiness" {
			c.Means = "A container whose " + a.Kind + " probe fails is killed and started again, however well it is."
		}
		return []Cause{c}
	}
	return nil
}

// answersAt is another path of the same container that is answered with success.
func (v view) answersAt(a asked) string {
	for _, q := range a.Probes {
		if q.Path != "" && q.Status >= 200 && q.Status < 400 && (q.Path != a.Probe.Path || q.Port != a.Probe.Port) {
			return fmt.Sprintf("%s with %d", q.Path, q.Status)
		}
	}
	return ""
}

func (v view) probeProof(a asked) []Proof {
	text := short(a.Failed)
	if a.Count > 1 {
		text += fmt.Sprintf(" (%d times)", a.Count)
	}
	out := []Proof{since(a.where(), a.At, "%s", text)}
	if a.Restarts > 0 {
		out = append(out, proof(a.where(), "%s", count(a.Restarts, "restart")))
	}
	return out
}

// notReady says that a process runs and does not answer well.
func (v view) notReady() []Cause {
	if v.gone() {
		return nil
	}
	if all := v.failing(); len(all) > 0 {
		a := all[0]
		c := Cause{Proof: v.probeProof(a), Next: []Command{v.logs(Host{})}}
		switch low := strings.ToLower(a.Failed); {
		case contains(low, "statuscode: 5"):
			c.Line = fmt.Sprintf("%s says itself that it is not well: it answers %s with %s", v.Service, a.what(), low[strings.LastIndex(low, "statuscode: ")+len("statuscode: "):])
		case contains(low, "deadline exceeded", "timeout"):
			c.Line = fmt.Sprintf("%s does not answer its %s probe (%s) in time", v.Service, a.Kind, a.what())
		case contains(low, "connection refused"):
			c.Line = fmt.Sprintf("%s runs, but nothing listens on port %d, where its %s probe asks", v.Service, a.Probe.Port, a.Kind)
		default:
			c.Line = fmt.Sprintf("%s fails its %s probe (%s): %s", v.Service, a.Kind, a.what(), short(a.Failed))
		}
		if a.Kind != "readiness" && a.Restarts > 0 {
			c.Line += ", and is killed for it"
		}
		return []Cause{c}
	}
	return nil
}

// notSteady says what is under way and may explain the rest.
func (v view) notSteady() []Cause {
	if v.gone() {
		return nil
	}
	r := v.InCluster.Rollout
	switch {
	case r.Paused:
		return []Cause{{Line: "its rollout is paused", Proof: []Proof{proof(v.object(), "spec.paused is true")}, Next: []Command{next(v.kubectl("rollout", "resume", v.object()), "goes on with it")}}}
	case r.Ready < r.Wanted || r.Updated < r.Wanted:
		return []Cause{{
			Line:  fmt.Sprintf("%d of %d of its pods are ready, %d of the newest release", r.Ready, r.Wanted, r.Updated),
			Proof: []Proof{proof(v.object(), "wanted %d, updated %d, ready %d", r.Wanted, r.Updated, r.Ready)},
			Next:  []Command{next(v.kubectl("rollout", "status", v.object(), "--timeout=2m"), "waits until all are")},
		}}
	}
	return nil
}
