package workspace

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/syntax"
)

// SignIn is who lets people in, and what its groups mean here.
type SignIn struct {
	Issuer           string            `json:"issuer" jsonschema:"pattern=^https?://" jsonschema_description:"Address of the OpenID Connect provider, exactly as its discovery document says it."`
	ClientID         string            `json:"clientID" jsonschema_description:"What the provider knows Caravan by."`
	ClientSecretFile string            `json:"clientSecretFile,omitempty" jsonschema_description:"File that holds the client's secret, relative to this file; the secret itself is never written here. Neither this nor clientSecretEnv for a public client."`
	ClientSecretEnv  string            `json:"clientSecretEnv,omitempty" jsonschema:"pattern=^[A-Za-z_][A-Za-z0-9_]*$" jsonschema_description:"Environment variable that holds the client's secret."`
	URL              string            `json:"url" jsonschema:"pattern=^https?://" jsonschema_description:"Address people open the portal at; its /signin/callback is the client's redirect address at the provider."`
	Groups           string            `json:"groups,omitempty" jsonschema_description:"Claim that lists a person's groups; groups when left out."`
	Scopes           []string          `json:"scopes,omitempty" jsonschema_description:"Scopes to ask the provider for beside openid, profile, email and, where it has it, groups."`
	UnverifiedMail   bool              `json:"unverifiedMail,omitempty" jsonschema_description:"True to know people by mail addresses of which the provider does not say whether they are verified: only where nobody can choose their own, as in Entra ID."`
	Teams            map[string]string `json:"teams,omitempty" jsonschema_description:"Team by group; when left out, a group has the name of its team."`
	Roles            RoleGroups        `json:"roles,omitzero" jsonschema_description:"Groups whose people have a role beyond that of their team."`
	Session          time.Duration     `json:"session,omitempty" jsonschema:"type=string" jsonschema_description:"How long a person stays signed in at most, such as 12h, which it is when left out."`
	Idle             time.Duration     `json:"idle,omitempty" jsonschema:"type=string" jsonschema_description:"How long they stay signed in without doing anything, such as 2h, which it is when left out."`
	Proxies          []string          `json:"proxies,omitempty" jsonschema_description:"Addresses, as CIDR, of proxies in front of the portal: what they say of where a request comes from (X-Forwarded-For) is believed when sign-ins are counted."`
}

// RoleGroups are the groups whose people have a role.
type RoleGroups struct {
	Viewers  []string `json:"viewers,omitempty" jsonschema_description:"Groups that may look; everybody who signs in when left out."`
	Platform []string `json:"platform,omitempty" jsonschema_description:"Groups that plan and carry out."`
	Admins   []string `json:"admins,omitempty" jsonschema_description:"Groups that also look after sessions and tokens of others."`
}

// How long people stay signed in unless the file says otherwise, and the bounds of what it may say.
const (
	signedIn      = 12 * time.Hour
	signedInIdle  = 2 * time.Hour
	leastSignedIn = 5 * time.Minute
	mostSignedIn  = 30 * 24 * time.Hour
)

func signIn(into **SignIn) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		s := SignIn{Groups: "groups", Session: signedIn, Idle: signedInIdle}
		r.Object(n, at, []document.Field{
			document.Required("issuer", document.Text(&s.Issuer)),
			document.Required("clientID", document.Text(&s.ClientID)),
			document.Optional("clientSecretFile", document.Text(&s.ClientSecretFile)),
			document.Optional("clientSecretEnv", document.Text(&s.ClientSecretEnv)),
			document.Required("url", document.Text(&s.URL)),
			document.Optional("groups", document.Text(&s.Groups)),
			document.Optional("scopes", document.Texts(&s.Scopes)),
			document.Optional("unverifiedMail", document.Boolean(&s.UnverifiedMail)),
			document.Optional("teams", document.Table(&s.Teams)),
			document.Optional("roles", document.Into(
				document.Optional("viewers", document.Texts(&s.Roles.Viewers)),
				document.Optional("platform", document.Texts(&s.Roles.Platform)),
				document.Optional("admins", document.Texts(&s.Roles.Admins)),
			)),
			document.Optional("session", document.Duration(&s.Session)),
			document.Optional("idle", document.Duration(&s.Idle)),
			document.Optional("proxies", document.Texts(&s.Proxies)),
		})
		s.URL = strings.TrimRight(s.URL, "/")
		*into = &s
	}
}

// checkSignIn reports what would let the wrong people in, or nobody.
func checkSignIn(r *document.Reader, w Workspace) {
	s := w.SignIn
	if s == nil {
		return
	}
	checkAddress(r, "signin.issuer", s.Issuer, true)
	checkAddress(r, "signin.url", s.URL, false)
	if s.ClientSecretFile != "" && s.ClientSecretEnv != "" {
		r.At("signin.clientSecretEnv", "the client's secret is in a file or in an environment variable; write one of clientSecretFile and clientSecretEnv")
	}
	if s.ClientSecretEnv != "" && !variable.MatchString(s.ClientSecretEnv) {
		r.At("signin.clientSecretEnv", "that is no name of an environment variable; write its name, such as CARAVAN_CLIENT_SECRET, and never the secret itself")
	}
	declared := names(w.Teams, func(t Team) string { return string(t.Name) })
	for _, group := range slices.Sorted(maps.Keys(s.Teams)) {
		reference(r, "signin.teams."+group, "team", s.Teams[group], declared)
	}
	for _, one := range []struct {
		at string
		time.Duration
	}{{"signin.session", s.Session}, {"signin.idle", s.Idle}} {
		if one.Duration < leastSignedIn || one.Duration > mostSignedIn {
			r.At(one.at, "%s is out of bounds; people stay signed in from 5m to 720h", one.Duration)
		}
	}
	for i, p := range s.Proxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			r.At(fmt.Sprintf("signin.proxies[%d]", i), "%q is not a range; write it as 10.10.0.0/22, or 10.10.0.5/32 for one address", p)
		}
	}
}

// checkAddress wants a web address nobody can listen in on: https, or this very machine.
func checkAddress(r *document.Reader, at, text string, path bool) {
	u, err := url.Parse(text)
	switch {
	case text == "":
	case strings.Contains(text, "@"):
		r.At(at, "what has a user in it is no web address; write it as https://name.example.org")
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		r.At(at, "%q is no web address; write it as https://name.example.org", text)
	case !path && strings.Trim(u.Path, "/") != "":
		r.At(at, "%q has a path; the portal is at the root of its address", text)
	case u.Scheme == "http" && !onThisMachine(u.Hostname()):
		r.At(at, "%q is not encrypted, and only this very machine may be spoken to like that; write https://", text)
	}
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// GroupsOf is what a provider's groups mean in a workspace.
func GroupsOf(w Workspace) rights.Groups {
	var g rights.Groups
	for _, t := range w.Teams {
		g.Declared = append(g.Declared, t.Name)
	}
	if w.SignIn == nil {
		return g
	}
	g.Viewers, g.Platform, g.Admins = w.SignIn.Roles.Viewers, w.SignIn.Roles.Platform, w.SignIn.Roles.Admins
	return g.Mapped(w.SignIn.Teams)
}

// SecretFile is where the client's secret is; "" when it is in no file.
func (w Workspace) SecretFile() string {
	if w.SignIn == nil || w.SignIn.ClientSecretFile == "" {
		return ""
	}
	file := filepath.FromSlash(w.SignIn.ClientSecretFile)
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(w.dir, file)
}
