package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// event is a line that `go test -json` writes (go doc test2json); build events name an import path, test events a package.
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
	Package string
	Test    string // "" for the package itself
	Action  string // "pass", "fail" or "skip"; "" while it runs
	Took    time.Duration
	Lines   []string // the last it printed, at most quoted of them
	quotes  bool     // what it prints from here on was said by programs of its bed
}

// name is how an outcome is listed: the test with its package, or the package alone.
func (o *outcome) name() string {
	if o.Test == "" {
		return o.Package
	}
	return o.Test + "   " + o.Package
}

// quoted is how many lines of a failed test's output are shown.
const quoted = 30

// bedQuotes is the line after which a failed test prints what the programs of its bed said, hundreds of lines which are in the whole log.
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
	find map[[2]string]*outcome
}

func (r *results) of(pkg, test string) *outcome {
	if r.find == nil {
		r.find = map[[2]string]*outcome{}
	}
	key := [2]string{pkg, test}
	if r.find[key] == nil {
		r.find[key] = &outcome{Package: pkg, Test: test}
		r.all = append(r.all, r.find[key])
	}
	return r.find[key]
}

// add takes note of an event. It returns the line with which a package ended, "" for any other event.
func (r *results) add(e event) (ended string) {
	o := r.of(cmp.Or(e.Package, e.ImportPath), e.Test)
	switch e.Action {
	case "output", "build-output":
		o.say(e.Output)
		if e.Test == "" && closes.MatchString(e.Output) {
			return strings.TrimRight(e.Output, "\n")
		}
	case "pass", "fail", "skip":
		o.Action, o.Took = e.Action, time.Duration(e.Elapsed*float64(time.Second))
		if e.FailedBuild != "" { // what the compiler said stands there
			o.Lines = append(slices.Clone(r.of(e.FailedBuild, "").Lines), o.Lines...)
		}
	}
	return ""
}

// closes matches the line that sums up a package.
var closes = regexp.MustCompile(`^(ok  |FAIL|\?   )\t\S+`)

// failed are the tests that failed and have no failed subtest, and the packages that failed without a failed test: they did
// not compile, ran into their time limit or were ended.
func (r *results) failed() []*outcome {
	var out []*outcome
	within := func(o, above *outcome) bool {
		return o != above && o.Package == above.Package && o.Test != "" && (above.Test == "" || strings.HasPrefix(o.Test, above.Test+"/"))
	}
	for _, o := range r.all {
		unfinished := o.Action == "" && o.Test != "" && r.of(o.Package, "").Action == "fail"
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

var circumstances = []circumstance{
	{regexp.MustCompile(`(?i)no space left on device|disk quota exceeded`), "a disk of this machine is full; df -h shows which"},
	{regexp.MustCompile(`(?i)temporary failure in name resolution|dial tcp: lookup \S+( on \S+)?: (no such host|server misbehaving)|TLS handshake timeout|network is unreachable`),
		"a download needs the network, and this machine does not reach it"},
	{regexp.MustCompile(`(?i)the test bed makes namespaces and control groups: run it as root|ip netns add .*operation not permitted|mount: .*permission denied`),
		"this account may not make namespaces, control groups or mounts; run it as root"},
	{regexp.MustCompile(`(?i)signal: killed.*out of memory|cannot allocate memory|oom-kill`), "this machine has run out of memory; free -h shows how much there is"},
}

// circumstanceOf is what about the machine made a test fail, "" when nothing in its output says so.
func circumstanceOf(o *outcome) string {
	text := strings.Join(o.Lines, "\n")
	for _, c := range circumstances {
		if c.sign.MatchString(text) {
			return c.says
		}
	}
	return ""
}
