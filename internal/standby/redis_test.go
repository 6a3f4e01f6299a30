package standby

import (
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/finding"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// sound is a Redis with nothing wrong, as it is at a time after noon.
func sound(after time.Duration) RedisLook {
	master := RedisFacts{
		Instance: "a", Address: "10.0.0.1:6379", Run: "run-a", Version: "7.0.15", Role: Primary, Replication: "h", Offset: 1000 + int64(after.Seconds())*10_000,
		Replicas: []RedisReplica{{Address: "10.0.0.2:6379", State: "online"}, {Address: "10.0.0.3:6379", State: "online"}},
		Backlog:  16 << 20, MaxMemory: 1 << 30, Memory: 1 << 20, Policy: "noeviction", MinReplicas: new(1), Full: 2, Log: true, IgnoresMax: new(true), Priority: new(100),
	}
	l := RedisLook{Datastore: "cart", Environment: "vm", Team: "shop", At: noon.Add(after), Instances: []RedisFacts{master}}
	for _, name := range []string{"b", "c"} {
		l.Instances = append(l.Instances, RedisFacts{
			Instance: name, Address: map[string]string{"b": "10.0.0.2:6379", "c": "10.0.0.3:6379"}[name], Run: "run-" + name, Version: "7.0.15", Role: Standby, Master: "10.0.0.1:6379",
			Link: true, Replication: "h", Offset: master.Offset, MaxMemory: 1 << 30, Policy: "noeviction", IgnoresMax: new(true), Priority: new(100), MinReplicas: new(1), Log: true,
		})
	}
	for _, a := range []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"} {
		l.Sentinels = append(l.Sentinels, RedisSentinel{Address: a, Master: "10.0.0.1:6379", Quorum: 2, Others: 2})
	}
	return l
}

func TestJudgeRedis(t *testing.T) {
	for _, tt := range []struct {
		name     string
		breaks   func(l *RedisLook)
		severity finding.Severity
		what     string // and the findings are as many as lines
		mend     string
	}{
		{"nothing is wrong", func(_ *RedisLook) {}, "", "", ""},
		{"a link is down for a moment", func(l *RedisLook) { l.Instances[1].Link, l.Instances[1].Down = false, 4*time.Second }, finding.Warning, "b does not follow 10.0.0.1:6379, for 4s", "wait"},
		{"a link is down", func(l *RedisLook) { l.Instances[1].Link, l.Instances[1].Down = false, time.Minute }, finding.Critical, "b does not follow 10.0.0.1:6379, for 1m0s", "masterauth"},
		{"a replica is copied whole", func(l *RedisLook) { l.Instances[1].Syncing = true }, finding.Warning, "b is being copied whole", "wait"},
		{"an instance is away", func(l *RedisLook) { l.Instances[2].Unreachable = "connection refused" }, finding.Warning, "c does not answer: connection refused", "start it"},
		{"replicas are copied whole again and again", func(l *RedisLook) { l.Instances[0].Full += 3 }, finding.Critical, "a gave 3 full copies in 1m0s", "repl-backlog-size"},
		{"one was copied whole", func(l *RedisLook) { l.Instances[0].Full++ }, finding.Warning, "a gave 1 full copies", "repl-backlog-size"},
		{"its process is another", func(l *RedisLook) { l.Instances[0].Full, l.Instances[0].Run = 9, "run-z" }, "", "", ""},
		{"two at once", func(l *RedisLook) {
			l.Instances[0].Replicas[0].State, l.Instances[0].Replicas[1].State = "wait_bgsave", "send_bulk"
		}, finding.Critical, "a gives 2 replicas a full copy at once", "parallel-syncs 1"},
		{"the backlog is too small", func(l *RedisLook) { l.Instances[0].Backlog = 1 << 20 }, finding.Warning, "a keeps 1.0 MiB of its stream, 1m45s at this rate", "repl-backlog-size 4194304"},
		{"it takes writes alone", func(l *RedisLook) { l.Instances[0].MinReplicas = new(0) }, finding.Warning, "a takes writes even when none of its 2 replicas follows", "min-replicas-to-write 1"},
		{"its settings cannot be read", func(l *RedisLook) { l.Instances[0].MinReplicas = nil }, "", "", ""},
		{"two masters", func(l *RedisLook) { l.Instances[1].Role, l.Instances[1].Link = Primary, false }, finding.Critical, "a and b both take writes", "REPLICAOF 10.0.0.1 6379"},
		{"a replica takes writes", func(l *RedisLook) { l.Instances[2].Writable = true }, finding.Warning, "c takes writes though it is a replica", "replica-read-only yes"},
		{"no bound", func(l *RedisLook) { l.Instances[2].MaxMemory = 0 }, finding.Warning, "c takes memory without bound", "maxmemory"},
		{"a replica makes room", func(l *RedisLook) {
			l.Instances[1].IgnoresMax, l.Instances[1].Policy, l.Instances[1].Evicted = new(false), "allkeys-lru", 7
		}, finding.Warning, "b makes room by itself (7 keys so far)", "replica-ignore-maxmemory yes"},
		{"no quorum", func(l *RedisLook) { l.Sentinels[0].NoQuorum = "NOQUORUM 1 usable Sentinels" }, finding.Critical, "Sentinel 10.0.0.1:26379 cannot fail over: NOQUORUM", "start the Sentinels"},
		{"a password is wrong", func(l *RedisLook) { l.Instances[2].Unreachable, l.Instances[2].Denied = "AUTH: WRONGPASS", true }, finding.Warning, "c does not let the account in: AUTH: WRONGPASS", "correct admin of cart in vm in caravan.yaml"},
		{"a Sentinel is away", func(l *RedisLook) { l.Sentinels[1].Unreachable = "timeout" }, finding.Warning, "Sentinel 10.0.0.2:26379 does not answer: timeout", "SENTINEL RESET"},
		{"a move holds it", func(l *RedisLook) { l.Sentinels[2].Quorum, l.Sentinels[2].NoQuorum = RedisNever, "NOQUORUM" }, finding.Warning, "fails nothing over: a move asked it not to", "SENTINEL SET NAME quorum"},
		{"a minority decides", func(l *RedisLook) { l.Sentinels[2].Quorum = 1 }, finding.Note, "takes the word of 1 of 3 Sentinels", "quorum 2"},
		{"a Sentinel is alone", func(l *RedisLook) { l.Sentinels[2].Others, l.Sentinels[2].Quorum = 0, 1 }, finding.Warning, "knows no other Sentinel", "run three"},
		{"a Sentinel watches nothing", func(l *RedisLook) { l.Sentinels[2] = RedisSentinel{Address: "10.0.0.3:26379", Blind: true} }, finding.Warning, "watches no master", "SENTINEL MONITOR"},
		{"they do not agree", func(l *RedisLook) { l.Sentinels[2].Master = "10.0.0.2:6379" }, finding.Critical, "Sentinels do not agree on who is master", "SENTINEL RESET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := sound(time.Minute)
			tt.breaks(&now)
			found := JudgeRedis(now, sound(0), RedisOutage)
			if tt.what == "" {
				if len(found) > 0 {
					t.Fatalf("%+v", found)
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("%d findings: %+v", len(found), found)
			}
			f := found[0]
			if f.Severity != tt.severity || !strings.Contains(f.What, tt.what) || !strings.Contains(f.Advice, tt.mend) || f.Team != "shop" || f.Environment != "vm" || !strings.HasPrefix(f.Subject, "cart/") {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestRedisBacklogHoldsTheOutage(t *testing.T) {
	for _, tt := range []struct {
		rate   float64
		outage time.Duration
		want   int64
	}{
		{0, time.Hour, 1 << 20}, {1000, time.Minute, 1 << 20}, {10_000, 5 * time.Minute, 4 << 20}, {1 << 20, 4 * time.Second, 4 << 20}, {1<<20 + 1, 4 * time.Second, 8 << 20},
	} {
		if got := RedisBacklog(tt.rate, tt.outage); got != tt.want {
			t.Errorf("%v bytes/s for %s: %d, not %d", tt.rate, tt.outage, got, tt.want)
		}
	}
}

func TestRedisTopology(t *testing.T) {
	l := sound(0)
	l.Instances[1].Offset -= 500
	l.Instances[0].Replicas[0].Quiet = 3 * time.Second
	l.Instances[2].Link, l.Instances[2].Down = false, time.Minute
	l.Instances[2].Priority = new(0)
	for i := range l.Sentinels {
		l.Sentinels[i].Epoch, l.Sentinels[i].Since = 4, noon.Add(-time.Duration(i+1)*time.Hour)
	}
	got := l.Topology()
	if got.Keeper != Sentinel || got.Version != "7.0.15" || !got.Failover.Equal(noon.Add(-3*time.Hour)) || got.Paused || len(got.Primaries()) != 1 {
		t.Errorf("%+v", got)
	}
	b, _ := got.Member("b")
	if *b.Lag != 500 || b.Behind != 3*time.Second || !b.Healthy() {
		t.Errorf("%+v", b)
	}
	c, _ := got.Member("c")
	if c.Behind != time.Minute || c.Healthy() || !c.NoFailover {
		t.Errorf("%+v", c)
	}
	l.Instances[1].Role = Primary
	if c, _ := l.Topology().Member("c"); c.Lag != nil {
		t.Errorf("a lag is counted against one of two masters: %+v", c)
	}
}

func TestRefuseRedisMove(t *testing.T) {
	empty := func() RedisLook {
		return RedisLook{Instances: []RedisFacts{{Instance: "t", Address: "10.1.0.1:6379", Run: "run-t", Version: "7.0.15", Role: Primary, MaxMemory: 1 << 30, ConfigFile: "/etc/redis.conf", Account: "caravan", MinReplicas: new(0), Priority: new(100)}}}
	}
	for _, tt := range []struct {
		name   string
		breaks func(w *RedisWish)
		want   string
	}{
		{"nothing stands in the way", func(_ *RedisWish) {}, ""},
		{"it is older", func(w *RedisWish) { w.To.Instances[0].Version = "6.2.14" }, "older than 7.0.15"},
		{"both are too old", func(w *RedisWish) { w.From.Instances[0].Version, w.To.Instances[0].Version = "5.0.3", "7.0.15" }, "a is Redis 5.0.3"},
		{"a patch older is as good", func(w *RedisWish) { w.To.Instances[0].Version = "7.0.1" }, ""},
		{"it holds keys", func(w *RedisWish) { w.To.Instances[0].Keys = 3 }, "t holds 3 keys"},
		{"it follows already", func(w *RedisWish) {
			w.To.Instances[0].Keys, w.To.Instances[0].Role, w.To.Instances[0].Master = 3, Standby, "10.0.0.1:6379"
		}, ""},
		{"it follows somebody else", func(w *RedisWish) { w.To.Instances[0].Role, w.To.Instances[0].Master = Standby, "10.1.0.2:6379" }, "t follows 10.1.0.2:6379"},
		{"the target has two masters", func(w *RedisWish) {
			w.To.Instances = append(w.To.Instances, RedisFacts{Instance: "u", Role: Primary, ConfigFile: "/etc/redis.conf"})
		}, "u of the target leads beside t"},
		{"it is too small", func(w *RedisWish) { w.To.Instances[0].MaxMemory = 1 << 10 }, "t may hold 1.0 KiB, 1.0 MiB of a are in use"},
		{"it lacks a module", func(w *RedisWish) { w.From.Instances[0].Modules = []string{"search"} }, "t lacks the module search"},
		{"it lacks an account", func(w *RedisWish) { w.From.Instances[0].Users = []string{"orders"} }, "t has no account orders"},
		{"accounts are copied", func(w *RedisWish) { w.From.Instances[0].Users, w.Accounts = []string{"orders"}, true }, ""},
		{"the account may not", func(w *RedisWish) { w.From.Instances[0].Lacks = []string{"CLIENT PAUSE"} }, "the account caravan at a may not give CLIENT PAUSE"},
		{"a replica's may not", func(w *RedisWish) { w.From.Instances[2].Lacks = []string{"REPLICAOF"} }, "the account caravan at c may not give REPLICAOF"},
		{"it may not copy accounts", func(w *RedisWish) { w.To.Instances[0].LacksCopy, w.Accounts = []string{"ACL SETUSER"}, true }, "the account caravan at t may not give ACL SETUSER"},
		{"it may not, and need not", func(w *RedisWish) { w.To.Instances[0].LacksCopy = []string{"ACL SETUSER"} }, ""},
		{"a password is wrong", func(w *RedisWish) { w.To.Instances[0].Unreachable, w.To.Instances[0].Denied = "WRONGPASS", true }, "t of the target does not let the account in: WRONGPASS"},
		{"a Sentinel's password is wrong", func(w *RedisWish) { w.From.Sentinels[0].Unreachable, w.From.Sentinels[0].Denied = "WRONGPASS", true }, "Sentinel 10.0.0.1:26379 of the source does not let the account in: WRONGPASS"},
		{"who leads cannot be asked", func(w *RedisWish) { w.From.Instances[0].Unreachable, w.From.Instances[0].Denied = "WRONGPASS", true }, "a of the source does not let the account in: WRONGPASS"},
		{"it has no file", func(w *RedisWish) { w.To.Instances[0].ConfigFile = "" }, "t was started without a configuration file"},
		{"a cluster", func(w *RedisWish) { w.From.Instances[0].Cluster = true }, "a is part of a Redis Cluster"},
		{"an instance is away", func(w *RedisWish) { w.From.Instances[2].Unreachable = "refused" }, "c of the source does not answer"},
		{"it does not answer itself", func(w *RedisWish) { w.To.Instances[0].Unreachable = "refused" }, "t of the target does not answer: refused"},
		{"two masters", func(w *RedisWish) { w.From.Instances[1].Role = Primary }, "no one master"},
		{"a Sentinel is away", func(w *RedisWish) { w.From.Sentinels[0].Unreachable = "refused" }, "Sentinel 10.0.0.1:26379 of the source does not answer"},
		{"a failover", func(w *RedisWish) { w.From.Sentinels[0].Flags = []string{"failover_in_progress"} }, "is failing over"},
		{"a Sentinel is not listed", func(w *RedisWish) { w.From.Sentinels[0].Others = 3 }, "knows 3 others, 3 are listed"},
		{"a Sentinel watches nothing", func(w *RedisWish) { w.From.Sentinels[0].Blind = true }, "watches no master"},
		{"one of the target watches nothing yet", func(w *RedisWish) { w.To.Sentinels = []RedisSentinel{{Blind: true}} }, ""},
		{"a Sentinel runs a script", func(w *RedisWish) { w.From.Sentinels[0].Scripts = []string{"client-reconfig-script"} }, "runs client-reconfig-script"},
		{"a password would be lost", func(w *RedisWish) { w.To.Instances[0].Follows, w.FromLogin = new(true), true }, "t has a password to follow with"},
		{"an earlier move gave it the password", func(w *RedisWish) {
			w.To.Instances[0].Follows, w.FromLogin, w.To.Instances[0].Role, w.To.Instances[0].Master = new(true), true, Standby, "10.0.0.1:6379"
		}, ""},
		{"a replica takes writes", func(w *RedisWish) { w.From.Instances[1].Writable = true }, "b is a replica that takes writes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := RedisWish{From: sound(0), To: empty(), Lead: "t", FromSentinels: 3, ToSentinels: 1}
			for i := range w.From.Instances {
				w.From.Instances[i].ConfigFile, w.From.Instances[i].Account = "/etc/redis.conf", "caravan"
			}
			tt.breaks(&w)
			var got []string
			for _, b := range RefuseRedisMove(w) {
				got = append(got, b.What)
				if b.Mend == "" {
					t.Errorf("%q has no mend", b.What)
				}
			}
			all := strings.Join(got, "; ")
			if tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
				t.Errorf("%q", all)
			}
		})
	}
	if NoRedisWayBack("7.0.15", "7.2.4") == "" || NoRedisWayBack("7.0.15", "7.0.1") != "" {
		t.Error("the way back")
	}
}

func TestJudgeRedisCut(t *testing.T) {
	m := RedisMove{Old: RedisProcess{Instance: "s", Run: "run-s", Replication: "h"}, New: RedisProcess{Instance: "t", Run: "run-t"}}
	leads := func(name, run string) RedisFacts { return RedisFacts{Instance: name, Run: run, Role: Primary} }
	follows := func(name, run string, offset int64) RedisFacts {
		return RedisFacts{Instance: name, Run: run, Role: Standby, Replication: "h", Offset: offset, Log: true}
	}
	away := func(name string) RedisFacts {
		return RedisFacts{Instance: name, Role: Unknown, Unreachable: "refused"}
	}
	otherHistory, forgetful := follows("t", "run-t", 10), follows("s", "run-z", 0)
	otherHistory.Replication = "g"
	forgetful.Log, forgetful.Snapshots = false, new(false)
	for _, tt := range []struct {
		name         string
		older, newer RedisFacts
		want         RedisVerdict
	}{
		{"nothing was done", leads("s", "run-s"), follows("t", "run-t", 10), RedisGoBack},
		{"the old one was started anew before it was fenced", leads("s", "run-z"), follows("t", "run-t", 10), RedisGoBack},
		{"the new one was started anew, and leads by its first configuration", leads("s", "run-s"), leads("t", "run-z"), RedisGoBack},
		{"somebody made two", leads("s", "run-s"), leads("t", "run-t"), RedisWait},
		{"the new one is away, the old one leads", leads("s", "run-s"), away("t"), RedisGoBack},
		{"it was fenced, and the other has all", follows("s", "run-s", 10), follows("t", "run-t", 10), RedisGoOn},
		{"it was fenced, and the other has more pings", follows("s", "run-s", 10), follows("t", "run-t", 24), RedisGoOn},
		{"it was fenced, and the other lacks a byte", follows("s", "run-s", 11), follows("t", "run-t", 10), RedisGoBack},
		{"the other has bytes of another history", follows("s", "run-s", 10), otherHistory, RedisGoBack},
		{"the other was started anew", follows("s", "run-s", 10), follows("t", "run-z", 10), RedisGoBack},
		{"the old one was started anew after it was fenced", follows("s", "run-z", 0), follows("t", "run-t", 10), RedisGoBack},
		{"and had kept nothing", forgetful, follows("t", "run-t", 10), RedisGoOn},
		{"it was done", follows("s", "run-s", 10), leads("t", "run-t"), RedisDone},
		{"it was done, and the new one was started anew", follows("s", "run-s", 10), leads("t", "run-z"), RedisDone},
		{"it was done, and the old one is away", away("s"), leads("t", "run-t"), RedisDone},
		{"the new one is away, and may lead", follows("s", "run-s", 10), away("t"), RedisWait},
		{"the old one is away", away("s"), follows("t", "run-t", 10), RedisRelease},
		{"both are away", away("s"), away("t"), RedisWait},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, why := JudgeRedisCut(m, tt.older, tt.newer)
			if got != tt.want || why == "" {
				t.Errorf("%s: %s", got, why)
			}
		})
	}
}

func TestRightsAreGrantedByTheLineThatIsNamed(t *testing.T) {
	f := RedisFacts{Account: "caravan"}
	for _, tt := range []struct {
		lacks []string
		want  string
	}{
		{[]string{"REPLICAOF", "CLIENT PAUSE"}, "redis-cli ACL SETUSER caravan +replicaof +client|pause, then ACL SAVE"},
		{[]string{"ACL DRYRUN"}, "redis-cli ACL SETUSER caravan +ping +info"}, // it cannot be asked what else it lacks
	} {
		if got := f.grant(tt.lacks); !strings.Contains(got, tt.want) {
			t.Errorf("%v: %q", tt.lacks, got)
		}
	}
}
