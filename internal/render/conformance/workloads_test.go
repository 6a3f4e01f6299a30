package conformance

import (
	"encoding/base64"
	"fmt"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// sample is a workload with what both worlds must make of it.
type sample struct {
	name      string
	service   render.Service
	variables map[string]string // of its main container, all of them; nil when they are not looked at
	facts     []string          // that the main container's life must show
}

// siteOf puts services into an environment of a kind.
func siteOf(kind string, services ...render.Service) render.Site {
	s := render.Site{
		Expansion: "indonesia", Organisation: "Kopi", Environment: estate.EnvironmentName("id-" + kind), Kind: kind, Country: "ID", Zone: "id.kopi.internal",
		Pods: "10.72.0.0/20", VMs: "10.64.0.0/22", Services: services,
	}
	if kind == "vm" {
		s.Hosts = []render.Host{{Name: "lb-1", Address: "10.64.0.2"}, {Name: "app-1", Address: "10.64.0.10"}}
	}
	return s
}

// plain is a service as most are.
func plain(name string, port int) render.Service {
	return render.Service{
		Name: estate.ServiceName(name), Team: "orders", Wave: 1, Hosts: []string{"app-1"},
		Callers: []render.Peer{{Service: "mobile-gateway", Ranges: []string{"10.64.0.0/22"}}, {Service: "shop", Ranges: []string{"10.80.0.0/20"}}},
		Workload: workload.Workload{
			APIVersion: workload.Version, Metadata: workload.Metadata{Name: name, Annotations: map[string]string{}},
			Service: &workload.Service{Ports: map[string]workload.Port{"http": {Port: port}}},
			Containers: map[string]workload.Container{"main": {
				Image: ".", Command: []string{"java"}, Args: []string{"-Xmx400m", "-jar", name + ".jar"}, Variables: map[string]string{"LOG_LEVEL": "info"},
				Resources:      &workload.Compute{Limits: workload.Quantity{Memory: "512Mi", CPU: "1500m"}, Requests: workload.Quantity{Memory: "256Mi", CPU: "200m"}},
				ReadinessProbe: &workload.Probe{HTTPGet: &workload.HTTPGet{Path: "/actuator/health", Port: port}},
			}},
			Resources: map[string]workload.Resource{},
		},
		Endpoints: map[string]render.Endpoint{},
	}
}

// with is a plain service with something of its own.
func with(change func(s *render.Service, c *workload.Container)) render.Service {
	s := plain("orders", 8210)
	c := s.Workload.Containers["main"]
	change(&s, &c)
	s.Workload.Containers["main"] = c
	return s
}

// given adds a resource with where it is.
func given(s *render.Service, name string, e render.Endpoint) {
	s.Workload.Resources[name] = workload.Resource{Type: e.Type}
	s.Endpoints[name] = e
}

func database(s *render.Service) {
	given(s, "pg-main", render.Endpoint{
		Type: workload.Postgres, Target: "pg-main", Host: "pg-main.id.kopi.internal", Port: 5432,
		Database: "orders", Username: "orders", Secret: "pg-main-orders", Ranges: []string{"10.64.0.0/22"},
	})
}

// canary is a text that must be in no file.
const canary = "CANARY-7f3a"

// withCanaries is a service with a canary wherever a secret might be written by mistake: in what is known of a resource, and in a
// value of the source environment that this one replaces.
func withCanaries(s render.Service) render.Service {
	resources := map[string]workload.Resource{}
	for name, r := range s.Workload.Resources {
		r.Params = map[string]any{"password": canary, "uri": "postgres://orders:" + canary + "@pg-main"}
		r.ID = canary
		r.Metadata.Annotations = map[string]string{"password": canary}
		resources[name] = r
	}
	containers := map[string]workload.Container{}
	for key, c := range s.Workload.Containers {
		variables := map[string]string{"REPLACED": canary}
		for name, value := range c.Variables {
			variables[name] = value
		}
		c.Variables = variables
		containers[key] = c
	}
	s.Workload.Resources, s.Workload.Containers = resources, containers
	values := map[string]string{"REPLACED": "here"}
	for name, value := range s.Values {
		values[name] = value
	}
	s.Values = values
	return s
}

// awkward are values that one grammar or another takes for something else.
func awkward() map[string]string {
	return map[string]string{
		"EMPTY": "", "BLANK": " ", "BLANKS": "  both ends  ", "TAB": "\ta\tb\t", "LINES": "one\ntwo\n\nfour\n", "CARRIAGE": "a\r\nb\r",
		"QUOTES": `"double" 'single' ` + "`back`", "DOLLARS": "$HOME ${HOME} $(HOME) $$ $", "PERCENT": "100% %h %% %", "BACKSLASH": `\n \\ \x41 \`,
		"COMMENT": "# not a comment ; nor this", "EQUALS": "a=b=c", "UNICODE": "terima kasih — 😀 \u2028 \ufeff é", "COLON": "a: b", "DASH": "- x", "BRACES": "{{ .Values }} {a: b} [c]",
		"YES": "yes", "NULL": "null", "OCTAL": "0777", "FLOAT": "1e3", "TILDE": "~", "STAR": "*anchor", "AMPERSAND": "&anchor", "BANG": "!tag", "PIPE": "|", "ANGLE": ">",
		"AT": "@x", "JSON": `{"a": "b\n", "c": [1, 2]}`, "CONTROL": "a\x01b\x1bc", "HEREDOC": "EOF\nEOF", "FENCE": "```",
		"DATE": "2026-11-23", "TIME": "12:30:45", "LONG": strings.Repeat("a long value with blanks ", 40), "LAST_BACKSLASH": `C:\temp\`,
	}
}

// asWritten are values as a workload writes them, with $${ for ${.
func asWritten(values map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range values {
		out[name] = strings.ReplaceAll(value, "${", "$${")
	}
	return out
}

func huge() map[string]string {
	out := map[string]string{}
	for i := range 400 {
		out[fmt.Sprintf("FLAG_%03d", i)] = fmt.Sprintf("value %d of many: %s", i, strings.Repeat("x", i))
	}
	return out
}

func workloads() []sample {
	return []sample{
		{name: "a web service", service: plain("orders", 8210), variables: map[string]string{"LOG_LEVEL": "info"},
			facts: []string{"Asked:HTTP 8210/actuator/health Balanced:HTTP 8210/actuator/health Start:60 Drain:10 Stop:30", "Callers:[10.64.0.0/22 to 8210/TCP 10.80.0.0/20 to 8210/TCP]", "Memory:536870912 CPU:1500"}},
		{name: "its own seconds", service: with(func(s *render.Service, _ *workload.Container) {
			s.Workload.Metadata.Annotations = map[string]string{workload.AnnotationDrain: "25", workload.AnnotationStop: "7", workload.AnnotationStart: "123"}
		}), facts: []string{"Start:125 Drain:25 Stop:7"}},
		{name: "no seconds to drain", service: with(func(s *render.Service, _ *workload.Container) {
			s.Workload.Metadata.Annotations = map[string]string{workload.AnnotationDrain: "0"}
		}), facts: []string{"Drain:0 Stop:30"}},
		{name: "a worker without ports", service: with(func(s *render.Service, c *workload.Container) {
			s.Workload.Service, c.ReadinessProbe, s.Callers = nil, nil, nil
		}), facts: []string{"Listens:[] Asked: Balanced: Start:0", "Callers:[]"}},
		{name: "UDP", service: with(func(s *render.Service, c *workload.Container) {
			s.Workload.Service.Ports = map[string]workload.Port{"syslog": {Port: 5514, Protocol: "UDP"}}
			c.ReadinessProbe, s.Callers = nil, nil
		}), facts: []string{"Listens:[5514 to 5514/UDP]"}},
		{name: "several ports, one called at another number", service: with(func(s *render.Service, c *workload.Container) {
			s.Workload.Service.Ports = map[string]workload.Port{"http": {Port: 80, TargetPort: 8080}, "metrics": {Port: 9090}, "grpc": {Port: 9000, TargetPort: 9001}}
			c.ReadinessProbe.HTTPGet.Port = 8080
		}), facts: []string{"Listens:[80 to 8080/TCP 9000 to 9001/TCP 9090 to 9090/TCP]", "10.64.0.0/22 to 9001/TCP"}},
		{name: "health at a port nobody calls", service: with(func(_ *render.Service, c *workload.Container) {
			c.ReadinessProbe.HTTPGet = &workload.HTTPGet{Path: "/ready?deep=1&x=%20", Port: 8081, Host: "orders.internal", HTTPHeaders: []workload.Header{{Name: "X-Probe", Value: "it's 100% $me"}}}
		}), facts: []string{"Asked:HTTP 8081/ready?deep=1&x=%20 X-Probe: it's 100% $me Host: orders.internal"}},
		{name: "health over TLS", service: with(func(_ *render.Service, c *workload.Container) {
			c.ReadinessProbe.HTTPGet.Scheme = "HTTPS"
		}), facts: []string{"Asked:HTTPS 8210/actuator/health"}},
		{name: "no probe", service: with(func(_ *render.Service, c *workload.Container) { c.ReadinessProbe = nil }), facts: []string{"Asked:connection 8210 Balanced:connection 8210"}},
		{name: "a command that asks after a worker", service: with(func(s *render.Service, c *workload.Container) {
			s.Workload.Service, s.Callers = nil, nil
			c.ReadinessProbe = &workload.Probe{Exec: &workload.Exec{Command: []string{"check-queue", "--deep", "it's $HOME 100%"}}}
		}), facts: []string{"Asked:check-queue --deep it's $HOME 100%"}},
		{name: "secrets within values", service: with(func(s *render.Service, c *workload.Container) {
			database(s)
			given(s, "keys", render.Endpoint{Type: workload.Secret, Secret: "orders-secrets"})
			given(s, "redis", render.Endpoint{Type: workload.Redis, Host: "redis.id.kopi.internal", Port: 6379, Secret: "redis-orders"})
			c.Variables = map[string]string{
				"DATABASE_URL":  "postgres://${resources.pg-main.username}:${resources.pg-main.password}@${resources.pg-main.host}:${resources.pg-main.port}/${resources.pg-main.database}?o=$(HOME)&p=$$x&q=\"100%\"",
				"API_KEY":       "${resources.keys.api-key}",
				"TWICE":         "${resources.pg-main.password} ${resources.keys.api-key} ${resources.pg-main.password}",
				"REDIS_USER":    "${resources.redis.username}",
				"LINES":         "user=${resources.redis.username}\npassword=${resources.redis.password}\n# end\n",
				"DATABASE_HOST": "${resources.pg-main.host}",
				"SELF":          "${metadata.name}",
			}
		}), variables: map[string]string{
			"DATABASE_URL":  "postgres://orders:<pg-main-orders/password>@pg-main.id.kopi.internal:5432/orders?o=$(HOME)&p=$$x&q=\"100%\"",
			"API_KEY":       "<orders-secrets/api-key>",
			"TWICE":         "<pg-main-orders/password> <orders-secrets/api-key> <pg-main-orders/password>",
			"REDIS_USER":    "<redis-orders/username>",
			"LINES":         "user=<redis-orders/username>\npassword=<redis-orders/password>\n# end\n",
			"DATABASE_HOST": "pg-main.id.kopi.internal",
			"SELF":          "orders",
		}},
		{name: "secrets whose names run together", service: with(func(s *render.Service, c *workload.Container) {
			given(s, "a", render.Endpoint{Type: workload.Secret, Secret: "kopi-a"})
			given(s, "b", render.Endpoint{Type: workload.Secret, Secret: "kopi"})
			c.Variables = map[string]string{"BOTH": "${resources.a.b} and ${resources.b.a-b}"}
		}), variables: map[string]string{"BOTH": "<kopi-a/b> and <kopi/a-b>"}},
		{name: "a variable that is named like a secret", service: with(func(s *render.Service, c *workload.Container) {
			database(s)
			c.Variables = map[string]string{"URL": "x:${resources.pg-main.password}", "PG_MAIN_ORDERS_PASSWORD": "its own"}
		}), variables: map[string]string{"URL": "x:<pg-main-orders/password>", "PG_MAIN_ORDERS_PASSWORD": "its own"}},
		{name: "awkward values", service: with(func(_ *render.Service, c *workload.Container) { c.Variables = asWritten(awkward()) }), variables: awkward()},
		{name: "values of this environment", service: with(func(s *render.Service, c *workload.Container) {
			c.Variables = map[string]string{"COUNTRY": "SG", "KEPT": "as it is"}
			s.Values = map[string]string{"COUNTRY": "ID", "OF_NO_CONTAINER_BEFORE": "x"}
		}), variables: map[string]string{"COUNTRY": "ID", "KEPT": "as it is", "OF_NO_CONTAINER_BEFORE": "x"}},
		{name: "awkward words", service: with(func(_ *render.Service, c *workload.Container) {
			c.Variables = map[string]string{"HOME": "/elsewhere"}
			c.Command, c.Args = []string{"/bin/run"}, []string{"", " ", "$HOME", "${HOME}", "$(HOME)", "$$(HOME)", "%h %%", "a\nb", `"quoted" 'single' \back`, "# no comment", ";", "é😀", "-x=y", "- dash", "yes", "a\tb"}
		})},
		{name: "stateful", service: with(func(s *render.Service, c *workload.Container) {
			s.Workload.Metadata.Annotations[workload.AnnotationState] = "stateful"
			c.Volumes = map[string]workload.Volume{"/var/lib/orders": {Source: "data"}, "/var/lib/rules": {Source: "rules", ReadOnly: true}}
		}), facts: []string{"Volumes:map[/var/lib/orders:writable /var/lib/rules:read only]"}},
		{name: "a folder that goes with it", service: with(func(_ *render.Service, c *workload.Container) {
			c.Volumes = map[string]workload.Volume{"/var/cache/orders": {Source: "cache"}}
		})},
		{name: "public", service: with(func(s *render.Service, _ *workload.Container) {
			s.Workload.Metadata.Annotations[workload.AnnotationPublic] = "www.kopi.example.org"
			s.Workload.Metadata.Annotations[workload.AnnotationPath] = "/orders"
			s.Workload.Service.Ports = map[string]workload.Port{"http": {Port: 8080, TargetPort: 8210}}
		}), facts: []string{"Public:[www.kopi.example.org/orders to 8210]"}},
		{name: "public by a port that is not its first", service: with(func(s *render.Service, _ *workload.Container) {
			s.Workload.Metadata.Annotations[workload.AnnotationPublic] = "www.kopi.example.org"
			s.Workload.Service.Ports = map[string]workload.Port{"admin": {Port: 8100}, "http": {Port: 8210}}
		}), facts: []string{"Public:[www.kopi.example.org/ to 8210]"}},
		{name: "a low port", service: with(func(s *render.Service, c *workload.Container) {
			s.Workload.Service.Ports = map[string]workload.Port{"http": {Port: 81}}
			c.ReadinessProbe.HTTPGet.Port = 81
		}), facts: []string{"Low:true"}},
		{name: "many variables", service: with(func(_ *render.Service, c *workload.Container) { c.Variables = huge() }), variables: huge()},
		{name: "files", service: with(func(s *render.Service, c *workload.Container) {
			database(s)
			c.Files = map[string]workload.File{
				"/etc/orders/app.conf":      {Content: "host = ${resources.pg-main.host}\n# $HOME 100%\n"},
				"/etc/orders/raw.conf":      {Content: "${resources.pg-main.password}\n", NoExpand: true, Mode: "0600"},
				"/etc/orders/secret.conf":   {Content: "password = ${resources.pg-main.password}\n"},
				"/etc/orders/logo.bin":      {BinaryContent: base64.StdEncoding.EncodeToString([]byte{0, 1, 255, '\n'}), Mode: "0444"},
				"/etc/orders/no-end":        {Content: "no line end"},
				"/etc/orders/blank-end":     {Content: "a blank \n"},
				"/etc/orders/lines":         {Content: "\n  first\r\n\tsecond \n\n"},
				"/etc/orders/certs/ca.pem":  {Content: "one\n"},
				"/etc/orders/certs-ca.pem":  {Content: "another\n"},
				"/opt/orders/from.release":  {Source: "config/from.release"},
				"/etc/orders/start.sh":      {Content: "#!/bin/sh\nexec \"$@\"\n", Mode: "0755"},
				"/etc/orders/empty-is-fine": {Content: "\n"},
			}
		}), facts: []string{"/etc/orders/secret.conf:{Text: Mode: Hidden:true}", "/etc/orders/certs/ca.pem:{Text:one"}},
		{name: "usual limits", service: with(func(_ *render.Service, c *workload.Container) { c.Resources = nil }), facts: []string{"Memory:536870912 CPU:1000"}},
		{name: "odd limits", service: with(func(_ *render.Service, c *workload.Container) {
			c.Resources = &workload.Compute{Limits: workload.Quantity{Memory: "1.5G", CPU: "333m"}}
		}), facts: []string{"Memory:1500000000 CPU:333"}},
		{name: "several containers", service: with(func(s *render.Service, c *workload.Container) {
			database(s)
			c.Variables = map[string]string{"A": "1"}
			s.Workload.Containers["migrate"] = workload.Container{Image: ".", Command: []string{"/opt/migrate"}, Before: map[string]workload.Before{"main": {Ready: "complete"}},
				Variables: map[string]string{"URL": "x:${resources.pg-main.password}"}}
			s.Workload.Containers["proxy"] = workload.Container{Image: ".", Command: []string{"/opt/proxy"}, Before: map[string]workload.Before{"main": {Ready: "started"}}}
			s.Workload.Containers["ship"] = workload.Container{Image: ".", Command: []string{"/opt/ship"}, Files: map[string]workload.File{"/etc/ship.conf": {Content: "a\n"}, "/etc/login": {Content: "a ${resources.pg-main.password}"}}}
			c.Files = map[string]workload.File{"/etc/login": {Content: "b ${resources.pg-main.password}"}}
		}), facts: []string{"Ends:true"}},
		{name: "an edge that is given up", service: with(func(s *render.Service, c *workload.Container) {
			given(s, "loyalty", render.Endpoint{Type: workload.Peer, Target: "loyalty", Host: "loyalty.invalid", Dropped: true})
			c.Variables = map[string]string{"LOYALTY_URL": "http://${resources.loyalty.host}:${resources.loyalty.port}"}
		}), variables: map[string]string{"LOYALTY_URL": "http://loyalty.invalid:0"}},
		{name: "a folder of its own", service: with(func(s *render.Service, _ *workload.Container) {
			s.Workload.Metadata.Annotations[workload.AnnotationFolder] = "/opt/orders"
		}), facts: []string{"Folder:/opt/orders"}},
		{name: "nobody calls it", service: with(func(s *render.Service, _ *workload.Container) { s.Callers = nil }), facts: []string{"Callers:[]"}},
	}
}
