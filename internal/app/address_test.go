package app

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/caravan/internal/address"
)

const network = `resource "google_compute_network" "id" { name = "production-id" }
resource "google_compute_subnetwork" "machines" {
  name          = "production-id"
  ip_cidr_range = "RANGE"
}
resource "google_compute_subnetwork" "lab" {
  name          = "lab"
  ip_cidr_range = "10.70.0.0/20"
}
`

// TestARangeAtWorkIsStillItsLease leases a range, builds a network of it with Terraform, and scans that: it must not keep the holder
// out of its own range, nor clash with itself, while the network that nobody leased is kept out.
func TestARangeAtWorkIsStillItsLease(t *testing.T) {
	a, dir := kopi(t)
	ctx := t.Context()
	lease := func(holder, parent string, bits int) netip.Prefix {
		t.Helper()
		l, err := a.Lease(ctx, LeaseRequest{Holder: holder, Parent: parent, Bits: bits})
		if err != nil {
			t.Fatal(err)
		}
		return l.Prefix
	}
	whole := lease("id/production-id", "pool:countries", 20)
	text := strings.Replace(network, "RANGE", whole.String(), 1)
	if err := os.WriteFile(filepath.Join(dir, "network.tf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := a.StartScan(ScanRequest{ConfigOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if st = ended(t, a, st.ID); st.State != "done" {
		t.Fatalf("%+v", st)
	}
	if part := lease("id/production-id/vpn", "id/production-id", 28); !whole.Contains(part.Addr()) {
		t.Errorf("%s is no part of %s", part, whole)
	}
	all, err := a.Addresses(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Clashes) != 0 {
		t.Errorf("clashes: %v", all.Clashes)
	}
	lab := false
	for _, u := range all.Used {
		lab = lab || u.Network == "lab"
		if u.Prefix == whole {
			t.Errorf("%s of %s is told beside its lease", u.Prefix, u.Network)
		}
	}
	if !lab || all.Pools[0].InUse != 1<<12 || all.Pools[0].Taken != 1<<13 {
		t.Errorf("%+v beside %+v", all.Pools, all.Used)
	}
}

func TestAnEnvironmentThatUsesItsLeaseDoesNotClashWithIt(t *testing.T) {
	prefix := netip.MustParsePrefix
	leases := []address.Lease{{Holder: "id/prod/machines", Parent: "pool:p", Prefix: prefix("10.64.0.0/26"), Purpose: address.ForMachines, State: address.Live}}
	used := []address.Used{{Network: "prod", Prefix: prefix("10.64.0.0/26")}, {Network: "prod", Prefix: prefix("10.64.0.32/27")}, {Network: "lab", Prefix: prefix("10.64.0.0/26")}}
	joints := []address.Joint{{A: "lab", B: "prod", Kind: "vpn"}}
	found := address.Clashes(holdings(leases, used), joints)
	if len(found) != 1 || !strings.Contains(found[0].String(), "10.64.0.0/26 of id/prod/machines overlaps 10.64.0.0/26 of lab") && !strings.Contains(found[0].String(), "10.64.0.0/26 of lab overlaps 10.64.0.0/26 of id/prod/machines") {
		t.Errorf("%v", found)
	}
}
