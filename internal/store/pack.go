package store

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
)

// maxUnpacked bounds what a damaged column can make of memory; the largest estates take a tenth of it.
const maxUnpacked = 1 << 30

// pack is a value as gzip-compressed JSON, compressed lightly: a scan waits for it.
func pack(v any) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unpack reads to the end, where gzip keeps its checksum.
func unpack(packed []byte, into any) error {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(z, maxUnpacked))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
