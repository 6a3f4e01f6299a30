package how

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/kube"
)

// hostile are names that a shell would do something with, if it were let.
func hostile(canary string) []string {
	return []string{
		"$(touch " + canary + ")", "`touch " + canary + "`", "'; touch " + canary + "; '", "\"; touch " + canary + "; \"", "x & touch " + canary,
		"x\ntouch " + canary, "'\\''; touch " + canary + " #", "-oProxyCommand=touch " + canary, "$'\\n'touch", "*", "~root", "a b", "a'b", "é", "<x>|touch " + canary,
	}
}

// everywhere is a subject in whose places every name is the same text.
func everywhere(name string) Subject {
	known := Known{Value: name}
	at := Known{Value: "/srv/" + name}
	store := Store{Name: estate.ServiceName(name), Host: name, Port: 5432, Database: name, User: name, Secret: name}
	stores := func(machines []string, namespace string) []Store {
		var out []Store
		for _, tech := range []string{"postgres", "mysql", "mongodb", "redis", "rabbitmq", name} {
			s := store
			s.Technology, s.Machines, s.Namespace = tech, machines, namespace
			out = append(out, s)
		}
		return out
	}
	p := Place{Environment: estate.EnvironmentName(name), Callers: []estate.ServiceName{estate.ServiceName(name)}, Ports: []int{80, 443}, Health: "/" + name, Names: []string{name, "plain"}}
	today, plan, far, cluster := p, p, p, p
	machines := Machines{
		Hosts: []string{name, "app-2"}, Units: []Known{known}, User: known, Folder: at, Current: at.Value, Releases: at.Value, Files: []Known{at}, Data: []string{at.Value}, Version: known, Writer: chef,
	}
	today.Machines, today.Stores = &machines, stores([]string{name}, "")
	rendered := machines
	rendered.Writer, rendered.Health, rendered.Release, rendered.Drain, rendered.Variables, rendered.Bundle, rendered.Beside = "", at.Value, at.Value, at.Value, at.Value, "vm/"+name, []string{name}
	plan.Expansion, plan.Machines, plan.Stores = name, &rendered, stores(nil, "")
	kept := rendered
	kept.Release, kept.Patroni = "", "/etc/patroni/"+name+".yml"
	far.Expansion, far.Machines = name, &kept
	names := kube.Names{
		Namespace: name, Kind: "deployment", Name: name, Container: name, Label: "app=" + name, ConfigMaps: []string{name}, Secrets: []string{name},
		Listens: []render.Listen{{Name: name, Protocol: "TCP", Port: 80, Target: 80}}, Least: 2, Most: 2, Kept: []string{at.Value}, Lost: []string{"/tmp", at.Value}, Overlay: "overlays/" + name, TeamRole: true,
	}
	cluster.Expansion, cluster.Cluster, cluster.Stores = name, &Cluster{Names: names, Rendered: true}, stores(nil, name)
	scaled, operated, seen, database := cluster, cluster, cluster, cluster
	database.Cluster = &Cluster{Names: names, Rendered: true}
	database.Cluster.Kind, database.Cluster.Patroni = "statefulset", at.Value
	scaled.Cluster, operated.Cluster, seen.Cluster = &Cluster{Names: names, Rendered: true}, &Cluster{Names: names, Rendered: true}, &Cluster{Names: kube.Names{Kind: "deployment", Name: name}}
	scaled.Cluster.Most = 6
	operated.Cluster.Kind = "clusters.postgresql.cnpg.io"
	return Subject{Name: estate.ServiceName(name), Kind: estate.Service, Places: []Place{today, plan, far, cluster, scaled, operated, seen, database}}
}

// stubs stand in the place of the real programs: they do nothing, but that ssh runs what it is given, as the far machine's shell would,
// and touch leaves a file behind.
const stubs = `
for name in kubectl scp curl caravan systemctl journalctl cat tr cut sort head top free ls ss df du ln tee readlink getent psql nc grep crontab date mysql mongosh; do
	eval "$name() { :; }"
done
touch() { : >"$1"; }
sudo() { while [ "$1" = -u ]; do shift 2; done; "$@"; }
ssh() { for last; do :; done; ( eval "$last" ); }
`

// TestNoNameBecomesACommand runs every command line there is for names that would like to be commands.
func TestNoNameBecomesACommand(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	ran := 0
	for _, name := range hostile(canary) {
		script, seen := []string{stubs}, map[string]bool{}
		for _, a := range Tell(everywhere(name)).Answers {
			for _, r := range a.Recipes {
				for _, c := range r.Commands {
					if seen[c.Line] {
						continue
					}
					seen[c.Line] = true
					script = append(script, "( "+c.Line+" ) </dev/null >/dev/null", "[ ! -e "+canary+" ] || { echo 'the command before line '$LINENO' ran a name' >&2; exit 9; }")
					ran++
				}
			}
		}
		cmd := exec.CommandContext(t.Context(), "/bin/sh")
		cmd.Stdin, cmd.Env, cmd.Dir = strings.NewReader(strings.Join(script, "\n")+"\n"), []string{"PATH=/nowhere"}, t.TempDir()
		out, err := cmd.CombinedOutput()
		if _, found := os.Stat(canary); found == nil || strings.Contains(string(out), "yntax error") || strings.Contains(string(out), "nterminated") {
			t.Errorf("%q became a command: %v\n%s", name, err, out)
		}
	}
	if ran < 1500 {
		t.Errorf("only %d command lines that differ", ran)
	}
}

// TestTheStubsRunWhatIsNotQuoted keeps the test above from proving nothing.
func TestTheStubsRunWhatIsNotQuoted(t *testing.T) {
	for _, line := range []string{"ssh host touch $(touch %s)", "kubectl `touch %s`", "ssh host 'sudo systemctl restart x; touch %s'"} {
		canary := filepath.Join(t.TempDir(), "canary")
		cmd := exec.CommandContext(t.Context(), "/bin/sh")
		cmd.Stdin, cmd.Env = strings.NewReader(stubs+strings.ReplaceAll(line, "%s", canary)+"\n"), []string{"PATH=/nowhere"}
		out, err := cmd.CombinedOutput()
		if _, missing := os.Stat(canary); missing != nil {
			t.Errorf("%s did nothing: %v: %s", line, err, out)
		}
	}
}

func TestAWordIsReadBackAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.StringMatching(`([a-z]|[ \t"'\\;|&<>()$#*?=~\x60\n!-]){0,8}`), 1, 4).Draw(t, "words")
		far := line("run %s", words(list))
		got := commandline.Words(line("ssh host %s", words{far}))
		if len(got) != 3 || got[2] != far {
			t.Fatalf("%q was read as %q", far, got)
		}
		if again := commandline.Words(got[2]); strings.Join(again[1:], "\x00") != strings.Join(list, "\x00") {
			t.Fatalf("%q became %q", list, again)
		}
	})
}

func TestNamesThatWouldBeOptionsAreNotFilledIn(t *testing.T) {
	p := Place{Environment: "sg", Machines: &Machines{Hosts: []string{"-oProxyCommand=x"}, Units: []Known{{Value: "--force"}}, Folder: Known{Value: "--help"}}}
	r := recipe(Subject{Name: "orders", Kind: estate.Service}, p, Shell)
	want := "ssh -t HOST 'cd FOLDER && exec $SHELL'"
	if got := r.Commands[len(r.Commands)-1].Line; got != want || len(r.Unknown) != 3 {
		t.Errorf("%s, %q", got, r.Unknown)
	}
}
