package registry

import "regexp"

var (
	// A semantic version 2.0.0 (https://semver.org, "Is there a suggested
	// regular expression"), with the underscore that OCI tags write for the
	// plus sign of build metadata, and the v that many people put in front.
	versionSyntax = regexp.MustCompile(`^v?(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)` +
		`(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
		`(?:_[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$`)

	// The referrers tag schema of the distribution spec, and cosign's tags for
	// signatures, attestations and bills of material.
	digestTagSyntax = regexp.MustCompile(`^(?:sha256-[a-f0-9]{64}|sha512-[a-f0-9]{64,128})(?:\.[a-z]+)?$`)
)

// IsVersion reports whether a tag is a semantic version. Such a tag never
// moves once it is set: a version that means two things protects nobody.
func (t Tag) IsVersion() bool { return versionSyntax.MatchString(string(t)) }

// IsDigestShaped reports whether a tag names what belongs to a digest
// ("sha256-…", "sha256-….sig"). Clients rewrite it whenever they add a
// signature, so it moves freely.
func (t Tag) IsDigestShaped() bool { return digestTagSyntax.MatchString(string(t)) }
