package client_test

import (
	"strings"
	"testing"

	"example.org/caravan/internal/client"
)

func TestCoordinatesMeanWhatTheirFrameworksDocument(t *testing.T) {
	for _, c := range []struct {
		what, coordinate string
		capability       string
		technology       string
		address          string
		key, off         string // one of the keys, the switch
	}{
		{"Spring's configuration client", "maven:org.springframework.cloud:spring-cloud-starter-config", client.ConfigClient, "spring-config", "http://localhost:8888", "spring.cloud.config.uri", "spring.cloud.config.enabled"},
		{"its older artifact", "maven:org.springframework.cloud:spring-cloud-config-client", client.ConfigClient, "spring-config", "http://localhost:8888", "spring.cloud.config.uri", "spring.cloud.config.enabled"},
		{"its server", "maven:org.springframework.cloud:spring-cloud-config-server", client.ConfigServer, "spring-config", "", "", ""},
		{"Eureka's client", "maven:org.springframework.cloud:spring-cloud-starter-netflix-eureka-client", client.RegistryClient, "eureka", "http://localhost:8761/eureka/", "eureka.client.service-url.default-zone", "eureka.client.enabled"},
		{"Eureka's server", "maven:org.springframework.cloud:spring-cloud-starter-eureka-server", client.RegistryServer, "eureka", "", "", ""},
		{"Consul as a registry", "maven:org.springframework.cloud:spring-cloud-starter-consul-discovery", client.RegistryClient, "consul", "localhost:8500", "spring.cloud.consul.host", "spring.cloud.consul.enabled"},
		{"Consul as a store of configuration", "maven:org.springframework.cloud:spring-cloud-starter-consul-config", client.ConfigClient, "consul", "localhost:8500", "spring.cloud.consul.host", "spring.cloud.consul.config.enabled"},
		{"Nacos", "maven:com.alibaba.cloud:spring-cloud-starter-alibaba-nacos-discovery", client.RegistryClient, "nacos", "localhost:8848", "spring.cloud.nacos.discovery.server-addr", "spring.cloud.nacos.discovery.enabled"},
		{"ZooKeeper as a registry", "maven:org.springframework.cloud:spring-cloud-starter-zookeeper-discovery", client.RegistryClient, "zookeeper", "localhost:2181", "spring.cloud.zookeeper.connect-string", "spring.cloud.zookeeper.enabled"},
		{"Vault", "maven:org.springframework.cloud:spring-cloud-starter-vault-config", client.ConfigClient, "vault", "https://localhost:8200", "spring.cloud.vault.uri", "spring.cloud.vault.enabled"},
		{"RabbitMQ by Boot", "maven:org.springframework.boot:spring-boot-starter-amqp", client.Broker, "rabbitmq", "localhost:5672", "spring.rabbitmq.host", ""},
		{"the bus over RabbitMQ", "maven:org.springframework.cloud:spring-cloud-starter-bus-amqp", client.Broker, "rabbitmq", "localhost:5672", "spring.rabbitmq.addresses", ""},
		{"streams over RabbitMQ", "maven:org.springframework.cloud:spring-cloud-starter-stream-rabbit", client.Broker, "rabbitmq", "localhost:5672", "spring.rabbitmq.host", ""},
		{"Hystrix streams", "maven:org.springframework.cloud:spring-cloud-netflix-hystrix-stream", client.Broker, "rabbitmq", "localhost:5672", "spring.rabbitmq.host", ""},
		{"Kafka by Spring", "maven:org.springframework.kafka:spring-kafka", client.Broker, "kafka", "localhost:9092", "spring.kafka.bootstrap-servers", ""},
		{"the bus over Kafka", "maven:org.springframework.cloud:spring-cloud-starter-bus-kafka", client.Broker, "kafka", "localhost:9092", "spring.cloud.stream.kafka.binder.brokers", ""},
		{"Kafka's own client, which needs an address", "maven:org.apache.kafka:kafka-clients", client.Broker, "kafka", "", "", ""},
		{"Redis by Boot", "maven:org.springframework.boot:spring-boot-starter-data-redis-reactive", client.Store, "redis", "localhost:6379", "spring.redis.host", ""},
		{"MongoDB by Boot", "maven:org.springframework.boot:spring-boot-starter-data-mongodb", client.Store, "mongodb", "localhost:27017", "spring.data.mongodb.uri", ""},
		{"Neo4j by Boot", "maven:org.springframework.boot:spring-boot-starter-data-neo4j", client.Store, "neo4j", "bolt://localhost:7687", "spring.neo4j.uri", ""},
		{"a JDBC driver", "maven:org.postgresql:postgresql", client.Store, "postgres", "", "", ""},
		{"Zipkin by Sleuth", "maven:org.springframework.cloud:spring-cloud-starter-zipkin", client.Tracing, "zipkin", "http://localhost:9411", "management.zipkin.tracing.endpoint", "spring.zipkin.enabled"},
		{"InfluxDB for metrics", "maven:io.micrometer:micrometer-registry-influx", client.Metrics, "influxdb", "http://localhost:8086", "management.influx.metrics.export.uri", "management.influx.metrics.export.enabled"},
		{"Spring Boot Admin's client", "maven:de.codecentric:spring-boot-admin-starter-client", client.AdminClient, "spring-boot-admin", "", "spring.boot.admin.client.url", "spring.boot.admin.client.enabled"},
		{"Spring Boot Admin's server", "maven:de.codecentric:spring-boot-admin-starter-server", client.AdminServer, "spring-boot-admin", "", "", ""},
		{"OAuth", "maven:org.springframework.cloud:spring-cloud-starter-oauth2", client.IdentityClient, "", "", "", ""},
		{"Zuul", "maven:org.springframework.cloud:spring-cloud-starter-netflix-zuul", client.Gateway, "", "", "", ""},
		{"Feign", "maven:org.springframework.cloud:spring-cloud-starter-openfeign", client.HTTPClient, "", "", "", ""},
		{"Kafka in Quarkus", "maven:io.quarkus:quarkus-smallrye-reactive-messaging-kafka", client.Broker, "kafka", "localhost:9092", "kafka.bootstrap.servers", ""},
		{"RabbitMQ in Micronaut", "maven:io.micronaut.rabbitmq:micronaut-rabbitmq", client.Broker, "rabbitmq", "localhost:5672", "rabbitmq.uri", "rabbitmq.enabled"},
		{"amqplib", "npm:amqplib", client.Broker, "rabbitmq", "", "", ""},
		{"a scoped package", "npm:@nestjs/mongoose", client.Store, "mongodb", "", "", ""},
		{"psycopg with an extra", "pypi:psycopg[binary]", client.Store, "postgres", "", "", ""},
		{"Celery over Redis", "pypi:celery[redis]", client.Store, "redis", "", "", ""},
		{"a Go module of a later major version", "go:github.com/jackc/pgx/v5", client.Store, "postgres", "", "", ""},
		{"a Go module in any case", "go:github.com/Shopify/sarama", client.Broker, "kafka", "", "", ""},
		{"a NuGet package in any case", "nuget:StackExchange.Redis", client.Store, "redis", "", "", ""},
		{"a NuGet family", "nuget:Npgsql.EntityFrameworkCore.PostgreSQL", client.Store, "postgres", "", "", ""},
		{"MassTransit", "nuget:MassTransit.RabbitMQ", client.Broker, "rabbitmq", "localhost:5672", "RABBITMQ_HOST", ""},
		{"Ocelot", "nuget:Ocelot", client.Gateway, "", "", "", ""},
		{"Steeltoe", "nuget:Steeltoe.Discovery.Eureka", client.RegistryClient, "eureka", "http://localhost:8761/eureka/", "eureka.client.serviceUrl", "eureka.client.enabled"},
		{"Sidekiq", "gem:sidekiq", client.Store, "redis", "redis://localhost:6379/0", "REDIS_URL", ""},
		{"a crate", "cargo:lapin", client.Broker, "rabbitmq", "", "", ""},
		{"a PHP extension", "composer:ext-pdo_mysql", client.Store, "mysql", "", "", ""},
		{"a Hex package", "hex:broadway_kafka", client.Broker, "kafka", "", "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := client.Of(c.coordinate)
			if len(got) != 1 {
				t.Fatalf("%d meanings: %+v", len(got), got)
			}
			l := got[0]
			if l.Capability != c.capability || l.Technology != c.technology || l.DefaultAddress != c.address || l.Switch != c.off {
				t.Errorf("%+v", l)
			}
			if c.key != "" && !strings.Contains(strings.Join(l.Keys, "\n")+"\n", c.key+"\n") {
				t.Errorf("%s is not among %v", c.key, l.Keys)
			}
		})
	}
}

func TestACoordinateMayMeanSeveralThings(t *testing.T) {
	got := client.Of("maven:org.springframework.cloud:spring-cloud-starter-consul-all")
	if len(got) != 2 || got[0].Capability == got[1].Capability {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoClientLibraryMeansNothing(t *testing.T) {
	for _, coordinate := range []string{
		"", "maven", "maven:", "maven:org.springframework.boot:spring-boot-starter-web", "npm:express", "npm:pg-like-thing", "pypi:flask",
		"go:github.com/jackc/pgxotic", "go:github.com/example/redis", "nuget:Newtonsoft.Json", "rpm:redis", "module:services/redis",
	} {
		if got := client.Of(coordinate); got != nil {
			t.Errorf("%s means %+v", coordinate, got)
		}
	}
}
