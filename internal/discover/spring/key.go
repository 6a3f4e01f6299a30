package spring

import "strings"

// named are maps whose keys are names somebody chose: the part after them is kept as written.
var named = []string{"zuul.routes.", "spring.cloud.gateway.routes.", "ribbon.", "feign.client.config.", "spring.cloud.stream.bindings.", "logging.level."}

// Canonical is the form Spring's relaxed binding gives a key: lower case words joined with dashes. accessTokenUri,
// access_token_uri and ACCESS-TOKEN-URI are all access-token-uri. Names that somebody chose, such as a route's, stay.
func Canonical(key string) string {
	for _, n := range named {
		if rest, ok := strings.CutPrefix(key, n); ok {
			name, field, dotted := strings.Cut(rest, ".")
			if !dotted {
				return key
			}
			return n + name + "." + kebab(field)
		}
	}
	return kebab(key)
}

func kebab(key string) string {
	plain := true
	for i := 0; i < len(key) && plain; i++ {
		plain = key[i] != '_' && (key[i] < 'A' || key[i] > 'Z')
	}
	if plain {
		return key
	}
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		c := key[i]
		switch {
		case c == '_':
			b.WriteByte('-')
		case c >= 'A' && c <= 'Z':
			if i > 0 && (key[i-1] >= 'a' && key[i-1] <= 'z' || key[i-1] >= '0' && key[i-1] <= '9') {
				b.WriteByte('-')
			}
			b.WriteByte(c + 'a' - 'A')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
