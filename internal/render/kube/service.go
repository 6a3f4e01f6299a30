package kube

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// service is a service as it is put on a cluster.
type service struct {
	render.Service
	named
	listens  []render.Listen
	times    render.Times
	replicas replicas
	main     string // container
	stateful bool
}

// services writes the base and the overlay of each service.
func (c *cluster) services() error {
	for _, s := range c.Services {
		v, err := c.service(s)
		if err != nil {
			return err
		}
		if err := c.base(v); err != nil {
			return err
		}
		if err := c.overlay(v); err != nil {
			return err
		}
		c.parts = append(c.parts, part{s.Wave, v.name})
	}
	return nil
}

func (c *cluster) service(s render.Service) (service, error) {
	v := service{
		Service: s, main: s.MainContainer(), stateful: s.Workload.Metadata.Annotations[workload.AnnotationState] == "stateful",
		named: named{s.Name, workload.NameOf(string(s.Name)), render.Namespace(s.Team), s.Team, "service"},
	}
	if v.main == "" {
		return v, fault.Newf(fault.Invalid, "%s: its workload has no container; add the process that runs", s.Name)
	}
	var err error
	if v.listens, err = s.Listens(); err != nil {
		return v, err
	}
	if v.times, err = s.Times(); err != nil {
		return v, err
	}
	if v.replicas, err = replicasOf(s); err != nil {
		return v, err
	}
	return v, nil
}

// kind of the object that keeps the service's pods running.
func (s service) kind() string {
	if s.stateful {
		return "StatefulSet"
	}
	return "Deployment"
}

// base writes what the service is wherever it runs.
func (c *cluster) base(s service) error {
	folder := path.Join("kubernetes/base", s.name)
	var resources []string
	put := func(name, comment string, document *yaml.Node) {
		c.add(c.file(s.named, path.Join(folder, name), comment, document))
		resources = append(resources, name)
	}
	put("serviceaccount.yaml", "", m("apiVersion", "v1", "kind", "ServiceAccount", "metadata", meta(s.name), "automountServiceAccountToken", false))
	pods, comment, err := c.keeper(s)
	if err != nil {
		return err
	}
	put(strings.ToLower(s.kind())+".yaml", comment, pods)
	if len(s.listens) > 0 {
		put("service.yaml", "", serviceObject(s.name, s.name, "", s.listens))
	}
	if s.stateful {
		put("service-nodes.yaml", "A name for each pod by itself.", serviceObject(s.nodes(), s.name, "None", s.listens))
	}
	if s.replicas.least > 1 {
		put("poddisruptionbudget.yaml", "", budget(s.name, of(s.name)))
	}
	if s.replicas.most > s.replicas.least {
		put("hpa.yaml", "", s.scaler())
	}
	if host := s.Workload.Metadata.Annotations[workload.AnnotationPublic]; host != "" {
		if len(s.listens) == 0 {
			return fault.Newf(fault.Invalid, "%s is to be reached at %s and listens on no port; add one to its workload", s.Name, host)
		}
		put("httproute.yaml", "", s.route(host))
	}
	c.add(c.file(s.named, path.Join(folder, "kustomization.yaml"), "", m(
		"apiVersion", "kustomize.config.k8s.io/v1beta1", "kind", "Kustomization",
		"resources", lines(resources),
		"labels", []*yaml.Node{m("pairs", c.shared(s.named), "includeTemplates", true)},
	)))
	return nil
}

// nodes is the name under which the pods of a stateful service have names of their own.
func (s service) nodes() string { return workload.NameOf(s.name + "-nodes") }

// meta is the metadata of an object of a name.
func meta(name string) *yaml.Node { return m("name", name) }

// lines is a list of texts, each on its own line.
func lines(list []string) []*yaml.Node {
	out := make([]*yaml.Node, len(list))
	for i, text := range list {
		out[i] = textNode(text)
	}
	return out
}

// serviceObject is a Service in front of the pods of a name.
func serviceObject(name, pods, clusterIP string, listens []render.Listen) *yaml.Node {
	ports := make([]*yaml.Node, len(listens))
	for i, l := range listens {
		ports[i] = m("name", l.Name, "port", l.Port, "targetPort", l.Target, "protocol", unlessTCP(l.Protocol))
	}
	return m("apiVersion", "v1", "kind", "Service", "metadata", meta(name), "spec", m(
		"clusterIP", orNothing(clusterIP), "selector", of(pods), "ports", ports))
}

// unlessTCP leaves out what Kubernetes takes for granted.
func unlessTCP(protocol string) any {
	if protocol == "TCP" {
		return nil
	}
	return protocol
}

func orNothing(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func budget(name string, pods map[string]string) *yaml.Node {
	return m("apiVersion", "policy/v1", "kind", "PodDisruptionBudget", "metadata", meta(name), "spec", m(
		"maxUnavailable", 1,
		"unhealthyPodEvictionPolicy", noted{"A pod that is not ready serves nobody: it does not keep a node from being emptied.", "AlwaysAllow"},
		"selector", m("matchLabels", pods)))
}

// busy is the share of its processor request at which another replica is added.
const busy = 70

func (s service) scaler() *yaml.Node {
	return m("apiVersion", "autoscaling/v2", "kind", "HorizontalPodAutoscaler", "metadata", meta(s.name), "spec", m(
		"scaleTargetRef", m("apiVersion", "apps/v1", "kind", s.kind(), "name", s.name),
		"minReplicas", s.replicas.least, "maxReplicas", s.replicas.most,
		"metrics", []*yaml.Node{m("type", "Resource", "resource", m("name", "cpu", "target", m("type", "Utilization", "averageUtilization", busy)))}))
}

// The gateway that takes calls from outside: its name and namespace in every cluster.
const (
	gatewayName      = "public"
	gatewayNamespace = "gateway"
)

func (s service) route(host string) *yaml.Node {
	path := s.Workload.Metadata.Annotations[workload.AnnotationPath]
	if path == "" {
		path = "/"
	}
	return m("apiVersion", "gateway.networking.k8s.io/v1", "kind", "HTTPRoute", "metadata", meta(s.name), "spec", m(
		"parentRefs", []*yaml.Node{m("name", gatewayName, "namespace", gatewayNamespace)},
		"hostnames", lines([]string{host}),
		"rules", []*yaml.Node{m(
			"matches", []*yaml.Node{m("path", m("type", "PathPrefix", "value", path))},
			"backendRefs", []*yaml.Node{m("name", s.name, "port", s.front())})}))
}

// front is the port that calls from outside go to: the one called http, else the lowest.
func (s service) front() int {
	for _, l := range s.listens {
		if l.Name == "http" {
			return l.Port
		}
	}
	return s.listens[0].Port
}
