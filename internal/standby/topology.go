// Package standby knows datastores that keep copies of themselves: who is primary and who stands by, how far a copy lags, how warm
// its cache is, whether it may take over, and what a move of one takes. What was read of a datastore goes in as a Topology or as
// Buffers; judgements, plans of work and findings come out.
//
// It asks no server and moves nothing.
package standby

import (
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/finding"
)

// Topology is who is who among the instances of a datastore, as what keeps it says.
type Topology struct {
	Datastore   estate.ServiceName     `json:"datastore"`
	Environment estate.EnvironmentName `json:"environment,omitempty"`
	Team        estate.TeamName        `json:"team,omitempty"`
	Technology  string                 `json:"technology"` // postgres, redis
	Version     string                 `json:"version,omitempty"`
	Keeper      Keeper                 `json:"keeper"`            // who decides which instance is primary
	Paused      bool                   `json:"paused,omitempty"`  // its keeper fails nothing over
	At          time.Time              `json:"at"`                // when it was read
	Members     []Member               `json:"members"`           // by name
	Failover    time.Time              `json:"failover,omitzero"` // when the primary last changed, where that is known
	Backup      *Backup                `json:"backup,omitempty"`
	Doubts      []string               `json:"doubts,omitempty"` // what could not be read, and why
	Redis       *RedisLook             `json:"redis,omitempty"`  // what a Redis said of itself
	Found       []finding.Finding      `json:"found,omitempty"`  // by comparing that with what it said before
	Size        *int64                 `json:"size,omitempty"`   // bytes: on disk, or in memory for a Redis; nothing when that was not asked of late
}

// Keeper is what decides which instance is primary.
type Keeper string

// The keepers.
const (
	Patroni       Keeper = "patroni"
	CloudNativePG Keeper = "cloudnativepg"
	Stolon        Keeper = "stolon"
	Sentinel      Keeper = "sentinel"
	Nobody        Keeper = "nobody" // plain replication: people decide
)

// Member is one instance.
type Member struct {
	Name        string        `json:"name"`
	Address     string        `json:"address,omitempty"` // host:port clients reach it at
	Role        Role          `json:"role"`
	State       string        `json:"state,omitempty"`    // in its keeper's words: running, streaming, starting
	Timeline    int           `json:"timeline,omitempty"` // of PostgreSQL
	Lag         *int64        `json:"lag,omitempty"`      // bytes of the primary's log it has not replayed; nothing when that is not known
	Behind      time.Duration `json:"behind,omitempty"`   // for how long its last replayed change has been on the primary; 0 when nothing is missing
	Synchronous bool          `json:"synchronous,omitempty"`
	NoFailover  bool          `json:"noFailover,omitempty"` // its keeper shall not make it primary
	Priority    *int          `json:"priority,omitempty"`   // its keeper prefers higher ones, where it knows such a thing
	Warmth      *Warmth       `json:"warmth,omitempty"`
	Unreachable string        `json:"unreachable,omitempty"` // why it could not be asked itself
	Refused     Refusal       `json:"refused,omitempty"`     // what kind of reason that is, where it is known
	Started     time.Time     `json:"started,omitzero"`      // when its process began, where it says so
	Reads       *Reads        `json:"reads,omitempty"`       // what its server counted, where it times reads
	Disk        *Disk         `json:"disk,omitempty"`        // what warming it read in this look
	Pod         *Pod          `json:"pod,omitempty"`         // where it runs in a cluster
}

// Role is what an instance does.
type Role string

// The roles.
const (
	Primary Role = "primary"
	Standby Role = "standby"
	Unknown Role = "unknown"
)

// Refusal is the kind of reason for which an instance that was to be asked said nothing.
type Refusal string

// The refusals.
const (
	Silent     Refusal = "silent"     // it does not answer
	Denied     Refusal = "denied"     // it does not let the account in, or not do what it is to do
	Unprepared Refusal = "unprepared" // it lacks what it is asked by: functions, or the database
	Misnamed   Refusal = "misnamed"   // what is declared of it is no address
)

// Mend is what can be done about it, for people.
func (r Refusal) Mend() string {
	switch r {
	case Denied:
		return "prepare it with caravan standby prepare, give its account the password that is declared, and let it in by pg_hba.conf"
	case Unprepared:
		return "prepare it with caravan standby prepare"
	case Misnamed:
		return "mend its address in caravan.yaml"
	}
	return "see whether it runs, and whether it is reached from here"
}

// Backup is what is kept of a datastore elsewhere.
type Backup struct {
	At       time.Time `json:"at,omitzero"`       // when the last whole one ended
	Archived time.Time `json:"archived,omitzero"` // up to when its log is kept
	Drilled  time.Time `json:"drilled,omitzero"`  // when one was last restored and checked
	Failed   string    `json:"failed,omitempty"`  // what went wrong with the last
}

// Healthy reports whether an instance runs and follows, or leads.
func (m Member) Healthy() bool {
	return m.Unreachable == "" && m.Role != Unknown && (m.State == "" || slices.Contains([]string{"running", "streaming", "online", "ok"}, m.State))
}

// Primaries are the instances that say they lead. More than one is an emergency, unless one of them is just being demoted.
func (t Topology) Primaries() []Member {
	return slices.DeleteFunc(slices.Clone(t.Members), func(m Member) bool { return m.Role != Primary })
}

// Standbys are the instances that follow.
func (t Topology) Standbys() []Member {
	return slices.DeleteFunc(slices.Clone(t.Members), func(m Member) bool { return m.Role != Standby })
}

// Member is the instance of a name.
func (t Topology) Member(name string) (Member, bool) {
	i := slices.IndexFunc(t.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return t.Members[i], true
}

// Sorted is a topology with its members by name.
func (t Topology) Sorted() Topology {
	t.Members = slices.SortedFunc(slices.Values(t.Members), func(x, y Member) int { return strings.Compare(x.Name, y.Name) })
	return t
}
