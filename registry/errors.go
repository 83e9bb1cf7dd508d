package registry

import (
	"fmt"

	"github.com/ai-agent-mesh/mesh"
)

// Fault is a condition of a store that a caller acts on. Stores return it
// inside a [mesh.Error] made by [Fault.With], so that both
// errors.Is(err, ErrBlobUnknown) and mesh.CodeOf(err) answer.
type Fault struct {
	text string
	code mesh.Code
}

// Error returns what is the matter, without saying where.
func (f *Fault) Error() string { return f.text }

// With returns an error that is f, has f's code and says where.
func (f *Fault) With(format string, args ...any) *mesh.Error {
	return &mesh.Error{Code: f.code, Message: fmt.Sprintf(format, args...), Err: f}
}

// The faults. Their wire form is a table in package ocihttp.
var (
	ErrNameInvalid         = &Fault{"invalid repository name", mesh.CodeInvalid}
	ErrNameUnknown         = &Fault{"unknown repository", mesh.CodeNotFound}
	ErrTagInvalid          = &Fault{"invalid tag", mesh.CodeInvalid}
	ErrTagImmutable        = &Fault{"the tag of a version does not move", mesh.CodeConflict}
	ErrTagMoved            = &Fault{"the tag does not mean what was expected", mesh.CodePrecondition}
	ErrDigestInvalid       = &Fault{"invalid digest", mesh.CodeInvalid}
	ErrManifestUnknown     = &Fault{"unknown manifest", mesh.CodeNotFound}
	ErrManifestInvalid     = &Fault{"invalid manifest", mesh.CodeInvalid}
	ErrManifestBlobUnknown = &Fault{"the manifest needs content that is not in the repository", mesh.CodeInvalid}
	ErrBlobUnknown         = &Fault{"unknown blob", mesh.CodeNotFound}
	ErrUploadUnknown       = &Fault{"unknown upload", mesh.CodeNotFound}
	ErrUploadInvalid       = &Fault{"invalid upload", mesh.CodeInvalid}
	ErrRangeInvalid        = &Fault{"the chunk does not continue the upload", mesh.CodeInvalid}
	ErrTooLarge            = &Fault{"too large", mesh.CodeTooLarge}
	ErrInUse               = &Fault{"still needed", mesh.CodeConflict}
)
