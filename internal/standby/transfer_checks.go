package standby

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Check is something that stands in the way of a transfer, or that whoever moves should know.
type Check struct {
	Blocking bool   `json:"blocking"`
	Subject  string `json:"subject"` // a server, or a database
	What     string `json:"what"`
	Mend     string `json:"mend,omitempty"`
}

// Blocking are the checks that stand in the way.
func Blocking(checks []Check) []Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return !c.Blocking })
}

// MethodFor chooses how data gets to the target, and says why. A physical copy takes everything and any kind of thing, but only a server of
// the same major version, built alike, whose collations sort as the source's do: else indexes of the copy are wrong without saying so.
func MethodFor(f TransferFacts) (Method, string) {
	s, t := f.Source, f.Target
	switch {
	case s.Major() != t.Major():
		return Logical, fmt.Sprintf("%s runs PostgreSQL %d, %s %d", s.Name, s.Major(), t.Name, t.Major())
	case machine(s) != machine(t) || s.Block != t.Block:
		return Logical, fmt.Sprintf("%s and %s keep their files differently (%s with pages of %d, %s with pages of %d)", s.Name, t.Name, machine(s), s.Block, machine(t), t.Block)
	}
	for _, d := range f.Databases {
		if d.Collation[0] != d.Collation[1] {
			return Logical, fmt.Sprintf("%s sorts by %s %s on %s and %s on %s, so indexes that are copied as files would be wrong", d.Name, d.Locale, orNone(d.Collation[0]), s.Name, orNone(d.Collation[1]), t.Name)
		}
	}
	if left := stayBehind(f); len(left) > 0 {
		return Logical, "a physical copy takes whole servers, and these stay: " + strings.Join(left, ", ")
	}
	return Physical, fmt.Sprintf("both run PostgreSQL %d, are built alike and sort alike, and all databases move", s.Major())
}

// machine is the processor a server was built for, the first part of what GNU calls a triplet.
func machine(s ServerFacts) string {
	cpu, _, _ := strings.Cut(s.Machine, "-")
	return cpu
}

func orNone(version string) string {
	if version == "" {
		return "(no version)"
	}
	return version
}

// stayBehind are the source's databases that are not to be moved.
func stayBehind(f TransferFacts) []string {
	return slices.DeleteFunc(slices.Sorted(slices.Values(f.Source.Databases)), func(name string) bool {
		return slices.ContainsFunc(f.Databases, func(d DatabaseFacts) bool { return d.Name == name }) || name == "postgres" || strings.HasPrefix(name, "template")
	})
}

// TransferChecks lists what stands in the way of a transfer by logical replication, and what to know of it: servers first, then each
// database, in the order they were read.
func TransferChecks(f TransferFacts) []Check {
	var out []Check
	for _, s := range []ServerFacts{f.Source, f.Target} {
		out = append(out, serverChecks(s, len(f.Databases))...)
	}
	out = append(out, betweenChecks(f)...)
	for _, d := range f.Databases {
		out = append(out, movableChecks(f, d)...)
		out = append(out, quietChecks(d)...)
		out = append(out, noticeChecks(f, d)...)
	}
	return out
}

// oldest is the first version that can do what a transfer needs (DROP DATABASE … FORCE).
const oldest = 13

// serverChecks are those of one side. Both need the same, for the way back.
func serverChecks(s ServerFacts, databases int) []Check {
	var out []Check
	block := func(what, mend string) { out = append(out, Check{true, s.Name, what, mend}) }
	if s.Major() < oldest {
		block(fmt.Sprintf("it runs PostgreSQL %d", s.Major()), fmt.Sprintf("upgrade it to %d or newer first", oldest))
	}
	if s.Standby {
		block("it is a standby", "give the address of its primary")
	}
	if !s.Superuser {
		block("the user given for it is no superuser, and only those subscribe, and stop everybody else's writes", "give a superuser's name and password")
	}
	if s.WAL != "logical" {
		block("wal_level is "+s.WAL, "set wal_level = logical and restart it (Patroni: patronictl edit-config, then patronictl restart)")
	}
	// Copying tables takes a slot and a sender each, two at a time for each subscription, beside the subscription's own.
	needed := 3 * databases
	if s.Slots < needed {
		block(fmt.Sprintf("%d of its replication slots are free, %d are needed", s.Slots, needed), "raise max_replication_slots and restart it, or drop slots nobody uses")
	}
	if s.Senders < needed {
		block(fmt.Sprintf("%d more followers can connect, %d are needed", s.Senders, needed), "raise max_wal_senders and restart it")
	}
	if s.Workers < needed {
		block(fmt.Sprintf("max_logical_replication_workers is %d, %d are needed", s.Workers, needed), "raise it, and max_worker_processes by as much, and restart it")
	}
	return out
}

// betweenChecks are those of the two servers beside each other.
func betweenChecks(f TransferFacts) []Check {
	var out []Check
	s, t := f.Source, f.Target
	if f.Dump == 0 {
		out = append(out, Check{true, s.Name, "there is no pg_dump or psql to copy schemas with", "install PostgreSQL's client programs where Caravan runs"})
	} else if f.Dump < s.Major() {
		out = append(out, Check{true, s.Name, fmt.Sprintf("pg_dump %d cannot read PostgreSQL %d", f.Dump, s.Major()), fmt.Sprintf("install postgresql-client-%d or newer where Caravan runs", s.Major())})
	}
	if t.Major() < s.Major() {
		out = append(out, Check{false, t.Name, fmt.Sprintf("it is older (%d) than %s (%d), so what only the newer one knows cannot be made on it", t.Major(), s.Name, s.Major()), "rehearse the move on a copy"})
	}
	if s.PeerSuper {
		out = append(out, Check{false, s.Name, fmt.Sprintf("%s follows it as %s, a superuser; with PostgreSQL 15 to 18 of before February 2026 somebody who puts a view in a table's place while it is copied has its functions run as that", t.Name, s.Peer), "declare an account under replication that may only replicate and read"})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Settings)) {
		if there := t.Settings[name]; there != s.Settings[name] {
			out = append(out, Check{false, t.Name, fmt.Sprintf("%s is %q there and %q on %s", name, there, s.Settings[name], s.Name), "set it alike, or know why not"})
		}
	}
	var come []string
	for _, name := range slices.Sorted(maps.Keys(s.Roles)) {
		if t.Roles[name] == "" && s.Roles[name] != "superuser" {
			come = append(come, name)
		}
		if s.Roles[name] == "password" && t.Roles[name] == "password" {
			out = append(out, Check{false, t.Name, fmt.Sprintf("role %s is there already and keeps its password, which may be another than on %s", name, s.Name), "make sure that clients can log in with it, or drop the role before"})
		}
	}
	if len(come) > 0 {
		out = append(out, Check{false, t.Name, "roles that are made there, with their passwords, and stay: " + listed(come), "drop those that have no business there when the move is closed"})
	}
	return out
}

// movableChecks are about what logical replication cannot carry.
func movableChecks(f TransferFacts, d DatabaseFacts) []Check {
	var out []Check
	block := func(what, mend string) { out = append(out, Check{true, d.Name, what, mend}) }
	if len(d.Code) > 0 {
		block("functions in checks, domains, indexes, statistics or keys of partitions that PostgreSQL may run with a superuser's rights while the move reads or makes tables, and that no superuser owns, or whose results vary in the check of a domain: "+listed(d.Code), "read them, and ALTER FUNCTION … OWNER TO a superuser; or take them away for the time of the move")
	}
	const asOwners = 16 // rows are replicated with the rights of a table's owner
	if len(d.Deferred) > 0 && (f.Source.Major() >= asOwners || f.Target.Major() >= asOwners) {
		block("deferred triggers that fire for replicated rows, which PostgreSQL 16 and newer cannot fire there: "+listed(d.Deferred), "ALTER TABLE … ENABLE TRIGGER … for the time of the move, or ALTER CONSTRAINT … NOT DEFERRABLE")
	}
	if len(d.Keyless) > 0 {
		block("tables without primary key or replica identity, whose changes cannot be told: "+listed(d.Keyless), "ALTER TABLE … ADD PRIMARY KEY, or REPLICA IDENTITY USING INDEX, or REPLICA IDENTITY FULL for small ones")
	}
	if d.Fenced {
		block("the fence of another transfer is closed in it: it is being moved, or it is what was left behind when it had moved", "undo or close that transfer if it is not over; if this copy shall count again: DROP EVENT TRIGGER caravan_fence; DROP SCHEMA caravan_fence CASCADE, then setval() each of its sequences beyond what its tables have: they stand where they stood at the cut")
	}
	if d.LargeObjects > 0 {
		block(fmt.Sprintf("%d large objects, which logical replication does not carry", d.LargeObjects), "move them into a bytea column, or remove those nobody uses (vacuumlo)")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Extensions)) {
		if _, ok := f.Target.Extensions[name]; !ok {
			block(fmt.Sprintf("extension %s, which %s does not have", name, f.Target.Name), "install its package on "+f.Target.Name)
		}
	}
	if len(d.Subscribes) > 0 {
		block("it subscribes to others itself: "+listed(d.Subscribes), "drop the subscriptions, and make them on the target after the move")
	}
	if d.Provider == "c" && !knows(f.Target.Locales, d.Locale) {
		block(fmt.Sprintf("its locale %s is unknown on %s", d.Locale, f.Target.Name), "install the locale there and restart PostgreSQL")
	}
	if d.There > 0 {
		block(fmt.Sprintf("%s has a database of that name with %d tables", f.Target.Name, d.There), "rename or drop it; nothing that is there is ever overwritten")
	}
	return out
}

// knows reports whether a locale is one that needs no library, or one of a server's, however it is spelt: de_DE.UTF-8 is de_DE.utf8.
func knows(locales []string, name string) bool {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "") }
	return name == "" || name == "C" || name == "POSIX" || slices.ContainsFunc(locales, func(l string) bool { return plain(l) == plain(name) })
}

// patience is how long a transaction may be open before it is named.
const patience = time.Minute

// quietChecks are about transactions that nobody ends.
func quietChecks(d DatabaseFacts) []Check {
	var out []Check
	if len(d.Prepared) > 0 {
		out = append(out, Check{true, d.Name, "prepared transactions, which hold their locks until somebody ends them: " + listed(d.Prepared), "COMMIT PREPARED or ROLLBACK PREPARED"})
	}
	for _, s := range d.Long {
		if s.For >= patience {
			out = append(out, Check{true, d.Name, fmt.Sprintf("a transaction of %s (%s, process %d) has been open for %s; copying waits for it to end", s.User, s.Name, s.PID, s.For.Round(time.Second)), fmt.Sprintf("let it end, or SELECT pg_terminate_backend(%d)", s.PID)})
		}
	}
	return out
}

// noticeChecks are what goes otherwise than one might think.
func noticeChecks(f TransferFacts, d DatabaseFacts) []Check {
	var out []Check
	tell := func(names []string, what, mend string) {
		if len(names) > 0 {
			out = append(out, Check{false, d.Name, what + ": " + listed(names), mend})
		}
	}
	tell(d.Unlogged, "unlogged tables, which arrive empty", "ALTER TABLE … SET LOGGED, if what is in them matters")
	tell(d.Pathless, "functions in checks, indexes, generated columns or triggers that fire always, which run with an empty search_path where rows are replicated: one that names something without its schema stops the move", "see that they name everything with its schema, or ALTER FUNCTION … SET search_path")
	tell(d.Extended, "tables of extensions, whose rows do not move; what an extension brings itself is there", "copy rows of your own with \\copy when clients have moved, and write none meanwhile")
	tell(d.Foreign, "foreign servers, which must be reached from the target, too", "try them from there before the cut")
	tell(d.Followers, "others follow its changes through slots, which do not move", "stop them after the cut, and let them begin anew on the target")
	tell(d.Always, "triggers that fire for replicated rows as well, on both sides", "ALTER TABLE … ENABLE TRIGGER, unless that is wanted")
	tell(d.Events, "event triggers, which fire on the target when the schema is made", "see that they let it be made")
	tell(d.Views, "materialized views, which are computed anew before the cut", "")
	for _, name := range slices.Sorted(maps.Keys(d.Extensions)) {
		if there := f.Target.Extensions[name]; there != "" && there != d.Extensions[name] {
			out = append(out, Check{false, d.Name, fmt.Sprintf("extension %s is %s, and %s on %s", name, d.Extensions[name], there, f.Target.Name), "read its notes on what changed"})
		}
	}
	if d.Collation[0] != d.Collation[1] && f.Target.Version != 0 {
		out = append(out, Check{false, d.Name, fmt.Sprintf("%s sorts by version %s on %s and %s on %s; indexes are built anew, so they are right, but ORDER BY may differ", d.Locale, orNone(d.Collation[0]), f.Source.Name, orNone(d.Collation[1]), f.Target.Name), ""})
	}
	return out
}

// listed joins names; of many, the first few and how many more there are.
func listed(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
