// Command suite runs every test there is, those of the program and those on the test bed beside
// each other, and says what failed, why, and where the time went. `make test` runs it.
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
	"slices"
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

// The names of the steps that run tests with the race detector. Those of raceStep run again what
// the program's have run already.
const (
	raceStep      = "race"
	raceStepWhole = raceStep + " of the store"
)

var errFailed = errors.New("tests failed")

// raced is the package whose tests all run with the race detector, and without it not once more:
// short ones, which do without PostgreSQL, would leave most of it out.
const raced = "example.org/caravan/internal/store"

// lanes are all tests. Those on the bed mostly wait, so that the others compute beside them.
func lanes(ctx context.Context) ([]lane, error) {
	packages, err := output(ctx, nil, "go", "list", "./...")
	if err != nil {
		return nil, fmt.Errorf("list the packages: %w", err)
	}
	plain := strings.Fields(packages)
	var program lane
	if _, err := exec.LookPath("gcc"); err == nil {
		env := []string{"CGO_ENABLED=1"}
		argv := []string{"-race", "-ldflags=-linkmode=internal", "-timeout", "20m"} // C's linker takes longer
		program = lane{
			tests(raceStepWhole, "", env, append(argv, raced)...),
			tests(raceStep, "", env, append(argv, "-short", "./internal/discover", "./internal/app", "./internal/api/...")...),
		}
		plain = slices.DeleteFunc(plain, func(p string) bool { return p == raced })
	}
	program = append(program,
		step{name: "vet", argv: []string{"go", "vet", "./..."}},
		tests("program", "", nil, append([]string{"-timeout", "30m"}, plain...)...))
	bed := lane{
		{name: "vet of the test bed", dir: "testbed", argv: []string{"go", "vet", "./..."}},
		tests("sample services", "testbed/programs/kopi", nil, "./..."),
		// Those that take longest begin first. A bed waits for room, so that a turn of its own is
		// not what its tests wait for, and what they wait for room beside other runs is part of
		// their time.
		tests("test bed", "testbed", nil, "-p", "4", "-parallel", "6", "-count=1", "-timeout", "3h", "./kopi", "./hosts", "./targets", "./why", "./..."),
	}
	return []lane{program, bed}, nil
}

// suite runs everything. The error is errFailed, once it is said what did, or something that kept
// the tests from being run.
func suite(ctx context.Context, out io.Writer, times bool) error {
	dir, log, end, err := begin(out)
	if err != nil {
		return err
	}
	defer end()
	download(ctx, io.MultiWriter(out, log), log)
	all, err := lanes(ctx)
	if err != nil {
		return err
	}
	busy := beginLoad()
	stop := busy.follow()
	r := &runner{log: log, progress: out, env: environment(dir)}
	r.run(ctx, all)
	stop()
	if times {
		printTimes(out, &r.results)
	}
	if ctx.Err() != nil {
		r.broken = append(r.broken, "interrupted")
	}
	return report(out, r, busy.String(), log.Name())
}

// begin clears what killed runs left, makes a run's folder and its log, and says where that is.
func begin(out io.Writer) (dir string, log *os.File, end func(), err error) {
	if err := clearLeftovers(runFolders, func(line string) { fmt.Fprintln(out, line) }); err != nil {
		return "", nil, nil, err
	}
	dir, free, err := makeFolder(runFolders)
	if err != nil {
		return "", nil, nil, err
	}
	if log, err = newLog(); err != nil {
		free()
		return "", nil, nil, err
	}
	fmt.Fprintf(out, "Everything that is printed goes to %s\n", log.Name())
	return dir, log, func() {
		free()
		_ = log.Close()
	}, nil
}

// environment is what all steps are told, beside what the suite itself is: where the run keeps its
// temporary files, to compile without the checkout's path, so that another checkout takes what is
// unchanged from the cache, and to link without C, as the program is built.
func environment(dir string) []string {
	return []string{"TMPDIR=" + dir, runVariable + "=" + dir, "GOFLAGS=" + strings.TrimSpace(os.Getenv("GOFLAGS")+" -trimpath"), "CGO_ENABLED=0"}
}

// soakWhole carries out the experiments.
func soakWhole(ctx context.Context, out io.Writer) error {
	dir, log, end, err := begin(out)
	if err != nil {
		return err
	}
	defer end()
	return runSoak(ctx, out, log, append(environment(dir), "CARAVAN_TEST_ALL=1", "CGO_ENABLED=1"))
}

// tries is how often a download is begun.
const tries = 3

// download fetches the modules of the program and of the bed, so that a download that breaks off
// fails no test. Where that does not succeed, the tests may do without: what they lack they name.
func download(ctx context.Context, out, log io.Writer) {
	for _, dir := range []string{"", "testbed", "testbed/programs/kopi"} {
		var err error
		for range tries {
			cmd := exec.CommandContext(ctx, "go", "mod", "download")
			cmd.Dir, cmd.Stdout = dir, log
			var said strings.Builder
			cmd.Stderr = io.MultiWriter(log, &said)
			if err = cmd.Run(); err == nil || ctx.Err() != nil {
				break
			}
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			fmt.Fprintf(out, "The modules of ./%s cannot all be downloaded: %v\n", dir, err)
		}
	}
}

// keptLogs is how many logs are kept, with the one that is begun.
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
	for _, file := range old[:max(0, len(old)-keptLogs+1)] {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.log", time.Now().UTC().Format("20060102-150405"), os.Getpid())))
}
