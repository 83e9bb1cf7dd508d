package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// baseFlags say where the bases are that policies extend.
type baseFlags struct {
	session.Flags
	Bases []string
}

func addBase(cmd *cobra.Command, f *baseFlags) {
	cmd.Flags().StringArrayVar(&f.Bases, "base", nil,
		"`path` of a base that the policy extends: an OCI image layout or the base's sources; may be repeated; what is in none is asked of the hub")
	session.AddFlags(cmd, &f.Flags)
}

// checkBases refuses paths that hold no base, before anything is read or asked
// of a hub.
func (f baseFlags) checkBases() error {
	for _, path := range f.Bases {
		const hint = "name an OCI image layout, or the directory of the base's sources, with its " + publish.MetadataFile
		if info, err := os.Stat(path); err != nil {
			return command.UsageErrorf("--base %w", fileError(path, err)).WithHint(hint)
		} else if !info.IsDir() {
			return command.UsageErrorf("--base %s is a file", path).WithHint(hint)
		}
		_, noLayout := os.Stat(filepath.Join(path, layoutFile))
		_, noSources := os.Stat(filepath.Join(path, publish.MetadataFile))
		if noLayout != nil && noSources != nil {
			return command.UsageErrorf("--base %s holds neither %s nor %s", path, layoutFile, publish.MetadataFile).WithHint(hint)
		}
	}
	return nil
}

// baseFinder finds the bases of profiles: at the paths of --base, and at the
// hub where no path has them.
type baseFinder struct {
	env    *command.Env
	flags  baseFlags
	known  map[mesh.Digest]*bundle.Base
	failed map[mesh.Digest]error
	built  map[string]built // by path; the zero value while its sources are read
}

// built is what sources build.
type built struct {
	bundle *bundle.Bundle
	err    error
}

func newBaseFinder(env *command.Env, flags baseFlags) *baseFinder {
	return &baseFinder{env: env, flags: flags, known: map[mesh.Digest]*bundle.Base{}, failed: map[mesh.Digest]error{}, built: map[string]built{}}
}

// find returns the finder as a function, for one run of a command. It asks for
// each base once.
func (f *baseFinder) find(ctx context.Context) publish.BaseFunc {
	return func(name mesh.BundleRef, d mesh.Digest) (*bundle.Base, error) {
		if f.known[d] == nil && f.failed[d] == nil {
			f.failed[d] = f.search(ctx, name, d)
		}
		if b := f.known[d]; b != nil {
			return b, nil
		}
		return nil, f.failed[d]
	}
}

// search looks for a base everywhere, and keeps it.
func (f *baseFinder) search(ctx context.Context, name mesh.BundleRef, d mesh.Digest) error {
	var others []string // what the paths hold instead
	same := false       // of the same name
	for _, path := range f.flags.Bases {
		b, err := f.local(ctx, path, d)
		switch {
		case err != nil:
			return err
		case b != nil && b.Digest == d:
			return f.keep(b)
		case b != nil && b.Config.Ref() == name:
			others, same = append(others, fmt.Sprintf("%s is %s@%s", path, name, b.Digest)), true
		case b == nil:
			held, known := heldBy(ctx, path, name)
			others, same = append(others, held...), same || known
		}
	}
	b, err := f.pull(ctx, name, d)
	if err == nil {
		return f.keep(b)
	}
	if same { // whatever the hub says, the policy probably names the wrong digest
		return mesh.Errorf(mesh.CodeNotFound, "no path of --base has it, and %w", err).
			WithHint(strings.Join(others, ", ") + ": extend that, if it is the one you mean")
	}
	hint := "name where the base lies with --base PATH"
	if len(others) > 0 {
		hint = strings.Join(others, ", ") + "; name where the base lies with another --base PATH"
	}
	if more := mesh.HintOf(err); more != "" {
		hint += ", or " + more
	}
	return mesh.Errorf(mesh.CodeOf(err), "%w", err).WithHint(hint)
}

// heldBy says which bundles an image layout holds: those of that name where there
// are any.
func heldBy(ctx context.Context, path string, name mesh.BundleRef) (held []string, same bool) {
	layout, err := bundle.OpenLayout(path)
	if err != nil {
		return nil, false
	}
	const shown = 5
	for _, m := range layout.Manifests() {
		b, err := bundle.Read(ctx, layout, mesh.Digest(m.Digest))
		if err != nil {
			continue // a signature, or what is no bundle
		}
		if is := b.Config.Ref() == name; is && !same {
			held, same = nil, true
		} else if is != same {
			continue
		}
		if held = append(held, fmt.Sprintf("%s has %s@%s", path, b.Config.Ref(), b.Digest)); len(held) == shown && same {
			break
		}
	}
	return held[:min(len(held), shown)], same
}

// keep remembers the bundle, and the bases that it carries.
func (f *baseFinder) keep(b *bundle.Bundle) error {
	carried, err := b.Bases()
	if err != nil {
		return err
	}
	itself, err := b.Base()
	if err != nil {
		return err
	}
	for _, base := range append(carried, itself) {
		f.known[base.Digest] = base
	}
	return nil
}

// local returns what a path of --base holds: of a layout the bundle with that
// digest, nil if it has none; of sources the bundle they build, whichever.
func (f *baseFinder) local(ctx context.Context, path string, d mesh.Digest) (*bundle.Bundle, error) {
	if _, err := os.Stat(filepath.Join(path, layoutFile)); err == nil {
		layout, err := bundle.OpenLayout(path)
		if err != nil {
			return nil, err
		}
		b, err := bundle.Read(ctx, layout, d)
		if errors.Is(err, &mesh.Error{Code: mesh.CodeNotFound}) {
			return nil, nil
		}
		return b, err
	}
	if before, begun := f.built[path]; begun {
		return before.bundle, before.err
	}
	f.built[path] = built{} // the sources may extend something themselves, but not themselves
	b, err := f.build(ctx, path)
	f.built[path] = built{b, err}
	return b, err
}

// build packs the sources of a base. Its cases are its author's to run.
func (f *baseFinder) build(ctx context.Context, path string) (*bundle.Bundle, error) {
	controls, err := frameworks.Load()
	if err != nil {
		return nil, err
	}
	source, findings, err := publish.Load(ctx, path, publish.LoadOptions{Controls: controls, Base: f.find(ctx)})
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, mesh.Errorf(mesh.CodePolicyInvalid, "the sources in %s cannot be built: %s", path, firstError(findings)).WithHint("run mesh policy lint " + path)
	}
	artifact, err := source.Build()
	if err != nil {
		return nil, err
	}
	return bundle.Read(ctx, artifact, artifact.Digest())
}

func firstError(findings []mesh.Finding) string {
	for _, f := range findings {
		if f.Level == mesh.LevelError {
			return f.String()
		}
	}
	return ""
}

// pull fetches the base from the hub.
func (f *baseFinder) pull(ctx context.Context, name mesh.BundleRef, d mesh.Digest) (*bundle.Bundle, error) {
	s, err := session.Open(f.env, f.flags.Flags)
	if err != nil {
		return nil, err
	}
	client, err := registry(s, nil)
	if err != nil {
		return nil, err
	}
	b, err := client.Pull(ctx, name, d)
	switch code := mesh.CodeOf(err); code {
	case mesh.CodeUnavailable:
		return nil, mesh.Errorf(code, "the hub at %s does not answer", s.Hub).WithHint("name the hub with --hub or MESH_HUB")
	case mesh.CodeNotFound:
		return nil, mesh.Errorf(code, "the hub at %s does not have it", s.Hub).WithHint("name the hub with --hub or MESH_HUB")
	}
	return b, err
}
