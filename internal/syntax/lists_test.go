package syntax

import "testing"

func TestProperties(t *testing.T) {
	checkSamples(t, "properties", []sample{
		{"three ways to separate", "a=1\nb: 2\nc 3\nd = 4\ne\t:\t5\n", []Entry{{"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}, {"d", "4", 4}, {"e", "5", 5}}, 0},
		{"both sorts of comment", "# a=1\n! b=2\n  # c\nd=4 # kept\n", []Entry{{"d", "4 # kept", 4}}, 0},
		{"a line goes on after a backslash", "hosts=a:1,\\\n      b:2,\\\n      c:3\nx=1\n", []Entry{{"hosts", "a:1,b:2,c:3", 1}, {"x", "1", 4}}, 0},
		{"two backslashes are one and no more", "a=C:\\\\\nb=2\n", []Entry{{"a", `C:\`, 1}, {"b", "2", 2}}, 0},
		{"escapes in keys", `a\ b\=c\:d=1` + "\n", []Entry{{"a b=c:d", "1", 1}}, 0},
		{"escapes in values", `a=x\ty\u00e9\ud83d\ude00\:` + "\n", []Entry{{"a", "x\tyé😀:", 1}}, 0},
		{"an escape that is none", `a=\u12G4 \q` + "\n", []Entry{{"a", "u12G4 q", 1}}, 0},
		{"keys without values", "a\nb=\nc:\n", []Entry{{"a", "", 1}, {"b", "", 2}, {"c", "", 3}}, 0},
		{"URLs keep their colons", "url=http://db:80/x?y=z\n", []Entry{{"url", "http://db:80/x?y=z", 1}}, 0},
		{"the last line goes nowhere", "a=1\\", []Entry{{"a", "1", 1}}, 0},
		{"half a pair is replaced", `a=\ud83dx` + "\n", []Entry{{"a", "\uFFFDx", 1}}, 0},
	})
}

func TestINI(t *testing.T) {
	checkSamples(t, "INI", []sample{
		{"sections prefix their keys", "top=0\n[db]\nhost = pg\nport: 5432\n[a b]\nx=1\n", []Entry{{"top", "0", 1}, {"db.host", "pg", 3}, {"db.port", "5432", 4}, {"a b.x", "1", 6}}, 0},
		{"comments", "# a\n; b\nhost = pg ; main\nurl = http://x/#y\n", []Entry{{"host", "pg", 3}, {"url", "http://x/#y", 4}}, 0},
		{"quotes", "a = \"x ; y\"\nb = 'z'\n", []Entry{{"a", "x ; y", 1}, {"b", "z", 2}}, 0},
		{"indented words go on", "words = a\n    b\n    c\nd = 1\n", []Entry{{"words", "a\nb\nc", 1}, {"d", "1", 4}}, 0},
		{"indented URLs go on", "hosts =\n  http://a:1\n  http://b:2\nc = 1\n", []Entry{{"hosts", "http://a:1\nhttp://b:2", 1}, {"c", "1", 4}}, 0},
		{"what is neither", "[db\nhost = pg\nnonsense\n", []Entry{{"host", "pg", 2}}, 1},
		{"nothing at all", "", nil, 0},
	})
}

func FuzzProperties(f *testing.F) {
	fuzz(f, "properties", "a=1\\\n  2\n! c\nb\\ c:\\u00e9", "\\", "a\\")
}
func FuzzINI(f *testing.F) {
	fuzz(f, "INI", "[a]\nb = c ; d\n e\n[\"x y\"]\nz: 'q'\n", "[", " \n a")
}
