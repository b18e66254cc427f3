package main

import (
	"go/ast"
	"go/token"
	"path/filepath"
)

// place is where a mutant is, as gremlins tells it.
type place struct {
	file         string
	line, column int
}

// stringSums finds where a package adds strings. gremlins makes differences of them, which do not compile, and takes the
// compiler's refusal for a test's: they must not count.
func stringSums(dir string) (map[place]bool, error) {
	p, err := load(dir)
	if err != nil {
		return nil, err
	}
	found := map[place]bool{}
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if sum, ok := n.(*ast.BinaryExpr); ok && sum.Op == token.ADD && p.isString(sum) {
				at := p.fset.Position(sum.OpPos)
				found[place{filepath.Base(at.Filename), at.Line, at.Column}] = true
			}
			return true
		})
	}
	return found, nil
}
