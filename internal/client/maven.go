package client

// What the clients of Spring Boot and Spring Cloud do by default, from their reference documentation.
var (
	configClient = Library{
		Capability: ConfigClient, Technology: "spring-config", DefaultAddress: "http://localhost:8888",
		Keys: []string{"spring.cloud.config.uri", "spring.cloud.config.discovery.service-id"}, Switch: "spring.cloud.config.enabled",
	}
	eurekaClient = Library{
		Capability: RegistryClient, Technology: "eureka", DefaultAddress: "http://localhost:8761/eureka/",
		Keys: []string{"eureka.client.service-url.default-zone"}, Switch: "eureka.client.enabled",
	}
	consulClient = Library{
		Capability: RegistryClient, Technology: "consul", DefaultAddress: "localhost:8500",
		Keys: []string{"spring.cloud.consul.host"}, Switch: "spring.cloud.consul.enabled",
	}
	consulConfig = Library{
		Capability: ConfigClient, Technology: "consul", DefaultAddress: "localhost:8500",
		Keys: []string{"spring.cloud.consul.host"}, Switch: "spring.cloud.consul.config.enabled",
	}
	nacosClient = Library{
		Capability: RegistryClient, Technology: "nacos", DefaultAddress: "localhost:8848",
		Keys: []string{"spring.cloud.nacos.discovery.server-addr", "spring.cloud.nacos.server-addr"}, Switch: "spring.cloud.nacos.discovery.enabled",
	}
	nacosConfig = Library{
		Capability: ConfigClient, Technology: "nacos", DefaultAddress: "localhost:8848",
		Keys: []string{"spring.cloud.nacos.config.server-addr", "spring.cloud.nacos.server-addr"}, Switch: "spring.cloud.nacos.config.enabled",
	}
	zookeeperClient = Library{
		Capability: RegistryClient, Technology: "zookeeper", DefaultAddress: "localhost:2181",
		Keys: []string{"spring.cloud.zookeeper.connect-string"}, Switch: "spring.cloud.zookeeper.enabled",
	}
	vaultClient = Library{
		Capability: ConfigClient, Technology: "vault", DefaultAddress: "https://localhost:8200",
		Keys: []string{"spring.cloud.vault.uri", "spring.cloud.vault.host"}, Switch: "spring.cloud.vault.enabled",
	}
	rabbit = Library{
		Capability: Broker, Technology: "rabbitmq", DefaultAddress: "localhost:5672",
		Keys: []string{"spring.rabbitmq.host", "spring.rabbitmq.addresses"},
	}
	kafka = Library{
		Capability: Broker, Technology: "kafka", DefaultAddress: "localhost:9092",
		Keys: []string{"spring.kafka.bootstrap-servers", "spring.kafka.producer.bootstrap-servers", "spring.kafka.consumer.bootstrap-servers", "spring.kafka.streams.bootstrap-servers",
			"spring.cloud.stream.kafka.binder.brokers", "spring.cloud.stream.kafka.streams.binder.brokers"},
	}
	activemq = Library{
		Capability: Broker, Technology: "activemq", DefaultAddress: "tcp://localhost:61616",
		Keys: []string{"spring.activemq.broker-url", "spring.artemis.broker-url", "spring.artemis.host"},
	}
	pulsar = Library{
		Capability: Broker, Technology: "pulsar", DefaultAddress: "pulsar://localhost:6650",
		Keys: []string{"spring.pulsar.client.service-url"},
	}
	mongo = Library{
		Capability: Store, Technology: "mongodb", DefaultAddress: "localhost:27017",
		Keys: []string{"spring.data.mongodb.uri", "spring.data.mongodb.host", "spring.mongodb.uri", "spring.mongodb.host"},
	}
	redis = Library{
		Capability: Store, Technology: "redis", DefaultAddress: "localhost:6379",
		Keys: []string{"spring.data.redis.host", "spring.data.redis.url", "spring.data.redis.cluster.nodes", "spring.data.redis.sentinel.nodes",
			"spring.redis.host", "spring.redis.url", "spring.redis.cluster.nodes", "spring.redis.sentinel.nodes", "spring.redis.redisson.config", "spring.redis.redisson.file"},
	}
	elastic = Library{
		Capability: Store, Technology: "elasticsearch", DefaultAddress: "http://localhost:9200",
		Keys: []string{"spring.elasticsearch.uris", "spring.elasticsearch.rest.uris", "spring.data.elasticsearch.cluster-nodes", "spring.data.elasticsearch.client.reactive.endpoints"},
	}
	cassandra = Library{
		Capability: Store, Technology: "cassandra", DefaultAddress: "localhost:9042",
		Keys: []string{"spring.cassandra.contact-points", "spring.data.cassandra.contact-points"},
	}
	neo4j = Library{
		Capability: Store, Technology: "neo4j", DefaultAddress: "bolt://localhost:7687",
		Keys: []string{"spring.neo4j.uri", "spring.data.neo4j.uri"},
	}
	zipkin = Library{
		Capability: Tracing, Technology: "zipkin", DefaultAddress: "http://localhost:9411",
		Keys: []string{"spring.zipkin.base-url", "management.zipkin.tracing.endpoint", "tracing.zipkin.http.url"}, Switch: "spring.zipkin.enabled",
	}
	jaeger = Library{
		Capability: Tracing, Technology: "jaeger", DefaultAddress: "localhost:6831",
		Keys:   []string{"opentracing.jaeger.udp-sender.host", "opentracing.jaeger.http-sender.url", "opentracing.jaeger.remote-controlled-sampler.host-port"},
		Switch: "opentracing.jaeger.enabled",
	}
	otlp = Library{
		Capability: Tracing, Technology: "opentelemetry", DefaultAddress: "http://localhost:4317",
		Keys: []string{"otel.exporter.otlp.endpoint", "otel.exporter.otlp.traces.endpoint", "quarkus.otel.exporter.otlp.endpoint", "quarkus.opentelemetry.tracer.exporter.otlp.endpoint",
			"management.otlp.tracing.endpoint", "management.opentelemetry.tracing.export.otlp.endpoint"},
	}
	admin = Library{
		Capability: AdminClient, Technology: "spring-boot-admin",
		Keys: []string{"spring.boot.admin.client.url", "spring.boot.admin.url"}, Switch: "spring.boot.admin.client.enabled",
	}
	mail = Library{Capability: Mail, Technology: "mail", Keys: []string{"spring.mail.host"}}
)

// What Quarkus and Micronaut do by default.
var (
	smallryeKafka = Library{
		Capability: Broker, Technology: "kafka", DefaultAddress: "localhost:9092",
		Keys: []string{"kafka.bootstrap.servers", "mp.messaging.connector.smallrye-kafka.bootstrap.servers"},
	}
	smallryeRabbit = Library{
		Capability: Broker, Technology: "rabbitmq", DefaultAddress: "localhost:5672",
		Keys: []string{"rabbitmq-host", "rabbitmq-addresses"},
	}
	smallryeAMQP = Library{
		Capability: Broker, Technology: "activemq", DefaultAddress: "localhost:5672",
		Keys: []string{"amqp-host"},
	}
	quarkusMongo = Library{
		Capability: Store, Technology: "mongodb", DefaultAddress: "mongodb://localhost:27017",
		Keys: []string{"quarkus.mongodb.connection-string", "quarkus.mongodb.hosts"},
	}
	quarkusElastic = Library{
		Capability: Store, Technology: "elasticsearch", DefaultAddress: "localhost:9200",
		Keys: []string{"quarkus.elasticsearch.hosts"},
	}
	micronautRabbit = Library{
		Capability: Broker, Technology: "rabbitmq", DefaultAddress: "localhost:5672",
		Keys: []string{"rabbitmq.uri", "rabbitmq.host", "rabbitmq.addresses"}, Switch: "rabbitmq.enabled",
	}
)

// metrics is a Micrometer registry that pushes.
func metrics(technology, address, product string, names ...string) row {
	var keys []string
	for _, leaf := range []string{"uri", "host"} {
		keys = append(keys, "management."+product+".metrics.export."+leaf, "management.metrics.export."+product+"."+leaf)
	}
	return row{Library{Capability: Metrics, Technology: technology, DefaultAddress: address, Keys: keys, Switch: "management." + product + ".metrics.export.enabled"}, names}
}

// maven knows the libraries of the Java platform by their artifact.
var maven = []row{
	means(configClient, "spring-cloud-starter-config", "spring-cloud-config-client"),
	means(Library{Capability: ConfigServer, Technology: "spring-config"}, "spring-cloud-config-server", "spring-cloud-config-monitor", "spring-cloud-starter-config-server"),
	means(vaultClient, "spring-cloud-starter-vault-config", "spring-cloud-vault-config*", "spring-cloud-starter-vault-*"),
	means(Library{Capability: ConfigClient, Technology: "spring-config"}, "quarkus-spring-cloud-config-client", "micronaut-spring-cloud-config*"),
	means(Library{Capability: ConfigClient, Technology: "vault"}, "quarkus-vault", "spring-vault-core", "micronaut-discovery-vault"),
	means(Library{Capability: ConfigClient, Technology: "apollo"}, "apollo-client*"),
	means(Library{Capability: ConfigClient, Technology: "consul"}, "quarkus-consul-config", "quarkus-config-consul"),
	can(ConfigClient, "spring-cloud-starter-kubernetes-config", "spring-cloud-starter-kubernetes-client-config", "spring-cloud-starter-kubernetes-fabric8-config", "quarkus-kubernetes-config"),

	means(eurekaClient, "spring-cloud-starter-eureka", "spring-cloud-starter-netflix-eureka-client", "spring-cloud-netflix-eureka-client"),
	registry("eureka", "eureka-client"),
	means(Library{Capability: RegistryServer, Technology: "eureka"}, "spring-cloud-starter-eureka-server", "spring-cloud-starter-netflix-eureka-server", "spring-cloud-netflix-eureka-server"),
	means(consulClient, "spring-cloud-starter-consul", "spring-cloud-starter-consul-all", "spring-cloud-starter-consul-discovery", "spring-cloud-consul-discovery"),
	means(consulConfig, "spring-cloud-starter-consul-config", "spring-cloud-starter-consul-all", "spring-cloud-consul-config"),
	registry("consul", "consul-api", "consul-client", "quarkus-smallrye-stork", "stork-service-discovery-consul", "micronaut-discovery-client"),
	means(nacosClient, "spring-cloud-starter-alibaba-nacos-discovery", "spring-cloud-alibaba-nacos-discovery", "nacos-discovery-spring-boot-starter"),
	means(nacosConfig, "spring-cloud-starter-alibaba-nacos-config", "spring-cloud-alibaba-nacos-config", "nacos-config-spring-boot-starter"),
	registry("nacos", "nacos-client", "dubbo-registry-nacos"),
	means(zookeeperClient, "spring-cloud-starter-zookeeper", "spring-cloud-starter-zookeeper-all", "spring-cloud-starter-zookeeper-discovery", "spring-cloud-starter-zookeeper-config"),
	registry("zookeeper", "curator-x-discovery", "dubbo-registry-zookeeper", "dubbo-dependencies-zookeeper"),
	means(Library{Capability: Coordination, Technology: "zookeeper"}, "zookeeper", "curator-framework", "curator-recipes"),
	means(Library{Capability: Coordination, Technology: "etcd"}, "jetcd-core"),
	can(RegistryClient, "spring-cloud-starter-kubernetes", "spring-cloud-starter-kubernetes-all", "spring-cloud-starter-kubernetes-client", "spring-cloud-starter-kubernetes-client-all",
		"spring-cloud-starter-kubernetes-fabric8", "spring-cloud-starter-kubernetes-fabric8-all"),

	means(rabbit, "spring-boot-starter-amqp", "spring-rabbit", "amqp-client", "spring-cloud-starter-bus-amqp", "spring-cloud-starter-stream-rabbit", "spring-cloud-stream-binder-rabbit",
		"spring-cloud-netflix-hystrix-stream", "spring-cloud-netflix-hystrix-amqp", "spring-cloud-starter-turbine-amqp", "spring-cloud-starter-hystrix-amqp"),
	means(smallryeRabbit, "quarkus-messaging-rabbitmq", "quarkus-smallrye-reactive-messaging-rabbitmq", "smallrye-reactive-messaging-rabbitmq"),
	means(smallryeAMQP, "quarkus-messaging-amqp", "quarkus-smallrye-reactive-messaging-amqp", "smallrye-reactive-messaging-amqp"),
	means(micronautRabbit, "micronaut-rabbitmq"),
	broker("rabbitmq", "vertx-rabbitmq-client", "quarkus-rabbitmq-client", "camel-rabbitmq*", "camel-spring-rabbitmq*", "langohr", "reactor-rabbitmq", "axon-amqp*"),
	means(kafka, "spring-kafka", "spring-boot-starter-kafka", "spring-cloud-starter-bus-kafka", "spring-cloud-starter-stream-kafka", "spring-cloud-stream-binder-kafka*"),
	means(smallryeKafka, "quarkus-kafka-client", "quarkus-kafka-streams", "quarkus-messaging-kafka", "quarkus-smallrye-reactive-messaging-kafka", "smallrye-reactive-messaging-kafka", "micronaut-kafka*"),
	broker("kafka", "kafka-clients", "kafka-streams*", "kafka_*", "reactor-kafka", "vertx-kafka-client", "camel-kafka*", "akka-stream-kafka*", "pekko-connectors-kafka*", "fs2-kafka*", "jackdaw",
		"axon-kafka*"),
	means(activemq, "spring-boot-starter-activemq", "spring-boot-starter-artemis", "activemq-spring-boot-starter"),
	broker("activemq", "activemq-client*", "activemq-all", "artemis-jms-client*", "quarkus-artemis-jms", "camel-activemq*"),
	broker("nats", "jnats", "nats-spring*", "micronaut-nats*"),
	means(pulsar, "spring-boot-starter-pulsar*"),
	broker("pulsar", "pulsar-client*", "quarkus-messaging-pulsar"),
	broker("mosquitto", "org.eclipse.paho.client.mqttv3", "spring-integration-mqtt", "hivemq-mqtt-client"),
	broker("sqs", "spring-cloud-aws-starter-sqs", "aws-java-sdk-sqs", "spring-cloud-starter-aws-messaging"),

	means(mongo, "spring-boot-starter-data-mongodb*", "spring-boot-starter-mongodb*", "spring-data-mongodb"),
	means(quarkusMongo, "quarkus-mongodb*"),
	store("mongodb", "mongodb-driver*", "mongo-java-driver", "mongo-scala-driver*", "micronaut-mongo*", "micronaut-data-mongodb", "morphia*", "reactivemongo*", "monger"),
	means(redis, "spring-boot-starter-data-redis*", "spring-boot-starter-redis", "spring-session-data-redis", "spring-data-redis", "redisson-spring-boot-starter"),
	store("redis", "jedis", "lettuce-core", "redisson", "redisson-all", "quarkus-redis-client", "micronaut-redis-lettuce", "vertx-redis-client", "carmine", "play-redis*", "spring-ai-redis-store"),
	means(elastic, "spring-boot-starter-data-elasticsearch", "spring-boot-starter-elasticsearch", "spring-data-elasticsearch"),
	means(quarkusElastic, "quarkus-elasticsearch-rest*", "quarkus-elasticsearch-java-client", "quarkus-hibernate-search-orm-elasticsearch"),
	store("elasticsearch", "elasticsearch-rest-client", "elasticsearch-rest-high-level-client", "elasticsearch-java", "micronaut-elasticsearch", "elastic4s*", "transport"),
	store("opensearch", "opensearch-java", "opensearch-rest-client", "spring-data-opensearch*"),
	store("solr", "solr-solrj", "spring-boot-starter-data-solr", "spring-data-solr"),
	means(cassandra, "spring-boot-starter-data-cassandra*", "spring-boot-starter-cassandra"),
	store("cassandra", "cassandra-driver-core", "java-driver-core", "cassandra-quarkus-client", "micronaut-cassandra", "quill-cassandra*"),
	means(neo4j, "spring-boot-starter-data-neo4j", "spring-boot-starter-neo4j"),
	store("neo4j", "neo4j-java-driver*", "neo4j-ogm*", "quarkus-neo4j", "micronaut-neo4j*"),
	store("postgres", "postgresql", "pgjdbc-ng", "r2dbc-postgresql", "quarkus-jdbc-postgresql", "quarkus-reactive-pg-client", "vertx-pg-client", "postgresql-async*", "skunk*", "doobie-postgres*"),
	store("mysql", "mysql-connector-java", "mysql-connector-j", "quarkus-jdbc-mysql", "quarkus-reactive-mysql-client", "vertx-mysql-client", "r2dbc-mysql"),
	store("mariadb", "mariadb-java-client", "quarkus-jdbc-mariadb", "r2dbc-mariadb"),
	store("sqlserver", "mssql-jdbc", "quarkus-jdbc-mssql", "r2dbc-mssql", "jtds"),
	store("oracle", "ojdbc*", "quarkus-jdbc-oracle", "oracle-r2dbc"),
	store("db2", "jcc", "db2jcc*", "quarkus-jdbc-db2"),
	store("influxdb", "influxdb-java", "influxdb-client-java", "spring-data-influxdb"),
	store("clickhouse", "clickhouse-jdbc*", "clickhouse-http-client"),
	store("memcached", "spymemcached", "xmemcached", "memcached-spring-boot-starter"),
	store("couchbase", "spring-boot-starter-data-couchbase*"),
	store("couchdb", "ektorp", "org.ektorp*", "cloudant-client", "quarkus-cloudant"),
	store("hazelcast", "hazelcast-client", "hazelcast-all"),
	store("minio", "minio", "spring-boot-starter-minio"),
	store("eventstoredb", "db-client-java"),

	means(zipkin, "spring-cloud-starter-zipkin", "spring-cloud-sleuth-zipkin", "zipkin-reporter-brave", "opentelemetry-exporter-zipkin", "micronaut-tracing-zipkin", "micronaut-tracing-brave*",
		"spring-boot-starter-zipkin", "spring-boot-zipkin"),
	tracing("zipkin", "spring-cloud-sleuth-stream", "brave", "zipkin-sender-*", "zipkin-reporter", "quarkus-opentelemetry-exporter-zipkin"),
	means(Library{Capability: TracingServer, Technology: "zipkin"}, "zipkin-server", "spring-cloud-sleuth-zipkin-stream", "zipkin-autoconfigure-ui"),
	means(jaeger, "opentracing-spring-jaeger-cloud-starter", "opentracing-spring-jaeger-web-starter", "opentracing-spring-jaeger-starter"),
	tracing("jaeger", "jaeger-client", "jaeger-core", "opentelemetry-exporter-jaeger*", "quarkus-smallrye-opentracing", "quarkus-jaeger", "micronaut-tracing-jaeger"),
	means(otlp, "opentelemetry-exporter-otlp", "quarkus-opentelemetry", "opentelemetry-spring-boot-starter", "micronaut-tracing-opentelemetry-http", "quarkus-opentelemetry-exporter-otlp"),
	tracing("skywalking", "apm-toolkit-trace", "apm-toolkit-logback-1.x"),
	tracing("datadog", "dd-trace-api", "dd-trace-ot"),
	can(Tracing, "spring-cloud-starter-sleuth", "spring-cloud-sleuth-core", "micrometer-tracing-bridge-*", "opentracing-spring-cloud-starter"),

	metrics("influxdb", "http://localhost:8086", "influx", "micrometer-registry-influx"),
	metrics("graphite", "localhost:2004", "graphite", "micrometer-registry-graphite"),
	metrics("statsd", "localhost:8125", "statsd", "micrometer-registry-statsd"),
	metrics("elasticsearch", "http://localhost:9200", "elastic", "micrometer-registry-elastic"),
	means(Library{Capability: Metrics, Technology: "prometheus"}, "micrometer-registry-prometheus*", "simpleclient", "simpleclient_*", "prometheus-metrics-*", "quarkus-micrometer-registry-prometheus"),

	means(admin, "spring-boot-admin-starter-client", "spring-boot-admin-client"),
	means(Library{Capability: AdminServer, Technology: "spring-boot-admin"}, "spring-boot-admin-starter-server", "spring-boot-admin-server", "spring-boot-admin-server-ui"),

	can(IdentityClient, "spring-cloud-starter-oauth2", "spring-cloud-starter-security", "spring-boot-starter-security", "spring-boot-starter-oauth2-resource-server",
		"spring-boot-starter-oauth2-client", "spring-boot-starter-security-oauth2-*", "spring-security-oauth2", "spring-security-oauth2-client", "spring-security-oauth2-resource-server",
		"spring-security-oauth2-autoconfigure", "spring-security-oauth2-jose", "spring-security-jwt", "quarkus-oidc*", "quarkus-smallrye-jwt", "quarkus-elytron-security-oauth2",
		"micronaut-security-oauth2", "micronaut-security-jwt", "okta-spring-boot-starter"),
	means(Library{Capability: IdentityClient, Technology: "keycloak"}, "keycloak-spring-boot-starter", "keycloak-spring-boot-adapter", "keycloak-spring-security-adapter", "keycloak-admin-client",
		"quarkus-keycloak-authorization", "quarkus-keycloak-admin*"),
	means(Library{Capability: IdentityClient, Technology: "openldap"}, "spring-boot-starter-data-ldap", "spring-security-ldap"),
	can(IdentityServer, "spring-security-oauth2-authorization-server", "spring-boot-starter-oauth2-authorization-server", "spring-authorization-server"),

	can(Gateway, "spring-cloud-starter-zuul", "spring-cloud-starter-netflix-zuul", "spring-cloud-starter-gateway*", "spring-cloud-gateway-server*"),
	can(HTTPClient, "spring-cloud-starter-feign", "spring-cloud-starter-openfeign", "spring-cloud-starter-ribbon", "spring-cloud-starter-netflix-ribbon", "spring-cloud-starter-loadbalancer",
		"feign-core", "retrofit", "quarkus-rest-client*", "micronaut-http-client*"),
	means(Library{Capability: Dashboard, Technology: "hystrix"}, "spring-cloud-starter-turbine*", "spring-cloud-starter-netflix-turbine*", "spring-cloud-starter-hystrix-dashboard",
		"spring-cloud-starter-netflix-hystrix-dashboard", "spring-cloud-netflix-turbine*"),
	means(Library{Capability: LogShipper, Technology: "logstash"}, "logstash-logback-encoder", "logstash-gelf"),
	means(Library{Capability: LogShipper, Technology: "graylog"}, "logback-gelf", "biz.paluch.logging", "quarkus-logging-gelf"),
	means(Library{Capability: LogShipper, Technology: "fluentd"}, "logback-more-appenders", "fluent-logger", "fluency-core"),
	means(Library{Capability: LogShipper, Technology: "loki"}, "loki-logback-appender"),
	means(mail, "spring-boot-starter-mail"),
	means(Library{Capability: Mail, Technology: "mail"}, "quarkus-mailer", "javax.mail", "jakarta.mail", "simple-java-mail", "micronaut-email-*"),
}
