package codeowners

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/ownership"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name, path, text string
		want             []string
	}{
		{"teams lose the organisation, users keep their sign", ".github/CODEOWNERS", "# all\n*  @kopi/platform\n/orders/ @kopi/orders @someone dev@example.org # money\n",
			[]string{"2 * platform", "3 /orders/ orders", "3 /orders/ @someone", "3 /orders/ dev@example.org"}},
		{"a rule without owners takes the ownership away", "CODEOWNERS", "* @kopi/a\n/generated/\n", []string{"1 * a", "2 /generated/ "}},
		{"GitLab sections give their owners to rules without", ".gitlab/CODEOWNERS", "[Data][2] @kopi/group/data\n/etl/\n/etl/api @kopi/api\n^[Docs]\n*.md\n",
			[]string{"2 /etl/ data", "3 /etl/api api", "5 *.md "}},
		{"a character class is no section", "CODEOWNERS", "[ab]c.go @kopi/x\n", []string{"1 [ab]c.go x"}},
		{"blanks and hashes may be escaped", "docs/CODEOWNERS", `my\ docs/\#1 @kopi/docs`, []string{"1 my docs/#1 docs"}},
		{"patterns of a repository below the root start there", "shop/.github/CODEOWNERS", "* @kopi/shop\n/web/ @kopi/web\n", []string{"1 /shop/**/* shop", "2 /shop/web/ web"}},
		{"exceptions take the ownership away", "CODEOWNERS", "!/vendor/ @kopi/a", []string{"1 /vendor/ "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := discover.NewReport("codeowners")
			read(discover.File{Path: tt.path, Data: []byte(tt.text)}, r)
			var got []string
			for _, s := range r.Sightings {
				got = append(got, fmt.Sprintf("%d %s %s", s.Place.Line, s.Profile, s.Value))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadDoubtsWhatIsNoOwner(t *testing.T) {
	r := discover.NewReport("codeowners")
	read(discover.File{Path: "CODEOWNERS", Data: []byte("/a platform\n/b " + strings.Repeat("x", maxLine) + "\n")}, r)
	if len(r.Doubts) != 2 || r.Doubts[0].Place.Line != 1 || r.Doubts[1].Place.Line != 2 {
		t.Errorf("doubts: %v", r.Doubts)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("* @kopi/a\n[Sec][1] @b\n/x/**/y\\ z\n", "x/1/y z")
	f.Add("[", "a")
	f.Fuzz(func(t *testing.T, text, name string) {
		r := discover.NewReport("codeowners")
		read(discover.File{Path: "CODEOWNERS", Data: []byte(text)}, r)
		for _, s := range r.Sightings {
			if s.Profile == "" && s.Place.Line == 0 {
				t.Error("a rule without pattern and line")
			}
			ownership.Match(s.Profile, name)
		}
	})
}
