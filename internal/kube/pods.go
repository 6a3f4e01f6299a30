package kube

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// container is how a container of a pod stands.
type container struct {
	name, image      string
	first            bool   // it prepares the pod, and ends before the others start
	waiting, message string // why it waits, and in the kubelet's words; "" when it does not
	running, ready   bool
	since            time.Time // it runs
	restarts         int64
	ended            string // how it ended last: "Error", "OOMKilled", "StartError"
	code             int64  // exit code then
	last             string // message of that
}

// containers are those of a pod, the ones that prepare it first.
func containers(pod *unstructured.Unstructured) []container {
	var out []container
	for _, field := range []string{"initContainerStatuses", "containerStatuses"} {
		all, _, _ := unstructured.NestedSlice(pod.Object, "status", field)
		for _, item := range all {
			m := asMap(item)
			state, last := asMap(m["state"]), asMap(m["lastState"])
			ended := asMap(state["terminated"])
			if ended == nil {
				ended = asMap(last["terminated"])
			}
			c := container{name: text(m, "name"), image: text(m, "image"), first: field == "initContainerStatuses", running: state["running"] != nil}
			c.waiting, c.message = text(asMap(state["waiting"]), "reason"), text(asMap(state["waiting"]), "message")
			c.since, _ = time.Parse(time.RFC3339, text(asMap(state["running"]), "startedAt")) // zero when it does not run
			c.ready, _ = m["ready"].(bool)
			c.restarts, _ = m["restartCount"].(int64)
			c.ended, c.last = text(ended, "reason"), text(ended, "message")
			c.code, _ = ended["exitCode"].(int64)
			out = append(out, c)
		}
	}
	return out
}

// ails is what keeps a pod from being ready.
func (t *Target) ails(ctx context.Context, pod *unstructured.Unstructured) ([]trouble, error) {
	for _, c := range conditions(pod) {
		if c.kind == "PodScheduled" && c.status == "False" && c.reason == "Unschedulable" {
			return []trouble{{text: fmt.Sprintf("%s cannot be placed on any node: %s", idOf(pod), clean(c.message)), mend: "add nodes, or ask for less in the workload, and move again", grace: awhile}}, nil
		}
		if c.kind == "Ready" && c.status == "True" {
			return nil, nil
		}
	}
	var out []trouble
	starting, silent := false, false // what events tell of is over once it went on
	for _, c := range containers(pod) {
		out = append(out, t.containerAils(ctx, pod, c)...)
		starting = starting || c.waiting == "ContainerCreating"
		silent = silent || c.running && !c.ready
	}
	if !starting && !silent {
		return out, nil
	}
	events, err := t.events(ctx, pod)
	for _, e := range events {
		if f, ok := t.eventAils(pod, e); ok && (e.reason == "Unhealthy") == silent {
			out = append(out, f)
		}
	}
	return out, t.say(err, "look at the events of "+idOf(pod).String())
}

// hopeless are words of registries that say no for good.
var hopeless = regexp.MustCompile(`(?i)not found|manifest unknown|unauthorized|authentication required|denied|invalid reference|couldn't parse|no match for platform`)

func (t *Target) containerAils(ctx context.Context, pod *unstructured.Unstructured, c container) []trouble {
	again := "and move again"
	switch c.waiting {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
		f := trouble{text: fmt.Sprintf("image %s cannot be pulled: %s", c.image, clean(c.message)), mend: "push it, or name one that exists in the workload, " + again, grace: later}
		if hopeless.MatchString(c.message) || c.waiting == "InvalidImageName" || c.waiting == "ErrImageNeverPull" {
			f.grace = forGood
		}
		return []trouble{f}
	case "CreateContainerConfigError":
		return []trouble{{text: fmt.Sprintf("container %s of %s cannot be configured: %s", c.name, idOf(pod), clean(c.message)), mend: t.whereSecretsAre(pod.GetNamespace(), c.message) + " " + again, grace: soon}}
	case "CreateContainerError", "RunContainerError":
		return []trouble{{text: fmt.Sprintf("container %s of %s cannot be started: %s", c.name, idOf(pod), clean(c.message)), mend: "mend its command or image in the workload " + again, grace: soon}}
	case "CrashLoopBackOff":
		f := trouble{text: t.crashed(ctx, pod, c), mend: "mend it " + again, grace: untilEnd}
		const enough = 2
		if c.restarts >= enough {
			f.grace = forGood
		}
		if c.ended == "OOMKilled" {
			f.mend = "give it more memory in the workload, or mend what takes it, " + again
		}
		return []trouble{f}
	}
	return nil
}

// crashed says how a container ended, with its last words.
func (t *Target) crashed(ctx context.Context, pod *unstructured.Unstructured, c container) string {
	how := fmt.Sprintf("exit code %d", c.code)
	switch {
	case c.ended == "OOMKilled":
		how = "it was out of memory (OOMKilled, " + how + ")"
		if limit := limitOf(pod, c.name); limit != "" {
			how += ", its limit is " + limit
		}
	case c.last != "":
		how += ": " + clean(c.last)
	}
	out := fmt.Sprintf("container %s of %s crashes again and again, %d times so far; %s", c.name, idOf(pod), c.restarts, how)
	if last := t.lastWords(ctx, pod, c.name); last != "" {
		out += `; its last words: "` + last + `"`
	}
	return out
}

func limitOf(pod *unstructured.Unstructured, name string) string {
	all, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
	for _, item := range all {
		if m := asMap(item); text(m, "name") == name {
			return text(asMap(asMap(m["resources"])["limits"]), "memory")
		}
	}
	return ""
}

// lastWords are the end of what a container wrote before it ended, in a line without secrets; "" when there is nothing.
func (t *Target) lastWords(ctx context.Context, pod *unstructured.Unstructured, name string) string {
	const lines, bytes, enough = "5", "2048", 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	for _, previous := range []string{"true", "false"} {
		said, err := t.core.Get().Namespace(pod.GetNamespace()).Resource("pods").Name(pod.GetName()).SubResource("log").
			Param("container", name).Param("tailLines", lines).Param("limitBytes", bytes).Param("previous", previous).DoRaw(ctx)
		if err == nil && len(said) > 0 {
			return clean(strings.ReplaceAll(strings.TrimSpace(string(said)), "\n", " | "))
		}
	}
	return ""
}

// named is what a kubelet says is missing.
var named = regexp.MustCompile(`(?i)(secret|configmap) "?(?:[a-z0-9.-]+/)?([a-z0-9.-]+)"?`)

// whereSecretsAre tells what to do about configuration that is missing, with the file that says what goes in.
func (t *Target) whereSecretsAre(namespace, message string) string {
	found := named.FindStringSubmatch(message)
	if found == nil {
		return "put there what is missing,"
	}
	if !strings.EqualFold(found[1], "secret") {
		return fmt.Sprintf("put the configmap %s/%s there,", namespace, found[2])
	}
	for _, f := range t.o.Files {
		if strings.EqualFold(path.Base(f.Path), "secrets.md") && strings.Contains(f.Text, found[2]) {
			return fmt.Sprintf("put the secret %s/%s there, %s says what goes in,", namespace, found[2], f.Path)
		}
	}
	return fmt.Sprintf("put the secret %s/%s there,", namespace, found[2])
}

// event is what a part of Kubernetes said about an object.
type event struct{ reason, message string }

// events are those about an object, the latest last.
func (t *Target) events(ctx context.Context, about *unstructured.Unstructured) ([]event, error) {
	var list *unstructured.UnstructuredList
	err := t.patiently(ctx, func() (err error) {
		list, err = t.in(eventResource, about.GetNamespace()).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(about.GetUID()), Limit: page})
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(a, b unstructured.Unstructured) int {
		return strings.Compare(text(a.Object, "lastTimestamp"), text(b.Object, "lastTimestamp"))
	})
	var out []event
	for _, e := range list.Items {
		out = append(out, event{text(e.Object, "reason"), text(e.Object, "message")})
	}
	return out, nil
}

// eventAils is the trouble that an event of a pod tells of.
func (t *Target) eventAils(pod *unstructured.Unstructured, e event) (trouble, bool) {
	switch e.reason {
	case "FailedMount", "FailedAttachVolume":
		f := trouble{text: fmt.Sprintf("%s waits for a volume: %s", idOf(pod), clean(e.message)), mend: "put there what is missing and move again", grace: untilEnd}
		if strings.Contains(e.message, "not found") {
			f.mend, f.grace = t.whereSecretsAre(pod.GetNamespace(), afterLast(e.message, ": "))+" and move again", soon
		}
		return f, true
	case "FailedCreatePodSandBox":
		return trouble{text: fmt.Sprintf("%s cannot be started on its node: %s", idOf(pod), clean(e.message)), mend: "mend the node and move again", grace: later}, true
	case "Unhealthy":
		return trouble{text: fmt.Sprintf("%s does not answer its probe: %s", idOf(pod), clean(e.message)), mend: "mend it and move again", grace: untilEnd}, true
	}
	return trouble{}, false
}

func afterLast(text, sep string) string {
	return text[strings.LastIndex(text, sep)+1:]
}
