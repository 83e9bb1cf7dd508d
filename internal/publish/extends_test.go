package publish_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// base builds the example and returns it as a base of others.
func base(t *testing.T) *bundle.Base {
	t.Helper()
	b, err := build(t, load(t, filepath.Join("testdata", "export"), publish.LoadOptions{})).Base()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// only finds the bases given.
func only(bases ...*bundle.Base) publish.BaseFunc {
	return func(name mesh.BundleRef, d mesh.Digest) (*bundle.Base, error) {
		for _, b := range bases {
			if b.Digest == d {
				return b, nil
			}
		}
		return nil, mesh.Errorf(mesh.CodeUnavailable, "the hub does not answer").WithHint("name it with --base")
	}
}

// profileOf writes the sources of a policy that extends a base.
func profileOf(t *testing.T, b *bundle.Base, rest string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "profile")
	write(t, dir, "bundle.yaml", "namespace: acme\nname: hospital\nversion: 1.0.0\n")
	write(t, dir, "policy.yaml", "version: \"3.0.0\"\nname: Hospital\nextends: "+b.Name+"@"+string(b.Digest)+"\n"+rest)
	write(t, dir, "hospital_test.yaml", "policy: policy.yaml\nbase: {action: {type: egress}, data: {categories: []}}\ncases:\n"+
		"  - {name: the base's rule holds, given: {egress: {host: other.example}}, want: {violations: [drawings]}}\n"+
		"  - {name: the profile's rule holds, given: {egress: {host: files.example}, environment: ward}, want: {violations: [ward]}}\n")
	return dir
}

const ward = "rules:\n  custom: [{id: ward, require: '!has(environment) || environment != \"ward\"', controls: [\"gdpr:Art.7\"]}]\n"

func TestProfileFromSourcesToDecision(t *testing.T) {
	t.Parallel()
	parent := base(t)
	s := load(t, profileOf(t, parent, ward), publish.LoadOptions{Base: only(parent)})
	if report, err := s.Check(t.Context()); err != nil || report.Cases.Passed != 2 || len(report.Cases.Coverage) != 3 {
		t.Fatalf("checking: %v %+v", err, report)
	}
	b := build(t, s)
	want := []string{"acme/export-control@" + string(parent.Digest)}
	if diff := cmp.Diff(want, b.Config.Extends); diff != "" {
		t.Errorf("extends (-want +got):\n%s", diff)
	}
	if len(b.Config.RuleIndex) != 3 || len(b.Config.RuleIndex["drawings"]) == 0 {
		t.Errorf("rule index %v", b.Config.RuleIndex)
	}
	if _, ok := b.Params(); !ok {
		t.Error("the parameters of the base are not the bundle's")
	}
	// From here on there is nothing but the bundle.
	d, err := publish.Describe(b)
	if err != nil || len(d.Rules) != 3 || !cmp.Equal(d.Extends, want) || !strings.Contains(d.Text, "drawings") {
		t.Errorf("described %+v, %v", d, err)
	}
	if report, err := publish.Check(t.Context(), b, controls{}); err != nil || report.Cases.Passed != 2 {
		t.Errorf("checking the bundle: %v %+v", err, report)
	}
	p, err := publish.Policy(b, "", map[string]any{"approvedHosts": []any{"partner.example"}})
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile([]engine.Policy{p})
	if err != nil {
		t.Fatal(err)
	}
	host, environment := "files.example", "ward"
	var r engine.Result
	program.Evaluate(t.Context(), &mesh.Action{
		Action: mesh.Operation{Type: mesh.TypeEgress}, Environment: &environment, Data: &mesh.Data{Categories: []string{}}, Egress: &mesh.Egress{Host: &host},
	}, engine.Inline, &r)
	if len(r.Violations) != 2 || r.Violations[0].RuleID != "drawings" || !cmp.Equal(r.Violations[1].Controls, []mesh.ControlID{"gdpr:Art.7"}) {
		t.Errorf("decided %+v", r)
	}
}

// TestProfileOfAProfile: a bundle carries what its base extends, too, and what
// a base carries is enough to build on it.
func TestProfileOfAProfile(t *testing.T) {
	t.Parallel()
	parent := base(t)
	middle := build(t, load(t, profileOf(t, parent, ward), publish.LoadOptions{Base: only(parent)}))
	carried, err := middle.Bases()
	if err != nil {
		t.Fatal(err)
	}
	itself, err := middle.Base()
	if err != nil {
		t.Fatal(err)
	}
	dir := profileOf(t, itself, "rules:\n  custom: [{id: night, require: 'true'}]\n")
	b := build(t, load(t, dir, publish.LoadOptions{Base: only(append(carried, itself)...)}))
	if len(b.Config.Extends) != 2 || b.Config.Extends[1] != "acme/export-control@"+string(parent.Digest) || len(b.Config.RuleIndex) != 4 {
		t.Errorf("built %+v", b.Config)
	}
	if _, err := publish.Policy(b, "", nil); err != nil {
		t.Error(err)
	}
}

// TestKeptBases: sources that a bundle was unpacked into build it again, with
// nothing else at hand.
func TestKeptBases(t *testing.T) {
	t.Parallel()
	parent := base(t)
	dir := profileOf(t, parent, ward)
	first := build(t, load(t, dir, publish.LoadOptions{Base: only(parent)}))
	for _, f := range bundle.BaseFiles([]*bundle.Base{parent}) {
		write(t, dir, f.Title, string(f.Data))
	}
	if again := build(t, load(t, dir, publish.LoadOptions{})); again.Digest != first.Digest {
		t.Errorf("digest %s, want %s", again.Digest, first.Digest)
	}
	write(t, dir, "base/1/policy.yaml", string(parent.Rules)+"# more\n")
	_, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{})
	if err != nil || len(findings) != 1 || findings[0].Rule != "unresolved-base" || !strings.Contains(findings[0].Message, "the manifest promises") {
		t.Errorf("a base that was changed: %v %v", findings, err)
	}
}

func TestLoadProfileFindings(t *testing.T) {
	t.Parallel()
	parent := base(t)
	other := *parent
	other.Name = "acme/other"
	nameless := *parent
	nameless.Name = ""
	for _, tt := range []struct {
		name, rest string
		find       publish.BaseFunc
		rule, want string
	}{
		{"nobody to ask", ward, nil, "unresolved-base", "it is not here"},
		{"another bundle's digest", ward, only(&other), "unresolved-base", "the bundle with that digest is acme/other"},
		{"a bundle without a name", ward, only(&nameless), "unresolved-base", "does not say whose it is"},
		{"something else", ward, func(mesh.BundleRef, mesh.Digest) (*bundle.Base, error) { return &bundle.Base{Digest: "sha256:0"}, nil }, "unresolved-base", "found sha256:0 in its place"},
		{"wider", "rules: {data_collection: {consent_required: false}}\n", only(parent), "widens-base", "consent_required is false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := profileOf(t, parent, tt.rest)
			s, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{Base: tt.find})
			findings = slices.DeleteFunc(findings, func(f mesh.Finding) bool { return f.Rule == "unknown-rule" }) // the cases are for the ward
			if err != nil || s != nil || len(findings) != 1 {
				t.Fatalf("got %v, %v, %v; want one finding", s, findings, err)
			}
			if f := findings[0]; f.File != filepath.Join(dir, "policy.yaml") || f.Line < 3 || f.Rule != tt.rule || !strings.Contains(f.Message, tt.want) {
				t.Errorf("finding %v, want %q", f, tt.want)
			}
		})
	}
}

// TestLoadProfileWithoutItsHub: that nobody answers is no fault of the policy.
func TestLoadProfileWithoutItsHub(t *testing.T) {
	t.Parallel()
	dir := profileOf(t, base(t), ward)
	write(t, dir, "cases/other_test.yaml", "policy: ../policy.yaml\ncases: [{name: a, given: {action: {type: x}}}]\n")
	s, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{Base: only()})
	if s != nil || len(findings) != 1 || findings[0].Message != "the key want is missing" || !strings.Contains(err.Error(), filepath.Join(dir, "policy.yaml")+":3:10: ") || mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) != "name it with --base" || !strings.Contains(err.Error(), "cannot be read: the hub does not answer") {
		t.Errorf("got %v, %v, %v", s, findings, err)
	}
}

// TestCarriedBasesMustFit: whoever signs a bundle may have packed it with tools
// of their own.
func TestCarriedBasesMustFit(t *testing.T) {
	t.Parallel()
	parent := base(t)
	profile := build(t, load(t, profileOf(t, parent, ward), publish.LoadOptions{Base: only(parent)}))
	stranger, err := profile.Base()
	if err != nil {
		t.Fatal(err)
	}
	own := func() []bundle.File {
		var out []bundle.File
		for _, f := range profile.Files {
			if f.MediaType != bundle.MediaTypeBaseManifest && f.MediaType != bundle.MediaTypeBaseRules {
				out = append(out, f)
			}
		}
		return out
	}
	rules := func(from, to string) []bundle.File {
		out := append(own(), bundle.BaseFiles([]*bundle.Base{parent})...)
		for i, f := range out {
			if f.MediaType == bundle.MediaTypeRules {
				if !strings.Contains(string(f.Data), from) {
					t.Fatalf("the policy does not hold %q", from)
				}
				out[i].Data = []byte(strings.Replace(string(f.Data), from, to, 1))
			}
		}
		return out
	}
	for _, tt := range []struct {
		name, want string
		files      []bundle.File
		extends    []string
	}{
		{"the base is left out", "does not go together with its base", own(), profile.Config.Extends},
		{"another base", "does not go together with its base", append(own(), bundle.BaseFiles([]*bundle.Base{stranger})...), profile.Config.Extends},
		{"a base more", "carries 2 bases, of which its policy extends 1", append(own(), bundle.BaseFiles([]*bundle.Base{parent, stranger})...), profile.Config.Extends},
		{"a base that nobody extends", "carries 1 bases, of which its policy extends 0", rules("extends:", "# extends:"), profile.Config.Extends},
		{"the config is silent", "it extends []", profile.Files, nil},
		{"the config names another", "it extends [acme/other@", profile.Files, []string{"acme/other@" + string(parent.Digest)}},
		{"a policy that widens", "does not go together with its base", rules("rules:\n", "rules:\n  data_collection: {consent_required: false}\n"), profile.Config.Extends},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := profile.Config
			config.Extends = tt.extends
			a, err := bundle.Pack(bundle.Source{Config: config, Files: tt.files})
			if err != nil {
				t.Fatal(err)
			}
			b, err := bundle.Read(t.Context(), a, a.Digest())
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{
				"Policy":   second(publish.Policy(b, "", nil)),
				"Describe": second(publish.Describe(b)),
				"Check":    second(publish.Check(t.Context(), b, nil)),
			} {
				if mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(fmt.Sprint(err), tt.want) {
					t.Errorf("%s: %v, want %q", what, err, tt.want)
				}
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzProfile loads any policy document as a profile of the example.
func FuzzProfile(f *testing.F) {
	dir := f.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "export"))); err != nil {
		f.Fatal(err)
	}
	s, _, err := publish.Load(f.Context(), dir, publish.LoadOptions{Controls: controls{}})
	if err != nil {
		f.Fatal(err)
	}
	a, err := s.Build()
	if err != nil {
		f.Fatal(err)
	}
	b, err := bundle.Read(f.Context(), a, a.Digest())
	if err != nil {
		f.Fatal(err)
	}
	parent, err := b.Base()
	if err != nil {
		f.Fatal(err)
	}
	head := "version: \"3.0.0\"\nname: n\nextends: acme/export-control@" + string(parent.Digest) + "\n"
	f.Add([]byte(head + ward))
	f.Add([]byte("version: \"3.0.0\"\nname: n\nextends: acme/export-control@sha256:" + strings.Repeat("0", 64) + "\nrules: {}\n"))
	f.Add([]byte(head + "rules: {}\nparams: {approvedHosts: {type: array, items: {type: string}, maxItems: 3}}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		dir := t.TempDir()
		write(t, dir, "policy.yaml", string(src))
		s, findings, err := publish.Load(t.Context(), dir, publish.LoadOptions{Ref: "acme/fuzz:1.0.0", Base: only(parent)})
		if mesh.CodeOf(err) == mesh.CodeUnavailable {
			return // it extends another base
		}
		if err != nil {
			t.Fatal(err)
		}
		if (s == nil) != mesh.HasErrors(findings) {
			t.Fatalf("source %v with findings %v", s, findings)
		}
		if s == nil {
			return
		}
		if _, err := s.Check(t.Context()); err != nil {
			return
		}
		builds(t, s)
	})
}
