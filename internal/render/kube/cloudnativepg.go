package kube

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workload"
)

// statePort is where CloudNativePG's pods tell their operator how they are.
const statePort = 8000

const operatorNamespace = "cnpg-system" // of CloudNativePG's operator

// operated is a Cluster of CloudNativePG with a database for each service, behind the datastore's own name. Invalid when each service shall
// have two accounts, of which the operator cannot let the second act as the first.
func (c *cluster) operated(f *folder, s store) error {
	if s.Logins > 1 {
		return fault.Newf(fault.Invalid, "%s: CloudNativePG keeps one account for each service; take logins out of its line in the expansion, or the operator out of %s", s.Name, c.Environment)
	}
	if len(s.Followers) > 0 {
		return fault.Newf(fault.Invalid, "%s: CloudNativePG is told by its own means who may follow it; take followers out of its line in the expansion, or the operator out of %s", s.Name, c.Environment)
	}
	f.put("cluster.yaml", strings.TrimSpace("PostgreSQL with automatic failover, kept by CloudNativePG.\n"+s.starting()), c.operatedCluster(s))
	c.scheduled(f, s)
	for i, d := range s.Databases {
		c.secrets = append(c.secrets,
			secret{s.namespace, secretName(d.Secret), "username", fmt.Sprintf("`%s`, the role of %s in %s (type kubernetes.io/basic-auth)", d.Owner, d.For, s.Name)},
			secret{s.namespace, secretName(d.Secret), "password", fmt.Sprintf("password of `%s` in %s; the same as in the namespace of %s", d.Owner, s.Name, d.For)})
		if i > 0 && !slices.ContainsFunc(s.Databases[:i], func(before render.Database) bool { return before.Name == d.Name }) {
			f.put("database-"+workload.NameOf(d.Name)+".yaml", "", m("apiVersion", "postgresql.cnpg.io/v1", "kind", "Database", "metadata", meta(workload.NameOf(s.name+"-"+d.Name)), "spec", m(
				"name", d.Name, "owner", d.Owner, "cluster", m("name", s.name))))
		}
	}
	c.secrets = append(c.secrets,
		secret{s.namespace, s.watcherSecret(), "username", fmt.Sprintf("`%s` (type kubernetes.io/basic-auth)", standby.Account)},
		secret{s.namespace, s.watcherSecret(), "password", fmt.Sprintf("password of `%s`, by whom Caravan looks at %s and warms its standbys", standby.Account, s.Name)})
	primary := serviceObject(s.name, "", "", []render.Listen{{Name: "postgres", Protocol: "TCP", Port: s.Port, Target: postgresPort}})
	spec := primary.Content[len(primary.Content)-1]
	spec.Content = append(m("selector", m("cnpg.io/cluster", s.name, "cnpg.io/instanceRole", "primary")).Content, withoutKey(spec, "selector")...)
	f.put("service.yaml", "Leads to the primary, whichever pod that is.", primary)
	pods := map[string]string{"cnpg.io/cluster": s.name}
	own := rule{"among themselves", []*yaml.Node{m("podSelector", m("matchLabels", pods))}, []rulePort{{postgresPort, "TCP"}, {statePort, "TCP"}}}
	operator := rule{"from the operator", []*yaml.Node{podsIn(operatorNamespace, nil)}, []rulePort{{postgresPort, "TCP"}, {statePort, "TCP"}}}
	server := rule{who: "to the API server, which each pod tells how it is", ports: []rulePort{{https, "TCP"}, {6443, "TCP"}}}
	in := []rule{own, operator}
	if s.Pooled == "" {
		in = append(callers(s.Callers, []rulePort{{postgresPort, "TCP"}}), in...)
	} else {
		in = append(in, rule{"from PgBouncer", []*yaml.Node{m("podSelector", m("matchLabels", pooled(render.PoolName(s.Name))))}, []rulePort{{postgresPort, "TCP"}}})
		c.operatedPool(f, s)
	}
	f.put("networkpolicy.yaml", "", c.policy(s.named, pods, in, append([]rule{own, server}, c.toBackups()...)))
	d := render.Declared{Name: s.Name, Team: s.Team, Environment: c.Environment}
	d.Put("cloudnativepg", fmt.Sprintf("{namespace: %s, name: %s}", s.namespace, s.name))
	d.Password("password", standby.Account, "`"+standby.Account+"`")
	c.declared = append(c.declared, d)
	c.space(s.namespace, s.team).hold(s.Instances, s.share)
	return nil
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

const mebi = 1 << 20

func (c *cluster) operatedCluster(s store) *yaml.Node {
	var image, synchronous any
	if major, _, _ := strings.Cut(s.Version, "."); major != "" {
		image = noted{"The version it has today.", "ghcr.io/cloudnative-pg/postgresql:" + major}
	}
	const enough = 3 // of which one may be gone while another confirms what is written
	if s.Instances >= enough {
		synchronous = noted{"What is confirmed is on two instances.", m("method", "any", "number", 1)}
	}
	room := s.Room()
	parameters := m(
		"shared_buffers", noted{"A quarter and a half of the memory; the rest is for connections and sorting.", fmt.Sprintf("%dMB", max(s.share.Memory/4/mebi, 1))},
		"effective_cache_size", fmt.Sprintf("%dMB", max(s.share.Memory/2/mebi, 1)),
		"max_wal_senders", noted{"Its databases can move while they are written to, without a restart before; wal_level is the operator's own, and is logical.", strconv.Itoa(room.Senders)},
		"max_logical_replication_workers", strconv.Itoa(room.Workers))
	return m("apiVersion", "postgresql.cnpg.io/v1", "kind", "Cluster", "metadata", meta(s.name), "spec", m(
		"instances", s.Instances, "imageName", image,
		"bootstrap", s.bootstrap(), "managed", s.roles(),
		"storage", m("size", s.storage()), "resources", exactly(s.share),
		"postgresql", m("parameters", parameters, "pg_hba", noted{"Caravan comes through the API server, which ends in the pod itself.", lines(watcherAccess())}, "synchronous", synchronous),
		"backup", c.objectStore(s),
		"affinity", m("enablePodAntiAffinity", true, "podAntiAffinityType", "required", "topologyKey", "kubernetes.io/hostname"),
		"enablePDB", true,
	))
}

// watcherAccess lets the account in by which Caravan looks at a PostgreSQL, from the pod itself and from nowhere else.
func watcherAccess() []string {
	return []string{"host all " + standby.Account + " 127.0.0.1/32 scram-sha-256", "host all " + standby.Account + " ::1/128 scram-sha-256", "host all " + standby.Account + " all reject"}
}

// watcherSecret is the name of the Secret of the account by which Caravan looks at it.
func (s store) watcherSecret() string { return workload.NameOf(s.name + "-standby") }

// bootstrap makes the first database, with its owner. What Caravan looks at it with is made in the database that all others are copied from, so that
// they have it too; the role has to be there for that, before the operator keeps it.
func (s store) bootstrap() *yaml.Node {
	var database, owner, password any
	if len(s.Databases) > 0 {
		d := s.Databases[0]
		database, owner, password = d.Name, d.Owner, m("name", secretName(d.Secret))
	}
	return m("initdb", m("database", database, "owner", owner, "secret", password, "dataChecksums", true,
		"postInitSQL", noted{"What Caravan looks at standbys with, and keeps them warm. It can read no row of anybody.", lines([]string{standby.NewAccount(), standby.Objects()})},
		"postInitTemplateSQL", lines([]string{standby.Objects()})))
}

// roles are those of the databases beside the first, and the one by which Caravan looks at all.
func (s store) roles() *yaml.Node {
	var out []*yaml.Node
	done := map[string]bool{}
	for i, d := range s.Databases {
		if i == 0 || done[d.Owner] || d.Owner == s.Databases[0].Owner {
			continue
		}
		done[d.Owner] = true
		out = append(out, m("name", d.Owner, "ensure", "present", "login", true, "passwordSecret", m("name", secretName(d.Secret))))
	}
	const sessions = 24
	return m("roles", append(out, m("name", standby.Account, "ensure", "present", "login", true, "inherit", false, "connectionLimit", sessions, "passwordSecret", m("name", s.watcherSecret()))))
}
