package vm

import (
	"fmt"
	"strconv"
	"strings"
)

// Ports that the nodes of a RabbitMQ cluster use among themselves: Erlang's port mapper and its
// distribution.
const (
	erlangMapper = 4369
	erlangNodes  = 25672
)

// rabbitmq is a RabbitMQ cluster of all machines.
func (e environment) rabbitmq(t *thing, s store) {
	t.packages = []string{"rabbitmq-server"}
	t.claims = append(t.claims, claim{"TCP", erlangMapper}, claim{"TCP", erlangNodes})
	t.start = []string{"rabbitmq-server.service"}
	t.secrets = []string{"/var/lib/rabbitmq/.erlang.cookie"}
	// Its package has started it before it was configured.
	t.fresh = []string{"systemctl", "restart", "rabbitmq-server.service"}
	t.health = []string{"rabbitmq-diagnostics", "--quiet", "check_virtual_hosts"}
	t.keeps = []string{"/var/lib/rabbitmq/mnesia"}
	t.content = []file{
		e.part(s, "rabbitmq.conf", e.rabbitConfig(s), "/etc/rabbitmq/rabbitmq.conf", "").read(t.start[0]),
		e.part(s, "definitions.json", s.virtualHosts(), "/etc/rabbitmq/definitions.json", "").read(t.start[0]),
		e.part(s, "virtual-hosts.conf", e.rabbitUnit(), "/etc/systemd/system/rabbitmq-server.service.d/virtual-hosts.conf", "").read(t.start[0]),
		e.part(s, "secrets.md", e.rabbitSecrets(s), "", ""),
	}
	e.behindOne(t, s, spot{checks: []string{"option tcp-check"}})
}

// virtualHosts are the definitions the broker begins with.
func (s store) virtualHosts() string {
	var b strings.Builder
	b.WriteString("{\n  \"vhosts\": [\n    {\"name\": \"/\"}")
	for _, name := range s.VirtualHosts {
		if name != "/" {
			fmt.Fprintf(&b, ",\n    {\"name\": %s}", strconv.Quote(name))
		}
	}
	b.WriteString("\n  ]\n}\n")
	return b.String()
}

// rabbitUnit adds to the broker's unit. Before 3.13.3, nodes that start together may each miss a
// virtual host that another one adds meanwhile:
// https://github.com/rabbitmq/rabbitmq-server/pull/11363. A virtual host that cannot be started
// does not end the broker, which serves the others: the health check names it.
func (e environment) rabbitUnit() string {
	return "# " + e.origin() + `
[Service]
# A virtual host that another node added while this one started does not run here; without it, clients are turned away.
ExecStartPost=-/bin/sh -c 'rabbitmq-diagnostics --quiet check_virtual_hosts || rabbitmqctl --quiet list_vhosts --no-table-headers name | while read -r name; do rabbitmqctl --quiet restart_vhost --vhost "$$name" </dev/null; done'
`
}

func (e environment) rabbitConfig(s store) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n# %s\nlisteners.tcp.default = %d\n\ncluster_name = %s\ncluster_formation.peer_discovery_backend = classic_config\n", unitComment(string(s.Name)), e.origin(), s.Port, s.label)
	for i, h := range s.Hosts {
		fmt.Fprintf(&b, "cluster_formation.classic_config.nodes.%d = rabbit@%s\n", i+1, h)
	}
	if len(s.Hosts) >= 3 {
		b.WriteString("# The smaller side of a cut waits until it is mended.\ncluster_partition_handling = pause_minority\n")
	}
	if s.memory > 0 {
		fmt.Fprintf(&b, "\n# Six tenths of %s; publishers wait beyond it.\nvm_memory_high_watermark.absolute = %d\n", s.Memory, s.memory/10*6)
	}
	b.WriteString("disk_free_limit.absolute = 1GB\n\n# With definitions no account guest is made.\nload_definitions = /etc/rabbitmq/definitions.json\n")
	return b.String()
}

// allowed are the commands that let an account use the broker's virtual hosts.
func (s store) allowed(account string) string {
	if len(s.VirtualHosts) == 0 {
		return fmt.Sprintf(" && rabbitmqctl set_permissions %s '.*' '.*' '.*'", account)
	}
	text := ""
	for _, name := range s.VirtualHosts {
		text += fmt.Sprintf(" && rabbitmqctl set_permissions -p %s %s '.*' '.*' '.*'", name, account)
	}
	return text
}

func (e environment) rabbitSecrets(s store) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Secrets of %s\n\n%s\n\nPut the same `/var/lib/rabbitmq/.erlang.cookie` (owner rabbitmq, mode 0400, one random word) on %s, before they start.\n\nThen make the accounts, on one of them; each asks for the password:\n\n| account | password is in the secret | how |\n| --- | --- | --- |\n",
		s.Name, starting(s.Content), hostList(s.Hosts))
	for _, d := range s.accounts() {
		fmt.Fprintf(&b, "| `%[1]s` | `%[2]s` | `rabbitmqctl add_user %[1]s%[3]s` |\n", d.name, d.secret, s.allowed(d.name))
	}
	b.WriteString(s.ungiven())
	return b.String()
}
