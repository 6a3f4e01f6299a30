package vm

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/render"
)

// readme says what the files are and how they are put in place by hand.
func (e environment) readme(things []thing) render.File {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: virtual machines\n\nExpansion %s, country %s.", e.Environment, e.Expansion, cmp.Or(e.Country, "not given"))
	b.WriteString(" Everything here is rendered: change a workload or the expansion, then `caravan move` again.\n")
	e.contents(&b, things)
	e.machines(&b, things)
	e.byWave(&b, things)
	e.byHand(&b)
	e.secretList(&b, things)
	e.runs(&b)
	return render.File{Path: e.in("README.md"), Text: b.String(), Mode: 0o644, Placed: &render.Placement{Hosts: e.Hosts}}
}

func (e environment) contents(b *strings.Builder, things []thing) {
	b.WriteString("\n## What is where\n\n| folder | holds |\n| --- | --- |\n| `hosts/HOST/cloud-init.yaml` | all that makes a machine what it is; no secret |\n| `hosts/etc-hosts` | every name of this environment |\n| `install.json` of each folder | what else its machines need, for programs |\n")
	rows := []struct{ folder, holds string }{
		{"services/NAME", "unit, variables, `health`, `drain` and `release` scripts, `secrets.md`"},
		{"datastores/NAME", "configuration for each machine, roles and databases, `secrets.md`; `standby.md`: how Caravan reaches it"},
		{"stubs/NAME", "an nginx server with canned answers"},
		{"haproxy", "the load balancers' configuration"},
		{"agent", "tells the load balancers what is being stopped"},
	}
	for _, r := range rows {
		below := e.in(path.Dir(r.folder + "/x"))
		below = strings.TrimSuffix(below, "/NAME") + "/"
		if slices.ContainsFunc(things, func(t thing) bool {
			return slices.ContainsFunc(t.content, func(f file) bool { return strings.HasPrefix(f.Path, below) })
		}) {
			fmt.Fprintf(b, "| `%s` | %s |\n", r.folder, r.holds)
		}
	}
}

func (e environment) machines(b *strings.Builder, things []thing) {
	if len(e.Hosts) == 0 {
		return
	}
	b.WriteString("\n## Machines\n\n| machine | address | runs |\n| --- | --- | --- |\n")
	for _, h := range e.Hosts {
		here := slices.DeleteFunc(slices.Clone(things), func(t thing) bool { return !t.hasHost(h.Name) })
		fmt.Fprintf(b, "| %s | %s | %s |\n", h.Name, h.Address, e.purpose(here))
	}
}

func (e environment) byWave(b *strings.Builder, things []thing) {
	b.WriteString("\n## Order\n\n| wave | what | team | ports | machines |\n| --- | --- | --- | --- | --- |\n")
	for _, t := range things {
		wave := "first"
		if t.wave > 0 {
			wave = fmt.Sprint(t.wave)
		}
		fmt.Fprintf(b, "| %s | %s (%s) | %s | %s | %s |\n", wave, t.name, t.about, cmp.Or(string(t.team), "–"), portList(t), cmp.Or(strings.Join(t.hosts, ", "), "–"))
	}
}

func portList(t thing) string {
	var out []string
	for _, c := range t.claims {
		text := fmt.Sprint(c.port)
		if c.protocol != "TCP" {
			text += "/" + strings.ToLower(c.protocol)
		}
		out = append(out, text)
	}
	return cmp.Or(strings.Join(out, ", "), "–")
}

func (e environment) byHand(b *strings.Builder) {
	fmt.Fprintf(b, `
## By hand

A new machine is given its cloud-init as user data when it is made: the provider's "user data" field, or a seed image made with
%[1]scloud-localds seed.img hosts/HOST/cloud-init.yaml%[1]s. Then, wave by wave:

1. Put the secrets on it (below), and start what waited for them: %[1]ssystemctl start UNIT%[1]s.
%[2]s
On a machine that is there already, copy the files to the places that its cloud-init names under %[1]swrite_files%[1]s and run the
lines under %[1]sruncmd%[1]s.
`, "`", e.releasing())
}

// releasing is how a service is first started, and again with each release.
func (e environment) releasing() string {
	if len(e.Services) == 0 {
		return ""
	}
	name := workloadName(e.Services[0])
	return fmt.Sprintf(`2. Copy a release there and put it in place:
   %[1]sscp %[3]s-1.4.2.tar.gz HOST:%[1]s, then on it %[1]s/usr/local/lib/%[2]s/%[3]s/release 1.4.2 %[3]s-1.4.2.tar.gz%[1]s.
3. Ask whether it is well: %[1]s/usr/local/lib/%[2]s/%[3]s/health%[1]s.
`, "`", e.org, name)
}

func (e environment) secretList(b *strings.Builder, things []thing) {
	b.WriteString("\n## Secrets\n\n")
	needed := false
	for _, t := range things {
		for _, s := range t.secrets {
			needed = true
			fmt.Fprintf(b, "- `%s` on %s, for %s\n", s, hostList(t.hosts), t.name)
		}
	}
	if !needed {
		b.WriteString("None are needed.\n")
		return
	}
	b.WriteString("\nWhat goes into them, key by key, is in the `secrets.md` of each folder. They are in no file here.\n")
}

// runs says how things are kept, where a reader might wonder.
func (e environment) runs(b *strings.Builder) {
	b.WriteString("\n## How it runs\n\n")
	if len(e.Services) > 0 {
		fmt.Fprintf(b, `- **A release** is unpacked to %[1]s/srv/%[2]s/NAME/releases/VERSION%[1]s; %[1]scurrent%[1]s is a link to the one that runs. The link is switched in
  one step, the unit restarted, and put back when the process is not well in time. %[3]d releases are kept.
- **Stopping** has the order of Kubernetes: out of balance, the seconds to drain, SIGTERM, the seconds to stop, SIGKILL.
`, "`", e.org, keptReleases)
	}
	const elsewhere = "\n  Whoever is not on these machines, as pods of a cluster, asks its name server: give that the names in `hosts/etc-hosts`.\n"
	if len(e.balancers) == 0 {
		b.WriteString("- **Names** lead straight to the machines: none is left over to be a load balancer." + elsewhere)
		return
	}
	if len(e.Services) > 0 {
		fmt.Fprintf(b, `- **Out of balance** is said by the machine, not to the load balancer: HAProxy asks an agent on port %[3]d of each machine
  (%[1]sagent-check%[1]s), which looks for %[1]s/run/%[2]s/NAME/drain%[1]s. So no machine needs a password, key or right on a load balancer, and
  an agent that does not answer changes nothing. To keep a service out by hand: %[1]stouch /run/%[2]s/NAME/drain%[1]s; to let it in again, remove it.
`, "`", e.org, agentPort)
	}
	b.WriteString("- **Names** lead to the load balancers, which listen on each thing's own port. A port that is not known to speak HTTP\n  is passed on as it is. UDP is not passed: such a name leads straight to its machines." + elsewhere)
	b.WriteString("- **Callers** are let in by the load balancers from the ranges they are planned to call from, and nobody else. A name that leads\n  straight to its machines is guarded by nothing here.\n")
}
