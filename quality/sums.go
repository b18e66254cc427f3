package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
)

// place is where a mutant is, as gremlins tells it.
type place struct {
	file         string
	line, column int
}

// stringSums finds where a package adds strings. gremlins makes differences of them, which do not compile, and takes the
// compiler's refusal for a test's: they must not count.
func stringSums(dir string) (map[place]bool, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := config.Check(dir, fset, files, info); err != nil {
		return nil, fmt.Errorf("types of %s: %w", dir, err)
	}
	found := map[place]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			sum, ok := n.(*ast.BinaryExpr)
			if !ok || sum.Op != token.ADD {
				return true
			}
			if basic, ok := info.TypeOf(sum).Underlying().(*types.Basic); ok && basic.Info()&types.IsString != 0 {
				at := fset.Position(sum.OpPos)
				found[place{filepath.Base(at.Filename), at.Line, at.Column}] = true
			}
			return true
		})
	}
	return found, nil
}
