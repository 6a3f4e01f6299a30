package standby

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ready(name string) ServerFacts {
	return ServerFacts{Name: name, Version: 150018, Machine: "x86_64-pc-linux-gnu", Block: 8192, Superuser: true, WAL: "logical", Slots: 10, Senders: 10, Workers: 8,
		Databases: []string{"postgres", "shop", "template1"}, Extensions: map[string]string{"plpgsql": "1.0"}, Locales: []string{"en_US.utf8"}}
}

func movable() TransferFacts {
	return TransferFacts{Source: ready("vm"), Target: ready("kube"), Dump: 15,
		Databases: []DatabaseFacts{{Name: "shop", Locale: "en_US.UTF-8", Provider: "c", Collation: [2]string{"2.36", "2.36"}, Extensions: map[string]string{"plpgsql": "1.0"}, There: -1}}}
}

func TestAServerThatIsReadyHasNoChecks(t *testing.T) {
	if got := TransferChecks(movable()); len(got) != 0 {
		t.Fatalf("checks: %+v", got)
	}
}

func TestEachFaultIsFoundWithItsMend(t *testing.T) {
	for about, c := range map[string]struct {
		spoil    func(*TransferFacts)
		blocking bool
		says     string
	}{
		"an old server":         {func(f *TransferFacts) { f.Source.Version = 120004 }, true, "runs PostgreSQL 12"},
		"a standby":             {func(f *TransferFacts) { f.Source.Standby = true }, true, "standby"},
		"no superuser":          {func(f *TransferFacts) { f.Target.Superuser = false }, true, "superuser"},
		"too little in the log": {func(f *TransferFacts) { f.Target.WAL = "replica" }, true, "wal_level is replica"},
		"no slots":              {func(f *TransferFacts) { f.Source.Slots = 2 }, true, "2 of its replication slots are free, 3 are needed"},
		"no senders":            {func(f *TransferFacts) { f.Source.Senders = 0 }, true, "0 more followers"},
		"no workers":            {func(f *TransferFacts) { f.Target.Workers = 1 }, true, "max_logical_replication_workers is 1"},
		"no pg_dump":            {func(f *TransferFacts) { f.Dump = 0 }, true, "no pg_dump"},
		"an old pg_dump":        {func(f *TransferFacts) { f.Dump = 14 }, true, "pg_dump 14"},
		"a downgrade":           {func(f *TransferFacts) { f.Target.Version = 140001 }, false, "older (14)"},
		"settings":              {func(f *TransferFacts) { f.Source.Settings = map[string]string{"TimeZone": "UTC"} }, false, `TimeZone is ""`},
		"a role with another password": {func(f *TransferFacts) {
			r := map[string]string{"shop": "password"}
			f.Source.Roles, f.Target.Roles = r, r
		}, false, "role shop"},
		"no replica identity":                {func(f *TransferFacts) { f.Databases[0].Keyless = []string{"public.log"} }, true, "public.log"},
		"a fence":                            {func(f *TransferFacts) { f.Databases[0].Fenced = true }, true, "DROP EVENT TRIGGER"},
		"large objects":                      {func(f *TransferFacts) { f.Databases[0].LargeObjects = 3 }, true, "3 large objects"},
		"an extension the target lacks":      {func(f *TransferFacts) { f.Databases[0].Extensions["postgis"] = "3.3" }, true, "extension postgis"},
		"an extension of another version":    {func(f *TransferFacts) { f.Databases[0].Extensions["plpgsql"] = "0.9" }, false, "plpgsql is 0.9"},
		"subscriptions":                      {func(f *TransferFacts) { f.Databases[0].Subscribes = []string{"feed"} }, true, "feed"},
		"an unknown locale":                  {func(f *TransferFacts) { f.Databases[0].Locale = "de_DE.UTF-8" }, true, "de_DE.UTF-8 is unknown on kube"},
		"a database with tables":             {func(f *TransferFacts) { f.Databases[0].There = 4 }, true, "with 4 tables"},
		"prepared transactions":              {func(f *TransferFacts) { f.Databases[0].Prepared = []string{"x1"} }, true, "x1"},
		"a long transaction":                 {func(f *TransferFacts) { f.Databases[0].Long = []Session{{PID: 7, User: "etl", For: time.Hour}} }, true, "pg_terminate_backend(7)"},
		"unlogged tables":                    {func(f *TransferFacts) { f.Databases[0].Unlogged = []string{"public.cache"} }, false, "public.cache"},
		"tables of extensions":               {func(f *TransferFacts) { f.Databases[0].Extended = []string{"cron.job"} }, false, "cron.job"},
		"functions without a search_path":    {func(f *TransferFacts) { f.Databases[0].Pathless = []string{"shop.ok(text)"} }, false, "shop.ok(text)"},
		"functions that are run in advance":  {func(f *TransferFacts) { f.Databases[0].Code = []string{"shop.even(integer)"} }, true, "shop.even(integer)"},
		"foreign servers":                    {func(f *TransferFacts) { f.Databases[0].Foreign = []string{"old"} }, false, "old"},
		"slots of others":                    {func(f *TransferFacts) { f.Databases[0].Followers = []string{"debezium"} }, false, "debezium"},
		"triggers that always fire":          {func(f *TransferFacts) { f.Databases[0].Always = []string{"public.t audit"} }, false, "audit"},
		"event triggers":                     {func(f *TransferFacts) { f.Databases[0].Events = []string{"guard"} }, false, "guard"},
		"materialized views":                 {func(f *TransferFacts) { f.Databases[0].Views = []string{"a", "b", "c", "d", "e", "f", "g"} }, false, "e and 2 more"},
		"collations that are sorted anew":    {func(f *TransferFacts) { f.Databases[0].Collation[1] = "2.31" }, false, "2.31 on kube"},
		"a transaction that was just begun ": {func(f *TransferFacts) { f.Databases[0].Long = []Session{{PID: 7, For: time.Second}} }, false, ""},
	} {
		f := movable()
		c.spoil(&f)
		got := TransferChecks(f)
		if c.says == "" {
			if len(got) != 0 {
				t.Errorf("%s: %+v", about, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Blocking != c.blocking || !strings.Contains(got[0].What+got[0].Mend, c.says) || c.blocking && got[0].Mend == "" {
			t.Errorf("%s: %+v", about, got)
		}
	}
}

func TestTheMethodIsPhysicalOnlyWhereACopyOfFilesIsRight(t *testing.T) {
	for about, c := range map[string]struct {
		spoil func(*TransferFacts)
		want  Method
		why   string
	}{
		"all alike":                     {func(*TransferFacts) {}, Physical, "built alike"},
		"another version":               {func(f *TransferFacts) { f.Target.Version = 160003 }, Logical, "kube 16"},
		"another processor":             {func(f *TransferFacts) { f.Target.Machine = "aarch64-unknown-linux-gnu" }, Logical, "aarch64"},
		"another C library":             {func(f *TransferFacts) { f.Databases[0].Collation[1] = "2.31" }, Logical, "2.31 on kube"},
		"a database stays":              {func(f *TransferFacts) { f.Source.Databases = append(f.Source.Databases, "crm") }, Logical, "these stay: crm"},
		"another Linux, built the same": {func(f *TransferFacts) { f.Target.Machine = "x86_64-alpine-linux-musl" }, Physical, ""},
	} {
		f := movable()
		c.spoil(&f)
		if got, why := MethodFor(f); got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%s: %s, %s", about, got, why)
		}
	}
}

func TestATransferIsKeptAsItIs(t *testing.T) {
	was := Transfer{ID: "shop", Method: Logical, Databases: []string{"shop", "crm"}, Phase: Moved, Made: Made{Databases: []string{"shop"}}, Cuts: []Cut{{To: "kube", Pause: time.Second, Proof: []Proof{{Table: "public.t", From: Count{1, "2"}, To: Count{1, "3"}}}}}}
	text, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	var is Transfer
	if err := json.Unmarshal(text, &is); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(was, is); d != "" {
		t.Error(d)
	}
	if len(is.Cuts[0].Unequal()) != 1 || is.Slot("crm") != "caravan_shop_1" || !is.Undoable() {
		t.Errorf("%+v", is)
	}
	if long := was.Aside(strings.Repeat("x", 63)); len(long) != 63 || !strings.HasSuffix(long, "_before_shop") {
		t.Errorf("aside: %s", long)
	}
}

func TestATransferNeedsAnIDAndDatabases(t *testing.T) {
	for about, x := range map[string]Transfer{"no id": {Databases: []string{"a"}}, "quotes": {ID: `a"b`, Databases: []string{"a"}}, "no databases": {ID: "a"}} {
		if x.Validate() == nil {
			t.Errorf("%s is taken", about)
		}
	}
	if err := (Transfer{ID: "shop_1", Databases: []string{"Any Name"}}).Validate(); err != nil {
		t.Error(err)
	}
}
