package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
)

func newAddress(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "address",
		Short: "Show and lease private ranges: who has what, what clashes, what will be full",
		Long: "The registry of private ranges, divided from the pools of caravan.yaml: country, environment, nodes, pods, services and machines. Ranges that\n" +
			"environments and networks declare, and addresses that were scanned, are kept out of it. Planning an expansion leases what it needs.",
		Example: "  caravan address\n" +
			"  caravan address lease indonesia/vpn --of indonesia --bits 28\n" +
			"  caravan address release indonesia/vpn\n" +
			"  caravan address history indonesia\n" +
			"  caravan address size --nodes 24 --surge 4 --pods 110",
		Args: cobra.NoArgs,
	}
	list := newAddressList(s)
	c.RunE = list.RunE
	c.Flags().AddFlagSet(list.Flags())
	c.AddCommand(list, newAddressLease(s), newAddressRelease(s), newAddressHistory(s), newAddressCheck(s), newAddressSize(s), newAddressTerraform(s))
	return c
}

func newAddressList(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{Use: "list", Short: "Pools, leases and what is in use without one", Example: "  caravan address list", Args: cobra.NoArgs,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, _ []string) error {
			all, err := cl.Addresses(ctx)
			if err != nil {
				return err
			}
			return o.value(s.terminal, all, func() { s.addressTables(all) })
		})}
	o.flags(c)
	return c
}

func (s *session) addressTables(all app.Addresses) {
	rows := make([][]string, 0, len(all.Pools))
	for _, p := range all.Pools {
		rows = append(rows, []string{p.Name, p.Prefix.String(), fmt.Sprintf("%.1f %%", 100*p.Taken/p.Size), orNothing(p.Largest.String())})
	}
	s.table([]string{"POOL", "RANGE", "TAKEN", "LARGEST FREE"}, rows, cut)
	if len(rows) == 0 {
		s.say("no pool is declared; add pools to caravan.yaml to have ranges leased from them")
	}
	rows = nil
	for _, l := range all.Leases {
		rows = append(rows, []string{l.Prefix.String(), l.Holder, string(l.Purpose), string(l.State)})
	}
	if len(rows) > 0 {
		fmt.Fprintln(s.out)
		s.table([]string{"LEASE", "HOLDER", "FOR", "STATE"}, rows, cut)
	}
	rows = nil
	for _, u := range all.Used {
		rows = append(rows, []string{u.Prefix.String(), u.Network, u.Place.String()})
	}
	if len(rows) > 0 {
		fmt.Fprintln(s.out)
		s.table([]string{"IN USE WITHOUT A LEASE", "BY", "SEEN IN"}, rows, cut)
	}
	for _, f := range all.Findings {
		s.say("%s: %s; %s", f.Severity, plain(f.What), f.Advice)
	}
}

func newAddressLease(s *session) *cobra.Command {
	o, req := &output{}, app.LeaseRequest{}
	c := &cobra.Command{Use: "lease HOLDER", Short: "Lease a range; asking again gives the same",
		Example: "  caravan address lease indonesia/vpn --of indonesia --bits 28\n  caravan address lease partner --of pool:countries --bits 24", Args: cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			req.Holder = args[0]
			l, err := cl.Lease(ctx, req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, l, func() { s.leaseTable([]address.Lease{l}) })
		})}
	o.flags(c)
	c.Flags().StringVar(&req.Parent, "of", "", "holder of the range it is to be a part of, or pool:NAME")
	c.Flags().IntVar(&req.Bits, "bits", 0, "prefix length: 24 for a /24")
	c.Flags().StringVar(&req.Purpose, "for", "", "what it is for, in a word")
	return c
}

func newAddressRelease(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{Use: "release HOLDER", Short: "Give back what a holder and those below it have",
		Long:    "Ranges are quarantined for seven days before they may be leased again: caches, firewalls and partners forget slowly.",
		Example: "  caravan address release indonesia/vpn", Args: cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			list, err := cl.Release(ctx, args[0])
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() {
				s.leaseTable(list)
				s.say("released; quarantined before anybody else is given them")
			})
		})}
	o.flags(c)
	return c
}

func (s *session) leaseTable(list []address.Lease) {
	rows := make([][]string, 0, len(list))
	for _, l := range list {
		rows = append(rows, []string{l.Prefix.String(), l.Holder, l.Parent})
	}
	s.table([]string{"RANGE", "HOLDER", "PART OF"}, rows, cut)
}

func newAddressHistory(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{Use: "history [HOLDER]", Short: "What became of leases, the last change first", Example: "  caravan address history indonesia", Args: cobra.MaximumNArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			list, err := cl.LeaseChanges(ctx, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() {
				rows := make([][]string, 0, len(list))
				for _, v := range list {
					rows = append(rows, []string{v.At.Local().Format(time.DateTime), v.What, v.Prefix.String(), v.Holder, v.By + ": " + v.Reason})
				}
				s.table([]string{"AT", "", "RANGE", "HOLDER", "BY"}, rows, cut)
			})
		})}
	o.flags(c)
	return c
}

func newAddressCheck(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{Use: "check", Short: "List ranges that clash over peerings, and pools that will be full",
		Long:    "Two ranges clash when they overlap and their networks reach each other over any number of peerings or VPNs, in either direction.\nExits with 8 when there are findings.",
		Example: "  caravan address check", Args: cobra.NoArgs,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, _ []string) error {
			all, err := cl.Addresses(ctx)
			if err != nil {
				return err
			}
			err = o.value(s.terminal, all.Findings, func() {
				for _, f := range all.Findings {
					fmt.Fprintln(s.out, plain(fmt.Sprintf("%s: %s", f.Severity, f.What)))
					s.say("  %s", f.Advice)
				}
				if len(all.Findings) == 0 {
					s.say("nothing clashes, and no pool is nearly full")
				}
			})
			if err == nil && len(all.Findings) > 0 {
				return &silent{fault.Newf(fault.Differs, "there are findings")}
			}
			return err
		})}
	o.flags(c)
	return c
}

func newAddressSize(s *session) *cobra.Command {
	o, plan := &output{}, address.Cluster{}
	c := &cobra.Command{Use: "size", Short: "Reckon the ranges a cluster needs",
		Long: "Each node is given a block of pod addresses whose size is the next power of two at or above twice the most pods it may run, and a range of\n" +
			"pods holds 2^(block length - range length) nodes. Everything is sized to double.",
		Example: "  caravan address size --nodes 24 --surge 4 --pods 110 --services 60", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if plan.Nodes < 1 || plan.Surge < 0 || plan.Pods < 1 || plan.Services < 0 {
				return fault.Newf(fault.Usage, "a cluster has at least one node and one pod on it; correct --nodes, --surge, --pods or --services")
			}
			size := address.Size(plan)
			return o.value(s.terminal, size, func() {
				s.table([]string{"RANGE", "ADDRESSES", "LENGTH"}, [][]string{
					{"nodes", strconv.Itoa(size.Nodes), lengthOf(size.Nodes)}, {"pods", strconv.Itoa(size.Pods), lengthOf(size.Pods)},
					{"services", strconv.Itoa(size.Services), lengthOf(size.Services)}, {"pods of a node", strconv.Itoa(size.Block), lengthOf(size.Block)},
				}, cut)
			})
		}}
	o.flags(c)
	f := c.Flags()
	f.IntVar(&plan.Nodes, "nodes", 3, "nodes now")
	f.IntVar(&plan.Surge, "surge", 0, "nodes more at peak and while nodes are replaced")
	f.IntVar(&plan.Pods, "pods", 110, "most pods on a node")
	f.IntVar(&plan.Services, "services", 0, "services that have an address of their own")
	return c
}

func lengthOf(addresses int) string { return fmt.Sprintf("/%d", address.BitsFor(addresses, 32)) }

// newAddressTerraform speaks the protocol of Terraform's external data source: a JSON object of texts on standard input,
// one on standard output.
func newAddressTerraform(s *session) *cobra.Command {
	return &cobra.Command{Use: "terraform", Short: "Answer Terraform's external data source",
		Long: "Reads {\"holder\": …} from standard input and answers with the holder's range. With \"of\" and \"bits\" the range is leased if the holder has\n" +
			"none; asking again gives the same, so plan and apply agree.",
		Example: "  data \"external\" \"pods\" {\n    program = [\"caravan\", \"address\", \"terraform\"]\n    query   = { holder = \"indonesia/indonesia/pods\" }\n  }\n  # data.external.pods.result.cidr",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := readQuery(c.InOrStdin())
			if err != nil {
				return err
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			l, err := answerQuery(c.Context(), cl, query)
			if err != nil {
				return err
			}
			return json.NewEncoder(s.out).Encode(map[string]string{
				"holder": l.Holder, "cidr": l.Prefix.String(), "address": l.Prefix.Addr().String(), "bits": strconv.Itoa(l.Prefix.Bits()), "parent": l.Parent, "state": string(l.State),
			})
		}}
}

// maxQuery bounds what is read from standard input.
const maxQuery = 64 << 10

func readQuery(in io.Reader) (map[string]string, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxQuery))
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "read the query from standard input: %w", err)
	}
	var query map[string]string
	if err := json.Unmarshal(data, &query); err != nil || query["holder"] == "" {
		return nil, fault.Newf(fault.Invalid, "standard input is no query; give a JSON object of texts such as {\"holder\": \"indonesia/indonesia/pods\"}")
	}
	return query, nil
}

// answerQuery finds the holder's range, or leases it when the query says of what.
func answerQuery(ctx context.Context, cl *client.Client, query map[string]string) (address.Lease, error) {
	if query["of"] != "" {
		bits, err := strconv.Atoi(query["bits"])
		if err != nil {
			return address.Lease{}, fault.Newf(fault.Invalid, "bits is %q; write a prefix length such as 24", query["bits"])
		}
		return cl.Lease(ctx, app.LeaseRequest{Holder: query["holder"], Parent: query["of"], Bits: bits, Purpose: query["for"]})
	}
	all, err := cl.Addresses(ctx)
	if err != nil {
		return address.Lease{}, err
	}
	for _, l := range all.Leases {
		if l.Holder == query["holder"] && l.State != address.Quarantined {
			return l, nil
		}
	}
	return address.Lease{}, fault.Newf(fault.NotFound, "nothing is leased to %s; plan its expansion first, or add of and bits to the query", query["holder"])
}
