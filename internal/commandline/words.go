package commandline

import "strings"

// Words splits text as a shell does: quotes group, a backslash keeps the next character, operators such as && and ;
// stand alone. Variables and substitutions stay as written.
func Words(text string) []string {
	s := splitter{}
	for i := 0; i < len(text); i++ {
		i += s.next(text[i], text[i+1:])
	}
	s.end()
	return s.words
}

type splitter struct {
	words []string
	word  strings.Builder
	open  bool // a word has begun, though it may be empty
	quote byte
}

// next takes one character and says how many of the following it took with it.
func (s *splitter) next(c byte, rest string) int {
	switch {
	case s.quote != 0:
		return s.quoted(c, rest)
	case c == '\'' || c == '"':
		s.quote, s.open = c, true
	case c == '\\':
		if rest == "" {
			return 0
		}
		if rest[0] != '\n' && rest[0] != '\r' {
			s.add(rest[0])
		}
		return 1
	case c == '\n':
		s.end()
		s.words = append(s.words, ";")
	case c == ' ' || c == '\t' || c == '\r':
		s.end()
	case c == '#' && !s.open:
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			return i
		}
		return len(rest)
	case c == ';' || c == '|' || c == '&':
		return s.operator(c, rest)
	case c == '$' && strings.HasPrefix(rest, "("):
		s.end()
		s.words = append(s.words, ";")
		return 1
	default:
		s.add(c)
	}
	return 0
}

func (s *splitter) quoted(c byte, rest string) int {
	switch {
	case c == s.quote:
		s.quote = 0
	case c == '\\' && s.quote == '"' && rest != "" && strings.IndexByte("\"\\$`\n", rest[0]) >= 0:
		if rest[0] != '\n' {
			s.add(rest[0])
		}
		return 1
	default:
		s.add(c)
	}
	return 0
}

// operator ends a command, unless it is the & of a URL or of 2>&1.
func (s *splitter) operator(c byte, rest string) int {
	double := strings.HasPrefix(rest, string(c))
	if c == '&' && !double && s.open && rest != "" && rest[0] != ' ' && rest[0] != '\n' {
		s.add(c)
		return 0
	}
	s.end()
	s.words = append(s.words, ";")
	if double {
		return 1
	}
	return 0
}

func (s *splitter) add(c byte) {
	s.word.WriteByte(c)
	s.open = true
}

func (s *splitter) end() {
	if s.open {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
		s.open = false
	}
}

// isOperator reports the word that Words puts between two commands, and those of commands given as lists.
func isOperator(word string) bool {
	return word == ";" || word == "&&" || word == "||" || word == "|" || word == "&"
}
