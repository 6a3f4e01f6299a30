package workload

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
)

// tester is what tests and property tests share.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

func same(t tester, want, got Workload) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("another workload came back (-want +got):\n%s", diff)
	}
}

// hostile are texts that YAML takes for something else, or that break lines, quotes and comments.
var hostile = []string{
	"", " ", "yes", "no", "null", "~", "true", "1", "1e3", "0x10", "012", "1_000", ".inf", "2026-01-02", "12:30:45", "<<", "=", "- a", "? a", ": ", "a: b", "#", " # a", "a #b",
	"'", `"`, `"a" 'b'`, "`", "@", "%TAG", "&a", "*a", "!a", "!!int 3", "|", ">", "{", "}", "[", "]", "{a: b}", "a, b", "${resources.db.host}", "$${HOME}", "\\", `\n`,
	"\n", "a\nb", "a\n", "\na", "a\n\nb\n\n", " a\n  b\n", "a\tb", "\t", "\ta", "a \nb", "a\r\nb", "\r", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u2028", "\u2029", "\ufeff", "\ufeffa", "\u202e",
	"é", "日本", "🛶", "\u00a0", " leading", "trailing ", "---", "...", "--- a", "%", "key: |\n  text",
}

func hostileText() *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(hostile), rapid.String(), rapid.Map(rapid.SliceOfN(rapid.SampledFrom(hostile), 1, 4), func(list []string) string {
		text := ""
		for _, s := range list {
			text += s
		}
		return text
	}), rapid.Just("long "+string(bytes.Repeat([]byte("word "), 60))))
}

// drawn is a workload of every part there is, with hostile texts wherever any text may stand.
func drawn(t *rapid.T) Workload {
	text := hostileText()
	label := rapid.StringMatching(`[a-z][a-z0-9]{1,5}`)
	params := rapid.Map(rapid.SliceOfN(rapid.OneOf(
		rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.IntRange(-9, 99), func(n int) any { return n }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.SampledFrom([]float64{0.5, 1.25, 1e30}), func(x float64) any { return x })), 1, 3),
		func(list []any) any {
			if len(list) == 1 {
				return list[0]
			}
			return list
		})
	c := Container{
		Image: rapid.SampledFrom(hostile[1:]).Draw(t, "image"), Command: rapid.SliceOf(text).Draw(t, "command"), Args: rapid.SliceOf(text).Draw(t, "args"),
		Variables: map[string]string{}, Files: map[string]File{}, Volumes: map[string]Volume{},
	}
	for _, v := range rapid.SliceOfN(text, 0, 6).Draw(t, "variables") {
		if _, err := Parts(v); err == nil {
			c.Variables[fmt.Sprintf("V%d", len(c.Variables))] = v
		}
	}
	for i, v := range rapid.SliceOfN(text, 0, 3).Draw(t, "files") {
		c.Files[fmt.Sprintf("/etc/f %d: #", i)] = File{Content: v, NoExpand: true, Mode: rapid.SampledFrom([]string{"", "0644", "755"}).Draw(t, "mode")}
	}
	for i, v := range rapid.SliceOfN(text, 0, 2).Draw(t, "volumes") {
		c.Volumes[fmt.Sprintf("/data%d", i)] = Volume{Source: v, Path: v, ReadOnly: i == 1}
	}
	if rapid.Bool().Draw(t, "compute") {
		c.Resources = &Compute{Limits: Quantity{Memory: "1.5Gi", CPU: "2"}, Requests: Quantity{CPU: "500m"}}
	}
	if rapid.Bool().Draw(t, "probes") {
		c.LivenessProbe = &Probe{Exec: &Exec{Command: rapid.SliceOf(text).Draw(t, "exec")}}
		c.ReadinessProbe = &Probe{HTTPGet: &HTTPGet{Path: text.Draw(t, "path"), Port: 80, Scheme: "HTTPS", Host: "a", HTTPHeaders: []Header{{Name: "X-A", Value: "x" + text.Draw(t, "header")}}}}
	}
	w := Workload{
		APIVersion: Version, Metadata: Metadata{Name: label.Draw(t, "name"), Annotations: map[string]string{"example.org/note": text.Draw(t, "note")}},
		Containers: map[string]Container{label.Draw(t, "container"): c},
		Resources:  map[string]Resource{"db": {Type: Postgres, ID: "main.db", Params: map[string]any{"x": params.Draw(t, "params"), "y: #": params.Draw(t, "more")}}},
	}
	if rapid.Bool().Draw(t, "service") {
		w.Service = &Service{Ports: map[string]Port{"http": {Port: 80, TargetPort: 8080, Protocol: "TCP"}, "udp": {Port: 53, Protocol: "UDP"}}}
	}
	return w
}

func TestWhatIsWrittenIsReadBackAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawn(t)
		text := Format(w, Notes{})
		if again := Format(w, Notes{}); !bytes.Equal(text, again) {
			t.Fatalf("written differently the second time:\n%s\n%s", text, again)
		}
		got, err := Parse(text, "again.yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		same(t, w, got)
	})
}

func TestNotesStandAtTheirPlacesAndChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawn(t)
		n := Notes{Origins: map[string]estate.Place{"metadata.name": {File: hostileText().Draw(t, "file"), Line: 3}, "resources.db": {File: "a.yml", Line: 1}}}
		for _, path := range []string{"metadata.name", "resources.db.type", "nowhere.at.all", ""} {
			n.Questions = append(n.Questions, Question{Path: path, Text: hostileText().Draw(t, "question"), Place: estate.Place{File: "b.yml", Line: 2}})
		}
		got, err := Parse(Format(w, n), "again.yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, Format(w, n))
		}
		same(t, w, got)
	})
}

func TestAQuestionIsWrittenWhereItsAnswerBelongs(t *testing.T) {
	w := Workload{APIVersion: Version, Metadata: Metadata{Name: "orders"}, Containers: map[string]Container{"orders": {Image: ".", Variables: map[string]string{"LOG": "info"}}}}
	got := string(Format(w, Notes{
		Questions: []Question{
			{Path: "containers.orders.image", Text: "no image is known"},
			{Path: "containers.orders.resources.limits.memory", Text: "how much memory?", Place: estate.Place{File: "app.service", Line: 4}},
		},
		Origins: map[string]estate.Place{"containers.orders.variables.LOG": {File: "orders.env", Line: 7}},
	}))
	want := `apiVersion: score.dev/v1b1
metadata:
  name: orders
containers:
  # QUESTION: how much memory? (app.service:4)
  orders:
    # QUESTION: no image is known
    image: .
    variables:
      LOG: info # orders.env:7
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
