package dotnet

import (
	"cmp"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// get finds a section as .NET does, without regard to case.
func get(n syntax.Node, path ...string) syntax.Node {
	for _, key := range path {
		var found syntax.Node
		for _, p := range n.Pairs {
			if strings.EqualFold(p.Key, key) {
				found = p.Value
			}
		}
		n = found
	}
	return n
}

// endpoints are the addresses a service listens on: "Urls" and Kestrel's endpoints.
func (in *reading) endpoints(root syntax.Node) {
	urls := get(root, "Urls")
	in.listen(urls.Value, "container", urls.Line)
	for _, e := range get(root, "Kestrel", "Endpoints").Pairs {
		url := get(e.Value, "Url")
		in.listen(url.Value, "container", url.Line)
	}
}

// listen sees the ports in a list of addresses separated by semicolons, in which * and + stand for any host.
func (in *reading) listen(urls, via string, line int) {
	for _, u := range strings.Split(urls, ";") {
		_, authority, ok := strings.Cut(strings.TrimSpace(u), "://")
		if !ok {
			continue
		}
		authority, _, _ = strings.Cut(authority, "/")
		text := authority[strings.LastIndexByte(authority, ':')+1:]
		if port, err := strconv.Atoi(text); err == nil && port > 0 && port < 1<<16 {
			in.see(estate.Listens, via, strconv.Itoa(port), "", line)
		}
	}
}

// ocelot sees where the gateway Ocelot passes its routes on to: addresses, or names it asks a registry for.
func (in *reading) ocelot(root syntax.Node) {
	for _, section := range []string{"Routes", "ReRoutes"} {
		for _, route := range get(root, section).Items {
			scheme := cmp.Or(get(route, "DownstreamScheme").Value, "http")
			targets := get(route, "DownstreamHostAndPorts").Items
			for _, t := range targets {
				in.upstream(get(t, "Host"), scheme, get(t, "Port").Value)
			}
			if name := get(route, "ServiceName"); len(targets) == 0 && name.Value != "" {
				in.see(estate.Links, estate.LinkUpstream, name.Value, "", name.Line)
			}
		}
	}
}

func (in *reading) upstream(host syntax.Node, scheme, port string) {
	if host.Value == "" {
		return
	}
	target := scheme + "://" + host.Value
	if port != "" {
		target += ":" + port
	}
	in.see(estate.Links, estate.LinkUpstream, target, "", host.Line)
}

// clusters sees the destinations of YARP's reverse proxy.
func (in *reading) clusters(root syntax.Node) {
	for _, cluster := range get(root, "ReverseProxy", "Clusters").Pairs {
		for _, d := range get(cluster.Value, "Destinations").Pairs {
			if address := get(d.Value, "Address"); address.Value != "" {
				in.see(estate.Links, estate.LinkUpstream, address.Value, "", address.Line)
			}
		}
	}
}

// developers run launch profiles on their own machines, in this environment unless a profile names another.
const launchEnvironment = "Development"

// launch reads launchSettings.json: which ports a service has when a developer starts it, and with which variables.
func (in *reading) launch(root syntax.Node) {
	express := get(root, "iisSettings", "iisExpress", "applicationUrl")
	in.listen(express.Value, "published", express.Line)
	for _, profile := range get(root, "profiles").Pairs {
		urls := get(profile.Value, "applicationUrl")
		in.listen(urls.Value, "published", urls.Line)
		variables := get(profile.Value, "environmentVariables")
		in.profile = cmp.Or(get(variables, "ASPNETCORE_ENVIRONMENT").Value, get(variables, "DOTNET_ENVIRONMENT").Value, launchEnvironment)
		for _, v := range variables.Flatten() {
			in.set(v.Key, v.Value, v.Line)
		}
	}
}
