package expr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
)

func boundedEnv(t testing.TB) *expr.Env {
	t.Helper()
	low, high, least, most, ten := 1.0, 100.0, 2, 3, 10
	e, err := expr.NewEnv([]expr.Record{{Name: "params", Fields: []expr.RecordField{
		{Name: "limit", Type: expr.IntType, Bounds: &expr.Bounds{Minimum: &low, Maximum: &high}},
		{Name: "least", Type: expr.FloatType, Bounds: &expr.Bounds{Minimum: &low}},
		{Name: "host", Type: expr.StringType, Bounds: &expr.Bounds{Enum: []any{"a", "b"}, MaxSize: &ten}},
		{Name: "level", Type: expr.IntType, Bounds: &expr.Bounds{Enum: []any{int64(1), int64(2)}}},
		{Name: "hosts", Type: expr.ListOfString, Bounds: &expr.Bounds{Enum: []any{"a", "b"}, MinSize: &least, MaxSize: &most}},
		{Name: "any", Type: expr.IntType},
	}}}, "night")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestDead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		source string
		want   []string // offset and message
	}{
		{`has(timestamp) && timestamp.getHours("Mars/X") < 4`, []string{"18 `timestamp.getHours(\"Mars/X\")` always fails: there is no time zone Mars/X"}},
		{`has(timestamp) && timestamp.getHours("+25:00") < 4`, []string{"18 `timestamp.getHours(\"+25:00\")` always fails: there is no time zone +25:00"}},
		{`has(timestamp) && timestamp.getHours("+01:00") < 4`, nil},
		{`{"a": 1}["b"] == 1`, []string{"0 `{\"a\": 1}[\"b\"]` always fails: the map has no key b"}},
		{`[1][5] == 1 || night()`, []string{"0 `[1][5]` always fails: the list has no element 5"}},
		{`data.retentionDays * 10 / 0 == 1`, []string{"0 `data.retentionDays * 10 / 0` always fails: it divides by zero"}},
		{`data.retentionDays % 0 == 1`, []string{"0 `data.retentionDays % 0` always fails: it divides by zero"}},
		{`request.ageHours / 0.0 > 1.0`, nil},
		{`night() || 9223372036854775807 + 1 == 2`, []string{"11 `9223372036854775807 + 1` always fails: the result is too large or too small"}},
		{`data.fields.exists(f, f == "a" || 1 / 0 == 1)`, []string{"34 `1 / 0` always fails: it divides by zero"}},
		{`night() || dyn(1) && true`, []string{"11 `dyn(1) && true` always fails: an operator or function does not take values of these types"}},
		{`matches("a", "b")`, []string{"0 `matches(\"a\", \"b\")` never holds, whole"}},
		{`night() && ("a" == "b" || "a" < "b")`, []string{"12 `\"a\" == \"b\" || \"a\" < \"b\"` always holds"}},
		{`has({"a": 1}.b) && night()`, []string{"0 `has({\"a\": 1}.b)` never holds"}},
		{`data.purpose in []`, []string{"0 `data.purpose in []` never holds: the list is empty, whole"}},
		{`size(data.fields) < 0`, []string{"0 `size(data.fields) < 0` never holds: a size is at least 0, whole"}},
		{`night() && 0 <= data.purpose.size()`, []string{"11 `0 <= data.purpose.size()` always holds: a size is at least 0"}},
		{`size(data.fields) == -1`, []string{"0 `size(data.fields) == -1` never holds: a size is at least 0, whole"}},
		{`size(data.fields) != -1`, []string{"0 `size(data.fields) != -1` always holds: a size is at least 0, whole"}},
		{`size(data.fields) > 0 && size(data.fields) <= 0`, nil},
		{`data.retentionDays < 0`, []string{"0 `data.retentionDays < 0` never holds: data.retentionDays is at least 0, whole"}},
		{`content.injectionScore > 1.5`, []string{"0 `content.injectionScore > 1.5` never holds: content.injectionScore is from 0 to 1, whole"}},
		{`content.findings.all(f, f.count >= 0)`, []string{"24 `f.count >= 0` always holds: content.findings.count is at least 0"}},
		{`context.count < 0 && tool.args.amount < 0`, nil},
		{`timestamp.getMonth() == 12`, []string{"0 `timestamp.getMonth() == 12` never holds: getMonth(), which counts from 0, is from 0 to 11, whole"}},
		{`timestamp.getHours("Europe/Oslo") > 23`, []string{"0 `timestamp.getHours(\"Europe/Oslo\") > 23` never holds: getHours() is from 0 to 23, whole"}},
		{`duration("100h").getHours() + data.retentionDays > 23`, nil},
		{`params.limit > 100`, []string{"0 `params.limit > 100` never holds: params.limit is from 1 to 100, whole"}},
		{`params.limit >= 100 || params.limit < 2`, nil},
		{`params.least < 0.5`, []string{"0 `params.least < 0.5` never holds: params.least is at least 1, whole"}},
		{`data.retentionDays <= params.limit`, nil},
		{`params.host == "c"`, []string{"0 `params.host == \"c\"` never holds: params.host is one of a, b, whole"}},
		{`"c" != params.host`, []string{"0 `\"c\" != params.host` always holds: params.host is one of a, b, whole"}},
		{`params.host in ["c", "d"]`, []string{"0 `params.host in [\"c\", \"d\"]` never holds: params.host is one of a, b, whole"}},
		{`params.host in ["a", "d"] && params.host == "a"`, nil},
		{`size(params.host) > 10`, []string{"0 `size(params.host) > 10` never holds: size(params.host) is from 0 to 10, whole"}},
		{`params.level == 3`, []string{"0 `params.level == 3` never holds: params.level is one of 1, 2, whole"}},
		{`params.level == 2`, nil},
		{`"c" in params.hosts`, []string{"0 `\"c\" in params.hosts` never holds: an element of params.hosts is one of a, b, whole"}},
		{`"a" in params.hosts && tool.name in params.hosts`, nil},
		{`size(params.hosts) < 2`, []string{"0 `size(params.hosts) < 2` never holds: size(params.hosts) is from 2 to 3, whole"}},
		{`params.any < 0 || params.any > 9007199254740993`, nil},
		{`data.retentionDays < 24 * 60 && timestamp > timestamp("2026-01-01T00:00:00Z") + duration("1h")`, nil},
		{`true`, nil},
		{`false`, nil},
		{`!false`, []string{"0 `!false` always holds, whole"}},
	}
	e := boundedEnv(t)
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			t.Parallel()
			x, issues := e.Compile(tt.source)
			if x == nil {
				t.Fatal(issues)
			}
			var got []string
			for _, d := range x.Dead() {
				s := fmt.Sprintf("%d %s", d.Offset, d.Message[len("CEL: "):])
				if d.Whole {
					s += ", whole"
				}
				if d.Hint == "" {
					t.Error("no hint")
				}
				got = append(got, s)
				if d.Whole && d.Rule == expr.RuleConstant {
					holds(t, e, x, strings.Contains(d.Message, "always"))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// holds checks what is claimed of an expression on actions.
func holds(t *testing.T, e *expr.Env, x *expr.Expr, want bool) {
	t.Helper()
	count, zero, score, purpose := int64(7), int64(0), 1.0, "support"
	at := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	values := e.Bind(map[string]any{"limit": int64(100), "least": 1.0, "host": "a", "level": int64(2), "hosts": []any{"a", "b"}, "any": int64(-1)})
	for _, a := range []*mesh.Action{
		{Timestamp: &at, Data: &mesh.Data{Fields: []string{"a"}, RetentionDays: &count, Purpose: &purpose}, Content: &mesh.Content{InjectionScore: &score}},
		{Data: &mesh.Data{Fields: []string{}, RetentionDays: &zero}},
	} {
		got, err := x.Eval(t.Context(), &expr.Input{Action: a, Records: map[string]expr.Values{"params": values}})
		if err == nil && got != want {
			t.Errorf("an action makes it %t", got)
		}
	}
}

// TestNoProgram has expressions for which there is no program at all.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	e := boundedEnv(t)
	for source, want := range map[string]string{
		`night() || int("x") == 1`:       "11 CEL: `int(\"x\")` always fails: the value does not become a whole number",
		`duration("x") < duration("1h")`: "0 CEL: `duration(\"x\")` always fails: the value does not become a duration",
		`timestamp < timestamp("2026")`:  "12 CEL: `timestamp(\"2026\")` always fails: \"2026\" is no time, as 2026-01-31T12:00:00Z is one",
		`uint(-1) == 1u`:                 "0 CEL: `uint(-1)` always fails: the result is too large or too small",
		`data.fields.exists(f, f == "a" && timestamp("y") == timestamp)`: "34 CEL: `timestamp(\"y\")` always fails: \"y\" is no time, as 2026-01-31T12:00:00Z is one",
	} {
		x, issues := e.Compile(source)
		if x != nil || len(issues) != 1 {
			t.Fatalf("%s: issues %v", source, issues)
		}
		if got := fmt.Sprintf("%d %s", issues[0].Offset, issues[0].Message); got != want || issues[0].Hint == "" {
			t.Errorf("%s:\n%s; want\n%s", source, got, want)
		}
	}
}
