// Package chef reads Chef repositories: nodes, roles, environments, data bags, Policyfiles, cookbooks with their
// attributes, recipes and templates, and the attribute files of chef-solo. All claimed files go in together; out come
// the hosts with what each runs, and every attribute as the node would see it, with the line that won by Chef's
// precedence. Name records and virtual addresses among the attributes are told apart. How a process is kept is read from the
// items of services and the units that recipes write; resources of a cookbook's own making are not followed.
//
// Ruby is read where it is literal data and never run. What only a Chef run could know becomes a doubt. Encrypted
// items, users and keys are left alone, and so are the machines of a cookbook's own tests.
package chef

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of Chef repositories.
func Format() discover.Format {
	return discover.Format{Name: "chef", Wants: wants, Claims: claims, ReadTree: readTree}
}

// fileKind is what a file would be, told from its path.
type fileKind uint8

const (
	other fileKind = iota
	nodeFile
	roleFile
	environmentFile
	bagItem
	policyFile
	policyLock
	policyGroup
	soloFile
	attributesFile
	recipeFile
	templateFile
	metadataFile
	testFile // Test Kitchen's own
)

// folders that name what is in them, and the sort of the files below.
var folders = map[string]fileKind{
	"nodes": nodeFile, "roles": roleFile, "environments": environmentFile, "data_bags": bagItem, "databags": bagItem,
	"data-bags": bagItem, "policy_groups": policyGroup, "policies": policyFile, "policyfiles": policyFile,
	"attributes": attributesFile, "recipes": recipeFile,
}

// soloNames are file names that chef-solo and its kin use for one machine's attributes.
var soloNames = map[string]bool{
	"dna.json": true, "solo.json": true, "node.json": true, "chef.json": true, "attributes.json": true,
	"first-boot.json": true, "first_boot.json": true, "runlist.json": true, "run_list.json": true, "chef-solo.json": true,
}

func wants(p string) bool { return sortOf(p) != other }

// sortOf tells from the path what a file would be in a Chef repository.
func sortOf(p string) fileKind {
	base := path.Base(p)
	if base == ".kitchen.yml" || base == "kitchen.yml" || strings.HasPrefix(base, ".kitchen.") {
		return testFile
	}
	var found fileKind
	switch path.Ext(base) {
	case ".erb":
		if inFolder(p, "templates") {
			found = templateFile
		}
	case ".json":
		found = sortOfJSON(p, base)
	case ".rb":
		found = sortOfRuby(p, base)
	}
	return found
}

func sortOfJSON(p, base string) fileKind {
	switch {
	case strings.HasSuffix(base, ".lock.json"):
		return policyLock
	case base == "metadata.json":
		return metadataFile
	case soloNames[base]:
		return soloFile
	}
	switch s := nearestFolder(p); s {
	case nodeFile, roleFile, environmentFile, bagItem, policyGroup:
		return s
	}
	return soloFile
}

func sortOfRuby(p, base string) fileKind {
	switch {
	case base == "metadata.rb":
		return metadataFile
	case base == "Policyfile.rb":
		return policyFile
	}
	switch s := nearestFolder(p); s {
	case roleFile, environmentFile, attributesFile, recipeFile, policyFile:
		return s
	}
	return other
}

// nearestFolder is the sort that the innermost telling folder gives; other when none does.
func nearestFolder(p string) fileKind {
	for dir := path.Dir(p); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if s, ok := folders[path.Base(dir)]; ok {
			return s
		}
	}
	return other
}

func inFolder(p, name string) bool {
	return strings.Contains(p, "/"+name+"/") || strings.HasPrefix(p, name+"/")
}

// inTests reports whether a file describes machines that exist only in a cookbook's tests or examples.
func inTests(p string) bool {
	s := sortOf(p)
	if _, part := cookbookDir(p, s); !part && s != policyFile && s != policyLock && inFolder(p, "cookbooks") {
		return true
	}
	return inFolder(p, "spec") || inFolder(p, "test/integration") || inFolder(p, "test/fixtures") || inFolder(p, "test/cookbooks") ||
		inFolder(p, "test/kitchen")
}

// marks are what the content of each sort of file shows; a file with none of them is not Chef's.
var marks = map[fileKind][]string{
	nodeFile: {`"run_list"`, `"chef_environment"`, `"normal"`, `"automatic"`, `"policy_name"`, `"chef_type"`},
	roleFile: {`"run_list"`, `"env_run_lists"`, `"default_attributes"`, `"override_attributes"`, `"chef_type"`, `"json_class"`,
		"run_list", "default_attributes", "override_attributes", "env_run_lists", "description"},
	environmentFile: {`"default_attributes"`, `"override_attributes"`, `"chef_type"`, `"json_class"`, `"cookbook_versions"`,
		"default_attributes", "override_attributes", "cookbook ", "cookbook_versions", "description"},
	policyFile:     {"run_list", "default_source", "include_policy"},
	policyLock:     {`"cookbook_locks"`, `"revision_id"`},
	policyGroup:    {`"policies"`},
	attributesFile: {"default[", "default.", "normal[", "normal.", "override[", "override.", "set[", "set.", "node.", "force_", "_unless"},
	metadataFile:   {"version", "depends", `"dependencies"`, "maintainer", "name"},
	testFile:       {"provisioner"},
}

// claims looks for the words that a file of its sort has. Ruby below a recipes folder and templates need none.
func claims(f discover.File) discover.Claim {
	s := sortOf(f.Path)
	switch s {
	case other:
		return discover.No
	case recipeFile, templateFile, bagItem:
		return discover.Owns
	case metadataFile:
		if f.Ext() == ".json" && !bytes.Contains(f.Data, []byte(`"dependencies"`)) && !bytes.Contains(f.Data, []byte(`"maintainer"`)) && !bytes.Contains(f.Data, []byte(`"recipes"`)) {
			return discover.No
		}
	case soloFile:
		if !runsSomething(f.Data) {
			return discover.No
		}
		return discover.Owns
	}
	for _, mark := range marks[s] {
		if bytes.Contains(f.Data, []byte(mark)) {
			return discover.Owns
		}
	}
	return discover.No
}

// runsSomething reports whether JSON has a run list at its top. Others write the word too, deeper down.
func runsSomething(data []byte) bool {
	if !bytes.Contains(data, []byte(`"run_list"`)) && !bytes.Contains(data, []byte(`"recipes"`)) {
		return false
	}
	n, _ := syntax.JSON(data)
	list := n.Get("run_list")
	if list.Kind == syntax.Null && bytes.Contains(data, []byte(`recipe[`)) {
		list = n.Get("recipes")
	}
	return list.Kind == syntax.List || list.Kind == syntax.Scalar
}
