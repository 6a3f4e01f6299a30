package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/store"
)

func newToken(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "token",
		Short:   "Make, list and revoke tokens, by which programs act for you",
		Long:    "A token is shown once, when it is made; only its hash is kept. Every token may read; what it is for beside that are its scopes, and it never may more than you do.",
		Example: "  caravan token create deploy-bot --scope operate --expires 168h\n  caravan token list\n  caravan token revoke deploy-bot",
	}
	c.AddCommand(newTokenCreate(s), newTokenList(s), newTokenRevoke(s))
	return c
}

func newTokenCreate(s *session) *cobra.Command {
	o := &output{}
	var scopes []string
	var req signin.TokenRequest
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token and show its secret, this once",
		Long: "Scopes are read, which every token has, agree, drill, decide and deploy, each maybe for one team as in deploy:orders, scan, plan and operate.\n" +
			"The secret is the one thing on standard output. Give it to programs as CARAVAN_TOKEN, or in the header Authorization: Bearer.",
		Example: "  caravan token create report\n  caravan token create deploy-bot --scope plan --scope operate --expires 168h\n  caravan token create chat --scope agree:orders --server https://caravan.example.org",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			req.Name = args[0]
			for _, text := range scopes {
				scope, err := rights.ParseScope(text)
				if err != nil {
					return fault.Newf(fault.Usage, "--scope: %w", err)
				}
				req.Scopes = append(req.Scopes, scope)
			}
			made, err := cl.MakeToken(ctx, req)
			if err != nil {
				return err
			}
			return o.value(s.terminal, made, func() {
				fmt.Fprintln(s.out, made.Secret)
				s.say("%s may %s until %s; it is shown this once", made.Name, scopesOf(made.Scopes), made.Expires.Local().Format(time.DateTime))
			})
		}),
	}
	o.flags(c)
	c.Flags().StringArrayVar(&scopes, "scope", nil, "what it is for beside reading; may be given again")
	c.Flags().DurationVar(&req.Expires, "expires", 30*24*time.Hour, "how long it is good for, 8784h at most")
	return c
}

// scopesOf says what a token is for.
func scopesOf(scopes []rights.Scope) string {
	texts := []string{string(rights.Read)}
	for _, s := range scopes {
		if s.Right != rights.Read {
			texts = append(texts, s.String())
		}
	}
	return strings.Join(texts, ", ")
}

func newTokenList(s *session) *cobra.Command {
	o := &output{}
	all := false
	c := &cobra.Command{
		Use:     "list",
		Short:   "List your tokens: what they are for, until when, and when they were used last",
		Example: "  caravan token list\n  caravan token list --all",
		Args:    cobra.NoArgs,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, _ []string) error {
			list, err := cl.Tokens(ctx, all)
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() { s.tokensTable(list) })
		}),
	}
	o.flags(c)
	c.Flags().BoolVar(&all, "all", false, "those of everybody, for admins")
	return c
}

func (s *session) tokensTable(list []store.Token) {
	if len(list) == 0 {
		s.say("no tokens")
		return
	}
	now := s.now()
	rows := make([][]string, 0, len(list))
	for _, t := range list {
		state, used := "good", "never"
		switch {
		case !t.Revoked.IsZero():
			state = "revoked"
		case !now.Before(t.Expires):
			state = "expired"
		}
		if !t.Used.IsZero() {
			used = t.Used.Local().Format(time.DateTime)
		}
		rows = append(rows, []string{t.Name, plain(t.Owner), scopesOf(t.Scopes), t.Expires.Local().Format(time.DateTime), used, state})
	}
	s.table([]string{"TOKEN", "OWNER", "FOR", "UNTIL", "USED", "STATE"}, rows, wrap)
}

func newTokenRevoke(s *session) *cobra.Command {
	o := &output{}
	owner := ""
	c := &cobra.Command{
		Use:     "revoke NAME",
		Short:   "End a token at once",
		Example: "  caravan token revoke deploy-bot\n  caravan token revoke deploy-bot --owner ani@example.org",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			if err := cl.RevokeToken(ctx, owner, args[0]); err != nil {
				return err
			}
			s.say("%s is revoked", plain(args[0]))
			return nil
		}),
	}
	c.Flags().StringVar(&owner, "owner", "", "whose it is, for admins; you when left out")
	return c
}

func newPeople(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:     "people",
		Short:   "List who has signed in, with the role and the teams their provider gave them",
		Example: "  caravan people\n  caravan people expel ani@example.org",
		Args:    cobra.NoArgs,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, _ []string) error {
			list, err := cl.People(ctx)
			if err != nil {
				return err
			}
			return o.value(s.terminal, list, func() {
				rows := make([][]string, 0, len(list))
				for _, k := range list {
					teams := make([]string, len(k.Teams))
					for i, t := range k.Teams {
						teams[i] = string(t)
					}
					rows = append(rows, []string{plain(k.Who()), plain(k.Name), string(k.Role), strings.Join(teams, ", "), k.Seen.Local().Format(time.DateTime), strconv.Itoa(k.Sessions)})
				}
				s.table([]string{"WHO", "NAME", "ROLE", "TEAMS", "SIGNED IN", "SESSIONS"}, rows, wrap)
				if len(rows) == 0 {
					s.say("nobody has signed in")
				}
			})
		}),
	}
	o.flags(c)
	c.AddCommand(&cobra.Command{
		Use:     "expel WHO",
		Short:   "End all sessions and tokens of somebody who has left",
		Long:    "Somebody whom the provider still lets in can sign in again; take them out of their groups there first.",
		Example: "  caravan people expel ani@example.org",
		Args:    cobra.ExactArgs(1),
		RunE: s.asking(&output{}, func(ctx context.Context, cl *client.Client, args []string) error {
			n, err := cl.Expel(ctx, args[0])
			if err != nil {
				return err
			}
			s.say("%s ended, %s revoked", count(int(n.Sessions), "session"), count(int(n.Tokens), "token"))
			return nil
		}),
	})
	return c
}
