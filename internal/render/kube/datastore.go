package kube

import (
	"cmp"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// store is a datastore as it is put on a cluster.
type store struct {
	render.Datastore
	named
	share render.Share
}

// datastores writes each datastore that is placed here.
func (c *cluster) datastores() error {
	for _, d := range c.Datastores {
		s, err := c.store(d)
		if err != nil {
			return err
		}
		f := c.place(s.named, "datastores/"+s.name, d.Wave)
		switch {
		case isPostgres(d):
			keep := c.patroni
			if c.hasOperator() {
				keep = c.operated
			}
			if err := keep(f, s); err != nil {
				return err
			}
		case d.Technology == "redis" || d.Technology == "valkey":
			c.redis(f, s)
		case d.Technology == "rabbitmq":
			c.rabbitmq(f, s)
		default:
			if err := c.plain(f, s); err != nil {
				return err
			}
		}
		f.close()
	}
	return nil
}

func (c *cluster) store(d render.Datastore) (store, error) {
	s := store{Datastore: d, named: named{d.Name, workload.NameOf(string(d.Name)), render.Namespace(d.Team), d.Team, "datastore"}}
	if d.Port < 1 || d.Port > 65535 {
		return s, fault.Newf(fault.Invalid, "%s listens on port %d; write a number from 1 to 65535", d.Name, d.Port)
	}
	if d.Instances < 1 {
		return s, fault.Newf(fault.Invalid, "%s has %d instances; give it at least one", d.Name, d.Instances)
	}
	for _, amount := range []string{d.Memory, d.Storage} {
		if _, ok := render.Amount(amount, false); !ok {
			return s, fault.Newf(fault.Invalid, "%s: %q is no amount of memory or storage; write one as 4Gi", d.Name, amount)
		}
	}
	var err error
	s.share, err = render.ShareOf(d.Name, &workload.Compute{Limits: workload.Quantity{Memory: d.Memory, CPU: d.CPU}, Requests: workload.Quantity{Memory: d.Memory, CPU: d.CPU}})
	return s, err
}

// storage of an instance.
func (s store) storage() string { return cmp.Or(s.Storage, usualStorage) }

// secretOf is the name of the secret a caller logs in with, in the namespace of the datastore.
func (s store) serverSecret() string { return workload.NameOf(s.name + "-server") }

// podsOfStore are the labels of the pods that callers reach.
func (c *cluster) podsOfStore(d render.Datastore) map[string]string {
	name := workload.NameOf(string(d.Name))
	switch {
	case isPostgres(d) && d.Pooled != "" && c.hasOperator():
		return pooled(render.PoolName(d.Name))
	case isPostgres(d) && d.Pooled != "":
		return of(render.PoolName(d.Name))
	case isPostgres(d) && c.hasOperator():
		return map[string]string{"cnpg.io/cluster": name}
	case (d.Technology == "redis" || d.Technology == "valkey") && d.Instances > 1:
		return of(proxyName(name))
	}
	return of(name)
}

// folder is a part of the environment under construction.
type folder struct {
	c         *cluster
	of        named
	path      string
	resources []string
}

// place begins a part of the environment.
func (c *cluster) place(n named, at string, wave int) *folder {
	c.parts = append(c.parts, part{wave, at})
	return &folder{c: c, of: n, path: path.Join(c.folder, at)}
}

func (f *folder) put(name, comment string, document *yaml.Node) {
	f.c.add(f.c.file(f.of, path.Join(f.path, name), comment, document))
	f.resources = append(f.resources, name)
}

// write puts a file beside the manifests that is none.
func (f *folder) write(name, text string) {
	f.c.add(render.File{Path: path.Join(f.path, name), Text: text, Mode: 0o644, Subject: f.of.subject})
}

// config is a ConfigMap of files, and its name: it ends in a digest of what it holds, so that pods are replaced one by one
// when that changes.
func (f *folder) config(file, name string, files map[string]string) string {
	name += "-" + shortDigest(files)
	f.put(file, "", m("apiVersion", "v1", "kind", "ConfigMap", "metadata", meta(name), "immutable", true, "data", files))
	return name
}

// close writes the kustomization.
func (f *folder) close() {
	labels := f.c.shared(f.of)
	delete(labels, labelName) // objects of a part have names of their own
	for k, v := range f.c.here() {
		labels[k] = v
	}
	slices.Sort(f.resources)
	f.c.add(f.c.file(f.of, path.Join(f.path, "kustomization.yaml"), "", m(
		"apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization", "namespace", f.of.namespace,
		"resources", lines(f.resources), "labels", []*yaml.Node{m("pairs", labels, "includeTemplates", true)})))
}

// nodes lets the pods of a part find each other, before they are ready too.
func (f *folder) nodes(name, pods string, ports []render.Listen) {
	n := serviceObject(name, pods, "None", ports)
	spec := n.Content[len(n.Content)-1]
	spec.Content = append(m("publishNotReadyAddresses", noted{"They have to find each other to become ready.", true}).Content, spec.Content...)
	f.put("service-nodes.yaml", "", n)
}

// alike are rules by which pods of a name reach each other.
func alike(name string, ports ...int) rule {
	r := rule{who: "among themselves", peers: []*yaml.Node{m("podSelector", m("matchLabels", of(name)))}}
	for _, p := range ports {
		r.ports = append(r.ports, rulePort{p, "TCP"})
	}
	return r
}

// stateful is a StatefulSet of a datastore's pods.
func (s store) stateful(nodes string, pod *yaml.Node, keep bool) *yaml.Node {
	var claims []*yaml.Node
	if keep {
		claims = []*yaml.Node{m("metadata", meta("data"), "spec", m("accessModes", []string{"ReadWriteOnce"}, "resources", m("requests", m("storage", s.storage()))))}
	}
	return m("apiVersion", "apps/v1", "kind", "StatefulSet", "metadata", meta(s.name), "spec", m(
		"replicas", s.Instances, "revisionHistoryLimit", 3, "serviceName", nodes, "podManagementPolicy", "Parallel",
		"selector", m("matchLabels", of(s.name)),
		"template", m("metadata", m("labels", of(s.name)), "spec", pod),
		"volumeClaimTemplates", claims))
}

// storePod is the pod of a datastore: apart from its kind, and given time to write down what it has.
func storePod(name string, grace int, containers, volumes []*yaml.Node) *yaml.Node {
	apart := m("labelSelector", m("matchLabels", of(name)), "topologyKey", "kubernetes.io/hostname")
	return m(
		"automountServiceAccountToken", false, "enableServiceLinks", false, "securityContext", podSecurity(false),
		"terminationGracePeriodSeconds", grace, "dnsConfig", dns(),
		"affinity", m("podAntiAffinity", m("requiredDuringSchedulingIgnoredDuringExecution", []*yaml.Node{apart})),
		"topologySpreadConstraints", spread(name)[:1],
		"containers", containers, "volumes", volumes)
}

// exactly is what a datastore is given: as much as it may use, so that its memory is never somebody else's.
func exactly(s render.Share) *yaml.Node {
	s.LeastMemory = s.Memory
	return given(s)
}

// given is what a container is given, at least and at most.
func given(s render.Share) *yaml.Node {
	return m("requests", m("cpu", cpuText(orElse(s.LeastCPU, s.CPU/4)), "memory", bytesText(orElse(s.LeastMemory, s.Memory))), "limits", m("cpu", cpuText(s.CPU), "memory", bytesText(s.Memory)))
}

// starting says what an instance begins with.
func (s store) starting() string {
	switch s.Content {
	case "seeded":
		return "It begins empty; its reference data is brought in when it is moved."
	case "replica":
		return "It begins empty; what the old place has is brought in, and followed, when it is moved."
	case "anonymised":
		return "It begins empty; an anonymised copy is brought in when it is moved."
	}
	return ""
}
