package compare_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/compare"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/space"
	"github.com/ai-agent-mesh/mesh/engine/space/spacetest"
)

// requiring is a policy of one rule.
func requiring(t testing.TB, when, require string) engine.Policy {
	t.Helper()
	if when != "" {
		when = ", when: '" + when + "'"
	}
	return parse(t, head+"params: {hosts: {type: array, items: {type: string}, default: [a, b]}}\nrules:\n  custom:\n    - {id: r"+when+", require: '"+require+"'}\n")
}

// TestWordsAreTrue: what is said of any action is true of it, also where parts of
// the rule stay as they were.
func TestWordsAreTrue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		older, newer string
		want         []string
	}{
		{`has(data.purpose) && data.purpose.startsWith("ab")`, `has(data.purpose) && data.purpose.startsWith("a")`, []string{
			"allowed now: any action where data.purpose begins with a and does not begin with ab (rule r: begins with ab → begins with a)",
		}},
		{`has(timestamp) && timestamp.getHours() < 18`, `has(timestamp) && timestamp.getHours() <= 18`, []string{
			"allowed now: any action where !(timestamp.getHours() < 18) and timestamp is stated and timestamp.getHours() <= 18 (rule r: (timestamp.getHours() < 18) → (timestamp.getHours() <= 18))",
		}},
		{`has(data.fields) && data.fields.exists_one(f, f == "a")`, `has(data.fields) && data.fields.exists(f, f == "a")`, []string{
			`allowed now: any action where !(data.fields.exists_one(f, f == "a")) and data.fields with a (rule r: (data.fields.exists_one(f, f == "a")) → with a)`,
		}},
		{`personalData() || has(actor.mfa)`, `healthData() || has(actor.mfa)`, []string{
			"denied now: any action where !healthData() and actor.mfa is absent and personalData() (rule r: personalData() holds or actor.mfa is stated → healthData() holds or actor.mfa is stated)",
		}},
		{`has(data.purpose) && (data.retentionDays > 5 || personalData())`, `has(data.purpose) && data.retentionDays > 5 && data.purpose != "x"`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.newer, func(t *testing.T) {
			t.Parallel()
			older, newer := requiring(t, "", tt.older), requiring(t, "", tt.newer)
			r := report(t, older, newer)
			var got []string
			for _, c := range r.Changes {
				got = append(got, c.Words)
			}
			if tt.want != nil {
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("words (-want +got):\n%s", diff)
				}
			}
			checkWords(t, rand.New(rand.NewPCG(1, 2)), r, older, newer)
		})
	}
}

// TestWordsOfSections: a section looks at what may be absent and demands that it
// is not, of which nobody wants to read twice.
func TestWordsOfSections(t *testing.T) {
	t.Parallel()
	section := func(tools string) engine.Policy {
		return parse(t, head+"rules: {tools: {by_agent: {clerk: ["+tools+"]}}}\n")
	}
	r := report(t, section("pay, look"), section("look"))
	var got []string
	for _, c := range r.Changes {
		got = append(got, c.Words)
	}
	want := []string{"denied now: tool.call where agent.id is clerk and tool.name is pay (rule tools.by_agent.clerk: one of pay, look → one of look)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

// TestGeneratedWordsAreTrue changes a rule in one place and holds what is said
// to actions that it is said of.
func TestGeneratedWordsAreTrue(t *testing.T) {
	t.Parallel()
	said, held := 0, 0
	r := rand.New(rand.NewPCG(7, 7))
	for range 120 {
		parts := []string{spacetest.Term(r, 1), spacetest.Term(r, 1), []string{"", spacetest.Term(r, 0)}[r.IntN(2)]}
		operator := []string{" && ", " || "}[r.IntN(2)]
		source := func() engine.Policy {
			return requiring(t, parts[2], parts[0]+operator+"("+parts[1]+")")
		}
		older := source()
		parts[r.IntN(3)] = spacetest.Term(r, r.IntN(2))
		newer := source()
		rep, err := compare.Policies(t.Context(), older, newer, nil)
		if err != nil {
			continue // an expression that does not type-check
		}
		for _, c := range rep.Changes {
			if c.Extent == compare.Every {
				said++
			}
		}
		held += checkWords(t, r, rep, older, newer)
	}
	if said < 150 || held < 1000 {
		t.Errorf("only %d statements about every action, held to %d actions", said, held)
	}
}

// checkWords looks for actions that the words of a change describe and that are
// not decided as it says. It returns to how many actions words were held. Where
// other rules refuse an action nothing is said of it.
func checkWords(t *testing.T, r *rand.Rand, rep *compare.Report, older, newer engine.Policy) int {
	t.Helper()
	programs := [2]*engine.Program{}
	for i, p := range []engine.Policy{older, newer} {
		var err error
		if programs[i], err = engine.CompileWith([]engine.Policy{p}, engine.Closures); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, c := range rep.Changes {
		if c.Kind != compare.Denied && c.Kind != compare.Allowed && c.Kind != compare.Failing {
			continue
		}
		where := lower.NewTest(compare.Where(&c), engine.Predicates())
		if where.Truth(t.Context(), c.Example) != lower.True {
			text, _ := json.Marshal(c.Example)
			t.Errorf("%s\n    is not said of its own example %s", c.Words, text)
		}
		for i := range 60 {
			a := spacetest.Action(r)
			if i%3 > 0 {
				a = changed(r, c.Example)
			}
			if c.Extent != compare.Every || where.Truth(t.Context(), a) != lower.True {
				continue
			}
			held++
			before, after := decided(t, programs[0], a), decided(t, programs[1], a)
			if want := c.Before.Decision + " → " + c.After.Decision; before+" → "+after != want && !c.OtherRules {
				text, _ := json.Marshal(a)
				t.Errorf("%s\n    %s is %s → %s, not %s", c.Words, text, before, after, want)
			}
		}
	}
	return held
}

func decided(t *testing.T, p *engine.Program, a *mesh.Action) string {
	var got engine.Result
	switch p.Evaluate(t.Context(), a, engine.Inline, &got); {
	case got.Allowed:
		return mesh.OutcomeAllowed
	case len(got.Violations) > 0:
		return mesh.OutcomeDenied
	}
	return mesh.EvaluationError
}

// changed is an action with a few other values.
func changed(r *rand.Rand, a *mesh.Action) *mesh.Action {
	values := map[string][]any{
		"action.type": {"data.read", "tool.call", "egress"}, "data.purpose": {"x", "y", "z", "zzz", "a", "ab", "abc"}, "data.retentionDays": {int64(3), int64(4), int64(9)},
		"tool.args.n": {int64(3), int64(4), "x", true, 3.5}, "data.fields": {[]string{"a"}, []string{"a", "a"}, []string{"b"}, []string{}, []string{"x", "xy"}},
		"data.categories": {[]string{"pii"}, []string{"phi"}, []string{}}, "actor.mfa": {true, false}, "content.injectionScore": {0.0, 0.5, 1.0},
		"data.consent.given": {true, false}, "data.consent.purposes": {[]string{"x"}, []string{"x", "y"}, []string{"z"}},
	}
	for h := range 24 {
		values["timestamp"] = append(values["timestamp"], time.Date(2026, 1, 2, h, 0, 0, 0, time.UTC))
	}
	paths := slices.Sorted(maps.Keys(values))
	for range 1 + r.IntN(3) {
		path := paths[r.IntN(len(paths))]
		v := space.Absent()
		if list := values[path]; r.IntN(5) > 0 {
			v = space.Stated(list[r.IntN(len(list))])
		}
		a = space.PlaceAt(path).With(a, v)
	}
	return a
}

// TestDeadDefault: a default that never comes to pass is no difference.
func TestDeadDefault(t *testing.T) {
	t.Parallel()
	const all, some = "    - {id: a, require: 'has(data.purpose)'}\n", "    - {id: a, when: 'action.type == \"egress\"', require: 'has(data.purpose)'}\n"
	for _, tt := range []struct {
		name, rules string
		want        compare.Answer
	}{
		{"a rule looks at every action", all, compare.No},
		{"rules look at every action together", some + "    - {id: b, when: 'action.type != \"egress\"', require: 'has(data.purpose)'}\n", compare.No},
		{"it comes to pass", some, compare.Yes},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			deny, allow := parse(t, rules(tt.rules)+"default: deny\n"), parse(t, rules(tt.rules))
			for _, r := range []*compare.Report{report(t, deny, allow), report(t, allow, deny)} {
				if r.Differ != tt.want || r.Identical != (tt.want == compare.No) {
					t.Errorf("differ %s, want %s: %q", r.Differ, tt.want, lines(t, r))
				}
			}
		})
	}
	params := func(deny string) engine.Policy {
		return parse(t, head+deny+"params: {on: {type: boolean, default: true}}\nrules: {custom: [{id: a, when: 'params.on', require: 'has(data.purpose)'}]}\n")
	}
	r := report(t, params(""), params("default: deny\n"))
	want := []string{"? parameter | whether other values of the parameter on make a difference (rule default): it was compared with the values there are"}
	if diff := cmp.Diff(want, lines(t, r)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestOneQuestionOfOneRule: what is not known of a rule takes one line, and what
// is only written in another way is known.
func TestOneQuestionOfOneRule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		older, newer string
		want         []string
	}{
		{`data.purpose != data.region`, `!(data.purpose == data.region)`, nil},
		{`!(data.purpose != data.region)`, `data.purpose == data.region`, nil},
		{`timestamp.getHours() < 18`, `timestamp.getHours("UTC") < 18`, nil},
		{`timestamp.getHours("UTC") < 18 && timestamp.getMinutes("UTC") != 3`, `timestamp.getHours() < 18 && timestamp.getMinutes() != 3`, nil},
		{`size(data.fields) > 0`, `data.fields.exists(f, true)`, []string{
			"whether rule r decides, or obliges to, anything else than before: nothing is proved about size(data.fields) > 0",
		}},
	} {
		t.Run(tt.newer, func(t *testing.T) {
			t.Parallel()
			r := report(t, requiring(t, "", tt.older), requiring(t, "", tt.newer))
			var got []string
			for _, g := range r.Questions() {
				got = append(got, fmt.Sprint(g.What, ": ", g.Why))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || r.Identical != (tt.want == nil) {
				t.Errorf("identical %t, questions (-want +got):\n%s", r.Identical, diff)
			}
		})
	}
}
