package policy

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
	"github.com/ai-agent-mesh/mesh/internal/publish"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// paramFlags are values for parameters of policies.
type paramFlags struct{ Params []string }

func addParamFlags(cmd *cobra.Command, p *paramFlags) {
	cmd.Flags().StringArrayVar(&p.Params, "param", nil, "value of a parameter, as `name=value` in YAML; may be repeated (default: the policy's)")
}

// values reads the flags.
func (p paramFlags) values() (map[string]any, error) {
	out := map[string]any{}
	for _, flag := range p.Params {
		name, text, ok := strings.Cut(flag, "=")
		if !ok || name == "" {
			return nil, command.UsageErrorf("--param %q is not name=value", flag).WithHint("for example --param maxAmount=500 or --param 'hosts=[a.example, b.example]'")
		}
		v, err := paramValue(text)
		if err != nil {
			return nil, command.UsageErrorf("--param %s: %w", name, err).WithHint(mesh.HintOf(err))
		}
		out[name] = v
	}
	return out, nil
}

// paramValue reads a value as strictly as a policy is read. Nothing at all is
// the empty text.
func paramValue(text string) (any, error) {
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		return text, nil
	case trimmed[0] == '#':
		return nil, mesh.Errorf(mesh.CodeInvalid, "# begins a comment").WithHint("put the text into quotes, within those of the shell")
	}
	doc, findings := yamldoc.Parse("", []byte(text))
	if doc == nil {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%s", findings[0].Message).WithHint(findings[0].Hint)
	}
	return yamldoc.Value(doc.Root), nil
}

// bind gives the policy of an argument the values of the parameters it declares.
// The error says which it does not accept.
func bind(arg string, p *engine.Policy, values map[string]any) error {
	p.Params = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		declared := p.Document.Param(name)
		if declared == nil {
			continue
		}
		if _, err := declared.Convert(values[name]); err != nil {
			return wrongParam(arg, err)
		}
		p.Params[name] = values[name]
	}
	return nil
}

func wrongParam(arg string, err error) error {
	return mesh.Errorf(mesh.CodeInvalid, "%s: %w", arg, err).WithHint("give it with --param name=value")
}

// checkDeclared refuses a value for a parameter that no policy declares.
func checkDeclared(policies []engine.Policy, values map[string]any) error {
	for name := range values {
		if !slices.ContainsFunc(policies, func(p engine.Policy) bool { return p.Document.Param(name) != nil }) {
			return command.UsageErrorf("--param %s: no policy declares the parameter %s", name, name)
		}
	}
	return nil
}

// read reads the policy that an argument stands for: a file, the directory of
// a bundle's sources, an image layout, or a release in a hub. Nobody's
// signature is asked for. What sources extend is asked of find.
func read(ctx context.Context, env *command.Env, flags session.Flags, arg string, find publish.BaseFunc) (engine.Policy, error) {
	dir, _, _ := strings.Cut(arg, ":")
	if _, err := os.Stat(filepath.Join(dir, layoutFile)); err == nil {
		return readBundle(ctx, env, flags, arg)
	}
	info, err := os.Stat(arg)
	if err == nil && !info.IsDir() {
		return readFile(arg, nameFromDir(strings.TrimSuffix(arg, filepath.Ext(arg))), find)
	}
	if err == nil {
		return readFile(filepath.Join(arg, bundle.RulesTitle), nameFromDir(arg), find)
	}
	if _, refErr := parseRelease(arg); refErr != nil {
		return engine.Policy{}, fileError(arg, err)
	}
	return readBundle(ctx, env, flags, arg)
}

func readFile(file, name string, find publish.BaseFunc) (engine.Policy, error) {
	controls, err := frameworks.Load()
	if err != nil {
		return engine.Policy{}, err
	}
	src, err := readSource(file)
	if err != nil {
		return engine.Policy{}, err
	}
	doc, findings, err := parseWhole(file, src, find)
	if err != nil {
		return engine.Policy{}, err
	}
	if doc == nil {
		return engine.Policy{}, mesh.Errorf(mesh.CodePolicyInvalid, "%s does not compile", file).WithFindings(findings)
	}
	return engine.Policy{ID: "local/" + name, Document: doc, Controls: engine.RuleIndex(doc, controls)}, nil
}

func readBundle(ctx context.Context, env *command.Env, flags session.Flags, target string) (engine.Policy, error) {
	f, err := find(ctx, env, &verifyOptions{Flags: flags, Target: target})
	if err != nil {
		return engine.Policy{}, err
	}
	if err := f.expect.Verify(f.bundle); err != nil {
		return engine.Policy{}, err
	}
	return publish.Policy(f.bundle, "", nil)
}
