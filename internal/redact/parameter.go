package redact

import "strings"

// looseParameter are names that mean a secret in a query or connection string, though not as a key of configuration.
var looseParameter = map[string]bool{
	"sig": true, "key": true, "pass": true, "code": true, "auth": true, "signature": true, "x-amz-signature": true, "x-amz-credential": true,
	"x-amz-security-token": true, "x-goog-signature": true, "authkey": true, "sharedaccesssignature": true, "hmac": true, "pwd": true,
}

// parameters hides the value in name=value, name: value, "name": "value" and name => value when the name is a secret's.
func parameters(text string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '=' && text[i] != ':' || i < done {
			continue
		}
		start, end, ok := secretParameter(text, i)
		if !ok || start < done {
			continue
		}
		b.WriteString(text[done:start])
		b.WriteString(Mask)
		done = end
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// mayBeParameter is the cheap question whether a loose parameter's name can be there.
func mayBeParameter(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] | 0x20 {
		case 's':
			if hasFold(text[i:], "sig") {
				return true
			}
		case 'c':
			if hasFold(text[i:], "code=") {
				return true
			}
		case 'a':
			if hasFold(text[i:], "auth") {
				return true
			}
		case 'h':
			if hasFold(text[i:], "hmac") {
				return true
			}
		}
	}
	return false
}

// secretParameter finds the value to hide behind the sign at i.
func secretParameter(text string, i int) (start, end int, ok bool) {
	name, before := nameBefore(text, i)
	if name == "" {
		return 0, 0, false
	}
	start = i + 1
	if text[i] == '=' && start < len(text) && text[start] == '>' {
		start++
	}
	gap := start
	for start < len(text) && (text[start] == ' ' || text[start] == '\t') {
		start++
	}
	if start == len(text) {
		return 0, 0, false
	}
	if text[i] == ':' && start == gap && text[start] != '"' && text[start] != '\'' {
		return 0, 0, false // host:port, ${name:default}
	}
	tight := text[i] == '=' && start == i+1 && nameByte(text[i-1])
	if !secretKey(name) && (!tight || !looseParameter[strings.ToLower(name)]) {
		return 0, 0, false
	}
	start, end = extent(text, i, before, start)
	value := text[start:end]
	if value == "" || harmless(value) || isAddress(value) {
		return 0, 0, false
	}
	return start, end, true
}

// maxName bounds how far back a parameter's name is looked for.
const maxName = 64

// nameBefore is the name before the sign at i, and the character before that.
func nameBefore(text string, i int) (name string, before byte) {
	end := i
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '"' || text[end-1] == '\'') && i-end < 3 {
		end--
	}
	start := end
	for start > 0 && end-start < maxName && nameByte(text[start-1]) {
		start--
	}
	if start > 0 {
		before = text[start-1]
	}
	return text[start:end], before
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// extent is where a value ends, which depends on what sort of text it stands in: a quoted one at its quote, one of a
// query at '&', one of a connection string at ';', one of a comma list at ',', any other at a blank.
func extent(text string, sign int, before byte, start int) (int, int) {
	if q := text[start]; q == '"' || q == '\'' {
		for i := start + 1; i < len(text); i++ {
			if text[i] == '\\' {
				i++
			} else if text[i] == q {
				return start + 1, i
			}
		}
		return start + 1, len(text)
	}
	ends := " \t\r\n\"'&"
	switch {
	case text[sign] == ':':
		ends = " \t\r\n\"',;}]"
	case before == '?' || before == '&':
		ends = " \t\r\n\"'&;<>`"
	case before == ',':
		ends = ",\r\n\"'"
	case strings.IndexByte(text, ';') >= 0:
		ends = ";\r\n\""
	}
	end := indexOutside(text[start:], ends)
	if end < 0 {
		return start, len(text)
	}
	return start, start + end
}

// arguments hides what follows a secret's flag on a command line: --requirepass VALUE, mysql -pVALUE, curl -u user:VALUE.
func (s signs) arguments(text string) string {
	if !s.dash || !s.blank && !s.bracket {
		return text
	}
	var b strings.Builder
	done, flag := 0, ""
	for pos := 0; pos < len(text); {
		start := pos + len(text[pos:]) - len(strings.TrimLeft(text[pos:], argumentEnds))
		end := strings.IndexAny(text[start:], argumentEnds)
		if end < 0 {
			end = len(text)
		} else {
			end += start
		}
		word := text[start:end]
		if from := secretArgument(text, flag, word); from >= 0 && !harmless(word[from:]) {
			b.WriteString(text[done : start+from])
			b.WriteString(Mask)
			done = end
		}
		flag, pos = word, end
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

const argumentEnds = " \t\r\n\"',[]"

// secretArgument is where in a word after flag the secret begins, -1 when it holds none.
func secretArgument(text, flag, word string) int {
	if strings.HasPrefix(word, "-p") && len(word) > 2 && !strings.ContainsAny(word, "=/") && (strings.Contains(text, "mysql") || strings.Contains(text, "mariadb")) {
		return 2
	}
	if name, _, ok := strings.Cut(word, "="); ok && (strings.HasPrefix(name, "-D") || strings.HasPrefix(name, "-P")) && secretKey(name[2:]) {
		return len(name) + 1 // a property of Java, Maven or Gradle
	}
	if word == "" || flag == "" || flag[0] != '-' || word[0] == '-' {
		return -1
	}
	switch name := strings.TrimLeft(flag, "-"); {
	case strings.HasPrefix(flag, "--") && !strings.Contains(flag, "=") && secretKey(name) && !isAddress(word):
		return 0
	case flag == "-a" && strings.Contains(text, "redis-cli"), flag == "--auth" && !isAddress(word):
		return 0
	case flag == "-p" && looksIssued(word):
		return 0
	case flag != "-u" && flag != "--user":
	case strings.Contains(text, "curl"), strings.Contains(text, "wget"):
		if i := strings.IndexByte(word, ':'); i >= 0 {
			return i + 1
		}
	default:
		return loginAt(word)
	}
	return -1
}

// loginAt is where in user:secret the secret begins, -1 when the text is none: 1000:1000 and host:80 are not.
func loginAt(text string) int {
	i := strings.IndexByte(text, ':')
	if i <= 0 || i == len(text)-1 || allDigits(text[i+1:]) || strings.ContainsAny(text, "/ \t\n@") || harmless(text[i+1:]) {
		return -1
	}
	return i + 1
}

// leastIssued is how long a word of letters and digits mixed is that somebody was given rather than chose.
const leastIssued = 12

// looksIssued reports whether a word is letters and digits mixed, and long.
func looksIssued(word string) bool {
	letters, digits := 0, 0
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		default:
			return false
		}
	}
	return len(word) >= leastIssued && letters > 0 && digits > 0
}
