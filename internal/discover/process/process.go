// Package process knows the words in which systemd, Docker, Kubernetes and Chef repositories say how a process is started and
// kept: amounts, times, health checks and command lines. Text goes in as it is written, out comes the value of a
// Process fact as estate defines it, or false when the text does not say one for certain. It reads no files.
package process

import (
	"path"
	"strings"

	"example.org/caravan/internal/commandline"
)

// Line joins words to one line that a shell, and commandline.Words, split into the same words again.
func Line(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\r\n\"'\\;|&<>()*?#`") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// OneLine is a command line written as text, with the blanks between its words made single where no quotes could hold them;
// false when a template or quotes around a line's end keep it from being one line.
func OneLine(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if !strings.ContainsAny(text, "\"'") {
		text = strings.Join(strings.Fields(text), " ")
	}
	return text, Whole(text) && !strings.ContainsAny(text, "\r\n")
}

// Whole reports whether a text says all of what it means: none of it is left for a template to fill in.
func Whole(text string) bool {
	return text != "" && !strings.Contains(text, "<%") && !strings.Contains(text, "{{") && !strings.Contains(text, "{%")
}

// Path is the path that a health check asks for, given as a path or as a URL.
func Path(text string) (string, bool) {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return "/", Whole(text)
		}
		text = rest[i:]
	}
	text, _, _ = strings.Cut(text, "#")
	return text, strings.HasPrefix(text, "/") && Whole(text) && !strings.ContainsAny(text, " \t\r\n")
}

// Directory is an absolute path made clean.
func Directory(text string) (string, bool) {
	return path.Clean(text), path.IsAbs(text) && Whole(text) && !strings.ContainsAny(text, "$*?[%")
}

// File is the absolute path of a file that a release does not bring along itself: what lies below a folder called current or
// releases comes with the next release.
func File(text string) (string, bool) {
	name, ok := Directory(text)
	return name, ok && name != "/" && !strings.Contains(name, "/current/") && !strings.Contains(name, "/releases/")
}

// Account is the user of "user" and "user:group".
func Account(text string) (string, bool) {
	user, _, _ := strings.Cut(text, ":")
	return user, Whole(user) && !strings.ContainsAny(user, "$% ")
}

// maxNested bounds how deep a script in a script is looked into.
const maxNested = 3

// Probe is the path that a health check's command asks the process for: that of the first URL on its own machine that it
// gives to curl or wget.
func Probe(words []string) (string, bool) {
	return probe(words, maxNested)
}

func probe(words []string, depth int) (string, bool) {
	asks := false
	for _, w := range words {
		if strings.ContainsAny(w, " \n") && depth > 0 {
			if found, ok := probe(commandline.Words(w), depth-1); ok {
				return found, true
			}
			continue
		}
		switch name := path.Base(w); {
		case name == "curl" || name == "wget":
			asks = true
		case asks && ownURL(w):
			if !strings.Contains(w, "://") {
				w = "http://" + w
			}
			return Path(w)
		}
	}
	return "", false
}

// ownURL reports whether a word is a URL, with its scheme or without, of the machine it is used on.
func ownURL(word string) bool {
	scheme, rest, ok := strings.Cut(word, "://")
	if !ok {
		rest = word
	} else if scheme != "http" && scheme != "https" {
		return false
	}
	for _, host := range []string{"localhost", "127.0.0.1", "0.0.0.0", "[::1]"} {
		if after, ok := strings.CutPrefix(rest, host); ok && (after == "" || after[0] == ':' || after[0] == '/') {
			return true
		}
	}
	return false
}

// configurationKinds are the extensions of files that hold configuration and nothing else.
var configurationKinds = []string{".conf", ".cfg", ".cnf", ".ini", ".toml", ".yml", ".yaml", ".properties", ".env"}

// Files are the configuration files a command line names by absolute path, each once, in the order of the words.
func Files(words []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, w := range words {
		name, ok := File(w[strings.LastIndexAny(w, "=:@")+1:])
		if ok && !seen[name] && isConfiguration(name) {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

func isConfiguration(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	for _, kind := range configurationKinds {
		if ext == kind {
			return true
		}
	}
	return false
}
