package redis

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

func primariesOf(all ...*server) []string {
	var out []string
	for _, s := range all {
		if s.info()["role"] == "master" {
			out = append(out, s.name)
		}
	}
	return out
}

func (b *bed) everyone() []*server { return slices.Concat(b.source, b.target) }

func TestAMoveUnderWritesAndBackLosesNothing(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	m := &mover{b: b}
	w := startWriters(t, 4, b.source...)
	m.at = func(_ *mover, moment string) {
		if moment == "after keeping cutting" {
			w.also(b.target...)
		}
	}
	eventually(t, "there are writes", func() bool { return w.written() > 200 })
	m = untilMoved(t, m, (*mover).do)
	verified(t, m)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"t0"}) {
		t.Fatalf("%v lead", got)
	}
	before := w.written()
	eventually(t, "writes go on at the target", func() bool { return w.written() > before+200 })
	if s := b.sentinels[0].ask("SENTINEL", "MASTERS"); len(s.list) != 0 {
		t.Error("a Sentinel still watches the old master")
	}

	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0"}) {
		t.Fatalf("%v lead", got)
	}
	before = w.written()
	eventually(t, "writes go on at the source", func() bool { return w.written() > before+200 })
	w.end()
	if lost := w.lost(b.source[0]); len(lost) > 0 {
		t.Fatalf("lost: %v", lost)
	}
	for _, s := range b.sentinels {
		eventually(t, "the Sentinels watch the source again", func() bool {
			r := s.ask("SENTINEL", "MASTER", "main").pairs()
			return r["port"] == b.source[0].info()["tcp_port"] && r["quorum"] == "2" && r["down-after-milliseconds"] == "60000" && r["num-other-sentinels"] == "2"
		})
	}
}

func TestAMoveIsRefusedBeforeAnythingChanges(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	b.target[0].ask("SET", "precious", "1")
	m := &mover{b: b}
	if _, err := m.do(); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("it is not refused: %v", err)
	}
	if got := b.target[0].ask("GET", "precious").text; got != "1" {
		t.Errorf("the target's key is %q", got)
	}
	if len(m.kept) != 0 {
		t.Errorf("something was begun: %s", m.kept)
	}
}

func TestAMoveThatOnlyFollowsIsTakenBack(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	b.source[0].ask("SET", "key", "1")
	m := &mover{b: b}
	m.at = func(m *mover, moment string) {
		if moment == "after pausing" {
			m.kill()
		}
	}
	if _, err := m.do(); err == nil {
		t.Fatal("it was not killed")
	}
	m = m.next()
	state, err := m.undo()
	if err != nil || state.Phase != standby.RedisUndone {
		t.Fatalf("%v, %v", state.Phase, err)
	}
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0", "t0"}) {
		t.Errorf("%v lead", got)
	}
	if keys := b.target[0].ask("DBSIZE").text; keys != "0" {
		t.Errorf("the target still has %s keys", keys)
	}
	if got := b.target[0].ask("CONFIG", "GET", "replica-priority").pairs()["replica-priority"]; got != "100" {
		t.Errorf("its priority is %s", got)
	}
	for _, s := range b.sentinels {
		if q := s.ask("SENTINEL", "MASTER", "main").pairs()["quorum"]; q != "2" {
			t.Errorf("the quorum of %s is %s", s.name, q)
		}
	}
	if _, err := m.next().do(); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an undone move goes on: %v", err)
	}
}

func TestSentinelsFailOverWhileTheTargetFollows(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, hung)
	b.source[0].ask("SET", "key", "1")
	eventually(t, "s1 has the key", func() bool { return b.source[1].ask("GET", "key").text == "1" })
	m := &mover{b: b}
	once := false
	m.at = func(_ *mover, moment string) {
		if moment == "after following" && !once {
			once = true
			b.source[0].kill()
			eventually(t, "s1 leads", func() bool { return b.source[1].info()["role"] == "master" })
			b.source[1].ask("SET", "later", "2")
			b.source[0].start()
		}
	}
	m = untilMoved(t, m, (*mover).do)
	verified(t, m)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"t0"}) {
		t.Fatalf("%v lead", got)
	}
	if got := b.target[0].ask("MGET", "key", "later").texts(); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the target has %v", got)
	}
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s1"}) {
		t.Errorf("%v lead after it was taken back from s1", got)
	}
}

// Sentinels of both ends know their master by the same name, and those of the target have a newer failover behind them. Neither must hear of the other.
func TestTheTargetHasSentinels(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	b.others = watchers(t, "v", b.target, 3, hung)
	eventually(t, "t1 leads", func() bool {
		if b.target[1].info()["role"] != "master" {
			b.others[0].ask("SENTINEL", "FAILOVER", "main") // refused until it knows that t1 is well, and while it is at it
			return false
		}
		return b.target[0].info()["master_link_status"] == "up"
	})
	b.target[0], b.target[1] = b.target[1], b.target[0]
	w := startWriters(t, 2, b.source...)
	m := &mover{b: b}
	once := false
	m.at = func(_ *mover, moment string) {
		if moment == "after following" && !once {
			once = true
			w.also(b.target...)
			for _, s := range b.sentinels {
				eventually(t, s.name+" knows that there is another replica", func() bool { return s.ask("SENTINEL", "MASTER", "main").pairs()["num-slaves"] == "2" })
			}
		}
	}
	m = untilMoved(t, m, (*mover).do)
	verified(t, m)
	b.watch(b.others, b.target[0], 2)
	b.target[0].kill()
	w.end()
	eventually(t, "the target's Sentinels fail over as before", func() bool { return b.target[1].info()["role"] == "master" })
	b.target[0].start()
	eventually(t, "the old one follows the new one", func() bool { return b.target[0].info()["master_link_status"] == "up" })
	b.watch(b.others, b.target[1], 2)
	verified(t, m)
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0"}) {
		t.Fatalf("%v lead", got)
	}
	b.watch(b.sentinels, b.source[0], 2)
	if lost := w.lost(b.source[0]); len(lost) > 0 {
		t.Fatalf("lost: %v", lost)
	}
}

// watch waits until Sentinels watch a master, with a number of others, and can fail it over.
func (b *bed) watch(sentinels []*server, master *server, others int) {
	b.t.Helper()
	for _, s := range sentinels {
		eventually(b.t, s.name+" watches "+master.name, func() bool {
			said := s.ask("SENTINEL", "MASTER", "main").pairs()
			return said["quorum"] == "2" && said["num-slaves"] != "0" && said["port"] == strconv.Itoa(master.port) && said["num-other-sentinels"] == strconv.Itoa(others) && strings.HasPrefix(s.ask("SENTINEL", "CKQUORUM", "main").text, "OK")
		})
	}
}

func TestThePauseRunsOut(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	w := startWriters(t, 2, b.source...)
	m := &mover{b: b, pause: 300 * time.Millisecond}
	m.at = func(_ *mover, moment string) {
		switch moment {
		case "after keeping cutting":
			b.target[0].signal(syscall.SIGSTOP)
		case "before releasing":
			b.target[0].signal(syscall.SIGCONT)
		}
	}
	_, err := m.do()
	if fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("%v", err)
	}
	before := w.written()
	eventually(t, "writes go on", func() bool { return w.written() > before+50 })
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0"}) {
		t.Errorf("%v lead", got)
	}
	for _, s := range b.sentinels {
		if q := s.ask("SENTINEL", "MASTER", "main").pairs()["quorum"]; q != "2" {
			t.Errorf("the quorum of %s is %s", s.name, q)
		}
	}
	untilMoved(t, m.next(), (*mover).do)
	w.end()
	if lost := w.lost(b.target[0]); len(lost) > 0 {
		t.Fatalf("lost: %v", lost)
	}
}

func TestNothingIsCutWhileASentinelCannotBeTold(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	m := &mover{b: b}
	m.at = func(_ *mover, moment string) {
		if moment == "after following" {
			b.sentinels[2].kill()
		}
	}
	if _, err := m.do(); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("%v", err)
	}
	for _, s := range b.sentinels[:2] {
		if q := s.ask("SENTINEL", "MASTER", "main").pairs()["quorum"]; q != "2" {
			t.Errorf("the quorum of %s is %s", s.name, q)
		}
	}
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0"}) {
		t.Errorf("%v lead", got)
	}
	b.sentinels[2].start()
	verified(t, untilMoved(t, m.next(), (*mover).do))
}

// An old primary that stood still when it was told to follow does so when it wakes up. It must not follow one that was emptied since.
func TestAnOldPrimaryThatWakesUpDoesNotFollowAnEmptyOne(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	b.source[0].ask("SET", "precious", "1")
	m := &mover{b: b}
	once := false
	m.at = func(_ *mover, moment string) {
		if moment == "before fencing" && !once {
			once = true
			b.source[0].signal(syscall.SIGSTOP)
		}
	}
	if _, err := m.do(); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("%v", err)
	}
	m = m.next()
	if _, err := m.undo(); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("it is taken back while nobody knows what the old primary will do: %v", err)
	}
	b.source[0].signal(syscall.SIGCONT)
	untilMoved(t, m.next(), (*mover).undo)
	if got := primariesOf(b.everyone()...); !slices.Equal(got, []string{"s0", "t0"}) {
		t.Fatalf("%v lead", got)
	}
	if got := b.source[0].ask("GET", "precious").text; got != "1" {
		t.Errorf("the key is %q", got)
	}
	if keys := b.target[0].ask("DBSIZE").text; keys != "0" {
		t.Errorf("the target has %s keys", keys)
	}
}

func TestAccountsAreCopiedOnDemand(t *testing.T) {
	t.Parallel()
	b := newBed(t, durable, 0)
	b.source[0].ask("ACL", "SETUSER", "orders", "on", ">secret-of-orders", "~*", "+@all", "-@admin")
	move, state := (&mover{b: b}).move()
	plan, err := move.Preview(context.Background())
	if err != nil || len(plan.Blocks) != 1 || !strings.Contains(plan.Blocks[0].What, "no account orders") {
		t.Fatalf("%+v, %v", plan.Blocks, err)
	}
	move.Options.Accounts = true
	var told strings.Builder
	move.Tell = func(line string) { told.WriteString(line + "\n") }
	eventually(t, "it is moved", func() bool {
		state, err = move.Do(context.Background(), state)
		return err == nil
	})
	if strings.Contains(told.String(), "secret") || strings.Contains(told.String(), "#") {
		t.Errorf("a password or its hash is told: %s", told.String())
	}
	again(b.target[0])
	eventually(t, "orders logs in at the target, also after a restart", func() bool {
		c, err := connect(context.Background(), b.target[0].address(), Login{User: "orders", Password: "secret-of-orders"}, nil)
		if err != nil {
			return false
		}
		defer c.close()
		return true
	})
}

func TestClientsComeByHAProxy(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	clients, way := b.balancer()
	needs := func(s *server) string {
		return s.ask("CONFIG", "GET", "min-replicas-to-write").pairs()["min-replicas-to-write"]
	}
	for _, s := range b.everyone() {
		s.ask("CONFIG", "SET", "min-replicas-to-write", "1")
	}
	m := &mover{b: b, ways: []Way{way}}
	w := startWriters(t, 4, &server{t: t, name: "balancer", port: portOf(t, clients)})
	eventually(t, "there are writes", func() bool { return w.written() > 100 })
	m = untilMoved(t, m, (*mover).do)
	verified(t, m)
	before := w.written()
	eventually(t, "writes go on at the target", func() bool { return w.written() > before+100 })
	if got := needs(b.target[0]); got != "1" {
		t.Errorf("t0 takes writes with %s replicas", got)
	}
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	if got := needs(b.source[0]); got != "1" {
		t.Errorf("s0 takes writes with %s replicas", got)
	}
	before = w.written()
	eventually(t, "writes go on at the source", func() bool { return w.written() > before+100 })
	w.end()
	if lost := w.lost(b.source[0]); len(lost) > 0 {
		t.Fatalf("lost: %v", lost)
	}
	after, err := way.ask(context.Background(), Leading{To: b.source[0].address()})
	if err != nil || after.comer == nil || after.comer.name != "s0" || after.comer.maint || after.has("s1").maint || !after.has(ours).maint {
		t.Errorf("after the way back: %+v, %v", after.all, err)
	}
	if _, err := way.Redirect(context.Background(), Leading{To: b.target[1].address()}); err != nil {
		t.Errorf("clients are led to a third: %v", err)
	}
	if s := servers(t, way)[ours]; !s.isAt(b.target[1].address()) || s.isAt(b.target[0].address()) {
		t.Errorf("the server of ours is %+v", s)
	}
}

func portOf(t testing.TB, address string) int {
	t.Helper()
	_, word, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(word)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The account of docs/guides/redis.md is enough for a move and the way back.
func TestTheAccountOfTheGuideIsEnough(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^user caravan on >PASSWORD (.*)$`).FindSubmatch(guide)
	if line == nil {
		t.Fatal("the guide names no account")
	}
	if string(line[1]) != standby.RedisRights {
		t.Errorf("what is rendered may do something else: %s", standby.RedisRights)
	}
	b := newPatientBed(t, durable, 3, within)
	for _, s := range b.everyone() {
		s.ask(slices.Concat([]string{"ACL", "SETUSER", "caravan", "on", ">another"}, strings.Fields(string(line[1])))...)
		s.ask("CONFIG", "REWRITE")
	}
	m := untilMoved(t, &mover{b: b, login: Login{User: "caravan", Password: "another"}}, (*mover).do)
	verified(t, m)
	m = untilMoved(t, m.next(), (*mover).undo)
	verified(t, m)
	move, _ := m.next().move()
	move.Target.Login = Login{User: "caravan", Password: "wrong"}
	plan, err := move.Preview(context.Background())
	if err != nil || len(plan.Blocks) == 0 || !strings.Contains(plan.Blocks[0].What, "WRONGPASS") {
		t.Errorf("%+v, %v", plan.Blocks, err)
	}
}

// What was moved and taken back is moved again: the target still follows, and its Sentinels have forgotten it.
func TestAMoveIsMadeASecondTime(t *testing.T) {
	t.Parallel()
	b := newPatientBed(t, durable, 3, within)
	b.others = watchers(t, "v", b.target, 3, within)
	for range 2 {
		m := untilMoved(t, &mover{b: b}, (*mover).do)
		verified(t, m)
		b.watch(b.others, b.target[0], 2)
		if got := b.target[0].ask("CONFIG", "GET", "replica-priority").pairs()["replica-priority"]; got != "100" {
			t.Errorf("the priority of t0 is %s", got)
		}
		m = untilMoved(t, m.next(), (*mover).undo)
		verified(t, m)
		b.watch(b.sentinels, b.source[0], 2)
	}
}
