package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/worker"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// TestMain makes the test binary the program where it is started as a worker
// or a server.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == worker.Argument || os.Args[1] == loopback.Argument) {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestQuickRun runs everything once, which fails if an engine decides
// otherwise than the others.
func TestQuickRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "engine.md")
	var out, progress bytes.Buffer
	if err := run(t.Context(), []string{"-quick", "-out", file}, strings.NewReader(""), &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	report, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"its figures mean nothing", "### 100 rules loaded, 20 relevant", "## Over HTTP", "journal"}
	for _, k := range engines.Kinds() {
		want = append(want, fmt.Sprintf("\n| %s |", k.Name))
	}
	for _, w := range want {
		if !strings.Contains(strings.ToLower(string(report)), strings.ToLower(w)) {
			t.Errorf("the report does not say %q", w)
		}
	}
	if lines := strings.Count(out.String(), "(target "); lines < 12 {
		t.Errorf("%d targets were printed:\n%s", lines, &out)
	}
}

func TestPolicyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := run(t.Context(), []string{"-policy", file}, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, findings := policy.Parse(file, src)
	if doc == nil || mesh.HasErrors(findings) || len(doc.Rules) != 1000 {
		t.Errorf("no policy of 1,000 rules: %v", findings)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		want string
		args []string
	}{
		{`"now" is not understood`, []string{"now"}},
		{"-runtime needs -runtime-data", []string{"-runtime", "mesh-runtime"}},
		{"flag provided but not defined", []string{"-fast"}},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), tt.args, strings.NewReader(""), &out, &out); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.args, err, tt.want)
		}
	}
}
