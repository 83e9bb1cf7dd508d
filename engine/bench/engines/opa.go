package engines

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// opaQuery is what the engine is asked: the numbers of the violated rules.
const opaQuery = "data.bench.violated"

type opaEngine struct {
	query   rego.PreparedEvalQuery
	options [][]rego.EvalOption // by action
	last    rego.ResultSet
	err     error
}

// loadOPARules loads a Rego rule for each rule. OPA's index finds those of a
// target by the comparisons with action type and resource type.
func loadOPARules(set *workload.Set) (Engine, error) {
	return loadOPA(set, rego.Module("bench.rego", regoRules(set)))
}

// loadOPAData loads ten Rego rules that look the constants up in data.
func loadOPAData(set *workload.Set) (Engine, error) {
	store := inmem.NewFromObjectWithOpts(regoConstants(set), inmem.OptReturnASTValuesOnRead(true))
	return loadOPA(set, rego.Module("bench.rego", regoOverData), rego.Store(store))
}

func loadOPA(set *workload.Set, options ...func(*rego.Rego)) (Engine, error) {
	query, err := rego.New(append(options, rego.Query(opaQuery))...).PrepareForEval(context.Background())
	if err != nil {
		return nil, fmt.Errorf("preparing the OPA query: %w", err)
	}
	e := &opaEngine{query: query}
	noMetrics := rego.EvalMetrics(metrics.NoOp())
	for _, a := range set.Actions {
		raw, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("encoding an action: %w", err)
		}
		value, err := ast.ValueFromReader(strings.NewReader(string(raw)))
		if err != nil {
			return nil, fmt.Errorf("making an OPA input: %w", err)
		}
		e.options = append(e.options, []rego.EvalOption{rego.EvalParsedInput(value), noMetrics})
	}
	return e, nil
}

func (e *opaEngine) Decide(action int) bool {
	e.last, e.err = e.query.Eval(context.Background(), e.options[action]...)
	return e.err == nil && len(e.numbers()) == 0
}

// numbers is the set of violated rules as OPA returns it.
func (e *opaEngine) numbers() []any {
	if len(e.last) != 1 || len(e.last[0].Expressions) != 1 {
		return []any{nil} // undefined, which is no answer
	}
	numbers, ok := e.last[0].Expressions[0].Value.([]any)
	if !ok {
		return []any{nil}
	}
	return numbers
}

func (e *opaEngine) Violated(numbers []int) []int {
	if e.err != nil {
		return append(numbers, -1) // no rule has it, so that the check fails
	}
	for _, v := range e.numbers() {
		number := int64(-1)
		if n, ok := v.(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				number = i
			}
		}
		numbers = append(numbers, int(number))
	}
	return numbers
}

// regoFields read what the rules look at, once a query. OPA takes an operand
// out of the negation it stands in, so that "not input.a <= 1" is undefined
// where a is absent: absent texts are null here, and absent numbers larger than
// every bound.
const regoFields = `package bench

consent := object.get(input, ["data", "consent", "given"], false)

purpose := object.get(input, ["data", "purpose"], null)

algorithm := object.get(input, ["data", "encryption", "algorithm"], null)

key_age := object.get(input, ["data", "encryption", "keyAgeDays"], 1000000000)

retention := object.get(input, ["data", "retentionDays"], 1000000000)

basis := object.get(input, ["data", "legalBasis"], null)

region := object.get(input, ["data", "region"], null)

age := object.get(input, ["request", "ageHours"], 1000000000)

format := object.get(input, ["request", "format"], null)

`

// regoRules writes what violates each rule.
func regoRules(set *workload.Set) string {
	var b strings.Builder
	b.WriteString(regoFields)
	for i := range set.Policies {
		p := &set.Policies[i]
		for rule, violation := range regoViolations(p) {
			fmt.Fprintf(&b, "violated contains %d if {\n\tinput.action.type == %q\n\tinput.resource.type == %q\n\t%s\n}\n\n",
				p.Number*workload.RulesPerPolicy+rule, p.Target.ActionType, p.Target.ResourceType, violation)
		}
	}
	return b.String()
}

func regoViolations(p *workload.Policy) [workload.RulesPerPolicy]string {
	return [workload.RulesPerPolicy]string{
		workload.Consent:      `not consent`,
		workload.ValidPurpose: `not purpose in ` + regoSet(p.Purposes...),
		workload.BadPurpose:   `purpose in ` + strings.Replace(regoSet(p.Prohibited...), "{", "{null, ", 1),
		workload.Algorithm:    fmt.Sprintf(`algorithm != %q`, p.Algorithm),
		workload.KeyAge:       fmt.Sprintf(`key_age > %d`, p.MaxKeyAgeDays),
		workload.Retention:    fmt.Sprintf(`retention > %d`, p.MaxRetentionDays),
		workload.LegalBasis:   `not basis in ` + regoSet(p.LegalBases...),
		workload.Region:       `not region in ` + regoSet(p.Regions...),
		workload.AnswerTime:   fmt.Sprintf("input.request.right in {\"access\", \"erasure\"}\n\tage > %d", p.MaxAnswerHours),
		workload.AnswerFormat: fmt.Sprintf("input.request.right == \"portability\"\n\tnot format in %s", regoSet(p.Formats...)),
	}
}

func regoSet(values ...string) string {
	return "{" + strings.Trim(workload.List(values), "[]") + "}"
}

// regoOverData is the same, written once for all policies of a target.
const regoOverData = regoFields + `policies := data.targets[input.action.type][input.resource.type]

violated contains p.first if {
	not consent
	some p in policies
}

violated contains p.first + 1 if {
	some p in policies
	not p.purposes[purpose]
}

violated contains p.first + 2 if {
	purpose == null
	some p in policies
}

violated contains p.first + 2 if {
	some p in policies
	p.prohibited[purpose]
}

violated contains p.first + 3 if {
	some p in policies
	algorithm != p.algorithm
}

violated contains p.first + 4 if {
	some p in policies
	key_age > p.keyAgeDays
}

violated contains p.first + 5 if {
	some p in policies
	retention > p.retentionDays
}

violated contains p.first + 6 if {
	some p in policies
	not p.bases[basis]
}

violated contains p.first + 7 if {
	some p in policies
	not p.regions[region]
}

violated contains p.first + 8 if {
	input.request.right in {"access", "erasure"}
	some p in policies
	age > p.answerHours
}

violated contains p.first + 9 if {
	input.request.right == "portability"
	some p in policies
	not p.formats[format]
}
`

// regoConstants is the data that regoOverData reads. Lists are objects whose
// keys are the elements: a look-up each.
func regoConstants(set *workload.Set) map[string]any {
	targets := map[string]any{}
	for i := range set.Policies {
		p := &set.Policies[i]
		byResource, _ := targets[p.Target.ActionType].(map[string]any)
		if byResource == nil {
			byResource = map[string]any{}
			targets[p.Target.ActionType] = byResource
		}
		policies, _ := byResource[p.Target.ResourceType].([]any)
		byResource[p.Target.ResourceType] = append(policies, map[string]any{
			"first":    json.Number(fmt.Sprint(p.Number * workload.RulesPerPolicy)),
			"purposes": keys(p.Purposes), "prohibited": keys(p.Prohibited), "algorithm": p.Algorithm,
			"keyAgeDays": number(p.MaxKeyAgeDays), "retentionDays": number(p.MaxRetentionDays),
			"bases": keys(p.LegalBases), "regions": keys(p.Regions),
			"answerHours": number(p.MaxAnswerHours), "formats": keys(p.Formats),
		})
	}
	return map[string]any{"targets": targets}
}

func keys(values []string) map[string]any {
	object := map[string]any{}
	for _, v := range values {
		object[v] = true
	}
	return object
}

func number(n int64) json.Number { return json.Number(fmt.Sprint(n)) }
