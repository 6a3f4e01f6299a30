package standby

import (
	"fmt"
	"maps"
	"time"
)

// Disk is what reading blocks from a disk took.
type Disk struct {
	Blocks int64         `json:"blocks"`           // that were waited for
	Took   time.Duration `json:"took"`             // for all of them
	Cached int64         `json:"cached,omitempty"` // blocks beside these that came at once: from the page cache of the machine
}

// Reads are blocks that a server has read since it began to count, and how long it waited for them: the page cache of its machine served some.
type Reads struct {
	Blocks int64         `json:"blocks"`
	Took   time.Duration `json:"took"`
}

// Pod is the pod that an instance runs in.
type Pod struct {
	Name   string     `json:"name"`
	UID    string     `json:"uid"`              // another once it was made anew
	Made   time.Time  `json:"made"`             // when it was
	Befell []Incident `json:"befell,omitempty"` // what its cluster still tells of it and of those that had its name
}

// Happening is a kind of what befalls instances.
type Happening string

// The kinds.
const (
	Restarted  Happening = "restarted"   // its process began anew, by plan or not
	KilledOOM  Happening = "oom-killed"  // for having more memory than its limit
	Evicted    Happening = "evicted"     // its pod, by its node or for another pod
	MadeAnew   Happening = "made-anew"   // its pod, here or on another node, for whatever reason
	FailedOver Happening = "failed-over" // it became primary, by plan or not
)

// Incident is something that befell an instance.
type Incident struct {
	ID     string    `json:"id"` // of its kind, the same whoever sees it and however often
	Member string    `json:"member"`
	What   Happening `json:"what"`
	At     time.Time `json:"at"`
}

// Look is what looking at one instance found in one hour.
type Look struct {
	Member   string    `json:"member"`
	Hour     time.Time `json:"hour"`
	Looks    int       `json:"looks"`
	Followed int       `json:"followed"` // of them those that found it a standby whose lag is known
	Late     int       `json:"late"`     // of these those where it lagged more than UsualLag
	Disk
}

// Seen is what was last seen of a datastore, of each part whenever that was: what later looks are compared to.
type Seen struct {
	Size      *int64            `json:"size,omitempty"`      // bytes
	Timeline  int               `json:"timeline,omitempty"`  // of the primary
	Leader    string            `json:"leader,omitempty"`    // its name
	Processes map[string]string `json:"processes,omitempty"` // by instance, another for each process
	Pods      map[string]string `json:"pods,omitempty"`      // by instance, their UIDs
	Reads     map[string]Reads  `json:"reads,omitempty"`     // by instance
}

// After is what was last seen once a datastore was looked at again, and what that look tells: what befell instances since, and how they stood. What was
// never seen before befell nobody.
func (s Seen) After(t Topology) (now Seen, befell []Incident, looks []Look) {
	now = Seen{Size: s.Size, Timeline: s.Timeline, Leader: s.Leader, Processes: cloned(s.Processes), Pods: cloned(s.Pods), Reads: cloned(s.Reads)}
	if t.Size != nil {
		now.Size = t.Size
	}
	if leaders := t.Primaries(); len(leaders) == 1 {
		befell = append(befell, now.led(t, leaders[0])...)
	}
	for _, m := range t.Members {
		befell = append(befell, now.lived(t, m)...)
		if m.Unreachable == "" && m.Role != Unknown {
			looks = append(looks, now.look(t, m))
		}
	}
	for i := range befell {
		if befell[i].At.After(t.At) { // by a clock that is ahead
			befell[i].At = t.At
		}
	}
	now.forget(t)
	return now, befell, looks
}

// gone is how many instances that are no more are remembered: one that is made anew is not among the others for a while.
const gone = 16

// forget drops instances that are no more once there are many of them.
func (s *Seen) forget(t Topology) {
	no := func(name string) bool { _, is := t.Member(name); return !is }
	if len(s.Processes)+len(s.Pods)+len(s.Reads) > 3*(len(t.Members)+gone) {
		maps.DeleteFunc(s.Processes, func(name string, _ string) bool { return no(name) })
		maps.DeleteFunc(s.Pods, func(name string, _ string) bool { return no(name) })
		maps.DeleteFunc(s.Reads, func(name string, _ Reads) bool { return no(name) })
	}
}

func cloned[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

// led notes who is primary. Each promotion of a PostgreSQL begins another timeline; a Redis has none, so there the name tells.
func (s *Seen) led(t Topology, leader Member) []Incident {
	before := *s
	s.Timeline, s.Leader = leader.Timeline, leader.Name
	moment := t.At
	if !t.Failover.IsZero() {
		moment = t.Failover
	}
	switch {
	case before.Timeline > 0 && leader.Timeline > before.Timeline:
		return []Incident{{ID: fmt.Sprintf("timeline %d", leader.Timeline), Member: leader.Name, What: FailedOver, At: moment}}
	case leader.Timeline == 0 && before.Leader != "" && before.Leader != leader.Name:
		return []Incident{{ID: t.At.UTC().Format(time.RFC3339), Member: leader.Name, What: FailedOver, At: t.At}}
	}
	return nil
}

// lived notes which process and which pod an instance is.
func (s *Seen) lived(t Topology, m Member) []Incident {
	var out []Incident
	if process, at := processOf(t, m); process != "" {
		if before := s.Processes[m.Name]; before != "" && before != process {
			out = append(out, Incident{ID: process, Member: m.Name, What: Restarted, At: at})
		}
		s.Processes[m.Name] = process
	}
	if m.Pod == nil {
		return out
	}
	if before := s.Pods[m.Name]; before != "" && before != m.Pod.UID {
		out = append(out, Incident{ID: m.Pod.UID, Member: m.Name, What: MadeAnew, At: m.Pod.Made})
	}
	s.Pods[m.Name] = m.Pod.UID
	for _, x := range m.Pod.Befell {
		x.Member = m.Name
		out = append(out, x)
	}
	return out
}

// processOf tells one process of an instance from the next, and when it began or was first seen.
func processOf(t Topology, m Member) (string, time.Time) {
	if !m.Started.IsZero() {
		return m.Started.UTC().Format(time.RFC3339Nano), m.Started
	}
	if t.Redis != nil {
		for _, f := range t.Redis.Instances {
			if f.Instance == m.Name {
				return f.Run, t.At
			}
		}
	}
	return "", t.At
}

// look is how an instance stood. What its server timed itself counts more than what was timed from outside.
func (s *Seen) look(t Topology, m Member) Look {
	out := Look{Member: m.Name, Hour: t.At.UTC().Truncate(time.Hour), Looks: 1}
	if m.Role == Standby && m.Lag != nil {
		out.Followed = 1
		if *m.Lag > UsualLag {
			out.Late = 1
		}
	}
	if m.Disk != nil {
		out.Disk = *m.Disk
	}
	if m.Reads == nil {
		delete(s.Reads, m.Name)
		return out
	}
	before, ok := s.Reads[m.Name]
	s.Reads[m.Name] = *m.Reads
	if out.Disk = (Disk{}); ok && m.Reads.Blocks >= before.Blocks && m.Reads.Took >= before.Took { // else it began to count anew
		out.Disk = Disk{Blocks: m.Reads.Blocks - before.Blocks, Took: m.Reads.Took - before.Took}
	}
	return out
}
