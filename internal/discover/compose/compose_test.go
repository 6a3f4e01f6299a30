package compose

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

func TestGolden(t *testing.T) { readertest.Golden(t, Format(), "testdata/*.txtar", *update) }

func TestClaims(t *testing.T) {
	tests := []struct {
		name, path, data string
		want             discover.Claim
	}{
		{"the usual name", "docker-compose.yml", "services:\n  a:\n    image: b\n", discover.Owns},
		{"another name with the content of one", "deploy/stack.yaml", "version: '3'\nservices:\n  a:\n    image: b\n", discover.Owns},
		{"a first-version file under any name", "local.yml", "db:\n  image: postgres\n  ports: ['5432']\n", discover.Owns},
		{"an override that only adds settings", "docker-compose.override.yml", "services:\n  a:\n    environment: {A: b}\n", discover.Owns},
		{"a file of that name that is broken", "docker-compose.yml", "db:\n  image: [\n", discover.Owns},
		{"a file that only includes others", "compose.yaml", "include:\n  - a/compose.yaml\n", discover.Owns},
		{"container definitions of another tool", "services.yaml", "services:\n  app.mailer:\n    class: Mailer\n", discover.No},
		{"a pipeline whose jobs have images", ".gitlab-ci.yml", "build:\n  image: golang\n  script: [make]\n", discover.No},
		{"chart values", "values.yaml", "web:\n  image:\n    repository: x\n", discover.No},
		{"a manifest", "deploy.yaml", "apiVersion: v1\nkind: Pod\nservices:\n  a:\n    image: b\n", discover.No},
		{"an application's settings", "application.yml", "spring:\n  application:\n    name: orders\n", discover.No},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := claims(discover.File{Path: tt.path, Data: []byte(tt.data)}); got != tt.want {
				t.Errorf("claims(%s) = %v, want %v", tt.path, got, tt.want)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	v := newVariables()
	v.values["SET"], v.values["EMPTY"] = "s", ""
	tests := []struct{ name, text, want string }{
		{"a plain reference", "a $SET b", "a s b"},
		{"a braced reference", "${SET}x", "sx"},
		{"a default for what is unset", "${X-d}", "d"},
		{"a default is not used for an empty value", "${EMPTY-d}", ""},
		{"unless the colon asks for it", "${EMPTY:-d}", "d"},
		{"a default may hold a reference", "${X:-http://${SET}:1}", "http://s:1"},
		{"an alternative for what is set", "${SET:+a}${X:+b}", "a"},
		{"a demanded value that is set", "${SET:?must}", "s"},
		{"a demanded value that is not", "${X:?must}", "${X}"},
		{"what is set nowhere stays", "$X ${Y}", "${X} ${Y}"},
		{"two dollars are one", "$$SET $${SET}", "$SET ${SET}"},
		{"an open brace stays", "${SET", "${SET"},
		{"a lone dollar stays", "1$ $", "1$ $"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := v.expand(tt.text); got != tt.want {
				t.Errorf("expand(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestHostileFilesEndInADoubt(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ","))
	}
	for name, data := range map[string]string{
		"a YAML bomb":      "services:\n  a:\n    image: b\n" + bomb,
		"deep nesting":     "services: " + strings.Repeat("[", 100_000),
		"a truncated file": "services:\n  a:\n    image: \"b",
		"invalid UTF-8":    "services:\n  a:\n    image: \xff\xfe\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := readertest.Read(Format(), readertest.Files("docker-compose.yml", data))
			if len(r.Doubts) == 0 || r.Doubts[0].Place.File != "docker-compose.yml" {
				t.Errorf("doubts = %v, want one about docker-compose.yml", r.Doubts)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("services:\n  a:\n    image: ${X:-b}\n    ports: ['1-9:2-3']\n    extends: {service: a}\n"), []byte("X=$X$X"))
	f.Add([]byte("db:\n  image: postgres\n  links: ['a:b']\n  command: sh -c 'nc -z x 1'\n"), []byte("A"))
	f.Add([]byte("include: [docker-compose.yml]\nservices: {a: {build: .., volumes: ['./a:/b'], env_file: .env}}\n"), []byte("A=b"))
	f.Fuzz(func(t *testing.T, data, env []byte) {
		r := readertest.Read(Format(), readertest.Files("docker-compose.yml", string(data), ".env", string(env)))
		for _, s := range r.Sightings {
			if s.Place.File == "" {
				t.Errorf("a sighting without a place: %+v", s)
			}
		}
	})
}
