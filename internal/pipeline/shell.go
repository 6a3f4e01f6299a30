package pipeline

import (
	"regexp"
	"slices"
	"strings"
)

// command is one simple command of a shell script, as far as deploying needs to know it.
type command struct {
	words   []string // without quotes; variables and expressions as they are written
	from    int      // where its first word begins, in bytes
	to      int      // where its last word ends
	line    int      // counted from 0 within the script
	end     int      // the line its last word is on
	heredoc string   // what it is given on standard input
	guard   string   // what it depends on within the script: "an if", "a case" …; "" when it always runs
	loop    bool     // it may run more than once
	turns   []string // variables of the loops it is in: another value each time
}

// name is the word a command is called by, without its folder; assignments before it are skipped.
func (c command) name() string {
	words := c.args()
	if len(words) == 0 {
		return ""
	}
	return words[0][strings.LastIndexByte(words[0], '/')+1:]
}

// args are a command's words from its name on, without the words that only say how it is run.
func (c command) args() []string {
	words := c.words
	for len(words) > 0 {
		w := words[0]
		switch {
		case isAssignment(w), w == "!", w == "then", w == "do", w == "else", w == "{", w == "env", w == "time", w == "nohup", w == "exec":
			words = words[1:]
		case w == "sudo":
			words = words[1:]
			for len(words) > 0 && strings.HasPrefix(words[0], "-") {
				takes := words[0] == "-u" || words[0] == "-g" || words[0] == "--user"
				words = words[1:]
				if takes && len(words) > 0 {
					words = words[1:]
				}
			}
		case len(words) > 1 && (w == "bundle" && words[1] == "exec" || (w == "poetry" || w == "pipenv" || w == "uv") && words[1] == "run"):
			words = words[2:]
		case w == "timeout" && len(words) > 2:
			words = words[2:]
		default:
			return words
		}
	}
	return nil
}

func isAssignment(w string) bool {
	name, _, ok := strings.Cut(w, "=")
	return ok && isName(name)
}

func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// shell reads a script word by word. It knows quotes, comments, continued lines, here-documents, substitutions and the words that
// decide what is run; it does not expand anything.
type shell struct {
	text     string
	at, line int
	stack    []string // of open if, case, for, while, until, function
	chain    string   // what the next command of this list depends on
	cur      command
	begun    bool   // cur has words
	waiting  []here // here-documents that begin on the next line
	out      []command
	turns    []string // variables of the loops that are open
	left     bool     // an exit stands before
}

// here is the mark of a here-document, and whether its text is taken as it stands.
type here struct {
	mark   string
	quoted bool
}

// remote stands for a dollar that is not expanded where the script runs: within single quotes, or a quoted here-document.
const remote = "\ue000"

// commands are the simple commands of a script, in order.
func commands(script string) []command {
	s := &shell{text: script}
	for s.at < len(s.text) {
		s.step()
	}
	s.finish()
	return s.out
}

var restOfLine = regexp.MustCompile(`^[ \t\r]*(<<-?[ ]*\S+)?[ \t\r]*(#.*)?$`)

// alone reports whether a command shares its lines of a script with nothing but a comment.
func (c command) alone(script string) bool {
	before := script[strings.LastIndexByte(script[:c.from], '\n')+1 : c.from]
	after := script[c.to:]
	return strings.TrimSpace(before) == "" && restOfLine.MatchString(after[:untilLineEnd(after)])
}

func (s *shell) step() {
	switch c := s.text[s.at]; {
	case c == '\n':
		s.finish()
		s.chain = ""
		s.newline()
	case c == ' ' || c == '\t' || c == '\r':
		s.at++
	case c == '#':
		s.at += untilLineEnd(s.text[s.at:])
	case c == '\\' && strings.HasPrefix(s.text[s.at+1:], "\n"):
		s.at += 2
		s.line++
	case c == '\\' && strings.HasPrefix(s.text[s.at+1:], "\r\n"):
		s.at += 3
		s.line++
	case strings.HasPrefix(s.text[s.at:], "<<<"):
		s.at += 3
	case strings.HasPrefix(s.text[s.at:], "<<"):
		s.hereMark()
	case strings.IndexByte(";|&()", c) >= 0:
		s.operator()
	default:
		s.word()
	}
}

func untilLineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

// newline passes a line's end and what here-documents stand behind it.
func (s *shell) newline() {
	s.at++
	s.line++
	for _, h := range s.waiting {
		s.hereText(h)
	}
	s.waiting = nil
}

func (s *shell) hereMark() {
	s.at += 2
	if s.at < len(s.text) && s.text[s.at] == '-' {
		s.at++
	}
	for s.at < len(s.text) && s.text[s.at] == ' ' {
		s.at++
	}
	begin := s.at
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n;|&<>()", s.text[s.at]) < 0 {
		s.at++
	}
	raw := s.text[begin:s.at]
	if mark := strings.Trim(raw, `'"\`); mark != "" {
		s.waiting = append(s.waiting, here{mark, mark != raw})
	}
}

// hereText takes a here-document's lines; they belong to the command before them.
func (s *shell) hereText(h here) {
	var b strings.Builder
	for s.at < len(s.text) {
		n := untilLineEnd(s.text[s.at:])
		line := s.text[s.at : s.at+n]
		s.at += n
		if s.at < len(s.text) {
			s.at++
			s.line++
		}
		if strings.TrimSpace(line) == h.mark {
			break
		}
		if h.quoted {
			line = unexpanded(line)
		}
		b.WriteString(line + "\n")
	}
	if len(s.out) > 0 {
		last := &s.out[len(s.out)-1]
		last.heredoc += b.String()
		last.end = max(last.end, s.line-1)
	}
}

var expression = regexp.MustCompile(`\$\{\{.*?\}\}`)

// unexpanded takes the meaning from dollars a shell does not expand; expressions of the pipeline are put in before the shell sees them.
func unexpanded(text string) string {
	var b strings.Builder
	begin := 0
	for _, at := range expression.FindAllStringIndex(text, -1) {
		b.WriteString(strings.ReplaceAll(text[begin:at[0]], "$", remote) + text[at[0]:at[1]])
		begin = at[1]
	}
	return b.String() + strings.ReplaceAll(text[begin:], "$", remote)
}

// operator ends a command. What follows && or || of a test depends on it.
func (s *shell) operator() {
	two := s.text[s.at:min(s.at+2, len(s.text))]
	s.finish()
	switch {
	case two == "&&":
		if last := s.last(); last != nil && isTest(*last) {
			s.chain = "a test before it"
		}
		s.at += 2
	case two == "||":
		s.chain = "a command before it that fails"
		s.at += 2
	case two == "()":
		s.at += 2
		if last := s.last(); last != nil && len(last.words) == 1 {
			s.out = s.out[:len(s.out)-1]
			s.stack = append(s.stack, "a function")
		}
	default:
		if two[0] == ';' {
			s.chain = ""
		}
		s.at++
	}
}

func (s *shell) last() *command {
	if len(s.out) == 0 {
		return nil
	}
	return &s.out[len(s.out)-1]
}

// isTest reports whether a command is run to learn something rather than to do something.
func isTest(c command) bool {
	switch c.name() {
	case "[", "[[", "test", "grep", "egrep", "cmp", "diff", "false":
		return true
	case "git":
		return slices.Contains(c.words, "diff") || slices.Contains(c.words, "log")
	}
	return false
}

// word takes one word and, when it begins a command, heeds what it opens or closes.
func (s *shell) word() {
	line, from := s.line, s.at
	text, quoted := s.take()
	if !s.begun {
		if !quoted && s.keyword(text) {
			return
		}
		s.cur = command{from: from, line: line, guard: s.guard(), loop: s.looping(), turns: slices.Clone(s.turns)}
		s.begun = true
	}
	s.cur.words = append(s.cur.words, text)
	s.cur.end, s.cur.to = s.line, s.at
}

// opens are the words that begin what may not be run, or more than once.
var opens = map[string]string{"if": "an if", "case": "a case", "for": "a loop", "while": "a loop", "until": "a loop", "function": "a function", "{": "braces"}

func (s *shell) keyword(w string) bool {
	switch w {
	case "then", "do", "else", "elif", "!":
		return true
	case "fi", "esac", "done", "}":
		if len(s.stack) > 0 {
			s.stack = s.stack[:len(s.stack)-1]
		}
		if !s.looping() {
			s.turns = nil
		}
		return true
	case "{":
		if n := len(s.stack); n == 0 || s.stack[n-1] != "a function" {
			s.stack = append(s.stack, "braces")
		}
		return true
	case "if", "while", "until", "function":
		s.stack = append(s.stack, opens[w])
		return true
	case "for", "case":
		s.stack = append(s.stack, opens[w])
		n := s.head()
		if name := strings.Fields(s.text[s.at : s.at+n]); w == "for" && len(name) > 0 {
			s.turns = append(s.turns, name[0])
		}
		s.at += n
		return true
	}
	return false
}

// head is how long the head of a for or case is; its words are no command.
func (s *shell) head() int {
	rest := s.text[s.at:]
	n := untilLineEnd(rest)
	if i := strings.IndexByte(rest[:n], ';'); i >= 0 {
		n = i
	}
	if i := strings.Index(rest[:n], " in"); i >= 0 && s.stack[len(s.stack)-1] == "a case" {
		n = i + len(" in")
	}
	return n
}

func (s *shell) guard() string {
	for _, open := range s.stack {
		if open == "an if" || open == "a case" || open == "a function" {
			return open
		}
	}
	if s.chain != "" {
		return s.chain
	}
	if s.left {
		return "an exit before it"
	}
	return ""
}

func (s *shell) looping() bool { return slices.Contains(s.stack, "a loop") }

// finish ends the command that is being read.
func (s *shell) finish() {
	if !s.begun {
		return
	}
	s.begun = false
	s.out = append(s.out, s.cur)
	if s.cur.loop && s.cur.name() == "read" {
		s.turns = append(s.turns, s.cur.args()[1:]...)
	}
	if name := s.cur.name(); name == "exit" || name == "return" {
		args := s.cur.args()
		s.left = s.left || len(args) == 1 || args[1] == "0"
	}
}

// take reads one word: quoted parts without their quotes, substitutions and expressions as they stand.
func (s *shell) take() (text string, quoted bool) {
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case strings.IndexByte(" \t\r\n;|&()", c) >= 0:
			return b.String(), quoted
		case b.Len() > 0 && strings.HasPrefix(s.text[s.at:], "<<"):
			return b.String(), quoted
		case c == '\\' && s.at+1 < len(s.text):
			if s.text[s.at+1] == '\n' {
				return b.String(), quoted
			}
			b.WriteByte(s.text[s.at+1])
			s.at += 2
		case c == '\'' || c == '"':
			quoted = true
			s.quote(&b, c)
		case c == '$' || c == '`':
			s.dollar(&b)
		default:
			b.WriteByte(c)
			s.at++
		}
	}
	return b.String(), quoted
}

// quote takes what stands between quotes.
func (s *shell) quote(b *strings.Builder, mark byte) {
	s.at++
	for s.at < len(s.text) && s.text[s.at] != mark {
		c := s.text[s.at]
		switch {
		case strings.HasPrefix(s.text[s.at:], "${{"):
			s.dollar(b)
			continue
		case mark == '"' && c == '\\' && s.at+1 < len(s.text) && strings.IndexByte("\"\\$`\n", s.text[s.at+1]) >= 0:
			s.at++
			c = s.text[s.at]
		case mark == '"' && c == '$':
			s.dollar(b)
			continue
		}
		if c == '\n' {
			s.line++
		}
		if mark == '\'' && c == '$' {
			b.WriteString(remote)
		} else {
			b.WriteByte(c)
		}
		s.at++
	}
	s.at = min(s.at+1, len(s.text))
}

// mostEmbedded bounds how far the end of an expression is looked for.
const mostEmbedded = 4 << 10

// dollar takes a variable, a substitution or an expression of the pipeline as it stands.
func (s *shell) dollar(b *strings.Builder) {
	rest := s.text[s.at:]
	rest = rest[:min(len(rest), mostEmbedded)]
	n := 1
	switch {
	case rest[0] == '`':
		n = 2 + max(strings.IndexByte(rest[1:], '`'), 0)
	case strings.HasPrefix(rest, "${{"):
		n = span(rest, "}}")
	case strings.HasPrefix(rest, "${"):
		n = nested(rest, '{', '}')
	case strings.HasPrefix(rest, "$("):
		n = nested(rest, '(', ')')
	}
	n = min(n, len(rest))
	s.line += strings.Count(rest[:n], "\n")
	b.WriteString(rest[:n])
	s.at += n
}

// span is how far it is to the end of the closing mark, or one when there is none.
func span(s, closing string) int {
	if i := strings.Index(s, closing); i >= 0 {
		return i + len(closing)
	}
	return 1
}

// nested is the length of a bracketed part that begins one byte into s.
func nested(s string, open, closing byte) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case open:
			depth++
		case closing:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 1
}
