package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
)

// typed is a package's source without its tests, and what the compiler knows of it.
type typed struct {
	dir     string
	fset    *token.FileSet
	paths   []string
	sources [][]byte
	files   []*ast.File
	pkg     *types.Package
	info    *types.Info
}

func load(dir string) (*typed, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	p := &typed{dir: dir, fset: token.NewFileSet(), info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(p.fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.paths, p.sources, p.files = append(p.paths, name), append(p.sources, source), append(p.files, f)
	}
	config := types.Config{Importer: importer.ForCompiler(p.fset, "source", nil)}
	if p.pkg, err = config.Check(dir, p.fset, p.files, p.info); err != nil {
		return nil, fmt.Errorf("types of %s: %w", dir, err)
	}
	return p, nil
}

// text is the source of an expression.
func (p *typed) text(e ast.Expr) []byte {
	from, to := p.fset.Position(e.Pos()), p.fset.Position(e.End())
	for i, path := range p.paths {
		if path == from.Filename {
			return p.sources[i][from.Offset:to.Offset]
		}
	}
	return nil
}

// isString reports whether an expression is a string.
func (p *typed) isString(e ast.Expr) bool {
	basic, ok := p.info.TypeOf(e).Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}
