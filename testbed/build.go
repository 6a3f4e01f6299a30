package testbed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// programs is where the sources of the programs a cluster is made of are, each a module of its own:
// their versions do not go together. It is looked for at and above the working directory.
func programs() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		for _, found := range []string{filepath.Join(dir, "programs"), filepath.Join(dir, "testbed", "programs")} {
			if _, err := os.Stat(filepath.Join(found, "kube", "go.mod")); err == nil {
				return found, nil
			}
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no sources of the test bed at or above %s; run it within Caravan's checkout", at)
		}
	}
}

// kubernetes is the version whose kubelet still runs on version 1 of control groups without being
// asked to.
const kubernetes = "v1.34.4"

// flags are what programs are linked with.
func flags(program string) string {
	text := "-s -w"
	if program == "kube" {
		major, minor, _ := strings.Cut(strings.TrimPrefix(kubernetes, "v"), ".")
		minor, _, _ = strings.Cut(minor, ".")
		for _, set := range []string{"gitVersion=" + kubernetes, "gitMajor=" + major, "gitMinor=" + minor} {
			text += " -X k8s.io/component-base/version." + set // clients ask for it before they ask for anything else
		}
	}
	return text
}

// cache is where what was built is kept, outside of every checkout.
func cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = "/var/cache"
	}
	dir = filepath.Join(dir, "caravan-testbed")
	return dir, os.MkdirAll(dir, 0o755)
}

// Program is the path of one of the bed's programs, which is built when it is not in the cache: a
// build is known by its sources, the versions of its modules, how it is linked and the toolchain.
// "kopi" is every service of the sample company.
func Program(ctx context.Context, program string) (string, error) {
	root, err := programs()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, program)
	digest := sha256.New()
	fmt.Fprintln(digest, runtime.Version(), runtime.GOARCH, flags(program))
	files, err := filepath.Glob(filepath.Join(dir, "*.*")) // by name
	if err != nil {
		return "", err
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(digest, filepath.Base(name), len(data))
		digest.Write(data)
	}
	at, err := cache()
	if err != nil {
		return "", err
	}
	path := filepath.Join(at, program+"-"+hex.EncodeToString(digest.Sum(nil))[:16])
	done, err := alone(ctx, path)
	if err != nil {
		return "", err
	}
	defer done()
	if used(path) {
		return path, nil
	}
	if err := download(ctx, dir); err != nil {
		return "", err
	}
	if err := goIn(ctx, dir, "build", "-trimpath", "-ldflags", flags(program), "-o", path+".new", "."); err != nil {
		return "", err
	}
	return path, errors.Join(os.Rename(path+".new", path), forget(at))
}

// download fetches the modules of a program, again when a download breaks off.
func download(ctx context.Context, dir string) (err error) {
	for range downloads {
		if err = goIn(ctx, dir, "mod", "download"); err == nil {
			return nil
		}
	}
	return err
}

func goIn(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, out)
	}
	return nil
}

// Caravan is the path of the program itself, built of the checkout the working directory is in. It
// stays what it is while others build a newer one: a build is known by its content.
func Caravan(ctx context.Context) (string, error) {
	root, err := programs()
	if err != nil {
		return "", err
	}
	checkout := filepath.Join(root, "..", "..")
	at, err := cache()
	if err != nil {
		return "", err
	}
	of := sha256.Sum256([]byte(checkout))
	newest := filepath.Join(at, "caravan-of-"+hex.EncodeToString(of[:])[:16])
	done, err := alone(ctx, newest)
	if err != nil {
		return "", err
	}
	defer done()
	// The toolchain leaves alone what it would build the same.
	if out, err := exec.CommandContext(ctx, "go", "build", "-C", checkout, "-o", newest, "./cmd/caravan").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build caravan: %w\n%s", err, out)
	}
	used(newest)
	program, err := os.ReadFile(newest)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(program)
	dir := filepath.Join(at, "caravan-"+hex.EncodeToString(digest[:])[:16])
	path := filepath.Join(dir, "caravan") // the program is called by its name
	if used(path) {
		used(dir)
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	own := filepath.Join(dir, filepath.Base(newest)) // another checkout may put the same there
	return path, errors.Join(os.WriteFile(own, program, 0o755), os.Rename(own, path), forget(at))
}

// longestBuild is how long somebody else may take to build the same thing.
const longestBuild = 30 * time.Minute

// alone lets one program at a time make what is to be at a path of the cache, until it says that it
// is done, or ends.
func alone(ctx context.Context, path string) (done func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = await(ctx, filepath.Base(path)+", which another program builds", longestBuild, func(context.Context) error {
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// used reports whether something is in the cache, and notes that it was used.
func used(path string) bool {
	now := time.Now()
	return os.Chtimes(path, now, now) == nil
}

// kept is how long what nobody uses stays in the cache.
const kept = 14 * 24 * time.Hour

// forget takes out of the cache what nobody has used for long.
func forget(cache string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > kept {
			if err := os.RemoveAll(filepath.Join(cache, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
