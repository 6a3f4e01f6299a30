package image

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/fault"
)

const folder = "/srv/kopi/orders/current"

type content struct{ *bytes.Reader }

func (content) Close() error { return nil }

// file is one that holds a text.
func file(p, text string) File {
	return File{Path: p, Size: int64(len(text)), Open: func() (Content, error) { return content{bytes.NewReader([]byte(text))}, nil }}
}

// packed is a layer of files, in any order.
func packed(t rapid.TB, files ...File) []byte {
	t.Helper()
	sorted, err := Sort(files)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Layer(&out, folder, sorted); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// listed is what an archive holds, a line each.
func listed(t rapid.TB, archive []byte) []string {
	t.Helper()
	var out []string
	in := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(in)
		out = append(out, fmt.Sprintf("%c %o %d:%d %d %s %s%s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.ModTime.Unix(), h.Name, h.Linkname, text))
	}
}

func TestALayerHoldsTheReleaseBelowItsFolderAndNothingOfWhoBuiltIt(t *testing.T) {
	run := file("bin/run", "#!/bin/sh\n")
	run.Executable = true
	layer := packed(t, file("config/a.yml", "a: 1\n"), run, File{Path: "log", Folder: true}, File{Path: "bin/start", Link: "run"})
	want := []string{
		"5 755 0:0 0 srv/ ", "5 755 0:0 0 srv/kopi/ ", "5 755 0:0 0 srv/kopi/orders/ ", "5 755 0:0 0 srv/kopi/orders/current/ ",
		"5 755 0:0 0 srv/kopi/orders/current/bin/ ", "0 755 0:0 0 srv/kopi/orders/current/bin/run #!/bin/sh\n", "2 777 0:0 0 srv/kopi/orders/current/bin/start run",
		"5 755 0:0 0 srv/kopi/orders/current/config/ ", "0 644 0:0 0 srv/kopi/orders/current/config/a.yml a: 1\n", "5 755 0:0 0 srv/kopi/orders/current/log/ ",
	}
	if d := cmp.Diff(want, listed(t, layer)); d != "" {
		t.Error(d)
	}
}

func TestTheOrderInWhichFilesAreFoundIsNotSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,2}(/[a-c]x){0,2}\.txt`), 1, 12, rapid.ID[string]).Draw(t, "names")
		var files []File
		for _, n := range names {
			files = append(files, file(n, n))
		}
		first := packed(t, files...)
		if !bytes.Equal(first, packed(t, rapid.Permutation(files).Draw(t, "order")...)) {
			t.Fatal("another order gives another layer")
		}
		var out bytes.Buffer
		paths, err := Archive(&out, bytes.NewReader(first), folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if !slices.Contains(paths, n) {
				t.Fatalf("%s is lost on the way to machines: %q", n, paths)
			}
		}
	})
}

func TestWhatCannotBeInAReleaseIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		files []File
		says  string
	}{
		"nothing":                 {nil, "holds no file"},
		"a path out":              {[]File{file("../x", "")}, `"../x" leads out`},
		"an absolute path":        {[]File{file("/etc/passwd", "")}, "leads out"},
		"a path that is not one":  {[]File{file("a//b", "")}, "leads out"},
		"a link out":              {[]File{{Path: "a/b", Link: "../../x"}}, "a/b is a link to ../../x, out of the release"},
		"an absolute link":        {[]File{{Path: "a", Link: "/etc/passwd"}}, "out of the release"},
		"a link out by another":   {[]File{{Path: "a/b/c", Link: "../.."}, {Path: "d", Link: "a/b/c/../../etc"}}, "d is a link to a/b/c/../../etc, out of the release"},
		"one path twice":          {[]File{file("a", "1"), file("a", "2")}, "a is in the release twice"},
		"a file below a link":     {[]File{{Path: "a", Link: "b"}, file("a/c", "")}, "a/c lies below a, which is no folder"},
		"more than machines take": {[]File{{Path: "a", Size: MaxBytes + 1}}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Sort(tc.files); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAFileThatChangesWhileItIsReadIsSaid(t *testing.T) {
	for _, size := range []int64{1, 9} {
		f := file("a", "text")
		f.Size = size
		if err := Layer(io.Discard, folder, []File{f}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "changed while it was read") {
			t.Errorf("of %d bytes: %v", size, err)
		}
	}
}

func TestMachinesGetWhatIsBelowTheFolder(t *testing.T) {
	run := file("bin/run", "x")
	run.Executable = true
	var out bytes.Buffer
	if _, err := Archive(&out, bytes.NewReader(packed(t, run, File{Path: "start", Link: "bin/run"})), folder); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"5 755 0:0 0 bin/ ", "0 755 0:0 0 bin/run x", "2 777 0:0 0 start bin/run"}, listed(t, out.Bytes())); d != "" {
		t.Error(d)
	}
}

// tarOf is an archive of entries as somebody hostile writes them.
func tarOf(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestALayerThatReachesOutOfItsFolderNeverGetsToAMachine(t *testing.T) {
	const at = "srv/kopi/orders/current/"
	for name, tc := range map[string]struct {
		entries []tar.Header
		says    string
	}{
		"nothing of the folder": {[]tar.Header{{Typeflag: tar.TypeDir, Name: "srv/"}}, "has nothing below"},
		"a file elsewhere":      {[]tar.Header{{Typeflag: tar.TypeReg, Name: "etc/passwd"}}, "lies outside"},
		"a file above":          {[]tar.Header{{Typeflag: tar.TypeReg, Name: "srv/kopi"}}, "lies outside"},
		"dots":                  {[]tar.Header{{Typeflag: tar.TypeReg, Name: at + "../../../etc/passwd"}}, "lies outside"},
		"an absolute path":      {[]tar.Header{{Typeflag: tar.TypeReg, Name: "/" + at + "a"}}, "lies outside"},
		"a link out":            {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: at + "a", Linkname: "/etc"}}, "a link out of it"},
		"a link out by another": {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: at + "a", Linkname: "."}, {Typeflag: tar.TypeSymlink, Name: at + "b", Linkname: "a/../etc"}}, "a link out of it"},
		"a file beyond a link":  {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: at + "a", Linkname: "b"}, {Typeflag: tar.TypeReg, Name: at + "a/c"}}, "lies beyond a link"},
		"a link that becomes a file": {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: at + "a", Linkname: "b"}, {Typeflag: tar.TypeReg, Name: at + "a"}},
			"is there twice"},
		"a hard link": {[]tar.Header{{Typeflag: tar.TypeLink, Name: at + "a", Linkname: "etc/shadow"}}, "neither file, folder nor link"},
		"a device":    {[]tar.Header{{Typeflag: tar.TypeChar, Name: at + "a"}}, "neither file, folder nor link"},
		"a whiteout":  {[]tar.Header{{Typeflag: tar.TypeReg, Name: "etc/.wh.passwd"}}, "lies outside"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Archive(io.Discard, bytes.NewReader(tarOf(t, tc.entries...)), folder); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := Archive(io.Discard, strings.NewReader(strings.Repeat("no tar", 200)), folder); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no tar: %v", err)
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(packed(f, file("a/b", "c"), File{Path: "d", Link: "a"}))
	f.Add(tarOf(f, tar.Header{Typeflag: tar.TypeReg, Name: "srv/kopi/orders/current/../x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		if _, err := Archive(&out, bytes.NewReader(data), folder); err != nil {
			return
		}
		in := tar.NewReader(&out)
		for {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(h.Name, "/")
			if path.IsAbs(name) || name != path.Clean(name) || strings.HasPrefix(name, "..") {
				t.Fatalf("%q reaches a machine", h.Name)
			}
			if h.Mode&^0o777 != 0 || h.Uid != 0 {
				t.Fatalf("%q has mode %o and owner %d", h.Name, h.Mode, h.Uid)
			}
		}
	})
}

func TestASpecSaysWhatNoImageCanBeMadeOf(t *testing.T) {
	good := Spec{Service: "orders", Version: "4.19.0", Folder: folder, Directory: folder, Entrypoint: []string{folder + "/start"}, Base: Scratch}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Spec){
		`"4 19" is no version`:                   func(s *Spec) { s.Version = "4 19" },
		`"-rc" is no version`:                    func(s *Spec) { s.Version = "-rc" },
		`"" is no version`:                       func(s *Spec) { s.Version = "" },
		`"srv" is no folder for a release`:       func(s *Spec) { s.Folder = "srv" },
		`"/" is no folder for a release`:         func(s *Spec) { s.Directory = "/" },
		"its workload says no command, so the i": func(s *Spec) { s.Entrypoint = nil },
	} {
		s := good
		change(&s)
		if err := s.Check(); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
}

func TestLabelsThatCaravanDoesNotWriteNameNoRelease(t *testing.T) {
	hex := strings.Repeat("ab", 32)
	s := Spec{Service: "orders", Version: "1", Folder: folder, Base: Scratch}
	if layer, at, ok := ReleaseOf(s.Labels("sha256:"+hex, "", "sha256:"+hex)); !ok || layer != "sha256:"+hex || at != folder {
		t.Error(layer, at, ok)
	}
	for layer, at := range map[string]string{"": folder, "sha256:../../../../etc": folder, "sha256:" + hex[2:]: folder, "sha256:" + hex: "/", "sha256:" + hex + "\n": "/srv/../etc", "md5:" + hex: "srv"} {
		if _, _, ok := ReleaseOf(map[string]string{LabelLayer: layer, LabelFolder: at}); ok {
			t.Errorf("%q in %q", layer, at)
		}
	}
}

func TestAnSBOMListsThePackagesThatTellOfThemselves(t *testing.T) {
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	for name, text := range map[string]string{
		"META-INF/MANIFEST.MF": "Implementation-Title: orders\nImplementation-Version: 4\n", "META-INF/maven/org.kopi/orders/pom.properties": "groupId=org.kopi\nartifactId=orders\nversion=4.19.0\n",
		"BOOT-INF/lib/jackson-core-2.17.0.jar": "",
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	files := []File{
		file("package-lock.json", `{"packages": {"": {"name": "orders"}, "node_modules/express": {"version": "4.18.2"}, "node_modules/a/node_modules/@b/c": {"version": "1.0.0"}, "node_modules/jest": {"version": "29", "dev": true}}}`),
		file("lib/Flask-3.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: Flask\nVersion: 3.0\n\nName: other\n"),
		file("app.jar", jar.String()), file("notes.txt", "hello"), file("broken/package-lock.json", "{"), file("broken.jar", "no zip"),
	}
	sums, packages, err := Inventory(files)
	if err != nil {
		t.Fatal(err)
	}
	status := "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9+deb12u7\nDescription: C library\n more\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
	packages = append(packages, Packages(DpkgStatus, int64(len(status)), strings.NewReader(status))...)
	spec := Spec{Service: "orders", Version: "4.19.0", Folder: folder, Base: "debian:12"}
	text, err := SBOM(spec, "sha256:b", packages, sums)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil || d.Format != "CycloneDX" || d.Metadata.Component.Version != "4.19.0" {
		t.Fatal(err, d.Format)
	}
	var got []string
	for _, c := range d.Components {
		got = append(got, strings.TrimSpace(c.Type+" "+c.Name+" "+c.Version+" "+c.PURL))
	}
	want := []string{
		"container debian:12 sha256:b",
		"library libc6 2.36-9+deb12u7 pkg:deb/debian/libc6@2.36-9%2Bdeb12u7",
		"library jackson-core 2.17.0 pkg:maven/jackson-core@2.17.0",
		"library org.kopi:orders 4.19.0 pkg:maven/org.kopi/orders@4.19.0",
		"library @b/c 1.0.0 pkg:npm/%40b/c@1.0.0", "library express 4.18.2 pkg:npm/express@4.18.2",
		"library flask 3.0 pkg:pypi/flask@3.0",
		"file /srv/kopi/orders/current/app.jar", "file /srv/kopi/orders/current/broken.jar", "file /srv/kopi/orders/current/broken/package-lock.json",
		"file /srv/kopi/orders/current/lib/Flask-3.0.dist-info/METADATA", "file /srv/kopi/orders/current/notes.txt", "file /srv/kopi/orders/current/package-lock.json",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if again, err := SBOM(spec, "sha256:b", packages, sums); err != nil || !bytes.Equal(text, again) {
		t.Error("the same release has another SBOM", err)
	}
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if !strings.Contains(string(text), hello) {
		t.Error("the digest of notes.txt is not in it")
	}
}

func TestAProgramBuiltByGoTellsWithWhichGo(t *testing.T) {
	own, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Skip("no /proc here")
	}
	defer func() { _ = own.Close() }()
	info, err := own.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if all := Packages("bin/run", info.Size(), own); !slices.ContainsFunc(all, func(p Package) bool { return p.Type == "golang" && p.Name == "std" && p.Version != "" }) {
		t.Errorf("%v", all)
	}
}

func FuzzPackages(f *testing.F) {
	f.Add("package-lock.json", []byte(`{"packages":{"node_modules/a":{"version":"1"}}}`))
	f.Add("a.dist-info/METADATA", []byte("Name: a\nVersion: 1\n"))
	f.Add("a.jar", []byte("PK\x03\x04"))
	f.Add("var/lib/dpkg/status", []byte("Package: a\nVersion: 1\n\n"))
	f.Add("run", []byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		for _, p := range Packages(name, int64(len(data)), bytes.NewReader(data)) {
			if p.Type == "" || p.From != name {
				t.Errorf("%+v", p)
			}
			if !strings.HasPrefix(p.purl(), "pkg:"+p.Type+"/") {
				t.Error(p.purl())
			}
		}
	})
}
