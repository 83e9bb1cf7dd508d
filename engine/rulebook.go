package engine

import (
	"slices"
	"sync"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// BackEnd is a way of evaluating rules.
type BackEnd int

// The back ends.
const (
	Bitmaps  BackEnd = iota // what decides in production
	Closures                // one closure for each condition and each demand
	CEL                     // cel-go for each of them: the authority on meaning
)

// rulebook is the rules of the policies that run in one phase, ready to be
// matched.
type rulebook struct {
	policies []*compiledPolicy
	rules    []*rule
	policyOf []int32 // by rule
	enforced []bool  // by policy
	demands  [][]demand
	denying  []int32 // the policies that deny by default
	matcher  *lower.Matcher
	unmade   []terms // by rule, until their programs are made

	// What every result says, whatever the action is.
	evaluated, weakened bool
	mode                mesh.Mode
	bundles             []mesh.Digest
}

func newRulebook(policies []*compiledPolicy, back BackEnd) *rulebook {
	b := &rulebook{policies: policies, bundles: []mesh.Digest{}}
	var lowered []lower.Rule
	for i, c := range policies {
		for _, r := range c.rules {
			b.rules = append(b.rules, r)
			b.policyOf = append(b.policyOf, int32(i))
			watched := int32(i)
			if r.added {
				watched = -1
			}
			t := r.terms(back)
			b.unmade = append(b.unmade, t)
			lowered = append(lowered, lower.Rule{When: t.when, Require: t.require, Policy: watched})
		}
		b.enforced = append(b.enforced, c.info.Mode == mesh.ModeEnforce)
		if c.info.DenyByDefault {
			b.denying = append(b.denying, int32(i))
		}
		b.mode = strictest(b.mode, c.info.Mode)
		b.weakened = b.weakened || c.info.Weakened
		if c.info.Digest != "" && !slices.Contains(b.bundles, c.info.Digest) {
			b.bundles = append(b.bundles, c.info.Digest)
		}
	}
	opts := lower.Options{Definitions: definitions(back), Watched: b.denying}
	if back == Closures {
		opts.BackEnd = lower.Closures
	}
	b.matcher = lower.Build(lowered, opts)
	b.demands = make([][]demand, len(b.rules))
	for i := range b.rules {
		b.demands[i] = demandsOf(b.matcher.Demands(i), opts.Definitions)
	}
	return b
}

// plan makes the programs of what rules leave to cel-go, so that no decision has
// to, and a part that cannot be evaluated is an error before there is one.
func (b *rulebook) plan() error {
	for i, t := range b.unmade {
		for _, e := range []*term.Term{t.when, t.require} {
			if e == nil {
				continue
			}
			if err := expr.Plan(e); err != nil {
				return mesh.Errorf(mesh.CodePolicyInvalid, "policy %s, rule %s: %v", b.policies[b.policyOf[i]].info.ID, b.rules[i].id, err)
			}
		}
	}
	b.unmade = nil
	return nil
}

// terms are the expressions of a rule in the engine's own form; nil where there
// is none.
type terms struct{ when, require *term.Term }

// terms returns what is to be lowered of a rule.
func (r *rule) terms(back BackEnd) terms {
	if r.changed != nil {
		return *r.changed
	}
	return r.termsWith(r.records, back)
}

// termsWith is terms for other values of parameters.
func (r *rule) termsWith(records map[string]expr.Values, back BackEnd) terms {
	one := func(x *expr.Expr) *term.Term {
		switch {
		case x == nil:
			return nil
		case back == CEL:
			return x.Opaque(records)
		}
		return x.Term(records)
	}
	return terms{one(r.when), one(r.require)}
}

// definitions are the predicates as terms.
func definitions(back BackEnd) map[string]*term.Term {
	if back != CEL {
		return predicateTerms()
	}
	out := map[string]*term.Term{}
	for name, x := range compiledPredicates() {
		out[name] = x.Opaque(nil)
	}
	return out
}

var predicateTerms = sync.OnceValue(func() map[string]*term.Term {
	out := map[string]*term.Term{}
	for name, x := range compiledPredicates() {
		out[name] = x.Term(nil)
	}
	return out
})
