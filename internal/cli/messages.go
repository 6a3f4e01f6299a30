package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/store"
)

func newAnnounce(s *session) *cobra.Command {
	o := &output{}
	var req app.AnnounceRequest
	c := &cobra.Command{
		Use:   "announce NAME",
		Short: "Tell teams what the waves of an expansion mean for them, over Slack, mail and webhook",
		Long: "Says what is told to whom and sends it: what changes for them, when, what they need do, how to go back, whom to ask. A move announces its waves by itself;\n" +
			"this tells teams ahead, or of what has changed since, and tries again what could not be delivered. Nobody is told twice what they know already.",
		Example: "  caravan announce indonesia --dry-run\n  caravan announce indonesia --wave 3",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			told, err := cl.Announce(ctx, args[0], req)
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, told, func() { s.toldText(told) }); err != nil {
				return err
			}
			return undelivered(told)
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	c.Flags().IntVar(&req.Wave, "wave", 0, "one wave; all that are not over when left out")
	c.Flags().BoolVar(&req.Dry, "dry-run", false, "show it, and tell nobody")
	return c
}

// toldText prints what each team is told, a block for each.
func (s *session) toldText(all app.Announced) {
	for _, t := range all.Told {
		fmt.Fprintf(s.out, "%s\n%s\n\n", s.dim(fmt.Sprintf("── %s, over %s", plain(string(t.Team)), plain(over(t.Over)))), strings.TrimRight(plainLines(t.Text), "\n"))
	}
	if len(all.Told) == 0 {
		s.say("nothing of %s is left to announce", all.Expansion)
	}
	n := map[store.DeliveryState]int{}
	for _, d := range all.Deliveries {
		n[d.State]++
	}
	if len(all.Deliveries) > 0 {
		s.say("%d sent, %d waiting, %d failed; caravan messages %s lists them", n[store.Sent], n[store.Waiting]+n[store.Sending], n[store.Undone], all.Expansion)
	}
}

// plainLines is a text of several lines without what a terminal would obey.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = plain(line)
	}
	return strings.Join(lines, "\n")
}

// over says where a team is told.
func over(all []message.Address) string {
	if len(all) == 0 {
		return "nothing: it has no chat or mail that a channel serves"
	}
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = strings.TrimSpace(string(a.Channel) + " " + a.To)
	}
	return strings.Join(words, ", ")
}

// undelivered is an error when something could not be told.
func undelivered(all app.Announced) error {
	for _, d := range all.Deliveries {
		if d.State == store.Undone || d.State == store.Waiting && d.Error != "" {
			return fault.Newf(fault.Unavailable, "%s was not told over %s: %s", cmp.Or(string(d.Team), d.To), cmp.Or(string(d.Channel), "any channel"), d.Error)
		}
	}
	return nil
}

func newMessages(s *session) *cobra.Command {
	o := &output{}
	limit := 200
	c := &cobra.Command{
		Use:     "messages [NAME]",
		Short:   "List what teams were told, and whether it was delivered: the last first",
		Example: "  caravan messages\n  caravan messages indonesia -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			list, err := cl.Messages(ctx, strings.Join(args, ""), limit)
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() { s.messagesTable(list) })
		}),
		ValidArgsFunction: s.expansionNames,
	}
	o.flags(c)
	c.Flags().IntVar(&limit, "limit", limit, "how many")
	return c
}

func (s *session) messagesTable(list []store.Delivery) {
	rows := make([][]string, 0, len(list))
	for _, d := range list {
		rows = append(rows, []string{d.At.Local().Format(time.DateTime), cmp.Or(string(d.Team), d.To), strings.TrimSpace(string(d.Channel) + " " + d.To), string(d.State), d.Title, outcome(d)})
	}
	s.table([]string{"WHEN", "TEAM", "OVER", "STATE", "WHAT", "OUTCOME"}, rows, wrap)
	if len(rows) == 0 {
		s.say("nobody was told anything yet")
	}
}

// outcome is what became of a message, beside its state.
func outcome(d store.Delivery) string {
	switch {
	case d.State == store.Sent:
		return d.Receipt
	case d.State == store.Waiting && d.Error != "":
		return fmt.Sprintf("%s; tried %s, again at %s", d.Error, times(d.Attempts), d.Next.Local().Format(time.TimeOnly))
	case d.State == store.Waiting:
		return "due at " + d.Next.Local().Format(time.TimeOnly)
	}
	return d.Error
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
