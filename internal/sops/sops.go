// Package sops reads secrets that are kept in files of SOPS, by the program of that name: whoever may decrypt a file with it may here, with the
// same keys. What it gives is delivered or compared, and never kept or shown.
package sops

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/syntax"
)

// Files are the files of a workspace. Each is decrypted once. Its methods may be called from several goroutines.
type Files struct {
	dir  string
	mu   sync.Mutex
	seen map[string]syntax.Node
}

// In are the files below a directory.
func In(dir string) *Files { return &Files{dir: dir, seen: map[string]syntax.Node{}} }

// Reveal is what a file keeps under a key, with dots between its levels. NotFound when there is no such file or key; Unavailable when the program
// is not there; Denied when it cannot decrypt the file.
func (f *Files) Reveal(ctx context.Context, file, key string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	root, ok := f.seen[file]
	if !ok {
		var err error
		if root, err = f.decrypt(ctx, file); err != nil {
			return "", err
		}
		f.seen[file] = root
	}
	found := root.Get(key) // a key may have dots itself
	if found.Kind != syntax.Scalar {
		found = root.At(strings.Split(key, ".")...)
	}
	if found.Kind != syntax.Scalar {
		return "", fault.Newf(fault.NotFound, "%s keeps no value under %s; add it with sops, or correct the key", file, key)
	}
	return found.Value, nil
}

func (f *Files) decrypt(ctx context.Context, file string) (syntax.Node, error) {
	if !filepath.IsLocal(file) {
		return syntax.Node{}, fault.Newf(fault.Invalid, "%s is not within the workspace; keep the file in it", file)
	}
	full := filepath.Join(f.dir, file)
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return syntax.Node{}, fault.Newf(fault.NotFound, "%s: no such file of SOPS; make it with sops, or correct the reference", file)
	case err != nil:
		return syntax.Node{}, fault.Newf(fault.Unavailable, "%w; make it readable", err)
	case !info.Mode().IsRegular() || info.Size() > syntax.MaxBytes:
		return syntax.Node{}, fault.Newf(fault.Invalid, "%s is no file of SOPS: not a regular file, or larger than %d MiB", file, syntax.MaxBytes>>20)
	}
	cmd := exec.CommandContext(ctx, "sops", "decrypt", "--output-type", "json", full)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return syntax.Node{}, fault.Newf(fault.Unavailable, "%s: sops, the program that decrypts it, is not on the PATH; install it where caravan runs", file)
		}
		return syntax.Node{}, fault.Newf(fault.Denied, "%s: sops cannot decrypt it: %s; give whoever runs caravan the key, as SOPS_AGE_KEY_FILE for age", file, firstLine(complaint.String()))
	}
	root, err := syntax.JSON(out.Bytes())
	if err != nil {
		return syntax.Node{}, fault.Newf(fault.Invalid, "%s holds no keys and values, decrypted; keep secrets in a YAML, JSON or env file", file)
	}
	return root, nil
}

// firstLine is the beginning of a complaint, without what could be a secret.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return redact.Text(line)
}
