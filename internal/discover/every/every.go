// Package every lists the formats Caravan reads, in the order they are asked about a file.
package every

import (
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/apache"
	"example.org/caravan/internal/discover/build"
	"example.org/caravan/internal/discover/catalog"
	"example.org/caravan/internal/discover/chef"
	"example.org/caravan/internal/discover/code"
	"example.org/caravan/internal/discover/codeowners"
	"example.org/caravan/internal/discover/compose"
	"example.org/caravan/internal/discover/consul"
	"example.org/caravan/internal/discover/dockerfile"
	"example.org/caravan/internal/discover/dotnet"
	"example.org/caravan/internal/discover/envoy"
	"example.org/caravan/internal/discover/gateway"
	"example.org/caravan/internal/discover/haproxy"
	"example.org/caravan/internal/discover/keys"
	"example.org/caravan/internal/discover/kube"
	"example.org/caravan/internal/discover/logs"
	"example.org/caravan/internal/discover/nginx"
	"example.org/caravan/internal/discover/prometheus"
	"example.org/caravan/internal/discover/settings"
	"example.org/caravan/internal/discover/spring"
	"example.org/caravan/internal/discover/systemd"
	"example.org/caravan/internal/discover/terraform"
)

// Formats returns all formats, the specific before the generic.
func Formats() []discover.Format {
	return []discover.Format{
		chef.Format(),
		compose.Format(),
		kube.Format(),
		systemd.Format(),
		nginx.Format(),
		haproxy.Format(),
		envoy.Format(),
		gateway.Format(),
		apache.Format(),
		prometheus.Format(),
		logs.Format(),
		terraform.Format(),
		consul.Format(),
		catalog.Format(),
		codeowners.Format(),
		dockerfile.Format(),
		build.Format(),
		spring.Format(),
		dotnet.Format(),
		settings.Format(),
		code.Format(),
		keys.Format(),
	}
}
