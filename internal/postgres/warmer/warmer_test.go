package warmer_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/postgres/servertest"
	"example.org/caravan/internal/postgres/warmer"
	"example.org/caravan/internal/standby"
)

// long is more time than any round takes here.
const long = time.Minute

func prepared(t *testing.T, s *servertest.Server, databases ...string) {
	t.Helper()
	s.Do(t, "postgres", "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
	for _, d := range append(databases, "postgres") {
		s.Do(t, d, standby.Objects())
	}
}

func where(servers ...*servertest.Server) []postgres.Where {
	var out []postgres.Where
	for _, s := range servers {
		out = append(out, postgres.Where{Name: s.Name, Address: s.Address, TLS: "disable"})
	}
	return out
}

func report(t *testing.T, r warmer.Round, name string) warmer.Report {
	t.Helper()
	i := slices.IndexFunc(r.Members, func(m warmer.Report) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("no report of %s in %+v", name, r)
	}
	if m := r.Members[i]; m.Err != nil {
		t.Fatalf("%s: %v", name, m.Err)
	}
	return r.Members[i]
}

// fill makes a table with an index and reads all of it, some more often.
const fill = `
CREATE TABLE item (id bigint PRIMARY KEY, filler text);
INSERT INTO item SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n;
ANALYZE item;`

const use = `SELECT sum(length(filler)) FROM item WHERE id % 3 = 0`

// counted is the share of the primary's hot blocks that a standby has, counted another way: as text, by the superuser, over the modules' own views.
func counted(t testing.TB, primary, other *servertest.Server) float64 {
	t.Helper()
	read := func(s *servertest.Server) map[string]int {
		rows, err := s.Connect(t, "postgres").Query(context.Background(),
			`SELECT concat_ws('/', reltablespace, reldatabase, relfilenode, relforknumber, relblocknumber), usagecount FROM caravan_standby.pg_buffercache WHERE relfilenode IS NOT NULL
			AND reldatabase NOT IN (SELECT oid FROM pg_database WHERE datistemplate)`)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		var key string
		var usage int
		if _, err := pgx.ForEachRow(rows, []any{&key, &usage}, func() error { out[key] = usage; return nil }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	hot, have := read(primary), read(other)
	var all, there float64
	for key, usage := range hot {
		all += float64(usage)
		if _, ok := have[key]; ok {
			there += float64(usage)
		}
	}
	return there / all
}

func TestStandbyIsWarmedAndItsWarmthIsTrue(t *testing.T) {
	primary := servertest.Primary(t, "shared_buffers=64MB")
	primary.Do(t, "postgres", "CREATE DATABASE shop")
	prepared(t, primary, "shop")
	one := primary.Standby(t, "one")
	primary.Do(t, "shop", fill)
	primary.Do(t, "shop", "VACUUM item") // else the first to read it would write hints, which are replayed
	primary.Do(t, "postgres", "CHECKPOINT")
	one.Caught(t, primary)
	one.Do(t, "postgres", "CHECKPOINT")
	one.Kill() // what replay brought into its buffers is gone
	one.Start(t)
	c := primary.Connect(t, "shop")
	for range 4 {
		if _, err := c.Exec(t.Context(), use); err != nil {
			t.Fatal(err)
		}
	}
	w := warmer.New(where(one, primary), warmer.Options{Share: 1})
	defer w.Close()
	first := report(t, w.Once(t.Context(), time.Now().Add(long)), "one")
	if first.Warmth.Share > 0.5 {
		t.Errorf("a standby that just began is said to be %s warm: %+v", standby.Percent(first.Warmth.Share), first.Warmth)
	}
	if first.Read == 0 || first.Read < first.Lacking*9/10 {
		t.Errorf("of %d blocks %d were read", first.Lacking, first.Read)
	}
	r := w.Once(t.Context(), time.Now())
	if r.Primary != "primary" {
		t.Errorf("primary is %q", r.Primary)
	}
	second := report(t, r, "one")
	if second.Warmth.Share < 0.97 {
		t.Errorf("after a round it is %s warm: %+v", standby.Percent(second.Warmth.Share), second)
	}
	if truth := counted(t, primary, one); math.Abs(truth-second.Warmth.Share) > 0.05 {
		t.Errorf("said %.3f, counted %.3f", second.Warmth.Share, truth)
	}
	if second.Lag == nil || *second.Lag > 1<<20 {
		t.Errorf("lag %v of a standby that follows", second.Lag)
	}
}

func TestReadingIsTimedAndTheServerIsMeasured(t *testing.T) {
	primary := servertest.Primary(t, "track_io_timing=on")
	prepared(t, primary)
	one := primary.Standby(t, "one")
	primary.Do(t, "postgres", fill)
	primary.Do(t, "postgres", "CREATE DATABASE closed")
	primary.Do(t, "postgres", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
	one.Caught(t, primary)
	one.Kill()
	one.Start(t)
	w := warmer.New(where(one, primary), warmer.Options{Share: 1})
	defer w.Close()
	r := w.Once(t.Context(), time.Now().Add(long))
	follower, leader := report(t, r, "one"), report(t, r, "primary")
	if d := follower.Disk; d == nil || d.Blocks+d.Cached == 0 || d.Blocks+d.Cached > int64(follower.Read) || (d.Blocks > 0) != (d.Took > 0) {
		t.Errorf("%d blocks were read, and it took %+v", follower.Read, follower.Disk)
	}
	if s := leader.Standing; s.Reads == nil || s.Reads.Blocks == 0 || s.Started.IsZero() || leader.Disk != nil {
		t.Errorf("the primary says %+v", s)
	}
	if r.Size == nil || *r.Size < 20000*500 {
		t.Errorf("it is %v bytes large", r.Size)
	}
	if again := w.Once(t.Context(), time.Now()); again.Size != nil {
		t.Error("its files are looked at each time")
	}
}

func TestWarmerFollowsWhoeverIsPrimary(t *testing.T) {
	primary := servertest.Primary(t)
	prepared(t, primary)
	one := primary.Standby(t, "one")
	two := primary.Standby(t, "two", "primary_conninfo=host="+strings.Replace(one.Address, ":", " port=", 1)+" user="+servertest.Superuser+" application_name=two")
	two.Caught(t, primary)
	w := warmer.New(where(primary, one, two), warmer.Options{Share: 1})
	defer w.Close()
	if r := w.Once(t.Context(), time.Now().Add(long)); r.Primary != "primary" || report(t, r, "two").Warmth == nil {
		t.Errorf("%+v", r)
	}
	primary.Kill()
	if r := w.Once(t.Context(), time.Now().Add(long)); r.Primary != "" || report(t, r, "one").Warmth != nil {
		t.Errorf("without a primary: %+v", r)
	}
	one.Promote(t)
	r := w.Once(t.Context(), time.Now().Add(long))
	if r.Primary != "one" || report(t, r, "two").Warmth == nil {
		t.Errorf("after a failover: %+v", r)
	}
	if got := r.Members[1]; got.Name != "primary" || fault.KindOf(got.Err) != fault.Unavailable {
		t.Errorf("of the one that was killed: %+v", got)
	}
}

func TestWhatCannotBeWarmedIsSaidOrLeftOut(t *testing.T) {
	primary := servertest.Primary(t)
	primary.Do(t, "postgres", "CREATE DATABASE shop")
	prepared(t, primary)
	one := primary.Standby(t, "one")
	primary.Do(t, "postgres", "CREATE UNLOGGED TABLE note AS SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n; SELECT * FROM note")
	primary.Do(t, "shop", fill+"\n"+use)
	one.Caught(t, primary)
	w := warmer.New(where(primary, one), warmer.Options{Share: 1})
	defer w.Close()
	r := report(t, w.Once(t.Context(), time.Now().Add(long)), "one")
	looked := report(t, w.Once(t.Context(), time.Now()), "one")
	if !slices.Equal(looked.Doubts, r.Doubts) {
		t.Errorf("who only looks doubts %q", looked.Doubts)
	}
	if len(r.Doubts) != 1 || !strings.Contains(r.Doubts[0], "database shop of one is not prepared; run caravan standby prepare") {
		t.Errorf("doubts: %q", r.Doubts)
	}
	primary.Do(t, "shop", standby.Objects())
	one.Caught(t, primary)
	w.Once(t.Context(), time.Now().Add(long))
	if r = report(t, w.Once(t.Context(), time.Now().Add(long)), "one"); r.Warmth.Share < 0.97 || len(r.Doubts) > 0 {
		t.Errorf("once prepared, and with what is unlogged left out: %+v, %q", r.Warmth, r.Doubts)
	}
}

func TestTheAccountMayDoNothingElse(t *testing.T) {
	primary := servertest.Primary(t)
	prepared(t, primary)
	primary.Do(t, "postgres", standby.Objects()) // again
	primary.Do(t, "postgres", fill)
	c, err := pgx.Connect(t.Context(), "postgres://"+standby.Account+"@"+primary.Address+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, sql := range []string{
		"SELECT * FROM item", "SELECT caravan_standby.pg_prewarm('item')", "SELECT * FROM caravan_standby.pg_buffercache", "CREATE TABLE caravan_standby.x (y int)",
		"CREATE OR REPLACE FUNCTION caravan_standby.warm(oid, oid, smallint, bigint[], bigint[]) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
	} {
		if _, err := c.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	primary.Do(t, "postgres", "CREATE ROLE guest")
	primary.Do(t, "postgres", "CREATE DATABASE other")
	primary.Do(t, "other", "CREATE SCHEMA caravan_standby AUTHORIZATION guest")
	if _, err := primary.Connect(t, "other").Exec(t.Context(), standby.Objects()); err == nil || !strings.Contains(err.Error(), "no superuser") {
		t.Errorf("a schema of somebody else: %v", err)
	}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	primary := servertest.Primary(t)
	for _, c := range []struct {
		why   string
		where postgres.Where
		kind  fault.Kind
		says  string
	}{
		{"nobody listens", postgres.Where{Name: "x", Address: "127.0.0.1:1"}, fault.Unavailable, "x (127.0.0.1:1) does not answer: connection refused"},
		{"no port", postgres.Where{Name: "x", Address: "somewhere"}, fault.Invalid, `"somewhere" is no address; write it as host:port`},
		{"no such account", postgres.Where{Name: "x", Address: primary.Address, User: "ghost", Password: "canary-4711"}, fault.Denied, `role "ghost" does not exist`},
		{"no such database", postgres.Where{Name: "x", Address: primary.Address, User: "postgres", Database: "ghost"}, fault.NotFound, "no database ghost"},
		{"a strange way of TLS", postgres.Where{Name: "x", Address: primary.Address, TLS: "maybe"}, fault.Invalid, "write disable, prefer"},
	} {
		_, err := postgres.Connect(t.Context(), c.where)
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v (%v)", c.why, err, fault.KindOf(err))
		}
	}
}
