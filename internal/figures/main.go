// Command figures measures the program and writes docs/figures.md: how well it maps real estates, how fast and in how
// much memory it reads a large one beside a named rival in the same run, how soon the map page can be used, how fast a
// country is planned and rendered, and how soon the test bed stands.
// Every figure stands beside the command that made it. What cannot be measured on a machine is said, not left out.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.org/caravan/internal/synthetic"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

// section is a part of the page, and what measures it.
type section struct {
	title   string
	measure func(page *bytes.Buffer, program string) error
}

// sections are the whole page, in order.
func sections() []section {
	return []section{
		{"Accuracy", accuracy}, {"Scale", scale}, {"First view of the map page", firstView}, {"Plan", planning}, {"Portal", portal}, {"Rendering", rendering}, {"Addresses", addresses},
		{"Clusters", cluster}, {"Drift", drifted}, {"Warm standbys", warmStandbys}, {"Failover", failover}, {"Database move", moved}, {"Database move between worlds", worlds}, {"Redis", redis}, {"Test bed", bed},
	}
}

const pagePath = "docs/figures.md"

// run measures everything, or the sections that the arguments name and keeps the others as they were, and writes the page in one go, so
// that a failed run leaves the old page whole.
func run(only []string) error {
	program, err := filepath.Abs("bin/caravan")
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return errors.New("bin/caravan is not built; run make bench")
	}
	for _, title := range only {
		if !slices.ContainsFunc(sections(), func(s section) bool { return s.title == title }) {
			return fmt.Errorf("there is no section %q on the page", title)
		}
	}
	before, err := os.ReadFile(pagePath)
	if err != nil && len(only) > 0 {
		return err
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "# Figures\n\nWritten by `make bench`, on %d cores, %s. Each table names the command that made it. The machine is shared and noisy: ratios are\nmeasured against their rival in the same run, the median of %d.\n",
		runtime.NumCPU(), runtime.Version(), repeats)
	for _, s := range sections() {
		if len(only) > 0 && !slices.Contains(only, s.title) {
			page.WriteString(old(string(before), s.title))
			continue
		}
		if err := s.measure(&page, program); err != nil {
			return err
		}
		fmt.Fprintf(&page, "\nMeasured on %s.\n", time.Now().UTC().Format(time.DateOnly))
	}
	return os.WriteFile(pagePath, page.Bytes(), 0o644)
}

// old is a section of the page as it was; nothing when it had none.
func old(page, title string) string {
	_, rest, found := strings.Cut(page, "\n## "+title+"\n")
	if !found {
		return ""
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return "\n## " + title + "\n" + strings.TrimRight(text, "\n") + "\n"
}

const repeats = 5

// estates is the folder of real estates with their ground truth, beside the checkout unless the environment says otherwise.
func estates() string {
	if dir := os.Getenv("CARAVAN_ESTATES"); dir != "" {
		return dir
	}
	return filepath.Join("..", "shared", "estates")
}

// accuracy scores the map of public applications against hand-made ground truth.
func accuracy(page *bytes.Buffer, program string) error {
	fmt.Fprintf(page, "\n## Accuracy\n\nConnections of eight public applications against their hand-made ground truth, micro average, undirected.\n\n")
	scorer := filepath.Join(estates(), "..", "measure", "depmap", "run.sh")
	if _, err := os.Stat(scorer); err != nil {
		fmt.Fprintf(page, "Not measured: no ground truth beside the checkout (set `CARAVAN_ESTATES`).\n")
		return nil
	}
	fmt.Fprintf(page, "| input | goal | precision | recall | F1 | F1 without the alias file |\n| --- | --- | --- | --- | --- | --- |\n")
	inputs := []struct{ name, goal, dir, flags string }{
		{"configuration only", "P ≥ 0.95, R ≥ 0.80", estates(), "--config-only"},
		{"full checkouts", "P ≥ 0.95, R ≥ 0.92", os.Getenv("CARAVAN_CHECKOUTS"), ""},
	}
	for _, in := range inputs {
		if in.dir == "" {
			fmt.Fprintf(page, "| %s | %s | not measured here: set `CARAVAN_CHECKOUTS` | | | |\n", in.name, in.goal)
			continue
		}
		with, err := score(scorer, in.dir, program, in.flags)
		if err != nil {
			return err
		}
		without, err := score(scorer, in.dir, program, in.flags, "-n")
		if err != nil {
			return err
		}
		fmt.Fprintf(page, "| %s | %s | %.3f | %.3f | %.3f | %.3f |\n", in.name, in.goal, with.Precision, with.Recall, with.F1, without.F1)
	}
	fmt.Fprintf(page, "\nThe best published tool scores P 0.96, R 0.83, F1 0.89 on the seventeen applications of the same data set.\n\n`run.sh -g truth -a DIR 'caravan map -o json {dir}'`\n")
	return nil
}

type prf struct{ Precision, Recall, F1 float64 }

func score(scorer, dir, program, flags string, extra ...string) (prf, error) {
	args := slices.Concat([]string{scorer, "-g", filepath.Join(estates(), "truth"), "-a", dir}, extra,
		[]string{program + " map " + flags + " -o json {dir}", "--json"})
	cmd := exec.Command("bash", args...)
	out, err := cmd.Output()
	if err != nil {
		return prf{}, fmt.Errorf("score %s: %w", dir, err)
	}
	var doc struct {
		Micro struct{ Undirected prf }
	}
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&doc); err != nil {
		return prf{}, fmt.Errorf("score %s: %w", dir, err)
	}
	return doc.Micro.Undirected, nil
}

// scale reads a large estate beside grep, which only counts lines in the same files.
func scale(page *bytes.Buffer, program string) error {
	size := synthetic.Size{Services: 2000, Edges: 10000, Files: 40000}
	dir, err := os.MkdirTemp("", "estate")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	truth, err := synthetic.Write(dir, size)
	if err != nil {
		return err
	}
	var ours, rival []time.Duration
	var peak int64
	var graph []byte
	for range repeats {
		took, _, _, err := timed("grep", "-rc", "e", dir)
		if err != nil {
			return err
		}
		rival = append(rival, took)
		took, rss, out, err := timed(program, "map", "-o", "json", dir)
		if err != nil {
			return err
		}
		ours, peak, graph = append(ours, took), max(peak, rss), out
	}
	found, extra, err := compare(graph, truth)
	if err != nil {
		return err
	}
	a, b := median(ours), median(rival)
	fmt.Fprintf(page, "\n## Scale\n\nA made-up estate of %d services, %d edges and %d files, files in the page cache.\n\n| figure | goal | measured |\n| --- | --- | --- |\n", size.Services, size.Edges, size.Files)
	fmt.Fprintf(page, "| scan and map, `caravan map -o json DIR` | < 10 s | %.1f s |\n", a.Seconds())
	fmt.Fprintf(page, "| `grep -rc e DIR` in the same run | | %.1f s |\n", b.Seconds())
	fmt.Fprintf(page, "| ratio | < 4 | %.1f |\n", a.Seconds()/b.Seconds())
	fmt.Fprintf(page, "| peak memory | < 600 MB | %d MB |\n", peak/1000)
	fmt.Fprintf(page, "| edges found of those put there | | %d of %d, %d others |\n", found, len(truth), extra)
	return nil
}

// timed runs a command and returns its wall time, peak resident memory in KiB and output. grep's exit 1 is fine.
func timed(name string, args ...string) (time.Duration, int64, []byte, error) {
	cmd := exec.Command(name, args...)
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && name == "grep") {
		return 0, 0, nil, fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return took, 0, out, nil
	}
	return took, usage.Maxrss, out, nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// compare counts the edges that were put in and found, and those nobody put in.
func compare(graph []byte, truth []synthetic.Edge) (found, extra int, err error) {
	var doc struct{ Edges []struct{ From, To string } }
	if err := json.Unmarshal(graph, &doc); err != nil {
		return 0, 0, err
	}
	want := map[synthetic.Edge]bool{}
	for _, e := range truth {
		want[e] = true
	}
	for _, e := range doc.Edges {
		if want[synthetic.Edge{From: e.From, To: e.To}] {
			found++
		} else {
			extra++
		}
	}
	return found, extra, nil
}

var perView = regexp.MustCompile(`BenchmarkFirstView\S*\s+\d+\s+([\d.]+) ns/op`)

// firstView asks a real browser how soon the map page of the large estate can be used.
func firstView(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## First view of the map page\n\n")
	const command = "go test ./internal/web -run ^$ -bench BenchmarkFirstView -benchtime 5x"
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	m := perView.FindSubmatch(out)
	if err != nil || m == nil {
		fmt.Fprintf(page, "Not measured: `%s` gave no figure here (is Chromium installed?).\n", command)
		return nil
	}
	took, err := time.ParseDuration(string(m[1]) + "ns")
	if err != nil {
		return err
	}
	fmt.Fprintf(page, "| figure | goal | measured |\n| --- | --- | --- |\n| 2,000 services and 10,000 edges in Chromium, navigation to usable | < 2 s, one data request | %.2f s |\n\n`%s`; the tests assert the single data request.\n", took.Seconds(), command)
	return nil
}
