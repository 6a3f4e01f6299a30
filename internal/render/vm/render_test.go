package vm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

func TestWhatCannotRunIsRefused(t *testing.T) {
	main := func(s *render.Site, change func(c *workload.Container)) {
		c := s.Services[0].Workload.Containers["main"]
		change(&c)
		s.Services[0].Workload.Containers = map[string]workload.Container{"main": c}
	}
	variable := func(s *render.Site, value string) {
		main(s, func(c *workload.Container) { c.Variables = map[string]string{"X": value} })
	}
	annotate := func(s *render.Site, key, value string) {
		s.Services[0].Workload.Metadata.Annotations = map[string]string{key: value}
	}
	twin := func(s *render.Site) {
		other := s.Services[0]
		other.Name = "pricing"
		s.Services = append(s.Services, other)
	}
	pooled := render.Datastore{Name: "pg", Technology: "postgres", Port: 5432, Instances: 1, Pooled: render.PoolSessions}
	tests := []struct {
		name  string
		spoil func(s *render.Site)
		want  string // of the message
	}{
		{"two services on one port of one machine", twin, "orders and pricing both listen on port 8210 (TCP) of app-1"},
		{"a stub on a service's port", func(s *render.Site) {
			s.Stubs = []render.Stub{{Name: "stub", Port: 8210, Hosts: []string{"app-1"}}}
		}, "port 8210"},
		{"two services on one port of the load balancers", func(s *render.Site) {
			twin(s)
			s.Services[0].Hosts, s.Services[1].Hosts = []string{"app-1"}, []string{"app-2"}
		}, "of the load balancers"},
		{"a service where people outside are taken in", func(s *render.Site) {
			s.Services[0].Workload.Metadata.Annotations = map[string]string{workload.AnnotationPublic: "kopi.example.org"}
			s.Services[0].Workload.Service.Ports = map[string]workload.Port{"http": {Port: 443}}
		}, "port 443"},
		{"a service on the agent's port", func(s *render.Site) {
			s.Services[0].Workload.Service.Ports = map[string]workload.Port{"http": {Port: agentPort}}
		}, "agent and orders both listen"},
		{"a machine that is none of the environment's", func(s *render.Site) { s.Services[0].Hosts = []string{"app-9"} }, "app-9, which is no machine"},
		{"a machine without an address", func(s *render.Site) { s.Hosts[0].Address = "" }, "give it an IP address"},
		{"a machine's name that is none", func(s *render.Site) { s.Hosts[0].Name = "LB 1" }, "cannot be a machine's name"},
		{"a port that is none", func(s *render.Site) {
			s.Services[0].Workload.Service.Ports = map[string]workload.Port{"http": {Port: 70000}}
		}, "from 1 to 65535"},
		{"UDP that is listened on elsewhere", func(s *render.Site) {
			s.Services[0].Workload.Service.Ports = map[string]workload.Port{"dns": {Port: 53, Protocol: "UDP", TargetPort: 5353}}
		}, "give both the same number"},
		{"no container", func(s *render.Site) { s.Services[0].Workload.Containers = nil }, "has no container"},
		{"a variable systemd drops", func(s *render.Site) {
			main(s, func(c *workload.Container) { c.Variables = map[string]string{"spring.port": "1"} })
		}, `named "spring.port"`},
		{"a value with a zero byte", func(s *render.Site) { variable(s, "a\x00b") }, "is no text"},
		{"an open placeholder", func(s *render.Site) { variable(s, "${resources.pg-main.host") }, "variable X: a placeholder is not closed"},
		{"a resource nothing is planned for", func(s *render.Site) { variable(s, "${resources.nobody.host}") }, "nothing is planned for resource nobody"},
		{"a property the type does not have", func(s *render.Site) { variable(s, "${resources.pricing.database}") }, "has no database"},
		{"a property that is not known yet", func(s *render.Site) {
			s.Services[0].Endpoints = map[string]render.Endpoint{"pg-main": {Type: workload.Postgres}}
			variable(s, "${resources.pg-main.host}")
		}, "the host of pg-main is not known"},
		{"metadata nobody knows", func(s *render.Site) { variable(s, "${metadata.owner}") }, "${metadata.name} is"},
		{"seconds that are none", func(s *render.Site) { annotate(s, workload.AnnotationDrain, "soon") }, "write whole seconds"},
		{"negative seconds", func(s *render.Site) { annotate(s, workload.AnnotationStop, "-1") }, "write whole seconds"},
		{"a user that is none", func(s *render.Site) { annotate(s, workload.AnnotationUser, "root\nExecStart=/bin/x") }, "write an account's name"},
		{"a folder that is none", func(s *render.Site) { annotate(s, workload.AnnotationFolder, "srv") }, "write an absolute path"},
		{"a limit that is none", func(s *render.Site) {
			main(s, func(c *workload.Container) {
				c.Resources = &workload.Compute{Limits: workload.Quantity{Memory: "much"}}
			})
		}, `"much" is no memory limit`},
		{"a program a unit cannot name", func(s *render.Site) {
			main(s, func(c *workload.Container) { c.Command = []string{"my program"} })
		}, "by way of /bin/sh -c"},
		{"a program a unit would take for a prefix", func(s *render.Site) {
			main(s, func(c *workload.Container) { c.Command = []string{"-false"} })
		}, "by way of /bin/sh -c"},
		{"a relative file", func(s *render.Site) {
			main(s, func(c *workload.Container) { c.Files = map[string]workload.File{"app.conf": {Content: "x"}} })
		}, "file app.conf"},
		{"a file that climbs out of the bundle", func(s *render.Site) {
			main(s, func(c *workload.Container) {
				c.Files = map[string]workload.File{"/../../x": {Content: "x"}}
			})
		}, "is no path"},
		{"a mode that is none", func(s *render.Site) {
			main(s, func(c *workload.Container) { c.Files = map[string]workload.File{"/a": {Content: "x", Mode: "rw"}} })
		}, "octal"},
		{"a volume over everything", func(s *render.Site) {
			main(s, func(c *workload.Container) { c.Volumes = map[string]workload.Volume{"/": {Source: "x"}} })
		}, "no path of a volume"},
		{"names that differ only in what files cannot hold", func(s *render.Site) {
			twin(s)
			s.Services[1].Name = "Orders"
			s.Services[1].Workload.Service = nil
		}, "rename one of them"},
		{"two volumes that would be one folder", func(s *render.Site) {
			main(s, func(c *workload.Container) {
				c.Volumes = map[string]workload.Volume{"/var/a-b": {Source: "x"}, "/var/a/b": {Source: "y"}}
			})
		}, "/var/a-b and /var/a/b would be one folder"},
		{"a datastore without a port", func(s *render.Site) {
			s.Datastores = []render.Datastore{{Name: "db", Technology: "postgres", Hosts: []string{"app-2"}}}
		}, "db listens on port 0"},
		{"a datastore without a machine", func(s *render.Site) {
			s.Datastores = []render.Datastore{{Name: "db", Technology: "postgres", Port: 5432}}
		}, "give it at least one"},
		{"a datastore with an odd memory", func(s *render.Site) {
			s.Datastores = []render.Datastore{{Name: "db", Technology: "redis", Port: 6379, Memory: "a lot", Hosts: []string{"app-2"}}}
		}, "no amount of memory"},
		{"a stub that answers one path twice", func(s *render.Site) {
			s.Stubs = []render.Stub{{Name: "stub", Port: 80, Hosts: []string{"app-1"}, Answers: []render.Answer{{Path: "/", Status: 200}, {Path: "/", Status: 404}}}}
		}, "answered twice"},
		{"a stub with a status that is none", func(s *render.Site) {
			s.Stubs = []render.Stub{{Name: "stub", Port: 80, Answers: []render.Answer{{Path: "/", Status: 20}}}}
		}, "from 200 to 599"},
		{"a stub with an answer nginx cannot hold", func(s *render.Site) {
			s.Stubs = []render.Stub{{Name: "stub", Port: 80, Answers: []render.Answer{{Path: "/", Status: 200, Body: strings.Repeat("x", 5000)}}}}
		}, "shorten it"},
		{"PgBouncer without a machine", func(s *render.Site) {
			s.Hosts = s.Hosts[1:]
			s.Services = nil
			for _, h := range s.Hosts {
				pooled.Hosts = append(pooled.Hosts, h.Name)
			}
			s.Datastores = []render.Datastore{pooled}
		}, "take pooled out"},
		{"PgBouncer without a port", func(s *render.Site) {
			s.Datastores = []render.Datastore{{Name: "pg", Technology: "postgres", Port: 40000, Instances: 1, Hosts: []string{"app-1"}, Pooled: render.PoolSessions}}
		}, "give it one up to 35535"},
		{"a datastore at PgBouncer's port", func(s *render.Site) {
			s.Datastores = []render.Datastore{{Name: "my", Technology: "mysql", Port: 25432, Instances: 1, Hosts: []string{"app-1"}}, {Name: "pg", Technology: "postgres", Port: 5432, Instances: 1, Hosts: []string{"app-2"}, Pooled: render.PoolSessions}}
		}, "port 25432 (TCP) of the load balancers"},
		{"a stub with a path that is none", func(s *render.Site) {
			s.Stubs = []render.Stub{{Name: "stub", Port: 80, Answers: []render.Answer{{Path: "x", Status: 200}}}}
		}, "does not begin with /"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := siteOf(t, "service")
			tt.spoil(&s)
			_, err := Render(s)
			if err == nil {
				t.Fatal("it is rendered")
			}
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v: %v; want invalid with %q", fault.KindOf(err), err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the message has more than one line: %v", err)
			}
		})
	}
}

func TestNobodyIsLetInUnplanned(t *testing.T) {
	for _, tt := range []struct {
		name    string
		callers []render.Peer
		want    string
	}{
		{"nobody calls it", nil, "    # Nobody is planned to call it.\n    tcp-request connection reject\n"},
		{"where a caller is, is not known", []render.Peer{{Service: "shop"}}, "    # Callers: shop (not let in: where it calls from is not planned).\n    tcp-request connection reject\n"},
		{"where one of two callers is, is not known", []render.Peer{{Service: "shop"}, {Service: "search", Ranges: []string{"10.64.0.0/22"}}},
			"    # Callers: search, shop (not let in: where it calls from is not planned).\n    tcp-request connection reject unless { src 10.64.0.0/22 }\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := siteOf(t, "service")
			s.Services[0].Callers = tt.callers
			for _, f := range bundle(t, s).Files {
				if strings.HasSuffix(f.Path, "haproxy.cfg") && !strings.Contains(f.Text, tt.want) {
					t.Errorf("%q is not in it:\n%s", tt.want, f.Text)
				}
			}
		})
	}
}

func TestAnUndecidedEdgeLeadsNowhere(t *testing.T) {
	s := siteOf(t, "service")
	s.Services[0].Endpoints["pricing"] = render.Endpoint{Type: workload.Peer, Host: "pricing.undecided.invalid", Dropped: true}
	for _, f := range bundle(t, s).Files {
		if strings.HasSuffix(f.Path, "orders.env") && strings.Contains(f.Text, "PRICING_URL=http://pricing.undecided.invalid:0\n") {
			return
		}
	}
	t.Error("the variable does not lead to a name that never resolves")
}

func TestUnknownUsernameIsASecretToo(t *testing.T) {
	s := siteOf(t, "service")
	pg := s.Services[0].Endpoints["pg-main"]
	pg.Username = ""
	s.Services[0].Endpoints["pg-main"] = pg
	for _, f := range bundle(t, s).Files {
		if strings.HasSuffix(f.Path, "orders/secrets.md") && strings.Contains(f.Text, "DATABASE_URL=\"postgres://<username of pg-main>:<password of pg-main>@") {
			return
		}
	}
	t.Error("the username is not asked for where the password is")
}

func TestEqualSitesGiveEqualBytes(t *testing.T) {
	for _, a := range archives(t) {
		before, err := json.Marshal(a.site)
		if err != nil {
			t.Fatal(err)
		}
		first := bundle(t, a.site)
		for range 10 {
			if again := bundle(t, a.site); again.Digest != first.Digest {
				t.Fatalf("%s: two digests of one site", a.name)
			}
		}
		after, err := json.Marshal(a.site)
		if err != nil {
			t.Fatal(err)
		}
		if string(before) != string(after) {
			t.Errorf("%s: the site itself was changed", a.name)
		}
	}
}

func TestBundlesAreTidy(t *testing.T) {
	for _, a := range archives(t) {
		for i, f := range bundle(t, a.site).Files {
			if !strings.HasPrefix(f.Path, "vm/id-vm/") || strings.Contains(f.Path, "//") || strings.Contains(f.Path, "..") {
				t.Errorf("%s: path %s", a.name, f.Path)
			}
			if f.Mode == 0 || (strings.HasPrefix(f.Text, "#!")) != (f.Mode&0o111 != 0) {
				t.Errorf("%s: %s has mode %o", a.name, f.Path, f.Mode)
			}
			if !strings.HasSuffix(f.Text, "\n") && !strings.HasSuffix(f.Path, ".base64") {
				t.Errorf("%s: %s does not end with a line end", a.name, f.Path)
			}
			if i > 0 && f.Subject == "" && strings.Contains(f.Path, "/services/") {
				t.Errorf("%s: %s is for nobody", a.name, f.Path)
			}
		}
	}
}

// many is a site of n services on 40 machines, each calling the one before it and a database.
func many(n int) render.Site {
	s := render.Site{Expansion: "indonesia", Organisation: "kopi", Environment: "id-vm", Kind: "vm", Country: "ID", Zone: "id-vm.kopi.internal", VMs: "10.64.0.0/16"}
	for i := range 42 {
		s.Hosts = append(s.Hosts, render.Host{Name: fmt.Sprintf("app-%02d", i), Address: fmt.Sprintf("10.64.0.%d", i+1)})
	}
	for i := range n {
		name := fmt.Sprintf("service-%04d", i)
		before := fmt.Sprintf("service-%04d", (i+n-1)%n)
		s.Services = append(s.Services, render.Service{
			Name: estate.ServiceName(name), Team: "orders", Wave: i%5 + 1, Hosts: []string{s.Hosts[2+i%40].Name, s.Hosts[2+(i+1)%40].Name},
			Callers: []render.Peer{{Service: "mobile-gateway", Ranges: []string{"10.64.0.0/16"}}},
			Endpoints: map[string]render.Endpoint{
				"before":  {Type: workload.Peer, Host: before + ".id-vm.kopi.internal", Port: 10000 + (i+n-1)%n},
				"pg-main": {Type: workload.Postgres, Host: "pg-main.id-vm.kopi.internal", Port: 5432, Database: "x", Username: "x", Secret: "pg-main-x"},
			},
			Workload: workload.Workload{
				APIVersion: workload.Version, Metadata: workload.Metadata{Name: name},
				Service: &workload.Service{Ports: map[string]workload.Port{"http": {Port: 10000 + i}}},
				Containers: map[string]workload.Container{"main": {
					Image: ".", Command: []string{"java", "-jar", "x.jar"},
					Variables: map[string]string{
						"BEFORE_URL": "http://${resources.before.host}:${resources.before.port}", "LEVEL": "info", "REGION": "id",
						"DATABASE_URL": "postgres://${resources.pg-main.username}:${resources.pg-main.password}@${resources.pg-main.host}:${resources.pg-main.port}/x",
					},
					Resources:      &workload.Compute{Limits: workload.Quantity{Memory: "512Mi", CPU: "1"}},
					ReadinessProbe: &workload.Probe{HTTPGet: &workload.HTTPGet{Path: "/healthz", Port: 10000 + i}},
				}},
			},
		})
	}
	return s
}

func BenchmarkRender1000Services(b *testing.B) {
	s := many(1000)
	for b.Loop() {
		if _, err := Render(s); err != nil {
			b.Fatal(err)
		}
	}
}
