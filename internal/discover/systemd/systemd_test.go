package systemd

import (
	"flag"
	"strings"
	"testing"

	"example.org/caravan/internal/discover/readertest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

func TestGolden(t *testing.T) { readertest.Golden(t, Format(), "testdata/*.txtar", *update) }

func TestWants(t *testing.T) {
	tests := []struct {
		name, path string
		want       bool
	}{
		{"a unit", "etc/systemd/system/a.service", true},
		{"a unit's template", "templates/a.service.erb", true},
		{"a drop-in", "a.service.d/b.conf", true},
		{"any other .conf", "nginx/b.conf", false},
		{"a program's source", "user.service.ts", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := wants(tt.path); got != tt.want {
				t.Errorf("wants(%s) = %v, want %v", tt.path, got, tt.want)
			}
		})
	}
}

func TestVariablesThatRepeatEachOtherStayBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("[Service]\nExecStart=/bin/a http://h:80/${A0}\n")
	for i := range 25 {
		next := string(rune('A' + i + 1))
		this := string(rune('A' + i))
		b.WriteString("Environment=" + this + "0=" + strings.Repeat("${"+next+"0}", 8) + "\n")
	}
	r := readertest.Read(Format(), readertest.Files("a.service", b.String()))
	for _, s := range r.Sightings {
		if len(s.Value) > 2*maxExpanded {
			t.Errorf("%s has grown to %d bytes", s.Key, len(s.Value))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("[Service]\nEnvironment=\"A=b c\" D\nEnvironmentFile=-e.env\nExecStart=@/bin/docker run -p 1:2 -e A=$B x:1 \\\n y\n", "[Service]\nExecStart=\n")
	f.Add("[Unit]\nAfter=a@b.service\n[Socket]\nListenStream=1\n", "=\\")
	f.Fuzz(func(t *testing.T, unit, dropIn string) {
		r := readertest.Read(Format(), readertest.Files("a.service", unit, "a.service.d/x.conf", dropIn, "b.service.d/y.conf", dropIn, "e.env", dropIn))
		for _, s := range r.Sightings {
			if s.Place.File == "" {
				t.Errorf("a sighting without a place: %+v", s)
			}
		}
	})
}
