package vm

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

func orders() TakeOver {
	return TakeOver{
		Environment: "production-sg", Service: "orders", Unit: "kopi-orders.service", Hosts: []render.Host{{Name: "sg-app2", Address: "10.10.0.22"}},
		Variables: map[string]string{"MODE": "fast", "GREETING": `a "b" $c`}, Secret: []string{"API_KEY"},
		Files: map[string]string{"/etc/orders.properties": "a=1\n"}, Hidden: []string{"/etc/orders.json"}, Port: 8210, Health: "/healthz",
	}
}

func TestAServiceIsTakenOverByFilesOverItsUnit(t *testing.T) {
	files, err := orders().Render()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range files {
		if path.Base(f.Path) == render.InstallName {
			install, err := render.ReadInstall(f)
			if err != nil || !install.Others || len(install.Secrets) != 2 || len(install.Health) == 0 {
				t.Errorf("%v %+v", err, install)
			}
			continue
		}
		if variables := path.Base(f.Path) == "variables"; variables != (f.Mode == 0o600) {
			t.Errorf("%s has mode %o", f.Path, f.Mode)
		}
		got.WriteString(f.Placed.Path + "\n" + f.Text + "\n")
	}
	if diff := cmp.Diff(`/etc/systemd/system/kopi-orders.service.d/90-caravan.conf
# What orders is told, by Caravan's configuration. Without this file it is told what its unit says.
[Service]
Environment=
PassEnvironment=
EnvironmentFile=
EnvironmentFile=/etc/caravan/orders/variables
EnvironmentFile=/var/lib/caravan-private/orders/variables
BindReadOnlyPaths=/etc/caravan/orders/files/etc/orders.properties:/etc/orders.properties
BindReadOnlyPaths=/var/lib/caravan-private/orders/files/etc/orders.json:/etc/orders.json

/etc/caravan/orders/files/etc/orders.properties
a=1

/etc/caravan/orders/variables
GREETING="a \"b\" \$c"
MODE=fast

`, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatSystemdWouldHandOverChangedIsNotTakenOver(t *testing.T) {
	for name, change := range map[string]func(*TakeOver){
		"an instance":     func(o *TakeOver) { o.Unit = "orders@1.service" },
		"no service":      func(o *TakeOver) { o.Unit = "orders.timer" },
		"a path":          func(o *TakeOver) { o.Unit = "../x.service" },
		"a variable":      func(o *TakeOver) { o.Variables = map[string]string{"a.b": "c"} },
		"a zero byte":     func(o *TakeOver) { o.Variables = map[string]string{"A": "\x00"} },
		"a file":          func(o *TakeOver) { o.Files = map[string]string{"etc/x": ""} },
		"a colon":         func(o *TakeOver) { o.Hidden = []string{"/etc/x:y"} },
		"a file above":    func(o *TakeOver) { o.Files = map[string]string{"/etc/../x": ""} },
		"a unit of lines": func(o *TakeOver) { o.Unit = "a\nb.service" },
	} {
		o := orders()
		change(&o)
		if files, err := o.Render(); fault.KindOf(err) != fault.Invalid || files != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
