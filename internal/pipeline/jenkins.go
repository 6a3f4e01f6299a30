package pipeline

import (
	"fmt"
	"regexp"
	"strings"

	"example.org/caravan/internal/fault"
)

// jenkinsfile is a declarative pipeline: its tokens, and the blocks they make.
type jenkinsfile struct {
	File
	lines  []string
	tokens []token
	blocks []block
}

// block is what stands between braces: the statement before them says what it is.
type block struct {
	name     string // its first word: stage, steps, script, if …
	argument string // its first string: the name of a stage
	from, to int    // its braces, as tokens
	head     int    // the first token of its statement
	parent   int    // -1 at the top
	scripted bool   // it is code, not declaration
}

func adoptJenkins(files []File, o Options) (out []Result, problems []error) {
	for _, f := range files {
		if o.leaves(f.Path) {
			continue
		}
		r, no := adoptJenkinsfile(f, o)
		if no != nil {
			problems = append(problems, no.of(f.Path))
			continue
		}
		out = append(out, r)
	}
	return out, problems
}

func adoptJenkinsfile(f File, o Options) (Result, *refusal) {
	j, no := parseJenkinsfile(f)
	if no != nil {
		return Result{}, no
	}
	if r, ok := settled(f); ok {
		return r, nil
	}
	if no := j.declarative(); no != nil {
		return Result{}, no
	}
	calls, all := j.calls()
	var points []point
	for i, c := range calls {
		points = append(points, j.points(c, i)...)
	}
	if len(points) == 0 {
		return Result{Path: f.Path, Text: f.Text, State: Bystander, Notes: j.suspects()}, j.elsewhere()
	}
	chosen, notes, no := choose(points, o)
	if no != nil {
		return Result{}, no
	}
	r := Result{Path: f.Path, State: Patched, Notes: notes}
	var edits []edit
	for _, points := range chosen {
		e, version, no := j.follow(points, calls, all, o)
		if no != nil {
			return Result{}, no
		}
		edits, r.Version = append(edits, e...), shown(version)
	}
	r.Text = apply(f.Text, "//", edits)
	return r, nil
}

// mostBlocks bounds what is compared with each other.
const mostBlocks = 2000

func parseJenkinsfile(f File) (*jenkinsfile, *refusal) {
	if no := readable(f.Text); no != nil {
		return nil, no
	}
	all, no := tokens(f.Text)
	if no != nil {
		return nil, no
	}
	j := &jenkinsfile{File: f, tokens: all, lines: strings.Split(strings.ReplaceAll(f.Text, "\r\n", "\n"), "\n")}
	j.findBlocks()
	if len(j.blocks) > mostBlocks {
		return nil, &refusal{kind: fault.Invalid, text: fmt.Sprintf("more than %d blocks; is it a pipeline?", mostBlocks)}
	}
	return j, nil
}

// declarative refuses what is no declarative pipeline.
func (j *jenkinsfile) declarative() *refusal {
	for _, b := range j.blocks {
		if b.parent < 0 && b.name == "pipeline" {
			return nil
		}
	}
	line := 1
	for _, b := range j.blocks {
		if b.name == "node" {
			line = j.tokens[b.head].line
			break
		}
	}
	return refuse(line, "a scripted pipeline: what is run is decided by its code, so it cannot be known here; add the call yourself, or write it as `pipeline { … }`")
}

// findBlocks finds all braces and the statements they belong to.
func (j *jenkinsfile) findBlocks() {
	var open []int
	begin := 0 // the first token of the statement
	round := 0
	var rounds []int
	for i, t := range j.tokens {
		switch {
		case t.is("(") || t.is("["):
			round++
		case t.is(")") || t.is("]"):
			round--
		case t.is("{"):
			parent := -1
			if len(open) > 0 {
				parent = open[len(open)-1]
			}
			b := block{from: i, head: begin, parent: parent}
			b.name, b.argument = j.head(begin, i)
			b.scripted = parent >= 0 && j.blocks[parent].scripted || b.name == "script"
			j.blocks = append(j.blocks, b)
			open, rounds = append(open, len(j.blocks)-1), append(rounds, round)
			begin, round = i+1, 0
		case t.is("}") && len(open) > 0:
			j.blocks[open[len(open)-1]].to = i
			round = rounds[len(rounds)-1]
			open, rounds = open[:len(open)-1], rounds[:len(rounds)-1]
			begin = i + 1
		case (t.kind == lineToken || t.is(";")) && round == 0:
			begin = i + 1
		}
	}
}

// head is the first word before a brace and the first string.
func (j *jenkinsfile) head(from, to int) (name, argument string) {
	for _, t := range j.tokens[from:to] {
		if t.kind == wordToken && name == "" {
			name = t.text
		}
		if t.kind == stringToken && argument == "" {
			argument = t.text
		}
	}
	return name, argument
}

// shellCall is one sh step.
type shellCall struct {
	from, to int // its tokens, the last one included
	block    int
	script   string // its shell text; what Groovy puts in stands as ${{ … }}
	str      token
	sure     bool // the text is one string
	all      []command
}

// calls are the sh steps, and what they build.
func (j *jenkinsfile) calls() (out []shellCall, all []built) {
	for i, t := range j.tokens {
		if t.kind != wordToken || t.text != "sh" || i > 0 && j.tokens[i-1].is(".") {
			continue
		}
		c, ok := j.call(i)
		if !ok {
			continue
		}
		out = append(out, c)
		for _, cmd := range c.all {
			if builds(cmd) {
				for _, v := range versionsOf(cmd) {
					all = append(all, built{version: v, line: c.str.line + cmd.line, job: j.stage(c.block)})
				}
			}
		}
	}
	return out, all
}

// call reads an sh step from its name on.
func (j *jenkinsfile) call(i int) (shellCall, bool) {
	c := shellCall{from: i, to: i, block: j.blockOf(i), sure: true}
	depth := 0
	texts := 0
	for k := i + 1; k < len(j.tokens); k++ {
		t := j.tokens[k]
		if depth == 0 && (t.kind == lineToken && !j.goesOn(k) || t.is(";") || t.is("}")) {
			break
		}
		switch {
		case t.is("("), t.is("["), t.is("{"):
			depth++
		case t.is(")"), t.is("]"), t.is("}"):
			if depth--; depth < 0 {
				return c, false
			}
		case t.is("+"):
			c.sure = false
		case t.kind == stringToken && !j.labels(k):
			if texts++; texts == 1 {
				c.str = t
			}
		}
		if t.kind != lineToken {
			c.to = k
		}
		if depth == 0 && t.is(")") && j.tokens[i+1].is("(") {
			break
		}
	}
	if texts == 0 {
		return c, false
	}
	c.sure = c.sure && texts == 1
	c.script = shellText(c.str)
	c.all = commands(c.script)
	return c, true
}

// goesOn reports whether a statement does not end with its line.
func (j *jenkinsfile) goesOn(k int) bool {
	before := j.tokens[k-1]
	if before.is(",") || before.is("+") || before.is(":") || before.is("\\") {
		return true
	}
	for _, t := range j.tokens[k+1:] {
		if t.kind != lineToken {
			return t.is(".") || t.is("+")
		}
	}
	return false
}

// labels reports whether a string is the value of an argument that is no script.
func (j *jenkinsfile) labels(k int) bool {
	return k > 1 && j.tokens[k-1].is(":") && j.tokens[k-2].kind == wordToken && j.tokens[k-2].text != "script"
}

var groovyReference = regexp.MustCompile(`^\$([A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)`)

// shellText is what the shell is given of a string: escapes resolved, and what Groovy puts in written as an expression.
func shellText(t token) string {
	expands := strings.HasPrefix(t.quote, `"`) || strings.HasPrefix(t.quote, "/") || strings.HasPrefix(t.quote, "$")
	var b strings.Builder
	for i := 0; i < len(t.text); i++ {
		rest := t.text[i:]
		switch {
		case rest[0] == '\\' && len(rest) > 1 && t.quote[0] != '/':
			i++
			b.WriteString(unescaped(rest[1]))
		case expands && strings.HasPrefix(rest, "${"):
			n := embedded(rest)
			b.WriteString("${{ " + strings.TrimSpace(rest[2:max(n-1, 2)]) + " }}")
			i += n - 1
		case expands && rest[0] == '$' && groovyReference.MatchString(rest):
			m := groovyReference.FindStringSubmatch(rest)
			b.WriteString("${{ " + m[1] + " }}")
			i += len(m[0]) - 1
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}

func unescaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case '\n':
		return ""
	}
	return string(c)
}

// blockOf is the innermost block around a token, -1 at the top.
func (j *jenkinsfile) blockOf(i int) int {
	found := -1
	for n, b := range j.blocks {
		if b.from < i && i < b.to {
			found = n
		}
	}
	return found
}

// around are the blocks around a block and itself, the innermost first.
func (j *jenkinsfile) around(n int) []block {
	var out []block
	for ; n >= 0; n = j.blocks[n].parent {
		out = append(out, j.blocks[n])
	}
	return out
}

// stage is the name of the stage around a block.
func (j *jenkinsfile) stage(n int) string {
	for _, b := range j.around(n) {
		if b.name == "stage" {
			return b.argument
		}
	}
	return ""
}

// points are the places of an sh step that deploy.
func (j *jenkinsfile) points(c shellCall, unit int) []point {
	stage := j.stage(c.block)
	var out []point
	for _, cmd := range c.all {
		d, ok := deedOf(cmd, stage)
		if !ok {
			continue
		}
		line := c.str.line
		if len(c.str.quote) == 3 {
			line += cmd.line
		}
		p := point{deed: d, line: line, job: stage, names: []string{stage}, words: cmd.words, guard: cmd.guard, loop: cmd.loop, versions: versionsOf(cmd), unit: unit}
		p.around = j.conditions(c.block)
		p.blocked = j.blocked(c, p)
		out = append(out, p)
	}
	return sureFirst(out)
}

// conditions are the texts of when and if around a block.
func (j *jenkinsfile) conditions(n int) []string {
	var out []string
	for _, b := range j.around(n) {
		for _, in := range j.blocks {
			if in.name == "when" && in.parent >= 0 && j.blocks[in.parent].from == b.from {
				out = append(out, j.positive(in.from, in.to))
			}
		}
		if b.name == "if" {
			out = append(out, j.positive(b.head, b.from))
		}
	}
	return out
}

// positive is the text between two tokens, nothing when it may say what must not be.
func (j *jenkinsfile) positive(from, to int) string {
	t := j.Text[j.tokens[from].from:j.tokens[to].to]
	if strings.Contains(t, "!") || strings.Contains(t, "not") {
		return ""
	}
	return t
}

// blocked says why no call can follow an sh step.
func (j *jenkinsfile) blocked(c shellCall, p point) string {
	if p.guard != "" {
		return fmt.Sprintf("whether %s runs depends on %s in its script, and a step behind it would always run; make that the stage's `when`, or an `if` of the pipeline", p.tool, p.guard)
	}
	if !c.sure {
		return "its script is put together of several strings, so what it runs is not known here; add the call yourself"
	}
	if j.dangling(c.from) {
		return "it is under an `if`, `else` or loop without braces, and a call behind it would always run; give it braces"
	}
	if j.assigned(c) {
		return "what it prints is taken for a value, so it does more than deploy; add the call yourself"
	}
	steps := false
	for _, b := range j.around(c.block) {
		switch b.name {
		case "steps", "always", "success", "changed", "fixed", "unstable", "failure", "regression", "aborted", "cleanup":
			steps = true
			if b.name != "steps" && b.name != "success" {
				return fmt.Sprintf("it deploys in `%s` of post, also after what failed; move it into a stage", b.name)
			}
		case "matrix":
			return "its stage runs once for each of a matrix, and a call deploys everywhere at once; deploy in a stage of its own"
		case "def", "void", "String", "Object", "private":
			return "it deploys in a function, and under which conditions that is called is not known here; add the call yourself"
		case "parallel":
			if b.scripted {
				return "it deploys in one of several branches that run at once, and a call deploys everywhere; add the call yourself behind them"
			}
		}
	}
	if !steps {
		return "it deploys outside of `steps`, and when is not known here; add the call yourself"
	}
	return ""
}

// dangling reports whether a statement is all that an if, an else or a loop without braces does.
func (j *jenkinsfile) dangling(i int) bool {
	k := i - 1
	for k >= 0 && j.tokens[k].kind == lineToken {
		k--
	}
	if k < 0 {
		return false
	}
	if t := j.tokens[k]; t.kind == wordToken {
		return t.text == "else"
	}
	if !j.tokens[k].is(")") {
		return false
	}
	for depth := 0; k >= 0; k-- {
		if j.tokens[k].is(")") {
			depth++
		}
		if j.tokens[k].is("(") {
			if depth--; depth == 0 {
				break
			}
		}
	}
	return k > 0 && (j.tokens[k-1].text == "if" || j.tokens[k-1].text == "for" || j.tokens[k-1].text == "while")
}

// assigned reports whether sh does not begin its statement: what it gives back is used there, or decides something.
func (j *jenkinsfile) assigned(c shellCall) bool {
	if c.from < 2 {
		return c.from > 0
	}
	t := j.tokens[c.from-1]
	begins := t.kind == lineToken || t.is(";") || t.is("{") || t.is("}")
	return !begins && !(t.is(">") && j.tokens[c.from-2].is("-")) // of a closure's parameters
}

var libraryStep = regexp.MustCompile(`(?i)^(deploy\w*|\w*deploy|rollout\w*)$`)

// elsewhere refuses pipelines that deploy by a step of a shared library, or of a plugin.
func (j *jenkinsfile) elsewhere() *refusal {
	for i, t := range j.tokens {
		begins := i == 0 || j.tokens[i-1].kind == lineToken || j.tokens[i-1].is("{") || j.tokens[i-1].is(";")
		if t.kind != wordToken || !begins || i+1 == len(j.tokens) {
			continue
		}
		if next := j.tokens[i+1]; t.text == "build" && next.kind != markToken || libraryStep.MatchString(t.text) && !next.is("=") && !next.is("{") || t.text == "sshPublisher" || t.text == "ansiblePlaybook" || t.text == "sshCommand" || t.text == "kubernetesDeploy" {
			if t.text == "build" && !deploys(j.lines[t.line-1]) {
				continue
			}
			return refuse(t.line, "`%s` is a step of a plugin, a shared library or another job; what it does is not written here, so add the call behind it yourself", t.text)
		}
	}
	return nil
}

// suspects are stages whose names say that they deploy.
func (j *jenkinsfile) suspects() []string {
	var out []string
	for _, b := range j.blocks {
		if b.name == "stage" && deploys(b.argument) {
			out = append(out, suspect(j.tokens[b.head].line, b.argument))
		}
	}
	return out
}

// follow puts a call behind the last of a stage's points.
func (j *jenkinsfile) follow(points []point, calls []shellCall, all []built, o Options) ([]edit, string, *refusal) {
	last := points[len(points)-1]
	c := calls[last.unit]
	o.Version = ofGroovy.ReplaceAllString(o.Version, "$${{ $1 }}")
	version, where, no := versionOf(points, all, o)
	if no == nil {
		no = j.reaches(version, where, last, c)
	}
	if no != nil {
		return nil, "", no
	}
	step := credentials + " { " + shStep(o, version, last.world) + " }"
	from, to, no := j.outermost(c, version)
	if no != nil {
		return nil, "", no
	}
	if o.Replace {
		edits, no := j.replaced(points, calls, step)
		return edits, version, no
	}
	return j.behind(from, to, step), version, nil
}

const credentials = "withCredentials([string(credentialsId: 'CARAVAN_TOKEN', variable: 'CARAVAN_TOKEN')])"

// ofGroovy is an expression that only Groovy can put in, such as ${env.BUILD_NUMBER}.
var ofGroovy = regexp.MustCompile(`\$\{([A-Za-z_]\w*(?:\.[A-Za-z_]|\()[^{}]*)\}`)

// shown is a version as it is written in a string of Groovy.
func shown(version string) string {
	return expression.ReplaceAllStringFunc(version, func(e string) string {
		return "${" + strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(e, "${{"), "}}")) + "}"
	})
}

// withinGroovy is a version in a string that Groovy reads: what the shell is to put in is kept from it.
func withinGroovy(version string) string {
	var b strings.Builder
	begin := 0
	for _, at := range expression.FindAllStringIndex(version, -1) {
		b.WriteString(strings.ReplaceAll(version[begin:at[0]], "$", `\$`) + shown(version[at[0]:at[1]]))
		begin = at[1]
	}
	return b.String() + strings.ReplaceAll(version[begin:], "$", `\$`)
}

// shStep writes the call as a step. What Groovy puts in needs a string that lets it.
func shStep(o Options, version string, world World) string {
	if !strings.Contains(version, "${{") {
		return "sh '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(o.call(version, world)) + "'"
	}
	call := strings.ReplaceAll(o.call("VERSION", world), `"`, `\"`)
	return `sh "` + strings.Replace(strings.ReplaceAll(call, "$", `\$`), "VERSION", withinGroovy(version), 1) + `"`
}

var shellName = regexp.MustCompile(`^\$\{?(\w+)`)

// reaches refuses a version that is known within one script or stage alone.
func (j *jenkinsfile) reaches(version string, where, last point, c shellCall) *refusal {
	if where.line == 0 {
		return nil
	}
	for _, r := range anyReference.FindAllString(version, -1) {
		if strings.HasPrefix(r, "$(") {
			continue
		}
		expr := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(r, "${{"), "}}"))
		if strings.HasPrefix(r, "${{") {
			local := j.local(expr)
			if local && where.job != last.job {
				return refuse(where.line, "the version %s is defined in stage %q alone; define it at the top or in environment, or give the expression with --version-from", expr, where.job)
			}
			continue
		}
		if m := shellName.FindStringSubmatch(r); m != nil && regexp.MustCompile(`(?m)(^|[\s;])(export )?`+m[1]+`=`).MatchString(c.script) {
			return refuse(where.line, "the version %s is known within that script alone; define it in environment, or give the expression with --version-from", r)
		}
	}
	return nil
}

// local reports whether a name is defined within a block with def.
func (j *jenkinsfile) local(expr string) bool {
	for i, t := range j.tokens {
		if t.kind == wordToken && t.text == expr && i > 0 && j.tokens[i-1].kind == wordToken && (j.tokens[i-1].text == "def" || j.tokens[i-1].text == "String") {
			return j.blockOf(i) >= 0
		}
	}
	return false
}

// outermost is the statement to follow: the sh step, or what repeats it.
func (j *jenkinsfile) outermost(c shellCall, version string) (from, to int, no *refusal) {
	from, to = c.from, c.to
	for _, b := range j.around(c.block) {
		switch {
		case b.name == "steps" || b.name == "stage":
			return from, to, nil
		case b.name == "for" || b.name == "while" || b.name == "retry" || b.name == "waitUntil" || j.iterates(b):
			from, to = b.head, b.to
			if b.name != "retry" && j.changes(b, version) || b.name == "retry" && j.defines(b, version) {
				return 0, 0, refuse(j.tokens[c.from].line, "the version %s is known within its loop alone; define it before, or add the call yourself", shown(version))
			}
		}
	}
	return from, to, nil
}

// changes reports whether a version is the variable of a loop, or defined in it.
func (j *jenkinsfile) changes(b block, version string) bool {
	for _, t := range j.tokens[b.head:min(b.from+6, b.to)] {
		if t.kind == wordToken && t.text != b.name && strings.Contains(version, "${{ "+t.text+" }}") {
			return true
		}
	}
	return j.defines(b, version)
}

// defines reports whether a version's variable gets its value within a block.
func (j *jenkinsfile) defines(b block, version string) bool {
	for i := b.from; i+1 < b.to; i++ {
		if t := j.tokens[i]; t.kind == wordToken && j.tokens[i+1].is("=") && strings.Contains(version, "${{ "+t.text) {
			return true
		}
	}
	return false
}

// iterates reports whether a block is a closure that is run for each of a list.
func (j *jenkinsfile) iterates(b block) bool {
	for _, t := range j.tokens[b.head:b.from] {
		if t.kind == wordToken && (t.text == "each" || t.text == "collect" || t.text == "times" || t.text == "eachWithIndex") {
			return true
		}
	}
	return false
}

// behind puts a step behind a statement: on a line of its own, or on the statement's when others share it.
func (j *jenkinsfile) behind(from, to int, step string) []edit {
	first, last := j.tokens[from], j.tokens[to]
	before := j.before(first)
	after := j.after(last)
	indent := before[:len(before)-len(strings.TrimLeft(before, " \t"))]
	code := strings.TrimSpace(after)
	if code == "" || strings.HasPrefix(code, "//") {
		if strings.TrimSpace(before) == "" {
			return []edit{{after: last.end, add: []string{indent + step}}}
		}
	}
	line := j.lines[last.end-1]
	cut := len(line) - len(after)
	semicolon := "; "
	rest := strings.TrimLeft(after, " \t")
	if strings.HasPrefix(rest, ";") {
		rest = strings.TrimLeft(rest[1:], " \t")
	}
	if i := strings.Index(rest, "//"); i >= 0 {
		rest = strings.TrimRight(rest[:i], " \t")
	}
	end := ""
	if rest != "" && !strings.HasPrefix(rest, "}") {
		end = ";"
	}
	return []edit{{from: last.end, to: last.end, after: last.end, add: []string{line[:cut] + semicolon + step + end + pad(rest)}}}
}

func pad(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

// before is what stands on a token's line before it.
func (j *jenkinsfile) before(t token) string {
	begin := strings.LastIndexByte(j.Text[:t.from], '\n') + 1
	return j.Text[begin:t.from]
}

// after is what stands on a token's last line behind it.
func (j *jenkinsfile) after(t token) string {
	rest := j.Text[t.to:]
	return strings.TrimSuffix(rest[:untilLineEnd(rest)], "\r")
}

// replaced makes the steps that deployed comments, when they do nothing else and stand on lines of their own.
func (j *jenkinsfile) replaced(points []point, calls []shellCall, step string) ([]edit, *refusal) {
	var out []edit
	for _, unit := range unitsOf(points) {
		c := calls[unit]
		first, last := j.tokens[c.from], j.tokens[c.to]
		if strings.TrimSpace(j.before(first)) != "" || strings.TrimSpace(j.after(last)) != "" {
			return nil, refuse(first.line, "the step shares its line with others; write it on a line of its own first, or adopt without --replace")
		}
		for _, cmd := range c.all {
			if _, ok := deedOf(cmd, j.stage(c.block)); !ok && !harmless(cmd) || cmd.guard != "" {
				return nil, refuse(first.line, "the step does more than deploy (%s), so it cannot be replaced; take them apart, or adopt without --replace", cmd.name())
			}
		}
		out = append(out, edit{from: first.line, to: last.end})
	}
	before := j.before(j.tokens[calls[points[len(points)-1].unit].from])
	return append(out, edit{after: out[len(out)-1].to, add: []string{before + step}}), nil
}
