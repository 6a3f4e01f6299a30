package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"
)

const pauseImage = "docker.io/bed/pause:1"

// limited reports whether processes here may not lower what the kernel ends first: runc then must
// not try.
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

// startRuntime starts containerd with folders and a socket of the cluster's own, and gives it the
// image that every pod needs.
func (c *Cluster) startRuntime(ctx context.Context) error {
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
`, c.file("containerd"), c.file("containerd-state"), c.socket(), pauseImage, limited(), c.file("cni"), c.file("registries"), c.file("runc"))
	onNode := netip.PrefixFrom(c.at.Pods.Masked().Addr(), max(c.at.Pods.Bits(), 24)) // what the controllers give to the first node
	network := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "bed", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}, {"type": "loopback"}]}
`, c.file("cni-leases"), onNode)
	err := errors.Join(os.MkdirAll(c.file("cni"), 0o755), os.MkdirAll(c.file("registries"), 0o755),
		os.WriteFile(c.file("containerd.toml"), []byte(config), 0o644), os.WriteFile(c.file("cni/bed.conflist"), []byte(network), 0o644))
	if err := errors.Join(err, c.trustRegistry()); err != nil {
		return err
	}
	if err := c.bed.start(process{name: c.Name + "-containerd", group: c.Name + "/containerd", space: c.space(), argv: []string{"containerd", "--config", c.file("containerd.toml")}}); err != nil {
		return err
	}
	if err := await(ctx, "containerd", time.Minute, func(ctx context.Context) error {
		return run(ctx, "ctr", "--address", c.socket(), "version")
	}); err != nil {
		return err
	}
	pause, err := Program(ctx, "pause")
	if err != nil {
		return err
	}
	return c.load(ctx, pauseImage, Image{Files: map[string]string{"pause": pause}, Entrypoint: []string{"/pause"}})
}

// startNode starts the kubelet and the proxy of Services, and waits until pods may come.
func (c *Cluster) startNode(ctx context.Context) error {
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
`, c.file("pki/ca.crt"), c.socket(), c.bed.groups, c.Name+"/pods", c.dns(), c.file("pod-logs"), c.file("volume-plugins"))
	proxy := fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: %q}
mode: nftables
clusterCIDR: %s
hostnameOverride: %s
conntrack: {maxPerCore: 0, min: 0}
`, c.file("pki/kube-proxy.kubeconfig"), c.at.Pods, c.Name)
	err := errors.Join(c.bed.groups.make(c.Name+"/pods"), os.WriteFile(c.file("kubelet.yaml"), []byte(config), 0o644), os.WriteFile(c.file("proxy.yaml"), []byte(proxy), 0o644),
		c.kube(ctx, "kubelet", "--config="+c.file("kubelet.yaml"), "--kubeconfig="+c.file("pki/"+c.Name+".kubeconfig"), "--hostname-override="+c.Name, "--node-ip="+c.Address,
			"--root-dir="+c.file("kubelet"), "--cert-dir="+c.file("kubelet-pki"), "--containerd="+c.socket(), "--containerd-namespace=k8s.io"), // where its cAdvisor looks
		c.kube(ctx, "kube-proxy", "--config="+c.file("proxy.yaml")))
	if err != nil {
		return err
	}
	return await(ctx, "the node", 2*time.Minute, func(ctx context.Context) error {
		out, err := c.Kubectl(ctx, "get", "node", c.Name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`)
		if err != nil || !strings.HasPrefix(out, "True") {
			return fmt.Errorf("%s: %w", out, err)
		}
		return nil
	})
}

// AwaitQuota waits until a quota that was made in a namespace lets no more pods in: it is not in
// force before its controller has counted.
func (c *Cluster) AwaitQuota(ctx context.Context, namespace string) error {
	return await(ctx, "the quota of namespace "+namespace, 2*time.Minute, func(ctx context.Context) error {
		_, err := c.Kubectl(ctx, "-n", namespace, "run", "probe", "--image=none", "--dry-run=server")
		if err == nil {
			return errors.New("a pod is let in")
		}
		if strings.Contains(err.Error(), "exceeded quota") {
			return nil
		}
		return err
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

// apply applies the objects of a file or folder, again while the API server, which may be busy with
// its store, refuses.
func (c *Cluster) apply(ctx context.Context, path string) error {
	return await(ctx, "what is in "+path, 2*time.Minute, func(ctx context.Context) error {
		_, err := c.Kubectl(ctx, "apply", "--server-side", "-f", path)
		return err
	})
}

// Run runs a program of this computer in the cluster's network, as on its node, and gives what it
// says.
func (c *Cluster) Run(ctx context.Context, argv ...string) (string, error) {
	return output(ctx, c.space().inside(argv...)...)
}

// startNames runs CoreDNS as a pod, where workloads and their policies look for it.
func (c *Cluster) startNames(ctx context.Context) error {
	program, err := Program(ctx, "coredns")
	if err != nil {
		return err
	}
	if err := c.load(ctx, "docker.io/bed/coredns:1", Image{Files: map[string]string{"coredns": program}, Entrypoint: []string{"/coredns"}}); err != nil {
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
