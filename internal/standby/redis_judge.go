package standby

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"example.org/caravan/internal/finding"
)

// RedisOutage is for how long a replica may be away and still go on where it was, what a restart of a machine takes.
const RedisOutage = 5 * time.Minute

// JudgeRedis says what is wrong with a Redis, by a look and the one before it (none when that is empty). Outage is for how long a replica
// may be away without a full copy being made for it.
func JudgeRedis(now, before RedisLook, outage time.Duration) []finding.Finding {
	j := &redisJudge{now: now, before: before, outage: outage}
	j.masters()
	for _, f := range now.Instances {
		if f.Unreachable != "" {
			what, mend := f.closed(j.place())
			j.found(f.Instance, finding.Warning, what, mend)
			continue
		}
		if f.Role == Primary {
			j.master(f)
		} else {
			j.replica(f)
		}
		j.memory(f)
	}
	j.sentinels()
	return j.out
}

type redisJudge struct {
	now, before RedisLook
	outage      time.Duration
	out         []finding.Finding
}

func (j *redisJudge) found(subject string, severity finding.Severity, what, advice string, evidence ...string) {
	j.out = append(j.out, finding.Finding{
		Check: "redis", Subject: string(j.now.Datastore) + "/" + subject, Environment: j.now.Environment, Team: j.now.Team,
		Severity: severity, What: subject + " " + what, Advice: advice, Evidence: evidence,
	})
}

// place is the datastore as it is declared.
func (j *redisJudge) place() string {
	if j.now.Environment == "" {
		return string(j.now.Datastore)
	}
	return fmt.Sprintf("%s in %s", j.now.Datastore, j.now.Environment)
}

func (j *redisJudge) masters() {
	all := j.now.masters()
	if len(all) < 2 {
		return
	}
	names, evidence := make([]string, len(all)), make([]string, len(all))
	for i, f := range all {
		names[i] = f.Instance
		evidence[i] = fmt.Sprintf("%s: role:master, %d clients, offset %d", f.Instance, f.Clients, f.Offset)
	}
	j.found(strings.Join(names, " and "), finding.Critical, "both take writes: what one of them takes will be lost",
		"find out which has the newer writes, then on the other: redis-cli REPLICAOF "+splitAddress(all[0].Address)+" (or the other's address), and CONFIG REWRITE", evidence...)
}

// several is from how many replicas on a master can ask for one without standing still when one is away.
const several = 2

func (j *redisJudge) master(f RedisFacts) {
	if f.MinReplicas != nil && *f.MinReplicas == 0 && len(f.Replicas) >= several {
		j.found(f.Instance, finding.Warning, fmt.Sprintf("takes writes even when none of its %d replicas follows: cut off from them, it keeps taking what will be lost", len(f.Replicas)),
			"redis-cli CONFIG SET min-replicas-to-write 1 min-replicas-max-lag 10, then CONFIG REWRITE", "min-replicas-to-write 0")
	}
	j.storm(f)
	j.backlog(f)
}

// storm finds replicas that are copied whole again and again, or several at once.
func (j *redisJudge) storm(f RedisFacts) {
	var syncing []string
	for _, r := range f.Replicas {
		if r.State != "online" {
			syncing = append(syncing, r.Address+" "+r.State)
		}
	}
	if len(syncing) > 1 {
		j.found(f.Instance, finding.Critical, fmt.Sprintf("gives %d replicas a full copy at once", len(syncing)), "let one follow after the other: redis-cli SENTINEL SET NAME parallel-syncs 1", syncing...)
	}
	last := j.before.Of(f.Instance)
	if last.Run != f.Run || f.Run == "" {
		return
	}
	if full := f.Full - last.Full; full > 0 {
		severity := finding.Warning
		if full > int64(len(f.Replicas)) {
			severity = finding.Critical
		}
		j.found(f.Instance, severity, fmt.Sprintf("gave %d full copies in %s: its replicas could not go on where they were", full, j.between()),
			"give it a larger backlog: redis-cli CONFIG SET repl-backlog-size BYTES, then CONFIG REWRITE; and see why links break (client-output-buffer-limit replica, repl-timeout)",
			fmt.Sprintf("sync_full %d, before %d", last.Full, f.Full), fmt.Sprintf("sync_partial_err %d, before %d", f.Missed, last.Missed), fmt.Sprintf("repl_backlog_size %d", f.Backlog))
	}
}

func (j *redisJudge) between() time.Duration { return j.now.At.Sub(j.before.At).Round(time.Second) }

// RedisRate is how many bytes a second a master put into its stream of replication between two looks; false when that cannot be told,
// as when it was started in between.
func RedisRate(now, before RedisLook, instance string) (float64, bool) {
	a, b := before.Of(instance), now.Of(instance)
	took := now.At.Sub(before.At).Seconds()
	if a.Run == "" || a.Run != b.Run || a.Role != Primary || b.Role != Primary || took <= 0 {
		return 0, false
	}
	return float64(b.Offset-a.Offset) / took, true
}

// RedisBacklog is the backlog, in bytes, with which a replica that was away for a time goes on where it was: rate × outage, as the backlog holds
// the last bytes of the stream (repl-backlog-size in redis.conf), up to the next power of two and at least 1 MiB, Redis's own.
func RedisBacklog(rate float64, outage time.Duration) int64 {
	const least = 1 << 20
	need := int64(rate * outage.Seconds())
	if need <= least {
		return least
	}
	return 1 << bits.Len64(uint64(need-1))
}

func (j *redisJudge) backlog(f RedisFacts) {
	rate, known := RedisRate(j.now, j.before, f.Instance)
	if !known || len(f.Replicas) == 0 || float64(f.Backlog) >= rate*j.outage.Seconds() {
		return
	}
	want := RedisBacklog(rate, j.outage)
	j.found(f.Instance, finding.Warning, fmt.Sprintf("keeps %s of its stream, %s at this rate: a replica that is away for %s is copied whole", Bytes(f.Backlog), time.Duration(float64(f.Backlog)/rate*float64(time.Second)).Round(time.Second), j.outage),
		fmt.Sprintf("redis-cli CONFIG SET repl-backlog-size %d, then CONFIG REWRITE", want),
		fmt.Sprintf("repl_backlog_size %d", f.Backlog), fmt.Sprintf("%.0f bytes/s over %s × %s = %.0f bytes", rate, j.between(), j.outage, rate*j.outage.Seconds()))
}

func (j *redisJudge) replica(f RedisFacts) {
	switch {
	case f.Syncing:
		j.found(f.Instance, finding.Warning, "is being copied whole from "+f.Master+" and can take over from nobody", "wait; when it begins again and again, see what its master says", "master_sync_in_progress:1")
	case !f.Link && f.Down < RedisSettles: // after a failover or a move each one connects anew
		j.found(f.Instance, finding.Warning, fmt.Sprintf("does not follow %s, for %s", f.Master, f.Down), "wait: it connects again by itself; look again in a moment", "master_link_status:down")
	case !f.Link:
		j.found(f.Instance, finding.Critical, fmt.Sprintf("does not follow %s, for %s", f.Master, f.Down), "see its log; the account (masteruser, masterauth) and the way to "+f.Master+" are what is mostly wrong", "master_link_status:down")
	}
	if f.Writable {
		j.found(f.Instance, finding.Warning, "takes writes though it is a replica: they are lost at its next full copy", "redis-cli CONFIG SET replica-read-only yes, then CONFIG REWRITE", "slave_read_only:0")
	}
	if f.IgnoresMax != nil && !*f.IgnoresMax && f.Policy != "noeviction" && f.MaxMemory > 0 {
		j.found(f.Instance, finding.Warning, fmt.Sprintf("makes room by itself (%d keys so far): it lacks what its master has", f.Evicted), "redis-cli CONFIG SET replica-ignore-maxmemory yes, then CONFIG REWRITE", "replica-ignore-maxmemory no", "maxmemory-policy "+f.Policy)
	}
}

func (j *redisJudge) memory(f RedisFacts) {
	if f.MaxMemory == 0 {
		j.found(f.Instance, finding.Warning, "takes memory without bound: it ends by being killed", "redis-cli CONFIG SET maxmemory BYTES (three quarters of what it is given), then CONFIG REWRITE", "maxmemory:0", "used_memory:"+fmt.Sprint(f.Memory))
	}
}

// RedisNever is the quorum that Sentinels are given for as long as they shall fail nothing over; no datastore has so many.
const RedisNever = 1000

func (j *redisJudge) sentinels() {
	for _, s := range j.now.Sentinels {
		subject := "Sentinel " + s.Address
		switch {
		case s.Unreachable != "":
			what, mend := s.closed(j.place())
			j.found(subject, finding.Warning, what, mend)
		case s.Blind:
			j.found(subject, finding.Warning, "watches no master of that name", "redis-cli SENTINEL MONITOR NAME HOST PORT QUORUM, unless a move told it to forget")
		case s.Quorum >= RedisNever:
			j.found(subject, finding.Warning, fmt.Sprintf("fails nothing over: a move asked it not to (quorum %d)", s.Quorum), "go on with the move or undo it; when there is none: redis-cli SENTINEL SET NAME quorum 2", fmt.Sprintf("quorum %d", s.Quorum))
		case s.NoQuorum != "":
			j.found(subject, finding.Critical, "cannot fail over: "+s.NoQuorum, "start the Sentinels that are missing; three on three machines bear the loss of one", fmt.Sprintf("quorum %d, %d others known", s.Quorum, s.Others))
		case s.Others == 0:
			j.found(subject, finding.Warning, "knows no other Sentinel: it decides alone", "run three, each on a machine of its own", "num-other-sentinels 0")
		case s.Quorum < (s.Others+1)/2+1:
			j.found(subject, finding.Note, fmt.Sprintf("takes the word of %d of %d Sentinels that the master is down, no majority", s.Quorum, s.Others+1), fmt.Sprintf("redis-cli SENTINEL SET NAME quorum %d", (s.Others+1)/2+1), fmt.Sprintf("quorum %d", s.Quorum))
		}
	}
	j.agree()
}

func (j *redisJudge) agree() {
	said := map[string]string{}
	var evidence []string
	for _, s := range j.now.Sentinels {
		if s.Unreachable == "" && s.Master != "" {
			said[s.Master] = s.Address
			evidence = append(evidence, s.Address+" says "+s.Master)
		}
	}
	if len(said) > 1 {
		j.found("Sentinels", finding.Critical, "do not agree on who is master", "wait for a failover to end; if it does not: redis-cli SENTINEL RESET NAME on those that are wrong", evidence...)
	}
}
