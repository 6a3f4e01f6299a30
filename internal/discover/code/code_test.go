package code

import (
	"flag"
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

func TestGolden(t *testing.T) { readertest.Golden(t, Format(), "testdata/*.txtar", *update) }

func TestTestsGeneratedAndForeignFilesAreNotWanted(t *testing.T) {
	for path, want := range map[string]bool{
		"orders/src/main/java/Orders.java":      true,
		"web/server.ts":                         true,
		"cmd/api/main.go":                       true,
		"orders/src/test/java/OrdersTest.java":  false,
		"orders/src/main/java/OrdersTest.java":  false,
		"web/server.spec.ts":                    false,
		"web/__tests__/a.js":                    false,
		"web/dist/bundle.js":                    false,
		"web/app.min.js":                        false,
		"api/api_test.go":                       false,
		"api/test_app.py":                       false,
		"Shop.UnitTests/A.cs":                   false,
		"README.md":                             false,
		"vendor/x/x.go":                         false,
		"src/main/resources/static/jquery.html": false,
	} {
		if got := wants(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestLongLinesAndLargeFilesAreGenerated(t *testing.T) {
	long := "x = 'http://api:80'; " + strings.Repeat("y();", 1000)
	large := strings.Repeat("// nothing\n", maxFile/10) + "x = 'http://api:80'\n"
	for _, text := range []string{long, large} {
		if r := readertest.Read(Format(), readertest.Files("web/a.js", text)); len(r.Sightings) > 0 {
			t.Errorf("%v", r.Sightings)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("java", `@FeignClient(name = "orders", url = "${x:http://a:1}")`)
	f.Add("py", "'''\nhttp://a:1\n'''\nx = os.getenv('A', 'http://b:2')\n")
	f.Add("js", "a = process.env['X'] || `http://x:${P}`; /* // */ b")
	f.Fuzz(func(t *testing.T, ext, text string) {
		if strings.ContainsAny(ext, "/\x00") {
			t.Skip()
		}
		r := discover.NewReport("code")
		read(discover.File{Path: "x/a." + ext, Data: []byte(text)}, r)
		lines := strings.Count(text, "\n") + 1
		for _, s := range r.Sightings {
			if s.Place.File != "x/a."+ext || s.Place.Line < 1 || s.Place.Line > lines {
				t.Errorf("a sighting without its place: %+v", s)
			}
		}
	})
}

func BenchmarkReadWithoutHits(b *testing.B) {
	line := "    public int value(int x) { return x * 31 + offset; }\n"
	f := discover.File{Path: "x/A.java", Data: []byte(strings.Repeat(line, 2048/len(line)))}
	b.SetBytes(int64(len(f.Data)))
	for b.Loop() {
		read(f, discover.NewReport("code"))
	}
}
