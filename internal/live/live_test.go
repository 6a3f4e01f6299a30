package live

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/kube"
)

func TestMachinesAreThoseOfTheEnvironmentWithAnAddress(t *testing.T) {
	machine := func(name, kind, env, address, technology string) estate.Component {
		c := estate.Component{Name: estate.ServiceName(name), Kind: estate.Kind(kind), Technology: technology, Environments: []estate.EnvironmentName{estate.EnvironmentName(env)}}
		if address != "" {
			c.Names = []estate.Alias{{Kind: estate.NameHostname, Value: name}, {Kind: estate.NameAddress, Value: address}}
		}
		return c
	}
	s := estate.Snapshot{Components: []estate.Component{
		machine("app1", "host", "sg", "10.0.0.1", ""), machine("app2", "host", "my", "10.0.0.2", ""), machine("app3", "host", "sg", "", ""),
		machine("node1", "host", "sg", "10.0.0.4", estate.TechnologyNode), machine("orders", "service", "sg", "10.0.0.5", ""),
	}}
	if diff := cmp.Diff([]Host{{"app1", netip.MustParseAddr("10.0.0.1")}}, HostsOf(s, "sg"), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestAPodBelongsToWhatSomebodyWrote(t *testing.T) {
	for _, tt := range []struct{ name, kind, owner, hash, want string }{
		{"a Deployment's", "ReplicaSet", "orders-5d4f8b9c7", "5d4f8b9c7", "orders"},
		{"a StatefulSet's", "StatefulSet", "pg", "", "pg"},
		{"a CronJob's", "Job", "report-29123456", "", "report"},
		{"a Job's of its own", "Job", "migrate-2", "", "migrate-2"},
		{"its own", "", "", "", "alone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &unstructured.Unstructured{Object: map[string]any{}}
			p.SetName("alone")
			if tt.kind != "" {
				p.SetOwnerReferences([]metav1.OwnerReference{{Kind: tt.kind, Name: tt.owner}})
			}
			if tt.hash != "" {
				p.SetLabels(map[string]string{"pod-template-hash": tt.hash})
			}
			if got := ownerOf(p); got != tt.want {
				t.Errorf("it belongs to %s, not %s", got, tt.want)
			}
		})
	}
}

func TestNamesThatAreOptionsOrNoNamesAreNotLookedUp(t *testing.T) {
	for name, want := range map[string]bool{"api.example.com": true, "-o.example.com": false, "a b.example.com": false, "$(id).example.com": false, "localhost": false, "x'.example.com": false} {
		if hostName.MatchString(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// apiServer is an API server that answers as it is told, and what it was asked.
func apiServer(t *testing.T, answer http.HandlerFunc) (Source, *[]string) {
	t.Helper()
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: '" + s.URL + "'}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Source{Name: "c1", Environment: "id", Cluster: &kube.Options{Kubeconfig: file, Context: "c"}}, &asked
}

func read(t *testing.T, s Source) Reading {
	t.Helper()
	got, err := Read(t.Context(), []Source{s}, Options{At: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func doubts(r Reading) string {
	var out []string
	for _, d := range r.Doubts {
		out = append(out, d.Place.String()+": "+d.Text)
	}
	return strings.Join(out, "\n")
}

func TestSecretsAreNeverAskedFor(t *testing.T) {
	s, asked := apiServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}`))
	})
	read(t, s)
	if len(*asked) < 10 {
		t.Errorf("asked only %v", *asked)
	}
	for _, a := range *asked {
		if !strings.HasPrefix(a, "GET ") || strings.Contains(a, "secrets") {
			t.Error(a)
		}
	}
}

func TestWhatMayNotBeListedIsAQuestionThatNamesTheRight(t *testing.T) {
	s, _ := apiServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "no"}`))
	})
	if got := doubts(read(t, s)); !strings.Contains(got, "c1/configmaps: configmaps may not be listed; give the account get and list on configmaps") {
		t.Error(got)
	}
}

func TestAListComesInPages(t *testing.T) {
	s, _ := apiServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		page := `{"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}`
		if strings.HasSuffix(r.URL.Path, "/deployments") {
			name, next := "one", "more"
			if r.URL.Query().Get("continue") == "more" {
				name, next = "two", ""
			}
			page = `{"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {"continue": "` + next + `"}, "items": [{"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "` + name +
				`", "namespace": "shop"}, "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "example.org/a:1"}]}}}}]}`
		}
		_, _ = w.Write([]byte(page))
	})
	var got []string
	for _, x := range read(t, s).Sightings {
		if x.Fact == estate.Runs {
			got = append(got, x.Place.String()+" "+string(x.Environment))
		}
	}
	if diff := cmp.Diff([]string{"c1/shop/Deployment/one id", "c1/shop/Deployment/two id"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlacesThatCannotBeAskedAreQuestions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		source Source
		want   string
	}{
		{"a kubeconfig without the context", Source{Name: "c1", Cluster: &kube.Options{Kubeconfig: os.DevNull, Context: "c"}}, "c1: not looked at: "},
		{"machines without known hosts", Source{Name: "sg", Machines: &host.Options{KnownHosts: "/nowhere"}, Hosts: []Host{{"a", netip.MustParseAddr("127.0.0.1")}}}, "sg/a: not looked at: known hosts: "},
		{"no machines", Source{Name: "sg", Environment: "p", Machines: &host.Options{}}, "sg: no machine of p has a known address; name some under hosts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := doubts(read(t, tt.source)); !strings.Contains(got, tt.want) || strings.Contains(got, "of the target") {
				t.Error(got)
			}
		})
	}
}

func TestAScanThatIsCancelledEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, nil, Options{}); err == nil {
		t.Error("it ended well")
	}
}
