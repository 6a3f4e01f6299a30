package render

import (
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

func TestAmountsAreReadAsKubernetesAndScoreDo(t *testing.T) {
	for _, tt := range []struct {
		text        string
		thousandths bool
		want        int64
		ok          bool
	}{
		{"", false, 0, true},
		{"512Mi", false, 512 << 20, true},
		{"2G", false, 2_000_000_000, true},
		{"1.5Gi", false, 3 << 29, true},
		{"100k", false, 100_000, true},
		{"1000m", false, 1, true},
		{"500m", true, 500, true},
		{"2", true, 2000, true},
		{"0.0001", true, 1, true},
		{"0", false, 0, false},
		{"-1", false, 0, false},
		{"512MB", false, 0, false},
		{"lots", false, 0, false},
		{"1e3", false, 0, false},
		{"9999999P", false, 0, false},
		{"Ki", false, 0, false},
		{"1K", false, 1000, true},
	} {
		if got, ok := Amount(tt.text, tt.thousandths); ok != tt.ok || ok && got != tt.want {
			t.Errorf("Amount(%q, %v) = %d, %v", tt.text, tt.thousandths, got, ok)
		}
	}
}

func TestADroppedEdgeAsksForNoSecret(t *testing.T) {
	s := Service{Name: "a", Endpoints: map[string]Endpoint{"db": {Type: workload.Postgres, Host: "db.invalid", Dropped: true}}}
	pieces, err := s.Value("postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}:${resources.db.port}/x")
	if err != nil || Form(pieces) != "postgres://:@db.invalid:0/x" {
		t.Errorf("%q, %v", Form(pieces), err)
	}
}

func TestAVariableThatOnlyTheEnvironmentSetsIsGiven(t *testing.T) {
	c := workload.Container{Variables: map[string]string{"LOG": "info", "PLACE": "sg"}}
	s := Service{Name: "orders", Workload: workload.Workload{Containers: map[string]workload.Container{"orders": c, "sidecar": {}}}, Values: map[string]string{"PLACE": "id", "CURRENCY": "IDR"}}
	for name, want := range map[string]string{"orders": "CURRENCY=IDR LOG=info PLACE=id ", "sidecar": "CURRENCY=IDR "} {
		got, err := s.Variables(s.Workload.Containers[name])
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, v := range got {
			text += v.Name + "=" + v.Text() + " "
		}
		if text != want {
			t.Errorf("%s is given %q, want %q", name, text, want)
		}
	}
}

func TestEveryTeamHasANamespaceOfItsOwn(t *testing.T) {
	seen := map[string]estate.TeamName{}
	for _, team := range []estate.TeamName{"", "pay-core", "pay/core", "Pay-Core", "kube-system", "default", "stubs", "unowned", "orders", estate.TeamName(strings.Repeat("long-", 20)), estate.TeamName(strings.Repeat("long-", 20) + "er")} {
		name := Namespace(team)
		if other, taken := seen[name]; taken {
			t.Errorf("%q and %q are both in %s", team, other, name)
		}
		seen[name] = team
		if strings.HasPrefix(name, "kube-") && !strings.Contains(name[5:], "-") || name == "default" || name == StubNamespace || len(name) > 63 || team != "" && name == Unowned {
			t.Errorf("%q is in %s", team, name)
		}
	}
	if Namespace("orders") != "orders" {
		t.Errorf("a plain name became %s", Namespace("orders"))
	}
}
