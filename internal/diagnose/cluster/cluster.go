// Package cluster looks at a service in a Kubernetes cluster: its release, pods, events, logs, probes, what it refers to, what leads to
// it, and what it calls, tried from where it runs. A Subject goes in, Evidence comes out; what could not be looked at is said in it.
//
// It only asks. The one thing it can put into a cluster is a short-lived pod to try from, when the caller allows that.
package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"example.org/caravan/internal/why"
)

// Options say how to look.
type Options struct {
	Config *rest.Config
	Now    func() time.Time
	// Probe allows a short-lived pod beside the service, with Image, to try from when its own containers have no program for that.
	Probe bool
	Image string
}

// look is one look at a subject.
type look struct {
	Options
	client  kubernetes.Interface
	s       why.Subject
	space   string
	release release

	mu   sync.Mutex // guards what follows
	seen why.InCluster
	e    why.Evidence
}

// Look gathers what a cluster says of a subject, until ctx ends. What did not come in time is among what is unseen.
func Look(ctx context.Context, o Options, s why.Subject) why.Evidence {
	l := &look{Options: o, s: s, space: s.Cluster.Namespace, e: why.Evidence{Subject: s, At: o.Now().UTC()}}
	client, err := kubernetes.NewForConfig(o.Config)
	if err != nil {
		l.seen.Unreachable = err.Error()
		return l.evidence()
	}
	l.client = client
	if !l.reach(ctx) || !l.read(ctx) {
		return l.evidence()
	}
	// What needs nothing else is asked for at once; what tries things needs to know where the pods are.
	together(
		func() { l.events(ctx) }, func() { l.services(ctx) }, func() { l.references(ctx) }, func() { l.nodes(ctx) },
		func() { l.claims(ctx) }, func() { l.quotas(ctx) }, func() { l.logs(ctx) }, func() { l.names(ctx) }, func() { l.providers(ctx) }, func() { l.usage(ctx) },
	)
	together(func() { l.ask(ctx) }, func() { l.lookUp(ctx) }, func() { l.try(ctx) })
	l.policies(ctx)
	return l.evidence()
}

func (l *look) evidence() why.Evidence {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.e
	e.InCluster = &l.seen
	sortEvidence(&e)
	return e
}

// together does all at once and waits.
func together(all ...func()) {
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(f)
	}
	wg.Wait()
}

// note adds to the evidence.
func (l *look) note(add func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add()
}

// pods are those that were read, as far as more is known of them now.
func (l *look) pods() []why.Pod {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.seen.Pods)
	for i := range out {
		out[i].Containers = slices.Clone(out[i].Containers)
		for j := range out[i].Containers {
			out[i].Containers[j].Probes = slices.Clone(out[i].Containers[j].Probes)
		}
	}
	return out
}

// unseen notes that something could not be looked at.
func (l *look) unseen(what string, err error) {
	l.note(func() { l.e.Unseen = append(l.e.Unseen, fmt.Sprintf("%s: %s", what, reason(err))) })
}

// reason is an error for people: a right that is missing is named by what it is for.
func reason(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "this account may not look (" + firstLine(err.Error()) + ")"
	case context.DeadlineExceeded == err, apierrors.IsTimeout(err): //nolint:errorlint // wrapped ones come below
		return "it took too long"
	}
	return firstLine(err.Error())
}

// reach asks whether the API server answers, and whether the namespace is there.
func (l *look) reach(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := l.client.CoreV1().Namespaces().Get(ctx, l.space, metav1.GetOptions{})
	switch {
	case err == nil, apierrors.IsForbidden(err):
		return true
	case apierrors.IsNotFound(err):
		l.seen.NoSpace = true
		return false
	}
	l.seen.Unreachable = fmt.Sprintf("%s: %s", l.Config.Host, firstLine(err.Error()))
	return false
}

// patience is how long an API server may take to answer the first question.
const patience = 6 * time.Second
