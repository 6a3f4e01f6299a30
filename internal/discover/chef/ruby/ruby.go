// Package ruby reads the literal part of Ruby: assignments, calls with their blocks, hashes, arrays, strings and the
// conditions around them, each with its line. Source goes in, a list of expressions comes out. It runs nothing, and
// it is tolerant: what it does not understand becomes an Opaque expression and the next line is read as usual.
package ruby

import "example.org/caravan/internal/syntax"

// Kind is the shape of an Expr.
type Kind uint8

// The shapes.
const (
	Opaque       Kind = iota // not understood
	Nil                      // nil
	Bool                     // Text is "true" or "false"
	Number                   // Text as written, without underscores
	String                   // Text; with interpolation Args hold the pieces, String and Interpolated, and Text is empty
	Symbol                   // Text without the colon
	Array                    // Args
	Hash                     // Pairs
	Name                     // a variable, a constant, or a call with neither receiver nor arguments: Text
	Call                     // Text with Args, on Recv unless that is nil; Block when one is given
	Index                    // Recv[Args…]
	Assign                   // Recv gets Args[0]; Text is the operator, "=", "||=", "+=" …
	Binary                   // Args[0] Text Args[1]
	Not                      // !Args[0]
	Branch                   // Text "if", "case" or "?:"; see Arm
	Sequence                 // Args are statements: begin, class, a loop's body
	Interpolated             // Args[0] inside #{…}; Text is the source, braces included
)

// Expr is one expression. Which fields are set depends on Kind.
type Expr struct {
	Kind   Kind
	Line   int
	Text   string
	Recv   *Expr
	Args   []Expr
	Pairs  []Pair
	Arms   []Arm
	Block  []Expr
	Params []string // of the block
}

// Pair is one entry of a hash.
type Pair struct {
	Key, Value Expr
}

// Arm is one way through a Branch. When lists the conditions, one of which must hold (for a case: values its subject,
// the Branch's Recv, must equal); an empty list is the else arm. Unless turns the conditions round.
type Arm struct {
	When   []Expr
	Unless bool
	Body   []Expr
}

// maxDepth bounds nesting; real configuration stays far below.
const maxDepth = 2 * syntax.MaxDepth

// Parse reads a file. The error, if any, is a *syntax.Error about a file too large, too deep or cut short; what was
// understood until then is returned with it.
func Parse(src []byte) ([]Expr, error) {
	if len(src) > syntax.MaxBytes {
		return nil, &syntax.Error{Text: "larger than a configuration file can be"}
	}
	return parse(string(src), 1, 0)
}

func parse(src string, line, depth int) ([]Expr, error) {
	lex := lexer{src: src, line: line, depth: depth}
	lex.run()
	p := parser{tokens: lex.tokens, depth: depth}
	out := p.program()
	if lex.err != nil {
		return out, lex.err
	}
	if p.err != nil {
		return out, p.err
	}
	return out, nil
}
