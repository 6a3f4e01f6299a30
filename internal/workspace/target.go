package workspace

import (
	"fmt"
	"path"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Target is where steps are carried out for real: nothing is, in its environments, without the green lights of those who own it.
// What has no target is written below rendered/, where nothing runs.
type Target struct {
	Environment string `json:"environment" jsonschema_description:"Name or glob of environments, such as indonesia or *-data; the first target that fits counts."`
	Folder      string `json:"folder" jsonschema_description:"Folder that something else applies from, such as a checkout that Argo CD or Flux follows; relative to this file."`
}

func target(r *document.Reader, n syntax.Node, at string) (t Target) {
	r.Object(n, at, []document.Field{
		document.Required("environment", document.Text(&t.Environment)),
		document.Required("folder", document.Text(&t.Folder)),
	})
	if _, err := path.Match(t.Environment, ""); err != nil {
		r.At(at+".environment", "%q is not a glob; write a name or a pattern such as *-data", t.Environment)
	}
	return t
}

// TargetOf is where an environment's steps are carried out; false when that is nowhere but below rendered/.
func (w Workspace) TargetOf(env estate.EnvironmentName) (Target, bool) {
	for _, t := range w.Targets {
		if ok, err := path.Match(t.Environment, string(env)); ok && err == nil && env != "" {
			return t, true
		}
	}
	return Target{}, false
}

// checkTargets reports folders that several targets would share.
func checkTargets(r *document.Reader, w Workspace) {
	seen := map[string]int{}
	for i, t := range w.Targets {
		folder := path.Clean(t.Folder)
		if before, ok := seen[folder]; ok {
			r.At(fmt.Sprintf("targets[%d].folder", i), "%s is the folder of targets[%d], too; give each a folder of its own", t.Folder, before)
		}
		seen[folder] = i
	}
}
