package hosts_test

import (
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
)

// keepsSecrets writes secrets beside those that people put there, and takes them out again.
func keepsSecrets(t *testing.T, b *testbed.Bed) {
	m := b.Machine("vm2")
	at := []render.Host{{Name: m.Name, Address: m.Address}}
	files := rendered(t, site(b, nil))
	target := open(t, b, files, false)
	do := func(script string) string {
		t.Helper()
		out, err := m.Run(t.Context(), script)
		if err != nil {
			t.Fatal(err, out)
		}
		return out
	}
	do("install -d -m 0700 /etc/keeping && printf 'THEIRS=x\\nA=old' >/etc/keeping/orders.env && chmod 0600 /etc/keeping/orders.env")
	secrets := func(a, text string) []render.Secret {
		return []render.Secret{
			{Hosts: at, Folder: "/etc/keeping", Path: "/etc/keeping/orders.env", Lines: map[string]string{"A": a}},
			{Hosts: at, Folder: "/etc/keeping", Path: "/etc/keeping/orders/etc/app.json", Text: text},
		}
	}
	for range 2 {
		if err := target.PutSecrets(t.Context(), secrets("A=\"new\"\n", "{}")); err != nil {
			t.Fatal(err)
		}
	}
	if got := do("cat /etc/keeping/orders.env; stat -c '%a %U %n' /etc/keeping /etc/keeping/orders.env /etc/keeping/orders/etc/app.json"); got != "THEIRS=x\nA=\"new\"\n700 root /etc/keeping\n600 root /etc/keeping/orders.env\n444 root /etc/keeping/orders/etc/app.json\n" {
		t.Errorf("there is\n%s", got)
	}
	if err := target.DropSecrets(t.Context(), secrets("", "")); err != nil {
		t.Fatal(err)
	}
	if got := do("cat /etc/keeping/orders.env; find /etc/keeping -type f"); strings.TrimSpace(got) != "THEIRS=x\n/etc/keeping/orders.env" {
		t.Errorf("left is\n%s", got)
	}
	do("rm -rf /etc/keeping && mkdir -p /etc/keeping/orders.env")
	want(t, target.PutSecrets(t.Context(), secrets("A=canary-secret-9x\n", "")), fault.Conflict, "/etc/keeping/orders.env")
	do("rm -rf /etc/keeping; rmdir --ignore-fail-on-non-empty /var/lib/caravan")
}
