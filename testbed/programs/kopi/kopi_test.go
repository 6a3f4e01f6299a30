package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

const sample = "../../../examples/kopi/services"

// needsOf is what a service of the sample company needs, a line each, with some environment and command line.
func needsOf(t *testing.T, service string, environ []string, args ...string) string {
	t.Helper()
	given, err := read(t.Context(), service, environ, args, filepath.Join(sample, service))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range given.needs() {
		out = append(out, strings.TrimSpace(n.key()))
	}
	return strings.Join(out, "\n")
}

func TestAServiceNeedsWhatItsConfigurationSays(t *testing.T) {
	config := httptest.NewServer((&server{name: "config", dir: filepath.Join(sample, "config")}).routes())
	defer config.Close()
	for _, c := range []struct {
		name, service string
		environ, args []string
		want          string
	}{
		{"Spring, with a configuration server", "orders", []string{"CONFIG_URL=" + config.URL, "KOPI_COUNTRY=SG"}, nil, `amqp://rabbit.kopi.internal:5672/kopi spring
http://delivery.kopi.internal:8260/
http://inventory.kopi.internal:8215/
http://payments.kopi.internal:8300/
http://pricing.kopi.internal:8220/
postgres://db.kopi.internal:5432/orders orders`},
		{"the environment wins, in Spring's way", "orders", []string{"CONFIG_URL=" + config.URL, "CLIENTS_PRICING_URL=http://pricing.orders.svc:8220", "SPRING_RABBITMQ_HOST=rabbit.id", "SPRING_RABBITMQ_USERNAME=orders"}, nil, `amqp://rabbit.id:5672/kopi orders
http://delivery.kopi.internal:8260/
http://inventory.kopi.internal:8215/
http://payments.kopi.internal:8300/
http://pricing.orders.svc:8220/
postgres://db.kopi.internal:5432/orders orders`},
		{"Spring, without the library that others use", "mobile-gateway", []string{"SPRING_CLOUD_CONFIG_URI=" + config.URL}, nil, `http://accounts.kopi.internal:8250/
http://delivery.kopi.internal:8260/
http://loyalty.kopi.internal:8230/
http://orders.kopi.internal:8210/
http://search.kopi.internal:8240/
http://shop.kopi.internal:3000/
redis://redis-sessions.kopi.internal:6380/`},
		{"Spring, importing from a configuration server", "inventory", []string{"SPRING_CONFIG_IMPORT=optional:configserver:" + config.URL}, nil, `amqp://rabbit.kopi.internal:5672/kopi spring
postgres://db.kopi.internal:5432/inventory inventory`},
		{"properties", "loyalty", nil, nil, `http://accounts.kopi.internal:8250/
http://orders.kopi.internal:8210/
http://vouchers.kopi.internal:80/
postgres://db.kopi.internal:5432/loyalty loyalty
redis://redis-cache.kopi.internal:6379/`},
		{".NET", "pricing", []string{"ASPNETCORE_ENVIRONMENT=Production", "ASPNETCORE_URLS=http://0.0.0.0:8220"}, nil, `http://loyalty.kopi.internal:8230/
postgres://db.kopi.internal:5432/pricing pricing
redis://redis-cache.kopi.internal:6379/`},
		{".NET, with a variable in the place of a connection string", "pricing", []string{"ASPNETCORE_ENVIRONMENT=Production", "ConnectionStrings__Pricing=Host=pg.id;Port=5432;Database=pricing;Username=p;Password=q"}, nil, `http://loyalty.kopi.internal:8230/
postgres://pg.id:5432/pricing p
redis://redis-cache.kopi.internal:6379/`},
		{"Node's files by environment", "search", []string{"NODE_ENV=production"}, nil, `postgres://db.kopi.internal:5432/shop_production search
redis://redis-cache.kopi.internal:6379/6`},
		{"Rails", "shop", []string{"RAILS_ENV=production", "AMQP_URL=amqp://shop:x@mq.kopi.internal:5672/kopi"}, nil, `amqp://mq.kopi.internal:5672/kopi shop
http://accounts.kopi.internal:8250/
http://loyalty.kopi.internal:8230/
http://orders.kopi.internal:8210/
http://payments.kopi.internal:8300/
http://pricing.kopi.internal:8220/
http://reports.kopi.internal:8320/
http://search.kopi.internal:8240/
postgres://db.kopi.internal:5432/shop_production shop`},
		{"a file named on the command line", "payments", []string{"DATABASE_URL=postgres://payments@pg-payments.kopi.internal:5433/payments?sslmode=require"}, []string{"-config", "config/payments.toml"}, `https://api.cardpay.example.com:443/v3
postgres://pg-payments.kopi.internal:5433/payments payments`},
		{"Go, from its environment alone", "accounts", []string{`ACCOUNTS_DSN=host=db.kopi.internal port=5432 dbname=accounts user=accounts sslmode=disable`, "SESSIONS_ADDR=sessions.kopi.internal:6380", "AMQP_URL=amqp://accounts@mq.kopi.internal:5672/kopi"}, nil, `amqp://mq.kopi.internal:5672/kopi accounts
postgres://db.kopi.internal:5432/accounts accounts
redis://sessions.kopi.internal:6380/`},
		{"an INI file, and a variable that wins", "delivery", []string{"REDIS_URL=redis://10.10.1.21:6379/3"}, nil, `amqp://rabbit.kopi.internal:5672/kopi delivery
postgres://db.kopi.internal:5432/delivery delivery
redis://10.10.1.21:6379/3`},
		{"YAML and Python", "invoicing", nil, nil, `amqp://rabbit.kopi.internal:5672/kopi invoicing
http://payments.kopi.internal:8300/
postgres://db.kopi.internal:5432/invoicing invoicing
redis://redis-cache.kopi.internal:6379/4
smtp://smtp.mailpost.example.com:587/`},
		{"TOML", "sms-relay", []string{"SMS_PROVIDER_URL=https://sms.pigeon.example.com/v2/send?api_key=k"}, nil, `https://sms.pigeon.example.com:443/v2/send
redis://redis-cache.kopi.internal:6379/7`},
		{"a .env file", "notifications", []string{"SMTP_HOST=smtp.mailpost.example.com", "SMTP_PORT=587"}, nil, `amqp://rabbit.kopi.internal:5672/kopi
http://sms-relay.kopi.internal:8275/
smtp://smtp.mailpost.example.com:587/`},
		{"sections, and a host beside them", "reports", []string{"REPORTS_DB_HOST=10.10.1.21"}, nil, `postgres://10.10.1.21:5432/shop_production reports
postgres://pg-payments.kopi.internal:5433/payments reports_ro
smtp://smtp.mailpost.example.com:587/`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := needsOf(t, c.service, c.environ, c.args...)
			if got != strings.TrimSpace(c.want) {
				t.Errorf("it needs\n%s\nnot\n%s", got, c.want)
			}
		})
	}
}

func TestAChainEndsWhereItWouldGoInACircle(t *testing.T) {
	s := &server{name: "orders"}
	own := httptest.NewServer(s.routes())
	defer own.Close()
	host, port, _ := strings.Cut(strings.TrimPrefix(own.URL, "http://"), ":")
	s.needs = []need{{kind: "http", host: host, port: port}}
	res, err := http.Get(own.URL + "/api/orders/chain?asked=" + strings.Split(host, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var got link
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || res.StatusCode != http.StatusOK || got.Service != "orders" || len(got.Needs) != 1 {
		t.Errorf("%s: %+v, %v", res.Status, got, err)
	}
}

func TestAStoreThatIsNotThereIsAnErrorOfTheChain(t *testing.T) {
	s := &server{name: "orders", needs: []need{{kind: "postgres", host: "127.0.0.1", port: "1"}, {kind: "redis", host: "127.0.0.1", port: "1"}, {kind: "amqp", host: "127.0.0.1", port: "1"}, {kind: "smtp", host: "127.0.0.1", port: "1"}}}
	w := httptest.NewRecorder()
	s.routes().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/chain", nil))
	var got link
	if err := json.NewDecoder(w.Body).Decode(&got); err != nil || w.Code != http.StatusBadGateway {
		t.Fatalf("%d, %v", w.Code, err)
	}
	for of, l := range got.Needs {
		if l.Error == "" {
			t.Errorf("%s is said to work", of)
		}
	}
}
