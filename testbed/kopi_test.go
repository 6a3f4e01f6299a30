package testbed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/caravan/testbed"
)

// small lets all of a country run on one node of two cores: one of each, with little of the processor kept for it.
const small = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../indonesia]
patches:
  - target: {kind: Deployment}
    patch: |-
      - {op: add, path: /spec/replicas, value: 1}
      - {op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 5m}
  - target: {kind: HorizontalPodAutoscaler}
    patch: |-
      - {op: replace, path: /spec/minReplicas, value: 1}
`

// rendered is the folder of the sample company's cluster in Indonesia, as caravan writes it.
func rendered(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	caravan := filepath.Join(dir, "caravan")
	for _, argv := range [][]string{{"go", "build", "-C", "..", "-o", caravan, "./cmd/caravan"}, {caravan, "demo", "--dir", filepath.Join(dir, "kopi")}} {
		if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	overlay := filepath.Join(dir, "kopi", "rendered", "indonesia", "kubernetes", "overlays", "small")
	if err := errors.Join(os.MkdirAll(overlay, 0o755), os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(small), 0o600)); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// deployment is as much of one as tells what its image must hold.
type deployment struct {
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Image, WorkingDir string
					Command           []string
					Env               []struct {
						ValueFrom struct{ SecretKeyRef struct{ Name, Key string } }
					}
				}
			}
		}
	}
}

// imagesFor pushes an image for every service of a list of objects: the sample's program, where the service's own would be.
func imagesFor(t *testing.T, b *testbed.Bed, objects string) {
	t.Helper()
	program, err := testbed.Program(t.Context(), "kopi")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(objects), &list); err != nil {
		t.Fatal(err)
	}
	for _, raw := range list.Items {
		var d deployment
		if err := json.Unmarshal(raw, &d); err != nil || len(d.Spec.Template.Spec.Containers) == 0 {
			t.Fatalf("%v in %s", err, raw)
		}
		c := d.Spec.Template.Spec.Containers[0]
		at := "/srv/kopi/" + d.Metadata.Name + "/current/run"
		if len(c.Command) > 0 {
			at = c.Command[0]
		}
		if !strings.HasPrefix(at, "/") {
			at = "/usr/bin/" + at
		}
		tag := c.Image
		if !strings.Contains(tag, "/") {
			tag = "library/" + tag // what docker.io calls them
		}
		if err := b.Push(t.Context(), tag, testbed.Image{Files: map[string]string{at: program}, Env: []string{"KOPI_SERVICE=" + d.Metadata.Name}, Entrypoint: []string{at}}); err != nil {
			t.Fatalf("push %s: %v", tag, err)
		}
	}
}

// secretsFor makes every secret that deployments refer to: they are in no rendered file.
func secretsFor(t *testing.T, c *testbed.Cluster, all []deployment) {
	t.Helper()
	keys := map[[2]string]map[string]bool{}
	for _, d := range all {
		for _, container := range d.Spec.Template.Spec.Containers {
			for _, e := range container.Env {
				ref := e.ValueFrom.SecretKeyRef
				at := [2]string{d.Metadata.Namespace, ref.Name}
				if ref.Name != "" && keys[at] == nil {
					keys[at] = map[string]bool{}
				}
				if ref.Name != "" {
					keys[at][ref.Key] = true
				}
			}
		}
	}
	for at, names := range keys {
		argv := []string{"-n", at[0], "create", "secret", "generic", at[1]}
		for name := range names {
			argv = append(argv, "--from-literal="+name+"=sample")
		}
		if _, err := c.Kubectl(t.Context(), argv...); err != nil {
			t.Fatal(err)
		}
	}
}

// runsWhatIsRendered applies what caravan renders for the sample company's next country to a real API server: everything is accepted,
// every workload becomes ready, and none starts anew.
func runsWhatIsRendered(t *testing.T, b *testbed.Bed) {
	c, overlay := b.Clusters[0], rendered(t)
	if out, err := c.Kubectl(t.Context(), "apply", "--server-side", "--kustomize", overlay); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const team = "app.kubernetes.io/part-of=indonesia"
	objects, err := c.Kubectl(t.Context(), "get", "deployments", "-A", "-l", team, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	imagesFor(t, b, objects)
	var list struct{ Items []deployment }
	if err := json.Unmarshal([]byte(objects), &list); err != nil || len(list.Items) < 12 {
		t.Fatalf("%d deployments, %v", len(list.Items), err)
	}
	secretsFor(t, c, list.Items)
	for _, d := range list.Items {
		if d.Metadata.Namespace == "stubs" {
			continue // nginx is not the sample's
		}
		for _, argv := range [][]string{{"-n", d.Metadata.Namespace, "rollout", "restart", "deployment/" + d.Metadata.Name}, {"-n", d.Metadata.Namespace, "rollout", "status", "deployment/" + d.Metadata.Name, "--timeout=60s"}} {
			if _, err := c.Kubectl(t.Context(), argv...); err != nil {
				pods, _ := c.Kubectl(t.Context(), "-n", d.Metadata.Namespace, "describe", "pods", "-l", "app.kubernetes.io/name="+d.Metadata.Name)
				t.Errorf("%s: %v\n%s", d.Metadata.Name, err, pods[max(0, len(pods)-4000):])
				break
			}
		}
	}
	restarts, err := c.Kubectl(t.Context(), "get", "pods", "-A", "-l", team, "-o", `jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{"\n"}{end}`)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(restarts) {
		var pod string
		var n int
		if _, err := fmt.Sscan(line, &pod, &n); err == nil && n > 0 && !strings.HasPrefix(pod, "loyalty") {
			t.Errorf("%s started %d times anew", pod, n)
		}
	}
}
