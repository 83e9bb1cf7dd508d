package mesh

import "time"

// Action is what an agent asks to do, and the input of every policy. Its JSON
// form is a contract: the same document is accepted over HTTP, in policy cases
// and here.
//
// Absent is absent, not zero: a nil pointer, slice or map means that nothing
// was said, and CEL's has() is false for it. An empty slice says "none", which
// is a statement. Everything but Action.Type may be absent.
type Action struct {
	RequestID   *string    `json:"requestId,omitzero"`
	Timestamp   *time.Time `json:"timestamp,omitzero"`
	TenantID    *TenantID  `json:"tenantId,omitzero"`
	WorkflowID  *string    `json:"workflowId,omitzero"`
	Environment *string    `json:"environment,omitzero"`

	Agent    *Agent         `json:"agent,omitzero"`
	Actor    *Actor         `json:"actor,omitzero"`
	Action   Operation      `json:"action"`
	Resource *Resource      `json:"resource,omitzero"`
	Data     *Data          `json:"data,omitzero"`
	Request  *RightsRequest `json:"request,omitzero"`
	Tool     *Tool          `json:"tool,omitzero"`
	Model    *Model         `json:"model,omitzero"`
	Egress   *Egress        `json:"egress,omitzero"`
	Content  *Content       `json:"content,omitzero"`
	Session  *Session       `json:"session,omitzero"`
	Approval *Approval      `json:"approval,omitzero"`
	Context  map[string]any `json:"context,omitzero"` // free-form
}

// maxRecordedBytes bounds each text of an action that is recorded. A record
// stays far below the journal's bound whatever a caller sends.
const maxRecordedBytes = 1024

// CheckRecordable refuses an action with texts that a record could not hold
// whole: no runtime decides it. The error's code is CodeInvalid.
func (a *Action) CheckRecordable() error {
	agent, actor, resource := a.Agent, a.Actor, a.Resource
	if agent == nil {
		agent = &Agent{}
	}
	if actor == nil {
		actor = &Actor{}
	}
	if resource == nil {
		resource = &Resource{}
	}
	for _, f := range [...]struct {
		path  string
		bytes int
	}{
		{"requestId", lengthOf(a.RequestID)}, {"tenantId", lengthOf(a.TenantID)}, {"workflowId", lengthOf(a.WorkflowID)},
		{"environment", lengthOf(a.Environment)}, {"agent.id", lengthOf(agent.ID)}, {"action.type", len(a.Action.Type)},
		{"actor.userId", lengthOf(actor.UserID)}, {"actor.role", lengthOf(actor.Role)}, {"actor.ipAddress", lengthOf(actor.IPAddress)},
		{"resource.type", lengthOf(resource.Type)}, {"resource.id", lengthOf(resource.ID)}, {"resource.classification", lengthOf(resource.Classification)},
	} {
		if f.bytes > maxRecordedBytes {
			return Errorf(CodeInvalid, "%s is %d bytes long; at most %d can be recorded", f.path, f.bytes, maxRecordedBytes).
				WithHint("send an identifier, not content")
		}
	}
	return nil
}

func lengthOf[T ~string](s *T) int {
	if s == nil {
		return 0
	}
	return len(*s)
}

// Agent is the program that acts. Without agent authentication its ID is what
// the caller asserted, and is recorded as such.
type Agent struct {
	ID     *AgentID       `json:"id,omitzero"`
	Type   *string        `json:"type,omitzero"`   // conversational, analytics or automation
	Status *string        `json:"status,omitzero"` // active, suspended or killed
	Scopes []string       `json:"scopes,omitzero"` // what the agent was granted
	Labels map[string]any `json:"labels,omitzero"`
}

// Actor is the person on whose behalf the agent acts.
type Actor struct {
	UserID     *string        `json:"userId,omitzero"`
	Role       *string        `json:"role,omitzero"`
	IPAddress  *string        `json:"ipAddress,omitzero"`
	Groups     []string       `json:"groups,omitzero"`
	Scopes     []string       `json:"scopes,omitzero"`
	MFA        *bool          `json:"mfa,omitzero"`
	Properties map[string]any `json:"properties,omitzero"`
}

// The action types the built-in policy sections know. Others are allowed: a
// vendor's rules may look at types of their own.
const (
	TypeModelCall      = "model.call"
	TypeToolCall       = "tool.call"
	TypeDataRead       = "data.read"
	TypeDataWrite      = "data.write"
	TypeDataDelete     = "data.delete"
	TypeDataExport     = "data.export"
	TypeEgress         = "egress"
	TypeMemoryWrite    = "memory.write"
	TypeSubjectRequest = "subject.request"
	TypeWorkflowStep   = "workflow.step"
	TypeArtifactLoad   = "artifact.load" // of a model, a tool, a skill or a policy
	TypeModelOutput    = "model.output"  // an answer of a model, before the agent sees it
)

// ActionTypes returns the action types that the built-in policy sections know.
func ActionTypes() []string {
	return []string{
		TypeModelCall, TypeToolCall, TypeDataRead, TypeDataWrite, TypeDataDelete, TypeDataExport, TypeEgress,
		TypeMemoryWrite, TypeSubjectRequest, TypeWorkflowStep, TypeArtifactLoad, TypeModelOutput,
	}
}

// Operation is the verb of an action.
type Operation struct {
	Type       string         `json:"type"` // required; one of the Type constants or a vendor's own
	Name       *string        `json:"name,omitzero"`
	Scope      *string        `json:"scope,omitzero"` // the right that the action takes
	Properties map[string]any `json:"properties,omitzero"`
}

// Resource is what is acted upon.
type Resource struct {
	Type           *string        `json:"type,omitzero"`
	ID             *string        `json:"id,omitzero"`
	Classification *string        `json:"classification,omitzero"`
	Region         *string        `json:"region,omitzero"`
	TenantID       *TenantID      `json:"tenantId,omitzero"`    // the tenant it belongs to
	Environment    *string        `json:"environment,omitzero"` // the environment it belongs to
	Digest         *string        `json:"digest,omitzero"`      // of its content, as "sha256:…"
	Signed         *bool          `json:"signed,omitzero"`      // a signature over Digest was verified
	Properties     map[string]any `json:"properties,omitzero"`
}

// Data describes the data an action touches. Absent Categories on an action
// that touches data count as personal data; an empty list asserts that none
// is.
type Data struct {
	Categories        []string     `json:"categories,omitzero"`
	Purpose           *string      `json:"purpose,omitzero"`
	LegalBasis        *string      `json:"legalBasis,omitzero"`
	Consent           *Consent     `json:"consent,omitzero"`
	Subject           *DataSubject `json:"subject,omitzero"`
	Encryption        *Encryption  `json:"encryption,omitzero"`
	RetentionDays     *int64       `json:"retentionDays,omitzero"`
	Region            *string      `json:"region,omitzero"`
	DestinationRegion *string      `json:"destinationRegion,omitzero"`
	Fields            []string     `json:"fields,omitzero"`
}

// Consent is the data subject's consent as it stands (GDPR Art. 4(11), 7).
type Consent struct {
	Given     *bool    `json:"given,omitzero"`
	Purposes  []string `json:"purposes,omitzero"`
	Withdrawn *bool    `json:"withdrawn,omitzero"`
}

// DataSubject is the person the data is about.
type DataSubject struct {
	ID         *string `json:"id,omitzero"`
	Child      *bool   `json:"child,omitzero"`
	OptOut     *bool   `json:"optOut,omitzero"`     // of sale, sharing or marketing
	Restricted *bool   `json:"restricted,omitzero"` // processing is restricted (GDPR Art. 18)
	Objected   *bool   `json:"objected,omitzero"`   // to the processing (GDPR Art. 21)
	Erased     *bool   `json:"erased,omitzero"`     // the person's data was or is being erased (GDPR Art. 17)
}

// Encryption says how the data is or will be protected.
type Encryption struct {
	Algorithm  *string `json:"algorithm,omitzero"`
	KeyAgeDays *int64  `json:"keyAgeDays,omitzero"`
	InTransit  *bool   `json:"inTransit,omitzero"`
}

// RightsRequest is a data subject's request that a subject.request action
// answers (GDPR chapter III).
type RightsRequest struct {
	Right    *string  `json:"right,omitzero"`  // access, erasure, portability, …
	Status   *string  `json:"status,omitzero"` // open, fulfilled or refused
	AgeHours *float64 `json:"ageHours,omitzero"`
	Format   *string  `json:"format,omitzero"`
}

// Tool is the tool a tool.call calls.
type Tool struct {
	Server     *string        `json:"server,omitzero"`
	Name       *string        `json:"name,omitzero"`
	Args       map[string]any `json:"args,omitzero"`
	ArgsDigest *string        `json:"argsDigest,omitzero"` // of Args, as in Approval.ArgsDigest
	Pinned     *bool          `json:"pinned,omitzero"`
}

// Model is the model a model.call calls.
type Model struct {
	Provider *string `json:"provider,omitzero"`
	Name     *string `json:"name,omitzero"`
	Region   *string `json:"region,omitzero"`
	Contract *string `json:"contract,omitzero"` // the processing contract on record
}

// Egress is where data leaves to.
type Egress struct {
	Host *string `json:"host,omitzero"`
	TLS  *bool   `json:"tls,omitzero"`
}

// Content is what detectors found in the text that moves.
type Content struct {
	Findings       []ContentFinding `json:"findings,omitzero"`
	InjectionScore *float64         `json:"injectionScore,omitzero"` // 0 to 1
	Malware        *string          `json:"malware,omitzero"`
	Labels         []string         `json:"labels,omitzero"` // what a classifier calls the content
	InputTokens    *int64           `json:"inputTokens,omitzero"`
	OutputTokens   *int64           `json:"outputTokens,omitzero"`
}

// ContentFinding counts the occurrences of one kind of identifier.
type ContentFinding struct {
	Type  *string `json:"type,omitzero"`
	Count *int64  `json:"count,omitzero"`
}

// Session is the conversation or run the action belongs to.
type Session struct {
	ID              *string  `json:"id,omitzero"`
	AgentID         *AgentID `json:"agentId,omitzero"` // the agent the session was opened for
	UserID          *string  `json:"userId,omitzero"`  // the person the session was opened for
	AgeSeconds      *int64   `json:"ageSeconds,omitzero"`
	Taint           []string `json:"taint,omitzero"`
	MFAAgeSeconds   *int64   `json:"mfaAgeSeconds,omitzero"`
	CallsLastMinute *int64   `json:"callsLastMinute,omitzero"`
	SpentTokens     *int64   `json:"spentTokens,omitzero"`
	SpentMicroUSD   *int64   `json:"spentMicroUSD,omitzero"` // millionths of a US dollar
}

// Approval is a person's approval of exactly this action.
type Approval struct {
	ID         *string `json:"id,omitzero"`
	Approver   *string `json:"approver,omitzero"`
	ArgsDigest *string `json:"argsDigest,omitzero"`
	AgeSeconds *int64  `json:"ageSeconds,omitzero"`
	BreakGlass *bool   `json:"breakGlass,omitzero"` // emergency access, to be reviewed afterwards
	Reason     *string `json:"reason,omitzero"`
}
