package kube

import (
	"context"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// An API server that does not answer, or asks for patience, is asked again so often and so long.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
	outage     = 2 * time.Minute
	answering  = 30 * time.Second // for one request
	settling   = 30 * time.Second // for an API server that started to read who has which rights
)

// telling is the key of a context under which the line goes to people who look on.
type telling struct{}

// loud is a context in which waiting for the API server is told.
func loud(ctx context.Context, tell journey.Tell) context.Context {
	return context.WithValue(ctx, telling{}, tell)
}

// patiently tries again while the API server is away, starting or overloaded, up to a limit.
func (t *Target) patiently(ctx context.Context, try func() error) error {
	var limit <-chan time.Time
	denials := denials{final: t.believed.Load()}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := try()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if denied(err) {
			if denials.final {
				return err
			}
			if denials.note(t.readyz(ctx)); denials.final {
				t.believed.Store(denials.hidden)
				continue
			}
		} else if !passing(err) {
			return err
		}
		if limit == nil {
			limit = time.After(outage)
		}
		if tell, ok := ctx.Value(telling{}).(journey.Tell); ok && pause == lastPause {
			tell("waiting for the API server of " + t.o.Context + ": " + words(err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			if denied(err) {
				return err
			}
			return fault.Newf(fault.Unavailable, "the API server of %s has not answered for %s: %s; once it does, run it again: it goes on where it stopped", t.o.Context, outage, words(err))
		case <-time.After(pause):
		}
	}
}

// denied reports whether the API server says that the account lacks a right.
func denied(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ")
}

// denials decides whether to believe an API server that the account lacks a right. One that has
// just started answers before it has read who has which rights, and then denies all of them, that
// to /readyz too. The next denial after it has said that it is ready is believed.
type denials struct {
	since  time.Time // when it denied first
	final  bool      // the next one is believed
	hidden bool      // whether the server is ready is not to be learnt
}

// note takes in what /readyz answers after a denial. A cluster, or what stands before it, may keep
// that from everybody for good.
func (d *denials) note(ready error) {
	if d.since.IsZero() {
		d.since = time.Now()
	}
	d.hidden = ready != nil && !passing(ready) && time.Since(d.since) >= settling
	d.final = ready == nil || d.hidden
}

// passing reports whether a failure may be gone in a moment: the server is overloaded or away. What
// it says no to stays a no.
func passing(err error) bool {
	var status apierrors.APIStatus
	var f *fault.Error
	if errors.As(err, &f) || errors.Is(err, context.Canceled) {
		return false
	}
	if errors.As(err, &status) {
		return apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) || apierrors.IsUnexpectedServerError(err)
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var other x509.HostnameError
	return !errors.As(err, &unknown) && !errors.As(err, &invalid) && !errors.As(err, &other) && !meta.IsNoMatchError(err)
}

const (
	firstLook = 100 * time.Millisecond
	lastLook  = 2 * time.Second
)

// await looks again and again until something is so, as long as the target's patience lasts.
// Unavailable when it does not become so.
func (t *Target) await(ctx context.Context, look func() (bool, error)) error {
	limit := time.After(t.o.Patience)
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		ok, err := look()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return errTime
		case <-time.After(pause):
		}
	}
}

// errTime is that something did not become so in time.
var errTime = errors.New("not in time")

// plain is a configuration for requests whose answers are no objects.
func plain(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.APIPath, c.GroupVersion = "/api", &schema.GroupVersion{Version: "v1"}
	c.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	return c
}

// known are the kinds that every cluster has, and whether objects of them are in a namespace. The
// cluster is asked about others.
var known = map[schema.GroupKind]bool{
	{Kind: "Namespace"}: false, {Kind: "ConfigMap"}: true, {Kind: "Secret"}: true, {Kind: "Service"}: true, {Kind: "ServiceAccount"}: true, {Kind: "ResourceQuota"}: true,
	{Kind: "LimitRange"}: true, {Kind: "PersistentVolumeClaim"}: true, {Kind: "Pod"}: true,
	{Group: "apps", Kind: "Deployment"}: true, {Group: "apps", Kind: "StatefulSet"}: true, {Group: "apps", Kind: "DaemonSet"}: true, {Group: "apps", Kind: "ReplicaSet"}: true,
	{Group: "batch", Kind: "Job"}: true, {Group: "batch", Kind: "CronJob"}: true,
	{Group: "policy", Kind: "PodDisruptionBudget"}: true, {Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}: true,
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}: true, {Group: "networking.k8s.io", Kind: "Ingress"}: true,
	{Group: rbac, Kind: "Role"}: true, {Group: rbac, Kind: "RoleBinding"}: true, {Group: rbac, Kind: "ClusterRole"}: false, {Group: rbac, Kind: "ClusterRoleBinding"}: false,
}

const rbac = "rbac.authorization.k8s.io"

// resource is where objects like this one are in the API.
func (t *Target) resource(ctx context.Context, i id) (schema.GroupVersionResource, error) {
	if _, ok := known[i.gvk().GroupKind()]; ok {
		r, _ := meta.UnsafeGuessKindToResource(i.gvk())
		return r, nil
	}
	var mapping *meta.RESTMapping
	err := t.patiently(ctx, func() (err error) {
		mapping, err = t.mapper.RESTMappingWithContext(ctx, i.gvk().GroupKind(), i.Version)
		return err
	})
	if meta.IsNoMatchError(err) {
		return schema.GroupVersionResource{}, fault.Newf(fault.Invalid, "%s: the cluster does not know %s of %s; install what brings that kind (its CustomResourceDefinition), and run it again", i, i.Kind, i.gvk().GroupVersion())
	}
	if err != nil {
		return schema.GroupVersionResource{}, t.say(err, "ask the cluster what kinds it has")
	}
	return mapping.Resource, nil
}

func (t *Target) in(r schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return t.api.Resource(r)
	}
	return t.api.Resource(r).Namespace(namespace)
}

// get is an object as it is; nil when there is none.
func (t *Target) get(ctx context.Context, r schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	return t.getAt(ctx, r, namespace, name, "")
}

func (t *Target) getAt(ctx context.Context, r schema.GroupVersionResource, namespace, name, version string) (live *unstructured.Unstructured, err error) {
	err = t.patiently(ctx, func() (err error) {
		live, err = t.in(r, namespace).Get(ctx, name, metav1.GetOptions{ResourceVersion: version})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return live, err
}

// page is how many objects are asked for at once.
const page = 500

// list are the objects of a kind with some labels, in all namespaces when none is given.
func (t *Target) list(ctx context.Context, r schema.GroupVersionResource, namespace, labels string) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	o := metav1.ListOptions{LabelSelector: labels, Limit: page}
	for {
		var found *unstructured.UnstructuredList
		err := t.patiently(ctx, func() (err error) {
			found, err = t.in(r, namespace).List(ctx, o)
			return err
		})
		if apierrors.IsNotFound(err) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, found.Items...)
		if o.Continue = found.GetContinue(); o.Continue == "" {
			return out, nil
		}
	}
}

// live are objects as they are, by key; those that are not there are missing.
func (t *Target) live(ctx context.Context, ids []id) (map[string]*unstructured.Unstructured, error) {
	return t.look(ctx, ids, "")
}

// look are objects at a version, "0" for what the API server remembers, "" for what is. Few of a
// kind are asked for one by one, many as a list.
func (t *Target) look(ctx context.Context, ids []id, version string) (map[string]*unstructured.Unstructured, error) {
	const few = 6
	groups, err := t.grouped(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := map[string]*unstructured.Unstructured{}
	var mu sync.Mutex
	found := func(i id, o *unstructured.Unstructured) {
		mu.Lock()
		defer mu.Unlock()
		out[i.key()] = o
	}
	var single []located
	var lists []place
	for at, members := range groups {
		if len(members) <= few {
			for _, i := range members {
				single = append(single, located{at, i})
			}
			continue
		}
		lists = append(lists, at)
	}
	err = errors.Join(each(single, func(l located) error {
		o, err := t.getAt(ctx, l.at.resource, l.at.namespace, l.id.Name, version)
		if o != nil {
			found(l.id, o)
		}
		return t.say(err, "read "+l.id.String())
	}), each(lists, func(at place) error {
		all, err := t.list(ctx, at.resource, at.namespace, "")
		wanted := groups[at]
		for n := range all {
			if i := slices.IndexFunc(wanted, func(i id) bool { return i.Name == all[n].GetName() }); i >= 0 {
				found(wanted[i], &all[n])
			}
		}
		return t.say(err, "list "+at.resource.Resource+" of namespace "+at.namespace)
	}))
	return out, err
}

// place is a kind in a namespace.
type place struct {
	resource  schema.GroupVersionResource
	namespace string
}

type located struct {
	at place
	id id
}

func (t *Target) grouped(ctx context.Context, ids []id) (map[place][]id, error) {
	out := map[place][]id{}
	seen := map[string]bool{}
	for _, i := range ids {
		if seen[i.key()] {
			continue
		}
		seen[i.key()] = true
		r, err := t.resource(ctx, i)
		if err != nil {
			return nil, err
		}
		at := place{r, i.Namespace}
		out[at] = append(out[at], i)
	}
	return out, nil
}

// inside is what a namespace holds.
type inside struct {
	others []string // that is not Caravan's and nothing that Kubernetes makes by itself
}

// within looks at everything in some namespaces.
func (t *Target) within(ctx context.Context, names []string) (map[string]inside, error) {
	kinds, err := t.namespaced()
	if err != nil {
		return nil, err
	}
	var places []place
	for _, n := range names {
		for _, k := range kinds {
			places = append(places, place{k, n})
		}
	}
	var mu sync.Mutex
	out := map[string]inside{}
	err = each(places, func(at place) error {
		found, err := t.others(ctx, at)
		if len(found) > 0 {
			mu.Lock()
			defer mu.Unlock()
			out[at.namespace] = inside{append(out[at.namespace].others, found...)}
		}
		return t.say(err, "look at what is in namespace "+at.namespace)
	})
	for _, i := range out {
		slices.Sort(i.others)
	}
	return out, err
}

// others are the objects of a kind in a namespace that are not to go with it. Only their names are
// asked for, of secrets too. A kind that the account may not list could hold anything.
func (t *Target) others(ctx context.Context, at place) ([]string, error) {
	var out []string
	o := metav1.ListOptions{Limit: page}
	for {
		var found *metav1.PartialObjectMetadataList
		err := t.patiently(ctx, func() (err error) {
			found, err = t.names.Resource(at.resource).Namespace(at.namespace).List(ctx, o)
			return err
		})
		switch {
		case apierrors.IsForbidden(err):
			return []string{at.resource.Resource + ", if there are any, which this account may not list"}, nil
		case apierrors.IsMethodNotSupported(err), apierrors.IsNotFound(err):
			return out, nil
		case err != nil:
			return out, err
		}
		for i := range found.Items {
			if m := &found.Items[i]; !t.incidental(at.resource.Resource, m) {
				out = append(out, at.resource.Resource+" "+m.Name)
			}
		}
		if o.Continue = found.Continue; o.Continue == "" {
			return out, nil
		}
	}
}

// incidental reports whether an object goes with its namespace without anybody missing it: Caravan
// made it, another object owns it, or Kubernetes makes it in every namespace.
func (t *Target) incidental(kind string, o metav1.Object) bool {
	switch {
	case o.GetLabels()[ownerLabel] == t.owner, len(o.GetOwnerReferences()) > 0, o.GetDeletionTimestamp() != nil:
		return true
	case kind == "configmaps":
		return o.GetName() == "kube-root-ca.crt" || o.GetNamespace() == Space && o.GetLabels()[managedBy] == manager
	case kind == "serviceaccounts":
		return o.GetName() == "default"
	}
	return slices.Contains([]string{"endpoints", "events", "leases"}, kind)
}

// namespaced are all kinds of objects that are in namespaces, each once.
func (t *Target) namespaced() ([]schema.GroupVersionResource, error) {
	lists, err := t.discovery.ServerPreferredNamespacedResources()
	if err != nil && len(lists) == 0 {
		return nil, t.say(err, "ask the cluster what kinds it has")
	}
	out := map[schema.GroupVersionResource]bool{}
	for _, l := range lists {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range l.APIResources {
			if slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "delete") && r.Name != "events" && gv.Group != "metrics.k8s.io" {
				out[gv.WithResource(r.Name)] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(out), func(a, b schema.GroupVersionResource) int {
		return compare(a.String(), b.String())
	}), nil
}
