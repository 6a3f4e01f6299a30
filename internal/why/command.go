package why

import "strings"

// kubectl is a command line for the subject's cluster and namespace.
func (v view) kubectl(args ...string) string {
	words := []string{"kubectl"}
	if c := v.Cluster; c != nil {
		if c.Context != "" {
			words = append(words, "--context", c.Context)
		}
		if c.Namespace != "" {
			words = append(words, "-n", c.Namespace)
		}
	}
	return line(append(words, args...)...)
}

// object is the subject as kubectl names it.
func (v view) object() string { return v.Cluster.Kind + "/" + v.Cluster.Name }

// ssh is a command line that runs a program on a machine.
func ssh(h Host, args ...string) string {
	return line("ssh", h.Name, line(args...))
}

// line is words that any POSIX shell reads as they are.
func line(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.Trim(w, plainWord) != "" {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// plainWord are characters that mean nothing to a shell.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@,+%"

func next(line, note string) Command { return Command{Line: line, Note: note} }
