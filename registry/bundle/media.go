package bundle

import ocispec "github.com/opencontainers/image-spec/specs-go/v1"

// The media types of a policy bundle.
const (
	// ArtifactType is the artifactType of the manifest.
	ArtifactType = "application/vnd.aimesh.policy.bundle.v1"
	// MediaTypeConfig is the [Config], and lies where an image has its
	// configuration.
	MediaTypeConfig = "application/vnd.aimesh.policy.config.v1+json"
	// MediaTypeRules is the policy document. A bundle has exactly one, titled
	// [RulesTitle].
	MediaTypeRules = "application/vnd.aimesh.policy.rules.v1+yaml"
	// MediaTypeTests is a file of cases; there may be any number.
	MediaTypeTests = "application/vnd.aimesh.policy.tests.v1+yaml"
	// MediaTypeDocs is a page for people, titled [ReadmeTitle].
	MediaTypeDocs = "application/vnd.aimesh.policy.docs.v1+markdown"
	// MediaTypeParams is the JSON Schema of the parameters a subscriber may
	// set, titled [ParamsTitle].
	MediaTypeParams = "application/vnd.aimesh.policy.params.v1+json"
	// MediaTypeBaseManifest is the manifest of a bundle that this one extends,
	// see [Base], and MediaTypeBaseRules its policy document.
	MediaTypeBaseManifest = "application/vnd.aimesh.policy.base.manifest.v1+json"
	MediaTypeBaseRules    = "application/vnd.aimesh.policy.base.rules.v1+yaml"
	// MediaTypeOPA is an OPA bundle, which OPA then pulls directly.
	MediaTypeOPA = ocispec.MediaTypeImageLayerGzip
)

// Titles of the files whose name is fixed, and where a bundle keeps its own
// annotations.
const (
	RulesTitle  = "policy.yaml"
	ReadmeTitle = "README.md"
	ParamsTitle = "params.schema.json"

	// AnnotationName is the "namespace/name" the bundle was packed for.
	AnnotationName = "dev.aimesh.policy.name"
	// AnnotationFrameworks is the comma-separated list of its frameworks.
	AnnotationFrameworks = "dev.aimesh.policy.frameworks"
)

// The limits. Whatever exceeds one is refused before it is read further, so a
// registry cannot make a reader hold more than MaxBundleSize.
const (
	// MaxManifestSize is what the OCI distribution spec 1.1 ("Pushing
	// manifests") asks registries to accept at least, and here also the most.
	MaxManifestSize = 4 << 20
	// MaxConfigSize leaves room for the rule index of the largest policy.
	MaxConfigSize = 1 << 20
	// MaxRulesSize bounds the policy document: 1 MiB is some 10,000 rules.
	MaxRulesSize = 1 << 20
	// MaxBundleSize bounds config and layers together, and what an OPA bundle
	// unpacks to.
	MaxBundleSize = 64 << 20
	// MaxLayers bounds the number of files of a bundle.
	MaxLayers = 1024
	// MaxTitleLength bounds the path a file is titled with, in bytes.
	MaxTitleLength = 255
	// MaxArchiveEntries bounds the number of files in an OPA bundle.
	MaxArchiveEntries = 10_000
)
