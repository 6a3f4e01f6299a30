package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// read are the results of what `go test -json` wrote.
func read(t *testing.T, lines string) *results {
	t.Helper()
	var r results
	for line := range strings.Lines(lines) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		r.add("", e)
	}
	return &r
}

func TestWhatFailedIsListedOnceAndWithWhatItSaid(t *testing.T) {
	for _, tc := range []struct {
		name, events string
		want         []string
		says         string // in what the first of them printed
	}{
		{"a subtest stands for those above it", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA/b","Output":"a_test.go:3: it is 4\n"}
{"Action":"fail","Package":"p","Test":"TestA/b","Elapsed":1.5}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":2}
{"Action":"fail","Package":"p","Elapsed":2}
`, []string{"TestA/b   p"}, "it is 4"},
		{"a test whose name begins like another's is not above it", `{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestAll"}
{"Action":"fail","Package":"p"}
`, []string{"TestA   p", "TestAll   p"}, ""},
		{"what a bed's programs said is in the log alone", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: it is 4\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    start.go:70: The programs of the bed said last:\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    start.go:70: it is no failure\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`, []string{"TestA   p"}, "    a_test.go:3: it is 4"},
		{"a package that does not compile", `{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1:1: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`, []string{"p"}, "undefined: x"},
		{"a test that was under way when its package was ended", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"panic: test timed out after 1m0s\n"}
{"Action":"fail","Package":"p","Elapsed":60}
`, []string{"TestB   p"}, "timed out"},
		{"nothing", `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}
`, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			failed := read(t, tc.events).failed()
			for _, o := range failed {
				got = append(got, o.name())
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
			if tc.says != "" && !strings.Contains(strings.Join(failed[0].Lines, "\n"), tc.says) {
				t.Errorf("%q does not say %q", failed[0].Lines, tc.says)
			}
		})
	}
}

func TestTheLastLinesOfAFailedRunNameTheTestsTheirOutputAndTheLog(t *testing.T) {
	var lines strings.Builder
	for range 50 {
		lines.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"early\n"}` + "\n")
	}
	for range quoted {
		lines.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"late\n"}` + "\n")
	}
	r := runner{results: *read(t, lines.String()+`{"Action":"fail","Package":"p","Test":"TestA"}`)}
	var out bytes.Buffer
	if err := report(&out, &r, "8 s", "/logs/1.log"); err == nil {
		t.Error("a run with a failed test passes")
	}
	text := out.String()
	if strings.Contains(text, "early") || strings.Count(text, "late\n") != quoted || !strings.HasSuffix(text, "The whole log: /logs/1.log\n") || !strings.Contains(text, "TestA   p") {
		t.Error(text)
	}
}

func TestWhatTheMachineLacksIsToldApartFromTheProduct(t *testing.T) {
	for said, want := range map[string]string{
		"write /tmp/x: no space left on device":                                            "disk",
		"orders answers: no space left on device":                                          "",
		"go: download: dial tcp: lookup proxy.example.org on 10.0.0.1:53: no such host":    "network",
		"dial tcp: lookup orders.bed.internal on 10.0.0.1:53: no such host":                "",
		"the test bed makes namespaces and control groups: run it as root":                 "root",
		"dial tcp 127.0.0.1:8080: connect: connection refused":                             "",
		"orders_test.go:12: it answers 503":                                                "",
		"fork/exec /bin/sh: cannot allocate memory":                                        "memory",
		"W: Failed to fetch http://deb.debian.org/x  Temporary failure in name resolution": "network",
		"it is ended by the oom-kill of its machine":                                       "",
	} {
		got := circumstanceOf(said)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q", said, got)
		}
	}
}

func TestTheSlowestComeFirst(t *testing.T) {
	r := read(t, `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":3}
{"Action":"pass","Package":"p","Elapsed":4}
{"Action":"pass","Package":"q","Test":"TestC","Elapsed":2}
{"Action":"pass","Package":"q","Elapsed":2}
`)
	if all := r.slowest(2, false); len(all) != 2 || all[0].Test != "TestB" || all[1].Test != "TestC" || all[0].Took != 3*time.Second {
		t.Errorf("%v", all)
	}
	if all := r.slowest(20, true); len(all) != 2 || all[0].Package != "p" {
		t.Errorf("%v", all)
	}
}

func TestAFailureIsNotForgottenWhenTheTestPassesInAnotherStep(t *testing.T) {
	var r results
	for _, e := range []struct{ step, action string }{{"program", "fail"}, {raceStep, "pass"}} {
		r.add(e.step, event{Action: e.action, Package: "p", Test: "TestA"})
	}
	if got := r.failed(); len(got) != 1 || got[0].Step != "program" {
		t.Errorf("%+v", got)
	}
}

func TestAStepThatBreaksOffIsReportedWhateverElseFailed(t *testing.T) {
	for name, argv := range map[string][]string{"it ends": {"/bin/sh", "-c", "echo it broke; exit 1"}, "it does not start": {"/no/such/program"}} {
		t.Run(name, func(t *testing.T) {
			r := &runner{log: io.Discard, progress: io.Discard}
			r.results.add("another", event{Action: "fail", Package: "p", Test: "TestA"})
			r.run(t.Context(), []lane{{step{name: "program", argv: argv, test: true}}})
			if len(r.broken) != 1 || !strings.HasPrefix(r.broken[0], "program: ") {
				t.Errorf("%q", r.broken)
			}
		})
	}
}

func TestTheBedAndTheSuiteAgreeOnWhatBeginsQuotes(t *testing.T) {
	text, err := os.ReadFile("../../testbed/start.go")
	if err != nil || !strings.Contains(string(text), bedQuotes) {
		t.Errorf("testbed/start.go has no %q: %v", bedQuotes, err)
	}
}
