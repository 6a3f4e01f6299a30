// Package expansion decides what a new country needs. An Expansion, the wish somebody wrote, and what is known of the
// estate go in; a Proposal comes out: every service that comes along or stays, every edge that is cut, every datastore,
// with the reasons, the same to the byte for the same input. What only people can decide stays open and is listed.
//
// It reads no file, allocates no address and renders nothing; it says what shall be rendered where.
package expansion

import (
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
)

// Expansion is the wish: these services of that environment, in this country. It is the content of
// expansions/NAME.yaml.
type Expansion struct {
	Name          string                 `json:"-"`
	Country       string                 `json:"country" jsonschema:"pattern=^[A-Z]{2}$" jsonschema_description:"Country to open: two letters of ISO 3166-1, such as ID."`
	Source        estate.EnvironmentName `json:"source" jsonschema_description:"Environment that is taken as the example, declared in caravan.yaml."`
	Environments  []Environment          `json:"environments" jsonschema:"minItems=1" jsonschema_description:"Environments to be made for the country."`
	Services      []Want                 `json:"services" jsonschema:"minItems=1" jsonschema_description:"What is wanted. What it needs comes along or is decided below."`
	Substitutions Substitutions          `json:"substitutions,omitzero" jsonschema_description:"What is different in this country on purpose."`
	Residency     []Residency            `json:"residency,omitempty" jsonschema_description:"Data that may not leave the country."`
	Datastores    []StorePlan            `json:"datastores,omitempty" jsonschema_description:"What is to be in the datastores that come along, and where they run; defaults for the rest."`
	Waves         [][]estate.ServiceName `json:"waves,omitempty" jsonschema_description:"Services in the order they shall move, where that matters; the rest is ordered by need."`
	Decisions     []Decision             `json:"decisions,omitempty" jsonschema_description:"What becomes of edges whose far end stays behind. caravan decide adds to it."`

	file  string
	lines map[string]int
}

// Environment is a place to be made for the country.
type Environment struct {
	Name      estate.EnvironmentName `json:"name" jsonschema:"pattern=^[a-z0-9][a-z0-9-]*[a-z0-9]$" jsonschema_description:"Name, new in the estate: lower case letters, digits and dashes."`
	Kind      string                 `json:"kind" jsonschema:"enum=vm,enum=kubernetes" jsonschema_description:"What it is made of."`
	Provider  string                 `json:"provider,omitempty" jsonschema_description:"Who runs the machines."`
	Zone      string                 `json:"zone,omitempty" jsonschema_description:"Suffix of the names of its machines; the environment's name and the organisation's when left out."`
	Nodes     int                    `json:"nodes,omitempty" jsonschema_description:"Kubernetes: nodes now."`
	Surge     int                    `json:"surge,omitempty" jsonschema_description:"Kubernetes: nodes more at peak and while nodes are replaced."`
	Pods      int                    `json:"pods,omitempty" jsonschema_description:"Kubernetes: most pods on one node; 110 when left out."`
	Machines  int                    `json:"machines,omitempty" jsonschema_description:"VM: machines; as many as its services and datastores need when left out."`
	Ranges    Ranges                 `json:"ranges,omitzero" jsonschema_description:"Ranges wanted by prefix length, such as /20; sized from the plan when left out. One that is too small is refused."`
	Peerings  []Peering              `json:"peerings,omitempty" jsonschema_description:"Networks it will be joined to."`
	Operators []string               `json:"operators,omitempty" jsonschema:"enum=cloudnativepg" jsonschema_description:"Kubernetes: operators that run there already and that datastores are handed to; without one, datastores keep themselves."`
	Images    map[string]string      `json:"images,omitempty" jsonschema_description:"Kubernetes: images of the company's own that datastores run, by technology, such as postgres: registry.example.org/postgres-patroni."`
	Backups   *render.Backups        `json:"backups,omitempty" jsonschema_description:"Where backups of the PostgreSQL that is placed here go; it is not backed up when left out."`
}

// Ranges are prefix lengths somebody wants, 0 where the plan decides.
type Ranges struct {
	Nodes    int `json:"nodes,omitempty"`
	Pods     int `json:"pods,omitempty"`
	Services int `json:"services,omitempty"`
	Machines int `json:"machines,omitempty"`
}

// Peering joins an environment to a network: another environment, or one declared in caravan.yaml.
type Peering struct {
	With      string        `json:"with" jsonschema_description:"Environment or network at the other end."`
	Kind      string        `json:"kind,omitempty" jsonschema_description:"What joins them: vpn, peering, interconnect."`
	RoundTrip time.Duration `json:"rtt,omitempty" jsonschema:"type=string" jsonschema_description:"Round trip between the two, such as 38ms."`
}

// Want is what is wanted: exactly one of Service (a name or glob) and Team.
type Want struct {
	Service  string                   `json:"service,omitempty" jsonschema_description:"Name or glob of services."`
	Team     estate.TeamName          `json:"team,omitempty" jsonschema_description:"Everything a team owns."`
	Routes   []string                 `json:"routes,omitempty" jsonschema_description:"Only these routes or modules of it. What only others need is optional."`
	In       []estate.EnvironmentName `json:"in,omitempty" jsonschema_description:"Environments it runs in; the first Kubernetes environment when left out, else the first."`
	Replicas string                   `json:"replicas,omitempty" jsonschema_description:"How many run, or from how few to how many: 2, 2-6."`
	Public   string                   `json:"public,omitempty" jsonschema_description:"Host name under which people outside reach it."`
}

// Substitutions are what is different in a country on purpose.
type Substitutions struct {
	Locale    string               `json:"locale,omitempty" jsonschema_description:"Locale such as id_ID."`
	Currency  string               `json:"currency,omitempty" jsonschema_description:"Currency: three letters of ISO 4217."`
	TimeZone  string               `json:"timezone,omitempty" jsonschema_description:"Time zone such as Asia/Jakarta."`
	Providers []Provider           `json:"providers,omitempty" jsonschema_description:"Providers of the country in the place of those used elsewhere."`
	Variables []VariableSubstitute `json:"variables,omitempty" jsonschema_description:"Variables that have another value in this country."`
}

// Provider of the country in the place of one used elsewhere.
type Provider struct {
	Replaces estate.ServiceName `json:"replaces" jsonschema_description:"External, as the map calls it."`
	With     string             `json:"with" jsonschema_description:"Host, or host:port, of the country's own."`
	Country  string             `json:"country,omitempty" jsonschema_description:"Where it keeps data; this country when left out."`
	Why      string             `json:"why,omitempty"`
}

// VariableSubstitute is a variable with another value in this country.
type VariableSubstitute struct {
	Service estate.ServiceName `json:"service,omitempty" jsonschema_description:"Service it is for; every one that has the variable when left out."`
	Name    string             `json:"name" jsonschema_description:"Variable."`
	Value   string             `json:"value" jsonschema_description:"Its value here. No secrets."`
	Why     string             `json:"why,omitempty"`
}

// Residency marks data that may not leave the country.
type Residency struct {
	Data    []estate.ServiceName `json:"data" jsonschema:"minItems=1" jsonschema_description:"Datastores and services that hold it."`
	Because string               `json:"because" jsonschema_description:"The rule that says so."`
}

// Content is what a datastore holds when it begins.
type Content string

// The contents.
const (
	Empty      Content = "empty"
	Seeded     Content = "seeded"
	Replica    Content = "replica"
	Anonymised Content = "anonymised"
)

// StorePlan is what somebody wants of a datastore.
type StorePlan struct {
	Name      estate.ServiceName     `json:"name" jsonschema_description:"Datastore, as the map calls it."`
	Content   Content                `json:"content,omitempty" jsonschema:"enum=empty,enum=seeded,enum=replica,enum=anonymised" jsonschema_description:"What it holds when it begins."`
	Placement string                 `json:"placement,omitempty" jsonschema:"enum=vm,enum=kubernetes" jsonschema_description:"Where it runs."`
	In        estate.EnvironmentName `json:"in,omitempty" jsonschema_description:"Environment it runs in, when there are several of its kind."`
	Instances int                    `json:"instances,omitempty" jsonschema_description:"Primary and standbys together."`
	Storage   string                 `json:"storage,omitempty" jsonschema_description:"Disk of each instance, such as 50Gi."`
	Memory    string                 `json:"memory,omitempty" jsonschema_description:"Memory of each instance, such as 4Gi."`
	Pooled    render.Pooling         `json:"pooled,omitempty" jsonschema:"enum=session,enum=transaction" jsonschema_description:"PostgreSQL: PgBouncer stands before the primary, and lends each caller a connection for a session, or for a transaction, which callers must be able to live with. Without it callers connect themselves."`
	Logins    int                    `json:"logins,omitempty" jsonschema:"minimum=1,maximum=2" jsonschema_description:"PostgreSQL: 2 gives each service a second account, and keeps the name of the one in use with its password: passwords are then changed with no login refused. 1 when left out."`
	Followers []string               `json:"followers,omitempty" jsonschema_description:"PostgreSQL and Redis: ranges of addresses, such as 10.20.0.0/16, from which another server may follow it, as the other end of a move does, and on Kubernetes be followed; PostgreSQL by the account caravan_follower. Nobody when left out."`
	Why       string                 `json:"why,omitempty"`
}

// Fate is what becomes of an edge whose far end is not among what is wanted.
type Fate string

// The fates.
const (
	Clone    Fate = "clone"     // the far end comes too
	CallBack Fate = "call-back" // calls go to where it is today
	Replace  Fate = "replace"   // a provider of the country takes its place
	StubOut  Fate = "stub"      // canned answers take its place
	Drop     Fate = "drop"      // the edge is given up
)

// Fates lists them in the order of documentation.
func Fates() []Fate { return []Fate{Clone, CallBack, Replace, StubOut, Drop} }

// Decision says what becomes of an edge, who says so and why.
type Decision struct {
	From    estate.ServiceName `json:"from,omitempty" jsonschema_description:"Consumer; all of them when left out."`
	To      estate.ServiceName `json:"to" jsonschema_description:"Provider that is not among what is wanted."`
	Decide  Fate               `json:"decide" jsonschema:"enum=clone,enum=call-back,enum=replace,enum=stub,enum=drop" jsonschema_description:"What becomes of the edge."`
	Through string             `json:"through,omitempty" jsonschema_description:"call-back: what calls go through, such as vpn."`
	With    string             `json:"with,omitempty" jsonschema_description:"replace: host, or host:port, of what takes its place."`
	Country string             `json:"country,omitempty" jsonschema_description:"replace: where that keeps data; this country when left out."`
	Answers []Answer           `json:"answers,omitempty" jsonschema_description:"stub: canned answers; 200 with an empty object when left out."`
	By      string             `json:"by" jsonschema_description:"Who decided."`
	At      time.Time          `json:"at" required:"false" jsonschema:"type=string" jsonschema_description:"When: 2026-03-01, or with a time."`
	Why     string             `json:"why" jsonschema_description:"Reason."`
}

// Answer is what a stub says to requests whose path begins with Path.
type Answer struct {
	Path   string `json:"path"`
	Status int    `json:"status,omitempty"`
	Type   string `json:"type,omitempty"`
	Body   string `json:"body,omitempty"`
}

// place is where the file says something; path is like "services[0].team".
func (e Expansion) place(path string) estate.Place {
	return estate.Place{File: e.file, Line: e.lines[path]}
}
