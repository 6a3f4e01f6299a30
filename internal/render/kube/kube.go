// Package kube writes an environment of Kubernetes 1.34. A render.Site goes in; out comes a bundle of plain YAML for
// Kustomize below kubernetes/: a base for each service, which says nothing of a place, and an overlay for each environment,
// which does, with its namespaces, datastores and stubs. `kubectl apply -k kubernetes/overlays/ENVIRONMENT`, Argo CD and Flux
// take it as it is.
//
// A secret is a reference: SECRETS.md says which have to be there; STANDBY.md how Caravan reaches the datastores. The order of a process's life is the one of package vm.
// Nothing here talks to a cluster.
package kube

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// Render writes out a site of kind "kubernetes". Invalid, naming the service and the mend, when what it says cannot run: a placeholder
// nothing answers, a quantity that is none, a datastore nothing here can keep on Kubernetes, two services of one name.
func Render(s render.Site) (render.Bundle, error) {
	c := &cluster{Site: s, folder: path.Join("kubernetes/overlays", string(s.Environment)), targets: map[target]int{}, spaces: map[string]*space{}}
	if s.Backups != nil && s.Backups.S3 == nil {
		return render.Bundle{}, fault.Newf(fault.Invalid, "%s: pods have no folder for backups that outlives them; name a bucket", s.Environment)
	}
	c.learn()
	for _, put := range []func() error{c.services, c.datastores, c.stubs} {
		if err := put(); err != nil {
			return render.Bundle{}, err
		}
	}
	c.namespaces()
	c.whole()
	b := render.Pack(c.files)
	for i := 1; i < len(b.Files); i++ {
		if b.Files[i].Path == b.Files[i-1].Path {
			return render.Bundle{}, fault.Newf(fault.Invalid, "%s and another component are both written to %s; rename one of them", b.Files[i].Subject, b.Files[i].Path)
		}
	}
	return b, nil
}

// cluster collects the files of a site.
type cluster struct {
	render.Site
	folder      string // of the environment
	files       []render.File
	targets     map[target]int    // port of a service as it is called → the one its pods listen on
	spaces      map[string]*space // namespaces by name
	secrets     []secret
	secretTexts map[string][]render.Piece // of files that are kept elsewhere as a whole, by their keys
	declared    []render.Declared         // how Caravan reaches datastores that keep copies of themselves
	parts       []part                    // of the environment, each a folder with a kustomization
}

type target struct {
	namespace, name string
	port            int
}

// part is a folder that the environment is put together from.
type part struct {
	wave   int // from 1; 0 for what everything else is in
	folder string
}

// named is a thing that runs, with what it is called in the cluster.
type named struct {
	subject   estate.ServiceName
	name      string
	namespace string
	team      estate.TeamName
	component string // "service", "datastore", "stub"
}

func (c *cluster) add(files ...render.File) { c.files = append(c.files, files...) }

// learn notes which port the pods of each service listen on: network policies see that one, not the one that is called.
func (c *cluster) learn() {
	for _, s := range c.Services {
		if s.Workload.Service == nil {
			continue
		}
		for _, p := range s.Workload.Service.Ports {
			c.targets[target{render.Namespace(s.Team), workload.NameOf(string(s.Name)), p.Port}] = cmp.Or(p.TargetPort, p.Port)
		}
	}
	for _, d := range c.Datastores {
		if isPostgres(d) {
			c.targets[target{render.Namespace(d.Team), workload.NameOf(string(d.Name)), d.Port}] = postgresPort
		}
	}
}

// podPort is the port that the pods behind a name listen on.
func (c *cluster) podPort(namespace, name string, port int) int {
	return cmp.Or(c.targets[target{namespace, name, port}], port)
}

// Labels. Only the first chooses pods: it never changes.
const (
	labelName    = "app.kubernetes.io/name"
	labelTeam    = "caravan.example.org/team"
	labelCountry = "caravan.example.org/country"
	labelPlace   = "caravan.example.org/environment"
)

// of chooses the pods of a name.
func of(name string) map[string]string { return map[string]string{labelName: name} }

// shared are the labels that everything of a thing has wherever it runs.
func (c *cluster) shared(n named) map[string]string {
	out := map[string]string{
		labelName: n.name, "app.kubernetes.io/component": n.component, "app.kubernetes.io/part-of": workload.NameOf(c.Expansion),
		"app.kubernetes.io/managed-by": "caravan",
	}
	if n.team != "" {
		out[labelTeam] = workload.NameOf(string(n.team))
	}
	return out
}

// here are the labels of this environment.
func (c *cluster) here() map[string]string {
	out := map[string]string{labelPlace: workload.NameOf(string(c.Environment))}
	if c.Country != "" {
		out[labelCountry] = c.Country
	}
	return out
}

// whole is the kustomization of the environment: its parts in the order of the waves.
func (c *cluster) whole() {
	slices.SortStableFunc(c.parts, func(a, b part) int { return cmp.Or(a.wave-b.wave, cmp.Compare(a.folder, b.folder)) })
	var b strings.Builder
	b.WriteString("# Everything that runs in " + line(string(c.Environment)) + ", what others need first:\n# kubectl apply -k .\n")
	b.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
	last := -1
	for _, p := range c.parts {
		if p.wave != last {
			fmt.Fprintf(&b, "  # %s\n", waveName(p.wave))
			last = p.wave
		}
		b.WriteString("  - " + p.folder + "\n")
	}
	c.add(render.File{Path: path.Join(c.folder, "kustomization.yaml"), Text: b.String(), Mode: 0o644})
	if page := c.secretsPage(); page != "" {
		c.add(render.File{Path: path.Join(c.folder, "SECRETS.md"), Text: page, Mode: 0o644})
	}
	if page := render.DeclaredPage("Datastores of "+line(string(c.Environment)), c.declared); page != "" {
		c.add(render.File{Path: path.Join(c.folder, "STANDBY.md"), Text: page, Mode: 0o644})
	}
}

func waveName(wave int) string {
	if wave == 0 {
		return "where everything is"
	}
	return fmt.Sprintf("wave %d", wave)
}
