package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/fault"
)

// output is the -o flag and, where there is one, the --out file.
type output struct {
	format  string
	file    string
	allowed []string
}

func (o *output) flags(c *cobra.Command, allowed ...string) {
	o.allowed = append([]string{"table", "json", "yaml"}, allowed...)
	c.Flags().StringVarP(&o.format, "output", "o", "table", "form of the answer: "+strings.Join(o.allowed, ", "))
	complete(c, "output", o.allowed)
}

// complete offers the values a flag may have.
func complete(c *cobra.Command, flag string, values []string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values, cobra.ShellCompDirectiveNoFileComp
	})
}

func (o *output) check() error {
	if !slices.Contains(o.allowed, o.format) {
		return fault.Newf(fault.Usage, "-o %s: not a form of this answer; choose one of %s", o.format, strings.Join(o.allowed, ", "))
	}
	return nil
}

// value gives v out as JSON or YAML, the domain value itself; for a table it calls the function.
func (o *output) value(t *terminal, v any, table func()) error {
	switch o.format {
	case "json":
		data, err := layOut(v)
		if err != nil {
			return err
		}
		return o.write(t, data)
	case "yaml":
		data, err := api.YAML(v)
		if err != nil {
			return err
		}
		return o.write(t, data)
	}
	if o.file == "" {
		table()
		return nil
	}
	var page bytes.Buffer
	screen := t.out
	t.out = &page
	table()
	t.out = screen
	return o.write(t, page.Bytes())
}

// layOut is a value's JSON, laid out for reading.
func layOut(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// write puts a rendered answer on stdout, or whole into the file or not at all.
func (o *output) write(t *terminal, data []byte) error {
	if o.file == "" {
		_, err := t.out.Write(data)
		return err
	}
	if err := replace(o.file, data); err != nil {
		return err
	}
	t.say("wrote %s (%s)", o.file, size(len(data)))
	return nil
}

// replace puts data in a file's place in one step.
func replace(name string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(name), ".caravan-*")
	if err != nil {
		return fault.Newf(fault.Invalid, "--out %s: cannot write there; name a file in a directory you may write to", name)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already when all went well
	_, err = temp.Write(data)
	if closing := temp.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Chmod(temp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return fault.Newf(fault.Unavailable, "--out %s: %w; name another file", name, err)
	}
	return nil
}

func size(n int) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// asking is a command that asks one thing: it checks its form, connects and asks.
func (s *session) asking(o *output, ask func(context.Context, *client.Client, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		cl, done, err := s.connect(c.Context(), nil)
		if err != nil {
			return err
		}
		defer done()
		return flagged(c, ask(c.Context(), cl, args))
	}
}

// field is what the API calls a value of a request that it finds wrong.
var field = regexp.MustCompile(`\b(?:body|query)\.([A-Za-z]+): `)

// flagged names the flags of a command where an error names fields of the request that they went into.
func flagged(c *cobra.Command, err error) error {
	if err == nil || fault.KindOf(err) != fault.Invalid {
		return err
	}
	text := field.ReplaceAllStringFunc(err.Error(), func(found string) string {
		name := field.FindStringSubmatch(found)[1]
		if c.Flags().Lookup(name) == nil {
			return found
		}
		return "--" + name + ": "
	})
	if text == err.Error() {
		return err
	}
	return fault.Newf(fault.Invalid, "%s; see `%s --help`", text, c.CommandPath())
}
