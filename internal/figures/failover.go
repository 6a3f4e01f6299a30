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
	"strings"
)

// failover has PostgreSQL fail over in both worlds of the test bed, under writes of which every acknowledged one is looked for afterwards.
func failover(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Failover\n\n")
	if _, err := os.Stat("testbed"); errors.Is(err, fs.ErrNotExist) || os.Geteuid() != 0 {
		fmt.Fprintf(page, "Not measured: a bed is raised by root.\n")
		return nil
	}
	args := []string{"test", "-C", "testbed", "./failover", "-run", "^$", "-bench", "PostgreSQL", "-benchtime", "9x", "-timeout", "3h"}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CARAVAN_FAILOVER_AWAY=10m")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmark testbed/failover: %w: %s", err, out)
	}
	rows, err := failovers(string(out))
	if err != nil {
		return err
	}
	fmt.Fprint(page, "PostgreSQL 15 with Patroni as it is rendered, three instances, one of two standbys synchronous. Four callers write 200 rows a second over the address they are given: on machines the load balancer with PgBouncer\n"+
		"behind it, on Kubernetes the Service. A write that is not acknowledged in 3 s is given up. Afterwards every acknowledged one is looked for. The pause is the longest time in which none was acknowledged.\n\n"+
		"| world | what fails | runs | writes acknowledged | of them lost, goal 0 | pause, median | pause, longest |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	runs, lost := 0.0, 0.0
	for _, r := range rows {
		fmt.Fprintf(page, "| %s | %s | %.0f | %.0f | %.0f | %.1f s | %.1f s |\n", r.world, r.fault, r.value["runs"], r.value["written"], r.value["lost"], r.value["median-s"], r.value["worst-s"])
		runs, lost = runs+r.value["runs"], lost+r.value["lost"]
	}
	fmt.Fprintf(page, "\n%.0f runs, %.0f acknowledged writes lost. The API server was away for ten minutes, and nothing failed over.\n\n`CARAVAN_FAILOVER_AWAY=10m go %s`\n", runs, lost, strings.Join(args, " "))
	return nil
}

// fallen is what became of one fault.
type fallen struct {
	world, fault string
	value        map[string]float64
}

var (
	failoverRow    = regexp.MustCompile(`(?m)^BenchmarkPostgreSQLOn(Machines|ACluster)/(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	failoverFigure = regexp.MustCompile(`([\d.e+]+) ([a-z-]+)`)
)

// failovers reads them from what go test prints. A row that is printed twice is the same, told again.
func failovers(out string) ([]fallen, error) {
	var rows []fallen
	for _, found := range failoverRow.FindAllStringSubmatch(out, -1) {
		r := fallen{world: map[string]string{"Machines": "machines", "ACluster": "Kubernetes"}[found[1]], fault: strings.ReplaceAll(found[2], "_", " "), value: map[string]float64{}}
		for _, figure := range failoverFigure.FindAllStringSubmatch(found[3], -1) {
			value, err := strconv.ParseFloat(figure[1], 64)
			if err != nil {
				return nil, err
			}
			r.value[figure[2]] = value
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("benchmark testbed/failover: no figures in %s", out)
	}
	return rows, nil
}
