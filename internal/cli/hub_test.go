package cli_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh/internal/hub"
)

// startHub runs a hub with the official packs and returns its address and the
// file with its administrator's token.
func startHub(t *testing.T) (url, tokenFile string) {
	t.Helper()
	h, err := hub.New(t.Context(), hub.Config{Listen: "127.0.0.1:0", DataDir: t.TempDir()}, hub.Options{
		Logger: slog.New(slog.DiscardHandler), Version: "0.0.0-test",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running the hub: %v", err)
		}
		if err := h.Close(); err != nil {
			t.Errorf("closing the hub: %v", err)
		}
	})
	for deadline := time.Now().Add(time.Minute); !h.Ready(ctx); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the hub is not ready after a minute")
		}
	}
	return h.URL(), h.AdminTokenFile()
}

// TestHubScripts runs the commands that talk to a hub, against one hub.
func TestHubScripts(t *testing.T) {
	t.Parallel()
	url, tokenFile := startHub(t)
	runScripts(t, "testdata/hub", map[string]string{
		"HUB":              url,
		"ADMIN_TOKEN_FILE": tokenFile,
		"MESH_RUNTIME":     "http://127.0.0.1:1",
		"COSIGN_PASSWORD":  keyPassword,
	})
}
