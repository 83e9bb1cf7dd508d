package catalog

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/auth"
)

const (
	// OnlineWithin is how recently a runtime must have reported to count as
	// online: three heartbeats of half a minute.
	OnlineWithin = 90 * time.Second

	// MaxSubscriptions bounds the subscriptions of one runtime, from each
	// source.
	MaxSubscriptions = 256

	// runtimeIDPrefix tells ids from names.
	runtimeIDPrefix = "rt_"
	runtimeIDBytes  = 15

	maxReportItems = 1024
)

// runtimeName is what a host name, a pod name or a person's choice looks like.
var runtimeName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$`)

// RuntimeRecord is what a store keeps of a runtime.
type RuntimeRecord struct {
	ID         mesh.RuntimeID
	Name       string
	PublicKey  string // base64 of the raw key
	EnrolledAt time.Time
	LastSeen   *time.Time // nil: never reported
	Report     hubapi.RuntimeReport
}

// RuntimeStore keeps runtimes, what the hub adds to their subscriptions, and
// how far their journals are.
type RuntimeStore interface {
	// Enrol adds a runtime and its token, all or nothing. A runtime of that
	// name with the same key stays what it is, under its former id, and gets
	// the token instead of its former one; one with another key is
	// [mesh.CodeConflict].
	Enrol(ctx context.Context, tenant mesh.TenantID, r RuntimeRecord, token auth.Hash) (mesh.RuntimeID, error)
	// Runtime returns the runtime with an id or name. [mesh.CodeNotFound] if
	// there is none.
	Runtime(ctx context.Context, tenant mesh.TenantID, idOrName string) (RuntimeRecord, error)
	// Runtimes lists runtimes by name, behind after.
	Runtimes(ctx context.Context, tenant mesh.TenantID, after string, limit int) ([]RuntimeRecord, error)
	// PutReport replaces a runtime's report. [mesh.CodeNotFound] if there is no
	// such runtime.
	PutReport(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID, r hubapi.RuntimeReport, now time.Time) error
	// HubSubscriptions lists what the hub added to a runtime, by bundle.
	HubSubscriptions(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID) ([]mesh.Subscription, error)
	// PutHubSubscription adds a subscription, in place of one to the same
	// bundle. More than max are [mesh.CodeTooLarge].
	PutHubSubscription(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID, s mesh.Subscription, max int, now time.Time) error
	// DeleteHubSubscription removes what the hub added for a bundle. That there
	// is nothing is no error.
	DeleteHubSubscription(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID, ref mesh.BundleRef) error
	// Journals lists the journals of a runtime, the latest first, with their
	// gaps. LastSeq is not set.
	Journals(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID) ([]hubapi.JournalStatus, error)
}

// Fleet enrols runtimes, hears their reports and tells them what to follow.
// It is safe for concurrent use.
type Fleet struct {
	store    RuntimeStore
	resolver *Resolver
	notify   *Notifier
	now      func() time.Time
}

// NewFleet returns the service.
func NewFleet(store RuntimeStore, r *Resolver, n *Notifier) *Fleet {
	return &Fleet{store: store, resolver: r, notify: n, now: time.Now}
}

// Enrol registers a runtime and returns its id and its token, which is not
// kept and cannot be asked for again. A name that belongs to a runtime with
// another key is [mesh.CodeConflict].
func (f *Fleet) Enrol(ctx context.Context, tenant mesh.TenantID, r hubapi.EnrolRequest) (hubapi.EnrolResponse, error) {
	var none hubapi.EnrolResponse
	if !runtimeName.MatchString(r.Name) || strings.HasPrefix(r.Name, runtimeIDPrefix) {
		return none, mesh.Errorf(mesh.CodeInvalid, "%q is not a name for a runtime", r.Name).
			WithHint("use letters, digits and . _ - between them, at most 100 characters, not beginning with " + runtimeIDPrefix)
	}
	if _, err := ParseRuntimeKey(r.PublicKey); err != nil {
		return none, err
	}
	token := auth.NewToken(auth.KindRuntime)
	id, err := f.store.Enrol(ctx, tenant, RuntimeRecord{
		ID: newRuntimeID(), Name: r.Name, PublicKey: r.PublicKey, EnrolledAt: f.now(),
	}, token.Hash())
	if mesh.CodeOf(err) == mesh.CodeConflict {
		return none, mesh.Errorf(mesh.CodeConflict, "a runtime named %s with another key is enrolled already", r.Name).
			WithHint("choose another name, or start it on the data directory it was enrolled with")
	}
	if err != nil {
		return none, fmt.Errorf("enrolling %s: %w", r.Name, err)
	}
	return hubapi.EnrolResponse{ID: id, Token: token.Reveal()}, nil
}

// ParseRuntimeKey reads the public key of an [hubapi.EnrolRequest]. What is
// none is [mesh.CodeInvalid].
func ParseRuntimeKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, mesh.Errorf(mesh.CodeInvalid, "publicKey is not an Ed25519 key").
			WithHint(fmt.Sprintf("send base64 of the %d raw bytes", ed25519.PublicKeySize))
	}
	return raw, nil
}

func newRuntimeID() mesh.RuntimeID {
	var b [runtimeIDBytes]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	return mesh.RuntimeID(runtimeIDPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(b[:])))
}

// Get returns a runtime by its id or name. [mesh.CodeNotFound] if there is
// none.
func (f *Fleet) Get(ctx context.Context, tenant mesh.TenantID, idOrName string) (hubapi.Runtime, error) {
	rec, err := f.record(ctx, tenant, idOrName)
	if err != nil {
		return hubapi.Runtime{}, err
	}
	return f.describe(ctx, tenant, rec)
}

func (f *Fleet) record(ctx context.Context, tenant mesh.TenantID, idOrName string) (RuntimeRecord, error) {
	rec, err := f.store.Runtime(ctx, tenant, idOrName)
	if mesh.CodeOf(err) == mesh.CodeNotFound {
		return rec, mesh.Errorf(mesh.CodeNotFound, "there is no runtime %q", idOrName).
			WithHint("`mesh runtime list` shows the enrolled ones")
	}
	return rec, err
}

// List lists the runtimes by name.
func (f *Fleet) List(ctx context.Context, tenant mesh.TenantID, cursor string, limit int) (hubapi.Page[hubapi.Runtime], error) {
	records, err := paged("runtimes", cursor, limit, func(after string, n int) ([]RuntimeRecord, error) {
		return f.store.Runtimes(ctx, tenant, after, n)
	}, func(r RuntimeRecord) string { return r.Name })
	page := hubapi.Page[hubapi.Runtime]{Items: []hubapi.Runtime{}, Next: records.Next}
	if err != nil {
		return page, err
	}
	for _, rec := range records.Items {
		r, err := f.describe(ctx, tenant, rec)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, r)
	}
	return page, nil
}

// describe puts together what the hub knows of a runtime.
func (f *Fleet) describe(ctx context.Context, tenant mesh.TenantID, rec RuntimeRecord) (hubapi.Runtime, error) {
	set, err := f.set(ctx, tenant, rec)
	if err != nil {
		return hubapi.Runtime{}, err
	}
	journals, err := f.store.Journals(ctx, tenant, rec.ID)
	if err != nil {
		return hubapi.Runtime{}, fmt.Errorf("reading the journals of %s: %w", rec.Name, err)
	}
	return hubapi.Runtime{
		ID: rec.ID, Name: rec.Name, PublicKey: rec.PublicKey, Version: rec.Report.Version,
		EnrolledAt: rec.EnrolledAt, LastSeen: rec.LastSeen,
		Online:        rec.LastSeen != nil && f.now().Sub(*rec.LastSeen) < OnlineWithin,
		Mode:          rec.Report.Mode,
		Subscriptions: set.Items,
		InForce:       list(rec.Report.InForce),
		Refusals:      list(rec.Report.Refusals),
		Journals:      reported(journals, rec.Report),
		Unrecorded:    rec.Report.Unrecorded,
	}, nil
}

// reported adds to the journals how far the runtime says the one it writes is.
func reported(journals []hubapi.JournalStatus, r hubapi.RuntimeReport) []hubapi.JournalStatus {
	found := false
	for i := range journals {
		j := &journals[i]
		j.LastSeq = j.AckedThrough
		if j.JournalID == r.JournalID {
			found = true
			j.LastSeq = max(j.LastSeq, r.LastSeq)
		}
	}
	if !found && r.JournalID != "" {
		journals = append([]hubapi.JournalStatus{{JournalID: r.JournalID, LastSeq: r.LastSeq, Gaps: []mesh.Gap{}}}, journals...)
	}
	return list(journals)
}

// Report takes what a runtime tells about itself.
func (f *Fleet) Report(ctx context.Context, tenant mesh.TenantID, id mesh.RuntimeID, r hubapi.RuntimeReport) error {
	if err := checkReport(r); err != nil {
		return err
	}
	before, err := f.record(ctx, tenant, string(id))
	if err != nil {
		return err
	}
	if err := f.store.PutReport(ctx, tenant, id, r, f.now()); err != nil {
		return fmt.Errorf("storing the report of %s: %w", id, err)
	}
	if !sameSubscriptions(before.Report.Subscriptions, r.Subscriptions) {
		f.notify.Notify(TopicRuntime(tenant, id))
	}
	return nil
}

func checkReport(r hubapi.RuntimeReport) error {
	if len(r.Subscriptions) > MaxSubscriptions || len(r.InForce) > maxReportItems || len(r.Refusals) > maxReportItems {
		return mesh.Errorf(mesh.CodeTooLarge, "the report lists more than %d subscriptions or %d bundles", MaxSubscriptions, maxReportItems)
	}
	if r.Mode != "" && !r.Mode.Valid() {
		return mesh.Errorf(mesh.CodeInvalid, "mode %q is not one", r.Mode)
	}
	return nil
}

func sameSubscriptions(a, b []mesh.Subscription) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
