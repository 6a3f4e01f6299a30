package why

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/testbed"
)

// push pushes the images: one with the tools of this computer in it, as usual base images have, and one with a single program.
// It trusts an authority that is none any more.
func push(t *testing.T, b *testbed.Bed, authority string) {
	t.Helper()
	kopi, err := testbed.Program(t.Context(), "kopi")
	if err != nil {
		t.Fatal(err)
	}
	tools := testbed.Image{Files: map[string]string{"/usr/local/bin/kopi": kopi}, Env: []string{"PATH=/usr/local/bin:/usr/bin:/usr/sbin"}, Entrypoint: []string{"/usr/local/bin/kopi"}}
	for _, program := range []string{"bash", "timeout", "sleep", "mkdir", "curl", "psql", "nginx"} {
		found, err := exec.LookPath(program)
		if err != nil {
			t.Fatalf("%s is not installed: %v; scripts/machine installs it", program, err)
		}
		if program == "psql" {
			found = newest(t, "/usr/lib/postgresql/*/bin/psql") // the other one is a script
		}
		tools.Files["/usr/bin/"+program] = resolved(t, found)
		out, err := exec.CommandContext(t.Context(), "ldd", resolved(t, found)).Output()
		if err != nil {
			t.Fatalf("ldd %s: %v", found, err)
		}
		for _, field := range strings.Fields(string(out)) {
			if strings.HasPrefix(field, "/") {
				tools.Files[field] = resolved(t, field)
			}
		}
	}
	for path, text := range map[string]string{"/etc/ssl/certs/ca-certificates.crt": authority, "/etc/passwd": "root:x:0:0::/:\nnobody:x:65534:65534::/:\n", "/etc/group": "root:x:0:\nnogroup:x:65534:\n"} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		tools.Files[path] = file
	}
	single := testbed.Image{Files: map[string]string{"/kopi": kopi}, Entrypoint: []string{"/kopi"}}
	for tag, image := range map[string]testbed.Image{"tools:1": tools, "single:1": single} {
		if err := b.Push(t.Context(), tag, image); err != nil {
			t.Fatal(err)
		}
	}
}

func resolved(t *testing.T, path string) string {
	t.Helper()
	out, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newest(t *testing.T, pattern string) string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Skipf("nothing is installed at %s", pattern)
	}
	return all[len(all)-1]
}

// expired is a certificate that was good until an hour ago, by an authority of its own, and its key.
func expired(t *testing.T, name string) (cert, key string) {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
}
