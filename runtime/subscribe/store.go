package subscribe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/durable"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

const (
	stateFile  = "state.json"
	bundlesDir = "bundles"
	dirMode    = 0o700
)

// state is what survives a restart besides the bundles themselves.
type state struct {
	// HubSubscriptions are those the hub added.
	HubSubscriptions []mesh.Subscription `json:"hubSubscriptions"`
	InForce          []stored            `json:"inForce"`
	// Highest is the highest release that was ever in force, by bundle.
	Highest map[string]release `json:"highest"`
}

// stored names a bundle of the last good set; its content is in the store.
type stored struct {
	Bundle  string      `json:"bundle"`
	Version string      `json:"version"`
	Digest  mesh.Digest `json:"digest"`
	Since   time.Time   `json:"since"`
}

// release is a version and its content.
type release struct {
	Version string      `json:"version"`
	Digest  mesh.Digest `json:"digest"`
}

// store keeps the last good set in a directory: state.json, and for each
// bundle an OCI image layout with its signatures, named by its digest. Nothing
// in it is believed: what is read is verified as if it came from the network.
type store struct{ dir string }

func (s store) loadState() (state, error) {
	path := filepath.Join(s.dir, stateFile)
	st := state{Highest: map[string]release{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &st)
	}
	if err != nil {
		return st, mesh.Errorf(mesh.CodeUnavailable, "reading the last good set in %s: %w", path, err).
			WithHint("restore the file from a backup; without it the runtime no longer knows which versions it must not go back behind")
	}
	if st.Highest == nil {
		st.Highest = map[string]release{}
	}
	return st, nil
}

// save stores the state, and then removes the bundles it does not name.
func (s store) save(st state) error {
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("storing the set: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(s.dir, stateFile), append(data, '\n'), secretMode); err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, b := range st.InForce {
		keep[s.layout(b.Digest)] = true
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, bundlesDir))
	if err != nil {
		return nil // nothing was ever stored
	}
	for _, entry := range entries {
		if path := filepath.Join(s.dir, bundlesDir, entry.Name()); !keep[path] {
			_ = os.RemoveAll(path) // what stays is removed the next time
		}
	}
	return nil
}

// layout is the directory of a bundle.
func (s store) layout(d mesh.Digest) string {
	return filepath.Join(s.dir, bundlesDir, strings.Replace(string(d), ":", "-", 1))
}

// staging is the suffix of a layout that is not whole yet.
const staging = ".new"

// put stores a bundle and the signatures that were verified. The layout is
// made beside its place and moved there when it is whole: what a process that
// was ended left of one would never be accepted as a layout again.
func (s store) put(b *bundle.Bundle, signatures []trust.Signature) error {
	dir := s.layout(b.Digest)
	made := dir + staging
	if err := os.MkdirAll(filepath.Dir(dir), dirMode); err != nil {
		return fmt.Errorf("storing a bundle: %w", err)
	}
	if err := os.RemoveAll(made); err != nil {
		return fmt.Errorf("storing bundle %s: %w", b.Digest, err)
	}
	artifact := b.Artifact()
	if err := artifact.WriteLayout(made, ""); err != nil {
		return fmt.Errorf("storing bundle %s: %w", b.Digest, err)
	}
	for _, sig := range signatures {
		attached, err := bundle.PackSignature(artifact.Descriptor(), sig.Bundle, time.Time{})
		if err != nil {
			continue // it was passed over when it was verified, too
		}
		if err := attached.WriteLayout(made, ""); err != nil {
			return fmt.Errorf("storing a signature of bundle %s: %w", b.Digest, err)
		}
	}
	// What stands there is damaged: a bundle that is sound is not fetched again.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("storing bundle %s: %w", b.Digest, err)
	}
	if err := os.Rename(made, dir); err != nil {
		return fmt.Errorf("storing bundle %s: %w", b.Digest, err)
	}
	return durable.SyncDir(filepath.Dir(dir))
}

// get opens what put stored.
func (s store) get(ctx context.Context, d mesh.Digest) (*bundle.Layout, []trust.Signature, error) {
	layout, err := bundle.OpenLayout(s.layout(d))
	if err != nil {
		return nil, nil, err
	}
	referrers, err := layout.Referrers(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	signatures, err := trust.Collect(ctx, layout, d, referrers)
	return layout, signatures, err
}
