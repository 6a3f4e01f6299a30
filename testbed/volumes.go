package testbed

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// localClass is the class of volumes that claims are given who name none. A claim waits for its pod, which then stays where its volume is.
const localClass = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: local
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`

const localVolume = `---
apiVersion: v1
kind: PersistentVolume
metadata: {name: %[1]s-%[2]d}
spec:
  capacity: {storage: 1Ti}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
  local: {path: %[3]q}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [%[1]s]}]
`

// Volumes gives every node of the cluster so many volumes, which claims that name no class are bound to. They are folders of this computer,
// and outlive a node that is lost.
func (c *Cluster) Volumes(ctx context.Context, each int) error {
	var text strings.Builder
	text.WriteString(localClass)
	for _, n := range c.Nodes {
		for i := range each {
			dir := n.file(fmt.Sprintf("volumes/%d", i+1))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			fmt.Fprintf(&text, localVolume, n.Name, i+1, dir)
		}
	}
	file := c.file("volumes.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return err
	}
	return c.apply(ctx, file)
}
