package kube

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
)

const inForce = "registry.example.org/kopi/orders@sha256:5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"

// owned are the rendered files, each with the service it is for.
func owned() []render.File {
	files := rendered()
	for i := range files {
		if strings.Contains(files[i].Path, "/orders/") && !strings.Contains(files[i].Path, "namespaces") {
			files[i].Subject = "orders"
		}
	}
	return files
}

func TestTheReleaseInForceIsWhatAServiceRuns(t *testing.T) {
	deployment := func(images map[estate.ServiceName]string) (made, estate.Digest) {
		t.Helper()
		tr := treeOf("indonesia.id", images, owned(), nil)
		_, units, err := tr.placed([]string{"kubernetes/base/orders/deployment.yaml"})
		if err != nil || len(units) != 1 {
			t.Fatal(err, len(units))
		}
		all, err := tr.build(units[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.Kind == "Deployment" {
				return m, tr.input(units[0])
			}
			if strings.Contains(textOf(t, m), "sha256:5df") {
				t.Errorf("%s has the image, too", m.id)
			}
		}
		t.Fatal("no deployment was built")
		return made{}, ""
	}
	plain, before := deployment(nil)
	released, after := deployment(map[estate.ServiceName]string{"orders": inForce})
	if text := textOf(t, released); !strings.Contains(text, "image: "+inForce) || !strings.Contains(text, "name: A") {
		t.Error(text)
	}
	if plain.content == released.content || before == after {
		t.Error("what is applied is not known to be another thing")
	}
	if other, input := deployment(map[estate.ServiceName]string{"shop": inForce}); other.content != plain.content || input != before {
		t.Error("the release of another service changes this one")
	}
}

// textOf is an object as text.
func textOf(t *testing.T, m made) string {
	t.Helper()
	text, err := yaml.Marshal(m.object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
