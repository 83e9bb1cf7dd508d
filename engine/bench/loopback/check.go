package loopback

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
)

// check sends each batch once and compares the decisions with the reference:
// what is not decided right is not worth timing.
func check(ctx context.Context, target Target, batches [][]byte, want engines.Answers) error {
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, target) },
	}}
	defer client.CloseIdleConnections()
	for n, batch := range batches {
		decisions, err := post(ctx, client, target.Path, batch)
		if err != nil {
			return err
		}
		if len(decisions) != BatchSize {
			return fmt.Errorf("a batch of %d has %d decisions", BatchSize, len(decisions))
		}
		for i, d := range decisions {
			action := n*BatchSize + i
			if numbers := want[action]; d.Allowed != (len(numbers) == 0) || len(d.Violations) != len(numbers) {
				return fmt.Errorf("action %d: allowed %t with %d violations, want rules %v violated", action, d.Allowed, len(d.Violations), numbers)
			}
		}
	}
	return nil
}

func post(ctx context.Context, client *http.Client, path string, body []byte) ([]mesh.Decision, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Decisions []mesh.Decision `json:"decisions"`
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s: %.200s", res.Status, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("answered %.200s: %w", text, err)
	}
	return answer.Decisions, nil
}
