// Package decode reads actions from JSON, strictly: a field that does not
// exist, a name given twice or a value of the wrong type refuses the action,
// because a misspelt field that is ignored would fail open.
//
// [Action] reads one action; a [Decoder] reads one or several in memory that it
// uses again. A scanner made for the schema reads what
// programs write, and leaves everything else, all errors included, to a general
// decoder, which alone says what is accepted. Errors are
// *mesh.Error with the JSON path of the fault, its line and column as a
// finding, and, for an unknown field, the nearest one that exists. The maps
// that the action's schema leaves open (context, labels, args, properties) hold
// anything JSON can say; whole numbers in them are int64, others float64. A
// field that is null is absent.
package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ai-agent-mesh/mesh"
)

// Limits of what is read.
const (
	MaxActionSize = 1 << 20  // bytes of a single action
	MaxBatchSize  = 10 << 20 // bytes of a batch
	MaxDepth      = 64       // nesting of arrays and objects within an action
	MaxListLength = 10_000   // elements of a list of the action's schema
)

// batchField is the field that makes a document a batch, and batchDepth the
// nesting around each action that comes with it.
const (
	batchField = "actions"
	batchDepth = 2
)

// Action reads one action, which is independent of data. The error's code is
// CodeInvalid, or CodeTooLarge above [MaxActionSize].
func Action(data []byte) (*mesh.Action, error) {
	if len(data) > MaxActionSize {
		return generalAction(data)
	}
	return new(Decoder).action(string(data), data)
}

// generalAction reads what the scanner cannot, and explains what is wrong.
func generalAction(data []byte) (*mesh.Action, error) {
	return decodeAction(source{data: data}, data, 0, "")
}

// generalBatch does the same for what [Decoder.Batch] takes.
func generalBatch(data []byte, max int) (actions []*mesh.Action, batch bool, err error) {
	if len(data) > MaxBatchSize {
		return nil, false, tooLarge("the batch has %d bytes, more than %d", len(data), MaxBatchSize)
	}
	src := source{data: data}
	elements, batch, err := split(src, max)
	if err != nil {
		return nil, batch, err
	}
	if !batch {
		a, err := generalAction(data)
		if err != nil {
			return nil, false, err
		}
		return []*mesh.Action{a}, false, nil
	}
	actions = make([]*mesh.Action, len(elements))
	for i, e := range elements {
		if actions[i], err = decodeAction(src, e.data, e.offset, fmt.Sprintf("%s.%d", batchField, i)); err != nil {
			return nil, true, err
		}
	}
	return actions, true, nil
}

func tooLarge(format string, args ...any) error {
	return mesh.Errorf(mesh.CodeTooLarge, format, args...).WithHint("send less at once")
}

// decodeAction reads the action in data, which begins at offset of src.
// prefix is the path of the action in the document.
func decodeAction(src source, data []byte, offset int64, prefix string) (*mesh.Action, error) {
	if len(data) > MaxActionSize {
		return nil, tooLarge("%s has %d bytes, more than %d", subject(prefix), len(data), MaxActionSize)
	}
	if at, ok := checkDepth(data, MaxDepth); !ok {
		return nil, src.fault(offset+at, "depth", prefix, fmt.Sprintf("nested more than %d levels deep", MaxDepth), "")
	}
	var a mesh.Action
	// The document's own error is explained better than the list of members
	// would be, so null is looked for by hand.
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return nil, src.fault(offset, "wrong-type", prefix, "an action must be an object, found null", "")
	}
	if err := json.Unmarshal(data, &a, options()); err != nil {
		return nil, src.explain(err, offset, prefix)
	}
	if f := check(&a); f != nil {
		return nil, src.fault(offset+offsetOf(data, f.path), f.rule, join(prefix, f.path), f.message, f.hint)
	}
	return &a, nil
}

// subject is what an error speaks of.
func subject(prefix string) string {
	if prefix == "" {
		return "the action"
	}
	return prefix
}

// checkDepth returns the offset of the first value that is nested more than most
// levels deep.
func checkDepth(data []byte, most int) (offset int64, ok bool) {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return int64(i), false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return 0, true
}

// element is one action of a batch, still in JSON.
type element struct {
	data   []byte
	offset int64
}

// split finds the actions of a batch. batch is false if the document is no
// object with the field actions.
func split(src source, max int) (elements []element, batch bool, err error) {
	if at, ok := checkDepth(src.data, MaxDepth+batchDepth); !ok {
		return nil, false, src.fault(at, "depth", "", fmt.Sprintf("nested more than %d levels deep", MaxDepth), "")
	}
	d := jsontext.NewDecoder(bytes.NewReader(src.data))
	if d.PeekKind() != '{' {
		return nil, false, nil // whatever it is, Action explains it
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, false, src.explain(err, 0, "")
	}
	var others []string
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, batch, src.explain(err, 0, "")
		}
		if key := name.String(); key != batchField {
			others = append(others, key)
			err = d.SkipValue()
		} else {
			batch = true
			elements, err = readElements(src, d, max)
		}
		if err != nil {
			return nil, batch, src.explain(err, 0, "")
		}
	}
	if !batch {
		return nil, false, nil
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, true, src.explain(err, 0, "")
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, true, src.fault(d.InputOffset(), "syntax", "", "something follows the end of the document", "")
	}
	if len(others) > 0 {
		return nil, true, src.fault(0, "unknown-field", others[0], "unknown field beside "+batchField, "put the actions into the list, and nothing beside it")
	}
	return elements, true, nil
}

func readElements(src source, d *jsontext.Decoder, max int) ([]element, error) {
	if k := d.PeekKind(); k != '[' {
		return nil, src.fault(d.InputOffset(), "wrong-type", batchField, "expected a list of actions, found "+kindName(k), "")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var out []element
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if max > 0 && len(out) == max {
			return nil, tooLarge("the batch has more than %d actions", max)
		}
		out = append(out, element{data: bytes.Clone(v), offset: d.InputOffset() - int64(len(v))})
	}
	_, err := d.ReadToken()
	return out, err
}

// join appends to a path.
func join(prefix, path string) string {
	return strings.Trim(prefix+"."+path, ".")
}
