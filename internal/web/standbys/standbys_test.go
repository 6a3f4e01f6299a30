package standbys

import (
	"testing"

	"example.org/caravan/internal/standby"
)

func TestARedisHasNoWarmth(t *testing.T) {
	for technology, want := range map[string]string{"redis": "–", "postgres": "not measured"} {
		if got := (Datastore{Topology: standby.Topology{Technology: technology}}).unmeasured(); got != want {
			t.Errorf("of %s it says %q", technology, got)
		}
	}
}

func TestOnlyAMoveThatIsBeingTakenBackReturns(t *testing.T) {
	for phase, want := range map[string]bool{"": false, "following": false, "returning": true, "undoing": true, "undone": false, "moved": false} {
		if got := (Move{Phase: phase}).returns(); got != want {
			t.Errorf("%q: %v", phase, got)
		}
	}
}
