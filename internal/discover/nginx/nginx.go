// Package nginx reads nginx configurations and templates of them: where a proxy sends its requests, which ports it
// accepts them on, under which names, and where its logs go. Files go in, sightings of whoever owns their folder come
// out. Lua and request routing by paths are left alone.
package nginx

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format reads nginx configuration. Its files are read together because an upstream is often declared in another
// file than the one that uses it.
func Format() discover.Format {
	return discover.Format{Name: "nginx", Wants: wants, Claims: claims, ReadTree: readTree}
}

// wants accepts every .conf, templates of them, and anything in a folder of sites.
func wants(p string) bool {
	base := path.Base(p)
	switch path.Ext(base) {
	case ".conf", ".nginx", ".vhost":
		return true
	case ".template", ".erb", ".j2", ".tmpl", ".tpl", ".ctmpl", ".inc":
		return strings.Contains(base, ".conf") || strings.Contains(p, "nginx")
	case "":
		return base == "nginx" || strings.Contains(p, "sites-available/") || strings.Contains(p, "sites-enabled/")
	}
	return false
}

// statements are words only nginx has; a file with none of them is somebody else's.
var statements = [][]byte{
	[]byte("proxy_pass"), []byte("fastcgi_pass"), []byte("uwsgi_pass"), []byte("grpc_pass"), []byte("server_name"),
	[]byte("memcached_pass"), []byte("worker_processes"), []byte("worker_connections"), []byte("try_files"),
}

func claims(f discover.File) discover.Claim {
	for _, s := range statements {
		if bytes.Contains(f.Data, s) {
			return discover.Owns
		}
	}
	if bytes.Contains(f.Data, []byte("upstream ")) && bytes.Contains(f.Data, []byte("server ")) && bytes.Contains(f.Data, []byte("{")) && bytes.Contains(f.Data, []byte(";")) {
		return discover.Owns
	}
	return discover.No
}

// readTree parses all files, then reads each one knowing which names are upstreams of its server.
func readTree(files []discover.File, _ discover.Tree, r *discover.Report) {
	var pages []*page
	for _, f := range files {
		body, err := parse(f.Data)
		if err != nil {
			r.Broken(f, syntax.LineOf(err), err)
		}
		pages = append(pages, newPage(f.Path, body, r))
	}
	upstreams := map[string][]string{} // name → folders of the servers that declare it
	for _, p := range pages {
		for _, name := range p.declared {
			upstreams[name] = append(upstreams[name], p.server)
		}
	}
	for _, p := range pages {
		p.isUpstream = func(name string) bool { return sharesServer(upstreams[name], p.server) }
		p.read()
	}
}

// sharesServer reports whether one of the folders belongs to the same server as folder: equal, above or below.
func sharesServer(folders []string, folder string) bool {
	for _, f := range folders {
		if f == folder || f == "." || folder == "." || strings.HasPrefix(f, folder+"/") || strings.HasPrefix(folder, f+"/") {
			return true
		}
	}
	return false
}

// inner are folders that hold parts of a server's configuration; the server is the folder around them.
var inner = map[string]bool{
	"conf.d": true, "conf": true, "config": true, "sites-available": true, "sites-enabled": true, "snippets": true, "templates": true,
	"stream.d": true, "http.d": true, "vhosts": true, "vhost.d": true, "upstreams": true, "includes": true, "default": true,
	"default.d": true, "sites": true, "servers": true, "etc": true, "modules-enabled": true,
}

// serverFolder is the folder that stands for the server a file configures.
func serverFolder(file string) string {
	folder := path.Dir(file)
	for folder != "." && inner[path.Base(folder)] {
		folder = path.Dir(folder)
	}
	return folder
}

// page is one file on its way to sightings.
type page struct {
	file       string
	server     string
	body       []directive
	declared   []string           // upstreams
	variables  map[string][]value // what set, map and split_clients may put into a variable
	expanded   int                // how many values variables have been replaced by
	linked     map[link]bool
	isUpstream func(string) bool
	report     *discover.Report
}

// link is one fact that several directives may repeat through a variable.
type link struct {
	why    string
	target string
	line   int
}

func newPage(file string, body []directive, r *discover.Report) *page {
	p := &page{file: file, server: serverFolder(file), body: body, variables: map[string][]value{}, linked: map[link]bool{}, report: r}
	p.collect(body)
	return p
}

func (p *page) place(line int) estate.Place { return estate.Place{File: p.file, Line: line} }

func (p *page) see(fact estate.Fact, key, value, layer string, line int) {
	p.report.See(estate.Sighting{Fact: fact, Subject: estate.At(path.Dir(p.file)), Key: key, Value: value, Layer: layer, Place: p.place(line)})
}
