package testbed

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// pretended marks nodes that are not there, and keeps pods away that do not ask for them.
const pretended = "kwok.x-k8s.io/node"

// pretendNode is a node of 32 cores that is not there.
const pretendNode = `apiVersion: v1
kind: Node
metadata:
  name: pretend-%[1]d
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {type: kwok, kubernetes.io/hostname: pretend-%[1]d, kubernetes.io/os: linux, kubernetes.io/arch: amd64}
spec:
  taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]
status:
  allocatable: {cpu: "32", memory: 256Gi, pods: "250"}
  capacity: {cpu: "32", memory: 256Gi, pods: "250"}
  nodeInfo: {architecture: amd64, operatingSystem: linux, kubeletVersion: pretended, bootID: "", containerRuntimeVersion: "", kernelVersion: "", kubeProxyVersion: "", machineID: "", osImage: "", systemUUID: ""}
---
`

// Pretend adds so many nodes that are not there, pretend-1 and on, beside the real one. Pods that tolerate the taint kwok.x-k8s.io/node are
// scheduled on them and said to run. It waits until all are ready.
func (c *Cluster) Pretend(ctx context.Context, nodes int) error {
	err := c.start(ctx, "kwok", "kwok", "kwok", "--kubeconfig="+c.Kubeconfig(), "--manage-nodes-with-annotation-selector="+pretended+"=fake", "--node-lease-duration-seconds=40")
	if err != nil {
		return err
	}
	var text strings.Builder
	for n := range nodes {
		fmt.Fprintf(&text, pretendNode, n+1)
	}
	file := c.file("pretended.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, "apply", "--server-side", "-f", file); err != nil {
		return err
	}
	return await(ctx, "pretended nodes", 2*time.Minute, func(ctx context.Context) error {
		out, err := c.Kubectl(ctx, "get", "nodes", "-l", "type=kwok", "--no-headers")
		if ready := strings.Count(out, " Ready "); err == nil && ready != nodes {
			err = fmt.Errorf("%d of %d are ready", ready, nodes)
		}
		return err
	})
}
