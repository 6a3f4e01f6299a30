package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
)

// howOptions are the flags of how.
type howOptions struct {
	output
	environment string
}

func newHow(s *session) *cobra.Command {
	o := &howOptions{}
	c := &cobra.Command{
		Use:   "how SERVICE [ACTION]",
		Short: "Say how to do to a service what you did to it on machines",
		Long: "Prints the command lines for an action, with every name filled in: for the machines the service runs on today, and for the environments that\n" +
			"expansions plan. Beside each stands what it does, what is different from the habit of machines, which rights it needs, and a warning where it changes\n" +
			"production. Nothing is run. What is in no configuration that was read is said to be unknown; a word in capitals stands for it.\n\n" +
			"Actions: " + strings.Join(how.Actions(), ", ") + ".\nWithout ACTION it lists those of the service.",
		Example: "  caravan how orders                           what can be asked\n" +
			"  caravan how orders logs                      on its machines, and in each cluster\n" +
			"  caravan how orders restart -e indonesia      in one environment\n" +
			"  caravan how orders connect-database -o json",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if len(args) > 1 {
				if _, err := how.Find(args[1]); err != nil {
					return err
				}
			}
			cl, done, err := s.connect(c.Context(), nil)
			if err != nil {
				return err
			}
			defer done()
			return s.runHow(c.Context(), cl, o, args)
		},
		ValidArgsFunction: s.howWords,
	}
	o.flags(c)
	c.Flags().StringVarP(&o.environment, "environment", "e", "", "only this environment (default: all it runs in, or is planned to)")
	return c
}

func (s *session) runHow(ctx context.Context, c *client.Client, o *howOptions, args []string) error {
	env := estate.EnvironmentName(o.environment)
	if len(args) == 1 {
		g, err := c.How(ctx, args[0], env)
		if err != nil {
			return err
		}
		return o.value(s.terminal, g, func() { s.actionsTable(g) })
	}
	answer, err := c.HowTo(ctx, args[0], args[1], env)
	if err != nil {
		return err
	}
	return o.value(s.terminal, answer, func() { s.answerText(answer) })
}

// howWords completes services, then actions.
func (s *session) howWords(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 1 {
		return how.Actions(), cobra.ShellCompDirectiveNoFileComp
	}
	return s.serviceNames(c, args, typed)
}

// serviceNames completes the first argument: names of services and datastores.
func (s *session) serviceNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cl, done, err := s.connect(c.Context(), nil)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer done()
	m, err := cl.Map(c.Context(), api.Query{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, v := range m.Services {
		if len(how.Topics(v.Kind)) > 0 {
			names = append(names, string(v.Name))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// actionsTable lists what can be asked, and where the service is.
func (s *session) actionsTable(g how.Guide) {
	var rows [][]string
	for _, a := range g.Answers {
		rows = append(rows, []string{string(a.Action), strings.Join(a.Also, ", "), a.About})
	}
	s.table([]string{"ACTION", "OR", "TO"}, rows, wrap)
	if len(g.Answers) == 0 {
		s.say("%s is a %s: nothing a team starts and stops", plain(string(g.Service)), g.Kind)
		return
	}
	fmt.Fprintln(s.out)
	for _, r := range g.Answers[0].Recipes {
		s.placeLine(r)
	}
	s.notes(g.Notes)
	s.say("caravan how %s logs", plain(string(g.Service)))
}

// answerText is an answer to be read from top to bottom: for each environment the commands, then what to know.
func (s *session) answerText(a how.Answer) {
	fmt.Fprintf(s.out, "%s\n", s.bold(plain(fmt.Sprintf("%s %s: %s", a.Action, a.Service, a.About))))
	for _, r := range a.Recipes {
		fmt.Fprintln(s.out)
		s.placeLine(r)
		s.paragraph("  ", r.Does)
		for _, c := range r.Commands {
			if c.Note != "" {
				s.paragraph("    # ", c.Note)
			}
			fmt.Fprintln(s.out, plain("    "+c.Line))
		}
		if r.Warning != "" {
			s.paragraph("  ! ", r.Warning)
		}
		for _, d := range r.Differs {
			s.paragraph("  - ", d)
		}
		if r.Rights != "" {
			s.paragraph("  - ", r.Rights)
		}
		for _, f := range r.Evidence {
			s.paragraph("  = ", fmt.Sprintf("%s %s, from %s", f.What, f.Value, f.Place))
		}
		for _, u := range r.Unknown {
			s.paragraph("  ? ", u)
		}
	}
	if len(a.Notes) > 0 {
		fmt.Fprintln(s.out)
	}
	s.notes(a.Notes)
}

// placeLine names an environment, what it is made of, and where in it the service is.
func (s *session) placeLine(r how.Recipe) {
	kind := map[string]string{"vm": "machines", "kubernetes": "Kubernetes", "": "of an unknown kind"}[r.Kind]
	text := strings.Join(nonEmpty(kind, r.Where), ": ")
	if r.Expansion != "" {
		text += prefixed(", planned by ", r.Expansion)
	}
	fmt.Fprintf(s.out, "%s  %s\n", s.bold(plain(cmp.Or(string(r.Environment), "today"))), plain(text))
}

func (s *session) notes(all []string) {
	for _, n := range all {
		s.paragraph("? ", n)
	}
}

// widest is how wide a paragraph is where nobody said.
const widest = 120

// paragraph prints a sentence behind a mark, broken between words.
func (s *session) paragraph(mark, text string) {
	indent := utf8.RuneCountInString(mark)
	for i, l := range wrap(plain(text), min(s.width(), widest)-indent) {
		if i > 0 && !strings.Contains(mark, "#") { // each line of a comment is one
			mark = strings.Repeat(" ", indent)
		}
		fmt.Fprintln(s.out, mark+l)
	}
}
