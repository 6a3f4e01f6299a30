package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"example.org/caravan/internal/synthetic"
)

// undecided is the exit code of a plan with edges that are undecided, which a large one has.
const undecided = 6

// wish is for 500 of the 2,000 services of a made-up estate: its names begin with one of ten words, each as often as the others.
const wish = `country: ID
source: production
environments:
  - {name: production-id, kind: kubernetes, nodes: 60}
  - {name: production-id-data, kind: vm}
services:
  - service: amber-*
  - service: birch-*
  - service: cedar-orders-*
  - service: cedar-pricing-*
  - service: cedar-stock-*
  - service: cedar-billing-*
  - service: cedar-search-*
`

const workspace = `organisation: Large
sources: [{name: estate, dir: estate}]
environments: [{name: production, kind: vm, country: SG}]
pools: [{name: countries, range: 10.64.0.0/10}]
`

// planning plans a quarter of a large estate.
func planning(page *bytes.Buffer, program string) error {
	dir, remove, err := largeWorkspace()
	if err != nil {
		return err
	}
	defer remove()
	if _, _, _, err := timed(program, "-w", dir, "scan"); err != nil {
		return err
	}
	var took []time.Duration
	for range repeats {
		start := time.Now()
		out, err := exec.Command(program, "-w", dir, "plan", "large", "--dry-run").CombinedOutput()
		if err := undecidedIsFine(err); err != nil {
			return fmt.Errorf("plan: %w: %s", err, out)
		}
		took = append(took, time.Since(start))
	}
	fmt.Fprintf(page, "\n## Plan\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	fmt.Fprintf(page, "| 500 of 2,000 services and 10,000 edges, with steps and all files, `caravan plan large --dry-run` | < 1 s | %.2f s |\n", median(took).Seconds())
	return nil
}

// largeWorkspace is a workspace of a large estate, with an expansion.
func largeWorkspace() (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp("", "plan"); err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	_, err = synthetic.Write(filepath.Join(dir, "estate"), synthetic.Size{Services: 2000, Edges: 10000, Files: 10000})
	err = errors.Join(err, os.MkdirAll(filepath.Join(dir, "expansions"), 0o755),
		os.WriteFile(filepath.Join(dir, "caravan.yaml"), []byte(workspace), 0o644), os.WriteFile(filepath.Join(dir, "expansions", "large.yaml"), []byte(wish), 0o644))
	if err != nil {
		remove()
	}
	return dir, remove, err
}

// undecidedIsFine takes away the error of a plan with edges that are undecided.
func undecidedIsFine(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == undecided {
		return nil
	}
	return err
}

// benchmark runs benchmarks and gives the figure of each by "NAME unit".
func benchmark(dir, pattern, times string, env ...string) (map[string]float64, string, error) {
	args := []string{"test", dir, "-run", "^$", "-bench", pattern, "-benchtime", times}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, "", fmt.Errorf("benchmark %s: %w: %s", dir, err, out)
	}
	found := map[string]float64{}
	for _, line := range bytes.Split(out, []byte("\n")) {
		name := benchmarkName.FindSubmatch(line)
		if name == nil {
			continue
		}
		for _, figure := range benchmarkFigure.FindAllSubmatch(line, -1) {
			value, err := strconv.ParseFloat(string(figure[1]), 64)
			if err != nil {
				return nil, "", err
			}
			found[string(name[1])+" "+string(figure[2])] = value
		}
	}
	return found, fmt.Sprintf("go test %s -run ^$ -bench %s -benchtime %s", dir, pattern, times), nil
}

var (
	benchmarkName   = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s`)
	benchmarkFigure = regexp.MustCompile(`([\d.]+) (\S+/op|\S+/service|p\d\d-ms)`)
)

// rendering renders a thousand services beside kustomize, which is run for each of the same overlays.
func rendering(page *bytes.Buffer, _ string) error {
	dir, err := os.MkdirTemp("", "kustomize")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	rival := filepath.Join(dir, "kustomize")
	if out, err := exec.Command("go", "build", "-modfile=tools/go.mod", "-o", rival, "sigs.k8s.io/kustomize/kustomize/v5").CombinedOutput(); err != nil {
		return fmt.Errorf("build kustomize: %w: %s", err, out)
	}
	found, command, err := benchmark("./internal/render", ".", "5x", "KUSTOMIZE="+rival)
	if err != nil {
		return err
	}
	ours, theirs := found["BothWorlds µs/service"], found["KustomizeBuild µs/service"]
	fmt.Fprintf(page, "\n## Rendering\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	fmt.Fprintf(page, "| 1,000 services for Kubernetes and virtual machines | < 10 s | %.1f s |\n", found["BothWorlds ns/op"]/1e9)
	fmt.Fprintf(page, "| a service, for both | | %.1f ms |\n| `kustomize build` of the overlay of one, as a command, in the same run | | %.1f ms |\n| ratio | ≥ 5 | %.0f |\n", ours/1000, theirs/1000, theirs/ours)
	fmt.Fprintf(page, "\n`KUSTOMIZE=… %s`\n", command)
	return nil
}

// addresses measures one allocation in memory, and many clients at a store.
func addresses(page *bytes.Buffer, _ string) error {
	memory, inMemory, err := benchmark("./internal/address", "Allocate", "200000x")
	if err != nil {
		return err
	}
	kept, inStore, err := benchmark("./internal/store", "Leases", "3x")
	if err != nil {
		return err
	}
	fmt.Fprintf(page, "\n## Addresses\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	for _, family := range []string{"IPv4", "IPv6"} {
		few, lots := memory["Allocate/"+family+"/1000 ns/op"], memory["Allocate/"+family+"/1000000 ns/op"]
		fmt.Fprintf(page, "| %s: take and give back one of 1,000,000 leases, in memory | < 1 ms | %.4f ms |\n| the same of 1,000 | as much | %.4f ms |\n", family, lots/1e6, few/1e6)
	}
	fmt.Fprintf(page, "| 10,000 leases by 16 clients on SQLite, slowest hundredth | < 20 ms | %.1f ms |\n", kept["Leases p99-ms"])
	fmt.Fprintf(page, "\n`%s`, `%s`\n", inMemory, inStore)
	return nil
}
