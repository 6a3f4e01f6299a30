package consent

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
)

var moments = rapid.Map(rapid.IntRange(0, 100), func(hours int) time.Time {
	return time.Date(2026, 3, 1, hours, 0, 0, 0, time.UTC)
})

func anyLight(t *rapid.T, s Step) GreenLight {
	l := GreenLight{
		Team: rapid.SampledFrom([]estate.TeamName{"data", "security", "orders", ""}).Draw(t, "team"),
		By:   rapid.SampledFrom([]string{"ani", "budi", "Budi", "", "eka"}).Draw(t, "by"), For: rapid.SampledFrom([]string{"", "", "", "ani"}).Draw(t, "for"),
		Step:   rapid.SampledFrom([]journey.StepID{s.ID, s.ID, s.ID, "id/other"}).Draw(t, "step"),
		Digest: rapid.SampledFrom([]estate.Digest{s.Digest, s.Digest, s.Digest, "", "sha256:old"}).Draw(t, "digest"),
		At:     moments.Draw(t, "at"),
	}
	if rapid.IntRange(0, 3).Draw(t, "revoked") == 0 {
		l.Revoked = moments.Draw(t, "when")
	}
	return l
}

func anyLights(t *rapid.T, s Step) []GreenLight {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) GreenLight { return anyLight(t, s) }), 0, 12).Draw(t, "lights")
}

func anyVetoes(t *rapid.T, s Step) []Veto {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Veto {
		v := Veto{Team: "payments", By: "dewi", Reason: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "reason"), At: moments.Draw(t, "at"),
			Step: rapid.SampledFrom([]journey.StepID{s.ID, "", "id/other"}).Draw(t, "step")}
		if rapid.Bool().Draw(t, "withdrawn") {
			v = v.Withdraw(moments.Draw(t, "when"))
		}
		return v
	}), 0, 3).Draw(t, "vetoes")
}

// agreed are green lights by which the datastore may begin.
func agreed(s Step) []GreenLight {
	return []GreenLight{yes(s, "data", "tono"), yes(s, "data", "rini"), yes(s, "security", "eka")}
}

func TestAnyChangeOfADigestVoidsEveryGreenLight(t *testing.T) {
	p, now := policy(t, strict), noon(t)
	rapid.Check(t, func(t *rapid.T) {
		s := datastore()
		s.Digest = estate.DigestOf(rapid.String().Draw(t, "step"))
		lights := agreed(s)
		if !Missing(s, lights, nil, p, now).Allowed {
			t.Fatal("agreed, and not allowed")
		}
		text := []byte(s.Digest)
		i := rapid.IntRange(0, len(text)-1).Draw(t, "where")
		text[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "change"))
		s.Digest = estate.Digest(text)
		for _, n := range Missing(s, lights, nil, p, now).Needs {
			if len(n.By) > 0 {
				t.Errorf("%s still agrees", n.Team)
			}
		}
	})
}

func TestMoreGreenLightsNeverTakeOneAway(t *testing.T) {
	p, now := policy(t, strict), noon(t)
	rapid.Check(t, func(t *rapid.T) {
		s := datastore()
		before := anyLights(t, s)
		if rapid.Bool().Draw(t, "agreed") {
			before = append(before, agreed(s)...)
		}
		after := slices.Concat(before, anyLights(t, s))
		a, b := Missing(s, before, nil, p, now), Missing(s, after, nil, p, now)
		if a.Allowed && !b.Allowed {
			t.Errorf("allowed, then not: %v", b.Lines())
		}
		for i, n := range a.Needs {
			if len(b.Needs[i].By) < len(n.By) {
				t.Errorf("%s: %v, then %v", n.Team, n.By, b.Needs[i].By)
			}
		}
	})
}

func TestTheOrderOfWhatWasSaidDoesNotMatter(t *testing.T) {
	p, now := policy(t, strict), noon(t)
	rapid.Check(t, func(t *rapid.T) {
		s := datastore()
		lights, vetoes := anyLights(t, s), anyVetoes(t, s)
		want := Missing(s, lights, vetoes, p, now)
		got := Missing(s, rapid.Permutation(lights).Draw(t, "other order"), rapid.Permutation(vetoes).Draw(t, "of vetoes"), p, now)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestARevokedGreenLightNeverCounts(t *testing.T) {
	p := policy(t, strict)
	rapid.Check(t, func(t *rapid.T) {
		s, now := datastore(), moments.Draw(t, "now")
		standing, revoked := anyLights(t, s), anyLights(t, s)
		for i := range revoked {
			revoked[i].Revoked = moments.Draw(t, "revoked at")
		}
		want := Missing(s, standing, nil, p, now)
		if diff := cmp.Diff(want, Missing(s, slices.Concat(standing, revoked), nil, p, now)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheSamePersonTwiceCountsOnce(t *testing.T) {
	p, now := policy(t, strict), noon(t)
	rapid.Check(t, func(t *rapid.T) {
		s := datastore()
		lights := anyLights(t, s)
		again := slices.Concat(lights, lights)
		for i := range again[len(lights):] {
			again[len(lights)+i].By += " "
		}
		if diff := cmp.Diff(Missing(s, lights, nil, p, now), Missing(s, again, nil, p, now)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAStandingVetoBlocksWhateverIsAgreed(t *testing.T) {
	p, now := policy(t, strict), noon(t)
	rapid.Check(t, func(t *rapid.T) {
		s := datastore()
		vetoes := anyVetoes(t, s)
		stands := slices.ContainsFunc(vetoes, func(v Veto) bool { return v.holds(s.ID, now) })
		if v := Missing(s, slices.Concat(agreed(s), anyLights(t, s)), vetoes, p, now); v.Allowed == stands {
			t.Errorf("allowed %v with %d vetoes", v.Allowed, len(vetoes))
		}
	})
}
