package policy_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// TestParseHostile feeds documents that are made to hurt: each is refused where
// the harm is, with what to do about it, and no message is longer than a person
// reads.
func TestParseHostile(t *testing.T) {
	t.Parallel()
	r := strings.Repeat
	tests := []struct{ name, src, want string }{ // want: what a finding begins with
		{"10 MB", head + "rules: {}\n" + r("# comment\n", 1<<20), "104858:2: too-large the file has more than 1048576 bytes"},
		{"100,000 rules", head + "rules:\n  custom:\n" + r("    - {id: a, require: 'true'}\n", 100_000), "too-large"},
		{"100,000 small rules", head + "rules: {custom: [" + r("{id: a},", 100_000) + "]}\n", "too-large the file holds more than 200000 values"},
		{"30,000 rules", head + "rules:\n  custom:\n" + r("    - {id: a, require: on}\n", 30_000), "5:5: too-large custom has 30000 elements, more than 10000"},
		{"lists 10,000 deep", head + "rules: " + r("[", 10_000) + r("]", 10_000), "3:71: too-deep nested more than 64 levels deep"},
		{"lists 500,000 deep", head + "rules: " + r("[", 500_000), "3:72: too-deep"},
		{"mappings 10,000 deep", head + "rules: " + r("{a: ", 10_000) + r("}", 10_000), "3:260: too-deep"},
		{"mappings 100,000 deep", head + "rules: " + r("{a: ", 100_000), "3:264: too-deep"},
		{"keys 100,000 deep", head + "rules: " + r("{? ", 100_000), "3:200: too-deep"},
		{"indented 1,400 deep", stairs(1_400), "65:65: too-deep"},
		{"compact lists 10,000 deep", head + "rules:\n" + r("- ", 9_000) + "a\n", "4:127: too-deep"},
		{"compact lists 500,000 deep", head + "rules:\n" + r("- ", 500_000) + "a\n", "4:127: too-deep"},
		{"compact keys 10,000 deep", r("? ", 9_000) + "a", "1:3: yaml-key a key must be text"},
		{"a billion laughs", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\n", "1:4: yaml-alias the anchor &a is not allowed"},
		{"an alias of itself", "a: &a [*a]\n", "1:4: yaml-alias the anchor &a"},
		{"200,000 aliases", head + "a: &a x\nrules: [" + r("*a,", 199_000) + "]\n", "3:4: yaml-alias the anchor &a"},
		{"an alias of nothing", head + "description: a*b\nrules: *b\n", "4:8: yaml-alias aliases are not allowed"},
		{"an alias with a long name", head + "rules: *" + r("x", 900_000) + "\n", "3:8: yaml-alias"},
		{"an anchor with a long name", head + "rules: &" + r("x", 900_000) + " {}\n", "3:8: yaml-alias"},
		{"a merge key", head + "rules:\n  <<: {custom: []}\n", "4:3: yaml-alias merge keys are not allowed"},
		{"a key twice", head + "rules:\n  data_collection: {consent_required: true, consent_required: false}\n", "4:45: duplicate-key the key consent_required stands here for the second time (keep one of them; the first is in line 4, column 21)"},
		{"a key twice, escaped", head + "rules: {}\n\"n\\x61me\": m\n", "4:1: duplicate-key the key name"},
		{"a long key twice", head + "rules: {? " + r("k", 400_000) + " : 1, ? " + r("k", 400_000) + " : 1}\n", "3:400019: duplicate-key"},
		{"200,000 keys", head + "rules: {" + keys(110_000) + "}\n", "too-large the file holds more than 200000 values"},
		{"keys without text", head + "rules: {" + r("? ,", 90_000) + "}\n", "3:11: yaml-key the key is missing here"},
		{"a tag", head + "rules: !!binary aGk=\n", "3:8: yaml-tag the tag !!binary is not allowed"},
		{"a tag of one's own", "%TAG ! tag:example.com,2026:\n---\n" + head + "rules: !x {}\n", "1:1: yaml-directive the directive %TAG ! tag:example.com,2026: is not allowed (remove the line: every document is read as YAML 1.2)"},
		{"a tag on a key", head + "!!str rules: {}\n", "3:1: yaml-tag"},
		{"tabs", head + "rules:\n\tcustom: []\n", "4:2: yaml-syntax not YAML: found character that cannot start any token (indent with spaces"},
		{"a carriage return alone", head + "# harmless\rdefault: deny\nrules: {}\n", "3:11: encoding the file holds a carriage return without a line feed"},
		{"next line", head + "# harmless\u0085default: deny\nrules: {}\n", "3:11: encoding the character U+0085 ends a line for some readers"},
		{"line separator", head + "# harmless\u2028default: deny\nrules: {}\n", "3:11: encoding the character U+2028"},
		{"an override of the direction", head + "description: \u202Eyned\u202C\nrules: {}\n", "3:14: encoding the character U+202E makes text read in another order"},
		{"an isolate in a comment", head + "rules: {} # \u2066 x\n", "3:13: encoding the character U+2066 makes text read in another order"},
		{"a mark of direction", head + "rules: {} # \u200F\n", "3:13: encoding the character U+200F makes text read in another order"},
		{"a space of no width", head + "rules: {data\u200B_storage: {}}\n", "3:13: encoding the file holds the invisible character U+200B"},
		{"a joiner of no width", head + "description: a\u200Db\nrules: {}\n", "3:15: encoding the file holds the invisible character U+200D"},
		{"a mark within", head + "\uFEFFrules: {}\n", "3:1: encoding the file holds a byte order mark that is not at its beginning"},
		{"two marks", "\uFEFF\uFEFF" + head + "rules: {}\n", "1:1: encoding the file holds a byte order mark"},
		{"UTF-16", wide(binary.LittleEndian, "\uFEFF"+head), "1:1: encoding the file is UTF-16, not UTF-8"},
		{"UTF-16, big end first", wide(binary.BigEndian, "\uFEFF"+head), "1:1: encoding the file is UTF-16"},
		{"UTF-16 without a mark", wide(binary.LittleEndian, head), "1:1: encoding the file is UTF-16"},
		{"UTF-32", "\xff\xfe\x00\x00v\x00\x00\x00", "1:1: encoding the file is UTF-32"},
		{"NUL", head + "rules: {}\n# \x00\n", "4:3: encoding the file is not text: it holds a NUL character"},
		{"an escape of the terminal", head + "rules: {}\n# \x1b[2J\n", "4:3: encoding the file holds the control character U+001B"},
		{"Latin-1", head + "description: caf\xe9\nrules: {}\n", "3:17: encoding byte 0xE9 is not UTF-8"},
		{"two documents", head + "rules: {}\n---\n" + head + "rules: {}\n", "4:1: yaml-documents a second document begins here"},
		{"200,000 documents", head + "rules: {}\n" + r("---\n", 200_000), "4:1: yaml-documents"},
		{"a long line", head + "description: " + r("x", 900_000) + "\nrules: {}\n", "3:14: too-large description has 900000 characters, more than 4000"},
		{"a long key", head + r("k", 900_000) + ": 1\nrules: {}\n", "3:1: yaml-syntax not YAML: could not find expected ':'"},
		{"a long value for a flag", head + "rules: {data_collection: {consent_required: " + r("x", 900_000) + "}}\n", "3:45: wrong-type"},
		{"a long mode", head + "rules: {}\nenforcement: {mode: " + r("x", 900_000) + "}\n", "4:21: wrong-value"},
		{"a long unknown key", head + "rules: {}\n? " + r("x", 900_000) + "\n: 1\n", "4:3: unknown-key unknown key x"},
		{"a long name for a parameter", head + "rules: {}\nparams:\n  ? " + r("x", 900_000) + "\n  : {type: string}\n", "5:5: wrong-value"},
		{"a long number", head + "rules: {data_storage: {retention: {max_days: " + r("9", 900_000) + "}}}\n", "3:46: wrong-type expected a whole number, found \"9"},
		{"a long id", head + "rules: {custom: [{id: '" + r("x", 900_000) + "', require: 'true'}]}\n", "3:23: wrong-value"},
		{"a long rule for controls", head + "default: deny\nrules: {}\ncontrols: {? " + r("x", 900_000) + " : []}\n", "5:14: unknown-rule"},
		{"an open quote", head + "description: \"abc\nrules: {}\n", "3:1: yaml-syntax not YAML: found unexpected end of stream (close the quote that was opened here)"},
		{"an open bracket", head + "rules: {custom: [\n", "3:17: yaml-syntax not YAML: did not find expected node content (write a value here)"},
		{"a bad escape", head + "description: \"\\d\"\nrules: {}\n", "3:1: yaml-syntax not YAML: found unknown escape character (write \\\\ for a backslash, or use single quotes)"},
		{"a colon in text", head + "description: a: b\nrules: {}\n", "3:1: yaml-syntax not YAML: mapping values are not allowed in this context (put text with a colon into quotes"},
		{"another version of YAML", "%YAML 2.0\n---\n" + head + "rules: {}\n", "1:1: yaml-directive the directive %YAML 2.0 is not allowed"},
		{"long CEL", head + "rules: {custom: [{id: a, require: '" + r("x", 20_001) + "'}]}\n", "3:35: too-large require has 20001 characters, more than 20000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, findings := policy.Parse("p.yaml", []byte(tt.src))
			if d != nil || !mesh.HasErrors(findings) {
				t.Fatalf("accepted, with %v", findings)
			}
			for _, f := range findings {
				if f.File != "p.yaml" || f.Line < 1 || f.Column < 1 || len(f.Message)+len(f.Hint) > 1000 {
					t.Fatalf("finding without a place, or too long: %.2000s", f)
				}
			}
			var all []string
			for _, f := range findings {
				line := fmt.Sprintf("%d:%d: %s %s", f.Line, f.Column, f.Rule, f.Message)
				if f.Hint != "" {
					line += " (" + f.Hint + ")"
				}
				if tt.want[0] > '9' {
					_, line, _ = strings.Cut(line, ": ")
				}
				if strings.HasPrefix(line, tt.want) {
					return
				}
				all = append(all, line)
			}
			t.Errorf("want %s in\n%.4000s", tt.want, strings.Join(all, "\n"))
		})
	}
}

// TestParseLineEnds accepts what editors on all systems write.
func TestParseLineEnds(t *testing.T) {
	t.Parallel()
	const src = "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n    - id: a\n      require: action.type == 'x'\n"
	for name, text := range map[string]string{
		"LF": src, "CRLF": strings.ReplaceAll(src, "\n", "\r\n"), "a mark": "\uFEFF" + src, "both": "\uFEFF" + strings.ReplaceAll(src, "\n", "\r\n"),
		"no end": strings.TrimSuffix(src, "\n"),
	} {
		d, findings := policy.Parse("p.yaml", []byte(text))
		if d == nil || len(findings) > 0 {
			t.Errorf("%s: %v", name, findings)
			continue
		}
		if at := d.Rules[0].Require.At(12).String(); at != "p.yaml:6:28" {
			t.Errorf("%s: the 13th character stands at %s", name, at)
		}
	}
	d, findings := policy.Parse("p.yaml", []byte("\uFEFF{version: \"3.0.0\", name: n, rules: {custom: [{id: a, require: \"true\"}]}}\r\n"))
	if d == nil || d.Rules[0].Require.At(0).String() != "p.yaml:1:64" {
		t.Errorf("in the first line, behind a mark: %v", findings)
	}
}

// stairs is a mapping in a mapping in a mapping, indented.
func stairs(levels int) string {
	var b strings.Builder
	for i := range levels {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%x:,", i)
	}
	return b.String()
}

// wide is text in UTF-16.
func wide(order binary.ByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = append(b, 0, 0)
		order.PutUint16(b[len(b)-2:], unit)
	}
	return string(b)
}
