package space

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// Truths is a set of truth values.
type Truths uint8

// The truth values, and all of them.
const (
	False Truths = 1 << lower.False
	True  Truths = 1 << lower.True
	Error Truths = 1 << lower.Error

	anything = False | True | Error
)

// Goal is that a term has one of the truth values.
type Goal struct {
	Term *term.Term
	Want Truths
}

// Is is the goal that a term is true.
func Is(t *term.Term) Goal { return Goal{Term: t, Want: True} }

// Budget bounds the steps of searches, each of which looks at a goal once. The
// zero Budget allows none.
type Budget struct{ Steps int }

// Impossible reports whether it is proven that no action meets all goals. False
// says nothing.
func (s *Space) Impossible(goals []Goal, budget *Budget) bool {
	q := s.query(goals, budget)
	q.proof = true
	found := q.run(context.Background())
	return !found && !q.gaveUp
}

// Find looks for an action that meets all goals. It says as little as it can
// and can be told in JSON. Whoever relies on it evaluates it; nil says nothing.
func (s *Space) Find(ctx context.Context, goals []Goal, budget *Budget) *mesh.Action {
	q := s.query(goals, budget)
	if !q.run(ctx) {
		return nil
	}
	if a := q.action(); Sayable(a) {
		return a
	}
	return nil
}

// Meets evaluates the goals for an action, which may be any.
func (s *Space) Meets(ctx context.Context, a *mesh.Action, goals ...Goal) bool {
	for _, g := range goals {
		v := lower.NewTest(g.Term, s.library.definitions).Truth(ctx, a)
		if g.Want&(1<<v) == 0 {
			return false
		}
	}
	return true
}

// query is one search. Variables are numbered; behind those of places come the
// groups of atoms whose truth cannot be told from the values of places.
type query struct {
	space    *Space
	budget   *Budget
	proof    bool // atoms that are not exact may be anything
	gaveUp   bool
	ctx      context.Context
	goals    []goal
	watchers [][]int  // goals by variable
	domains  [][]int  // values by place
	assigned []int    // value by place, -1 for none
	truths   []Truths // by atom: what it can be while its places are open
	guessed  []int    // choice by group, -1 for none
}

type goal struct {
	term *term.Term
	node *node
	want Truths
	mask Truths // what it can be
}

func (s *Space) query(goals []Goal, budget *Budget) *query {
	q := &query{space: s, budget: budget}
	for _, g := range goals {
		q.goals = append(q.goals, goal{term: g.Term, node: s.node(g.Term), want: g.Want})
	}
	return q
}

// run searches. It reports whether all goals can be met.
func (q *query) run(ctx context.Context) bool {
	q.ctx = ctx
	s := q.space
	q.assigned = slices.Repeat([]int{-1}, len(s.variables))
	q.guessed = slices.Repeat([]int{-1}, len(s.groups))
	q.watchers = make([][]int, len(s.variables)+len(s.groups))
	atoms := q.watch()
	if q.gaveUp {
		return false
	}
	q.reduce(atoms)
	for i := range q.goals {
		if !q.look(i) {
			return false
		}
	}
	found, _ := q.solve()
	return found
}

// watch notes which goals look at which variables, and returns the atoms they
// are made of.
func (q *query) watch() set {
	s := q.space
	all := set{}
	for i := range q.goals {
		variables := set{}
		for _, a := range q.goals[i].node.made() {
			all[a] = true
			if a >= s.size { // of no term that the space was made for
				q.gaveUp = true
				return all
			}
			if q.free(a) {
				variables[len(s.variables)+s.atoms[a].group] = true
				for _, v := range s.atoms[a].strict {
					variables[v] = true
				}
				continue
			}
			for _, v := range s.atoms[a].variables {
				variables[v] = true
			}
		}
		for _, v := range variables.sorted() {
			q.watchers[v] = append(q.watchers[v], i)
		}
	}
	return all
}

// free reports whether the truth of an atom is a variable.
func (q *query) free(a int) bool { return q.proof && !q.space.atoms[a].exact }

// reduce leaves of each place one value for every signature that the atoms of
// the query tell apart.
func (q *query) reduce(atoms set) {
	s := q.space
	q.domains = make([][]int, len(s.variables))
	q.truths = slices.Repeat([]Truths{anything}, len(s.atoms))
	for i := range s.variables {
		v := &s.variables[i]
		var tables [][]lower.Truth
		shared, strict := false, false
		for _, a := range v.atoms {
			switch {
			case !atoms[a]:
			case q.free(a):
				strict = strict || slices.Contains(s.atoms[a].strict, i)
			case len(s.atoms[a].variables) > 1:
				shared = true
			default:
				tables = append(tables, s.atoms[a].table)
			}
		}
		seen := map[string]bool{}
		for n := range v.values {
			signature := make([]byte, len(tables), len(tables)+2)
			for t, table := range tables {
				signature[t] = byte(table[n])
			}
			if v.around && v.values[n].holds(v.place) {
				signature = append(signature, 1)
			}
			if strict && v.values[n].Present {
				signature = append(signature, 2)
			}
			if key := string(signature); shared || !seen[key] {
				seen[key] = true
				q.domains[i] = append(q.domains[i], n)
			}
		}
	}
	for i, a := range s.atoms {
		if len(a.variables) > 1 || q.free(i) || a.table == nil {
			continue
		}
		q.truths[i] = 0
		if len(a.variables) == 0 {
			q.truths[i] = 1 << a.table[0]
			continue
		}
		for _, n := range q.domains[a.variables[0]] {
			q.truths[i] |= 1 << a.table[n]
		}
	}
}

// look updates what a goal can be. It reports whether the goal can still be
// met.
func (q *query) look(i int) bool {
	q.budget.Steps--
	g := &q.goals[i]
	g.mask = q.mask(g.node)
	return g.mask&g.want != 0
}

// solve decides one open variable after the other and goes back to where a
// failure has its cause. The conflict is the variables that make all goals
// impossible to meet.
func (q *query) solve() (found bool, conflict set) {
	if q.budget.Steps <= 0 || q.ctx.Err() != nil {
		q.gaveUp = true
		return false, nil
	}
	open := slices.IndexFunc(q.goals, func(g goal) bool { return g.mask&^g.want != 0 })
	if open < 0 {
		if q.proof || q.meets() {
			return true, nil
		}
		return false, q.all()
	}
	v := q.choose(q.goals[open].node)
	if v < 0 {
		q.gaveUp = true
		return false, nil
	}
	conflict = set{}
	for _, n := range q.choices(v, &q.goals[open]) {
		before := q.masks(v)
		q.decide(v, n)
		if failed := q.check(v); failed != nil {
			conflict.add(failed)
		} else {
			found, why := q.solve()
			if found || q.gaveUp {
				return found, nil
			}
			if !why[v] {
				q.restore(v, before)
				return false, why
			}
			conflict.add(why)
		}
		q.restore(v, before)
	}
	delete(conflict, v)
	return false, conflict
}

// meets evaluates the goals for what was decided: the size of a map depends on
// what stands within it.
func (q *query) meets() bool {
	a := q.action()
	for _, g := range q.goals {
		q.budget.Steps--
		if g.want&(1<<q.space.library.test(g.term, g.term.String()).Truth(q.ctx, a)) == 0 {
			return false
		}
	}
	return true
}

// all returns the places that are decided.
func (q *query) all() set {
	out := set{}
	for v, n := range q.assigned {
		if n >= 0 {
			out[v] = true
		}
	}
	return out
}

// choices returns the values of a variable to try, those that meet the goal at
// once before the others.
func (q *query) choices(v int, g *goal) []int {
	var count int
	if v < len(q.domains) {
		count = len(q.domains[v])
	} else {
		count = q.space.groups[v-len(q.domains)]
	}
	var meet, others []int
	for n := range count {
		q.budget.Steps--
		if q.decide(v, n); q.mask(g.node)&^g.want == 0 {
			meet = append(meet, n)
		} else {
			others = append(others, n)
		}
	}
	return append(meet, others...)
}

func (q *query) decide(v, n int) {
	if v < len(q.domains) {
		q.assigned[v] = q.domains[v][n]
		return
	}
	q.guessed[v-len(q.domains)] = n
}

// check updates the goals that look at a variable. It returns the variables
// that make one of them impossible; nil if there is none.
func (q *query) check(v int) set {
	if other := q.contradiction(v); other >= 0 {
		return set{v: true, other: true}
	}
	for _, i := range q.watchers[v] {
		if !q.look(i) {
			why := set{}
			q.reason(q.goals[i].node, q.goals[i].want, why)
			return why
		}
	}
	return nil
}

// contradiction returns a place whose value excludes that of v: nothing stands
// within what is absent or no object. It is negative if there is none.
func (q *query) contradiction(v int) int {
	if v >= len(q.domains) {
		return -1
	}
	for other, n := range q.assigned {
		if n >= 0 && other != v && (q.excludes(v, other) || q.excludes(other, v)) {
			return other
		}
	}
	return -1
}

// excludes reports whether the value of one place excludes that of another
// within it.
func (q *query) excludes(around, within int) bool {
	p, o := q.space.variables[around].place, q.space.variables[within].place
	if !p.above(o) {
		return false
	}
	holds, value := q.value(around).holds(p), q.value(within)
	switch {
	case value.Present:
		return !holds
	case q.proof: // which maps are there without a value is not for a proof
		return false
	case value.V != nil:
		return !holds
	}
	return holds && p.dynamic() && strings.Count(o.keys, keyMark) == strings.Count(p.keys, keyMark)+1
}

func (q *query) value(v int) Value { return q.space.variables[v].values[q.assigned[v]] }

// holds reports whether something may stand within a value.
func (v Value) holds(p Place) bool {
	if !p.dynamic() {
		return v.Present
	}
	_, object := v.V.(map[string]any)
	return object
}

// masks saves what restore needs.
func (q *query) masks(v int) []Truths {
	out := make([]Truths, len(q.watchers[v]))
	for n, i := range q.watchers[v] {
		out[n] = q.goals[i].mask
	}
	return out
}

func (q *query) restore(v int, masks []Truths) {
	for n, i := range q.watchers[v] {
		q.goals[i].mask = masks[n]
	}
	if v < len(q.domains) {
		q.assigned[v] = -1
		return
	}
	q.guessed[v-len(q.domains)] = -1
}

// choose returns the first variable of a node that is still open; negative if
// there is none.
func (q *query) choose(n *node) int {
	switch n.op {
	case term.Const:
		return -1
	case term.Not, term.And, term.Or, term.Cond:
		kids := n.kids
		if n.op == term.Cond && q.mask(kids[0]) == True {
			kids = kids[1:2]
		} else if n.op == term.Cond && q.mask(kids[0]) == False {
			kids = kids[2:]
		}
		for _, k := range kids {
			if m := q.mask(k); m&(m-1) == 0 {
				continue
			}
			if v := q.choose(k); v >= 0 {
				return v
			}
		}
		return -1
	}
	a, free := q.space.atoms[n.atom], q.free(n.atom)
	open := a.variables
	if free {
		open = nil
		if a.total {
			open = a.strict
		}
	}
	for _, v := range open {
		if q.assigned[v] < 0 {
			return v
		}
	}
	if free && q.guessed[a.group] < 0 {
		return len(q.domains) + a.group
	}
	return -1
}

// action makes the action of what was decided.
func (q *query) action() *mesh.Action {
	var variables []int
	for v, n := range q.assigned {
		if n >= 0 {
			variables = append(variables, v)
		}
	}
	return q.with(plain(), variables)
}

// with states the values of places, objects before what stands within them.
func (q *query) with(a *mesh.Action, variables []int) *mesh.Action {
	s := q.space
	ordered := slices.SortedStableFunc(slices.Values(variables), func(x, y int) int {
		p, o := s.variables[x].place, s.variables[y].place
		return cmp.Or(cmp.Compare(len(p.leaf.Path), len(o.leaf.Path)), cmp.Compare(len(p.keys), len(o.keys)))
	})
	for _, v := range ordered {
		a = s.variables[v].place.With(a, q.value(v))
	}
	return a
}
