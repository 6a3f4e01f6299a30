// Package redact keeps secrets out of everything Caravan stores, shows or logs. It is applied when a value is read,
// before any other code sees it, and again to texts that could quote one. It would rather hide a harmless value than
// show a password; keys, hosts, ports and paths stay readable, because they are what the map is made of.
package redact

import (
	"regexp"
	"strings"
)

// Mask stands where a secret stood.
const Mask = "•••"

// Value redacts a configuration value, knowing the key it stands under. Redacting twice changes nothing more.
func Value(key, value string) string {
	if value == "" {
		return value
	}
	if secretKey(key) && !harmless(value) {
		if !strings.Contains(value, "://") {
			return Mask
		}
		if webhookKey(key) {
			return hideAfterHost(value)
		}
	}
	return Text(value)
}

// Text redacts free text: URLs as in URL, and anything with the shape of a credential.
func Text(text string) string {
	return shapes(URL(text))
}

// URL redacts, in any URLs in text, passwords beside user names and the secret parameters of queries and connection strings.
func URL(text string) string {
	if strings.Contains(text, "://") || strings.Contains(text, "@") {
		text = userinfo(text)
	}
	if strings.IndexByte(text, '=') >= 0 {
		text = parameters(text)
	}
	return text
}

// userinfo hides what stands between ':' and the last '@' of each authority. A '@' inside a password is part of it.
func userinfo(text string) string {
	var b strings.Builder
	rest := text
	for {
		i := strings.Index(rest, "://")
		skip := 3
		if i < 0 {
			break
		}
		b.WriteString(rest[:i+skip])
		rest = rest[i+skip:]
		end := authorityEnd(rest)
		authority := rest[:end]
		rest = rest[end:]
		b.WriteString(hidePasswords(authority))
	}
	b.WriteString(rest)
	out := b.String()
	if strings.Contains(out, "@tcp(") || strings.Contains(out, "@unix(") || strings.Contains(out, "@(") {
		out = goDSN.ReplaceAllString(out, "${1}:"+Mask+"@${2}(")
	}
	return oracleLogin(out)
}

// authorityEnd is where the authority of a URL ends. A slash inside a password is not written raw by anything that
// works, but an unescaped '@' later on the same word means that it was.
func authorityEnd(s string) int {
	end := strings.IndexAny(s, " \t\n\"'<>`")
	if end < 0 {
		end = len(s)
	}
	stop := strings.IndexAny(s[:end], "/?#")
	if stop < 0 {
		return end
	}
	if stop > 0 && s[stop-1] == ':' && strings.HasPrefix(s[stop:], "//") {
		return stop - 1 // the next URL of a list
	}
	if at := strings.IndexByte(s[stop:end], '@'); at >= 0 && strings.Contains(s[:stop], ":") && !portOnly(s[:stop]) && !strings.Contains(s[:stop], "@") {
		return stop + at + 1 + strings.IndexAny(s[stop+at+1:end]+"/", "/?#")
	}
	return stop
}

// portOnly reports whether an authority is host:digits.
func portOnly(s string) bool {
	i := strings.LastIndexByte(s, ':')
	for _, c := range s[i+1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return i >= 0
}

func hidePasswords(authority string) string {
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return authority
	}
	user, host := authority[:at], authority[at:]
	colon := strings.IndexByte(user, ':')
	switch {
	case strings.HasPrefix(user, "${"):
		// a placeholder for the user, or for user and password together
		if end := strings.IndexByte(user, '}'); end >= 0 && end+1 < len(user) && user[end+1] == ':' {
			colon = end + 1
		} else if end == len(user)-1 {
			return authority
		}
	case colon < 0 && !tokenLike(user):
		return authority
	case colon < 0:
		return Mask + host
	}
	if colon < 0 || reference(user[colon+1:]) {
		return authority
	}
	return user[:colon+1] + Mask + host
}

// tokenLike reports whether a user name alone is a credential, as in https://TOKEN@host.
func tokenLike(user string) bool {
	return len(user) >= 16 && mixed(user) || strings.HasPrefix(user, "ghp_") || strings.HasPrefix(user, "glpat-")
}

var (
	goDSN  = regexp.MustCompile(`([\w.$}{-]+):[^@\s:]*@(tcp|unix|)\(`)
	oracle = regexp.MustCompile(`(oracle:thin:[^/\s]*)/[^@\s]*@`)
)

func oracleLogin(s string) string {
	if strings.Contains(s, "oracle:thin:") {
		return oracle.ReplaceAllString(s, "${1}/"+Mask+"@")
	}
	return s
}

// parameter is a name=value inside a URL query, a connection string or a command line.
var parameter = regexp.MustCompile(`(?i)([\w.-]*(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|shared[_-]?access[_-]?signature|signature|credential|client[_-]?secret|private[_-]?key|auth)|\bsig|\bkey|\bpass|\bcode)(\s*=\s*)("[^"]*"|'[^']*'|[^;&\s,"']+)`)

var parameterHints = []string{"pass", "pwd", "secret", "token", "key", "sig", "credential", "auth", "code"}

func parameters(text string) string {
	lower := strings.ToLower(text)
	found := false
	for _, h := range parameterHints {
		if strings.Contains(lower, h) {
			found = true
			break
		}
	}
	if !found || len(text) > 64<<10 {
		return text
	}
	return parameter.ReplaceAllStringFunc(text, func(m string) string {
		g := parameter.FindStringSubmatch(m)
		if !secretKey(g[1]) && !looseParameter[strings.ToLower(g[1])] || harmless(strings.Trim(g[3], `"'`)) || strings.Contains(g[3], "://") {
			return m
		}
		return g[1] + g[2] + Mask
	})
}

// looseParameter are names that mean a secret in a query or connection string, though not as a key of configuration.
var looseParameter = map[string]bool{"sig": true, "key": true, "pass": true, "code": true, "auth": true, "signature": true}

// shape is what a credential looks like wherever it stands. hint is a piece of text without which it cannot be there.
type shape struct {
	hint    string
	pattern *regexp.Regexp
	keep    string
}

var known = []shape{
	{"-----BEGIN", regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE)[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]+-----|$)`), Mask},
	{"AKIA", regexp.MustCompile(`\bAKIA[0-9A-Z]{12,}\b`), Mask},
	{"ASIA", regexp.MustCompile(`\bASIA[0-9A-Z]{12,}\b`), Mask},
	{"gh", regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{20,}\b`), Mask},
	{"github_pat_", regexp.MustCompile(`\bgithub_pat_[A-Za-z0-9_]{20,}\b`), Mask},
	{"glpat-", regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{16,}`), Mask},
	{"xox", regexp.MustCompile(`\bxox[abeoprs]-[A-Za-z0-9-]{8,}`), Mask},
	{"hooks.slack.com", regexp.MustCompile(`(hooks\.slack\.com/)[^\s"']+`), "${1}" + Mask},
	{"eyJ", regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?`), Mask},
	{"earer ", regexp.MustCompile(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}" + Mask},
	{"asic ", regexp.MustCompile(`(\b[Bb]asic\s+)[A-Za-z0-9+/=]{8,}`), "${1}" + Mask},
	{"ENC[", regexp.MustCompile(`ENC\[[^\]]+\]`), "ENC[" + Mask + "]"},
	{"AGE-SECRET", regexp.MustCompile(`AGE-SECRET-KEY-[A-Z0-9]+`), Mask},
	{"sk_live_", regexp.MustCompile(`\bsk_live_[A-Za-z0-9]{8,}`), Mask},
	{"sk-", regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{20,}`), Mask},
	{"AIza", regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{30,}`), Mask},
	{"npm_", regexp.MustCompile(`\bnpm_[A-Za-z0-9]{30,}`), Mask},
}

func shapes(text string) string {
	for _, s := range known {
		if strings.Contains(text, s.hint) {
			text = s.pattern.ReplaceAllString(text, s.keep)
		}
	}
	return words(text)
}

// words hides long words that nobody chose: 32 characters or more of hexadecimal or base64 that are no digest, commit
// or UUID.
func words(text string) string {
	if len(text) < minRandom {
		return text
	}
	var b strings.Builder
	start, changed := -1, false
	flush := func(end int) {
		word := text[start:end]
		if len(word) >= minRandom && random(word) && !strings.HasSuffix(text[:start], "sha256:") && !strings.HasSuffix(text[:start], "sha512:") {
			b.WriteString(Mask)
			changed = true
		} else {
			b.WriteString(word)
		}
		start = -1
	}
	for i := 0; i < len(text); i++ {
		if wordByte(text[i]) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			flush(i)
		}
		b.WriteByte(text[i])
	}
	if start >= 0 {
		flush(len(text))
	}
	if !changed {
		return text
	}
	return b.String()
}

const minRandom = 32

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '='
}

// random reports whether a long word mixes digits into letters as chosen names do not. Forty hexadecimal digits are
// a commit, sixty-four a digest.
func random(word string) bool {
	digits, letters, upper, hex := 0, 0, 0, true
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			letters++
			hex = hex && c <= 'f'
		case c >= 'A' && c <= 'Z':
			upper++
			hex = hex && c <= 'F'
		default:
			hex = false
		}
	}
	if hex {
		return len(word) != 40 && len(word) != 64
	}
	return digits >= 3 && letters+upper >= 8 && (upper >= 3 || digits >= len(word)/5)
}

func mixed(s string) bool {
	digits, letters := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters++
		}
	}
	return digits >= 3 && letters >= 3
}

func hideAfterHost(value string) string {
	i := strings.Index(value, "://")
	if j := strings.IndexByte(value[i+3:], '/'); j >= 0 {
		return value[:i+3+j+1] + Mask
	}
	return value
}
