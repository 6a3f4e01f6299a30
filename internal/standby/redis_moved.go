package standby

import (
	"fmt"
	"slices"
	"time"

	"example.org/caravan/internal/estate"
)

// RedisSettles is how long after a phase of a move Sentinels may still be finding each other and replicas, and replicas be copied: Sentinels say hello every 2 s and ask
// for replicas every 10 s (SENTINEL_PUBLISH_PERIOD and SENTINEL_INFO_PERIOD of Redis). A replica has as long to connect anew after any failover.
const RedisSettles = 30 * time.Second

// RedisEnd is one end of a move, as far as that explains what is seen there.
type RedisEnd struct {
	Move   RedisMove
	Target bool                   // it is the end that the move goes to
	Other  estate.EnvironmentName // the other end
}

// underWay reports whether a move is neither done nor taken back.
func (e RedisEnd) underWay() bool {
	return slices.Contains([]RedisPhase{RedisFollowing, RedisCutting, RedisLed}, e.Move.Phase)
}

// left reports whether a move has left this end: what is here follows the other one, and no Sentinel watches it.
func (e RedisEnd) left() bool {
	if e.Target {
		return e.Move.Phase == RedisUndone && e.Move.Back
	}
	return e.Move.Phase == RedisMoved
}

// Recent reports whether a move changed something shortly before a time.
func (e RedisEnd) Recent(at time.Time) bool {
	return !e.Move.At.IsZero() && at.Before(e.Move.At.Add(RedisSettles))
}

// Said is what a move says of a datastore at this end, as it was seen; nothing when it does not matter any more.
func (e RedisEnd) Said(name estate.ServiceName, now RedisLook) string {
	_, leads := now.Leader()
	switch {
	case e.Move.Phase == RedisFollowing && e.Target != e.Move.Back:
		return fmt.Sprintf("it follows %s, from which it is being moved here: it takes no writes yet", e.Other)
	case e.Move.Phase == RedisFollowing:
		return fmt.Sprintf("it is being moved to %s, which follows it", e.Other)
	case e.underWay() && e.Move.Back:
		return fmt.Sprintf("its way back between here and %s is in the middle of a cut, so clients may be held or led to nobody who takes writes: run caravan standby back %s again, unless one is at it", e.Other, name)
	case e.underWay():
		return fmt.Sprintf("its move between here and %s is in the middle of a cut, so clients may be held or led to nobody who takes writes: run caravan standby move %s again, or back, unless one is at it", e.Other, name)
	case e.left() && !leads && e.Target:
		return fmt.Sprintf("it was moved back to %s: it follows that, and takes no writes here", e.Other)
	case e.left() && !leads:
		return fmt.Sprintf("it has moved to %s: it takes no writes here", e.Other)
	}
	return ""
}

// Without is a look without what moves cause at their ends: Sentinels that were told to forget, to keep still or to watch again a moment ago, replicas of the other
// end, and a leader that is being made to follow.
func (l RedisLook) Without(ends ...RedisEnd) RedisLook {
	out := l
	out.Sentinels = slices.DeleteFunc(slices.Clone(l.Sentinels), func(s RedisSentinel) bool {
		return slices.ContainsFunc(ends, func(e RedisEnd) bool { return e.explains(s, l) })
	})
	out.Instances = slices.Clone(l.Instances)
	for i := range out.Instances {
		f := &out.Instances[i]
		f.Replicas = slices.DeleteFunc(slices.Clone(f.Replicas), RedisReplica.Hidden)
		if slices.ContainsFunc(ends, func(e RedisEnd) bool { return e.follows(*f, l.At) }) {
			f.Syncing, f.Link = false, true
		}
	}
	return out
}

// explains reports whether a move is why a Sentinel is as it is.
func (e RedisEnd) explains(s RedisSentinel, now RedisLook) bool {
	_, leads := now.Leader()
	switch {
	case s.Unreachable != "":
		return false
	case s.Blind:
		return e.underWay() || e.left() && !leads
	case s.Quorum >= RedisNever:
		return e.underWay()
	}
	return e.Recent(now.At) && (s.NoQuorum != "" || s.Others == 0)
}

// follows reports whether an instance is one that a move under way makes follow the other end, or that connects anew as one changed something a moment ago.
func (e RedisEnd) follows(f RedisFacts, now time.Time) bool {
	return f.Role == Standby && (e.underWay() && f.Instance == e.Side().Leader || e.Recent(now) && f.Down < RedisSettles)
}

// Side is what the move keeps of this end.
func (e RedisEnd) Side() RedisSide {
	if e.Target {
		return e.Move.Target
	}
	return e.Move.Source
}

// Copied reports whether a move may be why replicas of this end were copied whole since a look: it makes the new leader follow, and that one's replicas begin anew.
func (e RedisEnd) Copied(since time.Time) bool { return e.underWay() || e.Recent(since) }
