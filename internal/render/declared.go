package render

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// Declared is a datastore as Caravan is told of it: an entry of standby.datastores in caravan.yaml.
type Declared struct {
	Name        estate.ServiceName
	Team        estate.TeamName // that answers for it, and agrees to its moves; "" when nobody is known
	Environment estate.EnvironmentName
	keys        [][2]string // besides name and environment, with their values as they stand there
	files       [][2]string // of passwords where Caravan runs, and what each is
	clients     []string    // entries of clients of a move from here, as they stand there
}

// Put adds a key with a value as it stands in YAML.
func (d *Declared) Put(key, value string) { d.keys = append(d.keys, [2]string{key, value}) }

// Texts adds a key with a list of texts.
func (d *Declared) Texts(key string, all []string) {
	d.Put(key, quotedList(all))
}

func quotedList(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Password adds a key with nothing but a password.
func (d *Declared) Password(key, account, what string) { d.Put(key, d.secret(account, what)) }

// Login adds a key with an account, which may have no name, and its password unless nobody asks for one.
func (d *Declared) Login(key, account, what string) {
	var parts []string
	if account != "" {
		parts = append(parts, "user: "+account)
	}
	if what != "" {
		parts = append(parts, "password: "+d.secret(cmp.Or(account, key), what))
	}
	d.Put(key, "{"+strings.Join(parts, ", ")+"}")
}

// PgBouncer adds one that can be told to hold callers while the datastore moves from here: on a machine that is reached over SSH, where it listens to that
// machine alone.
func (d *Declared) PgBouncer(machine string, port int, file string, databases []string) {
	d.clients = append(d.clients, fmt.Sprintf("pgbouncer: {console: \"127.0.0.1:%d\", machine: %q, through: machines, user: %s, password: %s, file: %s, databases: %s}",
		port, machine, PoolAdmin, d.secret("pgbouncer", "`"+PoolAdmin+"` at PgBouncer"), file, quotedList(databases)))
}

// HAProxy adds one that can be told to lead callers elsewhere, on a machine that is reached over SSH.
func (d *Declared) HAProxy(machine, socket, backend string) {
	d.clients = append(d.clients, fmt.Sprintf("haproxy: {socket: %s, machine: %q, through: machines, backend: %s}", socket, machine, backend))
}

// secret is a reference to a password in a file.
func (d *Declared) secret(account, what string) string {
	at := path.Join("~/.secrets", workload.NameOf(string(d.Environment)), workload.NameOf(string(d.Name)), account)
	row := [2]string{at, what + " of " + string(d.Name)}
	if !slices.Contains(d.files, row) {
		d.files = append(d.files, row)
	}
	return "{file: " + at + "}"
}

// DeclaredPage is what people write into caravan.yaml of datastores that are rendered; "" when there are none.
func DeclaredPage(title string, all []Declared) string {
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s in caravan.yaml\n\nWith this `caravan standby status` says how it stands, standbys of PostgreSQL are kept warm, and a move can name it.\n\n```yaml\nstandby:\n  datastores:\n", title)
	var files, clients strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "    - name: %s\n      environment: %s\n", strconv.Quote(string(d.Name)), strconv.Quote(string(d.Environment)))
		if d.Team != "" {
			fmt.Fprintf(&b, "      team: %s\n", strconv.Quote(string(d.Team)))
		}
		for _, k := range d.keys {
			fmt.Fprintf(&b, "      %s: %s\n", k[0], k[1])
		}
		for _, f := range d.files {
			fmt.Fprintf(&files, "| `%s` | %s |\n", f[0], f[1])
		}
		for _, c := range d.clients {
			fmt.Fprintf(&clients, "        - %s\n", c)
		}
	}
	b.WriteString("```\n")
	if files.Len() > 0 {
		b.WriteString("\nEach password is in a file of its own where Caravan runs; or, with `{env: NAME}` in the place of `{file: PATH}`, in a variable.\n\n| file | password |\n| --- | --- |\n" + files.String())
	}
	if clients.Len() > 0 {
		b.WriteString("\nIn a move from here these are told, to lead its callers over:\n\n```yaml\n      clients:\n" + clients.String() + "```\n")
	}
	return b.String()
}
