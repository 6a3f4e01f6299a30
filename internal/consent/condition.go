package consent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/overloads"

	"example.org/caravan/internal/document"
)

// variables are what a condition may look at.
var variables = []struct {
	name string
	of   *cel.Type
}{
	{"kind", cel.StringType},
	{"subject", cel.StringType},
	{"team", cel.StringType},
	{"wave", cel.IntType},
	{"preview", cel.ListType(cel.StringType)},
	{"datastore", cel.StringType},
	{"environment.name", cel.StringType},
	{"environment.kind", cel.StringType},
	{"environment.country", cel.StringType},
	{"environment.production", cel.BoolType},
	{"now", cel.TimestampType},
}

func variableNames() []string {
	out := make([]string, len(variables))
	for i, v := range variables {
		out[i] = v.name
	}
	return out
}

// costLimit bounds the work of one condition, in CEL's units; Kubernetes allows ten times as much, about 0.1 s, for one
// expression of an admission policy.
const costLimit = 100_000

// depthLimit bounds how deep a condition is nested. What people write stays far below; types grow with the depth.
const depthLimit = 50

// language is CEL with the variables of a step. Time zones by name are left out: they would be looked up in files, and
// freeze windows are there for them.
func language() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ParserRecursionLimit(depthLimit),
		cel.StdLib(cel.StdLibSubset(env.NewLibrarySubset().AddExcludedFunctions(zoned()...))),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateDurationLiterals()),
	}
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, v.of))
	}
	return cel.NewCustomEnv(options...)
}

// zoned are the functions that look a time zone up by its name.
func zoned() []*env.Function {
	var out []*env.Function
	for name, overload := range map[string]string{
		overloads.TimeGetFullYear:     overloads.TimestampToYearWithTz,
		overloads.TimeGetMonth:        overloads.TimestampToMonthWithTz,
		overloads.TimeGetDayOfYear:    overloads.TimestampToDayOfYearWithTz,
		overloads.TimeGetDayOfMonth:   overloads.TimestampToDayOfMonthZeroBasedWithTz,
		overloads.TimeGetDate:         overloads.TimestampToDayOfMonthOneBasedWithTz,
		overloads.TimeGetDayOfWeek:    overloads.TimestampToDayOfWeekWithTz,
		overloads.TimeGetHours:        overloads.TimestampToHoursWithTz,
		overloads.TimeGetMinutes:      overloads.TimestampToMinutesWithTz,
		overloads.TimeGetSeconds:      overloads.TimestampToSecondsWithTz,
		overloads.TimeGetMilliseconds: overloads.TimestampToMillisecondsWithTz,
	} {
		out = append(out, env.NewFunction(name, env.NewMemberOverload(overload, env.NewTypeDesc("timestamp"),
			[]*env.TypeDesc{env.NewTypeDesc("string")}, env.NewTypeDesc("int"))))
	}
	return out
}

// compile makes a program of a condition, or says what is wrong with it and how to mend it.
func compile(in *cel.Env, text string) (cel.Program, error) {
	ast, issues := in.Compile(text)
	if issues.Err() != nil {
		return nil, complaint(issues)
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("gives %s; write a condition that is true or false, such as kind == \"service\"", ast.OutputType())
	}
	cost, err := in.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, fmt.Errorf("cannot be measured (%s); make it simpler", oneLine(err.Error()))
	}
	if cost.Max > costLimit {
		return nil, fmt.Errorf("may take too long, up to %d units of work where %d are allowed; make it simpler, and look through preview once at most", cost.Max, costLimit)
	}
	return in.Program(ast, cel.CostLimit(costLimit), cel.EvalOptions(cel.OptOptimize)) // patterns are compiled once
}

// complaint is CEL's first complaint as one line with a mend.
func complaint(issues *cel.Issues) error {
	e := issues.Errors()[0]
	text, _, _ := strings.Cut(e.Message, " (in container")
	text, _, _ = strings.Cut(text, " expecting {")
	if name, ok := strings.CutPrefix(text, "undeclared reference to "); ok {
		return unknown(strings.Trim(name, "'"))
	}
	text = strings.TrimPrefix(oneLine(text), "Syntax error: ")
	if e.Location.Column() < 0 {
		return fmt.Errorf("is not understood: %s; make it simpler", text)
	}
	return fmt.Errorf("is not understood: %s, at character %d; write it as kind == \"datastore\" && environment.production", text, e.Location.Column()+1)
}

func unknown(name string) error {
	all := variableNames()
	if slices.ContainsFunc(all, func(known string) bool { return strings.HasPrefix(known, name+".") }) {
		return fmt.Errorf("asks of %s what is not known of it; it has name, kind, country and production", name)
	}
	if near, ok := document.Nearest(name, all); ok {
		return fmt.Errorf("knows no %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("knows no %q; the names here are %s", name, strings.Join(all, ", "))
}

// sizes are the largest values a condition is measured with. Larger ones still end at the cost limit.
type sizes struct{}

const (
	mostPreview = 1000 // lines
	mostText    = 300  // letters of one value
)

// EstimateSize gives the largest size of a variable.
func (sizes) EstimateSize(n checker.AstNode) *checker.SizeEstimate {
	switch {
	case strings.Join(n.Path(), ".") == "preview":
		return &checker.SizeEstimate{Max: mostPreview}
	case n.Type() != nil && n.Type().IsExactType(cel.StringType):
		return &checker.SizeEstimate{Max: mostText}
	}
	return nil
}

// EstimateCallCost leaves the cost of functions to CEL.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// applies reports whether a rule is about a step now. An error means that nobody can tell.
func (r Rule) applies(s Step, p Policy, now time.Time) (bool, error) {
	if r.When == "" {
		return true, nil
	}
	if r.condition == nil {
		return false, errors.New("its condition was never read")
	}
	value, _, err := r.condition.Eval(s.facts(p, now))
	if err != nil {
		return false, err
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, errors.New("its condition is neither true nor false")
	}
	return holds, nil
}
