package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"example.org/caravan/internal/why"
)

// release is what is deployed, as the cluster's own values.
type release struct {
	template corev1.PodTemplateSpec
	pods     []corev1.Pod // as why.InCluster.Pods
	newest   string       // value of the label that tells releases apart
	mark     string       // that label
	makers   []string     // objects whose events say why pods cannot be made: "ReplicaSet/orders-7c9"
	selector labels.Selector
}

// read reads the object and its pods; false when there is nothing to look at.
func (l *look) read(ctx context.Context) bool {
	err := l.readObject(ctx)
	switch {
	case apierrors.IsNotFound(err):
		l.seen.Missing = true
		return false
	case err != nil:
		l.unseen(l.s.Cluster.Kind+"/"+l.s.Cluster.Name, err)
		return false
	}
	list, err := l.client.CoreV1().Pods(l.space).List(ctx, metav1.ListOptions{LabelSelector: l.release.selector.String(), Limit: mostPods})
	if err != nil {
		l.unseen("its pods", err)
		return true
	}
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil && p.Labels[probeLabel] == "" {
			l.release.pods = append(l.release.pods, p)
		}
	}
	slices.SortStableFunc(l.release.pods, func(a, b corev1.Pod) int {
		return cmp.Or(flag(l.isNewest(b))-flag(l.isNewest(a)), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range l.release.pods {
		l.seen.Pods = append(l.seen.Pods, podOf(p, l.isNewest(p)))
	}
	return true
}

// mostPods bounds how many pods are looked at.
const mostPods = 200

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (l *look) isNewest(p corev1.Pod) bool {
	return l.release.mark == "" || l.release.newest == "" || p.Labels[l.release.mark] == l.release.newest
}

func (l *look) readObject(ctx context.Context) error {
	switch l.s.Cluster.Kind {
	case "statefulset":
		return l.readStateful(ctx)
	case "deployment":
		return l.readDeployment(ctx)
	}
	return fmt.Errorf("an operator keeps it, and %s are not looked at; caravan how %s status tells how to ask", l.s.Cluster.Kind, l.s.Service)
}

func wanted(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

func (l *look) readDeployment(ctx context.Context) error {
	d, err := l.client.AppsV1().Deployments(l.space).Get(ctx, l.s.Cluster.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	l.seen.Rollout = why.Rollout{Wanted: wanted(d.Spec.Replicas), Updated: int(d.Status.UpdatedReplicas), Ready: int(d.Status.ReadyReplicas), Paused: d.Spec.Paused}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			l.seen.Rollout.Failure, l.seen.Rollout.FailureAt = clean(c.Message), c.LastTransitionTime.UTC()
		}
	}
	l.release.template, l.release.mark = d.Spec.Template, appsv1.DefaultDeploymentUniqueLabelKey
	if l.release.selector, err = metav1.LabelSelectorAsSelector(d.Spec.Selector); err != nil {
		return err
	}
	sets, err := l.client.AppsV1().ReplicaSets(l.space).List(ctx, metav1.ListOptions{LabelSelector: l.release.selector.String()})
	if err != nil {
		l.unseen("its releases (ReplicaSets)", err)
		return nil
	}
	last := -1
	for _, s := range sets.Items {
		if !ownedBy(s.OwnerReferences, d.UID) {
			continue
		}
		if n, _ := strconv.Atoi(s.Annotations["deployment.kubernetes.io/revision"]); n > last {
			last, l.release.newest, l.release.makers = n, s.Labels[l.release.mark], []string{"ReplicaSet/" + s.Name}
		}
	}
	return nil
}

func (l *look) readStateful(ctx context.Context) error {
	s, err := l.client.AppsV1().StatefulSets(l.space).Get(ctx, l.s.Cluster.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	l.seen.Rollout = why.Rollout{Wanted: wanted(s.Spec.Replicas), Updated: int(s.Status.UpdatedReplicas), Ready: int(s.Status.ReadyReplicas)}
	l.release.template, l.release.mark, l.release.newest = s.Spec.Template, appsv1.ControllerRevisionHashLabelKey, s.Status.UpdateRevision
	l.release.makers = []string{"StatefulSet/" + s.Name}
	l.release.selector, err = metav1.LabelSelectorAsSelector(s.Spec.Selector)
	return err
}

func ownedBy(refs []metav1.OwnerReference, uid types.UID) bool {
	return slices.ContainsFunc(refs, func(r metav1.OwnerReference) bool { return r.UID == uid })
}

// podOf is a pod as evidence.
func podOf(p corev1.Pod, newest bool) why.Pod {
	out := why.Pod{
		Name: p.Name, Node: p.Spec.NodeName, Phase: string(p.Status.Phase), Reason: p.Status.Reason, Message: clean(p.Status.Message), Newest: newest,
		Labels: p.Labels, Created: p.CreationTimestamp.UTC(),
	}
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady:
			out.Ready = c.Status == corev1.ConditionTrue
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			out.Unscheduled = clean(c.Message)
		}
	}
	for _, c := range p.Spec.InitContainers {
		out.Containers = append(out.Containers, containerOf(c, p.Status.InitContainerStatuses, true))
	}
	for _, c := range p.Spec.Containers {
		out.Containers = append(out.Containers, containerOf(c, p.Status.ContainerStatuses, false))
	}
	return out
}

func containerOf(c corev1.Container, all []corev1.ContainerStatus, init bool) why.Container {
	out := why.Container{Name: c.Name, Image: c.Image, Init: init, MemoryLimit: memory(c.Resources.Limits)}
	if len(c.Command) > 0 {
		out.Program = c.Command[0]
	}
	for _, p := range c.Ports {
		out.Ports = append(out.Ports, int(p.ContainerPort))
	}
	for _, q := range []struct {
		kind  string
		probe *corev1.Probe
	}{{"startup", c.StartupProbe}, {"liveness", c.LivenessProbe}, {"readiness", c.ReadinessProbe}} {
		if q.probe != nil {
			out.Probes = append(out.Probes, probeOf(q.kind, q.probe.ProbeHandler, c))
		}
	}
	i := slices.IndexFunc(all, func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
	if i >= 0 {
		fill(&out, all[i])
	}
	return out
}

func fill(out *why.Container, s corev1.ContainerStatus) {
	out.Ready, out.Restarts, out.Running = s.Ready, int(s.RestartCount), s.State.Running != nil
	if w := s.State.Waiting; w != nil {
		out.Waiting, out.WaitingFor = w.Reason, clean(w.Message)
	}
	ended := s.State.Terminated
	if ended == nil {
		ended = s.LastTerminationState.Terminated
	}
	if ended != nil {
		out.Exit = &why.Exit{Reason: ended.Reason, Code: int(ended.ExitCode), Signal: int(ended.Signal), Message: clean(ended.Message), At: ended.FinishedAt.UTC()}
	}
}

func probeOf(kind string, h corev1.ProbeHandler, c corev1.Container) why.Probe {
	out := why.Probe{Kind: kind}
	switch {
	case h.HTTPGet != nil:
		out.Path, out.Scheme, out.Port = cmp.Or(h.HTTPGet.Path, "/"), string(cmp.Or(h.HTTPGet.Scheme, corev1.URISchemeHTTP)), portOf(h.HTTPGet.Port.String(), c.Ports)
	case h.TCPSocket != nil:
		out.Port = portOf(h.TCPSocket.Port.String(), c.Ports)
	case h.GRPC != nil:
		out.Port = int(h.GRPC.Port)
	}
	return out
}

// portOf is a port by its number or name; 0 when no port is called so.
func portOf(text string, named []corev1.ContainerPort) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	for _, p := range named {
		if p.Name == text {
			return int(p.ContainerPort)
		}
	}
	return 0
}

// memory is a limit in whole binary units; "" when there is none.
func memory(limits corev1.ResourceList) string {
	q, ok := limits[corev1.ResourceMemory]
	if !ok {
		return ""
	}
	return sized(q.Value())
}

func sized(bytes int64) string {
	switch {
	case bytes >= 10<<30:
		return fmt.Sprintf("%dGi", bytes>>30)
	case bytes >= 1<<20:
		return fmt.Sprintf("%dMi", bytes>>20)
	}
	return fmt.Sprintf("%dKi", bytes>>10)
}

// events reads what happened in the namespace to the object, its pods and its disks, and what makes pods.
func (l *look) events(ctx context.Context) {
	list, err := l.client.CoreV1().Events(l.space).List(ctx, metav1.ListOptions{Limit: mostEvents})
	if err != nil {
		l.unseen("events", err)
		return
	}
	for _, e := range list.Items {
		at := e.LastTimestamp.Time
		if at.IsZero() {
			at = e.EventTime.Time
		}
		if at.IsZero() {
			at = e.FirstTimestamp.Time
		}
		count := int(e.Count)
		if e.Series != nil {
			at, count = e.Series.LastObservedTime.Time, int(e.Series.Count)
		}
		if l.e.At.Sub(at) > oldest {
			continue
		}
		object := e.InvolvedObject
		l.note(func() {
			l.event(object, e, why.Event{Object: strings.ToLower(object.Kind) + "/" + object.Name, Reason: e.Reason, Message: clean(e.Message), At: at.UTC(), Count: max(count, 1), Warning: e.Type == corev1.EventTypeWarning})
		})
	}
}

const (
	mostEvents = 2000
	oldest     = 60 * 60 * 1e9 // of an event that still says something
)

// event sorts an event in where it belongs.
func (l *look) event(object corev1.ObjectReference, raw corev1.Event, e why.Event) {
	of := object.Kind + "/" + object.Name
	switch {
	case object.Kind == "Pod" && slices.ContainsFunc(l.release.pods, func(p corev1.Pod) bool { return p.UID == object.UID || object.UID == "" && p.Name == object.Name }):
		l.seen.Events = append(l.seen.Events, e)
		if raw.Reason == "Unhealthy" {
			l.unhealthy(object, e)
		}
	case slices.Contains(l.release.makers, of):
		l.seen.Events = append(l.seen.Events, e)
		if raw.Reason == "FailedCreate" && len(l.release.pods) < l.seen.Rollout.Wanted && e.At.After(l.seen.Rollout.FailureAt) {
			l.seen.Rollout.Failure, l.seen.Rollout.FailureAt = e.Message, e.At
		}
	case object.Kind == "PersistentVolumeClaim":
		l.seen.Events = append(l.seen.Events, e)
	}
}

// unhealthy notes what the kubelet says of a probe.
func (l *look) unhealthy(object corev1.ObjectReference, e why.Event) {
	kind, _, _ := strings.Cut(strings.ToLower(e.Message), " probe")
	for i, p := range l.seen.Pods {
		for j, c := range p.Containers {
			if p.Name != object.Name || object.FieldPath != "spec.containers{"+c.Name+"}" {
				continue
			}
			for k, q := range c.Probes {
				if q.Kind == kind && !e.At.Before(q.At) {
					l.seen.Pods[i].Containers[j].Probes[k].Failed, l.seen.Pods[i].Containers[j].Probes[k].At = e.Message, e.At
					l.seen.Pods[i].Containers[j].Probes[k].Count += e.Count
				}
			}
		}
	}
}
