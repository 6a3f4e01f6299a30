package sops

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
)

// program puts the real sops on the PATH, and a key of age where it looks for one.
func program(t *testing.T) (dir, recipient string) {
	t.Helper()
	if _, err := exec.LookPath("age-keygen"); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") != "" {
			t.Fatal("age is not installed; scripts/machine does")
		}
		t.Skip("age is not installed")
	}
	dir = t.TempDir()
	bin := filepath.Join(dir, "bin")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../../tools/sops", "-o", filepath.Join(bin, "sops"), "github.com/getsops/sops/v3/cmd/sops").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	key := filepath.Join(dir, "key")
	if out, err := exec.CommandContext(t.Context(), "age-keygen", "-o", key).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("SOPS_AGE_KEY_FILE", key)
	public, err := exec.CommandContext(t.Context(), "age-keygen", "-y", key).Output()
	if err != nil {
		t.Fatal(err)
	}
	return dir, strings.TrimSpace(string(public))
}

func encrypt(t *testing.T, dir, recipient, name, text string) {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sops", "encrypt", "--age", recipient, "--in-place", at).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestSecretsOfFilesAreRevealedToThoseWhoHaveTheKey(t *testing.T) {
	dir, recipient := program(t)
	encrypt(t, dir, recipient, "orders.yaml", "database:\n  password: canary-one\napi.key: canary-two\nport: 5432\n")
	encrypt(t, dir, recipient, "orders.env", "API_KEY=canary-three\n")
	files := In(dir)
	for _, c := range [][3]string{
		{"orders.yaml", "database.password", "canary-one"}, {"orders.yaml", "api.key", "canary-two"}, {"orders.yaml", "port", "5432"}, {"orders.env", "API_KEY", "canary-three"},
	} {
		if got, err := files.Reveal(t.Context(), c[0], c[1]); got != c[2] || err != nil {
			t.Errorf("%s of %s is %q: %v", c[1], c[0], got, err)
		}
	}
	for _, c := range []struct {
		file, key string
		kind      fault.Kind
	}{
		{"orders.yaml", "database", fault.NotFound}, {"orders.yaml", "none", fault.NotFound}, {"none.yaml", "a", fault.NotFound}, {"../orders.yaml", "a", fault.Invalid}, {"bin", "a", fault.Invalid},
	} {
		if got, err := files.Reveal(t.Context(), c.file, c.key); fault.KindOf(err) != c.kind || got != "" {
			t.Errorf("%s of %s: %q %v", c.key, c.file, got, err)
		}
	}
	t.Setenv("SOPS_AGE_KEY_FILE", filepath.Join(dir, "none"))
	if _, err := In(dir).Reveal(t.Context(), "orders.yaml", "port"); fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without the key: %v", err)
	}
	t.Setenv("PATH", dir)
	if _, err := In(dir).Reveal(t.Context(), "orders.yaml", "port"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without the program: %v", err)
	}
}
