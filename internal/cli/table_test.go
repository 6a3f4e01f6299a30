package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/app"
)

func TestColumnsGiveWayOnANarrowTerminal(t *testing.T) {
	for _, c := range []struct {
		what   string
		widths []int
		width  int
		want   []int
		last   int
	}{
		{"nothing gives way where there is room", []int{10, 20, 30}, 100, []int{10, 20}, 30},
		{"the last first", []int{10, 20, 90}, 100, []int{10, 20}, 66},
		{"then the widest of the others", []int{10, 60, 90}, 80, []int{10, 42}, 24},
		{"a short last keeps what it needs", []int{10, 60, 5}, 60, []int{10, 41}, 5},
		{"none below what can be read", []int{30, 30, 90}, 20, []int{10, 10}, 24},
		{"one column alone", []int{90}, 40, []int{}, 40},
	} {
		t.Run(c.what, func(t *testing.T) {
			last := narrow(c.widths, c.width)
			if got := c.widths[:len(c.widths)-1]; !cmp.Equal(got, c.want) || last != c.last {
				t.Errorf("%v and %d, want %v and %d", got, last, c.want, c.last)
			}
		})
	}
}

func TestACellIsMadeToFit(t *testing.T) {
	const proof = "services/orders/config.yml:12  spring.datasource.url = jdbc:postgresql://db/orders"
	for _, c := range []struct {
		what  string
		fit   fitting
		cell  string
		width int
		want  []string
	}{
		{"a proof that fits", cutProof, "a.yml:1  k = v", 20, []string{"a.yml:1  k = v"}},
		{"a proof keeps its place", cutProof, proof, 40, []string{"services/orders/config.yml:12  spring.d…"}},
		{"a place keeps its line", cutProof, proof, 16, []string{"…s/config.yml:12"}},
		{"a place of letters that take several bytes", cutProof, "käse/größe/übung.yml:7  k", 12, []string{"…übung.yml:7"}},
		{"text is broken between words", wrap, "one two three four", 9, []string{"one two", "three", "four"}},
		{"a word that is too long stays whole", wrap, "see https://example.org/long", 10, []string{"see", "https://example.org/long"}},
		{"nothing", wrap, "", 10, []string{""}},
		{"a name keeps its beginning", cut, "a-long-name", 6, []string{"a-lon…"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.fit(c.cell, c.width)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestANameIsSqueezedInItsMiddle(t *testing.T) {
	for cell, want := range map[string]string{"chef/data_bags/apps/reports.json:12": "chef/data_b…rts.json:12", "short": "short", "größenübersichtübungsplatz": "größenübers…übungsplatz"} {
		if got := squeeze(cell, 23); got != want {
			t.Errorf("%s became %s, not %s", cell, got, want)
		}
	}
}

func TestATableStandsInColumns(t *testing.T) {
	var out bytes.Buffer
	s := &terminal{out: &out, err: &out, now: time.Now}
	rows := [][]string{{"ü", "first"}, {"a\x1b[31mb", "second"}}
	s.table([]string{"A", "B"}, rows, cut)
	want := "A           B\nü           first\na\\x1b[31mb  second\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rows[1][0] != "a\x1b[31mb" {
		t.Error("the caller's rows were changed")
	}
}

func TestProgressIsALineNowAndThenWhereThereIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	s := &terminal{out: &out, err: &out, now: func() time.Time { return now }}
	for i := range 30 {
		phase := "reading files"
		if i > 25 {
			phase = "drawing edges"
		}
		s.progress(phase, "%d files", i)
		now = now.Add(time.Second / 2)
	}
	s.clear()
	want := "reading files: 2 files\nreading files: 22 files\ndrawing edges: 26 files\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzACellFitsOrIsOneWord(f *testing.F) {
	f.Add("services/orders/config.yml:12  key = value", 20)
	f.Add("ü ö ä", 3)
	f.Add("\xff  \xff", 2)
	f.Fuzz(func(t *testing.T, cell string, width int) {
		if width < leastLast || width > 500 {
			return
		}
		for name, fit := range map[string]fitting{"cut": cut, "cutProof": cutProof, "wrap": wrap} {
			lines := fit(plain(cell), width)
			if len(lines) == 0 {
				t.Fatalf("%s: no line", name)
			}
			for _, line := range lines {
				if utf8.RuneCountInString(line) > width && (name != "wrap" || strings.Contains(line, " ")) {
					t.Errorf("%s: %q is wider than %d", name, line, width)
				}
			}
		}
	})
}

func TestWhatAnUndoLeavesAndWhatDoesNotRunYetIsSaidAloud(t *testing.T) {
	var out bytes.Buffer
	s := &session{terminal: &terminal{out: &out, err: &out, now: time.Now}}
	var w app.Watched
	text := `{"run": {"way": "undo"}, "lines": [{"text": "db-1: /var/lib/postgresql STAYS: it holds what pg was given to keep"}, {"text": "db-1: stop pg.service"},
		{"text": "app-1: api.service waits for what its unit asks to be there, such as a first release"}]}`
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	watch := s.watching(false)
	watch(w)
	watch(w)
	want := "db-1: /var/lib/postgresql STAYS: it holds what pg was given to keep\napp-1: api.service waits for what its unit asks to be there, such as a first release\n"
	if got := out.String(); got != want {
		t.Errorf("it says %q", got)
	}
}
