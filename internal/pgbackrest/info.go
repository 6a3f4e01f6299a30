package pgbackrest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Info is how the backups of a database stand.
type Info struct {
	Backups  []Backup // that ended, the oldest first
	Segment  string   // newest one of the log that is kept
	Archived time.Time
	Failed   string // what is wrong with the repository or the newest backup
	unknown  bool   // the repository knows no such stanza
}

// Backup is one that ended.
type Backup struct {
	Label string
	Kind  Kind
	Ended time.Time
	Size  int64 // bytes of the database
	Bad   bool  // pages in it did not have the checksums they should
}

// Newest is the last backup that ended.
func (i Info) Newest() (Backup, bool) {
	if len(i.Backups) == 0 {
		return Backup{}, false
	}
	return i.Backups[len(i.Backups)-1], true
}

// Standing is what people are told of them; of restores it knows nothing.
func (i Info) Standing() standby.Backup {
	b, _ := i.Newest()
	return standby.Backup{At: b.Ended, Archived: i.Archived, Failed: i.Failed}
}

// Info asks how the backups stand. The newest part of the log counts as kept since it was put into the repository.
func (t Tool) Info(ctx context.Context) (Info, error) {
	ctx, stop := context.WithTimeout(ctx, longestAnswer)
	defer stop()
	out, err := t.Run(ctx, t.command("info", "--output=json")...)
	if err != nil {
		return Info{}, err
	}
	if err := t.refused("read the backups of", out); err != nil {
		return Info{}, err
	}
	all, folder, err := parse(out.Stdout, t.Stanza)
	if err == nil && all.unknown {
		all.Failed = t.noStanza(ctx)
	}
	if err != nil || folder == "" {
		return all, err
	}
	out, err = t.Run(ctx, t.command("repo-ls", folder, "--output=json")...)
	if err != nil {
		return Info{}, err
	}
	if err := t.refused("list the log of", out); err != nil {
		return Info{}, err
	}
	all.Archived, err = archivedAt(out.Stdout, all.Segment)
	return all, err
}

// Codes of a stanza's status (src/command/info/info.c).
const (
	statusGood     = 0
	statusNoStanza = 1
	statusNoBackup = 2
)

// parse reads what pgbackrest info says, and in which folder of the repository the newest segment of the log is; "" where there is none.
func parse(data []byte, stanza string) (info Info, folder string, err error) {
	var all []struct {
		Name   string `json:"name"`
		Status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"status"`
		Archive []struct {
			ID  string `json:"id"`
			Max string `json:"max"`
		} `json:"archive"`
		Backup []struct {
			Label string `json:"label"`
			Type  Kind   `json:"type"`
			Error bool   `json:"error"`
			Info  struct {
				Size int64 `json:"size"`
			} `json:"info"`
			Timestamp struct {
				Stop int64 `json:"stop"`
			} `json:"timestamp"`
		} `json:"backup"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return Info{}, "", fault.Newf(fault.Invalid, "what pgbackrest info says is no JSON (%w); run it yourself to see", err)
	}
	for _, s := range all {
		if s.Name != stanza {
			continue
		}
		info.unknown = s.Status.Code == statusNoStanza
		if s.Status.Code != statusGood && s.Status.Code != statusNoBackup {
			info.Failed = complaint(Output{Stdout: []byte(s.Status.Message)})
		}
		for _, b := range s.Backup {
			info.Backups = append(info.Backups, Backup{Label: b.Label, Kind: b.Type, Ended: time.Unix(b.Timestamp.Stop, 0).UTC(), Size: b.Info.Size, Bad: b.Error})
		}
		slices.SortStableFunc(info.Backups, func(x, y Backup) int { return cmp.Or(x.Ended.Compare(y.Ended), cmp.Compare(x.Label, y.Label)) })
		if n := len(s.Archive); n > 0 && len(s.Archive[n-1].Max) == segmentName {
			newest := s.Archive[n-1]
			info.Segment, folder = newest.Max, path.Join("archive", stanza, newest.ID, newest.Max[:16])
		}
	}
	if b, there := info.Newest(); there && b.Bad && info.Failed == "" {
		info.Failed = "pages of the database did not have the checksums they should when " + b.Label + " was made; see its log, and restore them from before"
	}
	return info, folder, nil
}

// noStanza says that there is no such stanza where pgBackRest runs, and which there are.
func (t Tool) noStanza(ctx context.Context) string {
	text := fmt.Sprintf("no stanza %s in what %s on %s says; ", t.Stanza, cmp.Or(t.Config, "/etc/pgbackrest.conf"), t.Where)
	if there := t.stanzas(ctx); len(there) > 0 {
		text += "there are " + strings.Join(there, ", ") + ": "
	}
	return text + "name one under backup.stanza, or make it: pgbackrest --stanza=" + t.Stanza + " stanza-create, on the primary, with pg1-path in the file"
}

// stanzas are those that the repository knows, by name; none when it cannot be asked.
func (t Tool) stanzas(ctx context.Context) []string {
	out, err := t.Run(ctx, Tool{Config: t.Config}.command("info", "--output=json")...)
	if err != nil || out.Code != 0 {
		return nil
	}
	var all []struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(out.Stdout, &all) != nil {
		return nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// segmentName is how long the name of a segment of the log is: timeline, and number in two parts (PostgreSQL, XLogFileName).
const segmentName = 24

// archivedAt is when a segment was put into the repository.
func archivedAt(data []byte, segment string) (time.Time, error) {
	var all map[string]struct {
		Time int64 `json:"time"`
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return time.Time{}, fault.Newf(fault.Invalid, "what pgbackrest repo-ls says is no JSON (%w); run it yourself to see", err)
	}
	for name, file := range all {
		if strings.HasPrefix(name, segment+"-") && !strings.HasSuffix(name, ".tmp") {
			return time.Unix(file.Time, 0).UTC(), nil
		}
	}
	return time.Time{}, nil
}
