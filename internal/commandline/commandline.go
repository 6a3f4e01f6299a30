// Package commandline reads what a command line says about its process: the flags it sets, the addresses it is given
// and what it waits for before it starts. Words go in, a Reading comes out; nothing is executed and no variable is
// expanded.
package commandline

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/endpoint"
)

// Reading is what a command line says. Every list is in the order of the words and free of repetitions.
type Reading struct {
	Flags     []Flag   // --flag=v, --flag v, -flag=v, -Dkey=v, and NAME=v before a command
	Addresses []string // URLs and host:port pairs given as plain words; the process's own machine left out
	Waits     []string // what a wait script, or a loop around nc, curl and the like, waits for
}

// Flag is one value set on a command line, under the flag's name without its dashes.
type Flag struct{ Key, Value string }

// Bounds: a longer command line is data, not a command.
const (
	maxWords  = 4096
	maxNested = 3
)

// Read reads a command line already split into words. Scripts handed to a shell with -c are split and read too.
func Read(words []string) Reading {
	r := &reader{}
	r.commands(words, 0)
	return r.Reading
}

// ReadScript reads a command line, or several, as a shell would take them.
func ReadScript(script string) Reading { return Read(Words(script)) }

type reader struct{ Reading }

// commands cuts the words at shell operators and reads each command by itself.
func (r *reader) commands(words []string, nested int) {
	if len(words) > maxWords || nested > maxNested {
		return
	}
	start := 0
	for i, w := range words {
		if isOperator(w) {
			r.command(words[start:i], nested)
			start = i + 1
		}
	}
	r.command(words[start:], nested)
}

func (r *reader) command(words []string, nested int) {
	words = r.assignments(words)
	for len(words) > 0 && isPrefix(words[0]) {
		words = r.assignments(words[1:])
	}
	if len(words) == 0 {
		return
	}
	name := path.Base(words[0])
	if i := scriptOf(words); i > 0 {
		r.commands(append(Words(words[i]), words[i+1:]...), nested+1)
		return
	}
	switch {
	case strings.ContainsAny(words[0], " \n"): // a whole command quoted as one word
		r.commands(append(Words(words[0]), words[1:]...), nested+1)
	case waiters[strings.TrimSuffix(name, ".sh")] || strings.HasPrefix(name, "wait-for-") || strings.HasPrefix(name, "wait_for_"):
		r.waiter(words, nested)
	case probes[name]:
		r.probe(words[1:])
	case clients[name]:
		r.client(words[1:])
	default:
		r.arguments(words)
	}
}

// scriptOf is the index of the script in `sh -c SCRIPT` and the like, 0 when there is none.
func scriptOf(words []string) int {
	if !slices.Contains(shells, path.Base(words[0])) {
		return 0
	}
	for i := 1; i+1 < len(words) && strings.HasPrefix(words[i], "-"); i++ {
		if strings.HasSuffix(words[i], "c") && !strings.HasPrefix(words[i], "--") {
			return i + 1
		}
	}
	return 0
}

var shells = []string{"sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"}

// waiters are scripts that hold a process back until something answers.
var waiters = map[string]bool{
	"wait-for-it": true, "wait-for": true, "wait_for_it": true, "waitforit": true, "wait_for": true, "wait": true,
	"dockerize": true, "wait-on": true, "wait4ports": true, "wait4x": true, "waitport": true, "wait-port": true, "await": true,
}

// probes ask once whether something answers; in a start command that is a wait.
var probes = map[string]bool{
	"nc": true, "netcat": true, "ncat": true, "pg_isready": true, "mysqladmin": true, "nslookup": true, "getent": true,
	"dig": true, "telnet": true, "tcping": true, "ping": true, "curl": true, "wget": true, "grpc_health_probe": true, "host": true,
}

// clients name their server with -h, --host or -u.
var clients = map[string]bool{
	"psql": true, "mysql": true, "redis-cli": true, "mongo": true, "mongosh": true, "cqlsh": true, "mc": true,
	"mariadb": true, "pg_dump": true, "mysqldump": true, "mongodump": true, "pg_restore": true,
}

func isPrefix(word string) bool {
	switch word {
	case "exec", "while", "until", "if", "do", "then", "else", "!", "env", "export", "nohup", "time", "sudo", "eval", "set", "tini", "/sbin/tini", "dumb-init", "--", "gosu", "{", "(", "/usr/bin/env", "-g", "[":
		return true
	}
	return false
}

// assignments takes NAME=value words off the front.
func (r *reader) assignments(words []string) []string {
	for len(words) > 0 {
		name, value, ok := strings.Cut(words[0], "=")
		if !ok || !isName(name) {
			return words
		}
		r.flag(name, value)
		words = words[1:]
	}
	return words
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}

// waiter reads a wait script: what stands before the command it starts is waited for, the rest is that command.
func (r *reader) waiter(words []string, nested int) {
	name := path.Base(words[0])
	dockerize := name == "dockerize"
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "--":
			r.commands(words[i+1:], nested+1)
			return
		case w == "-wait" || w == "-h" || w == "--host" || w == "--hosts" || w == "--address":
			if i++; i < len(words) {
				host := words[i]
				if port, ok := portFlag(words[i+1:]); ok && !strings.Contains(host, ":") {
					host += ":" + port
				}
				r.wait(host)
			}
		case strings.HasPrefix(w, "-"):
			key, value, assigned := strings.Cut(strings.TrimLeft(w, "-"), "=")
			if assigned && (key == "wait" || strings.HasPrefix(key, "host")) {
				r.wait(value)
			} else if !assigned && valued(key) {
				i++
			}
		case !dockerize && i == 1 && name != "wait" && isHost(w) && !isNumber(w) && !nextIsNumber(words, i): // wait-for-postgres db
			r.wait(w + ":")
		case dockerize || !r.wait(w) && i > 1 && len(r.Waits) > 0 && !isNumber(w):
			r.command(words[i:], nested+1)
			return
		case nextIsNumber(words, i) && isHost(w):
			i++
			r.wait(w + ":" + words[i])
		}
	}
}

func nextIsNumber(words []string, i int) bool { return i+1 < len(words) && isNumber(words[i+1]) }

// valued tells flags of wait scripts that are followed by a value.
func valued(flag string) bool {
	switch flag {
	case "t", "timeout", "p", "port", "wait-retry-interval", "interval", "delay", "template", "stdout", "stderr", "d", "i", "l", "wait-http-header", "retry":
		return true
	}
	return false
}

func portFlag(words []string) (string, bool) {
	for i := 0; i+1 < len(words) && i < 6; i++ {
		if words[i] == "-p" || words[i] == "--port" || words[i] == "-P" {
			return words[i+1], isNumber(words[i+1])
		}
	}
	return "", false
}

// probe reads nc, curl, pg_isready and the like: URLs, host:port, `host port` and -h host all count.
func (r *reader) probe(words []string) {
	found := false
	for i, w := range words {
		switch {
		case w == "-h" || w == "--host" || strings.HasPrefix(w, "--host=") || strings.HasPrefix(w, "-addr=") || len(w) > 2 && w[:2] == "-h" && isHost(w[2:]) && !strings.HasPrefix(w, "-he"):
			r.wait(withPort(hostFlag(words, i), words[i+1:]))
			found = true
		case strings.HasPrefix(w, "-"):
		case nextIsNumber(words, i) && isHost(w):
			r.wait(w + ":" + words[i+1])
			found = true
		default:
			found = r.wait(w) || found
		}
	}
	if !found && len(words) > 0 { // nslookup NAME, getent hosts NAME
		if last := words[len(words)-1]; isHost(last) && !isNumber(last) && len(words) <= 2 && !strings.ContainsAny(last, "/$") {
			r.wait(last + ":")
		}
	}
}

// client reads psql, redis-cli and the like: what they talk to is used, not only waited for.
func (r *reader) client(words []string) {
	for i, w := range words {
		if w == "-h" || w == "--host" || strings.HasPrefix(w, "--host=") || len(w) > 2 && w[:2] == "-h" && w != "-help" {
			if host := hostFlag(words, i); isHost(host) {
				r.address(withPort(host, words[i+1:]), true)
			}
			continue
		}
		r.address(w, false)
	}
}

func hostFlag(words []string, i int) string {
	w := words[i]
	if _, value, ok := strings.Cut(w, "="); ok {
		return value
	}
	if w == "-h" || w == "--host" {
		if i+1 < len(words) {
			return words[i+1]
		}
		return ""
	}
	return strings.TrimPrefix(w, "-h")
}

func withPort(host string, rest []string) string {
	if port, ok := portFlag(rest); ok && !strings.Contains(host, ":") {
		return host + ":" + port
	}
	return host + ":"
}

// arguments reads an ordinary command, or arguments without one: flags with their values, and addresses among the plain
// words.
func (r *reader) arguments(words []string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case strings.HasPrefix(w, "-D") && len(w) > 2:
			if key, value, ok := strings.Cut(w[2:], "="); ok {
				r.flag(key, value)
			} else {
				r.flag(w[2:], "true")
			}
		case strings.HasPrefix(w, "-") && strings.Contains(w, "="):
			key, value, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
			r.flag(key, value)
		case strings.HasPrefix(w, "--") && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-"):
			i += r.separate(w[2:], words[i+1:])
		case strings.HasPrefix(w, "-"):
		case strings.ContainsAny(w, " \n"):
			r.commands(Words(w), maxNested)
		default:
			r.assigned(w)
		}
	}
}

// separate reads the value of `--flag value`; `--replicaof host 6379` has two. It says how many words it took.
func (r *reader) separate(key string, rest []string) int {
	if len(rest) > 1 && isNumber(rest[1]) && isHost(rest[0]) && !isNumber(rest[0]) {
		r.flag(key, rest[0]+":"+rest[1])
		return 2
	}
	r.flag(key, rest[0])
	return 1
}

// assigned reads a plain word: an address, or key=address as some programs take their settings.
func (r *reader) assigned(w string) {
	key, value, ok := strings.Cut(w, "=")
	if ok && key != "" && !strings.ContainsAny(key, ":/?") {
		r.flag(key, value)
		return
	}
	r.address(w, false)
}

func (r *reader) flag(key, value string) {
	f := Flag{Key: key, Value: value}
	if key != "" && value != "" && !slices.Contains(r.Flags, f) {
		r.Flags = append(r.Flags, f)
	}
}

// address keeps a word that is an address of another machine. A certain one may be a lone name, written "name:".
func (r *reader) address(w string, certain bool) {
	if a, ok := Address(w); ok {
		r.Addresses = appendNew(r.Addresses, a)
	} else if host, lone := strings.CutSuffix(w, ":"); certain && lone && isHost(host) {
		r.Addresses = appendNew(r.Addresses, host)
	}
}

// wait keeps what is waited for; like address, with the lone name "name:" and wait-on's "tcp:host:port".
func (r *reader) wait(w string) bool {
	for _, prefix := range []string{"tcp:", "http-get:", "https-get:", "http:", "https:"} {
		if rest, ok := strings.CutPrefix(w, prefix); ok && strings.Contains(rest, ":") && !strings.HasPrefix(rest, "//") {
			w = rest
		}
	}
	if a, ok := Address(w); ok {
		r.Waits = appendNew(r.Waits, a)
		return true
	}
	if host, lone := strings.CutSuffix(w, ":"); lone && isHost(host) && !isOwn(host) {
		r.Waits = appendNew(r.Waits, host)
		return true
	}
	return false
}

// Address reports whether a word is a URL or host:port of another machine, and returns it without what surrounds it.
func Address(word string) (string, bool) {
	word = strings.Trim(word, `"'(),;`)
	if !strings.Contains(word, ":") || strings.HasPrefix(word, "/") || strings.HasPrefix(word, "-") || len(word) > 2048 {
		return "", false
	}
	if strings.HasPrefix(word, "unix:") || strings.HasPrefix(word, "file:") || strings.HasPrefix(word, "data:") {
		return "", false
	}
	found := endpoint.Parse(word)
	if len(found) == 0 {
		return "", false
	}
	for _, e := range found {
		plain := e.Scheme == ""
		if e.IsLocal() || e.Unresolved() || plain && (e.Port < 21 || e.Path != "" && !strings.HasPrefix(e.Path, "/")) {
			return "", false
		}
	}
	return word, true
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func isOwn(host string) bool {
	return endpoint.Endpoint{Host: strings.ToLower(host)}.IsLocal()
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

func isHost(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return s != "" && s[0] != '-' && s[0] != '.'
}
