package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

const metricsPort = "9090"

// Metrics starts a Prometheus in the cluster's network, which asks the kubelet and its cAdvisor, the API server and CoreDNS every second,
// and gives its address within the bed.
func (c *Cluster) Metrics(ctx context.Context) (string, error) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return "", fmt.Errorf("metrics need Prometheus: %w; install prometheus (scripts/machine does)", err)
	}
	client := fmt.Sprintf("    tls_config: {ca_file: %s, cert_file: %s, key_file: %s, insecure_skip_verify: true} # a kubelet signs for itself\n", c.file("pki/ca.crt"), c.file("pki/admin.crt"), c.file("pki/admin.key"))
	text := "global: {scrape_interval: 1s}\nscrape_configs:\n"
	for _, job := range []struct{ name, at, path string }{
		{"kubelet", "10250", "/metrics"}, {"cadvisor", "10250", "/metrics/cadvisor"}, {"apiserver", firstPort, "/metrics"},
	} {
		text += fmt.Sprintf("  - job_name: %s\n    scheme: https\n    metrics_path: %s\n    static_configs: [{targets: [%q]}]\n%s", job.name, job.path, net.JoinHostPort(c.Address, job.at), client)
	}
	text += fmt.Sprintf("  - job_name: coredns\n    static_configs: [{targets: [%q]}]\n", net.JoinHostPort(c.dns(), "9153"))
	file := c.file("prometheus.yml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", err
	}
	at := net.JoinHostPort(c.Address, metricsPort)
	err = c.bed.start(process{name: c.Name + "-prometheus", group: c.Name + "/prometheus", space: c.space(), argv: []string{
		path, "--config.file=" + file, "--storage.tsdb.path=" + c.file("prometheus"), "--web.listen-address=" + at,
	}})
	if err != nil {
		return "", err
	}
	return at, await(ctx, "Prometheus", time.Minute, c.bed.lan().listens(at))
}
