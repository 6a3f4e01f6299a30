package told

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestServicesAreForgottenAndKeptBesideEachOther(t *testing.T) {
	root := filepath.Join(t.TempDir(), "private")
	run := func(input string, argv ...string) {
		cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c"}, argv...)...)
		cmd.Stdin = strings.NewReader(input)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v: %s", argv[1], argv[2], err, out)
		}
	}
	var services sync.WaitGroup
	for n := range 8 {
		services.Go(func() {
			private := filepath.Join(root, strconv.Itoa(n))
			for range 10 {
				run("X=1\n", put, "put", private, filepath.Join(private, "variables"), "4")
				run("", forget, "forget", private, root)
			}
		})
	}
	services.Wait()
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("a folder is left: %v", err)
	}
}
