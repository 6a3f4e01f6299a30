package dockerfile

import (
	"flag"
	"testing"

	"example.org/caravan/internal/discover/readertest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

func TestGolden(t *testing.T) { readertest.Golden(t, Format(), "testdata/*.txtar", *update) }

func FuzzRead(f *testing.F) {
	f.Add("FROM a AS b\nFROM b\nENV A=1 B\nEXPOSE 1/udp\nCOPY [\"a.yml\", \"/etc/\"]\nCMD [\"sh\", \"-c\", \"nc -z a 1\"]\n")
	f.Add("ARG X=1\nFROM ${X:-y} as Y\nFROM y as y\nENTRYPOINT a --b=c\nRUN <<E\nE\n")
	f.Add("FROM a\\\n")
	f.Fuzz(func(t *testing.T, data string) {
		r := readertest.Read(Format(), readertest.Files("x/Dockerfile", data))
		for _, s := range r.Sightings {
			if s.Place.File != "x/Dockerfile" {
				t.Errorf("a sighting without its place: %+v", s)
			}
		}
	})
}
