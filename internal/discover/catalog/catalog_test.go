package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.org/caravan/internal/discover"
)

func TestRead(t *testing.T) {
	tests := []struct{ name, files, want string }{
		{"components with owner, folder and what they use", `
-- orders/catalog-info.yaml --
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: orders
  annotations:
    backstage.io/kubernetes-id: orders-app
spec:
  type: service
  owner: group:default/checkout
  dependsOn: ["resource:default/orders-db", component:stock]
  consumesApis:
    - payments-api
    - nobody-api
  providesApis: [orders-api]
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: orders-api}
spec: {type: openapi, owner: checkout}
-- payments/catalog-info.yaml --
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: payments
spec:
  type: service
  system: money
  providesApis: ["api:default/payments-api"]
-- org.yaml --
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: money}
spec: {owner: ledger-team}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: orders-db, tags: [postgresql]}
spec: {type: database, owner: checkout, dependencyOf: ["component:reports"]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: checkout
  annotations: {slack.com/channel: "#checkout"}
spec: {profile: {email: checkout@example.org}, members: [user:default/dev1]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: dev2}
spec: {memberOf: [checkout]}
`, `
orders/catalog-info.yaml:4 catalog/orders called catalog=orders
orders/catalog-info.yaml:4 catalog/orders called build=orders
orders/catalog-info.yaml:4 catalog/orders runs service=
orders/catalog-info.yaml:6 catalog/orders called workload=orders-app
orders/catalog-info.yaml:9 catalog/orders owns catalog=checkout
orders/catalog-info.yaml:10 catalog/orders links declared=orders-db
orders/catalog-info.yaml:10 catalog/orders links declared=stock
orders/catalog-info.yaml:12 catalog/orders links declared=payments
orders/catalog-info.yaml:13 doubt unresolved
org.yaml:8 catalog/orders-db called catalog=orders-db
org.yaml:8 catalog/orders-db runs datastore=postgres
org.yaml:9 catalog/orders-db owns catalog=checkout
org.yaml:9 catalog/reports links declared=orders-db
org.yaml:15 team/checkout contact chat=#checkout
org.yaml:16 team/checkout contact mail=checkout@example.org
org.yaml:16 team/checkout contact member=dev1
org.yaml:20 team/checkout contact member=dev2
payments/catalog-info.yaml:4 catalog/payments called catalog=payments
payments/catalog-info.yaml:4 catalog/payments called build=payments
payments/catalog-info.yaml:4 catalog/payments runs service=
payments/catalog-info.yaml:7 catalog/payments owns catalog=ledger-team
`},
		{"OpsLevel and Cortex files", `
-- geo/opslevel.yml --
version: 1
service:
  name: Geo
  owner: maps
  aliases: [geo]
  dependencies:
    - alias: tiles
-- tiles/cortex.yaml --
openapi: 3.0.1
info:
  title: Tiles
  x-cortex-tag: tiles
  x-cortex-owners:
    - type: group
      name: maps
  x-cortex-dependency:
    cortex:
      - tag: geo
`, `
geo/opslevel.yml:3 catalog/Geo called catalog=Geo
geo/opslevel.yml:3 catalog/Geo called build=geo
geo/opslevel.yml:3 catalog/Geo runs service=
geo/opslevel.yml:4 catalog/Geo owns catalog=maps
geo/opslevel.yml:5 catalog/Geo called catalog=geo
geo/opslevel.yml:7 catalog/Geo links declared=tiles
tiles/cortex.yaml:3 catalog/tiles called catalog=Tiles
tiles/cortex.yaml:4 catalog/tiles called catalog=tiles
tiles/cortex.yaml:4 catalog/tiles called build=tiles
tiles/cortex.yaml:4 catalog/tiles runs service=
tiles/cortex.yaml:7 catalog/tiles owns catalog=maps
tiles/cortex.yaml:10 catalog/tiles links declared=geo
`},
		{"Score workloads with their resources", `
-- cart/score.yaml --
apiVersion: score.dev/v1b1
metadata:
  name: cart
service:
  ports:
    http: {port: 80, targetPort: 8080}
containers:
  main:
    image: kopi/cart:2
    variables:
      REDIS: ${resources.cache.host}:6379
resources:
  cache: {type: redis}
  bus: {type: amqp, id: shared-bus}
  orders: {type: service}
  route: {type: route}
`, `
cart/score.yaml:3 score/cart called build=cart
cart/score.yaml:3 score/cart called workload=cart
cart/score.yaml:3 score/cart runs service=
cart/score.yaml:6 score/cart listens container=8080
cart/score.yaml:9 score/cart called image=kopi/cart:2
cart/score.yaml:11 score/cart sets REDIS=${resources.cache.host}:6379
cart/score.yaml:13 score/cart links declared=cart-cache
cart/score.yaml:13 score/resource:cart-cache called catalog=cart-cache
cart/score.yaml:13 score/resource:cart-cache runs datastore=redis
cart/score.yaml:14 score/cart links declared=shared-bus
cart/score.yaml:14 score/resource:shared-bus called catalog=shared-bus
cart/score.yaml:14 score/resource:shared-bus runs datastore=rabbitmq
cart/score.yaml:15 score/cart links declared=orders
`},
		{"what has no name, is no catalog or does not parse", `
-- a/catalog-info.yaml --
apiVersion: backstage.io/v1alpha1
kind: Component
spec: {type: service}
-- b.yaml --
apiVersion: v1
kind: Service
-- c/catalog-info.yaml --
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: c
`, `
a/catalog-info.yaml:1 doubt unparsable
c/catalog-info.yaml:2 doubt unparsable
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.Split(strings.TrimSpace(tt.want), "\n")
			slices.Sort(want)
			if diff := cmp.Diff(want, lines(tt.files)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// lines reads an archive as a scan would and writes a line for each sighting and doubt.
func lines(archive string) []string {
	format := Format()
	var files []discover.File
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if file := (discover.File{Path: f.Name, Data: f.Data}); format.Wants(f.Name) && format.Claims(file) != discover.No {
			files = append(files, file)
		}
	}
	r := discover.NewReport(format.Name)
	format.ReadTree(files, nil, r)
	var out []string
	for _, s := range r.Sightings {
		out = append(out, fmt.Sprintf("%s %s/%s %s %s=%s", s.Place, s.Subject.Space, s.Subject.Name, s.Fact, s.Key, s.Value))
	}
	for _, d := range r.Doubts {
		out = append(out, fmt.Sprintf("%s doubt %s", d.Place, d.Topic))
	}
	slices.Sort(out)
	return out
}

func FuzzRead(f *testing.F) {
	f.Add("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: a}\nspec: {dependsOn: [b], owner: c}\n")
	f.Add("apiVersion: score.dev/v1b1\nmetadata: {name: a}\nresources: {x: {type: redis}}\n")
	f.Add("info: {x-cortex-tag: a, x-cortex-owners: [{name: b}]}\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := discover.NewReport("catalog")
		read([]discover.File{{Path: "catalog-info.yaml", Data: []byte(text)}}, nil, r)
		for _, s := range r.Sightings {
			if s.Subject.Name == "" {
				t.Errorf("a %s about nobody", s.Fact)
			}
		}
	})
}
