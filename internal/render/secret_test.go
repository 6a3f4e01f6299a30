package render

import "testing"

func TestASecretIsPutBesideTheLinesOfOthers(t *testing.T) {
	s := Secret{Lines: map[string]string{"A": "A=1\n", "B": "B=\"2\"\n", "GONE": ""}}
	for now, want := range map[string]string{
		"":                              "A=1\nB=\"2\"\n",
		"THEIRS=x":                      "THEIRS=x\nA=1\nB=\"2\"\n",
		"A=0\n# a comment\nGONE=5\nC=3": "# a comment\nC=3\nA=1\nB=\"2\"\n",
		"AA=0\n":                        "AA=0\nA=1\nB=\"2\"\n",
	} {
		if got := s.In(now); got != want || s.In(got) != got {
			t.Errorf("in %q: %q, again %q", now, got, s.In(got))
		}
	}
	if got := (Secret{Text: "{}"}).In("anything"); got != "{}" {
		t.Errorf("a whole file is %q", got)
	}
}

func TestOnlyWhatIsKnownWholeIsWritten(t *testing.T) {
	known := map[string]string{"key": "k"}
	for _, c := range []struct {
		pieces []Piece
		want   string
		ok     bool
	}{
		{[]Piece{{Text: "a="}, {Secret: "own", Key: "key"}}, "a=k", true},
		{[]Piece{{Secret: "own", Key: "key"}, {Secret: "pg", Key: "password"}}, "", false},
		{[]Piece{{Secret: "own", Key: "other"}}, "", false},
		{[]Piece{{Text: "plain"}}, "plain", true},
	} {
		if got, ok := Known(c.pieces, "own", known); got != c.want || ok != c.ok {
			t.Errorf("%+v: %q %v", c.pieces, got, ok)
		}
	}
}
