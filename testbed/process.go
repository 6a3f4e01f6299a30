package testbed

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a program of the bed that goes on after the one that started it.
type process struct {
	name  string // of its log, and of its control group
	group string // below the bed's own
	space string // network namespace; "" for that of the machine
	argv  []string
	env   []string
}

// start starts a program in its control group and namespace. What it says goes to a file in the folder of logs.
func (b *Bed) start(p process) error {
	if err := makeGroup(p.group); err != nil {
		return fmt.Errorf("make the control group of %s: %w", p.name, err)
	}
	log, err := os.OpenFile(filepath.Join(b.logs(), p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	argv := p.argv
	if p.space != "" {
		argv = inside(p.space, argv...)
	}
	// The shell enters the groups before there is anything else in the process, so that nothing it starts is outside of them.
	enter := ""
	for _, h := range hierarchies() {
		enter += "echo $$ > " + filepath.Join(h, rootGroup, p.group, "cgroup.procs") + " && "
	}
	cmd := exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", enter + `exec "$@"`, "sh"}, argv...)...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = b.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return cmd.Process.Release()
}

// await asks again and again until something is so, and says what was lacking last when it is not in time.
func await(ctx context.Context, what string, patience time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w", what, patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// listens reports whether somebody accepts connections in a namespace.
func listens(space, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := dial(ctx, space, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// Dial connects to an address of the bed's bridge, where machines and clusters are.
func (b *Bed) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return dial(ctx, lan, network, address)
}
