package pattern_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh/engine/pattern"
)

func compiled(t testing.TB, sources ...string) []*pattern.Pattern {
	t.Helper()
	var out []*pattern.Pattern
	for _, source := range sources {
		p, err := pattern.Compile(source)
		if err != nil {
			t.Skip(source, err)
		}
		out = append(out, p)
	}
	return out
}

func TestTell(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sources []string
		want    []string
	}{
		{[]string{"^a+$"}, []string{`"" [false]`, `"a" [true]`}},
		{[]string{"^a+$", "^a*b?$"}, []string{`"" [false true]`, `"a" [true true]`, `"c" [false false]`}},
		{[]string{"^(?:[A-Z]{2}[0-9]{2})$", "^(?:[A-Z]{2}[0-9]{3})$"}, []string{`"" [false false]`, `"AA00" [true false]`, `"AA000" [false true]`}},
		{[]string{"(?i)kelvin", "kelvin"}, []string{`"" [false false]`, `"kelvin" [true true]`, `"kelviN" [true false]`}},
		{[]string{`\bx\b`, "x"}, []string{`"" [false false]`, `"x" [true true]`, `"ax" [false true]`}},
		{[]string{"a|b", "[ab]"}, []string{`"" [false false]`, `"a" [true true]`}},
		{[]string{"^$", "^"}, []string{`"" [true true]`, `"a" [false true]`}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.sources), func(t *testing.T) {
			t.Parallel()
			found, complete, _ := pattern.Tell(pattern.MaxTellSteps, compiled(t, tt.sources...)...)
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprintf("%q %v", f.Text, f.Matches))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || !complete {
				t.Errorf("complete is %v; texts (-want +got):\n%s", complete, diff)
			}
		})
	}
}

// TestTellTooMuch holds that what was given up claims nothing.
func TestTellTooMuch(t *testing.T) {
	t.Parallel()
	hard := compiled(t, "(a|b)*a(a|b){15}c", "(a|b)*b(a|b){15}d")
	if _, complete, _ := pattern.Tell(pattern.MaxTellSteps, hard...); complete {
		t.Error("two patterns of many states were told apart completely")
	}
	if _, complete, steps := pattern.Tell(1_000, hard...); complete || steps > 2_000 {
		t.Errorf("with 1,000 steps it took %d and is complete: %t", steps, complete)
	}
	if _, complete, _ := pattern.Tell(0, compiled(t, "a")...); complete {
		t.Error("without steps something is told")
	}
}

// FuzzTell holds texts to the patterns, and what is complete to other texts.
func FuzzTell(f *testing.F) {
	f.Add("^a+$", "^a*b?$", "aab")
	f.Add(`\bx\b`, "(?i)X|^$", "x y")
	f.Add("(?m)^a$", "(?s).", "b\na")
	f.Add("[^a-c]{2,3}", "k", "dK")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		sources := []string{a, b}
		patterns := compiled(t, sources...)
		found, complete, _ := pattern.Tell(pattern.MaxTellSteps, patterns...)
		known := map[string]bool{}
		for _, told := range found {
			known[fmt.Sprint(told.Matches)] = true
			for i, source := range sources {
				if got := regexp.MustCompile(source).MatchString(told.Text); got != told.Matches[i] {
					t.Errorf("%q matches %q: %v, was told %v", source, told.Text, got, told.Matches[i])
				}
			}
		}
		var matches []bool
		for _, source := range sources {
			matches = append(matches, regexp.MustCompile(source).MatchString(text))
		}
		if complete && !known[fmt.Sprint(matches)] {
			t.Errorf("%q is matched as %v, which was excluded", text, matches)
		}
	})
}
