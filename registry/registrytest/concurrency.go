package registrytest

import (
	"errors"
	"sync"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

const rivals = 8

// compete pushes different content under one tag, all at once, and returns
// the digests that went through.
func compete(t *testing.T, s registry.Store, tag registry.Tag, cond registry.Condition, refusal *registry.Fault) []mesh.Digest {
	t.Helper()
	var mu sync.Mutex
	var won []mesh.Digest
	var wg sync.WaitGroup
	for i := range rivals {
		wg.Go(func() {
			event, err := push(t, s, i, cond, tag)
			if err != nil && !errors.Is(err, refusal) {
				t.Errorf("refused with %v, want %v", err, refusal)
			}
			if err == nil {
				mu.Lock()
				won = append(won, event.Digest)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return won
}

func testConcurrentVersions(t *testing.T, s registry.Store) {
	won := compete(t, s, "1.0.0", registry.Condition{}, registry.ErrTagImmutable)
	if len(won) != 1 {
		t.Fatalf("%d pushes of one version went through", len(won))
	}
	info, err := s.StatManifest(t.Context(), Repo, registry.ByTag("1.0.0"))
	if err != nil || info.Digest != won[0] {
		t.Errorf("the version means %s, %v; the winner was told %s", info.Digest, err, won[0])
	}
}

func testConcurrentConditions(t *testing.T, s registry.Store) {
	base, err := push(t, s, rivals, registry.Condition{}, "stable")
	if err != nil {
		t.Fatal(err)
	}
	if won := compete(t, s, "stable", registry.Condition{Match: base.Digest}, registry.ErrTagMoved); len(won) != 1 {
		t.Errorf("%d moved the tag from the same place", len(won))
	}
}
