package publish

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// Expect says what a bundle has to be: where it was found or what was
// subscribed and, if the tag was a version, which. Zero fields are not
// compared.
type Expect struct {
	Ref     mesh.BundleRef
	Version string
}

// Verify checks that the bundle's signed config is about the bundle expected.
// A signature covers the digest alone, so without this anybody could serve a
// vendor's bundle under another name, or an old version as a new one. A
// difference is [mesh.CodePolicyInvalid].
func (e Expect) Verify(b *bundle.Bundle) error {
	if !e.Ref.IsZero() && b.Config.Ref() != e.Ref {
		return mesh.Errorf(mesh.CodePolicyInvalid, "the bundle found as %s says in its signed config that it is %s", e.Ref, b.Config.Ref()).
			WithHint("a bundle must be published under the name it was built for; build it again for this one")
	}
	if e.Version != "" && b.Config.Version != e.Version {
		return mesh.Errorf(mesh.CodePolicyInvalid, "the bundle found as %s %s says in its signed config that it is version %s", b.Config.Ref(), e.Version, b.Config.Version).
			WithHint("publish it under the version it was built as")
	}
	return nil
}

// Policy turns a bundle whose signature was verified into what engine.Compile
// takes, in the mode and with the parameters given (empty: the document's
// own). Decisions name the controls of the signed config. The error has
// [mesh.CodePolicyInvalid] and findings where the document is at fault, or
// [mesh.CodeInvalid] for an unknown mode.
func Policy(b *bundle.Bundle, mode mesh.Mode, params map[string]any) (engine.Policy, error) {
	if mode != "" && !mode.Valid() {
		return engine.Policy{}, mesh.Errorf(mesh.CodeInvalid, "%q is not a mode", mode).WithHint("use enforce, monitor or audit")
	}
	doc, err := checkedDocument(b)
	if err != nil {
		return engine.Policy{}, err
	}
	return engine.Policy{
		ID:       b.Config.Ref().String(),
		Digest:   b.Digest,
		Document: doc,
		Mode:     mode,
		Params:   params,
		Controls: b.Config.RuleIndex,
	}, nil
}

// checkedDocument parses the bundle's policy, merges it with the bases that the
// bundle carries, and compares the config with it.
func checkedDocument(b *bundle.Bundle) (*policy.Document, error) {
	rules := b.Rules()
	doc, findings := policy.Parse(rules.Title, rules.Data)
	if mesh.HasErrors(findings) || doc == nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the policy of %s %s does not parse", b.Config.Ref(), b.Config.Version).WithFindings(findings)
	}
	doc, err := resolveCarried(b, doc)
	if err != nil {
		return nil, err
	}
	if err := compare(&b.Config, doc); err != nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the signed config of %s %s does not fit its policy: %w", b.Config.Ref(), b.Config.Version, err).
			WithHint("build the bundle again with mesh policy build")
	}
	return doc, nil
}

// compare checks that the config does not claim what the document does not
// do, nor leave out what it does. Which controls a rule serves is the config's
// word: spelling them takes a catalog, which a runtime does not have.
func compare(c *bundle.Config, doc *policy.Document) error {
	if c.Engine != doc.Version {
		return fmt.Errorf("it names version %q of the policy language, the policy %q", c.Engine, doc.Version)
	}
	if !slices.Equal(c.Extends, extended(doc)) {
		return fmt.Errorf("it extends %v, the policy %v", c.Extends, extended(doc))
	}
	if !slices.Equal(c.Modes, []mesh.Mode{doc.Enforcement.Mode}) {
		return fmt.Errorf("it names the modes %v, the policy %s", c.Modes, doc.Enforcement.Mode)
	}
	have, want := slices.Sorted(maps.Keys(c.RuleIndex)), slices.Sorted(maps.Keys(engine.RuleIndex(doc, nil)))
	if missing := without(want, have); len(missing) > 0 {
		return fmt.Errorf("its rule index lacks %s", strings.Join(missing, ", "))
	}
	if extra := without(have, want); len(extra) > 0 {
		return fmt.Errorf("its rule index holds rules the policy does not have: %s", strings.Join(extra, ", "))
	}
	if err := compareControls(c, doc); err != nil {
		return err
	}
	return compareFrameworks(c, doc)
}

// compareControls checks that the control list and the rule index tell the
// same: what rules serve is listed, and what is listed as enforced has a rule.
func compareControls(c *bundle.Config, doc *policy.Document) error {
	served := controlsOf(doc, c.RuleIndex)
	for _, control := range served {
		if !slices.Contains(c.Controls, control) {
			return fmt.Errorf("its controls do not list %s as %s", control.ControlID(), control.How)
		}
	}
	for _, control := range c.Controls {
		if control.How == bundle.HowEnforced && !slices.Contains(served, control) {
			return fmt.Errorf("it lists %s as enforced, but no rule enforces it", control.ControlID())
		}
	}
	return nil
}

// compareFrameworks checks that the bundle is listed for the frameworks it has
// controls of, and for no other but the one the document names. How that one
// is spelled as an id takes a catalog.
func compareFrameworks(c *bundle.Config, doc *policy.Document) error {
	bare := 0
	if doc.Framework.Value != "" {
		bare = 1
	}
	for _, f := range c.Frameworks {
		if slices.ContainsFunc(c.Controls, func(ctl bundle.Control) bool { return ctl.Framework == f }) {
			continue
		}
		if bare--; bare < 0 {
			return fmt.Errorf("it names the framework %s, of which it has no control", f)
		}
	}
	for _, control := range c.Controls {
		if !slices.Contains(c.Frameworks, control.Framework) {
			return fmt.Errorf("it lists %s, but not its framework", control.ControlID())
		}
	}
	return nil
}

// without returns the elements of list that are not in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}
