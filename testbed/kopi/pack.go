package kopi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"example.org/caravan/testbed"
)

// App is what the company's data bag says of how a service is started.
type App struct {
	Name     string `json:"id"`
	Artifact string `json:"artifact"`
	Command  string `json:"command"`
	Folder   string `json:"folder"`
}

// Apps are the company's services that have a release.
func (c Company) Apps() ([]App, error) {
	files, err := filepath.Glob(filepath.Join(c.Dir, "chef", "data_bags", "apps", "*.json"))
	if err != nil {
		return nil, err
	}
	var out []App
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var a App
		if err := json.Unmarshal(data, &a); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if a.Artifact == "" {
			continue
		}
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, a)
	}
	return out, nil
}

var simple = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// check wants names that are names, and paths that stay where they belong.
func (a App) check() error {
	words := strings.Fields(a.Command)
	switch {
	case !simple.MatchString(a.Name), !simple.MatchString(a.Artifact):
		return fmt.Errorf("id %q and artifact %q are to be plain names", a.Name, a.Artifact)
	case !filepath.IsLocal(a.Folder):
		return fmt.Errorf("folder %q is not one of the company's", a.Folder)
	case len(words) == 0 || strings.HasSuffix(words[0], "python3") && len(words) == 1:
		return fmt.Errorf("command %q starts nothing", a.Command)
	}
	return nil
}

// pack puts together what machines are made from: the Chef repository, the files that are linked into its cookbooks, and an artefact of
// each service. It gives the folder.
func (c Company) pack(ctx context.Context, b *testbed.Bed) (string, error) {
	packed := filepath.Join(b.Dir, "company")
	for from, to := range map[string]string{"chef": "chef", "platform": "platform", "services/edge": "services/edge"} {
		if err := copyTo(ctx, filepath.Join(c.Dir, from), filepath.Join(packed, to)); err != nil {
			return "", err
		}
	}
	apps, err := c.Apps()
	if err != nil {
		return "", err
	}
	for _, a := range apps {
		if err := c.release(ctx, a, packed); err != nil {
			return "", fmt.Errorf("the artefact of %s: %w", a.Name, err)
		}
	}
	return packed, fit(filepath.Join(packed, "chef", "roles"))
}

// release makes the artefact of a service: its folder, with the program where it is started from.
func (c Company) release(ctx context.Context, a App, packed string) error {
	stage := filepath.Join(packed, "stage", a.Name)
	if err := copyTo(ctx, filepath.Join(c.Dir, a.Folder), stage); err != nil {
		return err
	}
	within, err := os.OpenRoot(stage) // nothing is written elsewhere, whatever the company says
	if err != nil {
		return err
	}
	defer func() { _ = within.Close() }()
	words := strings.Fields(a.Command)
	if inside, ok := strings.CutPrefix(words[0], "/srv/kopi/"+a.Name+"/current/"); ok {
		if err := within.Symlink(program, inside); err != nil {
			return err
		}
	}
	if strings.HasSuffix(words[0], "python3") { // which the machine needs itself
		script := fmt.Sprintf("import os, sys\nos.execv(%q, [%q] + sys.argv[1:])\n", program, a.Name)
		if err := within.WriteFile(words[1], []byte(script), 0o644); err != nil {
			return err
		}
	}
	artefacts := filepath.Join(packed, "artefacts")
	return errors.Join(os.MkdirAll(artefacts, 0o755), command(ctx, "tar", "-C", stage, "-cf", filepath.Join(artefacts, a.Artifact), "."))
}

// fitting is what roles ask for, and the bed has less of: one version of PostgreSQL, that of its Debian, and so many open files.
var fitting = []struct {
	asked *regexp.Regexp
	has   string
}{
	{regexp.MustCompile(`('version' => )'\d+'`), "$1'15'"},
	{regexp.MustCompile(`('maxconn' => )[\d_]+`), "${1}2000"},
}

// fit lets roles ask for what the bed has.
func fit(roles string) error {
	within, err := os.OpenRoot(roles)
	if err != nil {
		return err
	}
	defer func() { _ = within.Close() }()
	files, err := fs.Glob(within.FS(), "*.rb")
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := within.ReadFile(file)
		if err != nil {
			return err
		}
		for _, f := range fitting {
			data = f.asked.ReplaceAll(data, []byte(f.has))
		}
		if err := within.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func copyTo(ctx context.Context, from, to string) error {
	return errors.Join(os.MkdirAll(to, 0o755), command(ctx, "cp", "-r", from+"/.", to))
}

func command(ctx context.Context, argv ...string) error {
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return nil
}
