// Package official holds the public key of the bundles that ship with this
// build: what a runtime without a trust policy of its own trusts for the
// namespace "mesh", and nothing else.
//
// The key is made, or taken from MESH_OFFICIAL_KEY, by the generator in
// internal/official/generate, which "make build" runs. A binary built without
// it (plain "go build" in a fresh clone) has no key; [PublicKey] says so and
// whoever needs the key must refuse to go on rather than trust nothing or
// everything silently.
//
// The signed bundles themselves are in internal/official/bundles, so that the
// edge runtime does not carry them.
package official

import (
	"embed"
	"errors"
	"io/fs"

	"github.com/ai-agent-mesh/mesh"
)

// keyFile is what the generator writes; the folder also holds a note that
// makes it exist in a fresh clone.
const keyFile = "key/official.pub"

//go:embed all:key
var files embed.FS

// PublicKey returns the PEM encoding (PKIX) of the key that signed this
// build's official bundles. The error of a build without one is
// [mesh.CodeUnavailable] and says how to make one.
func PublicKey() ([]byte, error) {
	pem, err := files.ReadFile(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mesh.Errorf(mesh.CodeUnavailable, "this build has no official bundles and no key to verify them with").
			WithHint("build with make build, or give a trust policy of your own with --trust-policy")
	}
	return pem, err
}
