package publish_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// controls is a small catalog.
type controls struct{}

func (controls) Known(f mesh.FrameworkID) bool { return f == "gdpr" }

func (controls) Resolve(f mesh.FrameworkID, label string) (mesh.ControlID, bool) {
	for _, c := range []string{"Art.5", "Art.6", "Art.7", "Art.30", "Art.37"} {
		if strings.EqualFold(c, strings.ReplaceAll(label, " ", "")) {
			return mesh.NewControlID(f, c), true
		}
	}
	return "", false
}

func (controls) Nearest(mesh.FrameworkID, string) string { return "Art.30" }

var exampleRef = mesh.BundleRef{Namespace: "acme", Name: "export-control"}

// copyExample copies the example's sources to a directory of their own.
func copyExample(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sources")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "export"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, dir, name, from, to string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		t.Fatalf("%s does not hold %q", name, from)
	}
	write(t, dir, name, strings.ReplaceAll(string(data), from, to))
}

func load(t *testing.T, dir string, opts publish.LoadOptions) *publish.Source {
	t.Helper()
	opts.Controls = controls{}
	s, findings, err := publish.Load(t.Context(), dir, opts)
	if err != nil || s == nil {
		t.Fatalf("loading %s: %v %v", dir, err, findings)
	}
	return s
}

func build(t *testing.T, s *publish.Source) *bundle.Bundle {
	t.Helper()
	a, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Read(t.Context(), a, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFromSourcesToDecision(t *testing.T) {
	t.Parallel()
	s := load(t, filepath.Join("testdata", "export"), publish.LoadOptions{})
	report, err := s.Check(t.Context())
	if err != nil || report.Cases == nil || report.Cases.Passed != 2 {
		t.Fatalf("checking: %v %+v", err, report)
	}
	b := build(t, s)
	want := bundle.Config{
		Namespace: "acme", Name: "export-control", Version: "1.2.0", Title: "Export control",
		Summary: "Personal data and drawings leave only to approved hosts.", Vendor: "Acme GmbH", Licence: "Apache-2.0",
		Frameworks: []mesh.FrameworkID{"acme-export", "gdpr"}, Modes: []mesh.Mode{mesh.ModeEnforce}, Engine: "3.0.0",
		Controls: []bundle.Control{
			{Framework: "acme-export", ID: "7.2", How: bundle.HowEnforced},
			{Framework: "gdpr", ID: "Art.30", How: bundle.HowEvidenced},
			{Framework: "gdpr", ID: "Art.37", How: bundle.HowAttested},
			{Framework: "gdpr", ID: "Art.5", How: bundle.HowEnforced},
			{Framework: "gdpr", ID: "Art.6", How: bundle.HowEnforced},
			{Framework: "gdpr", ID: "Art.7", How: bundle.HowEnforced},
		},
	}
	got := b.Config
	if len(got.RuleIndex["data_collection.consent_required"]) == 0 || !cmp.Equal(got.RuleIndex["drawings"], []mesh.ControlID{"acme-export:7.2", "gdpr:Art.5"}) || len(got.RuleIndex) != 2 {
		t.Errorf("rule index %v", got.RuleIndex)
	}
	if len(got.Inputs) == 0 {
		t.Error("no inputs")
	}
	got.RuleIndex, got.Inputs = nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	annotations := b.Manifest.Annotations
	if annotations[ocispec.AnnotationCreated] != "2026-10-01T00:00:00Z" || annotations[ocispec.AnnotationSource] != "https://git.example/acme/export-control" {
		t.Errorf("annotations %v", annotations)
	}
	if _, ok := b.Params(); !ok {
		t.Error("the bundle does not say which parameters it takes")
	}
	if tests := b.Tests(); len(tests) != 1 || tests[0].Title != "cases/eu/hosts_test.yaml" {
		t.Errorf("tests %v", tests)
	}
	decide(t, b)
}

// decide puts the bundle into force as a runtime does.
func decide(t *testing.T, b *bundle.Bundle) {
	t.Helper()
	if report, err := publish.Check(t.Context(), b, controls{}); err != nil || report.Cases.Passed != 2 {
		t.Errorf("checking the bundle: %v %+v", err, report)
	}
	p, err := publish.Policy(b, mesh.ModeMonitor, map[string]any{"approvedHosts": []any{"partner.example"}})
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "acme/export-control" || p.Digest != b.Digest || p.Mode != mesh.ModeMonitor {
		t.Errorf("policy %+v", p)
	}
	program, err := engine.Compile([]engine.Policy{p})
	if err != nil {
		t.Fatal(err)
	}
	host := "files.example"
	var r engine.Result
	program.Evaluate(t.Context(), &mesh.Action{Action: mesh.Operation{Type: mesh.TypeEgress}, Data: &mesh.Data{Categories: []string{}}, Egress: &mesh.Egress{Host: &host}}, engine.Inline, &r)
	if !r.Allowed || r.WouldAllow || len(r.Violations) != 1 || !cmp.Equal(r.Violations[0].Controls, []mesh.ControlID{"acme-export:7.2", "gdpr:Art.5"}) {
		t.Errorf("decided %+v", r)
	}
}

func TestSameSourcesSameDigest(t *testing.T) {
	t.Parallel()
	want := build(t, load(t, filepath.Join("testdata", "export"), publish.LoadOptions{})).Digest
	dir := copyExample(t)
	old := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "policy.yaml"), old, old); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".git/hidden_test.yaml", "not a case")
	write(t, dir, "notes.txt", "not part of it")
	if got := build(t, load(t, dir, publish.LoadOptions{})).Digest; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	replace(t, dir, "README.md", "Keeps", "Leaves")
	if got := build(t, load(t, dir, publish.LoadOptions{})).Digest; got == want {
		t.Error("another README has the same digest")
	}
}

func TestReadingCasesStopsWithItsContext(t *testing.T) {
	t.Parallel()
	b := build(t, load(t, filepath.Join("testdata", "export"), publish.LoadOptions{}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, _, err := publish.Load(ctx, filepath.Join("testdata", "export"), publish.LoadOptions{}); s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Load: %v, %v", s, err)
	}
	if report, err := publish.Check(ctx, b, controls{}); report == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Check: %v, %v", report, err)
	}
}

// TestCasesAreBoundedTogether has a bundle of files that are each as large as a
// file of cases may be: the hub reads all of them.
func TestCasesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	dir := copyExample(t)
	src := "base: {action: {type: egress}}\ncases:\n"
	for i := range cases.MaxCases {
		src += fmt.Sprintf("  - {name: c%d, want: {allowed: true}}\n", i)
	}
	for i := range cases.FullFiles { // beside those of the example
		write(t, dir, fmt.Sprintf("cases/large%d_test.yaml", i), src)
	}
	s, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{Controls: controls{}})
	if s != nil || err != nil || len(findings) != 1 || findings[0].Message != "the files of cases together hold more than 20000 cases" {
		t.Errorf("%v, %v, %v", s, findings, err)
	}
}

func TestSourceDateEpoch(t *testing.T) {
	dir := copyExample(t)
	replace(t, dir, "bundle.yaml", "created: 2026-10-01\n", "")
	created := func() string {
		return build(t, load(t, dir, publish.LoadOptions{})).Manifest.Annotations[ocispec.AnnotationCreated]
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	if got := created(); got != "1970-01-01T00:00:00Z" {
		t.Errorf("created %s without anything said", got)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1780000000")
	if got := created(); got != "2026-05-28T20:26:40Z" {
		t.Errorf("created %s from SOURCE_DATE_EPOCH", got)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, _, err := publish.Load(t.Context(), dir, publish.LoadOptions{}); mesh.CodeOf(err) != mesh.CodeInvalid || mesh.HintOf(err) == "" {
		t.Errorf("a time that is none: %v", err)
	}
}

func TestLonePolicyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "export", "policy.yaml")
	b := build(t, load(t, file, publish.LoadOptions{Ref: "acme/lone:0.1.0"}))
	if b.Config.Ref().String() != "acme/lone" || b.Config.Version != "0.1.0" || len(b.Tests()) != 0 {
		t.Errorf("built %+v", b.Config)
	}
	for ref, want := range map[string]string{
		"":                "does not say whose",
		"acme/lone":       "names no version",
		"lone:1.0.0":      "has no namespace",
		"acme/lone:v1":    "not a semantic version",
		"acme/Lone:1.0.0": "not a valid name",
	} {
		if _, _, err := publish.Load(t.Context(), file, publish.LoadOptions{Ref: ref}); mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), want) || mesh.HintOf(err) == "" {
			t.Errorf("--ref %q: %v, want %q", ref, err, want)
		}
	}
	if _, _, err := publish.Load(t.Context(), filepath.Join(t.TempDir(), "none"), publish.LoadOptions{}); mesh.CodeOf(err) != mesh.CodeNotFound {
		t.Errorf("nothing there: %v, want %s", err, mesh.CodeNotFound)
	}
}

// TestRefWins: --ref overrides bundle.yaml, and stands in for it.
func TestRefWins(t *testing.T) {
	t.Parallel()
	dir := copyExample(t)
	opts := publish.LoadOptions{Ref: "other/name:9.0.0"}
	if b := build(t, load(t, dir, opts)); b.Config.Ref().String() != "other/name" || b.Config.Version != "9.0.0" || b.Config.Vendor != "Acme GmbH" {
		t.Errorf("built %+v", b.Config)
	}
	if err := os.Remove(filepath.Join(dir, "bundle.yaml")); err != nil {
		t.Fatal(err)
	}
	if b := build(t, load(t, dir, opts)); b.Config.Ref().String() != "other/name" || b.Config.Vendor != "" {
		t.Errorf("built %+v", b.Config)
	}
}

// TestWatchingIsNotEnforcing: a policy that refuses nothing gives evidence.
func TestWatchingIsNotEnforcing(t *testing.T) {
	t.Parallel()
	dir := copyExample(t)
	replace(t, dir, "policy.yaml", "mode: enforce", "mode: monitor")
	b := build(t, load(t, dir, publish.LoadOptions{}))
	for _, c := range b.Config.Controls {
		if c.How == bundle.HowEnforced {
			t.Errorf("%s is listed as enforced", c.ControlID())
		}
	}
	if _, err := publish.Policy(b, "", nil); err != nil {
		t.Error(err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	d, err := publish.Describe(build(t, load(t, filepath.Join("testdata", "export"), publish.LoadOptions{})))
	if err != nil {
		t.Fatal(err)
	}
	if d.Ref != exampleRef || d.Version.String() != "1.2.0" || d.Title != "Export control" || len(d.Rules) != 2 || d.Params == nil || !strings.HasPrefix(d.Readme, "# Export") {
		t.Errorf("described %+v", d)
	}
	if r := d.Rules[1]; r.ID != "drawings" || r.Severity != mesh.SeverityHigh || len(r.Controls) != 2 {
		t.Errorf("rule %+v", r)
	}
	for _, word := range []string{"Acme GmbH", "gdpr:Art.6", "drawings", "Data leaves only", "where they belong"} {
		if !strings.Contains(d.Text, word) {
			t.Errorf("searching for %q would not find it", word)
		}
	}
}

// TestWhitepaperExample takes the policy of the whitepaper as it stands.
func TestWhitepaperExample(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("MESH_SHARED")
	if shared == "" {
		t.Skip("MESH_SHARED is not set: the whitepaper's examples are not here")
	}
	s := load(t, filepath.Join(shared, "examples", "gdpr-data-protection.yaml"), publish.LoadOptions{Ref: "acme/gdpr-data-protection:1.0.0"})
	if _, err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := build(t, s)
	if _, err := publish.Policy(b, "", nil); err != nil {
		t.Error(err)
	}
}

func TestMutate(t *testing.T) {
	t.Parallel()
	dir := copyExample(t)
	m, err := load(t, dir, publish.LoadOptions{}).Mutate(t.Context(), nil)
	if err != nil || m == nil || m.Tried == 0 || m.Caught == 0 || m.Skipped > 0 {
		t.Fatalf("Mutate = %+v, %v", m, err)
	}
	for _, x := range m.Mutants {
		if x.PolicyID != exampleRef.String() || !x.Caught && x.Hint == "" {
			t.Errorf("mutant %+v", x)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "cases")); err != nil {
		t.Fatal(err)
	}
	if m, err := load(t, dir, publish.LoadOptions{}).Mutate(t.Context(), nil); m != nil || err != nil {
		t.Errorf("without cases: Mutate = %+v, %v", m, err)
	}
}
