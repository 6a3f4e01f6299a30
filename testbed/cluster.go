package testbed

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Cluster is a Kubernetes cluster of one node that runs real pods.
type Cluster struct {
	Name    string // "c1"
	Address string // of its node and API server
	at      ClusterAt
	bed     *Bed
	dir     string
	ca      *authority
}

// The addresses of Services that a cluster needs before there are any: that of its API server and
// that of its names.
func (c *Cluster) first() string { return first(c.at.Services).String() }

func (c *Cluster) dns() string {
	a := c.at.Services.Masked().Addr()
	for range 10 {
		a = a.Next()
	}
	return a.String()
}

func (c *Cluster) space() space            { return c.bed.space(c.Name) }
func (c *Cluster) socket() string          { return c.file("containerd.sock") }
func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }

// Kubeconfig is the path of a client configuration with every right. Its server is reached from
// within the bed's networks: take Bed.Dial as the client's dialler.
func (c *Cluster) Kubeconfig() string { return c.file("pki/admin.kubeconfig") }

// up raises the cluster: network, certificates, control plane, node.
func (c *Cluster) up(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"network", c.connect},
		{"certificates", c.certify},
		{"store", c.startStore},
		{"API server", c.startServers},
		{"controllers", c.startControllers},
		{"container runtime", c.startRuntime},
		{"node", c.startNode},
		{"names", c.startNames},
		{"gateways", c.startGateways},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("cluster %s: %s: %w; see %s", c.Name, step.name, err, c.bed.Logs())
		}
	}
	return nil
}

// connect joins the node to the bridge. Pods are reached through it under their own addresses, as
// where clouds route them.
func (c *Cluster) connect(ctx context.Context) error {
	if err := c.bed.join(ctx, c.Name, "eth0", c.at.Node); err != nil {
		return err
	}
	return c.bed.lan().all(ctx, []string{"ip", "route", "add", c.at.Pods.Masked().String(), "via", c.Address})
}

func (c *Cluster) certify(context.Context) error {
	ca, err := newAuthority(c.file("pki"))
	if err != nil {
		return err
	}
	c.ca = ca
	local := []string{"localhost", "127.0.0.1", c.Address}
	err = errors.Join(
		ca.issue("etcd", "etcd", nil, local...),
		ca.issue("apiserver", "kube-apiserver", nil, append(local, c.first(), "kubernetes", "kubernetes.default", "kubernetes.default.svc")...),
		ca.issue("kubelet-client", "kube-apiserver", []string{"system:masters"}),
		ca.issue("service-accounts", "service-accounts", nil),
	)
	for user, groups := range map[string][]string{
		"admin": {"system:masters"}, "system:kube-controller-manager": nil, "system:kube-scheduler": nil, "system:kube-proxy": nil, "system:node:" + c.Name: {"system:nodes"},
	} {
		short := user[strings.LastIndex(user, ":")+1:]
		err = errors.Join(err, ca.issue(short, user, groups))
		_, failed := ca.kubeconfig(short, c.server())
		err = errors.Join(err, failed)
	}
	return err
}

func (c *Cluster) startStore(ctx context.Context) error {
	err := c.start(ctx, "etcd", "etcd", "--name="+c.Name, "--data-dir="+c.file("etcd"), "--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
		"--listen-client-urls=https://127.0.0.1:2379", "--advertise-client-urls=https://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:2380", "--listen-metrics-urls=",
		"--cert-file="+c.file("pki/etcd.crt"), "--key-file="+c.file("pki/etcd.key"), "--client-cert-auth", "--trusted-ca-file="+c.file("pki/ca.crt"))
	if err != nil {
		return err
	}
	return await(ctx, "etcd", time.Minute, c.space().listens("127.0.0.1:2379"))
}

func (c *Cluster) startControllers(ctx context.Context) error {
	return errors.Join(
		c.kube(ctx, "kube-controller-manager", "--kubeconfig="+c.file("pki/kube-controller-manager.kubeconfig"), "--use-service-account-credentials", "--root-ca-file="+c.file("pki/ca.crt"),
			"--service-account-private-key-file="+c.file("pki/service-accounts.key"), "--cluster-signing-cert-file="+c.file("pki/ca.crt"), "--cluster-signing-key-file="+c.file("pki/ca.key"),
			"--allocate-node-cidrs", "--cluster-cidr="+c.at.Pods.String(), "--service-cluster-ip-range="+c.at.Services.String(), "--leader-elect=false",
			"--kube-api-qps=200", "--kube-api-burst=400"), // of its own it takes minutes to look at what a large test applies in seconds
		c.kube(ctx, "kube-scheduler", "--kubeconfig="+c.file("pki/kube-scheduler.kubeconfig"), "--leader-elect=false"),
	)
}

// ask asks an API server for a path with every right; an error when it does not answer with
// success.
func (c *Cluster) ask(ctx context.Context, server, path string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+path, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s: %w", path, res.Status, strings.TrimSpace(string(body)), err)
	}
	return nil
}

// client speaks with the API server from wherever it is called, with every right.
func (c *Cluster) client() (*http.Client, error) {
	pair, err := tls.LoadX509KeyPair(c.file("pki/admin.crt"), c.file("pki/admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(c.file("pki/ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: c.bed.Dial, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}}, nil
}

// kube starts a component of Kubernetes.
func (c *Cluster) kube(ctx context.Context, component string, args ...string) error {
	return c.start(ctx, "kube", component, append([]string{component}, args...)...)
}

// start builds a program when it has to be, and starts it in the cluster's network.
func (c *Cluster) start(ctx context.Context, program, called string, args ...string) error {
	path, err := Program(ctx, program)
	if err != nil {
		return err
	}
	if program != "kube" && len(args) > 0 && args[0] == called {
		args = args[1:]
	}
	return c.bed.start(process{name: c.Name + "-" + called, group: c.Name + "/" + called, space: c.space(), argv: append([]string{"env", collections, path}, args...)})
}

// collections has the programs of clusters spend less time on the collection of garbage, and more
// memory.
const collections = "GOGC=300"
