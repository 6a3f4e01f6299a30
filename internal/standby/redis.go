package standby

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
)

// RedisLook is what one look at all instances and Sentinels of a Redis saw.
type RedisLook struct {
	Datastore   estate.ServiceName     `json:"datastore"`
	Environment estate.EnvironmentName `json:"environment,omitempty"`
	Team        estate.TeamName        `json:"team,omitempty"`
	At          time.Time              `json:"at"`
	Instances   []RedisFacts           `json:"instances"`
	Sentinels   []RedisSentinel        `json:"sentinels,omitempty"`
}

// RedisFacts is what one instance says of itself.
type RedisFacts struct {
	Instance    string   `json:"instance"`
	Address     string   `json:"address"`        // host:port clients reach it at
	Peer        string   `json:"peer,omitempty"` // host:port other instances reach it at, where that differs
	Unreachable string   `json:"unreachable,omitempty"`
	Denied      bool     `json:"denied,omitempty"` // it answers, and does not let the account in
	Doubts      []string `json:"doubts,omitempty"` // what its account may not ask

	Run         string         `json:"run,omitempty"` // of this process; another after a restart
	Version     string         `json:"version,omitempty"`
	Role        Role           `json:"role"`
	Master      string         `json:"master,omitempty"` // host:port it follows
	Link        bool           `json:"link,omitempty"`   // it does follow
	Down        time.Duration  `json:"down,omitempty"`   // for how long it has not
	Syncing     bool           `json:"syncing,omitempty"`
	Loading     bool           `json:"loading,omitempty"`
	Replication string         `json:"replication,omitempty"` // id of the history its offset counts
	Offset      int64          `json:"offset"`                // bytes of that history it has
	Replicas    []RedisReplica `json:"replicas,omitempty"`
	Full        int64          `json:"full"`     // full copies given since it began
	Partial     int64          `json:"partial"`  // replicas that went on where they were
	Missed      int64          `json:"missed"`   // replicas that asked for more than the backlog had
	Backlog     int64          `json:"backlog"`  // bytes
	Writable    bool           `json:"writable"` // as a replica
	Clients     int            `json:"clients"`
	Memory      int64          `json:"memory"`    // bytes in use
	MaxMemory   int64          `json:"maxMemory"` // 0 is without bound
	Policy      string         `json:"policy,omitempty"`
	Evicted     int64          `json:"evicted"`
	Keys        int64          `json:"keys"`
	Cluster     bool           `json:"cluster,omitempty"`
	Modules     []string       `json:"modules,omitempty"`
	Log         bool           `json:"log"`                   // it appends each write to a file
	Rewriting   bool           `json:"rewriting,omitempty"`   // that file is being written anew: after a full copy, what came with it is not on disk before this ends
	Snapshots   *bool          `json:"snapshots,omitempty"`   // it writes all of it down now and then
	MinReplicas *int           `json:"minReplicas,omitempty"` // that must follow for it to take writes
	IgnoresMax  *bool          `json:"ignoresMax,omitempty"`  // as a replica it leaves making room to its master
	Priority    *int           `json:"priority,omitempty"`    // Sentinels prefer lower ones; 0 is never
	ConfigFile  string         `json:"configFile,omitempty"`
	Users       []string       `json:"users,omitempty"`     // names of its accounts
	Announces   *string        `json:"announces,omitempty"` // host it has others call it by; nothing is the one it calls from
	Follows     *bool          `json:"follows,omitempty"`   // it has a password to log in at a master with
	Account     string         `json:"account,omitempty"`   // that asks
	Lacks       []string       `json:"lacks,omitempty"`     // commands of a move that its account may not give
	LacksCopy   []string       `json:"lacksCopy,omitempty"` // commands of copying accounts that it may not give
	Untried     bool           `json:"untried,omitempty"`   // what its account may do cannot be asked
}

// RedisNowhere is the host that a replica which a move hides has itself called by: an address that is never reached (TEST-NET-1 of RFC 5737).
const RedisNowhere = "192.0.2.1"

// Hidden reports whether a move hid an instance and it was not shown again.
func (f RedisFacts) Hidden() bool { return f.Announces != nil && *f.Announces == RedisNowhere }

// Hidden reports whether a move hid a replica: it is of the move's other end.
func (r RedisReplica) Hidden() bool {
	host, _, err := net.SplitHostPort(r.Address)
	return err == nil && host == RedisNowhere
}

// RedisReplica is a replica as its master sees it.
type RedisReplica struct {
	Address string        `json:"address"`
	State   string        `json:"state"` // online, wait_bgsave, send_bulk
	Offset  int64         `json:"offset"`
	Quiet   time.Duration `json:"quiet,omitempty"` // since it last said how far it is
}

// RedisSentinel is what one Sentinel says of the master it watches.
type RedisSentinel struct {
	Address     string    `json:"address"`
	Unreachable string    `json:"unreachable,omitempty"`
	Denied      bool      `json:"denied,omitempty"`  // it answers, and does not let the account in
	Blind       bool      `json:"blind,omitempty"`   // it watches no master of that name
	Master      string    `json:"master,omitempty"`  // host:port
	Epoch       int       `json:"epoch"`             // of the master's last change
	Quorum      int       `json:"quorum"`            // Sentinels that must find the master down
	Others      int       `json:"others"`            // Sentinels it knows of
	Flags       []string  `json:"flags,omitempty"`   // of the master: s_down, o_down, failover_in_progress
	Scripts     []string  `json:"scripts,omitempty"` // it runs when something happens
	NoQuorum    string    `json:"noQuorum,omitempty"`
	Since       time.Time `json:"since,omitzero"` // when it last saw the master's role change
}

// FailingOver reports whether a Sentinel is putting another master in place.
func (s RedisSentinel) FailingOver() bool { return slices.Contains(s.Flags, "failover_in_progress") }

// closed says why an instance of a place cannot be asked, and what mends it.
func (f RedisFacts) closed(place string) (what, mend string) {
	if f.Denied {
		return "does not let the account in: " + f.Unreachable, "correct admin of " + place + " in caravan.yaml: its user, its password, or what it may do there (ACL SETUSER)"
	}
	return "does not answer: " + f.Unreachable, "start it, or take it off the list of instances"
}

// closed says why a Sentinel of a place cannot be asked, and what mends it.
func (s RedisSentinel) closed(place string) (what, mend string) {
	if s.Denied {
		return "does not let the account in: " + s.Unreachable, "correct watch of " + place + " in caravan.yaml: its user or its password"
	}
	return "does not answer: " + s.Unreachable, "start it, or stop it for good and let the others forget it: redis-cli SENTINEL RESET NAME on each"
}

// At reports whether an instance is reached at an address, by clients or by other instances.
func (f RedisFacts) At(address string) bool {
	return address != "" && (address == f.Address || address == f.Peer)
}

// Persistent reports whether it has what it held after it is killed and started. What cannot be known counts as yes.
func (f RedisFacts) Persistent() bool { return f.Log || f.Snapshots == nil || *f.Snapshots }

// Topology is who is who by what was seen. A lag is counted against the master that says it leads; where that is not one
// instance, no lag is known.
func (l RedisLook) Topology() Topology {
	t := Topology{Datastore: l.Datastore, Environment: l.Environment, Team: l.Team, Technology: "redis", Keeper: Nobody, At: l.At}
	leader, _ := l.Leader()
	for _, f := range l.Instances {
		t.Members = append(t.Members, f.member(leader))
		for _, d := range f.Doubts {
			t.Doubts = append(t.Doubts, f.Instance+": "+d)
		}
	}
	t.Version = leader.Version
	if leader.Memory > 0 {
		t.Size = &leader.Memory
	}
	if len(l.Sentinels) > 0 {
		t.Keeper = Sentinel
		l.watched(&t)
	}
	return t.Sorted()
}

// watched adds what Sentinels know to a topology.
func (l RedisLook) watched(t *Topology) {
	for _, s := range l.Sentinels {
		switch {
		case s.Unreachable != "":
			t.Doubts = append(t.Doubts, fmt.Sprintf("Sentinel %s: %s", s.Address, s.Unreachable))
		case s.Blind:
			t.Paused = true
			t.Doubts = append(t.Doubts, fmt.Sprintf("Sentinel %s watches no master of that name", s.Address))
		case s.NoQuorum != "":
			t.Paused = true
			t.Doubts = append(t.Doubts, fmt.Sprintf("Sentinel %s: %s", s.Address, s.NoQuorum))
		case s.FailingOver():
			t.Doubts = append(t.Doubts, fmt.Sprintf("Sentinel %s is failing over from %s", s.Address, s.Master))
		}
	}
	t.Failover = l.failover()
}

// failover is when the master last changed. Sentinels begin to count anew at a failover and when they start, so the one that has counted for
// longest is right; no time is known when no epoch says that there was one.
func (l RedisLook) failover() time.Time {
	var at time.Time
	for _, s := range l.Sentinels {
		if s.Unreachable == "" && s.Epoch > 0 && !s.Since.IsZero() && (at.IsZero() || s.Since.Before(at)) {
			at = s.Since
		}
	}
	return at
}

// Leader is the one instance that says it leads; false when there is none or are several.
func (l RedisLook) Leader() (RedisFacts, bool) {
	all := l.masters()
	if len(all) != 1 {
		return RedisFacts{}, false
	}
	return all[0], true
}

func (l RedisLook) masters() []RedisFacts {
	var out []RedisFacts
	for _, f := range l.Instances {
		if f.Unreachable == "" && f.Role == Primary {
			out = append(out, f)
		}
	}
	return out
}

// Of is what was seen of an instance.
func (l RedisLook) Of(instance string) RedisFacts {
	for _, f := range l.Instances {
		if f.Instance == instance {
			return f
		}
	}
	return RedisFacts{Instance: instance, Role: Unknown, Unreachable: "nobody looked at it"}
}

func (f RedisFacts) member(leader RedisFacts) Member {
	m := Member{Name: f.Instance, Address: f.Address, Role: f.Role, State: f.state(), Unreachable: f.Unreachable}
	if f.Unreachable != "" {
		m.Role = Unknown
		return m
	}
	if f.Priority != nil {
		m.NoFailover = *f.Priority == 0
		prefer := -*f.Priority
		m.Priority = &prefer
	}
	if f.Role == Standby && leader.Instance != "" {
		lag := max(leader.Offset-f.Offset, 0)
		m.Lag = &lag
		m.Behind = f.behind(leader, lag)
	}
	return m
}

// behind is for how long a replica has not had the newest write: since its link is down, or since it last said how far it is.
func (f RedisFacts) behind(leader RedisFacts, lag int64) time.Duration {
	if !f.Link {
		return f.Down
	}
	if lag == 0 {
		return 0
	}
	for _, r := range leader.Replicas {
		if f.At(r.Address) {
			return r.Quiet
		}
	}
	return 0
}

func (f RedisFacts) state() string {
	switch {
	case f.Unreachable != "":
		return ""
	case f.Loading:
		return "loading"
	case f.Role == Primary:
		return "ok"
	case f.Syncing:
		return "syncing"
	case !f.Link:
		return "link down"
	}
	return "ok"
}

// RedisVersion compares two versions of Redis by their first two numbers: -1, 0 or 1. Between patches nothing that is written down changes.
func RedisVersion(a, b string) int {
	x, y := versionNumbers(a), versionNumbers(b)
	return slices.Compare(x[:], y[:])
}

func versionNumbers(v string) [2]int {
	var out [2]int
	for i, word := range strings.SplitN(v, ".", len(out)+1) {
		if i < len(out) {
			out[i], _ = strconv.Atoi(word)
		}
	}
	return out
}

// splitAddress is the words that REPLICAOF and SENTINEL MONITOR take of a host:port.
func splitAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host + " " + port
}
