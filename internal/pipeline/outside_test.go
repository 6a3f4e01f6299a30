package pipeline

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// without skips a test for want of a program, or fails where nothing may be skipped.
func without(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CARAVAN_TEST_ALL") != "" {
		t.Fatalf("%s is not there", what)
	}
	t.Skipf("%s is not there", what)
}

// patched writes every repository of a dialect that is adopted into a folder each, before and after.
func patched(t *testing.T, d Dialect) map[string][2]string {
	t.Helper()
	out := map[string][2]string{}
	for _, e := range corpus(t) {
		results, _ := Adopt(e.files, e.options)
		if !slices.ContainsFunc(results, func(r Result) bool {
			return r.State == Patched && (DialectOf(r.Path) == d || d == GitLab && DialectOf(r.Path) == "")
		}) {
			continue
		}
		before, after := t.TempDir(), t.TempDir()
		lay(t, before, e.files)
		for _, r := range results {
			replaceFile(e.files, r)
		}
		lay(t, after, e.files)
		out[e.name] = [2]string{before, after}
	}
	if len(out) < 8 {
		t.Fatalf("only %d of %s", len(out), d)
	}
	return out
}

func lay(t *testing.T, dir string, files []File) {
	t.Helper()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(f.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestActionlintFindsNothingInWhatWasAdopted asks the linter that people who write workflows use.
func TestActionlintFindsNothingInWhatWasAdopted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a linter")
	}
	modules, err := filepath.Abs("../../tools/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	linter := filepath.Join(t.TempDir(), "actionlint")
	if out, err := exec.Command("go", "build", "-modfile="+modules, "-o", linter, "github.com/rhysd/actionlint/cmd/actionlint").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, dirs := range patched(t, GitHub) {
		before, after := lint(t, linter, dirs[0]), lint(t, linter, dirs[1])
		for _, complaint := range after {
			if !slices.Contains(before, complaint) {
				t.Errorf("%s: %s", name, complaint)
			}
		}
	}
}

var position = regexp.MustCompile(`^\S+?:\d+:\d+: `)

// lint is what the linter, with shellcheck when it is there, says of a repository's workflows; without their lines, as those move.
func lint(t *testing.T, linter, dir string) []string {
	t.Helper()
	files, _ := filepath.Glob(dir + "/.github/workflows/*")
	c := exec.Command(linter, append([]string{"-no-color", "-oneline"}, files...)...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("%v\n%s", err, out)
	}
	var complaints []string
	for line := range strings.Lines(string(out)) {
		line = position.ReplaceAllString(strings.TrimSpace(line), "")
		complaints = append(complaints, line)
	}
	return complaints
}

// compiles is Groovy's own parser, as old as the one in Jenkins.
const compiles = `
import org.codehaus.groovy.control.*
args.each { name ->
  def unit = new CompilationUnit()
  unit.addSource(new File(name))
  try { unit.compile(Phases.CONVERSION); println "well " + name } catch (CompilationFailedException e) { println "broken " + name + " " + e.message.replace("\n", " ") }
}`

// TestGroovyReadsWhatWasAdopted lets Groovy judge: whether adopted files are well formed, and whether it and the lexer here agree.
func TestGroovyReadsWhatWasAdopted(t *testing.T) {
	groovy, err := exec.LookPath("groovy")
	if err != nil {
		without(t, "groovy")
	}
	program := filepath.Join(t.TempDir(), "compiles.groovy")
	if err := os.WriteFile(program, []byte(compiles), 0o644); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, dirs := range patched(t, Jenkins) {
		for _, dir := range dirs {
			want[filepath.Join(dir, "Jenkinsfile")] = true
		}
	}
	for name, text := range groovyTexts {
		file := filepath.Join(t.TempDir(), "Jenkinsfile")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, no := tokens(text)
		if want[file] = no == nil; want[file] != !strings.HasPrefix(name, "broken") {
			t.Errorf("%s: %v", name, no)
		}
	}
	files := make([]string, 0, len(want))
	for f := range want {
		files = append(files, f)
	}
	slices.Sort(files)
	out, err := exec.Command(groovy, append([]string{program}, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range files {
		if got := bytes.Contains(out, []byte("well "+f+"\n")); got != want[f] {
			text, _ := os.ReadFile(f)
			t.Errorf("Groovy thinks otherwise than the lexer (%v) of\n%s\n%s", want[f], text, out)
		}
	}
}

// groovyTexts are what is easily misread.
var groovyTexts = map[string]string{
	"a slash that divides":                "def a = 6 / 2 / 1\n",
	"a slash that begins a string":        "def a = /a'b{/\n",
	"a dollar slashy string":              "def a = $/it's {/$\n",
	"nested quotes in a GString":          "def a = \"x ${b.replace(\"'\", \"}\")} y\"\n",
	"a GString in a GString":              "def a = \"x ${\"y ${z}\"}\"\n",
	"three quotes with quotes within":     "def a = '''it's ''quoted'' { '''\n",
	"an escaped quote":                    "def a = 'it\\'s }'\n",
	"a comment with a brace":              "// }\n/* { ' */\ndef a = 1\n",
	"an address in a string":              "def a = 'https://x/y' // z '\n",
	"a map of closures":                   "def m = [a: { -> 1 }, b: { 2 }]\n",
	"broken: a brace too many":            "pipeline { agent any }\n}\n",
	"broken: a brace too few":             "pipeline { agent any\n",
	"broken: a quote":                     "def a = 'x\n",
	"broken: a bracket of the wrong kind": "def a = [1, 2)\n",
	"broken: a comment":                   "/* x\n",
}

// TestGitLabRunsWhatWasAdopted runs adopted pipelines as GitLab's runner would, with programs that only note how they were called.
func TestGitLabRunsWhatWasAdopted(t *testing.T) {
	if testing.Short() {
		t.Skip("runs pipelines")
	}
	runner := cmp.Or(os.Getenv("GITLAB_CI_LOCAL"), cached("gitlab-ci-local"))
	if _, err := os.Stat(runner); err != nil {
		without(t, "gitlab-ci-local (scripts/gitlab-ci-local puts it in place)")
	}
	repositories := patched(t, GitLab)
	for name, want := range gitlabRuns {
		t.Run(name, func(t *testing.T) {
			dirs, ok := repositories[name]
			if !ok {
				t.Fatal("it is not adopted")
			}
			got := runJobs(t, runner, dirs[1], want)
			for job, call := range want {
				if !slices.Equal(got[job], call) {
					t.Errorf("job %s called %q, not %q", job, got[job], call)
				}
			}
		})
	}
}

func cached(program string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "caravan", program, "node_modules", ".bin", program)
}

const toKubernetes = " --only kubernetes --server https://caravan.test"

// gitlabRuns are the jobs of adopted pipelines and the calls each makes, the tools of the old world among them.
var gitlabRuns = map[string]map[string][]string{
	"gitlab-ansible":            {"deploy": {"ansible-playbook -i inventory/production deploy.yml -e image_tag=abc1234", "caravan deploy orders --version abc1234" + toKubernetes}},
	"gitlab-block-script":       {"deploy_production": {"rsync -a --delete dist/ deploy@app1.example.com:/srv/orders/v1.2.3/", "ssh deploy@app1.example.com ln -sfn /srv/orders/v1.2.3 /srv/orders/current && sudo systemctl restart orders", "caravan deploy orders --version v1.2.3" + toKubernetes}},
	"gitlab-block-item":         {"deploy": {"scp target/orders-7.jar app1:/opt/orders/", "ssh app1 sudo systemctl restart orders", "scp target/orders-7.jar app2:/opt/orders/", "ssh app2 sudo systemctl restart orders", "caravan deploy orders --version 7" + toKubernetes}},
	"gitlab-extends":            {"deploy-staging": {"ansible --version", "ansible-playbook -i inventories/staging deploy.yml -e version=abc1234567"}, "deploy-production": {"ansible --version", "ansible-playbook -i inventories/production deploy.yml -e version=abc1234567", "caravan deploy orders --version abc1234567" + toKubernetes}},
	"gitlab-anchors":            {"deploy production": {"scp orders-abc1234.tar.gz deploy@web1:/tmp", "ssh deploy@web1 sudo /usr/local/bin/deploy-orders abc1234", "caravan deploy orders --version abc1234" + toKubernetes}},
	"gitlab-reference":          {"deploy": {"knife ssh role:orders sudo chef-client -o 'recipe[orders]' --attribute version=v1.2.3", "caravan deploy orders --version v1.2.3" + toKubernetes}},
	"gitlab-single-command":     {"deploy": {"deploy.sh production abc1234", "caravan deploy orders --version abc1234" + toKubernetes}},
	"gitlab-guard-in-block":     {"release": {"bundle exec cap production deploy BRANCH=v1.2.3 TAG=v1.2.3", "caravan deploy orders --version v1.2.3" + toKubernetes}},
	"gitlab-kubectl":            {"deploy": {"kubectl apply -f k8s/", "caravan deploy orders --version abc1234 --only vm --server https://caravan.test", "kubectl rollout status deployment/orders"}},
	"gitlab-replace":            {"deploy": {"caravan deploy orders --version abc1234 --server https://caravan.test"}},
	"gitlab-heredoc":            {"production": {"ssh deploy@app1", "caravan deploy orders --version abc1234567" + toKubernetes}},
	"gitlab-case":               {"deploy": {"ansible-playbook -i production site.yml -e version=abc1234567", "caravan deploy orders --version abc1234567" + toKubernetes}},
	"gitlab-alias-of-a-command": {"deploy": {"deploy.sh production abc1234567", "caravan deploy orders --version abc1234567" + toKubernetes}},
	"gitlab-stop":               {"up": {"ansible-playbook site.yml -e version=abc1234567", "caravan deploy orders --version abc1234567" + toKubernetes}},
	"two-systems":               {"deploy": {"dput company orders_v1.2.3_amd64.changes", "ansible web -b -m apt -a name=orders=v1.2.3 state=present", "caravan deploy orders --version v1.2.3" + toKubernetes}},
	"gitlab-shared-script":      {"deploy:staging": {"deploy --tag v1.2.3"}, "deploy:eu": {"deploy --tag v1.2.3", "caravan deploy orders --version v1.2.3" + toKubernetes}, "deploy:us": {"deploy --tag v1.2.3", "caravan deploy orders --version v1.2.3" + toKubernetes}},
}

// stub notes how it was called.
const stub = "#!/bin/sh\ncat >/dev/null </dev/null\necho \"$(basename \"$0\") $*\" >> \"$CARAVAN_CALLS/$CI_JOB_NAME\"\n"

// runJobs runs jobs; what each calls is the answer.
func runJobs(t *testing.T, runner, dir string, jobs map[string][]string) map[string][]string {
	t.Helper()
	bin := t.TempDir()
	for _, tool := range []string{"caravan", "ansible-playbook", "ansible", "knife", "ssh", "ssh-add", "scp", "rsync", "bundle", "kubectl", "dput"} {
		write(t, filepath.Join(bin, tool), stub)
	}
	for _, own := range []string{"deploy.sh", "smoke.sh", "bin/deploy"} {
		text := stub
		if own == "smoke.sh" {
			text = "#!/bin/sh\n"
		}
		write(t, filepath.Join(dir, own), text)
	}
	write(t, filepath.Join(dir, "k8s/deployment.yaml"), "image: TAG\n")
	write(t, filepath.Join(dir, "Makefile"), "%:\n\t@true\npackage:\n\t@true\n")
	commit(t, dir)
	out := map[string][]string{}
	calls := t.TempDir()
	c := exec.Command(runner, slices.Concat([]string{"--force-shell-executor", "--no-artifacts-to-source", "--variable", "PATH=" + bin + ":" + os.Getenv("PATH"), "--variable", "CARAVAN_CALLS=" + calls,
		"--variable", "CARAVAN_SERVER=https://caravan.test", "--variable", "CARAVAN_TOKEN=t", "--variable", "CI_COMMIT_SHORT_SHA=abc1234", "--variable", "CI_COMMIT_SHA=abc1234567",
		"--variable", "CI_COMMIT_TAG=v1.2.3", "--variable", "CI_PIPELINE_IID=7"}, slices.Sorted(maps.Keys(jobs)))...)
	c.Dir = dir
	if said, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	for job := range jobs {
		data, _ := os.ReadFile(filepath.Join(calls, job))
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "ssh-add ") {
				out[job] = append(out[job], line)
			}
		}
	}
	return out
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// commit makes a repository of a folder, as the runner wants one.
func commit(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"remote", "add", "origin", "git@git.example.com:shop/orders.git"}, {"add", "-A"}, {"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "first"},
		{"update-ref", "refs/remotes/origin/main", "HEAD"}, {"symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"}} {
		c := exec.Command("git", args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
}
