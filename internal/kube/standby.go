package kube

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

var cnpgClusters = schema.GroupVersionResource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters"}

// CloudNativePG reads who is who in a Cluster of CloudNativePG, as its operator last wrote it into the status. NotFound when there is none.
func CloudNativePG(ctx context.Context, o Options, namespace, name string) (standby.Topology, error) {
	found, err := single(ctx, o, cnpgClusters, namespace, name)
	if err != nil {
		return standby.Topology{}, err
	}
	return cloudNativePG(found), nil
}

// AnnotationOfConfigMap reads one annotation of a ConfigMap; "" when it has none. NotFound when there is no such ConfigMap.
func AnnotationOfConfigMap(ctx context.Context, o Options, namespace, name, annotation string) (string, error) {
	found, err := single(ctx, o, configMaps, namespace, name)
	if err != nil {
		return "", err
	}
	return found.GetAnnotations()[annotation], nil
}

func single(ctx context.Context, o Options, of schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	config, err := Config(o)
	if err != nil {
		return nil, err
	}
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "context %s: %s", o.Context, words(err))
	}
	found, err := c.Resource(of).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, fault.Newf(fault.NotFound, "context %s: no %s %s in namespace %s", o.Context, of.Resource, name, namespace)
	case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
		return nil, fault.Newf(fault.Denied, "context %s: %s %s in %s: %s", o.Context, of.Resource, name, namespace, words(err))
	case err != nil:
		return nil, fault.Newf(fault.Unavailable, "context %s: %s %s in %s: %s", o.Context, of.Resource, name, namespace, words(err))
	}
	return found, nil
}

// postgresPort is where every instance of CloudNativePG listens.
const postgresPort = 5432

func cloudNativePG(found *unstructured.Unstructured) standby.Topology {
	t := standby.Topology{Technology: "postgres", Keeper: standby.CloudNativePG}
	status, _, _ := unstructured.NestedMap(found.Object, "status")
	t.Failover = moment(status, "currentPrimaryTimestamp")
	primary := text(status, "currentPrimary")
	names, _, _ := unstructured.NestedStringSlice(status, "instanceNames")
	healthy, _, _ := unstructured.NestedStringSlice(status, "instancesStatus", "healthy")
	reported, _, _ := unstructured.NestedMap(status, "instancesReportedState")
	for _, name := range names {
		state := asMap(reported[name])
		m := standby.Member{Name: name, Role: standby.Standby, State: "running", Timeline: int(number(state, "timeLineID"))}
		if ip := text(state, "ip"); ip != "" {
			m.Address = net.JoinHostPort(ip, strconv.Itoa(postgresPort))
		}
		if name == primary {
			m.Role = standby.Primary
		}
		if !slices.Contains(healthy, name) {
			m.State = "not healthy"
		}
		t.Members = append(t.Members, m)
	}
	if target := text(status, "targetPrimary"); target != "" && target != primary {
		t.Doubts = append(t.Doubts, fmt.Sprintf("%s is to be primary in place of %s: %s", target, primary, text(status, "phaseReason")))
	}
	t.Backup = backupOf(found, status)
	return t.Sorted()
}

// backupOf is what the operator knows of backups; nothing when none are declared.
func backupOf(found *unstructured.Unstructured, status map[string]any) *standby.Backup {
	_, declared, _ := unstructured.NestedMap(found.Object, "spec", "backup")
	b := standby.Backup{At: moment(status, "lastSuccessfulBackup")}
	if !declared && b.At.IsZero() {
		return nil
	}
	if failed := moment(status, "lastFailedBackup"); failed.After(b.At) {
		b.Failed = "at " + failed.Format(time.RFC3339)
	}
	return &b
}

func moment(status map[string]any, key string) time.Time {
	at, _ := time.Parse(time.RFC3339, text(status, key))
	return at.UTC()
}

func number(m map[string]any, key string) int64 {
	n, _, _ := unstructured.NestedInt64(m, key)
	return n
}

// Promote has CloudNativePG make another instance primary, as its kubectl plugin does: the target is written into the status, and the instances hand over
// by themselves. Conflict when somebody else writes at the same time.
func Promote(ctx context.Context, o Options, namespace, name, to string, now time.Time) error {
	found, err := single(ctx, o, cnpgClusters, namespace, name)
	if err != nil {
		return err
	}
	for key, value := range map[string]string{
		"targetPrimary": to, "targetPrimaryTimestamp": now.UTC().Format(time.RFC3339),
		"phase": "Switchover in progress", "phaseReason": "Switching over to " + to,
	} {
		if err := unstructured.SetNestedField(found.Object, value, "status", key); err != nil {
			return fault.Newf(fault.Invalid, "the status of %s in %s is none", name, namespace)
		}
	}
	config, err := Config(o)
	if err != nil {
		return err
	}
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = c.Resource(cnpgClusters).Namespace(namespace).UpdateStatus(ctx, found, metav1.UpdateOptions{FieldManager: keeper})
	switch {
	case apierrors.IsConflict(err):
		return fault.Newf(fault.Conflict, "context %s: somebody else wrote cluster %s in %s at the same time; say it again", o.Context, name, namespace)
	case apierrors.IsForbidden(err):
		return fault.Newf(fault.Denied, "context %s: %s", o.Context, words(err))
	case err != nil:
		return fault.Newf(fault.Unavailable, "context %s: cluster %s in %s: %s", o.Context, name, namespace, words(err))
	}
	return nil
}
