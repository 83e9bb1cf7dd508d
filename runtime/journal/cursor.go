package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ai-agent-mesh/mesh/internal/durable"
)

// CursorName names a reader of the journal. A record is kept until every one
// of them has passed it.
type CursorName string

// The readers of a journal.
const (
	Shipped   CursorName = "shipped"   // the hub acknowledged everything up to here
	Evaluated CursorName = "evaluated" // everything up to here that audit mode left for later was evaluated
)

const (
	cursorsFile   = "cursors.json"
	storeInterval = time.Second
)

// cursors holds the place of every reader.
type cursors struct {
	path string

	mu       sync.Mutex
	position map[CursorName]uint64
	stored   time.Time
}

// loadCursors reads the places; a reader that is not in the file starts at the
// beginning.
func loadCursors(dir string) (*cursors, error) {
	c := &cursors{path: filepath.Join(dir, cursorsFile), position: map[CursorName]uint64{Shipped: 0, Evaluated: 0}}
	data, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the journal's cursors: %w", err)
	}
	var stored map[CursorName]uint64
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, fmt.Errorf("reading the journal's cursors in %s: %w", c.path, err)
	}
	for name := range c.position {
		c.position[name] = stored[name]
	}
	return c, nil
}

func (c *cursors) get(name CursorName) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.position[name]
}

// min returns the place of the slowest reader, max that of the fastest.
func (c *cursors) min() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(c.position[Shipped], c.position[Evaluated])
}

func (c *cursors) max() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.position[Shipped], c.position[Evaluated])
}

// raise moves every reader to through at least; what is in front of it is
// gone, and it was removed only after all had passed it.
func (c *cursors) raise(through uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, at := range c.position {
		c.position[name] = max(at, through)
	}
}

// set moves one reader. The places are stored now and then only: each time
// costs two syncs on the disk that decisions wait for.
func (c *cursors) set(name CursorName, through uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.position[name] = through
	if time.Since(c.stored) < storeInterval {
		return nil
	}
	return c.storeLocked()
}

// store writes the places down.
func (c *cursors) store() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.storeLocked()
}

func (c *cursors) storeLocked() error {
	data, err := json.Marshal(c.position)
	if err != nil {
		return fmt.Errorf("storing the journal's cursors: %w", err)
	}
	c.stored = time.Now()
	return durable.WriteFile(c.path, append(data, '\n'), fileMode)
}
