package explain

import (
	"slices"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/shape"
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
		switch {
		case named(fields, i):
		case unread(f):
			out = append(out, f.Field+" is stated")
		default:
			out = append(out, f.Field+" is "+ValueText(f.Value))
		}
	}
	return out
}

// unread reports whether a field is an object of the action's schema of which a
// clause only asks whether it is there: what it holds is not said.
func unread(f mesh.FieldValue) bool {
	m, ok := f.Value.(map[string]any)
	if !ok || len(m) > 0 {
		return false
	}
	leaf := shape.LeafAt(f.Field)
	return leaf != nil && leaf.Kind == shape.Struct
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
