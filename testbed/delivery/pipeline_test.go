package delivery_test

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gitlab is the pipeline of a team that deployed with Ansible.
const gitlab = `stages: [build, deploy]

build:
  stage: build
  script:
    - caravan image orders --version "$CI_COMMIT_SHORT_SHA" --from release --push

deploy:
  stage: deploy
  environment: production
  script:
    - ansible-playbook -i inventory/production deploy.yml -e image_tag=$CI_COMMIT_SHORT_SHA
`

// adopted lets an existing pipeline deploy to both worlds in the place of what it did, through a server and with a token, as GitLab's runner
// would.
func adopted(t *testing.T, c company) {
	runner := cmp.Or(os.Getenv("GITLAB_CI_LOCAL"), cached())
	if _, err := os.Stat(runner); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") != "" {
			t.Fatal("gitlab-ci-local is not there; scripts/gitlab-ci-local puts it in place")
		}
		t.Skip("gitlab-ci-local is not there; scripts/gitlab-ci-local puts it in place")
	}
	repo := filepath.Join(t.TempDir(), "orders")
	if err := os.CopyFS(filepath.Join(repo, "release"), os.DirFS(c.build(t, "7"))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(repo, ".gitlab-ci.yml"), gitlab, 0o644)
	c.must(t, "pipeline", "adopt", repo, "--replace", "--service", "orders")
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", "7"}, {"remote", "add", "origin", "git@gitlab.test:kopi/orders.git"}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	server := c.serve(t)
	token := strings.TrimSpace(firstLine(c.must(t, "token", "create", "ci", "--scope", "deploy")))
	argv := c.Inside(runner, "--force-shell-executor", "--no-artifacts-to-source", "--variable", "PATH="+filepath.Dir(c.caravan)+":"+os.Getenv("PATH"),
		"--variable", "CARAVAN_SERVER="+server, "--variable", "CARAVAN_TOKEN="+token, "--variable", "CI_COMMIT_SHORT_SHA=abc1234")
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = repo
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("VM 2/2, Kubernetes 1/1")) {
		t.Fatalf("%v\n%s", err, out)
	}
	c.wantVersions(t, "7", "7")
	if shown := c.must(t, "releases", "orders"); !strings.Contains(shown, "abc1234") || !strings.Contains(shown, "token ci") {
		t.Error(shown)
	}
}

func cached() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "caravan", "gitlab-ci-local", "node_modules", ".bin", "gitlab-ci-local")
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// serve runs the portal and the API within the bed, and gives its address.
func (c company) serve(t *testing.T) string {
	t.Helper()
	const address = "127.0.0.1:7070"
	cmd := c.command(t, "serve", "--listen", address)
	up := &awaited{want: "Ctrl-C ends it", met: make(chan struct{})}
	cmd.Stderr, cmd.Stdout = up, up
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	select {
	case <-up.met:
	case <-t.Context().Done():
		t.Fatal(up.said.String())
	}
	return "http://" + address
}
