package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// step is a command of the suite.
type step struct {
	name string
	dir  string // below the checkout; "" for the checkout itself
	argv []string
	env  []string
	test bool // it writes what `go test -json` does
}

// lane is a row of steps, each of which waits for the one before it. A failed step ends its lane,
// unless it runs tests.
type lane []step

// tests is a step that runs tests of packages.
func tests(name, dir string, env []string, argv ...string) step {
	return step{name: name, dir: dir, env: env, argv: append([]string{"go", "test", "-json"}, argv...), test: true}
}

// runner runs lanes, and keeps what they print.
type runner struct {
	mu       sync.Mutex
	results  results
	broken   []string // steps that failed without a test that did
	log      io.Writer
	progress io.Writer
	env      []string // of all steps
}

// run runs all lanes beside each other.
func (r *runner) run(ctx context.Context, lanes []lane) {
	var all sync.WaitGroup
	for _, l := range lanes {
		all.Go(func() {
			for _, s := range l {
				err := r.step(ctx, s)
				if err == nil {
					continue
				}
				r.mu.Lock()
				r.broken = append(r.broken, fmt.Sprintf("%s: %v", s.name, err))
				r.mu.Unlock()
				if !s.test {
					return
				}
			}
		})
	}
	all.Wait()
}

// step runs one. That tests failed is no error: the results have it.
func (r *runner) step(ctx context.Context, s step) error {
	cmd := command(ctx, r.env, s)
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		return err
	}
	var last tail
	read := make(chan struct{})
	go func() {
		defer close(read)
		r.read(s, out, &last)
	}()
	err := cmd.Wait()
	err = errors.Join(err, in.Close())
	<-read
	if err == nil || r.hasFailed(s) {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, strings.Join(last, "\n"))
}

// command is a step's program. It ends with this one, however this one ends.
func command(ctx context.Context, env []string, s step) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.argv[0], s.argv[1:]...)
	cmd.Dir, cmd.Env = s.dir, append(append(os.Environ(), env...), s.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return cmd
}

// output is what a command prints in the checkout. Where it fails, the error has all it printed.
func output(ctx context.Context, env []string, argv ...string) (string, error) {
	text, err := command(ctx, env, step{argv: argv}).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s%s", err, text, exit.Stderr)
	}
	return string(text), err
}

// hasFailed reports whether a test of a step has.
func (r *runner) hasFailed(s step) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.results.failed(), func(o *outcome) bool { return o.Step == s.name })
}

// tail are the last lines of something.
type tail []string

func (t *tail) add(line string) {
	if *t = append(*t, line); len(*t) > quoted {
		*t = (*t)[1:]
	}
}

// read takes note of what a step prints, line by line.
func (r *runner) read(s step, out io.Reader, last *tail) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.line(s, strings.TrimRight(line, "\n"), last)
		}
		if err != nil {
			return
		}
	}
}

// waiting begins what a test says that finds no room for its bed, and what it waits for.
const waiting = "waiting for room"

func (r *runner) line(s step, line string, last *tail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e event
	if !s.test || json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		last.add(line)
		fmt.Fprintf(r.log, "%s| %s\n", s.name, line)
		return
	}
	if e.Output != "" {
		fmt.Fprintf(r.log, "%s| %s\n", short(e), strings.TrimRight(e.Output, "\n"))
	}
	if i := strings.Index(e.Output, waiting); i >= 0 && e.Test != "" {
		fmt.Fprintf(r.progress, "%s: %s\n", e.Test, strings.TrimSpace(e.Output[i:]))
	}
	if ended := r.results.add(s.name, e); ended != "" && !strings.HasPrefix(ended, "?") {
		fmt.Fprintln(r.progress, ended)
	}
}

// short is how the log names what printed a line: the package without what all have in common.
func short(e event) string {
	if e.Package == "" {
		return e.ImportPath
	}
	return strings.TrimPrefix(strings.TrimPrefix(e.Package, "example.org/caravan/"), "internal/")
}
