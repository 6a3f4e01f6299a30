package vm

import (
	"fmt"
	"path"
	"strings"

	"example.org/caravan/internal/render"
)

// unit is a process's systemd unit. systemd 252, Debian 12's, knows every setting in it.
func (e environment) unit(p program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n# %s\n\n", unitComment(e.about(p)), e.origin())
	e.unitSection(&b, p)
	b.WriteString("\n[Service]\n")
	e.process(&b, p)
	e.lifecycle(&b, p)
	limits(&b, p.share)
	e.folders(&b, p)
	hardening(&b, p.low())
	b.WriteString("\n[Install]\nWantedBy=multi-user.target\n")
	return b.String()
}

// about is a process in a few words.
func (e environment) about(p program) string {
	what := string(p.of.Name)
	if !p.main {
		what += ", container " + p.key
	}
	if p.of.Team != "" {
		what += ", team " + string(p.of.Team)
	}
	return what
}

// origin says in one line where a rendered file is from.
func (e environment) origin() string {
	return unitComment(fmt.Sprintf("Rendered for expansion %s, environment %s. Change the workload or the expansion, not this file.", e.Expansion, e.Environment))
}

// unitComment keeps a comment on its one line.
func unitComment(s string) string { return strings.Join(strings.Fields(s), " ") }

func (e environment) unitSection(b *strings.Builder, p program) {
	fmt.Fprintf(b, "[Unit]\nDescription=%s\nWants=network-online.target\nAfter=network-online.target\n", unitText(unitComment(e.about(p))))
	if len(p.before) > 0 {
		fmt.Fprintf(b, "Before=%s\n", strings.Join(p.before, " "))
	}
	if len(p.wants) > 0 {
		fmt.Fprintf(b, "Wants=%s\n", strings.Join(p.wants, " "))
	}
	if !p.main {
		fmt.Fprintf(b, "PartOf=%s.service\n", workloadName(p.of))
	}
	fmt.Fprintf(b, `# Before the first release there is nothing to start, which is no failure.
ConditionPathExists=%s/current
# What fails ten times in five minutes is left down for a person to look at.
StartLimitIntervalSec=300
StartLimitBurst=10
`, p.root)
}

// process says what is started, as whom, where and with which variables.
func (e environment) process(b *strings.Builder, p program) {
	if p.once {
		b.WriteString("Type=oneshot\nRemainAfterExit=yes\n")
	} else {
		b.WriteString("Type=exec\n")
	}
	fmt.Fprintf(b, "User=%s\nWorkingDirectory=%s\n", p.user, p.folder)
	if p.plain() {
		fmt.Fprintf(b, "EnvironmentFile=%s\n", e.variablesAt(p))
	}
	if p.secrets() {
		fmt.Fprintf(b, "# Without its secrets it does not start.\nEnvironmentFile=%s\n", e.secretsAt(p))
	}
	fmt.Fprintf(b, "ExecStart=%s\n", unitWords(p.words))
}

// lifecycle is the order Kubernetes has too: ready before balance, out of balance before SIGTERM, SIGKILL last.
func (e environment) lifecycle(b *strings.Builder, p program) {
	switch {
	case p.main && p.gated():
		fmt.Fprintf(b, "# Within %d s it must be well; only then are units after it started.\nExecStartPost=%s wait %d\n", p.times.Start, e.script(p, "health"), p.times.Start)
		fmt.Fprintf(b, "TimeoutStartSec=%d\n", p.times.Start+slack)
	case p.once:
		b.WriteString("TimeoutStartSec=infinity\n")
	default:
		fmt.Fprintf(b, "TimeoutStartSec=%d\n", p.times.Start+slack)
	}
	if p.main {
		fmt.Fprintf(b, "# Out of balance, %d s, SIGTERM, up to %d s, SIGKILL.\nExecStop=%s %d %d\n", p.times.Drain, p.times.Stop, e.script(p, "drain"), p.times.Drain, p.times.Stop)
		fmt.Fprintf(b, "TimeoutStopSec=%d\n", p.times.Drain+p.times.Stop+slack)
	} else {
		fmt.Fprintf(b, "TimeoutStopSec=%d\n", p.times.Stop)
	}
	b.WriteString("KillMode=mixed\n")
	if !p.once {
		b.WriteString("Restart=on-failure\nRestartSec=5\n")
	}
}

// slack is how many seconds systemd waits beyond what its own scripts wait for, so that they and not it have the last word.
const slack = 5

func limits(b *strings.Builder, s render.Share) {
	b.WriteString("\n# Limits.\n")
	if s.MemoryIsUsual || s.CPUIsUsual {
		fmt.Fprintf(b, "# %s Caravan's default, not a measured limit: the workload gives none.\n", defaulted(s))
	}
	fmt.Fprintf(b, "MemoryMax=%s\nMemoryHigh=%s\n", bytesText(s.Memory), bytesText(nine(s.Memory)))
	if s.LeastMemory > 0 {
		fmt.Fprintf(b, "MemoryLow=%s\n", bytesText(min(s.LeastMemory, s.Memory)))
	}
	fmt.Fprintf(b, "CPUQuota=%s\nTasksMax=4096\nLimitNOFILE=65536\n", percent(s.CPU))
}

func defaulted(s render.Share) string {
	switch {
	case !s.CPUIsUsual:
		return "Memory is"
	case !s.MemoryIsUsual:
		return "CPUQuota is"
	}
	return "Memory and CPUQuota are"
}

// nine is nine tenths, where a process is slowed down before it is killed, in whole mebibytes when it has that many.
func nine(n int64) int64 {
	n = n / 10 * 9
	if n > 1<<20 {
		n -= n % (1 << 20)
	}
	return n
}

// folders are what the process may write to, and what it finds in places of its own.
func (e environment) folders(b *strings.Builder, p program) {
	own := path.Join(e.org, p.name)
	fmt.Fprintf(b, "\n# Folders. It may write to these and to its own /tmp.\nRuntimeDirectory=%s\nStateDirectory=%s", own, path.Join(e.org, workloadName(p.of)))
	for _, v := range p.volumes {
		fmt.Fprintf(b, " %s", v.folder)
	}
	b.WriteByte('\n')
	for _, v := range p.volumes {
		if v.readOnly {
			fmt.Fprintf(b, "# Somebody else has to fill it.\nBindReadOnlyPaths=/var/lib/%s:%s\n", v.folder, v.at)
			continue
		}
		fmt.Fprintf(b, "BindPaths=/var/lib/%s:%s\nReadWritePaths=%s\n", v.folder, v.at, v.at)
	}
	for _, d := range p.files {
		fmt.Fprintf(b, "BindReadOnlyPaths=%s:%s\n", d.from, d.at)
	}
	b.WriteString("UMask=0027\n")
}

// hardening takes from a process what no service needs. MemoryDenyWriteExecute= is left out: runtimes that compile while they run
// (Java, .NET, Node) need such memory.
func hardening(b *strings.Builder, low bool) {
	b.WriteString(`
# Hardening.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
`)
	if low {
		b.WriteString("# It listens on a port below 1024.\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n")
		return
	}
	b.WriteString("CapabilityBoundingSet=\n")
}
