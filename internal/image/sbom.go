package image

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
)

// MediaTypeSBOM is what an SBOM is called where it is kept (CycloneDX 1.5, media types).
const MediaTypeSBOM = "application/vnd.cyclonedx+json"

// Package is software that somebody else made and that is in an image.
type Package struct {
	Type    string // of a package URL: "deb", "golang", "npm", "pypi", "maven"
	Name    string // as the package manager calls it
	Version string
	From    string // the file that says so
}

// Sum is a file of a release with the digest of its content.
type Sum struct {
	Path   string
	SHA256 string // hexadecimal
}

// Inventory reads all files of a release: the digest of each, and the packages they tell of.
func Inventory(files []File) ([]Sum, []Package, error) {
	var sums []Sum
	var packages []Package
	for _, f := range files {
		if f.Open == nil {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return nil, nil, fault.Newf(fault.Unavailable, "read the release: %w; make it readable and run it again", err)
		}
		h := sha256.New()
		_, err = io.Copy(h, in)
		packages = append(packages, Packages(f.Path, f.Size, in)...)
		if err = errors.Join(err, in.Close()); err != nil {
			return nil, nil, fault.Newf(fault.Unavailable, "read %s: %w; make it readable and run it again", f.Path, err)
		}
		sums = append(sums, Sum{f.Path, hex.EncodeToString(h.Sum(nil))})
	}
	return sums, packages, nil
}

// component is one row of an SBOM, as CycloneDX 1.5 has it.
type component struct {
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// document is an SBOM. Neither a serial number nor a time is in it: equal releases have equal ones.
type document struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

// SBOM lists what is in an image, as CycloneDX: the packages of the base and of the release that could be told, and the release's files.
// Base is the digest of the base; "" for none. Whatever no package manager has written down stands there as files alone.
func SBOM(s Spec, base string, packages []Package, files []Sum) ([]byte, error) {
	d := document{Format: "CycloneDX", Spec: "1.5", Version: 1, Components: []component{}}
	d.Metadata.Component = component{Type: "application", Name: string(s.Service), Version: s.Version}
	if base != "" {
		d.Components = append(d.Components, component{Type: "container", Name: s.Base, Version: base})
	}
	packages = slices.Clone(packages)
	slices.SortFunc(packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.From, b.From))
	})
	for _, p := range slices.CompactFunc(packages, func(a, b Package) bool { return a.purl() == b.purl() }) {
		d.Components = append(d.Components, component{Type: "library", Name: p.Name, Version: p.Version, PURL: p.purl(), Properties: []property{{"caravan:file", p.From}}})
	}
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b Sum) int { return cmp.Compare(a.Path, b.Path) }) {
		d.Components = append(d.Components, component{Type: "file", Name: path.Join(s.Folder, f.Path), Hashes: []hash{{"SHA-256", f.SHA256}}})
	}
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return nil, fault.Newf(fault.Internal, "write the SBOM of %s: %w", s.Service, err)
	}
	return append(text, '\n'), nil
}

// purl is the package as a URL (package-url/purl-spec).
func (p Package) purl() string {
	name := p.Name
	if p.Type == "maven" {
		name = strings.Replace(name, ":", "/", 1)
	}
	if p.Type == "deb" {
		name = "debian/" + name
	}
	words := strings.Split(name, "/")
	for i, w := range words {
		words[i] = strings.ReplaceAll(url.QueryEscape(w), "+", "%20")
	}
	out := "pkg:" + p.Type + "/" + strings.Join(words, "/")
	if p.Version != "" {
		out += "@" + strings.ReplaceAll(url.QueryEscape(p.Version), "+", "%20")
	}
	return out
}
