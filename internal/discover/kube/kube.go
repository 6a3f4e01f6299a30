// Package kube reads Kubernetes manifests, Kustomize folders and what can be read of Helm charts into sightings: each
// workload under all names its Services give it, with its ports, settings from the environment, ConfigMaps and command
// lines, and the routes and policies that lead to it. A Service and the workload it selects are one subject. It renders no
// charts, evaluates no operators and never reads the content of a Secret.
package kube

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
)

// Format is the reader of Kubernetes manifests.
func Format() discover.Format {
	return discover.Format{Name: "kube", Wants: wants, Claims: claims, ReadTree: readTree}
}

func wants(p string) bool {
	return strings.HasSuffix(p, ".yaml") || strings.HasSuffix(p, ".yml") || strings.HasSuffix(p, ".json") || strings.HasSuffix(p, "/Kustomization") || p == "Kustomization"
}

// claims takes what has an apiVersion and a kind that belong to a cluster, charts, their templates and kustomizations.
func claims(f discover.File) discover.Claim {
	switch {
	case isKustomization(f.Base()), isTemplate(f), f.Base() == "Chart.yaml":
		return discover.Owns
	case f.Ext() == ".json":
		if !bytes.Contains(f.Data, []byte(`"apiVersion"`)) || !bytes.Contains(f.Data, []byte(`"kind"`)) {
			return discover.No
		}
	case !startsLine(f.Data, "apiVersion:") || !startsLine(f.Data, "kind:"):
		return discover.No
	}
	for _, other := range foreign {
		if bytes.Contains(f.Data, []byte(other)) {
			return discover.No
		}
	}
	return discover.Owns
}

// startsLine reports whether a key stands at the start of a line, or as the first key of an item of a list.
func startsLine(data []byte, key string) bool {
	return bytes.HasPrefix(data, []byte(key)) || bytes.Contains(data, []byte("\n"+key)) || bytes.Contains(data, []byte("{"+key))
}

// foreign are the groups of files that look like manifests and never reach a cluster.
var foreign = []string{
	"apiVersion: backstage.io/", "apiVersion: skaffold/", "apiVersion: score.dev/", "apiVersion: kind.x-k8s.io/", "apiVersion: k3d.io/",
	"apiVersion: client.authentication.k8s.io/", "apiVersion: audit.k8s.io/", "apiVersion: kubelet.config.k8s.io/", "apiVersion: kubeadm.k8s.io/",
}

func isKustomization(base string) bool {
	return base == "kustomization.yaml" || base == "kustomization.yml" || base == "Kustomization"
}

// isTemplate recognises a chart's template that only Helm can turn into a manifest.
func isTemplate(f discover.File) bool {
	return f.Ext() != ".json" && strings.Contains("/"+f.Path, "/templates/") && bytes.Contains(f.Data, []byte("{{"))
}

func readTree(files []discover.File, tree discover.Tree, report *discover.Report) {
	r := &reader{tree: tree, report: report, doubted: map[string]bool{}}
	for _, f := range files {
		switch {
		case f.Base() == "Chart.yaml":
			r.chart(f, templates(files, f.Dir()), workloadTemplates(files, f.Dir()) > 1)
		case isKustomization(f.Base()):
			r.kustomization(f)
		case isTemplate(f):
			r.strayTemplate(f, files)
		default:
			r.manifest(f)
		}
	}
	r.kustomize()
	r.all()
}

// all reports every object, now that they are all known.
func (r *reader) all() {
	r.index()
	for _, w := range r.workloads {
		r.workload(w)
	}
	for _, o := range r.objects {
		r.object(o)
	}
	r.unusedConfigMaps()
}

// workloadTemplates counts the templates of a chart that make something run.
func workloadTemplates(files []discover.File, chart string) int {
	n := 0
	for _, f := range files {
		if strings.HasPrefix(f.Path, path.Join(chart, "templates")+"/") && (bytes.Contains(f.Data, []byte("kind: Deployment")) || bytes.Contains(f.Data, []byte("kind: StatefulSet"))) {
			n++
		}
	}
	return n
}

// templates reports whether a chart has templates among the files.
func templates(files []discover.File, chart string) bool {
	for _, f := range files {
		if strings.HasPrefix(f.Path, path.Join(chart, "templates")+"/") && isTemplate(f) {
			return true
		}
	}
	return false
}
