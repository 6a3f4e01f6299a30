package process

import (
	"path"
	"strings"

	"example.org/caravan/internal/commandline"
	"example.org/caravan/internal/estate"
)

// Trait is the Key and Value of one Process fact.
type Trait struct{ Key, Value string }

// reading is the trait a word stands for and how its value is read.
type reading struct {
	key  string // of the Process fact
	read func(string) (string, bool)
}

// directives are the keys of a unit's [Service] section that say how its process is kept, after systemd.exec(5),
// systemd.service(5) and systemd.resource-control(5).
var directives = map[string]reading{
	"ExecStart":        {estate.ProcessCommand, execution},
	"User":             {estate.ProcessUser, Account},
	"WorkingDirectory": {estate.ProcessDirectory, optional(Directory)},
	"EnvironmentFile":  {estate.ProcessFile, optional(File)},
	"MemoryMax":        {estate.ProcessMemory, Bytes},
	"MemoryLimit":      {estate.ProcessMemory, Bytes}, // MemoryMax before systemd 231
	"CPUQuota":         {estate.ProcessCPU, Quota},
	"TimeoutStopSec":   {estate.ProcessStop, stopTime},
	"TimeoutSec":       {estate.ProcessStop, stopTime},
}

// OfUnit is what one line of a unit's [Service] section says about its process: nothing, or one trait, with an ExecStart also
// the configuration files its command line names.
func OfUnit(key, value string) []Trait {
	d, ok := directives[key]
	if !ok {
		return nil
	}
	v, ok := d.read(value)
	if !ok {
		return nil
	}
	out := []Trait{{d.key, v}}
	if d.key == estate.ProcessCommand {
		for _, f := range Files(commandline.Words(v)) {
			out = append(out, Trait{estate.ProcessFile, f})
		}
	}
	return out
}

// execution is a command line without the marks that say how systemd runs it. After '@' the second word is only what the
// program is told it is called. One that runs a container says nothing of the process in it.
func execution(line string) (string, bool) {
	command := strings.TrimLeft(line, "@-:+!|")
	if marks := line[:len(line)-len(command)]; strings.Contains(marks, "@") {
		if program, rest, ok := strings.Cut(command, " "); ok {
			_, arguments, _ := strings.Cut(strings.TrimSpace(rest), " ")
			command = strings.TrimSpace(program + " " + arguments)
		}
	}
	program, _, _ := strings.Cut(command, " ")
	container := path.Base(program) == "docker" || path.Base(program) == "podman"
	command, ok := OneLine(command)
	return command, ok && !container
}

// optional reads a path that '-' in front of it allows to be missing.
func optional(read func(string) (string, bool)) func(string) (string, bool) {
	return func(text string) (string, bool) { return read(strings.TrimPrefix(text, "-")) }
}

// stopTime leaves out 0, which to systemd means for ever.
func stopTime(text string) (string, bool) {
	seconds, ok := Seconds(text)
	return seconds, ok && seconds != "0"
}
