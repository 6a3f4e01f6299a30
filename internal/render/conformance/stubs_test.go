package conformance

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/internal/render/vm"
)

// loyalty answers in the place of a service that stays behind.
func loyalty() render.Stub {
	return render.Stub{
		Name: "loyalty", Port: 8095, Wave: 1, Hosts: []string{"app-1"},
		Callers: []render.Peer{{Service: "orders", Ranges: []string{"10.64.0.0/22"}}},
		Answers: []render.Answer{
			{Path: "/", Status: 404, Type: "text/plain", Body: "not here\n"},
			{Path: "/points", Status: 200, Body: `{"points": 0, "say": "\"hai\" it's 100% $5 ${x} {y}; # é"}`},
			{Path: "/points/rules", Status: 200, Type: "text/html", Body: "<p>\\n</p>"},
			{Path: "/empty", Status: 204},
		},
	}
}

func TestAStubIsReachableAndAnswersAlike(t *testing.T) {
	s := siteOf("vm")
	s.Stubs = []render.Stub{loyalty()}
	onMachine := machineOf(t, rendered(t, vm.Render, s))
	site := onMachine.files["/etc/nginx/sites-enabled/loyalty"].text
	if names := onMachine.files["/etc/hosts"].text; !strings.Contains(names, "10.64.0.2\tloyalty.id.kopi.internal loyalty\n") {
		t.Errorf("its name does not lead to the load balancer:\n%s", names)
	}
	s = siteOf("kubernetes")
	s.Stubs = []render.Stub{loyalty()}
	built := clusterOf(t, rendered(t, kube.Render, s))
	if at := built.find("loyalty", "Service").Metadata.Namespace; at != render.StubNamespace {
		t.Errorf("its Service is in namespace %q", at)
	}
	var a, b lived
	onMachine.balance(t, "loyalty", &a)
	built.balance("loyalty", &b)
	b.Balanced = built.find("loyalty", "Deployment").Spec.Template.Spec.Containers[0].Readiness.question()
	if diff := cmp.Diff(a, b); diff != "" || len(a.Callers) != 1 {
		t.Errorf("on machines (-), in a cluster (+):\n%s", diff)
	}
	i := slices.IndexFunc(built.objects, func(o object) bool { return o.Data["nginx.conf"] != "" })
	machines := serving(t, "events {}\nhttp {\n"+site+"}\n")
	cluster := serving(t, built.objects[i].Data["nginx.conf"])
	for path, want := range map[string]string{
		"/":               "404 text/plain not here\n",
		"/other":          "404 text/plain not here\n",
		"/points":         `200 application/json {"points": 0, "say": "\"hai\" it's 100% $5 ${x} {y}; # é"}`,
		"/points/7?a=b":   `200 application/json {"points": 0, "say": "\"hai\" it's 100% $5 ${x} {y}; # é"}`,
		"/points/rules/1": "200 text/html <p>\\n</p>",
		"/empty":          "204  ",
	} {
		if got := answer(t, machines, path); got != want {
			t.Errorf("on machines %s is answered %q, not %q", path, got, want)
		}
		if got := answer(t, cluster, path); got != want {
			t.Errorf("in a cluster %s is answered %q, not %q", path, got, want)
		}
	}
}

// serving runs nginx with a configuration until the test ends, in a folder and at a port of its own.
func serving(t *testing.T, config string) (address string) {
	t.Helper()
	nginx := installed(t, "nginx", "nginx-light")
	dir := t.TempDir()
	address = porttest.Address(t)
	config = strings.NewReplacer("listen 8095;", "listen "+address+";", "listen [::]:8095;", "", "/tmp/", dir+"/").Replace(config)
	put(t, filepath.Join(dir, "nginx.conf"), config, 0o644)
	cmd := exec.Command(nginx, "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"), "-g", "daemon off; master_process off;")
	if !strings.Contains(config, "pid ") {
		cmd.Args[len(cmd.Args)-1] += fmt.Sprintf(" pid %s/pid;", dir)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		select {
		case <-ctx.Done():
			t.Fatalf("nginx does not answer: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// answer is what a request is answered: status, type, body.
func answer(t *testing.T, address, path string) string {
	t.Helper()
	res, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), body)
}
