// Package spacetest makes terms, policies and actions at random, out of so few
// words that they meet. It never reaches a binary.
package spacetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/space"
)

// Source is where chance comes from, such as a *rand.Rand.
type Source interface {
	// IntN returns a number from 0 to n-1.
	IntN(n int) int
}

// atoms are what terms are made of.
func atoms() []string {
	return []string{
		`action.type == "data.read"`, `action.type in ["tool.call", "egress"]`, `action.type.startsWith("data.")`, `action.type.endsWith("l")`,
		`has(data)`, `has(data.purpose)`, `data.purpose == "x"`, `data.purpose in ["x", "y"]`, `data.purpose > "m"`, `data.purpose.contains("x")`,
		`has(data.consent)`, `has(data.consent.given)`, `data.consent.given`, `data.purpose in data.consent.purposes`,
		`"x" in data.consent.purposes`, `data.consent.purposes.all(p, p in ["x", "y"])`, `data.consent.purposes.exists(p, p == data.purpose)`,
		`has(data.retentionDays)`, `data.retentionDays <= 3`, `data.retentionDays == 3`, `data.retentionDays > 3.5`, `content.injectionScore < 0.5`, `content.injectionScore >= 1.0`,
		`has(tool.args)`, `has(tool.args.n)`, `"n" in tool.args`, `tool.args.n > 3`, `tool.args.n in [3, "x", true]`, `tool.args.n == 3.5`, `tool.args.n == "x"`, `tool.args.n`,
		`tool.args.n.k == 1`, `has(tool.args.n.k)`, `"x" in tool.args.n`, `size(data.fields) == 2`, `data.fields.exists(f, f.startsWith("x") && f != "x")`,
		`content.findings.exists(f, has(f.type) && f.type == "x")`, `content.findings.all(f, has(f.count) && f.count > 1)`, `personalData()`, `healthData()`,
		`size(data.purpose) > 1`, `size(data.purpose) >= 3`, `size(tool.args.n) < 2`, `1 > size(tool.args.n)`, `double(tool.args.n) > 3.0`, `double(tool.args.n) <= 3.5`, `double(tool.args.n) != 3.5`,
		`data.purpose.matches("^x+$")`, `data.purpose.matches("x|y")`, `tool.args.n.matches("x")`, `tool.args.n.matches("^.$")`,
		`tool.args.all(k, k in ["n", "m"])`, `tool.args.exists(k, k != "n")`, `["n", "m"].all(k, k in tool.args)`, `["n", "m"].exists(k, !(k in tool.args) || tool.args.n == k)`,
		`timestamp.getHours() > 7`, `timestamp.getHours() > 6`, `egress.host in params.hosts`, `[personalData()].all(x, x)`,
	}
}

// Term returns an expression in CEL that is nested at most depth deep. It reads
// params.hosts, a list of texts, and may ask for personal and health data. Some
// do not type-check, because they mix types that are known at run time only.
func Term(r Source, depth int) string {
	if depth == 0 || r.IntN(5) == 0 {
		all := atoms()
		return all[r.IntN(len(all))]
	}
	a, b := Term(r, depth-1), Term(r, depth-1)
	switch r.IntN(6) {
	case 0:
		return "!(" + a + ")"
	case 1:
		return "(" + a + " ? " + b + " : " + Term(r, depth-1) + ")"
	case 2, 3:
		return "(" + a + " || " + b + ")"
	}
	return "(" + a + " && " + b + ")"
}

// Policy returns a policy of a few rules.
func Policy(r Source) string {
	var b strings.Builder
	b.WriteString("version: \"3.0.0\"\nname: n\n")
	if r.IntN(4) == 0 {
		b.WriteString("default: deny\n")
	}
	b.WriteString("params: {hosts: {type: array, items: {type: string}, default: [a, b]}}\nrules:\n")
	if r.IntN(2) == 0 {
		b.WriteString("  data_collection: {purpose_limitation: true, valid_purposes: [x, y]}\n")
	}
	b.WriteString("  custom:\n")
	for i := range 1 + r.IntN(4) {
		b.WriteString(rule(r, i))
	}
	return b.String()
}

func rule(r Source, i int) string {
	out := fmt.Sprintf("    - {id: r%d", i)
	if r.IntN(5) > 0 {
		out += ", when: '" + Term(r, 1) + "'"
	}
	if r.IntN(6) == 0 {
		return out + ", obligations: [{type: mask}]}\n"
	}
	return out + ", require: '" + Term(r, 2) + "'}\n"
}

// values are what actions say.
func values() map[string][]any {
	return map[string][]any{
		"action.type": {"data.read", "tool.call", "egress", "data.x", "model.call"}, "data.purpose": {"x", "y", "axb", "z"},
		"data.consent": {nil}, "data.consent.given": {true, false}, "data.consent.purposes": {[]string{}, []string{"x"}, []string{"z", "y"}},
		"data.retentionDays": {int64(0), int64(3), int64(4)}, "content.injectionScore": {0.0, 0.5, 0.75, 1.0},
		"tool.args": {nil}, "tool.args.m": {int64(1)}, "tool.args.z": {"z"}, "tool.args.n": {int64(3), 3.5, "x", true, nil, []any{"x"}, map[string]any{"k": int64(1)}, map[string]any{}},
		"data.fields": {[]string{"x", "xy"}, []string{"a"}}, "data.categories": {[]string{"pii"}, []string{"phi", "x"}, []string{}},
		"content.findings": {[]mesh.ContentFinding{}, []mesh.ContentFinding{{Type: ptr("x"), Count: ptr(int64(2))}}, []mesh.ContentFinding{{Type: ptr("EMAIL")}, {Count: ptr(int64(0))}}},
		"timestamp":        {time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 1, 2, 13, 4, 5, 0, time.UTC)},
	}
}

func ptr[T any](v T) *T { return &v }

// Action returns an action that says some of what terms look at.
func Action(r Source) *mesh.Action {
	a := &mesh.Action{Action: mesh.Operation{Type: mesh.TypeDataRead}}
	values := values()
	for _, path := range slices.Sorted(maps.Keys(values)) {
		if list := values[path]; r.IntN(2) == 0 {
			a = space.PlaceAt(path).With(a, space.Stated(list[r.IntN(len(list))]))
		}
	}
	return a
}
