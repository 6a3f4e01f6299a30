// Package pipeline makes the pipelines teams already have deploy to both worlds. Texts of GitHub Actions, GitLab CI and declarative
// Jenkins files come in; the same texts come out with a call of `caravan deploy` behind (or instead of) the step that deploys today,
// or a refusal with the line and the reason. Only whole lines are added or made comments, at places a parser found; nothing is
// written anew, so comments, order and formatting stay. It looks at no file itself and knows no company's conventions but the names of
// well-known tools.
package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"example.org/caravan/internal/fault"
)

// File is one file of a repository: its path from the repository's top, with slashes, and its text.
type File struct {
	Path string
	Text string
}

// Options say what cannot be read from a pipeline.
type Options struct {
	Service string   // the service the repository is of
	Version string   // the expression that is the version; "" takes it from the pipeline
	Jobs    []string // jobs (in Jenkins: stages) whose deployment is followed; none: the one there is
	Files   []string // paths of the pipelines to adopt; none: all
	Replace bool     // let the call take the old deployment's place instead of following it
}

var serviceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$`)

// Validate refuses what must not stand in a command line.
func (o Options) Validate() error {
	switch {
	case !serviceName.MatchString(o.Service):
		return fault.Newf(fault.Invalid, "%q is no service's name; give it with --service", o.Service)
	case strings.ContainsAny(o.Version, "\"\n\r`\\") || strings.HasPrefix(o.Version, "-") || o.Version != strings.TrimSpace(o.Version):
		return fault.Newf(fault.Invalid, "--version-from %q: give one expression of the pipeline on one line and without quotes, such as '$CI_COMMIT_SHORT_SHA'", o.Version)
	}
	return nil
}

// State is what became of a file.
type State string

// The states.
const (
	Patched   State = "adopted"
	Standing  State = "adopted already"
	Bystander State = "deploys nothing"
)

// Result is a file after adopting. Text equals the file's own unless State is Patched.
type Result struct {
	Path    string
	Text    string
	State   State
	Version string   // the expression that was taken
	Notes   []string // what people should know: what was left and why
}

// Dialect is the system that runs a file.
type Dialect string

// The dialects.
const (
	GitHub  Dialect = "GitHub Actions"
	GitLab  Dialect = "GitLab CI"
	Jenkins Dialect = "Jenkins"
)

// DialectOf tells by a file's path which system runs it; "" when none does.
func DialectOf(name string) Dialect {
	base, low := path.Base(name), strings.ToLower(path.Base(name))
	yml := strings.HasSuffix(low, ".yml") || strings.HasSuffix(low, ".yaml")
	switch {
	case path.Dir(name) == ".github/workflows" && yml:
		return GitHub
	case strings.HasPrefix(name, ".github/") && (base == "action.yml" || base == "action.yaml"):
		return GitHub
	case strings.HasSuffix(low, ".gitlab-ci.yml") || strings.HasSuffix(low, ".gitlab-ci.yaml") || strings.HasPrefix(name, ".gitlab/") && yml:
		return GitLab
	case strings.HasPrefix(base, "Jenkinsfile") || strings.HasSuffix(low, ".jenkinsfile"):
		return Jenkins
	}
	return ""
}

// MostBytes bounds a file that is read.
const MostBytes = 256 << 10

func (o Options) leaves(name string) bool { return len(o.Files) > 0 && !slices.Contains(o.Files, name) }

// Adopt patches the pipelines among a repository's files. Files that only help to understand others (composite actions, included
// files) belong to them. All refusals come back joined; what could be patched is returned beside them. Invalid: a file is no such
// file; Conflict: it cannot be sure.
func Adopt(files []File, o Options) ([]Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	var out []Result
	var problems []error
	for _, d := range []struct {
		dialect Dialect
		adopt   func([]File, Options) ([]Result, []error)
	}{{GitHub, adoptGitHub}, {GitLab, adoptGitLab}, {Jenkins, adoptJenkins}} {
		var some []File
		for _, f := range files {
			if dialectIn(f, d.dialect) {
				some = append(some, f)
			}
		}
		results, errs := d.adopt(some, o)
		problems = append(problems, errs...)
		for _, r := range results {
			f := some[slices.IndexFunc(some, func(f File) bool { return f.Path == r.Path })]
			if no := sound(f, r, o); no != nil {
				problems = append(problems, no.of(r.Path))
				continue
			}
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Result) int { return cmp.Compare(a.Path, b.Path) })
	return out, errors.Join(problems...)
}

// dialectIn tells whether a file is read for a dialect. A YAML file of another name is one that a GitLab pipeline includes.
func dialectIn(f File, d Dialect) bool {
	is := DialectOf(f.Path)
	return is == d || is == "" && d == GitLab
}

// refusal is why a file is left as it is.
type refusal struct {
	kind fault.Kind
	line int
	text string
}

func refuse(line int, format string, args ...any) *refusal {
	return &refusal{kind: fault.Conflict, line: line, text: fmt.Sprintf(format, args...)}
}

func (r *refusal) of(name string) error {
	if r.line == 0 {
		return fault.Newf(r.kind, "%s: %s", name, r.text)
	}
	return fault.Newf(r.kind, "%s:%d: %s", name, r.line, r.text)
}

// readable refuses texts no parser should be given.
func readable(text string) *refusal {
	switch {
	case len(text) > MostBytes:
		return &refusal{kind: fault.Invalid, text: "larger than 256 KiB; is it a pipeline?"}
	case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
		return &refusal{kind: fault.Invalid, text: "no text of UTF-8; mend it first"}
	}
	if at := oddEnding.FindStringIndex(strings.ReplaceAll(text, "\r\n", "\n")); at != nil {
		return refuse(1+strings.Count(text[:at[0]], "\n"), "a line ends in a character that some programs take for a line's end and others do not (a lone carriage return, U+0085, U+2028, U+2029); mend it first")
	}
	return nil
}

var oddEnding = regexp.MustCompile("[\r\u0085\u2028\u2029]")

// sound refuses a result that does not keep what is promised of it: that it can be taken back, and that a parser sees all that was
// there in its old order.
func sound(f File, r Result, o Options) *refusal {
	if r.State != Patched {
		return nil
	}
	unfit := refuse(0, "the call would not fit into this file as it is written; add it yourself")
	if back, ok := Undo(r.Text); !ok || back != f.Text {
		return unfit
	}
	if DialectOf(r.Path) == Jenkins {
		if _, no := tokens(r.Text); no != nil {
			return unfit
		}
		return nil
	}
	before, no := parsePage(f)
	after, broken := parsePage(File{Text: r.Text})
	if no != nil || broken != nil || !o.Replace && !before.within(after) {
		return unfit
	}
	return nil
}

// suspect is what is said of a job that is called as if it deployed.
func suspect(line int, job string) string {
	return fmt.Sprintf("line %d: %q is called as if it deployed, but nothing in it is known to; add the call yourself if it does", line, job)
}

var ownCall = regexp.MustCompile(`(?m)^[^#\n]*\bcaravan deploy\b`)

// settled is the result for a file nothing needs to be done to: it is adopted, or calls Caravan by its owners' own hand.
func settled(f File) (Result, bool) {
	r := Result{Path: f.Path, Text: f.Text, State: Standing}
	switch {
	case Adopted(f.Text):
		return r, true
	case ownCall.MatchString(f.Text):
		r.Notes = []string{"calls caravan deploy by itself; left as it is"}
		return r, true
	}
	return r, false
}

// call is the command line that is put into a pipeline. Version stands in double quotes.
func (o Options) call(version string, world World) string {
	only := " --only kubernetes"
	if world == Kubernetes {
		only = " --only vm"
	}
	if o.Replace {
		only = ""
	}
	return fmt.Sprintf(`caravan deploy %s --version "%s"%s --server "$CARAVAN_SERVER"`, o.Service, version, only)
}
