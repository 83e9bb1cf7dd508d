package mesh

import "time"

// EventKind says what an [Event] records.
type EventKind string

// The kinds of event.
const (
	EventDecision   EventKind = "decision"   // an action was decided
	EventEvaluation EventKind = "evaluation" // an action of audit mode was evaluated afterwards
	EventGap        EventKind = "gap"        // decisions went unrecorded
	EventRefusal    EventKind = "refusal"    // a bundle was not put into force
	EventSet        EventKind = "set"        // another set of bundles is in force
)

// Event is one record of a runtime's journal, and what the hub receives. The
// field that Kind names is set, the others are nil.
type Event struct {
	Kind     EventKind       `json:"kind"`
	Time     time.Time       `json:"time"`
	Decision *DecisionRecord `json:"decision,omitzero"` // EventDecision and EventEvaluation
	Gap      *Gap            `json:"gap,omitzero"`
	Refusal  *Refusal        `json:"refusal,omitzero"`
	Set      []BundleInForce `json:"set,omitzero"` // EventSet
}

// DecisionRecord is what remains of a decision: the audit entry and what the
// entry's schema has no room for. Content is never part of it.
type DecisionRecord struct {
	Entry     AuditEntry `json:"entry"`
	RequestID string     `json:"requestId,omitzero"`
	// AgentAsserted is true where the agent's id is what the caller claimed.
	AgentAsserted   bool         `json:"agentAsserted,omitzero"`
	Environment     string       `json:"environment,omitzero"`
	WorkflowID      string       `json:"workflowId,omitzero"`
	Mode            Mode         `json:"mode,omitzero"`
	Weakened        bool         `json:"weakened,omitzero"` // the runtime's own --mode weakened a policy's
	WouldAllow      bool         `json:"wouldAllow"`
	Evaluated       bool         `json:"evaluated"`
	Violations      []Violation  `json:"violations,omitzero"`
	Obligations     []Obligation `json:"obligations,omitzero"`
	Errors          []RuleError  `json:"errors,omitzero"`
	Bundles         []Digest     `json:"bundles,omitzero"`
	EvaluationNanos int64        `json:"evaluationNanos"`
}

// Gap counts the decisions that could not be recorded. Enforced actions were
// denied meanwhile; the count of the others that were let through is Allowed.
type Gap struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Denied  uint64    `json:"denied"`
	Allowed uint64    `json:"allowed"`
	Reason  string    `json:"reason"`
}

// Refusal says which bundle was not put into force, and why.
type Refusal struct {
	Subscription string `json:"subscription"`
	Bundle       string `json:"bundle"` // namespace/name
	Version      string `json:"version,omitzero"`
	Digest       Digest `json:"digest,omitzero"`
	Code         Code   `json:"code"`
	Reason       string `json:"reason"`
}

// BundleInForce is one bundle of the set a runtime decides with.
type BundleInForce struct {
	Subscription string    `json:"subscription"`
	Bundle       string    `json:"bundle"` // namespace/name
	Version      string    `json:"version"`
	Digest       Digest    `json:"digest"`
	Mode         Mode      `json:"mode"`
	Weakened     bool      `json:"weakened,omitzero"`
	Since        time.Time `json:"since"`
}
