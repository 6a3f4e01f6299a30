package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

func newConfigShadow(s *session) *cobra.Command {
	o := &output{}
	var env, sign string
	var adopt, all bool
	var req app.SignRequest
	c := &cobra.Command{
		Use: "shadow SERVICE", Short: "Compare what a service's processes are told today with what configuration has for them",
		Long: "Asks the machines of the service what its processes are told: the variables that their units give them, as the processes have them, and the files that they\n" +
			"read. Each key is equal, differs and was signed, or differs unexplained. Changes nothing on any machine. After a switch it says what changed since.\n" +
			"Exits with 8 while something is unexplained or pending. --adopt writes what the processes are told into the service's layer of the environment, and takes keys\n" +
			"away there that they are not told; --sign with --why keeps the team's word that a difference is meant.",
		Example: "  caravan config shadow orders -e production-sg\n  caravan config shadow orders -e production-sg --adopt\n  caravan config shadow orders -e production-sg --sign LOG_LEVEL --why 'debug is no longer needed'",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: s.serviceNames,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, args []string) error {
			service, in := estate.ServiceName(args[0]), estate.EnvironmentName(env)
			var found app.Shadow
			var err error
			switch {
			case adopt && sign != "", (sign == "") != (req.Why == ""):
				return fault.Newf(fault.Usage, "give --adopt, or --sign KEY with --why REASON, or neither")
			case adopt:
				var adopted app.Adopted
				if adopted, err = cl.AdoptConfig(ctx, service, in); err == nil {
					found = adopted.Shadow
					s.say("wrote %s into %s: %s", count(len(adopted.Taken), "key"), adopted.File, plain(strings.Join(adopted.Taken, ", ")))
				}
			case sign != "":
				req.Environment = in
				req.Key, req.File = sign, ""
				if key, file, ok := strings.Cut(sign, "@"); ok {
					req.Key, req.File = key, file
				}
				found, err = cl.SignConfig(ctx, service, req)
			default:
				found, err = cl.Shadow(ctx, service, in)
			}
			if err != nil {
				return err
			}
			if err := o.value(s.terminal, found, func() { s.shadowTable(found, all) }); err != nil || found.InTheWay() == "" && found.Pending == 0 {
				return err
			}
			return &silent{fault.Newf(fault.Differs, "there are differences")}
		}),
	}
	f := c.Flags()
	f.StringVarP(&env, "environment", "e", "", "where (default: the only one it is in)")
	f.BoolVar(&adopt, "adopt", false, "take over what the processes are told, and take away what configuration has and they are not told")
	f.StringVar(&sign, "sign", "", "key whose difference is meant, as KEY, or KEY@FILE for one of a file")
	f.StringVar(&req.Why, "why", "", "with --sign: why it is meant")
	f.BoolVar(&all, "all", false, "list keys that are equal, too")
	o.flags(c)
	return c
}

func (s *session) shadowTable(found app.Shadow, all bool) {
	var rows [][]string
	for _, k := range found.Keys {
		if k.Verdict == config.Equal && !all {
			continue
		}
		why := strings.Join(k.Instances, ", ")
		if k.Signed != nil {
			why = k.Signed.By + ": " + k.Signed.Why
		}
		name := k.Key
		if k.File != "" {
			name += "@" + k.File
		}
		rows = append(rows, []string{name, k.Now.What(), k.Then.What(), string(k.Verdict), why})
	}
	if len(rows) > 0 {
		s.table([]string{"KEY", "TOLD TODAY", "CONFIGURATION", "VERDICT", ""}, rows, wrap)
	}
	for _, u := range found.Unread {
		s.say("%s was not read: %s", u.Machine, plain(u.Why))
	}
	s.say("%s in %s: %d %% of %s on %s; %d equal, %d intended, %d pending, %d unexplained", found.Service, found.Environment, found.Percent(), count(len(found.Keys), "key"), count(len(found.Instances), "machine"), found.Equal, found.Intended, found.Pending, found.Unexplained)
	s.switchedLines(found)
}

func (s *session) switchedLines(found app.Shadow) {
	w := found.Switched
	if w == nil {
		if found.InTheWay() == "" {
			s.say("nothing is in the way: %s", agreeAndSwitch(found))
		} else if found.Unexplained > 0 && len(found.Unread) == 0 {
			s.say("--adopt takes over what its processes are told; --sign KEY --why REASON keeps that a difference is meant")
		}
		return
	}
	if found.Pending > 0 {
		s.say("to bring what is pending: %s", agreeAndSwitch(found))
	}
	s.say("switched %s by %s; caravan config back %s -e %s until %s", w.At.Local().Format(time.DateTime), plain(w.By), found.Service, found.Environment, w.Until.Local().Format(time.DateTime))
	for _, c := range w.Changed {
		s.say("since then %s", plain(c.Since()))
	}
}

// agreeAndSwitch are the commands that bring what configuration has.
func agreeAndSwitch(found app.Shadow) string {
	team := string(found.Team)
	if team == "" {
		team = "TEAM"
	}
	return fmt.Sprintf("caravan approve %s --team %s, then caravan config switch %s -e %s", found.Journey, plain(team), found.Service, found.Environment)
}

func newConfigSwitch(s *session) *cobra.Command {
	return s.switching("switch SERVICE", "Have a service told by configuration what something else tells it today",
		"Refused while a difference is unexplained, a process could not be read, or its team has not agreed: caravan approve config:SERVICE:ENVIRONMENT --team TEAM.\n"+
			"Its machines are done one after the other: what it is told comes from files of Caravan's, over its unit, which stays as it is beneath; it is started\n"+
			"anew, must be well, and must be told the same as before, or else it goes back by itself.",
		"  caravan config switch orders -e production-sg --why 'CHG-1204'", (*client.Client).SwitchConfig)
}

func newConfigBack(s *session) *cobra.Command {
	c := s.switching("back SERVICE", "Have a service told again what it was told before its switch",
		"Takes away what the switch brought and starts the service anew, machine by machine. Asks nobody. Within the window that configuration.window of caravan.yaml\n"+
			"says, a week when it says nothing; later with --force.",
		"  caravan config back orders -e production-sg --why 'it asks the wrong database'", (*client.Client).SwitchConfigBack)
	return c
}

func (s *session) switching(use, short, long, example string, do func(*client.Client, context.Context, estate.ServiceName, app.SwitchRequest, func(app.Watched)) (app.Moved, error)) *cobra.Command {
	o := &moveOptions{}
	var req app.SwitchRequest
	var env string
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: cobra.ExactArgs(1), ValidArgsFunction: s.serviceNames,
		RunE: s.asking(&o.output, func(ctx context.Context, cl *client.Client, args []string) error {
			if env == "" {
				return fault.Newf(fault.Usage, "say where with -e")
			}
			req.Environment = estate.EnvironmentName(env)
			moved, err := do(cl, ctx, estate.ServiceName(args[0]), req, s.watching(o.log))
			s.clear()
			if err != nil {
				return err
			}
			return o.value(s.terminal, moved, func() {
				word, _, _ := strings.Cut(use, " ")
				s.say("%s", map[string]string{
					"switch": fmt.Sprintf("%s in %s is told by configuration now; caravan config back %[1]s -e %[2]s takes it back", args[0], env),
					"back":   fmt.Sprintf("%s in %s is told again what it was before", args[0], env),
				}[word])
			})
		}),
	}
	f := c.Flags()
	f.StringVarP(&env, "environment", "e", "", "where")
	f.StringVar(&req.Why, "why", "", "reason, for the audit")
	f.BoolVar(&req.Force, "force", false, "although files were edited since, or the window to go back in is over")
	o.output.flags(c)
	o.runs(c)
	return c
}
