package cli_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

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
	// The scripts run in parallel below this one, so that the hub is not
	// stopped before they end.
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 "testdata/hub",
			RequireExplicitExec: true,
			RequireUniqueNames:  true,
			Setup: func(env *testscript.Env) error {
				env.Setenv("HOME", env.WorkDir)
				env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
				env.Setenv("HUB", url)
				env.Setenv("ADMIN_TOKEN_FILE", tokenFile)
				env.Setenv("MESH_RUNTIME", "http://127.0.0.1:1")
				env.Setenv("COSIGN_PASSWORD", "")
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		})
	})
}
