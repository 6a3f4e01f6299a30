package standby

import (
	"strings"
	"testing"
	"time"
)

// moved is what is left of sound where a move has led its clients elsewhere.
func moved() RedisLook {
	l := sound(time.Minute)
	l.Instances[0].Role, l.Instances[0].Master, l.Instances[0].Link = Standby, "10.1.0.1:6379", true
	for i := range l.Sentinels {
		l.Sentinels[i] = RedisSentinel{Address: l.Sentinels[i].Address, Blind: true}
	}
	return l
}

// again is sound where Sentinels have begun to watch again, and know nobody.
func again() RedisLook {
	l := sound(time.Minute)
	for i := range l.Sentinels {
		l.Sentinels[i].Others, l.Sentinels[i].NoQuorum = 0, "NOQUORUM 1 usable Sentinels"
	}
	return l
}

// apart is sound but for a replica that has followed nobody for moments.
func apart() RedisLook {
	l := sound(time.Minute)
	l.Instances[1].Link, l.Instances[1].Down = false, 4*time.Second
	return l
}

func TestAMoveExplainsWhatIsSeen(t *testing.T) {
	now := sound(time.Minute).At
	for _, tt := range []struct {
		name  string
		look  RedisLook
		move  RedisMove
		of    bool // the target
		said  string
		finds int
	}{
		{"no move", moved(), RedisMove{}, false, "", 3},
		{"it has moved", moved(), RedisMove{Phase: RedisMoved}, false, "it has moved to cluster: it takes no writes here", 0},
		{"it has moved, and another move has brought it back", sound(time.Minute), RedisMove{Phase: RedisMoved}, false, "", 0},
		{"it has moved, and a Sentinel is away", func() RedisLook {
			l := moved()
			l.Sentinels[0] = RedisSentinel{Address: "10.0.0.1:26379", Unreachable: "refused"}
			return l
		}(), RedisMove{Phase: RedisMoved}, false, "it has moved to cluster", 1},
		{"what it was moved to", sound(time.Minute), RedisMove{Phase: RedisMoved}, true, "", 0},
		{"it was moved back", moved(), RedisMove{Phase: RedisUndone, Back: true}, true, "it was moved back to cluster: it follows that", 0},
		{"it never was moved", moved(), RedisMove{Phase: RedisUndone}, true, "", 3},
		{"its Sentinels watch again since a moment", again(), RedisMove{Phase: RedisUndone, Back: true, At: now.Add(-time.Second)}, false, "", 0},
		{"its Sentinels watch again since long", again(), RedisMove{Phase: RedisUndone, Back: true, At: now.Add(-time.Minute)}, false, "", 3},
		{"it is being moved", sound(time.Minute), RedisMove{Phase: RedisFollowing}, false, "it is being moved to cluster, which follows it", 0},
		{"it is being moved here", moved(), RedisMove{Phase: RedisFollowing}, true, "it follows cluster, from which it is being moved here", 0},
		{"it is in the middle of its way back", sound(time.Minute), RedisMove{Phase: RedisCutting, Back: true}, false, "run caravan standby back cart again, unless", 0},
		{"it is copied whole for a move", func() RedisLook {
			l := moved()
			l.Instances[0].Link, l.Instances[0].Syncing = false, true
			return l
		}(), RedisMove{Phase: RedisFollowing, Target: RedisSide{Leader: "a"}}, true, "it follows cluster", 0},
		{"another is copied whole meanwhile", func() RedisLook {
			l := moved()
			l.Instances[1].Link, l.Instances[1].Syncing = false, true
			return l
		}(), RedisMove{Phase: RedisFollowing, Target: RedisSide{Leader: "a"}}, true, "it follows cluster", 1},
		{"one connects anew a moment after", apart(), RedisMove{Phase: RedisUndone, Back: true, At: now.Add(-4 * time.Second)}, false, "", 0},
		{"one does not follow long after", apart(), RedisMove{Phase: RedisUndone, Back: true, At: now.Add(-time.Minute)}, false, "", 1},
		{"in the middle of a cut", moved(), RedisMove{Phase: RedisCutting}, false, "run caravan standby move cart again", 0},
		{"a replica of the other end is none of its own", func() RedisLook {
			l := sound(time.Minute)
			l.Instances[0].MinReplicas = new(0)
			l.Instances[0].Replicas[1].Address = RedisNowhere + ":6379"
			return l
		}(), RedisMove{Phase: RedisUndone, Back: true}, false, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := RedisEnd{Move: tt.move, Target: tt.of, Other: "cluster"}
			said := e.Said("cart", tt.look)
			if tt.said == "" && said != "" || !strings.Contains(said, tt.said) {
				t.Errorf("it says %q", said)
			}
			without := tt.look.Without(e)
			if found := JudgeRedis(without, RedisLook{}, RedisOutage); len(found) != tt.finds {
				t.Errorf("%d findings: %+v", len(found), found)
			}
		})
	}
}

func TestAMoveThatIsTakenBackIsShownSo(t *testing.T) {
	for _, tt := range []struct {
		move RedisMove
		want RedisPhase
	}{
		{RedisMove{Phase: RedisLed}, RedisLed},
		{RedisMove{Phase: RedisLed, Back: true}, RedisReturning},
		{RedisMove{Phase: RedisUndone, Back: true}, RedisUndone},
		{RedisMove{}, RedisBegun},
	} {
		if got := tt.move.Shown(); got != tt.want {
			t.Errorf("%+v is shown as %s", tt.move, got)
		}
	}
}

func TestFullCopiesOfAMoveAreNoStorm(t *testing.T) {
	for _, tt := range []struct {
		name string
		move RedisMove
		want bool
	}{
		{"under way", RedisMove{Phase: RedisFollowing}, true},
		{"done since the last look", RedisMove{Phase: RedisMoved, At: noon.Add(time.Second)}, true},
		{"done long before", RedisMove{Phase: RedisMoved, At: noon.Add(-time.Minute)}, false},
		{"none", RedisMove{}, false},
	} {
		if got := (RedisEnd{Move: tt.move}).Copied(noon); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestAnotherMoveKnowsWhatTheFirstLeft(t *testing.T) {
	m := RedisMove{Phase: RedisUndone, Back: true, Target: RedisSide{Leader: "t", MinReplicas: new(1)}, Led: []RedisLedBy{{Way: "w"}, {Way: "w", Back: true, Out: []string{"t1"}}}}
	next := m.Again()
	if left, known := next.LeftOf("t"); !known || *left.MinReplicas != 1 || next.Phase != RedisBegun || next.Back {
		t.Errorf("%+v", next)
	}
	if _, known := next.LeftOf("u"); known {
		t.Error("it knows of one that was not hidden")
	}
	if next.LedBy("w", false) != nil || next.LedBy("w", true) == nil {
		t.Errorf("%+v", next.Led)
	}
	if (RedisMove{Phase: RedisUndone}).Again().Left != nil {
		t.Error("a move that was taken back before its cut left something")
	}
}
