package enginetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// Generator makes policies and actions. The same seed gives the same ones. It
// belongs to one goroutine.
type Generator struct {
	*publication
	random *rand.Rand
}

// NewGenerator returns a generator of everything that the published schemas
// allow.
func NewGenerator(seed uint64) (*Generator, error) {
	known, err := knowledge()
	if err != nil {
		return nil, err
	}
	return &Generator{publication: known, random: rand.New(rand.NewPCG(seed, 0x6d657368))}, nil
}

// publication is what all generators know.
type publication struct {
	action *Shape
	fields []Field // of the action
	policy *schema // of policies
	every  []string
}

var knowledge = sync.OnceValues(func() (*publication, error) {
	shape, err := actionShape()
	if err != nil {
		return nil, err
	}
	p := &publication{action: shape, fields: shape.Paths(), policy: new(schema), every: allWords()}
	if err := json.Unmarshal(policy.Schema(), p.policy); err != nil {
		return nil, fmt.Errorf("reading the policy's schema: %w", err)
	}
	return p, nil
})

// chance is true in percent of a hundred cases.
func (g *Generator) chance(percent int) bool { return g.random.IntN(100) < percent }

func pick[T any](g *Generator, from []T) T { return from[g.random.IntN(len(from))] }

// Action makes an action: any part may be absent, lists may be empty, and
// free-form maps hold values of any type. It is valid by the published schema.
func (g *Generator) Action() (*Action, error) {
	sparse := pick(g, []int{20, 50, 75, 90}) // percent of the fields that are there
	action := g.object(g.action, "", sparse)
	g.complete(action)
	data, err := json.Marshal(action)
	if err != nil {
		return nil, fmt.Errorf("writing an action: %w", err)
	}
	return NewAction(data), nil
}

// complete states everything of what the action's type is about, in half of
// the cases: a rule that asks for three fields would hardly ever be met.
func (g *Generator) complete(action map[string]any) {
	verb, _ := facts(action).text("action.type")
	name := objects[verb]
	shape, ok := g.action.Fields[name]
	if ok && g.chance(50) {
		action[name] = g.object(shape, name, 100)
	}
}

func (g *Generator) object(s *Shape, path string, sparse int) map[string]any {
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Fields)) {
		field := s.Fields[name]
		there := sparse
		if field.Kind == Object {
			there = (sparse + 100) / 2
		}
		switch {
		case slices.Contains(s.Required, name) || g.chance(there):
			object[name] = g.value(field, strings.TrimPrefix(path+"."+name, "."), sparse)
		case g.chance(3):
			object[name] = nil // null is absent
		}
	}
	return object
}

func (g *Generator) value(s *Shape, path string, sparse int) any {
	switch s.Kind {
	case Object:
		return g.object(s, path, sparse)
	case Open:
		return g.open(2)
	case List:
		list := []any{}
		for range pick(g, []int{0, 1, 1, 2, 3}) {
			list = append(list, g.value(s.Item, path, sparse))
		}
		return list
	case Flag:
		return g.chance(50)
	case Moment:
		return pick(g, moments)
	case Whole:
		return g.whole(s.Minimum, s.Maximum)
	case Number:
		return g.number(s.Minimum, s.Maximum)
	}
	if g.chance(4) {
		if text := pick(g, words["text"]); path != "action.type" || text != "" && text != "line\nbreak" {
			return text
		}
	}
	return pick(g, wordsOf(path))
}

// whole makes a whole number within the limits, mostly beside one that a policy
// may set.
func (g *Generator) whole(least, most *float64) int64 {
	n := pick(g, limits) + int64(g.random.IntN(3)) - 1
	if g.chance(3) {
		n = pick(g, []int64{math.MaxInt64, math.MaxInt64 - 1, 1 << 53, 1<<53 + 1})
	}
	return bound(n, least, most)
}

// bound brings a number into limits, which it treats as inclusive.
func bound(n int64, least, most *float64) int64 {
	if least != nil && float64(n) < *least {
		n = int64(*least)
	}
	if most != nil && *most < math.MaxInt64 && float64(n) > *most {
		n = int64(*most)
	}
	return n
}

func (g *Generator) number(least, most *float64) float64 {
	if most != nil && *most <= 1 {
		return pick(g, scores)
	}
	n := float64(g.whole(least, most))
	if g.chance(30) {
		n += 0.5
	}
	return n
}

// open makes a free-form map. Most values have the type that the generated
// rules expect under their key.
func (g *Generator) open(depth int) map[string]any {
	m := map[string]any{}
	for range g.random.IntN(6) {
		key := pick(g, words["key"])
		m[key] = g.openValue(key, depth)
	}
	return m
}

func (g *Generator) openValue(key string, depth int) any {
	if g.chance(30) {
		key = pick(g, []string{"amount", "currency", "flag", "tags", "null", "number", "text", "list"})
		if depth > 0 && g.chance(20) {
			key = "nested"
		}
	}
	switch key {
	case "amount":
		return pick(g, limits) + int64(g.random.IntN(3)) - 1
	case "number":
		return g.anyNumber()
	case "currency":
		return pick(g, words["currency"])
	case "flag":
		return g.chance(50)
	case "deletionMethod":
		return pick(g, words["deletion"])
	case "tags":
		if g.chance(5) {
			return "" // what a careless reader takes for an empty list
		}
		list := []any{}
		for range g.random.IntN(4) {
			list = append(list, pick(g, words["category"]))
		}
		return list
	case "list":
		list := []any{}
		for range g.random.IntN(4) {
			list = append(list, g.openValue("", depth-1))
		}
		return list
	case "nested":
		if depth > 0 {
			return g.open(depth - 1)
		}
	case "null":
		return nil
	}
	return pick(g, g.every)
}

// anyNumber makes numbers as JSON can write them.
func (g *Generator) anyNumber() any {
	return pick(g, []any{int64(-1), int64(0), 0.5, -2.5, 499.5, 500.5, 1e18, json.Number("5.0"), json.Number("500.0"), json.Number("-0.0"),
		int64(math.MaxInt64), int64(math.MinInt64), json.Number("9223372036854775808"), json.Number("1e300")})
}
