package code

import "strings"

// publicHosts are hosts that code names without speaking to them: standards, documentation, delivery networks for scripts.
var publicHosts = map[string]bool{
	"w3.org": true, "xmlns.com": true, "schema.org": true, "apache.org": true, "github.com": true, "githubusercontent.com": true, "gitlab.com": true, "bitbucket.org": true,
	"springframework.org": true, "spring.io": true, "sun.com": true, "oracle.com": true, "mozilla.org": true, "jquery.com": true, "jqueryui.com": true, "google.com": true,
	"googleapis.com": true, "gstatic.com": true, "googletagmanager.com": true, "google-analytics.com": true, "microsoft.com": true, "aka.ms": true, "msdn.com": true, "asp.net": true,
	"npmjs.com": true, "npmjs.org": true, "nodejs.org": true, "expressjs.com": true, "stackoverflow.com": true, "stackexchange.com": true, "wikipedia.org": true, "wikimedia.org": true,
	"gnu.org": true, "opensource.org": true, "json-schema.org": true, "reactjs.org": true, "react.dev": true, "angular.io": true, "angular.dev": true, "angularjs.org": true, "vuejs.org": true,
	"getbootstrap.com": true, "bootstrapcdn.com": true, "cloudflare.com": true, "jsdelivr.net": true, "unpkg.com": true, "cdnjs.com": true, "swagger.io": true, "openapis.org": true,
	"medium.com": true, "creativecommons.org": true, "ietf.org": true, "rfc-editor.org": true, "iana.org": true, "unicode.org": true, "goo.gl": true, "bit.ly": true,
	"facebook.com": true, "twitter.com": true, "x.com": true, "linkedin.com": true, "youtube.com": true, "instagram.com": true, "pinterest.com": true, "t.me": true, "docker.com": true,
	"kubernetes.io": true, "xmlsoap.org": true, "openxmlformats.org": true, "purl.org": true, "adobe.com": true, "sourceforge.net": true, "jboss.org": true, "jboss.com": true,
	"hibernate.org": true, "jcp.org": true, "eclipse.org": true, "mojohaus.org": true, "maven.org": true, "mvnrepository.com": true, "gradle.org": true, "kotlinlang.org": true, "python.org": true,
	"pypi.org": true, "readthedocs.io": true, "readthedocs.org": true, "rubyonrails.org": true, "ruby-lang.org": true, "rubygems.org": true, "golang.org": true, "go.dev": true,
	"rust-lang.org": true, "docs.rs": true, "php.net": true, "laravel.com": true, "symfony.com": true, "djangoproject.com": true, "palletsprojects.com": true, "tiangolo.com": true,
	"owasp.org": true, "graphql.org": true, "babeljs.io": true, "js.org": true, "eslint.org": true, "typescriptlang.org": true, "fontawesome.com": true, "gravatar.com": true,
	"placeholder.com": true, "placehold.it": true, "picsum.photos": true, "unsplash.com": true, "polyfill.io": true, "jsfiddle.net": true, "codepen.io": true, "codesandbox.io": true,
	"momentjs.com": true, "material-ui.com": true, "mui.com": true, "apple.com": true, "baeldung.com": true, "dzone.com": true, "martinfowler.com": true, "microservices.io": true,
	"openid.net": true, "oauth.net": true, "jwt.io": true, "nestjs.com": true, "elixir-lang.org": true, "hexdocs.pm": true, "hex.pm": true, "mongodb.org": true, "mongoosejs.com": true,
	"redis.io": true, "rabbitmq.com": true, "postgresql.org": true, "mysql.com": true, "elastic.co": true, "hashicorp.com": true, "terraform.io": true, "opentelemetry.io": true,
	"prometheus.io": true, "grafana.com": true, "jetbrains.com": true, "heroku.com": true, "scala-lang.org": true, "clojure.org": true, "clojars.org": true, "yarnpkg.com": true, "bit.dev": true,
	"dotnet.microsoft.com": true, "nuget.org": true, "unlicense.org": true, "choosealicense.com": true, "imgur.com": true, "flaticon.com": true, "freepik.com": true, "tempuri.org": true,
}

// publicServices are hosts of the same owners that code does speak to.
var publicServices = map[string]bool{
	"api.github.com": true, "graph.facebook.com": true, "api.twitter.com": true, "api.x.com": true, "accounts.google.com": true, "oauth2.googleapis.com": true, "login.microsoftonline.com": true,
	"pubsub.googleapis.com": true, "storage.googleapis.com": true, "fcm.googleapis.com": true, "maps.googleapis.com": true, "graph.microsoft.com": true, "api.linkedin.com": true,
}

// public reports whether a host is one that a URL in code need not mean any traffic to.
func public(host string) bool {
	host, _, _ = strings.Cut(strings.ToLower(host), ":")
	switch {
	case publicServices[host]:
		return false
	case host == "example.com", host == "example.org", host == "example.net", strings.HasPrefix(host, "www."), strings.HasPrefix(host, "docs."), strings.HasPrefix(host, "schemas."),
		strings.HasPrefix(host, "fonts."), strings.HasPrefix(host, "cdn."), strings.HasPrefix(host, "blog."):
		return true
	}
	for {
		if publicHosts[host] {
			return true
		}
		i := strings.IndexByte(host, '.')
		if i < 0 {
			return false
		}
		host = host[i+1:]
	}
}
