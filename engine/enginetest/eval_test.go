package enginetest

import (
	"fmt"
	"testing"
)

const asked = `{
  "timestamp": "2026-11-22T23:30:00.123Z",
  "action": {"type": "tool.call"},
  "agent": {"id": "a", "scopes": ["crm.read", "crm.write"]},
  "data": {"categories": ["pii", "health"], "retentionDays": 30, "fields": []},
  "request": {"ageHours": 12},
  "tool": {"args": {"amount": 500, "half": 0.5, "flag": true, "list": [1, "a", 2.0], "none": null, "inner": {"a": 1}, "text": "12",
    "big": 9223372036854775807}},
  "content": {"findings": [{"type": "EMAIL", "count": 2}, {"type": "IBAN"}]}
}`

// expressions are what the specification says of expressions over this action,
// by outcome. An error is an outcome, too.
var expressions = map[string][]string{
	"true": {
		// literals and precedence
		`1 + 2 * 3 == 7`, `10 - 4 - 3 == 3`, `-2 * -3 == 6`, `- 5 < 0`, `2 * (3 + 4) == 14`, `true || false && false`, `!false && true`,
		`false ? false : true ? true : false`, `0x1F == 31`, `1e2 == 100.0`, `.5 == 0.5`, `-9223372036854775808 < 0`, `7 / 2 == 3`,
		`-7 / 2 == -3`, `-7 % 3 == -1`, `7.0 / 2.0 == 3.5`, `1.0 / 0.0 > 1e300`, `1 < 2 == true`, "1 == 1 // why", "true\n&& true",
		// text
		`"a\tb\n" == "a	b\x0a"`, `'''a'b''' == "a'b"`, `"""a"b""" == 'a"b'`, `r"\d" == "\\d"`, `"\x41\101\u0041\U00000041" == "AAAA"`, `"\'\"\?" == "'\"?"`,
		`"a" + "b" == "ab"`, `"a" < "b"`, `size("日本") == 2`, `"日本".size() == 2`, `"abc".contains("b")`, `"abc".startsWith("")`, `"abc".endsWith("bc")`,
		`"crm.read".matches("^crm")`, `matches("abc", "b")`, `!"abc".matches("^b")`,
		// lists and maps
		`1 in [1, 2]`, `!(3 in [1, 2])`, `[1, 2] + [3] == [1, 2, 3]`, `[1, 2][1] == 2`, `size([]) == 0`, `[1, 2,] == [1, 2]`, `[,] == []`, `{,} == {}`, `{"a": 1}["a"] == 1`,
		`"a" in {"a": 1}`, `{"a": 1, "b": 2} == {"b": 2, "a": 1}`, `{1: "x"}[1] == "x"`, `{"a": 1}.a == 1`, `has({"a": 1}.a)`, `[1, "a"] != [1, "b"]`,
		// equality of different types
		`tool.args.amount != "500"`, `tool.args.amount == 500.0`, `tool.args.none == null`, `tool.args.list == [1, "a", 2]`, `dyn(1) == 1.0`,
		// comparison of numbers of different types
		`request.ageHours < 13`, `data.retentionDays <= 30.0`, `tool.args.half < 1`, `timestamp > timestamp("2026-11-22T23:30:00Z")`, `false < true`,
		// the commutative operators
		`true || data.purpose == "x"`, `data.purpose == "x" || true`, `!(false && data.purpose == "x")`, `!(data.purpose == "x" && false)`,
		`true || tool.args.amount`, `!(tool.args.text && false)`, `true ? true : data.purpose == "x"`,
		// macros
		`[1, 2].all(x, x > 0)`, `[].all(x, false)`, `![].exists(x, true)`, `[1, 2].exists(x, x == 2)`, `[1, 2].exists_one(x, x == 2)`, `![1, 1].exists_one(x, x == 1)`,
		`[1, 2].map(x, x * 2) == [2, 4]`, `[1, 2, 3].map(x, x > 1, x * 2) == [4, 6]`, `[1, 2, 3].filter(x, x % 2 == 1) == [1, 3]`,
		`{"a": 1}.exists(k, k == "a")`, `{"a": 1}.all(k, k == "a")`, `[0, 1].exists(x, 1 / x == 1)`, `![0, 2].all(x, 1 / x == 1)`, `[[1]].exists(x, x.exists(x, x == 1))`,
		`data.categories.exists(action, action == "pii")`, `agent.scopes.all(s, s.startsWith("crm."))`, `content.findings.exists(f, f.type == "EMAIL" && f.count > 1)`,
		`content.findings.exists(f, f.count > 1)`, `content.findings.filter(f, has(f.count)).size() == 1`,
		// presence
		`has(data.categories)`, `!has(data.purpose)`, `has(data.fields)`, `!has(data.consent)`, `!has(data.consent.given)`, `!has(model.name)`, `has(timestamp)`, `!has(environment)`,
		`!has(model)`, `has(tool.args.amount)`, `has(tool.args.none)`, `!has(tool.args.other)`, `!has(context.x)`, `!has(actor.properties.x)`, `size(context) == 0`, `!("x" in context)`,
		`has(content.findings[0].count) && !has(content.findings[1].count)`, `!has(tool.args.amount.x)`,
		`.data.retentionDays == 30`, `[1].all(action, .action.type == "tool.call" && action == 1)`,
		// conversion and time
		`int("12") == 12`, `int(2.9) == 2`, `int(-2.9) == -2`, `double(2) == 2.0`, `double("0.5") == 0.5`, `string(500) == "500"`, `string(true) == "true"`, `int(tool.args.text) == 12`,
		`timestamp.getHours() == 23`, `timestamp.getHours("Europe/Oslo") == 0`, `timestamp.getDayOfWeek() == 0`, `timestamp.getDayOfWeek("+01:00") == 1`, `timestamp.getHours("-05:30") == 18`,
		`timestamp.getMonth() == 10`, `timestamp.getDate() == 22`, `timestamp.getDayOfMonth() == 21`, `timestamp.getFullYear() == 2026`, `timestamp.getMilliseconds() == 123`,
		`timestamp.getDayOfYear() == 325`, `timestamp - timestamp("2026-11-22T22:30:00.123Z") == duration("1h")`, `timestamp + duration("1h") > timestamp`, `duration("90m") > duration("1h")`,
		`personalData()`, `healthData()`,
	},
	"false": {`1 == 2`, `"a" == 'A'`, `tool.args.amount == "500"`, `tool.args.flag == 1`, `[1] == ["1"]`, `0.0 / 0.0 == 0.0 / 0.0`, `0.0 / 0.0 < 1.0`, `tool.args.none == 0`, `"x" in data.fields`},
	"error": {
		`data.purpose == "x"`, `data.consent.given`, `data.purpose == "x" || false`, `true && data.purpose == "x"`, `data.purpose == "x" && data.legalBasis == "y"`, `environment == "x"`,
		`!(data.purpose == "x")`, `data.purpose == "x" ? true : true`, `size(data.purpose) >= 0`, `data.purpose in ["x"]`, `actor.groups.all(g, true)`, `context.x == 1`,
		`1 / 0 == 0`, `1 % 0 == 0`, `9223372036854775807 + 1 > 0`, `-9223372036854775808 - 1 < 0`, `9223372036854775807 * 2 > 0`, `tool.args.big + tool.args.amount > 0`,
		`-(-9223372036854775808) > 0`, `-9223372036854775808 / -1 > 0`, `-9223372036854775808 * -1 > 0`, `tool.args.amount + 0.5 > 1.0`, `tool.args.text <= 500`, `tool.args.flag < 1`, `tool.args.none < 1`,
		`tool.args.amount`, `tool.args.amount && true`, `!tool.args.text`, `tool.args.amount ? true : false`, `tool.args.amount.x == 1`, `tool.args.text.x == 1`, `tool.args.other == 1`,
		`has(tool.args.other.x)`, `has(tool.args.list.x)`, `data.categories[2] == "x"`, `[1][-1] == 1`, `{"a": 1}["b"] == 1`, `tool.args.inner["b"] == 1`, `size(tool.args.amount) == 1`,
		`"a" in tool.args.amount`, `tool.args.amount.startsWith("5")`, `tool.args.amount.exists(x, true)`, `tool.args.text.exists(x, true)`, `dyn("").all(x, false)`, `dyn("").exists_one(x, true)`, `"a".matches("(")`, `int("x") == 1`, `int(1e300) == 1`, `double("x") == 1.0`,
		`[0, 1].all(x, 1 / x == 1)`, `[0, 2].exists(x, 1 / x == 1)`, `[0, 1].exists_one(x, 1 / x == 1)`, `[0, 1].map(x, 1 / x) == [1]`, `[0, 1].filter(x, 1 / x == 1) == [1]`,
		`content.findings.all(f, f.count > 1)`, `timestamp.getHours("Nowhere") == 1`, `timestamp("x") == timestamp`, `{"a": 1, "a": 2}.a == 1`, `tool.args.half % tool.args.half == 0`,
	},
	"unsupported": {`type(1) == int`, `b"a" == b"a"`, `1u == 1u`, `"a".reverse() == "a"`, `[1][1.0] == 1`, `string(0.5) == "0.5"`, `data.consent == data.consent`, `duration("1h").getHours() == 1`,
		`optional.of(1).hasValue()`, `bool("true")`, `size(1, 2) == 1`, `{1.0: 2} == {}`, `cel.bind(x, 1, x == 1)`},
	"malformed": {``, `.`, `[1].all(.x, true)`, `1 +`, `(1`, `[1`, `{1: }`, `a.`, `"a`, `'a\q'`, `"\ud800" == ""`, `1 2`, `x.all(1, true)`, `has(1)`, `has(data)(`, `9223372036854775808 > 0`, `"a
b" == ""`, `a ? b`, `?`, `1 == == 1`},
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	i, err := NewInterpreter()
	if err != nil {
		t.Fatal(err)
	}
	action, err := ReadAction([]byte(asked))
	if err != nil {
		t.Fatal(err)
	}
	for want, expressions := range expressions {
		for _, source := range expressions {
			if got := i.outcome(source, action); got != want {
				t.Errorf("%s is %s, want %s", source, got, want)
			}
		}
	}
}

// outcome evaluates an expression and says what became of it.
func (i *Interpreter) outcome(source string, action map[string]any) string {
	n, err := parse(source)
	switch {
	case isUnsupported(err):
		return "unsupported"
	case err != nil:
		return "malformed"
	}
	v, err := i.scopeOf(action, nil).truth(n)
	switch {
	case isUnsupported(err):
		return "unsupported"
	case err != nil:
		return "error"
	}
	return fmt.Sprint(v)
}

// A tree as deep as the input would exhaust the stack.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`a.b == "c" && !has(d.e) || 1 + 2 * -3 < 4.5`, `[1, {2: 'x'}].exists(x, x[0] in y) ? r"\d" : """q"""`, `((((((`, `!!!!--a`, "'\\x4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		n, err := parse(source)
		if err == nil && (n.pos < 0 || n.end > len(source) || n.pos >= n.end) {
			t.Errorf("%q spans %d to %d", source, n.pos, n.end)
		}
	})
}
