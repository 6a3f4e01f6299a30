package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/workload"
)

// planOptions are the flags of plan.
type planOptions struct {
	output
	begin    bool
	country  string
	source   string
	services []string
	dry      bool
	remove   bool
	history  bool
}

// Validate refuses flags that belong to another question.
func (o *planOptions) Validate(args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	asked := 0
	for _, q := range []bool{o.begin, o.remove, o.history} {
		if q {
			asked++
		}
	}
	switch {
	case asked > 1:
		return fault.Newf(fault.Usage, "one thing at a time: --new, --remove or --history")
	case asked > 0 && len(args) == 0:
		return fault.Newf(fault.Usage, "of which expansion? name one, as in caravan plan indonesia")
	case o.begin && (o.country == "" || o.source == "" || len(o.services) == 0):
		return fault.Newf(fault.Usage, "--new needs --country, --from and at least one --service; for example --country ID --from production-sg --service orders")
	case !o.begin && (o.country != "" || o.source != "" || len(o.services) > 0):
		return fault.Newf(fault.Usage, "--country, --from and --service begin an expansion with --new; an existing one is changed in its file")
	}
	return nil
}

func newPlan(s *session) *cobra.Command {
	o := &planOptions{}
	c := &cobra.Command{
		Use:   "plan [NAME]",
		Short: "Plan a new country: what comes along, what is cut, where it runs",
		Long: "Reads expansions/NAME.yaml and the newest snapshot and proposes everything the country needs: the services that come along and why, the\n" +
			"edges that are cut and what cutting costs, datastores, ranges of addresses and the waves it all moves in. Equal input, equal digest.\n" +
			"Exits with 6 while edges are undecided; caravan decide records decisions. Without NAME it lists the expansions.",
		Example: "  caravan plan indonesia\n" +
			"  caravan plan vietnam --new --country VN --from production-sg --service orders --service 'pay*'\n" +
			"  caravan plan indonesia -o json --dry-run     the proposal, keeping nothing\n" +
			"  caravan plan indonesia --remove              what taking it away would break",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.Validate(args); err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			return s.runPlan(c.Context(), cl, o, args)
		},
		ValidArgsFunction: s.expansionNames,
	}
	o.output.flags(c)
	f := c.Flags()
	f.BoolVar(&o.begin, "new", false, "write expansions/NAME.yaml to begin with")
	f.StringVar(&o.country, "country", "", "with --new: two letters of the country")
	f.StringVar(&o.source, "from", "", "with --new: environment to take as the example")
	f.StringArrayVar(&o.services, "service", nil, "with --new: a wanted service or glob; may be repeated")
	f.BoolVar(&o.dry, "dry-run", false, "keep no proposal and reserve no range")
	f.BoolVar(&o.remove, "remove", false, "say what taking the expansion away would remove and break")
	f.BoolVar(&o.history, "history", false, "list the proposals that were made")
	return c
}

// expansionNames completes names of expansions.
func (s *session) expansionNames(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	cl, done, err := s.connect(c.Context(), nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer done()
	list, err := cl.Expansions(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (s *session) runPlan(ctx context.Context, c *client.Client, o *planOptions, args []string) error {
	switch {
	case len(args) == 0:
		return s.listExpansions(ctx, c, o)
	case o.remove:
		return s.showRemoval(ctx, c, o, args[0])
	case o.history:
		return s.showHistory(ctx, c, o, args[0])
	case o.begin:
		w := expansion.Wish{Name: args[0], Country: o.country, Source: estate.EnvironmentName(o.source), Services: o.services}
		if _, err := c.Begin(ctx, w); err != nil {
			return err
		}
		s.say("wrote %s", expansion.FileOf(args[0]))
	}
	plan, err := c.Plan(ctx, args[0], app.PlanRequest{Dry: o.dry})
	if err != nil {
		return err
	}
	if err := o.value(s.terminal, plan.Proposal, func() { s.planTables(plan) }); err != nil {
		return err
	}
	if open := plan.Proposal.Undecided(); len(open) > 0 {
		return fault.Newf(fault.Denied, "%s undecided; for example: %s", areEdges(len(open)), exampleDecision(plan.Proposal, open[0]))
	}
	return nil
}

func areEdges(n int) string {
	if n == 1 {
		return "1 edge is"
	}
	return fmt.Sprintf("%d edges are", n)
}

// exampleDecision is a command that decides an edge, with the first fate that is allowed.
func exampleDecision(p expansion.Proposal, c expansion.Cut) string {
	for _, f := range expansion.Fates() {
		if _, no := c.Forbidden[f]; no {
			continue
		}
		more := ""
		switch {
		case f == expansion.CallBack && !c.External:
			more = " --through vpn"
		case f == expansion.Replace:
			more = " --with HOST:PORT"
		}
		return fmt.Sprintf("caravan decide %s --to %s --as %s%s --by TEAM --why '...'", p.Expansion, c.To, f, more)
	}
	return "caravan decide " + p.Expansion + " --help"
}

func (s *session) listExpansions(ctx context.Context, c *client.Client, o *planOptions) error {
	list, err := c.Expansions(ctx)
	if err != nil {
		return err
	}
	return o.value(s.terminal, list, func() {
		var rows [][]string
		for _, v := range list {
			state := "decided"
			switch {
			case v.Problem != "":
				state, _, _ = strings.Cut(v.Problem, "\n")
			case v.Undecided > 0:
				state = fmt.Sprintf("%s undecided", areEdges(v.Undecided))
			case v.Steps > 0 && v.Written == v.Steps:
				state = "written"
			}
			rows = append(rows, []string{v.Name, v.Country, string(v.Source), fmt.Sprint(v.Services), fmt.Sprint(v.Datastores), state})
		}
		s.table([]string{"EXPANSION", "COUNTRY", "FROM", "SERVICES", "DATASTORES", "STATE"}, rows, wrap)
		if len(rows) == 0 {
			s.say("no expansion yet; begin one with caravan plan NAME --new --country ID --from ENVIRONMENT --service NAME")
		}
	})
}

func (s *session) showRemoval(ctx context.Context, c *client.Client, o *planOptions, name string) error {
	r, err := c.Removal(ctx, name)
	if err != nil {
		return err
	}
	if err := o.value(s.terminal, r, func() { s.removalTable(r) }); err != nil {
		return err
	}
	if len(r.Breaks) > 0 {
		return fault.Newf(fault.Conflict, "%s would no longer work without %s; change what depends on it first", count(len(r.Breaks), "thing"), name)
	}
	return nil
}

func (s *session) removalTable(r expansion.Removal) {
	var rows [][]string
	add := func(what string, names []estate.ServiceName, note string) {
		for _, n := range names {
			rows = append(rows, []string{what, string(n), note})
		}
	}
	add("service", r.Services, "")
	add("datastore", r.Datastores, "its data goes with it")
	add("stub", r.Stubs, "")
	for _, l := range r.Addresses {
		rows = append(rows, []string{"range", l.Prefix.String(), l.Holder})
	}
	for _, b := range r.Breaks {
		rows = append(rows, []string{"BREAKS", b.Who, b.Why})
	}
	s.table([]string{"REMOVED", "NAME", ""}, rows, wrap)
	s.say("nothing was removed; caravan undo %s does it", r.Expansion)
}

func (s *session) showHistory(ctx context.Context, c *client.Client, o *planOptions, name string) error {
	list, err := c.Proposals(ctx, name)
	if err != nil {
		return err
	}
	return o.value(s.terminal, list, func() {
		var rows [][]string
		for _, v := range list {
			rows = append(rows, []string{v.Last.Local().Format(time.DateTime), count(v.Members, "service"), fmt.Sprintf("%d undecided", v.Undecided), string(v.Digest)})
		}
		s.table([]string{"LAST PLANNED", "", "", "PROPOSAL"}, rows, cut)
		if len(rows) == 0 {
			s.say("nothing yet; run caravan plan %s", name)
		}
	})
}

// planTables shows a proposal: what comes of it first, and at the end, where the eye rests, what needs somebody.
func (s *session) planTables(plan app.Plan) {
	p := plan.Proposal
	s.heading(fmt.Sprintf("%s (%s), from %s", p.Expansion, p.Country, p.Source))
	s.membersTable(p)
	if len(p.Optional) > 0 {
		s.heading("Not needed: only routes that stay behind use it")
		var rows [][]string
		for _, v := range p.Optional {
			rows = append(rows, []string{string(v.From), "→ " + string(v.To), strings.Join(v.Routes, ", "), v.Proof.Place.String()})
		}
		s.table([]string{"CONSUMER", "  PROVIDER", "ROUTES", "PROOF"}, rows, cut)
	}
	if len(p.Datastores) > 0 {
		s.heading("Datastores")
		s.storesTable(p)
	}
	if len(p.Addresses) > 0 {
		s.heading("Addresses")
		s.rangesTable(p)
	}
	s.heading("Waves")
	s.wavesTable(p)
	if len(p.Questions) > 0 {
		s.heading("Questions to the owners; a default stands in until they are answered")
		s.questions(p.Questions)
		s.say("\nAnswers about a service belong in services/NAME/score.yaml (caravan workload NAME --write begins it), the others in %s.", expansion.FileOf(p.Expansion))
	}
	if len(p.Cuts) > 0 {
		s.heading("Edges that are cut")
		s.cutsTable(p)
	}
	s.say("\n%s, %s cut, %s, %s, %s in %s\nproposal %s\nmap read %s",
		count(len(p.Members), "service"), count(len(p.Cuts), "edge"), count(len(p.Datastores), "datastore"), count(len(p.Questions), "question"),
		count(len(plan.Files), "file"), count(len(plan.Journey.Steps), "step"), p.Digest, plan.MapRead.Local().Format(time.DateTime))
	s.notInEffect(p.NotInEffect())
	if len(p.Undecided()) == 0 {
		s.say("Next:  caravan move %s --dry-run, then caravan move %s", p.Expansion, p.Expansion)
	}
}

// notInEffect lists decisions that something is lacking for.
func (s *session) notInEffect(list []expansion.Cut) {
	if len(list) == 0 {
		return
	}
	s.say("Decided, and NOT IN EFFECT until somebody does this:")
	for _, c := range list {
		s.say("  %s → %s, %s: %s", c.From, c.To, c.Decision.Decide, plain(c.Lacks))
	}
}

// rangesTable lists ranges; machines are listed with their environment.
func (s *session) rangesTable(p expansion.Proposal) {
	var rows [][]string
	machines := map[string]int{}
	for _, l := range p.Addresses {
		if l.Purpose == "machine" {
			machines[l.Holder[:strings.LastIndex(l.Holder, "/")]]++
		}
	}
	for _, l := range p.Addresses {
		if l.Purpose == "machine" {
			continue
		}
		note := l.Holder
		if n := machines[l.Holder]; n > 0 {
			note += fmt.Sprintf("  (%s)", count(n, "machine"))
		}
		rows = append(rows, []string{l.Prefix.String(), note})
	}
	s.table([]string{"RANGE", "FOR"}, rows, cut)
}

// questions are written once each, with all who are asked.
func (s *session) questions(list []workload.Question) {
	asked := map[string][]estate.ServiceName{}
	var order []string
	for _, q := range list {
		if _, known := asked[q.Text]; !known {
			order = append(order, q.Text)
			asked[q.Text] = nil
		}
		if q.Service != "" {
			asked[q.Text] = append(asked[q.Text], q.Service)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(asked[b]) - len(asked[a]) })
	for _, text := range order {
		if who := joined(asked[text]); who != "" {
			text = who + ": " + text
		}
		fmt.Fprintln(s.out, plain(text))
	}
}

func (s *session) wavesTable(p expansion.Proposal) {
	rows := [][]string{{fmt.Sprint(expansion.RangesWave), "ranges of addresses"}, {fmt.Sprint(expansion.AccessWave), "namespaces, rights and machines"}}
	last := expansion.DataWave
	for _, w := range p.Waves {
		rows = append(rows, []string{fmt.Sprint(w.Number), joined(w.Services)})
		last = max(last, w.Number)
	}
	if len(p.Waves) == 0 || p.Waves[0].Number > expansion.DataWave {
		rows = slices.Insert(rows, expansion.AccessWave, []string{fmt.Sprint(expansion.DataWave), "configuration of services"})
	}
	if slices.ContainsFunc(p.Members, func(m expansion.Member) bool { return m.Public() != "" }) {
		rows = append(rows, []string{fmt.Sprint(last + 1), "requests from outside"})
	}
	s.table([]string{"WAVE", "WHAT MOVES"}, rows, wrap)
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

func (s *session) membersTable(p expansion.Proposal) {
	var rows [][]string
	for _, m := range p.Members {
		why := m.Reasons[0].Text
		if place := m.Reasons[0].Place; place.File != "" {
			why += "  " + place.String()
		}
		rows = append(rows, []string{string(m.Name), string(m.Team), joined(m.In), fmt.Sprint(m.Wave), why})
	}
	s.table([]string{"SERVICE", "TEAM", "IN", "WAVE", "WHY"}, rows, cut)
}

func (s *session) cutsTable(p expansion.Proposal) {
	cuts := slices.Clone(p.Cuts)
	slices.SortStableFunc(cuts, func(a, b expansion.Cut) int { return rank(a) - rank(b) }) // what needs somebody is last
	var rows [][]string
	for _, c := range cuts {
		rows = append(rows, []string{string(c.From), "→ " + string(c.To), decided(c), cost(c), c.Proof.Place.String()})
	}
	s.table([]string{"CONSUMER", "  PROVIDER", "DECISION", "COST", "PROOF"}, rows, wrap)
}

func rank(c expansion.Cut) int {
	switch {
	case c.Decision == nil:
		return 2
	case c.Lacks != "":
		return 1
	}
	return 0
}

func decided(c expansion.Cut) string {
	if c.Decision == nil {
		return "UNDECIDED"
	}
	d := c.Decision
	text := string(d.Decide)
	if d.With != "" {
		text += " with " + d.With
	}
	if d.Through != "" {
		text += " through " + d.Through
	}
	if c.Lacks != "" {
		text = "NOT IN EFFECT: " + text
	}
	return text + ": " + d.Why
}

// cost is what cutting an edge costs, in a few words.
func cost(c expansion.Cut) string {
	var parts []string
	if c.Cost.CallsPerSecond != nil {
		parts = append(parts, fmt.Sprintf("%g calls/s", *c.Cost.CallsPerSecond))
	}
	if c.Cost.RoundTrip > 0 {
		parts = append(parts, "+"+c.Cost.RoundTrip.String()+" each")
	}
	if c.Cost.Residency != "" {
		parts = append(parts, "residency: "+c.Cost.Residency)
	}
	if n := c.Cost.Coupled.Count; n > 0 {
		verb := " fail with it"
		if n == 1 {
			verb = " fails with it"
		}
		parts = append(parts, count(n, "service")+verb)
	}
	if c.Brings != nil && c.Decision == nil {
		parts = append(parts, "cloning brings "+count(c.Brings.Count, "service"))
	}
	return strings.Join(parts, ", ")
}

func (s *session) storesTable(p expansion.Proposal) {
	var rows [][]string
	for _, d := range p.Datastores {
		points := fmt.Sprintf("%s (%d : %d)", d.In, d.Placement.VM, d.Placement.Kubernetes)
		rows = append(rows, []string{string(d.Name), d.Technology, points, fmt.Sprintf("%d × %s", d.Instances, d.Memory), string(d.Content) + ": " + d.Because.Text})
	}
	s.table([]string{"DATASTORE", "", "IN (POINTS VM : KUBERNETES)", "SIZE", "HOLDS AT FIRST"}, rows, cut)
}
