package gallery

import (
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/render"
)

// Bundles are files for each environment of a proposal: shaped as the renderers shape them, shorter than theirs.
func Bundles(p expansion.Proposal) []render.Bundle {
	var out []render.Bundle
	for _, site := range p.Sites(expansion.Known{Name: p.Source, Kind: "vm", Country: "SG", Zone: "sin.kopi.internal"}) {
		b := folder{root: p.Expansion + "/" + string(site.Environment)}
		b.add("README.md", "", "# %s\n\nEverything that runs in %s. Made by `caravan plan %s`.\n", site.Environment, site.Environment, p.Expansion)
		for _, s := range site.Services {
			b.service(s)
		}
		for _, d := range site.Datastores {
			b.datastore(d, site.Kind)
		}
		for _, s := range site.Stubs {
			b.add("stubs/"+string(s.Name)+"/deployment.yaml", s.Name, deployment, s.Name, "stubs", 1, s.Name, s.Port)
		}
		out = append(out, render.Pack(b.files))
	}
	return out
}

// Before is files as an earlier proposal had them: one with fewer replicas, one that is gone by now, one not there yet.
func Before(files []render.File) []render.File {
	var out []render.File
	for i, f := range files {
		if i == 3 {
			continue
		}
		f.Text = strings.ReplaceAll(f.Text, "replicas: 3", "replicas: 2")
		out = append(out, f)
	}
	if len(files) > 0 {
		root, _, _ := strings.Cut(files[0].Path, "/")
		out = append(out, render.File{Path: root + "/retired/cronjob.yaml", Text: "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: retired\n", Mode: 0o644})
	}
	slices.SortFunc(out, func(a, b render.File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// folder collects the files of one environment.
type folder struct {
	root  string
	files []render.File
}

func (b *folder) add(path string, subject estate.ServiceName, format string, values ...any) {
	b.files = append(b.files, render.File{Path: b.root + "/" + path, Text: fmt.Sprintf(format, values...), Mode: 0o644, Subject: subject})
}

func (b *folder) service(s render.Service) {
	at := render.Namespace(s.Team) + "/" + string(s.Name) + "/"
	b.add(at+"deployment.yaml", s.Name, deployment, s.Name, render.Namespace(s.Team), 3, s.Name, 8080)
	b.add(at+"kustomization.yaml", s.Name, "resources:\n  - configmap.yaml\n  - deployment.yaml\n  - networkpolicy.yaml\n")
	b.add(at+"networkpolicy.yaml", s.Name, networkPolicy, s.Name, render.Namespace(s.Team), callers(s.Callers))
	b.add(at+"configmap.yaml", s.Name, configMap, s.Name, render.Namespace(s.Team), s.Name)
	if len(s.Callers) > 0 {
		b.add(at+"service.yaml", s.Name, service, s.Name, render.Namespace(s.Team), s.Name)
	}
}

func (b *folder) datastore(d render.Datastore, kind string) {
	at := "datastores/" + string(d.Name) + "/"
	if kind == "vm" {
		b.add(at+d.Technology+".env", d.Name, "# %s of kopi, on machines\nNAME=%s\nPORT=%d\nMEMORY=%s\n", d.Technology, d.Name, d.Port, d.Memory)
		b.add(at+"patroni.yml", d.Name, "scope: %s\nname: %s-1   # the first of %d\npostgresql:\n  listen: 0.0.0.0:%d\n", d.Name, d.Name, d.Instances, d.Port)
		return
	}
	b.add(at+"statefulset.yaml", d.Name, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: %s\nspec:\n  replicas: %d\n", d.Name, d.Instances)
}

func callers(all []render.Peer) string {
	var b strings.Builder
	for _, p := range all {
		fmt.Fprintf(&b, "        - podSelector:\n            matchLabels: {app.kubernetes.io/name: %s}\n", p.Service)
	}
	return b.String()
}

const deployment = `# Rendered for the proposal; change the workload, not this file.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %s
  namespace: %s
spec:
  replicas: %d
  strategy:
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  template:
    spec:
      automountServiceAccountToken: false
      containers:
        - name: %s
          image: "registry.kopi.internal/app@sha256:0f3c"
          ports:
            - name: http
              containerPort: %d
          resources:
            requests: {cpu: 250m, memory: 512Mi}
            limits: {cpu: "1", memory: 512Mi}
          readinessProbe:
            httpGet: {path: /health, port: http}   # seen in the load balancer
`

const service = `apiVersion: v1
kind: Service
metadata:
  name: %s
  namespace: %s
spec:
  selector:
    app.kubernetes.io/name: %s
  ports:
    - name: http
      port: 8080
`

const networkPolicy = `# Lets in who needs it according to the map, and nobody else.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: %s
  namespace: %s
spec:
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
%s`

const configMap = `apiVersion: v1
kind: ConfigMap
metadata:
  name: %s
  namespace: %s
data:
  CURRENCY: "MYR"
  LOCALE: ms_MY
  SERVICE: '%s'   # its own name
`
