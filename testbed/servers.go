package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// Ports of the API servers on their node, of the load balancer before them, and of what the second one reaches its store through.
const (
	firstPort    = "6443"
	secondPort   = "6444"
	balancerPort = "8443"
	relayPort    = "2389"
	storePort    = "2379"
)

func (c *Cluster) on(port string) string { return "https://" + net.JoinHostPort(c.Address, port) }

// server is where everybody finds the API: the load balancer, when there is one.
func (c *Cluster) server() string {
	if c.at.Servers == 2 {
		return c.on(balancerPort)
	}
	return c.on(firstPort)
}

// startServers starts the API server; or two of them, with a load balancer.
func (c *Cluster) startServers(ctx context.Context) error {
	if err := c.StartServer(ctx); err != nil || c.at.Servers < 2 {
		return err
	}
	if err := c.startRelay(ctx); err != nil {
		return err
	}
	// The kernel's own Service leads to the first: both have one address, and would take the entry from each other.
	if err := c.startServer(ctx, "kube-apiserver-2", secondPort, relayPort, "--endpoint-reconciler-type=none"); err != nil {
		return err
	}
	if err := c.proxy(ctx, "balancer", balancerPort, firstPort, secondPort); err != nil {
		return err
	}
	return await(ctx, "the load balancer", time.Minute, func(ctx context.Context) error { return c.ask(ctx, c.server(), "/readyz") })
}

// StartServer starts the cluster's first API server and waits until it is ready.
func (c *Cluster) StartServer(ctx context.Context) error {
	return c.startServer(ctx, "kube-apiserver", firstPort, storePort)
}

// auditPolicy has API servers keep who changed what, but for leases and events, which are many and say nothing.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    resources: [{group: coordination.k8s.io, resources: [leases]}, {group: "", resources: [events]}, {group: events.k8s.io, resources: [events]}]
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
`

// Audit is the file in which the API server called so ("kube-apiserver") keeps every change that it was asked for: an audit.k8s.io/v1
// Event in each line, with who asked, with which program, and how it was answered.
func (c *Cluster) Audit(called string) string { return c.file(called + ".audit") }

func (c *Cluster) startServer(ctx context.Context, called, port, store string, more ...string) error {
	if err := os.WriteFile(c.file("audit.yaml"), []byte(auditPolicy), 0o644); err != nil {
		return err
	}
	err := c.start(ctx, "kube", called, append([]string{
		"kube-apiserver", "--advertise-address=" + c.Address, "--bind-address=0.0.0.0", "--secure-port=" + port, "--service-cluster-ip-range=" + c.at.Services.String(),
		"--etcd-servers=https://127.0.0.1:" + store, "--etcd-cafile=" + c.file("pki/ca.crt"), "--etcd-certfile=" + c.file("pki/etcd.crt"), "--etcd-keyfile=" + c.file("pki/etcd.key"),
		"--client-ca-file=" + c.file("pki/ca.crt"), "--tls-cert-file=" + c.file("pki/apiserver.crt"), "--tls-private-key-file=" + c.file("pki/apiserver.key"),
		"--kubelet-preferred-address-types=InternalIP", // names of nodes are no names out here
		"--kubelet-client-certificate=" + c.file("pki/kubelet-client.crt"), "--kubelet-client-key=" + c.file("pki/kubelet-client.key"),
		"--service-account-key-file=" + c.file("pki/service-accounts.crt"), "--service-account-signing-key-file=" + c.file("pki/service-accounts.key"), "--service-account-issuer=https://kubernetes.default.svc",
		"--audit-policy-file=" + c.file("audit.yaml"), "--audit-log-path=" + c.Audit(called), "--audit-log-maxsize=100", "--audit-log-maxbackup=1",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction,PodSecurity", "--allow-privileged", "--event-ttl=1h",
	}, more...)...)
	if err != nil {
		return err
	}
	return await(ctx, called, 2*time.Minute, func(ctx context.Context) error { return c.ask(ctx, c.on(port), "/readyz") })
}

// startRelay starts what the second API server reaches its store through.
func (c *Cluster) startRelay(ctx context.Context) error {
	return c.proxy(ctx, "relay", relayPort, storePort)
}

// proxy passes connections on to ports of the node, in turn, as long as somebody listens there.
func (c *Cluster) proxy(ctx context.Context, called, port string, to ...string) error {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		return fmt.Errorf("two API servers need a load balancer: %w; install haproxy (scripts/machine does)", err)
	}
	text := fmt.Sprintf("defaults\n mode tcp\n timeout connect 2s\n timeout client 10m\n timeout server 10m\nlisten %s\n bind :%s\n balance roundrobin\n default-server check inter 1s\n", called, port)
	for _, p := range to {
		text += fmt.Sprintf(" server at%[1]s 127.0.0.1:%[1]s\n", p)
	}
	file := c.file(called + ".cfg")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	if err := c.bed.start(process{name: c.Name + "-" + called, group: c.Name + "/" + called, space: c.space(), argv: []string{path, "-db", "-f", file}}); err != nil {
		return err
	}
	return await(ctx, called, time.Minute, c.space().listens("127.0.0.1:"+port))
}
