package archtest

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the module's directory, seen from the one this test runs in.
const root = "../.."

// file is one Go file of the module.
type file struct {
	name    string // slash-separated, relative to the module
	test    bool   // belongs to tests alone
	syntax  *ast.File
	imports []string
}

// pkg is one directory of Go files.
type pkg struct {
	path  string // relative to the module; "" is the root package
	files []file
}

// imports returns the import paths of the package's code outside tests, or of
// its tests alone, sorted.
func (p pkg) imports(test bool) []string {
	var all []string
	for _, f := range p.files {
		if f.test == test {
			all = append(all, f.imports...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hasCode reports whether the package has files outside tests.
func (p pkg) hasCode() bool {
	return slices.ContainsFunc(p.files, func(f file) bool { return !f.test })
}

// positions belongs to the files that source parses.
var positions = token.NewFileSet()

// source is the module, parsed once for all tests.
var source = sync.OnceValues(func() ([]pkg, error) { return walk(positions) })

func load(t *testing.T) []pkg {
	t.Helper()
	pkgs, err := source()
	if err != nil {
		t.Fatalf("reading the module's source: %v", err)
	}
	return pkgs
}

// walk parses every Go file of the module. Like the go command it leaves out
// testdata, directories that begin with "." or "_", and modules of their own.
func walk(fset *token.FileSet) ([]pkg, error) {
	byDir := map[string]*pkg{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && foreign(name, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" {
			return nil
		}
		f, err := parse(fset, name, rel)
		if err != nil || f == nil {
			return err
		}
		dir := path.Dir(rel)
		if dir == "." {
			dir = ""
		}
		if byDir[dir] == nil {
			byDir[dir] = &pkg{path: dir}
		}
		byDir[dir].files = append(byDir[dir].files, *f)
		return nil
	})
	var pkgs []pkg
	for _, p := range byDir {
		pkgs = append(pkgs, *p)
	}
	slices.SortFunc(pkgs, func(a, b pkg) int { return strings.Compare(a.path, b.path) })
	return pkgs, err
}

// foreign reports whether a directory holds nothing of this module.
func foreign(name, base string) bool {
	if base == "testdata" || base == "node_modules" || base == "bin" ||
		strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}

// parse reads one file. Files of every platform count; a file that is built
// only when named, by the constraint "ignore", is no part of any package.
func parse(fset *token.FileSet, name, rel string) (*file, error) {
	syntax, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if ignored(syntax) {
		return nil, nil
	}
	f := &file{name: rel, test: strings.HasSuffix(rel, "_test.go"), syntax: syntax}
	for _, spec := range syntax.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, imp)
	}
	return f, nil
}

func ignored(syntax *ast.File) bool {
	for _, group := range syntax.Comments {
		if group.Pos() >= syntax.Package {
			return false
		}
		for _, c := range group.List {
			if expr, err := constraint.Parse(c.Text); err == nil && !expr.Eval(func(tag string) bool { return tag != "ignore" }) {
				return true
			}
		}
	}
	return false
}

// ours returns an import path relative to the module, and whether it is ours.
func ours(imp string) (rel string, ok bool) {
	if imp == module {
		return "", true
	}
	return strings.CutPrefix(imp, module+"/")
}

// standard reports whether an import path is the standard library's: no
// element of a domain in front.
func standard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".")
}

// within reports whether the path is the tree's root or below it.
func within(p, tree string) bool {
	return p == tree || strings.HasPrefix(p, tree+"/")
}

// matches reports whether a package of ours is what the pattern names.
func matches(p, pattern string) bool {
	tree, ok := strings.CutSuffix(pattern, "/...")
	if ok {
		return within(p, tree)
	}
	return p == pattern
}

func matchesAny(p string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(p, pattern) })
}

// decides returns the longest pattern of a table that matches the package.
func decides(p string, table map[string][]string) (string, bool) {
	best, found := "", false
	for pattern := range table {
		if matches(p, pattern) && (!found || len(pattern) > len(best)) {
			best, found = pattern, true
		}
	}
	return best, found
}

// support reports whether a package exists to support tests: registrytest
// beside registry.
func support(p string) bool {
	base := path.Base(p)
	return strings.HasSuffix(base, "test") && p != "internal/archtest"
}
