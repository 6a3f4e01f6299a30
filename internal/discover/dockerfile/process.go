package dockerfile

import (
	"path"
	"strings"

	"example.org/caravan/internal/containerfile"
	"example.org/caravan/internal/discover/process"
	"example.org/caravan/internal/estate"
)

// process reports how the image starts and keeps its process.
func (d *reading) process() {
	if line := d.line(); process.Whole(line) {
		d.see(estate.Process, estate.ProcessCommand, line, max(d.entry.Line, d.command.Line))
	}
	if user, ok := process.Account(d.user.Text); ok {
		d.see(estate.Process, estate.ProcessUser, user, d.user.Line)
	}
	if directory, ok := process.Directory(d.directory); ok {
		d.see(estate.Process, estate.ProcessDirectory, directory, d.directoryLine)
	}
	if check, ok := strings.CutPrefix(d.health.Text, "CMD"); ok {
		check := containerfile.Instruction{Text: strings.TrimSpace(check)}
		if health, ok := process.Probe(words(check)); ok {
			d.see(estate.Process, estate.ProcessHealth, health, d.health.Line)
		}
	}
}

// enter follows a WORKDIR, which may count from the one before.
func (d *reading) enter(in containerfile.Instruction) {
	if !path.IsAbs(in.Text) {
		in.Text = path.Join(d.directory, in.Text)
	}
	d.directory, d.directoryLine = in.Text, in.Line
}

// line is the command line that ENTRYPOINT and CMD make together. The shell form of ENTRYPOINT leaves CMD unread, and that
// of CMD is a script for a shell that the entrypoint is given.
func (d *reading) line() string {
	entry, entryListed := d.entry.List()
	command, commandListed := d.command.List()
	switch {
	case d.entry.Name != "" && !entryListed:
		return d.entry.Text
	case d.entry.Name == "" && !commandListed:
		return d.command.Text
	case d.command.Name != "" && !commandListed:
		command = []string{"/bin/sh", "-c", d.command.Text}
	}
	return process.Line(append(entry, command...))
}
