package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/standby"
)

// shell runs scripts on this machine as whom PostgreSQL runs as.
func shell(t testing.TB, dir string) func(context.Context, string, string) (string, error) {
	return func(ctx context.Context, script, input string) (string, error) {
		cmd := as(t, dir, "/bin/sh", "-c", script)
		cmd.SysProcAttr.Pdeathsig = 0 // what it starts outlives it
		cmd.Stdin = strings.NewReader(input)
		var said, complaint bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &complaint
		if err := cmd.Start(); err != nil {
			return "", err
		}
		stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
		defer stop()
		err := cmd.Wait()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, complaint.String())
		}
		return said.String(), err
	}
}

// bare is a server whose machine is this one; it is not there yet.
func bare(t testing.TB, name string, settings ...string) (Server, Plain) {
	t.Helper()
	dir, bin := folder(t), programs(t)
	s := Server{Name: name, Address: Address{Host: "127.0.0.1", Port: uint16(porttest.Free(t))}, Login: Login{User: "mover", Password: secret}}
	more := ""
	for _, x := range settings {
		more += " -c " + x
	}
	p := Plain{Name: name, Data: dir + "/data", Bin: bin, Shell: shell(t, dir),
		Begin: fmt.Sprintf(`"$BIN/pg_ctl" -D "$DATA" -w -l %s/log -o "-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off -c wal_retrieve_retry_interval=100ms%s" start`, dir, s.Address.Port, dir, more),
		End:   `"$BIN/pg_ctl" -D "$DATA" -w -m fast stop`}
	t.Cleanup(func() {
		shell(t, dir)(context.Background(), bin+"/pg_ctl -D "+dir+"/data -w -m immediate stop", "")
		if text, _ := os.ReadFile(dir + "/log"); t.Failed() {
			t.Logf("%s: %s", name, text[max(0, len(text)-3000):])
		}
	})
	return s, p
}

// setWhole is a scene of two servers of which the second is not there yet.
func setWhole(t testing.TB, settings ...string) (*scene, Mover) {
	t.Helper()
	vm, first := bare(t, "vm", settings...)
	kube, second := bare(t, "kube", settings...)
	made, dir := seeded(t), filepath.Dir(first.Data)
	if out, err := as(t, dir, "cp", "-a", made+"/data", dir+"/data").CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	if out, err := as(t, dir, "sh", "-c", "echo host replication all 127.0.0.1/32 scram-sha-256 >> data/pg_hba.conf").CombinedOutput(); err != nil {
		t.Fatalf("pg_hba.conf: %v\n%s", err, out)
	}
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &scene{vm: vm, kube: kube}
	shop(t, vm)
	s.pool, s.ini = bouncer(t, vm)
	m := s.mover(t)
	m.SourceInstance, m.TargetInstance = first, second
	return s, m
}

func whole() standby.Transfer {
	x := planned()
	x.Method = standby.Physical
	return x
}

func TestAServerIsMovedWholeAndBackAgain(t *testing.T) {
	t.Parallel()
	s, m := setWhole(t)
	w, p := write(t, s.dsn(), 6, 300), probe(t, s.vm, s.kube)
	w.more(t, 50)
	x, err := m.Follow(t.Context(), whole())
	if err != nil {
		t.Fatal(err)
	}
	w.more(t, 50)
	if x, err = m.Cut(t.Context(), x); err != nil || x.Phase != standby.Proven {
		t.Fatalf("moved: %s, %v", x.Phase, err)
	}
	w.more(t, 100)
	if got := asked(t, s.vm, maintenance, "SELECT pg_is_in_recovery()"); got != "t" && got != "true" {
		t.Errorf("the source is a standby: %s", got)
	}
	if got := asked(t, s.vm, maintenance, "SELECT string_agg(slot_name, ' ') FROM pg_replication_slots"); got != "" {
		t.Errorf("the source keeps its log for nobody: %s", got)
	}
	if x, err = m.Undo(t.Context(), x); err != nil || x.Phase != standby.Undone {
		t.Fatalf("undone: %s, %v", x.Phase, err)
	}
	w.more(t, 50)
	s.allThere(t, w, p, s.vm, 2)
	t.Logf("longest pause seen by clients %s; by the mover %s and %s", w.longest(), x.Cuts[0].Pause, x.Cuts[1].Pause)
	if got := asked(t, s.vm, maintenance, "SELECT string_agg(slot_name, ' ') FROM pg_replication_slots"); got != "" {
		t.Errorf("slots are left: %s", got)
	}
	if _, err := os.Stat(m.TargetInstance.(Plain).Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is left: %v", err)
	}
}

// interrupted is what a test stops a mover with.
type interrupted struct{}

func (interrupted) Error() string { return "interrupted" }

// until runs what a mover does in a goroutine that ends at a step, as if the program had been killed there.
func until(m Mover, step string, do func(Mover)) (ended bool) {
	done := make(chan bool)
	m.passed = func(s string) {
		if s == step {
			panic(interrupted{})
		}
	}
	go func() {
		defer func() { done <- recover() == nil }()
		do(m)
	}()
	return <-done
}

// chosen are every other step, or all when CARAVAN_TEST_KILLS is all.
func chosen(steps ...string) []string {
	if os.Getenv("CARAVAN_TEST_KILLS") == "all" {
		return steps
	}
	var out []string
	for i := 0; i < len(steps); i += 2 {
		out = append(out, steps[i])
	}
	return out
}

func TestAMoverOfAWholeServerKilledAtEveryStepIsCarriedOnByTheNext(t *testing.T) {
	t.Parallel()
	s, m := setWhole(t)
	w, p := write(t, s.dsn(), 4, 200), probe(t, s.vm, s.kube)
	w.more(t, 20)
	x := whole()
	m.Save = func(now standby.Transfer) error { x = now; return nil }
	var err error
	move := func(m Mover) {
		if x.Phase == "" || x.Phase == standby.Preparing {
			if x, err = m.Follow(t.Context(), x); err != nil {
				return
			}
		}
		x, err = m.Cut(t.Context(), x)
	}
	for _, step := range chosen("preparing", "following", "cutting", "held", "demoted", "drained", "promoted", "redirected", "released", "moved") {
		if until(m, step, move) {
			t.Fatalf("the mover was done before it came to %s: %v", step, err)
		}
	}
	if move(m); err != nil || x.Phase != standby.Proven {
		t.Fatalf("moved: %s, %v", x.Phase, err)
	}
	w.more(t, 20)
	undo := func(m Mover) { x, err = m.Undo(t.Context(), x) }
	for _, step := range chosen("returning", "demoted", "promoted", "released", "undoing") {
		if until(m, step, undo) {
			t.Fatalf("undoing was done before it came to %s: %v", step, err)
		}
	}
	if undo(m); err != nil || x.Phase != standby.Undone {
		t.Fatalf("undone: %s, %v", x.Phase, err)
	}
	w.more(t, 20)

	x = whole()
	for _, step := range []string{"held", "demoted"} {
		if until(m, step, move) {
			t.Fatalf("the mover was done before it came to %s: %v", step, err)
		}
		if undo(m); err != nil || x.Phase != standby.Undone {
			t.Fatalf("undone at %s: %s, %v", step, x.Phase, err)
		}
		w.more(t, 20)
		x = whole()
	}
	s.allThere(t, w, p, s.vm, 2)
}

func TestAPhysicalCopyNeedsHandsOnBothMachines(t *testing.T) {
	t.Parallel()
	s := &scene{vm: serve(t, "vm")}
	m := s.mover(t)
	if _, err := m.Follow(t.Context(), whole()); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without: %v", err)
	}
	if _, err := m.Undo(t.Context(), whole()); fault.KindOf(err) != fault.Invalid {
		t.Errorf("undone without: %v", err)
	}
}

func TestAServerThatWasNotStoppedInOrderIsNotFollowed(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]fault.Kind{"shut down": -1, "shut down in recovery": -1, "in production": fault.Conflict, "shutting down": fault.Conflict} {
		p := Plain{Name: "vm", Shell: func(context.Context, string, string) (string, error) {
			return "Database cluster state:               " + state + "\nLatest checkpoint location:           0/3000028\n", nil
		}}
		lsn, err := p.Demote(t.Context(), Server{}, "caravan_shop")
		if want < 0 && (err != nil || lsn != "0/3000028") || want >= 0 && fault.KindOf(err) != want {
			t.Errorf("%s: %s, %v", state, lsn, err)
		}
	}
}
