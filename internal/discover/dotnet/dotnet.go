// Package dotnet reads the configuration of .NET services: appsettings and Ocelot files, YARP's reverse proxy section,
// launchSettings.json and the XML of web.config and app.config. Every leaf becomes a setting whose key has dots where
// .NET has colons; addresses a service listens on and routes it passes on come out besides. It evaluates nothing: which
// environment's file wins is decided later.
package dotnet

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of .NET configuration.
func Format() discover.Format {
	return discover.Format{Name: "dotnet", Wants: wants, Claims: claims, ReadFile: read}
}

// maxValue is the longest value that is kept: longer ones are texts, not settings.
const maxValue = 2 << 10

func wants(p string) bool {
	ext := path.Ext(p)
	return strings.EqualFold(ext, ".json") || strings.EqualFold(ext, ".config") && isXML(p)
}

// isXML reports whether a file is one of those .NET Framework loads: web.config, app.config, web.Release.config.
func isXML(p string) bool {
	b := strings.ToLower(path.Base(p))
	stem := strings.TrimSuffix(b, ".config")
	return stem == "web" || stem == "app" || strings.HasPrefix(stem, "web.") || strings.HasPrefix(stem, "app.") ||
		strings.HasSuffix(stem, ".exe") || strings.HasSuffix(stem, ".dll")
}

func claims(f discover.File) discover.Claim {
	b := strings.ToLower(f.Base())
	switch {
	case f.Ext() == ".config", b == "launchsettings.json", b == "appsettings.json", strings.HasPrefix(b, "appsettings."), strings.HasPrefix(b, "appsettings-"):
		return discover.Owns
	case strings.HasPrefix(b, "ocelot."), bytes.Contains(f.Data, []byte(`"DownstreamPathTemplate"`)):
		return discover.Owns
	case bytes.Contains(f.Data, []byte(`"ReverseProxy"`)) && bytes.Contains(f.Data, []byte(`"Clusters"`)):
		return discover.Owns
	}
	return discover.No
}

// reading is one file while it is read.
type reading struct {
	file    discover.File
	report  *discover.Report
	profile string
}

func read(f discover.File, r *discover.Report) {
	in := &reading{file: f, report: r, profile: profileOf(f.Base())}
	if f.Ext() == ".config" {
		in.xml()
		return
	}
	root, err := syntax.JSON(f.Data)
	if err != nil && len(bytes.TrimSpace(f.Data)) > 0 {
		in.broken(err)
	}
	if strings.EqualFold(f.Base(), "launchSettings.json") {
		in.launch(root)
		return
	}
	for _, e := range root.Flatten() {
		in.set(e.Key, e.Value, e.Line)
	}
	in.endpoints(root)
	in.ocelot(root)
	in.clusters(root)
}

func (in *reading) broken(err error) { in.report.Broken(in.file, syntax.LineOf(err), err) }

func (in *reading) see(fact estate.Fact, key, value, profile string, line int) {
	in.report.See(estate.Sighting{Fact: fact, Subject: estate.At(in.file.Dir()), Key: key, Value: value, Profile: profile,
		Place: estate.Place{File: in.file.Path, Line: line}})
}

func (in *reading) set(key, value string, line int) {
	if len(value) <= maxValue {
		in.see(estate.Sets, dotted(key), value, in.profile, line)
	}
}

// dotted is a configuration key with dots for the colons .NET joins sections with, and for the double underscores that
// stand for them in environment variables.
func dotted(key string) string {
	if !strings.Contains(key, ":") && !strings.Contains(key, "__") {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(key, "__", "."), ":", ".")
}

// environments are the names Ocelot's files end in when the end is an environment's; other ends are parts of one file.
var environments = map[string]bool{
	"development": true, "dev": true, "staging": true, "production": true, "prod": true, "docker": true, "container": true, "local": true, "test": true,
	"kubernetes": true, "k8s": true, "uat": true, "qa": true,
}

// profileOf is the environment in appsettings.Production.json and web.Release.config.
func profileOf(base string) string {
	stem := strings.TrimSuffix(base, path.Ext(base))
	name, end, ok := strings.Cut(stem, ".")
	if !ok {
		name, end, ok = strings.Cut(stem, "-")
	}
	lower := strings.ToLower(end)
	switch strings.ToLower(name) {
	case "appsettings", "web", "app":
		if ok && lower != "exe" && lower != "dll" {
			return end
		}
	case "ocelot":
		if environments[lower] {
			return end
		}
	}
	return ""
}
