package endpoint

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFindsTheAddressesInAValue(t *testing.T) {
	for _, c := range []struct {
		value string
		want  []Endpoint
	}{
		{"http://auth-service:5000/uaa/oauth/token", []Endpoint{{Scheme: "http", Host: "auth-service", Port: 5000, Path: "/uaa/oauth/token"}}},
		{"http://user:•••@registry:8761/eureka/,http://other:8762/eureka/", []Endpoint{{Scheme: "http", Host: "registry", Port: 8761, Path: "/eureka/"}, {Scheme: "http", Host: "other", Port: 8762, Path: "/eureka/"}}},
		{"jdbc:postgresql://postgres/dbshipping", []Endpoint{{Scheme: "postgresql", Host: "postgres", Path: "/dbshipping"}}},
		{"jdbc:mysql://192.168.99.100:33306/default?useSSL=false", []Endpoint{{Scheme: "mysql", Host: "192.168.99.100", Port: 33306, Path: "/default"}}},
		{"jdbc:h2:mem:service-two", nil},
		{"jdbc:oracle:thin:@ora.internal:1521:XE", []Endpoint{{Scheme: "oracle", Host: "ora.internal", Port: 1521}}},
		{"jdbc:sqlserver://sql:1433;databaseName=shop", []Endpoint{{Scheme: "sqlserver", Host: "sql", Port: 1433}}},
		{"mongodb://a:27017,b:27018/shop?replicaSet=rs0", []Endpoint{{Scheme: "mongodb", Host: "a", Port: 27017, Path: "/shop"}, {Scheme: "mongodb", Host: "b", Port: 27018, Path: "/shop"}}},
		{"mongodb+srv://cluster0.example.org/x", []Endpoint{{Scheme: "mongodb", Host: "cluster0.example.org", Path: "/x"}}},
		{"postgresql+psycopg2://u:•••@db:5432/x", []Endpoint{{Scheme: "postgresql", Host: "db", Port: 5432, Path: "/x"}}},
		{"kafka-1:9092,kafka-2:9092", []Endpoint{{Host: "kafka-1", Port: 9092}, {Host: "kafka-2", Port: 9092}}},
		{"lb://ACCOUNT-SERVICE", []Endpoint{{Scheme: "lb", Host: "account-service"}}},
		{"Server=sql.data,1433;Database=Shop;User Id=sa;Password=•••", []Endpoint{{Host: "sql.data", Port: 1433}}},
		{"Host=pg;Port=5433;Database=x", []Endpoint{{Host: "pg", Port: 5433}}},
		{"host=pg port=5432 dbname=x sslmode=disable", []Endpoint{{Host: "pg", Port: 5432}}},
		{"redis:6379,password=•••,ssl=False", []Endpoint{{Host: "redis", Port: 6379}}},
		{"app:•••@tcp(mysql:3306)/shop?parseTime=true", []Endpoint{{Scheme: "mysql", Host: "mysql", Port: 3306}}},
		{"10.0.3.7", []Endpoint{{Host: "10.0.3.7"}}},
		{"[::1]:8080", []Endpoint{{Host: "::1", Port: 8080}}},
		{"account-mongodb", []Endpoint{{Host: "account-mongodb", Bare: true}}},
		{"http://${REGISTRY_HOST:registry}:8761/eureka", []Endpoint{{Scheme: "http", Host: "${registry_host:registry}", Port: 8761, Path: "/eureka"}}},
		{"Hey, you. We have missed you", nil},
		{"10s", []Endpoint{{Host: "10s", Bare: true}}},
		{"12:30", nil},
		{"/accounts/**", nil},
		{"true", []Endpoint{{Host: "true", Bare: true}}},
		{"org.hibernate.dialect.MySQL5", []Endpoint{{Host: "org.hibernate.dialect.mysql5", Bare: true}}},
		{"", nil},
	} {
		t.Run(c.value, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Parse(c.value)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://a:1/b", "a:1,b:2", "Server=x,1;", "://", "${", "[::", "u@tcp("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, e := range Parse(s) {
			if e.Host == "" || e.Port < 0 || e.Port > 65535 {
				t.Errorf("%q gave %+v", s, e)
			}
		}
	})
}
