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
// without has(), unknown controls, parameters that nothing reads, and what
// engine/analyze proves of rules. Of a partial document it says what does not
// come of what is missing. A nil index accepts any control as written. Findings
// are in the order of the file; warnings about a base are left to its author.
func Lint(doc *policy.Document, controls policy.ControlIndex) []mesh.Finding {
	checked := check(doc)
	checked.lintPresence()
	proved := checked.analyze(doc, controls)
	findings := slices.Concat(checked.findings, proved, checked.lintDead(doc, proved))
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
	if misspelt := lintFramework(doc.Framework, controls); len(misspelt) > 0 {
		findings = append(findings, misspelt...)
	} else {
		findings = append(findings, lintUnserved(doc, controls)...)
	}
	findings = append(findings, checked.lintWords(doc)...)
	findings = append(findings, checked.lintParams(doc)...)
	findings = append(findings, lintContraries(doc)...)
	findings = append(findings, checked.lintDefault(doc)...)
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
	case framework == "" && doc.Lacks("framework", "extends"):
		return nil // there may be one
	case framework == "":
		finding.Message = "the control " + label.Value + " names no framework"
		finding.Hint = "write it as framework:control, for example gdpr:Art.6"
		return []mesh.Finding{finding}
	case local == "":
		finding.Message = label.Value + " names no control"
		finding.Hint = "write it as framework:control, for example gdpr:Art.6"
		return []mesh.Finding{finding}
	case strings.Contains(local, "*"):
		finding.Message = "a rule cannot serve all controls of a kind: " + yamldoc.Shorten(label.Value)
		finding.Hint = "list the controls one by one; a paragraph below a listed control means that control"
		return []mesh.Finding{finding}
	case controls == nil || !controls.Known(framework):
		name, _, _ := strings.Cut(label.Value, ":")
		if framework == Framework(doc, controls) { // which has a finding of its own
			return nil
		}
		return lintFramework(policy.Label{Value: name, Position: label.Position}, controls)
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

// frameworkLister is what a [policy.ControlIndex] can be, too: a catalog that
// lists the names of its frameworks.
type frameworkLister interface {
	FrameworkNames() []string
}

// lintFramework warns of a framework that is none of the catalog's but looks
// like one: decisions would be no evidence for it.
func lintFramework(label policy.Label, controls policy.ControlIndex) []mesh.Finding {
	lister, ok := controls.(frameworkLister)
	if !ok || label.Value == "" || controls.Known(frameworkID(label.Value, controls)) {
		return nil
	}
	meant := spelling.Misspelt(label.Value, lister.FrameworkNames())
	if meant == "" {
		return nil
	}
	return []mesh.Finding{{
		Position: label.Position, Level: mesh.LevelWarning, Rule: "unusual-framework",
		Message: "the framework " + yamldoc.Shorten(label.Value) + " is none of the catalog's, but resembles one",
		Hint:    "did you mean " + meant + "?",
	}}
}

// lintUnserved warns of built-in rules whose decisions would name no control
// although the document names a framework.
func lintUnserved(doc *policy.Document, controls policy.ControlIndex) []mesh.Finding {
	if doc.Framework.Value == "" || doc.Lacks("controls", "extends") {
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

// lintParams warns of parameters that no rule reads: who sets one believes that
// it does something. An expression that does not compile may read any that its
// text names.
func (c *checkedPolicy) lintParams(doc *policy.Document) []mesh.Finding {
	if c.checker == nil || doc.Lacks("rules", "params", "extends") || slices.ContainsFunc(doc.Rules, func(r policy.Rule) bool { return r.Damaged }) {
		return nil
	}
	read := map[string]bool{}
	var unclear strings.Builder
	for i := range doc.Rules {
		for _, part := range c.parts(doc, i) {
			if part.compiled == nil {
				unclear.WriteString(part.source.Source)
				continue
			}
			for _, name := range part.compiled.RecordFields(paramsVariable) {
				read[name] = true
			}
		}
	}
	var out []mesh.Finding
	for i := range doc.Params {
		p := &doc.Params[i]
		if !read[p.Name] && !strings.Contains(unclear.String(), p.Name) {
			out = append(out, mesh.Finding{
				Position: p.Position, Level: mesh.LevelWarning, Rule: "unused-param",
				Message: "no rule reads the parameter " + p.Name + ", so that setting it has no effect",
				Hint:    "read it as " + paramsVariable + "." + p.Name + ", or remove it",
			})
		}
	}
	return out
}

// part is one of the expressions of a rule.
type part struct {
	compiled *expr.Expr // nil if it has errors
	source   policy.Expr
}

// parts returns the expressions that a rule of one's own has.
func (c *checkedPolicy) parts(doc *policy.Document, i int) []part {
	source := &doc.Rules[i]
	if source.Primitive != "" || i >= len(c.rules) {
		return nil
	}
	both := []part{{c.rules[i].when, source.When}, {c.rules[i].require, source.Require}}
	return slices.DeleteFunc(both, func(p part) bool { return p.source.IsZero() })
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
