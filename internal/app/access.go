package app

import (
	"cmp"
	"context"
	"io"
	"net/netip"
	"os"
	"os/user"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/workspace"
)

// Door is where people and programs come in.
func (a *App) Door() *signin.Door { return a.door }

// PersonOfMail is the person of a mail address that something else has verified, such as a chat. Denied for somebody who has not signed in within 30 days.
func (a *App) PersonOfMail(ctx context.Context, mail string) (rights.Person, error) {
	return a.door.OfMail(ctx, mail)
}

// Proxies are the ranges of proxies in front of the portal.
func (a *App) Proxies() []netip.Prefix {
	if a.declared.SignIn == nil {
		return nil
	}
	var out []netip.Prefix
	for _, text := range a.declared.SignIn.Proxies {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// CheckSignIn says what would keep everybody from signing in: a client's secret that is not there.
func (a *App) CheckSignIn() error {
	_, err := clientSecret(a.declared)
	return err
}

// openDoor is the door of the workspace: its provider's, or that of whoever runs the program alone.
func (a *App) openDoor() *signin.Door {
	o := signin.Options{Now: a.now, Runner: runner()}
	if a.store != nil {
		o.Keeper = a.store
	}
	s := a.declared.SignIn
	if s == nil {
		return signin.New(o)
	}
	o.Runner.EveryTeam = false // each team can speak for itself
	o.Groups, o.Session, o.Idle = workspace.GroupsOf(a.declared), s.Session, s.Idle
	p := signin.ProviderOptions{Issuer: s.Issuer, ClientID: s.ClientID, URL: s.URL, Groups: s.Groups, Scopes: s.Scopes, AnyMail: s.UnverifiedMail, Now: a.now}
	if s.ClientSecretFile != "" || s.ClientSecretEnv != "" {
		p.Secret = func() (string, error) { return clientSecret(a.declared) }
	}
	o.Provider = signin.NewProvider(p)
	return signin.New(o)
}

// runner is whoever runs the program. They can write to its store anyway, so they may everything.
func runner() rights.Person {
	p := rights.Person{Name: "caravan", Role: rights.Admin, EveryTeam: true}
	if me, err := user.Current(); err == nil {
		p.Name = cmp.Or(me.Username, me.Uid)
	}
	return p
}

// maxClientSecret is how long a provider's secret may be, in bytes.
const maxClientSecret = 4096

// clientSecret is what the provider knows Caravan by; "" for a public client.
func clientSecret(w workspace.Workspace) (string, error) {
	if w.SignIn == nil || w.SignIn.ClientSecretFile == "" && w.SignIn.ClientSecretEnv == "" {
		return "", nil
	}
	if name := w.SignIn.ClientSecretEnv; name != "" {
		if secret := strings.TrimSpace(os.Getenv(name)); secret != "" {
			return secret, nil
		}
		return "", fault.Newf(fault.Invalid, "signin: the environment variable %s, which is to hold the client's secret, is empty; set it", name)
	}
	file := w.SecretFile()
	f, err := os.Open(file)
	if err != nil {
		return "", fault.Newf(fault.Invalid, "signin: the client's secret cannot be read: %w; correct clientSecretFile", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxClientSecret+1))
	secret := strings.TrimSpace(string(data))
	if err != nil || secret == "" || len(data) > maxClientSecret || strings.ContainsAny(secret, "\r\n") {
		return "", fault.Newf(fault.Invalid, "signin: %s does not hold one secret of at most %d bytes and nothing else; correct clientSecretFile", file, maxClientSecret)
	}
	return secret, nil
}
