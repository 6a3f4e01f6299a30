package why

import (
	"fmt"
	"slices"
	"strings"
)

// well reports whether a unit runs, or did what it is there for.
func (u Unit) well() bool {
	return u.Load == "loaded" && (u.Active == "active" || u.Active == "reloading")
}

func (m OnMachine) complains(unit string) (complaint, bool) {
	var lines []Line
	for _, l := range m.Journal {
		if l.Unit == unit {
			lines = append(lines, l)
		}
	}
	for _, l := range slices.Backward(lines[max(0, len(lines)-lastLines):]) {
		if c, ok := complainsIn(l.Text); ok {
			c.where, c.time, c.host = m.Host.Name+", "+unit, l.At, m.Host
			return c, true
		}
	}
	return complaint{}, false
}

// last is the last line a unit wrote itself.
func (m OnMachine) last(unit string) (Line, bool) {
	for _, l := range slices.Backward(m.Journal) {
		if l.Unit == unit && !strings.HasPrefix(l.Text, unit+":") && !strings.HasPrefix(l.Text, "Started ") && !strings.HasPrefix(l.Text, "Stopped ") && !strings.HasPrefix(l.Text, "Failed to start ") {
			return l, true
		}
	}
	return Line{}, false
}

func (v view) machineUnreachable() []Cause {
	var out []Cause
	for _, m := range v.OnMachines {
		if m.Unreachable != "" {
			out = append(out, Cause{
				Line:  fmt.Sprintf("machine %s, which %s runs on, does not answer", m.Host.Name, v.Service),
				Proof: []Proof{proof(m.Host.Name, "%s", m.Unreachable)},
				Next:  []Command{next(ssh(m.Host, "uptime"), "says the same when it is the machine or the network")},
			})
		}
	}
	return out
}

// machineUnits goes through the units of all machines.
func (v view) machineUnits(judge func(OnMachine, Unit) *Cause) []Cause {
	var out []Cause
	for _, m := range v.OnMachines {
		for _, u := range m.Units {
			if c := judge(m, u); c != nil {
				out = append(out, *c)
			}
		}
	}
	return out
}

func (v view) unitMasked() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		if u.Load != "masked" && u.Enabled != "masked" {
			return nil
		}
		return &Cause{
			Line:  fmt.Sprintf("%s is not run on %s: %s is masked, so nothing can start it", v.Service, m.Host.Name, u.Name),
			Proof: []Proof{proof(m.Host.Name+", "+u.Name, "masked")},
			Next:  []Command{next(ssh(m.Host, "systemctl", "unmask", u.Name), "lets it be started; ask first who masked it")},
		}
	})
}

func (v view) unitMissing() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		switch u.Load {
		case "not-found":
			return &Cause{
				Line:  fmt.Sprintf("%s is not on %s: there is no unit %s", v.Service, m.Host.Name, u.Name),
				Proof: []Proof{proof(m.Host.Name, "%s: not found", u.Name)},
				Next:  []Command{next(ssh(m.Host, "systemctl", "list-unit-files", "--type=service"), "lists those there are")},
			}
		case "bad-setting", "error":
			return &Cause{
				Line:  fmt.Sprintf("%s cannot start on %s: systemd does not understand %s", v.Service, m.Host.Name, u.Name),
				Proof: append([]Proof{proof(m.Host.Name+", "+u.Name, "%s", u.Load)}, v.unitSays(m, u)...),
				Next:  []Command{next(ssh(m.Host, "systemd-analyze", "verify", u.Name), "which line")},
			}
		}
		return nil
	})
}

func (v view) fileMissing() []Cause {
	var out []Cause
	for _, m := range v.OnMachines {
		for _, f := range m.Files {
			if f.There || !slices.ContainsFunc(m.Units, func(u Unit) bool { return !u.well() }) {
				continue
			}
			out = append(out, Cause{
				Line:  fmt.Sprintf("%s cannot start on %s: there is no %s (%s)", v.Service, m.Host.Name, f.Path, f.For),
				Proof: append([]Proof{proof(m.Host.Name, "%s: no such file", f.Path)}, v.failedUnits(m)...),
				Next:  []Command{next(ssh(m.Host, "ls", "-l", f.Path), "says the same until it is put there")},
			})
		}
	}
	return out
}

// failedUnits is what systemd says of those that do not run.
func (v view) failedUnits(m OnMachine) []Proof {
	var out []Proof
	for _, u := range m.Units {
		if !u.well() {
			out = append(out, since(m.Host.Name+", "+u.Name, u.Since, "%s (%s), result %s", u.Active, u.Sub, u.Result))
		}
	}
	return out
}

// everybodys are disks that every service of a machine needs.
var everybodys = []string{"/", "/var", "/var/lib", "/var/log", "/tmp", "/run"}

// disks are those that are full: those the subject needs, or the others.
func (v view) disks(its bool) []Cause {
	var out []Cause
	for _, m := range v.OnMachines {
		for _, d := range m.Disks {
			if !d.Full() || v.needsDisk(m, d) != its {
				continue
			}
			what := fmt.Sprintf("%d MiB free of %d", d.Free>>20, d.Size>>20)
			if d.FullFiles {
				what = "no file can be made any more (inodes)"
			}
			c := Cause{
				Line:  fmt.Sprintf("%s has no room on %s: the disk at %s is full", v.Service, m.Host.Name, d.Mount),
				Proof: append([]Proof{proof(m.Host.Name+", "+d.Mount, "%s", what)}, v.failedUnits(m)...),
				Next:  []Command{next(ssh(m.Host, "du", "-xh", "--max-depth=2", d.Mount), "what takes it")},
			}
			if !its {
				c.Line = fmt.Sprintf("the disk at %s of %s is full", d.Mount, m.Host.Name)
			}
			out = append(out, c)
		}
	}
	return out
}

func (v view) diskFull() []Cause   { return v.disks(true) }
func (v view) otherDisks() []Cause { return v.disks(false) }

// needsDisk reports whether a full disk is in the subject's way: it says so, its files are there, or everybody's are.
func (v view) needsDisk(m OnMachine, d Disk) bool {
	if slices.Contains(everybodys, d.Mount) || slices.ContainsFunc(m.Files, func(f File) bool { return strings.HasPrefix(f.Path, d.Mount+"/") }) {
		return true
	}
	return slices.ContainsFunc(m.Units, func(u Unit) bool {
		c, ok := m.complains(u.Name)
		return ok && c.sort == full && (c.what == "" || strings.HasPrefix(c.what, d.Mount+"/"))
	})
}

func (v view) killedForMemory() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		if u.Result != "oom-kill" && (u.well() || len(m.Killed) == 0) {
			return nil
		}
		limit := "the machine has no more"
		if u.MemoryMax > 0 {
			limit = fmt.Sprintf("its limit is %d MiB", u.MemoryMax>>20)
		}
		c := Cause{
			Line:  fmt.Sprintf("%s was killed on %s because memory ran out: %s", v.Service, m.Host.Name, limit),
			Proof: []Proof{since(m.Host.Name+", "+u.Name, u.Since, "result %s, %s", u.Result, count(u.Restarts, "restart"))},
			Next:  []Command{next(ssh(m.Host, "systemctl", "status", "--no-pager", u.Name), "what it takes now"), v.logs(m.Host)},
		}
		for _, l := range m.Killed[max(0, len(m.Killed)-3):] {
			c.Proof = append(c.Proof, since(m.Host.Name, l.At, "%s", short(l.Text)))
		}
		return &c
	})
}

func (v view) portTaken() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		said, ok := m.complains(u.Name)
		if u.well() || !ok || said.sort != taken {
			return nil
		}
		c := v.said(said)
		for _, l := range m.Listeners {
			if fmt.Sprint(l.Port) == said.what || said.what == "" && slices.Contains(v.Ports, l.Port) {
				c.Line = fmt.Sprintf("%s cannot start on %s: port %d is taken by %s", v.Service, m.Host.Name, l.Port, l.who())
				c.Proof = append(c.Proof, proof(m.Host.Name, "%s listens on %s:%d", l.who(), l.Address, l.Port))
			}
		}
		c.Next = []Command{next(ssh(m.Host, "ss", "-tlnp"), "who listens where")}
		return &c
	})
}

func (l Listener) who() string {
	switch {
	case l.Unit != "":
		return l.Unit
	case l.Process != "":
		return l.Process
	}
	return "another process"
}

// setupFailed are exit codes by which systemd says that it could not even start a program (systemd.exec(5), "Process exit codes").
var setupFailed = map[int]string{
	200: "the folder it starts in is not there (WorkingDirectory)",
	201: "its nice level cannot be set",
	203: "its program is not there or may not be run",
	205: "a limit cannot be set",
	209: "its output cannot be opened (StandardOutput)",
	216: "its group does not exist",
	217: "its user does not exist",
	219: "its control group cannot be set up",
	226: "its mounts cannot be set up (a folder that it is given is not there)",
	238: "its state folder cannot be made (StateDirectory)",
	243: "its credentials cannot be read",
}

func (v view) unitProgram() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		why, ok := setupFailed[u.Status]
		if u.well() || !ok || u.Result == "success" {
			return nil
		}
		text := why
		if u.Status == 203 && u.Program != "" {
			text += ": " + u.Program
		}
		if u.Status == 217 && u.User != "" {
			text += ": " + u.User
		}
		return &Cause{
			Line:  fmt.Sprintf("%s cannot start on %s: %s", v.Service, m.Host.Name, text),
			Proof: append([]Proof{since(m.Host.Name+", "+u.Name, u.Since, "status %d, %s", u.Status, u.Active)}, v.unitSays(m, u)...),
			Next:  []Command{next(ssh(m.Host, "systemctl", "cat", u.Name), "what it is started with")},
		}
	})
}

// unitSays is the last line of a unit's journal.
func (v view) unitSays(m OnMachine, u Unit) []Proof {
	for _, l := range slices.Backward(m.Journal) {
		if l.Unit == u.Name {
			return []Proof{since(m.Host.Name+", "+u.Name, l.At, "%s", short(l.Text))}
		}
	}
	return nil
}

func (v view) unitStopped() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		if u.Load != "loaded" || u.Active != "inactive" {
			return nil
		}
		c := Cause{
			Line:  fmt.Sprintf("%s is stopped on %s: %s is inactive", v.Service, m.Host.Name, u.Name),
			Proof: []Proof{since(m.Host.Name+", "+u.Name, u.Since, "%s (%s)", u.Active, u.Sub)},
			Next:  []Command{next(ssh(m.Host, "systemctl", "start", u.Name), "starts it")},
		}
		if u.Condition != "" {
			c.Line += ", for a condition is not met"
			c.Proof = append(append(c.Proof, proof(m.Host.Name+", "+u.Name, "%s", u.Condition)), v.unitSays(m, u)...)
			c.Next[0] = next(ssh(m.Host, "systemctl", "status", "--no-pager", u.Name), "says which; starting it does nothing before, and a unit of Caravan's waits for its first release")
		} else if u.Enabled == "disabled" {
			c.Line += " and disabled, so it does not start with the machine"
			c.Next[0] = next(ssh(m.Host, "systemctl", "enable", "--now", u.Name), "starts it, now and with the machine")
		}
		return &c
	})
}

func (v view) unitFailed() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		if u.well() || u.Load != "loaded" || u.Active == "inactive" {
			return nil
		}
		c := Cause{
			Line:  fmt.Sprintf("%s ends by itself on %s, %s", v.Service, m.Host.Name, u.ended()),
			Proof: []Proof{since(m.Host.Name+", "+u.Name, u.Since, "%s (%s), result %s, %s", u.Active, u.Sub, u.Result, count(u.Restarts, "restart"))},
			Next:  []Command{v.logs(m.Host)},
		}
		if l, ok := m.last(u.Name); ok {
			c.Line += ": " + short(l.Text)
			c.Proof = append(c.Proof, since(m.Host.Name+", "+u.Name, l.At, "its last words: %s", short(l.Text)))
		}
		return &c
	})
}

func (u Unit) ended() string {
	switch u.Result {
	case "exit-code":
		return fmt.Sprintf("exit status %d", u.Status)
	case "signal", "core-dump":
		return fmt.Sprintf("signal %d", u.Status)
	case "timeout":
		return "because it was not up in time"
	case "watchdog":
		return "because it did not answer its watchdog"
	case "start-limit-hit":
		return "and too often to be started again"
	}
	return "result " + u.Result
}

func (v view) unitDisabled() []Cause {
	return v.machineUnits(func(m OnMachine, u Unit) *Cause {
		if !u.well() || u.Enabled != "disabled" {
			return nil
		}
		return &Cause{
			Line:  fmt.Sprintf("%s is not enabled on %s, so it does not start with the machine", u.Name, m.Host.Name),
			Proof: []Proof{proof(m.Host.Name+", "+u.Name, "disabled")},
			Next:  []Command{next(ssh(m.Host, "systemctl", "enable", u.Name), "makes it start with the machine")},
		}
	})
}

// notListening says that its unit runs and nothing listens where it should.
func (v view) notListening() []Cause {
	var out []Cause
	for _, m := range v.OnMachines {
		if m.Listeners == nil || len(m.Units) == 0 || !m.Units[0].well() {
			continue
		}
		for _, p := range v.Ports {
			if !slices.ContainsFunc(m.Listeners, func(l Listener) bool { return l.Port == p }) {
				out = append(out, Cause{
					Line:  fmt.Sprintf("%s runs on %s, but nothing listens on its port %d", v.Service, m.Host.Name, p),
					Proof: []Proof{proof(m.Host.Name, "no listener on %d", p)},
					Next:  []Command{next(ssh(m.Host, "ss", "-tlnp"), "who listens where"), v.logs(m.Host)},
				})
			}
		}
	}
	return out
}

func (v view) balancer() []Cause {
	var out []Cause
	for _, m := range v.OnMachines {
		for _, b := range m.Backends {
			if !strings.HasPrefix(b.Status, "DOWN") && !strings.HasPrefix(b.Status, "MAINT") && !strings.HasPrefix(b.Status, "DRAIN") {
				continue
			}
			how := "holds it for down"
			if !strings.HasPrefix(b.Status, "DOWN") {
				how = "was told to send it nothing (" + b.Status + ")"
			}
			out = append(out, Cause{
				Line:  fmt.Sprintf("nobody reaches %s through %s: HAProxy there %s (%s/%s%s)", v.Service, m.Host.Name, how, b.Proxy, b.Server, prefixed(", ", strings.TrimSpace(b.Check+" "+b.Detail))),
				Proof: []Proof{proof(m.Host.Name+", HAProxy", "%s/%s is %s for %s", b.Proxy, b.Server, b.Status, b.Since)},
				Next:  []Command{next(ssh(m.Host, "grep", "-n", "-A", "12", b.Proxy, "/etc/haproxy/haproxy.cfg"), "what it asks, and where")},
			})
		}
	}
	return out
}
