package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

var driftFigure = regexp.MustCompile(`([\d.]+) (live|ours|kubectl|objects|wrong|found|planted)(?:-s)?\b`)

// drifted compares a fleet with what is declared, in a cluster of the test bed beside kubectl diff, and reads what the store has of it.
func drifted(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Drift\n\n")
	if _, err := os.Stat("testbed"); errors.Is(err, fs.ErrNotExist) || os.Geteuid() != 0 {
		fmt.Fprintf(page, "Not measured: a bed is raised by root.\n")
		return nil
	}
	const command = "go test -C testbed ./targets -run ^$ -bench Drift -benchtime 1x -timeout 1h"
	out, err := exec.Command("go", "test", "-C", "testbed", "./targets", "-run", "^$", "-bench", "Drift", "-benchtime", "1x", "-timeout", "1h").CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmark testbed/targets: %w: %s", err, out)
	}
	v := map[string]float64{}
	for _, found := range driftFigure.FindAllSubmatch(out, -1) {
		if v[string(found[2])], err = strconv.ParseFloat(string(found[1]), 64); err != nil {
			return err
		}
	}
	const figures = 7
	if len(v) != figures {
		return fmt.Errorf("benchmark testbed/targets: no figures in %s", out)
	}
	cached, err := fromStore()
	if err != nil {
		return err
	}
	fmt.Fprintf(page, "500 services in two environments of a real API server, from their files and what the cluster remembers, and the same on 1,500 machines as they were read.\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	fmt.Fprintf(page, "| build, list and compare all of it | < 20 s | %.1f s |\n| the same from the store: read, judge, and the matrix | < 2 s | %.2f s |\n", v["live"], cached)
	fmt.Fprintf(page, "| %.0f objects of 100 services, built, listed and compared | | %.2f s |\n| `kubectl diff --server-side` of the same objects in the same run, built before, with the same verdicts | | %.1f s |\n| times faster | ≥ 5 | %.1f |\n", v["objects"], v["ours"], v["kubectl"], v["kubectl"]/v["ours"])
	fmt.Fprintf(page, "| planted drifts of 13 kinds found with their owner and class | %.0f of %.0f | %.0f of %.0f |\n| differences found in 50 compares of what nobody touched | 0 | %.0f |\n", v["planted"], v["planted"], v["found"], v["planted"], v["wrong"])
	fmt.Fprintf(page, "\n`%s`, `go test ./internal/store -run ^$ -bench DriftFromStore`\n", command)
	return nil
}

var storeFigure = regexp.MustCompile(`([\d.]+) ns/op`)

// fromStore is how many seconds reading a fleet from the store takes.
func fromStore() (float64, error) {
	out, err := exec.Command("go", "test", "./internal/store", "-run", "^$", "-bench", "DriftFromStore").CombinedOutput()
	found := storeFigure.FindSubmatch(out)
	if err != nil || found == nil {
		return 0, fmt.Errorf("benchmark internal/store: %w: %s", err, out)
	}
	ns, err := strconv.ParseFloat(string(found[1]), 64)
	return ns / 1e9, err
}
