package policy_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// TestExprAt looks every character of an expression up in the file, in each of
// YAML's five styles.
func TestExprAt(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n    - id: a\n"
	tests := []struct{ name, src string }{
		{"plain", "      require: action.type == 'ä' && has(data.purpose)\n"},
		{"plain over lines", "      require: action.type == 'x'\n        && has(data.purpose)\n\n        && true\n"},
		{"single quoted", "      require: 'action.type == ''x'' && has(data.purpose)'\n"},
		{"single quoted over lines", "      require: 'action.type ==\n\n         ''x'' && true'\n"},
		{"double quoted", "      require: \"action.type == 'x' && \\x74rue\\u0020&& has(data.purpose)\"\n"},
		{"double quoted, joined", "      require: \"action.type == 'x' \\\n        && true\"\n"},
		{"literal", "      require: |\n        action.type == 'x'\n          && has(data.purpose)\n"},
		{"literal, indicator", "      require: |2-\n          action.type\n         == 'x'\n"},
		{"folded", "      require: >-\n        action.type == 'x'\n        && has(data.purpose)\n\n        && true # no comment: part of the text\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := head + tt.src
			d, findings := policy.Parse("p.yaml", []byte(src))
			if d == nil {
				t.Fatalf("findings: %v", findings)
			}
			lines := strings.Split(src, "\n")
			e := d.Rules[0].Require
			for i, r := range []rune(e.Source) {
				if unicode.IsSpace(r) {
					continue
				}
				p := e.At(i)
				line := []rune(lines[p.Line-1])
				if at := line[p.Column-1]; at != r && at != '\\' {
					t.Errorf("character %d %q of %q: position %s holds %q", i, r, e.Source, p, at)
				}
			}
			if first := e.At(-1); first != e.At(0) {
				t.Errorf("At(-1) = %s, want the first character, %s", first, e.At(0))
			}
			if last := e.At(1 << 30); last != e.At(len([]rune(e.Source))-1) {
				t.Errorf("At far behind the end = %s, want the last character", last)
			}
		})
	}
}
