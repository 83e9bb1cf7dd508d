package archtest

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestFunctionsStayShort(t *testing.T) {
	t.Parallel()
	pkgs := load(t)
	for _, p := range pkgs {
		for _, f := range p.files {
			for _, decl := range f.syntax.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if lines := positions.Position(fn.End()).Line - positions.Position(fn.Pos()).Line + 1; lines > maxFunction {
					t.Errorf("%s: %s has %d lines, at most %d", f.name, fn.Name.Name, lines, maxFunction)
				}
			}
		}
	}
}

func TestPackageNamesSaySomething(t *testing.T) {
	t.Parallel()
	pkgs := load(t)
	for _, p := range pkgs {
		for element := range strings.SplitSeq(p.path, "/") {
			if slices.Contains(saysNothing, element) {
				t.Errorf("%s: %q tells no reader what is inside", p.path, element)
			}
		}
		for _, f := range p.files {
			name := strings.TrimSuffix(f.syntax.Name.Name, "_test")
			if name != "main" && name != path.Base(joined(p.path)) && p.path != "" {
				t.Errorf("%s: package %s in a folder of another name", f.name, f.syntax.Name.Name)
			}
		}
	}
}

// Tests belong to their package even where every file is one; a package whose
// code says nothing about itself is found by its readers alone.
func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	pkgs := load(t)
	for _, p := range pkgs {
		documented := slices.ContainsFunc(p.files, func(f file) bool { return !f.test && f.syntax.Doc != nil })
		if p.hasCode() && !documented {
			t.Errorf("package %s has no package comment", p.path)
		}
	}
}

func TestNoInitNoNolint(t *testing.T) {
	t.Parallel()
	pkgs := load(t)
	for _, p := range pkgs {
		for _, f := range p.files {
			for _, decl := range f.syntax.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: func init works behind the reader's back: construct what is needed where it is needed", f.name)
				}
			}
			for _, group := range f.syntax.Comments {
				for _, c := range group.List {
					if strings.HasPrefix(strings.TrimLeft(c.Text, "/* "), "nolint") {
						t.Errorf("%s: nolint: change the code or the set of linters", f.name)
					}
				}
			}
		}
	}
}
