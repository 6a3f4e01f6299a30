package drift

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
)

// bare is a version as it is compared: what says nothing is "", and a "v" before a number says nothing.
func bare(v string) string {
	if v == "latest" || v == "." {
		return ""
	}
	if rest, ok := strings.CutPrefix(v, "v"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		return rest
	}
	return v
}

// VersionOf is the version that an image's reference tells: its tag, or else the first digits of its digest; "" when it tells none.
func VersionOf(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return bare(name[i+1:])
	}
	if _, hex, ok := strings.Cut(digest, ":"); pinned && ok {
		return hex[:min(len(hex), 12)]
	}
	return ""
}

// versions finds where another version runs than was released there, and where services run in other versions than elsewhere. Where an image was
// changed by hand, that says it already.
func (w World) versions(objects []Difference) []Difference {
	said := map[spot]bool{}
	for _, d := range objects {
		if d.Kind == Image {
			said[spot{d.Service, d.Environment}] = true
		}
	}
	at := map[estate.ServiceName]map[estate.EnvironmentName][]Running{}
	for _, r := range w.Instances {
		if bare(r.Version) == "" {
			continue
		}
		if at[r.Service] == nil {
			at[r.Service] = map[estate.EnvironmentName][]Running{}
		}
		at[r.Service][r.Environment] = append(at[r.Service][r.Environment], r)
	}
	released := map[spot]Released{}
	for _, r := range w.Releases {
		released[spot{r.Service, r.Environment}] = r
	}
	var out []Difference
	for service, envs := range at {
		ought := map[estate.EnvironmentName]string{}
		for env, running := range envs {
			at := spot{service, env}
			r, known := released[at]
			known = known && bare(r.Version) != ""
			if ought[env] = versionIn(running); known {
				ought[env] = bare(r.Version)
			}
			if !said[at] {
				out = append(out, w.unreleased(running, r, known)...)
			}
		}
		most := usual(slices.Collect(maps.Values(ought)))
		for env, running := range envs {
			if ought[env] != most {
				out = append(out, w.elsewhere(running, ought[env], most, released[spot{service, env}]))
			}
		}
	}
	return out
}

// versionIn is the version that most instances in an environment run.
func versionIn(running []Running) string {
	all := make([]string, len(running))
	for i, r := range running {
		all[i] = bare(r.Version)
	}
	return usual(all)
}

// unreleased are the instances that run something else than was released to their environment; without a release, than most of the others.
func (w World) unreleased(running []Running, r Released, known bool) []Difference {
	want, how := bare(r.Version), "was released"
	if !known {
		want, how = versionIn(running), "runs in most of its instances there"
	}
	var out []Difference
	for _, i := range running {
		if bare(i.Version) == want {
			continue
		}
		d := w.from(Source{Service: i.Service, Environment: i.Environment, At: i.At}, Release)
		d.Subject, d.Declared, d.Live = i.Name, want, bare(i.Version)
		d.What = fmt.Sprintf("%s runs %s on %s, and %s %s", i.Service, d.Live, i.Name, want, how)
		d.Evidence = []string{i.Place, r.Place}
		d.Evidence = slices.DeleteFunc(d.Evidence, func(e string) bool { return e == "" })
		d.Mend = fmt.Sprintf("release %s there again", want)
		out = append(out, identify(d))
	}
	return out
}

// elsewhere is that another version runs in an environment than in most. A release that says why makes it intended.
func (w World) elsewhere(running []Running, v, most string, r Released) Difference {
	first := slices.MinFunc(running, func(x, y Running) int { return cmp.Compare(x.Name, y.Name) })
	d := w.from(Source{Service: first.Service, Environment: first.Environment, At: first.At}, Version)
	d.Subject, d.Declared, d.Live = "version of "+string(first.Service), most, v
	d.What = fmt.Sprintf("%s runs %s here, %s in most environments", first.Service, v, most)
	d.Evidence = []string{first.Place}
	d.Mend = fmt.Sprintf("release %s here, or say with the release why it shall be another", most)
	if r.Reason != "" && bare(r.Version) == v {
		d.Class, d.Reason = Intended, r.Reason
	}
	return identify(d)
}
