package redact

import (
	"strings"
	"testing"
)

func TestSecretsAreHidden(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"spring.datasource.password", "s3cret", Mask},
		{"DB_PASSWORD", "s3cret", Mask},
		{"db.pwd", "s3cret", Mask},
		{"POSTGRES_PASSWORD", "dbpass", Mask},
		{"MYSQL_ROOT_PASSWORD", "root123", Mask},
		{"api_key", "abc", Mask},
		{"apiKey", "abc", Mask},
		{"stripe.secret", "abc", Mask},
		{"security.oauth2.client.client-secret", "abc", Mask},
		{"clientSecret", "abc", Mask},
		{"redis.requirepass", "abc", Mask},
		{"jwt.token", "abcdef", Mask},
		{"aws.secret_access_key", "abc", Mask},
		{"sasl.jaas.config", "org.x required username=a password=b;", Mask},
		{"users[0].password", "abc", Mask},
		{"password1", "abc", Mask},
		{"DATABASE_URL", "postgres://app:s3cret@db:5432/x", "postgres://app:" + Mask + "@db:5432/x"},
		{"url", "amqp://u:p@rabbit:5672,amqp://u:q@rabbit2:5672", "amqp://u:" + Mask + "@rabbit:5672,amqp://u:" + Mask + "@rabbit2:5672"},
		{"url", "redis://:hunter2@cache:6379/0", "redis://:" + Mask + "@cache:6379/0"},
		{"url", "mongodb://u:p%40ss@a:1,b:2/x?authSource=admin", "mongodb://u:" + Mask + "@a:1,b:2/x?authSource=admin"},
		{"url", "postgres://u:p@ss@db/x", "postgres://u:" + Mask + "@db/x"},
		{"url", "postgres://u:pa/ss@db/x", "postgres://u:" + Mask + "@db/x"},
		{"url", "jdbc:mysql://db/x?user=a&password=b", "jdbc:mysql://db/x?user=a&password=" + Mask},
		{"url", "jdbc:oracle:thin:scott/tiger@ora:1521:XE", "jdbc:oracle:thin:scott/" + Mask + "@ora:1521:XE"},
		{"dsn", "app:pw@tcp(mysql:3306)/shop", "app:" + Mask + "@tcp(mysql:3306)/shop"},
		{"ACCOUNTS_DSN", "host=db port=5432 user=a password=hunter2", "host=db port=5432 user=a password=" + Mask},
		{"database", "app:pw@tcp(mysql:3306)/shop", "app:" + Mask + "@tcp(mysql:3306)/shop"},
		{"ConnectionStrings.Shop", "Server=sql,1433;Database=Shop;User Id=sa;Password=Pass@word", "Server=sql,1433;Database=Shop;User Id=sa;Password=" + Mask},
		{"redis", "redis:6379,password=abc,ssl=False", "redis:6379,password=" + Mask + ",ssl=False"},
		{"callback", "https://x.example.org/h?token=abc&x=1", "https://x.example.org/h?token=" + Mask + "&x=1"},
		{"blob", "https://a.example.org/c?sv=1&sig=abc%3D", "https://a.example.org/c?sv=1&sig=" + Mask},
		{"slack.webhook", "https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/" + Mask},
		{"note", "https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/" + Mask},
		{"header", "Bearer abcdefghijkl", "Bearer " + Mask},
		{"x", "AKIAABCDEFGHIJKLMNOP", Mask},
		{"x", "ghp_abcdefghijklmnopqrstuvwxyz0123", Mask},
		{"x", "eyJhbGciOiJI.eyJzdWIiOiIx.sig", Mask},
		{"x", "-----BEGIN RSA PRIVATE KEY-----\nCANARYCANARY\n-----END RSA PRIVATE KEY-----", Mask},
		{"x", "-----BEGIN EC PRIVATE KEY-----\nCANARYCANARY", Mask},
		{"x", "d41d8cd98f00b204e9800998ecf8427e", Mask},
		{"password", "${DB_PASSWORD:fallback}", Mask},
		{"git", "https://ghp_abcdefghijklmnopqrstu@github.example.org/x", "https://" + Mask + "@github.example.org/x"},
	} {
		if got := Value(c.key, c.value); got != c.want {
			t.Errorf("%s=%s: %q, want %q", c.key, c.value, got, c.want)
		}
	}
}

func TestWhatTheMapNeedsStays(t *testing.T) {
	for _, c := range []struct{ key, value string }{
		{"security.oauth2.client.access-token-uri", "http://auth:5000/uaa/oauth/token"},
		{"tokenUri", "http://auth:5000/token"},
		{"token-url", "http://auth/token"},
		{"password-encoder", "bcrypt"},
		{"secretName", "orders-db"},
		{"clientId", "account-service"},
		{"spring.kafka.producer.key-serializer", "org.example.StringSerializer"},
		{"cassandra.keyspace", "orders"},
		{"monkey", "banana"},
		{"spring.datasource.password", "${DB_PASSWORD}"},
		{"DB_PASSWORD", "$DB_PASSWORD"},
		{"password", "{{ db_password }}"},
		{"DB_PASSWORD", "${secret:orders-db/password}"},
		{"password", ""},
		{"token.enabled", "true"},
		{"token-expiry-seconds", "3600"},
		{"URL", "http://user@host:80/x"},
		{"url", "postgres://${DB_USER}:${DB_PASSWORD}@db:5432/x"},
		{"image", "registry.example.org/x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"commit", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"id", "123e4567-e89b-12d3-a456-426614174000"},
		{"kafka", "kafka-1.data.internal:9092,kafka-2.data.internal:9092"},
		{"author", "someone@example.org"},
		{"class", "org.springframework.cloud.netflix.eureka.EurekaDiscoveryClientConfiguration"},
		{"path", "/very/long/path/to/some/folder/that/is/longer/than/thirty-two/characters"},
		{"CONFIG_SERVICE_PASSWORD_FILE", "/run/secrets/config"},
		{"auth.url", "http://auth:80"},
		{"route.key", "orders.created"},
		{"compass", "north"},
	} {
		if got := Value(c.key, c.value); got != c.value {
			t.Errorf("%s=%s became %q", c.key, c.value, got)
		}
	}
}

func FuzzAPlantedSecretNeverShows(f *testing.F) {
	f.Add("postgres", "app", "db:5432/x")
	f.Add("amqp", "", "h")
	f.Fuzz(func(t *testing.T, scheme, user, rest string) {
		const secret = "pl4ntedS3cret"
		if strings.ContainsAny(scheme+user, " \t\n\"'<>`@/?#:${}•") || strings.ContainsAny(rest, "@") || strings.Contains(rest, secret) {
			t.Skip()
		}
		once := Text(scheme + "://" + user + ":" + secret + "@" + rest)
		if strings.Contains(once, secret) {
			t.Errorf("shown: %q", once)
		}
		if twice := Text(once); twice != once {
			t.Errorf("not stable: %q then %q", once, twice)
		}
	})
}

func BenchmarkValue(b *testing.B) {
	for b.Loop() {
		Value("clients.amber-orders-0001.url", "http://amber-orders-0001:8080")
	}
}
