// Command objects is an S3-compatible store over HTTPS, with a bucket for each folder of a folder.
//
//	objects ADDRESS FOLDER CERT KEY ACCESS-KEY SECRET-KEY REGION
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

const atOnce = 256 // connections

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	address, folder, cert, key, access, secret, region := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6], os.Args[7]
	attributes := filepath.Join(filepath.Dir(folder), "attributes-of-"+filepath.Base(folder)) // whatever the file system is
	if err := os.MkdirAll(attributes, 0o755); err != nil {
		return err
	}
	sidecar, err := meta.NewSideCar(attributes)
	if err != nil {
		return err
	}
	store, err := posix.New(folder, sidecar, posix.PosixOpts{SideCarDir: attributes})
	if err != nil {
		return err
	}
	err = embedgw.RunVersityGW(ctx, store, &embedgw.Config{
		RootUserAccess: access, RootUserSecret: secret, Region: region, Ports: []string{address}, CertFile: cert, KeyFile: key,
		MaxConnections: atOnce, MaxRequests: atOnce, MultipartMaxParts: 10_000, KeepAlive: true, Quiet: true,
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
