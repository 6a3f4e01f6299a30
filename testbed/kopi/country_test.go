package kopi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/testbed"
	"example.org/caravan/testbed/kopi"
)

// answered is what delivery's team answers to the questions of the plan: which variables overrule the addresses in its file.
const answered = `      DATABASE_URL: postgresql://${resources.pg-main.username}:${resources.pg-main.password}@${resources.pg-main.host}:${resources.pg-main.port}/delivery
      BROKER_HOST: ${resources.rabbit.host}
      BROKER_USER: ${resources.rabbit.username}
      BROKER_PASSWORD: ${resources.rabbit.password}
`

// planned is the sample company's next country: the folder it was rendered to, and its plan.
func planned(t *testing.T) (dir string, plan []byte) {
	t.Helper()
	dir = t.TempDir()
	caravan, err := testbed.Caravan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	workspace := filepath.Join(dir, "kopi")
	run := func(argv ...string) []byte {
		out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
		return out
	}
	run(caravan, "demo", "--dir", workspace)
	run(caravan, "--workspace", workspace, "workload", "delivery", "--write")
	score := filepath.Join(workspace, "services", "delivery", "score.yaml")
	text, err := os.ReadFile(score)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), "    variables:\n")
	if err := os.WriteFile(score, []byte(before+"    variables:\n"+answered+after), 0o600); err != nil || !ok {
		t.Fatal(err, string(text))
	}
	run(caravan, "--workspace", workspace, "move", "indonesia")
	return filepath.Join(workspace, "rendered", "indonesia"), run(caravan, "--workspace", workspace, "plan", "indonesia", "-o", "json")
}

// TestTheCompanyRunsInItsNextCountryFromWhatIsRendered puts what caravan renders on machines and a cluster as it is: PostgreSQL with
// Patroni and etcd, Redis with Sentinel, RabbitMQ and HAProxy on seventeen machines, and the services as pods. Everything is accepted,
// every workload becomes ready, none starts anew, and an order goes through its whole chain.
func TestTheCompanyRunsInItsNextCountryFromWhatIsRendered(t *testing.T) {
	t.Parallel()
	company, err := kopi.Read(sample)
	if err != nil {
		t.Fatal(err)
	}
	dir, plan := planned(t)
	country, err := kopi.ReadCountry(dir, plan)
	if err != nil {
		t.Fatal(err)
	}
	b := testbed.Start(t, testbed.Options{Name: "country", Clusters: []testbed.ClusterAt{country.Cluster}, Machines: country.Machines()})
	if err := country.Install(t.Context(), b, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	all, err := country.Deploy(t.Context(), b, company)
	if err != nil || len(all) < 13 {
		t.Fatalf("%d deployments, %v", len(all), err)
	}
	for _, part := range []struct {
		name string
		test func(*testing.T, *testbed.Bed, []kopi.Deployment)
	}{
		{"every workload becomes ready and none starts anew", becomesReady},
		{"an order goes through its whole chain", ordersInTheCountry},
		{"a broker that missed a virtual host serves it once it starts", servesWhatItMissed},
		{"a database fails over, and orders go on", failsOver},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, b, all) })
	}
}

func becomesReady(t *testing.T, b *testbed.Bed, all []kopi.Deployment) {
	c := b.Clusters[0]
	for _, d := range all {
		if _, err := c.Kubectl(t.Context(), "-n", d.Metadata.Namespace, "rollout", "status", "deployment/"+d.Metadata.Name, "--timeout=120s"); err != nil {
			pods, _ := c.Kubectl(t.Context(), "-n", d.Metadata.Namespace, "describe", "pods", "-l", "app.kubernetes.io/name="+d.Metadata.Name)
			logs, _ := c.Kubectl(t.Context(), "-n", d.Metadata.Namespace, "logs", "--tail=20", "-l", "app.kubernetes.io/name="+d.Metadata.Name)
			t.Errorf("%s: %v\n%s\n%s", d.Metadata.Name, err, pods[max(0, len(pods)-4000):], logs)
		}
	}
	restarts, err := c.Kubectl(t.Context(), "get", "pods", "-A", "-l", "app.kubernetes.io/part-of=indonesia", "-o", `jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{"\n"}{end}`)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(restarts) {
		var pod string
		var n int
		if _, err := fmt.Sscan(line, &pod, &n); err == nil && n > 0 {
			t.Errorf("%s started %d times anew", pod, n)
		}
	}
}

// servesWhatItMissed takes a virtual host from one of the brokers, as if another one had added it
// while this one started, and runs what was rendered into its unit.
func servesWhatItMissed(t *testing.T, b *testbed.Bed, _ []kopi.Deployment) {
	const drop = "/etc/systemd/system/rabbitmq-server.service.d/virtual-hosts.conf"
	m := b.Machine("rabbit-2")
	if _, err := m.Run(t.Context(), `set -e
rabbitmqctl --quiet eval 'rabbit_vhost_sup_sup:stop_and_delete_vhost(<<"kopi">>).'
if rabbitmq-diagnostics --quiet check_virtual_hosts; then echo it runs still; exit 1; fi
sed -n 's/^ExecStartPost=-//p' `+drop+` | sed 's/\$\$/$/g' >/tmp/started
runuser -u rabbitmq -- /bin/sh /tmp/started
rabbitmq-diagnostics --quiet check_virtual_hosts`); err != nil {
		t.Fatal(err)
	}
}

// ordering is where orders are taken in the country: the address of its Service.
func ordering(t *testing.T, c *testbed.Cluster) []string {
	t.Helper()
	address, err := c.Kubectl(t.Context(), "-n", "orders", "get", "service", "orders", "-o", "jsonpath={.spec.clusterIP}")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"curl", "-fsS", "--max-time", "20", "http://" + address + ":8210/chain"}
}

func ordersInTheCountry(t *testing.T, b *testbed.Bed, _ []kopi.Deployment) {
	c := b.Clusters[0]
	ask := ordering(t, c)
	if err := b.Await(t.Context(), "an order", func() error {
		_, err := c.Run(t.Context(), ask...)
		return err
	}); err != nil {
		out, _ := c.Run(t.Context(), append(ask, "--no-fail")...)
		t.Fatalf("%v\n%s", err, strings.Join(parse(t, out).errors("orders"), "\n"))
	}
	out, err := c.Run(t.Context(), ask...)
	if err != nil {
		t.Fatal(err)
	}
	for _, need := range []string{
		"postgres://pg-main.indonesia-data.kopi.internal:5432/orders", "amqp://rabbit.indonesia-data.kopi.internal:5672/kopi", "http://payments.payments.svc.cluster.local:8300",
		"http://pricing.orders.svc.cluster.local:8220", "http://delivery.orders.svc.cluster.local:8260", "http://inventory.orders.svc.cluster.local:8215",
	} {
		if _, ok := parse(t, out).Needs[need]; !ok {
			t.Errorf("an order does not use %s: %s", need, out)
		}
	}
	if strings.Contains(out, "10.10.") || strings.Contains(out, "db.kopi.internal") {
		t.Errorf("an order uses what is in Singapore: %s", out)
	}
}

// failsOver ends the primary of the shared database the hard way. Patroni makes another one, and HAProxy finds it.
func failsOver(t *testing.T, b *testbed.Bed, _ []kopi.Deployment) {
	primary := func() string {
		for _, name := range []string{"pg-main-1", "pg-main-2", "pg-main-3"} {
			if _, err := b.Run(t.Context(), "curl", "-fsS", "-o", "/dev/null", "--max-time", "10", "http://"+b.Machine(name).Address+":8008/primary"); err == nil {
				return name
			}
		}
		return ""
	}
	var before string
	if err := b.Await(t.Context(), "a primary", func() error {
		if before = primary(); before == "" {
			return errors.New("nobody says that it is")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.Disturb(t.Context(), before, testbed.Link{Cut: true}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := testbed.Await(ctx, "another primary", func(ctx context.Context) error {
		if now := primary(); now == "" || now == before {
			return fmt.Errorf("it is %q", now)
		}
		_, err := b.Clusters[0].Run(ctx, ordering(t, b.Clusters[0])...)
		return err
	}); err != nil {
		t.Error(err)
	}
}
