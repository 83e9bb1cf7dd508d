package hubapi

import (
	"errors"
	"strconv"

	"github.com/ai-agent-mesh/mesh"
)

// locationAcked marks the detail of a sequence error that holds how far the
// hub has the journal.
const locationAcked = "ackedThrough"

// SequenceError is the error of a batch that would leave a gap: the hub has
// the journal up to and including acked, and the batch begins behind the
// record after that. It survives the trip over HTTP; see [AckedThrough].
func SequenceError(acked, first uint64) error {
	return mesh.Errorf(mesh.CodeSequence, "the batch begins at %d, but the hub has the journal only up to %d", first, acked).
		WithHint("send the records from " + strconv.FormatUint(acked+1, 10) + " on").
		WithFindings([]mesh.Finding{{
			Position: mesh.Position{File: locationAcked}, Level: mesh.LevelError,
			Rule: string(mesh.CodeSequence), Message: strconv.FormatUint(acked, 10),
		}})
}

// AckedThrough returns what a [SequenceError] says the hub has of the journal;
// false if err is no such error.
func AckedThrough(err error) (uint64, bool) {
	var e *mesh.Error
	if !errors.As(err, &e) || e.Code != mesh.CodeSequence {
		return 0, false
	}
	for _, f := range e.Findings {
		if f.File == locationAcked {
			n, err := strconv.ParseUint(f.Message, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
