package host

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// users makes the accounts that a thing needs and that are not there. That they are made here is noted before they are.
func (m *Machine) users(ctx context.Context, mf *manifest, thing string, tell journey.Tell) error {
	o := mf.Things[thing]
	if len(o.Install.Users) == 0 {
		return nil
	}
	r, err := m.Run(ctx, nil, append([]string{"getent", "passwd", "--"}, o.Install.Users...)...)
	if err != nil {
		return err
	}
	var missing []string
	for _, u := range o.Install.Users {
		if !strings.Contains("\n"+string(r.Stdout), "\n"+u+":") {
			missing = append(missing, u)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for _, u := range missing {
		if !slices.Contains(o.Users, u) {
			o.Users = append(o.Users, u)
		}
	}
	mf.Things[thing] = o
	if err := m.save(ctx, mf); err != nil {
		return err
	}
	for _, u := range missing {
		tell(fmt.Sprintf("%s: make the account %s", m.Name, u))
		if err := m.must(ctx, nil, "make the account "+u, "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", "--", u); err != nil {
			return err
		}
	}
	return nil
}

// install brings what a thing needs besides files: folders that only root looks into, packages, and that what packages start by
// themselves is silent. What is there already is left alone.
func (m *Machine) install(ctx context.Context, mf *manifest, thing string, tell journey.Tell) error {
	if err := m.private(ctx, mf, thing); err != nil {
		return err
	}
	if err := m.packages(ctx, mf, thing, tell); err != nil {
		return err
	}
	if err := m.without(ctx, mf, thing, tell); err != nil {
		return err
	}
	return m.quiet(ctx, mf.Things[thing], tell)
}

func (m *Machine) private(ctx context.Context, mf *manifest, thing string) error {
	o := mf.Things[thing]
	if len(o.Install.Private) == 0 {
		return nil
	}
	there, err := m.read(ctx, o.Install.Private...)
	if err != nil {
		return err
	}
	var missing []string
	for _, dir := range o.Install.Private {
		if there[dir].kind == nothing {
			missing = append(missing, dir)
			if !slices.Contains(mf.Folders, dir) {
				mf.Folders = append(mf.Folders, dir)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := m.save(ctx, mf); err != nil {
		return err
	}
	return m.must(ctx, nil, "make folders", append([]string{"install", "-d", "-m", "0700", "--"}, missing...)...)
}

// aptWait is how many seconds another program may hold the lock of packages.
const aptWait = "300"

// packages installs those that are missing, and notes all that came with them.
func (m *Machine) packages(ctx context.Context, mf *manifest, thing string, tell journey.Tell) error {
	o := mf.Things[thing]
	if len(o.Install.Packages) == 0 {
		return nil
	}
	have, err := m.installed(ctx)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(o.Install.Packages), func(p string) bool { return have[p] })
	if len(missing) == 0 {
		return nil
	}
	tell(fmt.Sprintf("%s: install %s", m.Name, strings.Join(missing, ", ")))
	apt := []string{"env", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=" + aptWait,
		"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"}
	r, err := m.Run(ctx, nil, append(slices.Concat(apt, []string{"--simulate", "install", "--no-install-recommends", "--"}), missing...)...)
	if err != nil {
		return err
	}
	if r.Code != 0 { // lists of packages may be missing or old
		if err := m.must(ctx, nil, "fetch the lists of packages", slices.Concat(apt, []string{"update"})...); err != nil {
			return err
		}
		if r, err = m.Run(ctx, nil, append(slices.Concat(apt, []string{"--simulate", "install", "--no-install-recommends", "--"}), missing...)...); err != nil {
			return err
		}
	}
	if r.Code != 0 {
		return fault.Newf(fault.Unavailable, "%s: install %s: %s; check the machine's package sources and run it again", m.Name, strings.Join(missing, ", "), lastLine(r))
	}
	for line := range strings.Lines(string(r.Stdout)) { // "Inst socat (1.7.4 Debian:12 [amd64])"
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Inst" && !have[f[1]] && !slices.Contains(o.Packages, f[1]) {
			o.Packages = append(o.Packages, f[1])
		}
	}
	mf.Things[thing] = o
	if err := m.save(ctx, mf); err != nil {
		return err
	}
	return m.must(ctx, nil, "install "+strings.Join(missing, ", "), append(slices.Concat(apt, []string{"install", "--no-install-recommends", "--"}), missing...)...)
}

// installed are the packages that are there.
func (m *Machine) installed(ctx context.Context) (map[string]bool, error) {
	r, err := m.Run(ctx, nil, "dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n")
	if err != nil {
		return nil, err
	}
	if r.Code != 0 {
		return nil, fault.Newf(fault.Unavailable, "%s: list packages: %s; machines must be Debian's or made from it", m.Name, lastLine(r))
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(r.Stdout)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "installed "); ok {
			out[name] = true
		}
	}
	return out, nil
}

// without puts files of packages away that must not be there, and keeps them.
func (m *Machine) without(ctx context.Context, mf *manifest, thing string, tell journey.Tell) error {
	o := mf.Things[thing]
	if len(o.Install.Without) == 0 {
		return nil
	}
	there, err := m.Run(ctx, nil, append([]string{"stat", "--format=%n", "--"}, o.Install.Without...)...)
	if err != nil {
		return err
	}
	for _, at := range o.Install.Without {
		if !slices.Contains(strings.Split(string(there.Stdout), "\n"), at) {
			continue
		}
		tell(fmt.Sprintf("%s: put %s away, which its package brought", m.Name, at))
		if !slices.Contains(o.Without, at) {
			o.Without = append(o.Without, at)
		}
		mf.Things[thing] = o
		if err := m.save(ctx, mf); err != nil {
			return err
		}
		if err := m.must(ctx, nil, "make a folder", "mkdir", "-p", "--", path.Dir(keptOf(mf, at))); err != nil {
			return err
		}
		if err := m.must(ctx, nil, "put "+at+" away", "mv", "-f", "-T", "--", at, keptOf(mf, at)); err != nil {
			return err
		}
	}
	return nil
}

// quiet stops units that packages start by themselves and that would be in the way.
func (m *Machine) quiet(ctx context.Context, o outcome, tell journey.Tell) error {
	units, err := m.units(ctx, o.Install.Quiet...)
	if err != nil {
		return err
	}
	for _, name := range o.Install.Quiet {
		if u := units[name]; u.Known && (u.Active || u.Enabled) {
			tell(fmt.Sprintf("%s: stop %s, which its package started", m.Name, name))
			if err := m.systemctl(ctx, "stop "+name, "disable", "--now", "--", name); err != nil {
				return err
			}
		}
	}
	return nil
}
