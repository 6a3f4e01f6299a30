// Command suite runs every test there is, those of the program and those on the test bed beside each other, and says what
// failed, why, and where the time went. `make test` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	times := flag.Bool("times", false, "also print the slowest tests and packages")
	soaks := flag.Bool("soak", false, "carry out the experiments with their full numbers instead, and write "+soakPage)
	flag.Parse()
	run := func() error { return suite(ctx, os.Stdout, *times) }
	if *soaks {
		run = func() error { return soakWhole(ctx, os.Stdout) }
	}
	err := run()
	stop()
	if err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "suite:", err)
		}
		os.Exit(1)
	}
}

var errFailed = errors.New("tests failed")

// lanes are all tests. Those on the bed mostly wait, so that the others compute beside them.
func lanes() []lane {
	program := lane{
		{name: "vet", argv: []string{"go", "vet", "./..."}},
		tests("program", "", nil, "-timeout", "30m", "./..."),
	}
	if _, err := exec.LookPath("gcc"); err == nil {
		program = append(program, tests("race", "", []string{"CGO_ENABLED=1"}, "-race", "-short", "-timeout", "20m", "./internal/discover", "./internal/app", "./internal/api/...", "./internal/store"))
	}
	bed := lane{
		{name: "vet of the test bed", dir: "testbed", argv: []string{"go", "vet", "./..."}},
		tests("sample services", "testbed/programs/kopi", nil, "./..."),
		// Those that take longest begin first.
		tests("test bed", "testbed", nil, "-p", "4", "-count=1", "-timeout", "60m", "./kopi", "./hosts", "./targets", "./why", "./..."),
	}
	return []lane{program, bed}
}

// suite runs everything. The error is errFailed, once it is said what did, or something that kept the tests from being run.
func suite(ctx context.Context, out io.Writer, times bool) error {
	if err := clearLeftovers(func(line string) { fmt.Fprintln(out, line) }); err != nil {
		return err
	}
	dir, end, err := begin()
	if err != nil {
		return err
	}
	defer end()
	log, err := newLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	if err := download(ctx, log); err != nil {
		return err
	}
	busy := beginLoad()
	stop := busy.follow()
	r := &runner{log: log, progress: out, env: environment(dir)}
	r.run(ctx, lanes())
	stop()
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if times {
		printTimes(out, &r.results)
	}
	return report(out, r, busy.String(), log.Name())
}

// environment is what all steps are told, beside what the suite itself is: where the run keeps its temporary files; to compile without the
// checkout's path, so that another checkout takes what is unchanged from the cache; and to take more memory for less garbage collection.
func environment(dir string) []string {
	return []string{"TMPDIR=" + dir, runVariable + "=" + dir, "GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" -trimpath"), "GOGC=400"}
}

// soakWhole carries out the experiments, and says where all that they print is.
func soakWhole(ctx context.Context, out io.Writer) error {
	log, err := newLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	err = runSoak(ctx, out, log)
	fmt.Fprintf(out, "The whole log: %s\n", log.Name())
	return err
}

// tries is how often a download is begun.
const tries = 3

// download fetches the modules of the program and of the bed, so that a download that breaks off fails no test.
func download(ctx context.Context, log io.Writer) error {
	for _, dir := range []string{"", "testbed", "testbed/programs/kopi"} {
		var err error
		for range tries {
			cmd := exec.CommandContext(ctx, "go", "mod", "download")
			cmd.Dir, cmd.Stdout = dir, log
			var said strings.Builder
			cmd.Stderr = io.MultiWriter(log, &said)
			if err = cmd.Run(); err == nil {
				break
			}
			err = fmt.Errorf("download the modules of ./%s: %w: %s", dir, err, strings.TrimSpace(said.String()))
		}
		if err != nil {
			return fmt.Errorf("%w; this machine must reach a proxy of Go modules, once", err)
		}
	}
	return nil
}

// keptLogs is how many logs are kept.
const keptLogs = 20

// newLog is the file that everything a run prints goes to, outside of the checkout.
func newLog() (*os.File, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = "/var/cache"
	}
	dir := filepath.Join(cache, "caravan", "test-logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.log")) // by name, so by time
	if err != nil {
		return nil, err
	}
	for _, file := range old[:max(0, len(old)-keptLogs)] {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.log", time.Now().UTC().Format("20060102-150405"), os.Getpid())))
}
