package kube

import (
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// TestNamesAreThoseThatAreRendered looks every name up in the files of each sample.
func TestNamesAreThoseThatAreRendered(t *testing.T) {
	for _, s := range append(samples(), sample{name: "everything", site: everything()}) {
		t.Run(s.name, func(t *testing.T) {
			var all strings.Builder
			for _, f := range render1(t, s.site).Files {
				all.WriteString("# " + f.Path + "\n" + f.Text)
			}
			for _, name := range placed(s.site) {
				n, err := NamesOf(s.site, name)
				if err != nil {
					t.Fatal(err)
				}
				holds(t, all.String(), name, n)
			}
		})
	}
}

func placed(s render.Site) []estate.ServiceName {
	var out []estate.ServiceName
	for _, v := range s.Services {
		out = append(out, v.Name)
	}
	for _, v := range s.Datastores {
		out = append(out, v.Name)
	}
	return out
}

func holds(t *testing.T, all string, name estate.ServiceName, n Names) {
	t.Helper()
	key, value, _ := strings.Cut(n.Label, "=")
	wanted := []string{
		"# " + n.Overlay + "/kustomization.yaml\n", "namespace: " + n.Namespace + "\n", "name: " + n.Name + "\n",
		key + ": " + value + "\n",
	}
	if kind, ok := strings.CutPrefix(n.Kind, "clusters."); ok {
		wanted = append(wanted, "apiVersion: "+kind+"/v1\nkind: Cluster\n")
	} else {
		wanted = append(wanted, "/"+n.Kind+".yaml\n", "- name: "+n.Container+"\n")
	}
	for _, v := range n.ConfigMaps {
		wanted = append(wanted, "kind: ConfigMap\nmetadata:\n  name: "+v+"\n")
	}
	for _, v := range n.Secrets {
		wanted = append(wanted, "### "+v+"\n")
	}
	for _, list := range [][]string{n.Files, n.Lost} {
		for _, v := range list {
			if !strings.HasPrefix(n.Kind, "clusters.") {
				wanted = append(wanted, "mountPath: "+v+"\n")
			}
		}
	}
	for _, w := range wanted {
		if !strings.Contains(all, w) {
			t.Errorf("%s: nothing that is rendered holds %q", name, w)
		}
	}
	if n.Least < 1 || n.Most < n.Least || n.Share.Memory == 0 {
		t.Errorf("%s: %d to %d pods of %+v", name, n.Least, n.Most, n.Share)
	}
}

func TestWhatIsPlacedElsewhereHasNoNames(t *testing.T) {
	if _, err := NamesOf(everything(), "latte"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
}
