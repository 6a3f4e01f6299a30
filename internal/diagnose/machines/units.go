package machines

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/host"
	"example.org/caravan/internal/why"
)

// properties are what is asked of a unit (org.freedesktop.systemd1(5)).
const properties = "Id,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,NRestarts,StateChangeTimestamp,ExecStart,User,MemoryMax,EnvironmentFiles,ConditionResult,ConditionTimestampMonotonic,LoadError"

// units reads how the subject's units are, and gives the files that they take their environment from, each with the unit.
func (l *look) units(ctx context.Context, m *host.Machine, out *why.OnMachine) map[string]string {
	files := map[string]string{}
	units := l.s.Machines.Units
	if len(units) == 0 {
		l.unseen(m, "its unit", errors.New("its name is in no configuration that was read"))
		return files
	}
	text, err := l.run(ctx, m, append([]string{"env", "LC_ALL=C", "TZ=UTC", "systemctl", "show", "--property=" + properties, "--"}, units...)...)
	if err != nil {
		l.unseen(m, "units", err)
		return files
	}
	for i, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i >= len(units) {
			break
		}
		p := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
			if before := p[key]; before != "" { // EnvironmentFiles comes once for each
				value = before + "\n" + value
			}
			p[key] = value
		}
		u := unitOf(units[i], p)
		out.Units = append(out.Units, u)
		for line := range strings.Lines(p["EnvironmentFiles"]) {
			if path, optional, _ := strings.Cut(strings.TrimSpace(line), " (ignore_errors="); path != "" && !strings.HasPrefix(optional, "yes") {
				files[path] = "EnvironmentFile of " + u.Name
			}
		}
	}
	return files
}

func unitOf(name string, p map[string]string) why.Unit {
	number := func(key string) int {
		n, _ := strconv.Atoi(p[key])
		return n
	}
	u := why.Unit{
		Name: name, Load: p["LoadState"], Active: p["ActiveState"], Sub: p["SubState"], Enabled: p["UnitFileState"], Result: p["Result"], Status: number("ExecMainStatus"),
		Restarts: number("NRestarts"), User: p["User"], Program: programOf(p["ExecStart"]),
	}
	u.Code = map[string]string{"1": "exited", "2": "killed", "3": "dumped"}[p["ExecMainCode"]]
	u.Since, _ = time.Parse("Mon 2006-01-02 15:04:05 MST", p["StateChangeTimestamp"])
	if n, err := strconv.ParseInt(p["MemoryMax"], 10, 64); err == nil {
		u.MemoryMax = n
	}
	// A unit that was never started has no result either, and the time tells. One that never ran has never changed its state.
	if at := p["ConditionTimestampMonotonic"]; p["ConditionResult"] == "no" && u.Active == "inactive" && at != "" && at != "0" {
		u.Condition = "ConditionResult=no"
	}
	return u
}

// programOf is the path in "{ path=/usr/bin/x ; argv[]=… }".
func programOf(text string) string {
	_, rest, _ := strings.Cut(text, "path=")
	path, _, _ := strings.Cut(rest, " ;")
	return path
}

// entry is a line of the journal (systemd.journal-fields(7)). A message that is no text is a list of bytes.
type entry struct {
	Message any    `json:"MESSAGE"`
	Unit    string `json:"_SYSTEMD_UNIT"`
	About   string `json:"UNIT"` // of what systemd itself says
	At      string `json:"__REALTIME_TIMESTAMP"`
}

const journalLines = "200"

func (l *look) journal(ctx context.Context, m *host.Machine, out *why.OnMachine) {
	if len(l.s.Machines.Units) == 0 {
		return
	}
	argv := []string{"journalctl", "--no-pager", "--quiet", "--output=json", "-n", journalLines}
	for _, u := range l.s.Machines.Units {
		argv = append(argv, "--unit="+u)
	}
	text, err := l.run(ctx, m, argv...)
	if err != nil {
		l.unseen(m, "the journal", err)
		return
	}
	out.Journal = entries(text)
}

func entries(text string) []why.Line {
	var out []why.Line
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		message, _ := e.Message.(string)
		unit := e.About
		if unit == "" {
			unit = e.Unit
		}
		micros, _ := strconv.ParseInt(e.At, 10, 64)
		out = append(out, why.Line{At: time.UnixMicro(micros).UTC(), Unit: unit, Text: clean(message)})
	}
	return out
}

// killed reads what the kernel says of memory that ran out, in the last hour.
func (l *look) killed(ctx context.Context, m *host.Machine, out *why.OnMachine) {
	text, err := l.run(ctx, m, "journalctl", "--no-pager", "--quiet", "--output=json", "--dmesg", "--since=-1h", "-n", "2000")
	if err != nil {
		return // a machine that keeps no kernel's journal; systemd says of the unit itself that it was killed
	}
	for _, line := range entries(text) {
		if !strings.Contains(line.Text, "Killed process") && !strings.Contains(line.Text, "oom-kill:") {
			continue
		}
		if slices.ContainsFunc(l.s.Machines.Units, func(u string) bool { return strings.Contains(line.Text, u) }) {
			out.Killed = append(out.Killed, line)
		}
	}
}
