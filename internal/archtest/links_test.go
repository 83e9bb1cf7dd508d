package archtest

import (
	"errors"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	modulepath "golang.org/x/mod/module"
)

// TestLinks follows every import of each program, through our packages and
// through the module cache, to everything it links.
func TestLinks(t *testing.T) {
	t.Parallel()
	pkgs := load(t)
	cache, err := openCache()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pkgs {
		if !matches(p.path, "cmd/...") {
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			t.Parallel()
			l := linker{pkgs: pkgs, cache: cache, via: map[string]string{}}
			if err := l.follow(joined(p.path), ""); err != nil {
				t.Fatal(err)
			}
			if len(l.via) < 2 {
				t.Fatalf("%s links nothing: the walk is broken", p.path)
			}
			for linked := range l.via {
				if why := barred(p.path, linked); why != "" {
					t.Errorf("%s links %s: %s\n\t%s", p.path, linked, why, l.chain(linked))
				}
			}
		})
	}
}

// barred says why a program must not link a package; empty when it may.
func barred(program, linked string) string {
	if rel, own := ours(linked); own && support(rel) {
		return "test support has leaked into the product"
	}
	for mod, why := range refused {
		if within(linked, mod) && strings.HasPrefix(why, "tests") {
			return "test support has leaked into the product"
		}
	}
	if slices.ContainsFunc(linkedAnyway[program], func(tree string) bool { return within(linked, tree) }) {
		return ""
	}
	for target, why := range unlinked[program] {
		// A major version is a path element of its own or part of the last one.
		if within(linked, target) {
			return why
		}
	}
	return ""
}

// linker collects what a program links.
type linker struct {
	pkgs  []pkg
	cache *moduleCache
	via   map[string]string // package → who imported it first
}

func (l *linker) follow(imp, by string) error {
	if _, seen := l.via[imp]; seen || imp == "C" || imp == "unsafe" {
		return nil
	}
	l.via[imp] = by
	if standard(imp) {
		return nil
	}
	imports, err := l.importsOf(imp)
	if err != nil {
		return fmt.Errorf("%s, imported by %s: %w", imp, by, err)
	}
	for _, next := range imports {
		if err := l.follow(next, imp); err != nil {
			return err
		}
	}
	return nil
}

func (l *linker) importsOf(imp string) ([]string, error) {
	rel, own := ours(imp)
	if !own {
		return l.cache.imports(imp)
	}
	i := slices.IndexFunc(l.pkgs, func(p pkg) bool { return p.path == rel })
	if i < 0 {
		return nil, errors.New("no such package")
	}
	return l.pkgs[i].imports(false), nil
}

// chain tells how the program came to link the package.
func (l *linker) chain(imp string) string {
	chain := []string{imp}
	for by := l.via[imp]; by != ""; by = l.via[by] {
		chain = append(chain, by)
	}
	slices.Reverse(chain)
	return strings.Join(chain, " → ")
}

// moduleCache finds packages of other modules at the versions of go.mod, which
// lists every module that a package of ours needs (https://go.dev/ref/mod#graph-pruning).
type moduleCache struct {
	dir      string
	versions map[string]string
	context  build.Context
}

func openCache() (*moduleCache, error) {
	name := filepath.Join(root, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse(name, data, nil)
	if err != nil {
		return nil, err
	}
	if len(mod.Replace) > 0 {
		return nil, errors.New("go.mod has a replace directive: whoever imports this module would not get it")
	}
	c := &moduleCache{dir: cacheDir(), versions: map[string]string{}, context: build.Default}
	c.context.CgoEnabled = false // the programs are built without cgo
	for _, r := range mod.Require {
		c.versions[r.Mod.Path] = r.Mod.Version
	}
	return c, nil
}

// cacheDir is where the go command keeps modules (`go help environment`).
func cacheDir() string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	first, _, _ := strings.Cut(build.Default.GOPATH, string(filepath.ListSeparator))
	return filepath.Join(first, "pkg", "mod")
}

// imports returns what a package of another module imports on this platform.
func (c *moduleCache) imports(imp string) ([]string, error) {
	dir, err := c.find(imp)
	if err != nil {
		return nil, err
	}
	p, err := c.context.ImportDir(dir, 0)
	if noGo := new(build.NoGoError); errors.As(err, &noGo) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.Imports, nil
}

// find returns the directory of a package: in the module with the longest path
// that has it.
func (c *moduleCache) find(imp string) (string, error) {
	for mod := imp; mod != "."; mod = parent(mod) {
		version, ok := c.versions[mod]
		if !ok {
			continue
		}
		escaped, err := modulepath.EscapePath(mod)
		if err != nil {
			return "", err
		}
		escapedVersion, err := modulepath.EscapeVersion(version)
		if err != nil {
			return "", err
		}
		dir := filepath.Join(c.dir, filepath.FromSlash(escaped)+"@"+escapedVersion, filepath.FromSlash(strings.TrimPrefix(imp, mod)))
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return "", fmt.Errorf("not in the module cache %s: run `go mod download`", c.dir)
}

func parent(p string) string {
	if i := strings.LastIndex(p, "/"); i >= 0 {
		return p[:i]
	}
	return "."
}

func joined(rel string) string { return strings.TrimSuffix(module+"/"+rel, "/") }
