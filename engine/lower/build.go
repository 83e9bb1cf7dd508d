package lower

import (
	"maps"
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Rule is one rule to be matched.
type Rule struct {
	When    *term.Term // the actions it looks at; nil means all
	Require *term.Term // what must hold for them; nil means nothing
	Policy  int32      // the policy that [Matches.Looked] counts it for; -1: none
}

// BackEnd is a way of evaluating.
type BackEnd int

// The ways of evaluating. All give the same results; those but the first are
// there to be compared with it.
const (
	Bitmaps  BackEnd = iota // clauses over fields; closures and cel-go where needed
	Closures                // each condition and each demand is one closure
)

// Options configure [Build].
type Options struct {
	// Definitions are the predicates that rules ask by name.
	Definitions map[string]*term.Term
	// Watched are the policies of which [Matches.Looked] is asked, in ascending
	// order.
	Watched []int32
	BackEnd BackEnd
}

// builder collects what the blocks share.
type builder struct {
	Options
	slots   []*slot
	byPlace map[place]int32
	byText  map[string]int32
	byName  map[string]int32
	rules   []Rule
	// readings are of the literals so far. A term is about one place, so that
	// it reads the same everywhere.
	readings map[*term.Term]*reading
	splits   int // how many more clauses being in several slices may take
}

// keyPlaces are what slices are looked up by.
func keyPlaces() [dimensions]place {
	return [dimensions]place{{leaf: shape.LeafAt("action.type")}, {leaf: shape.LeafAt("resource.type")}, {leaf: shape.LeafAt("tenantId")}}
}

const dimensions = 3

// Build compiles rules. Their order is that of the results.
func Build(rules []Rule, opts Options) *Matcher {
	b := &builder{
		Options: opts, rules: rules, splits: maxSplits, readings: map[*term.Term]*reading{},
		byPlace: map[place]int32{}, byText: map[string]int32{}, byName: map[string]int32{},
	}
	m := &Matcher{demands: make([][]Clause, len(rules))}
	for i, p := range keyPlaces() {
		m.keys[i] = b.placeSlot(p)
	}
	b.define()
	placed := map[sliceKey][]prepared{}
	for i := range rules {
		p := b.prepare(int32(i))
		m.demands[i] = p.demands
		for _, v := range b.variants(p) {
			placed[v.key] = append(placed[v.key], v.prepared)
		}
	}
	keys := make([]sliceKey, 0, len(placed))
	for k := range placed {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	m.index = newTable(len(keys))
	for _, k := range keys {
		m.index.put(uint64(k), uint32(len(m.slices)))
		m.slices = append(m.slices, b.buildSlice(placed[k]))
		m.addShape(k)
	}
	m.slots, m.byName = b.slots, b.byName
	return m
}

// prepared is a rule as clauses. The condition's are those of its negation: a
// rule looks at an action unless all of them are true, and a demand counts only
// where they are not.
type prepared struct {
	rule      int32
	condition *term.Term
	unless    []Clause
	demands   []Clause
}

func (b *builder) prepare(i int32) prepared {
	p := prepared{rule: i, condition: b.rules[i].When}
	if p.condition == nil {
		p.condition = term.Constant(true)
	}
	if demand := b.rules[i].Require; demand != nil {
		p.demands = b.demandsOf(demand)
	}
	return p
}

// demandsOf splits a demand into clauses; one alone where there would be too
// many.
func (b *builder) demandsOf(t *term.Term) []Clause {
	if b.BackEnd == Closures {
		return []Clause{{t}}
	}
	return Clauses(t)
}

// sliceKey is the symbols of the key leaves, anySymbol for those that do not
// matter.
type sliceKey uint64

const (
	symbolBits = 21
	anySymbol  = 1<<symbolBits - 1
)

func (k sliceKey) with(dimension int, symbol uint32) sliceKey {
	shift := dimension * symbolBits
	return k&^(anySymbol<<shift) | sliceKey(symbol)<<shift
}

func (k sliceKey) at(dimension int) uint32 { return uint32(k>>(dimension*symbolBits)) & anySymbol }

const anyKey sliceKey = 1<<(dimensions*symbolBits) - 1

// variant is a rule as it stands in one slice: without what the slice's key
// says already.
type variant struct {
	key sliceKey
	prepared
}

// The clauses that one rule, and all of them together, may take for being in
// several slices. A rule that would take more is looked at by more actions than
// those it is about, and asks for the key like for any other field.
const (
	maxSplit  = 4096
	maxSplits = 1 << 19
)

// variants returns the slices of a rule. Where the condition would be an error
// on an action without the key leaf, the slice of those has the rule, too.
func (b *builder) variants(p prepared) []variant {
	out := []variant{{anyKey, p}}
	for d, key := range keyPlaces() {
		if b.BackEnd == Closures {
			break
		}
		about, _ := together(p.condition.Conjuncts(), key)
		if about.Op == term.Const {
			continue
		}
		texts, whenAbsent, ok := accepted(about, key.kind())
		clauses := len(out) * (len(texts) + 1) * (len(p.demands) + 1)
		if !ok || clauses > maxSplit || clauses > b.splits || len(b.slots[b.placeSlot(key)].symbols)+len(texts) >= anySymbol-firstSymbol {
			continue
		}
		if len(texts) > 1 || len(out) > 1 {
			b.splits -= clauses
		}
		out = b.split(out, d, texts, whenAbsent)
	}
	reached := out[:0]
	for _, v := range out {
		var ok bool
		if v.unless, ok = b.unless(v.condition, v.demands); ok {
			reached = append(reached, v)
		}
	}
	return reached
}

// together returns the conjuncts about a place, as one, and the others.
func together(conjuncts []*term.Term, p place) (about, rest *term.Term) {
	var here, others []*term.Term
	for _, c := range conjuncts {
		if literalPlace(c) == p {
			here = append(here, c)
		} else {
			others = append(others, c)
		}
	}
	return term.Conjunction(here...), term.Conjunction(others...)
}

func (b *builder) split(variants []variant, dimension int, texts []string, whenAbsent Truth) []variant {
	key := keyPlaces()[dimension]
	s := b.slots[b.placeSlot(key)]
	var out []variant
	for _, v := range variants {
		rest := v
		_, rest.condition = together(v.condition.Conjuncts(), key)
		for _, text := range texts {
			rest.key = v.key.with(dimension, s.symbol(text))
			out = append(out, rest)
		}
		if whenAbsent == Error && !key.leaf.Field.Required {
			v.key = v.key.with(dimension, absentSymbol)
			out = append(out, v)
		}
	}
	return out
}

// unless returns the clauses of a condition's negation: none where it is always
// met, and one predicate where there would be too many, alone or joined with
// each demand. It returns false for a condition that nothing meets.
func (b *builder) unless(condition *term.Term, demands []Clause) ([]Clause, bool) {
	if condition.IsConst(true) {
		return nil, true
	}
	clauses, ok := clausesOf(condition, true)
	switch {
	case ok && len(clauses) == 0:
		return nil, false
	case !ok, len(clauses)*max(len(demands), 1) > maxClauses, b.BackEnd == Closures:
		return one(condition, true), true
	}
	return clauses, true
}

// pending returns the clauses of a variant, those of its condition first.
func (p *prepared) pending() []pending {
	var out []pending
	for _, u := range p.unless {
		out = append(out, pending{blockClause{p.rule, -1}, u})
	}
	for i, d := range p.demands {
		joined := [][]*term.Term{nil}
		if len(p.unless) > 0 {
			joined = joined[:0]
			for _, u := range p.unless {
				joined = append(joined, u)
			}
		}
		for _, u := range joined {
			out = append(out, pending{blockClause{p.rule, int32(i)}, append(append(Clause{}, u...), d...)})
		}
	}
	return out
}

// buildSlice makes the blocks of a slice. The clauses of a rule stay together.
func (b *builder) buildSlice(rules []prepared) slice {
	var out slice
	var clauses []pending
	var members []prepared
	flush := func() {
		if len(members) == 0 {
			return
		}
		blk := b.buildBlock(clauses)
		b.watch(blk, members)
		out.blocks = append(out.blocks, blk)
		clauses, members = nil, nil
	}
	for i := range rules {
		add := rules[i].pending()
		if len(clauses)+len(add) > maxBlock {
			flush()
		}
		clauses = append(clauses, add...)
		members = append(members, rules[i])
	}
	flush()
	return out
}

// watch notes the rules that look at every action of the slice, and how to find
// out whether those of the watched policies do.
func (b *builder) watch(blk *block, members []prepared) {
	watches := map[int32]*watch{} // by policy
	of := func(rule int32) *watch {
		policy := b.rules[rule].Policy
		i, watched := slices.BinarySearch(b.Watched, policy)
		if !watched {
			return nil
		}
		if watches[policy] == nil {
			watches[policy] = &watch{policy: int32(i), bits: make([]uint64, blk.words)}
		}
		return watches[policy]
	}
	for _, p := range members {
		if len(p.unless) > 0 {
			continue
		}
		blk.static = append(blk.static, p.rule)
		if w := of(p.rule); w != nil {
			w.always = true
		}
	}
	for bit, c := range blk.clauses {
		if c.clause >= 0 {
			continue
		}
		if w := of(c.rule); w != nil {
			set(w.bits, bit)
		}
	}
	for _, policy := range slices.Sorted(maps.Keys(watches)) {
		blk.watches = append(blk.watches, *watches[policy])
	}
}
