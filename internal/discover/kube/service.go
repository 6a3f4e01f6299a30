package kube

import (
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// service reports a Service that selects no workload of the tree; one that does has become a name of it.
func (r *reader) service(s *object) {
	spec := s.node.Get("spec")
	if target := spec.Get("externalName"); target.Value != "" {
		r.externalName(s, target)
		return
	}
	if s.served {
		return
	}
	selector := spec.Get("selector")
	if len(selector.Pairs) == 0 {
		r.see(s, estate.Runs, "external", "", 0)
	} else {
		r.see(s, estate.Runs, "service", "", 0)
	}
	if len(selector.Pairs) > 0 && !strings.Contains("/"+s.file, "/templates/") {
		r.report.Doubt(estate.Unresolved, s.place(selector.Line), "no workload here matches the selector of the Service "+s.name+"; add the workload's manifest, or remove the Service")
	}
	r.dnsNames(s, s)
	for _, p := range spec.Get("ports").Items {
		r.listens(s, "vip", p.Get("port"), p.Get("protocol").Value)
		r.listens(s, "published", p.Get("nodePort"), p.Get("protocol").Value)
	}
}

// externalName reports a Service that is only another name, of something outside unless that is a Service again.
func (r *reader) externalName(s *object, target syntax.Node) {
	name := strings.TrimSuffix(target.Value, ".")
	if inside := strings.HasSuffix(name, ".svc.cluster.local") || strings.HasSuffix(name, ".svc"); !inside {
		r.see(s, estate.Runs, "external", "", 0)
		r.dnsNames(s, s)
	}
	r.resolves(s, s.name, name, target.Line)
}

func (r *reader) resolves(o *object, name, target string, line int) {
	r.report.See(estate.Sighting{Fact: estate.Resolves, Subject: estate.Subject{Space: o.space()}, Key: name, Value: target, Place: o.place(line)})
}

// endpoints gives a Service its addresses by hand.
func (r *reader) endpoints(o *object) {
	for _, subset := range o.node.Get("subsets").Items {
		for _, a := range subset.Get("addresses").Items {
			if ip := a.Get("ip"); ip.Value != "" {
				r.resolves(o, o.name, ip.Value, ip.Line)
			}
		}
	}
}

// endpointSlice gives its Service addresses; those of pods are told by the workload that the Service selects.
func (r *reader) endpointSlice(o *object) {
	name := o.node.At("metadata", "labels", "kubernetes.io/service-name").Value
	if name == "" || slices.ContainsFunc(r.services, func(s *object) bool { return s.name == name && s.namespace == o.namespace && s.served }) {
		return
	}
	for _, e := range o.node.Get("endpoints").Items {
		for _, a := range e.Get("addresses").Items {
			if kind := e.At("targetRef", "kind").Value; kind != "Pod" {
				r.resolves(o, name, a.Value, a.Line)
			}
		}
	}
}

// policy reports who a NetworkPolicy lets talk to whom, where both sides are workloads of the tree.
func (r *reader) policy(o *object) {
	spec := o.node.Get("spec")
	targets := r.selected(o.namespace, spec.Get("podSelector"))
	for _, rule := range spec.Get("ingress").Items {
		for _, from := range rule.Get("from").Items {
			r.allowed(o, r.peers(o, from), targets, from.Line)
		}
	}
	for _, rule := range spec.Get("egress").Items {
		for _, to := range rule.Get("to").Items {
			r.allowed(o, targets, r.peers(o, to), to.Line)
		}
	}
}

// peers are the workloads one side of a rule names. Those of whole namespaces are nobody in particular.
func (r *reader) peers(o *object, peer syntax.Node) []*workload {
	if peer.Has("namespaceSelector") {
		return nil
	}
	return r.selected(o.namespace, peer.Get("podSelector"))
}

func (r *reader) allowed(o *object, clients, targets []*workload, line int) {
	for _, c := range clients {
		for _, t := range targets {
			if c != t {
				r.report.See(estate.Sighting{Fact: estate.Links, Subject: c.subject(), Key: estate.LinkPolicy, Value: t.name, Place: o.place(line)})
			}
		}
	}
}

// operator is a custom resource that an operator turns into something that runs.
type operator struct {
	technology string
	key        string
	services   []string // the names it is reached under; * stands for the resource's own name
}

// operators are keyed by group and kind.
var operators = map[string]operator{
	"postgresql.cnpg.io/Cluster":                        {"postgres", "datastore", []string{"*-rw", "*-ro", "*-r"}},
	"acid.zalan.do/postgresql":                          {"postgres", "datastore", []string{"*", "*-repl"}},
	"postgres-operator.crunchydata.com/PostgresCluster": {"postgres", "datastore", []string{"*-primary", "*-ha", "*-replicas", "*-pgbouncer"}},
	"pgv2.percona.com/PerconaPGCluster":                 {"postgres", "datastore", []string{"*-ha", "*-pgbouncer", "*-primary"}},
	"stackgres.io/SGCluster":                            {"postgres", "datastore", []string{"*", "*-replicas"}},
	"mysql.oracle.com/InnoDBCluster":                    {"mysql", "datastore", []string{"*", "*-instances"}},
	"pxc.percona.com/PerconaXtraDBCluster":              {"mysql", "datastore", []string{"*-haproxy", "*-proxysql", "*-pxc"}},
	"k8s.mariadb.com/MariaDB":                           {"mariadb", "datastore", []string{"*", "*-primary", "*-secondary"}},
	"mongodbcommunity.mongodb.com/MongoDBCommunity":     {"mongodb", "datastore", []string{"*-svc"}},
	"psmdb.percona.com/PerconaServerMongoDB":            {"mongodb", "datastore", []string{"*-rs0", "*-mongos"}},
	"databases.spotahome.com/RedisFailover":             {"redis", "datastore", []string{"rfs-*", "rfr-*", "rfrm-*"}},
	"redis.redis.opstreelabs.in/Redis":                  {"redis", "datastore", []string{"*"}},
	"redis.redis.opstreelabs.in/RedisCluster":           {"redis", "datastore", []string{"*", "*-leader", "*-follower"}},
	"redis.redis.opstreelabs.in/RedisReplication":       {"redis", "datastore", []string{"*"}},
	"dragonflydb.io/Dragonfly":                          {"redis", "datastore", []string{"*"}},
	"rabbitmq.com/RabbitmqCluster":                      {"rabbitmq", "datastore", []string{"*", "*-nodes"}},
	"kafka.strimzi.io/Kafka":                            {"kafka", "datastore", []string{"*-kafka-bootstrap", "*-kafka-brokers"}},
	"kafka.strimzi.io/KafkaConnect":                     {"kafka-connect", "service", []string{"*-connect-api"}},
	"elasticsearch.k8s.elastic.co/Elasticsearch":        {"elasticsearch", "datastore", []string{"*-es-http", "*-es-transport"}},
	"kibana.k8s.elastic.co/Kibana":                      {"kibana", "service", []string{"*-kb-http"}},
	"apm.k8s.elastic.co/ApmServer":                      {"", "service", []string{"*-apm-http"}},
	"opensearch.opster.io/OpenSearchCluster":            {"opensearch", "datastore", []string{"*"}},
	"cassandra.datastax.com/CassandraDatacenter":        {"cassandra", "datastore", []string{"*-service"}},
	"clickhouse.altinity.com/ClickHouseInstallation":    {"clickhouse", "datastore", []string{"clickhouse-*", "*"}},
	"minio.min.io/Tenant":                               {"minio", "datastore", []string{"minio", "*-hl", "*-console"}},
	"zookeeper.pravega.io/ZookeeperCluster":             {"zookeeper", "service", []string{"*-client"}},
	"jaegertracing.io/Jaeger":                           {"jaeger", "service", []string{"*-collector", "*-query", "*-agent"}},
	"opentelemetry.io/OpenTelemetryCollector":           {"opentelemetry", "service", []string{"*-collector"}},
	"monitoring.coreos.com/Prometheus":                  {"prometheus", "service", []string{"prometheus-operated"}},
	"monitoring.coreos.com/Alertmanager":                {"alertmanager", "service", []string{"alertmanager-operated"}},
	"k8s.keycloak.org/Keycloak":                         {"keycloak", "service", []string{"*-service"}},
}

// operated reports a custom resource of a known operator.
func (r *reader) operated(o *object) {
	op, ok := operators[o.group+"/"+o.kind]
	if !ok {
		return
	}
	r.see(o, estate.Runs, op.key, op.technology, 0)
	r.see(o, estate.Called, estate.NameWorkload, o.name, 0)
	r.owners(o, o.node.Get("metadata"))
	for _, pattern := range op.services {
		s := *o
		s.name = strings.Replace(pattern, "*", o.name, 1)
		s.variants = nil
		r.dnsNames(o, &s)
	}
}
