package targets_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
)

// faulty is a program that does what it is told to: run, crash, or eat memory.
const faulty = `package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	switch os.Args[1] {
	case "crash":
		fmt.Println("connect to database: password=canary-last-words-4k9x refused")
		os.Exit(3)
	case "eat":
		var all [][]byte
		for {
			all = append(all, make([]byte, 1<<20))
			for i := range all[len(all)-1] {
				all[len(all)-1][i] = 1
			}
		}
	}
	time.Sleep(time.Hour)
}
`

// pushFaulty builds the program and pushes it under a name.
func pushFaulty(t *testing.T, b *testbed.Bed, name string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(faulty), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "faulty")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, filepath.Join(dir, "main.go"))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := b.Push(t.Context(), name, testbed.Image{Files: map[string]string{"/faulty": program}, Entrypoint: []string{"/faulty"}}); err != nil {
		t.Fatal(err)
	}
}

// project is a namespace with one service in it that somebody moves.
type project struct {
	*testing.T
	bed  *testbed.Bed
	name string
	told []string
	mu   sync.Mutex
}

// service are the files of a service: its Deployment, with more in its container.
func (p *project) service(image, command, more string) []render.File {
	at := "kubernetes/overlays/faults/" + p.name + "/"
	return []render.File{
		{Path: at + "deployment.yaml", Mode: 0o644, Text: fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: shop
          image: %s
          args: [%s]
%s`, image, command, more)},
		{Path: at + "kustomization.yaml", Mode: 0o644, Text: "namespace: " + p.name + "\nresources: [namespace.yaml, deployment.yaml]\n"},
		{Path: at + "namespace.yaml", Mode: 0o644, Text: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + p.name + "\n"},
		{Path: "kubernetes/overlays/faults/SECRETS.md", Mode: 0o644, Text: "# Secrets\n\n### pg-shop\n"},
	}
}

func (p *project) tell(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, line)
	p.Log(time.Now().Format("05.0"), line)
}

func (p *project) heard(part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(strings.Join(p.told, "\n"), part)
}

func (p *project) open(files []render.File) *kube.Target {
	p.Helper()
	t, err := kube.Open(p.Context(), kube.TargetOptions{Options: reached(p.bed), Expansion: p.name, Environment: "faults", Files: files})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = t.Close() })
	return t
}

// move applies files as a step and verifies it.
func (p *project) move(files []render.File) error {
	p.Helper()
	t := p.open(files)
	s := journey.Step{ID: "faults/service/shop", Kind: journey.Deploy}
	for _, f := range files {
		s.Files = append(s.Files, journey.Written{Path: f.Path, Digest: journey.DigestOf(f), Mode: f.Mode})
	}
	if _, err := t.Apply(p.Context(), s, files, p.tell); err != nil {
		return err
	}
	return t.Verify(p.Context(), s, p.tell)
}

// fails moves files, and wants to be told what is wrong and how to mend it.
func (p *project) fails(files []render.File, kind fault.Kind, says ...string) {
	p.Helper()
	start := time.Now()
	err := p.move(files)
	if fault.KindOf(err) != kind {
		p.Fatalf("%v: %v\n%s", fault.KindOf(err), err, strings.Join(p.told, "\n"))
	}
	p.Logf("after %s: %v", time.Since(start).Round(time.Second), err)
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			p.Errorf("it does not say %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error()+strings.Join(p.told, "\n"), "canary") {
		p.Errorf("a secret is told: %v\n%s", err, strings.Join(p.told, "\n"))
	}
}

func (p *project) works(files []render.File) {
	p.Helper()
	if err := p.move(files); err != nil {
		p.Fatalf("%v\n%s", err, strings.Join(p.told, "\n"))
	}
}

func (p *project) kubectl(args ...string) {
	p.Helper()
	if _, err := p.bed.Clusters[0].Kubectl(context.WithoutCancel(p.Context()), args...); err != nil {
		p.Error(err)
	}
}

// fails in many ways, goes on once that is mended, and leaves nothing behind.
func faults(t *testing.T, b *testbed.Bed) {
	const image, other = "registry.bed:5000/faulty:1", "registry.bed:5000/faulty:2"
	pushFaulty(t, b, "faulty:1")
	for _, f := range []struct {
		name string
		test func(*project)
	}{
		{"an image that does not exist", func(p *project) {
			files := p.service(other, "run", "")
			p.fails(files, fault.Unavailable, other, "not found", "push it")
			pushFaulty(p.T, b, "faulty:2")
			p.works(files)
		}},
		{"a service that crashes", func(p *project) {
			p.fails(p.service(image, "crash", ""), fault.Unavailable, "crashes again and again", "exit code 3", "its last words", "connect to database")
			p.works(p.service(image, "run", ""))
		}},
		{"a service that eats memory", func(p *project) {
			p.fails(p.service(image, "eat", "          resources: {limits: {memory: 32Mi}}\n"), fault.Unavailable, "OOMKilled", "its limit is 32Mi", "more memory")
			p.works(p.service(image, "run", ""))
		}},
		{"a secret that is not there", func(p *project) {
			files := p.service(image, "run", "          envFrom: [{secretRef: {name: pg-shop}}]\n")
			p.fails(files, fault.Unavailable, `"pg-shop" not found`, "kubernetes/overlays/faults/SECRETS.md says what goes in")
			p.kubectl("-n", p.name, "create", "secret", "generic", "pg-shop", "--from-literal=password=canary-secret-7h2d")
			p.works(files)
			p.kubectl("-n", p.name, "delete", "secret", "pg-shop")
		}},
		{"a service that no node has room for", func(p *project) {
			p.fails(p.service(image, "run", "          resources: {requests: {cpu: \"400\"}}\n"), fault.Unavailable, "cannot be placed", "Insufficient cpu")
			p.works(p.service(image, "run", ""))
		}},
		{"a quota that is used up", func(p *project) {
			files := p.service(image, "run", "")
			p.kubectl("create", "namespace", p.name)
			p.kubectl("-n", p.name, "create", "quota", "few", "--hard=pods=0")
			if err := b.Clusters[0].AwaitQuota(p.Context(), p.name); err != nil {
				p.Fatal(err)
			}
			p.fails(files, fault.Conflict, p.name+" is there and was made by kubectl")
			own := append(files[:2:2], files[3:]...)
			own[1].Text = "namespace: " + p.name + "\nresources: [deployment.yaml]\n"
			p.fails(own, fault.Unavailable, "exceeded quota: few", "raise the quota")
			p.kubectl("-n", p.name, "delete", "quota", "few")
			p.works(own)
		}},
		{"an API server that is away for a minute", func(p *project) {
			c := b.Clusters[0]
			if err := c.StopServer(); err != nil {
				p.Fatal(err)
			}
			done := make(chan error, 1)
			files := p.service(image, "run", "")
			go func() { done <- p.move(files) }()
			if err := b.Await(p.Context(), "a word about it", func() error {
				if !p.heard("waiting for the API server") {
					return fmt.Errorf("nothing is told")
				}
				return nil
			}); err != nil {
				p.Error(err)
			}
			if err := c.StartServer(p.Context()); err != nil {
				p.Fatal(err)
			}
			if err := <-done; err != nil {
				p.Errorf("%v\n%s", err, strings.Join(p.told, "\n"))
			}
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			before := everything(t, b.Clusters[0])
			p := &project{T: t, bed: b, name: "faults-" + fmt.Sprint(len(f.name))}
			f.test(p)
			target := p.open(nil)
			if _, err := target.Remove(t.Context(), func(string) bool { return false }, p.tell); err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(p.told, "\n"))
			}
			if strings.HasPrefix(f.name, "a quota") {
				p.kubectl("delete", "namespace", p.name)
			}
			if diff := cmp.Diff(before, everything(t, b.Clusters[0])); diff != "" {
				t.Errorf("not as before (-before +now):\n%s\n%s", diff, strings.Join(p.told, "\n"))
			}
		})
	}
}
