package kube

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// secret is one value that has to be in the cluster and is in no file.
type secret struct {
	namespace, name, key string
	what                 string // it is, in words
}

// secretName is the name of a secret as Kubernetes takes it.
func secretName(name string) string { return workload.NameOf(name) }

// needed notes the secrets that a variable is made of.
func (c *cluster) needed(namespace string, pieces []render.Piece, service estate.ServiceName, variable string) {
	for _, p := range pieces {
		if p.Hidden() {
			c.secrets = append(c.secrets, secret{namespace, secretName(p.Secret), p.Key, fmt.Sprintf("%s of %s, for `%s` of %s", p.Key, p.Resource, variable, service)})
		}
	}
}

// secretFile notes a file that is kept elsewhere as a whole, for a part of it is.
func (c *cluster) secretFile(s service, key, at string, pieces []render.Piece) {
	c.secrets = append(c.secrets, secret{s.namespace, secretName(s.OwnSecret()), key, fmt.Sprintf("the file `%s` of %s: `%s`", at, s.Name, line(render.Form(pieces)))})
	if c.secretTexts == nil {
		c.secretTexts = map[string][]render.Piece{}
	}
	c.secretTexts[key] = pieces
}

// secretsPage says which secrets the environment needs, key by key; "" when it needs none.
func (c *cluster) secretsPage() string {
	if len(c.secrets) == 0 {
		return ""
	}
	all := slices.Clone(c.secrets)
	slices.SortFunc(all, func(a, b secret) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name), cmp.Compare(a.key, b.key), cmp.Compare(a.what, b.what))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "# Secrets of %s\n\nThey are in no file: what is rendered only names them. A pod waits until those it names are there.\n", c.Environment)
	b.WriteString("Put them there with what keeps secrets in your cluster (External Secrets, Sealed Secrets), or by hand:\n\n")
	first := all[0]
	fmt.Fprintf(&b, "```\nkubectl -n %s create secret generic %s --from-file=%s=FILE\n```\n", first.namespace, first.name, first.key)
	namespace, name := "", ""
	for i := 0; i < len(all); {
		one := all[i]
		if one.namespace != namespace {
			namespace, name = one.namespace, ""
			fmt.Fprintf(&b, "\n## Namespace %s\n", namespace)
		}
		if one.name != name {
			name = one.name
			fmt.Fprintf(&b, "\n### %s\n\n| key | what it is |\n| --- | --- |\n", name)
		}
		var what []string
		for ; i < len(all) && all[i].namespace == one.namespace && all[i].name == one.name && all[i].key == one.key; i++ {
			if !slices.Contains(what, all[i].what) {
				what = append(what, all[i].what)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", one.key, strings.ReplaceAll(strings.Join(what, "; "), "|", "\\|"))
	}
	return b.String()
}

// OwnSecrets is the own Secret of a service of a site, with those of its keys that can be written from what is known of it. The others are left to
// people, as SECRETS.md says.
func OwnSecrets(s render.Site, name estate.ServiceName, known map[string]string) ([]render.Secret, error) {
	c := &cluster{Site: s, folder: path.Join("kubernetes/overlays", string(s.Environment)), targets: map[target]int{}, spaces: map[string]*space{}}
	i := slices.IndexFunc(s.Services, func(v render.Service) bool { return v.Name == name })
	if i < 0 {
		return nil, fault.Newf(fault.NotFound, "%s is not placed in %s", name, s.Environment)
	}
	of, err := c.service(s.Services[i])
	if err != nil {
		return nil, err
	}
	if _, err := c.given(of); err != nil {
		return nil, err
	}
	out := render.Secret{Namespace: of.namespace, Name: secretName(of.OwnSecret()), Data: map[string]string{}}
	for _, one := range c.secrets {
		if one.name != out.Name {
			continue
		}
		pieces, whole := c.secretTexts[one.key]
		if !whole {
			pieces = []render.Piece{{Secret: of.OwnSecret(), Key: one.key}}
		}
		if text, ok := render.Known(pieces, of.OwnSecret(), known); ok {
			out.Data[one.key] = text
		}
	}
	if len(out.Data) == 0 {
		return nil, nil
	}
	return []render.Secret{out}, nil
}
