package expansion

import (
	"net"
	"path"
	"regexp"
	"strconv"
	"strings"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/syntax"
)

const lastHour = 23

func backups(r *document.Reader, n syntax.Node, path string) *render.Backups {
	var b render.Backups
	r.Object(n, path, []document.Field{
		document.Optional("folder", document.Text(&b.Folder)),
		document.Optional("s3", func(r *document.Reader, n syntax.Node, path string) { b.S3 = objectStore(r, n, path) }),
		document.Optional("hour", func(r *document.Reader, n syntax.Node, path string) {
			b.Hour = new(int)
			document.Integer(b.Hour, 0, lastHour)(r, n, path)
		}),
	})
	return &b
}

func objectStore(r *document.Reader, n syntax.Node, path string) *render.ObjectStore {
	var o render.ObjectStore
	r.Object(n, path, []document.Field{
		document.Required("endpoint", document.Text(&o.Endpoint)),
		document.Required("region", document.Text(&o.Region)),
		document.Required("bucket", document.Text(&o.Bucket)),
		document.Optional("path", document.Text(&o.Path)),
		document.Optional("style", document.OneOf(&o.Style, "host", "path")),
		document.Optional("ca", document.Text(&o.CA)),
	})
	return &o
}

// What goes into pgBackRest's configuration as it stands.
var (
	plainForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	folderForm = regexp.MustCompile(`^(/[A-Za-z0-9._+@-]+)+$`)
)

func checkBackups(r *document.Reader, at string, v Environment) {
	b := *v.Backups
	switch {
	case b.Folder == "" && b.S3 == nil:
		r.At(at, "neither a folder nor s3; say where backups go")
	case b.Folder != "" && b.S3 != nil:
		r.At(at, "a folder and s3; say one of them")
	case b.Folder != "" && v.Kind != "vm":
		r.At(at+".folder", "pods have no folder that outlives them; name a bucket under s3")
	case b.Folder != "" && !isFolder(b.Folder):
		r.At(at+".folder", "%q is no whole path of a folder; write it as /backup", b.Folder)
	case b.S3 != nil:
		checkObjectStore(r, at+".s3", *b.S3, v)
	}
}

func checkObjectStore(r *document.Reader, at string, o render.ObjectStore, v Environment) {
	host, port, err := net.SplitHostPort(o.Endpoint)
	if err != nil {
		host = o.Endpoint
	}
	if n, bad := strconv.Atoi(port); !plainForm.MatchString(host) || err == nil && (bad != nil || n < 1 || n > 65535) {
		r.At(at+".endpoint", "%q is no host, or host:port; write it as s3.jakarta.example.org, without https://", o.Endpoint)
	}
	for _, f := range []struct{ key, value string }{{"region", o.Region}, {"bucket", o.Bucket}} {
		if f.value != "" && !plainForm.MatchString(f.value) {
			r.At(at+"."+f.key, "%q is no name of a %s; use letters, digits, dots, dashes and underscores", f.value, f.key)
		}
	}
	if o.Path != "" && !isFolder("/"+strings.Trim(o.Path, "/")) {
		r.At(at+".path", "%q is no path in a bucket; write it as databases/jakarta", o.Path)
	}
	operated := len(v.Operators) > 0
	if o.Style != "" && operated {
		r.At(at+".style", "CloudNativePG finds out itself how the bucket is named; take style out")
	}
	if o.CA != "" && !operated && !isFolder(o.CA) {
		r.At(at+".ca", "%q is no whole path of a file; write it as /etc/ssl/certs/company.pem", o.CA)
	}
	if o.CA != "" && operated && !plainForm.MatchString(o.CA) {
		r.At(at+".ca", "%q is no name of a Secret; CloudNativePG takes certificates from ca.crt in one", o.CA)
	}
}

func isFolder(text string) bool { return folderForm.MatchString(text) && path.Clean(text) == text }
