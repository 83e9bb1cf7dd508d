package bundle

import (
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/ai-agent-mesh/mesh"
)

// maxVersionLength bounds a version or range. A version is also a tag, and the
// OCI distribution spec allows a tag 128 characters.
const maxVersionLength = 128

// Version is a semantic version 2.0 of a release. The zero value is no
// version and is lower than every other.
type Version struct{ v *semver.Version }

// ParseVersion reads MAJOR.MINOR.PATCH with an optional pre-release. A leading
// v, a missing part and build metadata are refused: a version is also the
// release's tag, which cannot hold a plus sign, and one release must have one
// spelling.
func ParseVersion(s string) (Version, error) {
	v, err := semver.StrictNewVersion(s)
	if err != nil || len(s) > maxVersionLength {
		return Version{}, mesh.Errorf(mesh.CodeInvalid, "%q is not a semantic version", s).WithHint("write MAJOR.MINOR.PATCH, for example 1.0.0 or 1.1.0-rc.1")
	}
	if v.Metadata() != "" {
		return Version{}, mesh.Errorf(mesh.CodeInvalid, "version %q has build metadata, which a tag cannot hold", s).WithHint("leave out the + and what follows")
	}
	return Version{v}, nil
}

// Compare returns -1, 0 or 1 as v is lower than, equal to or higher than w by
// semver 2.0 section 11.
func (v Version) Compare(w Version) int {
	switch {
	case v.v == nil && w.v == nil:
		return 0
	case v.v == nil:
		return -1
	case w.v == nil:
		return 1
	}
	return v.v.Compare(w.v)
}

// IsPrerelease reports whether v is a pre-release such as 1.0.0-rc.1.
func (v Version) IsPrerelease() bool { return v.v != nil && v.v.Prerelease() != "" }

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v.v == nil }

// String returns the version as it was written; empty for the zero value.
func (v Version) String() string {
	if v.v == nil {
		return ""
	}
	return v.v.Original()
}

// Range is a set of versions: "^1.2", "~1.2.3", ">=1.2 <2", "1.x || 2.x", "*".
// The zero value contains every version that is not a pre-release.
type Range struct {
	c   *semver.Constraints
	src string
}

// ParseRange reads a range. The empty string is the zero value.
func ParseRange(s string) (Range, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Range{}, nil
	}
	if len(s) > maxVersionLength {
		return Range{}, mesh.Errorf(mesh.CodeInvalid, "the version range is longer than %d characters", maxVersionLength)
	}
	c, err := semver.NewConstraint(s)
	if err != nil {
		return Range{}, mesh.Errorf(mesh.CodeInvalid, "%q is not a version range", s).WithHint(`write for example ^1.2, ~1.2.3, 1.x or ">=1.2 <2"`)
	}
	return Range{c, s}, nil
}

// Contains reports whether v lies in the range. A pre-release lies only in a
// range that itself names a pre-release, so nobody gets one unasked.
func (r Range) Contains(v Version) bool {
	switch {
	case v.v == nil:
		return false
	case r.c == nil:
		return !v.IsPrerelease()
	}
	return r.c.Check(v.v)
}

// String returns the range as it was written.
func (r Range) String() string { return r.src }

// Highest returns the highest of versions that lies in r, and false if none
// does.
func Highest(versions []Version, r Range) (Version, bool) {
	var best Version
	for _, v := range versions {
		if r.Contains(v) && v.Compare(best) > 0 {
			best = v
		}
	}
	return best, !best.IsZero()
}
