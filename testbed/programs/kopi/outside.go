package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"
)

// outside is everybody who is not the company: it answers every request with "ok" under every name, with certificates of an authority
// that the company trusts, and takes in mail.
func outside(ctx context.Context, address, cert, key string) error {
	authority, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return err
	}
	h := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certify(authority, hello.ServerName)
		}},
		ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 5 * time.Second,
	}
	var listeners [3]net.Listener
	for i, port := range []string{"80", "443", "587"} {
		if listeners[i], err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, port)); err != nil {
			return err
		}
	}
	failed := make(chan error, len(listeners))
	go func() { failed <- h.Serve(listeners[0]) }()
	go func() { failed <- h.ServeTLS(listeners[1], "", "") }()
	go func() { failed <- greet(listeners[2]) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return h.Close()
	}
}

// certify makes a certificate for a name.
func certify(authority tls.Certificate, name string) (*tls.Certificate, error) {
	if name == "" {
		return nil, errors.New("no name is asked for")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, key.Public(), authority.PrivateKey)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// greet answers as a mail server does, and hangs up.
func greet(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		_, _ = io.WriteString(conn, "220 outside ESMTP\r\n")
		_ = conn.Close()
	}
}
