package vendor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/official"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// trustOptions are the arguments of `vendor trust`.
type trustOptions struct {
	Vendors    []vendorKey
	Output     string
	NoOfficial bool
	Force      bool
	JSON       bool
}

// vendorKey is a namespace and the key file that may sign for it.
type vendorKey struct {
	Namespace mesh.Namespace
	File      string
}

// trustResult is what `vendor trust` prints.
type trustResult struct {
	File     string         `json:"file"` // empty: printed
	Policies []trustedEntry `json:"policies"`
}

// trustedEntry is one entry of the trust policy.
type trustedEntry struct {
	Namespaces  string `json:"namespaces"`
	Fingerprint string `json:"fingerprint"`
}

// trustDocument is a trust.yaml.
type trustDocument struct {
	Policies []trustRule `yaml:"policies"`
}

type trustRule struct {
	Namespaces  []string         `yaml:"namespaces,flow"`
	Authorities []trustAuthority `yaml:"authorities"`
}

type trustAuthority struct {
	Key struct {
		Data string `yaml:"data"`
	} `yaml:"key"`
}

func newCmdTrust(env *command.Env, runF func(*trustOptions) error) *cobra.Command {
	opts := &trustOptions{}
	cmd := &cobra.Command{
		Use:   "trust NAMESPACE=KEY.pub...",
		Short: "Write a trust policy that accepts vendors' keys",
		Long: `Write a trust policy, the file that tells a runtime or mesh policy verify whose
signatures to accept: each vendor's key for its namespace, and the official key
for mesh/**. Check the keys with their vendors first, by fingerprint: a runtime
under this policy does what they sign.`,
		Example: `    mesh vendor trust acme=acme.pub -o trust.yaml
    mesh runtime serve --trust-policy trust.yaml --subscribe acme/guardrails`,
		Args: command.Arguments(0, -1, ""),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, arg := range args {
				name, file, found := strings.Cut(arg, "=")
				if !found || file == "" {
					return command.UsageErrorf("%q is not NAMESPACE=KEY.pub", arg).WithHint("for example acme=acme.pub")
				}
				namespace, err := checkNamespace(name)
				if err != nil {
					return err
				}
				opts.Vendors = append(opts.Vendors, vendorKey{namespace, file})
			}
			if len(opts.Vendors) == 0 && opts.NoOfficial {
				return command.UsageErrorf("that would trust nobody").WithHint("name a vendor as NAMESPACE=KEY.pub")
			}
			if runF != nil {
				return runF(opts)
			}
			return trustRun(env, opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.Output, "output", "o", "", "`file` to write (default: standard output)")
	flags.BoolVar(&opts.NoOfficial, "no-official", false, "do not trust the official key")
	flags.BoolVar(&opts.Force, "force", false, "overwrite the file if it exists")
	command.AddJSON(cmd, &opts.JSON, trustResult{})
	return cmd
}

func trustRun(env *command.Env, opts *trustOptions) error {
	var doc trustDocument
	result := trustResult{File: opts.Output, Policies: []trustedEntry{}}
	add := func(namespace mesh.Namespace, pem string) error {
		fingerprint, err := trust.KeyFingerprint([]byte(pem))
		if err != nil {
			return err
		}
		glob := string(namespace) + "/**"
		result.Policies = append(result.Policies, trustedEntry{glob, fingerprint})
		var authority trustAuthority
		authority.Key.Data = pem
		for i := range doc.Policies {
			if rule := &doc.Policies[i]; rule.Namespaces[0] == glob {
				rule.Authorities = append(rule.Authorities, authority)
				return nil
			}
		}
		doc.Policies = append(doc.Policies, trustRule{Namespaces: []string{glob}, Authorities: []trustAuthority{authority}})
		return nil
	}
	if !opts.NoOfficial {
		key, err := official.PublicKey()
		if err != nil {
			return mesh.Errorf(mesh.CodeOf(err), "%w", err).WithHint("leave it out with --no-official, or build with make build")
		}
		if err := add(mesh.OfficialNamespace, string(key)); err != nil {
			return fmt.Errorf("the official key: %w", err)
		}
	}
	for _, v := range opts.Vendors {
		pem, err := readPublicKey(v.File)
		if err != nil {
			return err
		}
		if err := add(v.Namespace, pem); err != nil {
			return fmt.Errorf("%s: %w", v.File, err)
		}
	}
	return writeTrust(env, opts, doc, result)
}

func writeTrust(env *command.Env, opts *trustOptions, doc trustDocument, result trustResult) error {
	var out bytes.Buffer
	out.WriteString("# Whose signatures are accepted. For each bundle, every policy that matches its\n# name must be satisfied by one of its authorities; no match refuses.\n")
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("writing the trust policy: %w", err)
	}
	if opts.Output == "" && !opts.JSON {
		_, err := env.IO.Out.Write(out.Bytes())
		return err
	}
	if opts.Output != "" {
		flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
		if opts.Force {
			flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		}
		f, err := os.OpenFile(opts.Output, flags, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return mesh.Errorf(mesh.CodeConflict, "%s exists already", opts.Output).WithHint("choose another name, or overwrite with --force")
		}
		if err != nil {
			return fmt.Errorf("writing the trust policy: %w", err)
		}
		_, err = f.Write(out.Bytes())
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("writing the trust policy: %w", err)
		}
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	table := env.IO.NewTable("namespaces", "key")
	for _, p := range result.Policies {
		table.Row(p.Namespaces, p.Fingerprint)
	}
	return table.Print()
}
