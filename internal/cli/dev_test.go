package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli"
	"github.com/ai-agent-mesh/mesh/internal/cli/decide"
	"github.com/ai-agent-mesh/mesh/internal/cli/dev"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// startDev runs `mesh dev`, under the GDPR pack alone, in this process until
// the test ends, when it must stop without an error, and returns what it prints
// with --json.
func startDev(t *testing.T) dev.Result {
	t.Helper()
	out, in := io.Pipe()
	streams, _, _, _ := iostreams.Test()
	streams.Out, streams.Err = in, t.Output()
	args := []string{"dev", "--json", "--subscribe", "gdpr", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--runtime-listen", "127.0.0.1:0"}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	code := make(chan int, 1)
	go func() {
		code <- cli.Main(ctx, args, streams)
		_ = in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if got := <-code; got != 0 {
			t.Errorf("mesh dev ended with exit code %d", got)
		}
	})
	var result dev.Result
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("mesh dev printed %q: %v", line, err)
	}
	if err := json.Unmarshal([]byte(line), &result); err != nil {
		t.Fatalf("mesh dev printed %q: %v", line, err)
	}
	return result
}

// TestDevScripts runs what needs a hub and a runtime, against `mesh dev`.
func TestDevScripts(t *testing.T) {
	t.Parallel()
	running := startDev(t)
	t.Run("tail", func(t *testing.T) { testTail(t, running) })
	variables := map[string]string{
		"MESH_HUB":        running.Hub,
		"MESH_RUNTIME":    running.Runtime,
		"MESH_TOKEN_FILE": running.AdminTokenFile,
		"SOCKET":          running.Socket,
		"COSIGN_PASSWORD": keyPassword,
	}
	runScripts(t, "testdata/dev", variables)
	// The runtime ends up denying everything, so this comes last.
	runScripts(t, "testdata/refused", variables)
}

// testTail makes decisions until `mesh decisions tail` prints one of them.
func testTail(t *testing.T, running dev.Result) {
	out, in := io.Pipe()
	streams, _, _, _ := iostreams.Test()
	streams.Out, streams.Err = in, t.Output()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() {
		code <- cli.Main(ctx, []string{"decisions", "tail", "--json", "--agent", "tailed", "--hub", running.Hub, "--token-file", running.AdminTokenFile}, streams)
		_ = in.Close()
	}()
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			action := `{"agent": {"id": "tailed"}, "action": {"type": "tool.call"}, "data": {"categories": []}}`
			if _, err := decide.Ask(ctx, decide.Target{URL: running.Runtime}, []byte(action)); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("mesh decisions tail printed %q: %v", line, err)
	}
	var d hubapi.Decision
	if err := json.Unmarshal([]byte(line), &d); err != nil || d.AgentID != "tailed" || d.Outcome != mesh.OutcomeAllowed {
		t.Errorf("mesh decisions tail printed %q: %v", line, err)
	}
	cancel()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if got := <-code; got != 0 {
		t.Errorf("mesh decisions tail ended with exit code %d", got)
	}
}

// TestDevDemo shows an allowed and a blocked action, with the controls.
func TestDevDemo(t *testing.T) {
	t.Parallel()
	out, in := io.Pipe()
	streams, _, _, _ := iostreams.Test()
	streams.Out, streams.Err = in, t.Output()
	args := []string{"dev", "--demo", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--runtime-listen", "127.0.0.1:0"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code := make(chan int, 1)
	go func() {
		code <- cli.Main(ctx, args, streams)
		_ = in.Close()
	}()
	var shown strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		shown.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			cancel()
		}
	}
	if got := <-code; got != 0 {
		t.Errorf("mesh dev ended with exit code %d", got)
	}
	for _, want := range []string{"\nALLOWED\n", "\nDENIED\n", "mesh/gdpr data_collection.prohibited_purposes (high)", "controls: gdpr:Art.5, gdpr:Art.6", "hipaa:164.312(e)(1)", "mesh login --hub http://127.0.0.1:"} {
		if !strings.Contains(shown.String(), want) {
			t.Errorf("the demo lacks %q:\n%s", want, shown.String())
		}
	}
}
