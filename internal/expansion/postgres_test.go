package expansion

import (
	"slices"
	"testing"

	"example.org/caravan/internal/render"
)

// TestWhatIsAskedOfPostgreSQLReachesItsSite: keys of the expansion, and what callers are told because of them.
func TestWhatIsAskedOfPostgreSQLReachesItsSite(t *testing.T) {
	for name, tt := range map[string]struct {
		keys, of       string
		host, username string
		check          func(render.Site) bool
	}{
		"nothing": {"", "", "pg.unowned.svc.cluster.local", "api", func(s render.Site) bool {
			return len(s.Operators) == 0 && s.Datastores[0].Pooled == "" && s.Datastores[0].Logins == 0
		}},
		"an operator":       {"operators: [cloudnativepg]", "", "pg.unowned.svc.cluster.local", "api", func(s render.Site) bool { return len(s.Operators) == 1 && s.Operators[0] == render.CloudNativePG }},
		"an image":          {"images: {postgres: \"r.example.org/pg:15\"}", "", "pg.unowned.svc.cluster.local", "api", func(s render.Site) bool { return s.Images["postgres"] == "r.example.org/pg:15" }},
		"PgBouncer":         {"", "pooled: transaction", "pg-pool.unowned.svc.cluster.local", "api", func(s render.Site) bool { return s.Datastores[0].Pooled == render.PoolTransactions }},
		"followers":         {"", "followers: [10.20.1.7/16]", "pg.unowned.svc.cluster.local", "api", func(s render.Site) bool { return slices.Equal(s.Datastores[0].Followers, []string{"10.20.0.0/16"}) }},
		"two accounts each": {"", "logins: 2", "pg.unowned.svc.cluster.local", "", func(s render.Site) bool { return s.Datastores[0].Logins == 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			text := "country: ID\nsource: production-sg\nenvironments:\n  - name: id\n    kind: kubernetes\n"
			if tt.keys != "" {
				text += "    " + tt.keys + "\n"
			}
			text += "services: [api]\n"
			if tt.of != "" {
				text += "datastores:\n  - name: pg\n    " + tt.of + "\n"
			}
			p, err := Plan(estateOf(t, text))
			if err != nil {
				t.Fatal(err)
			}
			s := p.Sites(Known{})[0]
			if len(s.Datastores) != 1 || !tt.check(s) {
				t.Fatalf("%+v %v %v", s.Datastores, s.Operators, s.Images)
			}
			e := s.Services[0].Endpoints["pg"]
			if e.Host != tt.host || e.Username != tt.username || e.Secret != "pg-api" {
				t.Errorf("callers are told %+v", e)
			}
		})
	}
}
