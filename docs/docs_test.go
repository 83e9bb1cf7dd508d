// Package docs_test keeps what the documents show true: policies in them lint,
// cases in them pass, actions and decisions in them decode.
package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/frameworks"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
	"github.com/ai-agent-mesh/mesh/internal/cli"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/registry/trust"
)

// block is a fenced block of a document.
type block struct {
	name     string // file:line
	language string
	text     string
}

func blocks(t *testing.T) map[string][]block {
	t.Helper()
	out := map[string][]block{}
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := filepath.Glob(filepath.Join("reference", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, reference...) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[file] = fenced(file, string(src))
	}
	return out
}

func fenced(file, src string) []block {
	var out []block
	var current *block
	for i, line := range strings.Split(src, "\n") {
		fence, ok := strings.CutPrefix(line, "```")
		switch {
		case ok && current == nil:
			current = &block{name: fmt.Sprintf("%s:%d", file, i+1), language: fence}
		case ok:
			out = append(out, *current)
			current = nil
		case current != nil:
			current.text += line + "\n"
		}
	}
	return out
}

// asPolicy completes a block that shows only a part of a policy.
func asPolicy(text string) (string, bool) {
	switch {
	case strings.HasPrefix(text, "version: \"3."):
		return text, true
	case strings.HasPrefix(text, "rules:"), strings.HasPrefix(text, "params:"):
		return "version: \"3.0.0\"\nname: Part\n" + text, true
	case strings.HasPrefix(text, "enforcement:"):
		return "version: \"3.0.0\"\nname: Part\ndefault: deny\nrules: {}\n" + text, true
	}
	return "", false
}

func TestPoliciesLint(t *testing.T) {
	t.Parallel()
	controls, err := frameworks.Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, list := range blocks(t) {
		var before lastPolicy
		for _, b := range list {
			text, ok := asPolicy(b.text)
			if b.language != "yaml" || !ok {
				continue
			}
			seen++
			doc, findings := policy.Parse(b.name, []byte(text))
			if doc != nil {
				merged, found := policy.Resolve(doc, before)
				findings = append(findings, found...)
				if merged != nil {
					findings = append(findings, engine.Lint(merged, controls)...)
				}
			}
			before = lastPolicy(text)
			for _, f := range findings {
				t.Errorf("%s: %s", b.name, f)
			}
		}
	}
	if seen == 0 {
		t.Error("the documents show no policy")
	}
}

// lastPolicy stands for every base: a profile in a document extends the policy
// that is shown before it.
type lastPolicy string

// Base implements [policy.Resolver].
func (l lastPolicy) Base(mesh.BundleRef, mesh.Digest) ([]byte, error) { return []byte(l), nil }

// TestCasesPass runs the cases a document shows against the last whole policy
// before them.
func TestCasesPass(t *testing.T) {
	t.Parallel()
	for _, list := range blocks(t) {
		var last *policy.Document
		var before lastPolicy
		for _, b := range list {
			if text, ok := asPolicy(b.text); ok && b.language == "yaml" && text == b.text {
				doc, findings := policy.Parse(b.name, []byte(text))
				if doc == nil {
					t.Fatal(findings)
				}
				last, _ = policy.Resolve(doc, before)
				before = lastPolicy(text)
			}
			if !strings.HasPrefix(b.text, "policy: ") || b.language != "yaml" {
				continue
			}
			suite, findings := cases.Parse(t.Context(), b.name, []byte(b.text))
			for _, f := range findings {
				t.Errorf("%s: %s", b.name, f)
			}
			if suite == nil || last == nil {
				t.Errorf("%s: no cases, or no policy before them", b.name)
				continue
			}
			program, err := engine.Compile([]engine.Policy{{ID: "docs/policy", Document: last}})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases.Run(t.Context(), program, []*cases.Suite{suite}).Cases {
				for _, failure := range c.Failures {
					t.Errorf("%s: %s: %s", b.name, c.Name, failure)
				}
			}
		}
	}
}

func TestJSONDecodes(t *testing.T) {
	t.Parallel()
	for _, list := range blocks(t) {
		for _, b := range list {
			if b.language != "json" {
				continue
			}
			switch {
			case strings.Contains(b.text, `"allowed":`):
				dec := json.NewDecoder(bytes.NewReader([]byte(b.text)))
				dec.DisallowUnknownFields()
				if err := dec.Decode(new(mesh.Decision)); err != nil {
					t.Errorf("%s: decision: %v", b.name, err)
				}
			case strings.Contains(b.text, `"action": {`) && !strings.Contains(b.text, `"subject": {"type":`): // AuthZEN's
				if _, err := decode.Action([]byte(b.text)); err != nil {
					t.Errorf("%s: action: %v", b.name, err)
				}
			default:
				if !json.Valid([]byte(b.text)) {
					t.Errorf("%s: not JSON", b.name)
				}
			}
		}
	}
}

func TestTrustPoliciesParse(t *testing.T) {
	t.Parallel()
	for _, list := range blocks(t) {
		for _, b := range list {
			if b.language != "yaml" || !strings.HasPrefix(b.text, "policies:") {
				continue
			}
			dir := t.TempDir()
			for _, name := range []string{"acme.pub", "release.pub"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(exampleKey), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, findings := trust.ParsePolicy(filepath.Join(dir, "trust.yaml"), []byte(b.text))
			for _, f := range findings {
				t.Errorf("%s: %s", b.name, f)
			}
		}
	}
}

// TestCommandsPrint runs the comparisons and explanations that documents show
// on the files in testdata.
func TestCommandsPrint(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, list := range blocks(t) {
		for _, b := range list {
			command, want, _ := strings.Cut(b.text, "\n")
			args, ok := strings.CutPrefix(command, "$ mesh ")
			if !ok || b.language != "console" || !strings.HasPrefix(args, "policy diff") && !strings.HasPrefix(args, "policy explain") {
				continue
			}
			if strings.HasPrefix(want, "$ ") || want == "" {
				continue // only what is typed
			}
			seen++
			words := strings.Fields(args)
			for i, w := range words {
				if ext := filepath.Ext(w); ext == ".yaml" || ext == ".json" {
					words[i] = filepath.Join("testdata", w)
				}
			}
			streams, _, out, errOut := iostreams.Test()
			if code := cli.Main(t.Context(), words, streams); code != 0 {
				t.Errorf("%s: exit code %d: %s", b.name, code, errOut)
			}
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Errorf("%s: the command prints something else (-document +command):\n%s", b.name, diff)
			}
		}
	}
	if seen == 0 {
		t.Error("the documents show no command")
	}
}

// TestLinksLead follows the links from document to document.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	for file := range blocks(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(src), "](")[1:] {
			target, _, _ := strings.Cut(part, ")")
			target, _, _ = strings.Cut(target, "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s links to %s: %v", file, target, err)
			}
		}
	}
}

// exampleKey is a public key for the trust policies that name a file.
const exampleKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfToOWenJ4y4q+x47BDT4yDL0F7Jt
S/F1lz3GBd7gaJdtIzemwsxa5/8+4BKLoRoiWoDxnJRwer/qLXON8sPgQg==
-----END PUBLIC KEY-----
`

// TestActionReferenceIsComplete compares the table of fields with the schema.
func TestActionReferenceIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("reference", "action.md"))
	if err != nil {
		t.Fatal(err)
	}
	var schema property
	if err := json.Unmarshal(policy.ActionSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, path := range schema.leaves("") {
		if !strings.Contains(string(page), "`"+path+"`") {
			t.Errorf("the reference does not explain %s", path)
		}
	}
}

// property is a part of a JSON Schema.
type property struct {
	Properties map[string]property `json:"properties"`
}

// leaves returns the paths of all properties that have none themselves.
func (p property) leaves(prefix string) []string {
	var out []string
	for name, child := range p.Properties {
		if len(child.Properties) == 0 {
			out = append(out, prefix+name)
			continue
		}
		out = append(out, child.leaves(prefix+name+".")...)
	}
	return out
}
