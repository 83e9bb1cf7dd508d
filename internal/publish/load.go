package publish

import (
	"context"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// LoadOptions says how to read sources.
type LoadOptions struct {
	// Ref is "namespace/name:version". It is needed for a lone policy file and
	// wins over a bundle.yaml.
	Ref string
	// Controls resolves control labels. Nil accepts any as written.
	Controls policy.ControlIndex
}

// Source is what a bundle is built from.
type Source struct {
	Ref     mesh.BundleRef
	Version bundle.Version
}

// Report is the outcome of the publish gate.
type Report struct {
	Findings []mesh.Finding `json:"findings"` // warnings too
	Cases    *cases.Report  `json:"cases"`
}

// Load reads sources: a directory with bundle.yaml and policy.yaml, cases
// named *_test.yaml and README.md, or a lone policy file together with
// [LoadOptions.Ref]. The findings say everything that is wrong with what was
// read; the source is nil if any is an error. The error is for what could not
// be read at all.
func Load(path string, opts LoadOptions) (*Source, []mesh.Finding, error) {
	return nil, nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Check lints the policy and runs its cases. The error has
// [mesh.CodePolicyInvalid] with the findings, or [mesh.CodeCasesFailed]; the
// report is there in both cases.
func (s *Source) Check(ctx context.Context) (*Report, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Build packs the bundle. It does not run the cases.
func (s *Source) Build() (*bundle.Artifact, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Expect says what a bundle has to be: where it was found and, if it was
// subscribed or tagged as such, which version. Zero fields are not compared.
type Expect struct {
	Ref     mesh.BundleRef
	Version string
}

// Verify checks that the bundle's signed config is about the bundle expected.
// A difference is [mesh.CodePolicyInvalid].
func (e Expect) Verify(b *bundle.Bundle) error {
	return mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Policy turns a bundle whose signature was verified into what engine.Compile
// takes, in the mode and with the parameters given (empty: the document's
// own). The error has [mesh.CodePolicyInvalid].
func Policy(b *bundle.Bundle, mode mesh.Mode, params map[string]any) (engine.Policy, error) {
	return engine.Policy{}, mesh.Errorf(mesh.CodeUnsupported, "being built")
}

// Description is what a catalog lists of a bundle.
type Description struct {
	Ref        mesh.BundleRef
	Version    bundle.Version
	Title      string
	Summary    string
	Vendor     string
	Licence    string
	Frameworks []mesh.FrameworkID
	Controls   []bundle.Control
	Modes      []mesh.Mode
	Rules      []RuleDescription // in the order of the document
	Readme     string            // Markdown
	Params     []byte            // JSON Schema; nil if the bundle takes none
	Text       string            // everything in words, for full-text search
}

// RuleDescription describes one rule.
type RuleDescription struct {
	ID             string
	Controls       []mesh.ControlID
	Severity       mesh.Severity
	Message        string
	Recommendation string
}

// Describe parses a bundle for a catalog. The error has
// [mesh.CodePolicyInvalid] with findings.
func Describe(b *bundle.Bundle) (*Description, error) {
	return nil, mesh.Errorf(mesh.CodeUnsupported, "being built")
}
