package why

import (
	"fmt"
	"slices"
	"strings"
)

func (v view) clusterUnreachable() []Cause {
	if v.InCluster == nil || v.InCluster.Unreachable == "" {
		return nil
	}
	return []Cause{{
		Line:  fmt.Sprintf("the cluster of %s does not answer, so nothing can be said of %s", v.Environment, v.Service),
		Proof: []Proof{proof("API server", "%s", v.InCluster.Unreachable)},
		Next:  []Command{next(v.kubectl("get", "nodes"), "says the same when it is the network; ask who runs the cluster")},
	}}
}

func (v view) notThere() []Cause {
	c := v.InCluster
	switch {
	case c == nil:
		return nil
	case c.NoSpace:
		return []Cause{{
			Line: fmt.Sprintf("%s is not in %s: there is no namespace %s", v.Service, v.Environment, v.Cluster.Namespace),
			Next: []Command{next(v.kubectl("get", "namespaces"), "lists those there are")},
		}}
	case c.Missing:
		return []Cause{{
			Line: fmt.Sprintf("%s is not in %s: namespace %s has no %s", v.Service, v.Environment, v.Cluster.Namespace, v.object()),
			Next: []Command{next(v.kubectl("get", "deployments,statefulsets"), "lists what is there")},
		}}
	}
	return nil
}

func (v view) scaledToZero() []Cause {
	if v.InCluster == nil || v.gone() || v.InCluster.Rollout.Wanted > 0 {
		return nil
	}
	return []Cause{{
		Line:  fmt.Sprintf("%s is stopped: %s is scaled to 0", v.Service, v.object()),
		Proof: []Proof{proof(v.object(), "spec.replicas is 0")},
		Next:  []Command{next(v.kubectl("scale", v.object(), "--replicas=1"), "starts it, as systemctl start did")},
	}}
}

// gone reports whether there is nothing to look at.
func (v view) gone() bool {
	return v.InCluster == nil || v.InCluster.Unreachable != "" || v.InCluster.NoSpace || v.InCluster.Missing
}

func (v view) quota() []Cause {
	if v.gone() || !strings.Contains(v.InCluster.Rollout.Failure, "exceeded quota") {
		return nil
	}
	r := v.InCluster.Rollout
	_, said, _ := strings.Cut(r.Failure, "exceeded quota: ")
	c := Cause{
		Line:  fmt.Sprintf("%s gets no more pods: the quota of namespace %s is used up (%s)", v.Service, v.Cluster.Namespace, short(said)),
		Proof: []Proof{since(v.object(), r.FailureAt, "%s", short(r.Failure))},
		Next:  []Command{next(v.kubectl("describe", "quota"), "what is used and what there is"), next(v.kubectl("get", "pods"), "who uses it")},
	}
	for _, q := range v.InCluster.Quotas {
		c.Proof = append(c.Proof, proof("quota/"+q.Name, "%s: %s of %s", q.Resource, q.Used, q.Hard))
	}
	return []Cause{c}
}

func (v view) podsRefused() []Cause {
	if v.gone() || v.InCluster.Rollout.Failure == "" || strings.Contains(v.InCluster.Rollout.Failure, "exceeded quota") {
		return nil
	}
	r := v.InCluster.Rollout
	return []Cause{{
		Line:  fmt.Sprintf("%s gets no pods: the cluster refuses them", v.Service),
		Proof: []Proof{since(v.object(), r.FailureAt, "%s", short(r.Failure))},
		Next:  []Command{next(v.kubectl("describe", "replicasets"), "the whole message is among the events")},
	}}
}

func (v view) nodeGone() []Cause {
	if v.gone() {
		return nil
	}
	var out []Cause
	for _, n := range v.InCluster.Nodes {
		waits := slices.ContainsFunc(v.InCluster.Pods, func(p Pod) bool { return p.Unscheduled != "" }) && len(v.InCluster.Nodes) == 1
		if n.Ready || !n.Runs && !waits {
			continue
		}
		out = append(out, Cause{
			Line:  fmt.Sprintf("%s runs on node %s, which is not ready", v.Service, n.Name),
			Means: "Its pods there are taken for dead after a while and are started elsewhere, where there is room.",
			Proof: []Proof{since("node/"+n.Name, n.Since, "%s", n.Why)},
			Next:  []Command{next(line("kubectl", "--context", v.Cluster.Context, "describe", "node", n.Name), "its conditions; whoever runs the cluster mends it")},
		})
	}
	return out
}

func (v view) claimPending() []Cause {
	if v.gone() {
		return nil
	}
	var out []Cause
	for _, c := range v.InCluster.Claims {
		if c.Phase != "Pending" {
			continue
		}
		text := fmt.Sprintf("%s waits for a disk: claim %s is pending", v.Service, c.Name)
		switch {
		case c.Class != "" && !c.ClassThere:
			text += ", for there is no storage class " + c.Class
		case c.Class == "":
			text += ", and asks for no storage class where none is the usual one"
		}
		p := []Proof{proof("pvc/"+c.Name, "phase Pending")}
		if c.Why != "" {
			p = append(p, proof("pvc/"+c.Name, "%s", short(c.Why)))
		}
		out = append(out, Cause{Line: text, Proof: p, Next: []Command{next(v.kubectl("describe", "pvc", c.Name), "why it has none"), next(v.kubectl("get", "storageclasses"), "what disks there are")}})
	}
	return out
}

func (v view) unscheduled() []Cause {
	if v.gone() {
		return nil
	}
	for _, p := range v.InCluster.Pods {
		if p.Unscheduled == "" {
			continue
		}
		return []Cause{{
			Line:  fmt.Sprintf("%s finds no node to run on: %s", v.Service, v.lacks(p.Unscheduled)),
			Proof: []Proof{since("pod/"+p.Name, p.Created, "%s", short(p.Unscheduled))},
			Next:  []Command{next(v.kubectl("describe", "pod", p.Name), "the scheduler's words, among the events"), next(line("kubectl", "--context", v.Cluster.Context, "describe", "nodes"), "what nodes have, and what is promised of it")},
		}}
	}
	return nil
}

// lacks says in plain words what the scheduler misses (messages of kube-scheduler's plugins).
func (v view) lacks(message string) string {
	var out []string
	for _, w := range []struct{ sign, words string }{
		{"Insufficient cpu", "it asks for more processor than any node has left"},
		{"Insufficient memory", "it asks for more memory than any node has left"},
		{"Insufficient ephemeral-storage", "it asks for more disk than any node has left"},
		{"Too many pods", "every node has as many pods as it may"},
		{"unbound immediate PersistentVolumeClaims", "its disk is not there yet"},
		{"were unschedulable", "its nodes are cordoned"},
		{"node.kubernetes.io/not-ready", "its nodes are not ready"},
		{"node.kubernetes.io/unreachable", "its nodes are not reached"},
		{"untolerated taint", "its nodes are kept for others (taints)"},
		{"didn't match Pod's node affinity/selector", "no node has the labels it asks for"},
		{"free ports", "the port it takes on its node is taken"},
	} {
		if strings.Contains(message, w.sign) && (w.sign != "untolerated taint" || len(out) == 0) {
			out = append(out, w.words)
		}
	}
	if len(out) == 0 {
		return short(message)
	}
	return strings.Join(out, ", and ")
}

func (v view) evicted() []Cause {
	if v.gone() || v.enough() {
		return nil
	}
	for _, p := range v.InCluster.Pods {
		if p.Reason == "Evicted" {
			return []Cause{{
				Line:  fmt.Sprintf("%s was put off its node %s: %s", v.Service, p.Node, short(p.Message)),
				Proof: []Proof{since("pod/"+p.Name, p.Created, "%s", short(p.Message))},
				Next:  []Command{next(line("kubectl", "--context", v.Cluster.Context, "describe", "node", p.Node), "what ran out there")},
			}}
		}
	}
	return nil
}

// enough reports whether as many pods of the newest release are ready as are wanted.
func (v view) enough() bool {
	r := v.InCluster.Rollout
	return r.Wanted > 0 && r.Ready >= r.Wanted && r.Updated >= r.Wanted && len(v.ill()) == 0
}

func (v view) cordoned() []Cause {
	if v.gone() {
		return nil
	}
	var out []Cause
	for _, n := range v.InCluster.Nodes {
		if n.Cordoned && n.Runs {
			out = append(out, Cause{
				Line:  fmt.Sprintf("node %s, on which it runs, takes no new pods (it is cordoned)", n.Name),
				Proof: []Proof{proof("node/"+n.Name, "spec.unschedulable is true")},
				Next:  []Command{next(line("kubectl", "--context", v.Cluster.Context, "uncordon", n.Name), "lets pods in again; ask first who cordoned it")},
			})
		}
	}
	return out
}
