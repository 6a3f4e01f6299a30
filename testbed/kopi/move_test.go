package kopi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/signin/providertest"
	"example.org/caravan/testbed"
	"example.org/caravan/testbed/kopi"
)

// mover is somebody who moves the sample company from a workspace of their own.
type mover struct {
	caravan   string // the program
	workspace string
	bed       *testbed.Bed // once there is one: the program is run within its networks
	env       []string     // "NAME=value" of secrets that are kept in variables
}

// command is caravan with arguments.
func (m mover) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	argv := append([]string{m.caravan, "--workspace", m.workspace}, args...)
	if m.bed != nil {
		argv = m.bed.Inside(argv...)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), m.env...)
	return cmd
}

// run runs caravan and gives what it says on both outputs, and its exit code.
func (m mover) run(t *testing.T, args ...string) (out, complaints string, code int) {
	t.Helper()
	cmd := m.command(t, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("caravan %s: %v", strings.Join(args, " "), err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// must is run of what has to go well.
func (m mover) must(t *testing.T, args ...string) string {
	t.Helper()
	out, complaints, code := m.run(t, args...)
	if code != 0 {
		t.Fatalf("caravan %s exits with %d\n%s\n%s", strings.Join(args, " "), code, out, complaints)
	}
	return out
}

// rewrite changes a file of the workspace.
func (m mover) rewrite(t *testing.T, path string, change func(string) string) {
	t.Helper()
	path = filepath.Join(m.workspace, path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	after := change(string(text))
	if after == string(text) {
		t.Fatalf("nothing to change in %s", path)
	}
	if err := os.WriteFile(path, []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newcomer is somebody with the sample company's workspace, which was not scanned yet.
func newcomer(t *testing.T) mover {
	t.Helper()
	m := mover{workspace: filepath.Join(t.TempDir(), "kopi")}
	var err error
	if m.caravan, err = testbed.Caravan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(m.workspace, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	return m
}

// beginning is a workspace of the sample company that was scanned, whose next country is small enough for one node of two cores: its
// teams want one of each service, with little kept for it.
func beginning(t *testing.T) mover {
	t.Helper()
	m := newcomer(t)
	m.must(t, "scan")
	m.rewrite(t, "expansions/indonesia.yaml", func(text string) string {
		return regexp.MustCompile(`replicas: [0-9-]+`).ReplaceAllString(text, "replicas: 1")
	})
	var plan struct{ Members []struct{ Name string } }
	if err := json.Unmarshal([]byte(m.must(t, "plan", "indonesia", "-o", "json")), &plan); err != nil || len(plan.Members) < 12 {
		t.Fatal(err, plan)
	}
	for _, member := range plan.Members {
		if _, complaints, code := m.run(t, "workload", member.Name, "--write"); code != 0 && code != 5 { // its team has written it already
			t.Fatal(complaints)
		}
		m.rewrite(t, "services/"+member.Name+"/score.yaml", small)
	}
	m.rewrite(t, "services/delivery/score.yaml", func(text string) string {
		return strings.Replace(text, "    variables:\n", "    variables:\n"+answered, 1)
	})
	return m
}

const littleKept = "      requests:\n        cpu: 5m\n        memory: 32Mi\n"

// small is a workload of one instance that wants little.
func small(text string) string {
	text = regexp.MustCompile(`(?m)^      requests:\n(        .*\n)+`).ReplaceAllString(text, "")
	if strings.Contains(text, "    resources:\n") {
		text = strings.Replace(text, "    resources:\n", "    resources:\n"+littleKept, 1)
	} else {
		text = regexp.MustCompile(`(?m)^    image: .*\n`).ReplaceAllString(text, "${0}    resources:\n"+littleKept)
	}
	text = regexp.MustCompile(`(?m)^    caravan.example.org/replicas: .*\n`).ReplaceAllString(text, "")
	return strings.Replace(text, "  annotations:\n", "  annotations:\n    caravan.example.org/replicas: \"1\"\n", 1)
}

// country is what is planned, with its files written where they are looked at and nowhere else.
func (m mover) country(t *testing.T) kopi.Country {
	t.Helper()
	plan := m.must(t, "plan", "indonesia", "-o", "json")
	var files []struct {
		Path, Text string
		Mode       uint32
	}
	if err := json.Unmarshal([]byte(m.must(t, "render", "indonesia", "-o", "json")), &files); err != nil || len(files) < 100 {
		t.Fatal(err, len(files))
	}
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.Text), os.FileMode(f.Mode)); err != nil {
			t.Fatal(err)
		}
	}
	country, err := kopi.ReadCountry(dir, []byte(plan))
	if err != nil {
		t.Fatal(err)
	}
	return country
}

// aim declares where the country's environments lead to, the bed's cluster and machines, and who lets people in.
func (m mover) aim(t *testing.T, b *testbed.Bed, address, issuer string) {
	t.Helper()
	m.account(t, b.Clusters[0])
	m.rewrite(t, "caravan.yaml", func(text string) string {
		return text + fmt.Sprintf(`
targets:
  - environment: indonesia
    cluster: {context: caravan, kubeconfig: kubeconfig}
  - environment: indonesia-data
    machines: {key: %s, knownHosts: %s}
consent:
  unowned: platform
signin: {issuer: %s, clientID: %s, clientSecretFile: client-secret, url: %s, roles: {platform: [platform]}}
`, b.SSHKey(), b.KnownHosts(), issuer, providertest.ClientID, address)
	})
	if err := os.WriteFile(filepath.Join(m.workspace, "client-secret"), []byte(providertest.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

var roleOfTheGuide = regexp.MustCompile("(?s)```yaml\n(apiVersion: rbac[^`]*kind: ClusterRole\n[^`]*)```")

// account writes a kubeconfig of an account that has the rights that the guide says it needs, and no others.
func (m mover) account(t *testing.T, c *testbed.Cluster) {
	t.Helper()
	guide, err := os.ReadFile("../../docs/guides/move.md")
	if err != nil {
		t.Fatal(err)
	}
	role := roleOfTheGuide.FindSubmatch(guide)
	if role == nil {
		t.Fatal("the guide has no ClusterRole")
	}
	file := filepath.Join(t.TempDir(), "role.yaml")
	if err := os.WriteFile(file, role[1], 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) string {
		out, err := c.Kubectl(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	kubectl("apply", "-f", file)
	kubectl("-n", "default", "create", "serviceaccount", "caravan")
	kubectl("create", "clusterrolebinding", "caravan", "--clusterrole=caravan", "--serviceaccount=default:caravan")
	token := kubectl("-n", "default", "create", "token", "caravan", "--duration=2h")
	cluster := kubectl("config", "view", "--raw", "--minify", "-o", "jsonpath={.clusters[0].cluster}")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: %s}], users: [{name: u, user: {token: %s}}], contexts: [{name: caravan, context: {cluster: c, user: u}}]}`, cluster, token)
	if err := os.WriteFile(filepath.Join(m.workspace, "kubeconfig"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// touched is what Caravan asked the cluster's API server to change.
func touched(t *testing.T, c *testbed.Cluster) []string {
	t.Helper()
	text, err := os.ReadFile(c.Audit("kube-apiserver"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		var e struct {
			Verb, UserAgent, RequestURI string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if strings.HasPrefix(e.UserAgent, "caravan") && !strings.Contains(e.RequestURI, "dryRun=All") {
			out = append(out, e.Verb+" "+e.RequestURI)
		}
	}
	return out
}

// everything lists all objects of a cluster that are not made and taken away by the cluster itself all the time.
func everything(t *testing.T, c *testbed.Cluster) []string {
	t.Helper()
	kinds, err := c.Kubectl(t.Context(), "api-resources", "--verbs=list,delete", "-o", "name")
	if err != nil {
		t.Fatal(err)
	}
	all := slices.DeleteFunc(strings.Fields(kinds), func(kind string) bool {
		return strings.HasPrefix(kind, "events") || strings.HasPrefix(kind, "leases") || strings.HasPrefix(kind, "endpoints")
	})
	out, err := c.Kubectl(t.Context(), "get", strings.Join(all, ","), "-A", "-o", `jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}`)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(lines)
	return lines
}

// partnerKey is a variable of search that is kept in one of whoever moves the company.
const partnerKey, partnerSecret = "PARTNER_API_KEY", "canary-partner-7h2k"

// withoutPartner are deployments without that variable: nobody puts its secret there by hand.
func withoutPartner(all []kopi.Deployment) []kopi.Deployment {
	out := slices.Clone(all)
	for i := range out {
		containers := slices.Clone(out[i].Spec.Template.Spec.Containers)
		for k := range containers {
			env := slices.Clone(containers[k].Env)
			for n := len(env) - 1; n >= 0; n-- {
				if env[n].ValueFrom.SecretKeyRef.Key == partnerKey {
					env = slices.Delete(env, n, n+1)
				}
			}
			containers[k].Env = env
		}
		out[i].Spec.Template.Spec.Containers = containers
	}
	return out
}

// deliversTheSecret finds it in the Secret that the pods of search read, and nowhere in what was kept here.
func (m mover) deliversTheSecret(t *testing.T, c *testbed.Cluster) {
	t.Helper()
	got, err := c.Kubectl(t.Context(), "-n", "storefront", "get", "secret", "search-secrets", "-o", "go-template={{index .data \""+partnerKey+"\" | base64decode}}")
	if err != nil || got != partnerSecret {
		t.Errorf("the Secret of search holds %q: %v", got, err)
	}
	if out, err := exec.CommandContext(t.Context(), "grep", "-rl", partnerSecret, m.workspace).CombinedOutput(); len(out) > 0 {
		t.Errorf("a secret is kept in %s (%v)", out, err)
	}
}

// TestTheCompanyMovesWithTheYesOfItsTeams moves the chosen services of the sample company to a cluster and machines of another country:
// nothing is touched while a team has not agreed, the move stops where secrets are missing and goes on, an order goes through its whole
// chain, and the way back leaves the cluster as it was.
func TestTheCompanyMovesWithTheYesOfItsTeams(t *testing.T) {
	t.Parallel()
	company, err := kopi.Read(sample)
	if err != nil {
		t.Fatal(err)
	}
	m := beginning(t)
	m.env = []string{partnerKey + "=" + partnerSecret}
	m.must(t, "config", "set", "search", partnerKey, "--secret", "env:"+partnerKey)
	country := m.country(t)
	b := testbed.Start(t, testbed.Options{Name: "move", Clusters: []testbed.ClusterAt{country.Cluster}, Machines: country.Machines()})
	c := b.Clusters[0]
	people := teams()
	address := "http://" + porttest.Address(t)
	issuer, _ := providertest.Start(t, address+"/signin/callback", slices.Collect(maps.Values(people))...)
	m.aim(t, b, address, issuer)
	m.bed = b
	deployments, err := country.Deployments(t.Context(), c)
	if err != nil || len(deployments) < 13 {
		t.Fatal(err, len(deployments))
	}
	if err := country.Name(b); err != nil {
		t.Fatal(err)
	}
	if err := company.Push(t.Context(), b, deployments); err != nil {
		t.Fatal(err)
	}
	if err := country.PutSecrets(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	before := everything(t, c)

	portal := m.serve(t, address, issuer, people)
	for _, team := range []string{"", "storefront", "orders", "payments"} {
		if team != "" {
			portal.agree(t, team)
		}
		_, complaints, code := m.run(t, "move", "indonesia")
		if code != 6 || !strings.Contains(complaints, "platform") {
			t.Fatalf("without everybody's yes a move exits with %d: %s", code, complaints)
		}
		if writes := touched(t, c); len(writes) > 0 {
			t.Fatalf("the cluster was touched without everybody's yes: %q", writes)
		}
	}
	portal.agree(t, "platform")
	portal.close()

	cut := b.Machines[0]
	if err := b.Disturb(t.Context(), cut.Name, testbed.Link{Cut: true}); err != nil {
		t.Fatal(err)
	}
	_, complaints, code := m.run(t, "move", "indonesia")
	if err := b.Disturb(t.Context(), cut.Name, testbed.Link{}); err != nil {
		t.Fatal(err)
	}
	if code != 7 || !strings.Contains(complaints, cut.Name) {
		t.Fatalf("a move that does not reach %s exits with %d: %s", cut.Name, code, complaints)
	}
	_, complaints, code = m.run(t, "move", "indonesia")
	if code != 7 || !strings.Contains(strings.ToLower(complaints), "secret") {
		t.Fatalf("a move whose secrets are missing exits with %d: %s", code, complaints)
	}
	if err := country.MakeAccounts(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := kopi.MakeSecrets(t.Context(), c, withoutPartner(deployments)); err != nil {
		t.Fatal(err)
	}
	m.movesThroughAnOutage(t, c)
	m.deliversTheSecret(t, c)
	if status := m.must(t, "status", "indonesia"); strings.Contains(status, "open") || strings.Contains(status, "partly") {
		t.Error(status)
	}
	ordersInTheCountry(t, b, deployments)

	took := len(touched(t, c))
	m.must(t, "move", "indonesia")
	if again := touched(t, c)[took:]; len(again) > 0 {
		t.Errorf("moving again touches the cluster: %q", again)
	}

	dropSecrets(t.Context(), t, c, deployments)
	m.must(t, "undo", "indonesia")
	if after := everything(t, c); !slices.Equal(before, after) {
		t.Errorf("the way back does not leave the cluster as it was:\n%s", diff(before, after))
	}
	for _, machine := range b.Machines {
		if out, err := machine.Run(t.Context(), "systemctl list-units --all --no-legend 'patroni-*' 'redis-redis-*' 'sentinel-*'; find /etc/systemd/system /etc/patroni -newer /etc/hostname -name '*indonesia*'"); err != nil || strings.TrimSpace(out) != "" {
			t.Errorf("%s is not as it was: %v\n%s", machine.Name, err, out)
		}
	}
}

// awayFor is how often a move tells that it waits for the API server, every five seconds, until it is back: about a minute.
const awayFor = 12

// movesThroughAnOutage moves while the cluster's API server is away for a minute, from when something was applied there.
func (m mover) movesThroughAnOutage(t *testing.T, c *testbed.Cluster) {
	t.Helper()
	cmd := m.command(t, "move", "indonesia", "--log")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	waited := map[string]int{} // by step
	away := false
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := lines.Text()
		all.WriteString(line + "\n")
		switch {
		case !away && len(waited) == 0 && strings.HasSuffix(line, " created"):
			away = true
			if err := c.StopServer(); err != nil {
				t.Error(err)
			}
		case strings.Contains(line, "waiting for the API server"):
			step := strings.Fields(line)[1]
			if waited[step]++; away && waited[step] == awayFor {
				away = false
				if err := c.StartServer(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if err := cmd.Wait(); err != nil || away || len(waited) == 0 {
		t.Fatalf("a move whose API server is away for a minute: %v\n%s", err, &all)
	}
}

// dropSecrets takes away what people put there by hand: no target would.
func dropSecrets(ctx context.Context, t *testing.T, c *testbed.Cluster, all []kopi.Deployment) {
	t.Helper()
	for _, d := range all {
		if _, err := c.Kubectl(ctx, "-n", d.Metadata.Namespace, "delete", "secrets", "--all"); err != nil {
			t.Fatal(err)
		}
	}
}

// diff lists what is only in one of two lists.
func diff(before, after []string) string {
	var out strings.Builder
	for _, line := range before {
		if !slices.Contains(after, line) {
			fmt.Fprintf(&out, "- %s\n", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			fmt.Fprintf(&out, "+ %s\n", line)
		}
	}
	return out.String()
}
