package kube

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

const rabbitImage = "rabbitmq:4.1"

// Ports that the nodes of a RabbitMQ cluster use among themselves: Erlang's port mapper and its distribution.
const (
	erlangMapper = 4369
	erlangNodes  = 25672
)

// rabbitmq is a RabbitMQ cluster of all pods.
func (c *cluster) rabbitmq(f *folder, s store) {
	nodes := workload.NameOf(s.name + "-nodes")
	domain := fmt.Sprintf("%s.%s.svc.cluster.local", nodes, s.namespace)
	amqp := render.Listen{Name: "amqp", Protocol: "TCP", Port: s.Port, Target: s.Port}
	config := f.config("configmap.yaml", s.name, map[string]string{
		"rabbitmq.conf": s.rabbitConfig(domain),
		"start":         "#!/bin/sh\n# Erlang wants its cookie to be the process's own.\nset -eu\ncp /secrets/cookie /var/lib/rabbitmq/.erlang.cookie\nchmod 400 /var/lib/rabbitmq/.erlang.cookie\nexec rabbitmq-server\n",
	})
	f.nodes(nodes, s.name, []render.Listen{{Name: "epmd", Protocol: "TCP", Port: erlangMapper, Target: erlangMapper}, amqp})
	f.put("service.yaml", "", serviceObject(s.name, s.name, "", []render.Listen{amqp}))
	f.put("statefulset.yaml", strings.TrimSpace("RabbitMQ; its pods make one cluster.\n"+s.starting()), s.stateful(nodes, s.rabbitPod(config, domain), true))
	if s.Instances > 1 {
		f.put("poddisruptionbudget.yaml", "", budget(s.name, of(s.name)))
	}
	own := alike(s.name, s.Port, erlangMapper, erlangNodes)
	f.put("networkpolicy.yaml", "", c.policy(s.named, of(s.name), append(callers(s.Callers, []rulePort{{s.Port, "TCP"}}), own), []rule{own}))
	c.space(s.namespace, s.team).hold(s.Instances, s.share)
	var users []string
	for _, p := range s.Callers {
		users = append(users, fmt.Sprintf("`%s` with the password in %s", workload.NameOf(string(p.Service)), secretName(string(s.Name)+"-"+string(p.Service))))
	}
	c.secrets = append(c.secrets,
		secret{s.namespace, s.serverSecret(), "cookie", "one random word that the nodes of " + string(s.Name) + " know each other by"},
		secret{s.namespace, s.serverSecret(), "definitions.json", s.definitions() + strings.Join(users, ", ")})
}

// definitions says what the broker begins with.
func (s store) definitions() string {
	if len(s.VirtualHosts) == 0 {
		return "its virtual host / and its accounts, as rabbitmqctl export_definitions writes them: "
	}
	return "its virtual hosts, " + strings.Join(s.VirtualHosts, ", ") + ", and its accounts, as rabbitmqctl export_definitions writes them: "
}

func (s store) rabbitConfig(domain string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "listeners.tcp.default = %d\n\ncluster_name = %s\ncluster_formation.peer_discovery_backend = classic_config\n", s.Port, s.name)
	for i := range s.Instances {
		fmt.Fprintf(&b, "cluster_formation.classic_config.nodes.%d = rabbit@%s-%d.%s\n", i+1, s.name, i, domain)
	}
	if s.Instances > 2 {
		b.WriteString("# The smaller side of a cut waits until it is mended.\ncluster_partition_handling = pause_minority\n")
	}
	fmt.Fprintf(&b, "\n# Six tenths of %s; publishers wait beyond it.\nvm_memory_high_watermark.absolute = %d\ndisk_free_limit.absolute = 1GB\n\n# With definitions no account guest is made.\nload_definitions = /secrets/definitions.json\n",
		bytesText(s.share.Memory), s.share.Memory/10*6)
	return b.String()
}

func (s store) rabbitPod(config, domain string) *yaml.Node {
	ask := func(what string, every, failures int) *yaml.Node {
		return m("exec", m("command", []string{"rabbitmq-diagnostics", "-q", what}), "periodSeconds", every, "timeoutSeconds", 10, "failureThreshold", failures)
	}
	container := m("name", "rabbitmq", "image", rabbitImage, "command", []string{"sh", "/config/start"}, "env", []*yaml.Node{
		m("name", "POD", "valueFrom", m("fieldRef", m("fieldPath", "metadata.name"))),
		m("name", "RABBITMQ_USE_LONGNAME", "value", "true"),
		m("name", "RABBITMQ_NODENAME", "value", "rabbit@$(POD)."+domain),
	},
		"ports", []*yaml.Node{m("name", "amqp", "containerPort", s.Port)}, "resources", exactly(s.share),
		"startupProbe", ask("ping", 10, 60), "readinessProbe", m("tcpSocket", m("port", s.Port), "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", readyFailures),
		"livenessProbe", ask("ping", 30, 4), "securityContext", containerSecurity(), "volumeMounts", []*yaml.Node{
			m("name", "config", "mountPath", "/config"), m("name", "config", "mountPath", "/etc/rabbitmq/rabbitmq.conf", "subPath", "rabbitmq.conf"),
			m("name", "secrets", "mountPath", "/secrets", "readOnly", true), m("name", "data", "mountPath", "/var/lib/rabbitmq"), m("name", "tmp", "mountPath", temporary),
		})
	const toHandOver = 120
	return storePod(s.name, toHandOver, []*yaml.Node{container}, []*yaml.Node{
		m("name", "config", "configMap", m("name", config)), m("name", "secrets", "secret", m("secretName", s.serverSecret())), m("name", "tmp", "emptyDir", empty)})
}

// plainStores are datastores that run here as one pod with a disk. Failover is not theirs.
var plainStores = map[string]struct {
	image, data string
	root        string // variable that holds the password of the first account; "" for none
	user        string // variable that names it
}{
	"mysql":     {"mysql:8.4", "/var/lib/mysql", "MYSQL_ROOT_PASSWORD", ""},
	"mariadb":   {"mariadb:11.4", "/var/lib/mysql", "MARIADB_ROOT_PASSWORD", ""},
	"mongodb":   {"mongo:8.0", "/data/db", "MONGO_INITDB_ROOT_PASSWORD", "MONGO_INITDB_ROOT_USERNAME"},
	"memcached": {"memcached:1.6", "", "", ""},
}

func (c *cluster) plain(f *folder, s store) error {
	p, ok := plainStores[s.Technology]
	if !ok {
		return fault.Newf(fault.Invalid, "%s is %s, which nothing here keeps on Kubernetes; place it on machines, in the expansion's datastores: placement: vm", s.Name, s.Technology)
	}
	if s.Instances != 1 {
		return fault.Newf(fault.Invalid, "%s: %s runs on Kubernetes as one pod, without failover; write instances: 1, or place it on machines", s.Name, s.Technology)
	}
	nodes := workload.NameOf(s.name + "-nodes")
	port := render.Listen{Name: "main", Protocol: "TCP", Port: s.Port, Target: s.Port}
	mounts := []*yaml.Node{m("name", "tmp", "mountPath", temporary), m("name", "run", "mountPath", "/var/run")}
	var env []*yaml.Node
	if p.user != "" {
		env = append(env, m("name", p.user, "value", "root"))
	}
	if p.root != "" {
		env = append(env, m("name", p.root, "valueFrom", m("secretKeyRef", m("name", s.serverSecret(), "key", "password"))))
		c.secrets = append(c.secrets, secret{s.namespace, s.serverSecret(), "password", "password of the first account of " + string(s.Name)})
	}
	if p.data != "" {
		mounts = append(mounts, m("name", "data", "mountPath", p.data))
	}
	open := func(failures int) *yaml.Node {
		return m("tcpSocket", m("port", s.Port), "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", failures)
	}
	container := m("name", workload.NameOf(s.Technology), "image", p.image, "env", env, "ports", []*yaml.Node{m("name", "main", "containerPort", s.Port)},
		"resources", exactly(s.share), "startupProbe", open(60), "readinessProbe", open(readyFailures), "livenessProbe", open(liveFailures),
		"securityContext", containerSecurity(), "volumeMounts", mounts)
	f.put("statefulset.yaml", strings.TrimSpace("One pod with a disk; nothing takes over when it fails.\n"+s.starting()), s.stateful(nodes, storePod(s.name, 120, []*yaml.Node{container},
		[]*yaml.Node{m("name", "tmp", "emptyDir", empty), m("name", "run", "emptyDir", empty)}), p.data != ""))
	f.nodes(nodes, s.name, []render.Listen{port})
	f.put("service.yaml", "", serviceObject(s.name, s.name, "", []render.Listen{port}))
	f.put("networkpolicy.yaml", "", c.policy(s.named, of(s.name), callers(s.Callers, []rulePort{{s.Port, "TCP"}}), nil))
	c.space(s.namespace, s.team).hold(1, s.share)
	return nil
}
