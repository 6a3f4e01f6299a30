// Package conformance holds one suite for all renderers: the same workloads are written out for both worlds, read back by each
// world's own rules, and must come to the same process: its words, variables, files, limits, ports, questions after its health, the
// seconds of its life, and who may call it. A secret is nowhere but by reference.
package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
	"example.org/caravan/internal/render/vm"
)

// lived is a service as a world runs it.
type lived struct {
	Processes map[string]process // by container
	Listens   []string           // as called and as listened on: "80 to 8080/TCP"
	Asked     string             // before it is first called: "HTTP 8080/healthz", "connection 8080", "check-queue --deep"
	Balanced  string             // while it is called; "" when nobody calls it
	Start     int                // seconds until it must first be well, in the kubelet's steps; 0 when nobody asks
	Drain     int                // seconds between being taken out of balance and SIGTERM
	Stop      int                // seconds from SIGTERM to SIGKILL
	Callers   []string           // and the port of the process: "10.64.0.0/22 to 8080/TCP"
	Public    []string           // "www.kopi.example.org/cart to 8080"
	Low       bool               // it may listen on a port below 1024
}

// process is a container as a world runs it.
type process struct {
	Words     []string          // command and arguments
	Variables map[string]string // <SECRET/KEY> for what is kept elsewhere
	Files     map[string]file   // by path
	Volumes   map[string]string // by path: "read only", "writable"
	Folder    string            // it starts in, when the workload says
	Memory    int64             // bytes at most
	CPU       int64             // thousandths of a processor at most
	Ends      bool              // others wait for its end
}

// file is one a process finds. What is kept elsewhere has no text here.
type file struct {
	Text   string
	Mode   string // octal
	Hidden bool
}

// kubeletStep is how many seconds the kubelet lets pass between two questions to a process that begins.
const kubeletStep = 5

func TestBothWorldsRunTheSameProcess(t *testing.T) {
	for _, w := range workloads() {
		t.Run(w.name, func(t *testing.T) {
			onMachines, inCluster := both(t, w)
			if diff := cmp.Diff(onMachines, inCluster); diff != "" {
				t.Errorf("on machines (-), in a cluster (+):\n%s", diff)
			}
			main := w.service.MainContainer()
			for name, want := range w.variables {
				if got := onMachines.Processes[main].Variables[name]; got != want {
					t.Errorf("%s is %q on machines, not %q", name, got, want)
				}
			}
			if got := len(onMachines.Processes[main].Variables); w.variables != nil && got != len(w.variables) {
				t.Errorf("it has %d variables, not %d", got, len(w.variables))
			}
			for _, want := range w.facts {
				if all := fmt.Sprintf("%+v", onMachines); !strings.Contains(all, want) {
					t.Errorf("%q is not so: %s", want, all)
				}
			}
		})
	}
}

// judge is a test, or a try of a property.
type judge interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// both writes a workload out for both worlds and reads it back.
func both(t judge, w sample) (onMachines, inCluster lived) {
	t.Helper()
	return machineOf(t, rendered(t, vm.Render, siteOf("vm", w.service))).read(t, w.service),
		clusterOf(t, rendered(t, kube.Render, siteOf("kubernetes", w.service))).read(t, w.service)
}

func rendered(t judge, write func(render.Site) (render.Bundle, error), s render.Site) render.Bundle {
	t.Helper()
	b, err := write(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNoSecretIsWrittenDown(t *testing.T) {
	seen := 0
	for _, w := range workloads() {
		w.service = withCanaries(w.service)
		for kind, write := range map[string]func(render.Site) (render.Bundle, error){"vm": vm.Render, "kubernetes": kube.Render} {
			for _, f := range rendered(t, write, siteOf(kind, w.service)).Files {
				seen++
				if strings.Contains(f.Text+f.Path, canary) {
					t.Errorf("%s: %s holds what nobody may read", w.name, f.Path)
				}
			}
		}
	}
	if seen < 20*len(workloads()) {
		t.Errorf("only %d files were looked at", seen)
	}
}

func TestWavesHaveOneOrder(t *testing.T) {
	first, second, third := plain("pricing", 8220), plain("orders", 8210), plain("accounts", 8230)
	first.Wave, second.Wave, third.Wave = 1, 2, 3
	services := []render.Service{third, second, first}
	onMachines := machineOf(t, rendered(t, vm.Render, siteOf("vm", services...))).order(services)
	inCluster := clusterOf(t, rendered(t, kube.Render, siteOf("kubernetes", services...))).order(services)
	if want := []string{"pricing", "orders", "accounts"}; !slices.Equal(onMachines, want) || !slices.Equal(inCluster, want) {
		t.Errorf("on machines %v, in a cluster %v, not %v", onMachines, inCluster, want)
	}
}
