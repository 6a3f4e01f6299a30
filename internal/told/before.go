package told

import (
	"context"
	"encoding/json"
	"path"
	"strconv"
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

// Keep keeps on the machine, and nowhere else, what a process is told before its switch.
func Keep(ctx context.Context, m *host.Machine, private string, told config.Told) error {
	all := []kept{}
	for slot, text := range told.Values {
		all = append(all, kept{slot, text})
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	_, err = Put(ctx, m, private, beforeAt(private), string(data))
	return err
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

// What is put and forgotten on a machine, of several services at once: their folders have one above them in common, which whoever forgets last takes
// away, perhaps just when another has looked for it or was about to make its own in it.
const (
	put = `umask 077; folder=$(dirname -- "$2")
mkdir -p -- "$folder" || mkdir -p -- "$folder" || mkdir -p -- "$folder" || exit 1
chmod 0700 -- "$1" && cat >"$2.new" && chmod 0444 -- "$2.new" && [ "$(wc -c <"$2.new")" -eq "$3" ] || exit 1
if cmp -s -- "$2.new" "$2"; then rm -f -- "$2.new"; else mv -- "$2.new" "$2" && echo another; fi`
	forget = `rm -rf -- "$1" || exit 1
empty() { [ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty -- "$1" || [ ! -e "$1" ]; }
for dir; do empty "$dir" || empty "$dir" || exit 1; done` // others take it away and make it anew between one look and the next
)

// Put writes a file with secrets in one move, below a folder that only root looks into, and says whether it was another before. A process that is
// shown the file may read it.
func Put(ctx context.Context, m *host.Machine, private, at, text string) (another bool, err error) {
	said, err := m.Run(ctx, strings.NewReader(text), "sh", "-c", put, "put", private, at, strconv.Itoa(len(text)))
	if err == nil && said.Code != 0 {
		err = fault.Newf(fault.Unavailable, "%s: %s cannot be written: %s; make room, or let root write there", m.Name, at, strings.TrimSpace(string(said.Stderr)))
	}
	return len(said.Stdout) > 0, err
}

// Forget takes away what was kept of a process, and its secrets, and folders that are left empty.
func Forget(ctx context.Context, m *host.Machine, private string, folders ...string) error {
	said, err := m.Run(ctx, nil, append([]string{"sh", "-c", forget, "forget", private}, folders...)...)
	if err == nil && said.Code != 0 {
		err = fault.Newf(fault.Unavailable, "%s: %s cannot be taken away: %s; let root do it there", m.Name, private, strings.TrimSpace(string(said.Stderr)))
	}
	return err
}
