package vm

import (
	"cmp"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// behind says how calls to a thing are spread over its machines.
type behind struct {
	listens []spot
	public  []route // by which people outside reach it
}

// spot is a port at which the load balancers take calls.
type spot struct {
	name         string // of frontend and backend
	about        string // in a few words, for people
	port, target int
	http         bool     // calls are read as HTTP; else passed on as they are
	checks       []string // how a machine is asked whether it is well
	server       string   // what is said of each machine besides its address
	agent        bool     // its machines' agents are asked too
	callers      []render.Peer
	at           string // address it is taken at; "" for all
	here         string // what answers on the load balancer's own machine; "" when the thing's machines do
}

// route is a host name, and a path below it, that leads to a backend.
type route struct{ host, path, to string }

// spread is how calls to a service are spread.
func (e environment) spread(p program) *behind {
	b := &behind{}
	annotations := p.of.Workload.Metadata.Annotations
	public := annotations[workload.AnnotationPublic]
	// People outside are led to the port called http, else to the lowest.
	front := max(slices.IndexFunc(p.listens, func(l render.Listen) bool { return l.Name == "http" }), 0)
	probe := p.container.ReadinessProbe
	for i, l := range p.listens {
		at := spot{name: workloadName(p.of), about: "service", port: l.Port, target: l.Target, agent: true, callers: p.of.Callers}
		if i > 0 {
			at.name += "-" + workload.NameOf(cmp.Or(l.Name, strconv.Itoa(l.Port)))
		}
		asked := probe != nil && probe.HTTPGet != nil
		if asked {
			at.checks, at.server = asking(*probe.HTTPGet, p.of.Workload.Metadata.Name, l.Target)
		} else {
			at.checks = []string{"option tcp-check"}
		}
		at.http = asked && speaksHTTP(*probe.HTTPGet, l.Target)
		if public != "" && i == front {
			at.http = true
			b.public = []route{{public, cmp.Or(annotations[workload.AnnotationPath], "/"), at.name}}
		}
		b.listens = append(b.listens, at)
	}
	return b
}

// speaksHTTP tells whether a port is known to take plain HTTP: it is the one that is asked by it.
func speaksHTTP(get workload.HTTPGet, port int) bool {
	return (get.Port == port || get.Port == 0) && !strings.EqualFold(get.Scheme, "HTTPS")
}

// asking is a readiness probe as HAProxy asks it. Like a kubelet it takes anything from 200 to 399 for well, and any certificate.
func asking(get workload.HTTPGet, host string, target int) (checks []string, server string) {
	send := fmt.Sprintf("http-check send meth GET uri %s ver HTTP/1.1 hdr Host %s", proxyWord("/"+strings.TrimPrefix(get.Path, "/")), proxyWord(cmp.Or(get.Host, host)))
	for _, h := range get.HTTPHeaders {
		send += fmt.Sprintf(" hdr %s %s", proxyWord(h.Name), proxyWord(strings.ReplaceAll(h.Value, "%", "%%")))
	}
	if get.Port != 0 && get.Port != target {
		server = " port " + strconv.Itoa(get.Port)
	}
	if strings.EqualFold(get.Scheme, "HTTPS") {
		server += " check-ssl verify none"
	}
	return []string{"option httpchk", send, "http-check expect status 200-399"}, server
}

// proxyWord quotes a word of HAProxy's configuration.
func proxyWord(w string) string { return shellWord(w) }

// Ports at which people outside are taken in.
const (
	publicHTTP  = 80
	publicHTTPS = 443
)

// balancer is HAProxy on the machines that nothing else runs on.
func (e environment) balancer(things []thing) thing {
	t := thing{name: "haproxy", about: "load balancer", packages: []string{"haproxy"}, start: []string{"haproxy.service"}}
	for _, v := range things {
		t.wave = max(t.wave, v.wave)
		if v.behind != nil && len(v.behind.public) > 0 {
			t.secrets = []string{e.certificates()}
		}
	}
	for _, h := range e.balancers {
		t.hosts = append(t.hosts, h.Name)
	}
	// Its package has started it before it was configured.
	t.fresh, t.reloads = []string{"systemctl", "restart", "haproxy.service"}, true
	t.content = []file{{File: render.File{Path: e.in("haproxy", "haproxy.cfg"), Text: e.proxy(things), Mode: 0o644}, at: "/etc/haproxy/haproxy.cfg", units: t.start}}
	for _, v := range things {
		if v.pool != nil {
			t.take(*v.pool)
		}
	}
	return t
}

// balancerSocket is where HAProxy takes commands on its machine.
const balancerSocket = "/run/haproxy/admin.sock"

// certificates is the folder of those the load balancers show to people outside.
func (e environment) certificates() string { return path.Join(e.secretFolder(), "certificates") }

// proxy is HAProxy's configuration.
func (e environment) proxy(things []thing) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", e.origin())
	b.WriteString(`
global
    log /dev/log local0
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
    stats socket ` + balancerSocket + ` mode 660 level admin

defaults
    log global
    mode tcp
    option dontlognull
    option redispatch
    retries 2
    timeout connect 3s
    timeout check 3s
    timeout client 60s
    timeout server 60s
    timeout queue 10s
    timeout http-request 10s
    timeout http-keep-alive 15s
    timeout tunnel 1h
    default-server check inter 5s fastinter 1s fall 3 rise 1 slowstart 30s
`)
	e.public(&b, things)
	for _, t := range things {
		if t.behind == nil {
			continue
		}
		for _, s := range t.behind.listens {
			e.frontend(&b, t, s)
		}
	}
	return b.String()
}

// public is where people outside are taken in: the longest path of a host wins, as in an HTTPRoute.
func (e environment) public(b *strings.Builder, things []thing) {
	var ways []route
	for _, t := range things {
		if t.behind != nil {
			ways = append(ways, t.behind.public...)
		}
	}
	if len(ways) == 0 {
		return
	}
	slices.SortFunc(ways, func(a, b route) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(len(b.path), len(a.path)), cmp.Compare(a.path, b.path), cmp.Compare(a.to, b.to))
	})
	fmt.Fprintf(b, `
# People outside. The certificates are in no bundle: put them, each with its key, into the folder.
frontend public
    mode http
    option forwardfor
    bind :%d
    bind :%d ssl crt %s alpn h2,http/1.1
    http-request redirect scheme https code 308 unless { ssl_fc }
    http-request set-header X-Forwarded-Proto https
`, publicHTTP, publicHTTPS, e.certificates())
	for _, w := range ways {
		host := fmt.Sprintf("{ req.hdr(host),host_only -i %s }", proxyWord(w.host))
		below := strings.TrimSuffix(w.path, "/")
		if below == "" {
			fmt.Fprintf(b, "    use_backend %s if %s\n", w.to, host)
			continue
		}
		fmt.Fprintf(b, "    use_backend %s if %s { path %s } or %s { path_beg %s }\n", w.to, host, proxyWord(below), host, proxyWord(below+"/"))
	}
}

// frontend takes calls at a port and spreads them over a thing's machines.
func (e environment) frontend(b *strings.Builder, t thing, s spot) {
	mode := "tcp"
	if s.http {
		mode = "http"
	}
	fmt.Fprintf(b, "\n# %s, %s\nfrontend %s\n    mode %s\n    bind %s:%d\n", unitComment(string(t.name)), s.about, s.name, mode, s.at, s.port)
	admitted(b, s.callers)
	fmt.Fprintf(b, "    default_backend %s\n\nbackend %s\n    mode %s\n    balance %s\n", s.name, s.name, mode, balance(s.http))
	if s.http {
		b.WriteString("    option forwardfor\n")
	}
	for _, line := range s.checks {
		fmt.Fprintf(b, "    %s\n", line)
	}
	if s.agent {
		fmt.Fprintf(b, "    default-server agent-check agent-port %d agent-inter 1s agent-send \"%s\\n\"\n", agentPort, workload.NameOf(string(t.name)))
	}
	if s.here != "" {
		fmt.Fprintf(b, "    server %s 127.0.0.1:%d\n", s.here, s.target)
		return
	}
	for _, host := range t.hosts {
		fmt.Fprintf(b, "    server %s %s%s\n", host, net.JoinHostPort(e.addresses[host], strconv.Itoa(s.target)), s.server)
	}
}

// balance is how the next machine is chosen: in turn for requests, by the fewest for connections, which last.
func balance(http bool) string {
	if http {
		return "roundrobin"
	}
	return "leastconn"
}

// admitted lets callers in from where they are planned to call from, and nobody else.
func admitted(b *strings.Builder, callers []render.Peer) {
	var from []string
	for _, c := range callers {
		from = append(from, c.Ranges...)
	}
	slices.Sort(from)
	who, unless := "Nobody is planned to call it", ""
	if len(callers) > 0 {
		who = "Callers: " + names(callers)
	}
	if len(from) > 0 {
		unless = " unless { src " + strings.Join(slices.Compact(from), " ") + " }"
	}
	fmt.Fprintf(b, "    # %s.\n    tcp-request connection reject%s\n", who, unless)
}

// names lists callers for people.
func names(callers []render.Peer) string {
	out := make([]string, len(callers))
	for i, c := range callers {
		out[i] = unitComment(string(c.Service))
		if len(c.Ranges) == 0 {
			out[i] += " (not let in: where it calls from is not planned)"
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}
