package render

import (
	"maps"
	"slices"
	"strings"
)

// Secret is what a process finds where its secrets are kept: keys of a Secret in a cluster, or a file on machines. It is put there beside what is
// rendered, and is in no bundle.
type Secret struct {
	Namespace string // in a cluster
	Name      string
	Data      map[string]string // by key

	Hosts  []Host // on machines
	Path   string
	Folder string            // it lies in, and only root looks into
	Lines  map[string]string // of a file of variables, by name, each as it stands there; "" for one that goes. All others stay as they are
	Text   string            // of a file that is all its; "" when it goes. Lines is nil
}

// In is what the file holds once the secret is in it, given what it holds now.
func (s Secret) In(now string) string {
	if s.Lines == nil {
		return s.Text
	}
	var b strings.Builder
	for line := range strings.Lines(now) {
		name, _, ok := strings.Cut(line, "=")
		if _, ours := s.Lines[strings.TrimSpace(name)]; !ok || !ours {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Lines)) {
		b.WriteString(s.Lines[name])
	}
	return b.String()
}

// Known puts what is known of a service's own secret into pieces; false when some of it is not.
func Known(pieces []Piece, own string, known map[string]string) (string, bool) {
	var b strings.Builder
	for _, p := range pieces {
		switch value, ok := known[p.Key]; {
		case !p.Hidden():
			b.WriteString(p.Text)
		case p.Secret != own || !ok:
			return "", false
		default:
			b.WriteString(value)
		}
	}
	return b.String(), true
}
