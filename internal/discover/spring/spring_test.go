package spring

import (
	"flag"
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestGolden(t *testing.T) {
	readertest.Golden(t, Format(), "testdata/*.txtar", *update)
}

func TestAFileIsClaimedByItsNameOrItsFirstWords(t *testing.T) {
	for _, c := range []struct {
		path, data string
		want       bool
	}{
		{"a/application.yml", "", true},
		{"a/application-docker.yaml", "", true},
		{"a/bootstrap.properties", "", true},
		{"a/applications.yml", "x: y\n", false},
		{"a/orders.yml", "# orders\nspring:\n  x: y\n", true},
		{"a/orders.yml", "x: y\nserver:\n  port: 1\n", true},
		{"a/orders.properties", "server.port=1\n", true},
		{"a/orders.properties", "%prod.quarkus.http.port=1\n", true},
		{"a/orders.yml", "\xEF\xBB\xBFspring: {}\n", true},
		{"a/orders.yml", "# spring: {}\n", false},
		{"a/orders.yml", "a:\n  spring: b\n", false},
		{"a/orders.yml", "springs: b\nservers: []\n", false},
		{"a/api.yaml", "openapi: 3.0.0\nsecurity: []\n", false},
		{"a/src/test/resources/application.yml", "", false},
		{"a/application.json", "{}", false},
	} {
		f := discover.File{Path: c.path, Data: []byte(c.data)}
		if got := Format().Wants(f.Path) && Format().Claims(f) == discover.Owns; got != c.want {
			t.Errorf("%s %q: claimed %v", c.path, c.data, got)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"spring.data.mongodb.host":                      "spring.data.mongodb.host",
		"security.oauth2.client.accessTokenUri":         "security.oauth2.client.access-token-uri",
		"security.oauth2.client.access_token_uri":       "security.oauth2.client.access-token-uri",
		"security.oauth2.client.ACCESS-TOKEN-URI":       "security.oauth2.client.access-token-uri",
		"eureka.client.serviceUrl.defaultZone":          "eureka.client.service-url.default-zone",
		"zuul.routes.Orders_v2.serviceId":               "zuul.routes.Orders_v2.service-id",
		"zuul.routes.[my.Route].serviceId":              "zuul.routes.[my.Route].service-id",
		"zuul.routes.Orders":                            "zuul.routes.Orders",
		"spring.cloud.gateway.routes[0].filterName":     "spring.cloud.gateway.routes[0].filter-name",
		"OrdersClient.ribbon.listOfServers":             "OrdersClient.ribbon.list-of-servers",
		"ribbon.ReadTimeout":                            "ribbon.read-timeout",
		"logging.level.org.example.OrderService":        "logging.level.org.example.OrderService",
		"eureka.instance.metadataMap.zoneName":          "eureka.instance.metadata-map.zoneName",
		"quarkus.rest-client.\"org.X\".readTimeout":     "quarkus.rest-client.\"org.X\".read-timeout",
		"spring.kafka.properties.Schema_Registry":       "spring.kafka.properties.Schema_Registry",
		"app.OAuth2Url":                                 "app.oauth2-url",
		"a..B.":                                         "a..b.",
		"[":                                             "[",
		"":                                              "",
		"spring.cloud.stream.bindings.orderOut.groupId": "spring.cloud.stream.bindings.orderOut.group-id",
	} {
		if got := Canonical(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestHostileFilesEndInADoubt(t *testing.T) {
	for name, data := range map[string]string{
		"a bomb":        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
		"deep nesting":  strings.Repeat("[", 1<<20),
		"invalid UTF-8": "a: \xff\n",
		"a template":    "a: {{ .Values.a }}\n",
		"tabs":          "a:\n\tb: c\n",
	} {
		r := discover.NewReport("spring")
		Format().ReadFile(discover.File{Path: "a/application.yml", Data: []byte(data)}, r)
		if len(r.Doubts) != 1 || r.Doubts[0].Topic != estate.Unparsable {
			t.Errorf("%s: %v", name, r.Doubts)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add("zuul.routes.[a.B].c_D")
	f.Add("quarkus.rest-client.\"a.b\".C")
	f.Add("X.ribbon.Y[0]")
	f.Fuzz(func(t *testing.T, key string) {
		if got := Canonical(key); len(got) > 2*len(key)+8 {
			t.Errorf("%q grew to %q", key, got)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("application-x.yml", []byte("spring.profiles: a\n---\nspring: {cloud: {config: {server: {native: {searchLocations: 'classpath:/../..'}}}}}\n"))
	f.Add("application.properties", []byte("%a.b=${c:${d}}\n#---\nserver.port=${x:\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !wants(name) {
			t.Skip()
		}
		r := discover.NewReport("spring")
		read(discover.File{Path: name, Data: data}, r)
		for _, s := range r.Sightings {
			if strings.HasPrefix(s.Profile, "%") && s.Place.Line < 1 {
				t.Errorf("%v has no line", s)
			}
		}
	})
}
