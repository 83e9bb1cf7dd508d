package workload

import (
	"fmt"
	"math/rand/v2"

	"github.com/ai-agent-mesh/mesh"
)

// Actions is the number of actions of a set: enough that a processor does not
// learn them by heart.
const Actions = 1024

// Shape says how large a set is.
type Shape struct {
	Rules    int `json:"rules"`    // loaded
	Relevant int `json:"relevant"` // that look at each action
	// Overlap makes the policies of a target repeat each other: of all their
	// constants there are three variants, as when several frameworks ask for
	// much the same. Otherwise every policy has constants of its own.
	Overlap bool `json:"overlap"`
}

func (s Shape) String() string {
	text := fmt.Sprintf("%d rules loaded, %d relevant", s.Rules, s.Relevant)
	if s.Overlap {
		text += ", overlapping"
	}
	return text
}

// check refuses a shape that whole policies cannot have.
func (s Shape) check() error {
	if s.Relevant <= 0 || s.Relevant%RulesPerPolicy != 0 || s.Rules <= 0 || s.Rules%s.Relevant != 0 {
		return fmt.Errorf("no set has %s: the relevant rules must be a multiple of %d, and the loaded ones of those", s, RulesPerPolicy)
	}
	return nil
}

// Set is rules and the actions to decide by them.
type Set struct {
	Shape    Shape
	Policies []Policy
	Actions  []*mesh.Action
}

// actionTypes are those of the targets, in turn.
var actionTypes = []string{mesh.TypeDataRead, mesh.TypeToolCall, mesh.TypeModelCall, mesh.TypeDataExport}

// algorithms are what targets demand, in turn: all policies of a target agree
// on one, else no action could satisfy them.
var algorithms = []string{"AES-256-GCM", "CHACHA20-POLY1305", "AES-256-CBC"}

// Make writes the set of that shape. Its random choices have a fixed seed.
func Make(shape Shape) (*Set, error) {
	if err := shape.check(); err != nil {
		return nil, err
	}
	set := &Set{Shape: shape}
	perTarget := shape.Relevant / RulesPerPolicy
	for number := range shape.Rules / RulesPerPolicy {
		variant := number
		if shape.Overlap {
			variant = number % 3
		}
		set.Policies = append(set.Policies, makePolicy(number, number/perTarget, variant))
	}
	w := writer{random: rand.New(rand.NewPCG(1, uint64(shape.Rules+shape.Relevant)))}
	for number := range Actions {
		target := w.random.IntN(len(set.Policies) / perTarget)
		policies := set.Policies[target*perTarget : (target+1)*perTarget]
		set.Actions = append(set.Actions, w.action(number, policies))
	}
	return set, nil
}

// makePolicy gives a policy its constants. An action that satisfies one policy
// of a target can satisfy all of them.
func makePolicy(number, target, variant int) Policy {
	own := func(kind string) string { return fmt.Sprintf("%s_%d", kind, variant) }
	n := int64(variant)
	return Policy{
		Number:           number,
		Target:           Target{ActionType: actionTypes[target%len(actionTypes)], ResourceType: fmt.Sprintf("resource_%d", target)},
		Purposes:         []string{own("purpose"), "service_improvement", "user_support"},
		Prohibited:       []string{own("misuse"), "marketing_without_consent", "third_party_sharing"},
		Algorithm:        algorithms[target%len(algorithms)],
		MaxKeyAgeDays:    minKeyAgeDays + n%97,
		MaxRetentionDays: minRetentionDays + n%331,
		LegalBases:       []string{own("statute"), "consent", "contract"},
		Regions:          []string{own("eu-edge"), "eu-west-1", "eu-central-1"},
		MaxAnswerHours:   minAnswerHours + n%631,
		Formats:          []string{own("format"), "JSON"},
	}
}

// What every policy of a set allows at least.
const (
	minKeyAgeDays    = 60
	minRetentionDays = 200
	minAnswerHours   = 300
)
