package publish

import (
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// maxSearchText bounds the text that a bundle contributes to a search index,
// in bytes. What a person writes fits; a book does not.
const maxSearchText = 256 << 10

// Description is what a catalog lists of a bundle. No list in it is nil.
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
	Extends    []string          // the bundles it narrows, as namespace/name@digest, the nearest first
	Rules      []RuleDescription // in the order of the document
	Readme     string            // Markdown, as its author wrote it; empty if there is none
	Params     []byte            // JSON Schema; nil if the bundle takes none
	Text       string            // everything in words, for full-text search
}

// RuleDescription describes one rule.
type RuleDescription struct {
	ID             string
	Controls       []mesh.ControlID // never nil
	Severity       mesh.Severity
	Message        string
	Recommendation string
}

// Describe reads a bundle for a catalog. The error has
// [mesh.CodePolicyInvalid], and findings where the document is at fault; a
// policy whose expressions do not compile is refused too.
func Describe(b *bundle.Bundle) (*Description, error) {
	doc, err := checkedDocument(b)
	if err != nil {
		return nil, err
	}
	if findings := engine.Lint(doc, nil); mesh.HasErrors(findings) {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the policy of %s %s does not compile", b.Config.Ref(), b.Config.Version).WithFindings(yamldoc.Bound(findings))
	}
	version, err := bundle.ParseVersion(b.Config.Version)
	if err != nil {
		return nil, err
	}
	c := b.Config
	d := &Description{
		Ref: c.Ref(), Version: version, Title: c.Title, Summary: c.Summary, Vendor: c.Vendor, Licence: c.Licence,
		Frameworks: c.Frameworks, Controls: c.Controls, Modes: c.Modes, Extends: append([]string{}, c.Extends...), Rules: describeRules(doc, c.RuleIndex),
	}
	if readme, ok := b.Readme(); ok {
		d.Readme = strings.ToValidUTF8(string(readme.Data), "�")
	}
	if params, ok := b.Params(); ok {
		d.Params = params.Data
	}
	d.Text = searchText(d, doc)
	return d, nil
}

func describeRules(doc *policy.Document, index map[string][]mesh.ControlID) []RuleDescription {
	out := make([]RuleDescription, 0, len(doc.Rules))
	for _, r := range doc.Rules {
		out = append(out, RuleDescription{
			ID: r.ID, Controls: index[r.ID], Severity: r.Severity, Message: r.Message, Recommendation: r.Recommendation,
		})
	}
	return out
}

// searchText puts the words somebody may search for one after the other, the
// most telling first, because the end may be cut off.
func searchText(d *Description, doc *policy.Document) string {
	var b strings.Builder
	add := func(words ...string) {
		for _, w := range words {
			if w = strings.TrimSpace(w); w != "" && b.Len()+len(w) < maxSearchText {
				b.WriteString(w)
				b.WriteByte('\n')
			}
		}
	}
	add(d.Title, d.Summary, d.Ref.String(), d.Vendor, doc.Name, doc.Description, doc.Framework.Value)
	for _, f := range d.Frameworks {
		add(string(f))
	}
	for _, c := range d.Controls {
		add(string(c.ControlID()))
	}
	for _, r := range d.Rules {
		add(r.ID, r.Message, r.Recommendation)
	}
	const chunk = 4 << 10
	for rest := d.Readme; rest != ""; {
		cut := min(len(rest), chunk)
		if i := strings.LastIndexAny(rest[:cut], " \n"); cut < len(rest) && i > 0 {
			cut = i + 1
		}
		add(strings.ToValidUTF8(rest[:cut], ""))
		rest = rest[cut:]
	}
	return b.String()
}
