package expansion

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/syntax"
	"example.org/caravan/internal/workload"
)

// SchemaURL is where the JSON Schema of an expansion is served for editors.
const SchemaURL = "https://caravan.example.org/schemas/expansion.schema.json"

// Folder is where a workspace keeps its expansions.
const Folder = "expansions"

// FileOf is where the expansion of that name is kept in a workspace.
func FileOf(name string) string { return path.Join(Folder, name+".yaml") }

// NameForm is what expansions and their environments may be called: a DNS label.
var NameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckName refuses what cannot name an expansion.
func CheckName(name string) error {
	if NameForm.MatchString(name) {
		return nil
	}
	return fault.Newf(fault.Invalid, "%q cannot name an expansion; use lower case letters, digits and dashes, as in indonesia", name)
}

// Parse turns the text of expansions/NAME.yaml into an Expansion. It looks at no file and at no estate; file only appears
// in messages. All problems are reported at once in one Invalid error, a line for each.
func Parse(data []byte, name, file string) (Expansion, error) {
	r := document.NewReader(file, "the expansion")
	doc, ok := r.Parse(data, "run caravan plan NAME --new to see what belongs here")
	if !ok {
		return Expansion{}, r.Err()
	}
	e := read(r, doc)
	e.Name, e.file, e.lines = name, file, r.Lines()
	if !NameForm.MatchString(name) {
		r.Problem(1, "the file's name %q cannot name an expansion; use lower case letters, digits and dashes, as in indonesia.yaml", name)
	}
	check(r, e)
	return e, r.Err()
}

func read(r *document.Reader, n syntax.Node) Expansion {
	var e Expansion
	s := &e.Substitutions
	r.Object(n, "", []document.Field{
		document.Required("country", document.Text(&e.Country)),
		document.Required("source", document.Text(&e.Source)),
		document.Required("environments", document.NonEmpty(document.List(&e.Environments, environment))),
		document.Required("services", document.NonEmpty(document.List(&e.Services, want))),
		document.Optional("substitutions", document.Into(
			document.Optional("locale", document.Text(&s.Locale)),
			document.Optional("currency", document.Text(&s.Currency)),
			document.Optional("timezone", document.Text(&s.TimeZone)),
			document.Optional("providers", document.List(&s.Providers, provider)),
			document.Optional("variables", document.List(&s.Variables, variable)),
		)),
		document.Optional("residency", document.List(&e.Residency, residency)),
		document.Optional("datastores", document.List(&e.Datastores, storePlan)),
		document.Optional("waves", document.List(&e.Waves, wave)),
		document.Optional("decisions", document.List(&e.Decisions, decision)),
	})
	return e
}

const (
	maxNodes = 15_000 // of one cluster; Kubernetes is tested to 5,000, GKE allows 15,000
	maxPods  = 256    // on one node: what GKE allows
)

func environment(r *document.Reader, n syntax.Node, path string) (e Environment) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&e.Name)),
		document.Required("kind", document.OneOf(&e.Kind, "vm", "kubernetes")),
		document.Optional("provider", document.Text(&e.Provider)),
		document.Optional("zone", document.Text(&e.Zone)),
		document.Optional("nodes", document.Integer(&e.Nodes, 1, maxNodes)),
		document.Optional("surge", document.Integer(&e.Surge, 0, maxNodes)),
		document.Optional("pods", document.Integer(&e.Pods, 8, maxPods)),
		document.Optional("machines", document.Integer(&e.Machines, 1, maxNodes)),
		document.Optional("ranges", document.Into(
			document.Optional("nodes", prefixLength(&e.Ranges.Nodes)),
			document.Optional("pods", prefixLength(&e.Ranges.Pods)),
			document.Optional("services", prefixLength(&e.Ranges.Services)),
			document.Optional("machines", prefixLength(&e.Ranges.Machines)),
		)),
		document.Optional("peerings", document.List(&e.Peerings, peering)),
		document.Optional("operators", document.List(&e.Operators, operator)),
		document.Optional("images", document.Table(&e.Images)),
		document.Optional("backups", func(r *document.Reader, n syntax.Node, path string) { e.Backups = backups(r, n, path) }),
	})
	return e
}

func operator(r *document.Reader, n syntax.Node, path string) (name string) {
	document.OneOf(&name, render.CloudNativePG)(r, n, path)
	return name
}

// The lengths a range may be asked to have, of either family.
const shortestPrefix, longestPrefix = 8, 126

// prefixLength takes in "/20" or 20.
func prefixLength(into *int) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		n.Value = strings.TrimPrefix(n.Value, "/")
		if n.Kind == syntax.Scalar {
			n.Tag = "int"
		}
		document.Integer(into, shortestPrefix, longestPrefix)(r, n, path)
	}
}

func peering(r *document.Reader, n syntax.Node, path string) (p Peering) {
	r.Object(n, path, []document.Field{
		document.Required("with", document.Text(&p.With)),
		document.Optional("kind", document.Text(&p.Kind)),
		document.Optional("rtt", document.Duration(&p.RoundTrip)),
	})
	return p
}

// want takes in a name or glob, or a map that says more.
func want(r *document.Reader, n syntax.Node, path string) (w Want) {
	if n.Kind == syntax.Scalar {
		document.Text(&w.Service)(r, n, path)
		return w
	}
	r.Object(n, path, []document.Field{
		document.Optional("service", document.Text(&w.Service)),
		document.Optional("team", document.Text(&w.Team)),
		document.Optional("routes", document.NonEmpty(document.Texts(&w.Routes))),
		document.Optional("in", document.NonEmpty(document.List(&w.In, nameItem))),
		document.Optional("replicas", replicas(&w.Replicas)),
		document.Optional("public", document.Text(&w.Public)),
	})
	return w
}

func nameItem[T ~string](r *document.Reader, n syntax.Node, path string) (s T) {
	document.Text(&s)(r, n, path)
	return s
}

// replicas takes in 2 or 2-6.
func replicas(into *string) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		if n.Kind == syntax.Scalar && n.Tag == "int" {
			n.Tag = "str"
		}
		document.Text(into)(r, n, path)
	}
}

func provider(r *document.Reader, n syntax.Node, path string) (p Provider) {
	r.Object(n, path, []document.Field{
		document.Required("replaces", document.Text(&p.Replaces)),
		document.Required("with", document.Text(&p.With)),
		document.Optional("country", document.Text(&p.Country)),
		document.Optional("why", document.Text(&p.Why)),
	})
	return p
}

func variable(r *document.Reader, n syntax.Node, path string) (v VariableSubstitute) {
	r.Object(n, path, []document.Field{
		document.Optional("service", document.Text(&v.Service)),
		document.Required("name", document.Text(&v.Name)),
		document.Required("value", anyText(&v.Value)),
		document.Optional("why", document.Text(&v.Why)),
	})
	return v
}

// anyText takes in a scalar as it is written: the value of a variable is a text whatever it looks like.
func anyText(into *string) document.Taker {
	return func(r *document.Reader, n syntax.Node, path string) {
		switch {
		case n.Kind != syntax.Scalar:
			document.Text(into)(r, n, path)
		case strings.ContainsFunc(n.Value, func(c rune) bool { return unicode.IsControl(c) && c != '\t' && c != '\n' && c != '\r' }):
			r.At(path, "%s holds a control character, which no process can be given; remove it", path)
		default:
			*into = n.Value
		}
	}
}

func residency(r *document.Reader, n syntax.Node, path string) (d Residency) {
	r.Object(n, path, []document.Field{
		document.Required("data", document.NonEmpty(document.List(&d.Data, nameItem))),
		document.Required("because", document.Text(&d.Because)),
	})
	return d
}

func storePlan(r *document.Reader, n syntax.Node, path string) (s StorePlan) {
	r.Object(n, path, []document.Field{
		document.Required("name", document.Text(&s.Name)),
		document.Optional("content", document.OneOf(&s.Content, Empty, Seeded, Replica, Anonymised)),
		document.Optional("placement", document.OneOf(&s.Placement, "vm", "kubernetes")),
		document.Optional("in", document.Text(&s.In)),
		document.Optional("instances", document.Integer(&s.Instances, 1, 9)),
		document.Optional("storage", document.Text(&s.Storage)),
		document.Optional("memory", document.Text(&s.Memory)),
		document.Optional("pooled", document.OneOf(&s.Pooled, render.PoolSessions, render.PoolTransactions)),
		document.Optional("logins", document.Integer(&s.Logins, 1, 2)),
		document.Optional("followers", document.NonEmpty(document.List(&s.Followers, addressRange))),
		document.Optional("why", document.Text(&s.Why)),
	})
	return s
}

// addressRange is a range of addresses, in its shortest form.
func addressRange(r *document.Reader, n syntax.Node, path string) string {
	var text string
	document.Text(&text)(r, n, path)
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Bits() == 0 {
		r.At(path, "%q is no range of addresses; write it as 10.20.0.0/16", text)
		return text
	}
	return p.Masked().String()
}

func wave(r *document.Reader, n syntax.Node, path string) (names []estate.ServiceName) {
	document.NonEmpty(document.List(&names, nameItem))(r, n, path)
	return names
}

func decision(r *document.Reader, n syntax.Node, path string) (d Decision) {
	r.Object(n, path, []document.Field{
		document.Optional("from", document.Text(&d.From)),
		document.Required("to", document.Text(&d.To)),
		document.Required("decide", document.OneOf(&d.Decide, Fates()...)),
		document.Optional("through", document.Text(&d.Through)),
		document.Optional("with", document.Text(&d.With)),
		document.Optional("country", document.Text(&d.Country)),
		document.Optional("answers", document.List(&d.Answers, answer)),
		document.Required("by", document.Text(&d.By)),
		document.Required("at", document.Moment(&d.At)),
		document.Required("why", document.Text(&d.Why)),
	})
	return d
}

func answer(r *document.Reader, n syntax.Node, path string) (a Answer) {
	r.Object(n, path, []document.Field{
		document.Required("path", document.Text(&a.Path)),
		document.Optional("status", document.Integer(&a.Status, 100, 599)),
		document.Optional("type", document.Text(&a.Type)),
		document.Optional("body", anyText(&a.Body)),
	})
	return a
}

// check looks for what is well-formed and still cannot be, whatever the estate.
func check(r *document.Reader, e Expansion) {
	checkCountry(r, "country", e.Country)
	checkEnvironments(r, e)
	for i, w := range e.Services {
		checkWant(r, e, w, fmt.Sprintf("services[%d]", i))
	}
	checkSubstitutions(r, e.Substitutions)
	checkDatastores(r, e)
	checkWaves(r, e)
	seen := map[[2]estate.ServiceName]int{}
	for i, d := range e.Decisions {
		at := fmt.Sprintf("decisions[%d]", i)
		d.check(r, at)
		edge := [2]estate.ServiceName{d.From, d.To}
		if first, twice := seen[edge]; twice && d.To != "" {
			r.At(at, "the edge %s is decided in line %d already; keep one", d.Edge(), r.Line(fmt.Sprintf("decisions[%d]", first)))
			continue
		}
		seen[edge] = i
	}
}

func checkCountry(r *document.Reader, at, code string) {
	if code != "" && !estate.IsCountry(code) {
		r.At(at, "%q is not a country code; %s", code, estate.CountryAdvice(code))
	}
}

// Longest names of DNS (RFC 1035, section 2.3.4); a zone leaves room for a label and a dot before it.
const (
	longestLabel = 63
	longestHost  = 253
	longestZone  = longestHost - longestLabel - 1
)

// isDNSName reports whether a text is a name of DNS in lower case, of at most so many letters.
func isDNSName(text string, longest int) bool {
	long := slices.ContainsFunc(strings.Split(text, "."), func(label string) bool { return len(label) > longestLabel })
	return zoneForm.MatchString(text) && !long && len(text) <= longest
}

// areReplicas reports whether a text is a number of replicas, or least and most.
func areReplicas(text string) bool {
	_, _, ok := workload.Replicas(text)
	return ok && replicasForm.MatchString(text)
}

var zoneForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

func checkEnvironments(r *document.Reader, e Expansion) {
	names := make([]string, len(e.Environments))
	for i, v := range e.Environments {
		at := fmt.Sprintf("environments[%d]", i)
		names[i] = string(v.Name)
		if v.Name != "" && !NameForm.MatchString(string(v.Name)) {
			r.At(at+".name", "%q cannot name an environment; use lower case letters, digits and dashes", string(v.Name))
		}
		if v.Zone != "" && !isDNSName(v.Zone, longestZone) {
			r.At(at+".zone", "%q is not a DNS suffix; write it as id.kopi.internal, in labels of at most 63 letters and not over %d in all", v.Zone, longestZone)
		}
		if v.Kind == "vm" && v.Nodes+v.Surge+v.Pods+v.Ranges.Nodes+v.Ranges.Pods+v.Ranges.Services > 0 {
			r.At(at, "nodes, surge, pods and their ranges are a cluster's; say machines for a vm environment")
		}
		if v.Kind == "vm" && len(v.Operators)+len(v.Images) > 0 {
			r.At(at, "operators and images are a cluster's; take them out of a vm environment")
		}
		checkImages(r, at+".images", v.Images)
		if v.Backups != nil {
			checkBackups(r, at+".backups", v)
		}
		if v.Kind == "kubernetes" && v.Machines+v.Ranges.Machines > 0 {
			r.At(at, "machines are a vm environment's; say nodes for a kubernetes one")
		}
	}
	r.Unique("environment", "environments", names)
}

// imageForm is a name in a registry, with a tag or a digest or without.
var imageForm = regexp.MustCompile(`^[a-z0-9]+([._:/@-]+[A-Za-z0-9_]+)*$`)

func checkImages(r *document.Reader, at string, images map[string]string) {
	for _, technology := range slices.Sorted(maps.Keys(images)) {
		switch key := at + "." + technology; {
		case technology != workload.Postgres:
			r.At(key, "an image of one's own is taken for postgres, not for %q; take it out", technology)
		case !imageForm.MatchString(images[technology]):
			r.At(key, "%q is no image; write it as registry.example.org/postgres-patroni:15, or without the version", images[technology])
		}
	}
}

var replicasForm = regexp.MustCompile(`^([1-9]\d{0,3})(-([1-9]\d{0,3}))?$`)

func checkWant(r *document.Reader, e Expansion, w Want, at string) {
	switch {
	case w.Service != "" && w.Team != "":
		r.At(at, "a service and a team in one item; write two items")
	case w.Service == "" && w.Team == "":
		r.At(at, "neither a service nor a team; name what is wanted")
	case !doublestar.ValidatePattern(w.Service):
		r.At(at, "%q is not a glob; write a name or a pattern such as pay*", w.Service)
	case len(w.Routes) > 0 && (w.Team != "" || isGlob(w.Service)):
		r.At(at, "routes are of one service; name it")
	case w.Public != "" && (w.Team != "" || isGlob(w.Service)):
		r.At(at, "a public name is of one service; name it")
	}
	if w.Public != "" && !isDNSName(w.Public, longestHost) {
		r.At(at+".public", "%q is not a host name; write it as shop.example.org", w.Public)
	}
	if w.Replicas != "" && !areReplicas(w.Replicas) {
		r.At(at+".replicas", "%q is no number of replicas; write 2, or 2-6 to have it scaled between", w.Replicas)
	}
	for i, env := range w.In {
		if _, ok := e.environment(env); !ok {
			r.At(fmt.Sprintf("%s.in[%d]", at, i), "%q is none of this expansion's environments; name one of them", string(env))
		}
	}
}

func isGlob(name string) bool { return strings.ContainsAny(name, `*?[{\`) }

func (e Expansion) environment(name estate.EnvironmentName) (Environment, bool) {
	for _, v := range e.Environments {
		if v.Name == name {
			return v, true
		}
	}
	return Environment{}, false
}

var (
	localeForm   = regexp.MustCompile(`^[a-z]{2,3}([_-][A-Z][a-z]{3})?([_-][A-Z]{2})?(\.[A-Za-z0-9-]+)?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	timeZoneForm = regexp.MustCompile(`^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+){1,2})$`)
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func checkSubstitutions(r *document.Reader, s Substitutions) {
	for _, v := range []struct {
		at, value, advice string
		form              *regexp.Regexp
	}{
		{"substitutions.locale", s.Locale, "is not a locale; write it as id_ID", localeForm},
		{"substitutions.currency", s.Currency, "is not a currency; write the three capital letters of ISO 4217, such as IDR", currencyForm},
		{"substitutions.timezone", s.TimeZone, "is not a time zone; write it as Asia/Jakarta", timeZoneForm},
	} {
		if v.value != "" && !v.form.MatchString(v.value) {
			r.At(v.at, "%q %s", v.value, v.advice)
		}
	}
	for i, p := range s.Providers {
		at := fmt.Sprintf("substitutions.providers[%d]", i)
		checkEndpoint(r, at+".with", p.With)
		checkCountry(r, at+".country", p.Country)
	}
	for i, v := range s.Variables {
		if v.Name != "" && !variableForm.MatchString(v.Name) {
			r.At(fmt.Sprintf("substitutions.variables[%d].name", i), "%q cannot name a variable; use letters, digits and underscores", v.Name)
		}
		if _, err := workload.Parts(v.Value); err != nil {
			r.At(fmt.Sprintf("substitutions.variables[%d].value", i), "%v", err)
		}
	}
}

var endpointForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[1-9]\d{0,4})?$`)

func checkEndpoint(r *document.Reader, at, with string) {
	if with != "" && !endpointForm.MatchString(with) {
		r.At(at, "%q is not a host; write host or host:port, without a scheme or a path", with)
	}
}

var amountForm = regexp.MustCompile(`^[1-9]\d{0,5}(Mi|Gi|Ti|M|G|T)$`)

func checkDatastores(r *document.Reader, e Expansion) {
	names := make([]string, len(e.Datastores))
	for i, s := range e.Datastores {
		at := fmt.Sprintf("datastores[%d]", i)
		names[i] = string(s.Name)
		if v, ok := e.environment(s.In); s.In != "" && !ok {
			r.At(at+".in", "%q is none of this expansion's environments; name one of them", string(s.In))
		} else if ok && s.Placement != "" && v.Kind != s.Placement {
			r.At(at+".in", "%q is of kind %s, and placement says %s; correct one", string(s.In), v.Kind, s.Placement)
		}
		checkAmount(r, at+".storage", s.Storage)
		checkAmount(r, at+".memory", s.Memory)
	}
	r.Unique("datastore", "datastores", names)
}

func checkAmount(r *document.Reader, at, amount string) {
	if amount != "" && !amountForm.MatchString(amount) {
		r.At(at, "%q is not an amount; write it as 50Gi", amount)
	}
}

func checkWaves(r *document.Reader, e Expansion) {
	seen := map[estate.ServiceName]string{}
	for i, names := range e.Waves {
		for j, name := range names {
			at := fmt.Sprintf("waves[%d][%d]", i, j)
			if first, twice := seen[name]; twice && name != "" {
				r.At(at, "%q is in a wave already, line %d; keep one", string(name), r.Line(first))
				continue
			}
			seen[name] = at
		}
	}
}

// pathForm is a path as a request has it (RFC 3986, section 3.3), without what means something to the server of a stub.
var pathForm = regexp.MustCompile(`^/[A-Za-z0-9/._~!&'()*+,=:@%-]*$`)

// Edge is what a decision is about, in words.
func (d Decision) Edge() string {
	if d.From == "" {
		return "to " + string(d.To)
	}
	return string(d.From) + " → " + string(d.To)
}

func (d Decision) check(r *document.Reader, at string) {
	for _, v := range []struct {
		key, value string
		of         Fate
	}{{"with", d.With, Replace}, {"through", d.Through, CallBack}} {
		if v.value != "" && d.Decide != "" && d.Decide != v.of {
			r.At(at+"."+v.key, "%q says how to %s, and the decision is to %s; leave it out or decide %s", v.key, v.of, d.Decide, v.of)
		}
	}
	if d.Decide == Replace && d.With == "" {
		r.At(at, "replaced by what? add with: host or host:port")
	}
	if len(d.Answers) > 0 && d.Decide != StubOut {
		r.At(at+".answers", "answers are a stub's; leave them out or decide stub")
	}
	checkEndpoint(r, at+".with", d.With)
	checkCountry(r, at+".country", d.Country)
	for i, a := range d.Answers {
		path := fmt.Sprintf("%s.answers[%d].path", at, i)
		switch {
		case a.Path != "" && !strings.HasPrefix(a.Path, "/"):
			r.At(path, "%q is not a path; begin it with /", a.Path)
		case !pathForm.MatchString(a.Path) && a.Path != "":
			r.At(path, "%q is not a path; write it as it stands in a request, with %%20 for a space", a.Path)
		case slices.ContainsFunc(d.Answers[:i], func(o Answer) bool { return o.Path == a.Path }):
			r.At(path, "%s is answered already; keep one answer", a.Path)
		}
	}
}
