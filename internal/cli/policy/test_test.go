package policy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

var desk = filepath.Join("..", "..", "..", "engine", "testdata", "desk.yaml")

// TestMutateShowsProgress runs with and without somebody who looks.
func TestMutateShowsProgress(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{true, false} {
		streams, _, out, errOut := iostreams.Test()
		streams.SetTerminal(terminal, false, iostreams.DefaultWidth)
		if err := testRun(t.Context(), command.NewEnv(streams), &testOptions{Paths: []string{desk}, Mutate: true, MinMutation: 100}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(errOut.String(), desk+": mutant 50 of "); got != terminal {
			t.Errorf("on a terminal: %t; standard error: %q", terminal, errOut)
		}
		if !strings.Contains(out.String(), "changes, 100 % noticed\n") {
			t.Errorf("standard output: %s", out)
		}
	}
}

func TestTestStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	streams, _, out, _ := iostreams.Test()
	report := filepath.Join(t.TempDir(), "report.xml")
	err := testRun(ctx, command.NewEnv(streams), &testOptions{Paths: []string{desk}, Mutate: true, JUnit: report})
	if !errors.Is(err, context.Canceled) || command.ExitCode(err) != command.ExitInterrupted || out.Len() > 0 {
		t.Errorf("the run ended with %v and printed %q", err, out)
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		part, of int
		want     string
	}{{0, 3, "0 %"}, {1, 3, "33.3 %"}, {2, 3, "66.6 %"}, {29, 100, "29 %"}, {57, 100, "57 %"}, {1999, 2000, "99.9 %"}, {9999, 10000, "99.9 %"}, {7, 7, "100 %"}} {
		p := percentOf(float64(tt.part) / float64(tt.of))
		if got := percent(p); got != tt.want {
			t.Errorf("%d of %d is %s, want %s", tt.part, tt.of, got, tt.want)
		}
		if tt.of == 100 && p < float64(tt.part) {
			t.Errorf("%d of 100 misses a threshold of %d %%", tt.part, tt.part)
		}
	}
}

// TestLoneFaultsOfOthers: what is wrong with the cases of another policy in the
// same directory is not this one's, unless it cannot be known whose they are.
func TestLoneFaultsOfOthers(t *testing.T) {
	t.Parallel()
	const one = "version: \"3.0.0\"\nname: n\ndefault: deny\nrules: {}\n"
	const faulty = "cases:\n  - {name: a, wnt: {allowed: true}}\n"
	for _, tt := range []struct {
		name, other string
		want        int
	}{
		{"another policy's", "policy: b.yaml\n" + faulty, command.ExitOK},
		{"its own", "policy: a.yaml\n" + faulty, command.ExitPolicyInvalid},
		{"nobody's", faulty, command.ExitPolicyInvalid},
		{"no YAML", "policy: [", command.ExitPolicyInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, src := range map[string]string{
				"a.yaml": one, "b.yaml": one, "b_test.yaml": tt.other,
				"a_test.yaml": "policy: a.yaml\ncases:\n  - {name: a, given: {action: {type: x}}, want: {allowed: false}}\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			streams, _, out, _ := iostreams.Test()
			err := testRun(t.Context(), command.NewEnv(streams), &testOptions{Paths: []string{filepath.Join(dir, "a.yaml")}})
			if got := command.ExitCode(err); got != tt.want {
				t.Errorf("exit code %d, want %d: %v, %s", got, tt.want, err, out)
			}
		})
	}
}
