package stolon

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/porttest"
	"example.org/caravan/internal/standby"
)

// kept is cluster data in the form in which Stolon writes it.
const kept = `{"formatVersion":1,"changeTime":"2026-03-01T10:00:00Z",
"cluster":{"uid":"c1","generation":1,"spec":{"synchronousReplication":true,"initMode":"new"},"status":{"currentGeneration":1,"phase":"normal","master":"db1"}},
"keepers":{"keeper0":{"uid":"keeper0","status":{"healthy":true}},"keeper1":{"uid":"keeper1","status":{"healthy":true}},"keeper2":{"uid":"keeper2","status":{}}},
"dbs":{
 "db1":{"uid":"db1","spec":{"keeperUID":"keeper0","role":"master","followers":["db2","db3"],"synchronousStandbys":["db2"]},"status":{"healthy":true,"listenAddress":"10.20.1.4","port":"5432","timelineID":7,"xLogPos":50000}},
 "db2":{"uid":"db2","spec":{"keeperUID":"keeper1","role":"standby","followConfig":{"type":"internal","dbuid":"db1"}},"status":{"healthy":true,"listenAddress":"10.20.1.5","port":"5432","timelineID":7,"xLogPos":45904}},
 "db3":{"uid":"db3","spec":{"keeperUID":"keeper2","role":"standby","followConfig":{"type":"internal","dbuid":"db1"}},"status":{"listenAddress":"10.20.1.6","port":"5432","timelineID":6}}},
"proxy":{"generation":3,"changeTime":"2026-02-20T08:00:00Z","spec":{"masterDbUid":"db1"}}}`

func TestEtcdIsAskedForWhatStolonKeeps(t *testing.T) {
	at := etcd(t)
	put(t, at, "stolon/cluster/payments/clusterdata", kept)
	w := Where{Addresses: []string{"127.0.0.1:1", at}, Prefix: "stolon/cluster", Cluster: "payments"}
	got, err := Read(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	lag := int64(4096)
	want := standby.Topology{Technology: "postgres", Keeper: standby.Stolon, Failover: time.Date(2026, 2, 20, 8, 0, 0, 0, time.UTC), Members: []standby.Member{
		{Name: "keeper0", Address: "10.20.1.4:5432", Role: standby.Primary, State: "running", Timeline: 7},
		{Name: "keeper1", Address: "10.20.1.5:5432", Role: standby.Standby, State: "running", Timeline: 7, Lag: &lag, Synchronous: true},
		{Name: "keeper2", Address: "10.20.1.6:5432", Role: standby.Standby, State: "unhealthy", Timeline: 6},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	w.Cluster = "ghost"
	if _, err := Read(t.Context(), w); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a cluster there is not: %v", err)
	}
	w.Addresses = w.Addresses[:1]
	if _, err := Read(t.Context(), w); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("nobody answers: %v", err)
	}
}

func TestWhatIsNoClusterDataIsRefused(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `{"formatVersion":2}`, `{"formatVersion":1,"dbs":[]}`} {
		if _, err := Parse([]byte(text)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// etcd starts one and gives its address.
func etcd(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatal("no etcd on this machine; install Debian's package etcd-server")
		}
		t.Skip("SKIPPED: no etcd on this machine; install Debian's package etcd-server")
	}
	at, peers := porttest.Address(t), "http://"+porttest.Address(t)
	cmd := exec.Command("etcd", "--name", "one", "--data-dir", filepath.Join(t.TempDir(), "etcd"), "--listen-client-urls", "http://"+at, "--advertise-client-urls", "http://"+at,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "one="+peers, "--unsafe-no-fsync")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended already
		_ = cmd.Wait()
	})
	return at
}

// put writes a key once etcd answers.
func put(t *testing.T, at, key, value string) {
	t.Helper()
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	body, err := json.Marshal(map[string]string{"key": encode(key), "value": encode(value)})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Post("http://"+at+"/v3/kv/put", "application/json", bytes.NewReader(body))
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("etcd took nothing: %v", err)
		}
	}
}
