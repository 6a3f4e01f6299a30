package why

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// complaint is a line of a log that says what is wrong.
type complaint struct {
	sort  sort
	what  string // variable, file, user, port …; "" when the line does not say
	at    string // host, host:port or address it is about
	text  string // the line
	where string
	time  time.Time
	host  Host // of the machine; zero in a cluster
}

// sort is what a complaint is about.
type sort string

const (
	noVariable sort = "variable"
	noLogin    sort = "login"
	noDatabase sort = "database"
	noTable    sort = "table"
	refused    sort = "refused"
	timedOut   sort = "timeout"
	noName     sort = "name"
	noRoute    sort = "route"
	expired    sort = "expired"
	untrusted  sort = "untrusted"
	misnamed   sort = "misnamed"
	readOnly   sort = "read-only"
	forbidden  sort = "permission"
	taken      sort = "port"
	full       sort = "disk"
	noFile     sort = "file"
	noMemory   sort = "memory"
	noProgram  sort = "program"
)

// ofNeed reports whether it is about something that is called.
func (s sort) ofNeed() bool {
	return slices.Contains([]sort{noLogin, noDatabase, refused, timedOut, noName, noRoute, expired, untrusted, misnamed}, s)
}

// ofCertificate reports whether it is about what somebody showed of themselves over TLS.
func (s sort) ofCertificate() bool { return s == expired || s == untrusted || s == misnamed }

// phrases are how runtimes and client libraries say it. The groups "what" and "at" are taken from the line; where an expression has
// several, the one that is filled counts. More telling ones come first.
var phrases = []struct {
	sort sort
	form *regexp.Regexp
}{
	// certificates: Go crypto/x509, OpenSSL (Python, Ruby, curl), Node, Java
	{expired, regexp.MustCompile(`(?i)certificate has expired|CERT_HAS_EXPIRED|CertificateExpiredException|certificate verify failed.{0,20}expired|sslv3 alert certificate expired`)},
	{untrusted, regexp.MustCompile(`(?i)certificate signed by unknown authority|self[- ]signed certificate|unable to get local issuer certificate|UNABLE_TO_VERIFY_LEAF_SIGNATURE|PKIX path building failed|certificate verify failed`)},
	{misnamed, regexp.MustCompile(`(?i)x509: certificate is (?:valid for|not valid for)|doesn't contain any IP SANs|hostname mismatch|ERR_TLS_CERT_ALTNAME_INVALID|No subject alternative (?:DNS )?names?`)},
	// logins: PostgreSQL, MySQL, Redis, RabbitMQ, MongoDB
	{noLogin, regexp.MustCompile(`(?i)password authentication failed for user "?(?P<what>[^"\s)]+)`)},
	{noLogin, regexp.MustCompile(`(?i)Access denied for user '(?P<what>[^']+)'`)},
	{noLogin, regexp.MustCompile(`(?i)no pg_hba\.conf entry for host "[^"]*", user "(?P<what>[^"]+)"`)},
	{noLogin, regexp.MustCompile(`(?i)role "(?P<what>[^"]+)" does not exist`)},
	{noLogin, regexp.MustCompile(`WRONGPASS|NOAUTH|invalid username-password pair|ACCESS_REFUSED|(?i:login was refused using authentication|username or password not allowed|authentication failed)`)},
	{noDatabase, regexp.MustCompile(`(?i)database "(?P<what>[^"]+)" does not exist|Unknown database '(?P<what>[^']+)'`)},
	{noTable, regexp.MustCompile(`(?i)relation "(?P<what>[^"]+)" does not exist|Table '(?P<what>[^']+)' doesn't exist|no such table: (?P<what>\S+)`)},
	// names: Go, Node, Python, libpq, Java, Ruby
	{noName, regexp.MustCompile(`lookup (?P<at>[A-Za-z0-9_.-]+)(?: on \S+)?: (?:no such host|server misbehaving|.*i/o timeout)`)},
	{noName, regexp.MustCompile(`getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?P<at>[A-Za-z0-9_.-]+)`)},
	{noName, regexp.MustCompile(`could not translate host name "(?P<at>[^"]+)" to address`)},
	{noName, regexp.MustCompile(`UnknownHostException: (?P<at>[A-Za-z0-9_.-]+)`)},
	{noName, regexp.MustCompile(`(?i)(?:failed to resolve|could not resolve host:?|cannot resolve) '?(?P<at>[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+)`)},
	{noName, regexp.MustCompile(`(?i)no such host|Name or service not known|Temporary failure in name resolution|nodename nor servname provided|Name does not resolve`)},
	// connections
	{refused, regexp.MustCompile(`dial tcp (?P<at>[^\s]+?:\d+): connect: connection refused`)},
	{refused, regexp.MustCompile(`Connection to (?P<at>[^\s]+:\d+) refused`)},
	{refused, regexp.MustCompile(`ECONNREFUSED (?P<at>[^\s,]+:\d+)`)},
	{refused, regexp.MustCompile(`(?i)connection to (?:server at )?"?(?P<at>[A-Za-z0-9_.-]+)"?.{0,60}connection refused`)},
	{refused, regexp.MustCompile(`(?i)(?P<at>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+[:/]\d+).{0,80}connection refused|connection refused.{0,40}?(?P<at>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+:\d+)`)},
	{refused, regexp.MustCompile(`(?i)connection refused|ECONNREFUSED|\[Errno 111\]`)},
	{noRoute, regexp.MustCompile(`(?i)dial tcp (?P<at>[^\s]+?:\d+): connect: (?:no route to host|network is unreachable)`)},
	{noRoute, regexp.MustCompile(`(?i)no route to host|network is unreachable|EHOSTUNREACH|ENETUNREACH`)},
	{timedOut, regexp.MustCompile(`dial tcp (?P<at>[^\s]+?:\d+): (?:i/o timeout|connect: connection timed out)`)},
	{timedOut, regexp.MustCompile(`ETIMEDOUT (?P<at>[^\s,]+:\d+)`)},
	{timedOut, regexp.MustCompile(`(?i)(?:connect|connection|dial|reach)[^\n]{0,60}?(?P<at>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+:\d+)[^\n]{0,80}(?:timed out|timeout|deadline exceeded)`)},
	{timedOut, regexp.MustCompile(`(?i)connect(?:ion)? timed out|ConnectTimeout|connection attempt failed.*timeout|i/o timeout`)},
	// configuration: Spring, Ruby, Python, Go and shells
	{noVariable, regexp.MustCompile(`Could not resolve placeholder '(?P<what>[^']+)'`)},
	{noVariable, regexp.MustCompile(`key not found: "(?P<what>[A-Z][A-Z0-9_]+)"`)},
	{noVariable, regexp.MustCompile(`KeyError: '(?P<what>[A-Z][A-Z0-9_]+)'`)},
	{noVariable, regexp.MustCompile(`(?i)(?:environment )?variable:? "?\$?\{?(?-i:(?P<what>[A-Z][A-Z0-9_]+))\}?"? (?:is |was )?(?:required|missing|not set|unset|empty|not defined|undefined|must be set)`)},
	{noVariable, regexp.MustCompile(`(?i)(?:missing|required|undefined|unset)(?: required)?(?: environment| env)? ?(?:variable|var|setting|config(?:uration)?|key)?s?:? "?\$?(?-i:(?P<what>[A-Z][A-Z0-9]*_[A-Z0-9_]+))`)},
	{noVariable, regexp.MustCompile(`\b(?P<what>[A-Z][A-Z0-9]*_[A-Z0-9_]+)"?:? (?:(?:(?:is|was|•••) )?(?:required|missing|not set|unset|parameter not set|not defined)|must be set)`)},
	// the machine
	{taken, regexp.MustCompile(`(?i)(?:listen|bind)[^\n]*?:(?P<what>\d{2,5})[^\n]*?address already in use|EADDRINUSE[^\n]*?:(?P<what>\d{2,5})|Port (?P<what>\d{2,5}) (?:was|is) already in use`)},
	{taken, regexp.MustCompile(`(?i)address already in use|EADDRINUSE`)},
	{full, regexp.MustCompile(`(?i)(?:(?:open|write|mkdir|create) (?P<what>/[^\s:]+): )?no space left on device|ENOSPC`)},
	{readOnly, regexp.MustCompile(`(?i)(?:(?:open|mkdir|create|write|rename|unlink|remove) )?'?(?P<what>/[^\s:']+)'?: read-only file system|read-only file system:? '?(?P<what>/[^\s:']+)|EROFS[^\n]*?'(?P<what>/[^']+)'`)},
	{readOnly, regexp.MustCompile(`(?i)read-only file system|EROFS`)},
	{forbidden, regexp.MustCompile(`(?i)(?:(?:open|mkdir|create|write|listen|exec|unlink) )?'?(?P<what>/[^\s:']+)'?: permission denied|permission denied:? '?(?P<what>/[^\s:']+)|EACCES[^\n]*?'(?P<what>/[^']+)'`)},
	{forbidden, regexp.MustCompile(`(?i)bind[^\n]*permission denied`)},
	{noMemory, regexp.MustCompile(`java\.lang\.OutOfMemoryError|JavaScript heap out of memory|fatal error: runtime: out of memory|\bMemoryError\b|(?i:cannot allocate (?:memory|\d+ bytes))`)},
	{noProgram, regexp.MustCompile(`(?i)exec format error|exec: "?(?P<what>[^\s":]+)"?: executable file not found|(?P<what>[^\s:]+): (?:command )?not found$`)},
	{noFile, regexp.MustCompile(`(?i)(?:(?:open|stat|read) )?'?(?P<what>/[^\s:']+)'?: no such file or directory|no such file or directory:? '?(?P<what>/[^\s:']+)|ENOENT[^\n]*?'(?P<what>/[^']+)'|FileNotFoundException: (?P<what>/\S+)`)},
}

// lastLines is how far back from the end of a log a complaint is looked for.
const lastLines = 40

// complains is the last complaint of a log, false when it has none.
func complains(lines []string) (complaint, bool) {
	for _, text := range slices.Backward(lines[max(0, len(lines)-lastLines):]) {
		if c, ok := complainsIn(text); ok {
			return c, true
		}
	}
	return complaint{}, false
}

func complainsIn(text string) (complaint, bool) {
	for _, p := range phrases {
		m := p.form.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		c := complaint{sort: p.sort, text: strings.TrimSpace(text)}
		for i, name := range p.form.SubexpNames() {
			switch {
			case m[i] == "":
			case name == "what":
				c.what = strings.Trim(m[i], `"'.,;`)
			case name == "at":
				c.at = strings.Replace(strings.Trim(m[i], `"'.,;`), "/", ":", 1)
			}
		}
		return c, true
	}
	return complaint{}, false
}
