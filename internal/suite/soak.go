package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/soak"
)

// soakPage is what the outcome of each experiment is written to.
const soakPage = "docs/soak.md"

// fuzzed is how long each fuzz target is tried.
const fuzzed = 30 * time.Second

// runSoak carries out every experiment with its full number, and writes the page anew after each,
// so that what was tried stands there however it ends. What an earlier run found stays until it is
// found anew.
func runSoak(ctx context.Context, out, log io.Writer, env []string) error {
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return fmt.Errorf("which commit this is: %w", err)
	}
	page, err := readSoak(soakPage)
	if err != nil {
		return err
	}
	targets, err := fuzzTargets(ctx, env)
	if err != nil {
		return err
	}
	failed := false
	for _, e := range experiments(targets) {
		began := time.Now()
		outcome := e.carryOut(ctx, log, env)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		fmt.Fprintf(out, "%s: %s, %s after %.0f s\n", outcome, e.promise, e.count, time.Since(began).Seconds())
		failed = failed || outcome != passed
		page.note(e, fmt.Sprintf("%s | %.0f | %s | %s", outcome, time.Since(began).Seconds(), strings.TrimSpace(string(commit)), time.Now().UTC().Format(time.DateOnly)))
		if err := page.write(soakPage); err != nil {
			return err
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

// experiment is something that proves a promise by large numbers.
type experiment struct {
	promise, count string
	step           step
}

// experiments are those of the table, a run of all tests with the race detector, and every fuzz
// target.
func experiments(targets []target) []experiment {
	var out []experiment
	for _, e := range soak.All() {
		out = append(out, experiment{e.Promise, fmt.Sprintf("%d %s", e.Full, e.Unit), step{
			dir: e.Module, argv: []string{"go", "test", "-v", "-count=1", "-timeout=6h", "-run", e.Test, e.Package}, env: []string{soak.Variable + "=1"},
		}})
	}
	// make test runs the quick ones of some packages with the race detector.
	out = append(out, experiment{"no two goroutines race in any test of the program", "1 run of all", step{
		argv: []string{"go", "test", "-v", "-race", "-count=1", "-timeout=3h", "./..."},
	}})
	for _, f := range targets {
		out = append(out, experiment{"`" + f.name + "` of " + f.pkg + " ends well, whatever it reads", fmt.Sprintf("%.0f s of new inputs", fuzzed.Seconds()), step{
			argv: []string{"go", "test", "-v", "-run", "^$", "-fuzz", "^" + f.name + "$", "-fuzztime", fuzzed.String(), f.pkg},
		}})
	}
	return out
}

const passed = "passed"

// carryOut runs an experiment and says how it ended. One that ran no test has not passed.
func (e experiment) carryOut(ctx context.Context, log io.Writer, env []string) string {
	cmd := command(ctx, env, e.step)
	var seen ran
	cmd.Stdout = io.MultiWriter(log, &seen)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	switch {
	case seen.failed != "":
		return "failed: " + seen.failed
	case err != nil:
		return "failed: " + err.Error()
	case !seen.any:
		return "failed: there is no such test"
	}
	return passed
}

// ran looks, in what go test -v prints, for a test that ran and for the first that failed.
type ran struct {
	any    bool
	failed string
	rest   string // of a line whose end is still to come
}

func (r *ran) Write(text []byte) (int, error) {
	lines := strings.Split(r.rest+string(text), "\n")
	r.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		r.any = r.any || strings.HasPrefix(line, "=== RUN") || strings.HasPrefix(line, "fuzz: elapsed")
		if name, ok := strings.CutPrefix(line, "--- FAIL: "); ok && r.failed == "" {
			r.failed, _, _ = strings.Cut(name, " ")
		}
	}
	return len(text), nil
}

// target is a fuzz target.
type target struct{ pkg, name string }

var packageLine = regexp.MustCompile(`^ok\s+(\S+)`)

// fuzzTargets are those of the program.
func fuzzTargets(ctx context.Context, env []string) ([]target, error) {
	text, err := output(ctx, env, "go", "test", "-list", "^Fuzz", "./...")
	if err != nil {
		return nil, fmt.Errorf("list the fuzz targets: %w", err)
	}
	var out []target
	var names []string
	for line := range strings.Lines(text) {
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

// experimentsTitle begins the section of the page that experiments are written to. The other
// sections stay as they are.
const experimentsTitle = "## Experiments\n"

const tableHead = "| experiment | count | outcome | seconds | commit | date |\n| --- | --- | --- | ---: | --- | --- |\n"

// page is the page of experiments.
type page struct {
	before, after string   // the table
	rows          []string // "promise | count | outcome | seconds | commit | date"
}

// readSoak reads the page.
func readSoak(path string) (*page, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	before, rest, found := strings.Cut(string(text), experimentsTitle)
	if !found {
		return nil, fmt.Errorf("%s has no section %q; put it back", path, strings.TrimSpace(experimentsTitle))
	}
	p := &page{before: before + experimentsTitle + "\n"}
	if i := strings.Index(rest, "\n## "); i >= 0 {
		rest, p.after = rest[:i], rest[i:]
	}
	if _, table, found := strings.Cut(rest, tableHead); found {
		for line := range strings.Lines(table) {
			if row, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimSpace(line), " |"), "| "); ok {
				p.rows = append(p.rows, row)
			}
		}
	}
	return p, nil
}

// note puts the outcome of an experiment in the place of an earlier one.
func (p *page) note(e experiment, outcome string) {
	row := e.promise + " | " + e.count + " | " + outcome
	i := slices.IndexFunc(p.rows, func(r string) bool { return strings.HasPrefix(r, e.promise+" | ") })
	if i < 0 {
		p.rows = append(p.rows, row)
		return
	}
	p.rows[i] = row
}

func (p *page) write(path string) error {
	var b strings.Builder
	b.WriteString(p.before + tableHead)
	for _, r := range p.rows {
		b.WriteString("| " + r + " |\n")
	}
	b.WriteString(p.after)
	if err := os.WriteFile(path+".new", []byte(b.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
