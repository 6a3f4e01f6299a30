package vm

import (
	"encoding/base64"
	"path"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
)

// TestEveryFileGoesWhereCloudInitPutsIt holds the two ways a machine is made what it is planned to be to each other.
func TestEveryFileGoesWhereCloudInitPutsIt(t *testing.T) {
	seen := 0
	for _, a := range archives(t) {
		b := bundle(t, a.site)
		for _, h := range a.site.Hosts {
			var init struct {
				Files []struct{ Path, Content, Encoding string } `yaml:"write_files"`
			}
			at := slices.IndexFunc(b.Files, func(f render.File) bool { return strings.HasSuffix(f.Path, "/hosts/"+h.Name+"/cloud-init.yaml") })
			if err := yaml.Unmarshal([]byte(b.Files[at].Text), &init); err != nil {
				t.Fatal(err)
			}
			want, got := map[string]string{}, map[string]string{}
			for _, f := range init.Files {
				want[f.Path] = decoded(t, f.Content, f.Encoding == "b64")
			}
			for _, f := range b.Files {
				if f.Placed == nil {
					t.Errorf("%s: %s goes nowhere", a.name, f.Path)
				} else if f.Placed.Path != "" && slices.Contains(f.Placed.Hosts, h) {
					got[f.Placed.Path] = decoded(t, f.Text, f.Placed.Base64)
				}
			}
			for place, text := range want {
				if seen++; got[place] != text {
					t.Errorf("%s: %s of %s: %q, cloud-init has %q", a.name, place, h.Name, got[place], text)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: %s: %d files, cloud-init has %d", a.name, h.Name, len(got), len(want))
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d files were looked at", seen)
	}
}

func decoded(t *testing.T, text string, encoded bool) string {
	t.Helper()
	if !encoded {
		return text
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWhatIsInstalledIsReadAsItWasWritten(t *testing.T) {
	seen := 0
	for _, a := range archives(t) {
		for _, f := range bundle(t, a.site).Files {
			if path.Base(f.Path) != render.InstallName {
				continue
			}
			seen++
			i, err := render.ReadInstall(f)
			if err != nil || i.Name != f.Subject || len(i.Hosts) == 0 || i.Patience < 1 {
				t.Errorf("%s: %+v, %v", f.Path, i, err)
			}
			if again, err := i.File(f.Path); err != nil || again.Text != f.Text {
				t.Errorf("%s: %v", again.Text, err)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d were looked at", seen)
	}
}
