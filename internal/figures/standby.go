package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

// trials is how often each variant of a failover is run; what is written is the median.
const trials = 3

var (
	trial         = regexp.MustCompile(`(?m)^BenchmarkFailover/(\w+)\S*\s.*$`)
	failoverValue = regexp.MustCompile(`([\d.]+) (before-ms|after-ms|said-%|counted-%)`)
)

// warmStandbys kills primaries on a disk held to what a cloud volume does, with standbys that are kept warm and with one that is not.
func warmStandbys(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Warm standbys\n\n")
	if os.Geteuid() != 0 {
		fmt.Fprintf(page, "Not measured: a disk is held back by root.\n")
		return nil
	}
	args := []string{"test", "./internal/postgres/warmer", "-run", "^$", "-bench", "Failover", "-benchtime", "1x", "-count", strconv.Itoa(trials), "-timeout", "3h"}
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmark internal/postgres/warmer: %w: %s", err, out)
	}
	got := map[string]map[string][]float64{}
	for _, line := range trial.FindAllSubmatch(out, -1) {
		name := string(line[1])
		if got[name] == nil {
			got[name] = map[string][]float64{}
		}
		for _, v := range failoverValue.FindAllSubmatch(line[0], -1) {
			n, err := strconv.ParseFloat(string(v[1]), 64)
			if err != nil {
				return err
			}
			got[name][string(v[2])] = append(got[name][string(v[2])], n)
		}
	}
	fmt.Fprintf(page, "PostgreSQL 15 with 1 GB of shared buffers and a database of 1.5 GB, on a disk held to 3,000 operations and 125 MB a second; reads by a law of Zipf at a steady rate, timed from when they\n"+
		"were due. The primary is killed (kill -9), the page cache of the standby dropped, the standby promoted: the 99th percentile of the ten seconds before and after. Medians of %d.\n\n"+
		"| standby | goal | before | after | times | warmth said | counted |\n| --- | --- | --- | --- | --- | --- | --- |\n", trials)
	for _, row := range []struct{ name, what, goal string }{
		{"cold", "nobody keeps it warm", "≥ 20 ×"}, {"warm", "kept warm", "≤ 1.5 ×"}, {"writes", "kept warm, 200 writes a second", "≤ 1.5 ×"},
		{"shifting", "kept warm, half of the keys become others each minute", "≤ 1.5 ×"}, {"three", "one of three, all kept warm", "≤ 1.5 ×"},
	} {
		v := got[row.name]
		if len(v["after-ms"]) == 0 {
			return fmt.Errorf("benchmark internal/postgres/warmer: no figures of %s in %s", row.name, out)
		}
		before, after := middle(v["before-ms"]), middle(v["after-ms"])
		fmt.Fprintf(page, "| %s | %s | %.1f ms | %.1f ms | %.1f | %s | %s |\n", row.what, row.goal, before, after, after/before, share(v["said-%"]), share(v["counted-%"]))
	}
	if err := overhead(page); err != nil {
		return err
	}
	fmt.Fprintf(page, "\n`go test ./internal/postgres/warmer -run ^$ -bench Failover -benchtime 1x -count %d`, and with `-bench Overhead` for the primary\n", trials)
	return nil
}

var overheadValue = regexp.MustCompile(`([\d.]+) (without|with|all|aside|around)-ms`)

// overhead says what a warmer at work costs those who read from the primary.
func overhead(page *bytes.Buffer) error {
	out, err := exec.Command("go", "test", "./internal/postgres/warmer", "-run", "^$", "-bench", "Overhead", "-benchtime", "1x", "-timeout", "1h").CombinedOutput()
	v := map[string]float64{}
	for _, found := range overheadValue.FindAllSubmatch(out, -1) {
		n, bad := strconv.ParseFloat(string(found[1]), 64)
		if bad != nil {
			return bad
		}
		v[string(found[2])] = n
	}
	if err != nil || v["aside"] == 0 || v["without"] == 0 {
		return fmt.Errorf("benchmark internal/postgres/warmer: %w: %s", err, out)
	}
	fmt.Fprintf(page, "\nWhat a warmer costs those who read from the primary, which has a core of its own, all in memory, and 2,000 reads a second; the standby and the warmer are on the other core as if on other machines. The 99th\n"+
		"percentile of eight minutes with a warmer at work, as it has been for long, is %.2f ms; of those of these reads that were not due within a second of anything it asked the primary for, %.2f ms: %+.1f %% (goal: 5 %% at most). Of those that were, it is %.2f ms.\n"+
		"Turns of a minute with it and without it are at %.2f ms and %.2f ms in the middle; they differ from one another by more than that for other reasons.\n",
		v["all"], v["aside"], 100*(v["all"]/v["aside"]-1), v["around"], v["with"], v["without"])
	return nil
}

func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func share(all []float64) string {
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", middle(all))
}
