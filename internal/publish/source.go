package publish

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// Source is what a bundle is built from: sources that [Load] read and found
// well-formed. It is immutable.
type Source struct {
	Ref      mesh.BundleRef
	Version  bundle.Version
	Document *policy.Document // merged with the bases that it extends

	config      bundle.Config
	files       []bundle.File
	created     time.Time
	annotations map[string]string
	suites      []*cases.Suite
	controls    policy.ControlIndex
}

// Build packs the bundle. It does not run the cases: see [Source.Check].
func (s *Source) Build() (*bundle.Artifact, error) {
	a, err := bundle.Pack(bundle.Source{
		Config:      s.config,
		Files:       s.files,
		Created:     s.created,
		Annotations: s.annotations,
	})
	if err != nil {
		return nil, fmt.Errorf("building %s %s: %w", s.Ref, s.Version, err)
	}
	return a, nil
}

// describe fills the config that is signed.
func describe(doc *policy.Document, m metadata, index policy.ControlIndex) bundle.Config {
	rules := engine.RuleIndex(doc, index)
	c := bundle.Config{
		Namespace: m.ref.Namespace,
		Name:      m.ref.Name,
		Version:   m.version.String(),
		Title:     cmp.Or(m.title, doc.Name),
		Summary:   cmp.Or(m.summary, doc.Description),
		Vendor:    m.vendor,
		Licence:   m.licence,
		Modes:     []mesh.Mode{doc.Enforcement.Mode},
		Engine:    doc.Version,
		RuleIndex: rules,
		Inputs:    engine.Inputs(doc),
		Extends:   extended(doc),
	}
	c.Controls = controlsOf(doc, rules)
	for _, more := range []struct {
		how    bundle.How
		labels []mesh.ControlID
	}{
		{bundle.HowEvidenced, resolveAll(doc, m.evidenced, index)},
		{bundle.HowAttested, resolveAll(doc, m.attested, index)},
	} {
		for _, id := range more.labels {
			c.Controls = addControl(c.Controls, id, more.how)
		}
	}
	if doc.Framework.Value != "" {
		c.Frameworks = append(c.Frameworks, engine.Framework(doc, index))
	}
	for _, control := range c.Controls {
		c.Frameworks = append(c.Frameworks, control.Framework)
	}
	return c
}

// controlsOf accounts for the controls that rules serve. A policy that only
// watches, in monitor or audit mode, refuses nothing: it gives evidence.
func controlsOf(doc *policy.Document, rules map[string][]mesh.ControlID) []bundle.Control {
	how := bundle.HowEnforced
	if doc.Enforcement.Mode != mesh.ModeEnforce {
		how = bundle.HowEvidenced
	}
	var out []bundle.Control
	for _, ids := range rules {
		for _, id := range ids {
			out = addControl(out, id, how)
		}
	}
	return out
}

// addControl adds a control unless it is there already: the first means by
// which a control is served is the strongest.
func addControl(list []bundle.Control, id mesh.ControlID, how bundle.How) []bundle.Control {
	if slices.ContainsFunc(list, func(c bundle.Control) bool { return c.ControlID() == id }) {
		return list
	}
	return append(list, bundle.Control{Framework: id.Framework(), ID: id.Local(), How: how})
}
