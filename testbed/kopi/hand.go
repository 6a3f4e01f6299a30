package kopi

import (
	"context"
	"fmt"
	"strings"

	"example.org/caravan/testbed"
)

// brokerUsers are who may use the broker, with their passwords. The recipes know nothing of them: somebody made them by hand.
var brokerUsers = map[string]string{
	"shop": "canary-amqp-shop-7q2m", "spring": "canary-rabbit-shared-3v6h", "delivery": "canary-delivery-mq-6w0r", "invoicing": "canary-celery-1p5z", // as their services' files have it
	"accounts": "guest", "payments": "guest", // what their libraries take when none is given
}

const monitor = "CREATE ROLE prometheus LOGIN IN ROLE pg_monitor"

// byHand is what the company's people did on its stores over the years, and no recipe has: the shop's database under the name that Rails
// gave it, accounts that only read, and the broker's virtual host and users.
func byHand(ctx context.Context, b *testbed.Bed) error {
	main, payments := b.Machine("sg-db1"), b.Machine("sg-db2")
	if main == nil || payments == nil {
		return fmt.Errorf("the bed has no sg-db1 or sg-db2: raise it with the company's machines")
	}
	sql := func(port int, statements ...string) string {
		return fmt.Sprintf("cd / && runuser -u postgres -- psql --quiet --port %d --set ON_ERROR_STOP=1 <<'END'\n%s;\nEND\n", port, strings.Join(statements, ";\n"))
	}
	exporter := func(port int) string {
		return fmt.Sprintf("echo 'DATA_SOURCE_NAME=\"user=prometheus host=/run/postgresql port=%d dbname=postgres\"' >/etc/default/prometheus-postgres-exporter\nsystemctl restart prometheus-postgres-exporter\n", port)
	}
	if err := main.Do(ctx, "set -e\n"+sql(5432, monitor, "CREATE DATABASE shop_production OWNER shop", "CREATE ROLE search LOGIN", "CREATE ROLE reports LOGIN", "CREATE ROLE legacy LOGIN")+exporter(5432)); err != nil {
		return err
	}
	script := "set -e\n" + sql(5433, monitor, "CREATE ROLE reports_ro LOGIN") + exporter(5433) + ask("vhosts/kopi", "") + mayUse("guest")
	for user, password := range brokerUsers {
		script += ask("users/"+user, fmt.Sprintf(`{"password": %q, "tags": ""}`, password)) + mayUse(user)
	}
	return payments.Do(ctx, script)
}

// ask is a command that tells the broker's management something.
func ask(path, body string) string {
	return fmt.Sprintf("curl -fsS -u guest:guest -X PUT -H content-type:application/json -d '%s' http://localhost:15672/api/%s\n", body, path)
}

// mayUse is a command that lets a user use the broker's virtual host.
func mayUse(user string) string {
	return ask("permissions/kopi/"+user, `{"configure": ".*", "write": ".*", "read": ".*"}`)
}
