package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

func newStandbyCreate(s *session) *cobra.Command {
	o := &output{}
	var req app.NewStore
	var c *cobra.Command
	c = &cobra.Command{
		Use: "create NAME", Short: "Ask for a new PostgreSQL or Redis for a service",
		Long: "Writes into the workload of a service that it needs the datastore, and into the expansion what is wanted of it; comments and order stay as they are. A service that\n" +
			"has no workload of its own begins one. Then it plans, and says where the datastore is placed and why, who must agree, and what comes next. Nothing is written when\n" +
			"that cannot be planned. Who speaks for the team of the service may do this, and the platform.",
		Example: "  caravan standby create baskets --type redis --for orders --expansion indonesia --dry-run\n" +
			"  caravan standby create invoices-db --type postgres --for payments --expansion indonesia --storage 100Gi --pooled=session --why 'invoices leave the order database'",
		Args: cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			req.Name = estate.ServiceName(args[0])
			for _, v := range [][2]string{{"type", req.Type}, {"for", string(req.For)}} {
				if v[1] == "" {
					return fault.Newf(fault.Usage, "--%s is missing; see `caravan standby create --help`", v[0])
				}
			}
			if c.Flags().Changed("instances") && req.Instances < 1 {
				return fault.Newf(fault.Usage, "--instances %d: there is at least one, the primary", req.Instances)
			}
			got, err := cl.CreateStore(ctx, req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, got, func() { s.created(req, got) })
		}),
	}
	f := c.Flags()
	f.StringVar(&req.Type, "type", "", "postgres or redis")
	f.StringVar((*string)(&req.For), "for", "", "service that needs it")
	f.StringVar(&req.Expansion, "expansion", "", "expansion it is made in; the only one in which the service comes along when left out")
	f.StringVar(&req.Placement, "placement", "", "vm or kubernetes; planning chooses when left out")
	f.StringVar((*string)(&req.In), "in", "", "environment it runs in, when there are several of its kind")
	f.StringVar(&req.Storage, "storage", "", "disk of each instance, such as 50Gi")
	f.StringVar(&req.Memory, "memory", "", "memory of each instance, such as 4Gi")
	f.IntVar(&req.Instances, "instances", 0, "primary and standbys together; three when left out")
	f.StringVar((*string)(&req.Pooled), "pooled", "", "PostgreSQL: PgBouncer before the primary, for a session or a transaction")
	f.Lookup("pooled").NoOptDefVal = "session"
	f.StringVar(&req.Why, "why", "", "reason, which stands in the expansion")
	f.BoolVar(&req.Dry, "dry-run", false, "show what would be written and planned, and write nothing")
	complete(c, "type", []string{"postgres", "redis"})
	complete(c, "placement", []string{"vm", "kubernetes"})
	complete(c, "pooled", []string{"session", "transaction"})
	o.flags(c)
	return c
}

func (s *session) created(req app.NewStore, got app.CreatedStore) {
	for _, f := range got.Files {
		s.unified(f.Path, f.Before, f.After)
	}
	p := got.Datastore.Placement
	s.say("%s: %s in %s (vm %d, kubernetes %d)", req.Name, p.Kind, got.Datastore.In, p.VM, p.Kubernetes)
	for _, point := range p.Points {
		s.say("  +%d for %s: %s", point.Points, point.For, plain(point.Text))
	}
	s.say("  way back %s", plain(p.WayBack))
	for _, q := range got.Questions {
		s.say("question: %s", plain(q.Text))
	}
	if len(got.Agree) == 0 {
		s.say("nobody has to agree: no target is declared where it would run")
	} else {
		agree := make([]string, len(got.Agree))
		for i, t := range got.Agree {
			agree[i] = string(t)
		}
		s.say("must agree: %s", plain(strings.Join(agree, ", ")))
	}
	if !got.Written {
		s.say("nothing was written; leave out --dry-run to write it")
		return
	}
	s.say("next: give %s its address: variables in services/%s/score.yaml such as %s", req.For, req.For, strings.Join(got.Placeholders, " "))
	for _, line := range slices.Concat([]string{"caravan plan " + got.Expansion}, approvals(got), []string{"caravan move " + got.Expansion}) {
		s.say("next: %s", line)
	}
}

func approvals(got app.CreatedStore) []string {
	var out []string
	for _, t := range got.Agree {
		out = append(out, fmt.Sprintf("caravan approve %s --team %s", got.Expansion, t))
	}
	return out
}
