package mutation_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/mutation"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// compile compiles an expression with params.hosts, params.limit and rule.max.
func compile(t *testing.T, source string) *term.Term {
	t.Helper()
	e, err := expr.NewEnv([]expr.Record{
		{Name: "params", Fields: []expr.RecordField{{Name: "hosts", Type: expr.ListOfString}, {Name: "limit", Type: expr.IntType}}},
		{Name: "rule", Fields: []expr.RecordField{{Name: "max", Type: expr.IntType}, {Name: "regions", Type: expr.ListOfString}, {Name: "method", Type: expr.StringType}}},
	}, "personalData")
	if err != nil {
		t.Fatal(err)
	}
	x, issues := e.Compile(source)
	if x == nil {
		t.Fatalf("%s: %v", source, issues)
	}
	return x.Term(map[string]expr.Values{
		"params": e.Bind(map[string]any{"hosts": []any{}, "limit": int64(500)}),
		"rule":   e.Bind(map[string]any{"max": int64(365), "regions": []any{"eu", "us"}, "method": "erase"}),
	})
}

// lines returns each change as "what: the expression it makes | hint".
func lines(changes []mutation.Change) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.What + ": " + c.Term.String() + " | " + strings.TrimPrefix(c.Hint, "add a case ")
	}
	return out
}

// demandTest is what a rule requires, the condition it stands under, and the
// changes as lines prints them.
type demandTest struct {
	name, demand, condition string
	want                    []string
}

var demandTests = []demandTest{
	{"two clauses", `has(egress.tls) && egress.tls && egress.host != ""`, "", []string{
		"`has(egress.tls) && egress.tls` negated: !(has(egress.tls) && egress.tls) && egress.host != \"\" | that meets all the rule requires",
		"`has(egress.tls) && egress.tls` left out: egress.host != \"\" | where egress.tls is absent or false",
		"`egress.tls` left out: has(egress.tls) && egress.host != \"\" | where egress.tls is false",
		"absent egress.tls accepted: (!has(egress.tls) || has(egress.tls) && egress.tls) && egress.host != \"\" | without egress.tls",
		"`egress.host != \"\"` negated: has(egress.tls) && egress.tls && !(egress.host != \"\") | that meets all the rule requires",
		"`egress.host != \"\"` left out: has(egress.tls) && egress.tls | where egress.host is \"\"",
	}},
	{"an integer's bound", `data.retentionDays <= 30`, "", []string{
		"`data.retentionDays <= 30` negated: !(data.retentionDays <= 30) | that meets all the rule requires",
		"bound 30 moved to 31: data.retentionDays <= 31 | with data.retentionDays 31",
		"bound 30 moved to 29: data.retentionDays <= 29 | with data.retentionDays 30",
	}},
	{"a bound of 0", `data.retentionDays >= 0`, "", []string{
		"`data.retentionDays >= 0` negated: !(data.retentionDays >= 0) | that meets all the rule requires",
		"bound 0 moved to 1: data.retentionDays >= 1 | with data.retentionDays 0",
	}},
	{"a bound on the left", `30 > data.retentionDays`, "", []string{
		"`30 > data.retentionDays` negated: !(30 > data.retentionDays) | that meets all the rule requires",
		"bound 30 moved to 31: 31 > data.retentionDays | with data.retentionDays 30",
		"bound 30 moved to 29: 29 > data.retentionDays | with data.retentionDays 29",
	}},
	{"a float's bound", `content.injectionScore < 0.25`, "", []string{
		"`content.injectionScore < 0.25` negated: !(content.injectionScore < 0.25) | that meets all the rule requires",
		"bound 0.25 moved to 0.26: content.injectionScore < 0.26 | with content.injectionScore 0.25",
		"bound 0.25 moved to 0.24: content.injectionScore < 0.24 | with content.injectionScore 0.24",
		"< turned into <= in `content.injectionScore < 0.25`: content.injectionScore <= 0.25 | with content.injectionScore 0.25",
	}},
	{"a parameter's bound", `tool.args.amount <= params.limit`, "", []string{
		"`tool.args.amount <= 500` negated: !(tool.args.amount <= 500) | that meets all the rule requires",
		"bound params.limit 500 moved to 501: tool.args.amount <= 501 | with tool.args.amount 501",
		"bound params.limit 500 moved to 499: tool.args.amount <= 499 | with tool.args.amount 500",
		"<= turned into < in `tool.args.amount <= 500`: tool.args.amount < 500 | with tool.args.amount 500",
	}},
	{"two fields", `session.spentTokens < tool.args.budget`, "", []string{
		"`session.spentTokens < tool.args.budget` negated: !(session.spentTokens < tool.args.budget) | that meets all the rule requires",
		"< turned into <= in `session.spentTokens < tool.args.budget`: session.spentTokens <= tool.args.budget | with session.spentTokens equal to tool.args.budget",
	}},
	{"a list", `has(data.region) && data.region in ["eu", "us"]`, "", []string{
		"`has(data.region) && data.region in [\"eu\", \"us\"]` negated: !(has(data.region) && data.region in [\"eu\", \"us\"]) | that meets all the rule requires",
		"`data.region in [\"eu\", \"us\"]` left out: has(data.region) | where data.region is none of eu, us",
		"eu left out of the list for data.region: has(data.region) && data.region in [\"us\"] | with data.region eu",
		"us left out of the list for data.region: has(data.region) && data.region in [\"eu\"] | with data.region us",
		"absent data.region accepted: !has(data.region) || has(data.region) && data.region in [\"eu\", \"us\"] | without data.region",
	}},
	{"a long list is sampled", `data.region in ["a", "b", "c", "d", "e", "f", "a"]`, "", []string{
		"`data.region in [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"a\"]` negated: !(data.region in [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"a\"]) | that meets all the rule requires",
		"a left out of the list for data.region: data.region in [\"b\", \"c\", \"d\", \"e\", \"f\"] | with data.region a",
		"b left out of the list for data.region: data.region in [\"a\", \"c\", \"d\", \"e\", \"f\", \"a\"] | with data.region b",
		"d left out of the list for data.region: data.region in [\"a\", \"b\", \"c\", \"e\", \"f\", \"a\"] | with data.region d",
		"f left out of the list for data.region: data.region in [\"a\", \"b\", \"c\", \"d\", \"e\", \"a\"] | with data.region f",
	}},
	{"alternatives", `!has(data.purpose) || data.purpose == "a" || actor.mfa`, "", []string{
		"`!has(data.purpose) || data.purpose == \"a\" || actor.mfa` negated: !(!has(data.purpose) || data.purpose == \"a\" || actor.mfa) | that meets all the rule requires",
		"the alternative `!has(data.purpose) || data.purpose == \"a\"` left out: actor.mfa | that meets the rule only because data.purpose is absent or a",
		"the alternative `!has(data.purpose)` left out: data.purpose == \"a\" || actor.mfa | that meets the rule only because data.purpose is absent",
		"the alternative `data.purpose == \"a\"` left out: !has(data.purpose) || actor.mfa | that meets the rule only because data.purpose is a",
		"the alternative `actor.mfa` left out: !has(data.purpose) || data.purpose == \"a\" | that meets the rule only because actor.mfa is true",
	}},
	{"under a negation", `!(has(data.consent.withdrawn) && data.consent.withdrawn)`, "", []string{
		"`!(has(data.consent.withdrawn) && data.consent.withdrawn)` negated: has(data.consent.withdrawn) && data.consent.withdrawn | that meets all the rule requires",
		"the alternative `has(data.consent.withdrawn)` left out: !data.consent.withdrawn | that meets the rule only because data.consent.withdrawn is absent",
		"the alternative `data.consent.withdrawn` left out: !has(data.consent.withdrawn) | that meets the rule only because data.consent.withdrawn is false",
	}},
	{"a conditional", `has(data.legalBasis) ? data.legalBasis == "contract" : actor.mfa`, "", []string{
		"`has(data.legalBasis) ? data.legalBasis == \"contract\" : actor.mfa` negated: !(has(data.legalBasis) ? data.legalBasis == \"contract\" : actor.mfa) | that meets all the rule requires",
		"`data.legalBasis == \"contract\"` taken as true: has(data.legalBasis) ? true : actor.mfa | where data.legalBasis is stated and data.legalBasis is not contract",
		"`data.legalBasis == \"contract\"` taken as false: has(data.legalBasis) ? false : actor.mfa | where data.legalBasis is stated and data.legalBasis is contract",
		"`actor.mfa` taken as true: has(data.legalBasis) ? data.legalBasis == \"contract\" : true | where data.legalBasis is absent and actor.mfa is false",
		"`actor.mfa` taken as false: has(data.legalBasis) ? data.legalBasis == \"contract\" : false | where data.legalBasis is absent and actor.mfa is true",
	}},
	{"loops", `data.fields.all(f, f in ["name"])`, "", []string{
		"`data.fields.all(x, x in [\"name\"])` negated: !data.fields.all(x, x in [\"name\"]) | that meets all the rule requires",
		"all over data.fields turned into exists: data.fields.exists(x, x in [\"name\"]) | where only some elements of data.fields make `x in [\"name\"]` true",
		"name left out of the list for data.fields: data.fields.all(x, x in []) | with name in data.fields",
	}},
	{"a loop over findings", `content.findings.exists(f, has(f.type) && f.type == "SSN" && f.count > 1)`, "", []string{
		"`content.findings.exists(x, has(x.type) && x.type == \"SSN\" && x.count > 1)` negated: !content.findings.exists(x, has(x.type) && x.type == \"SSN\" && x.count > 1) | that meets all the rule requires",
		"exists over content.findings turned into all: content.findings.all(x, has(x.type) && x.type == \"SSN\" && x.count > 1) | where only some elements of content.findings make `has(x.type) && x.type == \"SSN\" && x.count > 1` true",
		"`has(x.type) && x.type == \"SSN\"` left out: content.findings.exists(x, x.count > 1) | where an element of content.findings makes `has(x.type) && x.type == \"SSN\"` false",
		"`x.type == \"SSN\"` left out: content.findings.exists(x, has(x.type) && x.count > 1) | where an element of content.findings makes `x.type == \"SSN\"` false",
		"`x.count > 1` left out: content.findings.exists(x, has(x.type) && x.type == \"SSN\") | where an element of content.findings makes `x.count > 1` false",
		"bound 1 moved to 2: content.findings.exists(x, has(x.type) && x.type == \"SSN\" && x.count > 2) | with content.findings[].count 2",
		"bound 1 moved to 0: content.findings.exists(x, has(x.type) && x.type == \"SSN\" && x.count > 0) | with content.findings[].count 1",
	}},
	{"what the condition says is left alone", `has(tool.args.amount) && tool.args.amount in ["a"] && actor.mfa`, `has(tool.args.amount) && actor.mfa`, []string{
		"`has(tool.args.amount) && tool.args.amount in [\"a\"]` negated: !(has(tool.args.amount) && tool.args.amount in [\"a\"]) && actor.mfa | that meets all the rule requires",
		"`has(tool.args.amount) && tool.args.amount in [\"a\"]` left out: actor.mfa | where tool.args.amount is absent or none of a",
		"`tool.args.amount in [\"a\"]` left out: has(tool.args.amount) && actor.mfa | where tool.args.amount is none of a",
		"a left out of the list for tool.args.amount: has(tool.args.amount) && tool.args.amount in [] && actor.mfa | with tool.args.amount a",
	}},
	{"what nothing meets hides the rest", `actor.mfa && has(egress.host) && egress.host != "" && egress.host in params.hosts`, "", []string{
		"`has(egress.host) && egress.host != \"\" && egress.host in []` negated: actor.mfa && !(has(egress.host) && egress.host != \"\" && egress.host in []) | that meets all the rule requires",
		"`has(egress.host) && egress.host != \"\" && egress.host in []` left out: actor.mfa | where egress.host is absent or \"\" or stated",
		"`egress.host in []` left out: actor.mfa && has(egress.host) && egress.host != \"\" | where egress.host is stated",
		"absent egress.host accepted: actor.mfa && (!has(egress.host) || has(egress.host) && egress.host != \"\" && egress.host in []) | without egress.host",
	}},
	{"an alternative that adds nothing", `data.region in ["eu"] || data.region in params.hosts`, "", []string{
		"`data.region in [\"eu\"] || data.region in []` negated: !(data.region in [\"eu\"] || data.region in []) | that meets all the rule requires",
		"the alternative `data.region in [\"eu\"]` left out: data.region in [] | that meets the rule only because data.region is one of eu",
		"eu left out of the list for data.region: data.region in [] || data.region in [] | with data.region eu",
	}},
	{"a constant", `false`, "", nil},
}

func TestOfDemand(t *testing.T) {
	t.Parallel()
	for _, tt := range demandTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var condition *term.Term
			if tt.condition != "" {
				condition = compile(t, tt.condition)
			}
			got := lines(mutation.OfDemand(compile(t, tt.demand), condition))
			if diff := cmp.Diff(append([]string{}, tt.want...), got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOfCondition(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, condition string
		obliges         bool
		want            []string
	}{
		{"of a rule that obliges", `data.retentionDays > 1 && (actor.mfa || personalData())`, true, []string{
			"the condition negated: !(data.retentionDays > 1 && (actor.mfa || personalData())) | that the rule looks at, with its obligations",
			"`data.retentionDays > 1` left out of the condition: actor.mfa || personalData() | where data.retentionDays is at most 1, without the rule's obligations",
			"bound 1 moved to 2: data.retentionDays > 2 && (actor.mfa || personalData()) | with data.retentionDays 2 that says which obligations it has",
			"bound 1 moved to 0: data.retentionDays > 0 && (actor.mfa || personalData()) | with data.retentionDays 1 that says which obligations it has",
			"`actor.mfa || personalData()` left out of the condition: data.retentionDays > 1 | where actor.mfa is false and personalData() does not hold, without the rule's obligations",
			"the alternative `actor.mfa` left out of the condition: data.retentionDays > 1 && personalData() | where actor.mfa is true, with the rule's obligations",
			"the alternative `personalData()` left out of the condition: data.retentionDays > 1 && actor.mfa | where personalData() holds, with the rule's obligations",
		}},
		{"one part", `action.type == "egress"`, false, []string{
			"the condition negated: !(action.type == \"egress\") | that violates the rule",
			"`action.type == \"egress\"` left out of the condition: true | that would violate the rule, but where action.type is not egress",
		}},
		{"several", `action.type in ["egress", "tool.call"] && has(tool.args.amount) && tool.args.amount > 10 && personalData()`, false, []string{
			"the condition negated: !(action.type in [\"egress\", \"tool.call\"] && has(tool.args.amount) && tool.args.amount > 10 && personalData()) | that violates the rule",
			"`action.type in [\"egress\", \"tool.call\"]` left out of the condition: has(tool.args.amount) && tool.args.amount > 10 && personalData() | that would violate the rule, but where action.type is none of egress, tool.call",
			"egress left out of the list for action.type: action.type in [\"tool.call\"] && has(tool.args.amount) && tool.args.amount > 10 && personalData() | with action.type egress that violates the rule",
			"tool.call left out of the list for action.type: action.type in [\"egress\"] && has(tool.args.amount) && tool.args.amount > 10 && personalData() | with action.type tool.call that violates the rule",
			"`has(tool.args.amount) && tool.args.amount > 10` left out of the condition: action.type in [\"egress\", \"tool.call\"] && personalData() | that would violate the rule, but where tool.args.amount is absent or at most 10",
			"`tool.args.amount > 10` left out of the condition: action.type in [\"egress\", \"tool.call\"] && has(tool.args.amount) && personalData() | that would violate the rule, but where tool.args.amount is at most 10",
			"bound 10 moved to 11: action.type in [\"egress\", \"tool.call\"] && has(tool.args.amount) && tool.args.amount > 11 && personalData() | with tool.args.amount 11 that violates the rule",
			"bound 10 moved to 9: action.type in [\"egress\", \"tool.call\"] && has(tool.args.amount) && tool.args.amount > 9 && personalData() | with tool.args.amount 10 that violates the rule",
			"> turned into >= in `tool.args.amount > 10`: action.type in [\"egress\", \"tool.call\"] && has(tool.args.amount) && tool.args.amount >= 10 && personalData() | with tool.args.amount 10 that violates the rule",
			"`personalData()` left out of the condition: action.type in [\"egress\", \"tool.call\"] && has(tool.args.amount) && tool.args.amount > 10 | that would violate the rule, but where personalData() does not hold",
		}},
		{"a map is part of its key", `has(context.order) && has(context.order.total) && context.order.total == 1`, false, []string{
			"the condition negated: !(has(context.order) && has(context.order.total) && context.order.total == 1) | that violates the rule",
			"`has(context.order) && has(context.order.total) && context.order.total == 1` left out of the condition: true | that would violate the rule, but where context.order is absent or context.order.total is absent or not 1",
			"`context.order.total == 1` left out of the condition: has(context.order) && has(context.order.total) | that would violate the rule, but where context.order.total is not 1",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var demand *term.Term
			if !tt.obliges {
				demand = compile(t, `actor.mfa`)
			}
			if diff := cmp.Diff(tt.want, lines(mutation.OfCondition(compile(t, tt.condition), demand))); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangesAreBounded(t *testing.T) {
	t.Parallel()
	fields := make([]string, 300)
	for i := range fields {
		fields[i] = "has(tool.args.a" + strconv.Itoa(i) + ")"
	}
	if got := len(mutation.OfDemand(compile(t, strings.Join(fields, " && ")), nil)); got != mutation.MaxChanges {
		t.Errorf("%d changes, want %d", got, mutation.MaxChanges)
	}
}

func TestNever(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`has(egress.host) && egress.host in params.hosts && actor.mfa`:                true,
		`action.type == "egress"`:                                                     false,
		`has(data.retentionDays) && data.retentionDays > 5 && data.retentionDays < 5`: true,
	} {
		if got := mutation.Never(compile(t, source)); got != want {
			t.Errorf("Never(%s) = %t, want %t", source, got, want)
		}
	}
}

func TestOfValue(t *testing.T) {
	t.Parallel()
	days := compile(t, `has(data.retentionDays) && data.retentionDays <= rule.max`)
	score := compile(t, `content.injectionScore < 0.5 && content.injectionScore >= 0.0`)
	regions := compile(t, `data.region in rule.regions`)
	tests := []struct {
		name  string
		value any
		term  *term.Term
		want  []string
	}{
		{"rule.max", int64(365), days, []string{"max 365 moved to 366 = 366 | with data.retentionDays 366", "max 365 moved to 364 = 364 | with data.retentionDays 365"}},
		{"rule.other", int64(365), days, []string{"other 365 moved to 366 = 366 | for which it matters whether other is 365 or 366", "other 365 moved to 364 = 364 | for which it matters whether other is 365 or 364"}},
		{"rule.rate", 0.5, score, []string{"rate 0.5 moved to 0.6 = 0.6 | for which it matters whether rate is 0.5 or 0.6", "rate 0.5 moved to 0.4 = 0.4 | for which it matters whether rate is 0.5 or 0.4"}},
		{"rule.regions", []any{"eu", "us"}, regions, []string{"eu left out of regions = [us] | with data.region eu", "us left out of regions = [eu] | with data.region us"}},
		{"params.on", true, days, []string{"params.on turned into false = false | for which params.on makes the difference"}},
		{"rule.method", "erase", days, nil},
	}
	for _, tt := range tests {
		var got []string
		for _, c := range mutation.OfValue(tt.name, tt.value, tt.term) {
			got = append(got, c.What+" = "+text(c.Value)+" | "+strings.TrimPrefix(c.Hint, "add a case "))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func text(v any) string {
	if list, ok := v.([]any); ok {
		var out []string
		for _, e := range list {
			out = append(out, text(e))
		}
		return "[" + strings.Join(out, " ") + "]"
	}
	if s, ok := v.(string); ok {
		return s
	}
	return term.Constant(v).String()
}

func TestAnyValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, source, want, hint string
	}{
		{"rule.regions", `has(data.region) && data.region in rule.regions && !(data.destinationRegion in rule.regions)`, "false", "add a case where data.region is none of eu, us"},
		{"rule.regions", `has(data.region) && data.region in rule.regions`, "has(data.region)", "add a case where data.region is none of eu, us"},
		{"rule.method", `has(context.method) && context.method == rule.method || action.type != rule.method`, "has(context.method)", "add a case where context.method is not erase"},
		{"rule.method", `rule.method in actor.scopes`, "true", "add a case where actor.scopes is without erase"},
		{"rule.method", `data.fields.all(f, f == rule.method)`, "data.fields.all(x, true)", "add a case where `x == \"erase\"` is false"},
		{"rule.max", `data.retentionDays <= rule.max`, "", ""},
	}
	for _, tt := range tests {
		changed, hint, ok := mutation.AnyValue(tt.name, compile(t, tt.source))
		if ok != (tt.want != "") || ok && (changed.String() != tt.want || hint != tt.hint) {
			t.Errorf("AnyValue(%s, %s) = %s, %q, %t; want %s, %q", tt.name, tt.source, changed, hint, ok, tt.want, tt.hint)
		}
	}
}

// TestOffsets demands that a change says where in the source it is.
func TestOffsets(t *testing.T) {
	t.Parallel()
	const source = `  has(egress.tls) && egress.tls && (size(data.fields) < 10 || data.region in ["eu"]) && !data.fields.exists(f, f in ["all"])`
	want := map[string]string{
		"`has(egress.tls) && egress.tls` negated":           "has(egress.tls) &&",
		"`egress.tls` left out":                             "egress.tls &&",
		"bound 10 moved to 11":                              "10 ||",
		"the alternative `size(data.fields) < 10` left out": "size(data.fields)",
		"eu left out of the list for data.region":           `["eu"]`,
		"exists over data.fields turned into all":           "data.fields.exists(",
		"all left out of the list for data.fields":          `["all"]`,
		"`!data.fields.exists(x, x in [\"all\"])` left out": "!data.fields",
	}
	changes := mutation.OfDemand(compile(t, source), nil)
	for what, at := range want {
		i := slices.IndexFunc(changes, func(c mutation.Change) bool { return c.What == what })
		if i < 0 {
			t.Errorf("there is no change %q", what)
			continue
		}
		if rest := source[changes[i].Offset:]; !strings.HasPrefix(rest, at) {
			t.Errorf("%s is said to be at %q, want %q", what, rest, at)
		}
	}
}
