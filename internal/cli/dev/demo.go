package dev

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ai-agent-mesh/mesh/internal/cli/decide"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// demoFile holds the actions of the demo.
//
//go:embed demo.json
var demoFile []byte

// scene is one action of the demo and what is told about it.
type scene struct {
	Title  string          `json:"title"`
	Action json.RawMessage `json:"action"`
}

// demo asks the runtime about each action and prints what it decided.
func demo(ctx context.Context, io *iostreams.Streams, runtime string) error {
	var scenes []scene
	if err := json.Unmarshal(demoFile, &scenes); err != nil {
		return fmt.Errorf("reading the demo: %w", err)
	}
	for i, s := range scenes {
		answer, err := decide.Ask(ctx, decide.Target{URL: runtime}, s.Action)
		if err != nil {
			return fmt.Errorf("asking for the demo: %w", err)
		}
		_, _ = fmt.Fprintf(io.Out, "%s\n", io.Paint(iostreams.Bold, fmt.Sprintf("%d. %s", i+1, s.Title)))
		_, _ = fmt.Fprintf(io.Out, "%s\n", io.Paint(iostreams.Faint, indented(s.Action)))
		for j := range answer.Decisions {
			decide.Print(io, &answer.Decisions[j])
		}
		_, _ = fmt.Fprintln(io.Out)
	}
	return nil
}

// indented writes an action as it stands in the file, moved to the left.
func indented(action json.RawMessage) string {
	lines := strings.Split(string(action), "\n")
	for i, line := range lines {
		lines[i] = "    " + strings.TrimPrefix(line, "    ")
	}
	return strings.Join(lines, "\n")
}
