package standby

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/finding"
)

// Names of the checks.
const (
	CheckPrimary = "standby-primary"
	CheckStandby = "standby-missing"
	CheckLag     = "standby-lag"
	CheckCold    = "standby-cold"
	CheckBackup  = "standby-backup"
	CheckKeeper  = "standby-keeper"
)

// Limits are what is bearable.
type Limits struct {
	Gate
	Behind  time.Duration // for how long a standby's last change may have been on the primary
	Backup  time.Duration // how old the last whole backup may be
	Drilled time.Duration // how long ago one was restored and checked
}

// UsualLimits are those of who says nothing else: the usual gate, a minute, backups daily with a day's grace for a failed one, a drill each month.
func UsualLimits() Limits {
	return Limits{Gate{UsualLag, UsualWarmth}, time.Minute, 48 * time.Hour, 31 * 24 * time.Hour}
}

// Judge finds what is wrong with a datastore, worst first, as it stood when it was read. Of a Redis that is what was found when it was read.
func Judge(t Topology, l Limits) []finding.Finding {
	j := judging{t: t, found: slices.Clone(t.Found)}
	if t.Redis != nil {
		return j.found
	}
	j.primaries()
	j.standbys()
	for _, m := range t.Standbys() {
		j.standby(m, l)
	}
	j.backup(l)
	if t.Paused {
		j.add(CheckKeeper, finding.Warning, string(t.Datastore), fmt.Sprintf("%s is paused: nothing is failed over", t.Keeper), "resume it once what it was paused for is done: patronictl resume")
	}
	return j.found
}

type judging struct {
	t     Topology
	found []finding.Finding
}

func (j *judging) add(check string, severity finding.Severity, subject, what, advice string, evidence ...string) {
	j.found = append(j.found, finding.Finding{
		Check: check, Subject: subject, Environment: j.t.Environment, Team: j.t.Team, Severity: severity, What: what, Advice: advice, Evidence: evidence,
	})
}

// named is a datastore as commands take it.
func (j *judging) named() string {
	if j.t.Environment == "" {
		return string(j.t.Datastore)
	}
	return fmt.Sprintf("%s -e %s", j.t.Datastore, j.t.Environment)
}

func (j *judging) primaries() {
	name := string(j.t.Datastore)
	switch leaders := j.t.Primaries(); {
	case len(j.t.Members) == 0 && len(j.t.Doubts) > 0:
		j.add(CheckKeeper, finding.Warning, name, "nobody knows who is primary: what keeps it cannot be asked", "see whether that runs, and is reached from here", j.t.Doubts...)
	case len(leaders) == 0 && len(j.unknown()) > 0:
		j.add(CheckPrimary, finding.Warning, name, "it is not known who is primary: "+and(j.unknown())+" did not say", "mend what keeps them from being asked", j.t.Doubts...)
	case len(leaders) == 0 && j.elsewhere():
		j.add(CheckPrimary, finding.Warning, name, "it is not known who is primary: of those that are listed none is", "name the primary under members in caravan.yaml, too", j.t.Doubts...)
	case len(leaders) == 0:
		j.add(CheckPrimary, finding.Critical, name, "no instance is primary: nobody can write", "see what its keeper waits for: caravan standby status "+j.named(), j.t.Doubts...)
	case len(leaders) > 1:
		j.add(CheckPrimary, finding.Critical, name, and(namesOf(leaders))+" both say that they are primary: writes may be going two ways",
			"stop clients, find out which one its keeper holds for primary, and stop the other")
	}
}

// unknown are the instances of which neither they nor their keeper said what they do.
func (j *judging) unknown() []string {
	return namesOf(slices.DeleteFunc(slices.Clone(j.t.Members), func(m Member) bool { return m.Role != Unknown }))
}

// elsewhere reports whether the primary of what nobody keeps can be an instance that is not listed: one that is listed follows somebody, or it is the only one.
func (j *judging) elsewhere() bool {
	return j.t.Keeper == Nobody && (len(j.t.Members) == 1 || slices.ContainsFunc(j.t.Members, func(m Member) bool { return m.State == "running" }))
}

func namesOf(members []Member) []string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.Name
	}
	return out
}

func and(names []string) string { return strings.Join(names, " and ") }

func (j *judging) standbys() {
	name := string(j.t.Datastore)
	healthy := 0
	for _, m := range j.t.Standbys() {
		if m.Healthy() {
			healthy++
		}
	}
	for _, m := range j.t.Members {
		if m.Unreachable != "" {
			j.add(CheckStandby, finding.Warning, name+"/"+m.Name, m.Name+" cannot be asked: "+m.Unreachable, m.Refused.Mend())
		}
	}
	mute := slices.ContainsFunc(j.t.Members, func(m Member) bool { return m.Role == Unknown && m.Unreachable != "" && m.Refused != Silent })
	switch {
	case healthy > 0 || len(j.t.Primaries()) == 0:
	case mute:
		j.add(CheckStandby, finding.Warning, name, "it is not known whether a standby is healthy: "+and(j.unknown())+" did not say", "mend what keeps them from being asked")
	default:
		j.add(CheckStandby, finding.Critical, name, "no healthy standby: losing the primary loses the datastore until it is restored", "give it one, or mend those it has")
	}
	if _, able := j.t.Preferred(); healthy > 0 && !able {
		j.add(CheckStandby, finding.Critical, name, "each standby is marked never to be primary", "take the mark from one: the tag nofailover of Patroni")
	}
}

func (j *judging) standby(m Member, l Limits) {
	subject := string(j.t.Datastore) + "/" + m.Name
	if m.Lag != nil && *m.Lag > l.Lag && m.Behind > l.Behind {
		j.add(CheckLag, finding.Warning, subject, fmt.Sprintf("%s lags %s, %s behind", m.Name, Bytes(*m.Lag), m.Behind.Round(time.Second)),
			"see whether its disk or the network between is at its bounds, or a long query holds replay back")
	}
	for _, leader := range j.t.Primaries() {
		if leader.Timeline > 0 && m.Timeline > 0 && m.Timeline < leader.Timeline {
			j.add(CheckLag, finding.Warning, subject, fmt.Sprintf("%s is on timeline %d, the primary on %d: it follows nothing", m.Name, m.Timeline, leader.Timeline), "reinitialise it, or let pg_rewind bring it back: patronictl reinit")
		}
	}
	if m.Warmth != nil && m.Warmth.Share < l.Warmth {
		j.add(CheckCold, finding.Warning, subject, fmt.Sprintf("%s has %s of the primary's hot blocks: queries crawl when it takes over", m.Name, Percent(m.Warmth.Share)),
			"keep it warm: caravan standby warm "+j.named(), fmt.Sprintf("%d of %d hot blocks are in its buffers", m.Warmth.There, m.Warmth.Blocks))
	}
}

func (j *judging) backup(l Limits) {
	b, name := j.t.Backup, string(j.t.Datastore)
	if b == nil {
		return
	}
	advice := "make one, and see what is said: caravan standby backup " + j.named()
	if j.t.Keeper == CloudNativePG {
		advice = "CloudNativePG makes them: look at its ScheduledBackup, and at the log of the operator"
	}
	switch {
	case b.Failed != "":
		j.add(CheckBackup, finding.Critical, name, "the last backup is no good: "+b.Failed, advice)
	case b.At.IsZero():
		j.add(CheckBackup, finding.Critical, name, "there is no backup", advice)
	case l.Backup > 0 && j.t.At.Sub(b.At) > l.Backup:
		j.add(CheckBackup, finding.Critical, name, "the last backup ended "+ago(j.t.At.Sub(b.At)), advice)
	}
	if j.t.Keeper == CloudNativePG { // what it backs up nobody here restores
		return
	}
	drill := "a backup counts once it was restored and checked: caravan standby drill " + j.named()
	switch {
	case b.At.IsZero():
	case b.Drilled.IsZero():
		j.add(CheckBackup, finding.Warning, name, "no backup was ever restored", drill)
	case l.Drilled > 0 && j.t.At.Sub(b.Drilled) > l.Drilled:
		j.add(CheckBackup, finding.Warning, name, "a backup was last restored "+ago(j.t.At.Sub(b.Drilled)), drill)
	}
}
