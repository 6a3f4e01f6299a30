package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
)

// workflow is one file of GitHub Actions with what is needed of the files beside it.
type workflow struct {
	page
	root    *yaml.Node
	actions map[string]*yaml.Node // composite and other local actions, by folder
	callers []caller              // jobs of the repository that call this workflow
}

// caller is a job that calls a reusable workflow.
type caller struct {
	path     string
	line     int
	inherits bool
	with     map[string]string
}

func adoptGitHub(files []File, o Options) (out []Result, problems []error) {
	var flows []workflow
	actions := map[string]*yaml.Node{}
	for _, f := range files {
		w, no := parseWorkflow(f)
		switch {
		case no != nil:
			problems = append(problems, no.of(f.Path))
		case path.Dir(f.Path) == ".github/workflows":
			flows = append(flows, w)
		default:
			actions[path.Dir(f.Path)] = w.root
		}
	}
	for i := range flows {
		w := &flows[i]
		if o.leaves(w.Path) {
			continue
		}
		w.actions, w.callers = actions, callersOf(w.Path, flows)
		r, no := w.adopt(o)
		if no != nil {
			problems = append(problems, no.of(w.Path))
			continue
		}
		out = append(out, r)
	}
	return out, problems
}

func parseWorkflow(f File) (workflow, *refusal) {
	p, no := parsePage(f)
	switch {
	case no != nil:
		return workflow{}, no
	case len(p.docs) != 1 || p.docs[0].Kind != yaml.MappingNode:
		return workflow{}, &refusal{kind: fault.Invalid, text: "not one YAML mapping, which a workflow is; mend it first"}
	}
	return workflow{page: p, root: p.docs[0]}, nil
}

func callersOf(called string, flows []workflow) []caller {
	var out []caller
	for _, w := range flows {
		for _, j := range w.jobs() {
			if k, v := entry(j.node, "uses"); k != nil && strings.TrimPrefix(text(v), "./") == called {
				out = append(out, caller{path: w.Path, line: k.Line, inherits: text(field(j.node, "secrets")) == "inherit", with: pairs(field(j.node, "with"))})
			}
		}
	}
	return out
}

// job is one job of a workflow.
type job struct {
	id   string
	line int
	node *yaml.Node
}

func (w *workflow) jobs() []job {
	all := at(field(w.root, "jobs"))
	if all == nil || all.Kind != yaml.MappingNode {
		return nil
	}
	var out []job
	for i := 0; i+1 < len(all.Content); i += 2 {
		out = append(out, job{id: all.Content[i].Value, line: all.Content[i].Line, node: at(all.Content[i+1])})
	}
	return out
}

func (w *workflow) adopt(o Options) (Result, *refusal) {
	if r, ok := settled(w.File); ok {
		return r, nil
	}
	points, built := w.look()
	if len(points) == 0 {
		return Result{Path: w.Path, Text: w.Text, State: Bystander, Notes: w.suspects()}, w.elsewhere()
	}
	chosen, notes, no := choose(points, o)
	if no != nil {
		return Result{}, no
	}
	if no := w.tokenReaches(chosen[0][0].line); no != nil {
		return Result{}, no
	}
	r := Result{Path: w.Path, State: Patched, Notes: notes}
	var edits []edit
	for _, points := range chosen {
		e, version, no := w.follow(points, built, o)
		if no != nil {
			return Result{}, no
		}
		edits, r.Version = append(edits, e...), version
	}
	r.Text = apply(w.Text, "#", edits)
	return r, nil
}

// elsewhere refuses a workflow without a deployment of its own that hands it to a workflow of another repository.
func (w *workflow) elsewhere() *refusal {
	for _, j := range w.jobs() {
		k, v := entry(j.node, "uses")
		if k != nil && !strings.HasPrefix(text(v), "./") && (deploys(text(v)) || deploys(j.id)) {
			return refuse(k.Line, "job %q deploys by a workflow of another repository; adopt that one, or add a job behind this one yourself", j.id)
		}
	}
	return nil
}

// suspects are jobs and steps whose names, or actions, say that they deploy.
func (w *workflow) suspects() []string {
	var out []string
	for _, j := range w.jobs() {
		if strings.HasPrefix(text(field(j.node, "uses")), "./") {
			continue
		}
		if deploys(j.id) || deploys(text(field(j.node, "name"))) {
			out = append(out, suspect(j.line, j.id))
			continue
		}
		for _, s := range sequence(field(j.node, "steps")) {
			if name := text(field(s, "name")) + " " + text(field(s, "uses")); deploys(name) {
				out = append(out, suspect(s.Line, strings.TrimSpace(name)))
			}
		}
	}
	return out
}

// onlyProposed reports whether a workflow runs for proposals of changes alone.
func (w *workflow) onlyProposed() bool {
	on := at(field(w.root, "on"))
	names := texts(on)
	if on != nil && on.Kind == yaml.MappingNode {
		for i := 0; i < len(on.Content); i += 2 {
			names = append(names, on.Content[i].Value)
		}
	}
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return n != "pull_request" && n != "pull_request_target" })
}

// tokenReaches refuses reusable workflows whose callers do not hand on their secrets.
func (w *workflow) tokenReaches(line int) *refusal {
	on := at(field(w.root, "on"))
	called := on != nil && (slices.Contains(texts(on), "workflow_call") || keyed(on, "workflow_call"))
	if !called {
		return nil
	}
	if declared := field(field(on, "workflow_call"), "secrets"); declared != nil && field(declared, "CARAVAN_TOKEN") == nil {
		return refuse(declared.Line, "this reusable workflow names the secrets it is given, and CARAVAN_TOKEN is not among them; add it here and in every caller")
	}
	for _, c := range w.callers {
		if !c.inherits {
			return refuse(line, "%s:%d calls this workflow without `secrets: inherit`, so CARAVAN_TOKEN would be empty here; add it there", c.path, c.line)
		}
	}
	if len(w.callers) == 0 && len(texts(on)) < 2 && (on.Kind != yaml.MappingNode || len(on.Content) == 2) {
		return refuse(line, "this workflow is called from other repositories, for services that are not known here; add the call where they deploy")
	}
	return nil
}

func keyed(n *yaml.Node, key string) bool {
	k, _ := entry(n, key)
	return k != nil
}

// look finds every step that deploys or builds.
func (w *workflow) look() (points []point, all []built) {
	for _, j := range w.jobs() {
		steps := at(field(j.node, "steps"))
		if steps == nil || steps.Kind != yaml.SequenceNode {
			continue
		}
		for i := range steps.Content {
			s := w.step(j, steps, i)
			found := w.pointsOf(s)
			if no := s.patchable(); no != nil {
				for k := range found {
					found[k].blocked = no.text
				}
			}
			points, all = append(points, found...), append(all, s.builds()...)
		}
	}
	return points, all
}

// step is one step with what its job and workflow say about it.
type step struct {
	w     *workflow
	job   job
	list  *yaml.Node // that it is in
	index int
	item  *yaml.Node // as it stands there, perhaps an alias
	node  *yaml.Node
	env   map[string]string // its own
	wide  map[string]string // its job's and the workflow's
}

func (w *workflow) step(j job, list *yaml.Node, i int) step {
	s := step{w: w, job: j, list: list, index: i, item: list.Content[i], node: at(list.Content[i]), wide: pairs(field(w.root, "env"))}
	for k, v := range pairs(field(j.node, "env")) {
		s.wide[k] = v
	}
	s.env = pairs(field(s.node, "env"))
	return s
}

func (s step) names() []string {
	return []string{text(field(s.node, "name")), s.job.id + " " + text(field(s.job.node, "name"))}
}

// shell is what runs the step's script: bash on all but Windows when nobody says.
func (s step) shell() string {
	for _, n := range []*yaml.Node{field(s.node, "shell"), field(field(field(s.job.node, "defaults"), "run"), "shell"), field(field(field(s.w.root, "defaults"), "run"), "shell")} {
		if t := text(n); t != "" {
			return path.Base(strings.Fields(t)[0])
		}
	}
	if strings.Contains(strings.ToLower(strings.Join(texts(field(s.job.node, "runs-on")), " ")), "windows") {
		return "pwsh"
	}
	return "bash"
}

// patchable refuses steps behind which no line can be put, or where the line would not be run as meant.
func (s step) patchable() *refusal {
	if s.list.Style&yaml.FlowStyle != 0 || at(field(s.job.node, "steps")) != field(s.job.node, "steps") {
		return refuse(s.item.Line, "the steps of job %q are not a list of their own with a step a line; write them so first", s.job.id)
	}
	if _, ok := s.w.item(s.item); !ok {
		return refuse(s.item.Line, "the step does not begin behind its dash; write it so first")
	}
	if sh := s.shell(); sh != "bash" && sh != "sh" && sh != "zsh" {
		return refuse(s.item.Line, "the step is run by %s, in which the call would have to be written otherwise; give the job a step with `shell: bash` or add the call yourself", sh)
	}
	if cond := text(field(s.node, "if")); regexp.MustCompile(`\b(always|failure|cancelled)\(\)`).MatchString(cond) {
		return refuse(s.item.Line, "the step also runs when others failed (%s), and the call must not", cond)
	}
	return nil
}

// scripts are the commands of a step: of its script, or of what its action runs.
func (s step) scripts() (all []command, lines *yaml.Node) {
	if run := at(field(s.node, "run")); run != nil && run.Kind == yaml.ScalarNode {
		return commands(run.Value), run
	}
	return nil, nil
}

func (w *workflow) pointsOf(s step) []point {
	if s.node == nil || s.node.Kind != yaml.MappingNode {
		return nil
	}
	calledBy := strings.Join(s.names(), " ")
	var out []point
	all, run := s.scripts()
	for _, c := range all {
		if d, ok := deedOf(c, calledBy); ok {
			out = append(out, s.point(d, c, scriptLine(run, c.line)))
		}
	}
	if uses := at(field(s.node, "uses")); uses != nil {
		if d, c, ok := s.ofAction(uses.Value, calledBy); ok {
			out = append(out, s.point(d, c, uses.Line))
		}
	}
	return sureFirst(out)
}

func (s step) point(d deed, c command, line int) point {
	p := point{deed: d, line: line, job: s.job.id, words: c.words, guard: c.guard, loop: c.loop, versions: versionsOf(c), unit: s.index, names: s.names()}
	p.environment = text(field(s.job.node, "environment"))
	if n := field(field(s.job.node, "environment"), "name"); n != nil {
		p.environment = text(n)
	}
	p.around = []string{text(field(s.w.root, "name")), path.Base(s.w.Path)}
	if s.w.onlyProposed() {
		p.around = append(p.around, "review")
	}
	for _, n := range []*yaml.Node{field(s.node, "if"), field(s.job.node, "if")} {
		if cond := text(n); !strings.Contains(cond, "!") {
			p.around = append(p.around, strings.NewReplacer("${{", "", "}}", "").Replace(cond))
		}
	}
	for i, word := range p.words {
		p.words = slices.Clone(p.words)
		p.words[i] = s.expand(word)
	}
	s.settle(&p)
	return p
}

// expand puts in what variables of the step, the job and the workflow stand for.
func (s step) expand(word string) string {
	return variable.ReplaceAllStringFunc(word, func(v string) string {
		name := strings.Trim(strings.TrimPrefix(v, "$"), "{} ")
		name = strings.TrimPrefix(name, "env.")
		for _, env := range []map[string]string{s.env, s.wide} {
			if known, ok := env[name]; ok {
				return known
			}
		}
		return v
	})
}

var chosenPlace = regexp.MustCompile(`\$\{\{\s*((?:github\.event\.)?(inputs|matrix)\.([\w-]+))\s*\}\}`)

// settle finds, for an environment that is decided when the workflow runs, the condition under which it is production.
func (s step) settle(p *point) {
	matrix := at(field(field(s.job.node, "strategy"), "matrix"))
	if p.stage() != dynamic {
		return
	}
	for _, text := range append([]string{p.environment}, p.words...) {
		m := chosenPlace.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		options := s.options(m[2], m[3], matrix)
		live := slices.DeleteFunc(slices.Clone(options), func(o string) bool { return stageOf(o) == trial || trialExactly(o) })
		switch {
		case len(options) > 0 && len(live) == 0:
			p.environment = options[0]
		case len(live) == 1:
			p.environment, p.when = live[0], m[1]+" == '"+live[0]+"'"
		}
		return
	}
}

// options are the values an input or a matrix may have, when all are known.
func (s step) options(kind, name string, matrix *yaml.Node) []string {
	if kind == "matrix" {
		if matrix == nil || len(matrix.Content) != 2 {
			return nil
		}
		return texts(field(matrix, name))
	}
	if list := texts(field(field(field(field(field(s.w.root, "on"), "workflow_dispatch"), "inputs"), name), "options")); len(list) > 0 {
		return list
	}
	var out []string
	for _, c := range s.w.callers {
		v, ok := c.with[name]
		if !ok || variable.MatchString(v) {
			return nil
		}
		out = append(out, v)
	}
	return out
}

// actionsThatDeploy are well-known actions, by the beginning of their name.
var actionsThatDeploy = []struct {
	name   string
	world  World
	copies bool
}{
	{"appleboy/scp-action", Machines, true},
	{"burnett01/rsync-deployments", Machines, true},
	{"easingthemes/ssh-deploy", Machines, false},
	{"dawidd6/action-ansible-playbook", Machines, false},
	{"azure/k8s-deploy", Kubernetes, false},
	{"deliverybot/helm", Kubernetes, false},
	{"google-github-actions/deploy-cloudrun", elsewhere, false},
	{"aws-actions/amazon-ecs-deploy-task-definition", elsewhere, false},
	{"azure/webapps-deploy", elsewhere, false},
	{"akhileshns/heroku-deploy", elsewhere, false},
}

// ofAction says whether an action deploys. Its inputs are its words.
func (s step) ofAction(uses, calledBy string) (deed, command, bool) {
	with := at(field(s.node, "with"))
	c := command{words: []string{uses}}
	if with != nil && with.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(with.Content); i += 2 {
			c.words = append(c.words, with.Content[i].Value+"="+text(with.Content[i+1]))
		}
	}
	low := strings.ToLower(uses)
	if strings.HasPrefix(low, "appleboy/ssh-action") {
		c.heredoc = text(field(with, "script"))
		d, ok := ofRemote([]string{"ssh", "machine", c.heredoc}, command{}, calledBy)
		return deed{world: d.world, tool: "appleboy/ssh-action", unsure: d.unsure}, c, ok && d.tool != ""
	}
	for _, a := range actionsThatDeploy {
		if strings.HasPrefix(low, a.name) {
			d := deed{world: a.world, tool: a.name}
			if a.copies && !deploys(calledBy) {
				d.unsure = "copying to a machine may be a deployment or not"
			}
			return d, c, true
		}
	}
	if strings.HasPrefix(uses, "./") {
		d, ok := s.ofLocal(path.Clean(uses), calledBy)
		return d, c, ok
	}
	return deed{}, c, false
}

// ofLocal looks into an action of the repository itself.
func (s step) ofLocal(folder, calledBy string) (deed, bool) {
	root, known := s.w.actions[folder]
	for _, st := range sequence(field(field(root, "runs"), "steps")) {
		for _, c := range commands(text(field(st, "run"))) {
			if d, ok := deedOf(c, calledBy+" "+folder); ok {
				d.tool = "the action ./" + folder
				return d, true
			}
		}
	}
	if deploys(path.Base(folder)) {
		d := deed{world: Machines, tool: "the action ./" + folder, unsure: "what the action ./" + folder + " does is not written in a script"}
		return d, !known || text(field(field(root, "runs"), "using")) != "composite"
	}
	return deed{}, false
}

func sequence(n *yaml.Node) []*yaml.Node {
	if n = at(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// builds are what a step that builds calls the version.
func (s step) builds() []built {
	var out []built
	all, run := s.scripts()
	for _, c := range all {
		if builds(c) {
			for _, v := range versionsOf(c) {
				out = append(out, built{version: v, line: scriptLine(run, c.line), job: s.job.id})
			}
		}
	}
	if uses := text(field(s.node, "uses")); strings.HasPrefix(strings.ToLower(uses), "docker/build-push-action") {
		c := command{words: []string{"docker", "build", text(field(field(s.node, "with"), "tags"))}}
		for _, v := range versionsOf(c) {
			out = append(out, built{version: v, line: s.item.Line, job: s.job.id})
		}
	}
	return out
}

// follow puts a step behind the last of a job's points, or in the place of all.
func (w *workflow) follow(points []point, all []built, o Options) ([]edit, string, *refusal) {
	last := points[len(points)-1]
	j := w.jobs()[slices.IndexFunc(w.jobs(), func(j job) bool { return j.id == last.job })]
	s := w.step(j, at(field(j.node, "steps")), last.unit)
	for _, p := range points {
		if p.guard != "" {
			return nil, "", refuse(p.line, "whether %s runs depends on %s in its script, and a step behind it would always run; make that the step's `if`", p.tool, p.guard)
		}
	}
	if m := field(field(j.node, "strategy"), "matrix"); m != nil && last.when == "" && !slices.Contains(o.Jobs, j.id) {
		return nil, "", refuse(m.Line, "job %q runs once for each of its matrix, and a call deploys everywhere at once; deploy in a job of its own, or name this one with --job %q", j.id, j.id)
	}
	version, where, no := versionOf(points, all, o)
	if no != nil {
		return nil, "", no
	}
	if version, no = s.reach(version, where); no != nil {
		return nil, "", no
	}
	it, _ := w.item(s.item)
	add := edit{after: it.to, add: s.written(it, version, last, o)}
	edits, no := s.replaced(points, o)
	return append(edits, add), version, no
}

// reach makes the version one that a later step of the job can name.
func (s step) reach(version string, where point) (string, *refusal) {
	var no *refusal
	version = anyReference.ReplaceAllStringFunc(version, func(r string) string {
		inner := strings.Trim(strings.TrimPrefix(r, "$"), "{} ")
		if expr, ok := strings.CutPrefix(r, "${{"); ok {
			return s.reachExpression(r, strings.TrimSpace(strings.TrimSuffix(expr, "}}")), where, &no)
		}
		name := regexp.MustCompile(`^\w+`).FindString(inner)
		switch _, wide := s.wide[name]; {
		case s.env[name] != "" && name == inner:
			return s.env[name]
		case wide, strings.HasPrefix(name, "GITHUB_"), strings.HasPrefix(name, "RUNNER_"), where.line == 0, s.exported(name):
			return r
		case (strings.HasPrefix(r, "$(git ") || strings.HasPrefix(r, "$(cat ")) && field(s.node, "working-directory") == nil:
			return r
		}
		no = refuse(where.line, "the version %s is known within that step alone; write it to $GITHUB_ENV, or give the expression with --version-from", r)
		return r
	})
	return version, no
}

func (s step) reachExpression(r, expr string, where point, no **refusal) string {
	if name, ok := strings.CutPrefix(expr, "env."); ok && s.env[name] != "" {
		return s.env[name]
	}
	root, _, _ := strings.Cut(expr, ".")
	here := where.job == "" || where.job == s.job.id
	if !here && !slices.Contains([]string{"github", "inputs", "vars"}, root) && !(root == "env" && field(field(s.w.root, "env"), strings.TrimPrefix(expr, "env.")) != nil) {
		*no = refuse(where.line, "the version ${{ %s }} is that of job %q and unknown in %q; hand it on as an output, or give the expression with --version-from", expr, where.job, s.job.id)
	}
	return r
}

// exported reports whether an earlier step gives the rest of the job a variable.
func (s step) exported(name string) bool {
	for i := range s.list.Content[:s.index+1] {
		run := text(field(at(s.list.Content[i]), "run"))
		if strings.Contains(run, "GITHUB_ENV") && strings.Contains(run, name+"=") {
			return true
		}
	}
	return false
}

// written are the lines of the new step.
func (s step) written(it item, version string, p point, o Options) []string {
	var lines []string
	if field(s.node, "name") != nil {
		lines = append(lines, "name: Deploy "+o.Service+o.toWhere(p.world)+" with Caravan")
	}
	cond := strings.TrimSpace(text(field(s.node, "if")))
	if p.when != "" {
		if inner, ok := strings.CutPrefix(cond, "${{"); ok && strings.Count(cond, "${{") == 1 && strings.HasSuffix(cond, "}}") {
			cond = strings.TrimSpace(strings.TrimSuffix(inner, "}}"))
		}
		if cond != "" {
			cond = "(" + cond + ") && "
		}
		cond += p.when
	}
	if cond != "" {
		lines = append(lines, "if: "+scalar(cond))
	}
	if sh := field(s.node, "shell"); sh != nil {
		lines = append(lines, "shell: "+scalar(text(sh)))
	}
	lines = append(lines, "env:", "  CARAVAN_SERVER: ${{ vars.CARAVAN_SERVER }}", "  CARAVAN_TOKEN: ${{ secrets.CARAVAN_TOKEN }}")
	if strings.Contains(version, "${{") {
		lines = append(lines, "  CARAVAN_VERSION: "+scalar(version))
		version = "$CARAVAN_VERSION"
	}
	lines = append(lines, "run: "+o.call(version, p.world))
	for i := range lines {
		if i == 0 {
			lines[i] = it.dash + lines[i]
		} else {
			lines[i] = it.inner + lines[i]
		}
	}
	return lines
}

func (o Options) toWhere(w World) string {
	switch {
	case o.Replace:
		return ""
	case w == Kubernetes:
		return " to machines"
	}
	return " to Kubernetes"
}

// replaced makes the steps that deployed comments, when that is asked for and they do nothing else.
func (s step) replaced(points []point, o Options) ([]edit, *refusal) {
	if !o.Replace {
		return nil, nil
	}
	var out []edit
	for _, unit := range unitsOf(points) {
		t := s.w.step(s.job, s.list, unit)
		all, run := t.scripts()
		for _, c := range all {
			if _, ok := deedOf(c, strings.Join(t.names(), " ")); !ok && !harmless(c) {
				return nil, refuse(scriptLine(run, c.line), "the step does more than deploy (%s), so it cannot be replaced; give the deployment a step of its own, or adopt without --replace", c.name())
			}
		}
		it, _ := s.w.item(t.item)
		out = append(out, edit{from: it.from, to: it.to})
	}
	return out, nil
}

func unitsOf(points []point) []int {
	var out []int
	for _, p := range points {
		if !slices.Contains(out, p.unit) {
			out = append(out, p.unit)
		}
	}
	return out
}

// harmless reports whether a command only prepares what is around it.
func harmless(c command) bool {
	return len(c.args()) == 0 || slices.Contains([]string{"echo", "printf", "cd", "set", "export", "source", ".", "mkdir", "chmod", "eval", "ssh-add", "ssh-agent", "ssh-keyscan", "cat"}, c.name())
}
