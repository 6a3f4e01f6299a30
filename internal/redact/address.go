package redact

import "strings"

// userinfo hides the passwords in authorities: after "://", before "@tcp(" and in a lone user:password@host.
func userinfo(text string, at bool) string {
	if at {
		text = oracleLogin(text)
		if !strings.Contains(text, "://") {
			return loneLogin(text)
		}
	}
	i := strings.Index(text, "://")
	if i < 0 {
		return text
	}
	var b strings.Builder
	for i >= 0 {
		b.WriteString(text[:i+3])
		text = text[i+3:]
		end := authorityEnd(text)
		b.WriteString(authority(text[:end]))
		text = text[end:]
		i = strings.Index(text, "://")
	}
	b.WriteString(text)
	return b.String()
}

// authorityEnd is where the authority of a URL ends, placeholders counting as one character. A slash inside a password is
// not written raw by anything that works, but an '@' later in the same word says that it was.
func authorityEnd(s string) int {
	word := s[:wordEnd(s)]
	stop := indexOutside(word, "/?#;")
	if stop < 0 {
		return len(word)
	}
	head := word[:stop]
	if strings.IndexByte(head, '@') >= 0 || !passwordLike(afterColon(head)) {
		return stop
	}
	at := strings.IndexByte(word[stop:], '@')
	if at < 0 {
		return stop
	}
	after := stop + at + 1
	if next := indexOutside(word[after:], "/?#;"); next >= 0 {
		return after + next
	}
	return len(word)
}

// wordEnd is where the word a URL stands in ends: at a blank, a quote, or where the next URL begins.
func wordEnd(s string) int {
	next := strings.Index(s, "://")
	if next < 0 {
		next = len(s)
	}
	if end := indexOutside(s[:next], " \t\r\n\"'`<>"); end >= 0 {
		return end
	}
	start := next
	if next == len(s) {
		return next
	}
	for start > 0 && schemeByte(s[start-1]) {
		start--
	}
	return start
}

func schemeByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '.' || c == '-' || c == '_'
}

// indexOutside is the index of the first byte of chars outside ${…}, {{…}}, #{…}, $(…) and <%…%>; -1 when there is none.
func indexOutside(s, chars string) int {
	for i := 0; i < len(s); i++ {
		if n := placeholder(s[i:]); n > 0 {
			i += n - 1
			continue
		}
		if strings.IndexByte(chars, s[i]) >= 0 {
			return i
		}
	}
	return -1
}

// maxPlaceholder bounds how far the end of a placeholder is looked for.
const maxPlaceholder = 256

// placeholder is the length of the placeholder s starts with, 0 when it starts with none.
func placeholder(s string) int {
	if len(s) < 3 || s[0] != '$' && s[0] != '{' && s[0] != '#' && s[0] != '<' {
		return 0
	}
	open, closing := byte('{'), byte('}')
	switch s[:2] {
	case "${", "#{", "{{":
	case "$(":
		open, closing = '(', ')'
	case "<%":
		if i := strings.Index(s[:min(len(s), maxPlaceholder)], "%>"); i > 0 {
			return i + 2
		}
		return 0
	default:
		return 0
	}
	depth := 0
	for i := 0; i < len(s) && i < maxPlaceholder; i++ {
		switch s[i] {
		case open:
			depth++
		case closing:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// authority hides what stands between ':' and the last '@', and, where there is no '@', what stands where a port would.
func authority(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		return login(s[:at]) + s[at:]
	}
	if i := indexOutside(s, ":"); i < 0 || !passwordLike(s[i+1:]) {
		return s
	}
	hosts := strings.Split(s, ",")
	for i, h := range hosts {
		if j := indexOutside(h, ":"); j >= 0 && passwordLike(h[j+1:]) && !strings.HasPrefix(h, "[") {
			hosts[i] = h[:j+1] + Mask
		}
	}
	return strings.Join(hosts, ",")
}

func afterColon(s string) string {
	if i := indexOutside(s, ":"); i >= 0 {
		return s[i+1:]
	}
	return ""
}

// passwordLike reports whether what follows a colon can be no port: neither digits nor anything that stands for them.
func passwordLike(s string) bool {
	s, _, _ = strings.Cut(s, ",")
	s = strings.TrimRight(s, "})]|.!") // what a URL stands in closes behind its port
	if s == "" || allDigits(s) || strings.HasPrefix(s, Mask) || strings.IndexByte("${<#%*([@", s[0]) >= 0 {
		return false
	}
	stand := strings.ToLower(strings.Trim(s, "_-"))
	return stand != "port" && !strings.HasSuffix(stand, "_port")
}

// login hides the password of user:password, or a token that stands there alone.
func login(s string) string {
	colon := indexOutside(s, ":")
	user, password := s, ""
	if colon >= 0 {
		user, password = s[:colon], s[colon+1:]
	}
	if tokenLike(user) || strings.HasPrefix(user, "${") && strings.Count(user, ":") > 1 {
		user = Mask
	}
	if colon < 0 {
		return user
	}
	if reference(password) {
		return user + ":" + password
	}
	return user + ":" + Mask
}

// tokenLike reports whether a user name alone is a credential, as in https://TOKEN@host.
func tokenLike(user string) bool {
	if len(user) < 16 {
		return false
	}
	digits, letters := 0, 0
	for i := 0; i < len(user); i++ {
		switch c := user[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters++
		case c != '_' && c != '-' && c != '~' && c != '.':
			return false
		}
	}
	return digits >= 3 && letters >= 3 || strings.HasPrefix(user, "ghp_") || strings.HasPrefix(user, "glpat-")
}

// loneSchemes come before an '@' without being a user.
var loneSchemes = map[string]bool{"mailto": true, "sip": true, "sips": true, "acct": true, "xmpp": true, "npm": true, "git": true, "workspace": true, "link": true, "file": true, "jdbc": true, "urn": true, "did": true}

// loneLogin hides the password in user:password@host and user:password@tcp(host), word by word.
func loneLogin(text string) string {
	var b strings.Builder
	for text != "" {
		end := indexOutside(text, " \t\r\n\"'`,;|")
		if end < 0 {
			end = len(text)
		}
		b.WriteString(loneWord(text[:end]))
		if end < len(text) {
			b.WriteByte(text[end])
			end++
		}
		text = text[end:]
	}
	return b.String()
}

func loneWord(word string) string {
	at := strings.LastIndexByte(word, '@')
	if at <= 0 || at == len(word)-1 {
		return word
	}
	head, host := word[:at], word[at+1:]
	start := strings.LastIndexByte(head, '=') + 1
	colon := indexOutside(head[start:], ":")
	if colon < 0 || strings.HasPrefix(host, "sha256:") || strings.HasPrefix(host, "sha512:") {
		return word
	}
	// The '=' may be the password's own: then a user stands before the first colon.
	if first := indexOutside(head, ":"); first >= 0 && first < start {
		start, colon = 0, first
	}
	user := head[start : start+colon]
	if loneSchemes[strings.ToLower(user)] || strings.Contains(user, "/") || user == "" && start == 0 && strings.HasPrefix(head, ":@") {
		return word
	}
	return head[:start] + login(head[start:]) + word[at:]
}

// oracleLogin hides the password in oracle:thin:user/password@host.
func oracleLogin(s string) string {
	const thin = "oracle:thin:"
	i := strings.Index(s, thin)
	if i < 0 {
		return s
	}
	word := s[i+len(thin):]
	end := wordEnd(word)
	slash, at := strings.IndexByte(word[:end], '/'), strings.LastIndexByte(word[:end], '@')
	if slash < 0 || at < slash || reference(word[slash+1:at]) {
		return s
	}
	return s[:i+len(thin)+slash+1] + Mask + word[at:]
}
