package workspace

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Parse turns the text of a caravan.yaml into a Workspace. It looks at no file; name only appears in messages. All
// problems are reported at once in one Invalid error, a line for each: "caravan.yaml:12: what; how to mend".
func Parse(data []byte, name string) (Workspace, error) {
	w, r := parse(data, name)
	if err := r.Err(); err != nil {
		return Workspace{}, err
	}
	return w, nil
}

// parse also returns the reader, for what only a look at the directory can tell.
func parse(data []byte, name string) (Workspace, *document.Reader) {
	r := document.NewReader(name, "the workspace")
	doc, ok := r.Parse(data, "run caravan init in an empty directory to see what belongs here")
	if !ok {
		return Workspace{}, r
	}
	w := read(r, doc)
	w.lines = r.Lines()
	check(r, w)
	return w, r
}

func read(r *document.Reader, n syntax.Node) Workspace {
	var w Workspace
	r.Object(n, "", []document.Field{
		document.Required("organisation", document.Text(&w.Organisation)),
		document.Required("sources", document.NonEmpty(document.List(&w.Sources, source))),
		document.Optional("environments", document.List(&w.Environments, environment)),
		document.Optional("teams", document.List(&w.Teams, team)),
		document.Optional("services", document.List(&w.Services, service)),
		document.Optional("pools", document.List(&w.Pools, pool)),
		document.Optional("networks", document.List(&w.Networks, network)),
		document.Optional("peerings", document.List(&w.Peerings, peering)),
		document.Optional("placement", document.Table((*map[string]string)(&w.Placement))),
		document.Optional("rates", document.List(&w.Rates, rate)),
		document.Optional("targets", document.List(&w.Targets, target)),
		document.Optional("delivery", document.MayBeEmpty(deliveries(&w.Delivery))),
		document.Optional("live", document.List(&w.Live, live)),
		document.Optional("configuration", func(r *document.Reader, n syntax.Node, at string) { w.Switching = switching(r, n, at) }),
		document.Optional("drift", func(r *document.Reader, n syntax.Node, at string) { w.Drift = drifting(r, n, at) }),
		document.Optional("standby", func(r *document.Reader, n syntax.Node, at string) { w.Standbys = standbys(r, n, at) }),
		document.Optional("consent", document.MayBeEmpty(consent.Section(&w.Consent, time.LoadLocation))),
		document.Optional("channels", document.MayBeEmpty(channels(&w.Channels))),
		document.Optional("signin", signIn(&w.SignIn)),
		document.Optional("database", document.MayBeEmpty(document.Text(&w.Database))),
	})
	return w
}

func source(r *document.Reader, n syntax.Node, path string) (s Source) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&s.Name)),
		document.Required("dir", document.Text(&s.Dir)),
		document.Optional("environment", document.Text(&s.Environment)),
		document.Optional("exclude", document.Texts(&s.Exclude)),
		document.Optional("kind", document.OneOf(&s.Kind, ConfigRepository)),
	})
	return s
}

func environment(r *document.Reader, n syntax.Node, path string) (e Environment) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&e.Name)),
		document.Required("kind", document.OneOf(&e.Kind, "vm", "kubernetes")),
		document.Optional("country", document.Text(&e.Country)),
		document.Optional("provider", document.Text(&e.Provider)),
		document.Optional("ranges", document.Texts(&e.Ranges)),
		document.Optional("pods", podSpace(&e.Pods)),
	})
	return e
}

func team(r *document.Reader, n syntax.Node, path string) (t Team) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&t.Name)),
		document.Optional("mail", document.Text(&t.Mail)),
		document.Optional("chat", document.Text(&t.Chat)),
		document.Optional("people", document.Texts(&t.People)),
		document.Optional("owns", document.Texts(&t.Owns)),
	})
	return t
}

func service(r *document.Reader, n syntax.Node, path string) (s Service) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&s.Name)),
		document.Optional("aliases", document.Texts(&s.Aliases)),
		document.Optional("kind", document.OneOf(&s.Kind, estate.Service, estate.Datastore, estate.External, estate.Host)),
		document.Optional("team", document.Text(&s.Team)),
		document.Optional("ignore", document.Boolean(&s.Ignore)),
	})
	return s
}

// check looks for what is well-formed and still cannot be.
func check(r *document.Reader, w Workspace) {
	checkTargets(r, w)
	checkDelivery(r, w)
	checkLive(r, w)
	checkSources(r, w)
	checkEnvironments(r, w)
	checkTeams(r, w)
	checkServices(r, w)
	checkNetworks(r, w)
	checkConsent(r, w)
	checkDrift(r, w)
	checkStandbys(r, w)
	checkMoves(r, w)
	checkChannels(r, w.Channels)
	checkSignIn(r, w)
	if d := w.Database; d != "" && !strings.HasPrefix(d, "postgres://") && !strings.HasPrefix(d, "postgresql://") {
		r.At("database", "not a PostgreSQL address; write postgres://user@host/name, or leave it out to keep history beside this file")
	}
}

// sourceName is a name that can begin a path.
var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func checkSources(r *document.Reader, w Workspace) {
	declared := names(w.Environments, func(e Environment) string { return string(e.Name) })
	r.Unique("source", "sources", names(w.Sources, func(s Source) string { return s.Name }))
	for i, s := range w.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		if s.Name != "" && !sourceName.MatchString(s.Name) {
			r.At(at+".name", "source name %q would not do as the first part of a path; use letters, digits, dots and dashes", s.Name)
		}
		if filepath.IsAbs(s.Dir) || path.IsAbs(s.Dir) {
			r.At(at+".dir", "source directory %s is absolute, so only right on one machine; write it relative to this file", s.Dir)
		}
		reference(r, at+".environment", "environment", string(s.Environment), declared)
		for j, glob := range s.Exclude {
			if !doublestar.ValidatePattern(glob) {
				r.At(fmt.Sprintf("%s.exclude[%d]", at, j), "%q is not a glob; write a folder or a pattern such as **/testdata", glob)
			}
		}
	}
}

func checkEnvironments(r *document.Reader, w Workspace) {
	r.Unique("environment", "environments", names(w.Environments, func(e Environment) string { return string(e.Name) }))
	for i, e := range w.Environments {
		if e.Country != "" && !estate.IsCountry(e.Country) {
			r.At(fmt.Sprintf("environments[%d].country", i), "%q is not a country code; %s", e.Country, estate.CountryAdvice(e.Country))
		}
	}
}

func checkTeams(r *document.Reader, w Workspace) {
	r.Unique("team", "teams", names(w.Teams, func(t Team) string { return string(t.Name) }))
	for i, t := range w.Teams {
		if t.Mail != "" && !strings.Contains(strings.Trim(t.Mail, "@"), "@") {
			r.At(fmt.Sprintf("teams[%d].mail", i), "%q is not a mail address; write name@example.org", t.Mail)
		}
		for j, who := range t.People {
			if !strings.Contains(strings.Trim(who, "@"), "@") {
				r.At(fmt.Sprintf("teams[%d].people[%d]", i, j), "%q is not a mail address; write name@example.org", who)
			}
		}
		for j, glob := range t.Owns {
			if !doublestar.ValidatePattern(glob) {
				r.At(fmt.Sprintf("teams[%d].owns[%d]", i, j), "%q is not a pattern; write a service's name, a glob such as pg-*, or a folder such as /services/orders/", glob)
			}
		}
	}
}

func checkServices(r *document.Reader, w Workspace) {
	declared := names(w.Teams, func(t Team) string { return string(t.Name) })
	seen := map[string]string{} // name or alias, as names are compared → path
	for i, s := range w.Services {
		at := fmt.Sprintf("services[%d]", i)
		reference(r, at+".team", "team", string(s.Team), declared)
		takeName(r, seen, at+".name", string(s.Name))
		for j, alias := range s.Aliases {
			takeName(r, seen, fmt.Sprintf("%s.aliases[%d]", at, j), alias)
		}
	}
}

// checkConsent reports teams of the policy that are not declared; a mail address may stand in for one that is told.
func checkConsent(r *document.Reader, w Workspace) {
	declared := names(w.Teams, func(t Team) string { return string(t.Name) })
	reference(r, "consent.unowned", "team", string(w.Consent.Unowned), declared)
	for i, rule := range w.Consent.Rules {
		at := fmt.Sprintf("consent.rules[%d]", i)
		for j, team := range rule.Teams {
			reference(r, fmt.Sprintf("%s.teams[%d]", at, j), "team", string(team), declared)
		}
		for j, d := range rule.Delegates {
			reference(r, fmt.Sprintf("%s.delegates[%d].team", at, j), "team", string(d.Team), declared)
		}
		for j, e := range rule.Escalate {
			for k, to := range e.To {
				if !strings.Contains(to, "@") {
					reference(r, fmt.Sprintf("%s.escalate[%d].to[%d]", at, j, k), "team", to, declared)
				}
			}
		}
	}
}

// takeName reports a service's name that another one has taken; names that differ only in case and marks are the same.
func takeName(r *document.Reader, seen map[string]string, at, name string) {
	if name == "" {
		return
	}
	key := estate.Norm(name)
	if first, taken := seen[key]; taken {
		r.At(at, "service name %q is taken in line %d; give each name to one service, once", name, r.Line(first))
		return
	}
	seen[key] = at
}

// reference reports the name of something that is not declared.
func reference(r *document.Reader, at, what, name string, declared []string) {
	if name == "" || slices.Contains(declared, name) {
		return
	}
	if near, ok := document.Nearest(name, declared); ok {
		r.At(at, "%s %q is not declared; did you mean %q?", what, name, near)
		return
	}
	r.At(at, "%s %q is not declared; add it under %ss", what, name, what)
}

// directory reports a source whose directory cannot be read.
func directory(r *document.Reader, base, dir, at string) {
	if dir == "" || filepath.IsAbs(dir) {
		return
	}
	info, err := os.Stat(filepath.Join(base, filepath.FromSlash(dir)))
	switch {
	case err != nil:
		r.At(at, "source directory %s does not exist; correct the path, which is relative to this file, or check the source out there", dir)
	case !info.IsDir():
		r.At(at, "source %s is not a directory; name the directory that holds the configuration", dir)
	}
}

func names[T any](all []T, name func(T) string) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = name(v)
	}
	return out
}
