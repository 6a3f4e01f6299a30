package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
)

// seeReleases adds which versions were released where, and which ones machines run. What clusters run is known by digests, and gets the names of
// the versions they are.
func (a *App) seeReleases(ctx context.Context, l *looking) error {
	standings, err := a.store.Standings(ctx, "")
	if err != nil {
		return err
	}
	versions := map[string]string{} // by the first digits of an image's digest
	for _, st := range standings {
		for _, b := range []*delivery.Build{&st.Build, st.Before} {
			if b != nil && b.Image != "" {
				versions[drift.VersionOf(b.Image)] = b.Version
			}
		}
	}
	for i, r := range l.Instances {
		if v, ok := versions[r.Version]; ok {
			l.Instances[i].Version = v
		}
	}
	for _, st := range standings {
		r := drift.Released{Service: st.Service, Environment: st.Environment, Version: st.Build.Version, Digest: st.Build.Image, Place: "release " + string(st.Release)}
		for _, intent := range []*delivery.Intent{st.Intended, st.Paused} {
			if intent != nil && l.Now.Before(intent.Until) {
				r.Reason = intent.Why + " (" + intent.By + ", until " + intent.Until.Format("2 January 2006") + ")"
			}
		}
		l.Releases = slices.DeleteFunc(l.Releases, func(x drift.Released) bool {
			return x.Service == r.Service && x.Environment == r.Environment
		})
		l.Releases = append(l.Releases, r)
		if st.World == delivery.Machines {
			if err := a.seeReleased(ctx, l, st); err != nil {
				return err
			}
		}
	}
	return nil
}

// seeReleased asks the machines of an environment which release of a service they run. Those that do not answer are said to.
func (a *App) seeReleased(ctx context.Context, l *looking, st delivery.Standing) error {
	lives, err := a.lives(ctx, st.Service)
	if fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Conflict {
		return nil // it is no more, or is being moved
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(lives.sites, func(s site) bool { return s.environment == st.Environment && s.target.Machines != nil })
	if i < 0 {
		return nil
	}
	s := lives.sites[i]
	t, err := host.Open(ctx, host.TargetOptions{Options: a.overSSH(*s.target.Machines), Expansion: s.expansion, Environment: s.environment, Files: s.files})
	var all []host.Released
	if err == nil {
		all, err = t.Released(ctx, s.program, "none")
		err = errors.Join(err, t.Close())
	}
	if err != nil {
		l.lost(st.Environment, err)
		return nil
	}
	for _, r := range all {
		version := r.Name
		if r.Name == st.Build.Name {
			version = st.Build.Version
		} else if st.Before != nil && r.Name == st.Before.Name {
			version = st.Before.Version
		}
		l.Instances = append(l.Instances, drift.Running{
			Service: st.Service, Environment: st.Environment, Team: st.Team, Name: r.Host, Version: version, Declared: true, At: l.Now, Place: r.Host + ", " + r.Name,
		})
	}
	return nil
}

// seeTold adds what the processes of switched services are told beside what configuration has for them.
func (a *App) seeTold(ctx context.Context, l *looking, all []place) {
	for _, p := range all {
		if switched, err := a.switched(ctx, p.Spot); err != nil || switched == nil {
			continue
		}
		found, err := a.Shadow(ctx, p.Service, p.Environment)
		if err == nil && len(found.Unread) > 0 {
			err = errors.New(found.Unread[0].Why)
		}
		if err != nil {
			l.lost(p.Environment, err)
			continue
		}
		l.Reports = append(l.Reports, drift.Report{Report: found.Report, At: l.Now})
	}
}

// lost notes that an environment could not be looked at whole.
func (l *looking) lost(env estate.EnvironmentName, err error) {
	why, _, _ := strings.Cut(err.Error(), "\n")
	i := slices.IndexFunc(l.Looks, func(x drift.Look) bool { return x.Environment == env })
	if i < 0 {
		l.Looks = append(l.Looks, drift.Look{Environment: env, At: time.Time{}, Failed: why})
		return
	}
	l.Looks[i].Failed, l.Looks[i].Partly = why, true
}

// onMachinesToday are the places on machines that no expansion made.
func onMachinesToday(all []place) []place {
	return slices.DeleteFunc(slices.Clone(all), func(p place) bool { return p.planned != nil || p.Kind != "vm" })
}
