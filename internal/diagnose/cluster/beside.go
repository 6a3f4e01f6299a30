package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// probeLabel marks a pod that was made to try something.
	probeLabel = "caravan.example.org/why"
	// probeLife is how long such a pod may run, should nobody be left to take it away.
	probeLife = 120
	probeName = "why"
)

// hopeless are what a container waits for that no patience mends.
var hopeless = []string{"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}

// beside puts a short-lived pod next to the subject's, with their labels, so that policies treat it alike, and the same node. It
// never becomes ready, so no Service sends it anything, and it lacks the label by which a ReplicaSet would take it for its own.
// What an earlier one left is taken away first. Remove takes it away; it is nil when there is none.
func (l *look) beside(ctx context.Context) (at place, remove func(), err error) {
	pods := l.client.CoreV1().Pods(l.space)
	gone := metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}
	if err := pods.DeleteCollection(ctx, gone, metav1.ListOptions{LabelSelector: probeLabel + "=" + l.s.Cluster.Name}); err != nil {
		return place{}, nil, fmt.Errorf("a pod to try it from could not be made (%s)", reason(err))
	}
	made, err := pods.Create(ctx, l.probePod(), metav1.CreateOptions{})
	if err != nil {
		return place{}, nil, fmt.Errorf("a pod to try it from could not be made (%s)", reason(err))
	}
	remove = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
		defer cancel()
		if err := pods.Delete(ctx, made.Name, gone); err != nil {
			l.unseen(fmt.Sprintf("pod/%s was made to try from and could not be taken away; it ends by itself within %d s", made.Name, probeLife), err)
		}
	}
	const often, most = 200 * time.Millisecond, 45 * time.Second // its image may have to come first
	state := ""
	err = wait.PollUntilContextTimeout(ctx, often, most, true, func(ctx context.Context) (bool, error) {
		p, err := pods.Get(ctx, made.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		v := podOf(*p, false)
		if len(v.Containers) == 0 {
			state = v.Unscheduled
			return false, nil
		}
		c := v.Containers[0]
		if c.Waiting != "" {
			state = strings.TrimSuffix(c.Waiting+": "+c.WaitingFor, ": ")
		}
		if slices.Contains(hopeless, c.Waiting) {
			return false, errors.New(c.Waiting)
		}
		return c.Running, nil
	})
	if err != nil {
		return place{}, remove, fmt.Errorf("the pod to try it from did not start (%s)", clean(state))
	}
	at, err = l.equipped(ctx, place{pod: made.Name, container: probeName, probe: true})
	return at, remove, err
}

func (l *look) probePod() *corev1.Pod {
	labels := maps.Clone(l.release.template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[probeLabel] = l.s.Cluster.Name
	spec := l.release.template.Spec
	asked := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	most := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("32Mi")} // a shell that is throttled takes seconds to begin, and would be taken for silence
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "caravan-why-", Labels: labels},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, ActiveDeadlineSeconds: new(int64(probeLife)), AutomountServiceAccountToken: new(false),
			Tolerations: spec.Tolerations, DNSPolicy: spec.DNSPolicy, DNSConfig: spec.DNSConfig, HostAliases: spec.HostAliases, ImagePullSecrets: spec.ImagePullSecrets,
			ReadinessGates:  []corev1.PodReadinessGate{{ConditionType: probeLabel}},
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(65534)), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: probeName, Image: l.Image, Command: []string{"sleep", fmt.Sprint(probeLife)}, Resources: corev1.ResourceRequirements{Requests: asked, Limits: most},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
	for _, v := range l.release.pods {
		if v.Spec.NodeName != "" {
			p.Spec.NodeName = v.Spec.NodeName
			break
		}
	}
	return p
}
