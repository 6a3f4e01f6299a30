package expansion

import (
	"cmp"
	"fmt"
	"slices"

	"example.org/caravan/internal/workload"
)

// findCrowds asks about clusters whose nodes may not run as many pods as are laid on them at peak. A cluster's own pods, and
// those that come while others go, are on top of what it reckons.
func (p *planner) findCrowds() {
	for i, env := range p.Expansion.Environments {
		if env.Kind == "vm" {
			continue
		}
		nodes, each := cmp.Or(env.Nodes, usualNodes)+env.Surge, cmp.Or(env.Pods, usualPods)
		pods := p.podsIn(env)
		if pods <= nodes*each {
			continue
		}
		p.questions = append(p.questions, workload.Question{
			Topic: "nodes", Place: p.Expansion.place(fmt.Sprintf("environments[%d]", i)),
			Text: fmt.Sprintf("%s is to run %d pods at peak, and %d nodes with %d pods each run %d; write nodes: %d there, or more pods on each; the others wait until then",
				env.Name, pods, nodes, each, nodes*each, (pods+each-1)/each-env.Surge),
		})
	}
}

// podsIn is how many pods are laid on a cluster at peak.
func (p *planner) podsIn(env Environment) int {
	pods := 0
	for _, m := range p.members {
		if slices.Contains(m.In, env.Name) {
			pods += mostReplicas(m)
		}
	}
	for _, d := range p.stores {
		if d.In == env.Name {
			pods += d.Instances
		}
	}
	for _, s := range p.stubs {
		if s.In == env.Name {
			pods += workload.UsualReplicas
		}
	}
	return pods
}

// mostReplicas is how many pods of a service run when it is busiest.
func mostReplicas(m *Member) int {
	if _, most, ok := workload.Replicas(m.Workload.Metadata.Annotations[workload.AnnotationReplicas]); ok {
		return most
	}
	return workload.UsualReplicas
}
