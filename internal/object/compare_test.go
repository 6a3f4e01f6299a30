package object_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/object"
)

const own = "caravan"

// update writes what is found into the archives, to be looked at before it is committed.
var update = flag.Bool("update", false, "write what is found into the archives")

func parse(t testing.TB, text []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := yaml.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// corpus are declared objects beside what API servers made of them, and what differs: mostly nothing. Those whose live side tells managed
// fields of several managers were recorded.
func corpus(t testing.TB) map[string]archive {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d archives: %v", len(files), err)
	}
	out := map[string]archive{}
	for _, f := range files {
		a, err := txtar.ParseFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got := archive{file: f, text: a}
		for _, x := range a.Files {
			switch x.Name {
			case "declared.yaml":
				got.declared = parse(t, x.Data)
			case "live.yaml":
				got.live = parse(t, x.Data)
			case "want":
				got.want = string(x.Data)
			case "scaled":
				got.scaled = true
			}
		}
		out[strings.TrimSuffix(filepath.Base(f), ".txtar")] = got
	}
	return out
}

type archive struct {
	file           string
	text           *txtar.Archive
	declared, live map[string]any
	want           string
	scaled         bool
}

func (a archive) compare() []object.Field {
	return object.Compare(object.Normal(a.declared), a.live, object.Options{Manager: own, Scaled: a.scaled})
}

func (a archive) write(t *testing.T, want string) {
	t.Helper()
	for i := range a.text.Files {
		if a.text.Files[i].Name == "want" {
			a.text.Files[i].Data = []byte(want)
		}
	}
	if err := os.WriteFile(a.file, txtar.Format(a.text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func lines(fields []object.Field, kind string) string {
	var b strings.Builder
	for _, f := range fields {
		d, l := f.Texts(kind)
		fmt.Fprintf(&b, "%s %s: %q → %q", f.What, f.Path, d, l)
		if f.By != "" {
			fmt.Fprintf(&b, " by %s", f.By)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestWhatDiffersIsFoundAndWhatIsOnlySpeltDifferentlyIsNot(t *testing.T) {
	for name, a := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			got := lines(a.compare(), fmt.Sprint(a.declared["kind"]))
			if *update {
				a.write(t, got)
				return
			}
			if d := cmp.Diff(a.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhatIsMendedIsAsDeclared(t *testing.T) {
	for name, a := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			mended := object.Mended(a.live, a.compare())
			left := object.Compare(object.Normal(a.declared), mended, object.Options{Manager: own, Scaled: a.scaled})
			if len(left) > 0 {
				t.Error(lines(left, ""))
			}
		})
	}
}

func TestWhatIsDeclaredIsAsDeclared(t *testing.T) {
	for name, a := range corpus(t) {
		declared := object.Normal(a.declared)
		if got := object.Compare(declared, declared, object.Options{Manager: own}); len(got) > 0 {
			t.Errorf("%s: %s", name, lines(got, ""))
		}
		if again := object.Normal(declared); !cmp.Equal(again, declared) {
			t.Errorf("%s: %s", name, cmp.Diff(declared, again))
		}
	}
}

func TestNoSecretIsShown(t *testing.T) {
	seen := 0
	for name, a := range corpus(t) {
		fields := a.compare()
		text := lines(fields, fmt.Sprint(a.declared["kind"])) + object.Difference(object.Readable(a.live), object.Readable(object.Mended(a.live, fields)), "now", "then")
		for _, canary := range []string{"canary-secret", "Y2FuYXJ5LXNlY3JldC"} {
			if strings.Contains(text, canary) {
				t.Errorf("%s shows %s:\n%s", name, canary, text)
			}
		}
		seen += len(fields)
	}
	if seen == 0 {
		t.Error("nothing was shown")
	}
}

func TestAScheduleIsTheSameInEachSpelling(t *testing.T) {
	for _, same := range [][]string{
		{"0 0 * * *", "@daily", "@midnight", "0  0 * * *", "0 0 ? * ?"},
		{"0 3 * * 1-5", "0 3 * * MON-FRI", "0 3 * * mon-fri"},
		{"0 0 1 1 *", "@yearly", "0 0 1 JAN *"},
		{"* * * * *", "*/1 * * * *"},
	} {
		for _, s := range same {
			if object.Schedule(s) != object.Schedule(same[0]) {
				t.Errorf("%q is %q, and %q is %q", s, object.Schedule(s), same[0], object.Schedule(same[0]))
			}
		}
	}
	if object.Schedule("0 3 * * 1") == object.Schedule("0 3 * * 2") || object.Schedule("@every 1h") == object.Schedule("@every 2h") {
		t.Error("different schedules are the same")
	}
}
