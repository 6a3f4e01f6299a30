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

var clusterFigure = regexp.MustCompile(`([\d.]+) (kubectl|built|first|again)-s`)

// cluster moves a large country to a cluster of the test bed beside kubectl, which applies the same objects in the same run.
func cluster(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Clusters\n\n")
	if _, err := os.Stat("testbed"); errors.Is(err, fs.ErrNotExist) || os.Geteuid() != 0 {
		fmt.Fprintf(page, "Not measured: a bed is raised by root.\n")
		return nil
	}
	const command = "go test -C testbed ./targets -run ^$ -bench ALargeCountry -benchtime 1x -timeout 1h"
	out, err := exec.Command("go", "test", "-C", "testbed", "./targets", "-run", "^$", "-bench", "ALargeCountry", "-benchtime", "1x", "-timeout", "1h").CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmark testbed/targets: %w: %s", err, out)
	}
	seconds := map[string]float64{}
	for _, found := range clusterFigure.FindAllSubmatch(out, -1) {
		if seconds[string(found[2])], err = strconv.ParseFloat(string(found[1]), 64); err != nil {
			return err
		}
	}
	if len(seconds) != 4 {
		return fmt.Errorf("benchmark testbed/targets: no figures in %s", out)
	}
	fmt.Fprintf(page, "300 services as they are rendered, without pods, in 601 steps, four at once, each with a target of its own.\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	fmt.Fprintf(page, "| build, apply and remember all steps | | %.1f s |\n| `kubectl apply --server-side -k` of the same files in the same run | | %.1f s |\n| ratio | ≤ 1.3 | %.2f |\n", seconds["first"], seconds["kubectl"], seconds["first"]/seconds["kubectl"])
	fmt.Fprintf(page, "| `kubectl apply --server-side -f` of what `kubectl kustomize` made before, in the same run | | %.1f s |\n| ratio, though kubectl has nothing to build | ≤ 1.3 | %.2f |\n", seconds["built"], seconds["first"]/seconds["built"])
	fmt.Fprintf(page, "| all steps again, when nothing is left to do | | %.1f s |\n| times faster than the first | ≥ 3 | %.1f |\n\n`%s`\n", seconds["again"], seconds["first"]/seconds["again"], command)
	return nil
}
