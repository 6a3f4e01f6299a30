package technology

import "testing"

func TestOfImage(t *testing.T) {
	tests := []struct{ image, want string }{
		{"postgres", "postgres"},
		{"postgres:16-alpine@sha256:00", "postgres"},
		{"bitnami/postgresql", "postgres"},
		{"registry.kopi.internal/postgres-patroni:15", "postgres"},
		{"localhost:5000/library/postgres:16", "postgres"},
		{"public.ecr.aws/docker/library/postgres", "postgres"},
		{"confluentinc/cp-kafka:7.5.0", "kafka"},
		{"wurstmeister/kafka", "kafka"},
		{"docker.elastic.co/elasticsearch/elasticsearch:7", "elasticsearch"},
		{"mcr.microsoft.com/mssql/server:2022-latest", "sqlserver"},
		{"gcr.io/acme/redis", "redis"},
		{"rabbitmq:3-management", "rabbitmq"},
		{"openzipkin/zipkin", "zipkin"},
		{"mongo:4.2", "mongodb"},
		{"jaegertracing/all-in-one", "jaeger"},
		{"cockroachdb/cockroach:v23", "cockroachdb"},
		{"datadog/agent", "datadog"},
		{"acme/agent", ""},
		{"acme/server", ""},
		{"myorg/payment-redis-adapter", ""},
		{"myorg/kafka-consumer", ""},
		{"prometheuscommunity/postgres-exporter", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run("the image "+tt.image, func(t *testing.T) {
			got, ok := OfImage(tt.image)
			if got.Name != tt.want || ok != (tt.want != "") {
				t.Errorf("OfImage(%q) = %q, want %q", tt.image, got.Name, tt.want)
			}
		})
	}
}

func TestOfWorkload(t *testing.T) {
	tests := []struct{ name, workload, image, want string }{
		{"workload and image agree on a datastore", "auth-mongodb", "acme/shop-mongodb", "mongodb"},
		{"only one of them names it", "auth", "acme/shop-mongodb", ""},
		{"they name something that is no datastore", "a-nginx", "acme/b-nginx", ""},
		{"the image alone is known", "store", "redis:7", "redis"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := OfWorkload(tt.workload, tt.image); got.Name != tt.want {
				t.Errorf("OfWorkload(%q, %q) = %q, want %q", tt.workload, tt.image, got.Name, tt.want)
			}
		})
	}
}

func TestOfNamePortAndScheme(t *testing.T) {
	for name, want := range map[string]string{"PostgreSQL": "postgres", "mongo": "mongodb", "zk": "zookeeper", "orders": ""} {
		if got, _ := OfName(name); got.Name != want {
			t.Errorf("OfName(%q) = %q, want %q", name, got.Name, want)
		}
	}
	for port, want := range map[int]string{5432: "postgres", 3306: "mysql", 9411: "zipkin", 8761: "eureka", 80: "", 8080: ""} {
		if got, _ := OfPort(port); got.Name != want {
			t.Errorf("OfPort(%d) = %q, want %q", port, got.Name, want)
		}
	}
	for scheme, want := range map[string]string{"amqp": "rabbitmq", "jdbc:postgresql": "postgres", "mongodb+srv": "mongodb", "redis://": "redis", "postgresql+psycopg2": "postgres", "http": ""} {
		if got, _ := OfScheme(scheme); got.Name != want {
			t.Errorf("OfScheme(%q) = %q, want %q", scheme, got.Name, want)
		}
	}
}

func TestTheTableNamesNothingTwice(t *testing.T) {
	names, images := map[string]string{}, map[string]string{}
	for _, e := range table {
		for _, n := range append([]string{e.Name}, e.names...) {
			if other, ok := names[n]; ok && other != e.Name {
				t.Errorf("%q is a name of %s and of %s", n, other, e.Name)
			}
			names[n] = e.Name
		}
		for _, i := range e.images {
			if other, ok := images[i]; ok {
				t.Errorf("%q is an image of %s and of %s", i, other, e.Name)
			}
			images[i] = e.Name
		}
		if e.Role == "" || e.Kind == "" {
			t.Errorf("%s has no role or kind", e.Name)
		}
	}
}
