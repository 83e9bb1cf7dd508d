// Package workload is the one task that every engine of the benchmark does:
// decide whether an agent's action breaks the data protection rules that apply
// to it, and name all of those it breaks.
//
// [Make] writes a [Set]: policies of ten rules each, as a privacy team would
// state them, and actions to decide. Everything follows from the [Shape]: two
// runs, or two engines in processes of their own, have the same set.
//
// What the rules mean is said twice, on purpose: as CEL in
// [Policy.Conditions] and as Go in engines/hand.go. Every engine must agree
// with the latter before anything is timed.
package workload

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// RulesPerPolicy is the number of rules of each policy.
const RulesPerPolicy = 10

// The rules of a policy, by their place in it. Each is violated where the
// field it looks at is absent; the last two look at requests of data subjects,
// and only at those they name.
const (
	Consent      = iota // data.consent.given
	ValidPurpose        // data.purpose is one of Purposes
	BadPurpose          // data.purpose is none of Prohibited
	Algorithm           // data.encryption.algorithm is Algorithm
	KeyAge              // data.encryption.keyAgeDays is at most MaxKeyAgeDays
	Retention           // data.retentionDays is at most MaxRetentionDays
	LegalBasis          // data.legalBasis is one of LegalBases
	Region              // data.region is one of Regions
	AnswerTime          // access and erasure: request.ageHours is at most MaxAnswerHours
	AnswerFormat        // portability: request.format is one of Formats
)

// ruleNames are the ids of the rules in a policy document.
var ruleNames = [RulesPerPolicy]string{
	"consent", "valid-purpose", "prohibited-purpose", "encryption", "key-age",
	"retention", "legal-basis", "region", "answer-time", "answer-format",
}

// The data subject's rights that rules name.
const (
	rightAccess      = "access"
	rightErasure     = "erasure"
	rightPortability = "portability"
)

// Target is what a policy is about, and what every engine's index is keyed by.
type Target struct{ ActionType, ResourceType string }

// TargetOf returns the target of an action; one without a resource type has
// none that a policy is about.
func TargetOf(a *mesh.Action) Target {
	t := Target{ActionType: a.Action.Type}
	if a.Resource != nil && a.Resource.Type != nil {
		t.ResourceType = *a.Resource.Type
	}
	return t
}

// Policy is the constants of one policy's ten rules.
type Policy struct {
	Number           int // its place in the set; rule r of it is rule Number*RulesPerPolicy+r of the set
	Target           Target
	Purposes         []string
	Prohibited       []string
	Algorithm        string
	MaxKeyAgeDays    int64
	MaxRetentionDays int64
	LegalBases       []string
	Regions          []string
	MaxAnswerHours   int64
	Formats          []string
}

// ID is the policyId of its decisions.
func (p *Policy) ID() string { return "bench/policy-" + strconv.Itoa(p.Number) }

// When is the CEL that says which actions the policy's rules look at.
func (p *Policy) When() string {
	return fmt.Sprintf(`action.type == %q && has(resource.type) && resource.type == %q`, p.Target.ActionType, p.Target.ResourceType)
}

// Conditions is the CEL that an action must meet, rule by rule. It reads no
// field that it has not asked for with has().
func (p *Policy) Conditions() [RulesPerPolicy]string {
	return [RulesPerPolicy]string{
		Consent:      `has(data.consent.given) && data.consent.given`,
		ValidPurpose: `has(data.purpose) && data.purpose in ` + List(p.Purposes),
		BadPurpose:   `has(data.purpose) && !(data.purpose in ` + List(p.Prohibited) + `)`,
		Algorithm:    fmt.Sprintf(`has(data.encryption.algorithm) && data.encryption.algorithm == %q`, p.Algorithm),
		KeyAge:       fmt.Sprintf(`has(data.encryption.keyAgeDays) && data.encryption.keyAgeDays <= %d`, p.MaxKeyAgeDays),
		Retention:    fmt.Sprintf(`has(data.retentionDays) && data.retentionDays <= %d`, p.MaxRetentionDays),
		LegalBasis:   `has(data.legalBasis) && data.legalBasis in ` + List(p.LegalBases),
		Region:       `has(data.region) && data.region in ` + List(p.Regions),
		AnswerTime: fmt.Sprintf(`!has(request.right) || !(request.right in %s) || has(request.ageHours) && request.ageHours <= %d.0`,
			List([]string{rightAccess, rightErasure}), p.MaxAnswerHours),
		AnswerFormat: fmt.Sprintf(`!has(request.right) || request.right != %q || has(request.format) && request.format in %s`,
			rightPortability, List(p.Formats)),
	}
}

// Document is the policy in the product's language.
func (p *Policy) Document() []byte {
	var b bytes.Buffer
	begin(&b, "Policy "+strconv.Itoa(p.Number))
	p.rules(&b, "")
	end(&b)
	return b.Bytes()
}

// Document is all policies of the set in one, in the product's language. The
// rules' ids begin with the number of their policy.
func (s *Set) Document() []byte {
	var b bytes.Buffer
	begin(&b, s.Shape.String())
	for i := range s.Policies {
		s.Policies[i].rules(&b, fmt.Sprintf("p%d-", i))
	}
	end(&b)
	return b.Bytes()
}

func begin(b *bytes.Buffer, name string) {
	fmt.Fprintf(b, "version: \"3.0.0\"\nname: %q\nrules:\n  custom:\n", name)
}

func (p *Policy) rules(b *bytes.Buffer, prefix string) {
	when := p.When()
	for rule, condition := range p.Conditions() {
		fmt.Fprintf(b, "    - id: %s%s\n      when: '%s'\n      require: '%s'\n      severity: high\n      message: \"%s is not met\"\n",
			prefix, ruleNames[rule], when, condition, ruleNames[rule])
	}
}

func end(b *bytes.Buffer) { b.WriteString("enforcement:\n  mode: enforce\n") }

// List writes a list of strings as CEL, Cedar and Rego do.
func List(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
