package pgbackrest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"example.org/caravan/internal/fault"
)

// mostOutput bounds, in bytes, what is kept of each of a program's outputs.
const mostOutput = 8 << 20

// Here runs programs on this machine.
func Here(ctx context.Context, argv ...string) (Output, error) {
	out, complaints := bounded{}, bounded{}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = "/", &out, &complaints, time.Second
	err := cmd.Run()
	said := Output{Stdout: out.kept.Bytes(), Stderr: complaints.kept.Bytes()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return said, ctx.Err()
	case err == nil:
		return said, nil
	case errors.As(err, &exit):
		said.Code = exit.ExitCode()
		return said, nil
	case errors.Is(err, exec.ErrNotFound):
		return said, fault.Newf(fault.Unavailable, "%s is not installed on this machine", argv[0])
	}
	return said, fault.Newf(fault.Unavailable, "run %s: %w", argv[0], err)
}

// As has a runner run programs as an account of the system, when it would as root. Root may do that: runuser (util-linux).
func As(r Runner, account string) Runner {
	return func(ctx context.Context, argv ...string) (Output, error) {
		return r(ctx, append([]string{"runuser", "-u", account, "--"}, argv...)...)
	}
}

// ThisMachine runs programs here, as an account of the system when this program runs as root, else as itself.
func ThisMachine(account string) Runner {
	if os.Geteuid() == 0 {
		return As(Here, account)
	}
	return Here
}

// bounded keeps the beginning of what is written.
type bounded struct{ kept bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if left := mostOutput - b.kept.Len(); left > 0 {
		b.kept.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}
