package kube

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // what the dialer of client-go gives
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport/spdy"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/wire"
)

// forwarding is the protocol by which an API server forwards a port of a pod (client-go, tools/portforward).
const forwarding = "portforward.k8s.io"

// Dial connects to a port of a pod through the API server, as kubectl port-forward does: the address is the pod's IP, or its name behind a
// headless service (pod.service.namespace.svc…). NotFound when there is no such pod.
func Dial(ctx context.Context, o Options, address string) (net.Conn, error) {
	at, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%q is no address; write host:port", address)
	}
	config, err := Config(o)
	if err != nil {
		return nil, err
	}
	config.Timeout = 0 // of a whole exchange, which here has no end
	namespace, pod, err := podAt(ctx, config, at, "")
	if err != nil {
		return nil, err
	}
	conn, err := toPod(ctx, config, namespace, pod)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "context %s: no way to pod %s of %s: %s; see that it runs and that you may create pods/portforward", o.Context, pod, namespace, words(err))
	}
	stream, err := forward(conn, port)
	if err != nil {
		_ = conn.Close()
		return nil, fault.Newf(fault.Unavailable, "context %s: port %s of pod %s of %s: %s", o.Context, port, pod, namespace, words(err))
	}
	return wire.Conn(stream, func() { _ = conn.Close() }), nil
}

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// podAt is the pod of an IP, or of a name behind a headless service; of several on the network of one node, that with a container, which "" leaves open.
func podAt(ctx context.Context, config *rest.Config, at, container string) (namespace, name string, err error) {
	if _, err := netip.ParseAddr(at); err != nil {
		const least = 4 // pod.service.namespace.svc
		labels := strings.Split(at, ".")
		if len(labels) < least || labels[3] != "svc" {
			return "", "", fault.Newf(fault.Invalid, "%q is neither a pod's IP nor its name behind a headless service; write it as pod.service.namespace.svc", at)
		}
		return labels[2], labels[0], nil
	}
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	list, err := c.Resource(pods).List(ctx, metav1.ListOptions{FieldSelector: "status.podIP=" + at})
	if err != nil {
		return "", "", fault.Newf(fault.Unavailable, "find the pod at %s: %s", at, words(err))
	}
	for _, p := range list.Items {
		if phase, _, _ := unstructured.NestedString(p.Object, "status", "phase"); phase == string(corev1.PodRunning) && has(p.Object, container) {
			return p.GetNamespace(), p.GetName(), nil
		}
	}
	if container != "" {
		return "", "", fault.Newf(fault.NotFound, "no pod that runs has the address %s and a container %s", at, container)
	}
	return "", "", fault.Newf(fault.NotFound, "no pod that runs has the address %s", at)
}

// has reports whether a pod has a container; any has that of no name.
func has(pod map[string]any, container string) bool {
	list, _, _ := unstructured.NestedSlice(pod, "spec", "containers")
	return container == "" || slices.ContainsFunc(list, func(c any) bool { return asMap(c)["name"] == container })
}

// core asks for what belongs to Kubernetes itself.
func core(config *rest.Config) (*rest.RESTClient, error) {
	of := rest.CopyConfig(config)
	of.GroupVersion, of.APIPath, of.NegotiatedSerializer = &corev1.SchemeGroupVersion, "/api", serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	return rest.RESTClientFor(of)
}

func toPod(ctx context.Context, config *rest.Config, namespace, pod string) (httpstream.Connection, error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	c, err := core(config)
	if err != nil {
		return nil, err
	}
	at := c.Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	got := make(chan dialled, 1)
	go func() { // it knows no context
		conn, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, at).Dial(forwarding)
		got <- dialled{conn, err}
	}()
	select {
	case d := <-got:
		return d.conn, d.err
	case <-ctx.Done():
		go func() {
			if d := <-got; d.err == nil {
				_ = d.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// dialled is what came of dialling.
type dialled struct {
	conn httpstream.Connection
	err  error
}

// forward opens the two streams of a forwarded connection: one on which the server complains, one for what is carried.
func forward(conn httpstream.Connection, port string) (httpstream.Stream, error) {
	h := http.Header{}
	h.Set(corev1.StreamType, corev1.StreamTypeError)
	h.Set(corev1.PortHeader, port)
	h.Set(corev1.PortForwardRequestIDHeader, strconv.Itoa(0))
	complaints, err := conn.CreateStream(h)
	if err != nil {
		return nil, err
	}
	_ = complaints.Close() // we say nothing on it, and what it says shows as an end of the other
	h.Set(corev1.StreamType, corev1.StreamTypeData)
	return conn.CreateStream(h)
}
