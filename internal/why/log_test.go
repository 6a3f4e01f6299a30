package why

import "testing"

func TestLogsSayWhatIsWrongInTheWordsOfTheirRuntimes(t *testing.T) {
	for _, c := range []struct {
		line     string
		sort     sort
		what, at string
	}{
		{`2026/03/02 09:30:00 dial tcp 10.64.3.7:5432: connect: connection refused`, refused, "", "10.64.3.7:5432"},
		{`Error: connect ECONNREFUSED 10.64.3.7:6379`, refused, "", "10.64.3.7:6379"},
		{`psql: error: connection to server at "db.kopi.internal" (10.64.3.7), port 5433 failed: Connection refused`, refused, "", "db.kopi.internal"},
		{`org.postgresql.util.PSQLException: Connection to pg-main.kopi.internal:5432 refused. Check that the hostname and port are correct`, refused, "", "pg-main.kopi.internal:5432"},
		{`bash: connect: Connection refused`, refused, "", ""},
		{`io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: redis.kopi.internal/10.64.3.8:6379`, refused, "", "10.64.3.8:6379"},
		{`redis.exceptions.ConnectionError: Error 111 connecting to redis.kopi.internal:6379. Connection refused.`, refused, "", "redis.kopi.internal:6379"},
		{`dial tcp: lookup pg-main.kopi.internal on 10.96.0.10:53: no such host`, noName, "", "pg-main.kopi.internal"},
		{`Error: getaddrinfo ENOTFOUND pg-main.kopi.internal`, noName, "", "pg-main.kopi.internal"},
		{`could not translate host name "pg-main.kopi.internal" to address: Name or service not known`, noName, "", "pg-main.kopi.internal"},
		{`Caused by: java.net.UnknownHostException: pg-main.kopi.internal`, noName, "", "pg-main.kopi.internal"},
		{`socket.gaierror: [Errno -2] Name or service not known`, noName, "", ""},
		{`dial tcp 10.64.3.7:5432: i/o timeout`, timedOut, "", "10.64.3.7:5432"},
		{`java.net.SocketTimeoutException: Connect timed out`, timedOut, "", ""},
		{`FATAL:  password authentication failed for user "orders"`, noLogin, "orders", ""},
		{`Access denied for user 'orders'@'10.0.0.1' (using password: YES)`, noLogin, "orders", ""},
		{`WRONGPASS invalid username-password pair or user is disabled.`, noLogin, "", ""},
		{`ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN`, noLogin, "", ""},
		{`FATAL:  database "shop" does not exist`, noDatabase, "shop", ""},
		{`ERROR: relation "orders" does not exist`, noTable, "orders", ""},
		{`tls: failed to verify certificate: x509: certificate has expired or is not yet valid`, expired, "", ""},
		{`x509: certificate signed by unknown authority`, untrusted, "", ""},
		{`curl: (60) SSL certificate problem: self-signed certificate`, untrusted, "", ""},
		{`x509: certificate is valid for a.example.com, not b.example.com`, misnamed, "", ""},
		{`bash: line 1: PAYMENTS_TOKEN: is not set`, noVariable, "PAYMENTS_TOKEN", ""},
		{`bash: line 1: PAYMENTS_TOKEN: ••• not set`, noVariable, "PAYMENTS_TOKEN", ""},
		{`java.lang.IllegalArgumentException: Could not resolve placeholder 'orders.db.url' in value`, noVariable, "orders.db.url", ""},
		{`KeyError: 'PAYMENTS_TOKEN'`, noVariable, "PAYMENTS_TOKEN", ""},
		{`key not found: "PAYMENTS_TOKEN" (KeyError)`, noVariable, "PAYMENTS_TOKEN", ""},
		{`missing required environment variable PAYMENTS_TOKEN`, noVariable, "PAYMENTS_TOKEN", ""},
		{`environment variable "PAYMENTS_TOKEN" not set`, noVariable, "PAYMENTS_TOKEN", ""},
		{`listen tcp :8210: bind: address already in use`, taken, "8210", ""},
		{`Error: listen EADDRINUSE: address already in use :::8210`, taken, "8210", ""},
		{`nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)`, taken, "80", ""},
		{`Web server failed to start. Port 8080 was already in use.`, taken, "8080", ""},
		{`open /var/cache/x.db: read-only file system`, readOnly, "/var/cache/x.db", ""},
		{`bash: line 1: /var/cache.db: Read-only file system`, readOnly, "/var/cache.db", ""},
		{`OSError: [Errno 30] Read-only file system: '/app/cache'`, readOnly, "/app/cache", ""},
		{`open /etc/orders.conf: permission denied`, forbidden, "/etc/orders.conf", ""},
		{`PermissionError: [Errno 13] Permission denied: '/data/x'`, forbidden, "/data/x", ""},
		{`write /data/x: no space left on device`, full, "/data/x", ""},
		{`java.lang.OutOfMemoryError: Java heap space`, noMemory, "", ""},
		{`open /etc/orders/config.yml: no such file or directory`, noFile, "/etc/orders/config.yml", ""},
		{`exec /app/start: exec format error`, noProgram, "", ""},
		{`GET /healthz 200 in 3 ms`, "", "", ""},
		{`orders listens on :8210`, "", "", ""},
		{`retry policy: connection timeout set to 5s`, "", "", ""},
		{`LOG_LEVEL set to info`, "", "", ""},
	} {
		got, ok := complainsIn(c.line)
		if ok != (c.sort != "") || got.sort != c.sort || got.what != c.what || got.at != c.at {
			t.Errorf("%s\n  is %q of %q at %q, not %q of %q at %q", c.line, got.sort, got.what, got.at, c.sort, c.what, c.at)
		}
	}
}

func TestTheLastComplaintOfALogCounts(t *testing.T) {
	c, ok := complains([]string{"dial tcp 10.0.0.1:5432: connect: connection refused", "it works again", "open /etc/x.yml: no such file or directory", "shutting down"})
	if !ok || c.sort != noFile {
		t.Errorf("it says %q: %q", c.sort, c.text)
	}
	if c, ok := complains(nil); ok {
		t.Errorf("an empty log says %q", c.text)
	}
}
