package workload_test

import (
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

const asking = `# kept
apiVersion: score.dev/v1b1
metadata: {name: orders}
containers:
  orders:
    image: .
`

func TestANeedIsWrittenAndAllElseStays(t *testing.T) {
	for why, c := range map[string]struct {
		rest, want string
		kind       fault.Kind
	}{
		"the first":               {"", "resources:\n  db-x:\n    type: postgres\n", 0},
		"one more":                {"resources:\n  cache: # hot\n    type: redis\n", "resources:\n  cache: # hot\n    type: redis\n  db-x:\n    type: postgres\n", 0},
		"one that is there":       {"resources:\n  db-x:\n    type: redis\n", "", fault.Conflict},
		"beside others on a line": {"resources: {cache: {type: redis}}\n", "", fault.Conflict},
		"into what is broken":     {"resources: 7\n", "", fault.Invalid},
	} {
		got, err := workload.Ask([]byte(asking+c.rest), "services/orders/score.yaml", "db-x", "postgres")
		if c.want == "" {
			if fault.KindOf(err) != c.kind {
				t.Errorf("%s: %v", why, err)
			}
			continue
		}
		if err != nil || string(got) != asking+c.want {
			t.Errorf("%s: %v\n%s", why, err, got)
		}
	}
	if p := strings.Join(workload.Placeholders("db-x", workload.Redis), " "); p != "${resources.db-x.host} ${resources.db-x.port} ${resources.db-x.username} ${resources.db-x.password}" {
		t.Error(p)
	}
}
