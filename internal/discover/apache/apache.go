// Package apache reads Apache HTTP Server configurations and templates of them, .htaccess files and the workers.properties
// of mod_jk: where requests are passed on to, on which ports and under which names they arrive. Files go in, sightings
// of whoever owns their folder come out. Conditions such as IfModule are taken as true.
package apache

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// Format reads Apache configuration.
func Format() discover.Format {
	return discover.Format{Name: "apache", Wants: wants, Claims: claims, ReadFile: readFile}
}

func wants(p string) bool {
	base := path.Base(p)
	switch path.Ext(base) {
	case ".conf", ".vhost", ".htaccess":
		return true
	case ".erb", ".j2", ".tmpl", ".tpl", ".template":
		return strings.Contains(base, ".conf") || strings.Contains(base, "httpd") || strings.Contains(base, "apache") || strings.Contains(base, "vhost")
	case ".properties":
		return strings.Contains(base, "workers")
	case "":
		return strings.Contains(p, "sites-available/") || strings.Contains(p, "sites-enabled/")
	}
	return false
}

// statements are words only Apache has, in the spelling everybody uses.
var statements = [][]byte{
	[]byte("<VirtualHost"), []byte("ProxyPass"), []byte("<IfModule"), []byte("LoadModule "), []byte("RewriteEngine"), []byte("RewriteRule"),
	[]byte("JkMount"), []byte("BalancerMember"), []byte("DocumentRoot"), []byte("ServerRoot"), []byte("<Directory "),
}

func claims(f discover.File) discover.Claim {
	if f.Ext() == ".properties" {
		if bytes.Contains(f.Data, []byte("worker.")) && bytes.Contains(f.Data, []byte(".host")) {
			return discover.Owns
		}
		return discover.No
	}
	for _, s := range statements {
		if bytes.Contains(f.Data, s) {
			return discover.Owns
		}
	}
	return discover.No
}

func readFile(f discover.File, r *discover.Report) {
	p := &page{file: f.Path, report: r, defined: map[string]string{}, linked: map[string]bool{}}
	if f.Ext() == ".properties" {
		p.workers(f.Data)
		return
	}
	for _, d := range parse(f.Data) {
		p.read(d)
	}
	if folder := serverFolder(f.Dir()); p.whole > 0 && folder != "." && f.Ext() != ".htaccess" && !filledElsewhere(f.Path) {
		r.See(estate.Sighting{Fact: estate.Runs, Subject: estate.At(folder), Key: "service", Value: "apache", Place: p.place(p.whole)})
	}
}

// inner are folders that hold parts of a server's configuration; the server is the folder around them.
var inner = map[string]bool{
	"conf.d": true, "conf": true, "config": true, "sites-available": true, "sites-enabled": true, "conf-available": true, "conf-enabled": true,
	"extra": true, "vhosts": true, "vhosts.d": true, "sites": true, "templates": true, "etc": true,
}

// serverFolder is the folder that stands for the server a file in folder configures.
func serverFolder(folder string) string {
	for folder != "." && inner[path.Base(folder)] {
		folder = path.Dir(folder)
	}
	return folder
}

// filledElsewhere reports whether the file is a template of a configuration manager, which runs nothing where it lies.
func filledElsewhere(file string) bool {
	ext := path.Ext(file)
	return ext == ".erb" || ext == ".j2"
}
