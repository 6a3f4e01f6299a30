package workspace

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// Parse turns the text of a caravan.yaml into a Workspace. It looks at no file; name only appears in messages. All
// problems are reported at once in one Invalid error, a line for each: "caravan.yaml:12: what; how to mend".
func Parse(data []byte, name string) (Workspace, error) {
	p := &parser{file: name}
	w := p.parse(data)
	if err := p.err(); err != nil {
		return Workspace{}, err
	}
	return w, nil
}

// parser collects the problems of one file.
type parser struct {
	file     string
	lines    map[string]int
	problems []problem
}

type problem struct {
	line int
	text string
}

func (p *parser) parse(data []byte) Workspace {
	p.lines = map[string]int{}
	docs, err := syntax.YAML(data)
	var broken *syntax.Error
	switch {
	case errors.As(err, &broken):
		p.problem(max(broken.Line, 1), "%s; mend the syntax, an editor with the schema shows where", broken.Text)
		return Workspace{}
	case len(docs) > 1:
		p.problem(docs[1].Line, "a second document; keep one, without --- lines")
		return Workspace{}
	case len(docs) == 0 || docs[0].Kind == syntax.Null:
		p.problem(1, "nothing in it; run caravan init in an empty directory to see what belongs here")
		return Workspace{}
	}
	w := p.workspace(docs[0])
	w.lines = p.lines
	p.check(w)
	return w
}

func (p *parser) problem(line int, format string, args ...any) {
	p.problems = append(p.problems, problem{line, fmt.Sprintf(format, args...)})
}

// at reports a problem with the value at a path.
func (p *parser) at(path, format string, args ...any) {
	p.problem(p.lines[path], format, args...)
}

// maxProblems is how many lines of problems a person can use at once.
const maxProblems = 100

// err is all problems in the order of their lines, or nil.
func (p *parser) err() error {
	if len(p.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(p.problems, func(a, b problem) int { return a.line - b.line })
	var text strings.Builder
	for i, pr := range p.problems {
		if i > 0 {
			text.WriteByte('\n')
		}
		if i == maxProblems {
			fmt.Fprintf(&text, "%s: %d more problems; mend these first", p.file, len(p.problems)-i)
			break
		}
		fmt.Fprintf(&text, "%s:%d: %s", p.file, pr.line, pr.text)
	}
	return fault.Newf(fault.Invalid, "%s", text.String())
}

func (p *parser) workspace(n syntax.Node) Workspace {
	var w Workspace
	p.object(n, "", []field{
		{"organisation", true, text(&w.Organisation)},
		{"sources", true, nonEmpty(list(&w.Sources, (*parser).source))},
		{"environments", false, list(&w.Environments, (*parser).environment)},
		{"teams", false, list(&w.Teams, (*parser).team)},
		{"services", false, list(&w.Services, (*parser).service)},
		{"database", false, optional(text(&w.Database))},
	})
	return w
}

func (p *parser) source(n syntax.Node, path string) (s Source) {
	p.object(n, path, []field{
		{"name", true, text(&s.Name)},
		{"dir", true, text(&s.Dir)},
		{"environment", false, text(&s.Environment)},
		{"exclude", false, texts(&s.Exclude)},
		{"kind", false, oneOf(&s.Kind, ConfigRepository)},
	})
	return s
}

func (p *parser) environment(n syntax.Node, path string) (e Environment) {
	p.object(n, path, []field{
		{"name", true, text(&e.Name)},
		{"kind", true, oneOf(&e.Kind, "vm", "kubernetes")},
		{"country", false, text(&e.Country)},
		{"provider", false, text(&e.Provider)},
	})
	return e
}

func (p *parser) team(n syntax.Node, path string) (t Team) {
	p.object(n, path, []field{
		{"name", true, text(&t.Name)},
		{"mail", false, text(&t.Mail)},
		{"chat", false, text(&t.Chat)},
		{"owns", false, texts(&t.Owns)},
	})
	return t
}

func (p *parser) service(n syntax.Node, path string) (s Service) {
	p.object(n, path, []field{
		{"name", true, text(&s.Name)},
		{"aliases", false, texts(&s.Aliases)},
		{"kind", false, oneOf(&s.Kind, estate.Service, estate.Datastore, estate.External, estate.Host)},
		{"team", false, text(&s.Team)},
		{"ignore", false, boolean(&s.Ignore)},
	})
	return s
}

// check looks for what is well-formed and still cannot be.
func (p *parser) check(w Workspace) {
	p.checkSources(w)
	p.checkEnvironments(w)
	p.checkTeams(w)
	p.checkServices(w)
	if d := w.Database; d != "" && !strings.HasPrefix(d, "postgres://") && !strings.HasPrefix(d, "postgresql://") {
		p.at("database", "not a PostgreSQL address; write postgres://user@host/name, or leave it out to keep history beside this file")
	}
}

// sourceName is a name that can begin a path.
var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (p *parser) checkSources(w Workspace) {
	declared := names(w.Environments, func(e Environment) string { return string(e.Name) })
	p.unique("source", "sources", names(w.Sources, func(s Source) string { return s.Name }))
	for i, s := range w.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		if s.Name != "" && !sourceName.MatchString(s.Name) {
			p.at(at+".name", "source name %q would not do as the first part of a path; use letters, digits, dots and dashes", s.Name)
		}
		if filepath.IsAbs(s.Dir) || path.IsAbs(s.Dir) {
			p.at(at+".dir", "source directory %s is absolute, so only right on one machine; write it relative to this file", s.Dir)
		}
		p.reference(at+".environment", "environment", string(s.Environment), declared)
		for j, glob := range s.Exclude {
			if !doublestar.ValidatePattern(glob) {
				p.at(fmt.Sprintf("%s.exclude[%d]", at, j), "%q is not a glob; write a folder or a pattern such as **/testdata", glob)
			}
		}
	}
}

func (p *parser) checkEnvironments(w Workspace) {
	p.unique("environment", "environments", names(w.Environments, func(e Environment) string { return string(e.Name) }))
	for i, e := range w.Environments {
		if e.Country != "" && !isCountry(e.Country) {
			p.at(fmt.Sprintf("environments[%d].country", i), "%q is not a country code; %s", e.Country, countryAdvice(e.Country))
		}
	}
}

func (p *parser) checkTeams(w Workspace) {
	p.unique("team", "teams", names(w.Teams, func(t Team) string { return string(t.Name) }))
	for i, t := range w.Teams {
		if t.Mail != "" && !strings.Contains(strings.Trim(t.Mail, "@"), "@") {
			p.at(fmt.Sprintf("teams[%d].mail", i), "%q is not a mail address; write name@example.org", t.Mail)
		}
		for j, glob := range t.Owns {
			if !doublestar.ValidatePattern(glob) {
				p.at(fmt.Sprintf("teams[%d].owns[%d]", i, j), "%q is not a pattern; write a service's name, a glob such as pg-*, or a folder such as /services/orders/", glob)
			}
		}
	}
}

func (p *parser) checkServices(w Workspace) {
	declared := names(w.Teams, func(t Team) string { return string(t.Name) })
	seen := map[string]string{} // name or alias, as names are compared → path
	for i, s := range w.Services {
		at := fmt.Sprintf("services[%d]", i)
		p.reference(at+".team", "team", string(s.Team), declared)
		p.takeName(seen, at+".name", string(s.Name))
		for j, alias := range s.Aliases {
			p.takeName(seen, fmt.Sprintf("%s.aliases[%d]", at, j), alias)
		}
	}
}

// takeName reports a service's name that another one has taken; names that differ only in case and marks are the same.
func (p *parser) takeName(seen map[string]string, at, name string) {
	if name == "" {
		return
	}
	key := estate.Norm(name)
	if first, taken := seen[key]; taken {
		p.at(at, "service name %q is taken in line %d; give each name to one service, once", name, p.lines[first])
		return
	}
	seen[key] = at
}

// unique reports names that are given twice.
func (p *parser) unique(what, path string, all []string) {
	seen := map[string]int{} // name → line
	for i, name := range all {
		at := fmt.Sprintf("%s[%d].name", path, i)
		if first, twice := seen[name]; twice && name != "" {
			p.at(at, "%s %q is declared in line %d already; rename or remove one", what, name, first)
			continue
		}
		seen[name] = p.lines[at]
	}
}

// reference reports the name of something that is not declared.
func (p *parser) reference(at, what, name string, declared []string) {
	if name == "" || slices.Contains(declared, name) {
		return
	}
	if near, ok := nearest(name, declared); ok {
		p.at(at, "%s %q is not declared; did you mean %q?", what, name, near)
		return
	}
	p.at(at, "%s %q is not declared; add it under %ss", what, name, what)
}

// directory reports a source whose directory cannot be read.
func (p *parser) directory(base, dir, at string) {
	if dir == "" || filepath.IsAbs(dir) {
		return
	}
	info, err := os.Stat(filepath.Join(base, filepath.FromSlash(dir)))
	switch {
	case err != nil:
		p.at(at, "source directory %s does not exist; correct the path, which is relative to this file, or check the source out there", dir)
	case !info.IsDir():
		p.at(at, "source %s is not a directory; name the directory that holds the configuration", dir)
	}
}

func names[T any](all []T, name func(T) string) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = name(v)
	}
	return out
}
