package examples

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write kopi-modules.txtar anew from the folder kopi")

// truth is kopi-truth.json.
type truth struct {
	Services []struct {
		Name  string
		Kind  string
		Names []string
	}
	Edges []struct {
		From, To, Why  string
		Infrastructure bool
		Optional       bool
	}
}

func TestTheModulesKeptApartAreThoseInTheFolder(t *testing.T) {
	want := &txtar.Archive{Comment: []byte("The folders of kopi that are Go modules, which embedding leaves out.\n" +
		"Written by: go test ./examples -update\n")}
	onDisk := os.DirFS("kopi")
	for _, name := range fileNames(t, onDisk) {
		if !insideModule(onDisk, name) {
			continue
		}
		want.Files = append(want.Files, txtar.File{Name: name, Data: content(t, onDisk, name)})
	}
	if *update {
		if err := os.WriteFile("kopi-modules.txtar", txtar.Format(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(txtar.Format(want)), modules); diff != "" {
		t.Errorf("kopi-modules.txtar is not what the folder holds; run go test ./examples -update (-folder +archive):\n%s", diff)
	}
}

func insideModule(fsys fs.FS, name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
			return true
		}
	}
	return false
}

func TestKopiIsTheFolderToTheByte(t *testing.T) {
	onDisk, carried := os.DirFS("kopi"), Kopi()
	if diff := cmp.Diff(fileNames(t, onDisk), fileNames(t, carried)); diff != "" {
		t.Fatalf("file names differ (-folder +carried):\n%s", diff)
	}
	for _, name := range fileNames(t, onDisk) {
		if !bytes.Equal(content(t, onDisk, name), content(t, carried, name)) {
			t.Errorf("%s is carried with other content than the folder's", name)
		}
	}
	if err := fstest.TestFS(carried, "caravan.yaml", "services/payments/go.mod", "services/shop/.env.production"); err != nil {
		t.Error(err)
	}
}

func TestEveryTrueEdgeNamesALineThatSpeaksOfTheProvider(t *testing.T) {
	truth := readTruth(t)
	spoken := map[string][]string{}
	for _, s := range truth.Services {
		spoken[s.Name] = append(s.Names, s.Name)
	}
	// A virtual machine's address stands for whatever runs at that port of it.
	spoken["shop"] = append(spoken["shop"], "10.10.0.21:3000")
	spoken["orders"] = append(spoken["orders"], "10.10.0.22:8210")
	spoken["mobile-gateway"] = append(spoken["mobile-gateway"], "10.10.0.21:8200")
	spoken["lb"] = append(spoken["lb"], "10.10.0.11:8404")
	spoken["pg-main"] = append(spoken["pg-main"], "10.10.1.21")

	required := 0
	for _, e := range truth.Edges {
		if spoken[e.From] == nil || spoken[e.To] == nil {
			t.Errorf("%s → %s: one of them is not among the services", e.From, e.To)
		}
		if !e.Optional {
			required++
		}
		line := lineNamed(t, e.Why)
		if !speaksOf(line, spoken[e.To]) {
			t.Errorf("%s → %s: %s does not name the provider: %s", e.From, e.To, e.Why, line)
		}
	}
	if required < 80 {
		t.Errorf("only %d edges that a map must show", required)
	}
}

func speaksOf(line string, names []string) bool {
	for _, n := range names {
		if strings.Contains(line, n) {
			return true
		}
	}
	return false
}

var evidence = regexp.MustCompile(`([\w./-]+):(\d+)\)?$`)

func lineNamed(t *testing.T, why string) string {
	t.Helper()
	m := evidence.FindStringSubmatch(why)
	if m == nil {
		t.Fatalf("%q does not end in file:line", why)
	}
	lines := strings.Split(string(content(t, Kopi(), m[1])), "\n")
	n, err := strconv.Atoi(m[2])
	if err != nil || n < 1 || n > len(lines) {
		t.Fatalf("%q: %s has %d lines", why, m[1], len(lines))
	}
	return lines[n-1]
}

func TestEveryCanaryIsPlantedSomewhere(t *testing.T) {
	list, err := os.ReadFile("kopi-canaries.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range fileNames(t, Kopi()) {
		all.Write(content(t, Kopi(), name))
	}
	known := strings.Fields(string(list))
	for _, canary := range known {
		if !strings.Contains(all.String(), canary) {
			t.Errorf("%s is in the list but in no file", canary)
		}
	}
	for _, planted := range regexp.MustCompile(`canary-[a-z0-9-]+`).FindAllString(all.String(), -1) {
		if !strings.Contains(string(list), planted+"\n") {
			t.Errorf("%s is in a file but not in the list", planted)
		}
	}
	if len(known) < 10 {
		t.Errorf("only %d canaries", len(known))
	}
}

func readTruth(t *testing.T) truth {
	t.Helper()
	data, err := os.ReadFile("kopi-truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var out truth
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func fileNames(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func content(t *testing.T, fsys fs.FS, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
