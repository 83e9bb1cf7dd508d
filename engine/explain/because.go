package explain

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// because says what a term owes its value to: each field with what it says, the
// elements of a list together.
func because(reasons []lower.Reason) []string {
	out := []string{}
	for i := 0; i < len(reasons); i++ {
		r := reasons[i]
		if slices.ContainsFunc(reasons, func(o lower.Reason) bool { return o.In == r.Field }) {
			continue // its elements say more
		}
		if r.In == "" {
			out = append(out, r.Field+" is "+ValueText(r.Value))
			continue
		}
		elements := []string{heldBy(r)}
		for ; i+1 < len(reasons) && reasons[i+1].In == r.In; i++ {
			elements = append(elements, heldBy(reasons[i+1]))
		}
		out = append(out, r.In+" holds "+strings.Join(elements, ", "))
	}
	return out
}

// heldBy is an element of a list in a sentence: what it is, or of a key of a map
// its name.
func heldBy(r lower.Reason) string {
	if strings.HasSuffix(r.Field, "]") {
		return ValueText(r.Value)
	}
	return strings.TrimPrefix(r.Field, r.In+".")
}

// Found says what the fields of a clause say. Of a list or map of which it names
// what is in the way, it leaves out the rest.
func Found(fields []mesh.FieldValue) []string {
	var out []string
	for i, f := range fields {
		if !named(fields, i) {
			out = append(out, f.Field+" is "+ValueText(f.Value))
		}
	}
	return out
}

// named reports whether a later field is an element of the list or a key of the
// map that a field is.
func named(fields []mesh.FieldValue, i int) bool {
	switch fields[i].Value.(type) {
	case []string, []mesh.ContentFinding, []any, map[string]any:
	default:
		return false
	}
	for _, other := range fields[i+1:] {
		rest, within := strings.CutPrefix(other.Field, fields[i].Field)
		if within && (strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, ".")) {
			return true
		}
	}
	return false
}

// maxValue bounds the characters of a value in a sentence.
const maxValue = 200

// ValueText is a value of an action in a sentence, cut where it is long;
// "absent" for nil.
func ValueText(v any) string {
	if v == nil {
		return "absent"
	}
	text := valueText(v)
	if short := []rune(text); len(short) > maxValue {
		return string(short[:maxValue]) + "…"
	}
	return text
}

func valueText(v any) string {
	switch v := v.(type) {
	case string:
		return term.TextWords(v)
	case mesh.ContentFinding:
		if v.Type != nil {
			return term.TextWords(*v.Type)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "a value"
	}
	return term.Visible(strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), `","`, `", "`))
}
