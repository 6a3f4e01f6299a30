package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/portforward"

	"example.org/caravan/internal/why"
)

// Where clusters keep the server that pods ask for names (kubeadm and all that follow it).
const (
	dnsSpace   = "kube-system"
	dnsService = "kube-dns"
	dnsLabel   = "k8s-app=kube-dns"
)

// names reads whether the cluster's DNS runs.
func (l *look) names(ctx context.Context) {
	pods, err := l.client.CoreV1().Pods(dnsSpace).List(ctx, metav1.ListOptions{LabelSelector: dnsLabel})
	if err != nil {
		l.unseen("the cluster's DNS", err)
		return
	}
	if len(pods.Items) == 0 {
		if _, err := l.client.CoreV1().Services(dnsSpace).Get(ctx, dnsService, metav1.GetOptions{}); err != nil {
			l.unseen("the cluster's DNS (no Service "+dnsService+" in "+dnsSpace+")", err)
			return
		}
	}
	out := why.DNS{Pods: len(pods.Items)}
	for _, p := range pods.Items {
		v := podOf(p, true)
		out.Ready += flag(v.Ready)
		for _, c := range v.Containers {
			if !c.Ready && out.Why == "" {
				out.Why = strings.TrimSpace(fmt.Sprintf("pod/%s: %s %s", p.Name, c.Waiting, c.WaitingFor))
			}
		}
	}
	l.note(func() { l.seen.DNS = &out })
}

// lookUp asks the cluster's DNS for the names of what the subject calls, through a port that is forwarded to it: it is the same
// server the subject's pods ask, and nothing has to run beside them.
func (l *look) lookUp(ctx context.Context) {
	var wanted []int
	for i, n := range l.s.Needs {
		if _, err := netip.ParseAddr(n.Host); err != nil && n.Host != "" {
			wanted = append(wanted, i)
		}
	}
	if len(wanted) == 0 || l.seen.DNS == nil {
		return
	}
	if l.seen.DNS.Ready == 0 {
		for _, i := range wanted {
			l.note(func() {
				l.e.Lookups = append(l.e.Lookups, why.Lookup{Need: i, From: "the cluster's DNS", Way: "CoreDNS", Result: why.NoAnswer, Detail: "none of its pods is ready"})
			})
		}
		return
	}
	server, err := l.dnsPod(ctx)
	if err != nil {
		l.unseen("names it calls, asked of the cluster's DNS", err)
		return
	}
	var all []func()
	for _, i := range wanted {
		all = append(all, func() { l.lookUpOne(ctx, server, i) })
	}
	together(all...)
}

func (l *look) dnsPod(ctx context.Context) (string, error) {
	pods, err := l.client.CoreV1().Pods(dnsSpace).List(ctx, metav1.ListOptions{LabelSelector: dnsLabel})
	if err != nil {
		return "", err
	}
	for _, p := range pods.Items {
		if podOf(p, true).Ready {
			return p.Name, nil
		}
	}
	return "", errors.New("none of its pods is ready")
}

func (l *look) lookUpOne(ctx context.Context, server string, need int) {
	host := l.s.Needs[need].Host
	out := why.Lookup{Need: need, From: "the cluster's DNS", Way: "pod/" + server}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for _, name := range l.forms(host) {
		answers, code, err := l.resolve(ctx, server, name)
		switch {
		case apierrors.IsForbidden(err) || err != nil:
			l.unseen("the name "+host+", asked of the cluster's DNS", err)
			return
		case code == dnsmessage.RCodeSuccess && len(answers) > 0:
			out.Result, out.Answers = why.Reached, answers
		case code == dnsmessage.RCodeNameError || code == dnsmessage.RCodeSuccess:
			out.Result = why.NoName
			continue
		default:
			out.Result, out.Detail = why.NoAnswer, "it answers "+strings.TrimPrefix(code.String(), "RCode")
		}
		break
	}
	l.note(func() { l.e.Lookups = append(l.e.Lookups, out) })
}

// ndots is how many dots a name has that is asked for as it is first (Kubernetes, "DNS for Services and Pods").
const ndots = 5

// forms are the names a pod asks for when it means host, in its order. Clusters whose domain is not cluster.local are rare.
func (l *look) forms(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	var out []string
	for _, domain := range []string{l.space + ".svc.cluster.local.", "svc.cluster.local.", "cluster.local."} {
		out = append(out, host+"."+domain)
	}
	if strings.Count(host, ".") >= ndots {
		return append([]string{host + "."}, out...)
	}
	return append(out, host+".")
}

// resolve asks for the IPv4 addresses of a name, over TCP (RFC 7766).
func (l *look) resolve(ctx context.Context, pod, name string) ([]string, dnsmessage.RCode, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, dnsmessage.RCodeNameError, nil //nolint:nilerr // a name that cannot be asked for is none
	}
	query := dnsmessage.Message{Header: dnsmessage.Header{ID: 1, RecursionDesired: true}, Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	packed, err := query.Pack()
	if err != nil {
		return nil, 0, err
	}
	answer, err := l.throughPort(ctx, pod, append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
	if err != nil {
		return nil, 0, err
	}
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil {
		return nil, 0, err
	}
	var out []string
	for _, r := range m.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			out = append(out, netip.AddrFrom4(a.A).String())
		}
	}
	slices.Sort(out)
	return out, m.RCode, nil
}

// throughPort sends a query to port 53 of a pod of the cluster's DNS and gives the answer.
func (l *look) throughPort(ctx context.Context, pod string, query []byte) ([]byte, error) {
	target := l.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(dnsSpace).Name(pod).SubResource("portforward").URL()
	dialer, err := portforward.NewSPDYOverWebsocketDialer(target, l.Config)
	if err != nil {
		return nil, err
	}
	conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	h := http.Header{}
	h.Set(corev1.StreamType, corev1.StreamTypeError)
	h.Set(corev1.PortHeader, "53")
	h.Set(corev1.PortForwardRequestIDHeader, "0")
	complaints, err := conn.CreateStream(h)
	if err != nil {
		return nil, err
	}
	_ = complaints.Close() // nothing is written to it
	h.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(h)
	if err != nil {
		return nil, err
	}
	if _, err := data.Write(query); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(data, size[:]); err != nil {
		text, _ := io.ReadAll(io.LimitReader(complaints, 1<<10))
		return nil, fmt.Errorf("no answer from it: %w %s", err, text)
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err = io.ReadFull(data, answer)
	return answer, err
}

// providers reads which needs are Services of the cluster, and whom those lead to.
func (l *look) providers(ctx context.Context) {
	var all []func()
	for i, n := range l.s.Needs {
		all = append(all, func() { l.provide(ctx, i, n) })
	}
	together(all...)
}

func (l *look) provide(ctx context.Context, i int, n why.Need) {
	name, space, sure := serviceOf(n.Host, l.space)
	if name == "" {
		return
	}
	s, err := l.client.CoreV1().Services(space).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && !sure, err == nil && s.Spec.Type == corev1.ServiceTypeExternalName:
		return
	case apierrors.IsNotFound(err):
		l.note(func() {
			l.seen.Providers = append(l.seen.Providers, why.Provider{Need: i, Service: name + " in namespace " + space})
		})
		return
	case err != nil:
		if sure {
			l.unseen("Service "+name+" in namespace "+space, err)
		}
		return
	}
	out := why.Provider{Need: i, Service: name + " in namespace " + space, There: true, HasPort: n.Port == 0}
	for _, p := range s.Spec.Ports {
		out.Ports = append(out.Ports, int(p.Port))
		out.HasPort = out.HasPort || int(p.Port) == n.Port
	}
	out.Ready, out.NotReady = l.addresses(ctx, space, name)
	l.note(func() { l.seen.Providers = append(l.seen.Providers, out) })
}

// serviceOf reads a name as that of a Service; sure tells that it can be nothing else.
func serviceOf(host, space string) (name, in string, sure bool) {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return "", "", false
	}
	short, cut := strings.CutSuffix(strings.TrimSuffix(host, "."), ".svc.cluster.local")
	if !cut {
		short, cut = strings.CutSuffix(short, ".svc")
	}
	parts := strings.Split(short, ".")
	switch {
	case len(parts) == 2:
		return parts[0], parts[1], cut
	case len(parts) == 1 && !cut:
		return parts[0], space, false
	}
	return "", "", false
}

// answerTime bounds one attempt to reach something.
const answerTime = 4 * time.Second

// probeAnswerTime is the same in a pod that has just begun: its node may have to read the programs first.
const probeAnswerTime = 10 * time.Second
