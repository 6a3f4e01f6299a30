package told

import (
	"context"
	"encoding/json"
	"path"
	"strings"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
)

// beforeAt is where a machine keeps what a process was told before its switch. Secrets are among it: only root looks into the folder.
func beforeAt(private string) string { return path.Join(private, "before.json") }

// kept is a value as it is kept.
type kept struct {
	config.Slot
	Text string `json:"text"`
}

// Keep keeps on the machine, and nowhere else, what a process is told, unless something is kept already.
func Keep(ctx context.Context, m *host.Machine, private string, told config.Told) error {
	there, err := Before(ctx, m, private)
	if err != nil || there.Instance != "" {
		return err
	}
	all := []kept{}
	for slot, text := range told.Values {
		all = append(all, kept{slot, text})
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return Put(ctx, m, private, beforeAt(private), string(data))
}

// Before is what a process was told before its switch. Its Instance is "" when nothing is kept.
func Before(ctx context.Context, m *host.Machine, private string) (config.Told, error) {
	out := config.Told{Values: map[config.Slot]string{}}
	said, err := m.Run(ctx, nil, "sh", "-c", `[ ! -e "$1" ] || cat -- "$1"`, "read", beforeAt(private))
	switch {
	case err != nil || len(said.Stdout) == 0 && said.Code == 0:
		return out, err
	case said.Code != 0:
		return out, fault.Newf(fault.Unavailable, "%s: %s cannot be read; make it readable for root", m.Name, beforeAt(private))
	}
	var all []kept
	if err := json.Unmarshal(said.Stdout, &all); err != nil {
		return out, fault.Newf(fault.Invalid, "%s: %s is damaged; take it away", m.Name, beforeAt(private))
	}
	out.Instance = m.Name
	for _, k := range all {
		out.Values[k.Slot] = k.Text
	}
	return out, nil
}

// Put writes a file with secrets in one move, below a folder that only root looks into. A process that is shown the file may read it.
func Put(ctx context.Context, m *host.Machine, private, at, text string) error {
	said, err := m.Run(ctx, strings.NewReader(text), "sh", "-c", `umask 077 && mkdir -p -- "$(dirname -- "$2")" && chmod 0700 -- "$1" && cat >"$2.new" && chmod 0444 -- "$2.new" && mv -- "$2.new" "$2"`, "put", private, at)
	if err == nil && said.Code != 0 {
		err = fault.Newf(fault.Unavailable, "%s: %s cannot be written: %s; make room, or let root write there", m.Name, at, strings.TrimSpace(string(said.Stderr)))
	}
	return err
}

// Forget takes away what was kept of a process, and its secrets.
func Forget(ctx context.Context, m *host.Machine, private string) error {
	said, err := m.Run(ctx, nil, "sh", "-c", `rm -rf -- "$1" && rmdir --ignore-fail-on-non-empty -- "$(dirname -- "$1")" 2>/dev/null || [ ! -e "$1" ]`, "forget", private)
	if err == nil && said.Code != 0 {
		err = fault.Newf(fault.Unavailable, "%s: %s cannot be taken away: %s", m.Name, private, strings.TrimSpace(string(said.Stderr)))
	}
	return err
}
