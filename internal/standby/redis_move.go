package standby

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RedisPhase is how far a move of a Redis is.
type RedisPhase string

// The phases, in order. Undone and Moved are ends.
const (
	RedisBegun     RedisPhase = ""
	RedisFollowing RedisPhase = "following" // the new primary is made to follow the old one; nobody notices
	RedisCutting   RedisPhase = "cutting"   // the old one may be fenced, the new one may lead: both have to be asked
	RedisLed       RedisPhase = "led"       // the new one leads; there is no way but on
	RedisMoved     RedisPhase = "moved"
	RedisUndone    RedisPhase = "undone"
)

// RedisReturning is shown of a move that is being taken back: its phases are those of the way there.
const RedisReturning = RedisPhase(Returning)

// RedisMove is how far a move is, all that it takes to go on with it in another process. It holds no secrets.
type RedisMove struct {
	Phase  RedisPhase     `json:"phase"`
	At     time.Time      `json:"at,omitzero"`    // since when
	Back   bool           `json:"back,omitempty"` // from the target to the source
	Source RedisSide      `json:"source"`
	Target RedisSide      `json:"target"`
	Old    RedisProcess   `json:"old,omitzero"`      // who led when the cut began
	New    RedisProcess   `json:"new,omitzero"`      // who is to lead
	Left   *RedisSide     `json:"left,omitempty"`    // the target as it was before an earlier move that was taken back hid it
	Led    []RedisLedBy   `json:"led,omitempty"`     // by what clients are led
	Pause  time.Duration  `json:"pause,omitempty"`   // for which writes were held at the last cut
	Fence  []string       `json:"toFence,omitempty"` // instances of the old side that could not be asked since; each is a replica by its own configuration
	Loose  []RedisProcess `json:"loose,omitempty"`   // processes that may still carry out what they were told before they stopped answering
}

// Again is the beginning of another move after one that was taken back. It knows what that left: a target that follows, hidden, and that Sentinels have forgotten.
func (m RedisMove) Again() RedisMove {
	if !m.Back {
		return RedisMove{Left: m.Left}
	}
	back := slices.DeleteFunc(slices.Clone(m.Led), func(l RedisLedBy) bool { return !l.Back })
	return RedisMove{Left: &m.Target, Led: back}
}

// Shown is how far a move is for people, who go on with one that is being taken back by taking it back.
func (m RedisMove) Shown() RedisPhase {
	if m.Back && m.Phase != RedisUndone {
		return RedisReturning
	}
	return m.Phase
}

// LeftOf is an instance of the target before an earlier move hid it; false where none did, or hid another.
func (m RedisMove) LeftOf(instance string) (RedisSide, bool) {
	if m.Left == nil || m.Left.Leader != instance {
		return RedisSide{}, false
	}
	return *m.Left, true
}

// RedisLedBy is one of the ways by which a move leads clients.
type RedisLedBy struct {
	Way   string   `json:"way"`
	Back  bool     `json:"back,omitempty"`  // from the target to the source
	Out   []string `json:"out,omitempty"`   // its servers that leading them takes out of use
	Begun bool     `json:"begun,omitempty"` // some may be led there by now
}

// LedBy is what a move remembers of a way, there or back; nil when nothing.
func (m RedisMove) LedBy(way string, back bool) *RedisLedBy {
	for i := range m.Led {
		if m.Led[i].Way == way && m.Led[i].Back == back {
			return &m.Led[i]
		}
	}
	return nil
}

// Pauses are for how long writes were held, cut by cut: the last is known.
func (m RedisMove) Pauses() []time.Duration {
	if m.Pause <= 0 {
		return nil
	}
	return []time.Duration{m.Pause}
}

// RedisSide is what a move keeps of one of its two sides.
type RedisSide struct {
	Instances   []RedisAt    `json:"instances,omitempty"` // as they were when it began: while it lasts the side's Sentinels may tell of none
	Leader      string       `json:"leader,omitempty"`
	MinReplicas *int         `json:"minReplicas,omitempty"` // of the leader, while a cut takes it away
	Priority    *int         `json:"priority,omitempty"`    // of the leader for Sentinels, while it follows
	Announces   *string      `json:"announces,omitempty"`   // of the leader, while it follows
	Watches     []RedisWatch `json:"watches,omitempty"`
}

// RedisAt is an instance, its address and, where that could be read and no earlier move had hidden it, how Sentinels see it.
type RedisAt struct {
	Name      string  `json:"name"`
	Address   string  `json:"address"`
	Priority  *int    `json:"priority,omitempty"`
	Announces *string `json:"announces,omitempty"`
}

// Of is how an instance of a side was before the move hid it, as its leader or before another led.
func (s RedisSide) Of(instance string) RedisSide {
	if instance == s.Leader {
		return s
	}
	for _, at := range s.Instances {
		if at.Name == instance {
			return RedisSide{Priority: at.Priority, Announces: at.Announces}
		}
	}
	return RedisSide{}
}

// RedisWatch is what a Sentinel did before a move told it to keep still.
type RedisWatch struct {
	Sentinel string            `json:"sentinel"`
	Master   string            `json:"master"` // host:port
	Quorum   int               `json:"quorum"`
	Settings map[string]string `json:"settings,omitempty"` // down-after-milliseconds, failover-timeout, parallel-syncs
	Gone     bool              `json:"gone,omitempty"`     // it was told to forget, or did not watch yet
}

// RedisProcess is one process of an instance, and the connection over which a move commands it.
type RedisProcess struct {
	Instance    string `json:"instance,omitempty"`
	Run         string `json:"run,omitempty"`
	Client      string `json:"client,omitempty"`      // id of the connection, so that what it still has to read can be thrown away
	Replication string `json:"replication,omitempty"` // history whose bytes are counted
}

// Sides are the side a move leaves and the one it goes to, as it stands.
func (m *RedisMove) Sides() (from, to *RedisSide) {
	if m.Back {
		return &m.Target, &m.Source
	}
	return &m.Source, &m.Target
}

// RedisBlock is what stands in the way of a move.
type RedisBlock struct {
	What string `json:"what"`
	Mend string `json:"mend"`
}

// RedisWish is what a move is to do, as far as it can be refused.
type RedisWish struct {
	From, To      RedisLook
	Lead          string // instance of To that is to lead
	Accounts      bool   // accounts are copied by the move
	FromLogin     bool   // how a replica logs in at From is given
	ToLogin       bool   // and at To
	FromSentinels int    // listed ones
	ToSentinels   int
}

// follows reports whether an instance follows one of the source, as what a move made follow does, by the source's login.
func (w RedisWish) follows(f RedisFacts) bool {
	return f.Role == Standby && slices.ContainsFunc(w.From.Instances, func(x RedisFacts) bool { return x.At(f.Master) })
}

// redisLeast is the version with which writes can be held alone (CLIENT PAUSE … WRITE) and replicas be named to nobody (replica-announced).
const redisLeast = "6.2"

// RefuseRedisMove lists what stands in the way of a move, each with what mends it. With none, a move loses nothing.
func RefuseRedisMove(w RedisWish) []RedisBlock {
	b := &redisBlocks{}
	b.reach(w.From, "source")
	b.reach(w.To, "target")
	leader, ok := w.From.Leader()
	if !ok {
		if all := w.From.masters(); len(all) > 1 || len(b.all) == 0 { // else one that cannot be asked may be it
			b.add("the source has no one master", "let its Sentinels end their failover, or make all but one follow it")
		}
		return b.all
	}
	lead := w.To.Of(w.Lead)
	if lead.Unreachable != "" {
		return b.all
	}
	b.versions(leader, lead)
	b.content(w, leader, lead)
	b.rights(w, leader, lead)
	b.accounts(w, leader, lead)
	b.sentinels(w.From, "source", w.FromSentinels)
	b.sentinels(w.To, "target", w.ToSentinels)
	return b.all
}

type redisBlocks struct{ all []RedisBlock }

func (b *redisBlocks) add(what, mend string) {
	b.all = append(b.all, RedisBlock{What: what, Mend: mend})
}

func (b *redisBlocks) reach(l RedisLook, side string) {
	for _, f := range l.Instances {
		if f.Unreachable != "" {
			what, mend := f.closed("the " + side)
			b.add(fmt.Sprintf("%s of the %s %s", f.Instance, side, what), mend+": what is not asked cannot be kept from taking writes later")
		}
		if f.Cluster {
			b.add(f.Instance+" is part of a Redis Cluster", "move it slot by slot with redis-cli --cluster; a move here is of one primary and its replicas")
		}
	}
}

func (b *redisBlocks) versions(leader, lead RedisFacts) {
	for _, f := range []RedisFacts{leader, lead} {
		if RedisVersion(f.Version, redisLeast) < 0 {
			b.add(fmt.Sprintf("%s is Redis %s", f.Instance, f.Version), "bring it to "+redisLeast+" or newer first: older ones cannot hold writes alone, nor name a replica to nobody")
		}
	}
	if RedisVersion(lead.Version, leader.Version) < 0 {
		b.add(fmt.Sprintf("%s is Redis %s, older than %s of %s: it may not read what that writes", lead.Instance, lead.Version, leader.Version, leader.Instance), "bring the target to the source's version or newer")
	}
}

// NoRedisWayBack says why a move to a newer Redis may not be undone without a loss; nothing when it may.
func NoRedisWayBack(source, target string) string {
	if RedisVersion(target, source) <= 0 {
		return ""
	}
	return fmt.Sprintf("the source is Redis %s, the target %s: once moved, the source may not be able to follow, and then there is no way back without a loss; try it on a copy first", source, target)
}

func (b *redisBlocks) content(w RedisWish, leader, lead RedisFacts) {
	ours := w.follows(lead)
	if lead.Keys > 0 && !ours {
		b.add(fmt.Sprintf("%s holds %d keys, which following would wipe out", lead.Instance, lead.Keys), "empty it (redis-cli FLUSHALL) when nobody needs them")
	}
	for _, f := range w.To.masters() {
		if f.Instance != w.Lead && lead.Role == Primary {
			b.add(fmt.Sprintf("%s of the target leads beside %s", f.Instance, w.Lead), "redis-cli REPLICAOF "+splitAddress(lead.Address)+" on it, then CONFIG REWRITE")
		}
	}
	if lead.Role == Standby && !ours {
		b.add(lead.Instance+" follows "+lead.Master, "name the target's primary as the one that is to lead")
	}
	if lead.MaxMemory > 0 && lead.MaxMemory < leader.Memory {
		b.add(fmt.Sprintf("%s may hold %s, %s of %s are in use", lead.Instance, Bytes(lead.MaxMemory), Bytes(leader.Memory), leader.Instance), fmt.Sprintf("redis-cli CONFIG SET maxmemory %d, and give it the memory", leader.Memory/3*4))
	}
	for _, m := range leader.Modules {
		if !slices.Contains(lead.Modules, m) {
			b.add(fmt.Sprintf("%s lacks the module %s", lead.Instance, m), "load it there (loadmodule)")
		}
	}
	for _, f := range append(slices.Clone(w.From.Instances), lead) {
		if f.Unreachable == "" && f.ConfigFile == "" {
			b.add(f.Instance+" was started without a configuration file: what it is told is forgotten at its next start", "start it with one that it may write to")
		}
		if f.Writable && f.Role == Standby {
			b.add(f.Instance+" is a replica that takes writes", "redis-cli CONFIG SET replica-read-only yes, then CONFIG REWRITE")
		}
	}
}

func (b *redisBlocks) rights(w RedisWish, leader, lead RedisFacts) {
	for _, f := range slices.Concat(w.From.Instances, w.To.Instances) {
		lacks := slices.Clone(f.Lacks)
		if w.Accounts && (f.Instance == leader.Instance || f.Instance == lead.Instance) {
			lacks = append(lacks, f.LacksCopy...)
		}
		if len(lacks) > 0 {
			b.add(fmt.Sprintf("the account %s at %s may not give %s", f.Account, f.Instance, strings.Join(lacks, ", ")), f.grant(lacks))
		}
	}
	if lead.Follows != nil && *lead.Follows && w.FromLogin && !w.ToLogin && !w.follows(lead) {
		b.add(lead.Instance+" has a password to follow with, which the source's would take the place of", "name the login of the target's replicas")
	}
	if leader.Follows != nil && *leader.Follows && w.ToLogin && !w.FromLogin {
		b.add(leader.Instance+" has a password to follow with, which the target's would take the place of", "name the login of the source's replicas")
	}
}

// grant is how an account is given commands; all that a move takes where it may not even ask what it may do.
func (f RedisFacts) grant(lacks []string) string {
	words := make([]string, len(lacks))
	for i, command := range lacks {
		words[i] = "+" + strings.ToLower(strings.ReplaceAll(command, " ", "|"))
	}
	if slices.Contains(lacks, "ACL DRYRUN") {
		words = strings.Fields(strings.TrimPrefix(RedisRights, "-@all "))
	}
	return fmt.Sprintf("as one who may: redis-cli ACL SETUSER %s %s, then ACL SAVE, or CONFIG REWRITE where accounts are in redis.conf", f.Account, strings.Join(words, " "))
}

func (b *redisBlocks) accounts(w RedisWish, leader, lead RedisFacts) {
	var missing []string
	for _, u := range leader.Users {
		if !slices.Contains(lead.Users, u) {
			missing = append(missing, u)
		}
	}
	if len(missing) > 0 && !w.Accounts {
		b.add(fmt.Sprintf("%s has no account %s", lead.Instance, strings.Join(missing, ", ")), "create them there, or have them copied with the hashes of their passwords")
	}
}

func (b *redisBlocks) sentinels(l RedisLook, side string, listed int) {
	for _, s := range l.Sentinels {
		switch {
		case s.Unreachable != "":
			what, mend := s.closed("the " + side)
			b.add(fmt.Sprintf("Sentinel %s of the %s %s", s.Address, side, what), mend)
		case s.Blind && side == "source":
			b.add(fmt.Sprintf("Sentinel %s of the source watches no master of that name", s.Address), "give the name after `sentinel monitor`, or take the Sentinel off the list")
		case s.FailingOver():
			b.add(fmt.Sprintf("Sentinel %s of the %s is failing over", s.Address, side), "wait until it is done")
		case len(s.Scripts) > 0 && side == "source":
			b.add(fmt.Sprintf("Sentinel %s of the source runs %s, which it cannot be given back while it runs", s.Address, strings.Join(s.Scripts, ", ")), "have it told otherwise, or take the line out of its configuration for the time of the move")
		case s.Others+1 > listed:
			b.add(fmt.Sprintf("Sentinel %s of the %s knows %d others, %d are listed in all", s.Address, side, s.Others, listed), "list every Sentinel: one that is not told could promote an old instance")
		}
	}
}

// RedisVerdict is what to do about a cut of which it is not known how far it came.
type RedisVerdict string

// The verdicts.
const (
	RedisGoOn    RedisVerdict = "go on"   // the new one has all; it may be promoted
	RedisDone    RedisVerdict = "done"    // the new one leads
	RedisGoBack  RedisVerdict = "go back" // the new one never led; the old one leads on
	RedisRelease RedisVerdict = "release" // the same, but the old one cannot be asked: its Sentinels may choose another
	RedisWait    RedisVerdict = "wait"    // it cannot be told who leads; whatever is done might make two
)

// JudgeRedisCut says what to do about a cut that was broken off, from what both instances say now, and why. It rests on one order that a cut keeps: the
// old one is made a replica of the new one, and has written that down, before the new one is promoted. So as long as the old one
// says that it leads, or the new one says that it follows, the new one has never led.
func JudgeRedisCut(m RedisMove, older, newer RedisFacts) (RedisVerdict, string) {
	switch {
	case older.Unreachable == "" && older.Role == Primary && newer.Unreachable == "" && newer.Role == Primary && newer.Run == m.New.Run:
		return RedisWait, "both " + older.Instance + " and " + newer.Instance + " lead, which nothing of this move did: make the one with older writes follow the other (REPLICAOF)"
	case older.Unreachable == "" && older.Role == Primary:
		return RedisGoBack, older.Instance + " leads, so it was not fenced and nobody was promoted"
	case newer.Unreachable == "" && newer.Role == Primary:
		return RedisDone, newer.Instance + " leads"
	case newer.Unreachable != "" && older.Unreachable != "":
		return RedisWait, "neither " + older.Instance + " nor " + newer.Instance + " answers"
	case newer.Unreachable != "":
		return RedisWait, older.Instance + " is fenced, and " + newer.Instance + ", which may lead, does not answer"
	case older.Unreachable != "":
		return RedisRelease, newer.Instance + " follows, and " + older.Instance + " does not answer"
	}
	if RedisHasAll(m, older, newer) {
		return RedisGoOn, fmt.Sprintf("%s is fenced at %d and %s has all of it", older.Instance, older.Offset, newer.Instance)
	}
	return RedisGoBack, older.Instance + " is fenced, and " + newer.Instance + " may lack some of what it took"
}

// RedisHasAll reports whether the new one has every write the old one ever took. The offset at which the old one stands still counts
// when it is told by the very process that was fenced; a process that was started since and kept nothing on disk has nothing that the new one could lack.
func RedisHasAll(m RedisMove, older, newer RedisFacts) bool {
	if newer.Run != m.New.Run || newer.Replication != m.Old.Replication {
		return false
	}
	if older.Run != m.Old.Run {
		return !older.Persistent()
	}
	return newer.Offset >= older.Offset
}
