package chef

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite the want part of the archives")

// Every archive in testdata is a tree of files and, under "want", the sightings and doubts it must give.
func TestRepositories(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			last := &archive.Files[len(archive.Files)-1]
			got := describe(read(archive.Files[:len(archive.Files)-1]))
			if *update {
				last.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(last.Data), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// read does what a scan does with the files of an archive.
func read(files []txtar.File) *discover.Report {
	format := Format()
	var claimed []discover.File
	for _, f := range files {
		file := discover.File{Path: f.Name, Data: f.Data}
		if format.Wants(f.Name) && format.Claims(file) != discover.No {
			claimed = append(claimed, file)
		}
	}
	slices.SortFunc(claimed, func(a, b discover.File) int { return strings.Compare(a.Path, b.Path) })
	r := discover.NewReport(format.Name)
	format.ReadTree(claimed, nil, r)
	return r
}

// describe writes one line for each sighting and doubt, in the order of a snapshot.
func describe(r *discover.Report) string {
	estate.SortSightings(r.Sightings)
	var b bytes.Buffer
	for _, s := range r.Sightings {
		subject := strings.TrimSuffix(s.Subject.Space+"/"+s.Subject.Name, "/")
		if s.Subject.Folder != "" {
			subject = "folder " + s.Subject.Folder
		}
		fmt.Fprintf(&b, "%s: %s %s %q = %q", s.Place, subject, s.Fact, s.Key, s.Value)
		if s.Layer != "" {
			fmt.Fprintf(&b, " by %s", s.Layer)
		}
		if s.Environment != "" {
			fmt.Fprintf(&b, " in %s", s.Environment)
		}
		b.WriteByte('\n')
	}
	var doubts []string
	for _, d := range r.Doubts {
		doubts = append(doubts, fmt.Sprintf("%s: doubt %s: %s\n", d.Place, d.Topic, d.Text))
	}
	slices.Sort(doubts)
	return b.String() + strings.Join(doubts, "")
}

func TestSoughtBy(t *testing.T) {
	tests := []struct {
		name, query string
		want        []string
	}{
		{"a role", "role:redis", []string{"redis"}},
		{"roles joined by words", "(roles:redis OR roles:mq) AND chef_environment:live", []string{"redis", "mq"}},
		{"what is excluded is not sought", "role:db AND NOT role:old -name:x", []string{"db"}},
		{"a recipe with escaped colons", `recipes:mysql\:\:server`, []string{"mysql::server"}},
		{"a recipe by its default", `recipe:nginx\:\:default`, []string{"nginx"}},
		{"an entry of the run list", `run_list:role\[web\]`, []string{"web"}},
		{"a wildcard at the end", "role:redis*", []string{"redis"}},
		{"everything says nothing", "*:*", nil},
		{"a wildcard in the middle says nothing", "name:web*live", nil},
		{"quotes and blanks", `role: "redis"`, []string{"redis"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, soughtBy(tt.query)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAttributePrecedence(t *testing.T) {
	// Each row names the source that must win when it and all rows before it set the same attribute.
	sources := []struct {
		layer string
		file  txtar.File
	}{
		{"cookbook[app] default", txtar.File{Name: "cookbooks/app/attributes/default.rb", Data: []byte("default['x'] = '1'")}},
		{"environment[live] default", txtar.File{Name: "environments/live.json", Data: []byte(`{"name": "live", "default_attributes": {"x": "2"}}`)}},
		{"role[web] default", txtar.File{Name: "roles/web.json", Data: []byte(`{"name": "web", "run_list": ["recipe[app]"], "default_attributes": {"x": "3"}}`)}},
		{"cookbook[app] default", txtar.File{Name: "cookbooks/app/attributes/forced.rb", Data: []byte("force_default['x'] = '4'")}},
		{"node normal", txtar.File{Name: "nodes/n.json", Data: []byte(`{"name": "n", "chef_environment": "live", "run_list": ["role[web]"], "normal": {"x": "5"}}`)}},
		{"cookbook[app] override", txtar.File{Name: "cookbooks/app/attributes/over.rb", Data: []byte("override['x'] = '6'")}},
		{"role[web] override", txtar.File{Name: "roles/web.json", Data: []byte(`{"name": "web", "run_list": ["recipe[app]"], "override_attributes": {"x": "7"}}`)}},
		{"environment[live] override", txtar.File{Name: "environments/live.json", Data: []byte(`{"name": "live", "override_attributes": {"x": "8"}}`)}},
		{"cookbook[app] override", txtar.File{Name: "cookbooks/app/attributes/over2.rb", Data: []byte("node.force_override['x'] = '9'")}},
		{"node automatic", txtar.File{Name: "nodes/n.json", Data: []byte(`{"name": "n", "chef_environment": "live", "run_list": ["role[web]"], "automatic": {"x": {"port": "10"}}}`)}},
	}
	base := map[string][]byte{
		"cookbooks/app/metadata.rb":        []byte("name 'app'\nversion '1'"),
		"cookbooks/app/recipes/default.rb": nil,
		"roles/web.json":                   []byte(`{"name": "web", "run_list": ["recipe[app]"]}`),
		"nodes/n.json":                     []byte(`{"name": "n", "chef_environment": "live", "run_list": ["role[web]"]}`),
	}
	for _, source := range sources {
		t.Run(source.file.Name+" as "+source.layer, func(t *testing.T) {
			base[source.file.Name] = source.file.Data
			var files []txtar.File
			for name, data := range base {
				files = append(files, txtar.File{Name: name, Data: data})
			}
			var got []string
			for _, s := range read(files).Sightings {
				if s.Fact == estate.Sets && strings.HasPrefix(s.Key, "x") {
					got = append(got, s.Layer+" "+s.Place.File)
				}
			}
			if diff := cmp.Diff([]string{source.layer + " " + source.file.Name}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWantsOnlyWhatMayBeChef(t *testing.T) {
	tests := []struct {
		name, path, content string
		want                discover.Claim
	}{
		{"a node", "nodes/a.json", `{"run_list": []}`, discover.Owns},
		{"another program's nodes", "nodes/a.json", `{"left": 1}`, discover.No},
		{"a machine of chef-solo", "deploy/web.json", `{"run_list": ["recipe[a]"]}`, discover.Owns},
		{"a run list deeper down", "packer.json", `{"provisioners": [{"run_list": ["recipe[a]"]}]}`, discover.No},
		{"roles of another program", "roles/tasks.rb", `class Role; end`, discover.No},
		{"a package.json", "package.json", `{"name": "x", "dependencies": {}}`, discover.No},
		{"a template outside of templates", "app/views/a.erb", `<%= x %>`, discover.No},
		{"Test Kitchen", "cookbooks/a/.kitchen.yml", "provisioner:\n  name: chef_zero", discover.Owns},
	}
	format := Format()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := discover.No
			if file := (discover.File{Path: tt.path, Data: []byte(tt.content)}); format.Wants(tt.path) {
				got = format.Claims(file)
			}
			if got != tt.want {
				t.Errorf("claim %v, want %v", got, tt.want)
			}
		})
	}
}

func TestHostileAttributesEnd(t *testing.T) {
	tests := []struct{ name, attributes string }{
		{"one that names itself", `default['a'] = "#{node['a']}#{node['a']}x"`},
		{"a chain that doubles", "default['a0'] = 'x' * 9\n" + func() string {
			var b strings.Builder
			for i := range 200 {
				fmt.Fprintf(&b, "default['a%d'] = \"#{node['a%d']}#{node['a%d']}#{node['a%d']}#{node['a%d']}\"\n", i+1, i, i, i, i)
			}
			return b.String()
		}()},
		{"loops in loops", strings.Repeat("%w(a b c d e f g h i j).each do |x|\n", 20) + "default[x] = 1\n" + strings.Repeat("end\n", 20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read([]txtar.File{
				{Name: "nodes/n.json", Data: []byte(`{"name": "n", "run_list": ["recipe[a]"]}`)},
				{Name: "cookbooks/a/metadata.rb", Data: []byte("name 'a'")},
				{Name: "cookbooks/a/attributes/default.rb", Data: []byte(tt.attributes)},
			})
			if len(r.Sightings) == 0 {
				t.Error("nothing was read")
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("default['a'] = \"#{node['b']}\"", "search(:node, \"role:#{node['a']}\")", `{"name":"n","run_list":["recipe[a]"],"normal":{"dns":{"a":"10.0.0.1"}}}`, "a <%= node['a'] %>")
	f.Add("default.x.push(1)", "template('a') { variables(b: node['x']) }", `{"run_list":["role[r]"]}`, "<%= @b")
	f.Fuzz(func(t *testing.T, attributes, recipe, node, template string) {
		files := []txtar.File{
			{Name: "nodes/n.json", Data: []byte(node)},
			{Name: "roles/r.rb", Data: []byte("name 'r'\nrun_list 'recipe[a]'\n" + recipe)},
			{Name: "cookbooks/a/metadata.rb", Data: []byte("name 'a'")},
			{Name: "cookbooks/a/attributes/default.rb", Data: []byte(attributes)},
			{Name: "cookbooks/a/recipes/default.rb", Data: []byte(recipe)},
			{Name: "cookbooks/a/templates/a.erb", Data: []byte(template)},
		}
		if one, two := describe(read(files)), describe(read(files)); one != two {
			t.Errorf("not the same twice:\n%s\n%s", one, two)
		}
	})
}
