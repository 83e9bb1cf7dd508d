package trust

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/strictyaml"
)

// The limits of a trust policy. What is over one is more likely a mistake than
// a policy.
const (
	MaxPolicies    = 1000
	MaxAuthorities = 100 // of one policy
	MaxNamespaces  = 100 // of one policy
)

// The rules that findings about a trust policy name, besides those of
// registry/strictyaml.
const (
	RuleUnsupported = "unsupported"
	RuleKey         = "key"
	RuleNamespace   = "namespace"
	RuleLimit       = "limit"
)

// Policy says who may sign for which namespaces. It is immutable and safe for
// concurrent use. The zero value trusts nobody.
type Policy struct{ rules []rule }

// rule is one entry of a trust.yaml: for the bundles that any of the globs
// matches, a signature by any of the keys is needed.
type rule struct {
	globs []glob
	keys  []*keyAuthority
}

func (r rule) matches(ref mesh.BundleRef) bool {
	return slices.ContainsFunc(r.globs, func(g glob) bool { return g.match(ref) })
}

// String names the rule in messages.
func (r rule) String() string {
	names := make([]string, len(r.globs))
	for i, g := range r.globs {
		names[i] = g.src
	}
	return strings.Join(names, ", ")
}

// TrustKeys makes the policy that any of the PEM-encoded public keys may sign
// for the bundles that match the glob, such as "mesh/**". Without a key nothing
// that matches is trusted.
func TrustKeys(namespaceGlob string, pem ...[]byte) (*Policy, error) {
	g, err := parseGlob(namespaceGlob)
	if err != nil {
		return nil, err
	}
	r := rule{globs: []glob{g}}
	for i, data := range pem {
		key, err := newKeyAuthority("", data)
		if err != nil {
			return nil, fmt.Errorf("key %d for %s: %w", i+1, namespaceGlob, err)
		}
		r.keys = append(r.keys, key)
	}
	return &Policy{rules: []rule{r}}, nil
}

// LoadPolicy reads a trust.yaml. Paths of keys are relative to it. A missing
// file is [mesh.CodeNotFound]; an error in the file is [mesh.CodeInvalid] and
// carries the findings.
func LoadPolicy(file string) (*Policy, error) {
	src, err := readFile(file, strictyaml.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("reading the trust policy: %w", err)
	}
	p, findings := ParsePolicy(file, src)
	if mesh.HasErrors(findings) {
		lines := make([]string, len(findings))
		for i, f := range findings {
			lines[i] = f.String()
		}
		return nil, mesh.Errorf(mesh.CodeInvalid, "the trust policy is not valid:\n%s", strings.Join(lines, "\n")).WithFindings(findings)
	}
	return p, nil
}

// ParsePolicy is [LoadPolicy] for a file's content. file names it in findings,
// and its directory is where relative paths of keys start. The policy is nil
// if any finding is an error.
func ParsePolicy(file string, src []byte) (*Policy, []mesh.Finding) {
	root := strictyaml.Parse(file, src)
	p := &Policy{}
	if root.Exists() {
		parsePolicies(p, root.Fields("policies")["policies"], root, filepath.Dir(file))
	}
	if findings := root.Findings(); mesh.HasErrors(findings) {
		return nil, findings
	}
	return p, nil
}

func parsePolicies(p *Policy, list, root strictyaml.Node, dir string) {
	if !list.Exists() {
		root.Errorf(strictyaml.RuleMissing, "a trust policy begins with policies:", "the key policies is missing")
		return
	}
	items := list.Items()
	if len(items) > MaxPolicies {
		list.Errorf(RuleLimit, "", "there are %d policies, more than the %d allowed", len(items), MaxPolicies)
		return
	}
	for _, item := range items {
		p.rules = append(p.rules, parseRule(item, dir))
	}
}

func parseRule(n strictyaml.Node, dir string) rule {
	var r rule
	fields := n.Fields("namespaces", "authorities", "attestations")
	if a := fields["attestations"]; a.Exists() {
		// Reading past it would accept bundles that lack what was demanded.
		a.Errorf(RuleUnsupported, "remove the block, or verify attestations with cosign verify-attestation", "attestations are not supported by this version")
	}
	for _, key := range []string{"namespaces", "authorities"} {
		if !fields[key].Exists() {
			n.Errorf(strictyaml.RuleMissing, "", "the key %s is missing", key)
		}
	}
	r.globs = parseNamespaces(fields["namespaces"])
	authorities := fields["authorities"].Items()
	if fields["authorities"].Exists() && (len(authorities) == 0 || len(authorities) > MaxAuthorities) {
		fields["authorities"].Errorf(RuleLimit, "", "there are %d authorities; 1 to %d are allowed", len(authorities), MaxAuthorities)
		return r
	}
	for _, a := range authorities {
		if key := parseAuthority(a, dir); key != nil {
			r.keys = append(r.keys, key)
		}
	}
	return r
}

func parseNamespaces(list strictyaml.Node) []glob {
	items := list.Items()
	if list.Exists() && (len(items) == 0 || len(items) > MaxNamespaces) {
		list.Errorf(RuleLimit, "", "there are %d namespaces; 1 to %d are allowed", len(items), MaxNamespaces)
		return nil
	}
	var out []glob
	for _, item := range items {
		g, err := parseGlob(item.Text())
		if err != nil {
			item.Errorf(RuleNamespace, mesh.HintOf(err), "%s", err)
			continue
		}
		out = append(out, g)
	}
	return out
}

func parseAuthority(n strictyaml.Node, dir string) *keyAuthority {
	fields := n.Fields("key", "keyless")
	if k := fields["keyless"]; k.Exists() {
		k.Errorf(RuleUnsupported, "let the vendor sign with a key and trust that: key: {path: vendor.pub}", "keyless authorities are not supported by this version")
		return nil
	}
	key := fields["key"]
	if !key.Exists() {
		n.Errorf(strictyaml.RuleMissing, "write - key: {path: vendor.pub}", "the authority names no key")
		return nil
	}
	source := key.Fields("path", "data")
	path, data := source["path"], source["data"]
	if path.Exists() == data.Exists() {
		key.Errorf(RuleKey, "", "a key needs either path or data")
		return nil
	}
	if data.Exists() {
		return keyAt(data, "", []byte(data.Text()))
	}
	name := path.Text()
	if name == "" {
		path.Errorf(RuleKey, "", "the path is empty")
		return nil
	}
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, filepath.FromSlash(name))
	}
	content, err := readFile(file, maxKeySize)
	if err != nil {
		path.Errorf(RuleKey, mesh.HintOf(err), "%s", err)
		return nil
	}
	return keyAt(path, name, content)
}

// keyAt makes the authority of a key, or reports at n why it cannot.
func keyAt(n strictyaml.Node, name string, data []byte) *keyAuthority {
	key, err := newKeyAuthority(name, data)
	if err != nil {
		what := "the key"
		if name != "" {
			what = name
		}
		n.Errorf(RuleKey, mesh.HintOf(err), "%s cannot be trusted: %s", what, err)
		return nil
	}
	return key
}

// readFile reads a file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Errorf(mesh.CodeNotFound, "there is no file %s", name).WithHint("paths of keys are relative to the trust policy's directory")
	}
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, mesh.Errorf(mesh.CodeInvalid, "%s has more than the %d bytes allowed", name, limit)
	}
	return data, nil
}
