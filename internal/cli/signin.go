package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
)

// tokenVariable is the environment variable that holds a token for --server.
const tokenVariable = "CARAVAN_TOKEN"

// token is what is shown to the server: CARAVAN_TOKEN, else what caravan signin kept for it; "" when there is none.
func (s *session) token() (string, error) {
	token := strings.TrimSpace(os.Getenv(tokenVariable))
	if token == "" {
		kept, _, err := keptTokens()
		if err != nil {
			return "", err
		}
		token = kept[origin(s.server)]
	}
	if token == "" {
		return "", nil
	}
	return token, confidential(s.server)
}

// confidential refuses to send a token where others can listen.
func confidential(server string) error {
	u, err := url.Parse(server)
	if err != nil {
		return fault.Newf(fault.Usage, "--server %s: not a URL; for example https://caravan.example.org", server)
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fault.Newf(fault.Denied, "--server %s: a token is not sent without encryption, where others can read it; use https://", server)
}

// origin is the part of a server's address that tokens are kept by.
func origin(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return strings.TrimRight(server, "/")
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// keptTokens are the tokens by server, and the file they are kept in.
func keptTokens() (map[string]string, string, error) {
	kept := map[string]string{}
	dir, none := os.UserConfigDir()
	if none != nil {
		return kept, "", nil //nolint:nilerr // without a home nothing is kept, which is no mistake
	}
	file := filepath.Join(dir, "caravan", "tokens.json")
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, file, nil
	}
	const others, most = 0o077, 1 << 20
	switch {
	case err != nil:
		return nil, file, fault.Newf(fault.Unavailable, "%w; make the file readable", err)
	case info.Mode().Perm()&others != 0:
		return nil, file, fault.Newf(fault.Denied, "%s: others on this machine can read the tokens in it; chmod 600 it, and make new tokens", file)
	case info.Size() > most:
		return nil, file, fault.Newf(fault.Invalid, "%s: too large to hold tokens; remove it and sign in again", file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, file, fault.Newf(fault.Unavailable, "%w; make the file readable", err)
	}
	if json.Unmarshal(data, &kept) != nil {
		return nil, file, fault.Newf(fault.Invalid, "%s: not as caravan signin writes it; remove it and sign in again", file)
	}
	return kept, file, nil
}

// keep writes the tokens anew, for nobody else to read; a program that is killed leaves the old file or the new one.
func keep(kept map[string]string, file string) error {
	if file == "" {
		return fault.Newf(fault.Unavailable, "there is no home directory to keep the token in; set %s instead", tokenVariable)
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fault.Newf(fault.Unavailable, "keep the token: %w; make the folder writable, or set %s instead", err, tokenVariable)
	}
	f, err := os.CreateTemp(filepath.Dir(file), "tokens-*") // with mode 0600
	if err != nil {
		return fault.Newf(fault.Unavailable, "keep the token: %w; make the folder writable, or set %s instead", err, tokenVariable)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fault.Newf(fault.Unavailable, "keep the token: %w; make room, or set %s instead", err, tokenVariable), os.Remove(f.Name()))
	}
	return nil
}

func newSignIn(s *session) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "signin --server URL",
		Short: "Keep a token for a server, so that commands are yours there",
		Long: "Make a token on the server's page of tokens, which you sign in to with your browser, and paste it here. It is tried, and kept in caravan/tokens.json of your\n" +
			"configuration folder, for you alone to read. CARAVAN_TOKEN goes before it.",
		Example: "  caravan signin --server https://caravan.example.org\n  caravan signin --server https://caravan.example.org --token-file token.txt",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if s.server == "" {
				return fault.Newf(fault.Usage, "--server is missing: say where you sign in; here you are whoever runs the command")
			}
			if err := confidential(s.server); err != nil {
				return err
			}
			token, err := s.givenToken(c.InOrStdin(), file)
			if err != nil {
				return err
			}
			me, err := client.New(strings.TrimRight(s.server, "/"), http.DefaultTransport).WithToken(token).Me(c.Context())
			if err != nil {
				return err
			}
			kept, at, err := keptTokens()
			if err != nil {
				return err
			}
			kept[origin(s.server)] = token
			if err := keep(kept, at); err != nil {
				return err
			}
			s.say("signed in to %s as %s", origin(s.server), whoIs(me))
			return nil
		},
	}
	c.Flags().StringVar(&file, "token-file", "", "file that holds the token; asked for when left out")
	return c
}

// mostToken is how long a token may be, in bytes.
const mostToken = 1024

// givenToken is the token of a file, or what is typed or piped in; a terminal does not show it.
func (s *session) givenToken(in io.Reader, file string) (string, error) {
	var data []byte
	var err error
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", fault.Newf(fault.NotFound, "--token-file: %w; name a file that holds the token", err)
		}
		defer f.Close()
		in = f
	} else {
		s.say("make a token at %s/tokens and paste it here:", origin(s.server))
	}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		data, err = term.ReadPassword(int(f.Fd()))
	} else {
		var line string
		line, err = bufio.NewReader(io.LimitReader(in, mostToken)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		data = []byte(line)
	}
	token := strings.TrimSpace(string(data))
	if err != nil || token == "" {
		return "", fault.Newf(fault.Usage, "no token was given; paste one, or name a file with --token-file")
	}
	return token, nil
}

func newSignOut(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "signout --server URL",
		Short:   "Forget the token kept for a server",
		Long:    "The token stays good for whoever else has it; caravan token revoke ends it.",
		Example: "  caravan signout --server https://caravan.example.org",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if s.server == "" {
				return fault.Newf(fault.Usage, "--server is missing: say which server's token to forget")
			}
			kept, file, err := keptTokens()
			if err != nil {
				return err
			}
			if _, ok := kept[origin(s.server)]; !ok {
				return fault.Newf(fault.NotFound, "no token is kept for %s", origin(s.server))
			}
			delete(kept, origin(s.server))
			if err := keep(kept, file); err != nil {
				return err
			}
			s.say("forgotten")
			return nil
		},
	}
}

func newWhoAmI(s *session) *cobra.Command {
	o := &output{}
	c := &cobra.Command{
		Use:     "whoami",
		Short:   "Show as whom commands are carried out, with which role, teams and scopes",
		Example: "  caravan whoami\n  caravan whoami --server https://caravan.example.org",
		Args:    cobra.NoArgs,
		RunE: s.asking(o, func(ctx context.Context, cl *client.Client, _ []string) error {
			me, err := cl.Me(ctx)
			if err != nil {
				return err
			}
			return o.value(s.terminal, me, func() { s.say("%s", whoIs(me)) })
		}),
	}
	o.flags(c)
	return c
}

// whoIs says who somebody is, in a line.
func whoIs(p rights.Person) string {
	text := plain(p.By())
	if text == "" {
		text = "nobody in particular"
	}
	text += ", " + string(p.Role)
	switch {
	case p.EveryTeam:
		text += ", speaks for every team"
	case len(p.Teams) > 0:
		teams := make([]string, len(p.Teams))
		for i, t := range p.Teams {
			teams[i] = string(t)
		}
		text += " of " + strings.Join(teams, ", ")
	}
	if p.Token != "" {
		text += "; the token is for " + scopesOf(p.Scopes)
	}
	return text
}
