package machines

import "testing"

func TestAUnitWhoseConditionIsNotMetSaysSoThoughItNeverRan(t *testing.T) {
	for _, c := range []struct {
		name, result, at, active string
		want                     bool
	}{
		{"it was tried, and never ran", "no", "2580396486", "inactive", true},
		{"nobody tried", "no", "0", "inactive", false},
		{"nobody says when", "no", "", "inactive", false},
		{"it is met", "yes", "2580396486", "inactive", false},
		{"it runs", "no", "2580396486", "active", false},
	} {
		u := unitOf("api.service", map[string]string{"ActiveState": c.active, "ConditionResult": c.result, "ConditionTimestampMonotonic": c.at})
		if got := u.Condition != ""; got != c.want {
			t.Errorf("%s: a condition is missing: %v", c.name, got)
		}
	}
}
