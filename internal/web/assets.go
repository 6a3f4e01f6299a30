package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed assets
var embedded embed.FS

// assets are the portal's own scripts and styles. Their address carries a digest of all of them, so that a browser
// may keep them for ever and still sees a new version at once.
type assets struct {
	digest string
	files  map[string]asset
}

type asset struct {
	body, packed []byte
	contentType  string
}

// scripts of the map, in the order they are loaded; each fills its part of the name caravan.
func mapScripts() []string {
	return []string{"vendor/cytoscape/cytoscape.min.js", "vendor/dagre/dagre.min.js", "js/model.js", "js/layout.js", "js/canvas.js", "js/panel.js", "js/controls.js", "js/map.js"}
}

// styles of all pages, in the order in which later ones rest on earlier ones.
func styles() []string {
	return []string{"css/tokens.css", "css/base.css", "css/shell.css", "css/pages.css", "css/plan.css", "css/how.css", "css/why.css", "css/config.css", "css/board.css", "css/account.css", "css/addresses.css", "css/drift.css", "css/standby.css", "css/map.css"}
}

func loadAssets() (*assets, error) {
	a := &assets{files: map[string]asset{}}
	sum := sha256.New()
	err := fs.WalkDir(embedded, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		sum.Write([]byte(name))
		sum.Write(body)
		a.files[strings.TrimPrefix(name, "assets/")] = newAsset(name, body)
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.files["portal.css"] = newAsset("portal.css", a.joined(styles()))
	a.digest = hex.EncodeToString(sum.Sum(nil))[:16]
	return a, nil
}

func newAsset(name string, body []byte) asset {
	contentType := mime.TypeByExtension(path.Ext(name))
	if contentType == "" {
		contentType = "text/plain; charset=utf-8"
	}
	return asset{body: body, packed: packed(body, gzip.BestCompression), contentType: contentType}
}

func (a *assets) joined(names []string) []byte {
	var parts [][]byte
	for _, name := range names {
		parts = append(parts, a.files[name].body)
	}
	return bytes.Join(parts, []byte("\n"))
}

// prefix is where the assets are served, below Base.
func (a *assets) prefix() string { return "/assets/" + a.digest + "/" }

// ServeHTTP answers one file. A page of an older program that asks with an old digest gets the file as it is now, not to be kept.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	digest, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/assets/"), "/")
	file, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	if digest == a.digest {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	tag := `"` + a.digest + `"`
	h.Set("ETag", tag)
	h.Set("Content-Type", file.contentType)
	h.Add("Vary", "Accept-Encoding")
	if slices.Contains(strings.Split(r.Header.Get("If-None-Match"), ", "), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := file.body
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = file.packed
	}
	_, _ = w.Write(body) // the browser has gone; nobody is left to tell
}
