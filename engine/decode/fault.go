package decode

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
	"github.com/ai-agent-mesh/mesh/engine/spelling"
)

// source is the document that errors are positioned in.
type source struct{ data []byte }

// position returns the line and column of a byte.
func (s source) position(offset int64) mesh.Position {
	before := s.data[:min(max(offset, 0), int64(len(s.data)))]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return mesh.Position{Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(before[lineStart:]) + 1}
}

// fault makes the error about the value at a path.
func (s source) fault(offset int64, rule, path, message, hint string) error {
	text := message
	if path != "" {
		text = path + ": " + message
	}
	e := mesh.Errorf(mesh.CodeInvalid, "%s", "reading the action: "+text).WithFindings([]mesh.Finding{{
		Position: s.position(offset), Level: mesh.LevelError, Rule: rule, Message: text, Hint: hint,
	}})
	if hint == "" {
		return e
	}
	return e.WithHint(hint)
}

// explain words an error of the JSON decoder. offset and prefix place the value
// that was decoded in the document.
func (s source) explain(err error, offset int64, prefix string) error {
	var known *mesh.Error
	if errors.As(err, &known) {
		return err
	}
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntactic):
		return s.syntax(syntactic, offset, prefix)
	case errors.As(err, &semantic):
		return s.semantic(semantic, offset, prefix)
	}
	return s.fault(offset, "syntax", prefix, "not JSON: "+err.Error(), "")
}

func (s source) syntax(e *jsontext.SyntacticError, offset int64, prefix string) error {
	path := join(prefix, pathOf(e.JSONPointer))
	at := offset + e.ByteOffset
	if errors.Is(e.Err, jsontext.ErrDuplicateName) {
		return s.fault(at, "duplicate-field", path, "the field is given twice", "keep one of them")
	}
	return s.fault(at, "syntax", path, "not JSON: "+syntaxMessage(e.Err), "")
}

// syntaxMessage is what the decoder says, but for what it quotes behind half of
// a surrogate pair: it goes on beyond the text.
func syntaxMessage(err error) string {
	const pair, escape = "invalid surrogate pair `", len(`\u0000`)
	rest, ok := strings.CutPrefix(err.Error(), pair)
	end := strings.LastIndexByte(rest, '`')
	if !ok || end <= escape {
		return err.Error()
	}
	return pair + rest[:escape] + rest[end:]
}

// offsetOf returns where the value at a path of a document begins that is known
// to be one; of what is not there, where that begins which it would stand in.
func offsetOf(data []byte, path string) int64 {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	at := begin(d)
	for element := range strings.SplitSeq(path, ".") {
		if !enter(d, element) {
			break
		}
		at = begin(d)
	}
	return at
}

// begin returns where the next value begins.
func begin(d *jsontext.Decoder) int64 {
	d.PeekKind()
	return d.InputOffset() + int64(len(d.UnreadBuffer())-len(bytes.TrimLeft(d.UnreadBuffer(), " \t\r\n:,")))
}

// enter goes to the value of that name, or at that index, in the next value. It
// returns false if there is none.
func enter(d *jsontext.Decoder, element string) bool {
	open, err := d.ReadToken()
	if err != nil || open.Kind() != '{' && open.Kind() != '[' {
		return false
	}
	for i := 0; d.PeekKind() != '}' && d.PeekKind() != ']'; i++ {
		name := strconv.Itoa(i)
		if open.Kind() == '{' {
			token, err := d.ReadToken()
			if err != nil {
				return false
			}
			name = token.String()
		}
		if name == element {
			return true
		}
		if d.SkipValue() != nil {
			return false
		}
	}
	return false
}

func (s source) semantic(e *json.SemanticError, offset int64, prefix string) error {
	inner := pathOf(e.JSONPointer)
	path, at := join(prefix, inner), offset+e.ByteOffset
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		elements := strings.Split(inner, ".")
		last := len(elements) - 1
		var names []string
		if o := shape.At(elements[:last]); o != nil {
			names = o.Names()
		}
		return s.fault(at, "unknown-field", path, "unknown field", spelling.DidYouMean(elements[last], names))
	case errors.Is(e.Err, errNull), errors.Is(e.Err, errNumber):
		return s.fault(at, "wrong-value", path, e.Err.Error(), "")
	case errors.Is(e.Err, errWhole):
		return s.fault(at, "wrong-type", path, e.Err.Error(), "")
	}
	found := kindName(e.JSONKind)
	if e.JSONKind == '0' && len(e.JSONValue) > 0 {
		found = "the number " + shortened(e.JSONValue)
	}
	return s.fault(at, "wrong-type", path, fmt.Sprintf("expected %s, found %s", typeName(e.GoType), found), "")
}

// pathOf turns a JSON pointer into the dotted path that policies use.
func pathOf(p jsontext.Pointer) string {
	var elements []string
	for token := range p.Tokens() {
		elements = append(elements, token)
	}
	return strings.Join(elements, ".")
}

func shortened(v jsontext.Value) string {
	const long = 40
	if len(v) > long {
		return string(v[:long]) + "…"
	}
	return string(v)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	case '"':
		return "text"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "nothing"
}

func typeName(t reflect.Type) string {
	if t == nil {
		return "another value"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return "a time such as 2026-11-22T10:00:00Z"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
