package mesh

import "time"

// Mode says what a violation of a policy does.
type Mode string

// The modes, strictest first.
const (
	ModeEnforce Mode = "enforce" // a violation refuses the action
	ModeMonitor Mode = "monitor" // decided and recorded, let through
	ModeAudit   Mode = "audit"   // recorded now, evaluated later, off the request path
)

// strictness orders the modes; an unknown mode is the weakest.
func (m Mode) strictness() int {
	switch m {
	case ModeEnforce:
		return 3
	case ModeMonitor:
		return 2
	case ModeAudit:
		return 1
	}
	return 0
}

// Valid reports whether m is one of the three modes.
func (m Mode) Valid() bool { return m.strictness() > 0 }

// WeakerThan reports whether m refuses less than other.
func (m Mode) WeakerThan(other Mode) bool { return m.strictness() < other.strictness() }

// Severity grades a violation.
type Severity string

// The severities, lowest first.
const (
	SeverityLow      Severity = "low"
	SeverityMedium   Severity = "medium"
	SeverityHigh     Severity = "high"
	SeverityCritical Severity = "critical"
)

// Decision answers an [Action].
type Decision struct {
	// Allowed is what the enforcement point must do. It already takes the
	// modes into account.
	Allowed bool `json:"allowed"`

	// Violations holds every rule that was violated, in enforce and in
	// monitor mode, ordered by policy and then by the rule's place in it.
	Violations      []Violation `json:"violations"`
	Recommendations []string    `json:"recommendations"`
	AuditLog        AuditEntry  `json:"auditLog"`

	// Mode is the strictest mode of the policies that ran; empty if none did.
	Mode Mode `json:"mode"`
	// WouldAllow is false where a violation was let through by its mode.
	WouldAllow bool `json:"wouldAllow"`
	// Evaluated is false where every applicable policy is in audit mode: the
	// evaluation follows as a second record of the same event, if that was
	// recorded.
	Evaluated bool `json:"evaluated"`

	// Obligations bind the enforcement point, which must refuse the action if
	// it does not know one of them.
	Obligations []Obligation `json:"obligations"`
	// Errors holds the rules that could not be evaluated. In enforce mode
	// each of them denies.
	Errors []RuleError `json:"errors,omitzero"`
	// Bundles holds the digests of the bundles that decided.
	Bundles []Digest `json:"bundles"`
	// EvaluationNanos is the time the evaluation took, with the words for what
	// it found, without decoding and recording.
	EvaluationNanos int64 `json:"evaluationNanos"`
	// Unrecorded is true where there is no evidence of the decision: the
	// journal did not take it, or the runtime records none. AuditLog then has
	// no event id, because there is no such event.
	Unrecorded bool `json:"unrecorded,omitzero"`
}

// Violation is one rule an action breaks.
type Violation struct {
	PolicyID       string      `json:"policyId"` // namespace/name
	RuleID         string      `json:"ruleId"`   // a custom rule's id or the section's YAML path
	Controls       []ControlID `json:"controls"`
	Severity       Severity    `json:"severity"`
	Message        string      `json:"message"`
	Recommendation string      `json:"recommendation,omitzero"`
	// Clauses are the parts of the rule that the action does not meet; empty
	// for "default: deny".
	Clauses []Clause `json:"clauses,omitzero"`
}

// Clause is a part of what a rule requires that an action does not meet.
type Clause struct {
	Clause string       `json:"clause"` // in CEL, with parameters as the values they have
	Fields []FieldValue `json:"fields"` // what it looks at
	Wanted string       `json:"wanted"` // in words
}

// FieldValue is a field of an action and what it says.
type FieldValue struct {
	Field string `json:"field"`
	Value any    `json:"value,omitzero"` // nil if the field is absent, and in records
	// Named is true where the action itself gave the field its name, as it does
	// to an argument of a tool that no rule speaks of: records leave it out.
	Named bool `json:"-"`
}

// RuleError is a rule that failed at run time, for example because it read a
// field the action does not have.
type RuleError struct {
	PolicyID string `json:"policyId"`
	RuleID   string `json:"ruleId"`
	Message  string `json:"message"`
}

// Obligation is something the enforcement point must do with an allowed
// action, such as masking fields. Each combination of rule and obligation
// occurs once.
type Obligation struct {
	Type       string         `json:"type"`
	Properties map[string]any `json:"properties,omitzero"`
}

// The outcomes of an [AuditEntry].
const (
	OutcomeAllowed = "allowed"
	OutcomeDenied  = "denied"
)

// AuditEntry is the record an auditor reads. Its fields are those of the
// product's published audit log schema.
type AuditEntry struct {
	EventID           string             `json:"eventId"`
	Timestamp         time.Time          `json:"timestamp"`
	TenantID          TenantID           `json:"tenantId"`
	AgentID           AgentID            `json:"agentId"`
	Action            string             `json:"action"`
	Actor             AuditActor         `json:"actor"`
	Resource          AuditResource      `json:"resource"`
	Outcome           string             `json:"outcome"` // OutcomeAllowed or OutcomeDenied
	PolicyEvaluations []PolicyEvaluation `json:"policyEvaluations"`
	// Signature is empty until the batch that carries the entry is signed;
	// then "ed25519:" and base64url.
	Signature string `json:"signature,omitzero"`
}

// AuditActor is the person of an [AuditEntry]; empty where the action named
// none.
type AuditActor struct {
	UserID    string `json:"userId,omitzero"`
	Role      string `json:"role,omitzero"`
	IPAddress string `json:"ipAddress,omitzero"`
}

// AuditResource is what an [AuditEntry] says of the action's resource.
type AuditResource struct {
	Type           string `json:"type,omitzero"`
	ID             string `json:"id,omitzero"`
	Classification string `json:"classification,omitzero"`
}

// The decisions of a [PolicyEvaluation].
const (
	EvaluationAllow = "allow"
	EvaluationDeny  = "deny"
	EvaluationError = "error"
)

// PolicyEvaluation says what one policy made of an action.
type PolicyEvaluation struct {
	PolicyID string      `json:"policyId"`
	Decision string      `json:"decision"` // EvaluationAllow, EvaluationDeny or EvaluationError
	Reason   string      `json:"reason"`
	Mode     Mode        `json:"mode"`
	Rules    []string    `json:"rules"`    // every rule that looked at the action, violated or not
	Controls []ControlID `json:"controls"` // what these rules serve
}
