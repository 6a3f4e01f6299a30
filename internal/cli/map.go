package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// mapOptions are the flags of map.
type mapOptions struct {
	output
	query      api.Query
	configOnly bool
	strict     bool
	service    string
	needs      string
	breaks     string
	unowned    bool
	doubts     bool
}

// Validate refuses flags that would change nothing: one question at a time, and each flag where it has a meaning.
func (o *mapOptions) Validate(dirs []string) error {
	if err := o.check(); err != nil {
		return err
	}
	q := o.query
	asked := o.questions()
	switch {
	case asked > 1:
		return fault.Newf(fault.Usage, "one question at a time: --service, --needs, --breaks, --unowned or --doubts")
	case asked == 1 && isPicture(o.format):
		return fault.Newf(fault.Usage, "-o %s draws the whole map; for a question choose table, json or yaml", o.format)
	case asked == 1 && (q.Team != "" || q.Kind != "" || q.HideInfrastructure):
		return fault.Newf(fault.Usage, "--team, --kind and --hide-infrastructure choose a part of the map; a question is about all of it, so leave them out")
	case asked == 1 && q.Seen != "":
		return fault.Newf(fault.Usage, "--only chooses a part of the map; a question is about all of it, so leave it out")
	case q.Seen != "" && !slices.Contains(api.Sights(), q.Seen):
		return fault.Newf(fault.Usage, "--only %s: choose one of %s", q.Seen, strings.Join(api.Sights(), ", "))
	case q.Kind != "" && !slices.Contains(api.Kinds(), q.Kind):
		return fault.Newf(fault.Usage, "--kind %s: no such kind of edge; choose one of %s", q.Kind, strings.Join(api.Kinds(), ", "))
	case len(dirs) == 0 && o.configOnly:
		return fault.Newf(fault.Usage, "--config-only says how to read: name a directory, or use it with caravan scan")
	case len(dirs) > 0 && q.Snapshot != "":
		return fault.Newf(fault.Usage, "--snapshot is of a workspace: leave out the directory, or compare with caravan diff")
	}
	return nil
}

func (o *mapOptions) questions() int {
	asked := 0
	for _, q := range []bool{o.service != "", o.needs != "", o.breaks != "", o.unowned, o.doubts} {
		if q {
			asked++
		}
	}
	return asked
}

func isPicture(format string) bool {
	return format == "dot" || format == "mermaid" || format == "svg" || format == "html"
}

func newMap(s *session) *cobra.Command {
	o := &mapOptions{}
	c := &cobra.Command{
		Use:   "map [DIR...]",
		Short: "Show what depends on what, with the line that proves it",
		Long: "Reads the directories and shows the dependency map. Without a directory it shows the newest snapshot of the workspace.\n\n" +
			"Confidence says how sure an edge is: 0.95 for an address in configuration, 0.5 for a start order only.\n" +
			"Where live sources of the workspace were looked at, SEEN compares each edge with the connections that were open: when one was last seen,\n" +
			"never, or \"only seen\" when no configuration says so. Nothing there means that nobody looked at where its consumer runs.\n" +
			"What cannot be read or resolved is a doubt; --doubts lists them, --strict makes them an error (exit 3).",
		Example: "  caravan map ./repos                      the table\n" +
			"  caravan map -o html --out map.html ./repos   one interactive file\n" +
			"  caravan map --breaks postgres ./repos    who breaks if postgres stops, and by which path\n" +
			"  caravan map --service orders ./repos     everything known about orders\n" +
			"  caravan map -o json ./repos ./config-repo    two directories read as one estate\n" +
			"  caravan map --only never-configured      what runs uses, and no configuration says so",
		RunE: func(c *cobra.Command, dirs []string) error {
			if err := o.Validate(dirs); err != nil {
				return err
			}
			return s.runMap(c.Context(), o, dirs)
		},
	}
	o.output.flags(c, "dot", "mermaid", "svg", "html")
	f := c.Flags()
	f.StringVar(&o.file, "out", "", "write the answer to this file instead of standard output")
	f.StringVar(&o.query.Snapshot, "snapshot", "", "digest, or the first six of its digits, of an older snapshot")
	f.BoolVar(&o.query.HideInfrastructure, "hide-infrastructure", false, "leave out configuration servers, registries, monitoring, logging and tracing")
	f.StringVar(&o.query.Team, "team", "", "only what this team owns, and its neighbours")
	f.StringVar(&o.query.Kind, "kind", "", "only edges of this kind: http, database, messaging …")
	complete(c, "kind", api.Kinds())
	f.StringVar(&o.query.Seen, "only", "", "only edges of which configuration and what was seen running say this: both, never-configured, never-seen, unclear")
	complete(c, "only", api.Sights())
	f.BoolVar(&o.configOnly, "config-only", false, "read configuration and build manifests, no source code")
	f.BoolVar(&o.strict, "strict", false, "fail when anything is in doubt")
	f.StringVar(&o.service, "service", "", "everything known about one service")
	f.StringVar(&o.needs, "needs", "", "what a service needs, directly or not")
	f.StringVar(&o.breaks, "breaks", "", "who breaks if a service stops, with the path")
	f.BoolVar(&o.unowned, "unowned", false, "what no team owns")
	f.BoolVar(&o.doubts, "doubts", false, "what is unclear, with its place and what would settle it")
	return c
}

func (s *session) runMap(ctx context.Context, o *mapOptions, dirs []string) error {
	c, done, err := s.connect(ctx, dirs)
	if err != nil {
		return err
	}
	defer done()
	var read func(api.Map) string
	if len(dirs) > 0 {
		state, err := s.scan(ctx, c, app.ScanRequest{ConfigOnly: o.configOnly})
		if err != nil {
			return err
		}
		read = func(api.Map) string { return took(state) }
	} else {
		read = func(m api.Map) string { return ", read " + m.TakenAt.Local().Format(time.DateTime) }
	}
	if err := s.answer(ctx, c, o, read); err != nil || !o.strict {
		return err
	}
	doubts, err := c.Doubts(ctx, o.query.Snapshot)
	if err != nil || len(doubts) == 0 {
		return err
	}
	return fault.Newf(fault.Invalid, "%s; see them with --doubts", count(len(doubts), "doubt"))
}

// answer shows the map, or the answer to the question that was asked about it. Read says how or when a map was read.
func (s *session) answer(ctx context.Context, c *client.Client, o *mapOptions, read func(api.Map) string) error {
	switch {
	case o.service != "":
		d, err := c.Service(ctx, o.query.Snapshot, o.service)
		if err != nil {
			return err
		}
		return o.value(s.terminal, d, func() { s.serviceTable(d) })
	case o.needs != "":
		list, err := c.Needs(ctx, o.query.Snapshot, o.needs)
		return s.impact(o, list, err, o.needs+" needs nothing", " → ")
	case o.breaks != "":
		list, err := c.Breaks(ctx, o.query.Snapshot, o.breaks)
		return s.impact(o, list, err, "nothing needs "+o.breaks, " ← ")
	case o.unowned:
		list, err := c.Unowned(ctx, o.query.Snapshot)
		if err != nil {
			return err
		}
		return o.value(s.terminal, list, func() { s.servicesTable(list) })
	case o.doubts:
		list, err := c.Doubts(ctx, o.query.Snapshot)
		if err != nil {
			return err
		}
		return o.value(s.terminal, list, func() { s.doubtsTable(list) })
	case isPicture(o.format) || o.format == "json":
		return s.export(ctx, c, o)
	}
	m, err := c.Map(ctx, o.query)
	if err != nil {
		return err
	}
	return o.value(s.terminal, m.Graph, func() { s.edgesTable(m, read(m)) })
}

// export passes the map on as the API draws it; JSON is laid out for reading.
func (s *session) export(ctx context.Context, c *client.Client, o *mapOptions) error {
	data, err := c.Export(ctx, o.format, o.query)
	if err != nil {
		return err
	}
	if o.format == "json" {
		var laidOut bytes.Buffer
		if err := json.Indent(&laidOut, data, "", "  "); err != nil {
			return fault.Newf(fault.Unavailable, "the answer is not the API's; is this a Caravan server?")
		}
		data = laidOut.Bytes()
	}
	return o.write(s.terminal, data)
}

func (s *session) edgesTable(m api.Map, read string) {
	head := []string{"CONSUMER", "  PROVIDER", "KIND", "SURE", "PROOF"}
	looked := slices.ContainsFunc(m.Edges, func(e depmap.Edge) bool { return e.Seen != nil })
	if looked {
		head = slices.Insert(head, 4, "SEEN")
	}
	rows := make([][]string, 0, len(m.Edges))
	for _, e := range m.Edges {
		row := []string{string(e.From), "→ " + string(e.To), string(e.Kind), fmt.Sprintf("%.2f", e.Confidence), proof(e)}
		if looked {
			row = slices.Insert(row, 4, sight(e.Seen))
		}
		rows = append(rows, row)
	}
	s.table(head, rows, cutProof)
	s.say("%s", summary(m, read))
}

// sight is how an edge compares with what was seen, in two or three words.
func sight(s *depmap.Sight) string {
	switch {
	case s == nil:
		return ""
	case s.State == depmap.SeenNever:
		return "never"
	case s.State == depmap.SeenOnly:
		return "only seen " + minute(s.Last)
	case s.State == depmap.SeenUnclear:
		return "perhaps " + minute(s.Last)
	}
	return minute(s.Last)
}

// minute is a time as a table has room for it.
func minute(at time.Time) string { return at.Local().Format("01-02 15:04") }

// proof is the strongest evidence of an edge.
func proof(e depmap.Edge) string { return evidence(e.Evidence[0]) }

func evidence(p depmap.Evidence) string {
	if p.Observed() {
		return p.Place.String() + "  " + p.Observation()
	}
	return p.Place.String() + "  " + p.Key + prefixed(" = ", strings.Join(strings.Fields(p.Value), " "))
}

// summary counts what is on a map; read says how or when it was read.
func summary(m api.Map, read string) string {
	parts := []string{count(len(m.Services), "service"), count(len(m.Edges), "edge"), count(len(m.Doubts), "doubt")}
	if len(m.Groups) > 0 {
		parts = append(parts, count(len(m.Groups), "cycle"))
	}
	text := strings.Join(parts, ", ") + " from " + count(m.Files, "file") + read
	if len(m.Services) == 0 {
		text += "; nothing that runs was recognised: is this the right directory?"
	}
	if len(m.Doubts) > 0 {
		text += "; --doubts lists what is unclear"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (s *session) impact(o *mapOptions, list []depmap.Impact, err error, none, arrow string) error {
	if err != nil {
		return err
	}
	return o.value(s.terminal, list, func() {
		if len(list) == 0 {
			s.say("%s", none)
			return
		}
		var rows [][]string
		for _, i := range list {
			var path []string
			for _, p := range i.Path {
				path = append(path, string(p))
			}
			rows = append(rows, []string{string(i.Service), strconv.Itoa(i.Distance), fmt.Sprintf("%.2f", i.Confidence), strings.Join(path, arrow)})
		}
		s.table([]string{"SERVICE", "STEPS", "SURE", "PATH"}, rows, wrap)
	})
}

func (s *session) servicesTable(list []depmap.Service) {
	var rows [][]string
	for _, v := range list {
		where := ""
		if len(v.Places) > 0 {
			where = v.Places[0].String()
		} else if len(v.Names) > 0 {
			where = v.Names[0].Place.String()
		}
		rows = append(rows, []string{string(v.Name), string(v.Kind), v.Technology, where})
	}
	s.table([]string{"SERVICE", "KIND", "TECHNOLOGY", "SEEN"}, rows, cutProof)
	s.say("%s without an owner", count(len(list), "service"))
}

func (s *session) doubtsTable(list []estate.Doubt) {
	var rows [][]string
	for _, d := range list {
		rows = append(rows, []string{string(d.Topic), d.Place.String(), d.Text})
	}
	s.table([]string{"TOPIC", "PLACE", "WHAT WOULD SETTLE IT"}, rows, wrap)
	s.say("%s", count(len(list), "doubt"))
}

// serviceTable shows one service: facts, then both sides with every line of evidence.
func (s *session) serviceTable(d api.ServiceDetail) {
	v := d.Service
	owner := string(v.Team)
	if owner == "" {
		owner = "nobody"
	}
	fmt.Fprintf(s.out, "%s  %s\n", s.bold(plain(string(v.Name))), plain(strings.Join(nonEmpty(string(v.Kind), v.Technology, v.Role), ", ")))
	fmt.Fprintf(s.out, "owner: %s%s\n", plain(owner), s.dim(plain(prefixed("  ", v.TeamFrom))))
	var names []string
	for _, a := range v.Names {
		names = append(names, a.Value+" ("+a.Kind+")")
	}
	if len(names) > 0 {
		fmt.Fprintf(s.out, "also called: %s\n", plain(strings.Join(names, ", ")))
	}
	s.side("needs", d.Needs, func(e depmap.Edge) estate.ServiceName { return e.To })
	s.side("needed by", d.NeededBy, func(e depmap.Edge) estate.ServiceName { return e.From })
	for i, doubt := range d.Doubts {
		if i == 0 {
			fmt.Fprintf(s.out, "\n%s\n", s.bold("in doubt"))
		}
		fmt.Fprintf(s.out, "  %s\n", plain(doubt.Place.String()+"  "+doubt.Text))
	}
}

func (s *session) side(title string, edges []depmap.Edge, other func(depmap.Edge) estate.ServiceName) {
	fmt.Fprintf(s.out, "\n%s\n", s.bold(title))
	if len(edges) == 0 {
		fmt.Fprintln(s.out, "  nothing that was seen")
	}
	for _, e := range edges {
		fmt.Fprintf(s.out, "  %s  %s, %.2f, %s%s\n", plain(string(other(e))), e.Kind, e.Confidence, e.Origin, prefixed("; ", compared(e.Seen)))
		for _, p := range e.Evidence {
			fmt.Fprintf(s.out, "      %s  %s\n", plain(evidence(p)), s.dim(p.Why))
		}
	}
}

// compared says how an edge compares with what was seen.
func compared(s *depmap.Sight) string {
	if s == nil {
		return ""
	}
	return s.String()
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func nonEmpty(words ...string) []string {
	var out []string
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}
