package store

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// folderName is the folder of a workspace that holds what people do not write themselves.
const folderName = ".caravan"

// prepareFile makes the store's file, for its owner's eyes alone, and its folder, which version control leaves out.
func prepareFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if filepath.Base(dir) == folderName {
		if err := writeOnce(filepath.Join(dir, ".gitignore"), "*\n", 0o644); err != nil {
			return err
		}
	}
	return writeOnce(path, "", 0o600)
}

// writeOnce leaves a file alone that is there already.
func writeOnce(path, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// sqliteName is the name by which the driver opens a file. Transactions take the write lock at once: one that began by
// reading could not wait for another writer.
func sqliteName(path string) string {
	query := url.Values{"_pragma": {"busy_timeout(10000)", "synchronous(normal)", "foreign_keys(1)"}, "_txlock": {"immediate"}}
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	return name.String()
}
