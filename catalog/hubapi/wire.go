package hubapi

import (
	"encoding/json"
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// BasePath is the prefix of every path of the REST API.
const BasePath = "/api/v1"

// Bounds of the API. They are part of the contract: a client can rely on
// staying below them, the server refuses what is above.
const (
	DefaultPageSize = 50
	MaxPageSize     = 1000
	// MaxBatchRecords and MaxBatchBytes bound one telemetry batch.
	MaxBatchRecords = 4096
	MaxBatchBytes   = 8 << 20
	// MaxGaps bounds the gaps that are listed of a journal.
	MaxGaps = 20
	// MaxWait bounds how long a request may wait for a change.
	MaxWait = 60 * time.Second
)

// ProblemMediaType is the content type of an error (RFC 9457).
const ProblemMediaType = "application/problem+json"

// Problem is the body of every error of the hub's and the runtime's APIs
// (RFC 9457). Code, Hint, RequestID and Errors are extension members.
type Problem struct {
	Type      string          `json:"type"` // "urn:ai-agent-mesh:problem:" and the code
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail,omitzero"`
	Instance  string          `json:"instance,omitzero"`
	Code      mesh.Code       `json:"code"`
	Hint      string          `json:"hint,omitzero"`
	RequestID string          `json:"requestId,omitzero"`
	Errors    []ProblemDetail `json:"errors,omitzero"`
}

// ProblemDetail says where in the input something is wrong: Location is a
// path such as "body.action.type", or "file:line:column".
type ProblemDetail struct {
	Location string `json:"location,omitzero"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitzero"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitzero"` // cursor of the next page; empty on the last
}

// Status is what the hub makes of a release.
type Status string

// The statuses of a release.
const (
	StatusVerified   Status = "verified"   // signed by a key that was current for the namespace
	StatusUnsigned   Status = "unsigned"   // no signature yet
	StatusRefused    Status = "refused"    // signed, but by nobody the namespace knows
	StatusInvalid    Status = "invalid"    // not a well-formed policy bundle
	StatusYanked     Status = "yanked"     // withdrawn by its owner
	StatusDeprecated Status = "deprecated" // replaced, still served
)

// Bundle is a release as search lists it: the newest of its bundle that the
// query admits.
type Bundle struct {
	Namespace   mesh.Namespace     `json:"namespace"`
	Name        string             `json:"name"`
	Version     string             `json:"version"`
	Digest      mesh.Digest        `json:"digest"`
	Title       string             `json:"title"`
	Summary     string             `json:"summary"`
	Vendor      string             `json:"vendor,omitzero"`
	Licence     string             `json:"licence,omitzero"`
	Frameworks  []mesh.FrameworkID `json:"frameworks"`
	Modes       []mesh.Mode        `json:"modes"`
	Status      Status             `json:"status"`
	Reason      string             `json:"reason"` // why the status is what it is; empty if it is verified
	PublishedAt time.Time          `json:"publishedAt"`
}

// BundleDetail is one release with what a reader wants before subscribing.
type BundleDetail struct {
	Bundle
	// Extends names the bundles that the release narrows, as
	// namespace/name@digest, the nearest first.
	Extends  []string       `json:"extends"`
	Controls []BoundControl `json:"controls"`
	Rules    []RuleSummary  `json:"rules"`
	Readme   string         `json:"readme,omitzero"`
	SignedBy []Signer       `json:"signedBy"`
	Versions []Version      `json:"versions"`
}

// BoundControl is a control the release says it serves, and how.
type BoundControl struct {
	ID    mesh.ControlID `json:"id"`
	Title string         `json:"title,omitzero"`
	How   string         `json:"how"` // enforced, evidenced or attested
}

// RuleSummary names one rule of a policy and the controls it serves.
type RuleSummary struct {
	ID       string           `json:"id"`
	Controls []mesh.ControlID `json:"controls"`
	Message  string           `json:"message,omitzero"`
}

// Signer is who a release's signature was made by.
type Signer struct {
	Fingerprint string    `json:"fingerprint"` // sha256 of the key's DER form, hexadecimal
	Referrer    string    `json:"referrer"`    // digest of the signature's manifest
	SeenAt      time.Time `json:"seenAt"`
}

// Version is one release of a bundle in a list of versions, newest first.
type Version struct {
	Version     string      `json:"version"`
	Digest      mesh.Digest `json:"digest"`
	Status      Status      `json:"status"`
	Reason      string      `json:"reason,omitzero"`
	PublishedAt time.Time   `json:"publishedAt"`
}

// SearchResult is a page of bundles with the counts of every facet over the
// whole result.
type SearchResult struct {
	Items  []Bundle           `json:"items"`
	Next   string             `json:"next,omitzero"`
	Total  int                `json:"total"`
	Facets map[string][]Facet `json:"facets"` // by framework, vendor, status, mode
	// Corrected is the query that was answered, where a word was misspelt.
	Corrected string `json:"corrected,omitzero"`
}

// Facet counts the results that have one value.
type Facet struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// SearchQuery holds the parameters of GET bundles. The zero value lists every
// verified bundle.
type SearchQuery struct {
	Text      string
	Framework mesh.FrameworkID
	Control   string
	Vendor    string
	Status    string // a Status, or "any"; empty: verified and deprecated
	Cursor    string
	Limit     int // 0: DefaultPageSize
}

// Framework describes a framework of the catalog.
type Framework struct {
	ID       mesh.FrameworkID `json:"id"`
	Title    string           `json:"title"`
	Version  string           `json:"version,omitzero"`
	Source   string           `json:"source,omitzero"`
	Controls int              `json:"controls"`
}

// Control is one row of a framework.
type Control struct {
	ID          mesh.ControlID `json:"id"`
	Title       string         `json:"title"`
	Topic       string         `json:"topic"`
	Parent      mesh.ControlID `json:"parent"` // empty at the top
	Addressee   string         `json:"addressee"`
	Enforcement string         `json:"enforcement"` // runtime, evidence, attestation or container
}

// NamespaceInfo describes a namespace.
type NamespaceInfo struct {
	Name       mesh.Namespace `json:"name"`
	Visibility string         `json:"visibility"` // public or private
	CreatedAt  time.Time      `json:"createdAt"`
}

// NamespaceRequest creates a namespace or changes its visibility.
type NamespaceRequest struct {
	Name       mesh.Namespace `json:"name"`
	Visibility string         `json:"visibility,omitzero"` // public or private; empty: public
}

// The visibilities of a namespace.
const (
	VisibilityPublic  = "public"  // anybody may read it
	VisibilityPrivate = "private" // only the tenant's own callers may
)

// KeyRequest registers a signing key for a namespace.
type KeyRequest struct {
	PublicKey string `json:"publicKey"` // PEM, PKIX
}

// Key is a key that a namespace's releases are verified against.
type Key struct {
	Fingerprint string         `json:"fingerprint"` // sha256 of the DER form, hexadecimal
	Namespace   mesh.Namespace `json:"namespace"`
	Algorithm   string         `json:"algorithm"` // "ecdsa-p256", "ed25519", …
	PublicKey   string         `json:"publicKey"`
	AddedAt     time.Time      `json:"addedAt"`
	RevokedAt   *time.Time     `json:"revokedAt,omitzero"`
}

// EnrolRequest registers a runtime. PublicKey is the Ed25519 key its batches
// are signed with: base64 of the 32 raw bytes.
type EnrolRequest struct {
	Name      string `json:"name"`
	PublicKey string `json:"publicKey"`
}

// EnrolResponse is the only time the runtime's token is shown.
type EnrolResponse struct {
	ID    mesh.RuntimeID `json:"id"`
	Token string         `json:"token"`
}

// Runtime is an enrolled runtime as the hub knows it. InForce, Refusals and
// Journal are what it last reported.
type Runtime struct {
	ID            mesh.RuntimeID         `json:"id"`
	Name          string                 `json:"name"`
	PublicKey     string                 `json:"publicKey"`
	Version       string                 `json:"version,omitzero"`
	EnrolledAt    time.Time              `json:"enrolledAt"`
	LastSeen      *time.Time             `json:"lastSeen,omitzero"`
	Online        bool                   `json:"online"`
	Mode          mesh.Mode              `json:"mode,omitzero"` // its own --mode, if it weakens
	Subscriptions []ResolvedSubscription `json:"subscriptions"`
	InForce       []mesh.BundleInForce   `json:"inForce"`
	Refusals      []mesh.Refusal         `json:"refusals"`
	Journals      []JournalStatus        `json:"journals"`
	// Unrecorded is true where the runtime records none of its decisions, so
	// that there is no evidence of them anywhere.
	Unrecorded bool `json:"unrecorded,omitzero"`
}

// JournalStatus says how far the hub has a runtime's journal.
type JournalStatus struct {
	JournalID    mesh.JournalID `json:"journalId"`
	AckedThrough uint64         `json:"ackedThrough"` // every record up to here is durable at the hub; 0: none
	LastSeq      uint64         `json:"lastSeq"`      // highest the runtime reported
	// Malformed counts the records that were stored although the hub could not
	// read them.
	Malformed uint64 `json:"malformed,omitzero"`
	// Gaps are the latest times at which the runtime decided without being
	// able to record, newest first, at most MaxGaps.
	Gaps []mesh.Gap `json:"gaps"`
}

// The sources of a subscription.
const (
	SourceLocal = "local" // the runtime's own command line or configuration
	SourceHub   = "hub"   // added at the hub
)

// SubscribeRequest adds a subscription to a runtime at the hub.
type SubscribeRequest struct {
	Subscription mesh.Subscription `json:"subscription"`
}

// ResolvedSubscription is a subscription and what it means now. Digest is
// empty, with the reason, while nothing matches.
type ResolvedSubscription struct {
	Subscription mesh.Subscription `json:"subscription"`
	Source       string            `json:"source"` // SourceLocal or SourceHub
	Version      string            `json:"version,omitzero"`
	Digest       mesh.Digest       `json:"digest,omitzero"`
	Status       Status            `json:"status,omitzero"`
	Reason       string            `json:"reason,omitzero"`
}

// SubscriptionSet is what a runtime is to follow. The response's ETag is its
// Revision in quotes; a request with If-None-Match and wait blocks until the
// set is another or the time is over (304).
type SubscriptionSet struct {
	Revision string                 `json:"revision"`
	Items    []ResolvedSubscription `json:"items"`
}

// RuntimeReport is what a runtime tells about itself, as a whole, at its start,
// when something changes and as a heartbeat.
type RuntimeReport struct {
	Version       string               `json:"version"`
	Mode          mesh.Mode            `json:"mode,omitzero"`
	Subscriptions []mesh.Subscription  `json:"subscriptions"` // local ones
	InForce       []mesh.BundleInForce `json:"inForce"`
	Refusals      []mesh.Refusal       `json:"refusals"` // standing ones
	JournalID     mesh.JournalID       `json:"journalId,omitzero"`
	LastSeq       uint64               `json:"lastSeq"`
	Unrecorded    bool                 `json:"unrecorded,omitzero"` // it records none of its decisions
}

// Batch is a run of consecutive journal records. Records are the journal's own
// bytes, compact JSON of [mesh.Event]; Root is the RFC 6962 Merkle root over
// them and Signature is made with the runtime's enrolled key over the batch's
// header (package internal/auditlog defines the signed bytes).
type Batch struct {
	RuntimeID mesh.RuntimeID    `json:"runtimeId"`
	JournalID mesh.JournalID    `json:"journalId"`
	FirstSeq  uint64            `json:"firstSeq"` // sequence of Records[0]; sequences start at 1
	Records   []json.RawMessage `json:"records"`
	Root      string            `json:"root"`      // hexadecimal sha256
	Signature string            `json:"signature"` // "ed25519:" and base64url
}

// BatchAck answers a batch once it is durable. A batch that was delivered
// before is acknowledged again and stored once.
type BatchAck struct {
	JournalID    mesh.JournalID `json:"journalId"`
	AckedThrough uint64         `json:"ackedThrough"`
}

// Decision is a decision in the hub's evidence: the audit entry, where it came
// from, and the rest of the runtime's record.
type Decision struct {
	mesh.AuditEntry
	RequestID     string            `json:"requestId"`
	RuntimeID     mesh.RuntimeID    `json:"runtimeId"`
	JournalID     mesh.JournalID    `json:"journalId"`
	Seq           uint64            `json:"seq"`
	Mode          mesh.Mode         `json:"mode,omitzero"`
	WouldAllow    bool              `json:"wouldAllow"`
	Evaluated     bool              `json:"evaluated"`
	AgentAsserted bool              `json:"agentAsserted,omitzero"`
	Violations    []mesh.Violation  `json:"violations"`
	Obligations   []mesh.Obligation `json:"obligations"`
	Errors        []mesh.RuleError  `json:"errors,omitzero"`
	Bundles       []mesh.Digest     `json:"bundles"`
}

// DecisionQuery holds the parameters of GET decisions. The last to arrive at the
// hub comes first, whenever its runtime made it; with After set it is what came
// in behind a cursor, oldest first.
type DecisionQuery struct {
	RequestID string
	RuntimeID mesh.RuntimeID
	AgentID   mesh.AgentID
	Outcome   string
	Cursor    string
	After     string // follow: a cursor, or "now"
	Wait      time.Duration
	Limit     int
}

// Posture counts, per control of a framework, what runtimes reported. It is
// counts only: it says what was decided, not that a duty is fulfilled.
type Posture struct {
	Framework mesh.FrameworkID `json:"framework"`
	Decisions int64            `json:"decisions"` // decisions that touched any of its controls
	Controls  []ControlPosture `json:"controls"`
}

// ControlPosture is the posture of one control. Controls that no decision
// touched are listed with zeros.
type ControlPosture struct {
	ID         mesh.ControlID          `json:"id"`
	Title      string                  `json:"title,omitzero"`
	Decisions  int64                   `json:"decisions"`  // decisions whose rules serve the control
	Allowed    int64                   `json:"allowed"`    // of these, let through
	Denied     int64                   `json:"denied"`     // of these, refused
	Violations int64                   `json:"violations"` // violations of the control's rules, in any mode
	Severities map[mesh.Severity]int64 `json:"severities"` // Violations by severity
	LastAt     *time.Time              `json:"lastAt,omitzero"`
}

// HubInfo is what the hub says of itself at GET /api/v1.
type HubInfo struct {
	Version string `json:"version"`
	Bundles int    `json:"bundles"` // listed releases
	Ready   bool   `json:"ready"`
}
