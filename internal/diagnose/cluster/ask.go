package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"example.org/caravan/internal/why"
)

// question is a GET to a port of a pod, through the API server (the "proxy" of pods).
type question struct {
	pod, container int // indexes
	name           string
	scheme, path   string
	port           int
}

// ask sends what probes ask, and the paths that are known to be answered, to a pod that is not well and one that is, and so learns
// where they listen. Only paths that probes or the configuration name are asked for.
func (l *look) ask(ctx context.Context) {
	var all []func()
	for _, q := range l.questions() {
		all = append(all, func() { l.put(ctx, q) })
	}
	together(all...)
}

const askTime = 3 * time.Second

func (l *look) questions() []question {
	var out []question
	ill, well := false, false
	for i, p := range l.pods() {
		if p.Ready && well || !p.Ready && ill {
			continue
		}
		for j, c := range p.Containers {
			if !c.Running || c.Init {
				continue
			}
			if p.Ready {
				well = true
			} else {
				ill = true
			}
			out = append(out, l.questionsTo(i, j, p.Name, c)...)
		}
	}
	return out
}

func (l *look) questionsTo(i, j int, name string, c why.Container) []question {
	var out []question
	add := func(scheme, path string, port int) {
		q := question{i, j, name, scheme, path, port}
		if port > 0 && !slices.Contains(out, q) {
			out = append(out, q)
		}
	}
	paths := []string{}
	for _, q := range c.Probes {
		if q.Path != "" {
			add(strings.ToLower(q.Scheme), q.Path, q.Port)
			paths = append(paths, q.Path)
		}
	}
	if l.s.Health != "" && !slices.Contains(paths, l.s.Health) {
		paths = append(paths, l.s.Health)
	}
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	ports := slices.Concat(c.Ports, l.s.Ports)
	l.note(func() {
		for _, s := range l.seen.Services {
			for _, p := range s.Ports {
				ports = append(ports, p.Number)
			}
		}
	})
	for _, port := range ports {
		for _, path := range paths {
			add("http", path, port)
		}
	}
	return out
}

// put asks one question.
func (l *look) put(ctx context.Context, q question) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	target := fmt.Sprintf("%s:%d", q.name, q.port)
	if q.scheme == "https" {
		target = "https:" + target
	}
	path, query, _ := strings.Cut(q.path, "?")
	r := l.client.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces/" + l.space + "/pods/" + target + "/proxy" + path)
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			r = r.Param(key, value)
		}
	}
	var status int
	res := r.Do(ctx)
	res.StatusCode(&status)
	raw, err := res.Raw()
	text := string(raw)
	if err != nil {
		text += err.Error()
	}
	switch {
	case apierrors.IsForbidden(err) && strings.Contains(text, "pods/proxy"):
		l.unseen("what it answers to probes", err)
	case strings.Contains(text, "connection refused"):
		l.answered(q, 0, "refused")
	case strings.Contains(text, "error trying to reach service"), errors.Is(err, context.DeadlineExceeded), status == 0:
		if strings.Contains(text, "malformed HTTP") || strings.Contains(text, "EOF") || strings.Contains(text, "HTTP response to HTTPS") {
			l.answered(q, 0, "answers") // something else than HTTP
		}
	default:
		l.answered(q, status, "answers")
	}
}

// answered notes what came of a question.
func (l *look) answered(q question, status int, how string) {
	l.note(func() {
		c := &l.seen.Pods[q.pod].Containers[q.container]
		c.ListensKnown = true
		if how == "answers" && !slices.Contains(c.Listens, q.port) {
			c.Listens = append(c.Listens, q.port)
			slices.Sort(c.Listens)
		}
		i := slices.IndexFunc(c.Probes, func(p why.Probe) bool { return p.Path == q.path && p.Port == q.port })
		if i >= 0 {
			c.Probes[i].Status = status
		} else if status > 0 {
			c.Probes = append(c.Probes, why.Probe{Path: q.path, Port: q.port, Status: status})
			slices.SortStableFunc(c.Probes, func(a, b why.Probe) int { return strings.Compare(a.Path, b.Path) })
		}
		for i, s := range l.seen.Services {
			for k, p := range s.Ports {
				if p.Number == q.port && (p.Status == "" || how == "answers") {
					l.seen.Services[i].Ports[k].Status = how
				}
			}
		}
	})
}
