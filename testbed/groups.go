package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// groups are the control groups that every process of a bed is in, by the name of the one above all
// others.
type groups string

// hierarchies are the mounts of control groups: one on version 2, one for each controller on
// version 1, and there maybe one of version 2 without controllers beside them.
func hierarchies() []string {
	const at = "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(at, "cgroup.controllers")); err == nil {
		return []string{at}
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(at, e.Name(), "cgroup.procs")); err == nil && e.IsDir() {
			out = append(out, filepath.Join(at, e.Name()))
		}
	}
	return out
}

// counting is the hierarchy by which the bed's processes are found.
func counting() string {
	all := hierarchies()
	if i := slices.IndexFunc(all, func(h string) bool { return filepath.Base(h) == "pids" }); i >= 0 {
		return all[i]
	}
	return all[0]
}

// make makes a group in every hierarchy. Its path is below the bed's own.
func (g groups) make(name string) error {
	for _, h := range hierarchies() {
		dir := h
		for _, part := range append([]string{string(g)}, strings.Split(name, "/")...) {
			enableControllers(dir)
			dir = filepath.Join(dir, part)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			inherit(dir)
		}
	}
	return nil
}

// weigh makes the bed's own group and gives it processor time by its size, where processors are
// busy: each machine counts for a quarter of a process outside. Otherwise the kernel gives a bed of
// thirty machines no more than a single compiler that runs beside it.
func (g groups) weigh(size int) error {
	if err := g.make(""); err != nil {
		return err
	}
	for _, h := range hierarchies() {
		for name, weight := range map[string]int{"cpu.shares": 256 * max(1, size), "cpu.weight": min(25*max(1, size), 10000)} {
			file := filepath.Join(h, string(g), name)
			if _, err := os.Stat(file); err != nil {
				continue // the other version's, or another controller's
			}
			if err := os.WriteFile(file, []byte(strconv.Itoa(weight)), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// enableControllers hands the controllers of a group of version 2 on to those below it.
func enableControllers(dir string) {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return // version 1
	}
	for _, c := range strings.Fields(string(have)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0o644) // those that cannot be are not needed
	}
}

// inherit fills in what a new group of cpuset needs before it may hold a process.
func inherit(dir string) {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own := filepath.Join(dir, name)
		if now, err := os.ReadFile(own); err != nil || strings.TrimSpace(string(now)) != "" {
			continue
		}
		if above, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name)); err == nil {
			_ = os.WriteFile(own, above, 0o644)
		}
	}
}

// below lists the groups that a pattern leads to: "*/kubelet".
func (g groups) below(pattern string) []string {
	top := filepath.Join(counting(), string(g))
	found, _ := filepath.Glob(filepath.Join(top, pattern, "cgroup.procs"))
	for i := range found {
		found[i] = strings.TrimPrefix(filepath.Dir(found[i]), top+"/")
	}
	return found
}

// processes are those in a group and all below it.
func (g groups) processes(name string) []int {
	var out []int
	_ = filepath.WalkDir(filepath.Join(counting(), string(g), name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return nil //nolint:nilerr // a group may go while we look
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				out = append(out, pid)
			}
		}
		return nil
	})
	return out
}

// patience is how long programs are given to end by themselves, and dying is how long the kernel
// may take to end them.
const (
	patience = 3 * time.Second
	dying    = 2 * time.Minute
)

// end asks the processes of a group to end, and ends those that do not in time.
func (g groups) end(name string) error {
	asked := map[int]bool{}
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-look.C {
		left := g.processes(name)
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			if !asked[pid] {
				_ = syscall.Kill(pid, syscall.SIGTERM)
				asked[pid] = true
			}
		}
	}
	return g.kill(name)
}

// kill ends the processes of a group, and gives them no time.
func (g groups) kill(name string) error {
	deadline := time.Now().Add(dying)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		left := g.processes(name)
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of %s do not end, the first is %d; end them by hand", len(left), name, left[0])
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-look.C
	}
}

// remove takes away a group and all below it, once nothing runs in them.
func (g groups) remove(name string) error {
	var failed error
	for _, h := range hierarchies() {
		var dirs []string
		top := filepath.Join(h, string(g), name)
		_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			if err := removeGroup(dir); err != nil {
				failed = fmt.Errorf("remove %s: %w", dir, err)
			}
		}
	}
	return failed
}

// removeGroup takes a group away. The kernel may count those who ended for a moment longer.
func removeGroup(dir string) error {
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		err := syscall.Rmdir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}
