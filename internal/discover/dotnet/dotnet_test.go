package dotnet

import (
	"flag"
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	readertest.Golden(t, Format(), "testdata/*.txtar", *update)
}

func TestOnlyFilesOfDotNetAreClaimed(t *testing.T) {
	for _, c := range []struct {
		path, data string
		want       bool
	}{
		{"a/appsettings.json", "{}", true},
		{"a/AppSettings.Staging.JSON", "{}", true},
		{"a/Properties/launchSettings.json", "{}", true},
		{"a/configuration.json", `{"Routes": [{"DownstreamPathTemplate": "/"}]}`, true},
		{"a/web.config", "<configuration/>", true},
		{"a/Orders.exe.config", "<configuration/>", true},
		{"a/package.json", "{}", false},
		{"a/NuGet.Config", "<configuration/>", false},
		{"a/packages.config", "<packages/>", false},
		{"a/settings.yaml", "", false},
	} {
		f := discover.File{Path: c.path, Data: []byte(c.data)}
		if got := Format().Wants(f.Path) && Format().Claims(f) == discover.Owns; got != c.want {
			t.Errorf("%s: claimed %v", c.path, got)
		}
	}
}

func TestHostileFilesEndInADoubt(t *testing.T) {
	const size = 4 << 20
	fill := func(head, s string) string { return head + strings.Repeat(s, (size-len(head))/len(s)) }
	for name, f := range map[string]discover.File{
		"deep XML":      {Path: "web.config", Data: []byte(fill("", "<a>"))},
		"endless name":  {Path: "web.config", Data: []byte(fill("<", "a"))},
		"XML of NULs":   {Path: "web.config", Data: []byte(fill("<a>", "\x00"))},
		"invalid UTF-8": {Path: "web.config", Data: []byte("<a b=\"\xff\"/>")},
		"deep JSON":     {Path: "appsettings.json", Data: []byte(fill("", `{"a":`))},
		"no JSON":       {Path: "ocelot.json", Data: []byte("<html>")},
	} {
		r := discover.NewReport("dotnet")
		Format().ReadFile(f, r)
		if len(r.Doubts) != 1 || r.Doubts[0].Topic != estate.Unparsable {
			t.Errorf("%s: %v", name, r.Doubts)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("appsettings.json", []byte(`{"Urls": "http://*:1;x", "Kestrel": {"Endpoints": {"a": {"Url": "http://+:2"}}}, "ConnectionStrings": null}`))
	f.Add("ocelot.json", []byte(`{"Routes": [{"DownstreamHostAndPorts": [{"Host": "a", "Port": 1}, 2]}, []]}`))
	f.Add("launchSettings.json", []byte(`{"profiles": {"a": {"applicationUrl": ";://:", "environmentVariables": {"A__B": 1}}}}`))
	f.Add("web.config", []byte(`<configuration><appSettings><add key="a" value="b"/></appSettings><client><endpoint address="x"/></client>`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		file := discover.File{Path: name, Data: data}
		if !Format().Wants(name) || Format().Claims(file) == discover.No {
			t.Skip()
		}
		r := discover.NewReport("dotnet")
		Format().ReadFile(file, r)
		for _, s := range r.Sightings {
			if s.Fact == estate.Listens && s.Value == "0" {
				t.Error("port 0")
			}
		}
	})
}
