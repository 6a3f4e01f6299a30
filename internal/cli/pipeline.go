package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/pipeline"
	"example.org/caravan/internal/redact"
)

func newPipeline(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "pipeline",
		Short:   "Make the pipelines teams already have deploy to both worlds",
		Example: "  caravan pipeline adopt ~/src/orders --dry-run",
	}
	c.AddCommand(newAdopt(s))
	return c
}

// adoptOptions are the flags of pipeline adopt.
type adoptOptions struct {
	pipeline.Options
	dry  bool
	undo bool
}

// Validate refuses flags that would change nothing.
func (o *adoptOptions) Validate() error {
	if o.undo && (o.Service != "" || o.Version != "" || len(o.Jobs) > 0 || o.Replace) {
		return fault.Newf(fault.Usage, "--undo takes back what was adopted: leave out --service, --version-from, --job and --replace")
	}
	return nil
}

func newAdopt(s *session) *cobra.Command {
	o := &adoptOptions{}
	c := &cobra.Command{
		Use:   "adopt REPO",
		Short: "Let a repository's pipeline deploy to both worlds",
		Long: "Finds where the pipelines of a repository (GitHub Actions, GitLab CI, declarative Jenkinsfiles) deploy today and puts a call of caravan deploy behind it, under\n" +
			"the same conditions and with the version it has there. The old deployment stays; with --replace the call takes its place. Lines are added, which end\n" +
			"in \"+caravan\", or made comments, nothing else; --undo gives the file back. Where it cannot be sure it says why, and writes nothing (exit 5).",
		Example: "  caravan pipeline adopt ~/src/orders --dry-run                           show the difference\n" +
			"  caravan pipeline adopt ~/src/orders\n" +
			"  caravan pipeline adopt . --service orders --version-from '${{ github.sha }}'\n" +
			"  caravan pipeline adopt . --job deploy-eu --job deploy-us                 they never run together\n" +
			"  caravan pipeline adopt . --undo",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return s.runAdopt(c.Context(), o, args[0])
		},
	}
	f := c.Flags()
	f.StringVar(&o.Service, "service", "", "the service it deploys (default: the one the workspace or the repository's name tells)")
	f.StringVar(&o.Version, "version-from", "", "the expression that is the version, as the pipeline writes it (default: the one in its deployment)")
	f.StringArrayVar(&o.Jobs, "job", nil, "follow the deployment of this job, or stage in Jenkins; may be given more than once")
	f.StringArrayVar(&o.Files, "file", nil, "adopt this pipeline alone, by its path in the repository; may be given more than once")
	f.BoolVar(&o.Replace, "replace", false, "make the old deployment a comment and let the call do both worlds")
	f.BoolVar(&o.dry, "dry-run", false, "show the difference and write nothing")
	f.BoolVar(&o.undo, "undo", false, "take back what was adopted, whatever was edited since")
	return c
}

// replaceHint says what is to do first where --replace meets a call that follows the old deployment.
func (o *adoptOptions) replaceHint(r pipeline.Result) string {
	if !o.Replace || !pipeline.Adopted(r.Text) || pipeline.Replaced(r.Text) {
		return ""
	}
	return ", behind the old deployment; --undo, then --replace"
}

func (s *session) runAdopt(ctx context.Context, o *adoptOptions, dir string) error {
	repo, err := os.OpenRoot(dir)
	if err != nil {
		return fault.Newf(fault.NotFound, "%s is no folder that can be read; name a repository's", dir)
	}
	defer func() { _ = repo.Close() }()
	files, err := pipelinesIn(repo)
	if err != nil {
		return err
	}
	if no := slices.IndexFunc(o.Files, func(name string) bool {
		return !slices.ContainsFunc(files, func(f pipeline.File) bool { return f.Path == name })
	}); no >= 0 {
		return fault.Newf(fault.NotFound, "--file %s: no such pipeline; there are: %s", o.Files[no], strings.Join(paths(files), ", "))
	}
	if len(files) == 0 {
		return fault.Newf(fault.NotFound, "no pipeline of GitHub Actions, GitLab CI or Jenkins in %s; name a repository's top folder", dir)
	}
	results, err := s.adopted(ctx, o, repo, files)
	if err != nil {
		return err
	}
	return s.settle(o, repo, files, results)
}

// adopted is what files become: adopted, or taken back.
func (s *session) adopted(ctx context.Context, o *adoptOptions, repo *os.Root, files []pipeline.File) ([]pipeline.Result, error) {
	if o.undo {
		var out []pipeline.Result
		for _, f := range files {
			if before, ok := pipeline.Undo(f.Text); ok && (len(o.Files) == 0 || slices.Contains(o.Files, f.Path)) {
				out = append(out, pipeline.Result{Path: f.Path, Text: before, State: pipeline.Patched})
			}
		}
		return out, nil
	}
	options := o.Options
	if options.Service == "" {
		service, why, err := s.serviceOf(ctx, repo)
		if err != nil {
			return nil, err
		}
		options.Service = service
		s.say("service %s, from %s", plain(service), plain(why))
	}
	results, err := pipeline.Adopt(files, options)
	if err != nil {
		if slices.ContainsFunc(results, func(r pipeline.Result) bool { return r.State == pipeline.Patched }) {
			err = errors.Join(err, fault.Newf(fault.Conflict, "nothing was written; --file adopts the others alone"))
		}
		return nil, err
	}
	if !slices.ContainsFunc(results, func(r pipeline.Result) bool { return r.State != pipeline.Bystander }) {
		return nil, s.nothingDeploys(files, results)
	}
	return results, nil
}

// nothingDeploys is the error when no pipeline is known to deploy: one of doubt when a job is called as if it did.
func (s *session) nothingDeploys(files []pipeline.File, results []pipeline.Result) error {
	for _, r := range results {
		for _, note := range r.Notes {
			return fault.Newf(fault.Conflict, "%s: %s", r.Path, note)
		}
	}
	return fault.Newf(fault.NotFound, "nothing in %s deploys; if something does, add the call beside it yourself", strings.Join(paths(files), ", "))
}

// settle shows what changes and, unless it is a dry run, writes it.
func (s *session) settle(o *adoptOptions, repo *os.Root, files []pipeline.File, results []pipeline.Result) error {
	var changed []pipeline.Result
	for _, r := range results {
		for _, note := range r.Notes {
			s.say("%s: %s", plain(r.Path), plain(note))
		}
		switch r.State {
		case pipeline.Patched:
			changed = append(changed, r)
			s.unified(r.Path, before(files, r.Path), r.Text)
		case pipeline.Standing:
			s.say("%s: %s%s", plain(r.Path), r.State, o.replaceHint(r))
		}
	}
	switch {
	case len(changed) == 0:
		s.say("nothing to do")
		return nil
	case o.dry:
		s.say("nothing was written")
		return nil
	}
	if err := putAll(repo, files, changed); err != nil {
		return err
	}
	for _, r := range changed {
		s.say("%s %s%s", map[bool]string{true: "took back", false: "adopted"}[o.undo], plain(r.Path), prefixed(", version ", plain(r.Version)))
	}
	if !o.undo {
		s.say("Next:  caravan token create NAME --scope deploy:TEAM, kept as the secret CARAVAN_TOKEN; the server's URL as the variable CARAVAN_SERVER; caravan on the runner's PATH")
	}
	return nil
}

// unified shows a difference as patch reads it, without secrets.
func (s *session) unified(name, before, after string) {
	text := string(diff.Diff("a/"+name, []byte(before), "b/"+name, []byte(after)))
	_, text, _ = strings.Cut(text, "\n") // the line that names the command
	for line := range strings.Lines(text) {
		fmt.Fprintln(s.out, plain(redact.Text(strings.TrimRight(line, "\r\n"))))
	}
}

func paths(files []pipeline.File) []string {
	out := make([]string, 0, len(files))
	for _, f := range files {
		out = append(out, f.Path)
	}
	return out
}

func before(files []pipeline.File, name string) string {
	return files[slices.IndexFunc(files, func(f pipeline.File) bool { return f.Path == name })].Text
}

// pipelinePlaces are where pipelines are kept, from a repository's top.
var pipelinePlaces = []string{".github/workflows/*.yml", ".github/workflows/*.yaml", ".github/actions/*/action.y*ml", ".github/actions/*/*/action.y*ml", ".gitlab-ci.yml", ".gitlab-ci.yaml",
	"Jenkinsfile*", "*.[jJ]enkinsfile", "ci/Jenkinsfile*", ".ci/Jenkinsfile*", "jenkins/*Jenkinsfile*", ".jenkins/Jenkinsfile*", "deploy/Jenkinsfile*"}

// mostPipelines bounds how many files of a repository are read.
const mostPipelines = 200

// pipelinesIn reads a repository's pipelines, and what those of GitLab include. What is no regular file is left out: a link may lead
// anywhere.
func pipelinesIn(repo *os.Root) ([]pipeline.File, error) {
	var names []string
	for _, pattern := range pipelinePlaces {
		found, err := fs.Glob(repo.FS(), pattern)
		if err != nil {
			return nil, fault.Newf(fault.Internal, "%w", err)
		}
		names = append(names, found...)
	}
	var out []pipeline.File
	seen := map[string]bool{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if seen[name] {
			continue
		}
		if seen[name] = true; len(seen) > mostPipelines {
			return nil, fault.Newf(fault.Invalid, "more than %d pipelines; name the folder of one repository", mostPipelines)
		}
		text, ok, err := readPipeline(repo, name)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		out = append(out, pipeline.File{Path: name, Text: text})
		if d := pipeline.DialectOf(name); d == pipeline.GitLab || d == "" {
			names = append(names, included(repo, text)...)
		}
	}
	return out, nil
}

// included are the files of the repository that a GitLab pipeline includes; patterns are filled in.
func included(repo *os.Root, text string) []string {
	var out []string
	for _, pattern := range pipeline.Includes(text) {
		if found, err := fs.Glob(repo.FS(), pattern); err == nil {
			out = append(out, found...)
		}
	}
	return out
}

func readPipeline(repo *os.Root, name string) (text string, ok bool, err error) {
	info, err := repo.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return "", false, nil //nolint:nilerr // a link, a folder, or something behind a link that leads out: not the repository's own file
	}
	f, err := repo.Open(name)
	if err != nil {
		return "", false, fault.Newf(fault.Unavailable, "%w; make it readable", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, pipeline.MostBytes+1))
	if err != nil {
		return "", false, fault.Newf(fault.Unavailable, "read %s: %w", name, err)
	}
	return string(data), true, nil
}

// putAll writes all files beside their places, then moves them there one by one.
func putAll(repo *os.Root, files []pipeline.File, changed []pipeline.Result) error {
	var beside []string
	defer func() {
		for _, name := range beside {
			_ = repo.Remove(name) // gone already when all went well
		}
	}()
	for _, r := range changed {
		if now, ok, err := readPipeline(repo, r.Path); err != nil || !ok || now != before(files, r.Path) {
			return fault.Newf(fault.Conflict, "%s was changed meanwhile; nothing was written, run it again", r.Path)
		}
		name := path.Join(path.Dir(r.Path), ".caravan-"+path.Base(r.Path))
		if err := putBeside(repo, name, r); err != nil {
			return fault.Newf(fault.Unavailable, "write %s: %w; nothing was changed", r.Path, err)
		}
		beside = append(beside, name)
	}
	for i, r := range changed {
		if err := repo.Rename(beside[i], r.Path); err != nil {
			return fault.Newf(fault.Unavailable, "write %s: %w; run it again", r.Path, err)
		}
	}
	return nil
}

func putBeside(repo *os.Root, name string, r pipeline.Result) error {
	info, err := repo.Lstat(r.Path)
	if err != nil {
		return err
	}
	f, err := repo.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = f.WriteString(r.Text)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, repo.Remove(name))
	}
	return nil
}

// vague are names of folders that say nothing about a service.
var vague = []string{"app", "apps", "code", "ci", "deploy", "infra", "infrastructure", "main", "monorepo", "platform", "project", "repo", "repository", "root", "service", "services", "src", "source", "tmp", "work", "workspace"}

// serviceOf is the service a repository is of: the workspace's that is called like it or was seen in it, or, where there is no
// workspace, its name. Why says how it is known.
func (s *session) serviceOf(ctx context.Context, repo *os.Root) (service, why string, err error) {
	name, why, err := repositoryName(repo)
	if err != nil {
		return "", "", err
	}
	known, ok, err := s.knownServices(ctx)
	if err != nil {
		return "", "", err
	}
	if ok {
		return matching(known, name)
	}
	if slices.Contains(vague, name) {
		return "", "", fault.Newf(fault.Conflict, "which service it is of cannot be told from the name %q; give it with --service", name)
	}
	return name, why, nil
}

var originURL = regexp.MustCompile(`^\s*url\s*=\s*\S*?([^/:\s]+?)(\.git)?/?\s*$`)

// repositoryName is what a repository is called where it was cloned from, or else its folder's name.
func repositoryName(repo *os.Root) (name, why string, err error) {
	if config, ok, err := readPipeline(repo, ".git/config"); ok && err == nil {
		origin := false
		for line := range strings.Lines(config) {
			if strings.HasPrefix(strings.TrimSpace(line), "[") {
				origin = strings.TrimSpace(line) == `[remote "origin"]`
			}
			if m := originURL.FindStringSubmatch(line); m != nil && origin {
				return strings.ToLower(m[1]), "the name of the repository", nil
			}
		}
	}
	full, err := filepath.Abs(repo.Name())
	if err != nil {
		return "", "", fault.Newf(fault.Unavailable, "%w", err)
	}
	return strings.ToLower(filepath.Base(full)), "the name of its folder", nil
}

// knownServices are those of the workspace or server; ok is false when there is none, or nothing was scanned yet.
func (s *session) knownServices(ctx context.Context) (list []depmap.Service, ok bool, err error) {
	if s.server == "" {
		if _, err := s.findWorkspace(); err != nil {
			return nil, false, nil //nolint:nilerr // no workspace is no failure here
		}
	}
	c, done, err := s.connect(ctx, nil)
	if err != nil {
		return nil, false, err
	}
	defer done()
	m, err := c.Map(ctx, api.Query{})
	if fault.KindOf(err) == fault.NotFound {
		return nil, false, nil
	}
	return m.Services, err == nil, err
}

// matching is the one service that is called like a repository, or was seen in a folder of its name.
func matching(known []depmap.Service, name string) (service, why string, err error) {
	var called, seen []string
	for _, v := range known {
		if v.Kind != estate.Service {
			continue
		}
		if string(v.Name) == name || slices.ContainsFunc(v.Names, func(a estate.Alias) bool { return a.Value == name }) {
			called = append(called, string(v.Name))
		}
		if slices.ContainsFunc(v.Places, func(p estate.Place) bool { return slices.Contains(strings.Split(path.Dir(p.File), "/"), name) }) {
			seen = append(seen, string(v.Name))
		}
	}
	switch {
	case len(called) == 1:
		return called[0], "the workspace, which knows it by the name " + name, nil
	case len(called) == 0 && len(seen) == 1:
		return seen[0], "the workspace, which has seen it in a folder " + name, nil
	case len(called)+len(seen) == 0:
		return "", "", fault.Newf(fault.Conflict, "the workspace knows no service by the name %q; give it with --service", name)
	}
	return "", "", fault.Newf(fault.Conflict, "%q may be %s; say which with --service", name, strings.Join(slices.Compact(slices.Sorted(slices.Values(append(called, seen...)))), " or "))
}
