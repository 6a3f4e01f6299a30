package syntax

import "testing"

func TestEnvAsAShellReadsIt(t *testing.T) {
	checkSamples(t, "env shell", []sample{
		{"plain assignments", "A=1\nB=two\n", []Entry{{"A", "1", 1}, {"B", "two", 2}}, 0},
		{"export and indentation", "  export A=1\nexport\tB=2\n", []Entry{{"A", "1", 1}, {"B", "2", 2}}, 0},
		{"comments and empty lines", "# c\n\nA=1 # why\nB=a#b\n", []Entry{{"A", "1", 3}, {"B", "a#b", 4}}, 0},
		{"single quotes are literal", `A='a "b" $C \n'` + "\n", []Entry{{"A", `a "b" $C \n`, 1}}, 0},
		{"double quotes with escapes", `A="say \"hi\" for \$5 \n"` + "\n", []Entry{{"A", `say "hi" for $5 \n`, 1}}, 0},
		{"parts are joined", `A=a'b c'"d e"f\ g` + "\n", []Entry{{"A", "ab cd ef g", 1}}, 0},
		{"a quote over several lines", "A=\"one\ntwo\"\nB=2\n", []Entry{{"A", "one\ntwo", 1}, {"B", "2", 3}}, 0},
		{"a line goes on after a backslash", "A=one\\\ntwo\nB=2\n", []Entry{{"A", "onetwo", 1}, {"B", "2", 3}}, 0},
		{"two assignments on a line", "A=1 B=2; C=3\n", []Entry{{"A", "1", 1}, {"B", "2", 1}, {"C", "3", 1}}, 0},
		{"a default holds blanks together", "A=${B:-x y}\nC=$(cat /etc/host name)\n", []Entry{{"A", "${B:-x y}", 1}, {"C", "$(cat /etc/host name)", 2}}, 0},
		{"a semicolon inside a connection string stays", "A=Server=db;Database=x\n", []Entry{{"A", "Server=db;Database=x", 1}}, 0},
		{"an apostrophe nobody closes is a letter", "A=it's\nB=2\n", []Entry{{"A", "it's", 1}, {"B", "2", 2}}, 0},
		{"empty values", "A=\nB=''\nC=\"\"\n", []Entry{{"A", "", 1}, {"B", "", 2}, {"C", "", 3}}, 0},
		{"commands are passed over", "A=1\nset -a\nB=2\n", []Entry{{"A", "1", 1}, {"B", "2", 3}}, 2},
		{"a blank before the sign is a command", "A = 1\n", nil, 1},
		{"Windows line ends with quotes", "A=\"x\"\r\nB=y\r\n", []Entry{{"A", "x", 1}, {"B", "y", 2}}, 0},
	})
}

func TestEnvAsComposeReadsIt(t *testing.T) {
	checkSamples(t, "env compose", []sample{
		{"a value is the rest of the line", "OPTS=-Xmx1g -Xms1g\n", []Entry{{"OPTS", "-Xmx1g -Xms1g", 1}}, 0},
		{"a comment after a blank", "A=1 # why\nB=a#b\nC=#c\n", []Entry{{"A", "1", 1}, {"B", "a#b", 2}, {"C", "", 3}}, 0},
		{"blanks around the sign", "A = 1\n", []Entry{{"A", "1", 1}}, 0},
		{"a colon instead of the sign", "A: 1\nB: http://b:80\n", []Entry{{"A", "1", 1}, {"B", "http://b:80", 2}}, 0},
		{"single quotes are literal", `A='a \n # b'` + "\n", []Entry{{"A", `a \n # b`, 1}}, 0},
		{"double quotes with escapes", `A="one\ntwo \"x\" \d"  # c` + "\n", []Entry{{"A", "one\ntwo \"x\" \\d", 1}}, 0},
		{"a quote over several lines", "A=\"one\ntwo\"\nB='x\n\ny'\nC=3\n", []Entry{{"A", "one\ntwo", 1}, {"B", "x\n\ny", 3}, {"C", "3", 6}}, 0},
		{"a backslash at the end is itself", "A=C:\\\nB=2\n", []Entry{{"A", "C:\\", 1}, {"B", "2", 2}}, 0},
		{"export is allowed", "export A=1\n", []Entry{{"A", "1", 1}}, 0},
		{"a bare name takes its value from elsewhere", "A\nexport B\nC=1\n", []Entry{{"C", "1", 3}}, 0},
		{"placeholders stay", "A=${B:-x}\nC=$D\n", []Entry{{"A", "${B:-x}", 1}, {"C", "$D", 2}}, 0},
		{"what is no assignment", "A=1\n{}\n", []Entry{{"A", "1", 1}}, 2},
	})
}

func TestEnvAsSystemdReadsIt(t *testing.T) {
	checkSamples(t, "env systemd", []sample{
		{"comments only at the start", "# a\n; b\nA=1 # no\nB=x ; y\n", []Entry{{"A", "1 # no", 3}, {"B", "x ; y", 4}}, 0},
		{"blanks at the ends do not count", "A=  x y  \n", []Entry{{"A", "x y", 1}}, 0},
		{"quoted blanks do", "A=' x '\n", []Entry{{"A", " x ", 1}}, 0},
		{"quotes and escapes", `A="a \"b\" \x"c\ d` + "\n", []Entry{{"A", `a "b" \xc d`, 1}}, 0},
		{"a line goes on after a backslash", "A=one \\\n  two\nB=2\n", []Entry{{"A", "one   two", 1}, {"B", "2", 3}}, 0},
		{"lines without a sign are ignored", "hello\nA=1\n", []Entry{{"A", "1", 2}}, 0},
		{"export is no keyword", "export A=1\nB=2\n", []Entry{{"B", "2", 2}}, 1},
		{"a quote over several lines", "A='x\ny'\nB=2\n", []Entry{{"A", "x\ny", 1}, {"B", "2", 3}}, 0},
	})
}

func FuzzEnvShell(f *testing.F) {
	fuzz(f, "env shell", "export A=\"x\\\ny\" B='z'; C=${D:-e f}\n", "A='", `A=\`, "=x")
}
func FuzzEnvCompose(f *testing.F) {
	fuzz(f, "env compose", "A=\"x\ny\" # z\nB: 'c'\nD\n", "A=\"", "A=\"\\")
}
func FuzzEnvSystemd(f *testing.F) {
	fuzz(f, "env systemd", "; c\nA=x\\\n y\nB=\"q\\\"\"\n", "A='\n", "A=\\\r\n")
}
