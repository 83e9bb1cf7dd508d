package policy

import (
	"context"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

// refVersion is the form of --ref: namespace/name:version.
var refVersion = regexp.MustCompile(`^[^/:@\s]+/[^/:@\s]+:[^/:@\s]+$`)

// addRef adds --ref to a command that reads sources.
func addRef(cmd *cobra.Command, target *string) {
	cmd.Flags().StringVar(target, "ref", "", "build as `namespace/name:version`; needed for a lone policy file, wins over bundle.yaml")
}

// checkRef refuses a malformed --ref.
func checkRef(ref string) error {
	if ref == "" || refVersion.MatchString(ref) {
		return nil
	}
	return command.UsageErrorf("--ref %q is not namespace/name:version", ref).WithHint("for example --ref acme/guardrails:1.0.0")
}

// load reads sources and fails with all findings if any is an error. The
// findings that remain are warnings.
func load(ctx context.Context, path, ref string, find publish.BaseFunc) (*publish.Source, []mesh.Finding, error) {
	controls, err := frameworks.Load()
	if err != nil {
		return nil, nil, err
	}
	source, findings, err := publish.Load(ctx, path, publish.LoadOptions{Ref: ref, Controls: controls, Base: find})
	if err != nil {
		return nil, nil, beside(err, findings)
	}
	if source == nil || mesh.HasErrors(findings) {
		return nil, nil, mesh.Errorf(mesh.CodePolicyInvalid, "%s cannot be built", path).WithFindings(findings)
	}
	return source, findings, nil
}

// beside is err with what else was found, so that one does not hide the other.
func beside(err error, findings []mesh.Finding) error {
	if len(findings) == 0 {
		return err
	}
	return mesh.Errorf(mesh.CodeOf(err), "%w", err).WithHint(mesh.HintOf(err)).WithFindings(findings)
}
