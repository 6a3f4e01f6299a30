package pipeline

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
)

// configuration is what GitLab runs: all files a repository's pipeline is made of.
type configuration struct {
	pages []*page
	jobs  []*task
	named map[string]*task
	wide  map[string]string // variables of all jobs
}

// task is a job, or (when its name begins with a dot) a template.
type task struct {
	name string
	page *page
	line int
	node *yaml.Node
}

func (t *task) hidden() bool { return strings.HasPrefix(t.name, ".") }

// keywords at the top of a file that are no jobs.
var keywords = []string{"image", "services", "stages", "types", "before_script", "after_script", "variables", "cache", "include", "default", "workflow", "spec", "pages:deploy"}

func adoptGitLab(files []File, o Options) (out []Result, problems []error) {
	if !slices.ContainsFunc(files, func(f File) bool { return !o.leaves(f.Path) }) {
		return nil, nil
	}
	g := &configuration{wide: map[string]string{}, named: map[string]*task{}}
	for _, f := range files {
		if no := g.read(f); no != nil {
			problems = append(problems, no.of(f.Path))
		}
	}
	if len(problems) > 0 || len(g.pages) == 0 {
		return nil, problems
	}
	if len(g.jobs) > mostJobs {
		return nil, []error{(&refusal{kind: fault.Invalid, text: fmt.Sprintf("more than %d jobs; is it a pipeline?", mostJobs)}).of(g.pages[0].Path)}
	}
	return g.adopt(o)
}

// mostJobs bounds what is compared with each other.
const mostJobs = 1000

func (g *configuration) read(f File) *refusal {
	p, no := parsePage(f)
	if no != nil {
		return no
	}
	docs := p.docs
	if len(docs) == 2 && field(docs[0], "spec") != nil {
		docs = docs[1:]
	}
	if len(docs) > 1 {
		return refuse(docs[1].Line, "more than one YAML document, of which GitLab reads one; take them apart first")
	}
	if len(docs) == 0 || docs[0].Kind != yaml.MappingNode {
		return &refusal{kind: fault.Invalid, text: "not a YAML mapping, which a pipeline is; mend it first"}
	}
	root := docs[0]
	p.docs = docs
	g.pages = append(g.pages, &p)
	for k, v := range pairs(field(root, "variables")) {
		g.wide[k] = v
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if k := root.Content[i]; !slices.Contains(keywords, k.Value) {
			t := &task{name: k.Value, page: &p, line: k.Line, node: root.Content[i+1]}
			g.jobs, g.named[t.name] = append(g.jobs, t), t
		}
	}
	return nil
}

// Includes are the files of its own repository that a GitLab pipeline is made of beside itself.
func Includes(text string) []string {
	p, no := parsePage(File{Text: text})
	if no != nil {
		return nil
	}
	var out []string
	for _, doc := range p.docs {
		out = append(out, localIncludes(field(doc, "include"))...)
		if doc.Kind == yaml.MappingNode {
			for i := 1; i < len(doc.Content); i += 2 {
				out = append(out, localIncludes(field(field(doc.Content[i], "trigger"), "include"))...)
			}
		}
	}
	return out
}

func localIncludes(n *yaml.Node) []string {
	n = at(n)
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		if strings.Contains(n.Value, "://") {
			return nil
		}
		return []string{path.Clean(strings.TrimPrefix(n.Value, "/"))}
	case n.Kind == yaml.MappingNode:
		if l := field(n, "local"); l != nil {
			return localIncludes(l)
		}
		return nil
	}
	var out []string
	for _, c := range n.Content {
		out = append(out, localIncludes(c)...)
	}
	return out
}

// foreignInclude is the line of an include whose text is not in this repository, 0 when there is none.
func foreignInclude(n *yaml.Node) int {
	n = at(n)
	switch {
	case n == nil:
		return 0
	case n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "://"):
		return n.Line
	case n.Kind == yaml.MappingNode && field(n, "local") == nil:
		return n.Line
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			if line := foreignInclude(c); line > 0 {
				return line
			}
		}
	}
	return 0
}

// script is a list of commands as it is written once, and used by one job or several.
type script struct {
	owner *task
	key   string // script, before_script, after_script; "" of a list that stands alone
	line  int    // of the key
	node  *yaml.Node
	text  string
	lines []source // of its text
	all   []command
}

// source is where a line of a script stands.
type source struct {
	line int
	item int // in the list; -1 when the script is no list
}

// scripts are all lists of commands, as they are written.
func (g *configuration) scripts() []*script {
	var out []*script
	for _, t := range g.jobs {
		switch t.node.Kind {
		case yaml.SequenceNode:
			out = append(out, newScript(t, "", t.line, t.node))
		case yaml.MappingNode:
			for _, key := range []string{"before_script", "script", "after_script"} {
				if k, v := entry(t.node, key); v != nil && v.Kind != yaml.AliasNode {
					out = append(out, newScript(t, key, k.Line, v))
				}
			}
		}
	}
	return out
}

func newScript(t *task, key string, line int, n *yaml.Node) *script {
	s := &script{owner: t, key: key, line: line, node: n}
	var b strings.Builder
	add := func(n *yaml.Node, item int) {
		value := strings.TrimSuffix(n.Value, "\n")
		for i := range strings.Count(value, "\n") + 1 {
			s.lines = append(s.lines, source{line: scriptLine(n, i), item: item})
		}
		b.WriteString(value + "\n")
	}
	switch n.Kind {
	case yaml.ScalarNode:
		add(n, -1)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.addItem(c, i, add)
		}
	}
	s.text = b.String()
	s.all = commands(s.text)
	return s
}

// addItem adds what an item of a list says itself: a command, an alias of one, a list of them. Lists it refers to are scripts of their
// own.
func (s *script) addItem(c *yaml.Node, item int, add func(*yaml.Node, int)) {
	switch {
	case c.Kind == yaml.ScalarNode:
		add(c, item)
	case c.Kind == yaml.AliasNode && at(c) != nil && at(c).Kind == yaml.ScalarNode:
		there := *at(c)
		there.Line, there.Style = c.Line, 0
		add(&there, item)
	case c.Kind == yaml.SequenceNode && c.Tag != "!reference":
		for _, inner := range c.Content {
			if inner.Kind == yaml.ScalarNode {
				add(inner, item)
			}
		}
	}
}

// users are the jobs that run a script.
func (g *configuration) users(s *script) []*task {
	var out []*task
	for _, t := range g.jobs {
		if !t.hidden() && g.runs(t, s) {
			out = append(out, t)
		}
	}
	return out
}

// runs reports whether a job runs a script: its own, one it inherits, or one its own refers to.
func (g *configuration) runs(t *task, s *script) bool {
	key := s.key
	if key == "" {
		key = "script"
	}
	value, from := g.inherited(t, key)
	if value == nil {
		return false
	}
	return from == s.owner && at(value) == s.node || at(value) == s.node || refers(value, s, map[*yaml.Node]bool{})
}

// refers reports whether a value holds a script by an alias or a !reference.
func refers(n *yaml.Node, s *script, seen map[*yaml.Node]bool) bool {
	if n == nil || seen[at(n)] {
		return false
	}
	seen[at(n)] = true
	if n.Kind == yaml.AliasNode && n.Alias == s.node {
		return true
	}
	if n.Tag == "!reference" && len(n.Content) > 0 && n.Content[0].Value == s.owner.name {
		return s.key == "" || len(n.Content) > 1 && n.Content[1].Value == s.key
	}
	if n.Kind != yaml.SequenceNode && n.Kind != yaml.AliasNode {
		return false
	}
	return slices.ContainsFunc(at(n).Content, func(c *yaml.Node) bool { return refers(c, s, seen) })
}

// inherited is the value of a job's key: its own, merged in, or that of what it extends, the last first.
func (g *configuration) inherited(t *task, key string) (*yaml.Node, *task) {
	return g.inheritedBut(t, key, map[*task]bool{})
}

func (g *configuration) inheritedBut(t *task, key string, seen map[*task]bool) (*yaml.Node, *task) {
	if t == nil || seen[t] {
		return nil, nil
	}
	seen[t] = true
	if v := merged(t.node, key); v != nil {
		return v, t
	}
	for _, name := range slices.Backward(texts(field(t.node, "extends"))) {
		if v, from := g.inheritedBut(g.named[name], key, seen); v != nil {
			return v, from
		}
	}
	return nil, nil
}

// variables of a job: all jobs', those of what it extends, its own.
func (g *configuration) variables(t *task) map[string]string {
	out := map[string]string{}
	for k, v := range g.wide {
		out[k] = v
	}
	g.gather(t, out, map[*task]bool{})
	return out
}

func (g *configuration) gather(t *task, out map[string]string, seen map[*task]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	for _, name := range texts(field(t.node, "extends")) {
		g.gather(g.named[name], out, seen)
	}
	for k, v := range pairs(merged(t.node, "variables")) {
		out[k] = v
	}
}

// put is a place that deploys together with the script it is in.
type put struct {
	script  *script
	command command
	users   []*task
}

func (g *configuration) adopt(o Options) (out []Result, problems []error) {
	for _, p := range g.pages {
		if r, ok := settled(p.File); ok {
			return []Result{r}, nil // one file of a configuration that is adopted speaks for all
		}
	}
	points, puts, all := g.look()
	main := g.pages[0]
	if len(points) == 0 {
		for _, p := range g.pages {
			if line := foreignInclude(field(p.docs[0], "include")); line > 0 {
				return nil, []error{refuse(line, "no job here deploys, and this includes text that is not in the repository; adopt it where it is written, or give the deployment a job of its own here").of(p.Path)}
			}
			out = append(out, Result{Path: p.Path, Text: p.Text, State: Bystander, Notes: g.suspects(p)})
		}
		return out, nil
	}
	chosen, notes, no := choose(points, o)
	if no != nil {
		return nil, []error{no.of(pathOf(points, puts, no.line, main.Path))}
	}
	return g.patch(chosen, puts, all, notes, o)
}

// suspects are jobs of a file whose names or stages say that they deploy.
func (g *configuration) suspects(p *page) []string {
	var out []string
	for _, t := range g.jobs {
		if t.page == p && !t.hidden() && (deploys(t.name) || deploys(g.scalar(t, "stage"))) {
			out = append(out, suspect(t.line, t.name))
		}
	}
	return out
}

// pathOf is the file of the point a refusal is about.
func pathOf(points []point, puts []put, line int, fallback string) string {
	for _, p := range points {
		if p.line == line {
			return puts[p.unit].script.owner.page.Path
		}
	}
	return fallback
}

// look finds what deploys, once for each job that runs it, and what builds.
func (g *configuration) look() (points []point, puts []put, all []built) {
	for _, s := range g.scripts() {
		users := g.users(s)
		calledBy := s.owner.name
		for _, u := range users {
			calledBy += " " + u.name + " " + g.scalar(u, "stage")
		}
		first := len(points)
		for _, c := range s.all {
			line := s.lines[min(c.line, len(s.lines)-1)].line
			if builds(c) {
				for _, v := range versionsOf(c) {
					all = append(all, built{version: v, line: line, job: s.owner.name})
				}
			}
			d, ok := deedOf(c, calledBy)
			if !ok {
				continue
			}
			puts = append(puts, put{script: s, command: c, users: users})
			points = append(points, g.pointsOf(s, c, d, users, len(puts)-1, line)...)
		}
		points = append(points[:first], sureFirst(slices.Clone(points[first:]))...)
	}
	return points, puts, all
}

func (g *configuration) scalar(t *task, key string) string {
	v, _ := g.inherited(t, key)
	return text(v)
}

func (g *configuration) pointsOf(s *script, c command, d deed, users []*task, unit, line int) []point {
	base := point{deed: d, line: line, guard: c.guard, loop: c.loop, versions: versionsOf(c), unit: unit, words: c.words, job: s.owner.name}
	switch {
	case s.key == "before_script" || s.key == "after_script":
		base.blocked = fmt.Sprintf("it deploys in %s, which is no place for a call; move the deployment into script", s.key)
	case len(users) == 0:
		base.blocked = fmt.Sprintf("no job here uses %s, so under which conditions it deploys is not known; adopt the repository that uses it", s.owner.name)
	case slices.ContainsFunc(c.words, func(w string) bool { return strings.HasPrefix(w, "$env:") }):
		base.blocked = "the script is one of PowerShell, in which the call would have to be written otherwise; add it yourself"
	}
	if len(users) == 0 {
		base.names = []string{s.owner.name}
		return []point{base}
	}
	var out []point
	for _, u := range users {
		p := base
		p.job, p.names = u.name, []string{u.name}
		g.surround(&p, u)
		out = append(out, p)
	}
	return out
}

// surround gives a point what the job that runs it says.
func (g *configuration) surround(p *point, u *task) {
	vars := g.variables(u)
	expand := func(s string) string {
		return variable.ReplaceAllStringFunc(s, func(v string) string {
			if known, ok := vars[strings.Trim(strings.TrimPrefix(v, "$"), "{}")]; ok {
				return known
			}
			return v
		})
	}
	env, _ := g.inherited(u, "environment")
	p.environment = text(env)
	if n := field(env, "name"); n != nil {
		p.environment = text(n)
	}
	p.environment = expand(p.environment)
	words := p.words
	p.words = nil
	for _, w := range words {
		p.words = append(p.words, expand(w))
	}
	p.around = []string{expand(g.scalar(u, "stage"))}
	if text(field(env, "action")) == "stop" {
		p.environment = "review" // what is stopped is no deployment to follow
	}
	if rules, _ := g.inherited(u, "rules"); rules != nil {
		for _, r := range sequence(rules) {
			if cond := text(field(r, "if")); !strings.Contains(cond, "!") {
				p.around = append(p.around, cond)
			}
		}
	}
	if only, _ := g.inherited(u, "only"); only != nil {
		p.around = append(p.around, texts(only)...)
		p.around = append(p.around, texts(field(only, "refs"))...)
	}
	if m, _ := g.inherited(u, "parallel"); m != nil && p.blocked == "" {
		p.blocked = fmt.Sprintf("job %q runs several times at once (parallel), and a call deploys everywhere; deploy in a job of its own", u.name)
	}
}

// patch puts calls behind what was chosen.
func (g *configuration) patch(chosen [][]point, puts []put, all []built, notes []string, o Options) (out []Result, problems []error) {
	edits := map[*page][]edit{}
	versions := map[*page]string{}
	for _, at := range lastPuts(chosen) {
		w := puts[at.unit]
		e, version, no := g.follow(w, at, puts, all, o)
		if no != nil {
			return nil, []error{no.of(w.script.owner.page.Path)}
		}
		edits[w.script.owner.page] = append(edits[w.script.owner.page], e...)
		versions[w.script.owner.page] = version
	}
	for _, p := range g.pages {
		r := Result{Path: p.Path, Text: p.Text, State: Bystander}
		if e := edits[p]; len(e) > 0 {
			r = Result{Path: p.Path, State: Patched, Text: apply(p.Text, "#", e), Version: versions[p], Notes: notes}
		}
		out = append(out, r)
	}
	return out, nil
}

// follower is a place to follow: the last of a script's that was chosen, for these jobs.
type follower struct {
	unit   int
	points []point
	jobs   []string
}

// lastPuts are the last chosen place of each script.
func lastPuts(chosen [][]point) []follower {
	var out []follower
	for _, points := range chosen {
		last := points[len(points)-1]
		i := slices.IndexFunc(out, func(f follower) bool { return f.unit == last.unit })
		if i < 0 {
			out = append(out, follower{unit: last.unit, points: points})
			i = len(out) - 1
		}
		out[i].jobs = append(out[i].jobs, last.job)
	}
	return out
}

// follow are the edits that make a script call Caravan.
func (g *configuration) follow(w put, f follower, puts []put, all []built, o Options) ([]edit, string, *refusal) {
	last := f.points[len(f.points)-1]
	version, where, no := versionOf(f.points, all, o)
	if no == nil {
		no = g.reaches(version, where, w)
	}
	if no != nil {
		return nil, "", no
	}
	call := o.call(version, last.world)
	if len(f.jobs) < len(w.users) {
		for _, job := range f.jobs {
			if !regexp.MustCompile(`^[\w.:/-]+$`).MatchString(job) {
				return nil, "", refuse(last.line, "jobs of trial environments share this script with %q, a name a shell cannot ask for; give it a script of its own", job)
			}
		}
		call = fmt.Sprintf(`case "$CI_JOB_NAME" in %s) %s;; esac`, strings.Join(f.jobs, "|"), call)
	}
	var units []put
	for _, p := range f.points {
		units = append(units, puts[p.unit])
	}
	edits, no := w.script.edits(w.command, units, call, o)
	return edits, version, no
}

// reaches refuses a version that is known in another job alone.
func (g *configuration) reaches(version string, where point, w put) *refusal {
	if where.line == 0 || where.tool != "" || where.job == w.script.owner.name {
		return nil
	}
	for _, r := range anyReference.FindAllString(version, -1) {
		name := regexp.MustCompile(`\w+`).FindString(r)
		if strings.HasPrefix(name, "CI_") || strings.HasPrefix(r, "$(git ") || g.wide[name] != "" {
			continue
		}
		known := slices.ContainsFunc(w.users, func(u *task) bool { return g.variables(u)[name] != "" })
		if !known {
			return refuse(where.line, "the version %s is that of job %q and unknown where it is deployed; hand it on (artifacts: reports: dotenv), or give the expression with --version-from", r, where.job)
		}
	}
	return nil
}

// edits put a call into a script behind a command.
func (s *script) edits(c command, units []put, call string, o Options) ([]edit, *refusal) {
	p := s.owner.page
	src := s.lines[min(c.line, len(s.lines)-1)]
	guarded := c.guard != "" && c.guard != "an exit before it"
	n := s.node
	if src.item >= 0 {
		n = s.node.Content[src.item]
	}
	literal := n.Style&yaml.LiteralStyle != 0
	switch {
	case o.Replace:
		return s.replaced(units, call)
	case s.node.Kind == yaml.SequenceNode && s.node.Style&yaml.FlowStyle != 0:
		return nil, refuse(src.line, "the script is a list on one line; write a command a line first")
	case c.guard == "a function":
		return nil, refuse(src.line, "it deploys within a function of its script, and when that is called is not known; add the call yourself")
	case guarded && (!literal || !c.alone(s.text) || c.loop):
		return nil, refuse(src.line, "whether it runs depends on %s in its script; write the deployment on a line of its own there, or make that the job's rules", c.guard)
	case guarded || literal && src.item < 0 && c.alone(s.text) && !c.loop:
		end := scriptLine(n, s.within(c.end, src.item))
		indent := p.lines[src.line-1][:indentOf(p.lines[src.line-1])]
		return []edit{{after: end, add: []string{indent + call}}}, nil
	case src.item >= 0:
		it, ok := p.item(n)
		if !ok {
			return nil, refuse(n.Line, "the command does not begin behind its dash; write it so first")
		}
		return []edit{{after: it.to, add: []string{it.dash + scalar(call)}}}, nil
	case literal:
		end := p.lastLine(s.line, indentOf(p.lines[s.line-1]))
		indent := p.lines[n.Line][:indentOf(p.lines[n.Line])]
		return []edit{{after: end, add: []string{indent + call}}}, nil
	}
	return s.listed(call)
}

// within counts a line of the whole script within its item.
func (s *script) within(line, item int) int {
	first := slices.IndexFunc(s.lines, func(l source) bool { return l.item == item })
	return line - first
}

var oneScript = regexp.MustCompile(`^( *)(script:)( +)([^&*|>\[\s].*)$`)

// listed makes a script of one command a list of two.
func (s *script) listed(call string) ([]edit, *refusal) {
	p := s.owner.page
	m := oneScript.FindStringSubmatch(p.lines[s.line-1])
	if m == nil || p.lastLine(s.line, len(m[1])) != s.line {
		return nil, refuse(s.line, "the script is one text over several lines; write a list with a command a line first")
	}
	indent := m[1] + "  - "
	return []edit{{from: s.line, to: s.line, after: s.line, add: []string{m[1] + m[2], indent + m[4], indent + scalar(call)}}}, nil
}

// replaced makes items that deploy comments and puts the call in the place of the last.
func (s *script) replaced(units []put, call string) ([]edit, *refusal) {
	p := s.owner.page
	var out []edit
	var last item
	seen := map[int]bool{}
	for _, u := range units {
		src := s.lines[min(u.command.line, len(s.lines)-1)]
		if u.script != s || src.item < 0 || s.node.Style&yaml.FlowStyle != 0 {
			return nil, refuse(src.line, "the deployment is no item of a list, or is spread over several; write it so first, or adopt without --replace")
		}
		if seen[src.item] {
			continue
		}
		seen[src.item] = true
		if no := s.nothingElse(src.item); no != nil {
			return nil, no
		}
		it, ok := p.item(s.node.Content[src.item])
		if !ok {
			return nil, refuse(src.line, "the command does not begin behind its dash; write it so first")
		}
		out = append(out, edit{from: it.from, to: it.to})
		last = it
	}
	return append(out, edit{after: last.to, add: []string{last.dash + scalar(call)}}), nil
}

// nothingElse refuses to replace an item that does more than deploy.
func (s *script) nothingElse(i int) *refusal {
	for _, c := range s.all {
		src := s.lines[min(c.line, len(s.lines)-1)]
		if _, ok := deedOf(c, "deploy "+s.owner.name); src.item == i && (!ok && !harmless(c) || c.guard != "") {
			return refuse(src.line, "the command does more than deploy (%s), so it cannot be replaced; take them apart, or adopt without --replace", c.name())
		}
	}
	return nil
}
