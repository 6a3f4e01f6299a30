// Package providertest gives tests a real OpenID Connect provider on loopback: the certified one of testbed/programs/provider, built with its own
// modules, over people a test names. It ends with the test.
package providertest

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Person is somebody the provider knows.
type Person struct {
	ID            string // what it knows them by
	Username      string
	Password      string
	FirstName     string
	LastName      string
	Email         string
	EmailVerified bool
	Groups        []string
}

// ClientID and Secret are what the provider knows its one client by.
const (
	ClientID = "caravan"
	Secret   = "canary-client-secret"
)

// Start starts a provider whose client may be sent back to redirect, and gives its issuer. Where it cannot be built the test is skipped, or
// fails when CARAVAN_TEST_ALL is 1. Stop ends it early.
func Start(t testing.TB, redirect string, people ...Person) (issuer string, stop func()) {
	t.Helper()
	program := build(t)
	known := map[string]Person{}
	for _, p := range people {
		known[p.ID] = p
	}
	data, err := json.Marshal(known)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "people.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-people", file, "-client", ClientID, "-redirect", redirect)
	cmd.Env, cmd.Stderr = append(os.Environ(), "CLIENT_SECRET="+Secret), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the provider did not come up: %v", err)
	}
	return strings.TrimSpace(line), stop
}

// build is the provider's program, from its sources at or above the working directory.
func build(t testing.TB) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		sources := filepath.Join(dir, "testbed", "programs", "provider")
		if _, err := os.Stat(filepath.Join(sources, "go.mod")); err == nil {
			program := filepath.Join(t.TempDir(), "provider")
			cmd := exec.CommandContext(t.Context(), "go", "build", "-C", sources, "-o", program, ".")
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
			if said, err := cmd.CombinedOutput(); err != nil {
				absent(t, "the OpenID Connect provider cannot be built: "+string(said))
			}
			return program
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no sources of the provider at or above %s", at)
		}
	}
}

func absent(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CARAVAN_TEST_ALL") == "1" {
		t.Fatalf("%s: %s", t.Name(), why)
	}
	t.Skipf("SKIPPED %s: %s", t.Name(), why)
}
