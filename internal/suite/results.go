package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is a line that `go test -json` writes (go doc test2json). Build events name an import path,
// test events a package.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// outcome is what became of a package, or of a test or subtest in it.
type outcome struct {
	Step    string // that ran it: the same test may run in several
	Package string
	Test    string // "" for the package itself
	Action  string // "pass", "fail" or "skip"; "" while it runs
	Took    time.Duration
	Lines   []string // the last it printed, at most quoted of them
	quotes  bool     // what it prints from here on was said by programs of its bed
}

// name is how an outcome is listed: the test with its package, or the package alone, and the step
// where it is no plain one.
func (o *outcome) name() string {
	name := o.Package
	if o.Test != "" {
		name = o.Test + "   " + name
	}
	if strings.HasPrefix(o.Step, raceStep) {
		name += "   (" + o.Step + ")"
	}
	return name
}

// quoted is how many lines of a failed test's output are shown.
const quoted = 30

// bedQuotes is the line after which a failed test prints what the programs of its bed said:
// hundreds of lines, which are in the whole log. testbed/start.go has it too.
const bedQuotes = "The programs of the bed said last:"

func (o *outcome) say(line string) {
	if o.quotes = o.quotes || strings.Contains(line, bedQuotes); o.quotes {
		return
	}
	o.Lines = append(o.Lines, strings.TrimRight(line, "\n"))
	if len(o.Lines) > quoted {
		o.Lines = o.Lines[1:]
	}
}

// results are the outcomes of a run, in the order in which they began.
type results struct {
	all  []*outcome
	find map[[3]string]*outcome
}

func (r *results) of(step, pkg, test string) *outcome {
	if r.find == nil {
		r.find = map[[3]string]*outcome{}
	}
	key := [3]string{step, pkg, test}
	if r.find[key] == nil {
		r.find[key] = &outcome{Step: step, Package: pkg, Test: test}
		r.all = append(r.all, r.find[key])
	}
	return r.find[key]
}

// add takes note of an event of a step. It returns the line with which a package ended, "" for any
// other event.
func (r *results) add(step string, e event) (ended string) {
	o := r.of(step, cmp.Or(e.Package, e.ImportPath), e.Test)
	switch e.Action {
	case "output", "build-output":
		o.say(e.Output)
		if e.Test == "" && closes.MatchString(e.Output) {
			return strings.TrimRight(e.Output, "\n")
		}
	case "pass", "fail", "skip":
		o.Action, o.Took = e.Action, time.Duration(e.Elapsed*float64(time.Second))
		if e.FailedBuild != "" { // what the compiler said stands there
			o.Lines = append(slices.Clone(r.of(step, e.FailedBuild, "").Lines), o.Lines...)
		}
	}
	return ""
}

// closes matches the line that sums up a package.
var closes = regexp.MustCompile(`^(ok  |FAIL|\?   )\t\S+`)

// failed are the tests that failed and have no failed subtest, and the packages that failed without
// a failed test: they did not compile, ran into their time limit or were ended.
func (r *results) failed() []*outcome {
	var out []*outcome
	within := func(o, above *outcome) bool {
		return o != above && o.Step == above.Step && o.Package == above.Package && o.Test != "" && (above.Test == "" || strings.HasPrefix(o.Test, above.Test+"/"))
	}
	for _, o := range r.all {
		unfinished := o.Action == "" && o.Test != "" && r.of(o.Step, o.Package, "").Action == "fail"
		if o.Action != "fail" && !unfinished {
			continue
		}
		if !slices.ContainsFunc(r.all, func(b *outcome) bool { return within(b, o) && (b.Action == "fail" || b.Action == "") }) {
			out = append(out, o)
		}
	}
	return out
}

// count is how many tests and subtests ended with an action.
func (r *results) count(action string) int {
	n := 0
	for _, o := range r.all {
		if o.Test != "" && o.Action == action {
			n++
		}
	}
	return n
}

// slowest are the n packages or tests that took longest, the longest first.
func (r *results) slowest(n int, packages bool) []*outcome {
	out := slices.DeleteFunc(slices.Clone(r.all), func(o *outcome) bool { return (o.Test == "") != packages })
	slices.SortStableFunc(out, func(a, b *outcome) int { return cmp.Compare(b.Took, a.Took) })
	return out[:min(n, len(out))]
}

// circumstance is something about the machine that makes tests fail, whatever the product does.
type circumstance struct {
	sign *regexp.Regexp // in a failed test's output
	says string
}

// The product speaks of disks, names and memory itself, so that a sign names a program or a folder
// of this machine too.
var circumstances = []circumstance{
	{regexp.MustCompile(`(?i)(/tmp/|/\.cache/|/var/lib/caravan-testbed|go-build).*(no space left on device|disk quota exceeded)`),
		"a disk of this machine is full; df -h shows which"},
	{regexp.MustCompile(`(?i)(go: |proxy\.golang\.org|deb\.debian\.org|debootstrap).*(name resolution|no such host|server misbehaving|` +
		`TLS handshake timeout|network is unreachable|i/o timeout|connection refused)`),
		"a download needs the network, and this machine does not reach it"},
	{regexp.MustCompile(`(?i)the test bed makes namespaces and control groups: run it as root|ip netns add .*operation not permitted`),
		"this account may not make namespaces, control groups or mounts; run it as root"},
	{regexp.MustCompile(`(?i)fork/exec .*cannot allocate memory|fatal error: runtime: out of memory|/(compile|link): signal: killed`),
		"this machine has run out of memory; free -h shows how much there is"},
}

// circumstanceOf is what about the machine made something fail, "" when nothing in its output says
// so.
func circumstanceOf(lines string) string {
	for _, c := range circumstances {
		if c.sign.MatchString(lines) {
			return c.says
		}
	}
	return ""
}
