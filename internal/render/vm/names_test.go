package vm

import (
	"path"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// TestNamesAreThoseThatAreRendered looks every name up in the files of each archive.
func TestNamesAreThoseThatAreRendered(t *testing.T) {
	for _, a := range archives(t) {
		t.Run(a.name, func(t *testing.T) {
			var all strings.Builder
			for _, f := range bundle(t, a.site).Files {
				all.WriteString("# " + f.Path + "\n" + f.Text)
			}
			var names []estate.ServiceName
			for _, v := range a.site.Services {
				names = append(names, v.Name)
			}
			for _, v := range a.site.Datastores {
				names = append(names, v.Name)
			}
			for _, name := range names {
				n, err := NamesOf(a.site, name)
				if err != nil {
					t.Fatal(err)
				}
				holds(t, all.String(), name, n)
			}
		})
	}
}

func holds(t *testing.T, all string, name estate.ServiceName, n Names) {
	t.Helper()
	wanted := []string{"# " + n.Bundle + "/", n.Current, n.Releases, n.Variables, n.Health, n.Release, n.User, n.Folder, n.Patroni}
	if n.Drain != "" {
		wanted = append(wanted, ">"+n.Drain+"\n", path.Dir(path.Dir(n.Drain))+"/$name/drain")
	}
	for _, unit := range n.Units {
		wanted = append(wanted, "enable, --now, "+unit+"]")
	}
	for _, h := range n.Hosts {
		wanted = append(wanted, "\t"+h+" ", "hosts/"+strings.SplitN(h, ".", 2)[0]+"/cloud-init.yaml")
	}
	for _, w := range slices.Concat(wanted, n.Files, n.Secrets) {
		if !strings.Contains(all, w) {
			t.Errorf("%s: nothing that is rendered holds %q", name, w)
		}
	}
}

func TestTheUnitThatAnswersIsNamedFirst(t *testing.T) {
	for archive, want := range map[string]struct {
		name estate.ServiceName
		unit string
	}{
		"service": {"orders", "orders.service"}, "processes": {"Media Store", "media-store.service"},
		"postgres": {"pg-main", "patroni-pg-main.service"}, "redis": {"redis-cache", "redis-redis-cache.service"},
	} {
		n, err := NamesOf(siteOf(t, archive), want.name)
		if err != nil || n.Units[0] != want.unit {
			t.Errorf("%s: %v, %v", archive, n.Units, err)
		}
	}
}

func TestWhatIsPlacedElsewhereHasNoNames(t *testing.T) {
	if _, err := NamesOf(siteOf(t, "service"), "latte"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
}
