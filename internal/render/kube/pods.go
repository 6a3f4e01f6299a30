package kube

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// replicas is how many pods there are: always least, or between least and most as they are busy.
type replicas struct{ least, most int }

func replicasOf(s render.Service) (replicas, error) {
	text, ok := s.Workload.Metadata.Annotations[workload.AnnotationReplicas]
	if !ok {
		return replicas{workload.UsualReplicas, workload.UsualReplicas}, nil
	}
	least, most, ok := workload.Replicas(text)
	if !ok {
		return replicas{}, fault.Newf(fault.Invalid, "%s: annotation %s is %q; write a number such as 2, or least and most such as 2-6", s.Name, workload.AnnotationReplicas, text)
	}
	return replicas{least, most}, nil
}

// keeper is the Deployment or StatefulSet of a service, and what a reader has to know about its image.
func (c *cluster) keeper(s service) (*yaml.Node, string, error) {
	pod, err := s.pod()
	if err != nil {
		return nil, "", err
	}
	var count any
	if s.replicas.most == s.replicas.least {
		count = s.replicas.least
	}
	template := m("metadata", m("labels", of(s.name)), "spec", pod)
	spec := m("replicas", count, "revisionHistoryLimit", 3, "selector", m("matchLabels", of(s.name)),
		"strategy", m("rollingUpdate", m("maxSurge", 1, "maxUnavailable", noted{"A pod goes when its successor is ready.", 0})),
		"template", template)
	if s.stateful {
		spec = m("replicas", count, "revisionHistoryLimit", 3, "serviceName", s.nodes(), "selector", m("matchLabels", of(s.name)),
			"template", template, "volumeClaimTemplates", s.claims())
	}
	return m("apiVersion", "apps/v1", "kind", s.kind(), "metadata", meta(s.name), "spec", spec), s.brought(), nil
}

// brought lists the files that the image must have.
func (s service) brought() string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(s.Workload.Containers)) {
		files := s.Workload.Containers[key].Files
		for _, at := range slices.Sorted(maps.Keys(files)) {
			if source := files[at].Source; source != "" {
				out = append(out, fmt.Sprintf("The image of %s must have %s at %s.", key, line(source), line(at)))
			}
		}
	}
	return strings.Join(out, "\n")
}

// account is the user processes run as: one that no image gives rights to.
const account = 10001

// slack is how many seconds the kubelet waits beyond what the process is given, so that the process has the last word.
const slack = 5

// pod is the part of a pod that is the same everywhere.
func (s service) pod() (*yaml.Node, error) {
	var first, beside []*yaml.Node
	for _, key := range slices.Sorted(maps.Keys(s.Workload.Containers)) {
		v, early, err := s.container(key)
		if err != nil {
			return nil, err
		}
		switch {
		case early:
			first = append(first, v)
		case key == s.main:
			beside = slices.Insert(beside, 0, v)
		default:
			beside = append(beside, v)
		}
	}
	return m(
		"serviceAccountName", s.name, "automountServiceAccountToken", false, "enableServiceLinks", false,
		"securityContext", podSecurity(s.low()),
		"terminationGracePeriodSeconds", noted{fmt.Sprintf("%d s out of balance, %d s to end, and some slack.", s.times.Drain, s.times.Stop), s.times.Drain + s.times.Stop + slack},
		"dnsConfig", dns(), "topologySpreadConstraints", spread(s.name),
		"initContainers", first, "containers", beside, "volumes", s.volumes(),
	), nil
}

// low reports whether the process listens on a port that Linux keeps to the system.
func (s service) low() bool {
	const unprivileged = 1024
	return slices.ContainsFunc(s.listens, func(l render.Listen) bool { return l.Target < unprivileged })
}

// podSecurity is what the restricted Pod Security Standard asks of a pod.
func podSecurity(low bool) *yaml.Node {
	var sysctls []*yaml.Node
	if low {
		sysctls = []*yaml.Node{said("A port below 1024 without rights for it.", m("name", "net.ipv4.ip_unprivileged_port_start", "value", "0"))}
	}
	return m("runAsNonRoot", true, "runAsUser", account, "runAsGroup", account, "fsGroup", account,
		"seccompProfile", m("type", "RuntimeDefault"), "sysctls", sysctls)
}

func containerSecurity() *yaml.Node {
	return m("allowPrivilegeEscalation", false, "readOnlyRootFilesystem", true, "capabilities", m("drop", []string{"ALL"}))
}

// dns spares names with a dot, as all names here have, the detour through the cluster's search domains.
func dns() *yaml.Node {
	return m("options", []*yaml.Node{m("name", "ndots", "value", "1")})
}

// spread puts pods into different zones and onto different nodes as long as there are any.
func spread(name string) []*yaml.Node {
	var out []*yaml.Node
	for _, key := range []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"} {
		out = append(out, m("topologyKey", key, "maxSkew", 1, "whenUnsatisfiable", "ScheduleAnyway", "labelSelector", m("matchLabels", of(name))))
	}
	return out
}

// container is one process. Early ones run, or begin, before the others.
func (s service) container(key string) (node *yaml.Node, early bool, err error) {
	c := s.Workload.Containers[key]
	share, err := render.ShareOf(s.Name, c.Resources)
	if err != nil {
		return nil, false, err
	}
	var restart any
	ends := false
	for _, b := range c.Before {
		early = true
		ends = ends || b.Ready == "complete"
	}
	if early && !ends {
		restart = noted{"It begins before the others and stays beside them.", "Always"}
	}
	pairs := []any{
		"name", workload.NameOf(key), "restartPolicy", restart, "image", s.image(key),
		"command", verbatim(c.Command), "args", verbatim(c.Args), "workingDir", s.workingDirectory(key),
	}
	if key == s.main {
		pairs = append(pairs, "ports", s.containerPorts())
	}
	pairs = append(pairs, "resources", resources(share))
	if !ends {
		pairs = append(pairs, s.probes(c, key == s.main)...)
		if s.times.Drain > 0 {
			pairs = append(pairs, "lifecycle", noted{"Out of balance first, then SIGTERM.", m("preStop", m("sleep", m("seconds", s.times.Drain)))})
		}
	}
	pairs = append(pairs, "securityContext", containerSecurity(), "volumeMounts", s.mounts(c))
	return m(pairs...), early, nil
}

// verbatim keeps Kubernetes from putting variables into words: it reads $(NAME), and $$ as one dollar sign.
func verbatim(words []string) []string {
	out := slices.Clone(words)
	for i, w := range out {
		if strings.Contains(w, "$(") || strings.Contains(w, "$$") {
			out[i] = strings.ReplaceAll(w, "$", "$$")
		}
	}
	return out
}

// image is what a container runs, without the tag that an environment gives it.
func (s service) image(key string) string {
	image := s.Workload.Containers[key].Image
	if image == "." || image == "" {
		if key == s.main {
			return s.name
		}
		return workload.NameOf(s.name + "-" + key)
	}
	name, _ := splitImage(image)
	return name
}

// splitImage parts an image from its tag; one with a digest is kept whole.
func splitImage(image string) (name, tag string) {
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") && !strings.Contains(image, "@") {
		return image[:i], image[i+1:]
	}
	return image, ""
}

func (s service) workingDirectory(key string) any {
	if key != s.main {
		return nil
	}
	return orNothing(s.Workload.Metadata.Annotations[workload.AnnotationFolder])
}

// longestPortName is what IANA lets a service's name be long (RFC 6335), and Kubernetes a container's port.
const longestPortName = 15

func portName(l render.Listen) string {
	if len(l.Name) <= longestPortName && strings.Trim(l.Name, "0123456789-") != "" && !strings.Contains(l.Name, "--") {
		return l.Name
	}
	return "port-" + strconv.Itoa(l.Target)
}

func (s service) containerPorts() []*yaml.Node {
	var out []*yaml.Node
	seen := map[string]bool{}
	for _, l := range s.listens {
		if at := fmt.Sprint(l.Target, l.Protocol); !seen[at] {
			seen[at] = true
			out = append(out, m("name", portName(l), "containerPort", l.Target, "protocol", unlessTCP(l.Protocol)))
		}
	}
	return out
}

// resources are the limits of a process, and what is kept free for it: memory as much as it may use, so that nothing is
// promised twice.
func resources(share render.Share) any {
	memory := cmp.Or(share.LeastMemory, share.Memory)
	cpu := cmp.Or(share.LeastCPU, max(share.CPU/4, 1))
	out := m(
		"requests", m("cpu", cpuText(min(cpu, share.CPU)), "memory", bytesText(min(memory, share.Memory))),
		"limits", m("cpu", cpuText(share.CPU), "memory", bytesText(share.Memory)))
	if usual := usualText(share); usual != "" {
		return noted{usual, out}
	}
	return out
}

func usualText(s render.Share) string {
	const rest = " Caravan's default, for the workload gives none: measure, and write it there."
	switch {
	case s.MemoryIsUsual && s.CPUIsUsual:
		return "These limits are" + rest
	case s.MemoryIsUsual:
		return "The memory limit is" + rest
	case s.CPUIsUsual:
		return "The processor limit is" + rest
	}
	return ""
}

// bytesText writes bytes as Kubernetes reads them.
func bytesText(n int64) string {
	for _, u := range []struct {
		shift uint
		unit  string
	}{{30, "Gi"}, {20, "Mi"}, {10, "Ki"}} {
		if n%(1<<u.shift) == 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func cpuText(milli int64) string {
	if milli%1000 == 0 {
		return strconv.FormatInt(milli/1000, 10)
	}
	return strconv.FormatInt(milli, 10) + "m"
}

// Seconds between two questions to a process, and how often it may fail them.
const (
	readyEvery    = 5
	readyFailures = 3
	liveEvery     = 10
	liveFailures  = 6 // a process that is slow for a minute is not helped by being killed
	answerWithin  = 3
)

// probes ask whether a process has begun, may be called, and lives.
func (s service) probes(c workload.Container, main bool) []any {
	ready, live := c.ReadinessProbe, c.LivenessProbe
	var otherwise *yaml.Node
	if main {
		otherwise = s.openPort()
	}
	ask := func(p *workload.Probe, rest ...any) *yaml.Node {
		if how := question(p); how != nil {
			return m(append(how, rest...)...)
		}
		if otherwise == nil {
			return nil
		}
		return m(append([]any{"tcpSocket", otherwise}, rest...)...)
	}
	first := ready
	if first == nil {
		first = live
	}
	return []any{
		"startupProbe", ask(first, "periodSeconds", readyEvery, "timeoutSeconds", answerWithin,
			"failureThreshold", max((s.times.Start+readyEvery-1)/readyEvery, 1)),
		"readinessProbe", ask(ready, "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", readyFailures),
		"livenessProbe", ask(live, "periodSeconds", liveEvery, "timeoutSeconds", answerWithin, "failureThreshold", liveFailures),
	}
}

func question(p *workload.Probe) []any {
	switch {
	case p == nil:
		return nil
	case p.Exec != nil:
		return []any{"exec", m("command", p.Exec.Command)}
	case p.HTTPGet == nil:
		return nil
	}
	h := p.HTTPGet
	headers := make([]*yaml.Node, len(h.HTTPHeaders))
	for i, v := range h.HTTPHeaders {
		headers[i] = m("name", v.Name, "value", v.Value)
	}
	if h.Host != "" { // as a header: the request goes to the pod whatever it is called
		headers = append(headers, m("name", "Host", "value", h.Host))
	}
	var scheme any
	if h.Scheme == "HTTPS" {
		scheme = h.Scheme
	}
	return []any{"httpGet", m("path", h.Path, "port", h.Port, "scheme", scheme, "httpHeaders", headers)}
}

// openPort is the question of last resort: whether the first port can be opened.
func (s service) openPort() *yaml.Node {
	for _, l := range s.listens {
		if l.Protocol == "TCP" {
			return m("port", l.Target)
		}
	}
	return nil
}

// volumeName is what a directory that outlives the process is called.
func volumeName(at string) string { return workload.NameOf("data-" + strings.Trim(at, "/")) }

const temporary = "/tmp"

// mounts are a container's directories. Its own file system is read only, so it is given a place for temporary files.
func (s service) mounts(c workload.Container) []*yaml.Node {
	var out []*yaml.Node
	if _, own := c.Volumes[temporary]; !own {
		out = append(out, m("name", "tmp", "mountPath", temporary))
	}
	for _, at := range slices.Sorted(maps.Keys(c.Volumes)) {
		v := c.Volumes[at]
		var readOnly any
		if v.ReadOnly {
			readOnly = true
		}
		out = append(out, m("name", volumeName(at), "mountPath", at, "subPath", orNothing(v.Path), "readOnly", readOnly))
	}
	return out
}

// kept lists the volumes of all containers, each once.
func (s service) kept() []string {
	all := map[string]bool{}
	for _, c := range s.Workload.Containers {
		for at := range c.Volumes {
			all[at] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (s service) volumes() []*yaml.Node {
	out := []*yaml.Node{m("name", "tmp", "emptyDir", empty)}
	if s.stateful {
		return out
	}
	for _, at := range s.kept() {
		out = append(out, said("It goes with the pod; a service that keeps data says so with "+workload.AnnotationState+": stateful.", m("name", volumeName(at), "emptyDir", empty)))
	}
	return out
}

// usualStorage is what a volume holds whose size nobody said.
const usualStorage = "10Gi"

func (s service) claims() []*yaml.Node {
	var out []*yaml.Node
	for _, at := range s.kept() {
		out = append(out, m("metadata", meta(volumeName(at)), "spec", m("accessModes", []string{"ReadWriteOnce"},
			"resources", m("requests", m("storage", noted{"Caravan's default.", usualStorage})))))
	}
	return out
}
