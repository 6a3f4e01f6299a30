package kube

import (
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// sample is a kind of thing that is rendered, with the reason for keeping what it looks like.
type sample struct {
	name, why string
	site      render.Site
}

// site is an environment of the sample company in Indonesia.
func site(change func(*render.Site)) render.Site {
	s := render.Site{
		Expansion: "indonesia", Organisation: "Kopi", Environment: "production-id", Kind: "kubernetes", Country: "ID",
		Zone: "production-id.kopi.internal", Pods: "10.64.0.0/19",
	}
	change(&s)
	return s
}

// with is an environment with one service, of one container.
func with(name estate.ServiceName, c workload.Container, change func(*render.Service)) render.Site {
	s := render.Service{Name: name, Team: "orders", Wave: 1, Endpoints: map[string]render.Endpoint{}, Workload: workload.Workload{
		APIVersion: workload.Version, Metadata: workload.Metadata{Name: string(name), Annotations: map[string]string{}},
		Containers: map[string]workload.Container{string(name): c},
	}}
	change(&s)
	return site(func(v *render.Site) { v.Services = []render.Service{s} })
}

func listens(ports map[string]workload.Port) *workload.Service {
	return &workload.Service{Ports: ports}
}

func storing(d render.Datastore) render.Site {
	return site(func(s *render.Site) { s.Datastores = []render.Datastore{d} })
}

// samples are one of each kind of thing.
func samples() []sample {
	health := &workload.Probe{HTTPGet: &workload.HTTPGet{Path: "/healthz", Port: 8210}}
	callers := []render.Peer{{Service: "shop", Namespace: "storefront"}, {Service: "sync", Ranges: []string{"10.64.64.0/26"}}}
	return []sample{
		{"service", "What most services look like: a port, a probe, callers, databases by secret, limits of their own.", with("orders", workload.Container{
			Image: "orders:4.18.2", Command: []string{"/usr/bin/java"}, Args: []string{"-Xmx2g", "-jar", "orders.jar"},
			Variables: map[string]string{
				"LOG_LEVEL":    "info",
				"DATABASE_URL": "postgres://${resources.pg-main.username}:${resources.pg-main.password}@${resources.pg-main.host}:${resources.pg-main.port}/orders",
				"PRICING_URL":  "http://${resources.pricing.host}:${resources.pricing.port}",
				"CARD_URL":     "https://${resources.card.host}/v3",
				"TOKEN":        "${resources.secrets.TOKEN}",
			},
			Resources:     &workload.Compute{Limits: workload.Quantity{Memory: "2560Mi", CPU: "2"}, Requests: workload.Quantity{CPU: "500m"}},
			LivenessProbe: health, ReadinessProbe: health,
		}, func(s *render.Service) {
			s.Workload.Service = listens(map[string]workload.Port{"http": {Port: 80, TargetPort: 8210}, "metrics": {Port: 9090}})
			s.Workload.Metadata.Annotations = map[string]string{workload.AnnotationReplicas: "3", workload.AnnotationDrain: "15", workload.AnnotationStart: "90"}
			s.Callers = callers
			s.Endpoints = map[string]render.Endpoint{
				"pg-main": {Type: workload.Postgres, Target: "pg-main", Host: "pg-main.id-data.kopi.internal", Port: 5432, Database: "orders", Username: "orders", Secret: "pg-main-orders", Ranges: []string{"10.64.64.0/26"}},
				"pricing": {Type: workload.Peer, Target: "pricing", Host: "pricing.orders.svc.cluster.local", Port: 8220, Namespace: "orders"},
				"card":    {Type: workload.External, Target: "api.cardpay.example.com", Host: "bayar.example.co.id", Port: 443},
				"loyalty": {Type: workload.Peer, Target: "loyalty", Host: "loyalty.invalid", Dropped: true},
				"old":     {Type: workload.Peer, Target: "accounts", Host: "accounts.kopi.internal", Port: 8250, Ranges: []string{"10.10.0.0/16"}, Through: "vpn-sg"},
				"secrets": {Type: workload.Secret, Secret: "orders-secrets"},
			}
		})},
		{"worker", "A service nobody calls, with nothing known of it: no ports, no probe, the usual limits, said to be so.", with("sender", workload.Container{Image: "."}, func(*render.Service) {})},
		{"public", "A service that people outside reach, scaled between two bounds.", with("shop", workload.Container{Image: "."}, func(s *render.Service) {
			s.Workload.Service = listens(map[string]workload.Port{"http": {Port: 3000}})
			s.Workload.Metadata.Annotations = map[string]string{workload.AnnotationPublic: "shop.example.com", workload.AnnotationPath: "/id", workload.AnnotationReplicas: "2-6", workload.AnnotationRelease: "2026.9.1"}
		})},
		{"low-port", "A port below 1024 needs a sysctl, not a right; UDP is a protocol of its own.", with("names", workload.Container{Image: "names:1"}, func(s *render.Service) {
			s.Workload.Service = listens(map[string]workload.Port{"dns": {Port: 53, Protocol: "UDP"}, "dns-tcp": {Port: 53}})
			s.Callers = callers[:1]
		})},
		{"stateful", "A service with a disk for each replica.", with("ledger", workload.Container{
			Image: "ledger:3", Volumes: map[string]workload.Volume{"/var/lib/ledger": {Source: "ledger"}},
		}, func(s *render.Service) {
			s.Workload.Service = listens(map[string]workload.Port{"tcp": {Port: 7000}})
			s.Workload.Metadata.Annotations = map[string]string{workload.AnnotationState: "stateful", workload.AnnotationReplicas: "3"}
		})},
		{"files", "Files by content, by secret and by image; a mode; a volume that goes with the pod.", with("reports", workload.Container{
			Image: "reports:7", Files: map[string]workload.File{
				"/etc/reports/reports.conf": {Content: "host = ${resources.pg-main.host}\nname = ${metadata.name}\n", Mode: "0640"},
				"/etc/reports/literal.conf": {Content: "path = ${HOME}\n", NoExpand: true},
				"/etc/reports/login.conf":   {Content: "password = ${resources.pg-main.password}\n"},
				"/etc/reports/logo.png":     {BinaryContent: "iVBORw0KGgo="},
				"/etc/reports/fonts.conf":   {Source: "config/fonts.conf"},
			}, Volumes: map[string]workload.Volume{"/var/cache/reports": {Source: "cache"}},
		}, func(s *render.Service) {
			s.Endpoints["pg-main"] = render.Endpoint{Type: workload.Postgres, Target: "pg-main", Host: "pg-main.orders.svc.cluster.local", Port: 5432, Namespace: "orders", Database: "reports", Username: "reports", Secret: "pg-main-reports"}
		})},
		{"containers", "A container that ends before the others begin, one that stays beside them, and one that is asked by a command.", with("mailer", workload.Container{
			Image: "mailer:2", ReadinessProbe: &workload.Probe{Exec: &workload.Exec{Command: []string{"/bin/well", "--quick"}}},
		}, func(s *render.Service) {
			s.Workload.Containers["migrate"] = workload.Container{Image: "mailer:2", Command: []string{"/bin/migrate"}, Before: map[string]workload.Before{"mailer": {Ready: "complete"}}, Variables: map[string]string{"STEP": "up"}}
			s.Workload.Containers["proxy"] = workload.Container{Image: "proxy:1", Before: map[string]workload.Before{"mailer": {Ready: "started"}}}
			s.Workload.Containers["tail"] = workload.Container{Image: "tail:1"}
		})},
		{"postgres", "Patroni: three instances, a database for each service, the datastore's own name for the primary.", storing(render.Datastore{
			Name: "pg-main", Team: "platform", Technology: "postgres", Version: "16.4", Port: 5433, Instances: 3, Storage: "50Gi", Memory: "4Gi", CPU: "2", Content: "seeded", Callers: callers, Wave: 1,
			Databases: []render.Database{{Name: "orders", Owner: "orders", Secret: "pg-main-orders", For: "orders"}, {Name: "shop_production", Owner: "shop", Secret: "pg-main-shop", For: "shop"}},
		})},
		{"postgres-backups", "Patroni whose log and nightly backups go into a bucket, from a container beside each instance.", site(func(s *render.Site) {
			s.Backups = &render.Backups{Hour: new(18), S3: &render.ObjectStore{Endpoint: "s3.jakarta.example.org:9000", Region: "jakarta", Bucket: "backups", Path: "databases", Style: "path", CA: "/etc/ssl/certs/company.pem"}}
			s.Datastores = []render.Datastore{{
				Name: "pg-kept", Team: "platform", Technology: "postgres", Version: "15", Port: 5432, Instances: 2, Storage: "50Gi", Memory: "1Gi", Callers: callers, Wave: 1,
				Databases: []render.Database{{Name: "orders", Owner: "orders", Secret: "pg-kept-orders", For: "orders"}},
			}}
		})},
		{"postgres-pooled", "Patroni with PgBouncer before it, and two accounts for each service, in an image of the company's own.", site(func(s *render.Site) {
			s.Images = map[string]string{"postgres": "registry.kopi.internal/postgres-patroni"}
			s.Datastores = []render.Datastore{{
				Name: "pg-pooled", Team: "platform", Technology: "postgres", Version: "15", Port: 5432, Instances: 2, Storage: "50Gi", Memory: "1Gi", Callers: callers, Wave: 1, Pooled: render.PoolTransactions, Logins: 2, Followers: []string{"10.20.0.0/16"},
				Databases: []render.Database{{Name: "shop", Owner: "shop", Secret: "pg-pooled-shop", For: "shop"}},
			}}
		})},
		{"cloudnativepg", "CloudNativePG, where its operator is: three instances, a database for each service, the datastore's own name for the primary.", site(func(s *render.Site) {
			s.Backups = &render.Backups{S3: &render.ObjectStore{Endpoint: "s3.jakarta.example.org", Region: "jakarta", Bucket: "backups", CA: "store-ca"}}
			s.Operators = []string{render.CloudNativePG}
			s.Datastores = []render.Datastore{{
				Name: "pg-operated", Team: "platform", Technology: "postgres", Version: "16.4", Port: 5433, Instances: 3, Storage: "50Gi", Memory: "4Gi", CPU: "2", Content: "seeded", Callers: callers, Wave: 1, Pooled: render.PoolSessions,
				Databases: []render.Database{{Name: "orders", Owner: "orders", Secret: "pg-operated-orders", For: "orders"}, {Name: "shop_production", Owner: "shop", Secret: "pg-operated-shop", For: "shop"}},
			}}
		})},
		{"redis", "Redis with Sentinels for callers who log in with no password, as most caches of machines are.", storing(render.Datastore{
			Name: "redis-cache", Team: "platform", Technology: "redis", Port: 6379, Instances: 3, Memory: "1Gi", Content: "empty", Callers: callers, Followers: []string{"10.20.0.0/16"}, Open: []estate.ServiceName{"shop", "sync"}, Wave: 1,
		})},
		{"redis-guarded", "One Redis that keeps what it has, for callers of whom one logs in.", storing(render.Datastore{
			Name: "redis-sessions", Team: "platform", Technology: "redis", Port: 6380, Instances: 1, Memory: "512Mi", Content: "replica", Callers: callers, Open: []estate.ServiceName{"sync"}, Wave: 1,
		})},
		{"rabbitmq", "RabbitMQ: its pods make one cluster.", storing(render.Datastore{
			Name: "rabbit", Team: "platform", Technology: "rabbitmq", Port: 5672, Instances: 3, Memory: "2Gi", Storage: "20Gi", Content: "empty", VirtualHosts: []string{"kopi"}, Callers: callers, Wave: 1,
		})},
		{"plain", "A datastore of another kind: one pod with a disk.", storing(render.Datastore{
			Name: "catalogue", Technology: "mongodb", Port: 27017, Instances: 1, Memory: "1Gi", Content: "anonymised", Callers: callers, Wave: 2,
		})},
		{"stub", "Canned answers in the place of a service that stays behind.", site(func(s *render.Site) {
			s.Stubs = []render.Stub{{Name: "loyalty", Port: 8230, Wave: 1, Callers: callers, Answers: []render.Answer{
				{Path: "/", Status: 200, Body: "{}"}, {Path: "/balance", Status: 402, Type: "text/plain", Body: "costs $5 & \"more\"\nnext"},
			}}}
		})},
	}
}
