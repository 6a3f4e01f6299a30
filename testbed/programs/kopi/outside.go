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
	answers := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }
	server := func() *http.Server {
		return &http.Server{Handler: http.HandlerFunc(answers), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: 5 * time.Second}
	}
	plainly, secretly := server(), server()
	secretly.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return certify(authority, hello.ServerName)
	}}
	failed := make(chan error, 3)
	for port, serve := range map[string]func(net.Listener) error{
		"80": plainly.Serve, "443": func(l net.Listener) error { return secretly.ServeTLS(l, "", "") }, "587": greet,
	} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, port))
		if err != nil {
			return err
		}
		go func() { failed <- serve(l) }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return errors.Join(plainly.Close(), secretly.Close())
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
