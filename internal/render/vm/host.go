package vm

import (
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// names are the lines of /etc/hosts: machines, and what runs on them. A name that the load balancers spread leads to them, any other
// straight to its machines.
func (e environment) names(things []thing) string {
	var b strings.Builder
	line := func(address string, names ...string) {
		full := make([]string, 0, 2*len(names))
		for _, n := range names {
			if e.Zone != "" {
				full = append(full, n+"."+e.Zone)
			}
			full = append(full, n)
		}
		fmt.Fprintf(&b, "%s\t%s\n", address, strings.Join(full, " "))
	}
	fmt.Fprintf(&b, "# %s\n", e.origin())
	for _, h := range e.Hosts {
		line(h.Address, h.Name)
	}
	for _, t := range things {
		if !t.called {
			continue
		}
		for _, host := range e.answering(t) {
			line(e.addresses[host], callNames(t.name)...)
		}
	}
	return b.String()
}

// answering are the machines that a thing's name leads to.
func (e environment) answering(t thing) []string {
	if t.behind == nil {
		return t.hosts
	}
	out := make([]string, len(e.balancers))
	for i, h := range e.balancers {
		out[i] = h.Name
	}
	return out
}

// callNames are the names something is called by: as a DNS label, and as it is when a resolver takes that too.
func callNames(name estate.ServiceName) []string {
	label := workload.NameOf(string(name))
	own := strings.ToLower(string(name))
	if own == label || strings.Trim(own, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return []string{label}
	}
	return []string{label, own}
}

// cloudInit makes a machine what it is planned to be: its packages, accounts, files and units. It holds no secret.
func (e environment) cloudInit(h render.Host, things []thing) render.File {
	var b strings.Builder
	here := slices.DeleteFunc(slices.Clone(things), func(t thing) bool { return !t.hasHost(h.Name) })
	fmt.Fprintf(&b, "#cloud-config\n# %s: %s.\n# %s\n", h.Name, e.purpose(here), e.origin())
	fmt.Fprintf(&b, "hostname: %s\n", h.Name)
	if e.Zone != "" {
		fmt.Fprintf(&b, "fqdn: %s.%s\n", h.Name, e.Zone)
	}
	b.WriteString("manage_etc_hosts: false\npackage_update: true\n")
	packages(&b, here)
	users(&b, here)
	b.WriteString("write_files:\n")
	written(&b, file{File: render.File{Text: e.names(things), Mode: 0o644}, at: "/etc/hosts"}, true)
	for _, t := range here {
		for _, f := range t.content {
			if f.on(h.Name) {
				written(&b, f, false)
			}
		}
	}
	e.commands(&b, here)
	return render.File{Path: e.in("hosts", h.Name, "cloud-init.yaml"), Text: b.String(), Mode: 0o644, Placed: &render.Placement{Hosts: []render.Host{h}}}
}

// purpose lists what is on a machine, for people.
func (e environment) purpose(here []thing) string {
	if len(here) == 0 {
		return "nothing is placed on it"
	}
	out := make([]string, len(here))
	for i, t := range here {
		out[i] = unitComment(string(t.name))
	}
	return strings.Join(out, ", ")
}

func packages(b *strings.Builder, here []thing) {
	var all []string
	for _, t := range here {
		all = append(all, t.packages...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		return
	}
	b.WriteString("packages:\n")
	for _, p := range all {
		fmt.Fprintf(b, "  - %s\n", p)
	}
}

func users(b *strings.Builder, here []thing) {
	var all []string
	for _, t := range here {
		all = append(all, t.users...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		return
	}
	b.WriteString("users:\n  - default\n")
	for _, u := range all {
		fmt.Fprintf(b, "  - name: %s\n    system: true\n    homedir: /nonexistent\n    no_create_home: true\n    shell: /usr/sbin/nologin\n", yamlQuoted(u))
	}
}

func written(b *strings.Builder, f file, more bool) {
	fmt.Fprintf(b, "  - path: %s\n    permissions: \"%04o\"\n", yamlWord(f.at), f.Mode)
	if more {
		b.WriteString("    append: true\n")
	}
	if f.base64 {
		b.WriteString("    encoding: b64\n")
	}
	fmt.Fprintf(b, "    content: %s\n", yamlText(f.Text, 6))
}

// yamlWord quotes a text where YAML might read something else in it.
func yamlWord(s string) string {
	if isPlain(s) && (s[0] == '/' || s[0] >= 'a' && s[0] <= 'z') && !strings.ContainsAny(s, ":@") {
		return s
	}
	return yamlQuoted(s)
}

// commands start what is on a machine, wave by wave.
func (e environment) commands(b *strings.Builder, here []thing) {
	b.WriteString("runcmd:\n")
	run := func(words ...string) {
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = yamlWord(w)
			if strings.HasPrefix(w, "-") && isPlain(w) {
				quoted[i] = w
			}
		}
		fmt.Fprintf(b, "  - [%s]\n", strings.Join(quoted, ", "))
	}
	run("install", "-d", "-m", "0700", e.secretFolder())
	run("systemctl", "daemon-reload")
	for _, t := range here {
		if t.wave > 0 {
			fmt.Fprintf(b, "  # Wave %d: %s.\n", t.wave, unitComment(string(t.name)))
		}
		for _, c := range t.commands() {
			run(c...)
		}
		for _, unit := range t.start {
			run("systemctl", "enable", "--now", unit)
		}
	}
}

// namesFile is the same for people.
func (e environment) namesFile(things []thing) render.File {
	return render.File{Path: e.in("hosts", "etc-hosts"), Text: e.names(things), Mode: 0o644, Placed: &render.Placement{Hosts: e.Hosts, Path: "/etc/hosts", Block: true}}
}
