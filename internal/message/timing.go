package message

import "time"

// Timing is when messages to people are sent. The zero value sends everything at once.
type Timing struct {
	Digest time.Duration // what comes within that time for one address goes out together
	From   int           // quiet from, in minutes since midnight
	Until  int           // quiet until; the same as From for no quiet
	Zone   *time.Location
}

// Due is when what is said at a moment is sent: after the time in which more may come, outside of quiet hours. Programs wait for nothing.
func (t Timing) Due(c Channel, at time.Time) time.Time {
	if c == Webhook {
		return at
	}
	return t.awake(at.Add(t.Digest))
}

// Quiet reports whether people are left alone at a moment.
func (t Timing) Quiet(at time.Time) bool { return !t.awake(at).Equal(at) }

// awake is the first moment, from one on, at which people are not left alone.
func (t Timing) awake(at time.Time) time.Time {
	if t.From == t.Until {
		return at
	}
	zone := t.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := at.In(zone)
	clock := local.Hour()*60 + local.Minute()
	overnight := t.From > t.Until
	if overnight && clock < t.From && clock >= t.Until || !overnight && (clock < t.From || clock >= t.Until) {
		return at
	}
	day := local.Day()
	if overnight && clock >= t.From {
		day++
	}
	return time.Date(local.Year(), local.Month(), day, t.Until/60, t.Until%60, 0, 0, zone).In(at.Location())
}

// MostAttempts is how often a letter is tried before it has failed: with Pause between them, for most of a day.
const MostAttempts = 20

// longestPause is the longest time between two attempts.
const longestPause = time.Hour

// Pause is how long to wait after so many attempts that failed: a minute, then twice as long each time, an hour at most.
func Pause(attempts int) time.Duration {
	pause := time.Minute
	for range attempts - 1 {
		if pause >= longestPause {
			return longestPause
		}
		pause *= 2
	}
	return min(pause, longestPause)
}
