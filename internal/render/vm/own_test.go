package vm

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

func TestWhatIsKnownOfAServicesOwnSecretIsWritten(t *testing.T) {
	s := many(1)
	name := s.Services[0].Name
	own := workload.OwnSecret(string(name))
	s.Services[0].Workload.Containers = map[string]workload.Container{"main": {
		Image: ".", Command: []string{"./start"},
		Variables: map[string]string{"API_KEY": "${secrets." + own + ".API_KEY}", "BOTH": "${secrets." + own + ".API_KEY}-${secrets.other.K}", "MODE": "fast"},
		Files:     map[string]workload.File{"/etc/app.json": {Content: `{"key": "${secrets.` + own + `.API_KEY}"}`}},
	}}
	e, err := environmentOf(s)
	if err != nil {
		t.Fatal(err)
	}
	folder, unit := e.secretFolder(), workload.NameOf(string(name))
	hosts := e.at(s.Services[0].Hosts)
	for _, c := range []struct{ value, line, text string }{{`k"$`, "API_KEY=\"k\\\"\\$\"\n", `{"key": "k"$"}`}, {"", "", `{"key": ""}`}} {
		got, err := OwnSecrets(s, name, map[string]string{"API_KEY": c.value})
		if err != nil {
			t.Fatal(err)
		}
		want := []render.Secret{
			{Hosts: hosts, Folder: folder, Path: folder + "/" + unit + ".env", Lines: map[string]string{"API_KEY": c.line}},
			{Hosts: hosts, Folder: folder, Path: folder + "/" + unit + "/etc/app.json", Text: c.text},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if _, err := OwnSecrets(s, "nobody", nil); fault.KindOf(err) != fault.NotFound {
		t.Errorf("who is not there: %v", err)
	}
}
