package registry

import (
	"time"

	"github.com/ai-agent-mesh/mesh"
)

// EventKind says what an [Event] reports.
type EventKind string

// The kinds of event.
const (
	ManifestPushed  EventKind = "manifest.pushed"  // a manifest that was not there before, with its tags
	ManifestDeleted EventKind = "manifest.deleted" // with the tags that went with it
	TagMoved        EventKind = "tag.moved"        // a manifest that was there got tags
	TagDeleted      EventKind = "tag.deleted"
)

// Event is a change of a repository. It is written to the outbox in the
// transaction that makes the change, so that whoever works on it learns of
// every change and of nothing that did not happen. It is delivered at least
// once: handlers look at what is stored now and do the same twice.
type Event struct {
	ID         int64 // grows with every event of the hub; 0 while Changed is false
	Tenant     mesh.TenantID
	Kind       EventKind
	Repository Name
	Digest     mesh.Digest // the manifest
	Subject    mesh.Digest // what the manifest refers to, "" for none
	Tags       []Tag       // those that were set or deleted
	Time       time.Time

	// Changed is false for a push of what was there already. It stands in no
	// outbox.
	Changed bool
}
