package targets_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
)

// A large country, and how a move carries it out: so many steps at once, each with a target of its own.
const (
	services  = 300
	teams     = 10
	atOnce    = 4
	repeats   = 3
	templates = "testdata/service"
)

// large are the files of a large country.
func large(tb testing.TB, run string) []render.File { return country(tb, run, services) }

// country are the files of a country of so many services, none of which starts a pod, in namespaces of their own.
func country(tb testing.TB, run string, services int) []render.File {
	tb.Helper()
	var out []render.File
	for n := range teams {
		out = append(out, filled(tb, "testdata/team", strings.NewReplacer("TEAM", fmt.Sprintf("%s-%d", run, n)))...)
	}
	for n := range services {
		out = append(out, filled(tb, templates, strings.NewReplacer("TEAM", fmt.Sprintf("%s-%d", run, n%teams), "SERVICE", fmt.Sprintf("service-%03d", n)))...)
	}
	var folders []string
	for _, f := range out {
		if folder, ok := strings.CutSuffix(f.Path, "/kustomization.yaml"); ok && strings.HasPrefix(f.Path, overlay) {
			folders = append(folders, "  - "+strings.TrimPrefix(folder, overlay))
		}
	}
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n" + strings.Join(folders, "\n") + "\n"
	return append(out, render.File{Path: overlay + "kustomization.yaml", Text: text, Mode: 0o644})
}

const overlay = "kubernetes/overlays/large/"

// filled are the files of a folder with names filled in, in texts and paths.
func filled(tb testing.TB, dir string, names *strings.Replacer) []render.File {
	tb.Helper()
	var out []render.File
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out = append(out, render.File{Path: "kubernetes/" + names.Replace(filepath.ToSlash(rel)), Text: names.Replace(string(text)), Mode: 0o644})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// stepsOf cuts files into steps as a journey does: namespaces first, then of each service its configuration and the service.
func stepsOf(files []render.File) [][]journey.Step {
	access := journey.Step{ID: "large/access", Kind: journey.Access}
	configuration, deploy := map[string]*journey.Step{}, map[string]*journey.Step{}
	for _, f := range files {
		written := journey.Written{Path: f.Path, Digest: journey.DigestOf(f), Mode: f.Mode}
		name := filepath.Base(filepath.Dir(f.Path))
		switch {
		case !strings.HasPrefix(name, "service-"):
			access.Files = append(access.Files, written)
		case strings.HasPrefix(filepath.Base(f.Path), "configmap"):
			add(configuration, name, journey.Configuration, written)
		default:
			add(deploy, name, journey.Deploy, written)
		}
	}
	return [][]journey.Step{{access}, sorted(configuration), sorted(deploy)}
}

func add(steps map[string]*journey.Step, name string, kind journey.Kind, w journey.Written) {
	if steps[name] == nil {
		steps[name] = &journey.Step{ID: journey.StepID("large/" + string(kind) + "/" + name), Kind: kind}
	}
	steps[name].Files = append(steps[name].Files, w)
}

func sorted(steps map[string]*journey.Step) []journey.Step {
	var out []journey.Step
	for _, s := range steps {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(x, y journey.Step) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return out
}

// move applies and verifies all steps in a cluster, wave by wave, and gives how many files changed.
func move(ctx context.Context, b *testbed.Bed, expansion string, files []render.File) (changed int, err error) {
	o, err := shared(b)
	if err != nil {
		return 0, err
	}
	byPath := map[string]render.File{}
	for _, f := range files {
		byPath[f.Path] = f
	}
	var builds kube.Builds
	for _, wave := range stepsOf(files) {
		counts := make([]int, len(wave))
		all, ctx := errgroup.WithContext(ctx)
		all.SetLimit(atOnce)
		for i, s := range wave {
			all.Go(func() error {
				var own []render.File
				for _, w := range s.Files {
					own = append(own, byPath[w.Path])
				}
				t, err := kube.Open(ctx, kube.TargetOptions{Options: o, Expansion: expansion, Environment: "large", Files: files, Builds: &builds})
				if err != nil {
					return err
				}
				changes, err := t.Apply(ctx, s, own, func(string) {})
				for _, c := range changes {
					if c.What != journey.Unchanged {
						counts[i]++
					}
				}
				return errors.Join(err, t.Close())
			})
		}
		if err := all.Wait(); err != nil {
			return 0, err
		}
		for _, n := range counts {
			changed += n
		}
	}
	return changed, nil
}

// shared reaches the cluster over connections that all targets share, as those of a process do that needs no dialler of its own.
func shared(b *testbed.Bed) (kube.Options, error) {
	o := reached(b)
	c, err := kube.Config(o)
	if err != nil {
		return o, err
	}
	o.Client, err = rest.HTTPClientFor(c)
	return o, err
}

func reached(b *testbed.Bed) kube.Options {
	return kube.Options{Kubeconfig: b.Clusters[0].Kubeconfig(), Context: contextOf(b.Clusters[0]), Dial: b.Dial}
}

// BenchmarkALargeCountry applies the same files with kubectl and as a move does, in turn, and each in namespaces of its own; a move then
// once more, when nothing is left to do. Kubectl also applies what its kustomize made before, so that it does not have to build.
func BenchmarkALargeCountry(b *testing.B) {
	bd := bed(b)
	var theirs, built, ours, again []time.Duration
	for b.Loop() {
		for run := range repeats {
			dir := written(b, large(b, fmt.Sprintf("theirs-%d", run)))
			theirs = append(theirs, timed(b, func() error { return kubectl(b, bd, "apply", "--server-side", "-k", filepath.Join(dir, overlay)) }))
			settled(b, bd)
			all := kustomized(b, bd, written(b, large(b, fmt.Sprintf("built-%d", run))))
			built = append(built, timed(b, func() error { return kubectl(b, bd, "apply", "--server-side", "-f", all) }))
			settled(b, bd)
			name := fmt.Sprintf("ours-%d", run)
			files := large(b, name)
			ours = append(ours, timed(b, func() error { return changes(b, bd, name, files, len(files)) }))
			settled(b, bd)
			again = append(again, timed(b, func() error { return changes(b, bd, name, files, 0) }))
			b.Logf("kubectl %s, without building %s, first %s, again %s", theirs[run], built[run], ours[run], again[run])
		}
	}
	b.ReportMetric(median(theirs).Seconds(), "kubectl-s")
	b.ReportMetric(median(built).Seconds(), "built-s")
	b.ReportMetric(median(ours).Seconds(), "first-s")
	b.ReportMetric(median(again).Seconds(), "again-s")
	b.ReportMetric(0, "ns/op")
}

func kubectl(b *testing.B, bd *testbed.Bed, args ...string) error {
	b.Helper()
	_, err := bd.Clusters[0].Kubectl(b.Context(), args...)
	return err
}

func changes(b *testing.B, bd *testbed.Bed, expansion string, files []render.File, want int) error {
	n, err := move(b.Context(), bd, expansion, files)
	if err == nil && n != want {
		err = fmt.Errorf("%d files changed, not %d", n, want)
	}
	return err
}

func timed(b *testing.B, do func() error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// written is a folder with files in it.
func written(b *testing.B, files []render.File) string {
	b.Helper()
	dir := b.TempDir()
	for _, f := range files {
		at := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(f.Text), 0o644)); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// kustomized is one file with all that kubectl's kustomize makes of those of a folder.
func kustomized(b *testing.B, bd *testbed.Bed, dir string) string {
	b.Helper()
	all, err := bd.Clusters[0].Kubectl(b.Context(), "kustomize", filepath.Join(dir, overlay))
	if err != nil {
		b.Fatal(err)
	}
	out := filepath.Join(dir, "all.yaml")
	if err := os.WriteFile(out, []byte(all), 0o644); err != nil {
		b.Fatal(err)
	}
	return out
}

// settled waits until the cluster's controllers have done what was asked of them, so that nothing measured pays for something else.
func settled(b *testing.B, bd *testbed.Bed) {
	b.Helper()
	if err := bd.Await(b.Context(), "the controllers", func() error {
		out, err := bd.Clusters[0].Kubectl(b.Context(), "get", "deployments", "-A", "-o", `jsonpath={range .items[*]}{.metadata.generation}{" "}{.status.observedGeneration}{"\n"}{end}`)
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) < 2 || f[0] != f[1] {
				return fmt.Errorf("a deployment is not seen: %w", err)
			}
		}
		return err
	}); err != nil {
		b.Fatal(err)
	}
}
