package targets_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
	"example.org/caravan/testbed/kopi"
)

// country puts the sample company's next country in place as it is rendered, step by step, until every pod is ready, and takes it back.
// Nothing is left of it.
func country(t *testing.T, b *testbed.Bed) {
	company, err := kopi.Read("../../examples/kopi")
	if err != nil {
		t.Fatal(err)
	}
	dir, files := rendered(t)
	before := everything(t, b.Clusters[0])
	open := func() *kube.Target {
		target, err := kube.Open(t.Context(), kube.TargetOptions{Options: reached(b), Expansion: "indonesia", Environment: "indonesia", Files: files})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = target.Close() })
		return target
	}
	tell := func(line string) { t.Log(line) }
	target := open()
	for i, s := range waves(files) {
		own := filesOf(s, files)
		if _, err := target.Apply(t.Context(), s, own, tell); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := company.Supply(t.Context(), b, b.Clusters[0], deployments(t, b, dir)); err != nil {
				t.Fatal(err)
			}
		}
		if err := target.Verify(t.Context(), s, tell); err != nil {
			t.Fatal(err)
		}
	}
	found, err := target.Observe(t.Context())
	if err != nil || len(found) != len(files) || slices.ContainsFunc(found, func(f journey.Found) bool { return f.Edited }) {
		t.Errorf("%d of %d files are in place as they were written: %v", len(found), len(files), err)
	}
	if _, err := b.Clusters[0].Kubectl(t.Context(), "delete", "secrets", "-A", "--all"); err != nil { // which others put there
		t.Fatal(err)
	}
	if _, err := open().Remove(t.Context(), func(string) bool { return false }, tell); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, everything(t, b.Clusters[0])); diff != "" {
		t.Errorf("not as before (-before +now):\n%s", diff)
	}
}

// fitting is what a country asks for, and a bed of one node of two cores has less of.
var fitting = []struct {
	asked *regexp.Regexp
	has   string
}{
	{regexp.MustCompile(`(?m)^(  replicas|  minReplicas): \d+$`), "$1: 1"},
	{regexp.MustCompile(`(requests:\n +cpu): \S+(\n +memory): \S+`), "$1: 5m$2: 32Mi"},
}

// rendered is the sample company's next country for a cluster: the folder it was rendered to, and its files, made to fit.
func rendered(t *testing.T) (string, []render.File) {
	t.Helper()
	dir := t.TempDir()
	caravan := filepath.Join(dir, "caravan")
	for _, argv := range [][]string{{"go", "build", "-C", "../..", "-o", caravan, "./cmd/caravan"}, {caravan, "demo", "--dir", filepath.Join(dir, "kopi")}} {
		if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	root := filepath.Join(dir, "kopi", "rendered", "indonesia")
	var out []render.File
	err := filepath.WalkDir(filepath.Join(root, "kubernetes"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		for _, f := range fitting {
			text = f.asked.ReplaceAll(text, []byte(f.has))
		}
		out = append(out, render.File{Path: filepath.ToSlash(rel), Text: string(text), Mode: 0o644})
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatal(err)
	}
	return filepath.Join(root, "kubernetes", "overlays", "indonesia"), out
}

// waves are steps that put files in place as a journey would: what all stand in, and then one service after another.
func waves(files []render.File) []journey.Step {
	access, services := journey.Step{ID: "indonesia/access", Kind: journey.Access}, map[string]*journey.Step{}
	for _, f := range files {
		w := journey.Written{Path: f.Path, Digest: journey.DigestOf(f), Mode: f.Mode}
		name := filepath.Base(filepath.Dir(f.Path))
		if strings.Contains(f.Path, "/namespaces/") || strings.HasSuffix(f.Path, "SECRETS.md") || name == "indonesia" {
			access.Files = append(access.Files, w)
			continue
		}
		add(services, name, journey.Deploy, w)
	}
	return append([]journey.Step{access}, sorted(services)...)
}

func filesOf(s journey.Step, files []render.File) []render.File {
	return slices.DeleteFunc(slices.Clone(files), func(f render.File) bool {
		return !slices.ContainsFunc(s.Files, func(w journey.Written) bool { return w.Path == f.Path })
	})
}

// deployments are those that a folder is built to.
func deployments(t *testing.T, b *testbed.Bed, dir string) []kopi.Deployment {
	t.Helper()
	out, err := b.Clusters[0].Kubectl(t.Context(), "create", "--dry-run=client", "-o", "json", "-k", dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []kopi.Deployment
	for read := json.NewDecoder(strings.NewReader(out)); ; {
		var list struct {
			Kind  string
			Items []json.RawMessage
		}
		var raw json.RawMessage
		if err := read.Decode(&raw); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatal(err)
		}
		if list.Kind != "List" {
			list.Items = []json.RawMessage{raw}
		}
		for _, item := range list.Items {
			var head struct{ Kind string }
			var d kopi.Deployment
			if json.Unmarshal(item, &head) == nil && head.Kind == "Deployment" {
				if err := json.Unmarshal(item, &d); err != nil {
					t.Fatal(err)
				}
				all = append(all, d)
			}
		}
	}
}
