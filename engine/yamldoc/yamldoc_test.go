package yamldoc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

func TestValue(t *testing.T) {
	t.Parallel()
	d, findings := yamldoc.Parse("d.yaml", []byte("a: [1, 0x10, 0o17, -12, +3, .5, 1e3, 2.5, true, True, null, ~, yes, 'no', 12:30, 2026-11-22, 2026-11-22T10:00:00Z]\nb:\n  c: |\n    x\n"))
	if d == nil {
		t.Fatal(findings)
	}
	want := map[string]any{
		"a": []any{int64(1), int64(16), int64(15), int64(-12), int64(3), 0.5, 1000.0, 2.5, true, true, nil, nil, "yes", "no", "12:30", "2026-11-22", "2026-11-22T10:00:00Z"},
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

// TestNumbersOfOtherVersions refuses what readers of YAML 1.1 and 1.2 take for
// different values, and says how to write it plainly.
func TestNumbersOfOtherVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0100":      `some readers take 0100 for an octal number and others do not (write 100 for the number, or "0100" for the text)`,
		"-007":      `some readers take -007 for an octal number and others do not (write -7 for the number, or "-007" for the text)`,
		"00.5":      `some readers take 00.5 for an octal number and others do not (write 0.5 for the number, or "00.5" for the text)`,
		"1_000":     `some readers take 1_000 for a number and others for text (write 1000 for the number, or "1_000" for the text)`,
		"1_000.5":   `some readers take 1_000.5 for a number and others for text (write 1000.5 for the number, or "1_000.5" for the text)`,
		"0b101":     `some readers take 0b101 for a number and others for text (write 5 for the number, or "0b101" for the text)`,
		"-0x1F":     `some readers take -0x1F for a number and others for text (write -31 for the number, or "-0x1F" for the text)`,
		"0x1_F":     `some readers take 0x1_F for a number and others for text (write 0x1F for the number, or "0x1_F" for the text)`,
		"'0100'":    "",
		"|\n  0100": "",
		"0":         "",
		"0.5":       "",
	} {
		d, findings := yamldoc.Parse("d.yaml", []byte("a: "+text+"\n"))
		switch {
		case want == "" && d == nil:
			t.Errorf("%s: %v", text, findings)
		case want != "" && (d != nil || len(findings) != 1 || findings[0].String() != "d.yaml:1:4: error: "+want):
			t.Errorf("%s: %v", text, findings)
		}
	}
}

func TestDirectives(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"%YAML 1.1\n---\na: 1\n", "# c\n\n%YAML 1.2\r\n---\na: 1\n", "%TAG ! x\n---\na: 1\n"} {
		if d, findings := yamldoc.Parse("d.yaml", []byte(src)); d != nil || len(findings) != 1 || findings[0].Rule != "yaml-directive" {
			t.Errorf("%q: %v", src, findings)
		}
	}
	if d, findings := yamldoc.Parse("d.yaml", []byte("---\na: |\n%\n")); d == nil && findings[0].Rule == "yaml-directive" {
		t.Error("a line of the document counts as a directive")
	}
}

// TestMend reads what can be understood of what is not allowed.
// TestBinary: of what is no text nothing more is said than that.
func TestBinary(t *testing.T) {
	t.Parallel()
	for _, src := range []string{strings.Repeat("\x00", 1<<21), "a: 1\n" + strings.Repeat("\x00\x01\x02\x03", 1000), "\x7fELF\x02\x01\x01\x00\x00\x00\x00", "\x89PNG\r\n\x1a\n\x00\x00\x00\r"} {
		_, findings := yamldoc.Parse("d.yaml", []byte(src))
		if len(findings) != 1 || !strings.Contains(findings[0].Message, "not text") {
			t.Errorf("%.20q: %v", src, findings)
		}
	}
}

func TestMend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, src string
		want      any
		findings  int
	}{
		{"an alias", "a: &x {b: 1}\nc: [*x, *x]\n", map[string]any{"a": map[string]any{"b": int64(1)}, "c": []any{map[string]any{"b": int64(1)}, map[string]any{"b": int64(1)}}}, 3},
		{"an alias of itself", "a: &x [*x]\n", map[string]any{"a": []any{nil}}, 2},
		{"aliases as keys", "&x a: 1\nb: {*x : 2}\n", map[string]any{"a": int64(1), "b": map[string]any{"a": int64(2)}}, 2},
		{"a merge key", "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n", map[string]any{"a": map[string]any{"b": int64(1), "c": int64(2)}, "d": map[string]any{"b": int64(1), "c": int64(3)}}, 3},
		{"a key twice", "a: 1\na: 2\n", map[string]any{"a": int64(1)}, 1},
		{"keys that are no text", "1: a\n? [x]\n: b\n? c\n: d\n", map[string]any{"1": "a", "c": "d"}, 2},
		{"tags", "a: !!str 5\nb: !x {c: !y [1]}\nd: !!binary aGk=\n", map[string]any{"a": "5", "b": map[string]any{"c": []any{int64(1)}}, "d": "aGk="}, 4},
		{"a directive", "%YAML 1.1\n---\na: 1\n", map[string]any{"a": int64(1)}, 1},
		{"an invisible character", "a\u200Bb: c\n", map[string]any{"ab": "c"}, 1},
		{"bombs", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", nil, 56},
		{"no YAML", "a: [", nil, 1},
	} {
		d, found := yamldoc.Mend("d.yaml", []byte(tt.src))
		if got := found.List(); len(got) != tt.findings {
			t.Errorf("%s: %d findings: %v", tt.name, len(got), got)
		}
		if tt.want == nil {
			continue
		}
		if diff := cmp.Diff(tt.want, yamldoc.Value(d.Root)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestPlacesOfSyntaxErrors: the parser only knows lines, and not always the right
// one.
func TestPlacesOfSyntaxErrors(t *testing.T) {
	t.Parallel()
	const head = "version: \"3.0.0\"\nname: n\n"
	tests := []struct{ name, src, want string }{
		{"indented compact lists 400,000 deep", head + "rules:\n  # none\n  custom:\n    - id: a\n    " + strings.Repeat("- ", 400_000) + "a\n", "7:129: too-deep"},
		{"an open mapping", head + "rules: {custom: [{id: '{', require: a}], x: \"}\" # }\ndefault: deny\n", "3:8: yaml-syntax not YAML: did not find expected ',' or '}'"},
		{"an open bracket in the first line", "rules: [a,\nb: {}\n\n", "1:8: yaml-syntax not YAML: did not find expected ',' or ']'"},
		{"a key without its indentation", head + "rules:\n  custom:\n    - id: a\n   b: c\n", "4:3: yaml-syntax not YAML: did not find expected key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, findings := yamldoc.Parse("", []byte(tt.src))
			got := ""
			for _, f := range findings {
				got += fmt.Sprintf("%d:%d: %s %s\n", f.Line, f.Column, f.Rule, f.Message)
			}
			if len(findings) != 1 || !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %swant %s", got, tt.want)
			}
		})
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

// FuzzMend: what Parse accepts Mend leaves alone, and what it refuses can still
// be read.
func FuzzMend(f *testing.F) {
	for _, s := range []string{"a: &x {b: 1}\nc: [*x, *x]\n", "a: &x [*x]\n", "? &x [a]\n: *x\n", "d: {<<: [*x, {a: 1}], c: 0100}\n", "<<: {<<: {a: 1}}\n", "a\u200b: 1\na: !!int 0b1\n", "%YAML 1.1\n---\n- !x 1_0\n", "&a a: {*a : &a b, *a : *a}\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		mended, found := yamldoc.Mend("f.yaml", src)
		parsed, findings := yamldoc.Parse("f.yaml", src)
		if diff := cmp.Diff(found.List(), findings); diff != "" {
			t.Fatalf("findings (-mended +parsed):\n%s", diff)
		}
		if parsed == nil != (len(findings) > 0) || parsed != nil && mended == nil {
			t.Fatalf("%v and %v beside %v", mended, parsed, findings)
		}
		if mended == nil {
			return
		}
		if parsed != nil {
			if diff := cmp.Diff(yamldoc.Value(mended.Root), yamldoc.Value(parsed.Root)); diff != "" {
				t.Fatalf("(-mended +parsed):\n%s", diff)
			}
		}
		yamldoc.Value(mended.Root)
	})
}
