package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
)

// The kinds of mutants, by gremlins's names.
const (
	arithmeticBase       = "ARITHMETIC_BASE"
	conditionalsBoundary = "CONDITIONALS_BOUNDARY"
	conditionalsNegation = "CONDITIONALS_NEGATION"
	incrementDecrement   = "INCREMENT_DECREMENT"
	invertNegatives      = "INVERT_NEGATIVES"
)

// kinds are those that gremlins makes of each operator unless it is told otherwise.
var kinds = map[token.Token][]string{
	token.ADD: {arithmeticBase}, token.MUL: {arithmeticBase}, token.QUO: {arithmeticBase}, token.REM: {arithmeticBase},
	token.SUB: {invertNegatives, arithmeticBase},
	token.EQL: {conditionalsNegation}, token.NEQ: {conditionalsNegation},
	token.LSS: {conditionalsBoundary, conditionalsNegation}, token.LEQ: {conditionalsBoundary, conditionalsNegation},
	token.GTR: {conditionalsBoundary, conditionalsNegation}, token.GEQ: {conditionalsBoundary, conditionalsNegation},
	token.INC: {incrementDecrement}, token.DEC: {incrementDecrement},
}

// site is an operator in the source that has mutants.
type site struct {
	place
	kinds []string
	// first is the number of the mutant of the first kind; the others follow. Mutants are numbered from 1.
	first int
	// never: the mutants do not compile, as the difference of two strings.
	never bool
}

// edit is a piece of source that is put in at an offset, in place of so many bytes.
type edit struct {
	at, instead int
	order       int // of those at the same offset: what ends, what stands between, what begins
	text        string
}

// instrumented is a package in which every mutant waits to be switched on.
type instrumented struct {
	sites   []site
	sources map[string]string // the text of each file that changed, by its path
}

// instrument puts all mutants of a package into its source: each operator becomes a call that does what the operator does,
// or what the mutant does whose number is switched on. Constants that are declared have none, nor have variables outside of functions:
// gremlins leaves them out, too, since Go's coverage does not see them.
func instrument(p *typed) (instrumented, error) {
	made := instrumented{sources: map[string]string{}}
	next := 1
	for i, file := range p.files {
		source := p.sources[i]
		var edits []edit
		for _, body := range bodies(file) {
			ast.Inspect(body, func(n ast.Node) bool {
				if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
					return false
				}
				at, op := operator(n)
				if kinds[op] == nil {
					return true
				}
				where := p.fset.Position(at)
				s := site{place: place{filepath.Base(where.Filename), where.Line, where.Column}, kinds: kinds[op], first: next}
				changed, ok := p.rewrite(n, op, next)
				s.never = !ok
				next += len(s.kinds)
				made.sites, edits = append(made.sites, s), append(edits, changed...)
				return true
			})
		}
		if len(edits) > 0 {
			made.sources[p.paths[i]] = apply(source, edits)
		}
	}
	if next == 1 {
		return made, fmt.Errorf("%s has nothing to mutate", p.dir)
	}
	return made, nil
}

// bodies returns the outermost function bodies of a file.
func bodies(file *ast.File) []*ast.BlockStmt {
	var all []*ast.BlockStmt
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			all = append(all, n.Body)
			return false
		case *ast.FuncLit:
			all = append(all, n.Body)
			return false
		}
		return true
	})
	return all
}

// operator returns the operator of a node and where it is.
func operator(n ast.Node) (token.Pos, token.Token) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return n.OpPos, n.Op
	case *ast.IncDecStmt:
		return n.TokPos, n.Tok
	case *ast.UnaryExpr:
		if n.Op == token.SUB {
			return n.OpPos, n.Op
		}
	}
	return token.NoPos, token.ILLEGAL
}

// rewrite makes a call of the operator; ok is false where its mutants would not compile.
func (p *typed) rewrite(n ast.Node, op token.Token, id int) (edits []edit, ok bool) {
	offset := func(pos token.Pos) int { return p.fset.Position(pos).Offset }
	// A call begins before what is inside, and ends after it: the larger node is met first.
	wrap := func(begin, end token.Pos, head string) {
		edits = append(edits, edit{at: offset(begin), order: id, text: head}, edit{at: offset(end), order: -id, text: ")"})
	}
	switch n := n.(type) {
	case *ast.IncDecStmt:
		sign := "+="
		if op == token.DEC {
			sign = "-="
		}
		text := string(p.text(n.X))
		return []edit{{at: offset(n.TokPos), instead: 2, text: fmt.Sprintf(" %s mutantStep(%d, %s)", sign, id, text)}}, true
	case *ast.UnaryExpr:
		wrap(n.OpPos, n.End(), "mutantNeg"+p.instance(n)+"("+strconv.Itoa(id)+", ")
		edits = append(edits, edit{at: offset(n.OpPos), instead: 1, order: 1 << 30})
		return edits, true
	case *ast.BinaryExpr:
		if op == token.EQL || op == token.NEQ {
			wrap(n.Pos(), n.End(), fmt.Sprintf("mutantNot(%d, ", id))
			return edits, true
		}
		if op == token.ADD && p.isString(n) {
			return nil, false
		}
		wrap(n.Pos(), n.End(), fmt.Sprintf("%s%s(%d, ", calls[op], p.instance(n), id))
		edits = append(edits, edit{at: offset(n.OpPos), instead: len(op.String()), text: ","})
		return edits, true
	}
	return nil, false
}

var calls = map[token.Token]string{
	token.ADD: "mutantAdd", token.SUB: "mutantSub", token.MUL: "mutantMul", token.QUO: "mutantQuo", token.REM: "mutantRem",
	token.LSS: "mutantLess", token.LEQ: "mutantLessEqual", token.GTR: "mutantMore", token.GEQ: "mutantMoreEqual",
}

// instance names the type of a constant, which the compiler cannot infer from its operands; empty for what is no constant.
func (p *typed) instance(e ast.Expr) string {
	if p.info.Types[e].Value == nil {
		return ""
	}
	return "[" + types.TypeString(types.Default(p.info.TypeOf(e)), func(other *types.Package) string {
		if other == p.pkg {
			return ""
		}
		return other.Name()
	}) + "]"
}

// apply makes the edits in a source.
func apply(source []byte, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return a.order - b.order
	})
	var out []byte
	from := 0
	for _, e := range edits {
		out = append(out, source[from:e.at]...)
		out = append(out, e.text...)
		from = e.at + e.instead
	}
	return string(append(out, source[from:]...))
}
