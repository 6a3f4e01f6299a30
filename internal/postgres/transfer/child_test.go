package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"time"

	"example.org/caravan/internal/standby"
)

// asChild is the variable that makes the test's program a mover instead: the file that says what to do.
const asChild = "CARAVAN_MOVE"

// errand is what a mover that is another process is told.
type errand struct {
	Source, Target Server    `json:"-"`
	Ports          [3]uint16 // of the source, the target and the pooler
	Programs, INI  string
	State          string // file the transfer is kept in
	Undo           bool
	Stop           string // step at which the process waits to be killed
	Stopped        string // file that is there when it waits
}

func (e errand) mover() Mover {
	servers := [2]Server{}
	for i, name := range []string{"vm", "kube"} {
		servers[i] = Server{Name: name, Address: Address{Host: "127.0.0.1", Port: e.Ports[i]}, Login: Login{User: "mover", Password: secret}}
	}
	return Mover{Source: servers[0], Target: servers[1], Programs: e.Programs, Most: time.Minute,
		Holder: PgBouncer{Name: "pooler", Admin: Address{Host: "127.0.0.1", Port: e.Ports[2]}, Login: Login{User: "pooladmin"}, Databases: []string{"shop"}, Edit: editor(e.INI)},
		Save:   func(t standby.Transfer) error { return keep(e.State, t) },
		passed: func(step string) {
			if step == e.Stop {
				_ = os.WriteFile(e.Stopped, nil, 0o600)
				select {}
			}
		}}
}

func keep(file string, t standby.Transfer) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func kept(file string) (standby.Transfer, error) {
	t := standby.Transfer{ID: "shop", Method: standby.Logical, Databases: []string{"shop"}}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	return t, err
}

// child carries a transfer on from where it is kept.
func child() int {
	var e errand
	text, err := os.ReadFile(os.Getenv(asChild))
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	var t standby.Transfer
	if err == nil {
		t, err = kept(e.State)
	}
	if err == nil {
		err = e.run(context.Background(), t)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (e errand) run(ctx context.Context, t standby.Transfer) (err error) {
	m := e.mover()
	if e.Undo {
		_, err = m.Undo(ctx, t)
		return err
	}
	switch t.Phase {
	case "", standby.Planned, standby.Preparing, standby.Prepared, standby.Following:
		if t, err = m.Follow(ctx, t); err != nil {
			return err
		}
	}
	_, err = m.Cut(ctx, t)
	return err
}

// start begins an errand as a process of its own.
func (e errand) start(t testing.TB) *exec.Cmd {
	t.Helper()
	file := t.TempDir() + "/errand"
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asChild+"="+file)
	cmd.Stderr, cmd.Stdout = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// killed runs an errand and kills it when it comes to a step, or after a time. It reports whether it ended by itself before.
func (e errand) killed(t testing.TB, step string, after time.Duration) bool {
	t.Helper()
	e.Stop, e.Stopped = step, t.TempDir()+"/stopped"
	cmd := e.start(t)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	limit := time.NewTimer(after)
	defer limit.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the mover ended: %v", err)
			}
			return true
		case <-limit.C:
			if step != "" {
				t.Errorf("the mover never came to %s", step)
			}
			cmd.Process.Kill()
			<-ended
			return false
		case <-tick.C:
			if _, err := os.Stat(e.Stopped); err == nil {
				cmd.Process.Kill()
				<-ended
				return false
			}
		}
	}
}
