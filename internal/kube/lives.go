package kube

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// evictions are the reasons of events by which a kubelet, a scheduler and the keeper of taints say that a pod has to go.
var evictions = []string{"Evicted", "Preempted", "TaintManagerEviction"}

// PodOf is the pod at an address, as Dial finds it, and what the cluster still tells of it: that it was killed for its memory, and that it or one that had
// its name before was evicted. Events are kept for an hour by most clusters. NotFound when no pod runs there.
func PodOf(ctx context.Context, o Options, address string) (standby.Pod, error) {
	at, _, err := net.SplitHostPort(address)
	if err != nil {
		return standby.Pod{}, fault.Newf(fault.Invalid, "%q is no address; write host:port", address)
	}
	config, err := Config(o)
	if err != nil {
		return standby.Pod{}, err
	}
	namespace, name, err := podAt(ctx, config, at, "")
	if err != nil {
		return standby.Pod{}, err
	}
	found, err := single(ctx, o, pods, namespace, name)
	if err != nil {
		return standby.Pod{}, err
	}
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		return standby.Pod{}, fault.Newf(fault.Invalid, "context %s: %s", o.Context, words(err))
	}
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	events, err := c.Resource(eventResource).Namespace(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Pod,involvedObject.name=" + name})
	if err != nil {
		return standby.Pod{}, fault.Newf(fault.Unavailable, "context %s: events of pod %s in %s: %s", o.Context, name, namespace, words(err))
	}
	return lifeOf(found, events.Items), nil
}

// lifeOf is a pod with what befell it and those that had its name, in order.
func lifeOf(pod *unstructured.Unstructured, events []unstructured.Unstructured) standby.Pod {
	p := standby.Pod{Name: pod.GetName(), UID: string(pod.GetUID()), Made: pod.GetCreationTimestamp().UTC()}
	all, _, _ := unstructured.NestedSlice(pod.Object, "status", "containerStatuses")
	for _, item := range all {
		status := asMap(item)
		for _, state := range []string{"state", "lastState"} {
			ended := asMap(asMap(status[state])["terminated"])
			if text(ended, "reason") != "OOMKilled" {
				continue
			}
			at := text(ended, "finishedAt")
			p.Befell = append(p.Befell, standby.Incident{ID: p.UID + "/" + text(status, "name") + "/" + at, What: standby.KilledOOM, At: moment(ended, "finishedAt")})
		}
	}
	for _, e := range events {
		if slices.Contains(evictions, text(e.Object, "reason")) {
			uid, _, _ := unstructured.NestedString(e.Object, "involvedObject", "uid")
			p.Befell = append(p.Befell, standby.Incident{ID: uid, What: standby.Evicted, At: toldAt(e)})
		}
	}
	slices.SortFunc(p.Befell, func(x, y standby.Incident) int { return cmp.Or(x.At.Compare(y.At), strings.Compare(x.ID, y.ID)) })
	p.Befell = slices.CompactFunc(p.Befell, func(x, y standby.Incident) bool { return x.ID == y.ID && x.What == y.What })
	return p
}

// toldAt is when an event was last told. Newer parts of Kubernetes write another field.
func toldAt(e unstructured.Unstructured) time.Time {
	for _, field := range []string{"lastTimestamp", "eventTime"} {
		if at := moment(e.Object, field); !at.IsZero() {
			return at
		}
	}
	return e.GetCreationTimestamp().UTC()
}
