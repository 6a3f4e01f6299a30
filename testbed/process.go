package testbed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// process is a program of the bed that goes on after the one that started it.
type process struct {
	name  string // of its log
	group string // control group, below the bed's own
	space space  // network namespace; "" for that of the computer
	argv  []string
}

// start starts a program in its control group and namespace. What it says goes to a file in the
// folder of logs.
func (b *Bed) start(p process) error {
	if err := b.groups.make(p.group); err != nil {
		return fmt.Errorf("make the control group of %s: %w", p.name, err)
	}
	log, err := os.OpenFile(filepath.Join(b.Logs(), p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	argv := p.argv
	if p.space != "" {
		argv = p.space.inside(argv...)
	}
	// The shell enters the groups before there is anything else in the process, so that nothing it
	// starts is outside of them.
	enter := ""
	for _, h := range hierarchies() {
		enter += "echo $$ > " + filepath.Join(h, string(b.groups), p.group, "cgroup.procs") + " && "
	}
	cmd := exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", enter + `exec "$@"`, "sh"}, argv...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = b.Dir
	// It is no process of the run that raised the bed, which may end before the bed does.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "CARAVAN_TEST_RUN=") || strings.HasPrefix(v, "TMPDIR=")
	})
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return cmd.Process.Release()
}

// await asks again and again until something is so, and says what was lacking last when it is not
// in time.
func await(ctx context.Context, what string, patience time.Duration, ready func(context.Context) error) error {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if whole.Err() != nil {
				return fmt.Errorf("wait for %s: %w", what, whole.Err())
			}
			return fmt.Errorf("%s is not ready after %s: %w", what, patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Await asks until something is so, for two minutes, and says what was lacking last when it is not
// in time.
func (b *Bed) Await(ctx context.Context, what string, ready func() error) error {
	return await(ctx, what, 2*time.Minute, func(context.Context) error { return ready() })
}

// Await asks until something is so or ctx ends, and says what was lacking last.
func Await(ctx context.Context, what string, ready func(context.Context) error) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(2 * time.Minute)
	}
	return await(ctx, what, time.Until(deadline)-time.Second, ready)
}

// run runs a program and tells what it said when it fails.
func run(ctx context.Context, argv ...string) error { return feed(ctx, "", argv...) }

// feed runs a program with a text on its standard input, and tells what it said when it fails.
func feed(ctx context.Context, text string, argv ...string) error {
	cmd, free := mortal(ctx, argv)
	defer free()
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", said(argv), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// mortal is a program that ends with this one, however this one ends: with the thread that starts
// it (prctl(2), PR_SET_PDEATHSIG), which is kept until it is freed.
func mortal(ctx context.Context, argv []string) (cmd *exec.Cmd, free func()) {
	runtime.LockOSThread()
	cmd = exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, runtime.UnlockOSThread
}

// output runs a program and gives what it says on its standard output.
func output(ctx context.Context, argv ...string) (string, error) {
	cmd, free := mortal(ctx, argv)
	defer free()
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", said(argv), err, strings.TrimSpace(complaint.String()))
	}
	return string(out), nil
}

// said is a command line as people speak of it: what it does, without how the bed comes to where it
// does it.
func said(argv []string) string {
	if i := slices.IndexFunc(argv, func(a string) bool { return strings.HasPrefix(a, "root@") }); i >= 0 {
		argv = argv[i+1:]
	}
	if i := slices.Index(argv, "--"); i >= 0 && argv[0] == "nsenter" {
		argv = argv[i+1:]
	}
	return strings.Join(argv, " ")
}
