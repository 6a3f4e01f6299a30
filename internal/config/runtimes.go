package config

import (
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
)

// byThemselves are keys that runtimes, frameworks and libraries read by themselves. A key that ends in * stands for all that begin so; of is
// what a service is written in, or the beginning of a library that it has, any of them; by is what reads the keys.
var byThemselves = []struct {
	by   string
	of   []string
	keys []string
}{
	{"the system", nil, []string{"PATH", "HOME", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "HOSTNAME", "USER", "LOGNAME", "SHELL", "PWD", "TERM", "LD_*", "SSL_CERT_FILE", "SSL_CERT_DIR", "MALLOC_*", "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "KUBERNETES_*"}},
	{"HTTP clients", nil, []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}},
	{"OpenTelemetry", nil, []string{"OTEL_*"}},
	{"AWS", nil, []string{"AWS_*"}},
	{"Google", nil, []string{"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_*", "CLOUDSDK_*"}},
	{"Azure", nil, []string{"AZURE_CLIENT_*", "AZURE_TENANT_*", "AZURE_AUTHORITY_HOST"}},
	{"libpq", nil, []string{"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS", "PGAPPNAME", "PGSSL*", "PGCONNECT_TIMEOUT", "PGTZ", "PGCLIENTENCODING", "PGTARGETSESSIONATTRS"}},
	{"Sentry", nil, []string{"SENTRY_DSN", "SENTRY_ENVIRONMENT", "SENTRY_RELEASE"}},
	{"Datadog", nil, []string{"DD_*"}},
	{"New Relic", nil, []string{"NEW_RELIC_*"}},
	{"Elastic APM", nil, []string{"ELASTIC_APM_*"}},
	{"the JVM", []string{"java"}, []string{"JAVA_TOOL_OPTIONS", "JAVA_OPTS", "JAVA_HOME", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CATALINA_*"}},
	{"Spring", []string{"spring", "maven:org.springframework"}, []string{"spring.*", "server.*", "management.*", "logging.*", "eureka.*", "feign.*", "ribbon.*", "hystrix.*", "resilience4j.*", "springdoc.*", "info.*", "debug", "trace", "zuul.*", "endpoints.*", "encrypt.*", "jasypt.*"}},
	{"Quarkus", []string{"maven:io.quarkus"}, []string{"quarkus.*", "mp.*"}},
	{"Micronaut", []string{"maven:io.micronaut"}, []string{"micronaut.*", "datasources.*", "jpa.*", "endpoints.*", "logger.*"}},
	{"Node", []string{"node"}, []string{"NODE_ENV", "NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_DEBUG", "UV_THREADPOOL_SIZE", "NPM_CONFIG_*", "NO_COLOR", "FORCE_COLOR"}},
	{"the package config", []string{"npm:config"}, []string{"NODE_CONFIG", "NODE_CONFIG_*", "NODE_APP_INSTANCE"}},
	{"the package debug", []string{"npm:debug", "npm:express"}, []string{"DEBUG"}},
	{"Next", []string{"npm:next"}, []string{"PORT", "NEXT_*"}},
	{"Nuxt", []string{"npm:nuxt"}, []string{"PORT", "HOST", "NUXT_*", "NITRO_*"}},
	{"Python", []string{"python"}, []string{"PYTHON*", "VIRTUAL_ENV", "PIP_*", "REQUESTS_CA_BUNDLE"}},
	{"Django", []string{"pypi:django"}, []string{"DJANGO_SETTINGS_MODULE"}},
	{"Flask", []string{"pypi:flask"}, []string{"FLASK_*"}},
	{"Gunicorn", []string{"pypi:gunicorn"}, []string{"GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "PORT"}},
	{"Uvicorn", []string{"pypi:uvicorn"}, []string{"WEB_CONCURRENCY", "UVICORN_*", "FORWARDED_ALLOW_IPS"}},
	{"Celery", []string{"pypi:celery"}, []string{"CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CELERY_CONFIG_MODULE"}},
	{"Ruby", []string{"ruby"}, []string{"RUBYOPT", "RUBYLIB", "RUBY_*", "GEM_HOME", "GEM_PATH", "BUNDLE_*", "RACK_ENV"}},
	{"Rails", []string{"gem:rails", "gem:railties"}, []string{"RAILS_*", "SECRET_KEY_BASE", "DATABASE_URL"}},
	{"Puma", []string{"gem:puma"}, []string{"PORT", "WEB_CONCURRENCY", "RAILS_MAX_THREADS", "PUMA_*"}},
	{"Sidekiq", []string{"gem:sidekiq"}, []string{"REDIS_PROVIDER", "REDIS_URL"}},
	{".NET", []string{"dotnet"}, []string{"ASPNETCORE_*", "DOTNET_*", "COMPlus_*", "URLS", "Kestrel.*", "Logging.*", "AllowedHosts"}},
	{"Serilog", []string{"nuget:serilog"}, []string{"Serilog.*"}},
	{"Go", []string{"go"}, []string{"GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK"}},
	{"Rust", []string{"rust"}, []string{"RUST_LOG", "RUST_BACKTRACE"}},
	{"PHP", []string{"php"}, []string{"PHP_*", "PHPRC"}},
	{"Symfony", []string{"composer:symfony"}, []string{"APP_ENV", "APP_DEBUG", "APP_SECRET"}},
	{"Perl", []string{"perl"}, []string{"PERL5LIB", "PERL5OPT"}},
	{"Erlang", []string{"elixir"}, []string{"ERL_*", "RELEASE_*", "MIX_ENV"}},
}

// filesByThemselves are ends of paths of files that frameworks and tools read by themselves.
var filesByThemselves = []struct {
	by, of string
	ends   []string
}{
	{"Rails", "gem:", []string{"config/database.yml", "config/storage.yml", "config/cable.yml", "config/mongoid.yml"}},
	{"Sidekiq", "gem:", []string{"config/sidekiq.yml"}},
	{"the log library", "", []string{"log4j.properties", "log4j2.properties", "logging.properties", "logback.properties", "log4j2.yml", "log4j2.yaml"}},
	{"New Relic", "", []string{"newrelic.yml", "newrelic.ini"}},
	{"tools", "", []string{"setup.cfg", "tox.ini", "pytest.ini", "mypy.ini"}},
}

// ecosystems are what a service is written in, by where its libraries are from.
var ecosystems = map[string]string{"maven": "java", "npm": "node", "pypi": "python", "gem": "ruby", "nuget": "dotnet", "go": "go", "cargo": "rust", "composer": "php"}

// endings are what a service is written in, by its files.
var endings = map[string]string{".java": "java", ".kt": "java", ".scala": "java", ".groovy": "java", ".js": "node", ".mjs": "node", ".cjs": "node", ".ts": "node", ".py": "python", ".rb": "ruby", ".cs": "dotnet", ".go": "go", ".rs": "rust", ".php": "php", ".pl": "perl",
	".ex": "elixir", ".exs": "elixir"}

// runtimesOf is all that is known to be in a service: languages, and libraries by their coordinates. Files of Spring and .NET tell as well.
func runtimesOf(libraries []string, reads []Reading, e Effective) map[string]bool {
	out := map[string]bool{}
	for _, l := range libraries {
		l = strings.ToLower(l)
		ecosystem, _, _ := strings.Cut(l, ":")
		out[l] = true
		if lang := ecosystems[ecosystem]; lang != "" {
			out[lang] = true
		}
	}
	for _, r := range reads {
		if lang := endings[path.Ext(r.Place.File)]; lang != "" {
			out[lang] = true
		}
	}
	for _, x := range e.Entries {
		base := path.Base(x.Place().File)
		switch {
		case strings.HasPrefix(base, "appsettings.") || strings.HasPrefix(x.Key, "ASPNETCORE_"):
			out["dotnet"] = true
		case strings.HasPrefix(base, "application.") || strings.HasPrefix(base, "bootstrap.") || strings.HasPrefix(base, "application-") || strings.HasPrefix(x.Key, "SPRING_"):
			out["spring"], out["java"] = true, true
		case strings.HasPrefix(x.Key, "JAVA_"):
			out["java"] = true
		}
	}
	return out
}

// has reports whether a service is written in something, or has a library that begins so. What nothing is known of may be anything.
func (u usage) has(of string) bool {
	if len(u.runtimes) == 0 || u.runtimes[of] {
		return true
	}
	for name := range u.runtimes {
		if strings.Contains(of, ":") && strings.HasPrefix(name, of) && (len(name) == len(of) || strings.HasSuffix(of, ":") || strings.IndexByte(".:/", name[len(of)]) >= 0) {
			return true
		}
	}
	return false
}

// readByItself is what reads a key without any code of the service; "" when nothing does.
func (u usage) readByItself(e Entry) string {
	for _, row := range byThemselves {
		if (row.of == nil || slices.ContainsFunc(row.of, u.has)) && slices.ContainsFunc(row.keys, func(k string) bool { return covers(k, e.Key) }) {
			return row.by
		}
	}
	for _, row := range filesByThemselves {
		if (row.of == "" || u.has(row.of)) && slices.ContainsFunc(row.ends, func(end string) bool { return strings.HasSuffix("/"+e.Place().File, "/"+end) }) {
			return row.by
		}
	}
	return ""
}

// covers reports whether a pattern of the table stands for a key, in any spelling.
func covers(pattern, key string) bool {
	head, open := strings.CutSuffix(pattern, "*")
	if !open {
		return estate.Norm(pattern) == spelling(key)
	}
	return strings.HasPrefix(dotted(key), dotted(head))
}

// dotted is a key in lower case, with dots between its parts.
func dotted(key string) string {
	return strings.ToLower(strings.NewReplacer("__", ".", "_", ".", ":", ".", "-", ".").Replace(key))
}

// ofTheSystem reports whether a variable is there without anybody setting it.
func ofTheSystem(key string) bool {
	return slices.ContainsFunc(byThemselves[0].keys, func(k string) bool { return covers(k, key) })
}
