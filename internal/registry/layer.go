package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"example.org/caravan/internal/fault"
)

// Layer is the release's layer of an image, not compressed. Reading it to its end fails, Invalid, when it is not what its digest says.
// NotFound when the registry has it no more; Invalid when Caravan did not make the image.
func (r *Registry) Layer(ctx context.Context, i Image) (io.ReadCloser, error) {
	if i.Layer == "" {
		return nil, fault.Newf(fault.Invalid, "%s was not made by Caravan, so nothing says which part of it is the release; make it with caravan image", i.Name)
	}
	ref, err := r.parse(i.Name)
	if err != nil {
		return nil, err
	}
	const absent = "push it again, or deploy another version"
	img, err := remote.Image(ref, r.options(ctx)...)
	if err != nil {
		return nil, said(err, "read "+i.Name, absent)
	}
	want, err := v1.NewHash(i.Layer)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s names the layer %q, which is no digest; build it again with caravan image", i.Name, i.Layer)
	}
	layer, err := img.LayerByDiffID(want)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s has no layer %s, which its label names; build it again with caravan image", i.Name, i.Layer)
	}
	in, err := layer.Uncompressed()
	if err != nil {
		return nil, said(err, "read the layer of "+i.Name, absent)
	}
	return &verified{in: in, sum: sha256.New(), want: want.Hex, name: i.Name}, nil
}

// verified is content that must have a digest.
type verified struct {
	in   io.ReadCloser
	sum  hash.Hash
	want string
	name string
}

// Read passes on what is read; at the end it is Invalid when it was something else.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.in.Read(p)
	v.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(v.sum.Sum(nil)) != v.want {
		return n, fault.Newf(fault.Invalid, "the layer of %s is not what its digest says; push the image again, and ask who may write to the registry", v.name)
	}
	return n, reading(err, v.name)
}

// reading is what goes wrong while a layer is read; its end is nothing wrong.
func reading(err error, name string) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return said(err, "read the layer of "+name, "push it again")
}

// Close ends the reading.
func (v *verified) Close() error { return v.in.Close() }

func sumOf(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
