package redis

import (
	"context"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// copyAccounts makes the accounts that the new primary lacks, with their rights and the hashes of their passwords, and has it keep them. What it has stays.
func (c *course) copyAccounts(ctx context.Context, old Instance, there []string) error {
	from, _ := c.from()
	to, _ := c.to()
	comer, err := c.comer()
	if err != nil {
		return err
	}
	source, err := from.connect(ctx, old)
	if err != nil {
		return err
	}
	defer func() { _ = source.close() }()
	listed, err := source.do(ctx, "ACL", "LIST")
	if err != nil {
		return err
	}
	target, err := to.connect(ctx, comer)
	if err != nil {
		return err
	}
	defer func() { _ = target.close() }()
	copied := 0
	for _, line := range listed.texts() {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "user" || slices.Contains(there, words[1]) {
			continue
		}
		if _, err := target.do(ctx, slices.Concat([]string{"ACL", "SETUSER", words[1], "reset"}, words[2:])...); err != nil {
			return err
		}
		c.tell("%s has the account %s of %s", comer.Name, words[1], old.Name)
		copied++
	}
	if copied == 0 {
		return nil
	}
	return target.keepAccounts(ctx)
}

// keepAccounts writes accounts down where a server keeps them: in a file of their own, or in its configuration.
func (c *link) keepAccounts(ctx context.Context) error {
	if _, err := c.do(ctx, "ACL", "SAVE"); err == nil || fault.KindOf(err) != fault.Conflict {
		return err
	}
	_, err := c.do(ctx, "CONFIG", "REWRITE")
	return err
}

// copying are commands of copying accounts.
func copying() [][]string {
	return [][]string{{"ACL", "LIST"}, {"ACL", "SETUSER", "caravan"}, {"ACL", "SAVE"}}
}

// accounts are the names of a server's accounts, and what Caravan's own may not do.
func (c *link) accounts(ctx context.Context, f *standby.RedisFacts) error {
	f.Account = c.user
	all, err := c.each(ctx, []string{"ACL", "WHOAMI"}, []string{"ACL", "USERS"})
	if err != nil {
		return err
	}
	if all[0].refusal != "" {
		f.Lacks = append(f.Lacks, "ACL WHOAMI")
	}
	if all[1].refusal != "" {
		f.Lacks = append(f.Lacks, "ACL USERS")
		f.Doubts = append(f.Doubts, "its accounts cannot be read: "+c.refused([]string{"ACL", "USERS"}, all[1]).Error())
	}
	f.Users = all[1].texts()
	may := c.tryOut
	const asks = "7.0" // ACL DRYRUN
	if standby.RedisVersion(f.Version, asks) < 0 {
		may = c.readRights
	}
	lacks, err := may(ctx, f, needed())
	if err != nil || f.Untried {
		return err
	}
	f.Lacks = append(f.Lacks, lacks...)
	slices.Sort(f.Lacks)
	f.Lacks = slices.Compact(f.Lacks)
	f.LacksCopy, err = may(ctx, f, copying())
	return err
}

// tryOut asks which of some commands an account may not give. That it may not ask is one.
func (c *link) tryOut(ctx context.Context, f *standby.RedisFacts, tries [][]string) ([]string, error) {
	commands := make([][]string, len(tries))
	for i, words := range tries {
		commands[i] = append([]string{"ACL", "DRYRUN", f.Account}, words...)
	}
	all, err := c.each(ctx, commands...)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for i, words := range tries {
		switch {
		case all[i].refusal != "" && !strings.Contains(all[i].refusal, "Command"):
			f.Untried = true
			f.Lacks = append(f.Lacks, "ACL DRYRUN")
			return nil, nil
		case all[i].refusal != "", all[i].text != "OK":
			lacks = append(lacks, name(words))
		}
	}
	return lacks, nil
}

// readRights reads which of some commands an account may not give, where it cannot be asked.
func (c *link) readRights(ctx context.Context, f *standby.RedisFacts, tries [][]string) ([]string, error) {
	said, err := c.do(ctx, "ACL", "GETUSER", f.Account)
	if err != nil {
		f.Untried = true
		return nil, unlessRefused(err)
	}
	rules := strings.Fields(said.pairs()["commands"])
	categories := map[string][]string{}
	for _, rule := range rules {
		category, found := strings.CutPrefix(rule[1:], "@")
		if !found || category == "all" {
			continue
		}
		listed, err := c.do(ctx, "ACL", "CAT", category)
		if err != nil {
			f.Untried = true
			return nil, unlessRefused(err)
		}
		categories[category] = listed.texts()
	}
	var lacks []string
	for _, words := range tries {
		if !permits(rules, categories, words) {
			lacks = append(lacks, name(words))
		}
	}
	return lacks, nil
}

// unlessRefused is an error, unless a server that answers is who says no.
func unlessRefused(err error) error {
	if fault.KindOf(err) == fault.Unavailable {
		return err
	}
	return nil
}

// permits reports whether rules let a command be given: the last that is about it counts (redis.io/docs/latest/operate/oss_and_stack/management/security/acl).
// Categories are the commands of each that the rules name, in lower case.
func permits(rules []string, categories map[string][]string, words []string) bool {
	command := strings.ToLower(words[0])
	whole := strings.ToLower(strings.ReplaceAll(name(words), " ", "|"))
	may := false
	for _, rule := range rules {
		of := rule[1:]
		about := of == command || of == whole
		if category, found := strings.CutPrefix(of, "@"); found {
			listed := categories[category]
			about = category == "all" || slices.Contains(listed, command) || slices.Contains(listed, whole)
		}
		if about {
			may = rule[0] == '+'
		}
	}
	return may
}
