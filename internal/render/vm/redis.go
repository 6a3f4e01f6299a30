package vm

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
)

const sentinelPort = 26379

// redis is Redis on each machine, and from two on a Sentinel beside each.
//
// Both programs write to their configuration when a primary changes. So what is rendered here, with the secrets after it, is only
// what they begin with; the file they live by is below /var/lib.
func (e environment) redis(t *thing, s store) {
	t.packages = []string{"redis-sentinel", "redis-server", "redis-tools"}
	server := "redis-" + s.label + ".service"
	t.start = []string{server}
	t.secrets = []string{e.secretsAtStore(s, ".conf")}
	t.content = []file{
		e.part(s, server, e.redisUnit(s, "redis", ""), "/etc/systemd/system/"+server, "").read(server),
		e.part(s, "secrets.md", e.redisSecrets(s), "", ""),
	}
	for i, host := range s.Hosts {
		t.content = append(t.content, e.part(s, "redis-"+host+".conf", e.redisConfig(s, host, i == 0), e.redisAt(s, "redis"), host))
	}
	// Debian starts a server and a Sentinel of its own on the ports these take.
	t.quiet = []string{"redis-server.service", "redis-sentinel.service"}
	// The account of the load balancers may ask, and needs no password.
	t.health = []string{"redis-cli", "-e", "-p", strconv.Itoa(s.Port), "--user", "balancer", "--pass", "none", "--no-auth-warning", "ping"}
	t.keeps = []string{path.Join("/var/lib", e.org, s.label)}
	if len(s.Hosts) > 1 {
		sentinel := "sentinel-" + s.label + ".service"
		t.start = append(t.start, sentinel)
		t.secrets = append(t.secrets, e.secretsAtStore(s, "-sentinel.conf"))
		t.claims = append(t.claims, claim{"TCP", sentinelPort})
		t.content = append(t.content, e.part(s, sentinel, e.redisUnit(s, "sentinel", "-sentinel"), "/etc/systemd/system/"+sentinel, "").read(sentinel))
		for _, host := range s.Hosts {
			t.content = append(t.content, e.part(s, "sentinel-"+host+".conf", e.sentinelConfig(s, host), e.redisAt(s, "sentinel"), host))
		}
	}
	t.content = append(t.content, e.part(s, "standby.md", render.DeclaredPage(string(s.Name), []render.Declared{e.redisDeclared(s)}), "", ""))
	e.behindOne(t, s, spot{checks: primaryOfRedis(), server: " inter 2s on-marked-down shutdown-sessions"})
}

// redisDeclared is how Caravan reaches it, from each of its machines itself.
func (e environment) redisDeclared(s store) render.Declared {
	d := render.Declared{Name: s.Name, Team: s.Team, Environment: e.Environment}
	several := len(s.Hosts) > 1
	if several {
		d.Texts("sentinels", e.peers(s, sentinelPort))
		d.Put("master", s.label)
	} else {
		d.Put("technology", "redis")
		d.Put("members", fmt.Sprintf("{%s: %q}", s.Hosts[0], e.peers(s, s.Port)[0]))
	}
	d.Put("through", "machines")
	d.Login("admin", standby.RedisAccount, "`"+standby.RedisAccount+"`")
	d.Login("replication", "replication", "`replication`")
	if several {
		d.Login("watch", "", "the Sentinels' own")
		d.Login("watched", "sentinel", "`sentinel`")
	}
	for _, h := range e.balancers {
		d.HAProxy(h.Address, balancerSocket, s.label)
	}
	return d
}

// redisAt is where one of the two configurations is on a machine.
func (e environment) redisAt(s store, program string) string {
	return path.Join("/etc", e.org, s.label, program+".conf")
}

// primaryOfRedis asks for the role with an account that may do nothing but ask, so the load balancers need no password.
func primaryOfRedis() []string {
	return []string{
		"option tcp-check",
		`tcp-check send "AUTH balancer none\r\n"`,
		"tcp-check expect string +OK",
		`tcp-check send "INFO replication\r\n"`,
		"tcp-check expect string role:master",
	}
}

func (e environment) redisConfig(s store, host string, first bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# %s on %s. Its accounts follow from %s.
# %s
bind %s 127.0.0.1
port %d
protected-mode %s
daemonize no
supervised systemd
dir /var/lib/%s
replica-announce-ip %s
replica-announce-port %d
`, unitComment(string(s.Name)), host, e.secretsAtStore(s, ".conf"), e.origin(), e.addresses[host], s.Port, s.protection(), path.Join(e.org, s.label), e.addresses[host], s.Port)
	if !first {
		fmt.Fprintf(&b, "replicaof %s %d\n", e.addresses[s.Hosts[0]], s.Port)
	}
	if len(s.Hosts) >= 3 {
		b.WriteString("\n# A primary that no standby follows, as one cut off from the others, takes no writes.\nmin-replicas-to-write 1\nmin-replicas-max-lag 10\n")
	}
	if s.memory > 0 {
		fmt.Fprintf(&b, "\n# Three quarters of %s; the rest is for copies while it writes and for buffers.\nmaxmemory %d\n", s.Memory, s.memory/4*3)
	}
	if s.Content == "" || s.Content == "empty" {
		b.WriteString("\n# It starts empty and may do so again: nothing is kept on disk, and keys that expire make room.\nsave \"\"\nappendonly no\nmaxmemory-policy volatile-lru\n")
	} else {
		b.WriteString("\n# What is in it is kept: each second on disk, and nothing makes room.\nappendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n")
	}
	b.WriteString(s.redisDefault())
	b.WriteString("# The load balancers may only ask who is primary.\nuser balancer on nopass -@all +ping +info\n")
	return b.String()
}

// redisDefault says what those may do who do not log in.
func (s store) redisDefault() string {
	if len(s.Open) == 0 {
		return "\n# Nobody is let in without an account.\nuser default off resetpass -@all\n"
	}
	return fmt.Sprintf("\n# No password is asked, for the sake of %s, where none is known to be given.\nuser default on nopass ~* &* +@all -@admin\n", joined(s.Open))
}

// protection is on unless somebody shall log in with no password, whom Redis would then let in from its own machine alone.
func (s store) protection() string {
	if len(s.Open) == 0 {
		return "yes"
	}
	return "no"
}

func (e environment) sentinelConfig(s store, host string) string {
	return fmt.Sprintf(`# Sentinel of %s on %s. Its passwords follow from %s.
# %s
bind %s 127.0.0.1
port %d
protected-mode yes
daemonize no
supervised systemd
dir /var/lib/%s
sentinel announce-ip %s
sentinel announce-port %d
sentinel monitor %s %s %d %d
sentinel down-after-milliseconds %s 5000
sentinel failover-timeout %s 60000
sentinel parallel-syncs %s 1
`, unitComment(string(s.Name)), host, e.secretsAtStore(s, "-sentinel.conf"), e.origin(), e.addresses[host], sentinelPort, path.Join(e.org, s.label), e.addresses[host], sentinelPort,
		s.label, e.addresses[s.Hosts[0]], s.Port, len(s.Hosts)/2+1, s.label, s.label, s.label)
}

// redisUnit runs one of the two programs.
func (e environment) redisUnit(s store, program, suffix string) string {
	folder := path.Join(e.org, s.label)
	live := path.Join("/var/lib", folder, program+".conf")
	begin := fmt.Sprintf(`umask 077; test -e %s || cat %s "$CREDENTIALS_DIRECTORY/secrets" >%s`, live, e.redisAt(s, program), live)
	command := "/usr/bin/redis-server " + live
	if program == "sentinel" {
		command += " --sentinel"
	}
	limit := ""
	if s.memory > 0 && program == "redis" {
		limit = fmt.Sprintf("MemoryMax=%s\n", bytesText(s.memory))
	}
	return fmt.Sprintf(`# %[1]s: %[2]s
# %[3]s

[Unit]
Description=%[1]s (%[2]s)
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User=redis
Group=redis
# Without its secrets it does not start.
LoadCredential=secrets:%[4]s
# It begins with what was rendered and from then on keeps its own file, in which it notes who is primary.
ExecStartPre=/bin/sh -c %[5]s
ExecStart=%[6]s
TimeoutStopSec=60
Restart=on-failure
RestartSec=5

# Limits.
%[7]sTasksMax=256
LimitNOFILE=65536

# Folders. It may write to this one.
StateDirectory=%[8]s
StateDirectoryMode=0750
UMask=0077
`, unitText(unitComment(string(s.Name))), program, e.origin(), e.secretsAtStore(s, suffix+".conf"), unitWord(begin), command, limit, folder) + hardened() + "\n[Install]\nWantedBy=multi-user.target\n"
}

func hardened() string {
	var b strings.Builder
	hardening(&b, false)
	return b.String()
}

func (e environment) redisSecrets(s store) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Secrets of %s\n\n%s\n\nPut a file `%s` (owner root, mode 0600) on %s, the same on each:\n\n```\nmasteruser replication\nmasterauth <password of replication>\n",
		s.Name, starting(s.Content), e.secretsAtStore(s, ".conf"), hostList(s.Hosts))
	b.WriteString("user replication on ><password of replication> -@all +psync +replconf +ping\n")
	if len(s.Hosts) > 1 {
		b.WriteString("user sentinel on ><password of sentinel> &* -@all +multi +exec +slaveof +ping +subscribe +publish +config|rewrite +role +client|setname +client|kill +script|kill +info\n")
	}
	fmt.Fprintf(&b, "user %[1]s on ><password of %[1]s> %[2]s\n", standby.RedisAccount, standby.RedisRights)
	for _, a := range s.accounts() {
		fmt.Fprintf(&b, "user %s on ><password in %s> ~* &* +@all -@admin\n", a.name, a.secret)
	}
	b.WriteString("```\n")
	if len(s.Hosts) > 1 {
		fmt.Fprintf(&b, "\nAnd a file `%s`:\n\n```\nsentinel auth-user %s sentinel\nsentinel auth-pass %s <password of sentinel>\nrequirepass <password of Sentinel itself>\nsentinel sentinel-pass <password of Sentinel itself>\n```\n",
			e.secretsAtStore(s, "-sentinel.conf"), s.label, s.label)
	}
	fmt.Fprintf(&b, "\nThe file is read when the server first starts. Later an account is changed with `redis-cli ACL SETUSER` and kept with `CONFIG REWRITE`.\n")
	if len(s.Hosts) == 2 {
		b.WriteString("With two machines, losing either leaves no majority of Sentinels: nothing is failed over. Give it a third.\n")
	}
	return b.String()
}
