package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// point is a place of a pipeline that deploys.
type point struct {
	deed
	line        int      // in its file
	job         string   // the job or stage it is in
	environment string   // the environment the pipeline says it deploys to, as it is written; "" when it says nothing
	names       []string // what step and job are called, the closest first
	words       []string
	around      []string // what the pipeline is called, and conditions: the last to be asked
	when        string   // condition the call needs beside those around it, in the dialect's words
	guard       string
	loop        bool
	blocked     string   // why no call can follow it, if it is chosen
	versions    []string // what it calls the version
	unit        int      // which step, script or statement it belongs to
}

// sureFirst settles what is unsure where the same step or script deploys surely: copying belongs to it, all else does not.
func sureFirst(points []point) []point {
	if !slices.ContainsFunc(points, func(p point) bool { return p.unsure == "" }) {
		return points
	}
	points = slices.DeleteFunc(points, func(p point) bool { return p.unsure != "" && (p.guard != "" || !p.copies) })
	for i := range points {
		points[i].unsure = ""
	}
	return points
}

// stage is what kind of environment something is deployed to.
type stage int

const (
	unnamed stage = iota // taken for production
	production
	trial
	dynamic // decided when the pipeline runs
)

var (
	trialWord      = regexp.MustCompile(`(?i)(^|[^a-z])(dev|devel|develop|development|staging|stage|stg|qa|uat|sit|preview|sandbox|preprod|pre-prod|nonprod|non-prod|review|acceptance|demo)\d*($|[^a-z])`)
	trialTarget    = regexp.MustCompile(`(?i)deploy[\w]*[-_: ]+(to[-_ ])?(the )?(test|ci|lab|local)\d*($|[^a-z])`)
	productionWord = regexp.MustCompile(`(?i)(^|[^a-z])(prod|production|prd|live)\d*($|[^a-z])`)
	variable       = regexp.MustCompile(`\$\{\{.*?\}\}|\$\{[^{}]*\}|\$\w+`)
	container      = regexp.MustCompile(`\b(env|params|inputs|matrix|vars|github\.event)\.`)
	placeVariable  = regexp.MustCompile(`(?i)(^|[^a-z])(env|environment|stage|target|inventory|tier|deploy_?env|deploy_?to|target_?env|environment_?name)($|[^a-z])`)
)

// stageOf judges a name: that of an environment, a job, a stage.
func stageOf(name string) stage {
	bare := variable.ReplaceAllString(name, " ")
	isTrial, isProduction := trialWord.MatchString(bare) || trialTarget.MatchString(bare), productionWord.MatchString(bare)
	switch {
	case isTrial && isProduction:
		return unnamed
	case isTrial:
		return trial
	case isProduction:
		return production
	}
	return unnamed
}

// stageOf says what a point deploys to: by the environment it names, by its job's name, by the words of its command.
func (p point) stage() stage {
	if p.environment != "" {
		switch s := stageOf(p.environment); {
		case s != unnamed:
			return s
		case variable.MatchString(p.environment):
			return dynamic
		case trialExactly(p.environment):
			return trial
		default:
			return production
		}
	}
	for _, name := range p.names {
		if s := stageOf(name); s != unnamed {
			return s
		}
	}
	if s := ofWords(p.words); s != unnamed {
		return s
	}
	for _, name := range p.around {
		if s := stageOf(name); s != unnamed {
			return s
		}
	}
	return unnamed
}

func trialExactly(name string) bool {
	return slices.Contains([]string{"test", "ci", "lab", "local"}, strings.ToLower(name))
}

func ofWords(words []string) stage {
	found := unnamed
	for _, w := range words {
		if strings.HasPrefix(w, "$env:") { // of PowerShell
			continue
		}
		for _, v := range variable.FindAllString(w, -1) {
			if placeVariable.MatchString(container.ReplaceAllString(v, "")) {
				return dynamic
			}
		}
		if s := stageOf(w); s != unnamed {
			found = max(found, s)
		}
	}
	return found
}

var serviceWord = regexp.MustCompile(`(?i)(?:^|[\s"'{,])(?:service|service_name|app|app_name|application)["']?\s?[=:]\s?["']?` + value)

// deploysAnother refuses to call one service where a deployment names another, unless its job was asked for.
func (p point) deploysAnother(o Options) *refusal {
	if slices.Contains(o.Jobs, p.job) {
		return nil
	}
	for _, w := range p.words {
		for _, m := range serviceWord.FindAllStringSubmatch(w, -1) {
			switch {
			case anyReference.MatchString(m[1]):
				return refuse(p.line, "which service it deploys (%s) is decided when the pipeline runs; give each service a job of its own, or name this one with --job %q if it is of %s alone", m[1], p.job, o.Service)
			case !strings.Contains(m[1], o.Service) && !strings.Contains(o.Service, m[1]):
				return refuse(p.line, "it deploys %s and not %s; say with --service or --job %q if that is the same", m[1], o.Service, p.job)
			}
		}
	}
	return nil
}

// fit refuses chosen points that no call can follow.
func fit(jobs [][]point, o Options) *refusal {
	for _, points := range jobs {
		for _, p := range points {
			if p.blocked != "" {
				return refuse(p.line, "%s", p.blocked)
			}
			if no := p.deploysAnother(o); no != nil {
				return no
			}
		}
	}
	return nil
}

// choose tells which points a call shall follow, job by job and in order, and what was left. Points whose environment is decided when
// the pipeline runs must have been settled before.
func choose(points []point, o Options) (jobs [][]point, notes []string, no *refusal) {
	points, notes, no = wanted(points, o)
	if no != nil {
		return nil, nil, no
	}
	if no := worldsOf(points, o); no != nil {
		return nil, nil, no
	}
	for _, p := range points {
		i := slices.IndexFunc(jobs, func(j []point) bool { return j[0].job == p.job })
		if i < 0 {
			jobs = append(jobs, nil)
			i = len(jobs) - 1
		}
		jobs[i] = append(jobs[i], p)
	}
	if len(jobs) > 1 && len(o.Jobs) == 0 {
		a, b := jobs[0][0], jobs[1][0]
		return nil, nil, refuse(b.line, "both %q (line %d) and %q deploy, and one call goes to every environment of its world; say which to follow with --job, more than once when they never run together", a.job, a.line, b.job)
	}
	return jobs, notes, fit(jobs, o)
}

// wanted are the sure points that deploy to production.
func wanted(points []point, o Options) (out []point, notes []string, no *refusal) {
	var unsure, away, trials []point
	for _, p := range points {
		asked := slices.Contains(o.Jobs, p.job)
		switch s := p.stage(); {
		case len(o.Jobs) > 0 && !asked:
			notes = append(notes, fmt.Sprintf("line %d (%s, %q) is left: --job names another", p.line, p.tool, p.job))
		case p.unsure != "" && !asked:
			unsure = append(unsure, p)
		case p.world == elsewhere:
			away = append(away, p)
		case s == trial && !asked:
			trials = append(trials, p)
			notes = append(notes, fmt.Sprintf("line %d (%s, %q) deploys to an environment for trials and is left: a call goes to every environment of its world", p.line, p.tool, p.job))
		case s == dynamic && !asked:
			return nil, nil, refuse(p.line, "which environment %s deploys to is decided when the pipeline runs, and a call goes to every environment of its world; deploy to production in a job of its own, or name this one with --job %q", p.tool, p.job)
		default:
			out = append(out, p)
		}
	}
	switch {
	case len(out) > 0:
		return out, notes, nil
	case len(unsure) > 0:
		return nil, nil, refuse(unsure[0].line, "%s; if it is one, name its job with --job %q", unsure[0].unsure, unsure[0].job)
	case len(away) > 0:
		return nil, nil, refuse(away[0].line, "%s deploys to neither machines nor Kubernetes; add the call yourself where it belongs", away[0].tool)
	case len(trials) > 0:
		return nil, nil, refuse(trials[0].line, "it deploys to environments for trials alone (%q), and a call goes to every environment of its world; if that is meant, name the job with --job", trials[0].job)
	}
	return nil, nil, refuse(0, "no job %s deploys; there are: %s", strings.Join(o.Jobs, ", "), jobNames(points))
}

func jobNames(points []point) string {
	var names []string
	for _, p := range points {
		if !slices.Contains(names, p.job) {
			names = append(names, p.job)
		}
	}
	return strings.Join(names, ", ")
}

// worldsOf refuses what deploys to both worlds by itself.
func worldsOf(points []point, o Options) *refusal {
	first := points[0]
	for _, p := range points[1:] {
		if p.world != first.world && !o.Replace {
			return refuse(p.line, "it deploys to %s here and to %s in line %d: both worlds already; --replace lets one call do both", p.world, first.world, first.line)
		}
	}
	return nil
}

// changing is what is another value each time it is asked for.
var changing = regexp.MustCompile(`\$\((?:[^gc]|g[^i]|c[^a]|gi[^t]|ca[^t])|\bnew \w|System\.|UUID|RANDOM|SECONDS|\bsh[ (]`)

// versionOf is the one expression that points, or else the lines that build what they deploy, call the version. Line is where it is.
func versionOf(points []point, built []built, o Options) (expr string, where point, no *refusal) {
	last := points[len(points)-1]
	if o.Version != "" {
		return o.Version, point{}, nil
	}
	var found []string
	for _, p := range points {
		for _, v := range p.versions {
			if !slices.ContainsFunc(found, func(f string) bool { return same(f, v) }) {
				found, where = append(found, v), p
			}
		}
	}
	if len(found) == 0 {
		for _, b := range built {
			if !slices.ContainsFunc(found, func(f string) bool { return same(f, b.version) }) {
				found, where = append(found, b.version), point{line: b.line, job: b.job}
			}
		}
	}
	switch len(found) {
	case 0:
		return "", where, refuse(last.line, "what %s deploys has no version here that a call could name; give the expression with --version-from", last.tool)
	case 1:
		if changing.MatchString(found[0]) {
			return "", where, refuse(where.line, "the version %s is worked out anew each time, and would be another one for the call; give the expression with --version-from", found[0])
		}
		return found[0], where, nil
	}
	return "", where, refuse(where.line, "the version may be %s; say which with --version-from", strings.Join(found, " or "))
}
