package standby

import "time"

// TransferFacts is what was read of both sides before a move.
type TransferFacts struct {
	Source    ServerFacts     `json:"source"`
	Target    ServerFacts     `json:"target"`
	Databases []DatabaseFacts `json:"databases"` // those to be moved
	Dump      int             `json:"dump"`      // major version of the pg_dump that would be used; 0 when there is none
}

// ServerFacts is what matters of one server.
type ServerFacts struct {
	Name       string            `json:"name"`
	Version    int               `json:"version"`   // server_version_num: 150018 is 15.18
	Machine    string            `json:"machine"`   // what it was built for, as version() says: x86_64-pc-linux-gnu
	Block      int               `json:"block"`     // bytes of a page
	Peer       string            `json:"peer"`      // account by which the other side follows it
	PeerSuper  bool              `json:"peerSuper"` // it is a superuser
	Superuser  bool              `json:"superuser"`
	Standby    bool              `json:"standby"`
	WAL        string            `json:"wal"` // wal_level
	Slots      int               `json:"slots"`
	Senders    int               `json:"senders"` // both: free ones
	Workers    int               `json:"workers"` // max_logical_replication_workers
	Databases  []string          `json:"databases"`
	Extensions map[string]string `json:"extensions"` // that can be created, and the version that would be
	Locales    []string          `json:"locales"`    // that collations were found for when it was made
	Settings   map[string]string `json:"settings"`   // those that change what clients see
	Roles      map[string]string `json:"roles"`      // and what is to be known of each: "password", "no password", "no login", "superuser"
}

// Major is the major version of a server.
func (s ServerFacts) Major() int { return s.Version / 10000 }

// DatabaseFacts is what matters of a database of the source, and of what stands in its place on the target.
type DatabaseFacts struct {
	Name         string            `json:"name"`
	Locale       string            `json:"locale"`        // its collation
	Provider     string            `json:"provider"`      // of it: c for the C library, i for ICU, b for PostgreSQL itself
	ICU          string            `json:"icu,omitempty"` // locale of ICU or PostgreSQL, where the provider is one of them
	Fenced       bool              `json:"fenced"`        // a transfer's fence in it is closed
	Collation    [2]string         `json:"collation"`     // version of that collation in the library of each side; "" when there is none
	Extensions   map[string]string `json:"extensions"`    // that it has, and their versions
	Keyless      []string          `json:"keyless"`       // tables without primary key or other replica identity
	Unlogged     []string          `json:"unlogged"`      // tables
	LargeObjects int64             `json:"largeObjects"`  // how many
	Extended     []string          `json:"extended"`      // tables of extensions that have rows
	Deferred     []string          `json:"deferred"`      // triggers that fire for replicated rows, when their transaction ends
	Pathless     []string          `json:"pathless"`      // functions that run where rows are replicated, and set no search_path
	Foreign      []string          `json:"foreign"`       // servers of foreign data wrappers
	Subscribes   []string          `json:"subscribes"`    // names of its own subscriptions
	Code         []string          `json:"code"`          // functions that PostgreSQL may run beforehand with the rights of somebody else than their owner
	Followers    []string          `json:"followers"`     // logical slots that others read it through
	Always       []string          `json:"always"`        // triggers that fire for replicated rows, too
	Events       []string          `json:"events"`        // event triggers
	Views        []string          `json:"views"`         // materialized ones
	Prepared     []string          `json:"prepared"`      // transactions of two-phase commit
	Long         []Session         `json:"long"`          // transactions that have been open for long
	There        int               `json:"there"`         // tables that the target's database of that name has; -1 when there is no such database
}

// Session is somebody connected to a database.
type Session struct {
	PID  int           `json:"pid"`
	User string        `json:"user"`
	Name string        `json:"name"` // application_name
	For  time.Duration `json:"for"`  // its transaction has been open
}
