package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/engine/primitives"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// TestPrimitivesCompile compiles the CEL of every primitive: no read without
// has(), and the action types it says it looks at.
func TestPrimitivesCompile(t *testing.T) {
	t.Parallel()
	for _, p := range primitives.All() {
		c := compilePrimitive(p)
		for _, x := range []*expr.Expr{c.when, c.require} {
			if x == nil {
				continue
			}
			given := c.when
			if x == c.when {
				given = nil
			}
			for _, issue := range x.Unguarded(given) {
				t.Errorf("%s: %s", p.ID, issue.Message)
			}
		}
		if p.Types == nil {
			continue
		}
		if types := c.when.Term(nil).ActionTypes(); !slices.Equal(p.Types, types) {
			t.Errorf("%s looks at %v, but its CEL at %v", p.ID, p.Types, types)
		}
	}
}

// TestRequiredInputsAreAll holds the inputs that a policy can require to the
// fields of the action, and the CEL to both.
func TestRequiredInputsAreAll(t *testing.T) {
	t.Parallel()
	p := primitives.Lookup("operations.required_inputs.*")
	fields := leavesOf(shape.Action(), "")
	slices.Sort(fields)
	if diff := cmp.Diff(fields, slices.Sorted(slices.Values(p.Parameters[0].Enum))); diff != "" {
		t.Errorf("inputs (-action +library):\n%s", diff)
	}
	if diff := cmp.Diff(fields, compilePrimitive(p).require.Reads()); diff != "" {
		t.Errorf("inputs (-action +CEL):\n%s", diff)
	}
	for _, field := range fields {
		if !strings.Contains(p.Require, fmt.Sprintf(`(!("%s" in rule.inputs) || has(%s))`, field, field)) {
			t.Errorf("the CEL does not ask for %s", field)
		}
	}
}

// leavesOf returns the paths of an object's fields that may be absent and hold
// no fields of their own.
func leavesOf(o *shape.Object, prefix string) []string {
	var out []string
	for _, f := range o.Fields {
		switch {
		case f.Kind == shape.Struct:
			out = append(out, leavesOf(f.Object, prefix+f.Name+".")...)
		case !f.Required:
			out = append(out, prefix+f.Name)
		}
	}
	return out
}

// TestPrimitiveCases runs the cases of every primitive as a policy that uses it
// and nothing else.
func TestPrimitiveCases(t *testing.T) {
	t.Parallel()
	eachCase(t, func(t *testing.T, p *primitives.Primitive, program *Program, c primitives.Case) {
		got, r := decide(t, program, c.Action)
		if got != c.Want {
			t.Errorf("%s is %s, want %s", c.Name, got, c.Want)
		}
		if obliges := c.Want == primitives.Satisfied && len(p.Obligations) > 0; obliges != (len(r.Obligations) > 0) {
			t.Errorf("%s: obligations %v", c.Name, r.Obligations)
		}
		checkAbsent(t, program, c)
	})
}

// eachCase runs a test with every case of every primitive, as a policy that uses
// the primitive and nothing else.
func eachCase(t *testing.T, test func(*testing.T, *primitives.Primitive, *Program, primitives.Case)) {
	t.Helper()
	for _, p := range primitives.All() {
		t.Run(p.ID, func(t *testing.T) {
			t.Parallel()
			compiled := map[string]*Program{} // by what several cases share
			for _, c := range p.Cases {
				key := fmt.Sprint(c.Values)
				if compiled[key] == nil {
					compiled[key] = programOf(t, p, c.Values)
				}
				test(t, p, compiled[key], c)
			}
		})
	}
}

// programOf compiles a policy that gives a primitive these values and holds
// nothing else.
func programOf(t *testing.T, p *primitives.Primitive, values map[string]any) *Program {
	t.Helper()
	rules, id := using(p, values)
	src, err := json.Marshal(map[string]any{"version": "3.0.0", "name": p.ID, "rules": rules})
	if err != nil {
		t.Fatal(err)
	}
	doc, findings := policy.Parse("p.yaml", src)
	if doc == nil {
		t.Fatalf("%v: %v", values, findings)
	}
	if len(doc.Rules) != 1 || doc.Rules[0].ID != id {
		t.Fatalf("%v: rules %+v, want %s", values, doc.Rules, id)
	}
	program, err := Compile([]Policy{{ID: "acme/p", Document: doc}})
	if err != nil {
		t.Fatalf("%v: %v", values, err)
	}
	return program
}

// failed is the outcome of a rule that cannot be evaluated.
const failed primitives.Outcome = "failed"

func decide(t *testing.T, program *Program, given map[string]any) (primitives.Outcome, *Result) {
	t.Helper()
	src, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	action, err := decode.Action(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	var r Result
	program.Evaluate(t.Context(), action, Inline, &r)
	return outcome(&r), &r
}

func outcome(r *Result) primitives.Outcome {
	switch {
	case len(r.Errors) > 0:
		return failed
	case len(r.Violations) > 0:
		return primitives.Violated
	case len(r.Policies) > 0:
		return primitives.Satisfied
	}
	return primitives.NotApplicable
}

// checkAbsent demands that the input whose absence violates is one that the
// rule reads.
func checkAbsent(t *testing.T, p *Program, c primitives.Case) {
	t.Helper()
	if c.Absent == "" {
		return
	}
	rule := p.policies[0].rules[0]
	reads := rule.require.Reads()
	if rule.when != nil {
		reads = append(reads, rule.when.Reads()...)
	}
	if !slices.ContainsFunc(reads, func(path string) bool { return path == c.Absent || strings.HasPrefix(c.Absent, path+".") }) {
		t.Errorf("%s: the rule does not read %s, but %v", c.Name, c.Absent, reads)
	}
}

// TestPrimitivesLookAtNothingElse takes from every case what the rule looks at:
// its action type, and that there is personal data.
func TestPrimitivesLookAtNothingElse(t *testing.T) {
	t.Parallel()
	eachCase(t, func(t *testing.T, p *primitives.Primitive, program *Program, c primitives.Case) {
		if p.Types != nil {
			other := changed(c.Action, "action.type", "vendor.own")
			if got, _ := decide(t, program, other); got != primitives.NotApplicable {
				t.Errorf("%s, but of another type, is %s", c.Name, got)
			}
		}
		if strings.Contains(p.When, "personalData()") {
			other := changed(c.Action, "data.categories", []any{})
			other = changed(changed(other, "content.findings", nil), "resource.type", nil)
			if got, _ := decide(t, program, other); got != primitives.NotApplicable {
				t.Errorf("%s, but without personal data, is %s", c.Name, got)
			}
		}
	})
}

// TestAbsentInputsNeverSatisfy takes every input from every case. No rule fails
// then, and what was satisfied by an input is violated without it.
func TestAbsentInputsNeverSatisfy(t *testing.T) {
	t.Parallel()
	eachCase(t, func(t *testing.T, p *primitives.Primitive, program *Program, c primitives.Case) {
		for _, path := range statedIn(c.Action, "") {
			got, r := decide(t, program, changed(c.Action, path, nil))
			if got == failed {
				t.Errorf("%s, without %s: %v", c.Name, path, r.Errors)
			}
			require := program.policies[0].rules[0].require
			if c.Want == primitives.Satisfied && got == primitives.Satisfied && require != nil && slices.Contains(require.Reads(), path) &&
				path != "data.consent.withdrawn" { // which only ever takes back
				t.Errorf("%s is satisfied without %s", c.Name, path)
			}
		}
	})
}

// TestEmptyTextsNeverSatisfy empties every text of every case: to whoever it is
// said, an empty text says no more than nothing.
func TestEmptyTextsNeverSatisfy(t *testing.T) {
	t.Parallel()
	eachCase(t, func(t *testing.T, p *primitives.Primitive, program *Program, c primitives.Case) {
		if c.Want != primitives.Satisfied || p.Require == "" || p.ID == "operations.required_inputs.*" { // which asks whether anything was said
			return
		}
		reads := program.policies[0].rules[0].require.Reads()
		all, emptied := c.Action, false // every text, since some are compared with each other
		for _, path := range statedIn(c.Action, "") {
			if list, _ := valueAt(c.Action, path).([]any); len(list) > 0 && slices.Contains(reads, path) {
				if _, texts := list[0].(string); texts {
					all = changed(all, path, []any{""})
				}
			}
			if text, ok := valueAt(c.Action, path).(string); !ok || text == "" || !slices.Contains(reads, path) {
				continue
			}
			all, emptied = changed(all, path, ""), true
			if got, _ := decide(t, program, changed(c.Action, path, "")); got == primitives.Satisfied {
				t.Errorf("%s is satisfied with an empty %s", c.Name, path)
			}
		}
		if got, _ := decide(t, program, all); emptied && got == primitives.Satisfied {
			t.Errorf("%s is satisfied with empty texts everywhere: %v", c.Name, all)
		}
	})
}

// TestEmptyTextsAreNotStated gives every text that a rule reads, whether a case
// states it or not, as an empty one and leaves it out. What the rule looks at and
// refuses without the text, it refuses with an empty one.
func TestEmptyTextsAreNotStated(t *testing.T) {
	t.Parallel()
	eachCase(t, func(t *testing.T, p *primitives.Primitive, program *Program, c primitives.Case) {
		if p.ID == "operations.required_inputs.*" { // which asks whether anything was said
			return
		}
		for _, path := range readBy(program) {
			empty, absent := emptyAt(path)
			if empty == nil || p.ID == "data_minimization.max_fields" && path == "data.fields" { // which counts them
				continue
			}
			want, r := decide(t, program, changed(c.Action, path, absent))
			looked := want == primitives.Violated || len(r.Obligations) > 0
			if got, _ := decide(t, program, changed(c.Action, path, empty)); looked && got != want {
				t.Errorf("%s, with an empty %s, is %s and without %s", c.Name, path, got, want)
			}
		}
	})
}

// readBy returns the paths that the one rule of a program reads, and those that
// the predicates read.
func readBy(p *Program) []string {
	rule := p.policies[0].rules[0]
	paths := []string{"data.categories", "content.findings"}
	for _, x := range []*expr.Expr{rule.when, rule.require} {
		if x != nil {
			paths = append(paths, x.Reads()...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// emptyAt returns what says nothing at a path of an action though it is there,
// and what says nothing by absence; nothing where no texts are.
func emptyAt(path string) (empty, absent any) {
	switch leaf := shape.LeafAt(path); {
	case path == "content.findings":
		return []any{map[string]any{"type": "", "count": 1}}, []any{map[string]any{"count": 1}}
	case leaf != nil && leaf.Kind == shape.Strings:
		return []any{""}, nil
	case leaf != nil && leaf.Kind == shape.String && !leaf.Field.Required:
		return "", nil
	}
	return nil, nil
}

// valueAt returns the value of an action at a path.
func valueAt(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// statedIn returns the paths of what an action states; of a list only the list.
func statedIn(action map[string]any, prefix string) []string {
	var out []string
	for name, value := range action {
		if path := prefix + name; path != "action" && path != "action.type" { // which are always there
			out = append(out, path)
		}
		if m, ok := value.(map[string]any); ok {
			out = append(out, statedIn(m, prefix+name+".")...)
		}
	}
	return out
}

// changed returns a copy of the action with another value at the path; nil
// removes it.
func changed(action map[string]any, path string, value any) map[string]any {
	out := maps.Clone(action)
	if out == nil {
		out = map[string]any{}
	}
	name, rest, deeper := strings.Cut(path, ".")
	inner, _ := out[name].(map[string]any)
	switch {
	case !deeper && value == nil, deeper && value == nil && inner == nil:
		delete(out, name)
	case !deeper:
		out[name] = value
	default:
		out[name] = changed(inner, rest, value)
	}
	return out
}

// using returns the rules section of a policy that gives a primitive these
// values, and the id of its rule.
func using(p *primitives.Primitive, values map[string]any) (rules map[string]any, id string) {
	var keys []string
	for _, name := range p.Each {
		keys = append(keys, fmt.Sprint(values[name]))
	}
	rules = map[string]any{}
	for _, parameter := range p.Parameters {
		value, given := values[parameter.Name()]
		if !given {
			continue
		}
		path := strings.Split(parameter.Path, ".")
		left := keys
		m := rules
		for i, name := range path {
			if name == "*" {
				name, left = left[0], left[1:]
			}
			if i == len(path)-1 {
				m[name] = value
				break
			}
			if m[name] == nil {
				m[name] = map[string]any{}
			}
			m = m[name].(map[string]any)
		}
	}
	return rules, p.RuleID(keys...)
}
