package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

// Lint reports everything that is wrong with the meaning of a document that
// [policy.Parse] accepted: CEL that does not compile, an optional field read
// without has(), unknown controls, and what engine/analyze proves of rules. A nil
// index accepts any control as written. Findings are in the order of the file;
// warnings about a base are left to its author.
func Lint(doc *policy.Document, controls policy.ControlIndex) []mesh.Finding {
	checked := check(doc)
	checked.lintPresence()
	findings := slices.Concat(checked.findings, checked.analyze(doc, controls))
	for i := range doc.Rules {
		for _, label := range doc.Rules[i].Controls {
			findings = append(findings, lintControl(doc, label, controls)...)
		}
	}
	seen := map[policy.Label]bool{} // one may be said of several rules
	for _, b := range doc.Bindings {
		for _, label := range b.Controls {
			if !seen[label] {
				findings = append(findings, lintControl(doc, label, controls)...)
			}
			seen[label] = true
		}
	}
	findings = append(findings, lintUnserved(doc, controls)...)
	findings = append(findings, checked.lintActionTypes(doc)...)
	if len(doc.Bases) > 0 {
		findings = slices.DeleteFunc(findings, func(f mesh.Finding) bool { return f.File != doc.File && f.Level == mesh.LevelWarning })
	}
	slices.SortStableFunc(findings, func(a, b mesh.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	return findings
}

// lintControl checks that a control exists, if its framework is in the catalog.
func lintControl(doc *policy.Document, label policy.Label, controls policy.ControlIndex) []mesh.Finding {
	framework, local := splitControl(doc, label.Value, controls)
	finding := mesh.Finding{Position: label.Position, Level: mesh.LevelError, Rule: "unknown-control"}
	switch {
	case framework == "":
		finding.Message = "the control " + label.Value + " names no framework"
		finding.Hint = "write it as framework:control, for example gdpr:Art.6"
		return []mesh.Finding{finding}
	case local == "":
		finding.Message = label.Value + " names no control"
		finding.Hint = "write it as framework:control, for example gdpr:Art.6"
		return []mesh.Finding{finding}
	case controls == nil || !controls.Known(framework):
		return nil
	}
	if _, ok := controls.Resolve(framework, local); ok {
		return nil
	}
	finding.Message = string(framework) + " has no control " + local
	if nearest := controls.Nearest(framework, local); nearest != "" {
		finding.Hint = "did you mean " + nearest + "?"
	}
	return []mesh.Finding{finding}
}

// lintUnserved warns of built-in rules whose decisions would name no control
// although the document names a framework.
func lintUnserved(doc *policy.Document, controls policy.ControlIndex) []mesh.Finding {
	if doc.Framework.Value == "" {
		return nil
	}
	var out []mesh.Finding
	index := RuleIndex(doc, controls)
	for i := range doc.Rules {
		r := &doc.Rules[i]
		if r.Primitive == "" || len(index[r.ID]) > 0 {
			continue
		}
		out = append(out, mesh.Finding{
			Position: r.Position, Level: mesh.LevelWarning, Rule: "no-controls",
			Message: r.ID + " serves no known control of " + doc.Framework.Value + ", so its decisions are no evidence for it",
			Hint:    "name the controls: controls: {" + r.ID + ": [\"" + string(Framework(doc, controls)) + ":…\"]}",
		})
	}
	return out
}

// lintActionTypes warns of action types that look like misspelt ones: a rule
// about them would never look at anything.
func (c *checkedPolicy) lintActionTypes(doc *policy.Document) []mesh.Finding {
	var out []mesh.Finding
	report := func(name string, at mesh.Position) {
		if meant := misspeltType(name); meant != "" {
			out = append(out, mesh.Finding{
				Position: at, Level: mesh.LevelWarning, Rule: "unusual-action-type",
				Message: "the action type " + yamldoc.Shorten(name) + " is none that the built-in sections know, but resembles one",
				Hint:    spelling.DidYouMean(name, []string{meant}),
			})
		}
	}
	for i := range doc.Rules {
		source := &doc.Rules[i]
		for _, label := range source.ActionTypes {
			report(label.Value, label.Position)
		}
		if source.Primitive != "" || i >= len(c.rules) {
			continue
		}
		for _, part := range []struct {
			compiled *expr.Expr
			source   policy.Expr
		}{{c.rules[i].when, source.When}, {c.rules[i].require, source.Require}} {
			if part.compiled == nil {
				continue
			}
			for _, literal := range part.compiled.TypeLiterals() {
				report(literal.Type, part.source.At(literal.Offset))
			}
		}
	}
	return out
}

// misspeltType returns the known action type that was probably meant; empty for
// a known one and for one that resembles none. Each part of the name must be
// near by itself: data.load is no misspelt data.read.
func misspeltType(name string) string {
	types := mesh.ActionTypes()
	if slices.Contains(types, name) {
		return ""
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("._- ", r) })
	for _, known := range types {
		near := func(a, b string) bool { return spelling.Nearest(a, []string{b}) != "" }
		if slices.EqualFunc(parts, strings.Split(known, "."), near) {
			return known
		}
	}
	return ""
}

// Framework returns the id of the framework that the document names, forgiving
// about case and separators ("SOC 2" is soc2); empty if it names none. A
// framework the catalog does not know keeps its name in lower case with
// hyphens.
func Framework(doc *policy.Document, controls policy.ControlIndex) mesh.FrameworkID {
	return frameworkID(doc.Framework.Value, controls)
}

// frameworkNamer is what a [policy.ControlIndex] can be, too: a catalog that
// knows its frameworks by more names than their ids.
type frameworkNamer interface {
	FrameworkID(label string) (mesh.FrameworkID, bool)
}

func frameworkID(label string, controls policy.ControlIndex) mesh.FrameworkID {
	if namer, ok := controls.(frameworkNamer); ok {
		if id, ok := namer.FrameworkID(label); ok {
			return id
		}
	}
	label = strings.ToLower(strings.TrimSpace(label))
	if label == "" {
		return ""
	}
	hyphens := mesh.FrameworkID(strings.NewReplacer(" ", "-", "_", "-").Replace(label))
	tight := mesh.FrameworkID(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(label))
	for _, id := range []mesh.FrameworkID{hyphens, tight} {
		if known(id, controls) {
			return id
		}
	}
	return hyphens
}

// known reports whether a framework is in the catalog, or, without one, served
// by the primitives.
func known(id mesh.FrameworkID, controls policy.ControlIndex) bool {
	if controls != nil {
		return controls.Known(id)
	}
	for _, p := range primitives.All() {
		if len(p.ControlsOf(id)) > 0 {
			return true
		}
	}
	return false
}

// splitControl reads "framework:control". A label without a framework belongs
// to the document's.
func splitControl(doc *policy.Document, label string, controls policy.ControlIndex) (mesh.FrameworkID, string) {
	framework, local, ok := strings.Cut(label, ":")
	if !ok {
		return Framework(doc, controls), strings.TrimSpace(label)
	}
	return frameworkID(framework, controls), strings.TrimSpace(local)
}

// RuleIndex returns for every rule of the document the controls it serves, in
// their canonical spelling, sorted. A custom rule names its own; a built-in one
// serves what the document's controls section says, else what its primitive
// can serve in the document's framework. Controls that the index does not know
// are left as they are written; Lint reports them. No value is nil.
func RuleIndex(doc *policy.Document, controls policy.ControlIndex) map[string][]mesh.ControlID {
	bound := map[string]policy.Binding{}
	for _, b := range doc.Bindings {
		bound[b.Rule.Value] = b
	}
	framework := Framework(doc, controls)
	index := make(map[string][]mesh.ControlID, len(doc.Rules))
	for i := range doc.Rules {
		r := &doc.Rules[i]
		binding, explicit := bound[r.ID]
		if !explicit {
			binding, explicit = bound[r.Primitive]
		}
		var ids []mesh.ControlID
		if r.Primitive == "" {
			ids = canonical(doc, r.Controls, controls)
		} else {
			ids = canonical(doc, binding.Controls, controls)
			if p := primitives.Lookup(r.Primitive); p != nil && (!explicit || binding.Further) {
				ids = append(ids, p.ControlsOf(framework)...)
			}
		}
		index[r.ID] = sortControls(ids)
	}
	return index
}

func canonical(doc *policy.Document, labels []policy.Label, controls policy.ControlIndex) []mesh.ControlID {
	ids := []mesh.ControlID{}
	for _, label := range labels {
		framework, local := splitControl(doc, label.Value, controls)
		id := mesh.NewControlID(framework, local)
		if controls != nil && controls.Known(framework) {
			if resolved, ok := controls.Resolve(framework, local); ok {
				id = resolved
			}
		}
		ids = append(ids, id)
	}
	return ids
}
