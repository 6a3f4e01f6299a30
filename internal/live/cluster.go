package live

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"example.org/caravan/internal/discover"
	kuberead "example.org/caravan/internal/discover/kube"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/kube"
)

// asked is what is listed of a cluster. Secrets are not: the names by which pods refer to them are in the pods.
type asked struct {
	schema.GroupVersionResource
	kind   string
	global bool
}

func of(group, resource, kind string) asked {
	return asked{GroupVersionResource: schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}, kind: kind}
}

func globally(a asked) asked {
	a.global = true
	return a
}

var lists = []asked{
	of("", "configmaps", "ConfigMap"), of("", "services", "Service"), of("", "pods", "Pod"),
	of("apps", "deployments", "Deployment"), of("apps", "statefulsets", "StatefulSet"), of("apps", "daemonsets", "DaemonSet"), of("batch", "cronjobs", "CronJob"),
	of("discovery.k8s.io", "endpointslices", "EndpointSlice"),
	of("networking.k8s.io", "ingresses", "Ingress"), of("networking.k8s.io", "networkpolicies", "NetworkPolicy"),
	of("gateway.networking.k8s.io", "httproutes", "HTTPRoute"),
	globally(of("", "nodes", "Node")), globally(of("networking.k8s.io", "servicecidrs", "ServiceCIDR")),
}

// Bounds of what is taken in of a cluster.
const (
	page        = 500
	mostObjects = 50_000 // of one kind
)

// cluster looks at one cluster.
func (s Source) cluster(ctx context.Context, o Options, r *discover.Report) {
	place := estate.Place{File: s.Name}
	config, err := kube.Config(*s.Cluster)
	if err != nil {
		r.Doubt(estate.Unreadable, place, "not looked at: "+forLive(err))
		return
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		r.Doubt(estate.Unreadable, place, "not looked at: "+err.Error())
		return
	}
	c := &cluster{Source: s, options: o, client: client, report: r, objects: map[string][]*unstructured.Unstructured{}}
	if !c.list(ctx) {
		return
	}
	kuberead.Live(c.manifests(), c.report)
	c.held()
	if s.Connections {
		c.connections(ctx, config)
	}
	c.stamp()
}

// cluster is what was listed of one cluster.
type cluster struct {
	Source
	options Options
	client  dynamic.Interface
	report  *discover.Report
	objects map[string][]*unstructured.Unstructured // by kind
}

// list asks for all kinds; false when the API server answers nothing at all.
func (c *cluster) list(ctx context.Context) bool {
	refused := 0
	for _, kind := range lists {
		err := c.listAll(ctx, kind)
		switch {
		case err == nil || apierrors.IsNotFound(err): // a kind this cluster does not know
			continue
		case apierrors.IsForbidden(err):
			c.doubt(kind, "may not be listed; give the account get and list on "+kind.Resource)
		case apierrors.IsUnauthorized(err):
			c.report.Doubt(estate.Unreadable, estate.Place{File: c.Name}, "not looked at: the API server does not know the account of the kubeconfig; log in again")
			return false
		default:
			c.doubt(kind, "could not be listed: "+oneLine(err))
			if refused++; refused > 2 {
				c.report.Doubt(estate.Unreadable, estate.Place{File: c.Name}, "not looked at: the API server does not answer; check that this machine reaches it")
				return false
			}
		}
	}
	return true
}

func (c *cluster) doubt(kind asked, text string) {
	c.report.Doubt(estate.Unreadable, estate.Place{File: c.Name + "/" + kind.Resource}, kind.Resource+" "+text)
}

func oneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (c *cluster) listAll(ctx context.Context, kind asked) error {
	next := ""
	for {
		got, err := c.client.Resource(kind.GroupVersionResource).List(ctx, metav1.ListOptions{Limit: page, Continue: next})
		if err != nil {
			return err
		}
		for i := range got.Items {
			o := &got.Items[i]
			if kind.global || matches(c.Namespaces, o.GetNamespace()) {
				c.objects[kind.kind] = append(c.objects[kind.kind], o)
			}
		}
		if len(c.objects[kind.kind]) > mostObjects {
			c.doubt(kind, fmt.Sprintf("are more than %d, of which the first are taken in; name fewer namespaces", mostObjects))
			return nil
		}
		if next = got.GetContinue(); next == "" {
			return nil
		}
	}
}

// place is where an object is shown at.
func (c *cluster) place(o *unstructured.Unstructured) string {
	return strings.Join(slices.DeleteFunc([]string{c.Name, o.GetNamespace(), o.GetKind(), o.GetName()}, func(part string) bool { return part == "" }), "/")
}

// manifests are the objects that somebody, or what somebody wrote, brought about, without what the cluster notes on them.
func (c *cluster) manifests() []kuberead.Object {
	var out []kuberead.Object
	for _, kind := range slices.Sorted(maps.Keys(c.objects)) {
		for _, o := range c.objects[kind] {
			if kind == "Pod" && len(o.GetOwnerReferences()) > 0 || kind == "ConfigMap" && o.GetName() == "kube-root-ca.crt" || kind == "Service" && o.GetNamespace() == "default" && o.GetName() == "kubernetes" ||
				kind == "EndpointSlice" && o.GetNamespace() == "default" && o.GetLabels()["kubernetes.io/service-name"] == "kubernetes" {
				continue
			}
			data, err := json.Marshal(written(o).Object)
			if err == nil {
				out = append(out, kuberead.Object{Place: c.place(o), Data: data})
			}
		}
	}
	return out
}

// written is an object without what the API server and kubectl add to it.
func written(o *unstructured.Unstructured) *unstructured.Unstructured {
	w := o.DeepCopy()
	w.SetManagedFields(nil)
	annotations := w.GetAnnotations()
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	w.SetAnnotations(annotations)
	if w.GetKind() == "Service" { // the cluster's addresses, and ports it chose, are no more the writer's
		for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"} {
			unstructured.RemoveNestedField(w.Object, "spec", field)
		}
	}
	return w
}

// see adds a fact about a workload or Service of the cluster.
func (c *cluster) see(o *unstructured.Unstructured, name, key, value string) {
	c.report.See(estate.Sighting{Fact: estate.Holds, Subject: estate.In("kube:"+o.GetNamespace(), name), Key: key, Value: value, At: c.options.At, Place: estate.Place{File: c.place(o)}})
}

// held tells whose the addresses of pods and Services are.
func (c *cluster) held() {
	for _, p := range c.objects["Pod"] {
		name := ownerOf(p)
		c.see(p, name, estate.HeldPod, string(p.GetUID()))
		ip, _, _ := unstructured.NestedString(p.Object, "status", "podIP")
		network, _, _ := unstructured.NestedBool(p.Object, "spec", "hostNetwork")
		phase, _, _ := unstructured.NestedString(p.Object, "status", "phase")
		if ip != "" && !network && phase == "Running" {
			c.see(p, name, estate.HeldAddress, ip)
		}
	}
	for _, s := range c.objects["Service"] {
		for _, ip := range clusterAddresses(s) {
			c.see(s, c.behind(s), estate.HeldService, ip)
		}
	}
}

func clusterAddresses(s *unstructured.Unstructured) []string {
	all, _, _ := unstructured.NestedStringSlice(s.Object, "spec", "clusterIPs")
	balancers, _, _ := unstructured.NestedSlice(s.Object, "status", "loadBalancer", "ingress")
	for _, b := range balancers {
		if entry, ok := b.(map[string]any); ok {
			ip, _ := entry["ip"].(string)
			all = append(all, ip)
		}
	}
	return slices.DeleteFunc(all, func(ip string) bool { return ip == "" || ip == "None" })
}

// behind is the workload that a Service leads to, when it is one alone; otherwise the Service itself.
func (c *cluster) behind(s *unstructured.Unstructured) string {
	selector, _, _ := unstructured.NestedStringMap(s.Object, "spec", "selector")
	var found []string
	if len(selector) > 0 {
		for _, p := range c.objects["Pod"] {
			if p.GetNamespace() == s.GetNamespace() && carries(p.GetLabels(), selector) {
				found = append(found, ownerOf(p))
			}
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) == 1 {
		return found[0]
	}
	return s.GetName()
}

func carries(labels, selector map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// ownerOf is the workload that a pod belongs to. A Deployment's ReplicaSet is called like it and the hash of its template, a CronJob's
// Job like it and the time.
func ownerOf(p *unstructured.Unstructured) string {
	owners := p.GetOwnerReferences()
	if len(owners) == 0 {
		return p.GetName()
	}
	o := owners[0]
	switch o.Kind {
	case "ReplicaSet":
		return strings.TrimSuffix(o.Name, "-"+p.GetLabels()["pod-template-hash"])
	case "Job":
		base, number, _ := cutLast(o.Name)
		if base != "" && len(number) >= 8 && strings.Trim(number, "0123456789") == "" {
			return base
		}
	}
	return o.Name
}

func cutLast(name string) (before, after string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// stamp says of which environment everything is.
func (c *cluster) stamp() {
	for i := range c.report.Sightings {
		s := &c.report.Sightings[i]
		s.Environment = cmp.Or(s.Environment, c.Environment)
		if s.Fact == estate.Spans {
			s.Key = string(c.Environment)
		}
	}
}
