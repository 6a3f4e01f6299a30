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
		{"LEGACY_PW", "s3cret", Mask},
		{"admin_pw", "s3cret", Mask},
		{"hmac", "s3cret", Mask},
		{"ACCESS_CODE", "s3cret", Mask},
		{"basicAuth", "admin:s3cret", Mask},
		{"HTTP_AUTH", "admin:s3cret", "admin:" + Mask},
		{"command", "run -u admin:s3cret --port 80", "run -u admin:" + Mask + " --port 80"},
		{"command", "curl -u admin:12345 http://x", "curl -u admin:" + Mask + " http://x"},
		{"command", "curl --user admin:p@ss/word http://x", "curl --user admin:" + Mask + " http://x"},
		{"command", "run --auth s3cret", "run --auth " + Mask},
		{"command", "run -p CANx025abcdef", "run -p " + Mask},
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
		{"command", "java -Dtoken=abc123 -Dserver.port=80 -jar a.jar", "java -Dtoken=" + Mask + " -Dserver.port=80 -jar a.jar"},
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
		{"git", "https://ghp_abcdefghijklmnopqrst0123:x-oauth-basic@git.example.org/x", "https://" + Mask + ":" + Mask + "@git.example.org/x"},
		{"sentry", "https://0123456789abcdef0123456789abcdef@errors.example.org/7", "https://" + Mask + "@errors.example.org/7"},
		{"url", "postgres://${DB_USER}:plain1@db:5432/x", "postgres://${DB_USER}:" + Mask + "@db:5432/x"},
		{"url", "postgres://${DB_USER:app}:${DB_PASS:fallback}@db:5432/x", "postgres://${DB_USER:app}:" + Mask + "@db:5432/x"},
		{"url", "http://admin:hunter2", "http://admin:" + Mask},
		{"urls", "http://a:hunter2@one:80;http://b:hunter3@two:80", "http://a:" + Mask + "@one:80;http://b:" + Mask + "@two:80"},
		{"urls", "[http://a:hunter2@one:80, http://b:hunter3@two:80]", "[http://a:" + Mask + "@one:80, http://b:" + Mask + "@two:80]"},
		{"url", "redis+sentinel://:p1@s1:26379,s2:26379/main?password=p2", "redis+sentinel://:" + Mask + "@s1:26379,s2:26379/main?password=" + Mask},
		{"jdbc", "jdbc:postgresql://db:5432/x?user=app&password=s3cret&ssl=true", "jdbc:postgresql://db:5432/x?user=app&password=" + Mask + "&ssl=true"},
		{"jdbc", "jdbc:sqlserver://sql:1433;databaseName=x;user=sa;password=p,q w;encrypt=true", "jdbc:sqlserver://sql:1433;databaseName=x;user=sa;password=" + Mask + ";encrypt=true"},
		{"addr", "app:s3cret@db:5432", "app:" + Mask + "@db:5432"},
		{"dsn", "app:p@ss:w@tcp(mysql:3306)/shop?parseTime=true", "app:" + Mask + "@tcp(mysql:3306)/shop?parseTime=true"},
		{"ConnectionStrings.Bus", "Endpoint=sb://bus.example.org/;SharedAccessKeyName=Root;SharedAccessKey=abc/def=", "Endpoint=sb://bus.example.org/;SharedAccessKeyName=Root;SharedAccessKey=" + Mask},
		{"ConnectionStrings.Blob", "DefaultEndpointsProtocol=https;AccountName=kopi;AccountKey=abc==;EndpointSuffix=example.org", "DefaultEndpointsProtocol=https;AccountName=kopi;AccountKey=" + Mask + ";EndpointSuffix=example.org"},
		{"ConnectionStrings.Pg", "Host=pg;Port=5432;Username=app;Password='a;b';Pooling=true", "Host=pg;Port=5432;Username=app;Password='" + Mask + "';Pooling=true"},
		{"ConnectionStrings.Rabbit", "host=rabbit:5672;username=app;Pwd=s3cret", "host=rabbit:5672;username=app;Pwd=" + Mask},
		{"args", "--redis.addr=cache:6379 --redis.password=s3cret", "--redis.addr=cache:6379 --redis.password=" + Mask},
		{"command", "redis-server --requirepass s3cret --port 6379", "redis-server --requirepass " + Mask + " --port 6379"},
		{"command", `["redis-server", "--requirepass", "s3cret"]`, `["redis-server", "--requirepass", "` + Mask + `"]`},
		{"test", "redis-cli -a s3cret ping", "redis-cli -a " + Mask + " ping"},
		{"test", "mysqladmin ping -h db -uroot -ps3cret", "mysqladmin ping -h db -uroot -p" + Mask},
		{"test", "curl -u app:s3cret http://orders:8080/health", "curl -u app:" + Mask + " http://orders:8080/health"},
		{"script", "export DB_PASSWORD=s3cret && run http://orders:8080", "export DB_PASSWORD=" + Mask + " && run http://orders:8080"},
		{"file", "db:\n  host: pg\n  password: s3cret\n", "db:\n  host: pg\n  password: " + Mask + "\n"},
		{"file", `{"host": "pg", "password": "s3 \"cret", "port": 5432}`, `{"host": "pg", "password": "` + Mask + `", "port": 5432}`},
		{"file", `output { elasticsearch { hosts => ["es:9200"] password => "s3cret" } }`, `output { elasticsearch { hosts => ["es:9200"] password => "` + Mask + `" } }`},
		{"callback", "https://x.example.org/h?access_token=abc&code=def", "https://x.example.org/h?access_token=" + Mask + "&code=" + Mask},
		{"object", "https://s3.example.org/b/o?X-Amz-Algorithm=A&X-Amz-Signature=0a1b", "https://s3.example.org/b/o?X-Amz-Algorithm=A&X-Amz-Signature=" + Mask},
		{"hook", "https://discord.example.org/api/webhooks/12345678901234567/abcDEF", "https://discord.example.org/api/webhooks/" + Mask},
		{"alertWebhookUrl", "https://chat.example.org/hooks/abc", "https://chat.example.org/" + Mask},
		{"header", "Authorization: Basic YXBwOnMzY3JldA==", "Authorization: Basic " + Mask},
		{"header", "authorization: bearer AbC123def456", "authorization: bearer " + Mask},
		{"x", "glpat-abcdefghij0123456789", Mask},
		{"x", "cvn_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", Mask},
		{"x", "xoxb-123456789012-abcdefABCDEF", Mask},
		{"x", "github_pat_11ABCDEFG0abcdefghijklmnop", Mask},
		{"x", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", Mask},
		{"x", "hvs.CAESIJ0123456789abcdefghij", Mask},
		{"x", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", Mask},
		{"x", "ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]", "ENC[" + Mask + "]"},
		{"jasypt", "ENC(abcdefghijkl)", "ENC(" + Mask + ")"},
		{"x", "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", Mask},
		{"x", "AKIAABCDEFGHIJKLMNOP:wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY", Mask + ":" + Mask},
		{"basic.users", "admin:$apr1$x0x0x0x0$abcdefghijklmnopqrstu.", "admin:" + Mask},
		{"basic.hash", "admin:$2y$05$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghi", "admin:" + Mask},
		{"cosmos", "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==", Mask},
		{"x", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Mask},
		{"x", "da39a3ee5e6b4b0d3255bfef95601890afd80709", Mask},
		{"x", "-----BEGIN OPENSSH PRIVATE KEY-----\\nCANARY\\n-----END OPENSSH PRIVATE KEY-----", Mask},
		{"x", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVBMjV", Mask},
		{"spring.security.user.password", "{noop}s3cret", Mask},
		{"quarkus.oidc.credentials.secret", "s3cret", Mask},
		{"jwt.signing-key", "abc", Mask},
		{"encrypt.key", "abc", Mask},
		{"SECRET_KEY_BASE", "abc", Mask},
		{"session.cookie", "abc", Mask},
		{"rabbitmq.erlang_cookie", "abc", Mask},
		{"MYSQL_PWD", "abc", Mask},
		{"ssl.keyStorePassword", "changeit", Mask},
		{"vault.unseal.tokens[0]", "abc", Mask},
		{"password", "two words", Mask},
		{"password", "12345", Mask},
		{"token", "abc://def ghi", Mask},
	} {
		if got := Value(c.key, c.value); got != c.want {
			t.Errorf("%s=%s: %q, want %q", c.key, c.value, got, c.want)
		}
	}
}

func TestWhatOnlyLooksLikeALoginStays(t *testing.T) {
	for _, c := range []struct{ key, value string }{
		{"auth", "auth.shop.internal:8080"}, {"smtp.auth", "true"}, {"command", "docker run -u 1000:1000 -p 8080:80 image"}, {"command", "run -p 8080"},
		{"command", "run --user app"}, {"command", "run -u app"}, {"status_code", "200"}, {"country_code", "ID"}, {"spring.security.basic.enabled", "true"},
	} {
		if got := Value(c.key, c.value); got != c.value {
			t.Errorf("%s=%s became %s", c.key, c.value, got)
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
		{"url", "${SINK:http://sink:8080}"},
		{"url", "${A:-http://x:1}"},
		{"note", "(see http://x:8080)"},
		{"DB_PASSWORD", "${secret:orders-db/password}"},
		{"password", ""},
		{"token.enabled", "true"},
		{"token-expiry-seconds", "3600"},
		{"URL", "http://user@host:80/x"},
		{"url", "postgres://${DB_USER}:${DB_PASSWORD}@db:5432/x"},
		{"image", "registry.example.org/x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"commit", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"nodejs.checksum.linux_x64", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"file_sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"image", "registry.example.org/kopi/orders:da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"source", "git::https://git.example.org/modules.git?ref=da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"integrity", "sha512-C2y6yDjfR5ob0N8A7Cgv30VRDJIWEHLM4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIwJw=="},
		{"image", "nginx:1.27@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"proxy_pass", "backend:8080"},
		{"fastcgi_pass", "php:9000"},
		{"server.ssl.key-store", "classpath:keystore.p12"},
		{"spring.kafka.properties.security.protocol", "SASL_SSL"},
		{"secretKeyRef.key", "password"},
		{"vault.secret.path", "secret/data/orders"},
		{"imagePullSecrets[0].name", "registry"},
		{"passwordFile", "/run/secrets/db"},
		{"password", "vault:secret/data/orders#password"},
		{"password", "${vault.orders.password}"},
		{"password", "<%= @password %>"},
		{"password", "#{ENV['PASSWORD']}"},
		{"token.service.host", "auth"},
		{"auth.token.url", "http://auth:8080/token"},
		{"token", "http://auth:8080/token"},
		{"keycloak.credentials.endpoint", "http://keycloak:8080"},
		{"session.cookie.domain", "shop.example.org"},
		{"tokenTtl", "15m"},
		{"advertised", "INTERNAL://kafka:29092,EXTERNAL://localhost:9092"},
		{"url", "http://${ORDERS_HOST:orders}:${ORDERS_PORT:8080}/x"},
		{"url", "http://orders:{{ port }}/x"},
		{"url", "http://orders:$PORT/x"},
		{"url", "http://[::1]:8080/x"},
		{"url", "http://orders:8080/mail?to=a@example.org"},
		{"url", "https://cdn.example.org/npm/@scope/x@1.2.3"},
		{"url", "mongodb://a:1,b:2,c:3/x?replicaSet=rs0"},
		{"zk", "zookeeper://zk1:2181,zk2:2181/kafka"},
		{"jdbc", "jdbc:oracle:thin:@//ora:1521/XE"},
		{"jdbc", "jdbc:sqlserver://sql:1433;databaseName=x"},
		{"dsn", "tcp(mysql:3306)/shop"},
		{"ConnectionStrings.Shop", "Server=sql,1433;Database=Shop;Integrated Security=true"},
		{"mail", "mailto:ops@example.org"},
		{"repository", "git@git.example.org:kopi/orders.git"},
		{"args", "--config=/etc/x --upstream=http://orders:8080 --tokens-per-second 5"},
		{"command", "java -Xmx512m -jar /app/orders-service-0.0.1-SNAPSHOT.jar"},
		{"test", "curl -f http://localhost:8080/actuator/health || exit 1"},
		{"query", "select * from orders where key = :key"},
		{"pod", "orders-deployment-7d9f8c6b5d-x2x4z.kopi.svc.cluster.local"},
		{"topic", "kopi.orders.order-created-events-v2-dead-letter-topic"},
		{"text", "basic authentication is switched off"},
		{"jwks", "https://login.example.org/0123abcd/.well-known/jwks.json"},
		{"arn", "arn:aws:rds:eu-west-1:123456789012:cluster:orders-production-cluster"},
		{"arn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-db"},
		{"host", "orders-db.c9akciq32abc.eu-west-1.rds.amazonaws.com:5432"},
		{"camel", "OrdersServiceIntegrationConfigurationPropertiesBean"},
		{"number", "12345678901234567890123456789012345678"},
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

func TestLongTextsAreHiddenWhole(t *testing.T) {
	if got := Text(strings.Repeat("://", 2<<20)); got != Mask {
		t.Errorf("%d bytes came back", len(got))
	}
	for _, s := range []string{"://", "a:b@", "password=", `"`, "${", "{{", "-p x ", "--password ", "=", "a1B2", "<%", "@tcp("} {
		in := strings.Repeat(s, maxText/len(s))
		if out := Text(in); len(out) > 4*len(in) {
			t.Errorf("%q repeated grew to %d bytes", s, len(out))
		}
	}
}

func FuzzRedactingTwiceChangesNothingMore(f *testing.F) {
	f.Add("db.password", "postgres://u:p@h/x?password=y")
	f.Add("args", "--token abc -H 'Bearer xyzXYZ123456' mysql -pabc")
	f.Add("x", "Password=a;b=C2y6yDjf5R+ob0N8A7Cgv30VRDJIWEHLM4QDU5DE2nQ9nDuV/qobD4b8mGGyPM")
	f.Fuzz(func(t *testing.T, key, value string) {
		once := Value(key, value)
		if twice := Value(key, once); twice != once {
			t.Errorf("%q: %q, then %q", value, once, twice)
		}
		text := Text(value)
		if twice := Text(text); twice != text {
			t.Errorf("%q: %q, then %q", value, text, twice)
		}
	})
}

func FuzzAPlantedSecretNeverShows(f *testing.F) {
	f.Add("postgres", "app", "@db:5432/x")
	f.Add("http://a://b,amqp", "", "@h")
	f.Add("see redis", "x", "/y z")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, before, user, after string) {
		const secret = "pl4ntedS3cret"
		// A user that ends the authority, opens a placeholder or holds the mask makes it another text than the one meant.
		if strings.ContainsAny(user, " \t\r\n\"'<>`/?#$%{}[]()@:,;&=•") || strings.Contains(before+user+after, secret) {
			t.Skip()
		}
		// So does a placeholder that nobody closed, which the URL would stand in.
		if strings.ContainsAny(before, "${<%#(") {
			t.Skip()
		}
		if once := Text(before + "://" + user + ":" + secret + after); strings.Contains(once, secret) {
			t.Errorf("shown: %q", once)
		}
	})
}

func BenchmarkValue(b *testing.B) {
	for b.Loop() {
		Value("clients.amber-orders-0001.url", "http://amber-orders-0001:8080")
	}
}
