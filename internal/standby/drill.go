package standby

import "time"

// Drill is a backup that was restored elsewhere, and what was found in it.
type Drill struct {
	At        time.Time     `json:"at"`            // when it began
	Took      time.Duration `json:"took"`          // nanoseconds
	Label     string        `json:"label"`         // of the backup, as its tool calls it
	Ended     time.Time     `json:"ended"`         // when the backup did
	UpTo      time.Time     `json:"upTo,omitzero"` // last change that came back
	Version   string        `json:"version,omitempty"`
	Databases int           `json:"databases,omitempty"`
	Tables    int           `json:"tables,omitempty"` // that were read, with the catalogues
	Own       int           `json:"own,omitempty"`    // of them tables that are no catalogue's
	Indexes   int           `json:"indexes,omitempty"`
	Bytes     int64         `json:"bytes,omitempty"`
	By        string        `json:"by,omitempty"`     // program that read them
	Failed    string        `json:"failed,omitempty"` // what is wrong with the backup; nothing when it is good
}

// Good reports whether the backup was restored and nothing was wrong with it.
func (d Drill) Good() bool { return d.Failed == "" }

// sooner is how long after a drill that failed the next one is due at the latest: a restore is long, and so is not tried all the time.
const sooner = 24 * time.Hour

// Due reports whether a drill is to be done, when one is to be done so often and the last one was this; nothing when there was none.
func Due(last *Drill, every time.Duration, now time.Time) bool {
	if last == nil {
		return true
	}
	if !last.Good() {
		every = min(every, sooner)
	}
	return now.Sub(last.At) >= every
}

// With is what is known of a backup together with its drills: when the last good one was, and what was wrong with the last.
func (b Backup) With(last, good *Drill) Backup {
	if good != nil {
		b.Drilled = good.At
	}
	if b.Failed == "" && last != nil && !last.Good() {
		b.Failed = "restored, it was no good: " + last.Failed
	}
	return b
}
