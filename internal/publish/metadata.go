package publish

import (
	"fmt"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
	"github.com/ai-agent-mesh/mesh/registry/strictyaml"
)

// MetadataFile is the name of the file beside the policy that says what the
// policy itself does not: whose release this is, and which.
const MetadataFile = "bundle.yaml"

// maxText bounds each text of bundle.yaml, in characters. They become
// annotations and search rows, not chapters; those belong into README.md.
const maxText = 1000

// The rules that findings about bundle.yaml and files of cases name, besides
// those of registry/strictyaml and engine/cases.
const (
	RuleName    = "bundle-name"
	RuleVersion = "bundle-version"
	RuleCreated = "bundle-created"
	RuleText    = "bundle-text"
	RuleControl = "unknown-control"

	RuleCasesFile   = "cases-file"   // it looks like cases, but cannot be read as such
	RuleCasesPolicy = "cases-policy" // the cases are about another policy
)

// metadata is what a bundle.yaml says.
type metadata struct {
	ref     mesh.BundleRef
	version bundle.Version

	title, summary, vendor, licence string

	annotations map[string]string
	created     time.Time
	evidenced   []strictyaml.Node // control labels
	attested    []strictyaml.Node
}

// annotationKeys maps the keys that only become annotations of the manifest.
var annotationKeys = map[string]string{
	"source":        ocispec.AnnotationSource,
	"revision":      ocispec.AnnotationRevision,
	"documentation": ocispec.AnnotationDocumentation,
}

// parseMetadata reads a bundle.yaml. Name and version may be missing if the
// caller gives them.
func parseMetadata(root strictyaml.Node, given bool) metadata {
	m := metadata{annotations: map[string]string{}}
	fields := root.Fields("namespace", "name", "version", "title", "summary", "vendor", "licence", "created",
		"source", "revision", "documentation", "evidenced", "attested")
	if root.Exists() && !given {
		for _, key := range []string{"namespace", "name", "version"} {
			if !fields[key].Exists() {
				root.Errorf(strictyaml.RuleMissing, "a bundle is namespace/name:version; give it here or with --ref", "the key %s is missing", key)
			}
		}
	}
	m.ref = parseName(fields["namespace"], fields["name"])
	if v := fields["version"]; v.Exists() {
		version, err := bundle.ParseVersion(v.Text())
		if err != nil {
			v.Errorf(RuleVersion, mesh.HintOf(err), "%s", err)
		}
		m.version = version
	}
	m.title, m.summary = text(fields["title"]), text(fields["summary"])
	m.vendor, m.licence = text(fields["vendor"]), text(fields["licence"])
	for key, annotation := range annotationKeys {
		if s := text(fields[key]); s != "" {
			m.annotations[annotation] = s
		}
	}
	m.created = parseCreated(fields["created"])
	m.evidenced, m.attested = fields["evidenced"].Items(), fields["attested"].Items()
	return m
}

// parseName checks both parts together, but reports at the one that is wrong.
func parseName(namespace, name strictyaml.Node) mesh.BundleRef {
	ref := mesh.BundleRef{Namespace: mesh.Namespace(namespace.Text()), Name: name.Text()}
	for _, part := range []struct {
		node  strictyaml.Node
		probe mesh.BundleRef
	}{
		{namespace, mesh.BundleRef{Namespace: ref.Namespace, Name: "x"}},
		{name, mesh.BundleRef{Namespace: "x", Name: ref.Name}},
	} {
		if !part.node.Exists() {
			continue
		}
		if _, err := mesh.ParseBundleRef(part.probe.String()); err != nil {
			part.node.Errorf(RuleName, mesh.HintOf(err), "%q is not a valid name", part.node.Text())
		}
	}
	return ref
}

func text(n strictyaml.Node) string {
	s := n.Text()
	if utf8.RuneCountInString(s) > maxText {
		n.Errorf(RuleText, "put what is longer into README.md", "the text has more than the %d characters allowed", maxText)
	}
	return s
}

// parseCreated reads a date or a time; absent is the zero time.
func parseCreated(n strictyaml.Node) time.Time {
	if !n.Exists() {
		return time.Time{}
	}
	s := n.Text()
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Second)
		}
	}
	n.Errorf(RuleCreated, "write 2026-01-31 or 2026-01-31T12:00:00Z", "%q is not a date", s)
	return time.Time{}
}

// sourceDateEpoch is the time that reproducible builds agreed to take from the
// environment (reproducible-builds.org, "SOURCE_DATE_EPOCH"); the zero time if
// it is not set.
func sourceDateEpoch() (time.Time, error) {
	const variable = "SOURCE_DATE_EPOCH"
	s := os.Getenv(variable)
	if s == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, mesh.Errorf(mesh.CodeInvalid, "%s=%q is not a number of seconds since 1970", variable, s).
			WithHint(fmt.Sprintf("unset %s, or set it as date +%%s prints it", variable))
	}
	return time.Unix(seconds, 0).UTC(), nil
}
