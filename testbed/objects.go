package testbed

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Objects is an S3-compatible store that machines and pods reach. Whoever checks its certificate does so by Bed.Authority.
type Objects struct {
	Endpoint, Region, Bucket string
	Folder                   string // on this computer, in which the bucket's objects are files
}

// StartObjects starts an S3-compatible store with an empty bucket, for whoever has its keys. It ends with the bed.
func (b *Bed) StartObjects(ctx context.Context, access, secret string) (Objects, error) {
	const name, port, region, bucket = "objects.bed.internal", "9000", "bed", "backups"
	path, err := Program(ctx, "objects")
	if err != nil {
		return Objects{}, err
	}
	folder := b.file("objects")
	out := Objects{Endpoint: name + ":" + port, Region: region, Bucket: bucket, Folder: filepath.Join(folder, bucket)}
	address := joinPort(lanAddress, port)
	if err := errors.Join(os.MkdirAll(out.Folder, 0o755), b.ca.issue("objects", name, nil, name), b.AddName(name, lanAddress)); err != nil {
		return Objects{}, err
	}
	argv := []string{path, address, folder, b.file("pki/objects.crt"), b.file("pki/objects.key"), access, secret, region}
	if err := b.start(process{name: "objects", group: "shared/objects", space: b.lan(), argv: argv}); err != nil {
		return Objects{}, err
	}
	return out, await(ctx, "the store of objects", time.Minute, b.lan().listens(address))
}
