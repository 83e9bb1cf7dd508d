package archtest

import (
	"fmt"
	"slices"
	"testing"
)

func TestEveryPackageIsPlaced(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		report(t, unplaced(p))
	}
}

func unplaced(p pkg) (problems []string) {
	if _, ok := decides(p.path, layers); !ok {
		problems = append(problems, fmt.Sprintf("package %q is in no layer: place it in layers and say in ARCHITECTURE.md what it is for", p.path))
	}
	if p.path == "runtime" {
		problems = append(problems, "the folder runtime/ must hold no package of its own: its name would shadow the standard one")
	}
	return problems
}

func TestImportsOfOurOwn(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		report(t, foreignToLayer(p))
	}
}

func foreignToLayer(p pkg) (problems []string) {
	pattern, ok := decides(p.path, layers)
	if !ok {
		return nil // reported by unplaced
	}
	for _, imp := range p.imports(false) {
		to, own := ours(imp)
		if !own {
			continue
		}
		if !matchesAny(to, layers[pattern]) {
			problems = append(problems, fmt.Sprintf("%q imports %q: %q may import only %q", p.path, to, pattern, layers[pattern]))
		}
		if by, ok := decides(to, reserved); ok && !support(p.path) && !matchesAny(p.path, reserved[by]) {
			problems = append(problems, fmt.Sprintf("%q imports %q, which is for %q alone", p.path, to, reserved[by]))
		}
		if support(to) && !support(p.path) {
			problems = append(problems, fmt.Sprintf("%q imports %q: test support belongs into tests", p.path, to))
		}
	}
	return problems
}

// Tests may reach for more than the code they test, for the real thing beside
// a narrow interface above all, but not across the line between registry and
// engine, and not for a whole program.
func TestImportsOfTests(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		report(t, foreignToTests(p))
	}
}

func foreignToTests(p pkg) (problems []string) {
	for _, imp := range p.imports(true) {
		to, own := ours(imp)
		if !own {
			continue
		}
		if matches(to, "cmd/...") {
			problems = append(problems, fmt.Sprintf("the tests of %q import the program %s", p.path, to))
		}
		if pattern, ok := decides(p.path, apart); ok && matchesAny(to, apart[pattern]) {
			problems = append(problems, fmt.Sprintf("the tests of %q import %q, which is not theirs to know", p.path, to))
		}
	}
	return problems
}

func TestOwnersOfModules(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		report(t, foreignModules(p))
	}
}

func foreignModules(p pkg) (problems []string) {
	for _, imp := range append(p.imports(false), p.imports(true)...) {
		for mod, why := range refused {
			if within(imp, mod) {
				problems = append(problems, fmt.Sprintf("%q imports %s: %s", p.path, imp, why))
			}
		}
	}
	if support(p.path) {
		return problems
	}
	for _, imp := range p.imports(false) {
		if _, own := ours(imp); own || standard(imp) {
			continue
		}
		mod, placed := owner(imp)
		switch {
		case !placed && slices.ContainsFunc(testOnly, func(m string) bool { return within(imp, m) }):
			problems = append(problems, fmt.Sprintf("%q imports %s, which is for tests", p.path, imp))
		case !placed:
			problems = append(problems, fmt.Sprintf("%q imports %s, which nobody owns: a new dependency is a decision, place it in owners", p.path, imp))
		case !matchesAny(p.path, owners[mod]):
			problems = append(problems, fmt.Sprintf("%q imports %s, which belongs to %q", p.path, imp, owners[mod]))
		}
	}
	return problems
}

// owner returns the longest entry of owners that holds the import path.
func owner(imp string) (string, bool) {
	best := ""
	for mod := range owners {
		if within(imp, mod) && len(mod) > len(best) {
			best = mod
		}
	}
	return best, best != ""
}

func TestPureTrees(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		report(t, impure(p))
	}
}

func impure(p pkg) (problems []string) {
	pattern, ok := decides(p.path, pure)
	if !ok || support(p.path) {
		return nil
	}
	for _, imp := range p.imports(false) {
		if slices.ContainsFunc(pure[pattern], func(barred string) bool { return within(imp, barred) }) {
			problems = append(problems, fmt.Sprintf("%q imports %s: it answers from its arguments alone", p.path, imp))
		}
	}
	return problems
}

func TestVocabularyAndWireContractUseTheStandardLibraryAlone(t *testing.T) {
	t.Parallel()
	for _, p := range load(t) {
		if p.path != "" && p.path != "catalog/hubapi" {
			continue
		}
		for _, imp := range p.imports(false) {
			if _, own := ours(imp); !own && !standard(imp) {
				t.Errorf("package %q imports %s", p.path, imp)
			}
		}
	}
}

// TestRulesBite shows every rule a package that breaks it.
func TestRulesBite(t *testing.T) {
	t.Parallel()
	code := func(p string, imports ...string) pkg { return pkg{p, []file{{imports: imports}}} }
	tests := []struct {
		name  string
		check func(pkg) []string
		pkg   pkg
		want  int
	}{
		{"unplaced package", unplaced, code("internal/nowhere"), 1},
		{"package at runtime/", unplaced, code("runtime"), 1},
		{"placed package", unplaced, code("runtime/journal"), 0},
		{"registry to engine", foreignToLayer, code("registry/bundle", module+"/engine"), 1},
		{"engine to registry", foreignToLayer, code("engine/policy", module+"/registry"), 1},
		{"vocabulary to anything", foreignToLayer, code("", module+"/internal/httpx"), 1},
		{"runtime to catalog", foreignToLayer, code("runtime/subscribe", module+"/catalog"), 1},
		{"runtime to hubapi", foreignToLayer, code("runtime/subscribe", module+"/catalog/hubapi"), 0},
		{"service to its store", foreignToLayer, code("catalog/index", module+"/catalog/sqlite"), 1},
		{"test support in code", foreignToLayer, code("catalog", module+"/registry/registrytest"), 1},
		{"second interpreter to the first", foreignToLayer, code("engine/enginetest", module+"/engine/expr"), 1},
		{"test across the line", foreignToTests, pkg{"engine", []file{{test: true, imports: []string{module + "/registry"}}}}, 1},
		{"test imports a program", foreignToTests, pkg{"internal/hub", []file{{test: true, imports: []string{module + "/cmd/mesh"}}}}, 1},
		{"module of another owner", foreignModules, code("catalog", "github.com/sigstore/cosign/v2/pkg/cosign"), 1},
		{"module of nobody", foreignModules, code("engine", "example.com/left-pad"), 1},
		{"module for tests", foreignModules, code("engine", "github.com/google/go-cmp/cmp"), 1},
		{"module refused", foreignModules, pkg{"engine", []file{{test: true, imports: []string{"github.com/stretchr/testify/require"}}}}, 1},
		{"engine reads files", impure, code("engine/cases", "os"), 1},
		{"engine reads an fs.FS", impure, code("engine/cases", "io/fs"), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.check(tt.pkg); len(got) != tt.want {
				t.Errorf("problems %q, want %d", got, tt.want)
			}
		})
	}
	if barred("cmd/mesh-runtime", module+"/catalog/api") == "" || barred("cmd/mesh-runtime", module+"/catalog/hubapi") != "" {
		t.Error("mesh-runtime may link catalog/hubapi and nothing else of the catalog")
	}
	if barred("cmd/mesh", module+"/registry/registrytest") == "" {
		t.Error("no program may link test support")
	}
}

// TestRulesLive fails on rules about packages, modules and edges that are gone.
func TestRulesLive(t *testing.T) {
	t.Parallel()
	pkgs := load(t)
	live := func(pattern string) bool {
		return slices.ContainsFunc(pkgs, func(p pkg) bool { return matches(p.path, pattern) })
	}
	for name, table := range map[string]map[string][]string{"layers": layers, "reserved": reserved, "apart": apart, "pure": pure} {
		for pattern, others := range table {
			if !live(pattern) {
				t.Errorf("%s has a rule for %q, which holds no package", name, pattern)
			}
			for _, other := range others {
				if name != "pure" && !live(other) {
					t.Errorf("%s names %q in the rule for %q, but no such package exists", name, other, pattern)
				}
			}
		}
	}
	for mod, trees := range owners {
		for _, tree := range trees {
			if !slices.ContainsFunc(pkgs, func(p pkg) bool { return matches(p.path, tree) && importsModule(p, mod) }) {
				t.Errorf("owners lets %q import %s, which it does not do", tree, mod)
			}
		}
	}
	for program, targets := range unlinked {
		if !live(program) {
			t.Errorf("unlinked has a rule for %q, which holds no package", program)
		}
		for target := range targets {
			if rel, own := ours(target); own && !live(rel+"/...") {
				t.Errorf("unlinked names %s, which holds no package", target)
			}
		}
	}
}

func importsModule(p pkg, mod string) bool {
	return slices.ContainsFunc(p.imports(false), func(imp string) bool {
		best, ok := owner(imp)
		return ok && best == mod
	})
}

func report(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}
