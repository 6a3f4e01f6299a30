package kube_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/kube"
)

func TestAKubeconfigThatIsNoFileIsNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{pipe, t.TempDir()} {
		_, err := kube.Config(kube.Options{Kubeconfig: file, Context: "id-prod"})
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", file, err)
		}
	}
}
