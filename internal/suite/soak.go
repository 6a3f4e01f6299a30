package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"example.org/caravan/internal/soak"
)

// soakPage is what the outcome of each experiment is written to.
const soakPage = "docs/soak.md"

// fuzzed is how long each fuzz target is tried.
const fuzzed = 30 * time.Second

// row is a line of the page.
type row struct {
	promise, count, outcome string
	took                    time.Duration
}

// runSoak carries out every experiment with its full number, and writes the page anew after each, so that what was tried stands there
// however it ends.
func runSoak(ctx context.Context, out, log io.Writer) error {
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return fmt.Errorf("which commit this is: %w", err)
	}
	var rows []row
	failed := false
	note := func(r row) error {
		fmt.Fprintf(out, "%s: %s, %s after %.0f s\n", r.outcome, r.promise, r.count, r.took.Seconds())
		failed = failed || r.outcome != "passed"
		rows = append(rows, r)
		return writeSoak(rows, strings.TrimSpace(string(commit)), time.Now())
	}
	for _, e := range soak.All() {
		if err := note(experiment(ctx, e, log)); err != nil {
			return err
		}
	}
	if err := note(raced(ctx, log)); err != nil {
		return err
	}
	targets, err := fuzzTargets(ctx)
	if err != nil {
		return err
	}
	for _, f := range targets {
		if err := note(f.try(ctx, log)); err != nil {
			return err
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

// experiment runs the test of one with its full number.
func experiment(ctx context.Context, e soak.Experiment, log io.Writer) row {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", "test", "-v", "-count=1", "-timeout=6h", "-run", e.Test, e.Package)
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.Module, log, log
	cmd.Env = append(os.Environ(), soak.Variable+"=1", "CARAVAN_TEST_ALL=1")
	return row{e.Promise, fmt.Sprintf("%d %s", e.Full, e.Unit), outcomeOf(cmd.Run()), time.Since(began)}
}

// raced runs the program's tests with the race detector: all of them, of which make test runs the quick ones of four packages.
func raced(ctx context.Context, log io.Writer) row {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", "test", "-race", "-count=1", "-timeout=3h", "./...")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	return row{"no two goroutines race in any test of the program", "1 run of all", outcomeOf(cmd.Run()), time.Since(began)}
}

func outcomeOf(err error) string {
	if err != nil {
		return "failed: " + err.Error()
	}
	return "passed"
}

// target is a fuzz target.
type target struct{ pkg, name string }

var packageLine = regexp.MustCompile(`^ok\s+(\S+)`)

// fuzzTargets are those of the program.
func fuzzTargets(ctx context.Context) ([]target, error) {
	text, err := exec.CommandContext(ctx, "go", "test", "-short", "-list", "^Fuzz", "./...").Output()
	if err != nil {
		return nil, fmt.Errorf("list the fuzz targets: %w", err)
	}
	var out []target
	var names []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "Fuzz") {
			names = append(names, strings.TrimSpace(line))
		} else if m := packageLine.FindStringSubmatch(line); m != nil {
			for _, name := range names {
				out = append(out, target{m[1], name})
			}
			names = nil
		}
	}
	return out, nil
}

func (f target) try(ctx context.Context, log io.Writer) row {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+f.name+"$", "-fuzztime", fuzzed.String(), f.pkg)
	cmd.Stdout, cmd.Stderr = log, log
	return row{"`" + f.name + "` of " + f.pkg + " ends well, whatever it reads", fmt.Sprintf("%.0f s of new inputs", fuzzed.Seconds()), outcomeOf(cmd.Run()), time.Since(began)}
}

// experimentsTitle begins the section of the page that experiments are written to. The other sections stay as they are.
const experimentsTitle = "## Experiments\n"

func writeSoak(rows []row, commit string, now time.Time) error {
	before, err := os.ReadFile(soakPage)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(before), experimentsTitle)
	if !found {
		return fmt.Errorf("%s has no section %q", soakPage, strings.TrimSpace(experimentsTitle))
	}
	if i := strings.Index(rest, "\n## "); i >= 0 {
		rest = rest[i:]
	} else {
		rest = ""
	}
	var b strings.Builder
	b.WriteString(head + experimentsTitle + "\n| experiment | count | outcome | seconds | commit | date |\n| --- | --- | --- | ---: | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f | %s | %s |\n", r.promise, r.count, r.outcome, r.took.Seconds(), commit, now.UTC().Format(time.DateOnly))
	}
	return os.WriteFile(soakPage, []byte(b.String()+rest), 0o644)
}
