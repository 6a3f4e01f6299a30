package ruby

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show writes an expression back in a form that leaves no doubt how it was read.
func show(e Expr) string {
	switch e.Kind {
	case Nil:
		return "nil"
	case Opaque:
		return "?"
	case Bool, Number, Name:
		return e.Text
	case Symbol:
		return ":" + e.Text
	case String:
		if len(e.Args) == 0 {
			return fmt.Sprintf("%q", e.Text)
		}
		return "text(" + all(e.Args) + ")"
	case Interpolated:
		return "#{" + all(e.Args) + "}"
	case Array:
		return "[" + all(e.Args) + "]"
	case Hash:
		var out []string
		for _, p := range e.Pairs {
			out = append(out, show(p.Key)+"=>"+show(p.Value))
		}
		return "{" + strings.Join(out, ",") + "}"
	case Index:
		return show(*e.Recv) + "[" + all(e.Args) + "]"
	case Assign:
		return show(*e.Recv) + " " + e.Text + " " + all(e.Args)
	case Binary:
		return "(" + show(e.Args[0]) + e.Text + show(e.Args[1]) + ")"
	case Not:
		return "!" + show(e.Args[0])
	case Branch:
		out := e.Text
		if e.Recv != nil {
			out += " " + show(*e.Recv)
		}
		for _, arm := range e.Arms {
			out += " (" + all(arm.When) + " -> " + all(arm.Body) + ")"
		}
		return out
	case Sequence:
		return "<" + all(e.Args) + ">"
	}
	out := e.Text + "(" + all(e.Args) + ")"
	if e.Recv != nil {
		out = show(*e.Recv) + "." + out
	}
	if e.Block != nil {
		out += " do|" + strings.Join(e.Params, ",") + "| " + all(e.Block) + " end"
	}
	return out
}

func all(list []Expr) string {
	var out []string
	for _, e := range list {
		out = append(out, show(e))
	}
	return strings.Join(out, ", ")
}

func TestParse(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"attributes are assigned by index", `default['a'][:b]["c"] = 1_000`, `default["a"][:b]["c"] = 1000`},
		{"attributes are assigned by method", `default.a.b = true`, `default.a().b() = true`},
		{"hashes are written with arrows and with labels", `x = { 'a' => 1, b: { "c" => nil }, 'd': [] }`, `x = {"a"=>1,:b=>{"c"=>nil},:d=>[]}`},
		{"a call without parentheses takes a bare hash", "default_attributes 'a' => 'b',\n  :c => %w(d e)", `default_attributes({"a"=>"b",:c=>["d", "e"]})`},
		{"a call without parentheses takes a list", `run_list "role[a]", 'recipe[b]'`, `run_list("role[a]", "recipe[b]")`},
		{"a call takes an array after a space and an index without", "a [1]\nb[1]", `a([1]), b[1]`},
		{"interpolations are read as Ruby", `"http://#{node['h']}:#{port || 80}/"`, `text("http://", #{node["h"]}, ":", #{(port||80)}, "/")`},
		{"quotes inside interpolations do not end the string", `"a#{x["b}"]}c"`, `text("a", #{x["b}"]}, "c")`},
		{"single quotes keep what they hold", `'#{x} \n it\'s'`, `"#{x} \\n it's"`},
		{"heredocs are dedented with a tilde", "x = <<~EOS\n  a\n    b\n  EOS\ny = 1", "x = \"a\\n  b\\n\", y = 1"},
		{"heredocs end where they say and go on after the call", "f(<<-'A', 2)\n #{x}\n A\ng 3", "f(\" #{x}\\n\", 2), g(3)"},
		{"a resource takes a block", "template '/x' do\n  source 'x.erb'\n  variables(a: 1)\nend", `template("/x") do|| source("x.erb"), variables({:a=>1}) end`},
		{"a loop's block has parameters", "%w(a b).each { |n, m| default[n] = m }", `["a", "b"].each() do|n,m| default[n] = m end`},
		{"conditions keep their arms", "if a == 'x'\n 1\nelsif !b then 2\nelse\n 3\nend", `if ((a=="x") -> 1) (!b -> 2) ( -> 3)`},
		{"conditions may follow", "x = 1 if y\nz 2 unless y", `if (y -> x = 1), if (y -> z(2))`},
		{"a case keeps its values", "x = case y\nwhen 'a', 'b' then 1\nelse 2\nend", `x = case y ("a", "b" -> 1) ( -> 2)`},
		{"a ternary is a condition", "x = y ? 'a' : 'b'", `x = ?: (y -> "a") ( -> "b")`},
		{"calls are chained over lines", "a\n  .b(1)\n  .c { 2 }", `a.b(1).c() do|| 2 end`},
		{"strings side by side are one", "x = 'a' 'b' \\\n 'c'", `x = text("a", "b", "c")`},
		{"a regular expression is opaque", "x =~ /a'b/\ny / 2", `(x=~?), (y/2)`},
		{"a percent sign is a remainder between values", "x % 2\ny = %q(a (b) c)", `(x%2), y = "a (b) c"`},
		{"a method's body is not read as code that runs", "def f(a)\n default['x'] = 1\nend\ny 1", `?, y(1)`},
		{"comments and documentation are nothing", "# a\n=begin\nb 'c'\n=end\nx 1 # d\n__END__\nrubbish '", `x(1)`},
		{"constants name their methods", "Chef::DataBagItem.load('a', 'b')", `Chef.DataBagItem().load("a", "b")`},
		{"what makes no sense costs its own line", "a = = ) 1\nb 2", `a = ? = ?, 1, b(2)`},
		{"stray ends are passed over", "end\n}\nx 1", `x(1)`},
		{"a lambda is opaque", "only_if -> { a }\nx ->(y) do z end", `only_if(?), x(?)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse([]byte(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, all(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseRemembersLines(t *testing.T) {
	got, err := Parse([]byte("a 1\n\nb <<-X, [\nthe\nbody\nX\n  2\n]\nc(\n  'x' => \"p\nq\",\n  'y' => 3)\n"))
	if err != nil {
		t.Fatal(err)
	}
	pairs := got[2].Args[0].Pairs
	lines := []int{got[0].Line, got[1].Line, got[1].Args[1].Args[0].Line, got[2].Line, pairs[0].Value.Line, pairs[1].Key.Line}
	if diff := cmp.Diff([]int{1, 3, 7, 9, 10, 12}, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseOfHostileInputEndsInAnError(t *testing.T) {
	tests := []struct{ name, source string }{
		{"deep brackets", strings.Repeat("[", 100_000)},
		{"deep calls", strings.Repeat("a(", 100_000)},
		{"deep negations", strings.Repeat("!", 100_000) + "a"},
		{"deep blocks", strings.Repeat("a do\n", 100_000)},
		{"deep conditions", strings.Repeat("if a\n", 100_000)},
		{"an open string", "a 'b\nc 1"},
		{"many open strings", strings.Repeat("%(\n", 50_000)},
		{"too large", strings.Repeat("#", 5<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.source)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("default['a'] = \"x#{node['b']}\"\nif a then b else c end\n")
	f.Add("x <<~A, %w(a b)\n  #{1\nA\n{a: 1, 'b' => [2]}.each { |k, v| k ? v : nil }")
	f.Add("case a\nwhen 1 then foo 'x' do |y| end\nend end )")
	f.Fuzz(func(t *testing.T, source string) {
		got, _ := Parse([]byte(source))
		lines := strings.Count(source, "\n") + 1
		for _, e := range got {
			if e.Line < 1 || e.Line > lines {
				t.Errorf("line %d of %d", e.Line, lines)
			}
		}
	})
}
