package testbed

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// startNames answers names for all of the bed: machines and nodes by theirs, what AddName adds, and every name that is kept for
// documentation (example.com and its kin) by the world outside.
func (b *Bed) startNames(ctx context.Context) error {
	corefile := fmt.Sprintf(`.:53 {
    errors
    ready %[1]s:8181
    hosts %[2]s {
        ttl 5
        reload 200ms
        fallthrough
    }
    template IN A {
        match (^|\.)example\.(com|org|net|[a-z]{2}|co\.[a-z]{2})\.$
        answer "{{ .Name }} 5 IN A %[3]s"
        fallthrough
    }
    file %[4]s .
}
`, lanAddress, b.file("hosts"), outsideAt, b.file("zone"))
	const nothing = ". 5 IN SOA bed. bed. 1 7200 3600 1209600 5\n" // so that a name nobody has is said not to be
	for name, text := range map[string]string{"Corefile": corefile, "hosts": b.hostLines(), "zone": nothing} {
		if err := os.WriteFile(b.file(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	path, err := Program(ctx, "coredns")
	if err != nil {
		return err
	}
	if err := b.start(process{name: "names", group: "shared/names", space: b.lan(), argv: []string{path, "-conf", b.file("Corefile")}}); err != nil {
		return err
	}
	return await(ctx, "the bed's names", time.Minute, b.lan().listens(joinPort(lanAddress, "8181")))
}

// AddName lets everybody in the bed find addresses by a name, besides those it has already.
func (b *Bed) AddName(name string, addresses ...netip.Addr) error {
	f, err := os.OpenFile(b.file("hosts"), os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for _, a := range addresses {
		if _, err := fmt.Fprintln(f, a, name); err != nil {
			return err
		}
	}
	return nil
}

// namesManifest is CoreDNS as clusters have it: a Deployment behind the Service kube-dns, whose address is put in.
const namesManifest = `apiVersion: v1
kind: ServiceAccount
metadata: {name: coredns, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: system:coredns}
rules:
  - {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: system:coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:coredns}
subjects: [{kind: ServiceAccount, name: coredns, namespace: kube-system}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data:
  Corefile: |
    .:53 {
        errors
        health
        ready
        kubernetes cluster.local in-addr.arpa ip6.arpa
        forward . %s
        cache 5
        prometheus :9153
    }
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  replicas: 1
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec:
      serviceAccountName: coredns
      priorityClassName: system-cluster-critical
      dnsPolicy: Default
      containers:
        - name: coredns
          image: docker.io/bed/coredns:1
          imagePullPolicy: Never
          args: [-conf, /etc/coredns/Corefile]
          resources: {requests: {cpu: 50m, memory: 32Mi}, limits: {memory: 128Mi}}
          ports:
            - {name: dns, containerPort: 53, protocol: UDP}
            - {name: dns-tcp, containerPort: 53, protocol: TCP}
          readinessProbe: {httpGet: {path: /ready, port: 8181}, periodSeconds: 1}
          volumeMounts: [{name: config, mountPath: /etc/coredns}]
      volumes: [{name: config, configMap: {name: coredns}}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: %s
  selector: {k8s-app: kube-dns}
  ports:
    - {name: dns, port: 53, protocol: UDP}
    - {name: dns-tcp, port: 53, protocol: TCP}
    - {name: metrics, port: 9153, protocol: TCP}
`
