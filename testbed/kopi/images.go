package kopi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/testbed"
)

// Deployment is as much of one as tells what its image must hold, and which secrets it waits for.
type Deployment struct {
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Image   string
					Command []string
					Env     []struct {
						ValueFrom struct {
							SecretKeyRef struct{ Name, Key string }
						}
					}
				}
			}
		}
	}
}

// deployments are those of the country.
func deployments(ctx context.Context, c *testbed.Cluster) ([]Deployment, error) {
	out, err := c.Kubectl(ctx, "get", "deployments", "-A", "-l", "app.kubernetes.io/part-of", "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct{ Items []Deployment }
	return list.Items, json.Unmarshal([]byte(out), &list)
}

// Deployments are those that are rendered for the country's cluster, which need not be there yet.
func (c Country) Deployments(ctx context.Context, cluster *testbed.Cluster) ([]Deployment, error) {
	built, err := cluster.Kubectl(ctx, "kustomize", filepath.Join(c.Dir, "kubernetes", "overlays", c.Cluster.Name))
	if err != nil {
		return nil, err
	}
	var out []Deployment
	docs := yaml.NewDecoder(strings.NewReader(built))
	for {
		var node map[string]any
		if err := docs.Decode(&node); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		if node["kind"] != "Deployment" {
			continue
		}
		var d Deployment
		text, err := json.Marshal(node)
		if err := errors.Join(err, json.Unmarshal(text, &d)); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
}

// small lets all of a country run on one node of two cores: one of each, with little kept for it.
const small = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%s]
patches:
  - target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/replicas, value: 1}
      - {op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 5m}
      - {op: replace, path: /spec/template/spec/containers/0/resources/requests/memory, value: 32Mi}
  - target: {kind: HorizontalPodAutoscaler}
    patch: |-
      - {op: replace, path: /spec/minReplicas, value: 1}
`

// Deploy applies what was rendered for the country's cluster, with server-side apply, and puts there what it waits for: the images of the
// company's services, and secrets. It gives the deployments, of which each then has to become ready.
func (c Country) Deploy(ctx context.Context, b *testbed.Bed, company Company) ([]Deployment, error) {
	cluster := b.Cluster(c.Cluster.Name)
	overlay := filepath.Join(b.Dir, "small")
	rendered, err := filepath.Rel(overlay, filepath.Join(c.Dir, "kubernetes", "overlays", cluster.Name))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.MkdirAll(overlay, 0o755), os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), fmt.Appendf(nil, small, rendered), 0o644)); err != nil {
		return nil, err
	}
	if _, err := cluster.Kubectl(ctx, "apply", "--server-side", "--kustomize", overlay); err != nil {
		return nil, err
	}
	all, err := deployments(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(company.Push(ctx, b, all), MakeSecrets(ctx, cluster, all)); err != nil {
		return nil, err
	}
	for _, d := range all { // they waited for images and secrets, longer and longer
		if _, err := cluster.Kubectl(ctx, "-n", d.Metadata.Namespace, "rollout", "restart", "deployment/"+d.Metadata.Name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Push pushes the image of every deployment: the release of its service with the program in it, where the service's own would be; and
// nginx for stubs.
func (c Company) Push(ctx context.Context, b *testbed.Bed, all []Deployment) error {
	apps, err := c.Apps()
	if err != nil {
		return err
	}
	releases := map[string]App{}
	for _, a := range apps {
		releases[a.Name] = a
	}
	for _, d := range all {
		container := d.Spec.Template.Spec.Containers[0]
		var image testbed.Image
		if strings.HasPrefix(container.Image, "nginxinc/") {
			image, err = nginx(ctx)
		} else {
			image, err = c.image(ctx, releases[d.Metadata.Name], d)
		}
		if err != nil {
			return err
		}
		tag := container.Image
		if !strings.Contains(tag, "/") {
			tag = "library/" + tag // what docker.io calls them
		}
		image.Files["/etc/ssl/certs/ca-certificates.crt"] = b.Authority()
		if err := b.Push(ctx, tag, image); err != nil {
			return fmt.Errorf("push %s: %w", tag, err)
		}
	}
	return nil
}

// image is the release of a service, and the program under the name it is started by.
func (c Company) image(ctx context.Context, a App, d Deployment) (testbed.Image, error) {
	kopi, err := testbed.Program(ctx, "kopi")
	if err != nil {
		return testbed.Image{}, err
	}
	name := d.Metadata.Name
	at := "/usr/local/bin/" + name
	if command := d.Spec.Template.Spec.Containers[0].Command; len(command) > 0 {
		at = command[0]
	}
	if !strings.HasPrefix(at, "/") {
		at = "/usr/bin/" + at
	}
	dir := "/srv/kopi/" + name + "/current"
	image := testbed.Image{Files: map[string]string{at: kopi}, Env: []string{"KOPI_SERVICE=" + name, "PATH=/usr/local/bin:/usr/bin:/bin"}, Dir: dir, Entrypoint: []string{at}}
	if a.Folder != "" {
		image.Files[dir] = filepath.Join(c.Dir, a.Folder)
	} else {
		image.Dir = "/"
	}
	return image, nil
}

// nginx is the server of this computer with the libraries it needs.
func nginx(ctx context.Context) (testbed.Image, error) {
	const at = "/usr/sbin/nginx"
	out, err := exec.CommandContext(ctx, "ldd", at).Output()
	if err != nil {
		return testbed.Image{}, fmt.Errorf("the libraries of %s: %w; install nginx-light (scripts/machine does)", at, err)
	}
	image := testbed.Image{Files: map[string]string{at: at}, Env: []string{"PATH=/usr/sbin:/usr/bin"}, Entrypoint: []string{at}}
	for _, field := range strings.Fields(string(out)) {
		if strings.HasPrefix(field, "/") {
			file, err := filepath.EvalSymlinks(field)
			if err != nil {
				return image, err
			}
			image.Files[field] = file
		}
	}
	return image, nil
}

// MakeSecrets makes every secret that deployments wait for. What they hold is the same word everywhere.
func MakeSecrets(ctx context.Context, c *testbed.Cluster, all []Deployment) error {
	keys := map[[2]string][]string{}
	for _, d := range all {
		for _, e := range d.Spec.Template.Spec.Containers[0].Env {
			if ref := e.ValueFrom.SecretKeyRef; ref.Name != "" {
				at := [2]string{d.Metadata.Namespace, ref.Name}
				keys[at] = append(keys[at], "--from-literal="+ref.Key+"="+password)
			}
		}
	}
	for at, values := range keys {
		if _, err := c.Kubectl(ctx, append([]string{"-n", at[0], "create", "secret", "generic", at[1]}, values...)...); err != nil {
			return err
		}
	}
	return nil
}
