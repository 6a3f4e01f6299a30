package render_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/workload"
)

const many = 1000

// thousand is an environment of a thousand services, each with a port, a probe, ten variables, a database and four services it
// calls and four that call it.
func thousand(kind string) render.Site {
	s := render.Site{
		Expansion: "large", Organisation: "Large", Environment: estate.EnvironmentName("large-" + kind), Kind: kind, Country: "ID",
		Zone: "large.internal", Pods: "10.64.0.0/14", VMs: "10.68.0.0/20",
	}
	for i := range many {
		one := numbered(i, kind)
		if kind == "vm" {
			host := fmt.Sprintf("app-%d", i)
			one.Hosts = []string{host}
			s.Hosts = append(s.Hosts, render.Host{Name: host, Address: fmt.Sprintf("10.68.%d.%d", 1+i/250, 1+i%250)})
		}
		s.Services = append(s.Services, one)
	}
	if kind == "vm" {
		s.Hosts = append(s.Hosts, render.Host{Name: "lb-1", Address: "10.68.0.2"}, render.Host{Name: "lb-2", Address: "10.68.0.3"})
	}
	return s
}

func called(i int) estate.ServiceName {
	return estate.ServiceName(fmt.Sprintf("service-%04d", (i+many)%many))
}

func numbered(i int, kind string) render.Service {
	name := called(i)
	port := 10000 + i
	probe := &workload.Probe{HTTPGet: &workload.HTTPGet{Path: "/healthz", Port: port}}
	c := workload.Container{
		Image: string(name) + ":1", Command: []string{"/srv/app/run"}, ReadinessProbe: probe, LivenessProbe: probe,
		Resources: &workload.Compute{Limits: workload.Quantity{Memory: "512Mi", CPU: "500m"}},
		Variables: map[string]string{"LOG_LEVEL": "info", "DATABASE_URL": "postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}:${resources.db.port}/x"},
	}
	s := render.Service{Name: name, Team: estate.TeamName(fmt.Sprintf("team-%d", i%20)), Wave: 1 + i%5, Endpoints: map[string]render.Endpoint{
		"db": {Type: workload.Postgres, Target: "db", Host: "db.large.internal", Port: 5432, Database: "x", Username: "x", Secret: "db-x", Ranges: []string{"10.68.0.0/20"}},
	}}
	for n := 1; n <= 4; n++ {
		to, from := called(i+n), called(i-n)
		e := render.Endpoint{Type: workload.Peer, Target: to, Host: string(to) + ".large.internal", Port: 10000 + (i+n)%many, Ranges: []string{"10.68.0.0/20"}}
		p := render.Peer{Service: from, Ranges: []string{"10.68.0.0/20"}}
		if kind == "kubernetes" {
			e.Namespace, e.Ranges = fmt.Sprintf("team-%d", (i+n)%many%20), nil
			p.Namespace, p.Ranges = fmt.Sprintf("team-%d", (i-n+many)%many%20), nil
		}
		s.Endpoints[string(to)] = e
		s.Callers = append(s.Callers, p)
		c.Variables[fmt.Sprintf("SERVICE_%d_URL", n)] = "http://${resources." + string(to) + ".host}:${resources." + string(to) + ".port}"
		c.Variables[fmt.Sprintf("SERVICE_%d_RETRIES", n)] = "3"
	}
	s.Workload = workload.Workload{
		APIVersion: workload.Version, Metadata: workload.Metadata{Name: string(name)}, Containers: map[string]workload.Container{string(name): c},
		Service: &workload.Service{Ports: map[string]workload.Port{"http": {Port: port}}},
	}
	return s
}

// BenchmarkBothWorlds renders a thousand services for Kubernetes and for virtual machines.
func BenchmarkBothWorlds(b *testing.B) {
	cluster, machines := thousand("kubernetes"), thousand("vm")
	for b.Loop() {
		if _, err := kube.Render(cluster); err != nil {
			b.Fatal(err)
		}
		if _, err := vm.Render(machines); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N*many)*1e6, "µs/service")
}

// BenchmarkKustomizeBuild runs the kustomize that KUSTOMIZE names once for the overlay of a service, for one service after the other.
func BenchmarkKustomizeBuild(b *testing.B) {
	program := os.Getenv("KUSTOMIZE")
	if program == "" {
		b.Skip("KUSTOMIZE does not name a kustomize")
	}
	bundle, err := kube.Render(thousand("kubernetes"))
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	for _, f := range bundle.Files {
		full := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(f.Text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		overlay := filepath.Join(dir, path.Join("kubernetes/overlays/large-kubernetes", string(called(i))))
		if out, err := exec.Command(program, "build", overlay).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		i++
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*1e6, "µs/service")
}
