package containerfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, data string
		want       []Instruction
	}{
		{"continuations join, comments between them vanish", "ENV A=1 \\\n# why\n  B=2\n", []Instruction{{"ENV", "A=1  B=2", 1}}},
		{"names are made upper case and flags dropped", "\ncopy --from=x --chown=a b /c\n", []Instruction{{"COPY", "b /c", 2}}},
		{"here-documents are skipped", "RUN <<EOT\nEXPOSE 1\nEOT\nUSER a\n", []Instruction{{"RUN", "<<EOT", 1}, {"USER", "a", 4}}},
		{"a backtick may be the escape", "# escape=`\nENV A=1 `\n B=2\n", []Instruction{{"ENV", "A=1  B=2", 2}}},
		{"a continuation at the end of the file counts", "ENV A=1 \\", []Instruction{{"ENV", "A=1", 1}}},
		{"what is no instruction is left out", "1.0 notes\n", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Parse([]byte(tt.data))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestBase(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"the only image", "FROM postgres:16\n", "postgres:16"},
		{"the last stage", "FROM maven AS build\nFROM openjdk\n", "openjdk"},
		{"a stage built upon another", "FROM redis AS base\nFROM base AS mid\nFROM MID\n", "redis"},
		{"defaults of arguments", "ARG V=16\nFROM postgres:$V\n", "postgres:16"},
		{"a fallback in the reference", "FROM postgres:${V:-15}\n", "postgres:15"},
		{"an argument without default stays", "ARG V\nFROM postgres:${V}\n", "postgres:${V}"},
		{"none", "RUN x\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Base(Parse([]byte(tt.data))); got != tt.want {
				t.Errorf("Base = %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"FROM a\\\n b", "RUN <<-'E'\nE", "# escape=`", "FROM ${", "COPY --a"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		instructions := Parse(data)
		Base(instructions)
		for _, in := range instructions {
			if in.Name == "" || in.Line < 1 {
				t.Errorf("bad instruction %+v", in)
			}
		}
	})
}
