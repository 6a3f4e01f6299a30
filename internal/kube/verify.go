package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

var (
	podResource   = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	eventResource = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	claimResource = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	replicaSets   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	users         = []schema.GroupVersionResource{ // of configuration
		podResource, {Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "apps", Version: "v1", Resource: "statefulsets"},
		{Group: "apps", Version: "v1", Resource: "daemonsets"}, {Group: "batch", Version: "v1", Resource: "jobs"}, {Group: "batch", Version: "v1", Resource: "cronjobs"},
	}
)

// Verify waits until a step's objects are ready. It ends at once, Unavailable with the reason, when they never will be by themselves: an
// image that does not exist, a program that crashes again and again, a secret that is not there, a quota that is used up.
func (t *Target) Verify(ctx context.Context, s journey.Step, tell journey.Tell) error {
	ctx = loud(ctx, tell)
	records, all, err := t.recordsOf(ctx, s)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := t.ready(ctx, records, tell); err != nil {
		return err
	}
	return t.sweep(ctx, all, tell)
}

// recordsOf are the objects that a step's files make, as the inventories have them, which are given by folder.
func (t *Target) recordsOf(ctx context.Context, s journey.Step) ([]objectRecord, map[string]*inventory, error) {
	var paths []string
	for _, f := range s.Files {
		paths = append(paths, f.Path)
	}
	places, units, err := treeOf(t.owner, t.o.Images, t.o.Files, nil).placed(paths)
	if err != nil {
		return nil, nil, err
	}
	folders := slices.Collect(maps.Values(places))
	for _, u := range units {
		folders = append(folders, u.folder)
	}
	slices.Sort(folders)
	folders = slices.Compact(folders)
	if len(folders) == 0 {
		return nil, nil, nil
	}
	all, err := t.inventories(ctx, folders...)
	if err != nil {
		return nil, nil, err
	}
	var records []objectRecord
	for _, folder := range sortedKeys(all) {
		for _, key := range sortedKeys(all[folder].Objects) {
			if r := all[folder].Objects[key]; !r.Old && slices.Contains(paths, r.Path) {
				records = append(records, r)
			}
		}
	}
	return records, all, nil
}

// ready waits until objects are ready.
func (t *Target) ready(ctx context.Context, records []objectRecord, tell journey.Tell) error {
	w := watch{target: t, tell: tell, open: records, since: map[string]time.Time{}, runs: map[string]time.Time{}, said: map[string]string{}, first: true}
	err := t.await(ctx, func() (bool, error) { return w.look(ctx) })
	if errors.Is(err, errTime) {
		return w.late()
	}
	return err
}

// watch is a wait for objects to become ready.
type watch struct {
	target *Target
	tell   journey.Tell
	open   []objectRecord
	since  map[string]time.Time // when a trouble was first seen
	runs   map[string]time.Time // when a start of a container was first seen to run
	said   map[string]string    // what was told of an object last
	state  map[string]string    // of those that are not ready
	first  bool
}

// look takes out what is ready, and is an error when something will never be.
func (w *watch) look(ctx context.Context) (bool, error) {
	var ids []id
	for _, r := range w.open {
		ids = append(ids, r.ID)
	}
	live, err := w.target.live(ctx, ids)
	if err != nil {
		return false, err
	}
	var open []objectRecord
	var hopeless []error
	w.state = map[string]string{}
	for _, r := range w.open {
		ready, why, err := w.judge(ctx, r, live[r.ID.key()])
		if err != nil {
			hopeless = append(hopeless, err)
		}
		if ready {
			if w.said[r.ID.key()] != "" {
				w.tell(r.ID.String() + " is ready")
			}
			continue
		}
		open = append(open, r)
		w.state[r.ID.key()] = why
		if w.said[r.ID.key()] != why && why != "" {
			w.tell(r.ID.String() + ": " + why)
			w.said[r.ID.key()] = why
		}
	}
	w.open, w.first = open, false
	return len(open) == 0, errors.Join(hopeless...)
}

// judge says whether an object is ready, or what it waits for; an error when it waits for what never comes by itself.
func (w *watch) judge(ctx context.Context, r objectRecord, live *unstructured.Unstructured) (bool, string, error) {
	if live == nil {
		return false, "", fault.Newf(fault.Unavailable, "%s is not there any more: somebody took it away; move again", r.ID)
	}
	result, err := status.Compute(live)
	if err != nil {
		return false, "", fault.Newf(fault.Internal, "%s: %w", r.ID, err)
	}
	if result.Status == status.CurrentStatus {
		if steady, err := w.steady(ctx, live); err != nil || steady {
			ready, why := w.accepted(live)
			return ready, why, err
		}
		result.Message = "it has only just started"
	}
	why := clean(result.Message)
	found, err := w.target.troubles(ctx, live, w.first, w.tell)
	if err != nil {
		return false, why, err
	}
	if result.Status == status.FailedStatus {
		found = append(found, trouble{text: why, mend: "mend what it says and move again", grace: soon})
	}
	for _, f := range found {
		key := r.ID.key() + f.key()
		if w.since[key].IsZero() {
			w.since[key] = time.Now()
		}
		why = f.text
		if f.grace == 0 || time.Since(w.since[key]) >= f.grace {
			return false, why, fault.Newf(fault.Unavailable, "%s: %s; %s", r.ID, f.text, f.mend)
		}
	}
	return false, why, nil
}

// accepted looks at routes, which are ready when a gateway has taken them up.
func (w *watch) accepted(live *unstructured.Unstructured) (bool, string) {
	if live.GroupVersionKind().Group != "gateway.networking.k8s.io" {
		return true, ""
	}
	parents, _, _ := unstructured.NestedSlice(live.Object, "status", "parents")
	for _, p := range parents {
		for _, c := range conditionsOf(asMap(p)["conditions"]) {
			if c.status == "False" && (c.kind == "Accepted" || c.kind == "ResolvedRefs") {
				return false, "a gateway does not take it: " + clean(c.message)
			}
		}
	}
	if len(parents) == 0 {
		w.tell(idOf(live).String() + ": no gateway has said anything about it yet")
	}
	return true, ""
}

// A program that nothing probes is taken to have started once it is seen to run for steadily: one that cannot start ends
// sooner. A busy node says late that it runs, and later that it has ended. What has run for long is not looked at twice.
const (
	steadily = 5 * time.Second
	forLong  = time.Minute
)

// steady reports whether a workload that says it is ready has programs that run. Those with a probe have proved it; others
// say so as soon as they are started, and again each time after they crash.
func (w *watch) steady(ctx context.Context, live *unstructured.Unstructured) (bool, error) {
	if !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, live.GetKind()) || probed(live) {
		return true, nil
	}
	pods, err := w.target.podsOf(ctx, live)
	if err != nil {
		return false, err
	}
	steady := true
	for i := range pods {
		for _, c := range containers(&pods[i]) {
			steady = w.runsSteadily(&pods[i], c) && steady
		}
	}
	return steady, nil
}

// runsSteadily reports whether a container of a pod does, and takes note of when it was first seen to run.
func (w *watch) runsSteadily(pod *unstructured.Unstructured, c container) bool {
	if !c.running {
		return c.first && c.waiting == ""
	}
	start := fmt.Sprintf("%s/%s/%d", pod.GetUID(), c.name, c.restarts)
	if w.runs[start].IsZero() {
		w.runs[start] = time.Now()
	}
	return time.Since(c.since) >= forLong || time.Since(w.runs[start]) >= steadily
}

// probed reports whether every container of a workload is asked whether it is ready, or there are to be none.
func probed(live *unstructured.Unstructured) bool {
	if n, ok, _ := unstructured.NestedInt64(live.Object, "spec", "replicas"); ok && n == 0 {
		return true
	}
	all, _, _ := unstructured.NestedSlice(live.Object, "spec", "template", "spec", "containers")
	return !slices.ContainsFunc(all, func(c any) bool { return asMap(c)["readinessProbe"] == nil })
}

// late is that objects are not ready in time.
func (w *watch) late() error {
	var out []error
	for _, r := range w.open {
		why := w.state[r.ID.key()]
		if why == "" {
			why = "nothing says why"
		}
		out = append(out, fault.Newf(fault.Unavailable, "%s is not ready after %s: %s; mend that and move again, or take it back with caravan undo", r.ID, w.target.o.Patience, why))
	}
	return errors.Join(out...)
}

// condition is a line of an object's status.
type condition struct{ kind, status, reason, message string }

func conditions(live *unstructured.Unstructured) []condition {
	all, _, _ := unstructured.NestedFieldNoCopy(live.Object, "status", "conditions")
	return conditionsOf(all)
}

func conditionsOf(all any) []condition {
	list, _ := all.([]any)
	var out []condition
	for _, item := range list {
		m := asMap(item)
		out = append(out, condition{text(m, "type"), text(m, "status"), text(m, "reason"), text(m, "message")})
	}
	return out
}

func text(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

// trouble is what keeps an object from becoming ready.
type trouble struct {
	text  string
	mend  string
	grace time.Duration // how long it may still pass by itself, from when it was first seen; 0: it never does
}

// key tells troubles apart, whatever numbers they count.
func (t trouble) key() string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, t.text)
}

// How long troubles may still pass by themselves.
const (
	soon     = 15 * time.Second // somebody else may be putting it right this moment
	awhile   = 30 * time.Second // a node may be on its way
	later    = time.Minute
	forGood  = time.Duration(0)
	untilEnd = 24 * time.Hour // it is told, and the target's patience decides
)

// troubles are what keeps a workload from becoming ready: what its pods say, or why there are none.
func (t *Target) troubles(ctx context.Context, live *unstructured.Unstructured, first bool, tell journey.Tell) ([]trouble, error) {
	if !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "Job"}, live.GetKind()) {
		return nil, nil
	}
	pods, err := t.podsOf(ctx, live)
	if err != nil {
		return nil, err
	}
	if first {
		if pods, err = t.retry(ctx, pods, tell); err != nil {
			return nil, err
		}
		if err := t.nudge(ctx, live); err != nil {
			return nil, err
		}
	}
	out, err := t.refused(ctx, live, len(pods))
	if err != nil {
		return nil, err
	}
	for i := range pods {
		found, err := t.ails(ctx, &pods[i])
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// podsOf are the pods of what a workload is now: those of an older revision on their way out say nothing about it.
func (t *Target) podsOf(ctx context.Context, live *unstructured.Unstructured) ([]unstructured.Unstructured, error) {
	labels, _, _ := unstructured.NestedStringMap(live.Object, "spec", "selector", "matchLabels")
	if len(labels) == 0 {
		return nil, nil
	}
	var parts []string
	for _, k := range sortedKeys(labels) {
		parts = append(parts, k+"="+labels[k])
	}
	selector := strings.Join(parts, ",")
	key, revision, err := t.revision(ctx, live, selector)
	if err != nil {
		return nil, t.say(err, "look at "+idOf(live).String())
	}
	if key != "" {
		selector += "," + key + "=" + revision
	}
	all, err := t.list(ctx, podResource, live.GetNamespace(), selector)
	return slices.DeleteFunc(all, func(p unstructured.Unstructured) bool { return p.GetDeletionTimestamp() != nil }), t.say(err, "look at the pods of "+idOf(live).String())
}

// revision is the label that pods of a workload as it is now have.
func (t *Target) revision(ctx context.Context, live *unstructured.Unstructured, selector string) (key, value string, err error) {
	switch live.GetKind() {
	case "StatefulSet":
		value, _, _ = unstructured.NestedString(live.Object, "status", "updateRevision")
		if value == "" {
			return "", "", nil
		}
		return "controller-revision-hash", value, nil
	case "Deployment":
		const number = "deployment.kubernetes.io/revision"
		sets, err := t.list(ctx, replicaSets, live.GetNamespace(), selector)
		for _, s := range sets {
			if s.GetAnnotations()[number] == live.GetAnnotations()[number] && owns(live, &s) {
				return "pod-template-hash", s.GetLabels()["pod-template-hash"], nil
			}
		}
		return "", "", err
	}
	return "", "", nil
}

func owns(owner, o *unstructured.Unstructured) bool {
	for _, r := range o.GetOwnerReferences() {
		if r.UID == owner.GetUID() {
			return true
		}
	}
	return false
}

// retry takes away pods that an earlier try left waiting for minutes, so that others are started in their place at once. It gives those
// that stay.
func (t *Target) retry(ctx context.Context, pods []unstructured.Unstructured, tell journey.Tell) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	for i := range pods {
		p := &pods[i]
		stuck := slices.IndexFunc(containers(p), func(c container) bool {
			return slices.Contains([]string{"CrashLoopBackOff", "ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"}, c.waiting)
		})
		if stuck < 0 {
			out = append(out, *p)
			continue
		}
		tell(fmt.Sprintf("%s is started anew: it was waiting after a failure (%s)", idOf(p), containers(p)[stuck].waiting))
		if err := t.delete(ctx, idOf(p), p); err != nil {
			return out, err
		}
	}
	return out, nil
}

// nudge has pods of a Deployment made at once that were refused before: else that is tried again after longer and longer pauses.
func (t *Target) nudge(ctx context.Context, live *unstructured.Unstructured) error {
	refused := slices.ContainsFunc(conditions(live), func(c condition) bool { return c.kind == "ReplicaFailure" && c.status == "True" })
	if live.GetKind() != "Deployment" || !refused {
		return nil
	}
	sets, err := t.list(ctx, replicaSets, live.GetNamespace(), "")
	for i := range sets {
		if !owns(live, &sets[i]) || err != nil {
			continue
		}
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"caravan.example.org/tried":%q}}}`, time.Now().UTC().Format(time.RFC3339Nano))
		err = t.patiently(ctx, func() error {
			_, err := t.in(replicaSets, live.GetNamespace()).Patch(ctx, sets[i].GetName(), types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager})
			return absent(err)
		})
	}
	return t.say(err, "have the pods of "+idOf(live).String()+" made")
}

// refused is why pods of a workload cannot even be made.
func (t *Target) refused(ctx context.Context, live *unstructured.Unstructured, pods int) ([]trouble, error) {
	var out []trouble
	for _, c := range conditions(live) {
		if c.kind == "ReplicaFailure" && c.status == "True" {
			out = append(out, refusal(c.message))
		}
	}
	if live.GetKind() == "Deployment" || pods > 0 {
		return out, nil
	}
	events, err := t.events(ctx, live)
	for _, e := range events {
		if e.reason == "FailedCreate" {
			out = append(out, refusal(e.message))
		}
	}
	return out, err
}

func refusal(message string) trouble {
	mend := "mend what refuses them and move again"
	if strings.Contains(message, "exceeded quota") {
		mend = "raise the quota of the namespace, or ask for less in the workload, and move again"
	}
	return trouble{text: "its pods cannot be made: " + clean(message), mend: mend, grace: soon}
}
