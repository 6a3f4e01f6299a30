package workspace

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

// Expansions lists the names of the workspace's expansions, sorted.
func Expansions(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, expansion.Folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "%w; make the folder readable", err)
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok && !e.IsDir() && !strings.HasPrefix(name, ".") {
			out = append(out, name)
		}
	}
	return out, nil
}

// Expansion reads one expansion. NotFound when there is none of that name.
func Expansion(dir, name string) (expansion.Expansion, error) {
	data, file, err := ExpansionText(dir, name)
	if err != nil {
		return expansion.Expansion{}, err
	}
	return expansion.Parse(data, name, file)
}

// ExpansionText is the text of one expansion and the path it has in the workspace.
func ExpansionText(dir, name string) (data []byte, file string, err error) {
	if err := expansion.CheckName(name); err != nil {
		return nil, "", err
	}
	file = expansion.FileOf(name)
	path := filepath.Join(dir, filepath.FromSlash(file))
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, "", fault.Newf(fault.NotFound, "no expansion %q: there is no %s in the workspace; caravan plan %s --new writes one to begin with", name, file, name)
	}
	data, err = readFile(path)
	return data, file, err
}

// WriteExpansion puts the text of an expansion in place in one move. Conflict when the file is no longer what it was when
// it was read as old; a nil old means that there was none.
func WriteExpansion(dir, name string, old, text []byte) error {
	file := expansion.FileOf(name)
	return Change(dir, file, func(there []byte) ([]byte, error) {
		switch {
		case old == nil && there != nil:
			return nil, fault.Newf(fault.Conflict, "%s exists already and was left as it is; edit it, or choose another name", file)
		case old != nil && there == nil, string(there) != string(old):
			return nil, fault.Newf(fault.Conflict, "%s was changed meanwhile, so nothing was written; look at it and try again", file)
		}
		return text, nil
	})
}

// Change writes a file of the workspace, slash-separated, as change makes it of what is there, nil when there is none. Nobody else writes into
// its folder meanwhile. Nothing is written when change fails; where it makes nothing (nil) of the file, that is taken away.
func Change(dir, file string, change func([]byte) ([]byte, error)) (err error) {
	if !filepath.IsLocal(filepath.FromSlash(file)) {
		return fault.Newf(fault.Invalid, "%q is no path within the workspace", file)
	}
	path := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.Newf(fault.Unavailable, "%w; make the workspace writable", err)
	}
	release, err := hold(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	old, err := readFile(path)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	text, err := change(old)
	if err != nil || string(text) == string(old) {
		return err
	}
	if text == nil {
		if err := os.Remove(path); err != nil {
			return fault.Newf(fault.Unavailable, "%w; make the workspace writable", err)
		}
		return nil
	}
	return replace(path, text)
}

// hold keeps other programs from writing into a folder until the returned function is called, or the program ends: between looking
// at a file and replacing it nobody may come in.
func hold(dir string) (release func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "%w; make the workspace readable", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fault.Newf(fault.Unavailable, "hold %s: %w", dir, err), f.Close())
	}
	return f.Close, nil
}

// replace puts a file in place in one move.
func replace(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.Newf(fault.Unavailable, "%w; make the workspace writable", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fault.Newf(fault.Unavailable, "%w; make the workspace writable", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fault.Newf(fault.Unavailable, "write %s: %w; nothing was changed", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// workloadFolder is where teams keep what they write about their services.
const workloadFolder = "services"

// Workloads reads every services/NAME/score.yaml, by the service's name: that of the folder.
func Workloads(dir string) (map[estate.ServiceName]workload.Workload, error) {
	files, err := filepath.Glob(filepath.Join(globEscape.Replace(dir), workloadFolder, "*", workload.FileName))
	if err != nil {
		return nil, fault.Newf(fault.Internal, "%w", err)
	}
	out := make(map[estate.ServiceName]workload.Workload, len(files))
	var problems []error
	for _, path := range files {
		name := filepath.Base(filepath.Dir(path))
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		w, err := workload.Parse(data, WorkloadFile(estate.ServiceName(name)))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out[estate.ServiceName(name)] = w
	}
	if len(problems) > 0 {
		return nil, fault.Newf(fault.Invalid, "%w", errors.Join(problems...))
	}
	return out, nil
}

// WorkloadFile is where a service's workload is kept, slash-separated and relative to the workspace.
func WorkloadFile(name estate.ServiceName) string {
	return workloadFolder + "/" + string(name) + "/" + workload.FileName
}

// WriteWorkload puts a workload where its team keeps it. Conflict when there is one, Invalid when the name is no folder's.
func WriteWorkload(dir string, name estate.ServiceName, text []byte) error {
	if string(name) != path.Base(path.Clean("/"+string(name))) {
		return fault.Newf(fault.Invalid, "%q cannot name a folder; write %s by hand", name, workload.FileName)
	}
	file := filepath.Join(dir, filepath.FromSlash(WorkloadFile(name)))
	if _, err := os.Lstat(file); err == nil {
		return fault.Newf(fault.Conflict, "%s exists already and was left as it is; it is its team's", WorkloadFile(name))
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fault.Newf(fault.Unavailable, "%w; make the folder writable", err)
	}
	return replace(file, text)
}

// WorkloadText is a team's own workload as it is written; nil when there is none.
func WorkloadText(dir string, name estate.ServiceName) ([]byte, error) {
	data, err := readFile(filepath.Join(dir, filepath.FromSlash(WorkloadFile(name))))
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	return data, err
}

// RewriteWorkload puts the text of a workload in place, or takes the file away for nil. Conflict when the file is no longer what it was when it was read as old, where nothing means that
// there was none; Invalid when the name is no folder's.
func RewriteWorkload(dir string, name estate.ServiceName, old, text []byte) error {
	if string(name) != path.Base(path.Clean("/"+string(name))) {
		return fault.Newf(fault.Invalid, "%q cannot name a folder; write %s by hand", name, workload.FileName)
	}
	file := WorkloadFile(name)
	return Change(dir, file, func(there []byte) ([]byte, error) {
		if string(there) != string(old) {
			return nil, fault.Newf(fault.Conflict, "%s was changed meanwhile, so nothing was written; look at it and try again", file)
		}
		return text, nil
	})
}

// configuration is where layers of configuration are, as globs: those for everybody, and those of services whose names match one.
func configuration(services string) []string {
	own := filepath.Join(workloadFolder, services, config.Folder)
	return []string{filepath.Join(config.Folder, "*.yaml"), filepath.Join(config.Folder, "*", "*.yaml"), filepath.Join(own, "*.yaml"), filepath.Join(own, "*", "*.yaml")}
}

// Configuration reads all layers of configuration, in the order of their files. Invalid, with a line for each problem of any of them. A folder
// of that name in which nothing is a layer is somebody else's.
func Configuration(dir string) ([]config.Document, error) {
	return layers(dir, configuration("*"))
}

// ConfigurationOf is Configuration of what holds for one service.
func ConfigurationOf(dir string, service estate.ServiceName) ([]config.Document, error) {
	return layers(dir, configuration(globEscape.Replace(string(service))))
}

func layers(dir string, patterns []string) ([]config.Document, error) {
	var out []config.Document
	var problems []error
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(globEscape.Replace(dir), pattern))
		if err != nil {
			return nil, fault.Newf(fault.Internal, "%w", err)
		}
		for _, file := range files {
			rel, err := filepath.Rel(dir, file)
			if err != nil {
				return nil, fault.Newf(fault.Internal, "%w", err)
			}
			d, ok := config.At(filepath.ToSlash(rel))
			if !ok {
				continue
			}
			data, err := readFile(file)
			if err != nil {
				return nil, err
			}
			if d, err = config.Parse(data, d.File); err != nil {
				problems = append(problems, err)
				continue
			}
			out = append(out, d)
		}
	}
	if len(problems) > 0 {
		return nil, fault.Newf(fault.Invalid, "%w", errors.Join(problems...))
	}
	slices.SortFunc(out, func(x, y config.Document) int { return strings.Compare(x.File, y.File) })
	return out, nil
}

var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// Written is the digest of all that people wrote in a workspace beside caravan.yaml (expansions, workloads, configuration), and of what keeps some
// of it from being read.
func Written(dir string) estate.Digest {
	var all []string
	for _, pattern := range append([]string{filepath.Join(expansion.Folder, "*.yaml"), filepath.Join(workloadFolder, "*", workload.FileName)}, configuration("*")...) {
		files, err := filepath.Glob(filepath.Join(globEscape.Replace(dir), pattern))
		if err != nil {
			all = append(all, err.Error())
		}
		for _, file := range files {
			data, err := readFile(file)
			if err != nil {
				data = []byte(err.Error())
			}
			all = append(all, file, string(data))
		}
	}
	return estate.DigestOf(all)
}

// Within is a path of the workspace's file made whole: relative to the workspace, or below the home folder of whoever runs the program
// when it begins with ~. "" stays "".
func (w Workspace) Within(name string) string {
	if below, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, filepath.FromSlash(below))
		}
	}
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(w.dir, filepath.FromSlash(name))
}
