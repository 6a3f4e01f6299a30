package kube

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// Ports of CloudNativePG's pods: PostgreSQL, and the state that its operator asks for.
const (
	postgresPort = 5432
	statePort    = 8000
)

const operatorNamespace = "cnpg-system" // of CloudNativePG's operator

// postgres is a Cluster of CloudNativePG with a database for each service, behind the datastore's own name.
func (c *cluster) postgres(f *folder, s store) {
	f.put("cluster.yaml", strings.TrimSpace("PostgreSQL with automatic failover, kept by CloudNativePG.\n"+s.starting()), s.cluster())
	for i, d := range s.Databases {
		c.secrets = append(c.secrets,
			secret{s.namespace, secretName(d.Secret), "username", fmt.Sprintf("`%s`, the role of %s in %s (type kubernetes.io/basic-auth)", d.Owner, d.For, s.Name)},
			secret{s.namespace, secretName(d.Secret), "password", fmt.Sprintf("password of `%s` in %s; the same as in the namespace of %s", d.Owner, s.Name, d.For)})
		if i > 0 {
			f.put("database-"+workload.NameOf(d.Name)+".yaml", "", m("apiVersion", "postgresql.cnpg.io/v1", "kind", "Database", "metadata", meta(workload.NameOf(s.name+"-"+d.Name)), "spec", m(
				"name", d.Name, "owner", d.Owner, "cluster", m("name", s.name))))
		}
	}
	primary := serviceObject(s.name, "", "", []render.Listen{{Name: "postgres", Protocol: "TCP", Port: s.Port, Target: postgresPort}})
	spec := primary.Content[len(primary.Content)-1]
	spec.Content = append(m("selector", m("cnpg.io/cluster", s.name, "cnpg.io/instanceRole", "primary")).Content, withoutKey(spec, "selector")...)
	f.put("service.yaml", "Leads to the primary, whichever pod that is.", primary)
	pods := map[string]string{"cnpg.io/cluster": s.name}
	own := rule{"among themselves", []*yaml.Node{m("podSelector", m("matchLabels", pods))}, []rulePort{{postgresPort, "TCP"}, {statePort, "TCP"}}}
	operator := rule{"from the operator", []*yaml.Node{podsIn(operatorNamespace, nil)}, []rulePort{{postgresPort, "TCP"}, {statePort, "TCP"}}}
	server := rule{who: "to the API server, which each pod tells how it is", ports: []rulePort{{https, "TCP"}, {6443, "TCP"}}}
	in := append(callers(s.Callers, []rulePort{{postgresPort, "TCP"}}), own, operator)
	f.put("networkpolicy.yaml", "", c.policy(s.named, pods, in, []rule{own, server}))
	c.space(s.namespace, s.team).hold(s.Instances, s.share)
}

// withoutKey is a map's keys and values but for one key.
func withoutKey(n *yaml.Node, key string) []*yaml.Node {
	var out []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			out = append(out, n.Content[i], n.Content[i+1])
		}
	}
	return out
}

// hold adds a datastore's pods to what a namespace must have room for.
func (n *space) hold(pods int, share render.Share) {
	n.pods += pods
	n.reckon(pods, share)
}

const mebi = 1 << 20

func (s store) cluster() *yaml.Node {
	var image, synchronous any
	if major, _, _ := strings.Cut(s.Version, "."); major != "" {
		image = noted{"The version it has today.", "ghcr.io/cloudnative-pg/postgresql:" + major}
	}
	const enough = 3 // of which one may be gone while another confirms what is written
	if s.Instances >= enough {
		synchronous = noted{"What is confirmed is on two instances.", m("method", "any", "number", 1)}
	}
	parameters := noted{"A quarter and a half of the memory; the rest is for connections and sorting.", m(
		"shared_buffers", fmt.Sprintf("%dMB", max(s.share.Memory/4/mebi, 1)), "effective_cache_size", fmt.Sprintf("%dMB", max(s.share.Memory/2/mebi, 1)))}
	return m("apiVersion", "postgresql.cnpg.io/v1", "kind", "Cluster", "metadata", meta(s.name), "spec", m(
		"instances", s.Instances, "imageName", image,
		"bootstrap", s.bootstrap(), "managed", s.roles(),
		"storage", m("size", s.storage()), "resources", exactly(s.share),
		"postgresql", m("parameters", parameters, "synchronous", synchronous),
		"affinity", m("enablePodAntiAffinity", true, "podAntiAffinityType", "required", "topologyKey", "kubernetes.io/hostname"),
		"enablePDB", true,
	))
}

// bootstrap makes the first database, with its owner.
func (s store) bootstrap() any {
	if len(s.Databases) == 0 {
		return nil
	}
	d := s.Databases[0]
	return m("initdb", m("database", d.Name, "owner", d.Owner, "secret", m("name", secretName(d.Secret)), "dataChecksums", true))
}

// roles are those of the databases beside the first.
func (s store) roles() any {
	var out []*yaml.Node
	done := map[string]bool{}
	for i, d := range s.Databases {
		if i == 0 || done[d.Owner] || d.Owner == s.Databases[0].Owner {
			continue
		}
		done[d.Owner] = true
		out = append(out, m("name", d.Owner, "ensure", "present", "login", true, "passwordSecret", m("name", secretName(d.Secret))))
	}
	if len(out) == 0 {
		return nil
	}
	return m("roles", out)
}
