package engines

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// costLimit is far above what a rule of the workload costs: what is measured
// is the counting.
var costLimit = cel.CostLimit(1_000_000)

// celRule is one rule and the program of its condition.
type celRule struct {
	number  int
	program cel.Program
}

type celEngine struct {
	byTarget map[workload.Target][]celRule
	targets  []workload.Target
	inputs   []cel.Activation
	violated []int
}

// loadCEL loads cel-go with program options beside OptOptimize.
func loadCEL(options ...cel.ProgramOption) func(*workload.Set) (Engine, error) {
	return func(set *workload.Set) (Engine, error) {
		programs, err := newCELPrograms(append(options, cel.EvalOptions(cel.OptOptimize)))
		if err != nil {
			return nil, err
		}
		e := &celEngine{byTarget: byTarget(set, programs.rules)}
		if programs.err != nil {
			return nil, programs.err
		}
		for _, a := range set.Actions {
			input, err := cel.NewActivation(celInput(a))
			if err != nil {
				return nil, fmt.Errorf("making an activation: %w", err)
			}
			e.inputs, e.targets = append(e.inputs, input), append(e.targets, workload.TargetOf(a))
		}
		return e, nil
	}
}

func (e *celEngine) Decide(action int) bool {
	e.violated = e.violated[:0]
	input := e.inputs[action]
	rules := e.byTarget[e.targets[action]]
	for i := range rules {
		// An error, which the workload never gives, counts as a violation.
		if v, _, err := rules[i].program.Eval(input); err != nil || v != types.True {
			e.violated = append(e.violated, rules[i].number)
		}
	}
	return len(e.violated) == 0
}

func (e *celEngine) Violated(numbers []int) []int { return append(numbers, e.violated...) }

// celPrograms compiles conditions, equal ones once.
type celPrograms struct {
	env      *cel.Env
	options  []cel.ProgramOption
	bySource map[string]cel.Program
	err      error // the first
}

func newCELPrograms(options []cel.ProgramOption) (*celPrograms, error) {
	object := cel.MapType(cel.StringType, cel.DynType)
	env, err := cel.NewEnv(cel.Variable("data", object), cel.Variable("request", object))
	if err != nil {
		return nil, fmt.Errorf("making the CEL environment: %w", err)
	}
	return &celPrograms{env: env, options: options, bySource: map[string]cel.Program{}}, nil
}

func (c *celPrograms) rules(p *workload.Policy) []celRule {
	var rules []celRule
	for rule, condition := range p.Conditions() {
		program, err := c.program(condition)
		if err != nil && c.err == nil {
			c.err = err
		}
		rules = append(rules, celRule{p.Number*workload.RulesPerPolicy + rule, program})
	}
	return rules
}

func (c *celPrograms) program(source string) (cel.Program, error) {
	if p, ok := c.bySource[source]; ok {
		return p, nil
	}
	checked, issues := c.env.Compile(source)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("compiling %s: %w", source, err)
	}
	p, err := c.env.Program(checked, c.options...)
	if err != nil {
		return nil, fmt.Errorf("planning %s: %w", source, err)
	}
	c.bySource[source] = p
	return p, nil
}

// celInput is what the rules read of an action, as maps. As in the product's
// language, an object that is absent reads as an empty one.
func celInput(a *mesh.Action) map[string]any {
	data, consent, encryption, request := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	data["consent"], data["encryption"] = consent, encryption
	if d := a.Data; d != nil {
		put(data, "purpose", d.Purpose)
		put(data, "legalBasis", d.LegalBasis)
		put(data, "region", d.Region)
		put(data, "retentionDays", d.RetentionDays)
		if d.Consent != nil {
			put(consent, "given", d.Consent.Given)
		}
		if d.Encryption != nil {
			put(encryption, "algorithm", d.Encryption.Algorithm)
			put(encryption, "keyAgeDays", d.Encryption.KeyAgeDays)
		}
	}
	if r := a.Request; r != nil {
		put(request, "right", r.Right)
		put(request, "ageHours", r.AgeHours)
		put(request, "format", r.Format)
	}
	return map[string]any{"data": data, "request": request}
}

func put[T any](object map[string]any, key string, value *T) {
	if value != nil {
		object[key] = *value
	}
}
