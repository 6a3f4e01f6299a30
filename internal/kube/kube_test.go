package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// rendered are files as the renderer lays them out: a base, an overlay of it, a namespace, and what people read.
func rendered() []render.File {
	var out []render.File
	for path, text := range map[string]string{
		"kubernetes/base/orders/kustomization.yaml":                   "resources: [deployment.yaml]\n",
		"kubernetes/base/orders/deployment.yaml":                      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: orders}\nspec:\n  replicas: 2\n  template: {spec: {containers: [{name: orders, image: orders}]}}\n",
		"kubernetes/overlays/id/kustomization.yaml":                   "# all\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [namespaces/orders, orders]\n",
		"kubernetes/overlays/id/SECRETS.md":                           "# Secrets\n",
		"kubernetes/overlays/id/orders/kustomization.yaml":            "namespace: orders\nresources: [../../../base/orders, configmap.yaml]\npatches: [{path: environment.yaml}]\nimages: [{name: orders, newTag: \"4\"}]\n",
		"kubernetes/overlays/id/orders/configmap.yaml":                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: orders-1}\ndata: {a: b}\n",
		"kubernetes/overlays/id/orders/environment.yaml":              "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: orders}\nspec: {template: {spec: {containers: [{name: orders, env: [{name: A, value: b}]}]}}}\n",
		"kubernetes/overlays/id/namespaces/orders/kustomization.yaml": "resources: [namespace.yaml]\nlabels: [{pairs: {team: orders}}]\n",
		"kubernetes/overlays/id/namespaces/orders/namespace.yaml":     "apiVersion: v1\nkind: Namespace\nmetadata: {name: orders}\n",
	} {
		out = append(out, render.File{Path: path, Text: text, Mode: 0o644})
	}
	return out
}

func TestEachServiceAndNamespaceIsBuiltAloneAndObjectsKnowTheirFiles(t *testing.T) {
	tr := treeOf("indonesia.id", nil, rendered(), nil)
	_, units, err := tr.placed(pathsOf(rendered()))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range units {
		all, err := tr.build(u)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			got = append(got, fmt.Sprintf("%s: %s from %s of %s", u.folder, m.id, m.path, m.object.GetLabels()[ownerLabel]))
			if text := fmt.Sprint(m.object.Object); m.Kind == "Deployment" && !strings.Contains(text, "image:orders:4") {
				t.Errorf("the overlay has no effect: %s", text)
			}
		}
	}
	want := []string{
		"kubernetes/overlays/id/namespaces/orders: namespace orders from kubernetes/overlays/id/namespaces/orders/namespace.yaml of indonesia.id",
		"kubernetes/overlays/id/orders: deployment orders/orders from kubernetes/base/orders/deployment.yaml of indonesia.id",
		"kubernetes/overlays/id/orders: configmap orders/orders-1 from kubernetes/overlays/id/orders/configmap.yaml of indonesia.id",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for path, folder := range map[string]string{
		"kubernetes/base/orders/deployment.yaml":         "kubernetes/overlays/id/orders",
		"kubernetes/overlays/id/orders/environment.yaml": "kubernetes/overlays/id/orders",
		"kubernetes/overlays/id/SECRETS.md":              "kubernetes/overlays/id",
		"kubernetes/overlays/id/kustomization.yaml":      "kubernetes/overlays/id",
	} {
		for _, all := range [][]string{{path}, pathsOf(rendered())} {
			if got, _, err := tr.placed(all); got[path] != folder || err != nil {
				t.Errorf("%s is recorded with %s, %v", path, got[path], err)
			}
		}
	}
}

func TestANewerFileTakesThePlaceOfAnOlderOneAndChangesWhatIsBuiltFromIt(t *testing.T) {
	older := treeOf("x", nil, rendered(), nil)
	newer := treeOf("x", nil, rendered(), []render.File{{Path: "kubernetes/base/orders/deployment.yaml", Text: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: orders}\n"}})
	_, units, err := older.placed(pathsOf(rendered()))
	if err != nil || len(units) != 2 {
		t.Fatal(units, err)
	}
	for _, u := range units {
		if same, want := older.input(u) == newer.input(u), strings.Contains(u.folder, "namespaces"); same != want {
			t.Errorf("%s: as before: %v", u.folder, same)
		}
	}
}

func pathsOf(files []render.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Path)
	}
	slices.Sort(out)
	return out
}

func TestWhatNobodyNamesAndWhatCannotBeBuiltIsSaid(t *testing.T) {
	lost := render.File{Path: "kubernetes/overlays/id/orders/lost.yaml", Text: "kind: ConfigMap\n"}
	if _, _, err := treeOf("x", nil, rendered(), []render.File{lost}).placed([]string{lost.Path}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "lost.yaml is in no kustomization") {
		t.Errorf("%v", err)
	}
	const config = "kubernetes/overlays/id/orders/configmap.yaml"
	tr := treeOf("x", nil, rendered(), []render.File{{Path: config, Text: "kind: ConfigMap\n"}})
	_, units, err := tr.placed([]string{config})
	if err != nil || len(units) != 1 {
		t.Fatal(units, err)
	}
	if _, err := tr.build(units[0]); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "kubernetes/overlays/id/orders: ") {
		t.Errorf("%v", err)
	}
	if _, _, err := treeOf("x", nil, nil, []render.File{{Path: "a/kustomization.yaml", Text: "resources: {"}}).placed([]string{"a/kustomization.yaml"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}

func parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var o unstructured.Unstructured
	if err := o.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return &o
}

// deployed is a Deployment as an API server has it: Caravan set image and replicas, others what follows.
func deployed(t *testing.T, image, others string) *unstructured.Unstructured {
	return parsed(t, `apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
  annotations: {kubectl.kubernetes.io/restartedAt: now, note: theirs}
  managedFields:
    - {manager: caravan, operation: Apply, fieldsV1: {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"orders\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}}}
`+others+`
spec:
  replicas: 2
  paused: true
  template:
    metadata: {annotations: {kubectl.kubernetes.io/restartedAt: now}}
    spec: {containers: [{name: helper, image: x}, {name: orders, image: "`+image+`", workingDir: /tmp}]}
status: {readyReplicas: 2}
`)
}

func TestOnlyWhatSomebodyWroteIntoAnObjectIsAnEdit(t *testing.T) {
	as := fingerprint(deployed(t, "orders:4", ""))
	for _, c := range []struct {
		name, image, others string
		edited              bool
	}{
		{"nothing happened", "orders:4", "", false},
		{"a value is another one", "orders:5", "", true},
		{"a controller wrote its status", "orders:4", `    - {manager: kube-controller-manager, operation: Update, subresource: status, fieldsV1: {"f:status": {"f:readyReplicas": {}}}}`, false},
		{"an autoscaler wrote through a subresource", "orders:4", `    - {manager: autoscaler, operation: Update, subresource: scale, fieldsV1: {"f:spec": {"f:replicas": {}}}}`, false},
		{"somebody restarted it", "orders:4", `    - {manager: kubectl-rollout, operation: Update, fieldsV1: {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}}}`, false},
		{"somebody annotated it", "orders:4", `    - {manager: kubectl-annotate, operation: Update, fieldsV1: {"f:metadata": {"f:annotations": {"f:note": {}}}}}`, false},
		{"somebody added a field", "orders:4", `    - {manager: kubectl-edit, operation: Update, fieldsV1: {"f:spec": {"f:paused": {}}}}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fingerprint(deployed(t, c.image, c.others)) != as; got != c.edited {
				t.Errorf("edited: %v", got)
			}
		})
	}
}

func TestADifferenceShowsWhatChangesAndNoSecret(t *testing.T) {
	secret := func(value string) *unstructured.Unstructured {
		return parsed(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s, managedFields: [], resourceVersion: \"7\"}\ndata: {same: Y2FuYXJ5, other: "+value+"}\n")
	}
	got := difference(idOf(secret("")), secret("Y2FuYXJ5MQ=="), secret("Y2FuYXJ5Mg=="))
	if strings.Contains(got, "Y2Fu") || !strings.Contains(got, "+  other: ••• (another one)") || strings.Contains(got, "+  same") || strings.Contains(got, "resourceVersion") {
		t.Error(got)
	}
	config := func(password, level string) *unstructured.Unstructured {
		return parsed(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: s}\nspec: {template: {spec: {containers: [{name: a, env: [{name: DB_PASSWORD, value: "+password+"}, {name: LEVEL, value: "+level+"}]}]}}}\n")
	}
	got = difference(idOf(config("", "")), config("canary-a1", "info"), config("canary-b2", "debug"))
	if strings.Contains(got, "canary") || !strings.Contains(got, "••• (another one)") || !strings.Contains(got, "-          value: info") || !strings.Contains(got, "+          value: debug") {
		t.Error(got)
	}
	got = difference(idOf(secret("")), nil, secret("Y2FuYXJ5MQ=="))
	if strings.Contains(got, "Y2Fu") || !strings.Contains(got, "+kind: Secret") {
		t.Error(got)
	}
}

func TestWhatOthersStandInComesFirst(t *testing.T) {
	var got [][]string
	for _, stage := range staged([]id{{Kind: "Deployment", Name: "d"}, {Kind: "Service", Name: "s"}, {Kind: "ConfigMap", Name: "c"}, {Kind: "Namespace", Name: "n"}, {Kind: "CustomResourceDefinition", Name: "k"}, {Kind: "HTTPRoute", Name: "r"}}, func(i id) id { return i }) {
		var kinds []string
		for _, i := range stage {
			kinds = append(kinds, i.Kind)
		}
		got = append(got, kinds)
	}
	want := [][]string{{"CustomResourceDefinition"}, {"Namespace"}, {"ConfigMap"}, {"Service"}, {"Deployment", "HTTPRoute"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnAPIServersNoIsSaidInWordsWithTheMend(t *testing.T) {
	deployments := schema.GroupResource{Group: "apps", Resource: "deployments"}
	rival := apierrors.NewApplyConflict([]metav1.StatusCause{{Type: metav1.CauseTypeFieldManagerConflict, Field: ".spec.replicas", Message: `conflict with "kubectl-edit"`}}, "conflict")
	for _, c := range []struct {
		err  error
		kind fault.Kind
		says []string
	}{
		{apierrors.NewForbidden(deployments, "orders", errors.New(`User "jo" cannot patch resource "deployments"`)), fault.Denied, []string{"lacks the right", `cannot patch resource "deployments"`}},
		{apierrors.NewForbidden(deployments, "orders", errors.New("exceeded quota: team")), fault.Unavailable, []string{"quota is used up"}},
		{apierrors.NewUnauthorized("no"), fault.Denied, []string{"renew its credentials"}},
		{rival, fault.Conflict, []string{`spec.replicas is set by "kubectl-edit"`, "--force"}},
		{&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "spec.selector: field is immutable"}}, fault.Conflict, []string{"cannot change once it is made"}},
		{&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid, Message: "spec.replicas: Invalid value"}}, fault.Invalid, []string{"a/deployment.yaml: apply deployment: the API server does not accept it", "spec.replicas"}},
		{syscall.ECONNREFUSED, fault.Unavailable, []string{"connection refused", "kubectl --context id"}},
	} {
		err := (&Target{o: TargetOptions{Options: Options{Context: "id"}}}).say(c.err, "a/deployment.yaml: apply deployment")
		if fault.KindOf(err) != c.kind {
			t.Errorf("%v is %v", err, fault.KindOf(err))
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("it does not say %q: %v", part, err)
			}
		}
	}
}

func TestAnAPIServerThatIsAwayIsWaitedForAndNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &Target{o: TargetOptions{Options: Options{Context: "id"}}}
		var told []string
		ctx := loud(t.Context(), func(line string) { told = append(told, line) })
		start, tries := time.Now(), 0
		err := target.patiently(ctx, func() error {
			if tries++; time.Since(start) < time.Minute {
				return syscall.ECONNREFUSED
			}
			return nil
		})
		if err != nil || tries < 10 || !slices.ContainsFunc(told, func(line string) bool { return strings.HasPrefix(line, "waiting for the API server of id: ") }) {
			t.Errorf("away for a minute: %v after %d tries, told %q", err, tries, told)
		}
		start = time.Now()
		err = target.patiently(ctx, func() error { return syscall.ECONNREFUSED })
		if took := time.Since(start); fault.KindOf(err) != fault.Unavailable || took < outage || took > outage+lastPause || !strings.Contains(err.Error(), "goes on where it stopped") {
			t.Errorf("away for good: %v after %s", err, took)
		}
		tries = 0
		no := apierrors.NewBadRequest("no")
		if err := target.patiently(ctx, func() error { tries++; return no }); !errors.Is(err, no) || tries != 1 {
			t.Errorf("a no is asked again: %v, %d tries", err, tries)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := target.patiently(ended, func() error { tries++; return syscall.ECONNREFUSED }); err == nil {
			t.Error("no error")
		}
	})
}

func TestAnAPIServerThatStartsIsNotBelievedThatAnAccountLacksARight(t *testing.T) {
	configMaps := schema.GroupResource{Resource: "configmaps"}
	no := apierrors.NewForbidden(configMaps, "a", errors.New(`User "jo" cannot get resource "configmaps"`))
	hidden := apierrors.NewForbidden(schema.GroupResource{}, "", errors.New(`User "jo" cannot get path "/readyz"`))
	refused := apierrors.NewForbidden(configMaps, "a", errors.New("exceeded quota: team"))
	for _, c := range []struct {
		name     string
		starts   time.Duration // until it knows the rights, and says that it is ready
		starting error         // what /readyz answers until then
		then     error         // what the request gets then
		tries    int           // 0: any number
		longest  time.Duration
	}{
		{"the account has the right", 20 * time.Second, hidden, nil, 0, 20*time.Second + lastPause},
		{"it answers that it is not ready", time.Minute, apierrors.NewInternalError(errors.New("not ready")), nil, 0, time.Minute + lastPause},
		{"the account lacks the right", 20 * time.Second, hidden, no, 0, 20*time.Second + lastPause},
		{"it has long started, and the account lacks the right", 0, nil, no, 2, firstPause},
		{"it says to nobody whether it is ready", time.Hour, hidden, no, 0, settling + 2*lastPause},
		{"what stands before it does not know the question", time.Hour, apierrors.NewNotFound(configMaps, "readyz"), no, 0, settling + 2*lastPause},
		{"it never becomes ready", time.Hour, apierrors.NewInternalError(errors.New("not ready")), no, 0, outage + lastPause},
		{"a rule refuses it", 0, nil, refused, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, tries := time.Now(), 0
				target := &Target{o: TargetOptions{Options: Options{Context: "id"}}, readyz: func(context.Context) error {
					if time.Since(start) < c.starts {
						return c.starting
					}
					return nil
				}}
				err := target.patiently(t.Context(), func() error {
					if tries++; time.Since(start) < c.starts {
						return no
					}
					return c.then
				})
				if took := time.Since(start); !errors.Is(err, c.then) || c.then == nil && err != nil || c.tries > 0 && tries != c.tries || took > c.longest {
					t.Errorf("%v after %d tries and %s", err, tries, took)
				}
			})
		})
	}
}

func TestAProgramThatNothingProbesHasStartedOnceItIsSeenToRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch{runs: map[string]time.Time{}}
		pod := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"uid": "1"}}}
		runs := container{name: "shop", running: true, since: time.Now().Add(-steadily)}
		if w.runsSteadily(pod, runs) {
			t.Error("a node that is late to say that it runs is believed at once")
		}
		if w.runsSteadily(pod, container{name: "shop", ended: "Error"}) {
			t.Error("it has ended, and is to run")
		}
		if !w.runsSteadily(pod, container{name: "prepare", first: true}) {
			t.Error("what prepares a pod ends")
		}
		time.Sleep(steadily)
		if !w.runsSteadily(pod, runs) {
			t.Error("it was seen to run all the time")
		}
		runs.restarts = 1
		if w.runsSteadily(pod, runs) {
			t.Error("it was started anew")
		}
		if runs.since = time.Now().Add(-forLong); !w.runsSteadily(pod, runs) {
			t.Error("it has run for long")
		}
	})
}

func TestNamesOfInventoriesFitAndTellFoldersApart(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"a/b", "a-b", "a.b", "A-b", strings.Repeat("x", 300), strings.Repeat("x", 301)} {
		got := short(name, longestLabel)
		if len(got) > longestLabel || seen[got] || strings.Trim(got, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Errorf("%.20s: %s", name, got)
		}
		seen[got] = true
	}
}
