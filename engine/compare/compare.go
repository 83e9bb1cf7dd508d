// Package compare says what another version of a policy changes: which actions
// become allowed or denied, with an example of each that both versions decided.
//
// [Policies] looks at each rule that was added, removed or changed. For every
// part of its demand it asks engine/space for an action that misses the part and
// that all rules of the other version allow, or for a proof that there is none.
// What was neither found nor excluded is in [Report.Incomplete], so that "no
// difference" is said only where it is proved.
//
// Versions are compared as in enforce mode, whatever their own, and with the
// same values of parameters they share; a change of the mode or of a default is
// a change of its own.
package compare

import (
	"context"
	"slices"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// The bounds of what a comparison may cost. A step takes about a microsecond.
const (
	MaxSteps    = 10_000_000 // of all questions together
	MaxQuestion = 50_000     // steps of one question
	maxCubes    = 32         // ways of missing one part of a demand
)

// Kind says what changes.
type Kind string

// The kinds.
const (
	Denied     Kind = "denied"     // actions that were allowed, or failed, are denied
	Allowed    Kind = "allowed"    // actions that were denied, or failed, are allowed
	Failing    Kind = "error"      // rules fail where they did not
	Obligation Kind = "obligation" // allowed actions have other obligations
	Rule       Kind = "rule"       // a rule changes, and no action is known to be decided otherwise
	Severity   Kind = "severity"   // violations are graded otherwise
	Controls   Kind = "controls"   // a rule serves other controls
	Text       Kind = "text"       // a rule says something else
	Mode       Kind = "mode"
	Default    Kind = "default"
	Parameter  Kind = "parameter"
)

// Report is what changes from one version to the next.
type Report struct {
	Changes []Change `json:"changes"`
	// Identical is true if it is proved that the versions decide every action
	// alike, and say the same about it, whatever the parameters are.
	Identical bool `json:"identical"`
	// Differ says whether anything changes: yes, no or unknown. It is unknown
	// where nothing was found and something could not be decided.
	Differ Answer `json:"differ"`
	// Incomplete is what could not be decided.
	Incomplete []Gap `json:"incomplete"`
}

// Change is one change of what a policy does.
type Change struct {
	Kind  Kind     `json:"kind"`
	Rules []string `json:"rules"` // the rules it comes from
	Words string   `json:"words"`
	// Extent says of which of the actions that the words describe they are true;
	// empty if they describe none.
	Extent Extent `json:"extent,omitzero"`
	// OtherRules is true if other rules may look at these actions, too: the words
	// are true of those that no other rule refuses.
	OtherRules bool `json:"otherRules,omitzero"`
	// Example is an action that both versions decided, with what became of it;
	// nil for what no action shows.
	Example *mesh.Action `json:"example,omitzero"`
	Before  *Outcome     `json:"before,omitzero"`
	After   *Outcome     `json:"after,omitzero"`

	where []*term.Term // what is true of the actions that the words describe
}

// Extent says of how many of the actions that words describe they are true.
type Extent string

// The extents.
const (
	Every Extent = "every" // proved
	Some  Extent = "some"  // of the example and maybe of others, not of all
)

// Outcome is what a version makes of an example, or what it says in a place.
type Outcome struct {
	Decision    string            `json:"decision,omitzero"` // allowed, denied or error
	Violations  []string          `json:"violations,omitzero"`
	Errors      []string          `json:"errors,omitzero"`
	Obligations []mesh.Obligation `json:"obligations,omitzero"`
	Value       any               `json:"value,omitzero"` // a mode, a severity, a default, controls
}

// Gap is a question without an answer.
type Gap struct {
	Kind  Kind     `json:"kind"`           // of the change that could not be excluded
	Rules []string `json:"rules,omitzero"` // the rule that it would come from; none if it is about several
	What  string   `json:"what"`
	Why   string   `json:"why"`

	loose []string // what nothing is proved about
}

// Answer is whether something is so, as far as is known.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no" // proved
	Unknown Answer = "unknown"
)

// conclude says what all of it comes to.
func (r *Report) conclude() {
	r.Identical = len(r.Changes) == 0 && len(r.Incomplete) == 0
	switch {
	case r.Identical:
		r.Differ = No
	case len(r.Changes) == 0:
		r.Differ = Unknown
	default:
		r.Differ = Yes
	}
}

// Policies compares two versions of a policy. Their IDs are of no matter.
// progress, which may be nil, is told how many rules are done. The error is that
// of engine.Compile, or the context's.
func Policies(ctx context.Context, older, newer engine.Policy, progress func(done, total int)) (*Report, error) {
	c, err := within(ctx, MaxSteps, older, newer, progress)
	if err != nil {
		return nil, err
	}
	return c.report, nil
}

// within is Policies with a number of steps. It always returns the comparison, as
// far as it went.
func within(ctx context.Context, steps int, older, newer engine.Policy, progress func(done, total int)) (*comparison, error) {
	c := &comparison{
		ctx: ctx, definitions: engine.Predicates(), steps: steps, left: steps,
		report: &Report{Changes: []Change{}, Incomplete: []Gap{}},
	}
	c.library = space.NewLibrary(c.definitions)
	var err error
	if c.older, err = c.side(older); err != nil {
		return c, err
	}
	if c.newer, err = c.side(newer); err != nil {
		return c, err
	}
	c.document()
	pairs := c.pairs()
	for i, p := range pairs {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		if p.id() == policy.RuleDefault {
			c.otherDefault(p)
		}
		if c.pair(p); progress != nil {
			progress(i+1, len(pairs))
		}
	}
	c.noteRest()
	c.report.conclude()
	return c, ctx.Err()
}

// comparison is one comparison under way.
type comparison struct {
	ctx          context.Context
	definitions  map[string]*term.Term
	library      *space.Library
	space        *space.Space // of the goals that were asked last
	asked        []space.Goal
	older, newer *side
	steps, left  int      // that it may take, and that are left
	rest         []string // rules about which not everything was asked
	report       *Report
}

// side is one version.
type side struct {
	policy   engine.Policy
	program  *engine.Program // in its own mode
	enforced *engine.Program
	rules    []*rule
	byID     map[string]*rule
	result   engine.Result // of the last decision
}

// rule is one rule of a version.
type rule struct {
	engine.RuleInfo
	when, require *term.Term // never nil
	outcome       *term.Term // true: satisfied or not looked at; false: violated
	text          string     // of both
	selects       selects    // of when
}

func (c *comparison) side(p engine.Policy) (*side, error) {
	c.complete(&p)
	program, err := engine.Compile([]engine.Policy{p})
	if err != nil {
		return nil, err
	}
	s := &side{policy: p, program: program, enforced: program, byID: map[string]*rule{}}
	if program.Policies()[0].Mode != mesh.ModeEnforce {
		s.enforced = program.Enforced()
	}
	for _, info := range program.Rules() {
		r := &rule{RuleInfo: info, when: term.Constant(true), require: term.Constant(true)}
		if info.When != nil {
			r.when = plain(info.When)
		}
		if info.Require != nil {
			r.require = plain(info.Require)
		}
		r.text = r.when.String() + "\n" + r.require.String()
		r.selects = selectsOf(r.when)
		r.outcome = &term.Term{Op: term.Cond, Kind: term.Bool, Args: []*term.Term{r.when, r.require, term.Constant(true)}}
		s.rules = append(s.rules, r)
		s.byID[r.ID] = r
	}
	return s, nil
}

// same reports whether two rules look at the same actions and demand the same,
// word for word.
func (r *rule) same(o *rule) bool {
	return r.text == o.text
}

// pair is a rule in both versions; one of them is nil if it is in one only.
type pair struct{ older, newer *rule }

func (p pair) id() string {
	if p.newer != nil {
		return p.newer.ID
	}
	return p.older.ID
}

// pairs matches the rules by their ids, and those that are left by what they
// say.
func (c *comparison) pairs() []pair {
	var out []pair
	removed := map[string][]*rule{} // by what they say
	for _, r := range c.older.rules {
		if c.newer.byID[r.ID] == nil {
			removed[r.text] = append(removed[r.text], r)
		}
	}
	for _, r := range c.newer.rules {
		p := pair{c.older.byID[r.ID], r}
		if alike := removed[r.text]; p.older == nil && len(alike) > 0 {
			p.older, removed[r.text] = alike[0], alike[1:]
		}
		out = append(out, p)
	}
	for _, r := range c.older.rules {
		if slices.Contains(removed[r.text], r) {
			out = append(out, pair{older: r})
		}
	}
	return out
}
