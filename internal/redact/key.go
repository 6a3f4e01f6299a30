package redact

import (
	"slices"
	"strings"
)

// secretWords make a key a secret's when they stand in it as words.
var secretWords = []string{
	"password", "passwd", "pwd", "passphrase", "passwort", "secret", "secrets", "token", "tokens", "apikey", "credential", "credentials", "requirepass",
	"masterauth", "jaas", "cookie", "privatekey", "accesskey", "accountkey", "secretkey", "signingkey", "encryptionkey", "sharedkey", "webhook", "pass", "salt", "pin",
	"connectionpassword", "userpassword", "rootpassword", "adminpassword", "dbpassword", "dbpass", "authtoken", "accesstoken", "clientsecret", "sessionkey", "jwtkey", "pepper",
	"pw", "hmac", "basicauth",
}

// secretPairs are two words that together make a key a secret's.
var secretPairs = [][2]string{
	{"api", "key"}, {"access", "key"}, {"private", "key"}, {"account", "key"}, {"secret", "key"}, {"signing", "key"}, {"encryption", "key"}, {"shared", "key"},
	{"session", "key"}, {"master", "key"}, {"license", "key"}, {"ssh", "key"}, {"server", "key"}, {"encrypt", "key"}, {"symmetric", "key"}, {"jwt", "key"}, {"auth", "key"}, {"consumer", "key"}, {"service", "key"},
	{"store", "pass"}, {"pass", "phrase"}, {"app", "key"}, {"client", "key"},
	{"access", "keys"}, {"api", "keys"}, {"host", "key"}, {"deploy", "key"}, {"admin", "key"}, {"erlang", "cookie"}, {"connection", "key"}, {"storage", "key"}, {"access", "code"}, {"basic", "auth"},
}

// passes end keys that say where a proxy passes requests on to, not with which password.
var passes = []string{"proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"}

// innocent are words after a secret's that make the key about something else: where to get it, how it is coded, how long it lasts.
var innocent = map[string]bool{
	"uri": true, "url": true, "endpoint": true, "encoder": true, "name": true, "ref": true, "path": true, "file": true, "expiry": true, "expiration": true, "expires": true, "ttl": true, "type": true,
	"length": true, "policy": true, "enabled": true, "lifetime": true, "validity": true, "seconds": true, "minutes": true, "host": true, "port": true, "location": true, "id": true, "serializer": true,
	"deserializer": true, "converter": true, "header": true, "size": true, "count": true, "timeout": true, "store": true, "service": true, "server": true, "issuer": true, "algorithm": true,
	"max": true, "min": true, "age": true, "field": true, "parameter": true, "reset": true, "grant": true, "mount": true, "backend": true, "provider": true, "domain": true, "authentication": true,
	"folder": true, "arn": true, "class": true, "version": true, "info": true, "prefix": true, "hash": true, "manager": true, "addr": true, "address": true, "strategy": true, "format": true, "protocol": true,
}

// secretKey reports whether a key's words say that its value is a secret. The words after the secret's may take it back.
func secretKey(key string) bool {
	if !mayBeSecret(key) {
		return false
	}
	words := split(key)
	last := -1
	for i, w := range words {
		for _, s := range secretWords {
			if w == s {
				last = i
			}
		}
		for _, p := range secretPairs {
			if i > 0 && words[i-1] == p[0] && w == p[1] {
				last = i
			}
		}
		if strings.HasSuffix(w, "password") || strings.HasSuffix(w, "passwd") || strings.HasSuffix(w, "secret") {
			last = i
		}
	}
	if last < 0 || last > 0 && words[last] == "pass" && slices.Contains(passes, words[last-1]) {
		return false
	}
	end := len(words) - 1
	return end == last || !innocent[words[end]] && !allDigits(words[end]) && (last >= end-1 || strings.HasSuffix(words[last], "s")) || allDigits(words[end])
}

// mayBeSecret is the cheap question asked of every key.
func mayBeSecret(key string) bool {
	for i := 0; i < len(key); i++ {
		switch key[i] | 0x20 {
		case 'p':
			if hasFold(key[i:], "pass") || hasFold(key[i:], "pwd") || hasFold(key[i:], "pin") || hasFold(key[i:], "pw") || hasFold(key[i:], "pepper") {
				return true
			}
		case 's':
			if hasFold(key[i:], "secret") || hasFold(key[i:], "salt") {
				return true
			}
		case 't':
			if hasFold(key[i:], "token") {
				return true
			}
		case 'k':
			if hasFold(key[i:], "key") {
				return true
			}
		case 'c':
			if hasFold(key[i:], "credential") || hasFold(key[i:], "cookie") || hasFold(key[i:], "code") {
				return true
			}
		case 'j':
			if hasFold(key[i:], "jaas") {
				return true
			}
		case 'b':
			if hasFold(key[i:], "basic") {
				return true
			}
		case 'h':
			if hasFold(key[i:], "hmac") {
				return true
			}
		case 'm':
			if hasFold(key[i:], "masterauth") {
				return true
			}
		case 'w':
			if hasFold(key[i:], "webhook") {
				return true
			}
		}
	}
	return false
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// webhookKey reports whether a key's address is one of those that let in whoever knows them.
func webhookKey(key string) bool {
	for i := 0; i+len("webhook") <= len(key); i++ {
		if key[i]|0x20 == 'w' && hasFold(key[i:], "webhook") {
			return true
		}
	}
	return false
}

// split cuts a key into lower-case words at marks and where a capital follows a small letter.
func split(key string) []string {
	var out []string
	start := 0
	cut := func(end int) {
		if end > start {
			word := strings.ToLower(key[start:end])
			if bare := strings.TrimRight(word, "0123456789"); bare != "" {
				word = bare
			}
			out = append(out, word)
		}
	}
	for i := 0; i < len(key); i++ {
		c := key[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z':
			if i > start && key[i-1] >= 'a' && key[i-1] <= 'z' {
				cut(i)
				start = i
			}
		default:
			cut(i)
			start = i + 1
		}
	}
	cut(len(key))
	return out
}

// harmless reports whether a value under a secret's key gives nothing away: a reference, a switch, a small number.
func harmless(v string) bool {
	v = strings.TrimSpace(v)
	if v == "" || v == Mask || reference(v) {
		return true
	}
	switch strings.ToLower(v) {
	case "true", "false", "null", "none", "nil", "yes", "no", "header", "never", "always":
		return true
	}
	return len(v) <= 3 && allDigits(v)
}

// reference reports whether a value only says where the secret is.
func reference(v string) bool {
	switch {
	case v == "" || v == Mask || strings.HasPrefix(v, Mask):
		return true
	case strings.HasPrefix(v, "${secret:") && strings.HasSuffix(v, "}"):
		return true // says itself which secret is meant
	case strings.HasPrefix(v, "${") && strings.HasSuffix(v, "}"):
		_, def, ok := strings.Cut(v[2:len(v)-1], ":")
		return !ok || strings.TrimLeft(def, "-?") == "" || reference(strings.TrimLeft(def, "-"))
	case strings.HasPrefix(v, "$(") && strings.HasSuffix(v, ")"), strings.HasPrefix(v, "{{") && strings.HasSuffix(v, "}}"), strings.HasPrefix(v, "<%") && strings.HasSuffix(v, "%>"),
		strings.HasPrefix(v, "#{") && strings.HasSuffix(v, "}"), strings.HasPrefix(v, "vault:"), strings.HasPrefix(v, "ENC[•"), strings.HasPrefix(v, "arn:aws:secretsmanager"), strings.HasPrefix(v, "/run/secrets/"):
		return true
	}
	return len(v) > 1 && v[0] == '$' && isVariable(v[1:])
}

func isVariable(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && (s[0] < '0' || s[0] > '9')
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// revisionKey reports whether a key names a state of some source or file, whose hexadecimal digits are no secret.
func revisionKey(key string) bool {
	for _, w := range split(key) {
		switch w {
		case "commit", "commits", "revision", "rev", "ref", "sha", "md", "git", "version", "tag", "branch", "digest", "checksum", "checksums", "fingerprint", "etag":
			return true
		}
	}
	return false
}

// isDigest reports whether a value has the length of a digest and nothing but hexadecimal digits.
func isDigest(value string) bool {
	switch len(value) {
	case 32, 40, 64, 96, 128:
		return isHex(value)
	}
	return false
}

func isCommit(value string) bool { return len(value) == 40 && isHex(value) }

func isHex(value string) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i] | 0x20; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
