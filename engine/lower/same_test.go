package lower_test

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

func termOf(t *testing.T, e *expr.Env, source string) *term.Term {
	t.Helper()
	x, issues := e.Compile(source)
	if x == nil {
		t.Fatalf("%s: %v", source, issues)
	}
	return x.Term(nil)
}

func TestSame(t *testing.T) {
	t.Parallel()
	e, err := expr.NewEnv(nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		a, b string
		want bool
	}{
		{`data.retentionDays <= 5 && data.retentionDays <= 3`, `data.retentionDays <= 6 && data.retentionDays <= 3`, true},
		{`data.retentionDays <= 5`, `data.retentionDays < 6`, true},
		{`data.retentionDays <= 5`, `data.retentionDays <= 6`, false},
		{`request.ageHours <= 5.0`, `request.ageHours < 6.0`, false},
		{`data.purpose in ["a", "b"]`, `data.purpose == "b" || data.purpose == "a"`, true},
		{`data.purpose in ["a", "b"]`, `data.purpose == "a"`, false},
		{`has(data.purpose) && data.purpose in ["a"]`, `data.purpose in ["a"]`, false}, // absent: false, an error
		{`has(data.purpose) && data.purpose != "" && data.purpose in []`, `false`, true},
		{`false`, `has(egress.tls) && egress.tls && !egress.tls`, true},
		{`has(egress.tls) && egress.tls`, `has(egress.tls) && egress.tls == true`, true},
		{`egress.tls`, `!egress.tls`, false},
		{`has(data.categories)`, `true`, false},
		{`data.purpose == "a"`, `data.region == "a"`, false},
		{`data.purpose.startsWith("a")`, `data.purpose.startsWith("a")`, false}, // it says nothing of these
		{`context.reason != ""`, `!(context.reason == "")`, true},
		{`true`, `true`, true},
		{`true`, `false`, false},
		{`data.purpose in [` + strings.Repeat(`"a", `, 300) + `"a"]`, `data.purpose in [` + strings.Repeat(`"a", `, 300) + `"a"]`, false}, // too large
	}
	for _, tt := range tests {
		a, b := termOf(t, e, tt.a), termOf(t, e, tt.b)
		if lower.Same(a, b) != tt.want || lower.Same(b, a) != tt.want {
			t.Errorf("Same(%s, %s) = %t, want %t", tt.a, tt.b, !tt.want, tt.want)
		}
	}
}
