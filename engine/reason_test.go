package engine_test

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine"
)

// TestErrorsNameNoValues: why a rule fails is recorded, and says nothing of what
// the action holds.
func TestErrorsNameNoValues(t *testing.T) {
	t.Parallel()
	a := action(t, `{"action":{"type":"tool.call"},"timestamp":"2026-01-31T12:00:00Z","tool":{"args":{"secret":"S3CRET","n":97531,"list":["S3CRET"]}},
		"data":{"categories":["S3CRET"]},"content":{"findings":[{"type":"S3CRET","count":1}]}}`)
	for expression, want := range map[string]string{
		`timestamp(tool.args.secret) > timestamp("2026-01-01T00:00:00Z")`: "it takes a text for a time that is none",
		`duration(tool.args.secret) > duration("1h")`:                     "a value does not become a duration",
		`timestamp.getHours(tool.args.secret) > 1`:                        "it takes a text for a time zone that is none",
		`{"a": 1}[tool.args.secret] == 3`:                                 "it reads a key that is not there",
		`tool.args.list[tool.args.n] == "x"`:                              "it reads an element that a list does not have",
		`int(tool.args.secret) == 1`:                                      "a value does not become a whole number",
		`data.categories.exists(c, {"a": 1}[c] == 1)`:                     "it reads a key that is not there",
		`content.findings.all(f, {"a": 1}[f.type] == 1)`:                  "it reads a key that is not there",
		`tool.args.list.exists(x, timestamp(x) > timestamp(x))`:           "it takes a text for a time that is none",
		`tool.args.secret + 1 == 2`:                                       "",
	} {
		p, err := engine.Compile([]engine.Policy{{ID: "acme/p", Document: document(t, "p.yaml", custom("    - {id: r, require: '"+expression+"'}\n"))}})
		if err != nil {
			t.Fatal(err)
		}
		var r engine.Result
		p.Evaluate(t.Context(), a, engine.Inline, &r)
		if len(r.Errors) != 1 {
			t.Errorf("%s: errors %+v", expression, r.Errors)
			continue
		}
		if said := r.Errors[0].Message; strings.Contains(said, "S3CRET") || strings.Contains(said, "97531") || !strings.Contains(said, want) {
			t.Errorf("%s: %q, want %q and no value", expression, said, want)
		}
	}
}

// TestErrorsAreChosenByWhatFails: what an action holds does not choose the reason
// that is recorded, although cel-go's messages repeat it.
func TestErrorsAreChosenByWhatFails(t *testing.T) {
	t.Parallel()
	for _, said := range []string{
		"overflow", "integer overflow", "division by zero", "modulus by zero", "no such overload",
		"x\ninteger overflow", "x\ndivision by zero", "' to 'int' overflow",
	} {
		a := action(t, `{"action":{"type":"t"},"timestamp":"2026-01-31T12:00:00Z"}`)
		a.Context = map[string]any{"said": said}
		for expression, want := range map[string]string{
			`context[context.said] == 1`:                                      "it reads a key that is not there",
			`{"a": 1}[context.said] == 1`:                                     "it reads a key that is not there",
			`timestamp(context.said) > timestamp("2026-01-01T00:00:00Z")`:     "it takes a text for a time that is none",
			`timestamp.getHours(context.said) > 1`:                            "it takes a text for a time zone that is none",
			`[1].exists(x, {"a": 1}[context.said] == x)`:                      "it reads a key that is not there",
			`int(context.said) == 1`:                                          "a value does not become a whole number",
			`9223372036854775807 + int(string(size(context.said))) == 1`:      "makes a number that is out of range",
			`1 / (size(context.said) - int(string(size(context.said)))) == 1`: "divides by zero",
			`context.said < 1`:                                                "does not apply to what is there: context.said is a text",
		} {
			p := program(t, document(t, "p.yaml", custom("    - {id: r, require: '"+expression+"'}\n")))
			var r engine.Result
			p.Evaluate(t.Context(), a, engine.Inline, &r)
			if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, want) {
				t.Errorf("%s of %q: %+v, want %q", expression, said, r.Errors, want)
			}
		}
	}
}
