package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/fault"
)

// output is the -o flag and its --out file.
type output struct {
	format  string
	file    string
	allowed []string
}

func (o *output) flags(c *cobra.Command, allowed ...string) {
	o.allowed = append([]string{"table", "json", "yaml"}, allowed...)
	c.Flags().StringVarP(&o.format, "output", "o", "table", "form of the answer: "+strings.Join(o.allowed, ", "))
	_ = c.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return o.allowed, cobra.ShellCompDirectiveNoFileComp
	})
}

func (o *output) check() error {
	if !slices.Contains(o.allowed, o.format) {
		return fault.Newf(fault.Usage, "-o %s: not a form of this answer; choose one of %s", o.format, strings.Join(o.allowed, ", "))
	}
	return nil
}

// value prints v as JSON or YAML, the domain value itself; for a table it calls the function.
func (o *output) value(t *terminal, v any, table func()) error {
	switch o.format {
	case "json":
		e := json.NewEncoder(t.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "yaml":
		data, err := api.YAML(v)
		if err != nil {
			return err
		}
		_, err = t.out.Write(data)
		return err
	}
	table()
	return nil
}

// write puts a rendered answer on stdout, or whole into the file or not at all.
func (o *output) write(t *terminal, data []byte) error {
	if o.file == "" {
		_, err := t.out.Write(data)
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(o.file), ".caravan-*")
	if err != nil {
		return fault.Newf(fault.Invalid, "--out %s: cannot write there; name a file in a directory you may write to", o.file)
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
		err = os.Rename(temp.Name(), o.file)
	}
	if err != nil {
		return fault.Newf(fault.Unavailable, "--out %s: %w", o.file, err)
	}
	t.say("wrote %s (%s)", o.file, size(len(data)))
	return nil
}

func size(n int) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
