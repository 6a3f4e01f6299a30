// Package redact keeps secrets out of everything Caravan stores, shows or logs. It is applied when a value is read,
// before any other code sees it, and again to texts that could quote one. It would rather hide a harmless value than
// show a password; keys, hosts, ports and paths stay readable, because they are what the map is made of. Redacting
// what is redacted already changes nothing.
package redact

import "strings"

// Mask stands where a secret stood.
const Mask = "•••"

// maxText bounds what is looked into. Nothing longer is an address, so it is hidden whole.
const maxText = 64 << 10

// Value redacts a configuration value, knowing the key it stands under.
func Value(key, value string) string {
	if value == "" {
		return value
	}
	if secretKey(key) && !harmless(value) && !isAddress(value) {
		return Mask
	}
	if webhookKey(key) && isAddress(value) {
		return hideAfterHost(value)
	}
	if i := loginAt(value); i > 0 { // asked first: it is rare, and costs less than the key's words
		if words := split(key); len(words) > 0 && words[len(words)-1] == "auth" {
			return value[:i] + Mask
		}
	}
	if isDigest(value) && revisionKey(key) {
		return value
	}
	return Text(value)
}

// Text redacts free text: URLs as in URL, and anything with the shape of a credential.
func Text(text string) string {
	if len(text) > maxText {
		return Mask
	}
	s := scan(text)
	return s.shapes(s.arguments(s.url(text)))
}

// URL redacts passwords beside user names and the secret parts of queries and connection strings, in any number of URLs.
func URL(text string) string {
	if len(text) > maxText {
		return Mask
	}
	return scan(text).url(text)
}

// signs are the characters of a text without which most redactions have nothing to do.
type signs struct {
	at, equals, colon, dollar, blank, quote, bracket, dash bool
	longest                                                int // run of letters, digits, '+', '=', '_', '-' and '/'
	word                                                   int // run of letters, digits, '_' and '-'
}

func scan(text string) signs {
	var s signs
	run, word := 0, 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !tokenByte(c) {
			run, word = 0, 0
			s.mark(c)
			continue
		}
		run++
		word++
		switch c {
		case '=':
			s.equals = true
			word = 0
		case '/', '+':
			word = 0
		case '-':
			s.dash = true
		}
		s.longest = max(s.longest, run)
		s.word = max(s.word, word)
	}
	return s
}

func (s *signs) mark(c byte) {
	switch c {
	case '@':
		s.at = true
	case ':':
		s.colon = true
	case '$':
		s.dollar = true
	case ' ', '\t', '\n':
		s.blank = true
	case '"', '\'':
		s.quote = true
	case '[':
		s.bracket = true
	}
}

func (s signs) url(text string) string {
	if s.colon || s.at {
		text = userinfo(text, s.at)
	}
	if s.equals && (mayBeSecret(text) || mayBeParameter(text)) || s.colon && (s.blank || s.quote) && mayBeSecret(text) {
		text = parameters(text)
	}
	return text
}

// isAddress reports whether a value is a URL and nothing else. Under a secret's key it then says where the secret is had.
func isAddress(value string) bool {
	i := strings.Index(value, "://")
	if i <= 0 || i > 20 || strings.ContainsAny(value, " \t\n\"'") {
		return false
	}
	for _, c := range value[:i] {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("+-.:", c) {
			return false
		}
	}
	return true
}

func hideAfterHost(value string) string {
	i := strings.Index(value, "://") + 3
	host := userinfo(value, true)
	if j := strings.IndexByte(host[i:], '/'); j >= 0 {
		return host[:i+j+1] + Mask
	}
	return host
}
