package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/told"
	"example.org/caravan/internal/workload"
)

// SwitchRequest says where a service is switched, or goes back.
type SwitchRequest struct {
	Environment estate.EnvironmentName `json:"environment" minLength:"1"`
	Why         string                 `json:"why,omitempty" doc:"Reason, for the audit."`
	Force       bool                   `json:"force,omitempty" doc:"Go back although the window for it is over; overwrite what was edited since."`
}

// StartSwitch begins to have a service told by configuration what something else tells it today. Conflict, with a line for each, when
// differences are unexplained or a process could not be read; Denied while its team has not agreed.
func (a *App) StartSwitch(ctx context.Context, service estate.ServiceName, req SwitchRequest, by rights.Person) (journey.Run, error) {
	if err := rights.May(by, rights.Operate, ""); err != nil {
		return journey.Run{}, err
	}
	s, err := a.shadowed(ctx, service, req.Environment)
	if err != nil {
		return journey.Run{}, err
	}
	if t, _ := a.declared.TargetOf(s.Environment); t.Machines == nil {
		return journey.Run{}, fault.Newf(fault.NotFound, "%s has no target of machines, so nothing may be changed there; write one for it in caravan.yaml", s.Environment)
	}
	shadow, err := a.compare(ctx, s)
	if err != nil {
		return journey.Run{}, err
	}
	if text := shadow.InTheWay(); text != "" {
		return journey.Run{}, fault.Newf(fault.Conflict, "%s in %s is not switched:\n%s", s.Service, s.Environment, text)
	}
	c, err := a.switchCourse(ctx, s)
	if err != nil {
		return journey.Run{}, err
	}
	return a.askAndBegin(ctx, c, a.optionsOf(c, "", req.Force), by, req.Why)
}

// StartSwitchBack begins to have a service told again what it was told before its switch. NotFound when it was never switched; Conflict when
// the window for it is over, unless it is forced.
func (a *App) StartSwitchBack(ctx context.Context, service estate.ServiceName, req SwitchRequest, by rights.Person) (journey.Run, error) {
	if err := rights.May(by, rights.Operate, ""); err != nil {
		return journey.Run{}, err
	}
	if err := a.inWorkspace(); err != nil {
		return journey.Run{}, err
	}
	name := switchName(service, req.Environment)
	runs, err := a.store.Runs(ctx, name, 0)
	if err != nil {
		return journey.Run{}, err
	}
	i := slices.IndexFunc(runs, func(r journey.Run) bool { return r.Way == journey.Forth })
	if i < 0 {
		return journey.Run{}, fault.Newf(fault.NotFound, "%s was never switched in %s, so there is nothing to go back from", service, req.Environment)
	}
	if i > 0 && runs[0].State == journey.Finished {
		return journey.Run{}, fault.Newf(fault.NotFound, "%s is not switched in %s: it went back on %s", service, req.Environment, runs[0].Ended.Format("2 January 2006 15:04 MST"))
	}
	forth := runs[i]
	if until := forth.Ended.Add(a.declared.Switching.WayBack()); forth.State == journey.Finished && a.now().After(until) && !req.Force {
		return journey.Run{}, fault.Newf(fault.Conflict, "the window in which %s may go back in %s was over on %s; what told it before may have changed since: look, then go back with --force", service, req.Environment, until.Format("2 January 2006 15:04 MST"))
	}
	var c course
	if err := a.store.Course(ctx, forth.Journey, &c); err != nil {
		return journey.Run{}, err
	}
	o, err := a.optionsBack(ctx, c, "", true) // what somebody edited of its files goes with them: else it would be told by what is left
	if err != nil {
		return journey.Run{}, err
	}
	return a.begin(ctx, c, journey.Back, o, by.By(), req.Why)
}

// switchConsents is who has agreed to a switch as configuration is now.
func (a *App) switchConsents(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (Consents, error) {
	s, err := a.shadowed(ctx, service, env)
	if err != nil {
		return Consents{}, err
	}
	c, err := a.switchCourse(ctx, s)
	if err != nil {
		return Consents{}, err
	}
	return a.consents(ctx, c)
}

// switchCourse is what switching a service does: one step, whose digest is that of everything it will be told, secrets by where they are kept.
func (a *App) switchCourse(ctx context.Context, s shadowed) (course, error) {
	unit, signed, err := s.unit(ctx)
	if err != nil {
		return course{}, err
	}
	files, err := s.takeOver(unit).Render()
	if err != nil {
		return course{}, err
	}
	p := expansion.Proposal{
		Expansion: s.name(), Country: s.Country, Source: s.Environment,
		Environments: []expansion.Environment{{Name: s.Environment, Kind: s.Kind}},
	}
	p.Digest = estate.DigestOf(p)
	c := course{journey.Course{Journey: journey.SwitchOf(p, s.Service, s.team, s.inWords(signed), files), Files: files}, p}
	c.Course = c.At(a.targetInWords)
	return c, nil
}

// unit is the unit that starts the service on all its machines, with the differences from what told it before that somebody signed: those that its
// processes had before they were switched, so that it is the same in the middle of it.
func (s shadowed) unit(ctx context.Context) (string, []config.Signature, error) {
	processes, unread := s.read(ctx)
	if len(unread) > 0 {
		return "", nil, fault.Newf(fault.Unavailable, "%s", unread[0].Why)
	}
	var before []config.Told
	for _, p := range processes {
		if p.Unit != processes[0].Unit {
			return "", nil, fault.Newf(fault.Conflict, "%s is kept by %s on %s and by %s on %s; call its unit alike on all its machines", s.Service, processes[0].Unit, processes[0].Instance, p.Unit, p.Instance)
		}
		if p.Ours && p.before.Instance != "" {
			before = append(before, p.before)
			continue
		}
		before = append(before, p.Told)
	}
	var signed []config.Signature
	for _, k := range config.Compared(s.Spot, s.expected, before, s.today, s.signed).Keys {
		if k.Signed != nil && !slices.Contains(signed, *k.Signed) {
			signed = append(signed, *k.Signed)
		}
	}
	return processes[0].Unit, signed, nil
}

// inWords is what a switch does, for those who agree to it.
func (s shadowed) inWords(signed []config.Signature) []string {
	variables, files := 0, map[string]bool{}
	for _, x := range s.expected {
		if x.File == "" {
			variables++
		} else {
			files[x.File] = true
		}
	}
	machines := make([]string, len(s.hosts))
	for i, h := range s.hosts {
		machines[i] = h.Name
	}
	out := []string{
		fmt.Sprintf("%s is told %d variables and %d files by its configuration, in the place of what its unit says", s.Service, variables, len(files)),
		"started anew on " + strings.Join(machines, ", ") + ", one after the other",
	}
	for _, g := range signed {
		out = append(out, fmt.Sprintf("%s differs, and %s signed why: %s", g.Key, g.By, g.Why))
	}
	return out
}

// takeOver is what its machines get.
func (s shadowed) takeOver(unit string) vm.TakeOver {
	t := vm.TakeOver{
		Environment: s.Environment, Service: s.Service, Unit: unit, Hosts: s.hosts, Variables: map[string]string{}, Files: map[string]string{}, Health: s.health,
	}
	if len(s.ports) > 0 {
		t.Port = s.ports[0]
	}
	for _, x := range s.expected {
		switch {
		case x.File != "":
		case x.Secret != nil:
			t.Secret = append(t.Secret, x.Key)
		default:
			t.Variables[x.Key] = x.Text
		}
	}
	for at, content := range s.delivered.Files {
		if slices.ContainsFunc(s.expected, func(x config.Expected) bool { return x.File == at && x.Secret != nil }) {
			t.Hidden = append(t.Hidden, at)
			continue
		}
		t.Files[at] = plainText(content)
	}
	slices.Sort(t.Hidden)
	return t
}

// plainText is a content without placeholders, as the process reads it.
func plainText(content string) string {
	text, _ := filled(content, nil)
	return text
}

// filled puts secrets into a content, by their keys in the service's own and other Secrets. The key of the first that nobody knows is returned.
func filled(content string, secrets map[string]string) (text, missing string) {
	parts, err := workload.Parts(content)
	if err != nil {
		return content, ""
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Secret == "" {
			b.WriteString(p.Text)
			continue
		}
		value, ok := secrets[p.Placeholder()]
		if !ok {
			return "", p.Property
		}
		b.WriteString(value)
	}
	return b.String(), ""
}

// switching has a service told by configuration, machine by machine.
type switching struct {
	*App
	placing
}

// shadow is the service of a step, as configuration is now.
func (w switching) shadow(ctx context.Context, work journey.Work) (shadowed, error) {
	return w.shadowed(ctx, work.Step.Subject, work.Step.Environment)
}

// Do compares once more, keeps what processes are told, brings secrets, and puts the rest in place.
func (w switching) Do(ctx context.Context, work journey.Work, tell journey.Tell) ([]journey.Change, error) {
	s, err := w.shadow(ctx, work)
	if err != nil {
		return nil, err
	}
	shadow, err := w.compare(ctx, s)
	if err != nil {
		return nil, err
	}
	if text := shadow.InTheWay(); text != "" {
		return nil, fault.Newf(fault.Conflict, "%s", text)
	}
	if now, err := w.switchCourse(ctx, s); err != nil {
		return nil, err
	} else if now.Journey.Steps[0].Digest != work.Step.Digest {
		return nil, fault.Newf(fault.Conflict, "what configuration has for %s in %s is not what was agreed to any more; look at it, agree, and switch again", s.Service, s.Environment)
	}
	tell(fmt.Sprintf("%d of %d keys are equal, %d differ and are signed, %d are new values of configuration", shadow.Equal, len(shadow.Keys), shadow.Intended, shadow.Pending))
	changed, err := w.ready(ctx, s)
	if err != nil {
		return nil, err
	}
	err = w.at(ctx, func(t journey.Target) error {
		if m, ok := t.(*host.Target); ok {
			return m.Anew(ctx, s.Service, changed)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	changes, err := w.placing.Do(ctx, work, tell)
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, w.forget(ctx, s))
	}
	return changes, err
}

// forget takes away what was kept on machines whose processes were not switched in the end.
func (w switching) forget(ctx context.Context, s shadowed) error {
	return errors.Join(s.on(ctx, func(_ int, m *host.Machine) error {
		p, err := s.process(ctx, m)
		if err != nil || p.Ours {
			return err
		}
		return told.Forget(ctx, m, vm.Private(s.Service), vm.Hidden, vm.TakenOver)
	})...)
}

// ready keeps on each machine what the process is told today, and puts secrets there: those that are known, and of the others what it has. Given are
// machines that are switched already, and on which a secret is another now.
func (w switching) ready(ctx context.Context, s shadowed) ([]render.Host, error) {
	private, changed := vm.Private(s.Service), make([]bool, len(s.hosts))
	err := errors.Join(s.on(ctx, func(i int, m *host.Machine) error {
		p, err := s.process(ctx, m)
		if err != nil {
			return err
		}
		if !p.Ours {
			if err := told.Keep(ctx, m, private, p.Told); err != nil {
				return err
			}
		}
		another, err := s.putSecrets(ctx, m, p)
		changed[i] = another && p.Ours
		return err
	})...)
	var out []render.Host
	for i, h := range s.hosts {
		if changed[i] {
			out = append(out, h)
		}
	}
	return out, err
}

func (s shadowed) putSecrets(ctx context.Context, m *host.Machine, p process) (changed bool, err error) {
	t := s.takeOver(p.Unit)
	variables, secrets := map[string]string{}, map[string]string{}
	for _, x := range s.expected {
		if x.Secret == nil {
			continue
		}
		value, ok := p.Values[x.Slot]
		if x.Known {
			value, ok = x.Text, true
		}
		if !ok {
			return false, fault.Newf(fault.Conflict, "%s: nobody knows what %s is there: it is kept in %s, and the process is not told it today", m.Name, x.Key, x.Secret)
		}
		if x.File == "" {
			variables[x.Key] = value
		}
		secrets[s.placeholder(x)] = config.InForm(x.As, value)
	}
	files := map[string]string{}
	if len(variables) > 0 {
		files[t.SecretsAt()] = vm.Told(variables)
	}
	for _, at := range t.Hidden {
		text, missing := filled(s.delivered.Files[at], secrets)
		if missing != "" {
			return false, fault.Newf(fault.Conflict, "%s: nobody knows %s of %s; keep it in SOPS, or give it as a variable", m.Name, missing, at)
		}
		files[t.HiddenAt(at)] = text
	}
	for at, text := range files {
		another, err := told.Put(ctx, m, vm.Private(s.Service), at, text)
		if err != nil {
			return false, err
		}
		changed = changed || another
	}
	return changed, nil
}

// placeholder stands for a secret where it is written among other text.
func (s shadowed) placeholder(x config.Expected) string {
	if x.Secret.Kubernetes != "" {
		return workload.SecretPlaceholder(x.Secret.Kubernetes, x.Secret.Key)
	}
	return workload.SecretPlaceholder(workload.OwnSecret(string(s.Service)), config.SecretKey(x.Key))
}

// Verify waits until the service is well, and looks at what its processes are told now: all of it as configuration has it, which was equal before
// or signed. When it is not, they are told again what they were.
func (w switching) Verify(ctx context.Context, work journey.Work, tell journey.Tell) error {
	if err := w.placing.Verify(ctx, work, tell); err != nil {
		return err
	}
	s, err := w.shadow(ctx, work)
	if err != nil {
		return err
	}
	processes, unread := s.read(ctx)
	if len(unread) > 0 {
		return fault.Newf(fault.Unavailable, "%s", unread[0].Why)
	}
	var wrong []string
	for _, p := range processes {
		wrong = append(wrong, s.wrong(p)...)
	}
	if len(wrong) == 0 {
		return nil
	}
	tell("its processes are told something else than before, so it goes back")
	if _, err := w.Undo(ctx, work, tell); err != nil {
		return fault.Newf(fault.Unavailable, "%s; going back failed, too: %w", strings.Join(wrong, "; "), err)
	}
	return fault.Newf(fault.Unavailable, "%s; it is told again what it was", strings.Join(wrong, "; "))
}

// wrong says what a process is told otherwise than configuration has it, and which of its secrets are not those it had.
func (s shadowed) wrong(p process) []string {
	if !p.Ours {
		return []string{p.Instance + ": it is not told by configuration"}
	}
	var out []string
	for _, k := range config.Compared(s.Spot, s.expected, []config.Told{p.Told}, nil, nil).Keys {
		if k.Verdict != config.Equal {
			out = append(out, p.Instance+": "+k.Text())
		}
	}
	for _, x := range s.expected {
		if was, ok := p.before.Values[x.Slot]; ok && x.Secret != nil && !x.Known && p.Values[x.Slot] != was {
			out = append(out, p.Instance+": "+x.Key+" is another secret than before")
		}
	}
	return out
}

// Undo has the service told again what it was told before, machine by machine.
func (w switching) Undo(ctx context.Context, work journey.Work, tell journey.Tell) ([]journey.Change, error) {
	changes, err := w.placing.Undo(ctx, work, tell)
	if err != nil {
		return changes, err
	}
	hosts := map[string]render.Host{}
	for _, p := range work.Step.Places {
		for _, h := range p.Placed.Hosts {
			hosts[h.Name] = h
		}
	}
	o, err := readOptions(work.Run.ID, work.Options)
	if err != nil {
		return changes, err
	}
	s := shadowed{Spot: config.Spot{Service: work.Step.Subject, Environment: work.Step.Environment}, hosts: slices.Collect(maps.Values(hosts))}
	if m := o.Targets[work.Step.Environment].Machines; m != nil {
		s.reach = w.overSSH(*m)
	}
	return changes, errors.Join(s.on(ctx, func(_ int, m *host.Machine) error {
		return told.Forget(ctx, m, vm.Private(s.Service), vm.Hidden, vm.TakenOver)
	})...)
}
