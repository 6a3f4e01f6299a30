package transfer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// scene is two servers, the shop's database on the first, and a pooler before it.
type scene struct {
	vm, kube Server
	pool     PgBouncer
	ini      string
	kept     []standby.Transfer
}

func set(t testing.TB, settings ...string) *scene {
	t.Helper()
	s := &scene{vm: serve(t, "vm", settings...), kube: serve(t, "kube", settings...)}
	shop(t, s.vm)
	s.pool, s.ini = bouncer(t, s.vm)
	return s
}

func (s *scene) mover(t testing.TB) Mover {
	return Mover{Source: s.vm, Target: s.kube, Holder: s.pool, Programs: programs(t), Most: time.Minute, Say: func(line string) { t.Log(line) },
		Save: func(x standby.Transfer) error { s.kept = append(s.kept, x); return nil }}
}

func (s *scene) dsn() string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=shop dbname=shop sslmode=disable", s.pool.Admin.Port)
}

func planned() standby.Transfer {
	return standby.Transfer{ID: "shop", Method: standby.Logical, Databases: []string{"shop"}}
}

func (s *scene) errand(t testing.TB) errand {
	return errand{Ports: [3]uint16{s.vm.Address.Port, s.kube.Address.Port, s.pool.Admin.Port}, Programs: programs(t), INI: s.ini, State: t.TempDir() + "/state"}
}

func TestADatabaseIsMovedUnderWritesAndBackAgain(t *testing.T) {
	t.Parallel()
	s := set(t, "log_statement=all", "log_min_duration_sample=0", "log_statement_sample_rate=1", "log_transaction_sample_rate=1")
	m := s.mover(t)
	w, p := write(t, s.dsn(), 6, 300), probe(t, s.vm, s.kube)
	w.more(t, 100)

	x, err := m.Follow(t.Context(), planned())
	if err != nil {
		t.Fatal(err)
	}
	if x.Phase != standby.Following || len(x.Made.Databases) != 1 || strings.Join(x.Made.Roles, " ") != "reader shop" {
		t.Errorf("it follows: %+v", x)
	}
	w.more(t, 100)
	if lag, err := m.Lag(t.Context(), x); err != nil || lag > 1<<20 {
		t.Errorf("it is %d bytes behind: %v", lag, err)
	}
	if x, err = m.Cut(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	w.more(t, 200)
	if x.Phase != standby.Proven || len(x.Cuts) != 1 || len(x.Cuts[0].Proof) != 5 {
		t.Errorf("it was moved: %+v", x)
	}
	if got := asked(t, s.kube, "shop", "SELECT string_agg(format('%s %s %s', last_value, is_called, (SELECT count FROM totals)), ',') FROM tickets"); got != "100 t 300" {
		t.Errorf("sequence and view on the target: %s", got)
	}
	if got := asked(t, s.kube, "shop", "SELECT format('%s %s %s %s', has_table_privilege('reader', 'back.odd_1', 'SELECT'), has_database_privilege('reader', 'shop', 'CONNECT'), pg_has_role('shop', 'reader', 'MEMBER WITH ADMIN OPTION'), (SELECT setconfig FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole WHERE rolname = 'shop'))"); got != `t f t {work_mem=8MB,"search_path=public, back"}` {
		t.Errorf("rights on the target: %s", got)
	}
	moved := x
	if x, err = m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	w.more(t, 200)
	s.allThere(t, w, p, s.vm, 2)
	if len(w.errors) != 0 {
		t.Errorf("clients saw errors: %v", w.errors)
	}
	t.Logf("longest pause seen by clients %s; by the mover %s and %s", w.longest(), moved.Cuts[0].Pause, x.Cuts[1].Pause)
	s.isUndone(t)
	said := fmt.Sprintf("%+v %+v %#v", s.kept, m.Source, m.Target)
	for i := range 2 {
		said += logOf(t, []Server{s.vm, s.kube}[i])
	}
	if strings.Contains(said, "secret") || strings.Contains(said, "SCRAM-SHA-256$") {
		t.Error("a password is logged, printed or kept")
	}
}

// isUndone makes sure that nothing of a transfer is left.
func (s *scene) isUndone(t *testing.T) {
	t.Helper()
	for _, side := range []Server{s.vm, s.kube} {
		for what, query := range map[string]string{
			"slots":         "SELECT string_agg(slot_name, ' ') FROM pg_replication_slots",
			"subscriptions": "SELECT string_agg(subname, ' ') FROM pg_subscription",
			"origins":       "SELECT string_agg(roname, ' ') FROM pg_replication_origin",
		} {
			if got := asked(t, side, maintenance, query); got != "" {
				t.Errorf("%s of %s are left: %s", what, side.Name, got)
			}
		}
	}
	if got := asked(t, s.kube, maintenance, "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'shop%'"); got != "" {
		t.Errorf("databases are left: %s", got)
	}
	if got := asked(t, s.kube, maintenance, "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname IN ('shop', 'reader')"); got != "" {
		t.Errorf("roles are left: %s", got)
	}
	if got := asked(t, s.vm, "shop", "SELECT concat((SELECT string_agg(pubname, ' ') FROM pg_publication), (SELECT count(*) FROM pg_trigger WHERE tgname = 'caravan_fence'), to_regnamespace('caravan_fence'))"); got != "0" {
		t.Errorf("publications, triggers and schemas are left: %s", got)
	}
}

// TestALostSourceIsSaidWhileItIsCopied ends what the mover has open on the source as soon as rows are copied, as a restart does.
func TestALostSourceIsSaidWhileItIsCopied(t *testing.T) {
	t.Parallel()
	s := set(t)
	m := s.mover(t)
	m.passed = func(step string) {
		if step == "subscribed" {
			sql(t, s.vm, maintenance, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caravan' AND pid <> pg_backend_pid()")
		}
	}
	x, err := m.Follow(t.Context(), planned())
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "vm does not answer any more") || x.Phase != standby.Prepared {
		t.Fatalf("%s, %v", x.Phase, err)
	}
	m.passed = nil
	if x, err = m.Follow(t.Context(), x); err != nil || x.Phase != standby.Following {
		t.Fatalf("%s, %v", x.Phase, err)
	}
	if err := dropSlots(t.Context(), into(t, s.vm, "shop"), x.Slot("shop"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Follow(t.Context(), x); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "the slot caravan_shop_0 is gone") {
		t.Errorf("its slot was dropped: %v", err)
	}
	if _, err := m.Undo(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	s.isUndone(t)
}
