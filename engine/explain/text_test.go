package explain_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/explain"
)

func TestValueText(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 9_000 {
		list = append(list, fmt.Sprintf("f%d", i))
	}
	object := map[string]any{}
	for _, key := range list[:8] {
		object[key] = int64(1)
	}
	email, count := "email", int64(2)
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"nothing", nil, "absent"},
		{"null", json.RawMessage("null"), "null"},
		{"a text", "eu-west-1", "eu-west-1"},
		{"numbers", []any{int64(1), 2.5, true, nil}, "[1, 2.5, true, null]"},
		{"blanks everywhere, in the order of keys", map[string]any{"currency": "EUR", "amount": int64(100), "iban": "DE"}, `{"amount": 100, "currency": "EUR", "iban": "DE"}`},
		{"commas and colons in a text", []string{`a","b`, "c:d"}, `["a\",\"b", "c:d"]`},
		{"nothing escaped", map[string]any{"a<b": "c>d&e"}, `{"a<b": "c>d&e"}`},
		{"nothing hidden", []string{"b\u202ec"}, `["b\u202ec"]`},
		{"one more", list[:6], `["f0", "f1", "f2", "f3", "f4", "f5"]`},
		{"a long list", list, `["f0", "f1", "f2", "f3", "f4", … and 8,995 more]`},
		{"a large object", object, `{"f0": 1, "f1": 1, "f2": 1, "f3": 1, "f4": 1, … and 3 more}`},
		{"no elements", []string{}, "[]"},
		{"no keys", map[string]any{}, "{}"},
		{"a finding", mesh.ContentFinding{Type: &email}, "email"},
		{"findings", []mesh.ContentFinding{{Type: &email, Count: &count}}, `[{"count": 2, "type": "email"}]`},
		{"a long text", strings.Repeat("é", 201), strings.Repeat("é", 200) + "…"},
		{"a long text with blanks", strings.Repeat("é ", 101), `"` + strings.Repeat("é ", 100) + `"…`},
		{"a long text in a list", []any{strings.Repeat("é", 41)}, `["` + strings.Repeat("é", 40) + `"…]`},
		{"deep", []any{[]any{[]any{[]any{[]any{}}}}}, "[[[[…]]]]"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, explain.ValueText(tt.value)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestFound: an object of which a clause only asks whether it is there is not
// said to be empty.
func TestFound(t *testing.T) {
	t.Parallel()
	got := explain.Found([]mesh.FieldValue{{Field: "approval", Value: map[string]any{}}, {Field: "tool.args", Value: map[string]any{}}})
	if diff := cmp.Diff([]string{"approval is stated", "tool.args is {}"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
