package technology

import "example.org/caravan/internal/estate"

// entry is a technology with the spellings that lead to it.
type entry struct {
	Technology
	names        []string // other spellings of the name
	images       []string // last part of image references
	repositories []string // longer ends of image references, when the last part alone says too little
	schemes      []string
}

func store(name string, ports ...int) Technology {
	return Technology{Name: name, Kind: estate.Datastore, Role: "store", Ports: ports}
}

func broker(name string, ports ...int) Technology {
	return Technology{Name: name, Kind: estate.Datastore, Role: "broker", Ports: ports}
}

func serving(name, role string, ports ...int) Technology {
	return Technology{Name: name, Kind: estate.Service, Role: role, Ports: ports}
}

func infrastructure(name, role string, ports ...int) Technology {
	return Technology{Name: name, Kind: estate.Service, Role: role, Infrastructure: true, Ports: ports}
}

// table lists every technology once; where two share a port or a scheme, the first is meant.
var table = []entry{
	{Technology: store("postgres", 5432), names: []string{"postgresql", "pgsql", "psql", "pg"}, schemes: []string{"postgres", "postgresql", "pgsql", "psql"},
		images:       []string{"postgres", "postgresql", "postgresql-repmgr", "postgis", "timescaledb", "timescaledb-ha", "timescaledb-postgis", "pgvector", "postgres-alpine", "spilo", "edb-postgres", "crunchy-postgres", "stolon", "postgres-patroni"},
		repositories: []string{"library/postgres", "ghcr.io/cloudnative-pg/postgresql", "supabase/postgres"}},
	{Technology: store("mysql", 3306, 33060), names: []string{"percona"}, schemes: []string{"mysql", "mysqlx"},
		images: []string{"mysql", "mysql-server", "percona", "percona-server", "percona-xtradb-cluster"}, repositories: []string{"mysql/community-server", "mysql/enterprise-server"}},
	{Technology: store("mariadb"), names: []string{"maria"}, schemes: []string{"mariadb"}, images: []string{"mariadb", "mariadb-galera"}},
	{Technology: store("mongodb", 27017, 27018), names: []string{"mongo", "mongod"}, schemes: []string{"mongodb", "mongo"},
		images: []string{"mongo", "mongodb", "mongodb-sharded", "mongodb-community-server", "mongodb-enterprise-server", "percona-server-mongodb", "ferretdb"}},
	{Technology: store("redis", 6379, 26379), names: []string{"redis-server", "redis-sentinel"}, schemes: []string{"redis", "rediss", "redis-sentinel"},
		images: []string{"redis", "redis-cluster", "redis-sentinel", "redis-stack", "redis-stack-server", "redis-alpine", "redislabs-redis", "rejson", "keydb", "dragonfly", "redis-server", "redis-master"}},
	{Technology: store("valkey"), schemes: []string{"valkey", "valkeys"}, images: []string{"valkey", "valkey-cluster", "valkey-bundle"}},
	{Technology: store("memcached", 11211), names: []string{"memcache"}, schemes: []string{"memcached", "memcache"}, images: []string{"memcached", "memcache"}},
	{Technology: store("sqlserver", 1433), names: []string{"mssql", "azure-sql-edge"}, schemes: []string{"sqlserver", "mssql"},
		images: []string{"mssql-server-linux", "azure-sql-edge"}, repositories: []string{"mssql/server", "mssql/rhel/server"}},
	{Technology: store("oracle", 1521), names: []string{"oracledb"}, schemes: []string{"oracle"}, images: []string{"oracle-xe", "oracle-free", "oracle-xe-11g", "oracledb"}, repositories: []string{"database/free", "database/enterprise", "database/express"}},
	{Technology: store("elasticsearch", 9200, 9300), names: []string{"elastic", "es"}, schemes: []string{"elasticsearch"}, images: []string{"elasticsearch", "elasticsearch-oss"}},
	{Technology: store("opensearch"), schemes: []string{"opensearch"}, images: []string{"opensearch"}},
	{Technology: store("solr", 8983), schemes: []string{"solr"}, images: []string{"solr"}},
	{Technology: store("meilisearch", 7700), images: []string{"meilisearch"}},
	{Technology: store("typesense", 8108), images: []string{"typesense"}},
	{Technology: store("cassandra", 9042, 9160), schemes: []string{"cassandra"}, images: []string{"cassandra", "cassandra-dse"}},
	{Technology: store("scylladb"), names: []string{"scylla"}, schemes: []string{"scylla"}, images: []string{"scylla", "scylladb"}},
	{Technology: store("clickhouse", 8123), schemes: []string{"clickhouse"}, images: []string{"clickhouse", "clickhouse-server"}},
	{Technology: store("cockroachdb", 26257), names: []string{"cockroach"}, schemes: []string{"cockroachdb", "cockroach"}, repositories: []string{"cockroachdb/cockroach"}},
	{Technology: store("couchdb", 5984), schemes: []string{"couchdb"}, images: []string{"couchdb"}},
	{Technology: store("couchbase", 8091, 11210), schemes: []string{"couchbase", "couchbases"}, images: []string{"couchbase"}, repositories: []string{"couchbase/server"}},
	{Technology: store("neo4j", 7687, 7474), schemes: []string{"neo4j", "bolt", "neo4js"}, images: []string{"neo4j"}},
	{Technology: store("arangodb", 8529), schemes: []string{"arangodb"}, images: []string{"arangodb"}},
	{Technology: store("influxdb", 8086), names: []string{"influx"}, schemes: []string{"influxdb", "influx"}, images: []string{"influxdb"}},
	{Technology: store("minio"), images: []string{"minio"}},
	{Technology: store("etcd", 2379, 2380), schemes: []string{"etcd"}, images: []string{"etcd"}},
	{Technology: store("hazelcast", 5701), images: []string{"hazelcast"}},
	{Technology: store("dynamodb"), names: []string{"dynamodb-local"}, images: []string{"dynamodb-local", "dynalite"}},
	{Technology: store("rethinkdb", 28015), schemes: []string{"rethinkdb"}, images: []string{"rethinkdb"}},
	{Technology: store("eventstoredb", 2113), names: []string{"eventstore"}, schemes: []string{"esdb", "eventstore"}, images: []string{"eventstore", "eventstoredb", "eventstore-oss"}},
	{Technology: store("db2", 50000), schemes: []string{"db2"}, images: []string{"db2", "db2express-c"}},
	{Technology: store("h2", 1521), schemes: []string{"h2"}, images: []string{"h2", "docker-h2"}},
	{Technology: store("qdrant", 6333), images: []string{"qdrant"}},
	{Technology: store("weaviate"), images: []string{"weaviate"}},
	{Technology: store("milvus", 19530), images: []string{"milvus"}},

	{Technology: broker("rabbitmq", 5672, 5671, 15672), names: []string{"rabbit", "rabbit-mq", "amqp"}, schemes: []string{"amqp", "amqps", "rabbitmq"}, images: []string{"rabbitmq", "rabbitmq-management"}},
	{Technology: broker("kafka", 9092, 29092), names: []string{"redpanda", "kafka-broker"}, schemes: []string{"kafka"},
		images: []string{"kafka", "cp-kafka", "cp-server", "cp-enterprise-kafka", "redpanda", "kafka-native", "cp-local", "fast-data-dev", "enterprise-kafka"}},
	{Technology: broker("nats", 4222, 6222), names: []string{"nats-server", "nats-streaming"}, schemes: []string{"nats"}, images: []string{"nats", "nats-streaming", "nats-server"}},
	{Technology: broker("activemq", 61616), names: []string{"artemis"}, schemes: []string{"activemq", "artemis"}, images: []string{"activemq", "activemq-artemis", "activemq-classic", "artemis"}},
	{Technology: broker("pulsar", 6650), schemes: []string{"pulsar"}, images: []string{"pulsar", "pulsar-all"}},
	{Technology: broker("rocketmq", 9876, 10911), schemes: []string{"rocketmq"}, images: []string{"rocketmq"}},
	{Technology: broker("mosquitto", 1883, 8883), names: []string{"mqtt", "emqx", "hivemq"}, schemes: []string{"mqtt", "mqtts"}, images: []string{"eclipse-mosquitto", "mosquitto", "emqx", "hivemq4", "hivemq-ce"}},
	{Technology: broker("nsq", 4150, 4160), images: []string{"nsq", "nsqd", "nsqlookupd"}},
	{Technology: broker("beanstalkd", 11300), schemes: []string{"beanstalk", "beanstalkd"}, images: []string{"beanstalkd"}},
	{Technology: broker("gearman", 4730), names: []string{"gearmand"}, images: []string{"gearmand", "gearman"}},
	{Technology: broker("sqs", 9324), names: []string{"elasticmq"}, images: []string{"elasticmq", "elasticmq-native"}},

	{Technology: serving("nginx", "proxy"), images: []string{"nginx", "nginx-unprivileged", "nginx-proxy", "openresty", "nginx-ingress-controller", "nginx-ingress"}},
	{Technology: serving("haproxy", "proxy"), images: []string{"haproxy", "haproxy-alpine", "haproxy-ingress", "haproxy-debian"}},
	{Technology: serving("traefik", "proxy"), images: []string{"traefik"}},
	{Technology: serving("envoy", "proxy"), images: []string{"envoy", "envoy-alpine", "envoy-distroless", "envoy-dev"}},
	{Technology: serving("apache", "proxy"), names: []string{"httpd", "apache2"}, images: []string{"httpd", "apache", "apache2"}},
	{Technology: serving("caddy", "proxy"), images: []string{"caddy"}},
	{Technology: serving("varnish", "proxy", 6081), images: []string{"varnish"}},
	{Technology: serving("squid", "proxy", 3128), images: []string{"squid"}},
	{Technology: serving("pgbouncer", "proxy", 6432), names: []string{"pgpool"}, images: []string{"pgbouncer", "pgpool"}},
	{Technology: serving("proxysql", "proxy", 6033), images: []string{"proxysql"}},
	{Technology: serving("kong", "proxy", 8001), images: []string{"kong", "kong-gateway"}},
	{Technology: serving("apisix", "proxy", 9180), images: []string{"apisix"}},
	{Technology: serving("krakend", "proxy"), images: []string{"krakend"}},
	{Technology: serving("keycloak", "identity"), images: []string{"keycloak", "keycloak-x"}},
	{Technology: serving("dex", "identity"), repositories: []string{"dexidp/dex", "coreos/dex"}},
	{Technology: serving("hydra", "identity"), repositories: []string{"oryd/hydra"}},
	{Technology: serving("oauth2-proxy", "identity"), images: []string{"oauth2-proxy", "oauth2_proxy"}},
	{Technology: serving("openldap", "identity", 389, 636), names: []string{"ldap", "slapd"}, schemes: []string{"ldap", "ldaps"}, images: []string{"openldap", "slapd"}},
	{Technology: serving("mail", "mail", 25, 587, 465), names: []string{"smtp", "postfix", "exim"}, schemes: []string{"smtp", "smtps"}, images: []string{"postfix", "docker-mailserver", "exim-relay", "smtp", "exim4"}},
	{Technology: serving("mailhog", "mail", 1025, 8025), names: []string{"mailpit", "mailcatcher", "maildev"}, images: []string{"mailhog", "mailpit", "mailcatcher", "maildev", "mailslurper"}},
	{Technology: serving("zookeeper", "coordination", 2181), names: []string{"zk"}, schemes: []string{"zookeeper", "zk"}, images: []string{"zookeeper", "cp-zookeeper"}},
	{Technology: serving("schema-registry", "registry"), images: []string{"cp-schema-registry", "schema-registry", "apicurio-registry-mem", "apicurio-registry"}},
	{Technology: serving("kafka-connect", "broker"), images: []string{"cp-kafka-connect", "cp-kafka-connect-base"}, repositories: []string{"debezium/connect"}},
	{Technology: serving("temporal", "workflow", 7233), repositories: []string{"temporalio/auto-setup", "temporalio/server"}},
	{Technology: serving("camunda", "workflow"), repositories: []string{"camunda/camunda-bpm-platform", "camunda/zeebe"}},
	{Technology: serving("airflow", "workflow"), images: []string{"airflow"}},

	{Technology: infrastructure("consul", "registry", 8500, 8600), schemes: []string{"consul"}, images: []string{"consul"}},
	{Technology: infrastructure("eureka", "registry", 8761), names: []string{"eureka-server"}, images: []string{"eureka", "eureka-server", "spring-cloud-eureka"}},
	{Technology: infrastructure("nacos", "registry", 8848), schemes: []string{"nacos"}, images: []string{"nacos-server"}},
	{Technology: infrastructure("spring-config", "config", 8888), names: []string{"spring-cloud-config", "config-server"}, images: []string{"spring-cloud-config-server", "spring-cloud-config"}},
	{Technology: infrastructure("apollo", "config"), images: []string{"apollo-configservice", "apollo-quick-start"}},
	{Technology: infrastructure("vault", "config", 8200), images: []string{"vault"}},
	{Technology: infrastructure("unleash", "config", 4242), images: []string{"unleash-server"}},
	{Technology: infrastructure("zipkin", "tracing", 9411), schemes: []string{"zipkin"}, images: []string{"zipkin", "zipkin-slim"}},
	{Technology: infrastructure("jaeger", "tracing", 16686, 14268, 14250, 6831, 6832), images: []string{"jaeger", "jaeger-all-in-one", "jaeger-collector", "jaeger-agent", "jaeger-query"}, repositories: []string{"jaegertracing/all-in-one"}},
	{Technology: infrastructure("tempo", "tracing"), repositories: []string{"grafana/tempo"}},
	{Technology: infrastructure("skywalking", "tracing", 11800, 12800), images: []string{"skywalking-oap-server", "skywalking-ui"}},
	{Technology: infrastructure("opentelemetry", "tracing", 4317, 4318, 55680), names: []string{"otel", "otel-collector", "otelcol", "opentelemetry-collector"}, images: []string{"opentelemetry-collector", "opentelemetry-collector-contrib", "otel-collector", "opentelemetry-collector-k8s"}},
	{Technology: infrastructure("hystrix", "dashboard"), names: []string{"hystrix-dashboard", "turbine"}, images: []string{"hystrix-dashboard", "turbine", "turbine-server"}},
	{Technology: infrastructure("prometheus", "monitoring", 9090), images: []string{"prometheus"}},
	{Technology: infrastructure("alertmanager", "monitoring", 9093), images: []string{"alertmanager"}},
	{Technology: infrastructure("pushgateway", "monitoring", 9091), images: []string{"pushgateway"}},
	{Technology: infrastructure("weave-scope", "monitoring"), repositories: []string{"weaveworks/scope"}},
	{Technology: infrastructure("cadvisor", "monitoring"), images: []string{"cadvisor"}},
	{Technology: infrastructure("node-exporter", "monitoring", 9100), images: []string{"node-exporter"}},
	{Technology: infrastructure("statsd", "monitoring", 8125), schemes: []string{"statsd"}, images: []string{"statsd", "statsd-exporter", "graphite-statsd"}},
	{Technology: infrastructure("graphite", "monitoring", 2003), schemes: []string{"graphite"}, images: []string{"graphite"}},
	{Technology: infrastructure("datadog", "monitoring", 8126), names: []string{"datadog-agent"}, repositories: []string{"datadog/agent", "datadog/docker-dd-agent"}},
	{Technology: infrastructure("telegraf", "monitoring"), images: []string{"telegraf"}},
	{Technology: infrastructure("nagios", "monitoring"), images: []string{"nagios"}},
	{Technology: infrastructure("zabbix", "monitoring", 10050, 10051), images: []string{"zabbix-server-pgsql", "zabbix-server-mysql", "zabbix-agent"}},
	{Technology: infrastructure("spring-boot-admin", "monitoring"), names: []string{"admin-server"}, images: []string{"spring-boot-admin"}},
	{Technology: infrastructure("grafana", "dashboard"), images: []string{"grafana", "grafana-oss", "grafana-enterprise"}},
	{Technology: infrastructure("kibana", "dashboard", 5601), images: []string{"kibana", "kibana-oss", "opensearch-dashboards"}},
	{Technology: infrastructure("adminer", "dashboard"), images: []string{"adminer"}},
	{Technology: infrastructure("pgadmin", "dashboard"), names: []string{"pgadmin4"}, images: []string{"pgadmin4", "pgadmin"}},
	{Technology: infrastructure("phpmyadmin", "dashboard"), images: []string{"phpmyadmin"}},
	{Technology: infrastructure("mongo-express", "dashboard"), images: []string{"mongo-express"}},
	{Technology: infrastructure("redis-commander", "dashboard"), names: []string{"redisinsight"}, images: []string{"redis-commander", "redisinsight"}},
	{Technology: infrastructure("kafka-ui", "dashboard"), names: []string{"kafdrop", "akhq"}, images: []string{"kafka-ui", "kafdrop", "akhq", "kafka-manager", "cmak", "cp-enterprise-control-center", "kafka-topics-ui"}},
	{Technology: infrastructure("portainer", "dashboard"), images: []string{"portainer", "portainer-ce"}},
	{Technology: infrastructure("logstash", "logging", 5044), images: []string{"logstash", "logstash-oss"}},
	{Technology: infrastructure("fluentd", "logging", 24224), images: []string{"fluentd", "fluentd-kubernetes-daemonset"}},
	{Technology: infrastructure("fluent-bit", "logging"), names: []string{"fluentbit"}, images: []string{"fluent-bit", "fluentbit"}},
	{Technology: infrastructure("filebeat", "logging"), images: []string{"filebeat", "filebeat-oss"}},
	{Technology: infrastructure("metricbeat", "monitoring"), images: []string{"metricbeat"}},
	{Technology: infrastructure("loki", "logging", 3100), images: []string{"loki"}},
	{Technology: infrastructure("promtail", "logging"), images: []string{"promtail"}},
	{Technology: infrastructure("vector", "logging"), repositories: []string{"timberio/vector"}},
	{Technology: infrastructure("graylog", "logging", 12201), names: []string{"gelf"}, schemes: []string{"gelf"}, images: []string{"graylog"}},
	{Technology: infrastructure("logspout", "logging"), images: []string{"logspout"}},
	{Technology: infrastructure("seq", "logging", 5341), repositories: []string{"datalust/seq"}},
	{Technology: infrastructure("syslog", "logging", 514), names: []string{"rsyslog", "syslog-ng"}, schemes: []string{"syslog"}, images: []string{"syslog-ng", "rsyslog"}},
}
