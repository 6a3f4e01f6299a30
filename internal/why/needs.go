package why

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// namesDown says that nobody answers for names, which explains every name that is not found.
func (v view) namesDown() []Cause {
	var out []Cause
	if !v.gone() && v.InCluster.DNS != nil && v.InCluster.DNS.Ready == 0 {
		d := v.InCluster.DNS
		out = append(out, Cause{
			Line:  fmt.Sprintf("%s finds no names: the cluster's DNS is down (%d of %d CoreDNS pods are ready)", v.Service, d.Ready, d.Pods),
			Proof: append([]Proof{proof("namespace kube-system, CoreDNS", "%s", orWord(d.Why, "no pod is ready"))}, v.unanswered()...),
			Next:  []Command{next(line("kubectl", "--context", v.Cluster.Context, "-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns"), "how it is; whoever runs the cluster mends it")},
		})
	}
	if v.Machines == nil {
		return out
	}
	for _, l := range v.Lookups {
		if l.Result == NoAnswer {
			return append(out, Cause{
				Line:  fmt.Sprintf("%s finds no names: DNS does not answer on %s", v.Service, l.From),
				Proof: v.unanswered(),
				Next:  []Command{next(ssh(Host{Name: l.From}, "cat", "/etc/resolv.conf"), "whom it asks")},
			})
		}
	}
	return out
}

func (v view) unanswered() []Proof {
	var out []Proof
	for _, l := range v.Lookups {
		if l.Result == NoAnswer {
			out = append(out, proof(l.From, "%s: %s", v.Needs[l.Need].Host, orWord(l.Detail, string(l.Result))))
		}
	}
	return out
}

// needDown are the needs that cannot be reached, of a service that is not well.
func (v view) needDown() []Cause {
	if v.runs() {
		return nil
	}
	return v.unreachables()
}

// needUnreachable are the same of a service that runs.
func (v view) needUnreachable() []Cause {
	if !v.runs() {
		return nil
	}
	return v.unreachables()
}

// runs reports whether its processes are well, as far as they can tell.
func (v view) runs() bool {
	if v.Cluster != nil {
		return !v.gone() && len(v.ill()) == 0
	}
	for _, m := range v.OnMachines {
		for _, u := range m.Units {
			if !u.well() {
				return false
			}
		}
	}
	return true
}

func (v view) unreachables() []Cause {
	var out []Cause
	for i := range v.Needs {
		if v.fails(i) {
			out = append(out, v.needCause(i, nil))
		}
	}
	return out
}

// fails reports whether a need was tried and not reached, or is not there.
func (v view) fails(need int) bool {
	if t, ok := v.try(need); ok && t.Result != Reached && t.Result != Untried {
		return true
	}
	if t, ok := v.try(need); ok && t.Result == Reached {
		return false
	}
	if l, ok := v.lookup(need); ok && l.Result == NoName {
		return true
	}
	p, ok := v.provider(need)
	return ok && (!p.There || !p.HasPort || p.Ready == 0)
}

// try is what came of trying a need: the worst, since a service that runs in several places needs it in all.
func (v view) try(need int) (Try, bool) {
	var found Try
	ok := false
	for _, t := range v.Tries {
		if t.Need == need && (!ok || found.Result == Reached || found.Result == Untried) {
			found, ok = t, true
		}
	}
	return found, ok
}

func (v view) lookup(need int) (Lookup, bool) {
	for _, l := range v.Lookups {
		if l.Need == need && l.Result != Untried {
			return l, true
		}
	}
	return Lookup{}, false
}

func (v view) provider(need int) (Provider, bool) {
	if v.InCluster == nil {
		return Provider{}, false
	}
	i := slices.IndexFunc(v.InCluster.Providers, func(p Provider) bool { return p.Need == need })
	if i < 0 {
		return Provider{}, false
	}
	return v.InCluster.Providers[i], true
}

// needOf is the need that a complaint is about.
func (v view) needOf(c complaint) (int, bool) {
	host, port, err := net.SplitHostPort(c.at)
	if err != nil {
		host, port = c.at, ""
	}
	host = strings.TrimSuffix(host, ".")
	fits := func(n Need) bool { return port == "" || port == strconv.Itoa(n.Port) }
	for i, n := range v.Needs {
		if host != "" && fits(n) && (n.Host == host || slices.Contains(v.answers(i), host) || strings.HasPrefix(host, n.Host+".")) || host == "" && strings.Contains(c.text, n.Host) {
			return i, true
		}
	}
	var fitting []int
	for i, n := range v.Needs {
		if port != "" && fits(n) && net.ParseIP(host) != nil || c.sort == noLogin && speaks(n, c.text) || c.sort == noDatabase && speaks(n, c.text) || host == "" && n.TLS && c.sort.ofCertificate() {
			fitting = append(fitting, i)
		}
	}
	if len(fitting) == 1 {
		return fitting[0], true
	}
	return 0, false
}

// speaks reports whether a refused login is of a need's sort.
func speaks(n Need, text string) bool {
	low := strings.ToLower(text)
	switch n.Type {
	case "postgres", "postgresql":
		return contains(low, "password authentication failed", "pg_hba", "sqlstate", "role ", "database ")
	case "redis", "valkey":
		return contains(low, "wrongpass", "noauth", "username-password")
	case "rabbitmq":
		return contains(low, "access_refused", "login was refused", "username or password not allowed")
	case "mysql", "mariadb":
		return contains(low, "access denied for user", "unknown database")
	case "mongodb":
		return contains(low, "authentication failed")
	}
	return false
}

// answers are the addresses a need's name led to.
func (v view) answers(need int) []string {
	var out []string
	for _, l := range v.Lookups {
		if l.Need == need {
			out = append(out, l.Answers...)
		}
	}
	return out
}

// needCause says that a need cannot be used, by all that is known of it.
func (v view) needCause(i int, c *complaint) Cause {
	n := v.Needs[i]
	out := Cause{Line: v.needLine(i, c), Proof: v.needProof(i, c), Next: v.needNext(i, c)}
	if n.From != "" {
		out.Proof = append(out.Proof, proof(n.From, "is where its configuration says so"))
	}
	for _, r := range v.refusals(i) {
		out.Proof = append(out.Proof, proof("networkpolicy/"+r.Policy, "lets nothing through to %s", n.Address()))
	}
	return out
}

func (v view) needLine(i int, c *complaint) string {
	n := v.Needs[i]
	name := called(n)
	if c != nil {
		switch c.sort {
		case noLogin:
			return fmt.Sprintf("%s may not log in to %s: wrong user or password%s at %s", v.Service, name, prefixed(" for user ", c.what), n.Address())
		case noDatabase:
			return fmt.Sprintf("%s finds no database %s in %s at %s", v.Service, c.what, name, n.Address())
		case expired:
			return fmt.Sprintf("%s cannot speak to %s: the certificate of %s has expired", v.Service, name, n.Address())
		case untrusted:
			return fmt.Sprintf("%s cannot speak to %s: it does not trust the certificate of %s", v.Service, name, n.Address())
		case misnamed:
			return fmt.Sprintf("%s cannot speak to %s: the certificate of %s is for another name", v.Service, name, n.Address())
		}
	}
	t, tried := v.try(i)
	if tried && t.Result == Reached && c == nil {
		return fmt.Sprintf("%s reaches %s", v.Service, name)
	}
	if tried && t.Result != Untried && t.Result != Reached {
		return v.triedLine(n, t)
	}
	if l, ok := v.lookup(i); ok && l.Result == NoName {
		return fmt.Sprintf("%s cannot reach %s: there is no name %s, asked of %s", v.Service, name, n.Host, l.Way)
	}
	if p, ok := v.provider(i); ok {
		switch {
		case !p.There:
			return fmt.Sprintf("%s cannot reach %s: there is no Service %s", v.Service, name, p.Service)
		case !p.HasPort:
			return fmt.Sprintf("%s cannot reach %s: Service %s has no port %d, but %s", v.Service, name, p.Service, n.Port, numbers(p.Ports))
		case p.Ready == 0:
			return fmt.Sprintf("%s cannot reach %s: Service %s leads to no pod that is ready", v.Service, name, p.Service)
		}
	}
	return v.complaintLine(n, c)
}

func (v view) triedLine(n Need, t Try) string {
	from := t.From
	if v.Cluster != nil {
		from = "its pod"
	}
	switch t.Result {
	case NoName:
		return fmt.Sprintf("%s cannot reach %s: there is no name %s, asked from %s", v.Service, called(n), n.Host, from)
	case TimedOut:
		return fmt.Sprintf("%s cannot reach %s: no answer in time from %s, tried from %s", v.Service, called(n), n.Address(), from)
	case Unroutable:
		return fmt.Sprintf("%s cannot reach %s: no route to %s, tried from %s", v.Service, called(n), n.Address(), from)
	case NoAnswer:
		return fmt.Sprintf("%s cannot reach %s: nobody answers for the name %s, asked from %s", v.Service, called(n), n.Host, from)
	case BadTLS:
		return fmt.Sprintf("%s cannot speak to %s at %s: %s, tried from %s", v.Service, called(n), n.Address(), t.Detail, from)
	}
	return fmt.Sprintf("%s cannot reach %s: connection refused at %s, tried from %s", v.Service, called(n), n.Address(), from)
}

func (v view) complaintLine(n Need, c *complaint) string {
	if c == nil {
		return fmt.Sprintf("%s cannot reach %s at %s", v.Service, called(n), n.Address())
	}
	words := map[sort]string{refused: "connection refused at " + n.Address(), timedOut: "no answer in time from " + n.Address(), noName: "there is no name " + n.Host, noRoute: "no route to " + n.Address()}[c.sort]
	return fmt.Sprintf("%s cannot reach %s: %s, says its log", v.Service, called(n), words)
}

func called(n Need) string {
	if n.Name == "" {
		return n.Host
	}
	return string(n.Name)
}

func (v view) needProof(i int, c *complaint) []Proof {
	n := v.Needs[i]
	var out []Proof
	for _, t := range v.Tries {
		if t.Need != i || t.Result == Untried {
			continue
		}
		text := fmt.Sprintf("%s: %s after %d ms, %s", n.Address(), t.Result, t.Took.Milliseconds(), t.Way)
		if t.Detail != "" && t.Result != Reached {
			text += " (" + short(t.Detail) + ")"
		}
		out = append(out, proof(t.From, "%s", text))
	}
	for _, l := range v.Lookups {
		if l.Need == i && l.Result != Reached && l.Result != Untried {
			out = append(out, proof(l.From, "name %s: %s, %s", n.Host, l.Result, l.Way))
		}
	}
	if p, ok := v.provider(i); ok {
		out = append(out, proof("service/"+p.Service, "%s ready, %d not", count(p.Ready, "address"), p.NotReady))
	}
	if c != nil {
		out = append(out, since(c.where, c.time, "it says: %s", short(c.text)))
	}
	return out
}

func (v view) needNext(i int, c *complaint) []Command {
	n := v.Needs[i]
	var out []Command
	if p, ok := v.provider(i); ok && (p.Ready == 0 || !p.There) {
		out = append(out, next(line("caravan", "why", string(n.Name), "-e", string(v.Environment)), "why that is"))
	}
	if c != nil && c.sort == noLogin && v.Cluster != nil {
		out = append(out, next(v.kubectl("describe", v.object()), "which Secret its password comes from; compare it with the database's"))
	}
	if v.Cluster != nil {
		return append(out, next(line("caravan", "how", string(v.Service), "debug-dns", "-e", string(v.Environment)), "how to try it by hand, from beside its process"))
	}
	for _, t := range v.Tries {
		if t.Need == i && t.Result != Reached {
			return append(out, next(ssh(Host{Name: t.From}, "curl", "-sv", "--max-time", "3", "telnet://"+n.Address()), "tries it by hand"))
		}
	}
	return out
}

func (v view) refusals(need int) []Refusal {
	if v.InCluster == nil {
		return nil
	}
	var out []Refusal
	for _, r := range v.InCluster.Refusals {
		if r.Need == need {
			out = append(out, r)
		}
	}
	return out
}

// policy are needs that a NetworkPolicy lets nothing through to. Whether anything enforces it is the cluster's network's affair.
func (v view) policy() []Cause {
	if v.gone() {
		return nil
	}
	var out []Cause
	for i, n := range v.Needs {
		for _, r := range v.refusals(i) {
			out = append(out, Cause{
				Line:  fmt.Sprintf("NetworkPolicy %s lets nothing through from %s to %s at %s", r.Policy, v.Service, called(n), n.Address()),
				Means: "It holds where the cluster's network enforces policies.",
				Proof: []Proof{proof("networkpolicy/"+r.Policy, "chooses its pods and has no rule for %s", n.Address())},
				Next:  []Command{next(v.kubectl("describe", "networkpolicy", r.Policy), "what it lets through")},
			})
		}
	}
	return out
}

// saysWhileItRuns are complaints about needs of a process that runs and is taken for well.
func (v view) saysWhileItRuns() []Cause {
	if v.gone() && v.Cluster != nil {
		return nil
	}
	var out []Cause
	for _, c := range v.murmurs() {
		if !c.sort.ofNeed() && c.sort != full {
			continue
		}
		if i, ok := v.needOf(c); ok {
			if t, tried := v.try(i); tried && t.Result == Reached && c.sort != noLogin && c.sort != noDatabase && !c.sort.ofCertificate() {
				continue // it was so, and is no more
			}
		}
		out = append(out, v.said(c))
	}
	return out
}

// murmurs are the complaints of processes that are well, as far as they can tell.
func (v view) murmurs() []complaint {
	var out []complaint
	if v.InCluster != nil {
		for _, p := range v.InCluster.Pods {
			for _, s := range p.Containers {
				if c, ok := complains(s.Log); ok && s.Ready {
					c.where = seen{p, s}.where()
					out = append(out, c)
				}
			}
		}
	}
	for _, m := range v.OnMachines {
		for _, u := range m.Units {
			if c, ok := m.complains(u.Name); ok && u.well() {
				out = append(out, c)
			}
		}
	}
	return out
}

func numbers(list []int) string {
	if len(list) == 0 {
		return "none"
	}
	var out []string
	for _, n := range list {
		out = append(out, strconv.Itoa(n))
	}
	return listed(out)
}
