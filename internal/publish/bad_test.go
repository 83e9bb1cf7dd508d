package publish_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/strictyaml"
)

func TestLoadFindings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string)
		file   string
		line   int
		rule   string
		want   string
	}{
		{"no bundle.yaml", func(t *testing.T, dir string) { remove(t, dir, "bundle.yaml") }, "bundle.yaml", 0, strictyaml.RuleMissing, "there is no bundle.yaml"},
		{"no policy.yaml", func(t *testing.T, dir string) { remove(t, dir, "policy.yaml") }, "policy.yaml", 0, strictyaml.RuleMissing, "there is no policy.yaml"},
		{"unknown key", func(t *testing.T, dir string) { replace(t, dir, "bundle.yaml", "licence:", "license:") }, "bundle.yaml", 6, strictyaml.RuleUnknownKey, `unknown key "license"`},
		{"missing version", func(t *testing.T, dir string) { replace(t, dir, "bundle.yaml", "version: 1.2.0\n", "") }, "bundle.yaml", 1, strictyaml.RuleMissing, "version is missing"},
		{"version that is none", func(t *testing.T, dir string) { replace(t, dir, "bundle.yaml", "1.2.0", "1.2") }, "bundle.yaml", 3, publish.RuleVersion, `"1.2" is not a semantic version`},
		{"bad namespace", func(t *testing.T, dir string) { replace(t, dir, "bundle.yaml", "namespace: acme", "namespace: Acme") }, "bundle.yaml", 1, publish.RuleName, `"Acme" is not a valid name`},
		{"bad name", func(t *testing.T, dir string) {
			replace(t, dir, "bundle.yaml", "name: export-control", "name: export/control")
		}, "bundle.yaml", 2, publish.RuleName, "not a valid name"},
		{"bad date", func(t *testing.T, dir string) { replace(t, dir, "bundle.yaml", "2026-10-01", "yesterday") }, "bundle.yaml", 7, publish.RuleCreated, "not a date"},
		{"long summary", func(t *testing.T, dir string) {
			replace(t, dir, "bundle.yaml", "Personal data", strings.Repeat("long ", 300))
		}, "bundle.yaml", 4, publish.RuleText, "more than the 1000"},
		{"unknown control", func(t *testing.T, dir string) { replace(t, dir, "bundle.yaml", "Art.37", "Art.370") }, "bundle.yaml", 11, publish.RuleControl, `has no control "Art.370"`},
		{"control without name", func(t *testing.T, dir string) { replace(t, dir, "bundle.yaml", "gdpr:Art.5", "gdpr:") }, "bundle.yaml", 9, publish.RuleControl, "does not name a control"},
		{"YAML that does not parse", func(t *testing.T, dir string) { write(t, dir, "bundle.yaml", "namespace: [acme\n") }, "bundle.yaml", 1, strictyaml.RuleSyntax, "does not parse"},
		{"policy that does not parse", func(t *testing.T, dir string) {
			replace(t, dir, "policy.yaml", "name: \"Export", "name: \"Export\" \"")
		}, "policy.yaml", 2, "", "not YAML"},
		{"policy with an unknown key", func(t *testing.T, dir string) { replace(t, dir, "policy.yaml", "enforcement:", "enforcment:") }, "policy.yaml", 21, "", "enforcment"},
		{"cases that do not parse", func(t *testing.T, dir string) { write(t, dir, "a_test.yaml", "cases: 1\n") }, "a_test.yaml", 1, "", ""},
		{"cases of another policy", func(t *testing.T, dir string) {
			replace(t, dir, "cases/eu/hosts_test.yaml", "../../policy.yaml", "../other.yaml")
		}, "cases/eu/hosts_test.yaml", 0, publish.RuleCasesPolicy, "not for the bundle's policy"},
		{"cases that are a link", func(t *testing.T, dir string) {
			symlink(t, filepath.Join(dir, "cases", "eu", "hosts_test.yaml"), filepath.Join(dir, "more_test.yaml"))
		}, "more_test.yaml", 0, publish.RuleCasesFile, "not a regular file"},
		{"cases too deep to be read", func(t *testing.T, dir string) {
			write(t, dir, "1/2/3/4/5/6/7/8/9/deep_test.yaml", "cases: []\n")
		}, "1/2/3/4/5/6/7/8/9/deep_test.yaml", 0, publish.RuleCasesFile, "deeper than 8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := copyExample(t)
			tt.change(t, dir)
			s, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{Controls: controls{}})
			if err != nil || s != nil {
				t.Fatalf("got source %v, error %v; want findings", s, err)
			}
			for _, f := range findings {
				if f.File == filepath.Join(dir, filepath.FromSlash(tt.file)) && f.Line == tt.line && strings.Contains(f.Message, tt.want) && (tt.rule == "" || f.Rule == tt.rule) {
					return
				}
			}
			t.Errorf("findings %v, want %s %q at %s:%d", findings, tt.rule, tt.want, tt.file, tt.line)
		})
	}
}

// A gate that finds no cases passes; it must find them however it is called.
func TestCasesBehindALinkAreRun(t *testing.T) {
	t.Parallel()
	dir := copyExample(t)
	link := filepath.Join(t.TempDir(), "link")
	symlink(t, dir, link)
	report, err := load(t, link, publish.LoadOptions{}).Check(t.Context())
	if err != nil || report.Cases == nil || report.Cases.Passed != 2 {
		t.Errorf("checking: %v %+v", err, report)
	}
	replace(t, dir, "cases/eu/hosts_test.yaml", "allowed: true", "allowed: false")
	if _, err := load(t, link, publish.LoadOptions{}).Check(t.Context()); mesh.CodeOf(err) != mesh.CodeCasesFailed {
		t.Errorf("cases that fail: %v", err)
	}
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, file, from, to, want string
		code                       mesh.Code
	}{
		{"unknown field", "policy.yaml", "egress.host in", "egress.hots in", "hots", mesh.CodePolicyInvalid},
		{"wrong type", "policy.yaml", `action.type == "egress"`, "action.type == 1", "", mesh.CodePolicyInvalid},
		{"unknown control", "policy.yaml", `"Art.5", "acme`, `"Art.500", "acme`, "Art.500", mesh.CodePolicyInvalid},
		{"parameter without default", "policy.yaml", "    default: [\"files.example\"]\n", "", "approvedHosts has no default", mesh.CodePolicyInvalid},
		{"case that fails", "cases/eu/hosts_test.yaml", "allowed: true", "allowed: false", "an approved host", mesh.CodeCasesFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := copyExample(t)
			replace(t, dir, tt.file, tt.from, tt.to)
			report, err := load(t, dir, publish.LoadOptions{}).Check(t.Context())
			var coded *mesh.Error
			if !errors.As(err, &coded) || coded.Code != tt.code || report == nil {
				t.Fatalf("got %v, report %v; want %s", err, report, tt.code)
			}
			for _, f := range coded.Findings {
				if f.Line > 0 && strings.HasPrefix(f.File, dir) && strings.Contains(f.Message, tt.want) {
					return
				}
			}
			t.Errorf("findings %v, want %q", coded.Findings, tt.want)
		})
	}
}

func TestExpect(t *testing.T) {
	t.Parallel()
	b := &bundle.Bundle{Config: bundle.Config{Namespace: "acme", Name: "export-control", Version: "1.2.0"}}
	for _, tt := range []struct {
		name   string
		expect publish.Expect
		want   string // empty: accepted
	}{
		{"nothing", publish.Expect{}, ""},
		{"the same", publish.Expect{Ref: exampleRef, Version: "1.2.0"}, ""},
		{"any version", publish.Expect{Ref: exampleRef}, ""},
		{"another name", publish.Expect{Ref: mesh.BundleRef{Namespace: "acme", Name: "gdpr"}}, "says in its signed config that it is acme/export-control"},
		{"another namespace", publish.Expect{Ref: mesh.BundleRef{Namespace: "mesh", Name: "export-control"}}, "it is acme/export-control"},
		{"an older one as newer", publish.Expect{Ref: exampleRef, Version: "2.0.0"}, "it is version 1.2.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.expect.Verify(b)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(err.Error(), tt.want) || mesh.HintOf(err) == "" {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestConfigMustFitThePolicy: a vendor's own tools may sign anything.
func TestConfigMustFitThePolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		change     func(b *bundle.Bundle)
	}{
		{"a rule is left out", "lacks drawings", func(b *bundle.Bundle) { delete(b.Config.RuleIndex, "drawings") }},
		{"a rule is invented", "does not have: ghost", func(b *bundle.Bundle) { b.Config.RuleIndex["ghost"] = nil }},
		{"another language", "policy language", func(b *bundle.Bundle) { b.Config.Engine = "3.1.0" }},
		{"another mode", "the modes", func(b *bundle.Bundle) { b.Config.Modes = []mesh.Mode{mesh.ModeAudit} }},
		{"a control is claimed", "no rule enforces it", func(b *bundle.Bundle) {
			b.Config.Controls = append(b.Config.Controls, bundle.Control{Framework: "hipaa", ID: "164.312(e)(1)", How: bundle.HowEnforced})
		}},
		{"a control is not listed", "do not list", func(b *bundle.Bundle) { b.Config.Controls = nil }},
		{"frameworks are claimed", "has no control", func(b *bundle.Bundle) {
			b.Config.Frameworks = append(b.Config.Frameworks, "hipaa", "soc2")
		}},
		{"a framework is not listed", "but not its framework", func(b *bundle.Bundle) {
			b.Config.Frameworks = []mesh.FrameworkID{"gdpr"}
		}},
		{"a policy that does not parse", "does not parse", func(b *bundle.Bundle) {
			for i := range b.Files {
				if b.Files[i].MediaType == bundle.MediaTypeRules {
					b.Files[i].Data = []byte("rules: [")
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := build(t, load(t, filepath.Join("testdata", "export"), publish.LoadOptions{}))
			tt.change(b)
			_, err := publish.Policy(b, "", nil)
			if mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Policy: %v, want %q", err, tt.want)
			}
			if _, err := publish.Describe(b); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
				t.Errorf("Describe: %v, want %s", err, mesh.CodePolicyInvalid)
			}
			if _, err := publish.Check(t.Context(), b, nil); mesh.CodeOf(err) != mesh.CodePolicyInvalid {
				t.Errorf("Check: %v, want %s", err, mesh.CodePolicyInvalid)
			}
		})
	}
	b := build(t, load(t, filepath.Join("testdata", "export"), publish.LoadOptions{}))
	if _, err := publish.Policy(b, "warn", nil); mesh.CodeOf(err) != mesh.CodeInvalid {
		t.Errorf("an unknown mode: %v, want %s", err, mesh.CodeInvalid)
	}
}

// FuzzMetadata reads any bundle.yaml beside a sound policy.
func FuzzMetadata(f *testing.F) {
	valid, err := os.ReadFile(filepath.Join("testdata", "export", "bundle.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	policy, err := os.ReadFile(filepath.Join("testdata", "export", "policy.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add([]byte("namespace: a\nname: b\nversion: 1.0.0\nattested: [\":\", \"x:y\", 1]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		write(t, dir, "bundle.yaml", string(data))
		write(t, dir, "policy.yaml", string(policy))
		s, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{Controls: controls{}})
		if err != nil {
			t.Fatal(err)
		}
		if (s == nil) != mesh.HasErrors(findings) {
			t.Fatalf("source %v with findings %v", s, findings)
		}
		if s == nil {
			return
		}
		builds(t, s)
	})
}

// builds holds sources without findings to a bundle that is taken.
func builds(t *testing.T, s *publish.Source) {
	t.Helper()
	a, err := s.Build()
	if err != nil {
		t.Fatalf("sources without findings do not build: %v", err)
	}
	b, err := bundle.Read(t.Context(), a, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publish.Policy(b, "", nil); err != nil {
		t.Errorf("what was built is refused: %v", err)
	}
}
