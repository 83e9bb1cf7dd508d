package yamldoc_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

func TestValue(t *testing.T) {
	t.Parallel()
	d, findings := yamldoc.Parse("d.yaml", []byte("a: [1, 0x10, 1_000, 2.5, true, True, null, ~, yes, 'no', 2026-11-22, 2026-11-22T10:00:00Z]\nb:\n  c: |\n    x\n"))
	if d == nil {
		t.Fatal(findings)
	}
	want := map[string]any{
		"a": []any{int64(1), int64(16), int64(1000), 2.5, true, true, nil, nil, "yes", "no", "2026-11-22", "2026-11-22T10:00:00Z"},
		"b": map[string]any{"c": "x\n"},
	}
	if diff := cmp.Diff(want, yamldoc.Value(d.Root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := d.Position(yamldoc.Get(yamldoc.Get(d.Root, "b"), "c")); p.String() != "d.yaml:3:6" {
		t.Errorf("position %s", p)
	}
	if k, v := yamldoc.Find(d.Root, "z"); k != nil || v != nil {
		t.Error("a key that is not there was found")
	}
}

func TestNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"9223372036854775808", ".inf", "-.Inf", ".nan"} {
		if d, findings := yamldoc.Parse("d.yaml", []byte("a: "+n+"\n")); d != nil || len(findings) != 1 || findings[0].Rule != "yaml-value" {
			t.Errorf("%s: %v", n, findings)
		}
	}
}

func TestCompileSchemaRefuses(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"not JSON":         `{`,
		"no schema":        `{"type": 1}`,
		"refers elsewhere": `{"$ref": "https://example.com/schema.json"}`,
		"reads a file":     `{"$ref": "file:///etc/passwd"}`,
	} {
		if _, err := yamldoc.CompileSchema([]byte(src)); err == nil {
			t.Errorf("%s: compiles", name)
		}
	}
}
