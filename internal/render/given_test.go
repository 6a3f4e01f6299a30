package render

import (
	"testing"

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
