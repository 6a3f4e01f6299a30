// Package kube reaches Kubernetes clusters through their API servers: it applies what was rendered with server-side apply, remembers
// what it applied, waits until that is ready and takes it away again.
//
// It renders nothing and decides nothing: files of a bundle come in, changes go out.
package kube

import (
	"context"
	"net"
	"net/http"
	"os"
	"slices"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"example.org/caravan/internal/fault"
)

// Options say which cluster, and how it is reached.
type Options struct {
	Kubeconfig string // file; $KUBECONFIG or ~/.kube/config when empty
	Context    string // of the kubeconfig; required
	// Dial reaches the API server; the network of this machine when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Client reaches the API server over connections that targets share; each has its own, or those of the process, when nil.
	Client *http.Client
	// Wrap looks at every request; nobody does when nil.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// A client that asks for many objects at once is not slowed down by itself: the API server's own flow control decides (KEP-1040).
const (
	queriesPerSecond = 200
	burst            = 400
)

// Config is how a cluster is reached. Invalid when the kubeconfig cannot be read, NotFound when it has no such context. Nothing is
// asked of the cluster yet.
func Config(o Options) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if o.Kubeconfig != "" {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}
		if info, err := os.Stat(o.Kubeconfig); err == nil && !info.Mode().IsRegular() { // a pipe would be waited for without end
			return nil, fault.Newf(fault.Invalid, "kubeconfig: %s is not a regular file; name a readable one under cluster.kubeconfig of the target", o.Kubeconfig)
		}
	}
	raw, err := rules.Load()
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "kubeconfig: %w; name a readable one under cluster.kubeconfig of the target", err)
	}
	if raw.Contexts[o.Context] == nil {
		var known []string
		for name := range raw.Contexts {
			known = append(known, name)
		}
		slices.Sort(known)
		return nil, fault.Newf(fault.NotFound, "the kubeconfig has no context %q, only %q; name one of them under cluster.context of the target", o.Context, known)
	}
	c, err := clientcmd.NewNonInteractiveClientConfig(*raw, o.Context, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "kubeconfig, context %s: %w; mend it until kubectl --context %s get nodes works", o.Context, err, o.Context)
	}
	c.QPS, c.Burst, c.Dial, c.UserAgent = queriesPerSecond, burst, o.Dial, "caravan"
	c.Timeout, c.WarningHandler = answering, rest.NoWarnings{}
	if o.Wrap != nil {
		c.Wrap(o.Wrap)
	}
	return c, nil
}
