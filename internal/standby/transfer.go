package standby

import (
	"fmt"
	"regexp"
	"time"

	"example.org/caravan/internal/fault"
)

// Transfer is a move of PostgreSQL databases from one server to another, as far as it has come. It holds no secret, so it can be kept
// anywhere; whoever carries the move on needs nothing else of what was done before.
type Transfer struct {
	ID        string    `json:"id"` // part of the names of what is made on the servers
	Method    Method    `json:"method"`
	Systems   Systems   `json:"systems,omitzero"` // which servers it was begun on
	Databases []string  `json:"databases"`
	Phase     Phase     `json:"phase"`
	Made      Made      `json:"made"`              // on the target, to be taken away when it is undone
	Cuts      []Cut     `json:"cuts,omitempty"`    // in the order they were made
	Moved     time.Time `json:"moved,omitzero"`    // when the target took over
	Stilled   []string  `json:"stilled,omitempty"` // environments whose keeper was told to fail nothing over meanwhile
}

// Systems are the two sides of a transfer as PostgreSQL tells clusters of databases apart: the system identifier that initdb gave each, which all
// instances of a cluster share, whoever of them leads. Empty until it begins.
type Systems struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

// Method is how data gets to the target.
type Method string

// The methods.
const (
	Physical Method = "physical" // the target is a standby of the source until it is promoted
	Logical  Method = "logical"  // the target subscribes to what changes in the source
)

// Phase is how far a transfer has come. Each is entered when what it says is so; a phase that ends in -ing is entered before its work
// begins, so that whoever finds it knows that some of the work may have been done.
type Phase string

// The phases, in their order: a transfer that is undone before the cut goes from any of the first four to undoing, one that goes back
// within its window from moved to returning.
const (
	Planned   Phase = "planned"   // nothing was done
	Preparing Phase = "preparing" // roles, databases and schemas are being made on the target, which takes no writes
	Prepared  Phase = "prepared"
	Following Phase = "following" // the target has all that the source has, and is told of every change
	Cutting   Phase = "cutting"   // clients are being brought to the target
	Moved     Phase = "moved"     // the target takes the writes, and the source is told of them
	Proven    Phase = "proven"    // and both had the same rows at the cut
	Returning Phase = "returning" // clients are being brought back to the source
	Returned  Phase = "returned"  // the source takes the writes again, and the target is told of them
	Undoing   Phase = "undoing"   // what was made is being taken away
	Undone    Phase = "undone"
	Closing   Phase = "closing" // the source is being left as it was at the end of the window
	Closed    Phase = "closed"
)

// Made is what a transfer made on its target, noted before it was made.
type Made struct {
	Databases []string `json:"databases,omitempty"`
	Aside     []string `json:"aside,omitempty"` // databases that were there, empty, and were renamed to Aside(name) meanwhile
	Roles     []string `json:"roles,omitempty"`
	Passwords []string `json:"passwords,omitempty"` // roles that were there without a password and were given the source's
}

// Cut is one change of the side that takes writes.
type Cut struct {
	To      string        `json:"to"` // the name of the server
	At      time.Time     `json:"at"`
	Pause   time.Duration `json:"pause"`             // from when clients were held until they were let go, as the mover saw it
	Resumed bool          `json:"resumed,omitempty"` // by another process than began it, so Pause is only its own part
	Proof   []Proof       `json:"proof,omitempty"`   // by database and table; empty until it was made

	// Unproven is why no proof can be made any more; what was made on the target is then left there, so that nothing is lost.
	Unproven string `json:"unproven,omitempty"`
}

// Proof is what both sides had of a table at the same moment.
type Proof struct {
	Database string `json:"database"`
	Table    string `json:"table"` // schema.name
	From     Count  `json:"from"`
	To       Count  `json:"to"`
}

// Count is how many rows a table has, and the sum of the hashes of all of them, which does not depend on their order: PostgreSQL's
// hashtextextended of each row's text with seed 0, added up.
type Count struct {
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"`
}

// Equal reports whether both sides had the same.
func (p Proof) Equal() bool { return p.From == p.To }

// Unequal are the tables of a cut whose sides differed.
func (c Cut) Unequal() []Proof {
	var out []Proof
	for _, p := range c.Proof {
		if !p.Equal() {
			out = append(out, p)
		}
	}
	return out
}

var plainID = regexp.MustCompile(`^[a-z][a-z0-9_]{0,29}$`)

// Validate reports what a transfer cannot be carried out with.
func (t Transfer) Validate() error {
	if !plainID.MatchString(t.ID) {
		return fault.Newf(fault.Invalid, "transfer %q: its id becomes part of names in PostgreSQL; take up to 30 lower-case letters, digits and _, a letter first", t.ID)
	}
	if len(t.Databases) == 0 {
		return fault.Newf(fault.Invalid, "transfer %s: no database is named; say which are to be moved", t.ID)
	}
	return nil
}

// Publication is the name of a transfer's publications, on either side.
func (t Transfer) Publication() string { return "caravan_" + t.ID }

// Subscription is the name of a transfer's subscriptions, on either side.
func (t Transfer) Subscription() string { return "caravan_" + t.ID }

// Slot is the name of the replication slot that one of a transfer's databases is followed through, on the side that is followed.
func (t Transfer) Slot(database string) string {
	for i, name := range t.Databases {
		if name == database {
			return fmt.Sprintf("caravan_%s_%d", t.ID, i)
		}
	}
	return "caravan_" + t.ID
}

// Aside is the name an empty database of the target has while a transfer's own stands in its place. PostgreSQL cuts names at 63 bytes.
func (t Transfer) Aside(database string) string {
	const longest = 63
	suffix := "_before_" + t.ID
	return database[:min(len(database), longest-len(suffix))] + suffix
}

// Undoable reports whether a transfer can be taken back without losing a write.
func (t Transfer) Undoable() bool { return t.Phase != Closing && t.Phase != Closed }

// BeforeReturn is the phase of a transfer before clients began to be brought back, which it has again when that is given up: Proven where the first cut was proven
// to have lost nothing, else Moved.
func (t Transfer) BeforeReturn() Phase {
	switch {
	case t.Phase != Returning:
		return t.Phase
	case len(t.Cuts) > 0 && len(t.Cuts[0].Proof) > 0 && len(t.Cuts[0].Unequal()) == 0:
		return Proven
	}
	return Moved
}

// Until is until when a transfer that has moved can surely be taken back, by a window; never for one that has not, or cannot any more.
func (t Transfer) Until(window time.Duration) time.Time {
	if t.Phase != Moved && t.Phase != Proven {
		return time.Time{}
	}
	return t.Moved.Add(window)
}

// Pauses are for how long clients were held, cut by cut.
func (t Transfer) Pauses() []time.Duration {
	var out []time.Duration
	for _, c := range t.Cuts {
		out = append(out, c.Pause)
	}
	return out
}
