package render

import (
	"fmt"
	"slices"
	"strings"
)

// Pool is a PgBouncer before a datastore.
type Pool struct {
	Host       string // where the primary is reached
	Port       int
	Listen     string // address it listens at; "*" for all
	ListenPort int
	Socket     string // folder of the socket that commands such as PAUSE are given at
	Users      string // file with the passwords of Pooler and, if there is one, Admin
	Admin      string // account that may hold callers and lead them elsewhere at its own port; "" for none
	Key, Cert  string // that callers are shown
	ServerTLS  string // server_tls_sslmode
	Instances  int    // of PgBouncer before this datastore
	Log        string // file; "" for standard error
	Pid        string // file; "" for none
}

// PooledNames are the databases that PgBouncer can have lines of their own for: its configuration takes no names in quotes.
func (d Datastore) PooledNames() []string {
	return slices.DeleteFunc(d.DatabaseNames(), func(name string) bool {
		return name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != ""
	})
}

// PoolAdmin is the account by which Caravan holds callers at PgBouncer while their database moves. PostgreSQL knows nothing of it, and no
// service is called so: theirs have no underscore.
const PoolAdmin = "caravan_admin"

// most is how many connections there may be to a server: what Patroni is told, less some for standbys, people and what watches.
const most, kept = 200, 20

// Bouncer is the configuration of a PgBouncer before a PostgreSQL. It knows no account but Pooler and Admin: the verifiers of all others it asks the
// server for, so that a password changes in one place. Each account may hold its share of what the server takes. Each of PooledNames has a line of its
// own, so that its callers can be led elsewhere; what is called otherwise comes by the one for all.
func (d Datastore) Bouncer(p Pool) string {
	accounts := 0
	for _, o := range d.Owners() {
		accounts += len(d.LoginsOf(o.Owner))
	}
	size := max((most-kept)/max(accounts*p.Instances, 1), 2)
	var b strings.Builder
	b.WriteString("[databases]\n")
	for _, name := range append(d.PooledNames(), "*") {
		fmt.Fprintf(&b, "%s = host=%s port=%d auth_user=%s\n", name, p.Host, p.Port, Pooler)
	}
	fmt.Fprintf(&b, `
[pgbouncer]
listen_addr = %s
listen_port = %d
unix_socket_dir = %s
auth_type = scram-sha-256
auth_file = %s
auth_query = %s
`, p.Listen, p.ListenPort, p.Socket, p.Users, PoolerQuery)
	fmt.Fprintf(&b, `pool_mode = %s
max_client_conn = 2000
default_pool_size = %d
client_tls_sslmode = allow
client_tls_key_file = %s
client_tls_cert_file = %s
server_tls_sslmode = %s
`, d.Pooled, size, p.Key, p.Cert, p.ServerTLS)
	b.WriteString(`ignore_startup_parameters = extra_float_digits
# A primary that is gone is noticed, and callers wait for the next.
server_login_retry = 1
server_connect_timeout = 5
tcp_keepidle = 10
tcp_keepintvl = 5
tcp_keepcnt = 3
tcp_user_timeout = 15000
`)
	for _, v := range [][2]string{{"admin_users", p.Admin}, {"logfile", p.Log}, {"pidfile", p.Pid}} {
		if v[1] != "" {
			fmt.Fprintf(&b, "%s = %s\n", v[0], v[1])
		}
	}
	return b.String()
}
