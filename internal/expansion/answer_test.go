package expansion

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/fault"
)

func TestAnAnswerIsOneLine(t *testing.T) {
	for _, c := range []struct {
		line string
		want Answer
	}{
		{`/`, Answer{Path: "/"}},
		{`/balance {"points": 0}`, Answer{Path: "/balance", Body: `{"points": 0}`}},
		{`/gone 404`, Answer{Path: "/gone", Status: 404}},
		{`/page 200 text/html <p>hello  there</p>`, Answer{Path: "/page", Status: 200, Type: "text/html", Body: "<p>hello  there</p>"}},
		{`/page text/plain 12`, Answer{Path: "/page", Type: "text/plain", Body: "12"}},
		{`/number 1200`, Answer{Path: "/number", Body: "1200"}},
	} {
		got, err := ParseAnswer(c.line)
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v", c.line, got, err)
		}
		if line, ok := got.Line(); !ok || line != c.line {
			t.Errorf("%q came back as %q, %v", c.line, line, ok)
		}
	}
	for _, line := range []string{"", "  ", "balance {}", `{"points": 0}`} {
		if _, err := ParseAnswer(line); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestAnAnswerThatALineSaysIsReadBackAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Answer{
			Path: "/" + rapid.StringMatching(`[a-z/]{0,8}`).Draw(t, "path"), Status: rapid.SampledFrom([]int{0, 200, 404, 503}).Draw(t, "status"),
			Type: rapid.SampledFrom([]string{"", "text/plain", "application/vnd.x+json"}).Draw(t, "type"), Body: rapid.StringMatching(`[ a-z0-9{}":/\n]{0,20}`).Draw(t, "body"),
		}
		line, ok := a.Line()
		if !ok {
			return // said of those that cannot be
		}
		if again, err := ParseAnswer(line); err != nil || again != a {
			t.Fatalf("%+v became %+v, %v", a, again, err)
		}
	})
}

func TestAStubDecidedAgainKeepsItsAnswers(t *testing.T) {
	old := []Decision{{To: "loyalty", Decide: StubOut, Answers: []Answer{{Path: "/", Body: "{}"}}}}
	for _, c := range []struct {
		name string
		d    Decision
		want []Answer
	}{
		{"without answers", Decision{To: "loyalty", Decide: StubOut}, old[0].Answers},
		{"with others", Decision{To: "loyalty", Decide: StubOut, Answers: []Answer{{Path: "/x"}}}, []Answer{{Path: "/x"}}},
		{"another edge", Decision{From: "shop", To: "loyalty", Decide: StubOut}, nil},
		{"no stub any more", Decision{To: "loyalty", Decide: Drop}, nil},
	} {
		if diff := cmp.Diff(c.want, KeepAnswers(c.d, old).Answers); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
