package why_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/why"
)

var update = flag.Bool("update", false, "rewrite what archives say is diagnosed")

// TestEvidenceIsDiagnosed goes through archives of what was seen, and what it means.
func TestEvidenceIsDiagnosed(t *testing.T) {
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(all) < 10 {
		t.Fatalf("%d archives, %v", len(all), err)
	}
	for _, name := range all {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil || len(a.Files) < 1 {
				t.Fatal(err)
			}
			var e why.Evidence
			d := json.NewDecoder(bytes.NewReader(a.Files[0].Data))
			d.DisallowUnknownFields()
			if err := d.Decode(&e); err != nil {
				t.Fatal(err)
			}
			got := written(why.Diagnose(e))
			if again := written(why.Diagnose(e)); again != got {
				t.Errorf("the same evidence is diagnosed otherwise:\n%s", cmp.Diff(got, again))
			}
			if *update {
				a.Files = append(a.Files[:1], txtar.File{Name: "diagnosis", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(a.Files) != 2 {
				t.Fatal("no diagnosis; run the test with -update and read what it writes")
			}
			if diff := cmp.Diff(string(a.Files[1].Data), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// written is a diagnosis as archives have it.
func written(d why.Diagnosis) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s: %s\n", d.First, d.Verdict, d.Where)
	for _, list := range []struct {
		mark string
		all  []why.Cause
	}{{"*", d.Causes}, {"?", d.Doubts}} {
		for _, c := range list.all {
			fmt.Fprintf(&b, "%s %s: %s\n", list.mark, c.Rule, c.Line)
			for _, p := range c.Proof {
				at := ""
				if p.At != nil {
					at = p.At.Format(time.TimeOnly) + " "
				}
				fmt.Fprintf(&b, "  = %s%s: %s\n", at, p.Where, p.Text)
			}
			for _, n := range c.Next {
				fmt.Fprintf(&b, "  $ %s\n", n.Line)
			}
		}
	}
	for _, l := range d.Fine {
		fmt.Fprintf(&b, "+ %s\n", l)
	}
	return b.String()
}
