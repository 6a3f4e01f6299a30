package render_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/render"
)

// backup is one of the repository, as pgBackRest tells of it.
type backup struct {
	Type      string            `json:"type"`
	Timestamp map[string]int64  `json:"timestamp"`
	Archive   map[string]string `json:"archive"`
}

func TestABackupIsMadeWhenItIsDueAndByThePrimaryAlone(t *testing.T) {
	now := time.Now().UTC()
	if now.Minute() == 59 && now.Second() > 50 {
		t.Skip("an hour ends just now, and what is due with it")
	}
	ago := func(kind string, d time.Duration) backup {
		return backup{kind, map[string]int64{"start": now.Add(-d).Unix()}, map[string]string{"stop": "0000000200000000000000A7"}}
	}
	const day = 24 * time.Hour
	hour := now.Hour() // it began in this hour
	sinceSunday := time.Duration(now.Weekday())*day + time.Duration(now.Minute())*time.Minute + time.Duration(now.Second())*time.Second
	nightly := []string{"--type=diff backup"}
	if now.Weekday() == time.Sunday {
		nightly = []string{"--type=full backup"}
	}
	for name, c := range map[string]struct {
		is   string
		hour int
		code int
		made []backup
		want []string
	}{
		"there is none":        {"f|00000002", hour, 2, nil, []string{"stanza-create", "--type=full backup"}},
		"it is a standby":      {"t|00000002", hour, 2, nil, nil},
		"no server answers":    {"", hour, 2, nil, nil},
		"one was made since":   {"f|00000002", hour, 0, []backup{ago("full", 0)}, nil},
		"a night has come":     {"f|00000002", hour, 0, []backup{ago("full", 22*time.Hour)}, nightly},
		"the week is new":      {"f|00000002", hour, 0, []backup{ago("full", sinceSunday+time.Minute), ago("incr", 0)}, []string{"--type=full backup"}},
		"the week is not over": {"f|00000002", hour, 0, []backup{ago("full", sinceSunday), ago("incr", 0)}, nil},
		"it took over":         {"f|00000003", hour, 0, []backup{ago("full", 0)}, []string{"--type=incr backup"}},
		"the store is away":    {"f|00000002", hour, 99, nil, nil},
		"the hour is to come":  {"f|00000002", (hour + 1) % 24, 0, []backup{ago("full", 22*time.Hour)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			info, err := json.Marshal([]map[string]any{{"name": "pg", "status": map[string]int{"code": c.code}, "backup": append([]backup{}, c.made...)}})
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{
				"psql":       "#!/bin/sh\nset -e\n[ -n '" + c.is + "' ]\necho '" + c.is + "'\n",
				"pgbackrest": "#!/bin/sh\ncase \"$*\" in *info) cat " + dir + "/info ;; *) echo \"$*\" >>" + dir + "/done ;; esac\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "info"), info, 0o644); err != nil {
				t.Fatal(err)
			}
			script := render.Backups{Hour: &c.hour}.BackupScript(render.Instance{Stanza: "pg", Socket: "/run", Port: 5432}, "pgbackrest")
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			if out, err := cmd.CombinedOutput(); (err != nil) != (c.code == 99) {
				t.Fatalf("%v\n%s", err, out)
			}
			done, err := os.ReadFile(filepath.Join(dir, "done"))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(string(done)) {
				got = append(got, strings.TrimSpace(strings.TrimPrefix(line, "--log-level-console=off --log-level-stderr=warn ")))
			}
			if strings.Join(got, "; ") != strings.Join(c.want, "; ") {
				t.Errorf("pgBackRest was told %q, and not %q", got, c.want)
			}
		})
	}
}
