package iostreams

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		tty   bool
		color bool
		width int
		want  string
	}{
		{name: "piped is tab-separated without header", width: 80, want: "mesh/gdpr\tverified\tGDPR for agents\nacme/long-name\tunsigned\ttwo lines\n"},
		{name: "terminal is aligned with header", tty: true, width: 80, want: "" +
			"BUNDLE          STATUS    SUMMARY\n" +
			"mesh/gdpr       verified  GDPR for agents\n" +
			"acme/long-name  unsigned  two lines\n"},
		{name: "narrow terminal cuts the last column", tty: true, width: 20, want: "" +
			"BUNDLE          STATUS    SUMMARY\n" +
			"mesh/gdpr       verified  GDPR for ag…\n" +
			"acme/long-name  unsigned  two lines\n"},
		{name: "color", tty: true, color: true, width: 80, want: "" +
			"\x1b[2mBUNDLE\x1b[0m          \x1b[2mSTATUS\x1b[0m    \x1b[2mSUMMARY\x1b[0m\n" +
			"mesh/gdpr       \x1b[32mverified\x1b[0m  GDPR for agents\n" +
			"acme/long-name  unsigned  two lines\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _, out, _ := Test()
			s.SetTerminal(tt.tty, tt.color, tt.width)
			table := s.NewTable("bundle", "status", "summary")
			table.Row("mesh/gdpr", Styled{"verified", Green}, "GDPR for agents")
			table.Row("acme/long-name", "unsigned", "two\nlines")
			if err := table.Print(); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != tt.want {
				t.Errorf("got:\n%q\nwant:\n%q", got, tt.want)
			}
		})
	}
}

func TestProgressOnlyOnTerminal(t *testing.T) {
	t.Parallel()
	s, _, _, errOut := Test()
	p := s.Progress()
	p.Step("packing")
	p.Done()
	if errOut.Len() != 0 {
		t.Errorf("progress without a terminal wrote %q", errOut)
	}
	s.SetTerminal(true, false, 80)
	p = s.Progress()
	p.Step("packing %s", "policy.yaml")
	p.Step("pushing")
	p.Done()
	got := errOut.String()
	for _, want := range []string{"packing policy.yaml", "pushing", "\r"} {
		if !strings.Contains(got, want) {
			t.Errorf("progress %q lacks %q", got, want)
		}
	}
}

func TestColorWanted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		tty  bool
		env  map[string]string
		want bool
	}{
		{name: "piped"},
		{name: "terminal", tty: true, want: true},
		{name: "NO_COLOR", tty: true, env: map[string]string{"NO_COLOR": "1"}},
		{name: "NO_COLOR beats force", env: map[string]string{"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}},
		{name: "force", env: map[string]string{"CLICOLOR_FORCE": "1"}, want: true},
		{name: "dumb terminal", tty: true, env: map[string]string{"TERM": "dumb"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := colorWanted(tt.tty, func(k string) string { return tt.env[k] }); got != tt.want {
				t.Errorf("colorWanted = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestReadSecretFromPipe(t *testing.T) {
	t.Parallel()
	s, in, _, errOut := Test()
	in.WriteString("s3cret\n")
	got, err := s.ReadSecret(t.Context(), "token: ", 100)
	if err != nil || string(got) != "s3cret\n" {
		t.Errorf("ReadSecret = %q, %v", got, err)
	}
	if errOut.Len() != 0 {
		t.Errorf("asked %q although nobody can answer", errOut)
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, _, _, _ := Test()
	in, typist := io.Pipe() // nobody types
	defer func() { _ = typist.Close() }()
	s.In = in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := s.ReadAll(ctx, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadAll = %q, %v", got, err)
	}
}

// TestTerminalObeysNothingPrinted holds what is printed to text and our own
// styles, where standard output is a terminal.
func TestTerminalObeysNothingPrinted(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"text", "Grüße, 世界\n\ttwo lines", "Grüße, 世界\n\ttwo lines"},
		{"our styles", "\x1b[1mbold\x1b[0m \x1b[31mred\x1b[0m", "\x1b[1mbold\x1b[0m \x1b[31mred\x1b[0m"},
		{"other styles", "\x1b[8mhidden\x1b[0m", "^[[8mhidden\x1b[0m"},
		{"cursor", "\x1b[2Aover\x1b[2J", "^[[2Aover^[[2J"},
		{"title and answer-back", "\x1b]0;title\x07\x1b[c", "^[]0;title^G^[[c"},
		{"a line written over", "denied\rallowed", "denied^Mallowed"},
		{"line ends of another system", "a\r\nb", "a\nb"},
		{"C1 in UTF-8", "\u009b2J", `\u009b2J`},
		{"C1 as a byte", "a\x9b31mb", `a\x9b31mb`},
		{"the replacement character", "a\uFFFDb", "a\uFFFDb"},
		{"cut off", "\x1b[3", "^[[3"},
		{"another direction", "a\u202etxt.exe\u2069 données 数", `a\u202etxt.exe\u2069 données 数`},
		{"escape at the end", "x\x1b", "x^["},
		{"invisible", "a\u200bb\u2060c\u00add\ufeffe\u3164f", `a\u200bb\u2060c\u00add\ufeffe\u3164f`},
		{"tags", "a\U000e0061", `a\udb40\udc61`},
		{"lines for some", "a\u2028b\u0085c", `a\u2028b\u0085c`},
		{"other spaces and accents", "5\u00a0% e\u0301 \u3000", "5\u00a0% e\u0301 \u3000"},
		{"not UTF-8", "\xff\xc2", `\xff\xc2`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _, out, _ := Test()
			s.SetTerminal(true, true, 80)
			n, err := io.WriteString(s.Out, tt.text)
			if err != nil || n != len(tt.text) {
				t.Errorf("wrote %d of %d: %v", n, len(tt.text), err)
			}
			if out.String() != tt.want {
				t.Errorf("got %q, want %q", out, tt.want)
			}
		})
	}
	s, _, out, _ := Test()
	if _, err := io.WriteString(s.Out, "\x1b[2J"); err != nil || out.String() != "\x1b[2J" {
		t.Errorf("what is piped was changed to %q: %v", out, err)
	}
}
