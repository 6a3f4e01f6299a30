package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// manager is the name under which fields of objects are owned (server-side apply).
const manager = "caravan"

// TargetOptions say which cluster a course is carried out in, and what the course has for it.
type TargetOptions struct {
	Options
	Expansion   string
	Environment estate.EnvironmentName
	Files       []render.File // of the environment, of the whole course; what is only observed and removed needs none
	// Images are those that services run instead of what their files say: of the releases in force, by digest.
	Images   map[estate.ServiceName]string
	Force    bool          // overwrite and remove what was edited since it was made, and what others made
	Builds   *Builds       // shared with other targets of the program; none for nil
	Patience time.Duration // until what was applied is ready, or gone; 5 minutes for 0
}

// patience is how long a step's objects may take to become ready, or to go.
const patience = 5 * time.Minute

// Target is a cluster that one environment of an expansion is carried out in. What it made is remembered in the cluster itself.
// Its methods may be called from several goroutines, and several programs may have one each.
type Target struct {
	o         TargetOptions
	owner     string
	config    *rest.Config
	client    *http.Client
	api       dynamic.Interface
	names     metadata.Interface
	core      *rest.RESTClient
	readyz    func(context.Context) error // nil once the API server says that it is ready
	believed  atomic.Bool                 // denials are: the cluster does not say whether it is ready
	discovery discovery.CachedDiscoveryInterface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
}

var _ journey.Target = (*Target)(nil)

// Open prepares a cluster. Invalid or NotFound when it cannot be told which; nothing is asked of the cluster yet.
func Open(_ context.Context, o TargetOptions) (*Target, error) {
	config, err := Config(o.Options)
	if err != nil {
		return nil, err
	}
	if o.Patience == 0 {
		o.Patience = patience
	}
	t := &Target{o: o, owner: ownerOf(o.Expansion, o.Environment), config: config}
	return t, t.connect()
}

// connect makes the clients, all over the same connections.
func (t *Target) connect() (err error) {
	t.client = t.o.Client
	if t.client == nil {
		t.client, err = rest.HTTPClientFor(t.config)
	}
	if err != nil {
		return fault.Newf(fault.Invalid, "kubeconfig, context %s: %w; mend it until kubectl --context %s get nodes works", t.o.Context, err, t.o.Context)
	}
	found, err := discovery.NewDiscoveryClientForConfigAndClient(t.config, t.client)
	if err != nil {
		return err
	}
	t.discovery = memory.NewMemCacheClient(found)
	t.mapper = restmapper.NewDeferredDiscoveryRESTMapper(t.discovery)
	if t.api, err = dynamic.NewForConfigAndClient(t.config, t.client); err != nil {
		return err
	}
	if t.names, err = metadata.NewForConfigAndClient(t.config, t.client); err != nil {
		return err
	}
	t.readyz = func(ctx context.Context) error { return t.core.Get().AbsPath("/readyz").Do(ctx).Error() }
	t.core, err = rest.UnversionedRESTClientForConfigAndClient(plain(t.config), t.client)
	return err
}

// Close ends the connections; what is in place stays.
func (t *Target) Close() error {
	if t.o.Client == nil && t.config.Dial != nil { // else they are shared by all who reach the cluster
		t.client.CloseIdleConnections()
	}
	return nil
}

// atOnce bounds the requests that a target has under way.
const atOnce = 8

// each does something with every item, several at once, and gives all that failed.
func each[T any](items []T, do func(T) error) error {
	failed := make([]error, len(items))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, item := range items {
		all.Go(func() error {
			failed[i] = do(item)
			return nil
		})
	}
	return errors.Join(all.Wait(), errors.Join(failed...))
}

// ownerOf is the value of the label that everything of an environment of an expansion has: readable as far as it fits.
func ownerOf(expansion string, env estate.EnvironmentName) string {
	name := expansion
	if string(env) != expansion {
		name += "." + string(env)
	}
	return short(name, longestLabel)
}

// Longest values of labels and names of objects (Kubernetes, Object Names and IDs; Labels and Selectors).
const (
	longestLabel = 63
	longestName  = 253
)

// short is a text as a name of lower case letters, digits, dashes and dots; where something is lost on the way, a digest tells it apart.
func short(text string, longest int) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, text)
	const digits = 8
	trimmed := strings.Trim(name, "-.")
	if trimmed == text && len(trimmed) <= longest {
		return trimmed
	}
	_, hex, _ := strings.Cut(string(estate.DigestOf(text)), ":")
	return strings.Trim(trimmed[:min(len(trimmed), longest-digits-1)], "-.") + "-" + hex[:digits]
}
