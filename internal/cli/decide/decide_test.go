package decide

import (
	"errors"
	"testing"

	"github.com/ai-agent-mesh/mesh"
)

// The runtime sees a body and knows no file; the person has one open.
func TestPlacedNamesTheFile(t *testing.T) {
	t.Parallel()
	answered := mesh.Errorf(mesh.CodeInvalid, "the action does not fit").WithFindings([]mesh.Finding{
		{Position: mesh.Position{Line: 1, Column: 21}},
		{Position: mesh.Position{File: "actions[1].data"}},
	})
	for file, want := range map[string]string{"action.json": "action.json:1:21", "-": "1:21"} {
		got := (*mesh.Error)(nil)
		if !errors.As(Placed(answered, file), &got) {
			t.Fatalf("%s: the error lost its code", file)
		}
		if first := got.Findings[0].Position.String(); first != want {
			t.Errorf("%s: the finding is at %s, want %s", file, first, want)
		}
		if second := got.Findings[1].Position.String(); second != "actions[1].data" {
			t.Errorf("%s: a path became %s", file, second)
		}
	}
	if answered.Findings[0].File != "" {
		t.Error("the answer itself was changed")
	}
}
