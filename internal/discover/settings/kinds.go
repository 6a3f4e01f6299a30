package settings

import (
	"path"
	"strings"

	"example.org/caravan/internal/syntax"
)

// notSettings are files that have the form of configuration but are a tool's own.
var notSettings = map[string]bool{
	"package-lock.json": true, "package.json": true, "npm-shrinkwrap.json": true, "composer.json": true, "angular.json": true, "bower.json": true, "deno.json": true,
	"manifest.json": true, "lerna.json": true, "nx.json": true, "turbo.json": true, "jest.config.json": true, "cargo.toml": true, "pyproject.toml": true,
	".eslintrc.json": true, ".prettierrc.json": true, ".babelrc.json": true, ".travis.yml": true, ".gitlab-ci.yml": true, "pnpm-lock.yaml": true, "pnpm-workspace.yaml": true,
	"azure-pipelines.yml": true, ".golangci.yml": true, ".golangci.yaml": true, ".goreleaser.yml": true, ".goreleaser.yaml": true, "gradle.properties": true,
	"gradle-wrapper.properties": true, "maven-wrapper.properties": true, "log4j.properties": true, "log4j2.properties": true, "tslint.json": true, "renovate.json": true,
	"mkdocs.yml": true, "codecov.yml": true, ".codecov.yml": true, ".pre-commit-config.yaml": true, "dependabot.yml": true, "openapi.yaml": true, "openapi.yml": true,
	"openapi.json": true, "swagger.json": true, "swagger.yaml": true, "swagger.yml": true, "setup.cfg": true, "tox.ini": true, "pytest.ini": true, "mypy.ini": true,
	"global.json": true, "skaffold.yaml": true, "caravan.yaml": true, "buildspec.yml": true, "sonar-project.properties": true, "appveyor.yml": true, "cypress.json": true,
	"jsconfig.json": true, "chart.lock": true, "clippy.toml": true, "rustfmt.toml": true, "rust-toolchain.toml": true, "netlify.toml": true, "crowdin.yml": true,
	"build.properties": true, "git.properties": true, "gruntfile.json": true, "lefthook.yml": true, "cloudbuild.yaml": true, "bitbucket-pipelines.yml": true,
	"pubspec.yaml": true, "analysis_options.yaml": true, "project.json": true, "vercel.json": true, "firebase.json": true, "tsconfig.json": true, "phpstan.neon": true,
}

// notFolders hold texts, tests and others' files.
var notFolders = map[string]bool{
	"i18n": true, "locale": true, "locales": true, "lang": true, "langs": true, "translations": true, "test": true, "tests": true, "__tests__": true, "spec": true,
	"fixtures": true, "testdata": true, "mocks": true, "__mocks__": true, "schemas": true, ".github": true, ".circleci": true, ".gitlab": true, "docs": true, "doc": true,
	"swagger": true, "grafana-dashboards": true, "dashboards": true, "postman": true, "jmeter": true, "e2e": true, "wiremock": true, "__files": true,
}

// webFolders hold what browsers load: pictures and texts, but sometimes the page's own settings.
var webFolders = map[string]bool{"wwwroot": true, "public": true, "assets": true, "static": true}

// elsewhere reports whether a path says that a file is not a service's configuration.
func elsewhere(p string) bool {
	b := strings.ToLower(path.Base(p))
	if notSettings[b] || strings.HasPrefix(b, "tsconfig.") || strings.Contains(b, "postman") || strings.Contains(b, ".schema.") || strings.Contains(b, ".lock.") ||
		strings.HasSuffix(b, "-lock.json") || strings.HasSuffix(b, ".map.json") || isTranslation(b) {
		return true
	}
	settings := strings.Contains(b, "config") || strings.Contains(b, "settings") || strings.Contains(b, "env")
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		if name := path.Base(d); notFolders[name] || webFolders[name] && !settings {
			return true
		}
	}
	return false
}

// isTranslation recognises messages.properties, messages_de.properties, errors_pt_BR.properties.
func isTranslation(base string) bool {
	stem, properties := strings.CutSuffix(base, ".properties")
	if !properties {
		return false
	}
	if stem == "messages" || strings.HasPrefix(stem, "messages_") || stem == "validationmessages" || strings.HasPrefix(stem, "validationmessages_") {
		return true
	}
	parts := strings.Split(stem, "_")
	last := parts[len(parts)-1]
	return len(parts) == 2 && languages[last] || len(parts) == 3 && len(last) == 2 && languages[parts[1]]
}

// languages are the codes that translations most often end in.
var languages = map[string]bool{
	"ar": true, "bg": true, "cs": true, "da": true, "de": true, "el": true, "en": true, "es": true, "et": true, "fi": true, "fr": true, "he": true, "hi": true, "hr": true,
	"hu": true, "in": true, "it": true, "ja": true, "ko": true, "lt": true, "lv": true, "nl": true, "no": true, "pl": true, "pt": true, "ro": true, "ru": true, "sk": true,
	"sl": true, "sr": true, "sv": true, "th": true, "tr": true, "uk": true, "vi": true, "zh": true,
}

// stages are the names of environments that files end in.
var stages = map[string]bool{
	"production": true, "prod": true, "staging": true, "stage": true, "development": true, "dev": true, "test": true, "testing": true, "local": true, "qa": true, "uat": true, "ci": true,
}

// stageOf is the environment a file is for, going by the end of its name: .env.production, config-dev.yml, config/test.json.
func stageOf(p string) string {
	b := strings.ToLower(path.Base(p))
	if rest, ok := strings.CutPrefix(b, ".env."); ok && stages[rest] {
		return rest
	}
	if rest, ok := strings.CutPrefix(b, "env."); ok && stages[rest] {
		return rest
	}
	stem := strings.TrimSuffix(b, path.Ext(b))
	if end := stem[strings.LastIndexAny(stem, ".-_")+1:]; stages[end] {
		return end
	}
	return ""
}

// marks are keys at the top of documents that describe something other than a service's settings.
var marks = []string{"openapi", "swagger", "asyncapi", "lockfileVersion"}

// isData reports whether a document is data: a schema, an interface's description, a dashboard, or a list of records.
func isData(n syntax.Node) bool {
	if n.Kind == syntax.List {
		return len(n.Items) > 20 && n.Items[0].Kind == syntax.Map
	}
	for _, m := range marks {
		if n.Has(m) {
			return true
		}
	}
	schema := n.Get("$schema").Value
	return strings.Contains(schema, "json-schema.org") || n.Has("panels") && n.Has("schemaVersion") ||
		n.Get("type").Value == "record" && n.Has("fields") || n.At("info", "_postman_id").Kind == syntax.Scalar || n.Get("type").Value == "FeatureCollection"
}
