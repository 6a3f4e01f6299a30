package kube

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/standby"
)

// handingOver is a Cluster as the operator writes it (postgresql.cnpg.io/v1), while it hands over.
const handingOver = `
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: orders-db, namespace: team-shop}
spec:
  instances: 3
  backup: {barmanObjectStore: {destinationPath: s3://backups}}
status:
  currentPrimary: orders-db-1
  currentPrimaryTimestamp: "2026-02-20T08:00:00.123456Z"
  targetPrimary: orders-db-2
  phase: Switchover in progress
  phaseReason: Switching over to orders-db-2
  instanceNames: [orders-db-1, orders-db-2, orders-db-3]
  instancesStatus: {healthy: [orders-db-1, orders-db-2], failed: [orders-db-3]}
  instancesReportedState:
    orders-db-1: {isPrimary: true, timeLineID: 4, ip: 10.244.1.7}
    orders-db-2: {isPrimary: false, timeLineID: 4, ip: 10.244.2.3}
  lastSuccessfulBackup: "2026-02-28T02:00:00Z"
  lastFailedBackup: "2026-03-01T02:00:00Z"
`

func TestTheStatusOfCloudNativePGIsRead(t *testing.T) {
	data, err := yaml.YAMLToJSON([]byte(handingOver))
	if err != nil {
		t.Fatal(err)
	}
	var u unstructured.Unstructured
	if err := u.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	want := standby.Topology{Technology: "postgres", Keeper: standby.CloudNativePG, Failover: time.Date(2026, 2, 20, 8, 0, 0, 123456000, time.UTC), Members: []standby.Member{
		{Name: "orders-db-1", Address: "10.244.1.7:5432", Role: standby.Primary, State: "running", Timeline: 4},
		{Name: "orders-db-2", Address: "10.244.2.3:5432", Role: standby.Standby, State: "running", Timeline: 4},
		{Name: "orders-db-3", Role: standby.Standby, State: "not healthy"},
	},
		Backup: &standby.Backup{At: time.Date(2026, 2, 28, 2, 0, 0, 0, time.UTC), Failed: "at 2026-03-01T02:00:00Z"},
		Doubts: []string{"orders-db-2 is to be primary in place of orders-db-1: Switching over to orders-db-2"},
	}
	if diff := cmp.Diff(want, cloudNativePG(&u)); diff != "" {
		t.Error(diff)
	}
	none := cloudNativePG(&unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"instanceNames": "text"}}})
	if len(none.Members) > 0 || none.Backup != nil {
		t.Errorf("of a status that is none: %+v", none)
	}
}
