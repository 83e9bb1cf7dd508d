package catalog

import (
	"sync"

	"github.com/ai-agent-mesh/mesh"
)

// Topic names what a change is about.
type Topic string

// The topics.
const (
	TopicReleases Topic = "releases" // a release changed
	TopicRechecks Topic = "rechecks" // the keys or visibility of a namespace changed
	TopicEvidence Topic = "evidence" // records arrived
)

// TopicRuntime is what concerns one runtime: its own or the hub's
// subscriptions changed.
func TopicRuntime(tenant mesh.TenantID, id mesh.RuntimeID) Topic {
	return Topic("runtime/" + string(tenant) + "/" + string(id))
}

// Notifier tells waiting requests of this process that something changed, not
// what. The zero value is ready to use; it is safe for concurrent use.
//
// A waiter calls [Notifier.Watch] before it looks: a change between looking
// and waiting then ends the wait.
type Notifier struct {
	mu     sync.Mutex
	topics map[Topic]*topic
}

type topic struct {
	changed chan struct{} // closed by the next change; nil while nobody waits
	version uint64
}

// Notify announces a change.
func (n *Notifier) Notify(t Topic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	entry := n.topic(t)
	entry.version++
	if entry.changed != nil {
		close(entry.changed)
		entry.changed = nil
	}
}

// Watch returns a channel that is closed by the next change.
func (n *Notifier) Watch(t Topic) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	entry := n.topic(t)
	if entry.changed == nil {
		entry.changed = make(chan struct{})
	}
	return entry.changed
}

// Version counts the changes so far, for caches.
func (n *Notifier) Version(t Topic) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.topic(t).version
}

func (n *Notifier) topic(t Topic) *topic {
	if n.topics == nil {
		n.topics = map[Topic]*topic{}
	}
	entry, ok := n.topics[t]
	if !ok {
		entry = &topic{}
		n.topics[t] = entry
	}
	return entry
}
