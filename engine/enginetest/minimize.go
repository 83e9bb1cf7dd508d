package enginetest

import (
	"encoding/json"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// minimize makes a difference smaller as long as the back ends differ: fewer
// policies, rules, fields and words of expressions. It tries every single
// removal until none helps.
func minimize(d *Difference, one, other Backend) *Difference {
	best := differ(d, one, other)
	if best == nil {
		return d
	}
	try := func(policies []Source, action *Action) bool {
		found := differ(&Difference{Seed: d.Seed, Policies: policies, Action: action}, one, other)
		if found == nil || weight(found) >= weight(best) || found.refused() && !best.refused() {
			return false
		}
		best = found
		return true
	}
	for again := true; again; {
		again = dropPolicies(best, try)
		again = shrinkAction(best, try) || again
		for i := range best.Policies {
			again = shrinkPolicy(best, i, try) || again
		}
	}
	return best
}

// attempt reports whether the difference remains with other policies or
// another action, which it then keeps.
type attempt func(policies []Source, action *Action) bool

func weight(d *Difference) int {
	n := len(d.Action.JSON)
	for _, p := range d.Policies {
		n += len(p.YAML) + len(p.Mode) + 1
		for name := range p.Params {
			n += len(name) + 1
		}
	}
	return n
}

func dropPolicies(d *Difference, try attempt) bool {
	for i := range d.Policies {
		fewer := slices.Delete(slices.Clone(d.Policies), i, i+1)
		if len(fewer) > 0 && try(fewer, d.Action) {
			return true
		}
	}
	return false
}

func shrinkAction(d *Difference, try attempt) bool {
	v, err := ReadAction(d.Action.JSON)
	if err != nil {
		return false
	}
	return shrink(v, func(smaller any) bool {
		data, err := json.Marshal(smaller)
		return err == nil && try(d.Policies, NewAction(data))
	})
}

func shrinkPolicy(d *Difference, i int, try attempt) bool {
	var v any
	if yaml.Unmarshal([]byte(d.Policies[i].YAML), &v) != nil {
		return false
	}
	attemptSource := func(s Source) bool {
		policies := slices.Clone(d.Policies)
		policies[i] = s
		return try(policies, d.Action)
	}
	source := d.Policies[i]
	plainMode := source
	plainMode.Mode = ""
	if source.Mode != "" && attemptSource(plainMode) {
		return true
	}
	for name := range source.Params {
		fewer := source
		fewer.Params = maps.Clone(source.Params)
		delete(fewer.Params, name)
		if attemptSource(fewer) {
			return true
		}
	}
	return shrink(v, func(smaller any) bool {
		data, err := yaml.Marshal(smaller)
		source.YAML = string(data)
		return err == nil && attemptSource(source)
	})
}

// shrink offers every variant of a tree that lacks one part, and reports
// whether one was taken.
func shrink(v any, offer func(any) bool) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fewer := maps.Clone(v)
			delete(fewer, name)
			if offer(fewer) {
				return true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inner := func(smaller any) bool {
				changed := maps.Clone(v)
				changed[name] = smaller
				return offer(changed)
			}
			if shrink(v[name], inner) {
				return true
			}
		}
	case []any:
		for i := range v {
			if offer(slices.Delete(slices.Clone(v), i, i+1)) {
				return true
			}
		}
		for i := range v {
			inner := func(smaller any) bool {
				changed := slices.Clone(v)
				changed[i] = smaller
				return offer(changed)
			}
			if shrink(v[i], inner) {
				return true
			}
		}
	case string:
		return shrinkExpression(v, func(smaller string) bool { return offer(smaller) })
	}
	return false
}

// shrinkExpression offers every variant of an expression in which a part of it
// stands for the whole, or for the part around it.
func shrinkExpression(source string, offer func(string) bool) bool {
	n, err := parse(source)
	if err != nil || len(n.kids) == 0 {
		return false
	}
	var parts func(n *node) bool
	parts = func(n *node) bool {
		for _, kid := range n.kids {
			if n.kind != nodeHas && offer(source[:n.pos]+source[kid.pos:kid.end]+source[n.end:]) {
				return true
			}
		}
		if n.kind == nodeList && len(n.kids) > 0 && offer(source[:n.pos]+"[]"+source[n.end:]) {
			return true
		}
		for _, constant := range []string{"true", "false"} {
			if n.end-n.pos > len(constant) && offer(source[:n.pos]+constant+source[n.end:]) {
				return true
			}
		}
		return slices.ContainsFunc(n.kids, parts)
	}
	return parts(n)
}
