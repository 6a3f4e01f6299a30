package conformance

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// cluster is what Kustomize builds of an environment.
type cluster struct {
	objects []object
	whole   string // the environment's kustomization
}

// object has the fields of all kinds that are looked at here.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Binary   map[string]string `yaml:"binaryData"`
	Spec     struct {
		Template  struct{ Spec pod }
		ClusterIP string `yaml:"clusterIP"`
		Ports     []struct {
			Port       int
			TargetPort int `yaml:"targetPort"`
			Protocol   string
		}
		Claims      []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
		PodSelector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"podSelector"`
		Ingress []struct {
			From []struct {
				IPBlock struct{ CIDR string } `yaml:"ipBlock"`
			}
			Ports []struct {
				Port     int
				Protocol string
			}
		}
		Hostnames []string
		Rules     []struct {
			Matches     []struct{ Path struct{ Value string } }
			BackendRefs []struct{ Port int } `yaml:"backendRefs"`
		}
	}
}

type pod struct {
	Grace      int         `yaml:"terminationGracePeriodSeconds"`
	First      []container `yaml:"initContainers"`
	Containers []container
	Security   struct {
		Sysctls []struct{ Name, Value string }
	} `yaml:"securityContext"`
	Volumes []volume
}

type volume struct {
	Name      string
	ConfigMap *source `yaml:"configMap"`
	Secret    *source
	EmptyDir  *struct{} `yaml:"emptyDir"`
}

type source struct {
	Name       string
	SecretName string `yaml:"secretName"`
	Items      []struct {
		Key, Path string
		Mode      int
	}
}

type container struct {
	Name          string
	RestartPolicy string `yaml:"restartPolicy"`
	Command, Args []string
	WorkingDir    string `yaml:"workingDir"`
	EnvFrom       []struct {
		ConfigMapRef struct{ Name string } `yaml:"configMapRef"`
	} `yaml:"envFrom"`
	Env []struct {
		Name, Value string
		ValueFrom   *struct {
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	Resources    struct{ Limits struct{ Memory, CPU string } }
	StartupProbe *probe `yaml:"startupProbe"`
	Readiness    *probe `yaml:"readinessProbe"`
	Lifecycle    struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
	Mounts []struct {
		Name     string
		At       string `yaml:"mountPath"`
		SubPath  string `yaml:"subPath"`
		ReadOnly bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	Period   int `yaml:"periodSeconds"`
	Failures int `yaml:"failureThreshold"`
	Exec     *struct{ Command []string }
	HTTPGet  *struct {
		Path, Scheme string
		Port         int
		Headers      []struct{ Name, Value string } `yaml:"httpHeaders"`
	} `yaml:"httpGet"`
	TCP *struct{ Port int } `yaml:"tcpSocket"`
}

func clusterOf(t judge, b render.Bundle) cluster {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	var c cluster
	for _, f := range b.Files {
		if err := disk.WriteFile("/"+f.Path, []byte(f.Text)); err != nil {
			t.Fatal(err)
		}
		if f.Path == "kubernetes/overlays/id-kubernetes/kustomization.yaml" {
			c.whole = f.Text
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/kubernetes/overlays/id-kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var o object
		if kind := r.GetKind(); kind == "Role" || kind == "RoleBinding" {
			continue // their rules are others than a route's
		}
		if err := yaml.Unmarshal(text, &o); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		c.objects = append(c.objects, o)
	}
	return c
}

// order lists services as they are applied.
func (c cluster) order(services []render.Service) []string {
	var out []string
	for line := range strings.Lines(c.whole) {
		name := strings.TrimPrefix(strings.TrimSpace(line), "- ")
		if slices.ContainsFunc(services, func(s render.Service) bool { return string(s.Name) == name }) {
			out = append(out, name)
		}
	}
	return out
}

// find is the object of a kind and name; one without anything when there is none.
func (c cluster) find(name string, kinds ...string) object {
	for _, o := range c.objects {
		if o.Metadata.Name == name && slices.Contains(kinds, o.Kind) {
			return o
		}
	}
	return object{}
}

func (c cluster) read(t judge, s render.Service) lived {
	t.Helper()
	name := workload.NameOf(string(s.Name))
	keeper := c.find(name, "Deployment", "StatefulSet")
	p := keeper.Spec.Template.Spec
	out := lived{Processes: map[string]process{}}
	for key := range s.Workload.Containers {
		for _, v := range slices.Concat(p.First, p.Containers) {
			if v.Name != workload.NameOf(key) {
				continue
			}
			out.Processes[key] = c.process(t, keeper, v)
			if key == s.MainContainer() {
				out.Drain, out.Asked, out.Balanced = v.Lifecycle.PreStop.Sleep.Seconds, v.StartupProbe.question(), v.Readiness.question()
				if v.StartupProbe != nil {
					out.Start = v.StartupProbe.Period * v.StartupProbe.Failures
				}
			}
		}
	}
	const slack = 5 // that the kubelet waits on top
	out.Stop = p.Grace - out.Drain - slack
	for _, v := range p.Security.Sysctls {
		out.Low = out.Low || v.Name == "net.ipv4.ip_unprivileged_port_start" && v.Value == "0"
	}
	c.balance(name, &out)
	apart(t, p)
	return out
}

// apart refuses two files that are kept elsewhere under one key: they would be one file.
func apart(t judge, p pod) {
	t.Helper()
	seen := map[string]string{}
	for _, v := range slices.Concat(p.First, p.Containers) {
		for _, at := range v.Mounts {
			i := slices.IndexFunc(p.Volumes, func(o volume) bool { return o.Name == at.Name && o.Secret != nil })
			if i < 0 {
				continue
			}
			key := p.Volumes[i].Secret.SecretName + "/" + at.SubPath
			if other, taken := seen[key]; taken {
				t.Errorf("%s is both %s and %s of %s", key, other, at.At, v.Name)
			}
			seen[key] = at.At + " of " + v.Name
		}
	}
}

// process is what the kubelet starts for a container.
func (c cluster) process(t judge, keeper object, v container) process {
	t.Helper()
	seen, variables := c.variables(v)
	p := process{Variables: variables, Files: map[string]file{}, Volumes: map[string]string{}, Folder: v.WorkingDir}
	for _, w := range slices.Concat(v.Command, v.Args) {
		p.Words = append(p.Words, expanded(w, seen))
	}
	var ok, okay bool
	p.Memory, ok = render.Amount(v.Resources.Limits.Memory, false)
	p.CPU, okay = render.Amount(v.Resources.Limits.CPU, true)
	if !ok || !okay || p.Memory == 0 || p.CPU == 0 {
		t.Errorf("%s has no limits: %+v", v.Name, v.Resources)
	}
	p.Ends = v.RestartPolicy != "Always" && slices.ContainsFunc(keeper.Spec.Template.Spec.First, func(o container) bool { return o.Name == v.Name })
	c.mounted(t, keeper, v, &p)
	return p
}

// variables are a container's, by the rules of the API (v1.EnvVar): env wins over envFrom, and $(NAME) stands for one that came
// before. Those that only bring a secret to another are not the workload's, and left out; seen has them too.
func (c cluster) variables(v container) (seen, own map[string]string) {
	seen, own = map[string]string{}, map[string]string{}
	for _, from := range v.EnvFrom {
		for name, value := range c.find(from.ConfigMapRef.Name, "ConfigMap").Data {
			seen[name], own[name] = value, value
		}
	}
	used := map[string]bool{}
	for _, e := range v.Env {
		if e.ValueFrom != nil {
			seen[e.Name] = "<" + e.ValueFrom.SecretKeyRef.Name + "/" + e.ValueFrom.SecretKeyRef.Key + ">"
		} else {
			for name := range seen {
				used[name] = used[name] || strings.Contains(e.Value, "$("+name+")")
			}
			seen[e.Name] = expanded(e.Value, seen)
		}
		own[e.Name] = seen[e.Name]
	}
	for _, e := range v.Env {
		if e.ValueFrom != nil && used[e.Name] {
			delete(own, e.Name)
		}
	}
	return seen, own
}

// expanded puts variables into a text: $(NAME) for one that is known, $$ for a dollar sign; all else stays.
func expanded(text string, known map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		name, _, closed := strings.Cut(text[i+1:], ")")
		switch {
		case text[i+1] == '$':
			out.WriteByte('$')
			i++
		case text[i+1] == '(' && closed:
			if value, ok := known[name[1:]]; ok {
				out.WriteString(value)
			} else {
				out.WriteString("$" + name + ")")
			}
			i += len(name) + 1
		default:
			out.WriteByte('$')
		}
	}
	return out.String()
}

// mounted sorts what a container finds at paths into files and volumes.
func (c cluster) mounted(t judge, keeper object, v container, p *process) {
	t.Helper()
	for _, at := range v.Mounts {
		if at.Name == "tmp" {
			continue
		}
		kept := slices.ContainsFunc(keeper.Spec.Claims, func(o struct{ Metadata struct{ Name string } }) bool { return o.Metadata.Name == at.Name })
		found := kept
		for _, v := range keeper.Spec.Template.Spec.Volumes {
			if v.Name != at.Name {
				continue
			}
			found = true
			switch {
			case v.ConfigMap != nil:
				p.Files[at.At] = c.file(t, v.ConfigMap, at.SubPath)
			case v.Secret != nil:
				p.Files[at.At] = file{Hidden: true}
			case v.EmptyDir != nil:
				kept = true
			}
		}
		if !found {
			t.Errorf("nothing is at %s", at.At)
		}
		if kept {
			p.Volumes[at.At] = "writable"
			if at.ReadOnly {
				p.Volumes[at.At] = "read only"
			}
		}
	}
}

// usualMode is the one of a file from a ConfigMap that says none.
const usualMode = 0o644

func (c cluster) file(t judge, from *source, sub string) file {
	t.Helper()
	m := c.find(from.Name, "ConfigMap")
	for _, item := range from.Items {
		if item.Path != sub {
			continue
		}
		f := file{Text: m.Data[item.Key], Mode: strconv.FormatInt(int64(cmp.Or(item.Mode, usualMode)), 8)}
		if binary, ok := m.Binary[item.Key]; ok {
			raw, err := base64.StdEncoding.DecodeString(binary)
			if err != nil {
				t.Fatal(err)
			}
			f.Text = string(raw)
		}
		return f
	}
	t.Errorf("%s has no file %s", from.Name, sub)
	return file{}
}

// question is a probe in short.
func (p *probe) question() string {
	switch {
	case p == nil:
		return ""
	case p.Exec != nil:
		return strings.Join(p.Exec.Command, " ")
	case p.TCP != nil:
		return fmt.Sprintf("connection %d", p.TCP.Port)
	}
	out := fmt.Sprintf("%s %d%s", cmp.Or(p.HTTPGet.Scheme, "HTTP"), p.HTTPGet.Port, p.HTTPGet.Path)
	for _, h := range p.HTTPGet.Headers {
		out += " " + h.Name + ": " + h.Value
	}
	return out
}

// balance reads who may call a service, and at which ports.
func (c cluster) balance(name string, out *lived) {
	targets := map[int]int{}
	for _, p := range c.find(name, "Service").Spec.Ports {
		targets[p.Port] = p.TargetPort
		out.Listens = append(out.Listens, fmt.Sprintf("%d to %d/%s", p.Port, p.TargetPort, cmp.Or(p.Protocol, "TCP")))
	}
	for _, rule := range c.find(name, "NetworkPolicy").Spec.Ingress {
		for _, from := range rule.From {
			for _, p := range rule.Ports {
				if from.IPBlock.CIDR != "" {
					out.Callers = append(out.Callers, fmt.Sprintf("%s to %d/%s", from.IPBlock.CIDR, p.Port, p.Protocol))
				}
			}
		}
	}
	route := c.find(name, "HTTPRoute").Spec
	for _, host := range route.Hostnames {
		for _, rule := range route.Rules {
			out.Public = append(out.Public, fmt.Sprintf("%s%s to %d", host, rule.Matches[0].Path.Value, targets[rule.BackendRefs[0].Port]))
		}
	}
	if len(out.Listens) == 0 {
		out.Balanced = "" // by nobody
	}
	slices.Sort(out.Listens)
	slices.Sort(out.Callers)
	out.Callers = slices.Compact(out.Callers)
}
