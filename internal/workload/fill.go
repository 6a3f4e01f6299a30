package workload

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/redact"
)

// patch replaces value[from:to].
type patch struct {
	from, to int
	text     string
}

// fill replaces in a value of a variable the addresses of providers, what logs in there, and everything that was hidden.
func (p *proposer) fill(name, value string) string {
	if value == redact.Mask {
		return p.secret(name)
	}
	var patches []patch
	var last *Use
	several := false
	for _, found := range p.hosts(name, value) {
		patches = append(patches, p.place(value, found)...)
		several = several || last != nil && last.Name != found.use.Name
		last = found.use
	}
	if last != nil && !several && logsIn(last.Type) {
		patches = append(patches, logins(value, last)...)
	}
	return p.hide(name, shorten(apply(value, patches)))
}

// host is where in a value the address of a provider stands.
type host struct {
	from, to int
	use      *Use
}

// hosts finds the providers in a value, in order; of overlapping names the longest.
func (p *proposer) hosts(name, value string) []host {
	lower := strings.ToLower(value)
	if len(lower) != len(value) {
		lower = value
	}
	var out []host
	for i := range p.Uses {
		u := &p.Uses[i]
		for _, called := range u.Names {
			for from := range occurrences(lower, strings.ToLower(called)) {
				to := from + len(called)
				if isAddress(name, lower, from, to) {
					out = append(out, host{from, to, u})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b host) int { return cmp.Or(a.from-b.from, b.to-a.to, b.use.proof(value)-a.use.proof(value)) })
	end := 0
	return slices.DeleteFunc(out, func(h host) bool {
		if h.from < end {
			return true
		}
		end = h.to
		return false
	})
}

// proof says how surely a value leads to a provider, of several that share an address.
func (u *Use) proof(value string) int {
	if slices.ContainsFunc(u.Evidence, func(e depmap.Evidence) bool { return e.Value == value }) {
		return 2
	}
	if u.Port != 0 && strings.Contains(value, ":"+strconv.Itoa(u.Port)) {
		return 1
	}
	return 0
}

// occurrences are the places where a name stands by itself in a text.
func occurrences(text, name string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for at := 0; name != ""; {
			i := strings.Index(text[at:], name)
			if i < 0 {
				return
			}
			from := at + i
			at = from + len(name)
			if alone(text, from, at) && !yield(from) {
				return
			}
		}
	}
}

func alone(text string, from, to int) bool {
	if from > 0 && (inName(text[from-1]) || text[from-1] == '.' || text[from-1] == '$') { // $db is a shell's variable
		return false
	}
	if to < len(text) && text[to] == '.' {
		to++
	}
	return to >= len(text) || !inName(text[to])
}

func inName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

var (
	addressKey  = regexp.MustCompile(`(?i)(host|hosts|hostname|addr|address|server|servers|url|uri|endpoint|broker|brokers|node|nodes)$`)
	addressWord = regexp.MustCompile(`(?i)(host|server|addr|address|data source)\s*=\s*(?:tcp:)?$`)
)

// isAddress reports whether a name in a value is meant as an address. One with dots always is; a lone word is where a
// host stands in an address, or when the variable is called like one.
func isAddress(key, value string, from, to int) bool {
	before, after := value[:from], value[to:]
	switch {
	case strings.Contains(value[from:to], "."), strings.Contains(value[from:to], ":"):
		return true
	case strings.HasSuffix(before, "://"), strings.HasSuffix(before, "@"), addressWord.MatchString(before):
		return true
	case len(after) > 1 && after[0] == ':' && after[1] >= '0' && after[1] <= '9':
		return true
	}
	return before == "" && after == "" && addressKey.MatchString(key)
}

var (
	portAfter     = regexp.MustCompile(`^:(\d+)`)
	portAfterWord = regexp.MustCompile(`^,(\d+)`) // SQL Server's: Server=tcp:HOST,1433
	portWord      = regexp.MustCompile(`(?i)\bport\s*=\s*(\d+)`)
	loginBefore   = regexp.MustCompile(`://([^:/\s]*)(?::([^/\s]*))?@(?:[^@/\s]*,)?$`)
	loginOfDriver = regexp.MustCompile(`^([^:@/\s]*)(?::([^/\s]*))?@tcp\($`) // go-sql-driver/mysql's: USER:PASSWORD@tcp(HOST:3306)/orders
	databaseAfter = regexp.MustCompile(`^(?::\d+)?\)?(?:,[^/]*)?/([A-Za-z0-9_-]+)(?:[?;]|$)`)
	databaseInURL = regexp.MustCompile(`://[^/?;]*/([A-Za-z0-9_-]+)(?:[?;]|$)`)
	databaseWord  = regexp.MustCompile(`(?i)\b(?:dbname|database|databasename|initial catalog)\s*=\s*([A-Za-z0-9_-]+)`)
	userWord      = regexp.MustCompile(`(?i)\b(?:user|username|user id|uid)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^;&\s]+))`)
	passwordWord  = regexp.MustCompile(`(?i)\b(?:password|pwd)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^;&\s]+))`)
)

// place replaces the address of one provider, and in a URL what logs in there.
func (p *proposer) place(value string, h host) []patch {
	name := h.use.resource()
	if h.from > 0 && value[h.from-1] == '[' && strings.HasPrefix(value[h.to:], "]") { // brackets are an address's of IPv6, not a name's
		h.from, h.to = h.from-1, h.to+1
	}
	out := []patch{{h.from, h.to, property(name, "host")}}
	before, after := value[:h.from], value[h.to:]
	if found := portAfter.FindStringSubmatchIndex(after); found != nil {
		out = append(out, patch{h.to + found[2], h.to + found[3], property(name, "port")})
	} else if found := portAfterWord.FindStringSubmatchIndex(after); found != nil && addressWord.MatchString(before) {
		out = append(out, patch{h.to + found[2], h.to + found[3], property(name, "port")})
	} else if found := portWord.FindStringSubmatchIndex(value); found != nil && addressWord.MatchString(before) {
		out = append(out, patch{found[2], found[3], property(name, "port")})
	}
	for _, form := range []*regexp.Regexp{loginBefore, loginOfDriver} {
		if found := form.FindStringSubmatchIndex(before); found != nil && logsIn(h.use.Type) {
			out = append(out, loginPatch(found[2], found[3], property(name, "username"))...)
			out = append(out, loginPatch(found[4], found[5], property(name, "password"))...)
		}
	}
	if found := databaseAfter.FindStringSubmatch(after); found != nil && (strings.Contains(before, "://") || loginOfDriver.MatchString(before)) {
		p.setDatabase(name, found[1])
	} else if found := databaseWord.FindStringSubmatch(value); found != nil {
		p.setDatabase(name, found[1])
	}
	return out
}

func loginPatch(from, to int, text string) []patch {
	if from < 0 || from == to {
		return nil
	}
	return []patch{{from, to, text}}
}

// logins replaces what is given by word, in a connection string or the query of a URL: "host=db user=orders password=…".
func logins(value string, u *Use) []patch {
	return append(wordPatch(value, userWord, property(u.resource(), "username")), wordPatch(value, passwordWord, property(u.resource(), "password"))...)
}

// wordPatch replaces what a word is given; quotes around it stay.
func wordPatch(value string, word *regexp.Regexp, text string) []patch {
	found := word.FindStringSubmatchIndex(value)
	for group := 2; group < len(found); group += 2 {
		if given := loginPatch(found[group], found[group+1], text); given != nil {
			return given
		}
	}
	return nil
}

func logsIn(resourceType string) bool {
	switch resourceType {
	case Postgres, MySQL, MongoDB, Redis, RabbitMQ, Kafka, Elasticsearch:
		return true
	}
	return false
}

func property(resource, name string) string { return "${resources." + resource + "." + name + "}" }

// apply makes the replacements. The text between them stays what it says: a ${ in it is no placeholder.
func apply(value string, patches []patch) string {
	slices.SortStableFunc(patches, func(a, b patch) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	for _, one := range patches {
		if one.from < at {
			continue
		}
		out.WriteString(literal(value[at:one.from]))
		out.WriteString(one.text)
		at = one.to
	}
	out.WriteString(literal(value[at:]))
	return out.String()
}

func literal(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// node is the address of a provider in a filled value.
var node = regexp.MustCompile(`\$\{resources\.[a-z0-9-]+\.host\}(?::\$\{resources\.[a-z0-9-]+\.port\})?`)

// shorten leaves out of a list what is there already: the nodes of one provider have become one address.
func shorten(value string) string {
	for _, one := range node.FindAllString(value, -1) {
		for _, comma := range []string{",", ", "} {
			for strings.Contains(value, one+comma+one) {
				value = strings.ReplaceAll(value, one+comma+one, one)
			}
		}
	}
	return value
}

// secrets is the resource that stands for values kept elsewhere.
const secrets = "secrets"

// secret is the placeholder of a value that is kept elsewhere.
func (p *proposer) secret(key string) string {
	p.resources[secrets] = Resource{Type: Secret}
	return property(secrets, key)
}

// hide makes every hidden piece of a value a secret of its own.
func (p *proposer) hide(name, value string) string {
	for n := 1; strings.Contains(value, redact.Mask); n++ {
		key := name
		if n > 1 {
			key += "_" + strings.Repeat("I", n)
		}
		value = strings.Replace(value, redact.Mask, p.secret(key), 1)
	}
	return value
}
