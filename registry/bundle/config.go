package bundle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/ai-agent-mesh/mesh"
)

// How says by what means a bundle serves a control.
type How string

// The means, strongest first.
const (
	HowEnforced  How = "enforced"  // an action that violates it is refused
	HowEvidenced How = "evidenced" // violations are recorded, not refused
	HowAttested  How = "attested"  // somebody has to declare it
)

// Valid reports whether h is one of the three means.
func (h How) Valid() bool { return h == HowEnforced || h == HowEvidenced || h == HowAttested }

// Control is one control a bundle serves.
type Control struct {
	Framework mesh.FrameworkID `json:"framework"`
	ID        string           `json:"id"` // as the framework spells it, such as "Art.6"
	How       How              `json:"how"`
}

// ControlID joins framework and id.
func (c Control) ControlID() mesh.ControlID { return mesh.NewControlID(c.Framework, c.ID) }

// Config is the signed description of a bundle. The manifest names it by
// digest, so whoever trusts the manifest's digest trusts these names, the
// version and the controls: they are compared with where the bundle was found
// and with what was subscribed.
type Config struct {
	Namespace  mesh.Namespace     `json:"namespace"`
	Name       string             `json:"name"`
	Version    string             `json:"version"` // semantic version 2.0 of the release, without a v
	Title      string             `json:"title"`
	Summary    string             `json:"summary"`
	Vendor     string             `json:"vendor"`
	Licence    string             `json:"licence"` // SPDX expression
	Frameworks []mesh.FrameworkID `json:"frameworks"`
	Controls   []Control          `json:"controls"`
	Modes      []mesh.Mode        `json:"modes"` // the modes its documents ask for
	// Engine is the lowest version of the policy language that understands
	// the document.
	Engine string `json:"engine"`
	// RuleIndex holds for every rule the controls it serves. A runtime takes
	// the controls of a decision from here and needs no catalog of controls.
	RuleIndex map[string][]mesh.ControlID `json:"ruleIndex"`
	// Inputs are the paths of the action the rules look at, such as
	// "data.purpose".
	Inputs []string `json:"inputs"`
	// Extends names the bundles whose policies this one narrows, as
	// namespace/name@sha256:…, the nearest first. The bundle carries their
	// documents: see [Base].
	Extends []string `json:"extends,omitzero"`
}

// Ref returns the bundle's name.
func (c *Config) Ref() mesh.BundleRef { return mesh.BundleRef{Namespace: c.Namespace, Name: c.Name} }

// ParseConfig reads a config. It is strict: a member that is unknown, repeated
// or in another case, a second value, or a name or version that is malformed
// is refused with [mesh.CodePolicyInvalid]. A field this program does not
// understand might restrict what the bundle means, and one that two readers
// understand differently might let a bundle pass for another.
func ParseConfig(data []byte) (*Config, error) {
	if len(data) > MaxConfigSize {
		return nil, malformed("the bundle's config has %d bytes, more than the %d allowed", len(data), MaxConfigSize)
	}
	var c Config
	if err := jsonv2.Unmarshal(data, &c, jsonv2.RejectUnknownMembers(true)); err != nil {
		return nil, malformed("reading the bundle's config: %w", err)
	}
	if err := c.validate(); err != nil {
		return nil, malformed("the bundle's config: %w", err)
	}
	c.normalize()
	return &c, nil
}

// validate checks what the types cannot say.
func (c *Config) validate() error {
	if _, err := mesh.ParseBundleRef(c.Ref().String()); err != nil {
		return err
	}
	if _, err := ParseVersion(c.Version); err != nil {
		return err
	}
	if c.Engine != "" {
		if _, err := ParseVersion(c.Engine); err != nil {
			return fmt.Errorf("engine: %w", err)
		}
	}
	for _, m := range c.Modes {
		if !m.Valid() {
			return fmt.Errorf("mode %q is none of enforce, monitor, audit", m)
		}
	}
	for _, f := range c.Frameworks {
		if f == "" {
			return errors.New("a framework has no id")
		}
	}
	for _, ctl := range c.Controls {
		if ctl.Framework == "" || ctl.ID == "" || !ctl.How.Valid() {
			return fmt.Errorf("control %q (%q) is incomplete", ctl.ControlID(), ctl.How)
		}
	}
	if len(c.Extends) > MaxBases {
		return fmt.Errorf("it extends %d bundles, more than %d", len(c.Extends), MaxBases)
	}
	for _, base := range c.Extends {
		if s, err := mesh.ParseSubscription(base); err != nil || s.Kind() != mesh.SelectDigest || s.String() != base {
			return fmt.Errorf("it extends %q, which is not namespace/name@digest", base)
		}
	}
	for rule, ids := range c.RuleIndex {
		for _, id := range ids {
			if id.Framework() == "" || id.Local() == "" {
				return fmt.Errorf("rule %q names control %q, which is not framework:id", rule, id)
			}
		}
	}
	return nil
}

// normalize sorts what has no order of its own and replaces nil lists by
// empty ones, so that equal configs have equal bytes.
func (c *Config) normalize() {
	c.Frameworks = sortedSet(c.Frameworks, cmp.Compare)
	c.Controls = sortedSet(c.Controls, func(a, b Control) int {
		return cmp.Or(cmp.Compare(a.Framework, b.Framework), cmp.Compare(a.ID, b.ID), cmp.Compare(a.How, b.How))
	})
	c.Modes = sortedSet(c.Modes, cmp.Compare)
	c.Inputs = sortedSet(c.Inputs, cmp.Compare)
	index := make(map[string][]mesh.ControlID, len(c.RuleIndex))
	for rule, ids := range c.RuleIndex {
		index[rule] = sortedSet(ids, cmp.Compare)
	}
	c.RuleIndex = index
	if len(c.Extends) == 0 {
		c.Extends = nil // which configs that extend nothing have never named
	}
}

// sortedSet returns a sorted copy of list without repetitions, never nil.
func sortedSet[T comparable](list []T, compare func(a, b T) int) []T {
	out := append(make([]T, 0, len(list)), list...)
	slices.SortFunc(out, compare)
	return slices.Compact(out)
}

// canonical returns the bytes of v that are signed: members in the order of
// their declaration, map keys sorted, no white space, no HTML escapes.
func canonical(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
