package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bed raises and takes away the test bed, with all that it keeps built.
func bed(page *bytes.Buffer, _ string) error {
	fmt.Fprintf(page, "\n## Test bed\n\n")
	if _, err := os.Stat("testbed"); errors.Is(err, fs.ErrNotExist) || os.Geteuid() != 0 {
		fmt.Fprintf(page, "Not measured: a bed is raised by root.\n")
		return nil
	}
	dir, err := os.MkdirTemp("", "bed")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "bed")
	if out, err := exec.Command("go", "build", "-C", "testbed", "-o", program, "./cmd/bed").CombinedOutput(); err != nil {
		return fmt.Errorf("build bed: %w: %s", err, out)
	}
	fmt.Fprintf(page, "Everything built before; down after each.\n\n| figure | goal | measured |\n| --- | --- | --- |\n")
	for _, b := range []struct{ about, time, memory, flags string }{
		{"two clusters of Kubernetes", "", "< 4 GiB", "--clusters 2"},
		{"two clusters, and the eight machines of the sample company installed by its recipes", "< 60 s", "", "--clusters 2 --company examples/kopi"},
	} {
		took, used, err := raised(program, strings.Fields(b.flags))
		if err != nil {
			return err
		}
		fmt.Fprintf(page, "| %s, `bed up %s` | %s | %.0f s |\n| memory in use more than before | %s | %.1f GiB |\n", b.about, b.flags, b.time, took.Seconds(), b.memory, float64(used)/(1<<20))
	}
	return nil
}

// raised raises a bed several times, and gives how long that took and by how much less memory was free then, in KiB.
func raised(program string, flags []string) (time.Duration, int, error) {
	const name, times = "bench", 3
	var took []time.Duration
	most := 0
	for range times {
		before, err := available()
		if err != nil {
			return 0, 0, err
		}
		start := time.Now()
		out, failed := exec.Command(program, append([]string{"up", "--name", name}, flags...)...).CombinedOutput()
		took = append(took, time.Since(start))
		now, err := available()
		most = max(most, before-now)
		gone, down := exec.Command(program, "down", "--name", name).CombinedOutput()
		if err := errors.Join(failed, err, down); err != nil {
			return 0, 0, fmt.Errorf("bed: %w: %s%s", err, out, gone)
		}
	}
	return median(took), most, nil
}

// available is the memory that programs can still have, in KiB.
func available() (int, error) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var free int
		if _, err := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &free); err == nil {
			return free, nil
		}
	}
	return 0, errors.New("/proc/meminfo has no MemAvailable")
}
