package command

import "strings"

// Fingerprint writes the fingerprint of a key as trust policies and signing
// write it, with its algorithm, so that people can compare the two. The hub's
// API leaves the algorithm away.
func Fingerprint(hexadecimal string) string {
	const algorithm = "sha256:"
	return algorithm + strings.TrimPrefix(hexadecimal, algorithm)
}
