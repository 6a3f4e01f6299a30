package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const pauseImage = "docker.io/bed/pause:1"

// limited reports whether processes here may not lower what the kernel ends first: runc then must not try.
func limited() bool {
	const resource = 24 // CAP_SYS_RESOURCE
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		var mask uint64
		if n, _ := fmt.Sscanf(line, "CapEff:\t%x", &mask); n == 1 {
			return mask&(1<<resource) == 0
		}
	}
	return false
}

// Node is a machine of a cluster, on which pods run.
type Node struct {
	Name    string // "c1", "c1-2"
	Address string
	cluster *Cluster
	at      netip.Prefix
	pods    netip.Prefix // of its pods
	dir     string
}

func (c *Cluster) node(i int) *Node {
	name := c.at.nodeName(i)
	return &Node{Name: name, Address: c.at.nodeAt(i).Addr().String(), cluster: c, at: c.at.nodeAt(i), pods: c.at.nodePods(i), dir: filepath.Join(c.bed.Dir, name)}
}

func (n *Node) file(name string) string { return filepath.Join(n.dir, name) }
func (n *Node) socket() string          { return n.file("containerd.sock") }
func (n *Node) space() space            { return n.cluster.bed.space(n.Name) }

// Node is the node of that name, nil when there is none.
func (c *Cluster) Node(name string) *Node {
	if i := slices.IndexFunc(c.Nodes, func(n *Node) bool { return n.Name == name }); i >= 0 {
		return c.Nodes[i]
	}
	return nil
}

// Start starts the node and waits until pods may come.
func (n *Node) Start(ctx context.Context) error {
	if err := n.startRuntime(ctx); err != nil {
		return err
	}
	return n.startKubelet(ctx)
}

// Lose takes the node away as a power cut does: nobody answers at its addresses, and nothing on it has time to end. The first node has the
// control plane, which Return does not start again.
func (n *Node) Lose(ctx context.Context) error {
	return errors.Join(n.cluster.bed.Disturb(ctx, n.Name, Link{Cut: true}), n.cluster.bed.groups.kill(n.Name), unmountBelow(n.dir))
}

// Return has a node back that was lost, with what its disks held, and waits until pods may come.
func (n *Node) Return(ctx context.Context) error {
	if err := n.cluster.bed.Disturb(ctx, n.Name, Link{}); err != nil {
		return err
	}
	return n.Start(ctx)
}

// Kill ends a container of a pod at once, whatever it runs.
func (n *Node) Kill(ctx context.Context, container, pod string) error {
	out, err := output(ctx, "ctr", "--address", n.socket(), "--namespace", "k8s.io", "containers", "list", "--quiet", fmt.Sprintf("labels.\"io.kubernetes.pod.name\"==%q,labels.\"io.kubernetes.container.name\"==%q", pod, container))
	if err != nil {
		return err
	}
	err = errors.New("there is no such container")
	for _, id := range strings.Fields(out) {
		err = run(ctx, "ctr", "--address", n.socket(), "--namespace", "k8s.io", "tasks", "kill", "--all", "--signal", "SIGKILL", id)
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s of %s does not run on %s: %w", container, pod, n.Name, err)
}

// Dial connects from the node, where the addresses of Services are reached.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.space().dial(ctx, network, address)
}

// startOthers starts the nodes beside the first, one after the other, so that each has the range that its pods are reached by.
func (c *Cluster) startOthers(ctx context.Context) error {
	for _, n := range c.Nodes[1:] {
		if err := n.Start(ctx); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	return nil
}

// run starts a program on the node.
func (n *Node) run(called string, argv ...string) error {
	return n.cluster.bed.start(process{name: n.Name + "-" + called, group: n.Name + "/" + called, space: n.space(), argv: argv})
}

// kube starts a component of Kubernetes on the node.
func (n *Node) kube(ctx context.Context, component string, args ...string) error {
	path, err := Program(ctx, "kube")
	if err != nil {
		return err
	}
	return n.run(component, append([]string{path, component}, args...)...)
}

// startRuntime starts containerd with folders and a socket of the node's own, and gives it the image that every pod needs.
func (n *Node) startRuntime(ctx context.Context) error {
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = %q
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = %q
restrict_oom_score_adj = %v
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = %q
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = %q
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = %q
`, n.file("containerd"), n.file("containerd-state"), n.socket(), pauseImage, limited(), n.file("cni"), n.file("registries"), n.file("runc"))
	network := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "bed", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}, {"type": "loopback"}]}
`, n.file("cni-leases"), n.pods)
	err := errors.Join(os.MkdirAll(n.file("cni"), 0o755), os.MkdirAll(n.file("registries"), 0o755),
		os.WriteFile(n.file("containerd.toml"), []byte(config), 0o644), os.WriteFile(n.file("cni/bed.conflist"), []byte(network), 0o644))
	if err := errors.Join(err, n.trustRegistry()); err != nil {
		return err
	}
	if err := n.run("containerd", "containerd", "--config", n.file("containerd.toml")); err != nil {
		return err
	}
	if err := await(ctx, "containerd", time.Minute, func(ctx context.Context) error {
		return run(ctx, "ctr", "--address", n.socket(), "version")
	}); err != nil {
		return err
	}
	pause, err := Program(ctx, "pause")
	if err != nil {
		return err
	}
	return n.load(ctx, pauseImage, Image{Files: map[string]string{"pause": pause}, Entrypoint: []string{"/pause"}})
}

// startKubelet starts the kubelet and the proxy of Services, and waits until pods may come.
func (n *Node) startKubelet(ctx context.Context) error {
	config := fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: %q}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: "unix://%s"
cgroupDriver: cgroupfs
cgroupRoot: /%s/%s
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
clusterDNS: [%s]
clusterDomain: cluster.local
evictionHard: {memory.available: 100Mi, nodefs.available: 1%%, nodefs.inodesFree: 1%%, imagefs.available: 1%%}
imageGCHighThresholdPercent: 100
syncFrequency: 10s
fileCheckFrequency: 5s
nodeStatusUpdateFrequency: 5s
podLogsDir: %q
volumePluginDir: %q
protectKernelDefaults: false
makeIPTablesUtilChains: false
`, n.cluster.file("pki/ca.crt"), n.socket(), n.cluster.bed.groups, n.Name+"/pods", n.cluster.dns(), n.file("pod-logs"), n.file("volume-plugins"))
	proxy := fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: %q}
mode: nftables
clusterCIDR: %s
hostnameOverride: %s
conntrack: {maxPerCore: 0, min: 0}
`, n.cluster.file("pki/kube-proxy.kubeconfig"), n.cluster.at.Pods, n.Name)
	err := errors.Join(n.cluster.bed.groups.make(n.Name+"/pods"), os.WriteFile(n.file("kubelet.yaml"), []byte(config), 0o644), os.WriteFile(n.file("proxy.yaml"), []byte(proxy), 0o644),
		n.kube(ctx, "kubelet", "--config="+n.file("kubelet.yaml"), "--kubeconfig="+n.cluster.file("pki/"+n.Name+".kubeconfig"), "--hostname-override="+n.Name, "--node-ip="+n.Address,
			"--root-dir="+n.file("kubelet"), "--cert-dir="+n.file("kubelet-pki"), "--containerd="+n.socket(), "--containerd-namespace=k8s.io"), // where its cAdvisor looks
		n.kube(ctx, "kube-proxy", "--config="+n.file("proxy.yaml")))
	if err != nil {
		return err
	}
	return await(ctx, "the node", 2*time.Minute, func(ctx context.Context) error {
		out, err := n.cluster.Kubectl(ctx, "get", "node", n.Name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`)
		if err != nil || !strings.HasPrefix(out, "True") {
			return fmt.Errorf("%s: %w", out, err)
		}
		return nil
	})
}

// KubectlLine is the command line that runs kubectl with every right in the cluster's network.
func (c *Cluster) KubectlLine(ctx context.Context, args ...string) ([]string, error) {
	path, err := Program(ctx, "kube")
	if err != nil {
		return nil, err
	}
	return c.space().inside(append([]string{path, "kubectl", "--kubeconfig", c.Kubeconfig(), "--cache-dir", c.file("kubectl")}, args...)...), nil
}

// Kubectl runs kubectl with every right in the cluster's network, and gives what it says.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	argv, err := c.KubectlLine(ctx, args...)
	if err != nil {
		return "", err
	}
	return output(ctx, argv...)
}

// apply applies the objects of a file or folder, again while the API server, which may be busy with its store, refuses.
func (c *Cluster) apply(ctx context.Context, path string) error {
	return await(ctx, "what is in "+path, 2*time.Minute, func(ctx context.Context) error {
		_, err := c.Kubectl(ctx, "apply", "--server-side", "-f", path)
		return err
	})
}

// Run runs a program of this computer in the cluster's network, as on its node, and gives what it says.
func (c *Cluster) Run(ctx context.Context, argv ...string) (string, error) {
	return output(ctx, c.space().inside(argv...)...)
}

// startNames runs CoreDNS as a pod, where workloads and their policies look for it.
func (c *Cluster) startNames(ctx context.Context) error {
	program, err := Program(ctx, "coredns")
	if err != nil {
		return err
	}
	if err := c.Nodes[0].load(ctx, "docker.io/bed/coredns:1", Image{Files: map[string]string{"coredns": program}, Entrypoint: []string{"/coredns"}}); err != nil {
		return err
	}
	file := c.file("coredns.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, namesManifest, lanAddress, c.dns()), 0o644); err != nil {
		return err
	}
	if err := c.apply(ctx, file); err != nil {
		return err
	}
	_, err = c.Kubectl(ctx, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
	return err
}
