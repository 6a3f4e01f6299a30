package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"example.org/caravan/internal/why"
)

// services reads those that lead to the subject: by its name, or by choosing its pods.
func (l *look) services(ctx context.Context) {
	list, err := l.client.CoreV1().Services(l.space).List(ctx, metav1.ListOptions{})
	if err != nil {
		l.unseen("its Services", err)
		return
	}
	for _, s := range list.Items {
		chooses := len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(l.release.template.Labels))
		if s.Name != l.s.Cluster.Name && !chooses {
			continue
		}
		out := why.Service{Name: s.Name}
		if len(s.Spec.Selector) > 0 {
			selector := labels.SelectorFromSet(s.Spec.Selector)
			out.Selector = selector.String()
			for _, p := range l.release.pods {
				out.Matches += flag(selector.Matches(labels.Set(p.Labels)))
			}
		}
		for _, p := range s.Spec.Ports {
			target := p.TargetPort.String()
			if target == "0" || target == "" {
				target = fmt.Sprint(p.Port)
			}
			number := 0
			for _, c := range l.release.template.Spec.Containers {
				if n := portOf(target, c.Ports); n > 0 {
					number = n
				}
			}
			if p.Protocol != corev1.ProtocolUDP {
				out.Ports = append(out.Ports, why.ServicePort{Port: int(p.Port), Target: target, Number: number})
			}
		}
		out.Ready, out.NotReady = l.addresses(ctx, l.space, s.Name)
		l.note(func() { l.seen.Services = append(l.seen.Services, out) })
	}
}

// addresses counts those a Service leads to.
func (l *look) addresses(ctx context.Context, space, service string) (ready, not int) {
	list, err := l.client.DiscoveryV1().EndpointSlices(space).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		l.unseen("whom Service "+service+" leads to", err)
		return 0, 0
	}
	for _, s := range list.Items {
		for _, e := range s.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				ready++
			} else {
				not++
			}
		}
	}
	return ready, not
}

// references reads whether what pods take values from is there. Values are not kept, and not looked at.
func (l *look) references(ctx context.Context) {
	asked := map[string]map[string]bool{} // object → its keys; nil when it is not there
	unknown := map[string]bool{}
	for _, r := range referencesOf(l.release.template.Spec) {
		id := r.Kind + "/" + r.Name
		keys, known := asked[id]
		if !known && !unknown[id] {
			var err error
			keys, err = l.keys(ctx, r.Kind, r.Name)
			if err != nil {
				l.unseen("whether "+r.Kind+" "+r.Name+" has what is asked of it", err)
				unknown[id] = true
			}
			asked[id] = keys
		}
		r.Unknown, r.There = unknown[id], keys != nil
		r.HasKey = r.Key == "" || keys[r.Key]
		l.note(func() { l.seen.References = append(l.seen.References, r) })
	}
}

// keys are the names of what a Secret or ConfigMap holds; nil when there is none.
func (l *look) keys(ctx context.Context, kind, name string) (map[string]bool, error) {
	out := map[string]bool{}
	var err error
	if kind == "Secret" {
		var s *corev1.Secret
		if s, err = l.client.CoreV1().Secrets(l.space).Get(ctx, name, metav1.GetOptions{}); err == nil {
			for k := range s.Data {
				out[k] = true
			}
		}
	} else {
		var m *corev1.ConfigMap
		if m, err = l.client.CoreV1().ConfigMaps(l.space).Get(ctx, name, metav1.GetOptions{}); err == nil {
			for k := range m.Data {
				out[k] = true
			}
			for k := range m.BinaryData {
				out[k] = true
			}
		}
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return out, err
}

func referencesOf(spec corev1.PodSpec) []why.Reference {
	var out []why.Reference
	add := func(kind, name, key, of string, optional *bool) {
		out = append(out, why.Reference{Kind: kind, Name: name, Key: key, For: of, Optional: optional != nil && *optional})
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, v := range c.Env {
			if from := v.ValueFrom; from != nil && from.SecretKeyRef != nil {
				add("Secret", from.SecretKeyRef.Name, from.SecretKeyRef.Key, "variable "+v.Name, from.SecretKeyRef.Optional)
			} else if from != nil && from.ConfigMapKeyRef != nil {
				add("ConfigMap", from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Key, "variable "+v.Name, from.ConfigMapKeyRef.Optional)
			}
		}
		for _, v := range c.EnvFrom {
			if v.SecretRef != nil {
				add("Secret", v.SecretRef.Name, "", "environment", v.SecretRef.Optional)
			} else if v.ConfigMapRef != nil {
				add("ConfigMap", v.ConfigMapRef.Name, "", "environment", v.ConfigMapRef.Optional)
			}
		}
	}
	for _, v := range spec.Volumes {
		volume(v, add)
	}
	return out
}

func volume(v corev1.Volume, add func(kind, name, key, of string, optional *bool)) {
	of := "volume " + v.Name
	items := func(kind, name string, list []corev1.KeyToPath, optional *bool) {
		if len(list) == 0 {
			add(kind, name, "", of, optional)
		}
		for _, i := range list {
			add(kind, name, i.Key, of, optional)
		}
	}
	switch {
	case v.Secret != nil:
		items("Secret", v.Secret.SecretName, v.Secret.Items, v.Secret.Optional)
	case v.ConfigMap != nil:
		items("ConfigMap", v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional)
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				items("Secret", s.Secret.Name, s.Secret.Items, s.Secret.Optional)
			} else if s.ConfigMap != nil && s.ConfigMap.Name != "kube-root-ca.crt" {
				items("ConfigMap", s.ConfigMap.Name, s.ConfigMap.Items, s.ConfigMap.Optional)
			}
		}
	}
}

func (l *look) nodes(ctx context.Context) {
	list, err := l.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: mostNodes})
	if err != nil {
		l.unseen("nodes", err)
		return
	}
	for _, n := range list.Items {
		out := why.Node{Name: n.Name, Cordoned: n.Spec.Unschedulable}
		out.Runs = slices.ContainsFunc(l.release.pods, func(p corev1.Pod) bool { return p.Spec.NodeName == n.Name })
		for _, c := range n.Status.Conditions {
			switch {
			case c.Type == corev1.NodeReady:
				out.Ready = c.Status == corev1.ConditionTrue
				out.Why, out.Since = clean(c.Reason+": "+c.Message), c.LastTransitionTime.UTC()
			case c.Status == corev1.ConditionTrue && strings.HasSuffix(string(c.Type), "Pressure"):
				out.Pressure = append(out.Pressure, string(c.Type))
			}
		}
		l.note(func() { l.seen.Nodes = append(l.seen.Nodes, out) })
	}
}

const mostNodes = 1000

func (l *look) claims(ctx context.Context) {
	var names []string
	for _, p := range l.release.pods {
		for _, v := range p.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && !slices.Contains(names, v.PersistentVolumeClaim.ClaimName) {
				names = append(names, v.PersistentVolumeClaim.ClaimName)
			}
		}
	}
	for _, name := range names {
		c, err := l.client.CoreV1().PersistentVolumeClaims(l.space).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			l.note(func() {
				l.seen.Claims = append(l.seen.Claims, why.Claim{Name: name, Phase: "Pending", Class: "?", ClassThere: true, Why: "there is no such claim"})
			})
			continue
		}
		if err != nil {
			l.unseen("disk "+name, err)
			continue
		}
		out := why.Claim{Name: name, Phase: string(c.Status.Phase)}
		if c.Spec.StorageClassName != nil && *c.Spec.StorageClassName != "" {
			out.Class = *c.Spec.StorageClassName
			_, err := l.client.StorageV1().StorageClasses().Get(ctx, out.Class, metav1.GetOptions{})
			out.ClassThere = !apierrors.IsNotFound(err)
		}
		l.note(func() { l.seen.Claims = append(l.seen.Claims, out) })
	}
}

func (l *look) quotas(ctx context.Context) {
	list, err := l.client.CoreV1().ResourceQuotas(l.space).List(ctx, metav1.ListOptions{})
	if err != nil {
		l.unseen("quotas", err)
		return
	}
	for _, q := range list.Items {
		for name, hard := range q.Status.Hard {
			used := q.Status.Used[name]
			l.note(func() {
				l.seen.Quotas = append(l.seen.Quotas, why.Quota{Name: q.Name, Resource: string(name), Used: used.String(), Hard: hard.String(), Full: used.Cmp(hard) >= 0})
			})
		}
	}
	l.note(func() {
		slices.SortFunc(l.seen.Quotas, func(a, b why.Quota) int { return strings.Compare(a.Name+a.Resource, b.Name+b.Resource) })
	})
}

// usage asks the metrics server what containers take; a cluster without one has no such thing.
func (l *look) usage(ctx context.Context) {
	raw, err := l.client.CoreV1().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1/namespaces/"+l.space+"/pods").Param("labelSelector", l.release.selector.String()).DoRaw(ctx)
	if err != nil {
		l.note(func() {
			l.e.Unseen = append(l.e.Unseen, "what it takes of memory now: the cluster has no metrics server that answers")
		})
		return
	}
	var list struct {
		Items []struct {
			Metadata   struct{ Name string }
			Containers []struct {
				Name  string
				Usage map[string]string
			}
		}
	}
	if json.Unmarshal(raw, &list) != nil {
		return
	}
	used := map[[2]string]string{}
	for _, p := range list.Items {
		for _, c := range p.Containers {
			if q, err := resource.ParseQuantity(c.Usage["memory"]); err == nil {
				used[[2]string{p.Metadata.Name, c.Name}] = sized(q.Value())
			}
		}
	}
	l.note(func() {
		for i, p := range l.seen.Pods {
			for j, c := range p.Containers {
				l.seen.Pods[i].Containers[j].MemoryUsed = used[[2]string{p.Name, c.Name}]
			}
		}
	})
}

// logs reads the last lines of containers, of those that ended before their last words.
func (l *look) logs(ctx context.Context) {
	var wg []func()
	pods := l.pods()
	for i, p := range pods[:min(len(pods), mostLogged)] {
		for j, c := range p.Containers {
			if c.Running || c.Exit != nil {
				wg = append(wg, func() { l.log(ctx, i, j, p.Name, c) })
			}
		}
	}
	together(wg...)
}

const (
	mostLogged = 4 // pods
	tail       = int64(60)
	mostBytes  = int64(64 << 10)
)

// errTakenAway says that a kubelet has a log no more, and another container takes the place of the one whose it was.
var errTakenAway = errors.New("it was taken away with its container")

// words are the last a container said: before it ended where it begins anew, else now. One that is just being replaced is asked again.
func (l *look) words(ctx context.Context, pod string, c why.Container) (data []byte, err error) {
	const again, every = 4, 500 * time.Millisecond
	before := !c.Ready && c.Restarts > 0 && c.Waiting != ""
	for range again {
		if data, err = l.logged(ctx, pod, c.Name, before); err != nil && before {
			data, err = l.logged(ctx, pod, c.Name, false)
		}
		if !errors.Is(err, errTakenAway) {
			return data, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(every):
			before = !before
		}
	}
	return nil, err
}

// logged is the end of a container's log, or of the one's before it.
func (l *look) logged(ctx context.Context, pod, container string, before bool) ([]byte, error) {
	lines, mostTail := tail, mostBytes
	data, err := l.client.CoreV1().Pods(l.space).GetLogs(pod, &corev1.PodLogOptions{Container: container, TailLines: &lines, LimitBytes: &mostTail, Previous: before}).DoRaw(ctx)
	if err == nil && strings.HasPrefix(string(data), "unable to retrieve container logs for") {
		return nil, errTakenAway
	}
	return data, err
}

func (l *look) log(ctx context.Context, i, j int, pod string, c why.Container) {
	data, err := l.words(ctx, pod, c)
	if err != nil {
		l.unseen("the log of pod/"+pod+", container "+c.Name, err)
		return
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = clean(line); line != "" {
			out = append(out, line)
		}
	}
	l.note(func() { l.seen.Pods[i].Containers[j].Log = out })
}
