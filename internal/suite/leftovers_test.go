package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestWhatAKilledRunLeftIsTakenAwayAndWhatIsHeldStays(t *testing.T) {
	folders := filepath.Join(t.TempDir(), "run-")
	killed, err := os.MkdirTemp(filepath.Dir(folders), filepath.Base(folders))
	if err != nil {
		t.Fatal(err)
	}
	running, free, err := makeFolder(folders)
	if err != nil {
		t.Fatal(err)
	}
	left, stays := exec.CommandContext(t.Context(), "sleep", "600"), exec.CommandContext(t.Context(), "sleep", "600")
	left.Env, stays.Env = []string{runVariable + "=" + killed}, []string{runVariable + "=" + running}
	for _, cmd := range []*exec.Cmd{left, stays} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- left.Wait() }()
	if err := os.WriteFile(filepath.Join(killed, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := clearLeftovers(folders, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
	if <-ended == nil {
		t.Error("a process of a killed run goes on")
	}
	if _, err := os.Stat(killed); !os.IsNotExist(err) {
		t.Errorf("the folder of a killed run is there: %v", err)
	}
	if _, err := os.Stat(running); err != nil {
		t.Errorf("the folder of a run is gone: %v", err)
	}
	go func() { ended <- stays.Wait() }()
	free()
	if <-ended == nil {
		t.Error("a process of a run that has ended goes on")
	}
	if _, err := os.Stat(running); !os.IsNotExist(err) {
		t.Errorf("the folder of a run that has ended is there: %v", err)
	}
}
