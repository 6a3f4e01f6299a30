package image

import (
	"archive/zip"
	"bufio"
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"path"
	"slices"
	"strings"
)

// mostTold is how large a file may be that is read to learn of packages; larger ones stand in the SBOM as files alone.
const mostTold = 16 << 20

// Packages are those that a file of a release, or of a base, tells of: a Go program, npm's lock, a Python distribution, a jar, dpkg's list.
// What cannot be understood tells of none.
func Packages(at string, size int64, in io.ReaderAt) []Package {
	base := path.Base(at)
	switch {
	case base == "package-lock.json" && size <= mostTold:
		return npm(at, whole(in, size))
	case base == "METADATA" && strings.HasSuffix(path.Dir(at), ".dist-info") && size <= mostTold:
		return python(at, whole(in, size))
	case path.Ext(at) == ".jar":
		return jar(at, size, in)
	case at == DpkgStatus || strings.HasPrefix(at, dpkgFolder):
		return dpkg(at, whole(in, min(size, mostTold)))
	}
	return golang(at, size, in)
}

// Where Debian keeps what is installed, below the root; images without dpkg have a file for each package in the folder.
const (
	DpkgStatus = "var/lib/dpkg/status"
	dpkgFolder = "var/lib/dpkg/status.d/"
)

// TellsOfBase reports whether a file of a base, by its path below the root, tells which packages are in it.
func TellsOfBase(at string) bool {
	return at == DpkgStatus || strings.HasPrefix(at, dpkgFolder) && !strings.HasSuffix(at, ".md5sums")
}

func whole(in io.ReaderAt, size int64) []byte {
	data, _ := io.ReadAll(io.NewSectionReader(in, 0, size)) // what is cut off tells of fewer
	return data
}

// golang is what a program built by Go says of itself.
func golang(at string, size int64, in io.ReaderAt) []Package {
	magic := make([]byte, 4)
	if n, _ := in.ReadAt(magic, 0); n < len(magic) || !bytes.Equal(magic, []byte("\x7fELF")) || size < int64(len(magic)) {
		return nil
	}
	info, err := buildinfo.Read(in)
	if err != nil {
		return nil
	}
	out := []Package{{"golang", "std", strings.TrimPrefix(info.GoVersion, "go"), at}}
	for _, d := range info.Deps {
		for d.Replace != nil {
			d = d.Replace
		}
		out = append(out, Package{"golang", d.Path, d.Version, at})
	}
	return out
}

// npm are the packages of a lock of version 2 or 3.
func npm(at string, data []byte) []Package {
	var lock struct {
		Packages map[string]struct {
			Version string
			Dev     bool
		}
	}
	if json.Unmarshal(data, &lock) != nil {
		return nil
	}
	var out []Package
	for where, p := range lock.Packages {
		if _, name, ok := cutLast(where, "node_modules/"); ok && p.Version != "" && !p.Dev {
			out = append(out, Package{"npm", name, p.Version, at})
		}
	}
	return out
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// python is the distribution that a dist-info folder is of (PEP 566).
func python(at string, data []byte) []Package {
	h := headers(data)
	if len(h) == 0 || h[0]["Name"] == "" {
		return nil
	}
	return []Package{{"pypi", strings.ToLower(h[0]["Name"]), h[0]["Version"], at}}
}

// dpkg are the packages that are installed.
func dpkg(at string, data []byte) []Package {
	var out []Package
	for _, h := range headers(data) {
		if h["Package"] != "" && (h["Status"] == "" || strings.HasSuffix(h["Status"], " installed")) {
			out = append(out, Package{"deb", h["Package"], h["Version"], at})
		}
	}
	return out
}

// headers are blocks of "Name: value" lines, parted by empty ones. The first of a name counts.
func headers(data []byte) []map[string]string {
	var out []map[string]string
	block := map[string]string{}
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		name, value, ok := strings.Cut(in.Text(), ": ")
		switch {
		case strings.TrimSpace(in.Text()) == "":
			out, block = append(out, block), map[string]string{}
		case ok && block[name] == "" && !strings.HasPrefix(name, " "):
			block[name] = strings.TrimSpace(value)
		}
	}
	return slices.DeleteFunc(append(out, block), func(m map[string]string) bool { return len(m) == 0 })
}

// jar is what a jar says of itself and of the jars in it: pom.properties of Maven, else the manifest.
func jar(at string, size int64, in io.ReaderAt) []Package {
	z, err := zip.NewReader(in, size)
	if err != nil {
		return nil
	}
	var out, manifest []Package
	for _, f := range z.File {
		switch {
		case path.Base(f.Name) == "pom.properties":
			m := pairs(unzip(f), "=")
			if m["artifactId"] != "" {
				out = append(out, Package{"maven", m["groupId"] + ":" + m["artifactId"], m["version"], at})
			}
		case f.Name == "META-INF/MANIFEST.MF":
			m := pairs(unzip(f), ": ")
			if m["Implementation-Title"] != "" {
				manifest = append(manifest, Package{"maven", m["Implementation-Title"], m["Implementation-Version"], at})
			}
		case path.Dir(f.Name) == "BOOT-INF/lib" || path.Dir(f.Name) == "WEB-INF/lib":
			if name, version, ok := cutLast(strings.TrimSuffix(path.Base(f.Name), ".jar"), "-"); ok {
				out = append(out, Package{"maven", name, version, at})
			}
		}
	}
	if len(out) == 0 {
		return manifest
	}
	return out
}

// unzip is a small text of an archive; nothing when it is none.
func unzip(f *zip.File) []byte {
	const most = 1 << 20
	in, err := f.Open()
	if err != nil {
		return nil
	}
	data, _ := io.ReadAll(io.LimitReader(in, most))
	_ = in.Close()
	return data
}

func pairs(data []byte, sep string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), sep); ok {
			out[name] = strings.TrimSpace(value)
		}
	}
	return out
}
