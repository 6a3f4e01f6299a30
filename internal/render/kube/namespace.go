package kube

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// space is a namespace with the sum of what runs in it.
type space struct {
	name          string
	team          estate.TeamName
	pods          int
	memory, cpu   int64 // bytes and thousandths of a processor, at most
	least, leastC int64 // the same, kept free
}

func (c *cluster) space(name string, team estate.TeamName) *space {
	s := c.spaces[name]
	if s == nil {
		s = &space{name: name, team: team}
		c.spaces[name] = s
	}
	return s
}

// count adds a service's pods.
func (n *space) count(s service) {
	n.pods += s.replicas.most
	for _, v := range s.Workload.Containers {
		share, err := render.ShareOf(s.Name, v.Resources)
		if err != nil {
			continue // base has refused it
		}
		n.reckon(s.replicas.most, share)
	}
}

// hold adds a datastore's pods to what a namespace must have room for.
func (n *space) hold(pods int, share render.Share) {
	n.pods += pods
	n.reckon(pods, share)
}

func (n *space) reckon(pods int, share render.Share) {
	times := int64(pods)
	n.memory += times * share.Memory
	n.cpu += times * share.CPU
	n.least += times * orElse(share.LeastMemory, share.Memory)
	n.leastC += times * orElse(share.LeastCPU, share.CPU/4)
}

func orElse(n, otherwise int64) int64 {
	if n == 0 {
		return otherwise
	}
	return n
}

// Room of a namespace beyond what is planned: for pods that come before others go, and for growth until somebody looks.
const (
	roomOver  = 3
	roomUnder = 2
)

func room(n int64) int64 { return n * roomOver / roomUnder }

// roundUp is the next multiple of a step.
func roundUp(n, step int64) int64 { return (n + step - 1) / step * step }

// namespaces writes each namespace with its bounds and the rights of its team.
func (c *cluster) namespaces() {
	for _, name := range slices.Sorted(maps.Keys(c.spaces)) {
		c.namespace(c.spaces[name])
	}
}

func (c *cluster) namespace(s *space) {
	folder := path.Join(c.folder, "namespaces", s.name)
	n := named{name: s.name, namespace: s.name, team: s.team, component: "namespace"}
	var resources []string
	put := func(name, comment string, document *yaml.Node) {
		c.add(c.file(n, path.Join(folder, name), comment, document))
		resources = append(resources, name)
	}
	const standard = "pod-security.kubernetes.io/"
	put("namespace.yaml", "", m("apiVersion", "v1", "kind", "Namespace", "metadata", m("name", s.name, "labels", map[string]string{
		standard + "enforce": "restricted", standard + "enforce-version": "v1.34", standard + "warn": "restricted",
	})))
	put("quota.yaml", fmt.Sprintf("What is planned here is %d pods, %s of processor and %s of memory; half as much again is left for change.", s.pods, cpuText(s.cpu), bytesText(s.memory)), s.quota())
	put("limits.yaml", "What a container is given that says nothing, so that none is without a limit.", m(
		"apiVersion", "v1", "kind", "LimitRange", "metadata", meta("usual"), "spec", m("limits", []*yaml.Node{m(
			"type", "Container",
			"default", m("cpu", "500m", "memory", "256Mi"),
			"defaultRequest", m("cpu", "100m", "memory", "256Mi"))})))
	put("networkpolicy.yaml", "Nothing is let through but what a policy of its own allows.", m(
		"apiVersion", "networking.k8s.io/v1", "kind", "NetworkPolicy", "metadata", meta("nothing-else"), "spec", m(
			"podSelector", empty, "policyTypes", []string{"Ingress", "Egress"})))
	if s.team != "" {
		put("role.yaml", "What its team may do here: look at everything but secrets, start anew, scale, and look at a process from their own machine.", teamRole())
		put("rolebinding.yaml", "", m("apiVersion", "rbac.authorization.k8s.io/v1", "kind", "RoleBinding", "metadata", meta("team"),
			"roleRef", m("apiGroup", "rbac.authorization.k8s.io", "kind", "Role", "name", "team"),
			"subjects", []*yaml.Node{m("apiGroup", "rbac.authorization.k8s.io", "kind", "Group", "name", "caravan:"+string(s.team))}))
	}
	labels := c.here()
	labels["app.kubernetes.io/managed-by"] = "caravan"
	labels["app.kubernetes.io/part-of"] = workload.NameOf(c.Expansion)
	if s.team != "" {
		labels[labelTeam] = workload.NameOf(string(s.team))
	}
	c.add(c.file(n, path.Join(folder, "kustomization.yaml"), "", m("apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization",
		"namespace", s.name, "resources", lines(resources), "labels", []*yaml.Node{m("pairs", labels)})))
	c.parts = append(c.parts, part{0, "namespaces/" + s.name})
}

func (n *space) quota() *yaml.Node {
	const gibi = 1 << 30
	return m("apiVersion", "v1", "kind", "ResourceQuota", "metadata", meta("team"), "spec", m("hard", m(
		"pods", fmt.Sprint(room(int64(n.pods))+2),
		"requests.cpu", cpuText(roundUp(room(n.leastC), 1000)), "requests.memory", bytesText(roundUp(room(n.least), gibi)),
		"limits.cpu", cpuText(roundUp(room(n.cpu), 1000)), "limits.memory", bytesText(roundUp(room(n.memory), gibi)))))
}

// teamRole lets a team run what is theirs. What changes a workload goes through review, not through here; and secrets are
// not read.
func teamRole() *yaml.Node {
	rule := func(groups, resources, verbs []string) *yaml.Node {
		return m("apiGroups", groups, "resources", resources, "verbs", verbs)
	}
	look := []string{"get", "list", "watch"}
	return m("apiVersion", "rbac.authorization.k8s.io/v1", "kind", "Role", "metadata", meta("team"), "rules", []*yaml.Node{
		rule([]string{""}, []string{"pods", "pods/log", "services", "configmaps", "events", "persistentvolumeclaims", "resourcequotas", "limitranges"}, look),
		rule([]string{"apps"}, []string{"deployments", "replicasets", "statefulsets"}, look),
		rule([]string{"networking.k8s.io", "policy", "autoscaling", "gateway.networking.k8s.io", "postgresql.cnpg.io"}, []string{"*"}, look),
		rule([]string{"apps"}, []string{"deployments", "statefulsets", "deployments/scale", "statefulsets/scale"}, []string{"patch"}),
		rule([]string{""}, []string{"pods"}, []string{"delete"}),
		rule([]string{""}, []string{"pods/portforward"}, []string{"create"}),
	})
}
