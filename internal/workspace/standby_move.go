package workspace

import (
	"fmt"
	"slices"
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// StoreMove is a datastore that moves from one environment to another, where it is declared in both.
type StoreMove struct {
	Datastore estate.ServiceName     `json:"datastore" jsonschema_description:"Datastore, by the name it has under standby.datastores in both environments."`
	From      estate.EnvironmentName `json:"from" jsonschema_description:"Environment it is in."`
	To        estate.EnvironmentName `json:"to" jsonschema_description:"Environment it moves to."`
	Databases []string               `json:"databases,omitempty" jsonschema_description:"Databases of PostgreSQL that move; all but postgres and templates when left out."`
	Window    time.Duration          `json:"window,omitempty" jsonschema:"type=string" jsonschema_description:"For how long it can go back without a loss, such as 72h; 24h when left out. It follows the new place for so long, and until somebody closes the window."`
	Accounts  bool                   `json:"accounts,omitempty" jsonschema_description:"True to copy accounts of Redis that the new place lacks, with the hashes of their passwords."`
	Clients   []Way                  `json:"clients,omitempty" jsonschema_description:"What stands between clients and the datastore, and is told to hold them and to lead them to the new place."`
}

// Way is what stands between clients and a datastore: exactly one of PgBouncer and HAProxy.
type Way struct {
	PgBouncer *PgBouncer `json:"pgbouncer,omitempty" jsonschema:"oneof_required=pgbouncer" jsonschema_description:"A pooler of transactions or statements."`
	HAProxy   *HAProxy   `json:"haproxy,omitempty" jsonschema:"oneof_required=haproxy" jsonschema_description:"A load balancer with a socket for its administrator."`
}

// PgBouncer is a pooler.
type PgBouncer struct {
	Console   string   `json:"console" jsonschema_description:"Its address, as host:port."`
	User      string   `json:"user" jsonschema_description:"One of its admin_users."`
	Password  *Secret  `json:"password,omitempty" jsonschema_description:"Password of that account."`
	File      string   `json:"file" jsonschema_description:"Its pgbouncer.ini, on its machine; one of this machine, relative to this file, when it is reached directly."`
	Databases []string `json:"databases" jsonschema:"minItems=1" jsonschema_description:"Databases, as it calls them."`
	Through   string   `json:"through,omitempty" jsonschema:"enum=machines" jsonschema_description:"machines: over SSH to its machine, as the target of the environment says that the datastore is in; directly when left out."`
	Machine   string   `json:"machine,omitempty" jsonschema_description:"Address of its machine, for SSH, where its console listens to that machine alone (127.0.0.1); the console's when left out."`
}

// HAProxy is a load balancer.
type HAProxy struct {
	Socket  string              `json:"socket" jsonschema_description:"Socket of its administrator: host:port, or a path; of this machine, relative to this file, when it is reached directly."`
	Through string              `json:"through,omitempty" jsonschema:"enum=machines" jsonschema_description:"machines: over SSH to its machine, as the target of the environment says that the datastore is in; directly when left out."`
	Machine string              `json:"machine,omitempty" jsonschema_description:"Address of its machine, for SSH."`
	Most    int                 `json:"maxconn,omitempty" jsonschema:"minimum=1,maximum=1000000" jsonschema_description:"maxconn of each of its servers after the cut; no bound when left out."`
	Backend string              `json:"backend" jsonschema_description:"Backend with the servers of both places."`
	Servers map[string][]string `json:"servers,omitempty" jsonschema_description:"Names of its servers, by the environment that they lead to; needed for PostgreSQL."`
}

// Bounds of a move.
const (
	usualReturn = 24 * time.Hour
	mostClients = 1_000_000
)

func storeMove(r *document.Reader, n syntax.Node, at string) (m StoreMove) {
	r.Object(n, at, []document.Field{
		document.Required("datastore", document.Text(&m.Datastore)),
		document.Required("from", document.Text(&m.From)),
		document.Required("to", document.Text(&m.To)),
		document.Optional("databases", document.NonEmpty(document.Texts(&m.Databases))),
		document.Optional("window", document.Duration(&m.Window)),
		document.Optional("accounts", document.Boolean(&m.Accounts)),
		document.Optional("clients", document.List(&m.Clients, way)),
	})
	if m.From == m.To {
		r.At(at+".to", "%s moves to where it is", m.Datastore)
	}
	if m.Window == 0 {
		m.Window = usualReturn
	}
	return m
}

func way(r *document.Reader, n syntax.Node, at string) (w Way) {
	r.Object(n, at, []document.Field{
		document.Optional("pgbouncer", func(r *document.Reader, n syntax.Node, at string) { w.PgBouncer = pgBouncer(r, n, at) }),
		document.Optional("haproxy", func(r *document.Reader, n syntax.Node, at string) { w.HAProxy = haproxy(r, n, at) }),
	})
	if (w.PgBouncer == nil) == (w.HAProxy == nil) {
		r.At(at, "write one of pgbouncer and haproxy")
	}
	return w
}

func pgBouncer(r *document.Reader, n syntax.Node, at string) *PgBouncer {
	var p PgBouncer
	r.Object(n, at, []document.Field{
		document.Required("console", document.Text(&p.Console)),
		document.Required("user", document.Text(&p.User)),
		document.Optional("password", secretOf(&p.Password)),
		document.Required("file", document.Text(&p.File)),
		document.Required("databases", document.NonEmpty(document.Texts(&p.Databases))),
		document.Optional("through", document.OneOf(&p.Through, "machines")),
		document.Optional("machine", document.Text(&p.Machine)),
	})
	checkReached(r, at+".console", p.Console, false)
	if p.Machine != "" && p.Through == "" {
		r.At(at+".machine", "%s is reached over SSH; write through: machines beside it", p.Machine)
	}
	return &p
}

func haproxy(r *document.Reader, n syntax.Node, at string) *HAProxy {
	var h HAProxy
	r.Object(n, at, []document.Field{
		document.Required("socket", document.Text(&h.Socket)),
		document.Optional("through", document.OneOf(&h.Through, "machines")),
		document.Optional("machine", document.Text(&h.Machine)),
		document.Optional("maxconn", document.Integer(&h.Most, 1, mostClients)),
		document.Required("backend", document.Text(&h.Backend)),
		document.Optional("servers", func(r *document.Reader, n syntax.Node, at string) {
			h.Servers = map[string][]string{}
			r.Entries(n, at, func(env string, v syntax.Node, at string) {
				var names []string
				document.NonEmpty(document.Texts(&names))(r, v, at)
				h.Servers[env] = names
			})
		}),
	})
	if (h.Machine == "") != (h.Through == "") {
		r.At(at, "HAProxy at %s is reached over SSH by machine and through: machines together; write both, or neither", h.Socket)
	}
	return &h
}

// checkMoves reports moves of what is not declared at both ends.
func checkMoves(r *document.Reader, w Workspace) {
	for i, m := range w.Standbys.Moves {
		at := fmt.Sprintf("standby.moves[%d]", i)
		var technologies []string
		for _, env := range []estate.EnvironmentName{m.From, m.To} {
			found := w.StandbyOf(m.Datastore, env)
			if len(found) == 0 {
				r.At(at, "%s is not declared in %s; %sname it under standby.datastores with environment: %s", m.Datastore, env, w.meant(m.Datastore, env), env)
				continue
			}
			technologies = append(technologies, found[0].Technology)
			if found[0].Admin == nil {
				r.At(at, "%s in %s has no admin, and a move makes and changes things there; write the account under admin", m.Datastore, env)
			}
		}
		if len(slices.Compact(technologies)) > 1 {
			r.At(at, "%s is %s in %s and %s in %s", m.Datastore, technologies[0], m.From, technologies[1], m.To)
		}
		same := func(o StoreMove) bool { return o.Datastore == m.Datastore && o.To == m.To }
		if slices.IndexFunc(w.Standbys.Moves, same) < i {
			r.At(at, "%s moves to %s twice", m.Datastore, m.To)
		}
	}
}

// meant asks whether another datastore of an environment was meant, or another environment; "" when none is near.
func (w Workspace) meant(name estate.ServiceName, env estate.EnvironmentName) string {
	var there, elsewhere []string
	for _, k := range w.Standbys.Datastores {
		if k.Environment == env {
			there = append(there, string(k.Name))
		}
		if k.Name == name {
			elsewhere = append(elsewhere, string(k.Environment))
		}
	}
	near, ok := document.Nearest(string(name), there)
	if !ok {
		near, ok = document.Nearest(string(env), elsewhere)
	}
	if !ok {
		return ""
	}
	return "did you mean " + near + "? Else "
}

// MoveOf is the declared move of a datastore to an environment; to the only one it moves to when none is named.
func (w Workspace) MoveOf(name estate.ServiceName, to estate.EnvironmentName) []StoreMove {
	return slices.DeleteFunc(slices.Clone(w.Standbys.Moves), func(m StoreMove) bool { return m.Datastore != name || to != "" && m.To != to })
}
