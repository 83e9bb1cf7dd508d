package policy

import (
	"cmp"
	"context"
	"fmt"
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
	cmd.Flags().StringArrayVar(&p.Params, "param", nil, "value of a parameter, as `name=value` in YAML; once for each parameter (default: the policy's)")
}

// values reads the flags. The error is about all that are wrong.
func (p paramFlags) values() (map[string]any, error) {
	out := map[string]any{}
	var wrong []string
	hint := "" // for the first
	refuse := func(do, format string, args ...any) {
		wrong, hint = append(wrong, fmt.Sprintf(format, args...)), cmp.Or(hint, do)
	}
	for _, flag := range p.Params {
		name, text, ok := strings.Cut(flag, "=")
		if !ok || name == "" {
			refuse("for example --param maxAmount=500 or --param 'hosts=[a.example, b.example]'", "--param %q is not name=value", flag)
			continue
		}
		if _, twice := out[name]; twice {
			refuse("give each parameter one value; a list is one, too: --param 'hosts=[a.example, b.example]'", "--param %s is given twice", name)
			continue
		}
		v, err := paramValue(text)
		if err != nil {
			refuse(mesh.HintOf(err), "--param %s: %s", name, err)
		}
		out[name] = v
	}
	if len(wrong) > 0 {
		return nil, command.Usage(mesh.Errorf(mesh.CodeInvalid, "%s", strings.Join(wrong, "; ")).WithHint(hint))
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

// bind gives each policy the values of the parameters it declares; args are where
// they are from. The error says which values no policy declares, or accepts.
func bind(args []string, policies []engine.Policy, values map[string]any) error {
	var undeclared, refused []string
	for i := range policies {
		policies[i].Params = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		known := false
		for i := range policies {
			declared := policies[i].Document.Param(name)
			if declared == nil {
				continue
			}
			known, policies[i].Params[name] = true, values[name]
			if _, err := declared.Convert(values[name]); err != nil {
				refused = append(refused, args[i]+": "+err.Error())
			}
		}
		if !known {
			undeclared = append(undeclared, fmt.Sprintf("--param %s: no policy declares the parameter %s", name, name))
		}
	}
	wrong := strings.Join(append(undeclared, refused...), "; ")
	switch {
	case len(undeclared) > 0:
		return command.UsageErrorf("%s", wrong)
	case len(refused) > 0:
		return mesh.Errorf(mesh.CodeInvalid, "%s", wrong).WithHint(hintParam)
	}
	return nil
}

const hintParam = "give it with --param name=value"

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
		return engine.Policy{}, beside(err, findings)
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
