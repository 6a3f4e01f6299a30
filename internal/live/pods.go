package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/machine"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/kube"
)

// Bounds of looking into pods.
const (
	podsAtOnce  = 8
	mostPods    = 1_000
	podPatience = 10 * time.Second
)

// connections reads the connections of pods that run, each through one of its containers.
func (c *cluster) connections(ctx context.Context, config *rest.Config) {
	pods := c.running()
	if len(pods) > mostPods {
		c.report.Doubt(estate.Unreadable, estate.Place{File: c.Name + "/pods"}, fmt.Sprintf("%d pods run, and the connections of %d were read; name fewer namespaces", len(pods), mostPods))
		pods = pods[:mostPods]
	}
	reports := make([]*discover.Report, len(pods))
	limit := make(chan struct{}, podsAtOnce)
	var wg sync.WaitGroup
	for i, p := range pods {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			reports[i] = discover.NewReport(machine.Reader)
			c.lookInto(ctx, config, p, reports[i])
		})
	}
	wg.Wait()
	for _, r := range reports {
		c.report.Sightings = append(c.report.Sightings, r.Sightings...)
		c.report.Doubts = append(c.report.Doubts, r.Doubts...)
	}
}

func (c *cluster) running() []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, p := range c.objects["Pod"] {
		network, _, _ := unstructured.NestedBool(p.Object, "spec", "hostNetwork")
		phase, _, _ := unstructured.NestedString(p.Object, "status", "phase")
		if phase == "Running" && !network {
			out = append(out, p)
		}
	}
	return out
}

// lookInto reads the tables of one pod's connections, in the first of its containers that has cat.
func (c *cluster) lookInto(ctx context.Context, config *rest.Config, p *unstructured.Unstructured, r *discover.Report) {
	containers, _, _ := unstructured.NestedSlice(p.Object, "spec", "containers")
	var why error
	for _, one := range containers {
		entry, _ := one.(map[string]any)
		name, _ := entry["name"].(string)
		tables, err := tablesOf(ctx, config, p, name)
		if err == nil && len(tables) > 0 {
			about := machine.About{Source: c.Name + "/" + p.GetNamespace() + "/Pod", Host: p.GetName(), Environment: c.Environment, At: c.options.At}
			machine.Pod(about, string(p.GetUID()), tables, r)
			return
		}
		why = err
	}
	text := "no container of it has cat"
	if why != nil {
		text = oneLine(why)
	}
	r.Doubt(estate.Unreadable, estate.Place{File: c.place(p)}, "its connections were not read: "+text+"; look at its node over SSH instead")
}

// tablesOf runs cat in a container.
func tablesOf(ctx context.Context, config *rest.Config, p *unstructured.Unstructured, container string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, podPatience)
	defer cancel()
	ran, err := kube.RunIn(ctx, config, p.GetNamespace(), p.GetName(), container, nil, "cat", "/proc/net/tcp", "/proc/net/tcp6")
	if err == nil && len(ran.Stdout) == 0 { // where IPv6 is off, tcp6 is not there, and cat says so
		err = errors.New(cmp.Or(strings.TrimSpace(string(ran.Stderr)), "cat says nothing"))
	}
	return ran.Stdout, err
}
