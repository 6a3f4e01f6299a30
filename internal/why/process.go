package why

import (
	"fmt"
	"strconv"
	"strings"
)

func (v view) outOfMemory() []Cause {
	if v.gone() {
		return nil
	}
	for _, p := range v.InCluster.Pods {
		for _, c := range p.Containers {
			if c.Exit == nil || c.Exit.Reason != "OOMKilled" || c.Ready && v.At.Sub(c.Exit.At) > recent {
				continue
			}
			s := seen{p, c}
			limit := c.MemoryLimit
			if limit == "" {
				limit = "what its node has"
			}
			return []Cause{{
				Line:  fmt.Sprintf("%s is killed because it takes more memory than it may: its limit is %s", v.Service, limit),
				Means: "On a machine it would have taken what the others need; here it alone is killed, and started again.",
				Proof: []Proof{since(s.where(), c.Exit.At, "OOMKilled, exit code %d, %s", c.Exit.Code, count(c.Restarts, "restart"))},
				Next: []Command{
					next(v.kubectl("top", "pod", p.Name, "--containers"), "what it takes now"),
					next(v.kubectl("logs", p.Name, "-c", c.Name, "--previous", "--tail=50"), "what it did before"),
				},
			}}
		}
	}
	return nil
}

// recent is how long ago something may have happened that still says how a service is.
const recent = 15 * 60 * 1e9

func (v view) memoryNear() []Cause {
	if v.gone() {
		return nil
	}
	const near = 90
	for _, p := range v.InCluster.Pods {
		for _, c := range p.Containers {
			used, limit := bytesOf(c.MemoryUsed), bytesOf(c.MemoryLimit)
			if c.Ready && used > 0 && limit > 0 && used*100 > limit*near {
				return []Cause{{
					Line:  fmt.Sprintf("it takes %d %% of the memory it may", used*100/limit),
					Proof: []Proof{proof(seen{p, c}.where(), "%s of %s", c.MemoryUsed, c.MemoryLimit)},
					Next:  []Command{next(v.kubectl("top", "pod", p.Name, "--containers"), "what it takes now")},
				}}
			}
		}
	}
	return nil
}

// bytesOf reads a whole number with a binary suffix, which is how the evidence has memory; 0 for anything else.
func bytesOf(text string) int64 {
	for i, suffix := range []string{"Ki", "Mi", "Gi", "Ti"} {
		if n, ok := strings.CutSuffix(text, suffix); ok {
			v, err := strconv.ParseInt(n, 10, 32)
			if err != nil {
				return 0
			}
			return v << (10 * (i + 1))
		}
	}
	return 0
}

// sayings are the complaints of processes that are not well.
func (v view) sayings() []complaint {
	var out []complaint
	for _, s := range v.ill() {
		if c, ok := complains(s.Log); ok {
			c.where = s.where()
			if s.Exit != nil && !s.Running {
				c.time = s.Exit.At
			}
			out = append(out, c)
		}
	}
	for _, m := range v.OnMachines {
		for _, u := range m.Units {
			if u.well() {
				continue
			}
			if c, ok := m.complains(u.Name); ok {
				out = append(out, c)
			}
		}
	}
	return out
}

// saysWhy takes a process at its last word.
func (v view) saysWhy() []Cause {
	var out []Cause
	for _, c := range v.sayings() {
		out = append(out, v.said(c))
	}
	return out
}

// said is the cause that a complaint names.
func (v view) said(c complaint) Cause {
	if i, ok := v.needOf(c); ok && c.sort.ofNeed() {
		return v.needCause(i, &c)
	}
	out := Cause{Proof: []Proof{since(c.where, c.time, "it says: %s", short(c.text))}, Next: []Command{v.logs(c.host)}}
	at := c.at
	if at == "" {
		at = "what it calls"
	}
	what := c.what
	name := string(v.Service)
	switch c.sort {
	case noVariable:
		out.Line = fmt.Sprintf("%s ends at its start: its variable %s is not set", name, orWord(what, "of which its log speaks"))
		if c := v.Cluster; c != nil {
			out.Next = append(out.Next, next(v.kubectl("describe", v.object()), "the variables it is given, where EnvironmentFile was on machines"))
		}
	case noLogin:
		out.Line = fmt.Sprintf("%s may not log in: wrong user or password%s", name, prefixed(" for user ", what))
	case noDatabase:
		out.Line = fmt.Sprintf("%s finds no database %s", name, what)
	case noTable:
		out.Line = fmt.Sprintf("%s finds no table %s in its database: a migration is missing", name, what)
	case refused:
		out.Line = fmt.Sprintf("%s cannot reach %s: connection refused, says its log", name, at)
	case timedOut:
		out.Line = fmt.Sprintf("%s cannot reach %s: no answer in time, says its log", name, at)
	case noName:
		out.Line = fmt.Sprintf("%s cannot reach %s: there is no such name, says its log", name, at)
	case noRoute:
		out.Line = fmt.Sprintf("%s cannot reach %s: no route to it, says its log", name, at)
	case expired:
		out.Line = fmt.Sprintf("%s cannot speak to %s: the certificate has expired", name, at)
	case untrusted:
		out.Line = fmt.Sprintf("%s cannot speak to %s: it does not trust the certificate", name, at)
	case misnamed:
		out.Line = fmt.Sprintf("%s cannot speak to %s: the certificate is for another name", name, at)
	case readOnly:
		out.Line = fmt.Sprintf("%s cannot write%s: the file system is read-only", name, prefixed(" ", what))
		out.Means = "In a cluster a process writes to the folders that its workload names as volumes, and to no other."
	case forbidden:
		out.Line = fmt.Sprintf("%s may not open %s: permission denied", name, orWord(what, "a file or port"))
	case taken:
		out.Line = fmt.Sprintf("%s cannot listen%s: the port is taken", name, prefixed(" on ", what))
	case full:
		out.Line = fmt.Sprintf("%s cannot write%s: the disk is full", name, prefixed(" ", what))
	case noFile:
		out.Line = fmt.Sprintf("%s finds no file %s", name, what)
	case noMemory:
		out.Line = fmt.Sprintf("%s runs out of memory within its own limits", name)
	case noProgram:
		out.Line = fmt.Sprintf("%s cannot run %s", name, orWord(what, "a program"))
	}
	return out
}

func orWord(word, otherwise string) string {
	if word == "" {
		return otherwise
	}
	return word
}

func prefixed(prefix, word string) string {
	if word == "" {
		return ""
	}
	return prefix + word
}

// logs is the command that shows what it says.
func (v view) logs(h Host) Command {
	if v.Cluster != nil {
		if len(v.ill()) > 0 && !v.ill()[0].Running && v.ill()[0].Restarts > 0 {
			return next(v.kubectl("logs", v.ill()[0].Pod.Name, "-c", v.ill()[0].Container.Name, "--previous", "--tail=100"), "what it said before it ended, as journalctl did")
		}
		return next(v.kubectl("logs", v.object(), "--tail=100"), "what it says, as journalctl did")
	}
	return next(ssh(h, append([]string{"journalctl"}, append(v.journalUnits(), "-n", "100", "--no-pager")...)...), "what it says")
}

func (v view) journalUnits() []string {
	var out []string
	for _, u := range v.Machines.Units {
		out = append(out, "-u", u)
	}
	return out
}

// crashes is the last resort: it ends, and nothing says why.
func (v view) crashes() []Cause {
	if v.gone() {
		return nil
	}
	for _, s := range v.ill() {
		if s.Exit == nil || s.Restarts == 0 && s.Waiting == "" && s.Running {
			continue
		}
		if s.Running && v.At.Sub(s.Exit.At) > recent || v.killedByProbe(s) {
			continue
		}
		c := Cause{
			Line:  fmt.Sprintf("%s ends by itself, %s", v.Service, v.ended(s.Exit)),
			Proof: []Proof{since(s.where(), s.Exit.At, "%s, exit code %d, %s", s.Exit.Reason, s.Exit.Code, count(s.Restarts, "restart"))},
			Next:  []Command{v.logs(Host{})},
		}
		if s.Init {
			c.Line = fmt.Sprintf("%s cannot start: its init container %s ends, %s", v.Service, s.Container.Name, v.ended(s.Exit))
		}
		if n := len(s.Log); n > 0 {
			c.Line += ": " + short(s.Log[n-1])
			c.Proof = append(c.Proof, since(s.where(), s.Exit.At, "its last words: %s", short(s.Log[n-1])))
		}
		return []Cause{c}
	}
	return nil
}

// killedByProbe reports whether the kubelet ended it because a probe failed; then it is the probe that is to be explained.
func (v view) killedByProbe(s seen) bool {
	for _, e := range v.events("pod/"+s.Pod.Name, "Killing") {
		if strings.Contains(e.Message, s.Container.Name+" failed ") {
			return true
		}
	}
	return false
}

// ended says in words how a process ended (signal(7); exit codes above 128 are those of a shell).
func (v view) ended(e *Exit) string {
	signal := e.Signal
	if signal == 0 && e.Code > 128 {
		signal = e.Code - 128
	}
	switch {
	case signal == 9:
		return "killed from outside (signal 9)"
	case signal == 11:
		return "by a fault in its own code (segmentation fault)"
	case signal == 6:
		return "because it gave up itself (abort)"
	case signal == 15:
		return "because it was told to (signal 15)"
	case e.Code == 0:
		return "without an error (exit code 0), though it is to keep running"
	case e.Code == 127:
		return "exit code 127: a program it starts is not there"
	case e.Code == 126:
		return "exit code 126: a program it starts may not be run"
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

func (v view) restarted() []Cause {
	if v.gone() {
		return nil
	}
	var out []Cause
	for _, p := range v.InCluster.Pods {
		for _, c := range p.Containers {
			if c.Ready && c.Restarts > 0 && c.Exit != nil && !c.Init {
				out = append(out, Cause{
					Line:  fmt.Sprintf("container %s of pod %s was started again %s", c.Name, p.Name, times(c.Restarts)),
					Proof: []Proof{since(seen{p, c}.where(), c.Exit.At, "%s, %s", orWord(c.Exit.Reason, "ended"), v.ended(c.Exit))},
					Next:  []Command{next(v.kubectl("logs", p.Name, "-c", c.Name, "--previous", "--tail=100"), "what it said before")},
				})
			}
		}
	}
	return out
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
