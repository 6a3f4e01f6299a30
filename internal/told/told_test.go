package told

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/fault"
)

func coded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// answer is what a machine says of a unit that is given A and B by files, C by itself and D by its manager; its process has had A changed, and has more.
var answer = strings.Join([]string{
	"@@ unit kopi-orders.service", "MainPID=952", `Environment=C=3 "E=five words here"`, "PassEnvironment=D", "ActiveState=active",
	"DropInPaths=/etc/systemd/system/kopi-orders.service.d/90-caravan.conf",
	"@@ environ", coded("A=changed\x00B=2\x00C=3\x00D=4\x00E=five words here\x00PATH=/bin\x00LANG=C\x00"),
	"@@ given /etc/kopi/orders.env", coded("A=1\n# B=0\nB=\"2\"\nGONE=x\n"),
	"@@ file /etc/orders.properties", coded("server.port=8210\n"),
	"@@ end", "",
}, "\n")

var wanted = Wanted{Service: "orders", Forms: []config.Form{{As: config.AsProperties, Path: "/etc/orders.properties"}}}

func TestAProcessIsToldWhatItsUnitSaysAsTheProcessHasIt(t *testing.T) {
	p, err := read(answer, "sg-app1", wanted)
	if err != nil {
		t.Fatal(err)
	}
	want := map[config.Slot]string{
		{Key: "A"}: "changed", {Key: "B"}: "2", {Key: "C"}: "3", {Key: "D"}: "4", {Key: "E"}: "five words here", {Key: "server.port", File: "/etc/orders.properties"}: "8210",
	}
	if diff := cmp.Diff(want, p.Values); diff != "" || p.Unit != "kopi-orders.service" || !p.Ours {
		t.Errorf("%s %v (-want +got):\n%s", p.Unit, p.Ours, diff)
	}
}

func TestWhatCannotBeReadIsSaidInOneLine(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		kind         fault.Kind
		says         string
	}{
		{"no unit", "", fault.NotFound, "no unit of orders is there"},
		{"does not run", "@@ unit orders.service\nActiveState=failed\n", fault.Unavailable, "does not run"},
		{"cut off", strings.Replace(answer, "\n@@ end", "", 1), fault.Unavailable, "sg-app1"},
		{"garbled", strings.Replace(answer, "@@ environ\n", "@@ environ\n%%%", 1), fault.Unavailable, "try again"},
		{"another form", strings.Replace(answer, coded("server.port=8210\n"), coded("{"), 1), fault.Invalid, "/etc/orders.properties"},
	} {
		w := wanted
		if c.name == "another form" {
			w.Forms = []config.Form{{As: config.AsJSON, Path: "/etc/orders.properties"}}
		}
		_, err := read(c.answer, "sg-app1", w)
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTheScriptIsOneThatAnyShellReads(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "sh", "-n", "look.sh").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// looked runs the script as a machine would, whose systemctl says that a unit with this process reads these files of variables.
func looked(t *testing.T, pid int, files string) string {
	t.Helper()
	dir := t.TempDir()
	systemctl := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in\n*LoadState*) echo loaded;;\n*EnvironmentFiles*) echo '%s (ignore_errors=yes)';;\n*--value*) echo %d;;\n*) echo MainPID=%d;;\nesac\n", files, pid, pid)
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-s", "--", "orders.service", ":", ":")
	cmd.Stdin = strings.NewReader(strings.Replace(script, "PATH=", "PATH="+dir+":", 1))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestFilesOfVariablesAreFoundByTheirPatternsAsSystemdDoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with blank")
	for name, text := range map[string]string{"one.env": "ONE=1\n", "and two.env": "TWO=2\n", "three.off": "THREE=3\n"} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	process := exec.CommandContext(t.Context(), "cat")
	process.Env = []string{"ONE=1", "TWO=2", "THREE=3"}
	hold, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := read(looked(t, process.Process.Pid, dir+"/*.env"), "m", Wanted{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[config.Slot]string{{Key: "ONE"}: "1", {Key: "TWO"}: "2"}, p.Values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := errors.Join(hold.Close(), process.Wait()); err != nil {
		t.Fatal(err)
	}
}

func TestWhatComesFromWhereSecretsAreKeptIsOne(t *testing.T) {
	w := wanted
	w.Private = "/var/lib/caravan-private/orders"
	p, err := read(strings.Replace(answer, "/etc/kopi/orders.env", w.Private+"/variables", 1), "m", w)
	if err != nil || !p.Hidden[config.Slot{Key: "B"}] || p.Hidden[config.Slot{Key: "C"}] {
		t.Errorf("%v %v", p.Hidden, err)
	}
}

func FuzzReadNeverPanics(f *testing.F) {
	f.Add(answer)
	f.Add("@@ unit x\n@@ environ\n\n@@ end\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := read(text, "m", wanted)
		if err == nil && p.Unit == "" && text != "" && !strings.HasPrefix(text, "@@ ") {
			t.Error("a process without a unit")
		}
	})
}
