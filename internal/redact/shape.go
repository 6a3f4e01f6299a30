package redact

import (
	"regexp"
	"strings"
)

// shape is what a credential looks like wherever it stands. hint is a piece of text without which it cannot be there.
type shape struct {
	hint    string
	pattern *regexp.Regexp
	keep    string
}

// worded are the shapes that begin with words; they need a blank or a bracket.
var worded = []shape{
	{"-----BEGIN", regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|CERTIFICATE|MESSAGE|SIGNATURE)[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]+-----|$)`), Mask},
	{"earer ", regexp.MustCompile(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]*[0-9A-Z_=.][A-Za-z0-9._~+/=-]{7,}`), "${1}" + Mask},
	{"EARER ", regexp.MustCompile(`(\bBEARER\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}" + Mask},
	{"asic ", regexp.MustCompile(`(\b[Bb]asic\s+)[A-Za-z0-9+/]*[0-9A-Z+/][A-Za-z0-9+/]{5,}={0,2}`), "${1}" + Mask},
	{"ENC[", regexp.MustCompile(`ENC\[[^\]•]+\]?`), "ENC[" + Mask + "]"},
}

// always are the shapes that nothing cheaper than their hint rules out.
var always = []shape{
	{"eyJ", regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?`), Mask},
	{"ENC(", regexp.MustCompile(`ENC\([^)•]+\)?`), "ENC(" + Mask + ")"},
}

// hashes are as guessable as what they hash.
var hashes = []shape{
	{"$", regexp.MustCompile(`\$(?:apr1|1|5|6|y|argon2id?|pbkdf2-sha256)\$[^\s:"'•]{12,}`), Mask},
	{"$2", regexp.MustCompile(`\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{22,}`), Mask},
}

// hooks are addresses that let in whoever knows them.
var hooks = []shape{
	{"hooks.slack.com/", regexp.MustCompile(`(hooks\.slack\.com/)[^\s"'•]+`), "${1}" + Mask},
	{"/api/webhooks/", regexp.MustCompile(`(/api/webhooks/)[^\s"'•]+`), "${1}" + Mask},
	{".webhook.office.com/", regexp.MustCompile(`(\.webhook\.office\.com/)[^\s"'•]+`), "${1}" + Mask},
}

// tokens are the shapes of issued credentials: each has a run of at least minToken characters.
var tokens = []shape{
	{"AKIA", regexp.MustCompile(`\bAKIA[0-9A-Z]{12,}\b`), Mask},
	{"ASIA", regexp.MustCompile(`\bASIA[0-9A-Z]{12,}\b`), Mask},
	{"gh", regexp.MustCompile(`gh[pousr]_[A-Za-z0-9]{20,}`), Mask},
	{"github_pat_", regexp.MustCompile(`github_pat_[A-Za-z0-9_]{20,}`), Mask},
	{"gl", regexp.MustCompile(`gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{16,}`), Mask},
	{"xox", regexp.MustCompile(`xox[abeoprs]-[A-Za-z0-9-]{8,}`), Mask},
	{"xapp-", regexp.MustCompile(`xapp-[A-Za-z0-9-]{8,}`), Mask},
	{"AGE-SECRET", regexp.MustCompile(`AGE-SECRET-KEY-[A-Z0-9]+`), Mask},
	{"k_", regexp.MustCompile(`\b[rsp]k_(?:live|test)_[A-Za-z0-9]{8,}`), Mask},
	{"whsec_", regexp.MustCompile(`whsec_[A-Za-z0-9+/=]{16,}`), Mask},
	{"sk-", regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{20,}`), Mask},
	{"AIza", regexp.MustCompile(`AIza[A-Za-z0-9_-]{30,}`), Mask},
	{"cvn_", regexp.MustCompile(`cvn_[A-Za-z0-9_-]{20,}`), Mask},
	{"npm_", regexp.MustCompile(`npm_[A-Za-z0-9]{30,}`), Mask},
	{"pypi-", regexp.MustCompile(`pypi-[A-Za-z0-9_-]{30,}`), Mask},
	{"dckr_", regexp.MustCompile(`dckr_pat_[A-Za-z0-9_-]{16,}`), Mask},
	{"hv", regexp.MustCompile(`\bhv[sbr]\.[A-Za-z0-9_-]{16,}`), Mask},
	{"SG.", regexp.MustCompile(`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`), Mask},
	{"dop_v1_", regexp.MustCompile(`dop_v1_[a-f0-9]{20,}`), Mask},
	{"AA", regexp.MustCompile(`\b\d{8,10}:AA[A-Za-z0-9_-]{30,}`), Mask},
}

const (
	minToken  = 20
	minRandom = 32
	awsSecret = 40
)

func (s signs) shapes(text string) string {
	text = replace(text, always)
	if s.dollar {
		text = replace(text, hashes)
	}
	if s.blank || s.bracket {
		text = replace(text, worded)
	}
	if strings.Contains(text, "hook") {
		text = replace(text, hooks)
	}
	amazon := strings.Contains(text, "AKIA") || strings.Contains(text, "ASIA")
	if s.word >= minToken {
		text = replace(text, tokens)
	}
	if s.longest < minRandom {
		return text
	}
	return words(text, amazon)
}

func replace(text string, shapes []shape) string {
	for i := range shapes {
		if strings.Contains(text, shapes[i].hint) {
			text = shapes[i].pattern.ReplaceAllString(text, shapes[i].keep)
		}
	}
	return text
}

// words hides long words that nobody chose: base64 and hexadecimal digits that are no digest, commit or UUID. Beside an
// Amazon key's id every word of a secret key's length is taken for one.
func words(text string, amazon bool) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(text); {
		if !tokenByte(text[i]) {
			i++
			continue
		}
		end := i
		for end < len(text) && tokenByte(text[end]) {
			end++
		}
		if end-i >= minRandom {
			if word := hideRandom(text[i:end], text[max(0, i-8):i], amazon); word != text[i:end] {
				b.WriteString(text[done:i])
				b.WriteString(word)
				done = end
			}
		}
		i = end
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

func tokenByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '=' || c == '/' || c == '_' || c == '-'
}

// hideRandom hides a run of token characters, or the random part of it; before is what stands in front.
func hideRandom(run, before string, amazon bool) string {
	if digest(run) {
		return run
	}
	bare := strings.Trim(run, "=/")
	if amazon && len(bare) == awsSecret || !strings.HasPrefix(run, "/") && wholeRandom(bare) {
		return Mask
	}
	for start := 0; start < len(run); {
		end := strings.IndexAny(run[start:], "/_-=")
		if end < 0 {
			end = len(run)
		} else {
			end += start
		}
		if piece := run[start:end]; random(piece) && !known(piece, before+run[:start]) {
			start, end = widen(run, start, end)
			return run[:start] + Mask + hideRest(run[end:], amazon)
		}
		start = end + 1
	}
	return run
}

func hideRest(rest string, amazon bool) string {
	if len(rest) < minRandom {
		return rest
	}
	return hideRandom(rest, Mask, amazon)
}

// digest reports whether a run is one as package managers write it: sha512-….
func digest(run string) bool {
	return strings.HasPrefix(run, "sha1-") || strings.HasPrefix(run, "sha256-") || strings.HasPrefix(run, "sha384-") || strings.HasPrefix(run, "sha512-")
}

// known reports whether a piece is a digest or a commit, going by what stands before it.
func known(piece, before string) bool {
	for _, mark := range []string{"sha1:", "sha256:", "sha384:", "sha512:", "md5:", "sha256/", "sha256=", "md5="} {
		if strings.HasSuffix(before, mark) {
			return true
		}
	}
	if !isCommit(piece) || before == "" {
		return false
	}
	return strings.IndexByte(":@/#-_", before[len(before)-1]) >= 0 || strings.HasSuffix(before, "ref=") || strings.HasSuffix(before, "commit ") || strings.HasSuffix(before, "sha=")
}

// widen takes in the neighbours of a random piece that belong to the same base64 text.
func widen(run string, start, end int) (int, int) {
	for end < len(run) {
		next := strings.IndexAny(run[end+1:], "/_-=")
		if next < 0 {
			next = len(run)
		} else {
			next += end + 1
		}
		if run[end] != '=' && !mixed(run[end+1:next]) {
			break
		}
		end = next
	}
	for start > 0 {
		previous := strings.LastIndexAny(run[:start-1], "/_-=") + 1
		if !mixed(run[previous : start-1]) {
			break
		}
		start = previous
	}
	return start, end
}

// mixed reports whether a piece mixes capitals into small letters and digits as base64 does, or is too short to tell.
func mixed(piece string) bool {
	upper, lower, digit := false, false, false
	for i := 0; i < len(piece); i++ {
		switch c := piece[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		}
	}
	return len(piece) > 0 && (upper && lower && (digit || len(piece) > 4) || upper && digit)
}

// wholeRandom reports whether a run is base64 through and through, its slashes and dashes no separators of words.
func wholeRandom(run string) bool {
	c := count(run)
	return c.upper >= 3 && c.lower >= 3 && c.digits >= 2 && 5*c.changes >= 2*c.letters && strings.Count(run, "-") < 4 && strings.Count(run, "_") < 4
}

// random reports whether a word changes between capitals, small letters and digits more often than chosen names do.
// Hexadecimal digits change less, so for them having both letters and digits is enough.
func random(word string) bool {
	if len(word) < minRandom {
		return false
	}
	c := count(word)
	if c.digits == 0 || c.digits == len(word) {
		return false
	}
	if c.hex {
		return c.upper+c.lower > 2 && c.digits > 2
	}
	return c.digits >= 2 && 25*c.changes >= 7*c.letters
}

type counts struct {
	digits, lower, upper int
	letters              int // letters and digits
	changes              int // between neighbours of different sorts
	hex                  bool
}

func count(word string) counts {
	n := counts{hex: true}
	last := 0
	for i := 0; i < len(word); i++ {
		var sort int
		switch c := word[i]; {
		case c >= '0' && c <= '9':
			n.digits++
			sort = 1
		case c >= 'a' && c <= 'z':
			n.lower++
			n.hex = n.hex && c <= 'f'
			sort = 2
		case c >= 'A' && c <= 'Z':
			n.upper++
			n.hex = n.hex && c <= 'F'
			sort = 3
		default:
			n.hex = false
			continue
		}
		n.letters++
		if last != 0 && sort != last {
			n.changes++
		}
		last = sort
	}
	return n
}
