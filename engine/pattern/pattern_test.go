package pattern_test

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/pattern"
)

func TestCompile(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, source, want string }{ // want: part of the error, "" for none
		{"empty", "", ""},
		{"a word", "secret", ""},
		{"an IBAN", `\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b`, ""},
		{"a list of words", "(?i)(" + strings.Repeat("password|", 50) + "secret)", ""},
		{"a bracket", "(a", "does not compile: missing closing ) in (a"},
		{"nothing to repeat", "*a", "missing argument to repetition operator in *"},
		{"lookahead", "(?=a)b", "uses (?=, which RE2 does not have"},
		{"back reference", `(a)\1`, `invalid escape sequence in \1`},
		{"repetition of repetition", "(a{1000}){1000}", "unfolds into more than 2000 steps"},
		{"three repetitions", "((a{10}){10}){10}", ""},
		{"a long word repeated", "(abcdefghij){300}", "unfolds into more than 2000 steps"},
		{"many repetitions side by side", strings.Repeat(`[\pL]{900}`, 3), "unfolds into more than 2000 steps"},
		{"nested deep", strings.Repeat("(", 1000) + strings.Repeat(")", 1000), "unfolds into more than 2000 steps"},
		{"nothing, repeated", strings.Repeat("(?:", 5) + "x?" + strings.Repeat("){9}", 5), "unfolds into more than 2000 steps"},
		{"too long", strings.Repeat("ä", pattern.MaxLength+1), "has 2001 characters, more than 2000"},
		{"as long as allowed", strings.Repeat("ä", pattern.MaxLength), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := pattern.Compile(tt.source)
			switch {
			case tt.want == "" && err != nil, tt.want != "" && err == nil:
				t.Errorf("Compile: %v, want %q", err, tt.want)
			case err != nil && !strings.Contains(err.Error(), tt.want):
				t.Errorf("Compile: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	p, err := pattern.Compile("(a|aa)*b$")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"b": true, "xaab": true, "a": false, "": false, strings.Repeat("a", 100_000): false} {
		if got, err := p.Match(text); got != want || err != nil {
			t.Errorf("Match(%.10q): %t %v, want %t", text, got, err, want)
		}
	}
	large, err := pattern.Compile("(?:ab){900}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := large.Match(strings.Repeat("ab", 20_000)); err == nil || !strings.Contains(err.Error(), "too long for the pattern") {
		t.Errorf("Match of a text that is too long: %v", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"", "a{2}{3}", "(a{1000}){1000}", `(?i)[[:alpha:]\pL^-]`, "(?P<n>x)", "a**", "\xff", "(?s:.{0,9})$", "((((((((((x{5}){5}){5}){5}){5}){5}){5}){5}){5}){5})"} {
		f.Add(s, "aab")
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		p, err := pattern.Compile(source)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error that says nothing")
			}
			return
		}
		_, _ = p.Match(text)
	})
}
