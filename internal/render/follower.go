package render

import (
	"fmt"
	"strings"
)

// Follower is the account by which another server follows a PostgreSQL, as the other end of a move does. It reads every row and writes none.
const Follower = "caravan_follower"

// followed lets another server follow, where somebody may come from. Before PostgreSQL 14 there is no right to read all rows: there whoever
// moves the datastore grants it what it is to read.
func (d Datastore) followed(b *strings.Builder) {
	if len(d.Followers) == 0 {
		return
	}
	fmt.Fprintf(b, "\n-- For the other end of a move.\nSELECT 'CREATE ROLE %[1]s LOGIN REPLICATION BYPASSRLS' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') \\gexec\n"+
		"SELECT 'GRANT pg_read_all_data TO %[1]s'\nWHERE EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_read_all_data') AND NOT pg_has_role('%[1]s', (SELECT oid FROM pg_roles WHERE rolname = 'pg_read_all_data'), 'MEMBER') \\gexec\n", Follower)
	for _, name := range d.DatabaseNames() {
		fmt.Fprintf(b, "GRANT CONNECT ON DATABASE %s TO %s;\n", SQLName(name), Follower)
	}
}

// FollowerAccess are the lines of pg_hba.conf that let it in.
func (d Datastore) FollowerAccess() []string {
	out := make([]string, len(d.Followers))
	for i, from := range d.Followers {
		out[i] = fmt.Sprintf("hostssl all %s %s scram-sha-256", Follower, from)
	}
	if len(out) > 0 {
		out = append(out, "host all "+Follower+" all reject")
	}
	return out
}

// DeclareFollower tells a move by whom its other end follows.
func (d Datastore) DeclareFollower(to *Declared) {
	if len(d.Followers) > 0 {
		to.Login("replication", Follower, "`"+Follower+"`, by whom the other end of a move follows,")
	}
}
