package keys

import (
	"regexp"
	"strings"
)

// goPrepare notes what viper is told before it is asked: fallbacks, and how variables begin.
func goPrepare(r *reader, i int) {
	switch r.word(i) {
	case "SetDefault":
		if t, ok := r.text(i + 2); ok && r.sign(i+1, "(") && r.sign(i+3, ",") {
			r.fallbacks[t.text] = r.literal(i+4, r.comma(i+4))
		}
	case "SetEnvPrefix":
		if t, ok := r.text(i + 2); ok && r.sign(i+1, "(") {
			r.constants[viperPrefix] = t.text
		}
	}
}

// viperPrefix is the name under which the beginning of viper's variables is remembered: none of a program's.
const viperPrefix = "viper prefix"

// goReads are the idioms of Go.
func goReads(r *reader, i int) {
	w := r.word(i)
	switch w {
	case "Getenv", "LookupEnv":
		if r.sign(i+1, "(") && (r.word(i-2) == "os" || r.word(i-2) == "syscall") {
			r.goEnvironment(i)
		}
		return
	case "Process", "MustProcess":
		if t, ok := r.text(i + 2); ok && r.word(i-2) == "envconfig" && r.sign(i+1, "(") {
			r.see(t.line, t.text+"_", true, fallback{})
		}
		return
	case "BindEnv", "MustBindEnv":
		r.bindEnv(i)
		return
	}
	if r.sign(i+1, "(") && r.sign(i-1, ".") && r.holdsViper(r.word(i-2)) {
		r.viper(w, i)
	}
}

// goEnvironment reads os.Getenv("X"). What is compared with nothing afterwards has a fallback somewhere.
func (r *reader) goEnvironment(i int) {
	name, open, next, ok := r.argument(i + 2)
	if !ok {
		r.hand(i + 2)
		return
	}
	f := r.orElse(next)
	if end := r.closing(next); r.word(i-4) == "Or" && r.sign(end+1, ",") { // cmp.Or(os.Getenv("X"), "y")
		f = r.literal(end+2, r.comma(end+2))
	}
	if !f.given && !open && (r.word(i) == "LookupEnv" || r.checked(i)) {
		f = computed
	}
	r.see(r.tokens[i].line, name, open, f)
}

// checked reports whether what is assigned at i is compared with an empty text soon after, and something else taken then.
func (r *reader) checked(i int) bool {
	k := i - 3 // before os.
	if !r.sign(k, "=") {
		return false
	}
	name := r.assigned(k)
	for m := i; m < i+16 && name != ""; m++ {
		if r.word(m) != name || m+3 >= len(r.tokens) {
			continue
		}
		if t, ok := r.text(m + 3); ok && t.text == "" && (r.is(m+1, "=", "=") || r.is(m+1, "!", "=")) {
			return !r.fails(m + 4)
		}
	}
	return false
}

// fails reports whether the block that begins at i only says that something is missing.
func (r *reader) fails(i int) bool {
	for k := i; k < i+8; k++ {
		switch r.word(k) {
		case "Fatal", "Fatalf", "panic", "Exit", "Errorf", "New", "err":
			return true
		}
		if r.sign(k, "}") {
			return false
		}
	}
	return false
}

func (r *reader) holdsViper(w string) bool {
	return w == "viper" || (w == "v" || w == "vp" || w == "cfg" || w == "config") && strings.Contains(r.src, "spf13/viper") || (w == "k" || w == "koanf") && strings.Contains(r.src, "koanf")
}

var viperGets = regexp.MustCompile(`^(?:Get(?:String|Int|Int32|Int64|Uint|Bool|Duration|Float64|StringSlice|StringMap|StringMapString|Time|SizeInBytes|IntSlice)?|IsSet|String|Strings|Int|Int64|Bool|Duration|Float64|Exists)$`)

func (r *reader) viper(w string, i int) {
	t, ok := r.text(i + 2)
	switch {
	case !ok:
		if viperGets.MatchString(w) {
			r.take(i + 2)
		}
	case w == "Sub" || w == "UnmarshalKey" || w == "Cut":
		r.below(t.line, t.text)
	case viperGets.MatchString(w):
		open := t.open || r.joined(i+3)
		f := r.fallbacks[t.text]
		if prefix := r.constants[viperPrefix]; prefix != "" { // one of two names is enough
			r.see(t.line, prefix+"_"+t.text, open, computed)
			if !f.given {
				f = computed
			}
		}
		r.see(t.line, t.text, open, f)
	}
}

// bindEnv reads viper.BindEnv("key", "VARIABLE", …).
func (r *reader) bindEnv(i int) {
	if !r.sign(i+1, "(") {
		return
	}
	key, ok := r.text(i + 2)
	if !ok {
		return
	}
	k := i + 3
	if !r.sign(k, ",") {
		name := key.text
		if prefix := r.constants[viperPrefix]; prefix != "" {
			name = prefix + "_" + name
		}
		r.see(key.line, name, false, r.fallbacks[key.text])
		return
	}
	for ; r.sign(k, ","); k += 2 {
		if t, ok := r.text(k + 1); ok {
			r.see(t.line, t.text, false, r.fallbacks[key.text])
		}
	}
}

var (
	tag        = regexp.MustCompile(`\b(?:env|envconfig):"([A-Za-z_]\w*)(?:,[^"]*)?"`)
	tagPrefix  = regexp.MustCompile(`\benvPrefix:"(\w+)"`)
	tagDefault = regexp.MustCompile(`\b(?:envDefault|env-default|default):"([^"]*)"`)
)

// goTags reads the tags of a struct's field: env:"X" envDefault:"y".
func goTags(r *reader, i int) {
	t := r.tokens[i]
	if t.mark != '`' || !strings.Contains(t.text, "env") {
		return
	}
	if g := tag.FindStringSubmatch(t.text); g != nil {
		f := fallback{}
		if d := tagDefault.FindStringSubmatch(t.text); d != nil {
			f = fallback{true, d[1]}
		}
		r.see(t.line, g[1], false, f)
	}
	if g := tagPrefix.FindStringSubmatch(t.text); g != nil {
		r.see(t.line, g[1], true, fallback{})
	}
}
