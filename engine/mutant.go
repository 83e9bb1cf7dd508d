package engine

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/mutation"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Mutant is one small change of a policy that the policy's cases should notice.
// It is immutable.
type Mutant struct {
	ID       string // the rule's and a number, as refund-limit#3
	PolicyID string
	RuleID   string // "default" for a change of the policy's default
	Kind     mutation.Kind
	Position mesh.Position // of what is changed; of the rule where that is all that is known
	What     string        // was done, in words: "bound 500 moved to 501"
	Hint     string        // the case that would notice it

	base    *Program
	policy  int   // in base
	rule    int   // in the policy; negative for a change of its default
	changed *rule // nil: the rule is dropped
}

// Mutants returns the mutants of the program's policies, rule by rule, but no
// more than limit; more says that there would be others. They are made of the
// rules as they are compiled, with parameters as the values they have: custom
// rules are changed wherever it matters, built-in ones in what the policy says
// of them. What is known to make no difference to any action is left out, and
// so is what is inside an expression that only cel-go evaluates.
func (p *Program) Mutants(limit int) (list []*Mutant, more bool) {
	for i, c := range p.policies {
		for j := range c.rules {
			for n, m := range c.mutate(j) {
				if len(list) == limit {
					return list, true
				}
				m.ID, m.base, m.policy, m.rule = fmt.Sprintf("%s#%d", m.RuleID, n+1), p, i, j
				list = append(list, m)
			}
		}
		if m := c.swapDefault(); m != nil {
			if len(list) == limit {
				return list, true
			}
			m.ID, m.base, m.policy, m.rule = m.RuleID+"#1", p, i, -1
			list = append(list, m)
		}
	}
	return list, false
}

// Program returns the policies with the change, compiled anew. Whoever tries
// many mutants is faster with a [Trial].
func (m *Mutant) Program() *Program {
	policies := slices.Clone(m.base.policies)
	policies[m.policy] = m.apply(policies[m.policy])
	return newProgram(policies, Bitmaps)
}

// apply returns a policy with the change.
func (m *Mutant) apply(c *compiledPolicy) *compiledPolicy {
	changed := *c
	if m.rule < 0 {
		changed.info.DenyByDefault = !c.info.DenyByDefault
		return &changed
	}
	changed.rules = slices.Clone(c.rules)
	if m.changed == nil {
		changed.rules = slices.Delete(changed.rules, m.rule, m.rule+1)
		changed.info.Rules = slices.Delete(slices.Clone(c.info.Rules), m.rule, m.rule+1)
		return &changed
	}
	changed.rules[m.rule] = m.changed
	return &changed
}

// swapDefault turns default: allow into deny and back; nil if rules leave no
// action to it.
func (c *compiledPolicy) swapDefault() *Mutant {
	if c.idleDefault() {
		return nil
	}
	m := &Mutant{
		PolicyID: c.info.ID, RuleID: policy.RuleDefault, Kind: mutation.DefaultSwapped, Position: mesh.Position{File: c.file},
		What: "default: allow turned into deny", Hint: "add a case that no rule looks at, with allowed: true",
	}
	if c.info.DenyByDefault {
		m.What, m.Hint = "default: deny turned into allow", "add a case that no rule looks at, with violations: [default]"
	}
	return m
}

// mutate returns the mutants of one rule.
func (c *compiledPolicy) mutate(i int) []*Mutant {
	r := c.rules[i]
	m := ruleMutator{policy: c, rule: r, terms: r.terms(Bitmaps), seen: map[digest]bool{}}
	if m.terms.when != nil && mutation.Never(m.terms.when) {
		return nil // nothing that is done to it makes a difference
	}
	m.seen[m.key(m.terms)] = true
	m.drop()
	if r.source.Primitive == "" {
		m.expressions()
		m.parameters(paramsVariable, m.hidden)
	} else {
		m.parameters(ruleVariable, func(string) bool { return true })
	}
	m.obligations()
	return m.out
}

// ruleMutator collects the mutants of one rule.
type ruleMutator struct {
	policy *compiledPolicy
	rule   *rule
	terms  terms
	seen   map[digest]bool // of what was made, so that nothing is made twice
	out    []*Mutant
}

func (m *ruleMutator) add(kind mutation.Kind, at mesh.Position, what, hint string, changed *rule) {
	m.out = append(m.out, &Mutant{
		PolicyID: m.policy.info.ID, RuleID: m.rule.id, Kind: kind, Position: at, What: what, Hint: hint, changed: changed,
	})
}

// addTerms adds the rule with other expressions, if it has not been made yet.
func (m *ruleMutator) addTerms(kind mutation.Kind, at mesh.Position, what, hint string, t terms) {
	if key := m.key(t); !m.seen[key] {
		m.seen[key] = true
		changed := *m.rule
		changed.changed = &t
		m.add(kind, at, what, hint, &changed)
	}
}

// digest stands for the text of two expressions, which may be long.
type digest [sha256.Size]byte

func (m *ruleMutator) key(t terms) digest {
	key := ""
	if t.when != nil {
		key = t.when.String()
	}
	if t.require != nil {
		key += "\x00" + t.require.String()
	}
	return sha256.Sum256([]byte(key))
}

func (m *ruleMutator) drop() {
	hint := "add a case that violates the rule"
	if m.rule.require == nil {
		hint = "add a case that the rule looks at, with its obligations"
	}
	m.add(mutation.RuleDropped, m.rule.source.Position, "the rule left out", hint, nil)
}

// expressions changes what the author wrote.
func (m *ruleMutator) expressions() {
	source := m.rule.source
	if when := m.terms.when; when != nil {
		for _, c := range mutation.OfCondition(when, m.terms.require) {
			m.addTerms(c.Kind, source.When.At(c.Offset), c.What, c.Hint, terms{c.Term, m.terms.require})
		}
	}
	if require := m.terms.require; require != nil {
		for _, c := range mutation.OfDemand(require, m.terms.when) {
			m.addTerms(c.Kind, source.Require.At(c.Offset), c.What, c.Hint, terms{m.terms.when, c.Term})
		}
		if len(m.rule.obligations) > 0 || m.policy.info.DenyByDefault { // else it is as without the rule
			m.addTerms(mutation.PartDropped, source.Require.At(0), "all that is required left out", "add a case that violates the rule",
				terms{m.terms.when, term.Constant(true)})
		}
	}
}

// parameters changes the values of the rule's parameters that are chosen.
func (m *ruleMutator) parameters(record string, chosen func(name string) bool) {
	values := m.rule.records[record]
	at := m.rule.source.Position
	for _, name := range values.Names() {
		full := record + "." + name
		if !chosen(full) {
			continue
		}
		value, spell := m.writtenValue(values, name)
		for _, c := range mutation.OfValue(full, value, m.given()...) {
			records := maps.Clone(m.rule.records)
			records[record] = values.With(name, spell(c.Value))
			t := m.rule.termsWith(records, Bitmaps)
			if m.hidden(full) {
				delete(m.seen, m.key(t)) // its text does not show the value
			}
			m.addTerms(c.Kind, at, c.What, c.Hint, t)
		}
		m.anyValue(full, at)
	}
}

// writtenValue returns a parameter's value as the policy writes it, and what
// makes of such a value the one that expressions read.
func (m *ruleMutator) writtenValue(values expr.Values, name string) (value any, spell func(any) any) {
	same := func(v any) any { return v }
	p := primitives.Lookup(m.rule.source.Primitive)
	if p == nil || !slices.Contains(p.AnyCase, name) {
		return values.Get(name), same
	}
	return m.rule.source.Values[name], func(v any) any { return p.SpellOne(name, v) }
}

// anyValue has a parameter of a built-in rule accept every value.
func (m *ruleMutator) anyValue(name string, at mesh.Position) {
	if m.rule.source.Primitive == "" {
		return // its comparisons are left out one by one
	}
	t, hint, used := m.terms, "", false
	for _, x := range []**term.Term{&t.require, &t.when} {
		if *x == nil {
			continue
		}
		changed, h, ok := mutation.AnyValue(name, *x)
		if ok {
			*x, used = changed, true
			hint = strings.TrimSpace(hint + h)
			break
		}
	}
	if used {
		m.addTerms(mutation.AnyAccepted, at, "any value accepted for "+strings.TrimPrefix(name, ruleVariable+"."), hint, t)
	}
}

// given returns the expressions there are.
func (m *ruleMutator) given() []*term.Term {
	return slices.DeleteFunc([]*term.Term{m.terms.require, m.terms.when}, func(t *term.Term) bool { return t == nil })
}

// hidden reports whether a parameter is read by a part that only cel-go
// evaluates, where no change of terms reaches it.
func (m *ruleMutator) hidden(name string) bool {
	found := false
	for _, t := range m.given() {
		t.Walk(func(t *term.Term) bool {
			for _, part := range t.Args {
				found = found || t.Op == term.Opaque && part.Op == term.Const && part.Name == name
			}
			return true
		})
	}
	return found
}

// obligations leaves one obligation out. If it is all there is of the rule, that
// is the rule.
func (m *ruleMutator) obligations() {
	if len(m.rule.obligations) < 2 && m.rule.require == nil && !m.policy.info.DenyByDefault {
		return
	}
	for i, o := range m.rule.obligations {
		changed := *m.rule
		changed.obligations = slices.Delete(slices.Clone(m.rule.obligations), i, i+1)
		m.add(mutation.ObligationDropped, m.rule.source.Position, "the obligation "+o.Type+" left out",
			"add a case that meets the rule, with its obligations", &changed)
	}
}
