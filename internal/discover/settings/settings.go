// Package settings reads every configuration file that no other format owns: YAML, JSON, TOML, INI, env files and
// properties. Each scalar becomes a setting of whatever component owns the folder; what they mean is decided later.
package settings

import (
	"bytes"
	"errors"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of last resort. It must be asked after all others.
func Format() discover.Format {
	return discover.Format{Name: "settings", Wants: wants, ReadFile: read}
}

// maxValue is the longest value that is kept: longer ones are texts, not settings.
const maxValue = 2 << 10

func wants(p string) bool { return grammarOf(p) != nil && !elsewhere(p) }

type grammar func([]byte) ([]syntax.Entry, error)

// grammarOf picks the grammar by the file's name; nil when it is no configuration file.
func grammarOf(p string) grammar {
	b := strings.ToLower(path.Base(p))
	switch path.Ext(b) {
	case ".yml", ".yaml":
		return yaml
	case ".json", ".json5", ".jsonc":
		return json
	case ".toml":
		return toml
	case ".ini", ".cfg":
		return syntax.INI
	case ".conf":
		return conf
	case ".properties":
		return syntax.Properties
	case ".env":
		return env
	}
	if b == ".env" || strings.HasPrefix(b, ".env.") {
		return env
	}
	return nil
}

// notSettings are files that have the form of configuration but are a tool's own.
var notSettings = map[string]bool{
	"package-lock.json": true, "package.json": true, "tsconfig.json": true, "composer.lock": true, "composer.json": true, "angular.json": true, "bower.json": true,
	"manifest.json": true, "lerna.json": true, "nx.json": true, "jest.config.json": true, "cargo.toml": true, "pyproject.toml": true, "pipfile": true, "poetry.lock": true,
	".eslintrc.json": true, ".prettierrc.json": true, ".travis.yml": true, ".gitlab-ci.yml": true, "pnpm-lock.yaml": true, "azure-pipelines.yml": true, ".golangci.yml": true,
	"gradle.properties": true, "gradle-wrapper.properties": true, "maven-wrapper.properties": true, "log4j.properties": true, "tslint.json": true, "renovate.json": true,
	"mkdocs.yml": true, "codecov.yml": true, ".pre-commit-config.yaml": true, "dependabot.yml": true, "openapi.yaml": true, "openapi.yml": true, "openapi.json": true,
	"swagger.json": true, "swagger.yaml": true, "setup.cfg": true, "tox.ini": true, "pytest.ini": true, "mypy.ini": true, ".bowerrc": true, "global.json": true, "skaffold.yaml": true,
	"caravan.yaml": true, "buildspec.yml": true, ".coveragerc": true, "messages.properties": true, "sonar-project.properties": true, "appveyor.yml": true, "cypress.json": true,
}

// notFolders hold texts, tests and others' files.
var notFolders = map[string]bool{
	"i18n": true, "locale": true, "locales": true, "lang": true, "translations": true, "test": true, "tests": true, "__tests__": true, "spec": true, "fixtures": true,
	"testdata": true, "mocks": true, "__mocks__": true, "schemas": true, ".github": true, ".circleci": true, ".gitlab": true, "docs": true, "doc": true, "swagger": true,
	"grafana-dashboards": true, "dashboards": true, "postman": true, "jmeter": true, "e2e": true, "wwwroot": true, "public": true, "assets": true, "static": true,
}

func elsewhere(p string) bool {
	b := path.Base(p)
	if notSettings[strings.ToLower(b)] || strings.HasSuffix(b, ".schema.json") || strings.HasSuffix(b, ".lock.json") || strings.HasPrefix(b, "messages_") ||
		strings.HasPrefix(b, "tsconfig.") || strings.Contains(b, "postman") || strings.HasSuffix(b, ".map.json") {
		return true
	}
	for d := path.Dir(p); d != "."; d = path.Dir(d) {
		if notFolders[path.Base(d)] {
			return true
		}
	}
	return false
}

func read(f discover.File, r *discover.Report) {
	parse := grammarOf(f.Path)
	if bytes.IndexByte(f.Data, 0) >= 0 {
		return // binary under a text's name
	}
	if f.Ext() == ".json" && bytes.HasPrefix(bytes.TrimSpace(f.Data), []byte("[")) {
		return // a list of records is data: a configuration names its values
	}
	entries, err := parse(f.Data)
	if err != nil {
		broken(f, r, err)
	}
	for _, e := range entries {
		if len(e.Value) > maxValue || e.Value == "" || strings.Contains(e.Value, "\n") && !strings.Contains(e.Value, "://") {
			continue
		}
		r.See(estate.Sighting{Fact: estate.Sets, Subject: estate.At(f.Dir()), Key: e.Key, Value: e.Value, Place: estate.Place{File: f.Path, Line: e.Line}})
	}
}

// broken makes the doubt for a file that does not parse, or says that it is a template.
func broken(f discover.File, r *discover.Report, err error) {
	for _, mark := range []string{"{{", "{%", "<%"} {
		if bytes.Contains(f.Data, []byte(mark)) {
			r.Doubt(estate.Unsupported, estate.Place{File: f.Path}, "a template; render it and scan the result, or exclude it")
			return
		}
	}
	line := 0
	var se *syntax.Error
	if errors.As(err, &se) {
		line = se.Line
	}
	r.Broken(f, line, err)
}

func yaml(data []byte) ([]syntax.Entry, error) {
	docs, err := syntax.YAML(data)
	var out []syntax.Entry
	for _, d := range docs {
		out = append(out, d.Flatten()...)
	}
	return out, err
}

func json(data []byte) ([]syntax.Entry, error) {
	n, err := syntax.JSON(data)
	return n.Flatten(), err
}

func toml(data []byte) ([]syntax.Entry, error) {
	n, err := syntax.TOML(data)
	return n.Flatten(), err
}

func env(data []byte) ([]syntax.Entry, error) { return syntax.Env(data, syntax.EnvShell) }

// conf reads a .conf file as INI when most of its lines are; other grammars keep their secrets without a doubt, because
// nothing says that such a file is configuration at all.
func conf(data []byte) ([]syntax.Entry, error) {
	entries, err := syntax.INI(data)
	if err != nil && 2*len(entries) < bytes.Count(data, []byte("\n")) {
		return nil, nil
	}
	return entries, nil
}
