package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/official"
	"github.com/ai-agent-mesh/mesh/internal/official/bundles"
	"github.com/ai-agent-mesh/mesh/registry"
)

// officialRelease is one release the hub waits for before it is ready.
type officialRelease struct {
	ref     mesh.BundleRef
	version string
}

// publishOfficial pushes the bundles that ship with this build, as any vendor
// would: through the registry, verified by the key registered for their
// namespace. What is there already stays as it is.
func (h *Hub) publishOfficial(ctx context.Context) error {
	key, err := official.PublicKey()
	if mesh.CodeOf(err) == mesh.CodeUnavailable {
		h.logger.WarnContext(ctx, "this build ships no official bundles", slog.String("hint", mesh.HintOf(err)))
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := h.parts.namespaces.AddKey(ctx, mesh.DefaultTenant, mesh.OfficialNamespace, string(key)); err != nil {
		return fmt.Errorf("registering the official key: %w", err)
	}
	releases, err := bundles.List()
	if err != nil {
		return err
	}
	for _, r := range releases {
		err := h.publishRelease(ctx, r)
		if errors.Is(err, registry.ErrTagImmutable) {
			// Another build published this version with other content. Versions
			// do not change, so that one stays.
			h.logger.WarnContext(ctx, "an official bundle of this build differs from the one that is published",
				slog.String("bundle", r.Bundle.String()), slog.String("version", r.Version), slog.String("error", err.Error()))
			continue
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", r.Bundle, r.Version, err)
		}
		h.official = append(h.official, officialRelease{r.Bundle, r.Version})
	}
	return nil
}

func (h *Hub) publishRelease(ctx context.Context, r bundles.Release) error {
	repo := registry.Name(r.Bundle.String())
	manifests, err := r.Manifests()
	if err != nil {
		return err
	}
	for _, m := range manifests {
		for _, b := range m.Blobs {
			if err := h.publishBlob(ctx, repo, r, mesh.Digest(b.Digest)); err != nil {
				return err
			}
		}
		push := registry.Push{Body: m.Data, MediaType: m.Descriptor.MediaType, Digest: mesh.Digest(m.Descriptor.Digest)}
		if m.Tag != "" {
			push.Tags = []registry.Tag{registry.Tag(m.Tag)}
		}
		if _, err := h.parts.registry.PushManifest(ctx, repo, push); err != nil {
			return fmt.Errorf("pushing manifest %s: %w", m.Descriptor.Digest, err)
		}
	}
	return nil
}

func (h *Hub) publishBlob(ctx context.Context, repo registry.Name, r bundles.Release, d mesh.Digest) error {
	if _, err := h.parts.registry.StatBlob(ctx, repo, d); !errors.Is(err, registry.ErrBlobUnknown) {
		return err
	}
	data, err := r.Blob(d)
	if err != nil {
		return err
	}
	upload, err := h.parts.registry.StartUpload(ctx, repo)
	if err != nil {
		return fmt.Errorf("uploading blob %s: %w", d, err)
	}
	if _, err := upload.Append(ctx, 0, bytes.NewReader(data)); err != nil {
		return errors.Join(fmt.Errorf("uploading blob %s: %w", d, err), upload.Abort(ctx))
	}
	if _, err := upload.Commit(ctx, d); err != nil {
		return fmt.Errorf("storing blob %s: %w", d, err)
	}
	return nil
}
