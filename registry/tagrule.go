package registry

import "regexp"

// A semantic version 2.0.0 (https://semver.org, "Is there a suggested
// regular expression"), with the underscore that OCI tags write for the
// plus sign of build metadata, and the v that many people put in front.
var versionSyntax = regexp.MustCompile(`^v?(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)` +
	`(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
	`(?:_[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$`)

// IsVersion reports whether a tag is a semantic version. Such a tag never
// moves once it is set: a version that means two things protects nobody. Tags
// that name what belongs to a digest ("sha256-…", "sha256-….sig") are none:
// clients rewrite them whenever they add a signature.
func (t Tag) IsVersion() bool { return versionSyntax.MatchString(string(t)) }
