package kube

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

var update = flag.Bool("update", false, "rewrite the archives")

// TestWhatIsRenderedIsWhatPeopleHaveRead holds every file of each kind of thing to an archive.
func TestWhatIsRenderedIsWhatPeopleHaveRead(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			a := &txtar.Archive{Comment: []byte(s.why + "\n\n")}
			for _, f := range render1(t, s.site).Files {
				if !strings.Contains(f.Path, "/namespaces/") || s.name == "service" {
					a.Files = append(a.Files, txtar.File{Name: f.Path, Data: []byte(f.Text)})
				}
			}
			got, file := txtar.Format(a), filepath.Join("testdata", s.name+".txtar")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("what is rendered changed (-want +got); run the test with -update when that is right:\n%s", diff)
			}
		})
	}
}

func render1(t *testing.T, s render.Site) render.Bundle {
	t.Helper()
	b, err := Render(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKubernetesTakesWhatIsRendered builds the environment of each sample with Kustomize and judges every object by the
// API of Kubernetes 1.34, unknown fields refused.
func TestKubernetesTakesWhatIsRendered(t *testing.T) {
	v := newValidator(t)
	for _, s := range append(samples(), sample{name: "everything", site: everything()}) {
		t.Run(s.name, func(t *testing.T) {
			disk := onDisk(t, render1(t, s.site))
			for _, at := range overlays(render1(t, s.site)) {
				for _, object := range build(t, disk, at) {
					if err := v.check(object); err != nil {
						t.Errorf("%s: %v\n%s", at, err, object)
					}
				}
			}
		})
	}
}

func onDisk(t *testing.T, b render.Bundle) filesys.FileSystem {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	for _, f := range b.Files {
		if err := disk.WriteFile("/"+f.Path, []byte(f.Text)); err != nil {
			t.Fatal(err)
		}
	}
	return disk
}

// overlays are the folders that are built: the environment, and each of its parts by itself.
func overlays(b render.Bundle) []string {
	var out []string
	for _, f := range b.Files {
		if path.Base(f.Path) == "kustomization.yaml" && strings.HasPrefix(f.Path, "kubernetes/overlays/") {
			out = append(out, "/"+path.Dir(f.Path))
		}
	}
	return out
}

func build(t *testing.T, disk filesys.FileSystem, at string) [][]byte {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, at)
	if err != nil {
		t.Fatalf("kustomize build %s: %v", at, err)
	}
	var out [][]byte
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	return out
}

// everything is the samples in one environment.
func everything() render.Site {
	return site(func(all *render.Site) {
		for _, s := range samples() {
			all.Services = append(all.Services, s.site.Services...)
			all.Datastores = append(all.Datastores, s.site.Datastores...)
			all.Stubs = append(all.Stubs, s.site.Stubs...)
		}
	})
}

func TestEqualSitesGiveEqualBytes(t *testing.T) {
	first := render1(t, everything()).Digest
	for range 20 {
		if again := render1(t, everything()).Digest; again != first {
			t.Fatalf("%s, then %s", first, again)
		}
	}
}

// TestTheBaseSaysNothingOfAPlace renders one service for two clusters that give it different things.
func TestTheBaseSaysNothingOfAPlace(t *testing.T) {
	here, there := samples()[0].site, samples()[0].site
	there.Environment, there.Services = "staging-id", slices.Clone(there.Services)
	there.Services[0].Values = map[string]string{"LOG_LEVEL": "debug"}
	there.Services[0].Callers = nil
	files, err := render.Merge([]render.Bundle{render1(t, here), render1(t, there)})
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, f := range files {
		n[f.Path]++
	}
	if n["kubernetes/base/orders/deployment.yaml"] != 1 || n["kubernetes/overlays/staging-id/orders/configmap.yaml"] != 1 {
		t.Errorf("%v", n)
	}
}

func TestWhatCannotRunIsRefusedWithTheMend(t *testing.T) {
	container := workload.Container{Image: "a:1"}
	for name, c := range map[string]struct {
		site render.Site
		want string
	}{
		"no container":                       {with("a", container, func(s *render.Service) { s.Workload.Containers = nil }), "add the process that runs"},
		"a placeholder of nothing":           {with("a", workload.Container{Image: "a", Variables: map[string]string{"X": "${resources.b.host}"}}, func(*render.Service) {}), "a: variable X: nothing is planned for resource b"},
		"a variable Kubernetes leaves out":   {with("a", workload.Container{Image: "a", Variables: map[string]string{"a b": ""}}, func(*render.Service) {}), "use letters, digits and _"},
		"a character Kustomize cannot write": {with("a", workload.Container{Image: "a", Variables: map[string]string{"X": "a\x7fb"}}, func(*render.Service) {}), "variable X holds the character DEL"},
		"replicas that are none": {with("a", container, func(s *render.Service) {
			s.Workload.Metadata.Annotations[workload.AnnotationReplicas] = "6-2"
		}), "write a number such as 2"},
		"seconds that are none": {with("a", container, func(s *render.Service) {
			s.Workload.Metadata.Annotations[workload.AnnotationDrain] = "soon"
		}), "write whole seconds"},
		"a limit that is none": {with("a", workload.Container{Image: "a", Resources: &workload.Compute{Limits: workload.Quantity{Memory: "lots"}}}, func(*render.Service) {}), "write one as 512Mi"},
		"public without a port": {with("a", container, func(s *render.Service) {
			s.Workload.Metadata.Annotations[workload.AnnotationPublic] = "a.example.com"
		}), "listens on no port"},
		"files larger than a ConfigMap": {with("a", workload.Container{Image: "a", Files: map[string]workload.File{"/x": {Content: strings.Repeat("x", 1<<20)}}}, func(*render.Service) {}), "have the image bring"},
		"a datastore nobody keeps here": {storing(render.Datastore{Name: "hana", Technology: "hana", Port: 30015, Instances: 1}), "placement: vm"},
		"two accounts that an operator does not keep": {site(func(s *render.Site) {
			s.Operators = []string{render.CloudNativePG}
			s.Datastores = []render.Datastore{{Name: "pg", Technology: "postgres", Port: 5432, Instances: 1, Logins: 2}}
		}), "take logins out"},
		"an account that is no key of a Secret": {storing(render.Datastore{Name: "pg", Technology: "postgres", Port: 5432, Instances: 1, Databases: []render.Database{{Name: "a", Owner: "o'brien", Secret: "pg-a"}}}), "lower-case letters"},
		"failover that is not to be had":        {storing(render.Datastore{Name: "my", Technology: "mysql", Port: 3306, Instances: 2}), "instances: 1"},
		"two services of one name": {site(func(s *render.Site) {
			s.Services = append(with("a.b", container, func(*render.Service) {}).Services, with("a-b", container, func(*render.Service) {}).Services...)
		}), "rename one of them"},
		"an answer nginx cannot give": {site(func(s *render.Site) {
			s.Stubs = []render.Stub{{Name: "a", Port: 80, Answers: []render.Answer{{Path: "x", Status: 200}}}}
		}), "does not begin with /"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Render(c.site)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// TestADroppedEdgeLetsNothingThrough: its variable leads to a name that never resolves, and no rule names it.
func TestADroppedEdgeLetsNothingThrough(t *testing.T) {
	for _, f := range render1(t, samples()[0].site).Files {
		if strings.HasSuffix(f.Path, "networkpolicy.yaml") && strings.Contains(f.Text, "loyalty") {
			t.Errorf("%s lets through what is dropped", f.Path)
		}
	}
}

// program is a real program from Debian that judges what is rendered for it.
func program(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err == nil {
		return found
	}
	if os.Getenv("CARAVAN_TEST_ALL") != "" {
		t.Fatalf("%s is not installed, and CARAVAN_TEST_ALL wants everything tested; scripts/machine installs it", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// judge lets a program judge a text, and the same text with a mistake in it.
func judge(t *testing.T, text, right, wrong string, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	run := func(text string) error {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(args[0], append(args[1:], file)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := run(text); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	if !strings.Contains(text, right) {
		t.Fatalf("no %q to put a mistake in", right)
	}
	if run(strings.Replace(text, right, wrong, 1)) == nil {
		t.Errorf("%q in the place of %q is accepted", wrong, right)
	}
}

func TestStubsAreWhatNginxTakes(t *testing.T) {
	nginx := program(t, "nginx")
	stub := everything().Stubs[0]
	server, err := stub.Server()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := strings.ReplaceAll(nginxConfig(server), "/tmp/", dir+"/")
	judge(t, text, "location", "locution", nginx, "-e", filepath.Join(dir, "error.log"), "-t", "-c")
}

func TestProxiesAreWhatHAProxyTakes(t *testing.T) {
	haproxy := program(t, "haproxy")
	for _, d := range everything().Datastores {
		if d.Technology == "redis" && d.Instances > 1 {
			s := storeOf(t, d)
			judge(t, s.proxyConfig("redis-nodes"), "option tcp-check", "option tpc-check", haproxy, "-c", "-f")
		}
	}
}

func TestScriptsAreWhatAShellTakes(t *testing.T) {
	sh := program(t, "sh")
	for _, d := range everything().Datastores {
		if d.Technology != "redis" {
			continue
		}
		for name, text := range storeOf(t, d).redisFiles("nodes.platform.svc.cluster.local", true) {
			if strings.HasPrefix(text, "#!") {
				t.Run(string(d.Name)+"/"+name, func(t *testing.T) { judge(t, text, "\n", "\nfi\n", sh, "-n") })
			}
		}
	}
}

// TestARedisThatNoSentinelKnowsOfGoesOnAsItWas starts instances while no Sentinel answers, as after a move had them forget the primary.
func TestARedisThatNoSentinelKnowsOfGoesOnAsItWas(t *testing.T) {
	sh := program(t, "sh")
	const domain = "nodes.platform.svc.cluster.local"
	for _, c := range []struct {
		name, pod, before string
		follows           string // "" when it leads
	}{
		{"the first of all leads", "redis-cache-0", "", ""},
		{"another follows the first at first", "redis-cache-1", "", "redis-cache-0." + domain},
		{"one that led leads", "redis-cache-1", "port 6379\n", ""},
		{"the first follows whom it followed", "redis-cache-0", "replicaof redis-cache-1." + domain + " 6379\n", "redis-cache-1." + domain},
		{"a name in quotes is one", "redis-cache-0", "replicaof \"redis-cache-2." + domain + "\" 6379\n", "redis-cache-2." + domain},
		{"one that a move hid follows on", "redis-cache-0", "replica-announce-ip \"192.0.2.1\"\nreplicaof 10.20.0.4 6379\n", "10.20.0.4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range everything().Datastores {
				if d.Name == "redis-cache" {
					for name, text := range storeOf(t, d).redisFiles(domain, true) {
						write(name, strings.NewReplacer("/config/", dir+"/", "/data/redis.conf", dir+"/kept", "/data/redis.next", dir+"/next").Replace(text))
					}
				}
			}
			write("redis-cli", "#!/bin/sh\nexit 1\n")
			write("redis-server", "#!/bin/sh\ncat \"$1\"\n")
			if c.before != "" {
				write("kept", c.before)
			}
			cmd := exec.Command(sh, filepath.Join(dir, "start-redis"))
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "POD=" + c.pod, "REPLICATION_PASSWORD=x"}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			follows := ""
			for line := range strings.Lines(string(out)) {
				if rest, found := strings.CutPrefix(line, "replicaof "); found {
					follows += strings.Fields(rest)[0]
				}
			}
			if follows != c.follows {
				t.Errorf("it follows %q:\n%s", follows, out)
			}
		})
	}
}

func TestScriptsOfPostgreSQLAreWhatAShellTakes(t *testing.T) {
	sh := program(t, "sh")
	for _, d := range everything().Datastores {
		if isPostgres(d) {
			judge(t, storeOf(t, d).patroniStart(), "\n", "\nfi\n", sh, "-n")
		}
	}
	for _, text := range []string{patroniPasswords, keepAccounts, startPool} {
		judge(t, text, "\n", "\nfi\n", sh, "-n")
	}
}

func storeOf(t *testing.T, d render.Datastore) store {
	t.Helper()
	s, err := (&cluster{}).store(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkRender(b *testing.B) {
	s := site(func(all *render.Site) {
		for i := range 1000 {
			one := samples()[0].site.Services[0]
			one.Name = estate.ServiceName(fmt.Sprintf("orders-%d", i))
			all.Services = append(all.Services, one)
		}
	})
	for b.Loop() {
		if _, err := Render(s); err != nil {
			b.Fatal(err)
		}
	}
}
