package engines

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// cedarList is policies that are walked in order. cedar-go's own set is a map,
// and walking a map takes longer.
type cedarList []cedarPolicy

type cedarPolicy struct {
	id     cedar.PolicyID // the rule's number
	policy *cedar.Policy
}

func (l cedarList) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range l {
			if !yield(l[i].id, l[i].policy) {
				return
			}
		}
	}
}

// set is the same as the type that cedar-go's documentation uses.
func (l cedarList) set() cedar.PolicyIterator {
	set := cedar.NewPolicySet()
	for i := range l {
		set.Add(l[i].id, l[i].policy)
	}
	return set
}

func (l cedarList) list() cedar.PolicyIterator { return l }

type cedarEngine struct {
	byTarget map[workload.Target]cedar.PolicyIterator
	targets  []workload.Target
	inputs   []cedar.Request
	last     cedar.Diagnostic
	decision cedar.Decision
}

// loadCedar loads cedar-go with the policies of a target put into a set or
// into a list.
func loadCedar(into func(cedarList) cedar.PolicyIterator) func(*workload.Set) (Engine, error) {
	return func(set *workload.Set) (Engine, error) {
		byTarget, err := cedarPolicies(set)
		if err != nil {
			return nil, err
		}
		e := &cedarEngine{byTarget: map[workload.Target]cedar.PolicyIterator{}}
		for target, list := range byTarget {
			e.byTarget[target] = into(list)
		}
		for _, a := range set.Actions {
			e.inputs, e.targets = append(e.inputs, cedarInput(a)), append(e.targets, workload.TargetOf(a))
		}
		return e, nil
	}
}

// cedarPolicies parses the policies of each target. What no rule forbids is
// permitted.
func cedarPolicies(set *workload.Set) (map[workload.Target]cedarList, error) {
	permit, err := cedar.NewPolicyListFromBytes("permit", []byte("permit (principal, action, resource);"))
	if err != nil {
		return nil, fmt.Errorf("parsing a Cedar policy: %w", err)
	}
	byTarget := map[workload.Target]cedarList{}
	for i := range set.Policies {
		p := &set.Policies[i]
		parsed, err := cedar.NewPolicyListFromBytes(p.ID(), []byte(cedarText(p)))
		if err != nil {
			return nil, fmt.Errorf("parsing %s in Cedar: %w", p.ID(), err)
		}
		list := byTarget[p.Target]
		if list == nil {
			list = cedarList{{"permit", permit[0]}}
		}
		for rule, policy := range parsed {
			list = append(list, cedarPolicy{cedar.PolicyID(strconv.Itoa(p.Number*workload.RulesPerPolicy + rule)), policy})
		}
		byTarget[p.Target] = list
	}
	return byTarget, nil
}

func (e *cedarEngine) Decide(action int) bool {
	e.decision, e.last = cedar.Authorize(e.byTarget[e.targets[action]], nil, e.inputs[action])
	return e.decision == cedar.Allow && len(e.last.Errors) == 0
}

func (e *cedarEngine) Violated(numbers []int) []int {
	for _, err := range e.last.Errors { // the workload never gives any
		numbers = append(numbers, cedarNumber(err.PolicyID))
	}
	if e.decision == cedar.Allow {
		return numbers // the reason is the permit
	}
	for _, reason := range e.last.Reasons {
		numbers = append(numbers, cedarNumber(reason.PolicyID))
	}
	return numbers
}

func cedarNumber(id cedar.PolicyID) int {
	n, err := strconv.Atoi(string(id))
	if err != nil {
		return -1 // no rule has it, so that the check fails
	}
	return n
}

// cedarText is the policy in Cedar. The scopes are empty: the index did their
// work.
func cedarText(p *workload.Policy) string {
	conditions := [workload.RulesPerPolicy]string{
		workload.Consent:      `context.data.consent has given && context.data.consent.given`,
		workload.ValidPurpose: fmt.Sprintf(`context.data has purpose && %s.contains(context.data.purpose)`, workload.List(p.Purposes)),
		workload.BadPurpose:   fmt.Sprintf(`context.data has purpose && !(%s.contains(context.data.purpose))`, workload.List(p.Prohibited)),
		workload.Algorithm:    fmt.Sprintf(`context.data.encryption has algorithm && context.data.encryption.algorithm == %q`, p.Algorithm),
		workload.KeyAge:       fmt.Sprintf(`context.data.encryption has keyAgeDays && context.data.encryption.keyAgeDays <= %d`, p.MaxKeyAgeDays),
		workload.Retention:    fmt.Sprintf(`context.data has retentionDays && context.data.retentionDays <= %d`, p.MaxRetentionDays),
		workload.LegalBasis:   fmt.Sprintf(`context.data has legalBasis && %s.contains(context.data.legalBasis)`, workload.List(p.LegalBases)),
		workload.Region:       fmt.Sprintf(`context.data has region && %s.contains(context.data.region)`, workload.List(p.Regions)),
		workload.AnswerTime: fmt.Sprintf(`!(context.request has right) || !(["access", "erasure"].contains(context.request.right)) `+
			`|| context.request has ageHours && context.request.ageHours <= %d`, p.MaxAnswerHours),
		workload.AnswerFormat: fmt.Sprintf(`!(context.request has right) || context.request.right != "portability" `+
			`|| context.request has format && %s.contains(context.request.format)`, workload.List(p.Formats)),
	}
	var b strings.Builder
	for _, c := range conditions {
		fmt.Fprintf(&b, "forbid (principal, action, resource) unless { %s };\n", c)
	}
	return b.String()
}

// cedarInput is the action as a request, with what the rules read as context.
// Cedar has no floating-point numbers; the workload's hours are whole.
func cedarInput(a *mesh.Action) cedar.Request {
	data, consent, encryption, request := cedar.RecordMap{}, cedar.RecordMap{}, cedar.RecordMap{}, cedar.RecordMap{}
	if d := a.Data; d != nil {
		putText(data, "purpose", d.Purpose)
		putText(data, "legalBasis", d.LegalBasis)
		putText(data, "region", d.Region)
		putNumber(data, "retentionDays", d.RetentionDays)
		if d.Consent != nil && d.Consent.Given != nil {
			consent["given"] = cedar.Boolean(*d.Consent.Given)
		}
		if d.Encryption != nil {
			putText(encryption, "algorithm", d.Encryption.Algorithm)
			putNumber(encryption, "keyAgeDays", d.Encryption.KeyAgeDays)
		}
	}
	if r := a.Request; r != nil {
		putText(request, "right", r.Right)
		putNumber(request, "ageHours", r.AgeHours)
		putText(request, "format", r.Format)
	}
	data["consent"], data["encryption"] = cedar.NewRecord(consent), cedar.NewRecord(encryption)
	target := workload.TargetOf(a)
	return cedar.Request{
		Principal: cedar.NewEntityUID("Agent", cedar.String(*a.Agent.ID)),
		Action:    cedar.NewEntityUID("Action", cedar.String(target.ActionType)),
		Resource:  cedar.NewEntityUID(cedar.EntityType(target.ResourceType), cedar.String(*a.Resource.ID)),
		Context:   cedar.NewRecord(cedar.RecordMap{"data": cedar.NewRecord(data), "request": cedar.NewRecord(request)}),
	}
}

func putText(record cedar.RecordMap, key cedar.String, value *string) {
	if value != nil {
		record[key] = cedar.String(*value)
	}
}

func putNumber[T int64 | float64](record cedar.RecordMap, key cedar.String, value *T) {
	if value != nil {
		record[key] = cedar.Long(int64(*value))
	}
}
