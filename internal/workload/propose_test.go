package workload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/redact"
)

// uses are what the orders service of these tests needs.
func uses() []Use {
	return []Use{
		{Name: "broker", Type: Kafka, Port: 9092, Names: []string{"kafka-2.shop.internal", "kafka-1.shop.internal"}, Moves: true},
		{Name: "cache", Type: Redis, Port: 6379, Names: []string{"cache.shop.internal", "cache", "10.1.0.9"}, Moves: true},
		{Name: "db", Type: Postgres, Port: 5432, Names: []string{"db.shop.internal", "10.1.0.7", "db"}, Moves: true},
		{Name: "docs", Type: MongoDB, Port: 27017, Names: []string{"mongo-2.shop.internal", "mongo.shop.internal"}, Moves: true},
		{Name: "lb", Type: Peer, Port: 8443, Names: []string{"10.1.0.7"}, Moves: true},
		{Name: "pay.example.org", Type: External, Names: []string{"pay.example.org"}},
		{Name: "pricing", Type: Peer, Port: 8220, Names: []string{"pricing.shop.internal", "pricing"}, Moves: true},
		{Name: "pricing-archive", Type: Peer, Port: 8221, Names: []string{"pricing-archive.shop.internal", "pricing-archive"}, Moves: true},
		{Name: "six", Type: Peer, Port: 80, Names: []string{"fd00:1::7"}, Moves: true},
		{Name: "sql", Type: MySQL, Port: 3306, Names: []string{"sql.shop.internal"}, Moves: true},
	}
}

// set is a variable of the process, from the file that is laid out for it.
func set(name, value string) estate.Setting {
	return estate.Setting{Key: name, Value: value, By: "settings", Place: estate.Place{File: "deploy/orders.env", Line: 1}}
}

func seenWith(settings ...estate.Setting) Seen {
	return Seen{Environment: "production-sg", Uses: uses(), Component: estate.Component{Name: "orders", Kind: estate.Service, Settings: settings}}
}

// accepted proposes, and wants the proposal to be a workload that Parse takes and reads back.
func accepted(t tester, s Seen) Proposal {
	t.Helper()
	p := Propose(s)
	text := Format(p.Workload, Notes{Questions: p.Questions, Origins: p.Origins})
	got, err := Parse(text, FileName)
	if err != nil {
		t.Errorf("the proposal is no workload: %v\n%s", err, text)
		return p
	}
	same(t, p.Workload, got)
	return p
}

func TestAddressesInValuesBecomePlaceholders(t *testing.T) {
	for _, c := range []struct{ name, variable, value, want string }{
		{"the host of a URL", "PRICING_URL", "http://pricing.shop.internal/v1", "http://${resources.pricing.host}/v1"},
		{"host and port", "PRICING_URL", "http://pricing.shop.internal:8220/v1", "http://${resources.pricing.host}:${resources.pricing.port}/v1"},
		{"a host alone", "PRICING_HOST", "pricing.shop.internal", "${resources.pricing.host}"},
		{"a host in capitals", "PRICING_URL", "http://Pricing.SHOP.internal/", "http://${resources.pricing.host}/"},
		{"a host that ends in a dot", "PRICING_URL", "http://pricing.shop.internal./", "http://${resources.pricing.host}./"},
		{"a short name in a URL", "PRICING_URL", "http://pricing:8220", "http://${resources.pricing.host}:${resources.pricing.port}"},
		{"a short name of a variable called like an address", "PRICING_HOST", "pricing", "${resources.pricing.host}"},
		{"a lone word is no address", "MODULE", "pricing", "pricing"},
		{"a word in a sentence is no address", "TITLE", "the pricing of orders", "the pricing of orders"},
		{"a name that begins another's is left alone", "ARCHIVE_URL", "http://pricing-archive:8221", "http://${resources.pricing-archive.host}:${resources.pricing-archive.port}"},
		{"a name inside a longer one is left alone", "URL", "http://my-pricing.shop.internal/", "http://my-pricing.shop.internal/"},
		{"a name below a provider's is left alone", "URL", "http://v2.pricing.shop.internal/", "http://v2.pricing.shop.internal/"},
		{"an address of IPv6 in brackets", "SIX_URL", "http://[fd00:1::7]:80/", "http://${resources.six.host}:${resources.six.port}/"},
		{"user and password of a URL are the provider's", "DATABASE_URL", "postgres://orders:" + redact.Mask + "@db.shop.internal:5432/orders", "postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}:${resources.db.port}/orders"},
		{"a user alone", "DATABASE_URL", "postgres://orders@db/orders", "postgres://${resources.db.username}@${resources.db.host}/orders"},
		{"a user with an escaped @", "DATABASE_URL", "postgres://orders%40shop:x@db/orders", "postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}/orders"},
		{"a user with an @ as it is", "DATABASE_URL", "postgres://ord@ers:" + redact.Mask + "@db.shop.internal/orders", "postgres://${resources.db.username}:${resources.db.password}@${resources.db.host}/orders"},
		{"a login before a network of Go's driver", "DSN", "orders:" + redact.Mask + "@tcp(sql.shop.internal:3306)/orders", "${resources.sql.username}:${resources.sql.password}@tcp(${resources.sql.host}:${resources.sql.port})/orders"},
		{"a login in the query of a URL", "JDBC", "jdbc:postgresql://db.shop.internal/orders?user=orders&password=" + redact.Mask + "&ssl=true", "jdbc:postgresql://${resources.db.host}/orders?user=${resources.db.username}&password=${resources.db.password}&ssl=true"},
		{"a login in words after a URL", "JDBC", "jdbc:sqlserver://sql.shop.internal:1433;user=orders;password=" + redact.Mask, "jdbc:sqlserver://${resources.sql.host}:${resources.sql.port};user=${resources.sql.username};password=${resources.sql.password}"},
		{"quoted words keep their quotes", "DSN", "host=db user='the orders' password='" + redact.Mask + "' sslmode=disable", "host=${resources.db.host} user='${resources.db.username}' password='${resources.db.password}' sslmode=disable"},
		{"what is hidden in the URL of one that nobody logs in to is a secret", "QUEUE", "amqp://orders:" + redact.Mask + "@pricing.shop.internal/", "amqp://orders:${resources.secrets.QUEUE}@${resources.pricing.host}/"},
		{"a provider that nobody logs in to keeps what is before its host", "PRICING_URL", "http://orders@pricing.shop.internal/", "http://orders@${resources.pricing.host}/"},
		{"words of a connection string", "DSN", "host=db.shop.internal port=5432 dbname=orders user=orders password=" + redact.Mask, "host=${resources.db.host} port=${resources.db.port} dbname=orders user=${resources.db.username} password=${resources.db.password}"},
		{"words with semicolons", "DSN", "Server=tcp:sql.shop.internal,3306;Database=orders;User Id=orders;Password=" + redact.Mask + ";", "Server=tcp:${resources.sql.host},${resources.sql.port};Database=orders;User Id=${resources.sql.username};Password=${resources.sql.password};"},
		{"a JDBC URL", "JDBC", "jdbc:postgresql://db.shop.internal:5432/orders?ssl=true", "jdbc:postgresql://${resources.db.host}:${resources.db.port}/orders?ssl=true"},
		{"the nodes of one provider are one address", "BROKERS", "kafka-1.shop.internal:9092,kafka-2.shop.internal:9092", "${resources.broker.host}:${resources.broker.port}"},
		{"nodes in a URL are one address", "MONGO", "mongodb://orders:x@mongo.shop.internal:27017,mongo-2.shop.internal:27017/orders", "mongodb://${resources.docs.username}:${resources.docs.password}@${resources.docs.host}:${resources.docs.port}/orders"},
		{"an address found by its name service keeps its scheme", "MONGO", "mongodb+srv://mongo.shop.internal/orders", "mongodb+srv://${resources.docs.host}/orders"},
		{"two providers in one value", "PEERS", "http://pricing:8220 http://cache.shop.internal:6379", "http://${resources.pricing.host}:${resources.pricing.port} http://${resources.cache.host}:${resources.cache.port}"},
		{"two providers on one address are told apart by port", "LB_URL", "https://10.1.0.7:8443/", "https://${resources.lb.host}:${resources.lb.port}/"},
		{"and by port the other way", "DB_URL", "postgres://10.1.0.7:5432/orders", "postgres://${resources.db.host}:${resources.db.port}/orders"},
		{"a value that was hidden is a secret", "API_KEY", redact.Mask, "${resources.secrets.API_KEY}"},
		{"a hidden part is a secret", "PAY_URL", "https://pay.example.org/?key=" + redact.Mask, "https://${resources.pay-example-org.host}/?key=${resources.secrets.PAY_URL}"},
		{"two hidden parts are two secrets", "PAIR", redact.Mask + ":" + redact.Mask, "${resources.secrets.PAIR}:${resources.secrets.PAIR_II}"},
		{"a placeholder of a shell stays text", "PATH", "${HOME}/bin", "$${HOME}/bin"},
		{"several lines", "HOSTS", "# who\npricing.shop.internal\ncache.shop.internal:6379\n", "# who\n${resources.pricing.host}\n${resources.cache.host}:${resources.cache.port}\n"},
		{"nothing", "EMPTY", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := accepted(t, seenWith(set(c.variable, c.value)))
			if got := p.Workload.Variable(c.variable); got != c.want {
				t.Errorf("%q became\n  %q, want\n  %q", c.value, got, c.want)
			}
		})
	}
}

func TestTheDatabaseOfAProviderIsFoundBesideItsAddress(t *testing.T) {
	for _, c := range []struct{ name, resource, value, want string }{
		{"in a URL", "db", "postgres://orders@db.shop.internal:5432/sales?x=1", "sales"},
		{"in a JDBC URL", "db", "jdbc:postgresql://db.shop.internal/sales", "sales"},
		{"in words", "db", "host=db.shop.internal dbname=sales", "sales"},
		{"in words with semicolons", "sql", "Server=sql.shop.internal;Initial Catalog=sales;", "sales"},
		{"in words after a URL", "sql", "jdbc:sqlserver://sql.shop.internal:1433;databaseName=sales;user=orders", "sales"},
		{"after a network of Go's driver", "sql", "orders:x@tcp(sql.shop.internal:3306)/sales?x=1", "sales"},
		{"after several nodes", "docs", "mongodb://mongo.shop.internal:27017,mongo-2.shop.internal:27017/sales", "sales"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := accepted(t, seenWith(set("DATABASE", c.value)))
			if got := p.Workload.Resources[c.resource].Params["database"]; got != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

// at is a setting with what tells its rank.
func at(by estate.ReaderName, file, key, value, layer, profile string, env estate.EnvironmentName) estate.Setting {
	return estate.Setting{Key: key, Value: value, By: by, Layer: layer, Profile: profile, Environment: env, Place: estate.Place{File: file, Line: 1}}
}

func TestOfSeveralValuesTheOneNearestToTheProcessCounts(t *testing.T) {
	const key = "LOG"
	for _, c := range []struct {
		name     string
		settings []estate.Setting
		want     string
	}{
		{"a Compose file counts where nothing is known of production", []estate.Setting{at("compose", "docker-compose.yml", key, "compose", "", "", "")}, "compose"},
		{"a file laid out for it counts more than one beside the code", []estate.Setting{at("settings", ".env", key, "beside", "", "", ""), at("settings", "orders.env", key, "laid out", "", "", "")}, "laid out"},
		{"a unit counts more than a file", []estate.Setting{at("settings", "orders.env", key, "file", "", "", ""), at("systemd", "orders.service", key, "unit", "", "", "")}, "unit"},
		{"a manifest counts more than a unit", []estate.Setting{at("kube", "deployment.yaml", key, "manifest", "", "", ""), at("systemd", "orders.service", key, "unit", "", "", "")}, "manifest"},
		{"an attribute counts most", []estate.Setting{at("kube", "deployment.yaml", key, "manifest", "", "", ""), at("chef", "default.rb", "shop.orders.env.LOG", "attribute", "cookbook[app] default", "", "")}, "attribute"},
		{"a role's default counts more than an environment's", []estate.Setting{at("chef", "a.json", "shop.env.LOG", "environment", "environment[sg] default", "", ""), at("chef", "b.rb", "shop.env.LOG", "role", "role[app] default", "", "")}, "role"},
		{"an environment's override counts more than a role's", []estate.Setting{at("chef", "a.json", "shop.env.LOG", "environment", "environment[sg] override", "", ""), at("chef", "b.rb", "shop.env.LOG", "role", "role[app] override", "", "")}, "environment"},
		{"an override counts more than any default", []estate.Setting{at("chef", "b.rb", "shop.env.LOG", "role", "role[app] default", "", ""), at("chef", "a.rb", "shop.env.LOG", "cookbook", "cookbook[app] override", "", "")}, "cookbook"},
		{"what holds in another environment does not count", []estate.Setting{at("systemd", "orders.service", key, "staging", "", "", "staging"), at("settings", "orders.env", key, "here", "", "", "production-sg")}, "here"},
		{"a profile that is off does not count", []estate.Setting{at("settings", ".env.test", key, "test", "", "test", ""), at("settings", ".env", key, "plain", "", "", "")}, "plain"},
		{"the profile of production is on", []estate.Setting{at("settings", ".env.production", key, "production", "", "production", "")}, "production"},
		{"so is that of the environment", []estate.Setting{at("settings", ".env.sg", key, "sg", "", "sg", "")}, "sg"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := accepted(t, seenWith(c.settings...)).Workload.Variable(key); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	deployed := seenWith(at("compose", "docker-compose.yml", key, "compose", "", "", ""))
	deployed.Component.Hosts = []estate.ServiceName{"app-1"}
	if got := accepted(t, deployed).Workload.Variable(key); got != "" {
		t.Errorf("a developer's Compose file counts for what runs on machines: %q", got)
	}
}

func TestWhatIsComputedIsLeftOutAndAskedFor(t *testing.T) {
	p := accepted(t, seenWith(set("WORKERS", "#{node['cpu']['total']}"), set("HOME_URL", "<%= @url %>")))
	if names := p.Workload.VariableNames(); len(names) > 0 {
		t.Errorf("%v", names)
	}
	if got := topics(p); got != "command image memory variables variables" {
		t.Errorf("asked about %s", got)
	}
}

func topics(p Proposal) string {
	var out []string
	for _, q := range p.Questions {
		out = append(out, q.Topic)
	}
	return strings.Join(out, " ")
}

// using is one use with the one line that proves it.
func using(u Use, key, value, why string, by estate.ReaderName, file string) Seen {
	s := estate.Setting{Key: key, Value: value, By: by, Place: estate.Place{File: file, Line: 3}}
	u.Evidence = []depmap.Evidence{{Place: s.Place, Key: key, Value: value, Why: why}}
	return Seen{Environment: "production-sg", Uses: []Use{u}, Component: estate.Component{Name: "orders", Kind: estate.Service, Settings: []estate.Setting{s}}}
}

// inCode is the same seen in source code: there is no setting.
func inCode(s Seen) Seen {
	s.Component.Settings = nil
	return s
}

func TestAnAddressInTheReleaseIsOverruledOrAskedFor(t *testing.T) {
	pricing := Use{Name: "pricing", Type: Peer, Port: 8220, Names: []string{"pricing.shop.internal"}, Moves: true}
	stays := pricing
	stays.Moves = false
	const address = "address in configuration"
	for _, c := range []struct {
		name           string
		seen           Seen
		variable, want string
		asked          string // about it; "" for nothing
	}{
		{"Spring binds a variable to a property", using(pricing, "clients.pricing-api.url", "http://pricing.shop.internal:8220", address, "spring", "application.yml"), "CLIENTS_PRICINGAPI_URL", "http://${resources.pricing.host}:${resources.pricing.port}", ""},
		{"and to an item of a list", using(pricing, "clients[0].url", "http://pricing.shop.internal", address, "spring", "application.yml"), "CLIENTS_0_URL", "http://${resources.pricing.host}", ""},
		{".NET does with two underscores", using(pricing, "Clients:Pricing", "http://pricing.shop.internal", address, "dotnet", "appsettings.json"), "Clients__Pricing", "http://${resources.pricing.host}", ""},
		{"a value that names its variable", using(pricing, "pricing.url", "${PRICING_URL:http://pricing.shop.internal}", address, "settings", "orders.yml"), "PRICING_URL", "http://${resources.pricing.host}", ""},
		{"a default in source code", inCode(using(pricing, "fallback", "PRICING_URL=http://pricing.shop.internal", "default value in source code", "source", "client.js")), "PRICING_URL", "http://${resources.pricing.host}", ""},
		{"an address in source code", inCode(using(pricing, "url", "http://pricing.shop.internal", "URL in source code", "source", "client.js")), "", "", "address"},
		{"a file nothing overrules", using(pricing, "pricing.url", "http://pricing.shop.internal", address, "settings", "orders.ini"), "", "", "address"},
		{"one that stays where it is needs nothing", using(stays, "pricing.url", "http://pricing.shop.internal", address, "settings", "orders.ini"), "", "", ""},
		{"what machines ship is nobody's variable", using(pricing, "ship", "pricing.shop.internal:8220", "log or metric destination", "logs", "filebeat.yml"), "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := accepted(t, c.seen)
			if c.variable != "" && c.want != "" && p.Workload.Variable(c.variable) != c.want {
				t.Errorf("%s is %q in %v", c.variable, p.Workload.Variable(c.variable), p.Workload.Containers)
			}
			if asked := strings.Contains(topics(p), "address"); asked != (c.asked != "") {
				t.Errorf("asked: %+v", p.Questions)
			}
		})
	}
}

func TestWhatStandsBesideAnAddressGoesWithIt(t *testing.T) {
	u := Use{Name: "db", Type: Postgres, Port: 5432, Names: []string{"db.shop.internal"}, Moves: true}
	s := using(u, "spring.datasource.url", "jdbc:postgresql://db.shop.internal/orders", "address in configuration", "spring", "application.yml")
	for _, more := range []struct{ key, value string }{{"spring.datasource.username", "orders"}, {"spring.datasource.password", redact.Mask}, {"other.username", "somebody"}} {
		s.Component.Settings = append(s.Component.Settings, estate.Setting{Key: more.key, Value: more.value, By: "spring", Place: estate.Place{File: "application.yml", Line: 4}})
	}
	p := accepted(t, s)
	want := map[string]string{
		"SPRING_DATASOURCE_URL": "jdbc:postgresql://${resources.db.host}/orders", "SPRING_DATASOURCE_USERNAME": "${resources.db.username}", "SPRING_DATASOURCE_PASSWORD": "${resources.db.password}",
	}
	if diff := cmp.Diff(want, p.Workload.Containers["orders"].Variables); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// trait is something known of the process.
func trait(by estate.ReaderName, key, value string) estate.Trait {
	return estate.Trait{Key: key, Value: value, By: by, Place: estate.Place{File: "deploy/orders.service", Line: 5}}
}

func TestTheProcessIsStartedAsItIsToday(t *testing.T) {
	s := Seen{Environment: "production-sg", Team: "sales", Component: estate.Component{
		Name: "Orders_API", Kind: estate.Service, Hosts: []estate.ServiceName{"app-1"},
		Listens: []estate.Listen{{Port: 8080}, {Port: 9090}, {Port: 8080}, {Port: 5000}},
		Names:   []estate.Alias{{Kind: estate.NameImage, Value: "registry.example.org:5000/shop/orders:2.14.0"}},
		Process: []estate.Trait{
			trait("dockerfile", estate.ProcessCommand, "java -jar app.jar"), trait("systemd", estate.ProcessCommand, `/opt/run --name "two words" -Xmx2g`), trait("compose", estate.ProcessCommand, "npm run dev"),
			trait("dockerfile", estate.ProcessUser, "root"), trait("systemd", estate.ProcessUser, "orders"), trait("systemd", estate.ProcessDirectory, "/srv/orders"),
			trait("systemd", estate.ProcessReplicas, "3"), trait("systemd", estate.ProcessStop, "40"), trait("haproxy", estate.ProcessHealth, "/health"),
			trait("systemd", estate.ProcessCPU, "1500"), {Key: estate.ProcessMemory, Value: "99", Environment: "staging", By: "systemd"},
			trait("systemd", estate.ProcessFile, "/etc/shop/secrets"), trait("systemd", estate.ProcessFile, "/etc/shop/orders.toml"),
		},
	}}
	p := accepted(t, s)
	probe := &Probe{HTTPGet: &HTTPGet{Path: "/health", Port: 8080}}
	want := Workload{
		APIVersion: Version,
		Metadata: Metadata{Name: "orders-api", Annotations: map[string]string{
			AnnotationTeam: "sales", AnnotationRelease: "2.14.0", AnnotationUser: "orders", AnnotationFolder: "/srv/orders", AnnotationReplicas: "3", AnnotationStop: "40",
		}},
		Service: &Service{Ports: map[string]Port{"http": {Port: 8080}, "metrics": {Port: 9090}, "port-5000": {Port: 5000}}},
		Containers: map[string]Container{"orders-api": {
			Image: "registry.example.org:5000/shop/orders:2.14.0", Command: []string{"/opt/run"}, Args: []string{"--name", "two words", "-Xmx2g"},
			Resources: &Compute{Limits: Quantity{Memory: "2560Mi", CPU: "1500m"}}, LivenessProbe: probe, ReadinessProbe: probe,
		}},
	}
	same(t, want, p.Workload)
	if got := topics(p); got != "files secrets" {
		t.Errorf("asked about %s: %+v", got, p.Questions)
	}
}

func TestASecretOnTheCommandLineIsNotPassedOn(t *testing.T) {
	s := seenWith()
	s.Component.Process = []estate.Trait{trait("systemd", estate.ProcessCommand, "/opt/run --db-password "+redact.Mask+" --port 80")}
	p := accepted(t, s)
	if c := p.Workload.Containers["orders"]; len(c.Command)+len(c.Args) > 0 || !strings.Contains(topics(p), "command") {
		t.Errorf("%v %v, asked about %s", c.Command, c.Args, topics(p))
	}
}

func TestMemoryIsBoundedAsTheProcessIs(t *testing.T) {
	for _, c := range []struct {
		name, variable, value, trait, want string
	}{
		{"what the unit allows", "", "", "2147483648", "2Gi"},
		{"in whole mebibytes", "", "", "805306368", "768Mi"},
		{"the heap of Java and a quarter more", "JAVA_OPTS", "-Xms1g -Xmx1024m", "", "1280Mi"},
		{"the heap of Node and a quarter more", "NODE_OPTIONS", "--max-old-space-size=512", "", "640Mi"},
		{"a heap that is no size", "JAVA_OPTS", "-Xmx99999999999g", "", ""},
		{"nothing known", "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := seenWith()
			if c.variable != "" {
				s = seenWith(set(c.variable, c.value))
			}
			if c.trait != "" {
				s.Component.Process = []estate.Trait{trait("systemd", estate.ProcessMemory, c.trait)}
			}
			p := accepted(t, s)
			got := ""
			if r := p.Workload.Containers["orders"].Resources; r != nil {
				got = r.Limits.Memory
			}
			if got != c.want || strings.Contains(topics(p), "memory") != (c.want == "") {
				t.Errorf("%q, asked about %s", got, topics(p))
			}
		})
	}
}

func TestNamesAreLabels(t *testing.T) {
	for given, want := range map[string]string{
		"orders": "orders", "Orders.API": "orders-api", "_x_": "xxx", "": "xx", "日本": "xx", "a": "xax", "api.pay.example.org": "api-pay-example-org",
		strings.Repeat("long-", 20): strings.Repeat("long-", 12) + "lon",
	} {
		got := NameOf(given)
		if got != want || !labelForm.MatchString(got) {
			t.Errorf("%q is called %q, want %q", given, got, want)
		}
	}
}

// TestFilledValuesSayTheSame draws values around the addresses of providers: each is split into parts without error, and says
// what it said when its placeholders are put back.
func TestFilledValuesSayTheSame(t *testing.T) {
	hosts := map[string]string{"pricing": "pricing.shop.internal", "cache": "cache.shop.internal", "six": "[fd00:1::7]"}
	piece := rapid.OneOf(rapid.SampledFrom([]string{
		"http://pricing.shop.internal", "cache.shop.internal", "http://[fd00:1::7]", "/", ":", ",", " ", "\n", "=", "${", "}", "$", "$${HOME}", "%40", "@", "?a=b&c", "é", "日本", "\t", "#", `"`, "'", "x",
	}), hostileText())
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), "")
		if strings.Contains(value, "#{") || strings.Contains(value, "<%") || strings.Contains(value, redact.Mask) {
			return // left out, or secret
		}
		got, there := accepted(t, seenWith(set("VALUE", value))).Workload.Containers["orders"].Variables["VALUE"]
		if !there {
			t.Fatalf("%q is lost", value)
		}
		parts, err := Parts(got)
		if err != nil {
			t.Fatalf("%q became %q: %v", value, got, err)
		}
		said := ""
		for _, p := range parts {
			switch {
			case p.Resource == "":
				said += p.Text
			case p.Property == "host":
				said += hosts[p.Resource]
			default:
				return // a port or a user: what it was is not known here
			}
		}
		if said != value && !strings.Contains(value, ",") { // lists of one provider's nodes become one
			t.Fatalf("%q became %q, which says %q", value, got, said)
		}
	})
}

func TestOfTwoProvidersThatAreCalledAlikeOneIsAskedAbout(t *testing.T) {
	s := seenWith(set("A_URL", "http://pay-a.shop.internal/"), set("B_URL", "http://pay-b.shop.internal/"))
	s.Uses = []Use{
		{Name: "pay.api", Type: Peer, Names: []string{"pay-a.shop.internal"}, Moves: true},
		{Name: "pay_api", Type: External, Names: []string{"pay-b.shop.internal"}, Moves: true},
	}
	p := accepted(t, s)
	if a, b := p.Workload.Variable("A_URL"), p.Workload.Variable("B_URL"); a != "http://${resources.pay-api.host}/" || b != "http://pay-b.shop.internal/" {
		t.Errorf("%q, %q", a, b)
	}
	if !strings.Contains(topics(p), "names") || len(s.Uses) != 2 {
		t.Errorf("%+v", p.Questions)
	}
}
