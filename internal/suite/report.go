package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// shown is how many of the slowest are printed.
const shown = 20

// printTimes prints the packages and the tests that took longest.
func printTimes(out io.Writer, r *results) {
	for _, list := range []struct {
		title    string
		packages bool
	}{{"slowest packages", true}, {"slowest tests", false}} {
		fmt.Fprintf(out, "\n%s\n", list.title)
		for _, o := range r.slowest(shown, list.packages) {
			fmt.Fprintf(out, "%8.1f s  %s\n", o.Took.Seconds(), o.name())
		}
	}
}

// report prints what failed with the last it said, so that the last lines of a run tell what
// happened, and where all of it is.
func report(out io.Writer, r *runner, busy, log string) error {
	failed := r.results.failed()
	if len(failed) == 0 && len(r.broken) == 0 {
		fmt.Fprintf(out, "\nall passed: %d tests, %d skipped; %s\n", r.results.count("pass"), r.results.count("skip"), busy)
		return nil
	}
	fmt.Fprintf(out, "\nFAILED after %s\n", busy)
	for _, o := range failed {
		fmt.Fprintf(out, "  %s\n", o.name())
	}
	for _, b := range r.broken {
		line, _, _ := strings.Cut(b, "\n")
		fmt.Fprintf(out, "  %s\n", line)
	}
	for _, o := range failed {
		fmt.Fprintf(out, "\n--- FAIL: %s (%s)\n", o.name(), o.Took.Round(time.Millisecond))
		if why := circumstanceOf(strings.Join(o.Lines, "\n")); why != "" {
			fmt.Fprintf(out, "    not the product, it seems: %s\n", why)
		}
		for _, line := range o.Lines {
			fmt.Fprintf(out, "    %s\n", line)
		}
	}
	for _, b := range r.broken {
		fmt.Fprintf(out, "\n--- FAIL: %s\n", b)
		if why := circumstanceOf(b); why != "" {
			fmt.Fprintf(out, "    not the product, it seems: %s\n", why)
		}
	}
	fmt.Fprintf(out, "\nThe whole log: %s\n", log)
	return errFailed
}
