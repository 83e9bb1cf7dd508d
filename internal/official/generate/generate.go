package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/internal/durable"
	"github.com/ai-agent-mesh/mesh/internal/official/bundles"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// Where things are, relative to the root of the checkout.
const (
	packsDir   = "catalog/frameworks/packs"
	layoutsDir = "internal/official/bundles/layouts"
	publicKey  = "internal/official/key/official.pub"
	ownKey     = ".cache/official/official" // prefix of the .key and .pub files
	stagingDir = ".cache/official/staging"
)

// settings are the inputs of a run.
type settings struct {
	root     string
	keyFile  string // empty: the checkout's own key
	password []byte // of keyFile
}

func (s settings) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

// pack is one framework pack, built.
type pack struct {
	source   *publish.Source
	artifact *bundle.Artifact
	release  bundles.Release
}

// generate brings the embedded folders up to date and says what it changed.
func generate(ctx context.Context, s settings) ([]string, error) {
	packs, err := build(ctx, s)
	if err != nil {
		return nil, err
	}
	key, made, err := loadKey(s)
	if err != nil {
		return nil, err
	}
	var changed []string
	if made != "" {
		changed = append(changed, "made the signing key "+made)
	}
	if current(ctx, s, key, packs) {
		return changed, nil
	}
	for _, p := range packs {
		if err := gate(ctx, p); err != nil {
			return nil, err
		}
	}
	stale, err := write(ctx, s, key, packs)
	if err != nil {
		return nil, err
	}
	for _, p := range stale {
		changed = append(changed, fmt.Sprintf("signed %s %s, %s", p.release.Bundle, p.release.Version, p.release.Digest))
	}
	return changed, nil
}

// loadKey returns the key to sign with, and the file of one it had to make.
func loadKey(s settings) (key *sign.Key, made string, err error) {
	if s.keyFile != "" {
		key, err = sign.LoadKey(s.keyFile, s.password)
		if err != nil {
			return nil, "", fmt.Errorf("loading the key that %s names: %w", keyVariable, err)
		}
		return key, "", nil
	}
	// The checkout's own key has no password: it is as safe as the checkout.
	prefix := s.path(ownKey)
	key, err = sign.LoadKey(prefix+".key", nil)
	if mesh.CodeOf(err) != mesh.CodeNotFound {
		return key, "", err
	}
	if err := os.MkdirAll(filepath.Dir(prefix), 0o700); err != nil {
		return nil, "", fmt.Errorf("making room for the signing key: %w", err)
	}
	if key, err = sign.GenerateKey(nil); err != nil {
		return nil, "", err
	}
	return key, prefix + ".key", key.WriteFiles(prefix)
}

// build packs every pack, sorted by name.
func build(ctx context.Context, s settings) ([]pack, error) {
	controls, err := frameworks.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the control catalog: %w", err)
	}
	files, err := filepath.Glob(s.path(path.Join(packsDir, "*", "bundle.yaml")))
	if err != nil {
		return nil, fmt.Errorf("looking for packs: %w", err)
	}
	if len(files) == 0 {
		return nil, mesh.Errorf(mesh.CodeNotFound, "there are no packs in %s", s.path(packsDir)).WithHint("run it from the root of the checkout, or name that with -root")
	}
	slices.Sort(files)
	packs := make([]pack, 0, len(files))
	for _, file := range files {
		p, err := buildPack(ctx, filepath.Dir(file), controls)
		if err != nil {
			return nil, fmt.Errorf("building %s: %w", filepath.Base(filepath.Dir(file)), err)
		}
		packs = append(packs, p)
	}
	return packs, nil
}

func buildPack(ctx context.Context, dir string, controls *frameworks.Catalog) (pack, error) {
	source, findings, err := publish.Load(ctx, dir, publish.LoadOptions{Controls: controls})
	if err != nil {
		return pack{}, err
	}
	if len(findings) > 0 {
		return pack{}, mesh.Errorf(mesh.CodePolicyInvalid, "the sources are not clean").WithFindings(findings)
	}
	if source.Ref.Namespace != mesh.OfficialNamespace {
		return pack{}, mesh.Errorf(mesh.CodeInvalid, "namespace %s is not %s", source.Ref.Namespace, mesh.OfficialNamespace)
	}
	artifact, err := source.Build()
	if err != nil {
		return pack{}, err
	}
	version := source.Version.String()
	return pack{source: source, artifact: artifact, release: bundles.Release{
		Bundle: source.Ref, Version: version, Digest: artifact.Digest(),
		Path: path.Join(source.Ref.Name, version),
	}}, nil
}

// gate runs the cases and demands that they exercise every rule.
func gate(ctx context.Context, p pack) error {
	report, err := p.source.Check(ctx)
	if err != nil {
		return fmt.Errorf("checking %s: %w", p.release.Bundle, err)
	}
	// An official pack gives an example: warnings count.
	if len(report.Findings) > 0 {
		return mesh.Errorf(mesh.CodePolicyInvalid, "the policy of %s is not clean", p.release.Bundle).WithFindings(report.Findings)
	}
	if report.Cases == nil {
		return mesh.Errorf(mesh.CodeCasesFailed, "checking %s: it has no cases", p.release.Bundle)
	}
	for _, rule := range report.Cases.Coverage {
		if !rule.Covered() {
			return mesh.Errorf(mesh.CodeCasesFailed, "checking %s: rule %s fires in %d cases and holds in %d", p.release.Bundle, rule.RuleID, rule.Fired, rule.NotFired).
				WithHint("give every rule of an official pack cases of both kinds")
		}
	}
	return nil
}

// current reports whether the embedded folders hold exactly these packs,
// signed with this key.
func current(ctx context.Context, s settings, key *sign.Key, packs []pack) bool {
	index, err := os.ReadFile(s.path(path.Join(layoutsDir, bundles.IndexFile)))
	if err != nil {
		return false
	}
	want, err := encodeIndex(packs)
	if err != nil || !bytes.Equal(index, want) {
		return false
	}
	return !slices.ContainsFunc(packs, func(p pack) bool { return !signed(ctx, s, key, p) })
}

// signed reports whether the layout of a pack is there, with a signature by
// this key: that of the public key beside it.
func signed(ctx context.Context, s settings, key *sign.Key, p pack) bool {
	public, err := os.ReadFile(s.path(publicKey))
	if err != nil || !bytes.Equal(public, key.PublicKeyPEM()) {
		return false
	}
	layout, err := bundle.OpenLayout(s.path(path.Join(layoutsDir, p.release.Path)))
	if err != nil || layout.Tags()[p.release.Version] != p.release.Digest {
		return false
	}
	referrers, err := layout.Referrers(ctx, p.release.Digest)
	return err == nil && len(referrers) > 0
}

func encodeIndex(packs []pack) ([]byte, error) {
	releases := make([]bundles.Release, len(packs))
	for i, p := range packs {
		releases[i] = p.release
	}
	data, err := json.MarshalIndent(releases, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the list of official bundles: %w", err)
	}
	return append(data, '\n'), nil
}

// write brings the embedded folders up to date and returns the packs it signed:
// those whose layout is as it should be keep their signature. The list is
// removed first and written last: a run that is cut short leaves a build
// without official bundles, which says so, never one with half of them.
func write(ctx context.Context, s settings, key *sign.Key, packs []pack) ([]pack, error) {
	layouts := s.path(layoutsDir)
	if err := os.Remove(filepath.Join(layouts, bundles.IndexFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing the list of official bundles: %w", err)
	}
	var stale []pack
	for _, p := range packs {
		if !signed(ctx, s, key, p) {
			stale = append(stale, p)
		}
	}
	if err := removeOthers(layouts, packs, stale); err != nil {
		return nil, fmt.Errorf("clearing the embedded layouts: %w", err)
	}
	for _, p := range stale {
		if err := place(ctx, s, key, p); err != nil {
			return nil, fmt.Errorf("writing %s: %w", p.release.Bundle, err)
		}
	}
	if err := durable.WriteFile(s.path(publicKey), key.PublicKeyPEM(), 0o644); err != nil {
		return nil, fmt.Errorf("writing the public key: %w", err)
	}
	index, err := encodeIndex(packs)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(layouts, bundles.IndexFile), index, 0o644); err != nil {
		return nil, fmt.Errorf("writing the list of official bundles: %w", err)
	}
	return stale, nil
}

// place writes the layout of a pack beside the checkout's key and moves it
// into the embedded folder when it is complete.
func place(ctx context.Context, s settings, key *sign.Key, p pack) error {
	staging, target := s.path(stagingDir), s.path(path.Join(layoutsDir, p.release.Path))
	if err := os.RemoveAll(staging); err != nil {
		return err
	}
	if err := writeLayout(ctx, key, p, staging); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.Rename(staging, target)
}

// writeLayout writes a bundle, tagged with its version, and its signature.
func writeLayout(ctx context.Context, key *sign.Key, p pack, dir string) error {
	if err := p.artifact.WriteLayout(dir, p.release.Version); err != nil {
		return err
	}
	signature, err := sign.Sign(ctx, key, p.release.Digest)
	if err != nil {
		return err
	}
	referrer, err := bundle.PackSignature(p.artifact.Descriptor(), signature, time.Time{})
	if err != nil {
		return err
	}
	return referrer.WriteLayout(dir, "")
}

// removeOthers removes every layout that is not one of packs, or is stale.
func removeOthers(dir string, packs, stale []pack) error {
	versions, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		return err
	}
	for _, version := range versions {
		here := func(p pack) bool { return version == filepath.Join(dir, filepath.FromSlash(p.release.Path)) }
		if slices.ContainsFunc(packs, here) && !slices.ContainsFunc(stale, here) {
			continue
		}
		if err := os.RemoveAll(version); err != nil {
			return err
		}
	}
	return nil
}
