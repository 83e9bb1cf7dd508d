package registrytest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/metadata"
)

// OutboxOpener returns an empty store of the tenant and the outbox it writes
// to.
type OutboxOpener func(t *testing.T, tenant mesh.TenantID) (registry.Store, metadata.Outbox)

// RunOutbox runs the suite of the outbox.
func RunOutbox(t *testing.T, open OutboxOpener) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s registry.Store, o metadata.Outbox)
	}{
		{"Events", testEvents},
		{"Retry", testRetry},
		{"Enqueue", testEnqueue},
		{"NothingOfARefusedPush", testNoEvent},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, o := open(t, "tenant-1")
			test.run(t, s, o)
		})
	}
}

func pending(t *testing.T, o metadata.Outbox) []metadata.Job {
	t.Helper()
	jobs, err := o.Pending(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

func woken(o metadata.Outbox) bool {
	select {
	case <-o.Wake():
		return true
	default:
		return false
	}
}

func testEvents(t *testing.T, s registry.Store, o metadata.Outbox) {
	if woken(o) {
		t.Error("woken without an event")
	}
	first, err := push(t, s, 1, registry.Condition{}, "1.0.0", "stable")
	if err != nil {
		t.Fatal(err)
	}
	if !woken(o) {
		t.Error("not woken by a push")
	}
	signature := PushImage(t, s, Repo, referrer(first.Digest, "application/signature", 0), nil)
	again, err := push(t, s, 1, registry.Condition{}, "1.0.0")
	if err != nil || again.Changed {
		t.Fatalf("%+v, %v", again, err)
	}
	if _, err := push(t, s, 1, registry.Condition{}, "1.0.0", "candidate"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteTag(t.Context(), Repo, "stable"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteManifest(t.Context(), Repo, first.Digest); err != nil {
		t.Fatal(err)
	}
	event := func(kind registry.EventKind, d, subject mesh.Digest, tags ...registry.Tag) metadata.Job {
		return metadata.Job{Event: registry.Event{Tenant: "tenant-1", Kind: kind, Repository: Repo, Digest: d, Subject: subject, Tags: tags, Changed: true}}
	}
	want := []metadata.Job{
		event(registry.ManifestPushed, first.Digest, "", "1.0.0", "stable"),
		event(registry.ManifestPushed, signature, first.Digest),
		event(registry.TagMoved, first.Digest, "", "candidate"),
		event(registry.TagDeleted, first.Digest, "", "stable"),
		event(registry.ManifestDeleted, first.Digest, "", "1.0.0", "candidate"),
	}
	got := pending(t, o)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(registry.Event{}, "ID", "Time"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for i, job := range got {
		if job.Time.IsZero() || (i > 0 && job.ID <= got[i-1].ID) {
			t.Errorf("event %d has id %d and time %s", i, job.ID, job.Time)
		}
	}
	if got[0].ID != first.ID {
		t.Errorf("the push was told id %d, the outbox has %d", first.ID, got[0].ID)
	}
	if err := o.Done(t.Context(), got[0].ID, got[1].ID, got[0].ID); err != nil {
		t.Fatal(err)
	}
	if rest := pending(t, o); len(rest) != 3 || rest[0].ID != got[2].ID {
		t.Errorf("after two were done: %+v", rest)
	}
	if n, err := o.Depth(t.Context()); err != nil || n != 3 {
		t.Errorf("Depth: %d, %v", n, err)
	}
	if two, err := o.Pending(t.Context(), 2); err != nil || len(two) != 2 {
		t.Errorf("at most two: %d, %v", len(two), err)
	}
}

func testRetry(t *testing.T, s registry.Store, o metadata.Outbox) {
	if _, err := push(t, s, 1, registry.Condition{}, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	job := pending(t, o)[0]
	if err := o.Retry(t.Context(), job.ID, time.Now().Add(-time.Second), "the disk was tired"); err != nil {
		t.Fatal(err)
	}
	got := pending(t, o)
	if len(got) != 1 || got[0].Attempts != 1 || got[0].LastError != "the disk was tired" {
		t.Fatalf("due again: %+v", got)
	}
	later := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := o.Retry(t.Context(), job.ID, later, "still"); err != nil {
		t.Fatal(err)
	}
	if got := pending(t, o); len(got) != 0 {
		t.Errorf("not due, but pending: %+v", got)
	}
	if next, err := o.Next(t.Context()); err != nil || !next.Equal(later) {
		t.Errorf("Next: %s, %v; want %s", next, err, later)
	}
	if n, err := o.Depth(t.Context()); err != nil || n != 1 {
		t.Errorf("Depth: %d, %v", n, err)
	}
	if err := o.Done(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
	if err := o.Retry(t.Context(), job.ID, later, "too late"); err != nil {
		t.Errorf("retrying what is done: %v", err)
	}
	if next, err := o.Next(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("Next of nothing: %s, %v", next, err)
	}
}

func testEnqueue(t *testing.T, _ registry.Store, o metadata.Outbox) {
	subject := registry.DigestOf("", []byte("signed"))
	event := registry.Event{Tenant: "tenant-2", Kind: registry.ManifestPushed, Repository: Repo, Digest: subject}
	id, err := o.Enqueue(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	if !woken(o) {
		t.Error("not woken")
	}
	got := pending(t, o)
	if len(got) != 1 || got[0].ID != id || got[0].Tenant != "tenant-2" || got[0].Digest != subject {
		t.Errorf("%+v", got)
	}
	event.Tenant = ""
	if _, err := o.Enqueue(t.Context(), event); err == nil {
		t.Error("an event without a tenant was taken")
	}
}

func testNoEvent(t *testing.T, s registry.Store, o metadata.Outbox) {
	if _, err := s.PushManifest(t.Context(), Repo, registry.Push{Body: Image(nil, "missing"), Tags: []registry.Tag{"1.0.0"}}); err == nil {
		t.Fatal("a manifest without its layer was taken")
	}
	if _, err := push(t, s, 1, registry.Condition{}, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	if _, err := push(t, s, 2, registry.Condition{}, "1.0.0"); err == nil {
		t.Fatal("a version moved")
	}
	if got := pending(t, o); len(got) != 1 {
		t.Errorf("%d events, want the one of the push that went through: %+v", len(got), got)
	}
}
