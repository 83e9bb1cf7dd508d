package command

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
)

// A server's hint is for those who write requests.
func TestWhoIsNotLoggedInIsToldTheCommand(t *testing.T) {
	t.Parallel()
	body := describe(mesh.Errorf(mesh.CodeUnauthenticated, "no token").WithHint("send it as a header"))
	if !strings.Contains(body.Hint, "mesh login") || body.ExitCode != ExitNotAuthorized {
		t.Errorf("hint %q, exit code %d", body.Hint, body.ExitCode)
	}
}
