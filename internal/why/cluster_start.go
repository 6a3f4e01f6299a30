package why

import (
	"fmt"
	"slices"
	"strings"
)

// seen is a container with the pod it is in.
type seen struct {
	Pod
	Container
}

func (s seen) where() string { return "pod/" + s.Pod.Name + ", container " + s.Container.Name }

// ill are the containers that are not well, those of the newest release first.
func (v view) ill() []seen {
	var out []seen
	if v.InCluster == nil {
		return nil
	}
	for _, p := range v.InCluster.Pods {
		for _, c := range p.Containers {
			done := c.Init && c.Exit != nil && c.Exit.Code == 0 && c.Waiting == ""
			if !c.Ready && !done && p.Phase != "Succeeded" {
				out = append(out, seen{p, c})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b seen) int { return order(b.Newest) - order(a.Newest) })
	return out
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// events of a pod with one of some reasons, the last first.
func (v view) events(object string, reasons ...string) []Event {
	var out []Event
	for _, e := range v.InCluster.Events {
		if e.Object == object && slices.Contains(reasons, e.Reason) {
			out = append(out, e)
		}
	}
	return out
}

func proofs(events []Event) []Proof {
	const most = 3
	var out []Proof
	for _, e := range events[:min(len(events), most)] {
		text := short(e.Message)
		if e.Count > 1 {
			text += fmt.Sprintf(" (%d times)", e.Count)
		}
		out = append(out, since(e.Object, e.At, "%s: %s", e.Reason, text))
	}
	return out
}

func (v view) image() []Cause {
	if v.gone() {
		return nil
	}
	var out []Cause
	for _, s := range v.ill() {
		if !slices.Contains([]string{"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}, s.Waiting) {
			continue
		}
		said := proofs(v.events("pod/"+s.Pod.Name, "Failed", "InspectFailed"))
		text := s.WaitingFor
		for _, p := range said {
			text += "\n" + p.Text
		}
		c := Cause{
			Line:  v.pulls(s, text),
			Proof: append([]Proof{proof(s.where(), "%s: %s", s.Waiting, short(s.WaitingFor))}, said...),
			Next:  []Command{next(v.kubectl("describe", "pod", s.Pod.Name), "the registry's own words, among the events")},
		}
		if v.olderServe() {
			c.Means = "The release before goes on answering meanwhile; kubectl rollout undo goes back to it."
		}
		out = append(out, c)
	}
	return out
}

// pulls says why an image is not there.
func (v view) pulls(s seen, text string) string {
	low := strings.ToLower(text)
	registry := registryOf(s.Image)
	switch {
	case s.Waiting == "InvalidImageName":
		return fmt.Sprintf("%s cannot start: %q is no name of an image", v.Service, s.Image)
	case contains(low, "connection refused", "no such host", "i/o timeout", "no route to host", "network is unreachable", "dial tcp", "tls handshake timeout", "server misbehaving", "eof"):
		return fmt.Sprintf("%s cannot start: the registry %s of image %s does not answer", v.Service, registry, s.Image)
	case contains(low, "x509"):
		return fmt.Sprintf("%s cannot start: nodes do not trust the certificate of registry %s", v.Service, registry)
	case contains(low, "unauthorized", "authentication required", "denied", "forbidden", "403", "401"):
		return fmt.Sprintf("%s cannot start: registry %s does not let the cluster have image %s", v.Service, registry, s.Image)
	case contains(low, "not found", "manifest unknown", "does not exist"):
		return fmt.Sprintf("%s cannot start: image %s does not exist", v.Service, s.Image)
	case contains(low, "no match for platform", "exec format"):
		return fmt.Sprintf("%s cannot start: image %s is not for the processors of the nodes", v.Service, s.Image)
	}
	return fmt.Sprintf("%s cannot start: image %s cannot be pulled", v.Service, s.Image)
}

func contains(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// registryOf is the registry an image is pulled from (distribution/reference).
func registryOf(image string) string {
	first, _, ok := strings.Cut(image, "/")
	if ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return first
	}
	return "docker.io"
}

// olderServe reports whether pods of the release before are still ready.
func (v view) olderServe() bool {
	return slices.ContainsFunc(v.InCluster.Pods, func(p Pod) bool { return !p.Newest && p.Ready })
}

func (v view) configuration() []Cause {
	if v.gone() || len(v.ill()) == 0 {
		return nil
	}
	var out []Cause
	for _, r := range v.InCluster.References {
		if r.Optional || r.Unknown || r.There && r.HasKey {
			continue
		}
		what := strings.ToLower(r.Kind) + "/" + r.Name
		c := Cause{
			Line:  fmt.Sprintf("%s cannot start: there is no %s %s in namespace %s, which its %s comes from", v.Service, r.Kind, r.Name, v.Cluster.Namespace, r.For),
			Proof: []Proof{proof(what, "not found")},
			Next:  []Command{next(v.kubectl("get", strings.ToLower(r.Kind)+"s"), "lists those there are")},
		}
		if r.There {
			c.Line = fmt.Sprintf("%s cannot start: %s %s has no key %s, which its %s comes from", v.Service, r.Kind, r.Name, r.Key, r.For)
			c.Proof[0] = proof(what, "has no key %s", r.Key)
			c.Next[0] = next(v.kubectl("describe", strings.ToLower(r.Kind), r.Name), "lists its keys, and no values of a Secret")
		}
		c.Proof = append(c.Proof, v.waits()...)
		out = append(out, c)
	}
	return append(out, v.configurationSaid(len(out) > 0)...)
}

// waits are what the kubelet says of containers it cannot make.
func (v view) waits() []Proof {
	for _, s := range v.ill() {
		if s.Waiting == "CreateContainerConfigError" {
			return []Proof{proof(s.where(), "%s: %s", s.Waiting, short(s.WaitingFor))}
		}
	}
	return nil
}

// configurationSaid is what the kubelet says is missing, where it could not be looked at from here.
func (v view) configurationSaid(known bool) []Cause {
	if known {
		return nil
	}
	for _, s := range v.ill() {
		if s.Waiting == "CreateContainerConfigError" {
			return []Cause{{
				Line:  fmt.Sprintf("%s cannot start: its configuration lacks something (%s)", v.Service, short(s.WaitingFor)),
				Proof: v.waits(),
				Next:  []Command{next(v.kubectl("describe", "pod", s.Pod.Name), "what it takes from where, and what is missing")},
			}}
		}
	}
	return nil
}

func (v view) mount() []Cause {
	if v.gone() {
		return nil
	}
	for _, p := range v.InCluster.Pods {
		failed := v.events("pod/"+p.Name, "FailedMount", "FailedAttachVolume")
		waits := slices.ContainsFunc(p.Containers, func(c Container) bool { return c.Waiting == "ContainerCreating" || c.Waiting == "PodInitializing" })
		if len(failed) == 0 || !waits {
			continue
		}
		return []Cause{{
			Line:  fmt.Sprintf("%s cannot start: a volume cannot be mounted (%s)", v.Service, short(failed[0].Message)),
			Proof: proofs(failed),
			Next:  []Command{next(v.kubectl("describe", "pod", p.Name), "which volume, and what it needs")},
		}}
	}
	return nil
}

func (v view) program() []Cause {
	if v.gone() {
		return nil
	}
	for _, s := range v.ill() {
		text := s.WaitingFor
		if s.Exit != nil && (s.Exit.Reason == "StartError" || s.Exit.Reason == "ContainerCannotRun") {
			text += " " + s.Exit.Message
		} else if s.Waiting != "RunContainerError" && s.Waiting != "CreateContainerError" {
			continue
		}
		low := strings.ToLower(text)
		what := s.Program
		if what == "" {
			what = "the program the image is started with"
		}
		c := Cause{Proof: []Proof{proof(s.where(), "%s", short(text))}, Next: []Command{next(v.kubectl("get", v.object(), "-o", "jsonpath={.spec.template.spec.containers[*].command}"), "what it is started with")}}
		switch {
		case contains(low, "executable file not found", "no such file or directory"):
			c.Line = fmt.Sprintf("%s cannot start: its image has no %s", v.Service, what)
		case contains(low, "permission denied"):
			c.Line = fmt.Sprintf("%s cannot start: %s may not be run (permission denied)", v.Service, what)
		case contains(low, "exec format error"):
			c.Line = fmt.Sprintf("%s cannot start: %s is not for the processors of the nodes", v.Service, what)
		case contains(low, "non-root", "runasnonroot"):
			c.Line = fmt.Sprintf("%s cannot start: its image runs as root, which its pods may not", v.Service)
		default:
			c.Line = fmt.Sprintf("%s cannot start: %s", v.Service, short(text))
		}
		return []Cause{c}
	}
	return nil
}
